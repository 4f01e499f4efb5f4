"""Do the rules give the degree that a network has, and refuse where it has none?"""

import itertools

import numpy as np
import pytest
import sympy
import torch
from torch import nn
from torch.nn import functional

from snippets.degree_calculus import degree, misfit, total
from snippets.scale_invariance import gradient

EPS = 1e-60
ROUNDING = 1e-12  # float64, a few layers, and factors that are no powers of two
CLEAR = 0.15  # a share of the output, far from anything that rounding does
BENT = 1e-4  # second differences of losses of size one, with steps of a half
FACTORS = (0.3, 7.0)
KINKS = "kinks-obey-the-lemma-where-degrees-are-counted"
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def layer_norm(width, affine=False, eps=EPS):
    return nn.LayerNorm(width, eps=eps, elementwise_affine=affine)


def plain(*layers):
    return nn.Sequential(*layers).double()


def linear(trainable=True, bias=False):
    return nn.Linear(4, 4, bias=bias).requires_grad_(trainable)


INPUTS = torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def worst(model, k):
    """How far is f(cθ) from c^k f(θ), for the worse of two factors?"""
    return np.max([misfit(model, INPUTS, k, c) for c in FACTORS])


def fits(model, k):
    """Is f(cθ) = c^k f(θ), for two factors?"""
    return worst(model, k) < ROUNDING


def off_every_multiple(before, after):
    """How far is one output from the nearest multiple of another, as a share of it?"""
    nearest = (before * after).sum() / before.square().sum() * before
    return (after - nearest).norm() / after.norm()


def least_misfit(model):
    """How far is f(cθ) from c^k f(θ), whatever the k?"""
    with torch.no_grad():
        before = model(INPUTS)
        trained = [p for p in model.parameters() if p.requires_grad]
        for p in trained:
            p *= 7
        after = model(INPUTS)
        for p in trained:
            p /= 7
    return off_every_multiple(before, after)


class Module(nn.Module):
    """A function with two linear layers."""

    def __init__(self, function, **more):
        super().__init__()
        self.one, self.two, self.function = linear(), linear(), function
        for name, module in more.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


# Every rule, as a network and its degree.
RULES = {
    "data": (plain(nn.Identity()), 0),
    "linear": (plain(linear()), 1),
    "frozen linear": (plain(linear(trainable=False)), 0),
    "two linear": (plain(linear(), linear()), 2),
    "a bias of degree one": (plain(linear(bias=True)), 1),
    "a frozen bias of degree zero": (plain(linear(trainable=False, bias=True)), 0),
    "relu": (plain(linear(), nn.ReLU(), linear(), nn.LeakyReLU(0.1)), 2),
    "dropout": (plain(linear(), nn.Dropout(0.0)), 1),
    "layer norm": (plain(linear(), layer_norm(4)), 0),
    "layer norm with a bias before": (plain(linear(bias=True), layer_norm(4)), 0),
    "layer norm with an affine": (plain(linear(), layer_norm(4, affine=True)), 1),
    "one of two layers": (
        plain(linear(), nn.ReLU(), linear(trainable=False), layer_norm(4)),
        0,
    ),
    "the other of two": (
        plain(linear(trainable=False), nn.ReLU(), linear(), layer_norm(4)),
        0,
    ),
    "affine, linear": (plain(linear(), layer_norm(4, affine=True), linear()), 2),
    "affine, linear, norm": (plain(linear(), layer_norm(4, True), linear(), layer_norm(4)), 0),
    "rms norm": (plain(linear(), nn.RMSNorm(4, EPS, elementwise_affine=False)), 0),
    "rms norm with a scale": (plain(linear(), nn.RMSNorm(4, EPS)), 1),
    "group norm": (plain(linear(), nn.GroupNorm(2, 4, EPS, affine=False)), 0),
    "batch norm": (plain(linear(), nn.BatchNorm1d(4, EPS, affine=False)), 0),
    "batch norm with an affine": (plain(linear(), nn.BatchNorm1d(4, EPS)), 1),
    "any function": (plain(linear(), layer_norm(4), nn.GELU()), 0),
    "any function, linear": (plain(linear(), layer_norm(4), nn.Tanh(), linear()), 1),
    "sum": (Module(lambda m, x: m.one(x) + torch.relu(m.two(x))).double(), 1),
    "difference": (Module(lambda m, x: m.one(x) - m.two(x)).double(), 1),
    "product": (Module(lambda m, x: m.one(x) * m.two(x)).double(), 2),
    "square": (Module(lambda m, x: m.one(x) * m.one(x)).double(), 2),
    "a number times": (Module(lambda m, x: 3 * m.one(x)).double(), 1),
    "matrix product": (Module(lambda m, x: m.one(x) @ m.two(x).transpose(0, 1)).double(), 2),
    "a tensor of the model": (Module(lambda m, x: x @ m.one.weight).double(), 1),
    "mean": (Module(lambda m, x: m.one(x).mean(dim=0)).double(), 1),
    "convolution": (
        Module(lambda m, x: m.conv(x.reshape(9, 1, 2, 2)), conv=nn.Conv2d(1, 3, 2)).double(),
        1,
    ),
    "pooling": (
        Module(lambda m, x: m.pool(m.one(x).reshape(9, 1, 2, 2)), pool=nn.MaxPool2d(2)).double(),
        1,
    ),
    "softmax": (Module(lambda m, x: torch.softmax(m.n(m.one(x)), -1), n=layer_norm(4)).double(), 0),
}


@pytest.mark.claim("degree-calculus", by="float64")
@pytest.mark.parametrize("name", RULES)
def test_the_rules_give_the_degree_that_the_network_has(measured, name):
    model, expected = RULES[name]
    assert degree(model) == expected
    measured(worst(model, expected), allowed=ROUNDING)
    assert not fits(model, expected + 1)
    assert not fits(model, expected - 1)


NO_DEGREE = {
    "a bias of degree two": plain(linear(), linear(bias=True)),
    "a frozen bias behind trained weights": plain(linear(), nn.ReLU(), linear(False, bias=True)),
    "a skip over one layer": Module(lambda m, x: x + m.one(x)).double(),
    "a skip over two": Module(lambda m, x: m.one(x) + m.two(m.one(x))).double(),
    "a number added": Module(lambda m, x: m.one(x) + 1).double(),
    "softmax of degree two": Module(
        lambda m, x: torch.softmax(m.one(x) @ m.two(x).transpose(0, 1), -1)
    ).double(),
    "gelu of degree one": plain(linear(), nn.GELU()),
}


@pytest.mark.control(
    "degree-calculus", drops="^equal-degrees", instead="a sum that is given the degree of one term"
)
@pytest.mark.parametrize("name", list(NO_DEGREE)[:5])
def test_control_sums_of_unequal_degrees_have_none(measured, name):
    with pytest.raises(
        ValueError, match=r"(add|_\d) adds degrees \d and \d, so it has no degree; "
    ):
        degree(NO_DEGREE[name])
    measured(least_misfit(NO_DEGREE[name]), allowed=CLEAR)


@pytest.mark.control(
    "degree-calculus", drops="^degree-zero", instead="softmax or GELU of a value of degree 1 or 2"
)
@pytest.mark.parametrize("name", list(NO_DEGREE)[5:])
def test_control_a_function_that_is_not_homogeneous_has_none(measured, name):
    with pytest.raises(ValueError, match=r"gets degree [12] and needs 0; normalise its input"):
        degree(NO_DEGREE[name])
    measured(least_misfit(NO_DEGREE[name]), allowed=CLEAR)


def test_inputs_that_are_passed_by_name_count():
    product = Module(lambda m, x: torch.mul(input=m.one(x), other=m.two(x))).double()
    assert degree(product) == 2
    assert fits(product, 2)
    named = Module(lambda m, x: torch.flatten(start_dim=0, input=m.one(input=x))).double()
    assert degree(named) == 1
    assert fits(named, 1)
    sharper = Module(lambda m, x: torch.softmax(input=m.one(x), dim=-1)).double()
    with pytest.raises(ValueError, match="gets degree 1 and needs 0"):
        degree(sharper)
    second = Module(lambda m, x: functional.cross_entropy(x, m.one(x))).double()
    with pytest.raises(ValueError, match="gets degree 1 and needs 0"):
        degree(second)


@pytest.mark.control(
    "degree-calculus", drops="^same-factor", instead="one of two tensors alone times 7"
)
def test_control_with_a_factor_for_each_tensor_a_sum_has_no_degree(measured):
    model, expected = RULES["sum"]
    assert expected == 1
    with torch.no_grad():
        before = model(INPUTS)
        model.one.weight *= 7
        after = model(INPUTS)
        model.one.weight /= 7
    measured(off_every_multiple(before, after), allowed=CLEAR)


@pytest.mark.control(
    "degree-calculus", drops="normalisation-layer", instead="layer norm with an eps of a tenth"
)
def test_control_with_eps_a_normaliser_has_no_degree_zero(measured):
    model = plain(linear(), layer_norm(4, eps=0.1))
    with pytest.raises(ValueError, match=r"_1 has eps = 0\.1, to which it compares its input"):
        degree(model)
    assert not fits(model, 0)
    measured(misfit(model, INPUTS, 0, 7.0), allowed=CLEAR)
    assert degree(model, eps_at_most=0.1) == 0  # who looks away is told what the rules say


@pytest.mark.claim("degree-calculus", by="certificate of a step")
def test_the_step_of_the_induction_holds_for_products_sums_relu_and_absolute_values(measured):
    a, b, j, k = sympy.symbols("a b j k", real=True)
    c = sympy.Symbol("c", positive=True)
    relu = sympy.Max(a, 0).rewrite(sympy.Abs)
    rests = [
        c**j * a * c**k * b - c ** (j + k) * a * b,
        c**k * a + c**k * b - c**k * (a + b),
        relu.subs(a, c * a) - c * relu,
        sympy.Abs(c * a) - c * sympy.Abs(a),
    ]
    measured(sum(sympy.simplify(rest) != 0 for rest in rests), allowed=0)
    # and a sum of unequal degrees is a multiple of itself for no two factors
    grown = (c * a + c**2 * b) / (a + b)
    assert sympy.simplify(sympy.diff(grown.subs(c, 2), a)) != 0


# The last scale and shift.


def classifier(affine, trained=False, bias=False, first=None, eps=EPS):
    """Layers, a last normaliser with any scale and shift, and a classifier."""
    head = nn.Linear(4, 3, bias=bias).requires_grad_(trained)
    norm = layer_norm(4, affine, eps)
    for tensor in norm.parameters():
        nn.init.normal_(tensor)
    return plain(first or linear(), nn.ReLU(), linear(), norm, head)


def cross_entropy_along_the_ray(model, factors):
    labels = torch.arange(9) % 3
    trained = [p for p in model.parameters() if p.requires_grad]
    kept = [p.detach().clone() for p in trained]
    losses = []
    with torch.no_grad():
        for c in factors:
            for p, old in zip(trained, kept, strict=True):
                p.copy_(c * old)
            losses.append(functional.cross_entropy(model(INPUTS), labels).item())
        for p, old in zip(trained, kept, strict=True):
            p.copy_(old)
    return losses


@pytest.mark.claim("trainable-affine-makes-degree-one", by="float64")
def test_with_a_trained_last_affine_the_logits_are_homogeneous_of_degree_one(measured):
    model = classifier(affine=True)
    assert degree(model) == 1
    measured(worst(model, 1), allowed=ROUNDING)
    assert not fits(model, 0)


@pytest.mark.claim("trainable-affine-makes-degree-one", by="float64")
def test_the_cross_entropy_is_strictly_convex_along_the_ray_and_without_the_affine_constant(
    measured,
):
    factors = [0.5, 1.0, 1.5, 2.0, 2.5]
    losses = cross_entropy_along_the_ray(classifier(affine=True), factors)
    bends = [a - 2 * b + c for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)]
    measured(sum(not bend > BENT for bend in bends), allowed=0)
    flat = cross_entropy_along_the_ray(classifier(affine=False), factors)
    measured(np.ptp(flat), allowed=ROUNDING)


@pytest.mark.claim("trainable-affine-makes-degree-one", by="certificate of a step")
def test_the_second_derivative_of_the_loss_along_the_ray_is_the_variance_of_the_logits(measured):
    """The derivative in the proof, for any number of logits; and, of three, where it is zero."""
    c, logit = sympy.Symbol("c", positive=True), sympy.IndexedBase("f", real=True)
    j, count, label = sympy.symbols("j n y", integer=True, positive=True)

    def total(power):
        return sympy.Sum(logit[j] ** power * sympy.exp(c * logit[j]), (j, 1, count))

    loss = sympy.log(total(0)) - c * logit[label]
    variance = total(2) / total(0) - (total(1) / total(0)) ** 2
    measured(sympy.simplify(sympy.diff(loss, c, 2) - variance) != 0, allowed=0)
    f = sympy.symbols("f:3", real=True)
    powers = [sympy.exp(c * (g - f[0])) for g in f]
    p = [power / sum(powers) for power in powers]
    variance = sum(q * g**2 for q, g in zip(p, f, strict=True))
    variance -= sum(q * g for q, g in zip(p, f, strict=True)) ** 2
    # a sum of squares of differences: zero only if all logits are equal
    pairs = itertools.combinations(range(3), 2)
    squares = sum(p[i] * p[j] * (f[i] - f[j]) ** 2 for i, j in pairs)
    numerator, _ = sympy.together(variance - squares).as_numer_denom()
    measured(numerator.expand() != 0, allowed=0)


@pytest.mark.claim("trainable-affine-makes-degree-one", by="float64")
def test_with_the_affine_held_fixed_the_rest_is_invariant_together(measured):
    model = classifier(affine=True)
    model[3].requires_grad_(False)
    assert degree(model) == 0
    measured(worst(model, 0), allowed=ROUNDING)


def test_affines_of_earlier_normalisers_do_not_count():
    first = nn.Sequential(linear(), layer_norm(4, affine=True))
    model = classifier(affine=False, first=first)
    assert degree(model) == 0
    assert fits(model, 0)


@pytest.mark.control(
    "trainable-affine-makes-degree-one",
    drops="^frozen-classifier",
    instead="a trained classifier, and a frozen one with a bias",
)
def test_control_a_trained_classifier_makes_it_two_and_a_bias_leaves_none(measured):
    model = classifier(affine=True, trained=True)
    assert degree(model) == 2
    assert fits(model, 2)
    measured(misfit(model, INPUTS, 1, 7.0), allowed=CLEAR)
    model = classifier(affine=True, bias=True)
    with pytest.raises(ValueError, match="bias of _4 adds degrees 1 and 0"):
        degree(model)
    measured(least_misfit(model), allowed=CLEAR)


@pytest.mark.control(
    "trainable-affine-makes-degree-one",
    drops="^degree",
    instead="two layers with trained biases before the normaliser",
)
def test_control_biases_before_the_normaliser_leave_no_degree(measured):
    first = nn.Sequential(linear(bias=True), nn.ReLU(), linear(bias=True))
    model = classifier(affine=True, first=first)
    with pytest.raises(ValueError, match="adds degrees 2 and 1"):
        degree(model)
    measured(least_misfit(model), allowed=CLEAR)


@pytest.mark.control(
    "trainable-affine-makes-degree-one",
    drops="normalisation-layer",
    instead="layer norm with an eps of a tenth",
)
def test_control_with_eps_the_degree_is_not_one(measured):
    measured(misfit(classifier(affine=True, eps=0.1), INPUTS, 1, 7.0), allowed=CLEAR)


# Kinks.


class Kinked(nn.Module):
    """ReLU and a maximum over pairs, then a normaliser; the classifier is frozen."""

    def __init__(self):
        super().__init__()
        self.one, self.last = linear(), nn.Linear(4, 6, bias=False)
        self.head = nn.Linear(3, 3).requires_grad_(False)
        self.double()

    def forward(self, x):
        z = self.last(torch.relu(self.one(x)))
        z = z.reshape(-1, 3, 2).amax(-1)
        return self.head(functional.layer_norm(z, (3,), eps=EPS))


def at_kinks(model):
    """Weights at which units are zero and maxima are shared, and the loss as a function of them.

    The first unit is zero for all samples, and two rows of the last layer are equal.
    """
    with torch.no_grad():
        model.one.weight[0] = 0
        model.last.weight[1] = model.last.weight[0]
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    shapes = [model.get_parameter(name).shape for name in names]
    start = torch.cat([model.get_parameter(name).detach().flatten() for name in names])

    def loss(weights):
        parts = weights.split([shape.numel() for shape in shapes])
        given = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        logits = torch.func.functional_call(model, given, INPUTS)
        return functional.cross_entropy(logits, torch.arange(9) % 3)

    return loss, start


def bend(loss, weights, way, step=1e-6):
    """How far the slopes on both sides of a point differ, in one direction.

    Where a loss of size one is smooth, by no more than about a step.
    """
    here = loss(weights)
    ahead, behind = (loss(weights + sign * step * way) - here for sign in (1, -1))
    return abs(ahead + behind).item() / step


def off_the_lemma(loss, weights):
    """How far the gradient is from being orthogonal, and from a third at thrice the weights."""
    slope = gradient(loss, weights)
    radial = abs(slope @ weights) / weights.norm() / slope.norm()
    return radial, (3 * gradient(loss, 3 * weights) - slope).norm() / slope.norm()


@pytest.mark.claim(KINKS, by="float64")
@pytest.mark.parametrize("seed", range(5), ids="seed={}".format)
def test_at_kinks_of_a_network_of_degree_zero_the_gradient_obeys_the_lemma(measured, seed):
    torch.manual_seed(seed)
    loss, weights = at_kinks(Kinked())
    # the first row may grow out of zero to either side, and either of two equal rows win
    zero, equal = torch.zeros_like(weights), torch.zeros_like(weights)
    zero[:4] = INPUTS[0]
    equal[16:20] = 1
    assert bend(loss, weights, zero) > BENT
    assert bend(loss, weights, equal) > BENT
    for missed in off_the_lemma(loss, weights):
        measured(missed, allowed=ROUNDING)


@pytest.mark.claim(KINKS, by="float64")
def test_at_kinks_a_network_of_degree_two_has_a_gradient_of_degree_one(measured):
    weights = torch.tensor([0.0, 0.0, 1.0, -2.0], dtype=torch.float64)

    def value(w):
        first, second = torch.relu(INPUTS[:, :2] @ w[:2]), INPUTS[:, 2:] @ w[2:]
        return ((first - second) * second).abs().sum()

    slope = gradient(value, weights)
    measured(abs(slope @ weights / value(weights) - 2), allowed=ROUNDING)
    apart = (gradient(value, 3 * weights) - 3 * slope).norm() / slope.norm()
    measured(apart, allowed=ROUNDING)


def invariant(w):
    """A scale-invariant loss in the plane."""
    outputs = INPUTS[:, :2] @ w
    return ((outputs - outputs.mean()) / outputs.std()).tanh().square().mean()


UNITS = torch.tensor([[1, 0], [-1, 0], [1, 1], [-1, -1], [0, 1], [0, -1]], dtype=torch.float64)
SIGNS = torch.tensor([1, -1, -1, 1, 1, -1], dtype=torch.float64)


def with_nothing(w):
    """The loss, and units of degree one that sum to zero everywhere."""
    return invariant(w) + SIGNS @ torch.relu(UNITS @ w)


def with_nothing_and_a_bias(w):
    """The loss, and two units with a frozen bias that are zero together with what follows them."""
    a = w[0] - 1
    return invariant(w) + torch.relu(a) - torch.relu(-a) - a


@pytest.mark.control(KINKS, drops="^counted", instead="units of degree 1 that sum to zero, added")
def test_control_a_sum_that_cancels_without_a_degree_keeps_its_gradient_at_longer_weights(measured):
    weights = torch.tensor([0.0, 1.0], dtype=torch.float64)
    for c in (1.0, 3.0, 0.2):
        assert abs(with_nothing(c * weights) - invariant(weights)) < ROUNDING
    radial, longer = off_the_lemma(with_nothing, weights)
    assert radial < ROUNDING  # as each unit has a degree
    measured(longer, allowed=CLEAR)
    # away from the kinks the lemma holds
    assert max(off_the_lemma(with_nothing, weights + 0.1)) < ROUNDING


@pytest.mark.control(KINKS, drops="^counted", instead="units with a frozen bias that cancel, added")
def test_control_a_sum_that_cancels_with_a_bias_gives_the_gradient_a_part_along_the_weights(
    measured,
):
    weights = torch.tensor([1.0, 1.0], dtype=torch.float64)
    for c in (1.0, 3.0, 0.2):
        assert abs(with_nothing_and_a_bias(c * weights) - invariant(weights)) < ROUNDING
    for missed in off_the_lemma(with_nothing_and_a_bias, weights):
        measured(missed, allowed=CLEAR)


def choosing(w):
    """The larger of the first two weights; of equal ones the first if large, else the second."""
    first = (w[0] > w[1]) | ((w[0] == w[1]) & (w[0] > 1))
    return torch.where(first, w[0], w[1]) / w.norm()


@pytest.mark.control(KINKS, drops="^same-choice", instead="a maximum whose choice depends on size")
def test_control_a_maximum_that_chooses_by_size_has_another_gradient_at_longer_weights(measured):
    weights = torch.tensor([0.5, 0.5, 0.5], dtype=torch.float64)
    assert abs(choosing(3 * weights) - choosing(weights)) < ROUNDING
    _, longer = off_the_lemma(choosing, weights)
    measured(longer, allowed=CLEAR)
    # the same maximum as torch has it shares the slope at any size
    assert max(off_the_lemma(lambda w: w[:2].amax() / w.norm(), weights)) < ROUNDING


def test_in_floats_a_factor_that_is_no_power_of_two_may_move_a_unit_off_its_kink():
    def loss(w):  # of degree 0
        return torch.relu(w[0] + w[1] + w[2]) / w.norm()

    weights = torch.tensor([-0.1, -0.3, 0.4], dtype=torch.float64)
    assert gradient(loss, weights).equal(torch.zeros(3, dtype=torch.float64))
    for c in (2.0, 4.0, 0.5):
        assert gradient(loss, c * weights).equal(gradient(loss, weights))
    # three times 0.4 is a rounding above the sum of the others; and (1, 1, 1)/‖w‖ is no rounding
    assert (3 * gradient(loss, 3 * weights)).norm() > 1
    # where the data are zero nothing is rounded
    dead = lambda w: torch.relu(0 * (w[0] + w[1] + w[2])) / w.norm()  # noqa: E731
    assert gradient(dead, 3 * weights).equal(gradient(dead, weights))


# The writers to a residual stream: those tensors alone require a gradient.


class PreNorm(nn.Module):
    """Two pre-norm branches with biases and affines throughout; the writers alone are trained."""

    def __init__(self, writers=("embed", "out")):
        super().__init__()
        self.embed, self.inner, self.out = (nn.Linear(4, 4, bias=name != "e") for name in "eio")
        self.norm, self.last, self.head = layer_norm(4, True), layer_norm(4, True), nn.Linear(4, 3)
        for name, module in self.named_children():
            module.requires_grad_(name in writers)
        for p in self.parameters():
            nn.init.normal_(p)
        self.double()

    def forward(self, x):
        stream = self.embed(x)
        stream = stream + self.out(functional.gelu(self.inner(self.norm(stream))))
        return self.head(self.last(stream))


@pytest.mark.claim("residual-writers-are-one-block", by="float64")
def test_all_that_writes_to_the_stream_is_one_invariant_block(measured):
    model = PreNorm()
    assert degree(model) == 0
    measured(worst(model, 0), allowed=ROUNDING)


@pytest.mark.control(
    "residual-writers-are-one-block",
    drops="^together",
    instead="the embedding alone, or a branch's last layer alone, times 7",
)
@pytest.mark.parametrize("writer", ["embed", "out"])
def test_control_a_single_writer_is_not_invariant(measured, writer):
    model = PreNorm(writers=(writer,))
    with pytest.raises(ValueError, match="adds degrees"):
        degree(model)
    measured(misfit(model, INPUTS, 0, 7.0), allowed=CLEAR)


def test_a_single_writer_is_invariant_where_the_others_write_zero():
    model = PreNorm(writers=("embed",))
    assert misfit(model, INPUTS, 0, 7.0) > CLEAR
    for tensor in model.out.parameters():
        nn.init.zeros_(tensor)
    assert fits(model, 0)


def test_a_classifier_that_reads_the_raw_stream_multiplies_the_logits_but_for_its_bias():
    model = PreNorm()
    model.last = nn.Identity()
    assert not fits(model, 1)
    nn.init.zeros_(model.head.bias)
    assert degree(model) == 1
    assert fits(model, 1)


def test_a_bias_between_two_layers_may_be_seen_by_the_normaliser_behind_them():
    first_bias = plain(linear(bias=True), nn.ReLU(), linear(False), layer_norm(4))
    first_bias[0].bias.requires_grad_(False)
    second_bias = plain(linear(), nn.ReLU(), linear(False, bias=True), layer_norm(4))
    batch_norm = nn.BatchNorm1d(4, EPS, affine=False)
    forgotten = plain(linear(), nn.ReLU(), linear(False, bias=True), batch_norm)
    assert misfit(first_bias, INPUTS, 0, 7.0) > CLEAR
    assert misfit(second_bias, INPUTS, 0, 7.0) > CLEAR
    assert fits(forgotten, 0)
    for model, layer in ((first_bias, 0), (second_bias, 2)):
        nn.init.zeros_(model[layer].bias)
        assert fits(model, 0)


def test_a_branch_that_reads_only_signs_of_the_raw_stream_does_not_see_its_length():
    signs, raw = PreNorm(), PreNorm()
    signs.norm = Module(lambda m, x: torch.sign(x)).requires_grad_(False)
    raw.norm = nn.Identity()
    assert fits(signs, 0)
    assert misfit(raw, INPUTS, 0, 7.0) > CLEAR


# What is refused, and what the helpers do.


def test_running_averages_are_refused():
    model = plain(linear(), nn.BatchNorm1d(4, EPS, affine=False)).eval()
    with pytest.raises(ValueError, match=r"uses its running averages, which do not follow; call"):
        degree(model)
    batch = nn.BatchNorm1d(4, EPS, affine=False, track_running_stats=False)
    assert degree(plain(linear(), batch).eval()) == 0


def test_what_has_no_rule_is_refused_by_name():
    with pytest.raises(ValueError, match=r"no rule for _1 \(.*Hardswish.*; write it in parts"):
        degree(plain(linear(), nn.Hardswish()))
    with pytest.raises(ValueError, match=r"no rule for sin"):
        degree(Module(lambda m, x: torch.sin(m.one(x))).double())


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
def test_a_weight_that_is_computed_from_others_is_refused(norm):
    layer = getattr(nn.utils.parametrizations, norm)(linear())
    with pytest.raises(ValueError, match="the weight of _0 is made from others; write out how"):
        degree(plain(layer))


def test_an_eps_that_is_exactly_as_large_as_allowed_is_allowed():
    assert degree(plain(layer_norm(4, eps=1e-30))) == 0
    with pytest.raises(ValueError, match="has eps"):
        degree(plain(layer_norm(4, eps=2e-30)))
    with pytest.raises(ValueError, match="has eps = None"):
        degree(plain(nn.RMSNorm(4)))  # its default depends on the precision


def test_a_frozen_bias_of_zero_has_every_degree():
    model = plain(linear(), linear(bias=True))
    nn.init.zeros_(model[1].bias)
    model[1].bias.requires_grad_(False)
    assert degree(model) == 2
    assert fits(model, 2)


def test_the_sum_of_one_term_has_its_degree():
    assert total([3], "x") == 3
    assert total([3, 3], "x") == 3


def test_misfit_leaves_the_model_as_it_was_and_is_a_share_of_the_output():
    model = classifier(affine=True)
    before = [p.detach().clone() for p in model.parameters()]
    assert misfit(model, INPUTS, 0, 2.0) == pytest.approx(1 / 2)  # |2f − f| / |2f|
    assert misfit(model, INPUTS, 2, 2.0) == pytest.approx(1)
    assert all(p.equal(old) for p, old in zip(model.parameters(), before, strict=True))


def test_a_trained_scale_with_a_frozen_shift_is_refused_by_name():
    model = plain(linear(), layer_norm(4, affine=True))
    nn.init.ones_(model[1].bias).requires_grad_(False)
    with pytest.raises(ValueError, match="the bias of _1 adds degrees 1 and 0"):
        degree(model)
    assert least_misfit(model) > CLEAR
