"""Are powers of two exact, bit for bit, and does a renormalised run go on for ever?"""

import inspect
import math
from copy import deepcopy
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR

from snippets.exponential_lr import growth_root
from snippets.renormalise import (
    balancing_exponent,
    carry_eps,
    renormalise,
    steps_until_overflow,
)
from snippets.stock_adam import stock_adam
from snippets.texp import TEXP
from snippets.without_weight_decay import without_weight_decay

BITS, FOREVER = "powers-of-two-are-exact", "renormalised-run-never-overflows"
VISIBLE = 1e-3  # of losses and outputs of size one, which float32 rounds at 6e-8
LARGEST = torch.finfo(torch.float32).max  # 3e38: the optimiser refuses a larger rate
FAR_BELOW = 1e5  # a rate 33 powers of ten below where float32 ends
SLACK = 1e-6  # a thousand steps, each rounded at 1e-16 and amplified by dynamics that are stable

# ---------------------------------------------------------------------------------------------
# A convolutional network with batch norm, in float32, on real digits.


class Net(nn.Module):
    def __init__(self, eps=1e-5):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in [(1, 6), (6, 8)]
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(n, eps=eps, affine=False) for n in (6, 8))
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight, generator=generator)
        self.register_buffer("last", torch.randn(8, 10, generator=generator) / 8)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = nn.functional.max_pool2d(norm(conv(x)).relu(), 2)
        return x.mean((2, 3)) @ self.last


@cache
def digits():
    """Images and labels, from the file that comes with scikit-learn: to import it takes seconds."""
    (package,) = find_spec("sklearn").submodule_search_locations
    rows = np.loadtxt(f"{package}/datasets/data/digits.csv.gz", delimiter=",", max_rows=128)
    images = torch.tensor(rows[:, :-1].reshape(-1, 1, 8, 8) / 16, dtype=torch.float32)
    return images, torch.tensor(rows[:, -1].astype(int))


def train(model, optimizer, steps, start=0, growth=1.0):
    losses, (images, labels) = [], digits()
    for step in range(start, start + steps):
        batch = slice(step % 4 * 32, step % 4 * 32 + 32)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= growth
        losses.append(loss.item())
    return losses


OPTIONS = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-3}


def optimizer_for(model, **options):
    groups = [{"params": list(conv.parameters())} for conv in model.convs]
    return SGD(groups, **{**OPTIONS, **options})


def evaluated(model):
    model.eval()
    with torch.no_grad():
        return model(digits()[0][:64])


def run(change=None, growth=1.0, **options):
    """Train for 24 steps, with a change after 8; return the losses from there on, and a model."""
    model = Net()
    optimizer = optimizer_for(model, **options)
    train(model, optimizer, 8, growth=growth)
    if change:
        change(model, optimizer)
    return train(model, optimizer, 16, 8, growth), model


plain_run = cache(run)  # which several tests compare with


def two_runs(change, growth=1.0, **options):
    """Return the losses and the models of a run without the change and of one with it."""
    plain, changed = plain_run(growth=growth, **options), run(change, growth, **options)
    return [plain[0], changed[0]], [plain[1], changed[1]]


def by_powers(*exponents):
    def change(model, optimizer):
        renormalise(optimizer, [[n] for n in model.norms], exponents)

    return change


def balance(optimizer, normalisers):
    """Bring the largest weight of each group to between 1 and 2; return the exponents."""
    exponents = [balancing_exponent(group) for group in optimizer.param_groups]
    renormalise(optimizer, normalisers, exponents)
    return exponents


def by_factors(factors, eps=True, statistics=True, buffers=True):
    """Divide the groups' weights by factors, as renormalise does by powers of two."""

    def change(model, optimizer):
        for group, norm, k in zip(optimizer.param_groups, model.norms, factors, strict=True):
            group["lr"] /= k**2
            group["weight_decay"] *= k**2
            for parameter in group["params"]:
                parameter.data /= k
                if buffers:
                    optimizer.state[parameter]["momentum_buffer"] *= k
            if eps:
                norm.eps /= k**2
            if statistics:
                norm.running_mean /= k
                norm.running_var /= k**2

    return change


def farthest(one, other):
    """The largest difference of two runs' losses or of two outputs; 0 if they agree in all bits."""
    return (torch.as_tensor(one) - torch.as_tensor(other)).abs().max()


@pytest.mark.claim(BITS, by="experiment")
@pytest.mark.parametrize(
    ("exponents", "options"),
    [
        ((1, 1), {}),
        ((5, -7), {}),
        ((-3, 12), {"nesterov": True}),
        ((5, -7), {"dampening": 0.5, "maximize": True}),
        ((-3, 12), {"momentum": 0}),
    ],
    ids=str,
)
def test_a_network_divided_by_powers_of_two_trains_on_bit_for_bit(measured, exponents, options):
    (plain, divided), models = two_runs(by_powers(*exponents), growth=1.02, **options)
    measured(farthest(plain, divided), allowed=0)
    for k, *convs in zip(exponents, models[0].convs, models[1].convs, strict=True):
        measured((convs[1].weight * 2.0**k - convs[0].weight).abs().max(), allowed=0)
    measured(farthest(*map(evaluated, models)), allowed=0)


@pytest.mark.claim(BITS, by="float64")  # no tolerance: not one bit may differ
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_each_graded_operation_commutes_with_powers_of_two(measured, dtype):
    generator = np.random.default_rng(0)
    x, y = (generator.uniform(0.5, 2, 10000).astype(dtype) for _ in range(2))
    two, four = dtype(2.0**3), dtype(4.0**3)
    # how many of ten thousand results differ
    measured(((two * x) + (two * y) != two * (x + y)).sum(), allowed=0)
    measured(((two * x) - (two * y) != two * (x - y)).sum(), allowed=0)
    measured(((two * x) * (y / four) != (x * y) / two).sum(), allowed=0)
    measured(((two * x) / (four * y) != (x / y) / two).sum(), allowed=0)
    measured((np.sqrt(four * x) != two * np.sqrt(x)).sum(), allowed=0)
    measured(((two * x > two * y) != (x > y)).sum(), allowed=0)
    short, longer = (torch.from_numpy(values).bfloat16() for values in (x, two * x))
    measured((longer != 2**3 * short).sum(), allowed=0)
    three = dtype(3)  # the same with a factor that is no power of two
    assert (torch.from_numpy(three * x).bfloat16() != 3 * short).any()
    assert ((three * x) + (three * y) != three * (x + y)).any()
    assert (np.sqrt(three**2 * x) != three * np.sqrt(x)).any()


def by_bits(x):
    """1/√x in single precision by the old trick: half the bits, subtracted, and Newton steps."""
    half, more = np.float32(0.5), np.float32(1.5)
    y = (np.int32(0x5F3759DF) - (x.view(np.int32) >> 1)).view(np.float32)
    for _ in range(3):
        y = y * (more - half * x * y * y)
    return y


def by_logarithm(x):
    return np.exp(np.float32(-0.5) * np.log(x))


@pytest.mark.parametrize(
    ("root", "graded"), [(by_bits, True), (by_logarithm, False)], ids=["bits", "logarithm"]
)
def test_a_root_that_is_not_rounded_correctly_may_obey_the_law_or_not(root, graded):
    # from [1, 4), which has every significand, once with an even exponent and once with an odd one
    digits = np.arange(2**23, 2**25, 2**8).astype(np.float32) * np.float32(2.0**-23)
    correct = (1 / np.sqrt(digits.astype(np.float64))).astype(np.float32)
    assert abs(root(digits).view(np.int32) - correct.view(np.int32)).max() == 2  # last places
    assert (root(digits) != correct).mean() > 1 / 3
    for k in (-30, -1, 1, 30):
        shifted = root(digits * np.float32(4.0**k)) * np.float32(2.0**k)
        assert (shifted == root(digits)).all() == graded


@pytest.mark.control(BITS, drops="^power-of-two", instead="a factor of three")
def test_control_a_factor_of_three_changes_bits(measured):
    (plain, divided), _ = two_runs(by_factors([3.0, 3.0]))
    measured(farthest(plain, divided), allowed=0)
    assert divided[0] == pytest.approx(plain[0], abs=1e-5)  # of rounding only, at first
    same, quarter = two_runs(by_factors([4.0, 0.25]))[0]
    assert same == quarter


@pytest.mark.control(BITS, drops="^graded", instead="eps, or the buffers, left as they were")
@pytest.mark.parametrize("left", ["eps", "buffers"])
def test_control_a_number_that_is_left_as_it_was_changes_more(measured, left):
    factors = [64.0, 64.0]
    (plain, divided), _ = two_runs(by_factors(factors, **{left: False}))
    measured(farthest(plain, divided), allowed=VISIBLE)


@pytest.mark.control(BITS, drops="^graded", instead="running statistics left as they were")
def test_control_running_statistics_that_are_left_change_the_evaluation(measured):
    (plain, divided), models = two_runs(by_factors([16.0, 16.0], statistics=False))
    assert plain == divided
    measured(farthest(*map(evaluated, models)), allowed=VISIBLE)


@pytest.mark.control(BITS, drops="^range", instead="weights whose squares are not normal")
def test_control_where_squares_underflow_the_run_is_another(measured):
    # weights and statistics are multiplied exactly, but the variances of a batch are not normal
    (plain, divided), _ = two_runs(by_factors([2.0**66, 2.0**66]))
    measured(farthest(plain, divided), allowed=0)


@pytest.mark.control(BITS, drops="^range", instead="inputs that are not normal")
@pytest.mark.parametrize(("dtype", "digits"), [(np.float16, 24), (np.float32, 149)])
def test_control_of_two_inputs_that_are_not_normal_the_larger_is_not_larger_when_halved(
    measured, dtype, digits
):
    large, small = (dtype(n * 2.0**-digits) for n in (5, 4))
    half = dtype(0.5)
    assert large > small
    measured(int((large > small) != (large * half > small * half)), allowed=0)
    normal = dtype(2.0**12)  # as normal numbers they are compared the same way
    assert normal * large * half > normal * small * half


@pytest.mark.control(
    BITS, drops="^range", instead="a result from just below the smallest normal number"
)
def test_control_a_result_from_just_below_the_smallest_normal_number_is_rounded_otherwise(measured):
    almost, tiny = np.float32(1 - 2.0**-24), np.finfo(np.float32).tiny
    assert almost * tiny == tiny  # normal, but only since it was rounded up
    measured(abs(almost * (8 * tiny) / (8 * tiny) - 1), allowed=0)


# ---------------------------------------------------------------------------------------------
# For ever.

GROWTH = 4.0  # per step: from 0.1, float32 ends after 65 of them


@pytest.mark.claim(FOREVER, by="experiment")
def test_a_renormalised_run_goes_on_where_the_plain_one_ends(measured):
    plain, model = Net(), Net()
    options = {"momentum": 0.0, "weight_decay": 0.0}
    optimizer, other = optimizer_for(plain, **options), optimizer_for(model, **options)
    total = np.zeros(2, dtype=int)
    for start in range(0, 200, 5):
        losses = train(model, other, 5, start, GROWTH)
        if start < 30:  # before anything in the plain run overflows, its squares included
            assert losses == train(plain, optimizer, 5, start, GROWTH)
        measured(np.sum(~np.isfinite(losses)), allowed=0)
        total += balance(other, [[n] for n in model.norms])
        for group in other.param_groups:
            assert 1 <= max(p.abs().max() for p in group["params"]) < 2
            assert group["lr"] > 1e-4
            measured(group["lr"], allowed=FAR_BELOW)
    assert (total > 150).all()  # in float32 the weights themselves would have overflowed


@pytest.mark.control(FOREVER, drops="^renormalised", instead="weights and a rate left to grow")
def test_control_the_plain_run_ends(measured):
    model = Net()
    optimizer = optimizer_for(model, momentum=0.0, weight_decay=0.0)
    first, least = optimizer.param_groups[0]["lr"], math.inf  # η/α, and m
    for t in range(30):  # before anything overflows, squares included
        # of the run with decay, θₜ = αᵗφₜ with α² = 1/4
        shortest = min(parameter.abs().max().item() for parameter in model.parameters())
        least = min(least, shortest / math.sqrt(GROWTH) ** t)
        train(model, optimizer, 1, t, GROWTH)
    bound = 4 * first / least**2
    measured(optimizer.param_groups[0]["lr"] / bound, allowed=1e6)  # a million times the bound
    train(model, optimizer, 36, 30, GROWTH)  # each of these at a rate that float32 still has
    assert optimizer.param_groups[0]["lr"] > LARGEST
    with pytest.raises(RuntimeError, match="cannot be converted to type float without overflow"):
        train(model, optimizer, 1, 66)


@pytest.mark.control(
    FOREVER, drops="^bounds", instead="no gradient: the run with decay shrinks to zero"
)
def test_control_without_gradients_the_weights_stay_and_the_rate_overflows(measured):
    weights = nn.Parameter(torch.ones(2))
    optimizer = SGD([weights], lr=0.1)
    for _ in range(70):
        weights.grad = torch.zeros(2)
        optimizer.param_groups[0]["lr"] *= GROWTH
        assert balance(optimizer, [[]]) == [0]
    measured(optimizer.param_groups[0]["lr"], allowed=LARGEST)


def slope(weights):
    """∇L of L(x) = xᵀAx / xᵀx with a matrix that changes with the sign of the first weight."""
    matrix = np.array([[1.0, 2.0, 0.0], [2.0, -1.0, 1.0], [0.0, 1.0, 0.5]])
    square = weights @ weights
    return 2 * (matrix @ weights - weights @ matrix @ weights / square * weights) / square


def strain(slope, sign, steps=1000):
    """How much the renormalised twin uses of what the claim computes from the other run, at most 1.

    The largest weight is brought to between 1 and 2 whatever the loss is.
    """
    rate, decay, momentum = 0.1, 0.02, 0.9
    root = growth_root(rate, decay, momentum)
    kappa = decay / (root - momentum)
    theta, b = np.array([0.9, -0.3, 0.6]), np.zeros(3)
    psi, v, now, norms, buffers, rows = theta, -kappa * theta, rate / root, [], [], []
    for t in range(steps):
        k = math.frexp(abs(psi).max())[1] - 1
        psi, v, now = psi * 2.0**-k, v * 2.0**k, now * 4.0**-k
        norms.append(abs(theta).max())
        buffers.append(abs(b).max())
        rows.append((abs(psi).max(), abs(v).max(), now))
        force = sign(t) * slope(theta)
        b = momentum * b + force + decay * theta
        theta = theta - rate * b
        v = momentum * v + sign(t) * slope(psi)
        psi, now = psi - now * v, now / root**2
    low, high, top = min(norms), max(norms), max(buffers)
    weights, stored, rates = np.array(rows).T
    assert (weights >= 1).all()
    assert (weights < 2).all()
    lowest, highest = rate / (root * high**2), 4 * rate / (root * low**2)
    return np.max([lowest / rates, rates / highest, stored / (high * (top + kappa * high))])


@pytest.mark.claim(FOREVER, by="float64")
def test_the_renormalised_twin_keeps_within_bounds_of_the_run_with_decay(measured):
    measured(strain(slope, lambda t: (-1) ** (t // 7)), allowed=1 + SLACK)


@pytest.mark.control(FOREVER, drops="scale-invariant-loss", instead="a quadratic loss")
def test_control_with_a_loss_that_sees_the_length_it_does_not(measured):
    measured(strain(lambda x: np.array([1.0, 0.3, 2.0]) * x, lambda t: 1), allowed=1 + SLACK)


@pytest.mark.claim(FOREVER, by="float64")  # logarithms are rounded; their whole part is not
@pytest.mark.parametrize("rate", [Fraction(1, 10), Fraction(1), Fraction(3)])
@pytest.mark.parametrize("root", [Fraction(9, 10), Fraction(1, 2), Fraction(99, 100)])
@pytest.mark.parametrize("largest", [Fraction(10), Fraction(10) ** 6])
def test_the_first_rate_that_overflows(measured, rate, root, largest):
    t = steps_until_overflow(float(rate), float(root), float(largest))
    first = next(t for t in count() if rate * root ** (-2 * t - 1) > largest)
    measured(abs(t - first), allowed=0)


def test_a_rate_that_is_too_large_already_overflows_at_once():
    assert steps_until_overflow(20.0, 0.9, 10.0) == 0
    assert steps_until_overflow(9.5, 0.9, 10.0) == 0


# ---------------------------------------------------------------------------------------------
# What renormalise does, and what it refuses.


def small():
    layer, norm = nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2, affine=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, -5.0, 0.5], [0.0, 1.0, 2.0]]))
        norm.running_mean.fill_(3.0)
        norm.running_var.fill_(7.0)
    optimizer = SGD(layer.parameters(), lr=0.5, momentum=0.9, weight_decay=0.25)
    layer.weight.grad = torch.ones(2, 3)
    optimizer.step()
    return layer, norm, optimizer


def test_everything_that_belongs_to_a_group_is_scaled_and_nothing_else():
    layer, norm, optimizer = small()
    weights, buffer = (
        layer.weight.detach().clone(),
        optimizer.state[layer.weight]["momentum_buffer"],
    )
    before = buffer.clone()
    assert 4 <= weights.abs().max() < 8
    assert balance(optimizer, [[norm]]) == [2]
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"], group["momentum"]) == (0.5 / 16, 4.0, 0.9)
    assert layer.weight.equal(weights / 4)
    assert buffer.equal(before * 4)
    assert norm.running_mean.equal(torch.full((2,), 0.75))
    assert norm.running_var.equal(torch.full((2,), 7 / 16))
    assert norm.eps == 1e-5 / 16
    assert layer.weight.grad.equal(torch.full((2, 3), 4.0))
    assert balance(optimizer, [[norm]]) == [0]
    renormalise(optimizer, [[norm]], [-2])
    assert layer.weight.equal(weights)


@pytest.mark.parametrize(
    ("largest", "exponent"), [(1.0, 0), (2.0, 1), (1.999, 0), (0.999, -1), (-8.0, 3)]
)
def test_the_largest_weight_comes_to_between_one_and_two(largest, exponent):
    parameters = [nn.Parameter(torch.tensor([0.01, largest])), nn.Parameter(torch.tensor([0.3]))]
    assert balance(SGD(parameters, lr=1.0), [[]]) == [exponent]
    assert 1 <= parameters[0].abs().max() < 2


def test_an_eps_is_kept_from_underflowing():
    layer, norm, optimizer = small()
    for k in (50, -50):
        renormalise(optimizer, [[norm]], [k])
    assert norm.eps == pytest.approx(1e-5)
    tiny = torch.finfo(torch.float32).tiny
    for _ in range(2):
        layer.weight.data *= 2.0**55
        norm.running_mean *= 2.0**55
        norm.running_var *= 4.0**55
        optimizer.state[layer.weight]["momentum_buffer"] *= 2.0**-55
        renormalise(optimizer, [[norm]], [55])
    assert norm.eps == tiny


def test_a_layer_norm_has_an_eps_and_no_statistics():
    _, _, optimizer = small()
    norm = nn.LayerNorm(2)
    renormalise(optimizer, [[norm]], [1])
    assert norm.eps == 1e-5 / 4


def settings(group):
    return {k: v for k, v in group.items() if k != "params"}


def refusal(optimizer, *arguments, match):
    groups = [settings(group) for group in optimizer.param_groups]
    weights = [p.detach().clone() for g in optimizer.param_groups for p in g["params"]]
    with pytest.raises(ValueError, match=match):
        renormalise(optimizer, *arguments)
    for group, old in zip(optimizer.param_groups, groups, strict=True):
        assert settings(group) == old
    after = [p for g in optimizer.param_groups for p in g["params"]]
    assert all(map(torch.equal, after, weights))


def test_what_it_is_not_exact_for_is_refused_with_the_reason_and_nothing_is_changed():
    layer, norm, optimizer = small()

    class Own(SGD):
        pass

    for kind in (Adam, Own):
        other = kind(layer.parameters(), lr=0.1)
        refusal(other, [[]], [1], match=f"{kind.__name__} is not torch.optim.SGD")
    affine = nn.BatchNorm1d(2)
    joint = SGD([*layer.parameters(), *affine.parameters()], lr=0.1)
    refusal(joint, [[affine]], [1], match="group 0: BatchNorm1d's own weight or bias is trained in")
    refusal(optimizer, [[nn.ReLU()]], [1], match="group 0: ReLU has no eps")
    refusal(optimizer, [[nn.RMSNorm(2)]], [1], match="group 0: RMSNorm has no eps of its own")
    for modules, exponents in [([[], []], [1]), ([[]], [1, 2]), ([], [])]:
        refusal(optimizer, modules, exponents, match="1 groups: each needs one list of normalisers")
    words = r"group 0: a (weight|gradient|running variance) times 2\^140 leaves the range"
    refusal(optimizer, [[norm]], [-140], match=words)
    refusal(optimizer, [[norm]], [140], match=r"group 0: a weight times 2\^-140 leaves the range")
    refusal(optimizer, [[norm, norm]], [1], match="group 0: BatchNorm1d is listed twice")
    ExponentialLR(optimizer, 1.01)
    refusal(optimizer, [[norm]], [1], match="group 0: its rate is set by a scheduler")
    assert "renormalise_exponent" not in dict(norm.named_buffers())


@pytest.mark.parametrize(
    ("bad", "word"), [(0.0, "0.0"), (math.inf, "inf"), (math.nan, "nan"), ([], "0.0")]
)
def test_a_group_without_a_largest_weight_has_no_exponent(bad, word):
    parameter = nn.Parameter(torch.tensor(bad if bad == [] else [bad, bad]))
    with pytest.raises(ValueError, match=f"the largest weight of a group is {word}: it cannot"):
        balancing_exponent(SGD([parameter], lr=0.1).param_groups[0])


def test_a_refusal_names_the_group_and_leaves_the_ones_before_it():
    first, second = nn.Parameter(torch.tensor([4.0])), nn.Parameter(torch.tensor([1.0]))
    optimizer = SGD([{"params": [first]}, {"params": [second]}], lr=0.1)
    refusal(optimizer, [[], [nn.ReLU()]], [1, 1], match="group 1: ReLU has no eps")
    refusal(optimizer, [[], []], [2, 150], match="group 1: a weight times 2")
    shared = nn.BatchNorm1d(1)
    refusal(optimizer, [[shared], [shared]], [2, 2], match="group 1: BatchNorm1d is listed twice")
    # groups may have the normaliser of one another's weights, if those have their own factor
    affine = nn.BatchNorm1d(1)
    optimizer = SGD([{"params": [first]}, {"params": affine.parameters()}], lr=0.1)
    renormalise(optimizer, [[affine], []], [2, 0])
    assert affine.weight == 1


ALL_DIGITS = 2 - 2.0**-23  # of float32: below the smallest normal number some are lost


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gradient", 2.0**120),
        ("buffer", 2.0**120),
        ("running mean", ALL_DIGITS * 2.0**-120),
        ("running variance", ALL_DIGITS * 2.0**-120),
    ],
)
def test_each_number_that_would_leave_its_range_is_named(name, value):
    layer, norm, optimizer = small()
    places = {
        "gradient": layer.weight.grad,
        "buffer": optimizer.state[layer.weight]["momentum_buffer"],
        "running mean": norm.running_mean,
        "running variance": norm.running_var,
    }
    renormalise(optimizer, [[norm]], [20])
    places[name].fill_(value)
    refusal(optimizer, [[norm]], [20], match=rf"group 0: a {name} times 2\^-?\d0 leaves the range")


@pytest.mark.parametrize("name", ["lr", "weight_decay"])
def test_a_setting_that_would_leave_its_range_is_refused(name):
    optimizer = SGD([nn.Parameter(torch.zeros(2))], lr=1e-300, weight_decay=1e300)
    optimizer.param_groups[0]["weight_decay" if name == "lr" else "lr"] = 0.0
    renormalise(optimizer, [[]], [10])
    refusal(optimizer, [[]], [20], match=rf"group 0: {name} times 2\^-?40 leaves the range")


def test_a_setting_may_come_to_the_smallest_normal_number_and_no_further():
    optimizer = SGD([nn.Parameter(torch.zeros(2))], lr=4 * torch.finfo(torch.float64).tiny)
    renormalise(optimizer, [[]], [1])
    refusal(optimizer, [[]], [1], match=r"group 0: lr times 2\^-2 leaves the range")
    tensor = torch.tensor(torch.finfo(torch.float32).tiny)
    optimizer = SGD([nn.Parameter(torch.zeros(2))], lr=tensor, foreach=False)
    refusal(optimizer, [[]], [20], match=r"group 0: lr times 2\^-40 leaves the range")
    zeros = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    for k in (500, -500):
        renormalise(SGD([zeros], lr=0.0), [[]], [k])


def test_a_scale_that_would_leave_its_range_is_refused():
    _, norm, optimizer = small()
    optimizer.param_groups[0]["twin"] = {"scale": 1e305}
    refusal(optimizer, [[norm]], [20], match=r"group 0: scale times 2\^20 leaves the range")


def test_an_exponent_is_a_whole_number():
    _, norm, optimizer = small()
    # as it is called where nothing checks types, as the tests do
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        inspect.unwrap(renormalise)(optimizer, [[norm]], [0.5])
    refusal(optimizer, [[norm]], [501], match=r"group 0: 2\^501 leaves the range of all floats")
    refusal(optimizer, [[norm]], [-501], match=r"group 0: 2\^-501 leaves the range of all floats")


def test_numbers_that_groups_share_are_multiplied_once():
    rate, decay = torch.tensor(0.5), torch.tensor(0.25)
    parameters = [nn.Parameter(torch.tensor([4.0, 1.0])) for _ in range(2)]
    groups = [{"params": [p]} for p in parameters]
    optimizer = SGD(groups, lr=rate, weight_decay=decay, foreach=False)
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]
    renormalise(optimizer, [[], []], [1, 2])
    assert [float(g["lr"]) for g in optimizer.param_groups] == [0.5 / 4, 0.5 / 16]
    assert [float(g["weight_decay"]) for g in optimizer.param_groups] == [1, 4]
    assert (rate, decay) == (0.5, 0.25)


def test_gradients_that_are_being_accumulated_go_along_and_overflowed_ones_are_no_obstacle():
    plain, divided = small(), small()
    for layer, norm, optimizer in (plain, divided):
        layer.weight.grad = torch.full((2, 3), 0.5)  # of the first half of a batch
        if layer is divided[0]:
            renormalise(optimizer, [[norm]], [3])
        layer.weight.grad += (8 if layer is divided[0] else 1) * torch.ones(2, 3)
        optimizer.step()
    assert (divided[0].weight * 8).equal(plain[0].weight)
    divided[0].weight.grad[0, 0] = math.inf
    divided[0].weight.grad[1, 0] = math.nan
    renormalise(divided[2], [[divided[1]]], [1])
    assert divided[0].weight.grad[0, 0] == math.inf
    assert divided[0].weight.grad[1, 0].isnan()
    assert divided[0].weight.grad[0, 1] == 24


def test_half_precision_is_refused_where_it_would_lose_digits():
    weights = nn.Parameter(torch.tensor([1.0, 2.0**-14 * 1.5], dtype=torch.float16))
    optimizer = SGD([weights], lr=0.1)
    renormalise(optimizer, [[]], [-3])
    weights.data /= 8
    weights.data[1] += 2.0**-24
    refusal(optimizer, [[]], [3], match="a weight times 2")


# Every kind of normaliser.


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm1d(4, affine=False, momentum=None),
        nn.BatchNorm1d(4, affine=False, track_running_stats=False),
        nn.SyncBatchNorm(4, affine=False),
        nn.LayerNorm(4),
        nn.LayerNorm(4, elementwise_affine=False),
        nn.GroupNorm(2, 4),
        nn.RMSNorm(4, eps=1e-5),
        nn.InstanceNorm1d(4, track_running_stats=True),
        nn.InstanceNorm1d(4),
    ],
    ids=lambda norm: str(norm)[:60],
)
def test_behind_the_layer_each_kind_gives_the_same_outputs_and_statistics(norm):
    inputs = torch.randn(8, 4, 4, generator=torch.Generator().manual_seed(0)) / 100
    if isinstance(norm, nn.LayerNorm | nn.RMSNorm | nn.BatchNorm1d | nn.SyncBatchNorm):
        inputs = inputs[0]
    plain, divided = (nn.Sequential(nn.Linear(4, 4, bias=False), deepcopy(norm)) for _ in range(2))
    divided[0].load_state_dict(plain[0].state_dict())
    optimizer = SGD(divided[0].parameters(), lr=0.1)
    for _ in range(2):
        assert plain(inputs).equal(divided(inputs))
        renormalise(optimizer, [[divided[1]]], [3])
    assert plain(inputs).equal(divided(inputs))
    assert plain.eval()(inputs).equal(divided.eval()(inputs))
    expected = plain(inputs)
    divided[1].eps = plain[1].eps  # the ε that it had
    assert (expected - divided(inputs)).abs().max() > VISIBLE * expected.abs().max()


# What is saved.


def renormalised():
    model = Net(eps=1e-2)
    optimizer = optimizer_for(model)
    train(model, optimizer, 4)
    renormalise(optimizer, [[n] for n in model.norms], [5, -2])
    return model, optimizer


def prepared():
    model = Net(eps=1e-2)
    carry_eps(model.norms)
    return model


def resumed(model, optimizer, tmp_path):
    """Load a run from a file into a model that is built anew; return both."""
    torch.save([model.state_dict(), optimizer.state_dict()], tmp_path / "run.pt")
    states = torch.load(tmp_path / "run.pt", weights_only=True)
    other = prepared()
    its_optimizer = optimizer_for(other)
    other.load_state_dict(states[0])
    its_optimizer.load_state_dict(states[1])
    return other, its_optimizer


def test_a_model_that_is_built_anew_refuses_the_state_until_it_is_told(tmp_path):
    model, optimizer = renormalised()
    fresh = Net(eps=1e-2)
    with pytest.raises(RuntimeError, match="renormalise_exponent"):
        fresh.load_state_dict(model.state_dict())
    other, its_optimizer = resumed(model, optimizer, tmp_path)
    assert [n.eps for n in other.norms] == [1e-2 / 4**5, 1e-2 * 4**2]
    assert evaluated(other).equal(evaluated(model))
    for net in (other, model):
        net.train()
    assert train(other, its_optimizer, 4, 4) == train(model, optimizer, 4, 4)


def test_an_eps_that_was_not_loaded_is_noticed_the_next_time(tmp_path):
    model, optimizer = renormalised()
    fresh = Net(eps=1e-2)
    its_optimizer = optimizer_for(fresh)
    fresh.load_state_dict(model.state_dict(), strict=False)
    its_optimizer.load_state_dict(optimizer.state_dict())
    weights = [p.detach().clone() for p in fresh.parameters()]
    with pytest.raises(ValueError, match=r"group 0: .* 2\^0 and 2\^5: its ε was not loaded"):
        renormalise(its_optimizer, [[n] for n in fresh.norms], [1, 1])
    assert all(p.equal(w) for p, w in zip(fresh.parameters(), weights, strict=True))
    other, its_optimizer = resumed(model, optimizer, tmp_path)  # as it should be
    renormalise(its_optimizer, [[n] for n in other.norms], [1, 1])
    assert [g["renormalise_exponent"] for g in its_optimizer.param_groups] == [6, -1]
    anew = optimizer_for(other)  # which knows of no power, and takes the weights as they are
    renormalise(anew, [[n] for n in other.norms], [1, 1])
    renormalise(anew, [[n] for n in other.norms], [1, 1])
    assert [int(n.renormalise_exponent) for n in other.norms] == [8, 1]


def test_control_with_the_eps_as_built_the_loaded_model_is_another():
    model, _ = renormalised()
    other = prepared()
    other.load_state_dict(model.state_dict())
    for norm in other.norms:
        norm.eps = 1e-2
    assert farthest(evaluated(other), evaluated(model)) > VISIBLE


def test_a_state_from_before_is_loaded_as_it_is_and_rolls_the_eps_back():
    model = Net(eps=1e-2)
    optimizer = optimizer_for(model)
    train(model, optimizer, 4)
    states = deepcopy(model.state_dict()), deepcopy(optimizer.state_dict())
    expected = train(model, optimizer, 4, 4)
    for exponents in ([5, -2], [1, 1]):
        renormalise(optimizer, [[n] for n in model.norms], exponents)
    assert [int(n.renormalise_exponent) for n in model.norms] == [6, -1]
    model.load_state_dict(states[0])
    optimizer.load_state_dict(states[1])
    assert [n.eps for n in model.norms] == [1e-2, 1e-2]
    assert train(model, optimizer, 4, 4) == expected


def test_one_normaliser_may_be_told_before_another():
    model = Net(eps=1e-2)
    carry_eps(model.norms[:1])
    carry_eps(model.norms)
    assert [int(n.renormalise_exponent) for n in model.norms] == [0, 0]


def test_a_copy_of_the_model_restores_its_own_eps():
    model, optimizer = renormalised()
    copy, its_optimizer = deepcopy((model, optimizer))
    before = deepcopy(model.state_dict())
    renormalise(its_optimizer, [[n] for n in copy.norms], [1, 1])
    assert [n.eps for n in model.norms] == [1e-2 / 4**5, 1e-2 * 4**2]
    assert evaluated(copy).equal(evaluated(model))
    copy.load_state_dict(before)
    assert [n.eps for n in copy.norms] == [n.eps for n in model.norms]
    assert copy.norms[0].eps_as_built == 1e-2


def test_half_precision_does_not_round_what_is_saved():
    model, _ = renormalised()
    assert prepared().half().norms[0].renormalise_exponent.dtype == torch.int64
    other = prepared().half()
    other.load_state_dict(model.half().state_dict())
    assert other.norms[0].eps == 1e-2 / 4**5


def test_a_tiny_eps_is_not_lengthened_and_one_that_would_underflow_comes_back():
    norm = nn.LayerNorm(2, eps=1e-100, elementwise_affine=False)
    optimizer = SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    renormalise(optimizer, [[norm]], [4])
    assert norm.eps == 1e-100
    norm = nn.LayerNorm(2, elementwise_affine=False)
    optimizer = SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    for k, eps in [(40, 1e-5 / 4**40), (25, torch.finfo(torch.float32).tiny), (-65, 1e-5)]:
        renormalise(optimizer, [[norm]], [k])
        assert norm.eps == eps
    double = nn.LayerNorm(2).double()
    renormalise(SGD([nn.Parameter(torch.ones(1))], lr=1.0), [[double]], [65])
    assert double.eps == 1e-5 / 4**65


# Twins, whose rates follow a scale.


def twin_run(change=None, steps=24):
    model = Net()
    optimizer = optimizer_for(model, weight_decay=0.0)
    scheduler = TEXP(optimizer, 5e-3, [10, 18])
    losses = []
    for step in range(steps):
        losses += train(model, optimizer, 1, step)
        scheduler.step()
        if change and step in (5, 12):
            change(model, optimizer)
    return losses


def test_a_run_under_texp_is_divided_bit_for_bit_across_its_milestones():
    assert twin_run() == twin_run(by_powers(3, -2))


def test_control_weights_that_are_divided_without_their_scale_are_another_run():
    def divide(model, optimizer):
        twins = [group["twin"] for group in optimizer.param_groups]
        by_powers(3, -2)(model, optimizer)
        for group, twin in zip(optimizer.param_groups, twins, strict=True):
            group["twin"] = twin

    assert farthest(twin_run(), twin_run(divide)) > VISIBLE


def test_of_a_twin_the_scale_and_the_push_are_multiplied_and_nothing_else():
    _, norm, optimizer = small()
    (group,) = optimizer.param_groups
    group["twin"] = {"scale": 0.75, "push": -0.5, "taken": 7}
    group["initial_lr"] = 0.5
    before = settings(group)
    renormalise(optimizer, [[norm]], [3])
    after = {"twin": {"scale": 6.0, "push": -4.0, "taken": 7}, "renormalise_exponent": 3}
    assert settings(group) == {**before, **after}
    assert before["twin"]["scale"] == 0.75  # whoever holds the old one keeps it


def followed(change=None, steps=24):
    """The twin of a run under a schedule, with a change after two of its steps."""
    model = Net()
    old = optimizer_for(model)
    scheduler = CosineAnnealingLR(old, 30)
    twin = without_weight_decay(old)
    losses = []
    for step in range(steps):
        losses += train(model, twin, 1, step)
        scheduler.step()
        if change and step in (5, 12):
            change(model, twin)
    return losses, [g["twin"]["scale"] for g in twin.param_groups]


def test_the_twin_of_any_schedule_is_divided_bit_for_bit():
    plain, scales = followed()
    divided, others = followed(by_powers(1, 2))
    assert plain == divided
    assert others != scales
    assert all(math.frexp(a)[0] == math.frexp(b)[0] for a, b in zip(scales, others, strict=True))


def test_what_a_twin_would_take_back_without_the_eps_is_refused():
    model = Net()
    twin = without_weight_decay(optimizer_for(model))
    train(model, twin, 3)
    norms = [[n] for n in model.norms]
    refusal(twin, norms, [0, -1], match=r"group 1: its twin keeps c = 0\.\d+ from falling below ½")
    renormalise(twin, norms, [0, 1])
    renormalise(twin, norms, [0, -1])  # c is as before
    fresh = without_weight_decay(optimizer_for(Net()))
    renormalise(fresh, [[], []], [-1, 0])  # c is ½
    refusal(fresh, [[], []], [-1, 0], match="group 0: its twin keeps c = 0.5 from falling below ½")


def test_a_twin_of_adamw_is_refused():
    twin = stock_adam(AdamW([nn.Parameter(torch.ones(2))], lr=0.1))
    refusal(twin, [[]], [1], match="is not torch.optim.SGD itself")


def test_parameters_that_are_not_trained_are_refused_where_their_group_is_divided():
    weights, frozen = nn.Parameter(torch.tensor([4.0])), nn.Parameter(torch.tensor([1.0]))
    frozen.requires_grad = False
    optimizer = SGD([weights, frozen], lr=0.1)
    refusal(optimizer, [[]], [1], match="group 0: some of its parameters are not trained")
    renormalise(optimizer, [[]], [0])
    frozen.requires_grad = True
    optimizer.param_groups[0]["twin"] = {"scale": 1.0, "taking": [True, False]}
    refusal(optimizer, [[]], [1], match="group 0: some of its parameters are not trained")
    optimizer.param_groups[0]["twin"] = {"scale": 1.0, "taking": []}
    renormalise(optimizer, [[]], [1])
