"""Does the function name the invariant parameters of a model, and only those?"""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from snippets import scale_invariant_parameters as snippet
from snippets.scale_invariant_parameters import Verdict, scale_invariant_parameters

NO, YES, UNSEEN, UNDECIDED = "not invariant", "invariant", "unseen", "undecided"
EPS = 1e-60  # nothing beside any variance in float64
ROUNDING = 1e-12  # of a loss of size one in float64, through some ten layers
VISIBLE = 1e-3  # of a loss of size one: a billion times what rounding does
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def data(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def judge(model, inputs, **arguments):
    """The verdicts for the cross-entropy of a model on some inputs with labels 0, 1, 2, 0 …"""
    labels = torch.arange(len(inputs)) % 3
    return scale_invariant_parameters(
        model, lambda model: functional.cross_entropy(model(inputs), labels), **arguments
    )


def whole(verdicts):
    return {name: verdict.whole for name, verdict in verdicts.items()}


class Norm(nn.Module):
    """Layer norm over the last axis with a negligible eps."""

    def __init__(self, eps=EPS):
        super().__init__()
        self.eps = eps

    def forward(self, z):
        return functional.layer_norm(z, z.shape[-1:], eps=self.eps)


def head(width):
    return nn.Linear(width, 3).requires_grad_(False)


def convolutional(eps=EPS, affine=False, bias=True, **more):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=bias),
        nn.BatchNorm2d(4, eps=eps, affine=affine, **more),
        nn.ReLU(),
        nn.Flatten(),
        head(16),
    )


IMAGES = (9, 1, 4, 4)


def test_before_batch_norm_every_filter_is_invariant_and_a_bias_is_unseen():
    verdicts = judge(convolutional(), data(*IMAGES))
    assert whole(verdicts) == {"0.weight": YES, "0.bias": UNSEEN}
    assert verdicts["0.weight"].rows == (YES,) * 4
    assert verdicts["0.bias"].rows == ()


def test_the_scale_and_the_shift_of_batch_norm_are_not_invariant_even_at_one_and_zero():
    verdicts = judge(convolutional(affine=True), data(*IMAGES))
    assert whole(verdicts) == {"0.weight": YES, "0.bias": UNSEEN, "1.weight": NO, "1.bias": NO}


def test_before_layer_norm_the_matrix_is_invariant_and_no_row_and_no_bias():
    model = nn.Sequential(nn.Linear(5, 4, bias=False), Norm(), nn.Tanh(), head(4))
    verdicts = judge(model, data(9, 5))
    assert verdicts["0.weight"].whole == YES
    assert verdicts["0.weight"].rows == (NO,) * 4
    model = nn.Sequential(nn.Linear(5, 4), Norm(), nn.Tanh(), head(4))
    both = judge(model, data(9, 5), together=[("0.weight", "0.bias")])
    assert whole(both) == {"0.weight": NO, "0.bias": NO, "0.weight + 0.bias": YES}
    assert both["0.weight + 0.bias"].rows == ()


def test_before_group_norm_a_matrix_is_invariant_and_no_row_of_it():
    model = nn.Sequential(nn.Linear(5, 6, bias=False), nn.GroupNorm(2, 6, EPS, False), head(6))
    verdict = judge(model, data(9, 5))["0.weight"]
    assert (verdict.whole, verdict.rows) == (YES, (NO,) * 6)


def test_the_direction_of_weight_norm_is_invariant_row_by_row_and_its_length_is_not():
    layer = torch.nn.utils.parametrizations.weight_norm(nn.Linear(5, 4, bias=False))
    verdicts = judge(nn.Sequential(layer, nn.Tanh(), head(4)), data(9, 5))
    length, direction = verdicts.values()
    assert length.whole == NO
    assert (direction.whole, direction.rows) == (YES, (YES,) * 4)


def test_a_layer_that_no_normaliser_follows_is_not_invariant():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    assert set(whole(judge(model, data(9, 5))).values()) == {NO}


class Attention(nn.Module):
    """A pre-norm attention block behind an embedding, before a classifier of the mean."""

    def __init__(self, qk_norm=False, pre_norm=True, tied=False, eps=EPS):
        super().__init__()
        for name in ("embed", "query", "key", "val", "out"):
            setattr(self, name, nn.Linear(8, 8, bias=False))
        self.classify = nn.Linear(8, 8, bias=False)
        if tied:
            self.classify.weight = self.embed.weight
        self.norm, self.qk_norm, self.pre_norm = Norm(eps), qk_norm, pre_norm

    def forward(self, x):
        stream = self.embed(x)
        read = self.norm(stream) if self.pre_norm else stream
        query, key = self.query(read), self.key(read)
        if self.qk_norm:
            query, key = self.norm(query), self.norm(key)
        attention = torch.softmax(query @ key.mT / 8**0.5, dim=-1)
        stream = stream + self.out(attention @ self.val(read))
        return self.classify(self.norm(stream).mean(dim=1))


def test_a_bias_of_the_keys_is_unseen_since_softmax_forgets_a_shift():
    # q·(k_j + b) = q·k_j + q·b, and the second term is the same for all keys j
    model = Attention()
    model.key = nn.Linear(8, 8)
    model.query = nn.Linear(8, 8)
    verdicts = whole(judge(model, data(9, 5, 8), rows=False))
    assert verdicts["key.bias"] == UNSEEN
    assert verdicts["key.weight"] == verdicts["query.weight"] == verdicts["query.bias"] == NO


WRITERS = [("embed.weight", "out.weight")]


def test_in_plain_attention_no_tensor_is_invariant():
    verdicts = judge(Attention(), data(9, 5, 8), rows=False)
    assert set(whole(verdicts).values()) == {NO}
    assert len(verdicts) == 6


def test_with_qk_norm_queries_and_keys_are_invariant_as_matrices_and_the_values_are_not():
    verdicts = judge(Attention(qk_norm=True), data(9, 5, 8))
    invariant = {name for name, verdict in verdicts.items() if verdict.whole == YES}
    assert invariant == {"query.weight", "key.weight"}
    assert all(set(verdict.rows) == {NO} for verdict in verdicts.values())


@pytest.mark.claim("residual-writers-are-one-block", by="float64")
@pytest.mark.parametrize("qk_norm", [False, True])
def test_all_writers_to_the_stream_are_invariant_together(measured, qk_norm):
    verdicts = judge(Attention(qk_norm=qk_norm), data(9, 5, 8), together=WRITERS, rows=False)
    assert verdicts["embed.weight + out.weight"].whole == YES
    measured(verdicts["embed.weight + out.weight"].scaled, allowed=ROUNDING)


@pytest.mark.control("residual-writers-are-one-block", drops="^together")
def test_control_one_writer_alone_is_not_invariant(measured):
    verdicts = judge(Attention(), data(9, 5, 8), rows=False)
    for name in ("embed.weight", "out.weight"):
        assert verdicts[name].whole == NO
        measured(verdicts[name].scaled, allowed=VISIBLE)


@pytest.mark.control("residual-writers-are-one-block", drops="^reads-normalised")
def test_control_where_attention_reads_the_raw_stream_the_writers_are_not_invariant(measured):
    verdicts = judge(Attention(pre_norm=False), data(9, 5, 8), together=WRITERS, rows=False)
    measured(verdicts["embed.weight + out.weight"].scaled, allowed=VISIBLE)


@pytest.mark.control("residual-writers-are-one-block", drops="^only-writers")
def test_control_with_a_tied_classifier_the_writers_are_not_invariant(measured):
    verdicts = judge(Attention(tied=True), data(9, 5, 8), together=WRITERS, rows=False)
    measured(verdicts["embed.weight + out.weight"].scaled, allowed=VISIBLE)
    assert "classify.weight" not in verdicts  # it is the embedding, under its first name


@pytest.mark.control("residual-writers-are-one-block", drops="normalisation-layer")
def test_control_with_eps_the_writers_are_not_invariant(measured):
    verdicts = judge(Attention(eps=0.1), data(9, 5, 8), together=WRITERS, rows=False)
    measured(verdicts["embed.weight + out.weight"].scaled, allowed=VISIBLE)


def test_a_tensor_used_in_front_of_a_normaliser_and_behind_it_is_not_invariant():
    class Twice(nn.Module):
        def __init__(self, tied):
            super().__init__()
            self.one = nn.Linear(5, 5, bias=False)
            self.other = self.one if tied else nn.Linear(5, 5, bias=False).requires_grad_(False)

        def forward(self, x):
            return self.other(Norm()(self.one(x)))

    assert whole(judge(Twice(tied=True), data(9, 5))) == {"one.weight": NO}
    assert whole(judge(Twice(tied=False), data(9, 5))) == {"one.weight": YES}


def test_a_tensor_used_twice_in_front_of_normalisers_is_invariant():
    layer = nn.Linear(5, 5, bias=False)
    model = nn.Sequential(layer, Norm(), nn.Tanh(), layer, Norm(), head(5))
    assert whole(judge(model, data(9, 5))) == {"0.weight": YES}


# Not fooled.


def test_a_default_eps_shows():
    for eps in (1e-5, 1e-8):
        assert judge(convolutional(eps=eps), data(*IMAGES))["0.weight"].whole == NO
    assert judge(convolutional(eps=EPS), data(*IMAGES))["0.weight"].whole == YES


def test_in_evaluation_mode_the_running_averages_show():
    assert judge(convolutional().eval(), data(*IMAGES))["0.weight"].whole == NO


def test_a_zero_tensor_is_not_invariant_for_being_zero():
    model = nn.Sequential(nn.Linear(5, 3))
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    assert whole(judge(model, data(9, 5))) == {"0.weight": NO, "0.bias": NO}
    assert whole(judge(model, data(9, 5), points=2)) == {"0.weight": NO, "0.bias": NO}
    # at that one point there is nothing to be seen, and no guess is made
    assert whole(judge(model, data(9, 5), points=1)) == {"0.weight": UNDECIDED, "0.bias": UNDECIDED}


class Vector(nn.Module):
    def __init__(self, *numbers):
        super().__init__()
        self.vector = nn.Parameter(torch.tensor(numbers, dtype=torch.float64))


def test_a_stationary_point_is_not_invariant_for_being_stationary():
    # ∇L = 0 at θ = (1, 2); the values at cθ tell.
    found = scale_invariant_parameters(
        Vector(1, 2),
        lambda m: (m.vector - torch.tensor([1.0, 2.0])).square().sum().double(),
        points=1,
    )
    assert found["vector"].whole == NO


def test_a_loss_that_returns_to_its_value_after_one_of_the_factors_is_not_invariant():
    # it has the period log 3 in log‖θ‖, but not log 2
    def wave(model):
        return torch.sin(2 * math.pi * model.vector.norm().log() / math.log(3))

    assert scale_invariant_parameters(Vector(1, 2), wave, points=1)["vector"].whole == NO


def test_values_that_agree_do_not_excuse_a_radial_gradient():
    def detached(model):
        return (model.vector / model.vector.norm().detach())[0]

    def attached(model):
        return (model.vector / model.vector.norm())[0]

    assert scale_invariant_parameters(Vector(1, 2), detached)["vector"].whole == NO
    assert scale_invariant_parameters(Vector(1, 2), attached)["vector"].whole == YES


def test_a_loss_that_sees_a_tensor_too_faintly_leaves_it_undecided():
    def faint(model, share):
        return 1 + share * (model.vector / model.vector.norm())[0]

    for share, verdict in [(1e-9, UNDECIDED), (1e-6, YES), (1e-15, UNSEEN)]:
        found = scale_invariant_parameters(Vector(1, 2), lambda m, s=share: faint(m, s))
        assert found["vector"].whole == verdict


def test_a_row_that_the_batch_does_not_use_is_unseen_and_the_others_are_judged():
    model = nn.Sequential(nn.Embedding(4, 5), Norm(), nn.Flatten(), head(10))
    tokens = torch.tensor([[0, 1], [2, 1], [0, 2]])
    verdict = judge(model, tokens)["0.weight"]
    assert verdict.rows == (YES, YES, YES, UNSEEN)
    assert verdict.whole == YES


def test_a_tensor_that_the_loss_does_not_use_is_unseen():
    model = nn.ModuleDict({"used": nn.Linear(5, 3), "unused": nn.Linear(5, 3)})
    loss = lambda m: m["used"](torch.ones(1, 5, dtype=torch.float64)).square().sum()  # noqa: E731
    verdicts = whole(scale_invariant_parameters(model, loss))
    assert verdicts["used.weight"] == verdicts["used.bias"] == NO
    assert verdicts["unused.weight"] == verdicts["unused.bias"] == UNSEEN


def test_frozen_tensors_are_left_out_and_stay_where_they_are():
    model = convolutional(affine=True)
    model[1].requires_grad_(False)
    assert set(judge(model, data(*IMAGES))) == {"0.weight", "0.bias"}


# What it leaves alone, and what it refuses.


def test_the_model_its_buffers_its_gradients_and_the_random_state_stay_as_they_are():
    model, inputs = convolutional(affine=True).float(), data(*IMAGES)
    for p in model.parameters():
        p.grad = torch.full_like(p, 7)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.random.get_rng_state()
    judge(model, inputs)
    assert torch.random.get_rng_state().equal(state)
    after = model.state_dict()
    assert all(after[name].equal(t) and after[name].dtype == t.dtype for name, t in before.items())
    assert all((p.grad == 7).all() for p in model[:2].parameters())
    assert model[1].num_batches_tracked == 0
    assert model.training


def test_the_answer_does_not_depend_on_the_random_state_but_on_the_seed():
    # with two tensors that are invariant, and are therefore looked at from every point
    model, inputs = Attention(qk_norm=True), data(9, 5, 8)
    one = judge(model, inputs, rows=False)
    torch.manual_seed(5)
    assert judge(model, inputs, rows=False) == one
    other = judge(model, inputs, rows=False, seed=1)
    assert whole(other) == whole(one)
    assert other != one


def test_dropout_is_refused():
    model = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), head(8))
    with pytest.raises(ValueError, match="two values; fix the batch, and switch off dropout"):
        judge(model, data(9, 5))
    assert judge(model.eval(), data(9, 5))["0.weight"].whole == NO


def test_a_loss_that_is_not_finite_is_refused():
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match=r"the loss is (nan|inf); start from"):
            judge(nn.Sequential(nn.Linear(5, 3)), bad * torch.ones(9, 5, dtype=torch.float64))


def test_single_precision_is_refused():
    model = nn.Sequential(nn.Linear(5, 3))
    with pytest.raises(ValueError, match="copy of the model is in float64; give it float64 data"):
        judge(model, torch.randn(9, 5))
    with pytest.raises(ValueError, match=r"the loss is in torch\.float32, whose rounding hides"):
        scale_invariant_parameters(model, lambda m: m(torch.ones(1, 5).double()).sum().float())


def test_other_errors_of_the_loss_are_not_swallowed():
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes"):
        judge(nn.Sequential(nn.Linear(5, 3)), data(9, 4))


def test_a_loss_of_something_else_is_refused():
    model = nn.Sequential(nn.Linear(5, 3))
    other = nn.Linear(5, 3).double()
    inputs = data(9, 5)
    for loss in (lambda _: other(inputs).sum(), lambda _: inputs.sum()):
        with pytest.raises(
            ValueError, match="does not depend on the model it is given; use its arg"
        ):
            scale_invariant_parameters(model, loss)


def test_parameters_that_share_memory_without_being_one_are_refused():
    model = nn.Sequential(nn.Linear(5, 5, bias=False), Norm(), nn.Linear(5, 5, bias=False))
    model[2].weight = nn.Parameter(model[0].weight.data)
    with pytest.raises(ValueError, match=r"share memory; tie them by using one nn\.Parameter"):
        judge(model, data(9, 5))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"\['0.weight', 'x'\] are not all among the trainable"):
        judge(convolutional(), data(*IMAGES), together=[("0.weight", "x")])


# The numbers.


def test_the_changes_are_those_of_the_loss():
    def loss(model):
        return model.vector.square().sum()

    found = scale_invariant_parameters(Vector(3, 4), loss, points=1)
    assert found["vector"].scaled == pytest.approx(25 * 8)  # c = 3 of 1/2 and 3
    # ‖θ + ‖θ‖u‖² − ‖θ‖² is between −25 and 75
    assert 0 < found["vector"].turned <= 75
    assert found["vector"].rows == ()
    assert isinstance(found["vector"], Verdict)


def calls(**arguments):
    """How often the loss is asked, if nothing is invariant."""
    count = 0

    def loss(model):
        nonlocal count
        count += 1
        return model.vector.square().sum()

    scale_invariant_parameters(Vector(3, 4), loss, **arguments)
    return count


def test_three_points_are_the_default_and_one_counterexample_ends_the_search():
    # three calls a point for the gradient; for the block the value, two factors, two steps, back
    assert [calls(points=points) for points in (1, 2, 3, 4)] == [9, 12, 15, 18]
    assert calls() == calls(points=3)


def test_the_verdict_is_the_strongest_that_some_point_has_shown():
    def verdict(*seen):
        return snippet.conclude([(one, 0.0, 0.0) for one in seen])

    assert verdict("unseen", "invariant", "not invariant", "undecided", "zero") == NO
    assert verdict("unseen", "invariant", "undecided", "zero") == YES
    assert verdict("unseen", "undecided", "zero") == UNDECIDED
    assert verdict("zero", "unseen") == UNSEEN
    assert verdict("zero") == UNDECIDED


def test_rows_can_be_left_out():
    assert judge(convolutional(), data(*IMAGES), rows=False)["0.weight"].rows == ()


def test_the_length_of_a_block_is_that_of_all_its_numbers():
    assert snippet.length([torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]) == 5


def test_shaking_moves_by_half_the_root_mean_square_and_no_less_than_a_tenth():
    many = 40000  # so that the standard deviation is within 2 %, at four standard errors
    named = {"zero": torch.zeros(many), "large": 6 * torch.ones(many)}
    snippet.shake(named, torch.Generator().manual_seed(0))
    assert named["zero"].std() == pytest.approx(0.1, rel=0.02)
    assert named["large"].std() == pytest.approx(3, rel=0.02)
    assert named["large"].mean() == pytest.approx(6, rel=0.02)
