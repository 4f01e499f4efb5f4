"""Does the function name the invariant parameters of a model, and only those?"""

import gc
import itertools
import math
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional

from snippets import scale_invariant_parameters as snippet
from snippets.scale_invariant_parameters import Verdict, scale_invariant_parameters

NO, YES, UNSEEN, UNDECIDED = "not invariant", "invariant", "unseen", "undecided"
NEARLY, UNUSED = "invariant up to eps or rounding", "not used"
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
IMAGE_DATA = torch.randn(*IMAGES, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


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


def test_weights_a_tenth_as_long_let_a_hundred_times_as_much_through_beside_eps():
    inputs = data(64, 5)
    model = nn.Sequential(nn.Linear(5, 8, bias=False), Norm(1e-7), nn.Tanh(), head(8)).double()
    shares = []
    for spread in (1.0, 0.1):
        with torch.no_grad():
            model[0].weight *= spread / model[0](inputs).std()
        verdict = judge(model, inputs, rows=False, points=1)["0.weight"]
        assert verdict.whole == NEARLY
        shares.append(verdict.scaled / verdict.turned)
    # up to eps over the smallest variance of a sample, of the order of 1e-5 times a few
    assert shares[1] / shares[0] == pytest.approx(100, rel=0.01)


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


@pytest.mark.control(
    "residual-writers-are-one-block", drops="^together", instead="one of two writers alone"
)
def test_control_one_writer_alone_is_not_invariant(measured):
    verdicts = judge(Attention(), data(9, 5, 8), rows=False)
    for name in ("embed.weight", "out.weight"):
        assert verdicts[name].whole == NO
        measured(verdicts[name].scaled, allowed=VISIBLE)


@pytest.mark.control(
    "residual-writers-are-one-block",
    drops="^reads-normalised",
    instead="attention that reads the stream as it is",
)
def test_control_where_attention_reads_the_raw_stream_the_writers_are_not_invariant(measured):
    verdicts = judge(Attention(pre_norm=False), data(9, 5, 8), together=WRITERS, rows=False)
    measured(verdicts["embed.weight + out.weight"].scaled, allowed=VISIBLE)


@pytest.mark.control(
    "residual-writers-are-one-block",
    drops="^only-writers",
    instead="a classifier that is tied to the embedding",
)
def test_control_with_a_tied_classifier_the_writers_are_not_invariant(measured):
    verdicts = judge(Attention(tied=True), data(9, 5, 8), together=WRITERS, rows=False)
    measured(verdicts["embed.weight + out.weight"].scaled, allowed=VISIBLE)
    assert "classify.weight" not in verdicts  # it is the embedding, under its first name


@pytest.mark.control(
    "residual-writers-are-one-block",
    drops="normalisation-layer",
    instead="layer norm with an eps of a tenth",
)
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


@pytest.mark.parametrize(("eps", "word"), [(1e-60, YES), (1e-8, NEARLY), (1e-5, NEARLY), (1, NO)])
def test_a_default_eps_is_told_from_none_and_from_one_that_matters(eps, word):
    verdict = judge(convolutional(eps=eps), data(*IMAGES))["0.weight"]
    assert (verdict.whole, verdict.rows) == (word, (word,) * 4)
    assert verdict.why == {YES: "exact", NEARLY: "eps", NO: "gradient"}[word]
    assert (verdict.scaled > ROUNDING * verdict.turned) == (word != YES)


class Residual(nn.Module):
    """A small residual network with batch norm and GELU, all as torch has them by default."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.second, self.other = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.classify = nn.Linear(4, 3)

    def forward(self, x):
        x = functional.gelu(self.norm(self.first(x)))
        x = x + functional.gelu(self.other(self.second(x)))
        return self.classify(x.mean(dim=(2, 3)))


def test_a_residual_network_with_default_eps_has_its_convolutions_up_to_eps_and_nothing_else():
    verdicts = judge(Residual(), data(9, 1, 6, 6))
    convolutions = {"first.weight", "second.weight"}
    for name, verdict in verdicts.items():
        word = NEARLY if name in convolutions else NO
        assert (verdict.whole, set(verdict.rows) - {word}) == (word, set()), name
        # the size of it: a share of about eps over a variance, beside all of a turn
        assert (verdict.scaled < 1e-3 * verdict.turned) == (name in convolutions)


class Single(nn.Module):
    """RMS norm that computes in float32, as Llama's does."""

    def __init__(self, single=True):
        super().__init__()
        self.single = single

    def forward(self, z):
        x = z.float() if self.single else z
        return (x * x.square().mean(-1, keepdim=True).add(EPS).rsqrt()).to(z.dtype)


@pytest.mark.parametrize(
    ("single", "word", "why"), [(True, NEARLY, "rounding"), (False, YES, "exact")]
)
def test_a_norm_in_float32_inside_shows_as_rounding(single, word, why):
    model = nn.Sequential(nn.Linear(5, 8, bias=False), Single(single), nn.Tanh(), head(8))
    verdict = judge(model, data(9, 5))["0.weight"]
    assert (verdict.whole, verdict.why) == (word, why)
    assert set(verdict.rows) == {NO}
    assert verdict.scaled < 1e-5 * verdict.turned


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
    model = Vector(1, 2)
    model.seen = nn.Parameter(torch.ones(2))

    def faint(model, share):
        return 1 + model.seen.sum() + share * (model.vector / model.vector.norm())[0]

    for share, verdict in [(1e-9, UNDECIDED), (1e-6, YES), (1e-15, UNSEEN)]:
        found = scale_invariant_parameters(model, lambda m, s=share: faint(m, s))
        assert found["vector"].whole == verdict


@pytest.mark.parametrize("size", [1e-6, 1e-9, 1e-12])
def test_a_tiny_loss_is_refused_as_its_zeros_say_nothing(size):
    model = nn.Sequential(nn.Linear(5, 4, bias=False), nn.LayerNorm(4), nn.Tanh(), head(4))
    inputs = data(9, 5)
    loss = lambda m: functional.cross_entropy(m(inputs), torch.arange(9) % 3)  # noqa: E731
    with pytest.raises(ValueError, match=r"moves the loss by more than .e-.*; multiply the loss"):
        scale_invariant_parameters(model, lambda m: size * loss(m))
    for large in (1, 1e6):
        found = scale_invariant_parameters(model, lambda m, c=large: c * loss(m))
        assert found["0.weight"].whole == NEARLY


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_inside_are_refused_and_weights_kept_in_them_are_not(dtype):
    class Half(Norm):
        def forward(self, z):
            return functional.layer_norm(z.to(dtype), z.shape[-1:]).double()

    inside = nn.Sequential(nn.Linear(5, 4, bias=False), Half(), head(4))
    with pytest.raises(ValueError, match=f"computes in {dtype}, whose rounding hides a zero; conv"):
        judge(inside, data(9, 5))
    kept = nn.Sequential(nn.Linear(5, 4, bias=False), Norm(), head(4)).to(dtype)
    assert judge(kept, data(9, 5))["0.weight"].whole == YES


@pytest.mark.parametrize("bent", [{"padding_idx": 0}, {"scale_grad_by_freq": True}, {}])
def test_a_table_whose_gradient_torch_bends_is_judged_by_the_gradient_of_the_loss(bent):
    # torch keeps the gradient of a padding row at zero, and divides others by how often they occur
    model = nn.Sequential(nn.Embedding(4, 5, **bent), Norm(), nn.Flatten(), head(10))
    tokens = torch.tensor([[0, 1], [2, 1], [0, 2]])
    verdict = judge(model, tokens)["0.weight"]
    assert (verdict.whole, verdict.rows) == (YES, (YES, YES, YES, UNUSED))
    plain = nn.Sequential(nn.Embedding(4, 5, **bent), nn.Flatten(), head(10))
    assert judge(plain, tokens)["0.weight"].rows == (NO, NO, NO, UNUSED)


def test_a_row_that_the_batch_does_not_use_is_not_used_and_the_others_are_judged():
    model = nn.Sequential(nn.Embedding(4, 5), Norm(), nn.Flatten(), head(10))
    tokens = torch.tensor([[0, 1], [2, 1], [0, 2]])
    verdict = judge(model, tokens)["0.weight"]
    assert verdict.rows == (YES, YES, YES, UNUSED)
    assert verdict.whole == YES


def test_a_tensor_that_the_loss_does_not_use_is_not_used():
    model = nn.ModuleDict({"used": nn.Linear(5, 3), "unused": nn.Linear(5, 3)})
    loss = lambda m: m["used"](torch.ones(1, 5, dtype=torch.float64)).square().sum()  # noqa: E731
    verdicts = whole(scale_invariant_parameters(model, loss))
    assert verdicts["used.weight"] == verdicts["used.bias"] == NO
    assert verdicts["unused.weight"] == verdicts["unused.bias"] == UNUSED


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


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (
            lambda m: m(torch.ones(2, 5).double()),
            r"of shape \(2, 3\); make it one, as by \.mean\(\)",
        ),
        (
            lambda m: m(torch.ones(1, 5).double()).sum().item(),
            r"a float; return the tensor, no \.item",
        ),
        (
            lambda m: m(torch.ones(1, 5).double()).sum().detach(),
            r"no gradient; take no_grad\(\), det",
        ),
        (
            torch.no_grad()(lambda m: m(torch.ones(1, 5).double()).sum()),
            "has no gradient; take no_grad",
        ),
    ],
)
def test_each_misuse_of_the_loss_has_its_sentence(loss, sentence):
    with pytest.raises(ValueError, match=sentence):
        scale_invariant_parameters(nn.Sequential(nn.Linear(5, 3)), loss)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_to_ask_within_no_grad_or_inference_mode_does_no_harm(mode):
    model = convolutional()
    labels = torch.arange(9) % 3
    with mode():
        verdicts = scale_invariant_parameters(
            model, lambda model: functional.cross_entropy(model(IMAGE_DATA), labels)
        )
    assert verdicts["0.weight"].whole == YES


def test_each_misuse_of_a_model_has_its_sentence():
    with pytest.raises(ValueError, match=r"0\.weight is on the meta device, without numbers; init"):
        judge(nn.Sequential(nn.Linear(5, 3, device="meta")), data(9, 5))
    with pytest.raises(ValueError, match=r"no parameter is trainable; call requires_grad_\(\)"):
        judge(nn.Sequential(nn.Linear(5, 3)).requires_grad_(False), data(9, 5))


def test_a_name_by_itself_is_no_group_and_a_part_must_exist():
    with pytest.raises(
        ValueError, match=r"'0\.weight' is one name; together takes groups, as \[\('0"
    ):
        judge(convolutional(), data(*IMAGES), together=["0.weight"])
    with pytest.raises(ValueError, match="'x' is not among the trainable"):
        judge(convolutional(), data(*IMAGES), parts=[("x", 1, 0)])
    for sizes, axis in ([3, 3], 0), (1, 4):
        with pytest.raises(ValueError, match=r"0\.weight, \(4, 1, 3, 3\), has no split\("):
            judge(convolutional(), data(*IMAGES), parts=[("0.weight", sizes, axis)])


# Other blocks than rows.


class Packed(nn.Module):
    """Attention of two heads, its matrices in one, and QK-norm head by head or at once."""

    def __init__(self, by_head=True, transposed=False, eps=EPS):
        super().__init__()
        self.qkv = nn.Linear(8, 24, bias=False)
        self.out = nn.Linear(8, 8, bias=False).requires_grad_(False)
        if transposed:  # as Hugging Face's Conv1D keeps it
            self.qkv.weight = nn.Parameter(self.qkv.weight.T.contiguous())
        self.by_head, self.transposed, self.norm = by_head, transposed, Norm(eps)

    def forward(self, x):
        packed = x @ self.qkv.weight if self.transposed else self.qkv(x)
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in packed.split(8, -1))
        if self.by_head:
            q, k = self.norm(q), self.norm(k)
        else:
            q, k = (self.norm(z.transpose(1, 2).flatten(2)) for z in (q, k))
            q, k = (z.unflatten(-1, (2, 4)).transpose(1, 2) for z in (q, k))
        mixed = torch.softmax(q @ k.mT, dim=-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2)).mean(1)


@pytest.mark.parametrize("transposed", [False, True])
def test_slices_and_heads_of_packed_weights_can_be_asked_about(transposed):
    axis = 1 if transposed else 0
    asked = [("qkv.weight", sizes, axis) for sizes in (8, 4, [16, 8])]
    for by_head in (True, False):
        verdicts = judge(Packed(by_head, transposed), data(9, 5, 8), parts=asked, rows=False)
        slices, heads, uneven = (verdicts[f"qkv.weight.split({s}, {axis})"] for _, s, _ in asked)
        assert slices.rows == (YES, YES, NO)
        assert heads.rows == ((YES,) * 4 if by_head else (NO,) * 4) + (NO, NO)
        assert uneven.rows == (YES, NO)  # both scaled by one factor is each of them scaled
        assert slices.whole == verdicts["qkv.weight"].whole == NO


def test_columns_are_the_rows_of_a_transposed_weight():
    class Conv1D(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(5, 4))

        def forward(self, x):
            return x @ self.weight

    model = nn.Sequential(Conv1D(), nn.BatchNorm1d(4, EPS, affine=False), nn.Tanh(), head(4))
    verdicts = judge(model, data(9, 5), parts=[("0.weight", 1, 1), ("0.weight", 1, -1)])
    assert verdicts["0.weight"].rows == (NO,) * 5
    assert verdicts["0.weight.split(1, 1)"].rows == (YES,) * 4
    assert verdicts["0.weight.split(1, -1)"] == verdicts["0.weight.split(1, 1)"]


class GPT(nn.Module):
    """A transformer as GPT-2 is: learnt places, more of them than tokens, and a tied classifier."""

    def __init__(self, width=16, layers=2, places=12, vocabulary=40, tied=True):
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(places, width)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)]
            )
            for _ in range(layers)
        )
        self.norm, self.classify = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.classify.weight = self.token.weight

    def forward(self, tokens):
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        for norm, up, down in self.layers:
            x = x + down(functional.gelu(up(norm(x).cumsum(1))))
        return self.classify(self.norm(x))


TOKENS = torch.arange(24).view(3, 8) * 7 % 40


def next_token(model):
    return functional.cross_entropy(model(TOKENS)[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten())


@pytest.mark.parametrize("tied", [False, True])
def test_places_beyond_the_sequence_are_not_used_and_tokens_only_where_they_are_not_tied(tied):
    verdicts = scale_invariant_parameters(GPT(tied=tied), next_token)
    assert verdicts["place.weight"].rows == (NO,) * 7 + (UNUSED,) * 5  # the last predicts nothing
    read = {*TOKENS[:, :-1].flatten().tolist()}
    expected = tuple(NO if tied or token in read else UNUSED for token in range(40))
    assert verdicts["token.weight"].rows == expected
    assert UNUSED in expected or tied


# The cost.


def passes(model, loss=next_token, **arguments):
    count = 0

    def counted(model):
        nonlocal count
        count += 1
        return loss(model)

    found = scale_invariant_parameters(model, counted, **arguments)
    return count, sum(len(verdict.rows) for verdict in found.values())


def test_the_number_of_passes_does_not_grow_with_the_rows():
    small, rows = passes(GPT(width=8))
    large, more = passes(GPT(width=32, vocabulary=400))
    assert more > 4 * rows
    assert max(small, large) <= 40
    assert rows > 100  # each of which would be a pass of its own, and more


def test_what_is_settled_is_not_looked_at_again():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    loss = lambda m: m(torch.ones(1, 5).double()).square().sum()  # noqa: E731
    # the slope, the value again, and two for rounding; nothing of it is left for the other points
    assert passes(model, loss, rows=False)[0] == passes(model, loss, rows=False, points=1)[0] == 4


def test_a_gradient_takes_no_memory_once_it_is_added_up():
    twin = twin_of(GPT(), next_token)
    p = twin.named["layers.0.1.weight"]
    left = twin.take("layers.0.1.weight", 0, snippet.ALL, torch.ones_like(p))
    assert left.shape == p.shape
    assert left.untyped_storage().nbytes() == 8
    assert twin.products.count_nonzero() > 0


def peak_memory(function):
    """What tensors took at most while a function ran, in bytes, beyond what there was before."""
    gc.collect()  # what other tests left is not to be freed meanwhile
    with torch.profiler.profile(profile_memory=True) as profile:
        function()
    events = profile.profiler.kineto_results.events()
    sizes = [
        e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()) if e.name() == "[memory]"
    ]
    return max(itertools.accumulate(sizes))


def few_tokens(model):
    return functional.cross_entropy(model(TOKENS[:1, :4])[0], TOKENS[0, 1:5])


def naive(model):
    """The slopes of all tensors, as one writes it first."""
    twin = deepcopy(model).double()
    few_tokens(twin).backward()
    return [(p.grad * p).sum() for p in twin.parameters()]


@pytest.mark.parametrize("tied", [False, True])
def test_beyond_the_model_it_takes_three_times_the_parameters_own_bytes(tied, monkeypatch):
    # The copy in float64 is two; the rest is for activations, and for a few numbers for each row.
    monkeypatch.setattr(snippet, "PIECE", 2**13)
    monkeypatch.setattr(snippet, "CHUNK", 2**13)
    model = GPT(width=256, vocabulary=2000, layers=1, tied=tied)
    own = sum(p.numel() * p.element_size() for p in model.parameters())
    light = peak_memory(lambda: scale_invariant_parameters(model, few_tokens, points=1))
    monkeypatch.setattr(snippet, "PIECE", 2**30)
    whole = peak_memory(lambda: scale_invariant_parameters(model, few_tokens, points=1))
    assert light <= 3 * own
    assert whole > light + 0.5 * own
    assert peak_memory(lambda: naive(model)) > 3.5 * own


@pytest.mark.parametrize("bias", [False, True])
def test_a_large_matrix_in_pieces_is_the_same_function_with_the_same_verdict(bias, monkeypatch):
    model = nn.Sequential(nn.Linear(5, 7, bias=bias), nn.BatchNorm1d(7), nn.Tanh(), head(7))
    inputs, whole = data(9, 5), {"rows": True, "parts": [("0.weight", 2, 1), ("0.weight", 3, 0)]}
    before = judge(model, inputs, **whole)
    monkeypatch.setattr(snippet, "PIECE", 10)  # two rows
    after = judge(model, inputs, **whole)
    for name, verdict in before.items():
        assert after[name].rows == verdict.rows
        assert after[name].whole == verdict.whole
        assert after[name].turned == pytest.approx(verdict.turned, rel=1e-9)
    assert before["0.weight"].whole == NEARLY


def test_after_two_seconds_a_line_says_how_far_it_is(capsys, monkeypatch):
    judge(convolutional(), IMAGE_DATA)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(snippet, "PATIENCE", -1)
    judge(convolutional(), IMAGE_DATA)
    said = capsys.readouterr().err
    assert said.startswith("\rscale_invariant_parameters: point 1, pass 1, 0 s")
    assert "point 3" in said
    assert said.endswith("\r" + " " * 75 + "\r")  # wiped
    assert "\n" not in said


# Lies: values and gradients that disagree.


def test_a_block_whose_values_move_without_a_gradient_is_found_among_others():
    class Liar(nn.Module):
        def __init__(self):
            super().__init__()
            self.honest = nn.ParameterList(nn.Parameter(data(4)) for _ in range(5))
            self.liar = nn.Parameter(data(4))

    def loss(model):
        honest = sum((p / p.norm())[0] for p in model.honest)
        return honest + (model.liar / model.liar.norm())[0] * model.liar.norm().detach()

    def truth(model):
        return sum((p / p.norm())[0] for p in [*model.honest, model.liar])

    model = Liar()
    found = scale_invariant_parameters(model, loss)
    assert (found["liar"].whole, found["liar"].why) == (NO, "values")
    assert {found[f"honest.{i}"].whole for i in range(5)} == {YES}
    assert scale_invariant_parameters(model, truth)["liar"].whole == YES


def test_what_cannot_be_settled_in_the_tries_is_undecided_and_not_called_invariant(monkeypatch):
    def loss(model):
        return sum((row / row.norm())[0] * row.norm().detach() for row in model[0].weight)

    monkeypatch.setattr(snippet, "TRIES", 1)
    verdict = scale_invariant_parameters(nn.Sequential(nn.Linear(3, 4)), loss)["0.weight"]
    assert verdict.rows == (UNDECIDED,) * 4
    monkeypatch.undo()
    verdict = scale_invariant_parameters(nn.Sequential(nn.Linear(3, 4)), loss)["0.weight"]
    assert verdict.rows == (NO,) * 4


def test_a_minimum_is_flat_and_not_unseen():
    # ∇L = 0 at θ = (1, 1); a turn shows that the loss sees it
    def loss(model):
        return -(model.vector / model.vector.norm()).sum().double()

    found = scale_invariant_parameters(Vector(1, 1), loss, points=1)["vector"]
    assert (found.whole, found.why) == (UNDECIDED, "flat")
    assert scale_invariant_parameters(Vector(1, 1), loss)["vector"].whole == YES


# The numbers.


def twin_of(model, loss):
    named = dict(model.named_parameters())
    families = {(name, "whole"): {name: snippet.whole(p)} for name, p in named.items()}
    return snippet.Twin(model, loss, families, seed=0)


def test_the_numbers_are_what_scaling_and_turning_do_to_the_loss():
    weight = torch.tensor([3.0, 4.0], dtype=torch.float64)
    slope = torch.tensor([2.0, 1.0], dtype=torch.float64)
    found = scale_invariant_parameters(Vector(3, 4), lambda m: m.vector @ slope, points=1)["vector"]
    assert found.scaled == pytest.approx(10)  # ⟨slope, weight⟩: by a small part as much of it
    assert found.turned == pytest.approx(abs(slope[0] * 4 - slope[1] * 3))  # the other component
    assert found.scaled**2 + found.turned**2 == pytest.approx(
        (slope.norm() * weight.norm()).item() ** 2
    )
    assert found.rows == ()
    assert isinstance(found, Verdict)


def test_what_counts_for_more_stays_noted():
    codes = [snippet.IS_ZERO, snippet.UNUSED, snippet.UNSEEN, snippet.FLAT, snippet.DIM]
    codes += [snippet.EXACT, snippet.EPS, snippet.COARSE, snippet.UNSETTLED, snippet.VALUES]
    assert codes == sorted(codes) == list(range(1, 11))
    found = torch.tensor([snippet.EXACT, snippet.EXACT, snippet.EXACT])
    snippet.note(found, snippet.EPS, torch.tensor([0]))
    snippet.note(found, snippet.UNSEEN, torch.tensor([1]))
    assert found.tolist() == [snippet.EPS, snippet.EXACT, snippet.EXACT]


def test_rows_can_be_left_out():
    assert judge(convolutional(), data(*IMAGES), rows=False)["0.weight"].rows == ()


@pytest.mark.parametrize("chunk", [1, 7, 2**20])
def test_sums_along_an_axis_are_those_of_the_product_in_chunks_of_any_size(chunk, monkeypatch):
    monkeypatch.setattr(snippet, "CHUNK", chunk)
    one, other = data(3, 4, 5), data(3, 4, 5)
    for axis in range(3):
        rest = [i for i in range(3) if i != axis]
        assert snippet.along(one, other, axis).allclose((one * other).sum(rest))
    assert snippet.along(one[0, 0], other[0, 0], 0).equal(one[0, 0] * other[0, 0])
    assert snippet.along(one[0, 0, 0], other[0, 0, 0], 0).tolist() == [
        one[0, 0, 0] * other[0, 0, 0]
    ]


def test_points_are_half_the_root_mean_square_away_and_no_less_than_a_tenth():
    many = 40000  # so that the standard deviation is within 2 %, at four standard errors
    model = nn.Module()
    model.zero = nn.Parameter(torch.zeros(many))
    model.large = nn.Parameter(6 * torch.ones(many // 4, 4))
    twin = twin_of(model, next_token)
    twin.go(1)
    first = {name: p.detach().clone() for name, p in twin.named.items()}
    assert first["zero"].std() == pytest.approx(0.1, rel=0.02)
    assert first["large"].std() == pytest.approx(3, rel=0.02)
    assert first["large"].mean() == pytest.approx(6, rel=0.02)
    twin.scale(torch.arange(2), (0.5, 3.0))
    assert not first["large"].equal(twin.named["large"])
    twin.restore()
    assert all(first[name].equal(p) for name, p in twin.named.items())
    twin.go(2)
    assert not first["zero"].equal(twin.named["zero"])
    twin.go(0)
    assert (twin.named["large"] == 6).all()
