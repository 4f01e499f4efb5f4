"""Does every parameter come into one group, and the group into which it belongs?"""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import SGD, AdamW

from snippets import param_groups as snippet
from snippets.param_groups import param_groups
from snippets.scale_invariant_parameters import scale_invariant_parameters

LABELS = torch.arange(12) % 3
TOKENS = torch.arange(72).view(12, 6) * 7 % 20
INPUTS = torch.randn(12, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Reader(nn.Module):
    """Attention with QK-norm between an embedding and a classifier, which may be tied."""

    def __init__(self, norm=nn.RMSNorm, tied=False, qk_norm=True):
        super().__init__()
        self.embed, self.places = nn.Embedding(20, 8), nn.Embedding(9, 8)
        self.query, self.key, self.value = (nn.Linear(8, 8, bias=False) for _ in range(3))
        self.norm, self.look, self.head = nn.LayerNorm(8), norm(8), nn.Linear(8, 20)
        self.spare = nn.Linear(8, 8, bias=False)
        self.qk_norm = qk_norm
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, tokens):
        x = self.norm(self.embed(tokens) + self.places.weight[: tokens.shape[1]])
        query, key = self.query(x), self.key(x)
        if self.qk_norm:
            query, key = self.look(query), self.look(key)
        mixed = torch.softmax(query @ key.mT / 8**0.5, dim=-1) @ self.value(x)
        return self.head(self.norm(x + mixed).mean(dim=1))


class Single(nn.Module):
    """RMS norm that computes in float32, as Llama's does, and has no gain."""

    def __init__(self, width):
        super().__init__()

    def forward(self, z):
        x = z.float()
        return (x * x.square().mean(-1, keepdim=True).add(1e-6).rsqrt()).to(z.dtype)


def convolutional(eps=1e-5):
    return nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8, eps), nn.GELU(), nn.Linear(8, 20, bias=False)
    )


def reading(model):
    return functional.cross_entropy(model(TOKENS), LABELS)


def classifying(model):
    return functional.cross_entropy(model(INPUTS), LABELS)


def kinds(model, loss, decay=0.1):
    return {group["name"]: group["names"] for group in param_groups(model, loss, decay)}


READER = {
    "invariant": ["query.weight", "key.weight"],
    "matrix": ["value.weight", "head.weight"],
    "embedding": ["embed.weight", "places.weight"],
    "gain": ["norm.weight", "look.weight"],
    "bias": ["norm.bias", "head.bias"],
    "unseen": ["spare.weight"],
}


def test_each_kind_of_a_transformer_is_found_by_asking_the_loss():
    assert kinds(Reader(), reading) == READER
    without = kinds(Reader(qk_norm=False), reading)
    assert "invariant" not in without
    assert {"query.weight", "key.weight"} <= {*without["matrix"]}
    assert "look.weight" in without["unseen"]


def test_a_norm_in_float32_inside_hides_no_invariant_matrix():
    assert kinds(Reader(norm=Single), reading)["invariant"] == READER["invariant"]


@pytest.mark.parametrize("eps", [1e-60, 1e-5])
def test_before_batch_norm_a_matrix_is_invariant_and_its_bias_unseen(eps):
    assert kinds(convolutional(eps), classifying) == {
        "invariant": ["0.weight"],
        "matrix": ["3.weight"],
        "gain": ["1.weight"],
        "bias": ["1.bias"],
        "unseen": ["0.bias"],
    }
    assert "invariant" not in kinds(convolutional(eps=1.0), classifying)


def test_a_tied_tensor_comes_once_and_as_an_embedding():
    found = kinds(Reader(tied=True), reading)
    assert found["embedding"] == ["embed.weight", "places.weight"]
    assert "head.weight" not in found["matrix"]


@pytest.mark.parametrize("tied", [False, True])
def test_every_trainable_parameter_is_in_one_group(tied):
    model = Reader(tied=tied)
    model.value.requires_grad_(False)
    groups = param_groups(model, reading, 0.1)
    members = [p for group in groups for p in group["params"]]
    trainable = [p for p in model.parameters() if p.requires_grad]
    assert sorted(map(id, members)) == sorted(map(id, trainable))
    named = dict(model.named_parameters())
    for group in groups:
        assert [id(named[name]) for name in group["names"]] == [*map(id, group["params"])]


def test_the_decay_goes_to_the_invariant_and_to_other_matrices():
    decays = {
        group["name"]: group["weight_decay"] for group in param_groups(Reader(), reading, 0.3)
    }
    assert decays == {kind: 0.3 if kind in ("invariant", "matrix") else 0.0 for kind in READER}


@pytest.mark.parametrize("model_and_loss", [(Reader, reading), (convolutional, classifying)])
def test_the_longer_function_agrees(model_and_loss):
    make, loss = model_and_loss
    model = make()
    verdicts = scale_invariant_parameters(model, loss, rows=False)
    found = kinds(model, loss)
    assert {name for name, seen in verdicts.items() if seen.whole.startswith("invariant")} == {
        *found["invariant"]
    }
    unseen = {name for name, seen in verdicts.items() if seen.whole in ("unseen", "not used")}
    assert unseen == {*found["unseen"]}


# The claim.


def infimum_along_a_ray(loss, group, decay):
    """Of the penalised loss, over powers of two; and of the bare loss."""
    kept = [p.detach().clone() for p in group]
    square = sum(p.square().sum().item() for p in kept)
    penalised, bare = [], []
    with torch.no_grad():
        for k in range(-40, 6):
            for p, old in zip(group, kept, strict=True):
                p.copy_(2.0**k * old)
            bare.append(loss().item())
            penalised.append(bare[-1] + decay / 2 * 4.0**k * square)
        for p, old in zip(group, kept, strict=True):
            p.copy_(old)
    return min(penalised), min(bare)


def least_squares(decay):
    """A network whose last layer is at its best, and the groups that decay, by name."""
    targets = torch.randn(12, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    model = nn.Sequential(
        nn.Linear(6, 4, bias=False),
        nn.BatchNorm1d(4, 1e-60, affine=False),
        nn.Tanh(),
        nn.Linear(4, 2, bias=False),
    ).double()
    with torch.no_grad():
        model[3].weight.copy_(torch.linalg.lstsq(model[:3](INPUTS), targets).solution.T)

    def loss(model=model):
        return (model(INPUTS) - targets).square().mean()

    return loss, {g["name"]: g["params"] for g in param_groups(model, loss, decay)}


@pytest.mark.claim("decay-on-an-invariant-block-raises-no-minimum", by="float64")
@pytest.mark.parametrize("decay", [0.01, 1.0, 100.0])
def test_decay_on_the_invariant_raises_no_minimum(measured, decay):
    loss, groups = least_squares(decay)
    penalised, bare = infimum_along_a_ray(loss, groups["invariant"], decay)
    measured(abs(penalised - bare), allowed=1e-12)  # at c = 2⁻⁴⁰ the penalty is 1e-22


def test_the_best_multiple_under_a_penalty_is_the_one_on_the_page():
    lengths = torch.linspace(0.001, 3, 30001, dtype=torch.float64)
    for decay in (0.1, 1.0, 5.0):
        penalised = (lengths - 1) ** 2 + decay / 2 * lengths**2
        assert penalised.min().item() == pytest.approx(decay / (decay + 2), abs=1e-7)
        assert lengths[penalised.argmin()].item() == pytest.approx(2 / (decay + 2), abs=1e-3)


@pytest.mark.control(
    "decay-on-an-invariant-block-raises-no-minimum",
    drops="scale-invariant-loss",
    instead="the matrix of the last layer, at its best",
)
@pytest.mark.parametrize("decay", [0.01, 1.0, 100.0])
def test_control_decay_on_another_matrix_raises_it(measured, decay):
    loss, groups = least_squares(decay)
    (matrix,) = groups["matrix"]
    best, square = matrix.detach().clone(), matrix.square().sum().item()
    values = []
    with torch.no_grad():
        for c in (0.0, 1.0, 2.0):
            matrix.copy_(c * best)
            values.append(loss().item())
    # The loss is a parabola in c with its vertex at 1, and so is the penalised loss, with another.
    bend = values[0] - 2 * values[1] + values[2]
    assert values[2] == pytest.approx(values[0], rel=1e-9)  # up to the rounding of least squares
    c = bend / (bend + decay * square)
    infimum = values[1] + bend / 2 * (c - 1) ** 2 + decay / 2 * c**2 * square
    # and over c = 2ᵏ alone it is no less
    matrix.data.copy_(best)
    penalised, bare = infimum_along_a_ray(loss, [matrix], decay)
    assert bare == pytest.approx(values[1], rel=1e-12)
    assert infimum <= penalised
    measured(infimum - values[1], allowed=1e-4)  # a hundred million times what rounding does


# In a training loop.


def train(optimizer, model, steps=12, scheduler=None, clip=None):
    for _ in range(steps):
        optimizer.zero_grad()
        reading(model).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if scheduler:
            scheduler.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def by_hand(model, decay=0.1):
    """The groups of the table above, written by hand."""
    named = dict(model.named_parameters())
    yes = [named[name] for kind in ("invariant", "matrix") for name in READER[kind]]
    no = [p for p in named.values() if all(p is not other for other in yes)]
    return [{"params": yes, "weight_decay": decay}, {"params": no, "weight_decay": 0.0}]


def three(make):
    """Weights after training with our groups, with groups by hand, and with decay everywhere."""
    start, ends = Reader().double(), []
    for groups in (lambda m: param_groups(m, reading, 0.1), by_hand, lambda m: m.parameters()):
        model = deepcopy(start)
        ends.append(make(AdamW(groups(model), lr=0.05, weight_decay=0.1), model))
    ours, hand, everywhere = ends
    return (ours - hand).abs().max().item(), (everywhere - hand).abs().max().item()


def scheduled(optimizer, model):
    return train(
        optimizer, model, scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
    )


def clipped(optimizer, model):
    return train(optimizer, model, clip=0.1)


def resumed(optimizer, model):
    train(optimizer, model, 6)
    saved = deepcopy(optimizer.state_dict())
    groups = [{**group, "weight_decay": 9.0} for group in optimizer.param_groups]
    other = AdamW([{**group, "params": [*group["params"]]} for group in groups], lr=9.0)
    other.load_state_dict(saved)
    return train(other, model, 6)


@pytest.mark.in_loop("snippets/param_groups.py", "schedule")
def test_groups_follow_a_schedule(beside):
    gap, control = three(scheduled)
    beside.gap(gap, control=control)


@pytest.mark.in_loop("snippets/param_groups.py", "clipping")
def test_groups_are_clipped_together(beside):
    gap, control = three(clipped)
    beside.gap(gap, control=control)


@pytest.mark.in_loop("snippets/param_groups.py", "checkpoint")
def test_groups_come_back_from_a_checkpoint(beside):
    """the decay of each group is in the optimizer's state"""
    gap, control = three(resumed)
    beside.gap(gap, control=control)


# What it leaves alone, and what it refuses.


def test_the_model_and_the_random_state_stay_as_they_are():
    model = Reader().float()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.random.get_rng_state()
    param_groups(model, reading, 0.1)
    assert torch.random.get_rng_state().equal(state)
    assert all(t.equal(before[name]) for name, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_the_groups_pass_into_optimizers_with_all_that_they_say():
    groups = param_groups(Reader(), reading, 0.1)
    for kind in (SGD, AdamW):
        kept = kind([dict(group) for group in groups], lr=0.1).param_groups
        assert [group["why"] for group in kept] == [group["why"] for group in groups]
        assert [group["weight_decay"] for group in kept] == [g["weight_decay"] for g in groups]


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda m: m(TOKENS).sum().item(), "not one number in float64"),
        (lambda m: m(TOKENS), "not one number in float64"),
        (lambda m: m(TOKENS).sum().float(), "not one number in float64"),
        (lambda m: m(TOKENS).sum().detach(), "no gradient for the model it is given; use its arg"),
        (lambda m: INPUTS.clone().requires_grad_().sum(), "no gradient for the model it is given"),
        (lambda m: m(TOKENS).sum() * torch.rand(()), "random or not finite"),
        (lambda m: m(TOKENS).sum() / 0, "random or not finite"),
        (lambda m: m.head(torch.ones(1, 8)).sum(), "give it float64 data, x.double"),
    ],
)
def test_each_misuse_of_the_loss_has_its_sentence(loss, sentence):
    with pytest.raises(ValueError, match=sentence):
        param_groups(Reader(), loss, 0.1)


def test_a_negative_decay_and_a_frozen_model_are_refused():
    for decay in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=r"weight_decay is .*; it cannot be negative"):
            param_groups(Reader(), reading, decay)
    with pytest.raises(ValueError, match="no parameter is trainable; call requires_grad_"):
        param_groups(Reader().requires_grad_(False), reading, 0.1)
    assert {g["weight_decay"] for g in param_groups(Reader(), reading, 0.0)} == {0.0}
    with pytest.raises(ValueError, match="device meta have no values; load or initialise"):
        param_groups(Reader().to("meta"), reading, 0.1)


def test_other_errors_of_the_loss_come_through():
    with pytest.raises(RuntimeError, match="shape"):
        param_groups(Reader(), lambda m: m.head(torch.ones(1, 5).double()).sum(), 0.1)


# Not fooled.


class Vector(nn.Module):
    def __init__(self, *numbers):
        super().__init__()
        self.vector = nn.Parameter(torch.tensor([numbers], dtype=torch.float64))


def invariant(loss, *numbers):
    return "invariant" in kinds(Vector(*numbers), loss)


def test_gradients_or_values_that_lie_alone_do_not_make_a_tensor_invariant():
    def values(m):
        return (m.vector / m.vector.norm())[0, 0] * m.vector.norm().detach()

    def slopes(m):
        return (m.vector / m.vector.norm().detach())[0, 0]

    def neither(m):
        return (m.vector / m.vector.norm())[0, 0]

    assert [invariant(loss, 1, 2) for loss in (values, slopes, neither)] == [False, False, True]


def test_one_gradient_that_lies_takes_no_other_tensor_with_it():
    model = Reader()
    model.liar = nn.Parameter(torch.randn(3, 2))

    def lying(m):
        return reading(m) + (m.liar / m.liar.norm())[0, 0] * m.liar.norm().detach()

    def honest(m):
        return reading(m) + (m.liar / m.liar.norm())[0, 0]

    found = kinds(model, lying)
    assert found["invariant"] == READER["invariant"]
    assert "liar" in found["matrix"]
    assert {*kinds(model, honest)["invariant"]} == {"liar", *READER["invariant"]}


def test_a_tiny_loss_and_sixteen_bits_inside_are_refused():
    class Half(nn.Module):
        def __init__(self, _):
            super().__init__()

        def forward(self, z):
            short = z.bfloat16()
            return (short * short.square().mean(-1, keepdim=True).rsqrt()).to(z.dtype)

    with pytest.raises(
        ValueError, match=r"computes in torch\.bfloat16, whose rounding hides a zero"
    ):
        param_groups(Reader(norm=Half), reading, 0.1)
    with pytest.raises(ValueError, match=r"moves the loss by more than .e-09; multiply the loss"):
        param_groups(Reader(), lambda m: 1e-9 * reading(m), 0.1)
    assert kinds(Reader(), lambda m: 1e3 * reading(m)) == READER


def test_a_zero_tensor_is_judged_at_the_other_points():
    assert not invariant(lambda m: (m.vector * INPUTS[0, :2]).sum(), 0, 0)


def test_shaking_moves_by_half_the_root_mean_square_and_no_less_than_a_tenth():
    many = 40000  # so that the standard deviation is within 2 %, at four standard errors
    named = {"zero": nn.Parameter(torch.zeros(many)), "large": nn.Parameter(6 * torch.ones(many))}
    snippet.shake(named, torch.Generator().manual_seed(0))
    assert named["zero"].std().item() == pytest.approx(0.1, rel=0.02)
    assert named["large"].std().item() == pytest.approx(3, rel=0.02)
    assert named["large"].mean().item() == pytest.approx(6, rel=0.02)
