"""Which gradient keeps the norm, and what does clipping a little above it do?"""

import math
from fractions import Fraction

import pytest
import sympy
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from snippets.clipping_threshold import (
    clip_grad_norm_of_twin,
    clipping_threshold,
    keeping_gradient,
    step_factor,
)
from snippets.stock_adam import stock_adam
from snippets.texp import TEXP
from snippets.without_weight_decay import without_weight_decay

CLIP = "clipping-threshold-is-the-equilibrium-gradient"
ROUNDING = 1e-12  # float64, a dozen operations on numbers of size one
GROWTH = 0.05  # of the squared norm, where at ηλ = 1/100 a clipped step adds a ten-thousandth
ETA, LAM, NORM, G = sympy.symbols("eta lambda norm G", positive=True)


def turned(theta, length):
    """A gradient of that length, orthogonal to weights in the plane."""
    size = sum(x * x for x in theta) ** 0.5
    return [-theta[1] * length / size, theta[0] * length / size]


def growth(theta, step, rate, decay):
    """‖θ′‖²/‖θ‖² if the step takes that much off the weights, besides decay."""
    after = [(1 - rate * decay) * x - rate * y for x, y in zip(theta, step, strict=True)]
    return sum(x * x for x in after) / sum(x * x for x in theta)


@pytest.mark.claim(CLIP, by="certificate of a step")
def test_a_step_multiplies_the_squared_norm_by_the_factor(measured):
    x, y = sympy.symbols("x y", positive=True)
    theta, size = [x, y], sympy.sqrt(x**2 + y**2)
    g = [-y * G / size, x * G / size]
    slope = sympy.diff(step_factor(ETA, LAM, NORM, G), G)
    rests = [
        growth(theta, g, ETA, LAM) - step_factor(ETA, LAM, size, G),
        slope - 2 * ETA**2 * G / NORM**2,  # a longer gradient makes more
    ]
    measured(sum(sympy.simplify(rest) != 0 for rest in rests), allowed=0)


@pytest.mark.claim(CLIP, by="certificate of a step")
def test_one_gradient_keeps_the_norm_and_the_threshold_grows_it_by_the_square(measured):
    half = Fraction(1, 2)
    keeping = sympy.sqrt(LAM * (2 - ETA * LAM) / ETA) * NORM
    threshold = sympy.sqrt(2 * LAM / ETA) * NORM
    at_threshold = step_factor(ETA, LAM, NORM, threshold)
    share = sympy.symbols("share", positive=True)  # ηλ
    factor = (threshold / keeping).subs(LAM, share / ETA)
    series = sympy.series((1 - share * half) ** -half, share, 0, 2).removeO()
    rests = [
        sympy.nsimplify(keeping_gradient(ETA, LAM, NORM) / keeping) - 1,
        sympy.nsimplify(clipping_threshold(ETA, LAM, NORM) / threshold) - 1,
        sympy.simplify(step_factor(ETA, LAM, NORM, keeping)) - 1,
        sympy.simplify(at_threshold - 1 - (ETA * LAM) ** 2),
        sympy.simplify(factor**2 - 1 / (1 - share * half)),
        sympy.nsimplify(series - 1 - share / 4),
    ]
    measured(sum(rest != 0 for rest in rests), allowed=0)


def excess(factor, rate, decay):
    """By how much a step multiplies the squared norm beyond what a clipped one may."""
    return max(factor - 1 - (rate * decay) ** 2, 0)


@pytest.mark.claim(CLIP, by="float64")
@pytest.mark.parametrize("decay", [0.01, 0.5, 2.0, 3.9])  # at the rate 0.5
def test_longer_gradients_lengthen_shorter_ones_shorten_and_clipped_ones_hardly(measured, decay):
    theta, rate = [3.0, -4.0], 0.5
    keeping, threshold = (f(rate, decay, 5.0) for f in (keeping_gradient, clipping_threshold))
    assert threshold > keeping  # so that nothing in equilibrium is clipped
    for share in (0.1, 0.9, 0.999, 1.001, 1.1, 30):
        found = growth(theta, turned(theta, share * keeping), rate, decay)
        measured((found > 1) is not (share > 1), allowed=0)
        clipped = growth(theta, turned(theta, min(share * keeping, threshold)), rate, decay)
        measured(excess(clipped, rate, decay), allowed=ROUNDING)
    kept = growth(theta, turned(theta, keeping), rate, decay)
    measured(abs(kept - 1), allowed=ROUNDING)


@pytest.mark.control(
    CLIP, drops="scale-invariant-loss", instead="gradients along the weights, outward and inward"
)
def test_control_along_the_weights_a_short_gradient_lengthens_and_a_long_one_shortens(measured):
    theta, rate, decay = [3.0, -4.0], 0.5, 0.02
    keeping, threshold = (f(rate, decay, 5.0) for f in (keeping_gradient, clipping_threshold))
    outward = [-x / 5 for x in theta]
    lengthened = growth(theta, [0.6 * keeping * x for x in outward], rate, decay)
    measured(max(lengthened - 1, 0), allowed=GROWTH)
    shortened = growth(theta, [-1.5 * keeping * x for x in outward], rate, decay)
    measured(max(1 - shortened, 0), allowed=4 * GROWTH)
    clipped = growth(theta, [threshold * x for x in outward], rate, decay)
    measured(excess(clipped, rate, decay), allowed=GROWTH)


@pytest.mark.control(CLIP, drops="^range", instead="ηλ = 5/2")
def test_control_with_too_much_decay_no_gradient_keeps_the_norm(measured):
    for decay in (Fraction(4), Fraction(5)):  # at the rate 1/2
        shortest = step_factor(Fraction(1, 2), decay, 1, 0)
        assert shortest >= 1
        assert keeping_gradient(0.5, 4.0, 1.0) == 0
    shortest = step_factor(Fraction(1, 2), Fraction(5), 1, 0)  # without a gradient weights shrink
    assert shortest == Fraction(9, 4)
    measured(shortest - 1, allowed=GROWTH)


def test_it_takes_many_clipped_steps_to_grow_by_e():
    for share in (0.01, 0.3, 1.9):  # ηλ
        steps = int(1 / share**2)
        assert (1 + share**2) ** steps < math.e
    assert (1 + 0.01**2) ** (int(1 / 0.01**2) + 2) > math.e  # and hardly more than that
    assert step_factor(1.0, 1.9, 1.0, clipping_threshold(1.0, 1.9, 1.0)) > math.e  # ηλ is not small


def test_clipping_all_blocks_together_a_single_one_may_grow_by_more():
    rate, decay = 0.5, 0.02
    blocks = [3.0, 0.0], [0.0, 0.1]
    together = math.hypot(3.0, 0.1)
    g = turned(blocks[1], clipping_threshold(rate, decay, together))  # the other's is zero
    found = growth(blocks[1], g, rate, decay)
    assert excess(found, rate, decay) > 10
    kept = growth(blocks[0], [0.0, 0.0], rate, decay)
    total = (kept * 9 + found * 0.01) / together**2
    assert total == pytest.approx(1 + (rate * decay) ** 2)


@pytest.mark.control(
    CLIP, drops="^no-momentum", instead="a buffer that holds ten gradients of that length besides"
)
def test_control_with_momentum_clipped_gradients_may_lengthen_a_lot(measured):
    theta, rate, decay = [3.0, -4.0], 0.5, 0.02
    g = turned(theta, clipping_threshold(rate, decay, 5.0))
    buffer = [10 * x for x in g]  # of ten such gradients, hardly forgotten
    after = growth(theta, [x + y for x, y in zip(buffer, g, strict=True)], rate, decay)
    measured(excess(after, rate, decay), allowed=GROWTH)


# Clipping in a run without decay.

DECAYS, MAX_NORM = [0.05, 0.5], 0.5
inputs = torch.randn(32, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 12, bias=False),
        nn.BatchNorm1d(12, eps=1e-100, affine=False),
        nn.Tanh(),
        nn.Linear(12, 2, bias=False),
        nn.BatchNorm1d(2, eps=1e-100, affine=False),
    ).double()


def optimizer_for(net, decays=(0.0, 0.0)):
    groups = [
        {"params": net[i].parameters(), "weight_decay": decay}
        for i, decay in zip((0, 3), decays, strict=True)
    ]
    return SGD(groups, lr=0.04, momentum=0.5)


def train(net, optimizer, scheduler, clip, steps=25):
    """Train on gradients that are clipped; return the outputs, and the norms before clipping."""
    outputs, norms = [], []
    for _ in range(steps):
        optimizer.zero_grad()
        outputs.append(net(inputs))
        nn.functional.cross_entropy(outputs[-1], labels).backward()
        norms.append(clip(net, optimizer))
        optimizer.step()
        scheduler.step()
    return torch.stack(outputs).detach(), torch.stack(norms)


def plain_clip(net, optimizer):
    return clip_grad_norm_(net.parameters(), MAX_NORM)


def twin_clip(net, optimizer):
    return clip_grad_norm_of_twin(optimizer, MAX_NORM)


def with_decay(clip=plain_clip):
    net = network()
    optimizer = optimizer_for(net, DECAYS)
    return train(net, optimizer, MultiStepLR(optimizer, [8, 16], 0.5), clip)


def under_texp(clip):
    net = network()
    optimizer = optimizer_for(net)
    return train(net, optimizer, TEXP(optimizer, DECAYS, [8, 16], 0.5), clip)


def followed(kind, convert, clip, decays=DECAYS):
    """A run whose optimizer is converted, if at all, while a schedule goes on."""
    net = network()
    options = {"momentum": 0.5} if kind is SGD else {}
    groups = [
        {"params": net[i].parameters(), "weight_decay": decay}
        for i, decay in zip((0, 3), decays, strict=True)
    ]
    optimizer = kind(groups, lr=0.04, **options)
    return train(net, convert(optimizer), CosineAnnealingLR(optimizer, 30), clip)


def is_clipped_as_torch_does(with_decay, twins, other):
    outputs, norms = with_decay
    share = (norms > MAX_NORM).double().mean()
    assert 0.2 < share < 0.95  # some are clipped, and some are not
    assert (twins[1] - norms).abs().max() < ROUNDING
    assert (twins[0] - outputs).abs().max() < ROUNDING
    assert (other[0] - outputs).abs().max() > GROWTH


def test_under_texp_gradients_are_clipped_as_torch_clips_those_with_decay():
    is_clipped_as_torch_does(with_decay(), under_texp(twin_clip), under_texp(plain_clip))


@pytest.mark.parametrize(("kind", "convert"), [(SGD, without_weight_decay), (AdamW, stock_adam)])
def test_the_gradients_of_a_twin_are_clipped_as_torch_clips_those_with_decay(kind, convert):
    runs = [
        followed(kind, how, clip)
        for how, clip in [(lambda o: o, plain_clip), (convert, twin_clip), (convert, plain_clip)]
    ]
    is_clipped_as_torch_does(*runs)


def test_gradients_below_the_threshold_stay_and_missing_ones_are_no_obstacle():
    weights = [nn.Parameter(torch.ones(2)) for _ in range(3)]
    optimizer = SGD([{"params": weights[:2]}, {"params": weights[2:]}], lr=1.0)
    for group, scale in zip(optimizer.param_groups, (0.5, 0.25), strict=True):
        group["twin"] = {"scale": scale}
    assert clip_grad_norm_of_twin(optimizer, 1.0) == 0
    weights[0].grad, weights[2].grad = torch.tensor([0.0, 1.5]), torch.tensor([1.0, 0.0])
    assert clip_grad_norm_of_twin(optimizer, 5.1) == 5  # √(3² + 4²)
    assert weights[0].grad.equal(torch.tensor([0.0, 1.5]))
    assert clip_grad_norm_of_twin(optimizer, 2.5) == 5
    assert weights[0].grad[1].item() == pytest.approx(0.75, rel=1e-6)
    assert weights[2].grad[0].item() == pytest.approx(0.5, rel=1e-6)
    assert weights[1].grad is None


def test_an_optimizer_that_is_no_twin_is_refused():
    weights = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimizer = SGD([{"params": [w]} for w in weights], lr=1.0)
    optimizer.param_groups[0]["twin"] = {"scale": 0.5}
    weights[0].grad = torch.full((2,), 9.0)
    with pytest.raises(ValueError, match="SGD is no twin of a run with decay; use torch"):
        clip_grad_norm_of_twin(optimizer, 1.0)
    assert weights[0].grad.equal(torch.full((2,), 9.0))
