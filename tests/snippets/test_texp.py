"""Are step decay with weight decay and TEXP the same run, and does the scheduler make it one?"""

import functools
from copy import deepcopy
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CyclicLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from snippets.exponential_lr import growth_root, sgd_step
from snippets.renormalise import balancing_exponent, renormalise
from snippets.scalar_run import scalar_run
from snippets.texp import TEXP, decay_share, scale, texp_rate
from tests.snippets.rational_losses import completed_slope, plain_slope, ratio_slope

THEOREM = "step-decay-is-tapered-exponential"
COROLLARY = "texp-without-drops-divides-the-decay"
MARGIN = Fraction(1, 1000)  # of the weights, of which rational numbers lose nothing

# ---------------------------------------------------------------------------------------------
# Exactly. A root is chosen and the rate computed from it: ηλ = (1 − α)(α − γ)/α.

MOMENTUM, DECAY = Fraction(1, 2), Fraction(2, 15)
STARTS = [0, 2, 3]
STEPS = 5
ROOTS = {  # of the three phases; either root of a quadratic will do
    "larger": [Fraction(9, 10), Fraction(19, 20), Fraction(99, 100)],
    "mixed": [Fraction(5, 9), Fraction(19, 20), MOMENTUM / Fraction(99, 100)],
}
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
ZERO = 0 * START
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])

any_roots = pytest.mark.parametrize("roots", ROOTS.values(), ids=ROOTS)
both_buffers = pytest.mark.parametrize("buffer", [ZERO, RUNNING], ids=["zero", "running"])


def rate_of(root, decay=DECAY, momentum=MOMENTUM):
    return (1 - root) * (root - momentum) / root / decay


def decayed_run(rates, decays, buffer, slope=ratio_slope):
    weights, path = START, [START]
    for t in range(STEPS):
        phase = sum(start <= t for start in STARTS) - 1
        given = slope(t, weights), rates[phase], decays[phase], MOMENTUM
        weights, buffer = sgd_step(weights, buffer, *given)
        path.append(weights)
    return path


def tapered_run(rate, roots, shares, buffer, slope=ratio_slope, seeded=True, corrected=True):
    """SGD without decay at rate(t), with the theorem's operations on the buffer."""
    weights, path = START, [START]
    for t in range(STEPS):
        if t == 0 and seeded:
            buffer = buffer - shares[0] * weights
        if t in STARTS[1:] and corrected:
            phase = STARTS.index(t)
            change = scale(t, STARTS, roots) ** 2 * (shares[phase - 1] - shares[phase])
            buffer = buffer + change * weights
        weights, buffer = sgd_step(weights, buffer, slope(t, weights), rate(t), 0, MOMENTUM)
        path.append(weights)
    return path


def gap(decayed, roots, twin):
    """The largest share by which a coordinate of Pₜφₜ is off θₜ."""
    scales = [scale(t, STARTS, roots) for t in range(STEPS + 1)]
    triples = zip(decayed, scales, twin, strict=True)
    return max(abs(c * phi - theta).max() / (abs(theta).max() or 1) for theta, c, phi in triples)


def exact_gap(roots, buffer, rate=None, **others):
    rates = [rate_of(root) for root in roots]
    shares = [decay_share(DECAY, MOMENTUM, root) for root in roots]
    slope = others.get("slope", ratio_slope)
    decayed = decayed_run(rates, [DECAY] * 3, buffer, slope)
    rate = rate or (lambda t: texp_rate(t, STARTS, rates, roots))
    return gap(decayed, roots, tapered_run(rate, roots, shares, buffer, **others))


@pytest.mark.claim(THEOREM, by="exact")
@any_roots
@both_buffers
def test_in_rational_numbers_the_two_runs_agree_exactly_through_three_phases(
    measured, roots, buffer
):
    measured(exact_gap(roots, buffer), allowed=0)


@pytest.mark.control(THEOREM, drops="scale-invariant-loss", instead="a loss of degree two")
@any_roots
def test_control_a_loss_that_sees_the_length_parts_them(measured, roots):
    measured(exact_gap(roots, RUNNING, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^seed", instead="the buffer of the run with decay, unseeded")
@any_roots
def test_control_without_the_seed_they_part(measured, roots):
    measured(exact_gap(roots, RUNNING, seeded=False), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^correction", instead="a buffer left alone at both boundaries")
@any_roots
def test_control_without_the_corrections_they_part(measured, roots):
    measured(exact_gap(roots, RUNNING, corrected=False), allowed=MARGIN)


def other_rate(roots, boundary, growth=lambda before, now: now**-2):
    """Rates by recursion, with another change at the boundaries or another growth within phases."""
    rates = [rate_of(root) for root in roots]
    found = [rates[0] / roots[0]]
    for t in range(1, STEPS):
        phase = sum(start <= t for start in STARTS) - 1
        before, now = roots[max(phase - 1, 0)], roots[phase]
        if t in STARTS:
            factor = rates[phase] / rates[phase - 1] * boundary(before, now)
        else:
            factor = growth(before, now)
        found.append(found[-1] * factor)
    return lambda t: found[t]


@pytest.mark.claim(THEOREM, by="exact")
@any_roots
def test_the_rates_grow_and_change_as_the_theorem_says(measured, roots):
    rates = [rate_of(root) for root in roots]
    said = other_rate(roots, lambda before, now: 1 / (before * now))
    for t in range(STEPS):
        measured(abs(texp_rate(t, STARTS, rates, roots) - said(t)), allowed=0)


@pytest.mark.control(
    THEOREM, drops="^boundary", instead="the drop alone, or with the growth of one phase"
)
@any_roots
@pytest.mark.parametrize(
    "factor",
    [lambda before, now: 1, lambda before, now: before**-2, lambda before, now: now**-2],
    ids=["drop alone", "old growth", "new growth"],
)
def test_control_with_another_factor_at_the_boundary_they_part(measured, roots, factor):
    measured(exact_gap(roots, RUNNING, other_rate(roots, factor)), allowed=MARGIN)


@pytest.mark.control(
    THEOREM, drops="^growth", instead="no growth, half of it, or that of the phase before"
)
@any_roots
@pytest.mark.parametrize(
    "growth",
    [lambda before, now: 1, lambda before, now: 1 / now, lambda before, now: before**-2],
    ids=["none", "root", "that of the phase before"],
)
def test_control_with_another_growth_they_part(measured, roots, growth):
    rate = other_rate(roots, lambda before, now: 1 / (before * now), growth)
    measured(exact_gap(roots, RUNNING, rate), allowed=MARGIN)


@pytest.mark.control(
    THEOREM, drops="^real-roots", instead="complex roots; their real part or modulus is taken"
)
def test_control_in_a_phase_without_real_roots_no_number_near_them_serves(measured):
    rates = [rate_of(Fraction(9, 10)), Fraction(5, 4), Fraction(1, 10)]
    assert rates[1] * DECAY > (1 - Fraction(70710, 100000)) ** 2  # (1 − √γ)²
    real_part = (1 + MOMENTUM - rates[1] * DECAY) / 2
    for root in (real_part, Fraction(7071, 10000)):  # the real part of the roots, their modulus
        roots = [Fraction(9, 10), root, Fraction(99, 100)]
        shares = [decay_share(DECAY, MOMENTUM, a) for a in roots]
        decayed = decayed_run(rates, [DECAY] * 3, RUNNING)
        free = [texp_rate(t, STARTS, rates, roots) for t in range(STEPS)]
        twin = tapered_run(free.__getitem__, roots, shares, RUNNING)
        off = [
            abs(scale(t, STARTS, roots) * twin[t] - decayed[t]).max() / abs(decayed[t]).max()
            for t in (2, 5)
        ]
        assert off[0] == 0  # before the phase
        measured(off[1], allowed=MARGIN)


def aimed_at_zero(rate):
    """The buffer from which a run with decay at this rate is at zero after its first step."""
    return (START / rate - ratio_slope(0, START) - DECAY * START) / MOMENTUM


@pytest.mark.control(
    THEOREM,
    drops="iterates-never-zero",
    instead="weights of zero after one step, and one vector for a gradient there",
)
def test_control_runs_that_come_to_zero_part_there(measured):
    roots = ROOTS["larger"]
    rates = [rate_of(root) for root in roots]
    aimed = aimed_at_zero(rates[0])
    at_zero = decayed_run(rates, [DECAY] * 3, aimed, completed_slope)[1]
    assert not at_zero.any()
    assert exact_gap(roots, RUNNING, slope=completed_slope) == 0  # where no iterate is zero
    # both runs are at zero then, and go on with a gradient that is not P times that of the other
    measured(exact_gap(roots, aimed, slope=completed_slope), allowed=MARGIN)


@pytest.mark.claim(THEOREM, by="certificate of a step")
def test_a_step_and_a_correction_keep_the_two_runs_together_for_all_values(measured):
    """The step of the induction, with a boundary before it; ∇L(φ) = P ∇L(θ) is put in."""
    eta, gamma, alpha, product = sympy.symbols("eta gamma alpha P", positive=True)
    *entries, before = sympy.symbols("theta b g kappa", real=True)
    theta, b, g = (np.array([entry]) for entry in entries)
    decay = (1 - alpha) * (alpha - gamma) / (alpha * eta)
    share = decay_share(decay, gamma, alpha)
    # a boundary: the share of the phase before becomes that of this phase
    corrected = product * (b - before * theta) + product**2 * (before - share) * theta / product
    rest = corrected - product * (b - share * theta)
    measured(sympy.cancel(rest[0]) != 0, allowed=0)
    weights, buffer = sgd_step(theta, b, g, eta, decay, gamma)
    rate = eta / (product * product * alpha)
    twin = sgd_step(theta / product, corrected, product * g, rate, 0, gamma)
    after = product * alpha
    for rest in (twin[0] - weights / after, twin[1] - after * (buffer - share * weights)):
        measured(sympy.cancel(rest[0]) != 0, allowed=0)


@pytest.mark.claim(THEOREM, by="exact")
def test_a_phase_without_decay_has_the_root_one_and_nothing_for_its_buffer(measured):
    # phases with decay, without, and with another decay
    roots = [Fraction(9, 10), Fraction(1), Fraction(4, 5)]
    decays = [DECAY, Fraction(0), Fraction(1, 3)]
    rates = [rate_of(roots[0]), Fraction(1, 4), rate_of(roots[2], decays[2])]
    shares = list(map(decay_share, decays, [MOMENTUM] * 3, roots))
    decayed = decayed_run(rates, decays, RUNNING)
    twin = tapered_run(lambda t: texp_rate(t, STARTS, rates, roots), roots, shares, RUNNING)
    measured(gap(decayed, roots, twin), allowed=0)
    assert shares[1] == 0


def test_the_scalar_run_takes_the_decay_out_of_step_decay_as_well():
    roots = ROOTS["larger"]
    phases = [sum(start <= t for start in STARTS) - 1 for t in range(STEPS)]
    rates = [rate_of(roots[phase]) for phase in phases]
    scalars, free = scalar_run(rates, [DECAY] * STEPS, [MOMENTUM] * STEPS)
    decayed = decayed_run([rate_of(root) for root in roots], [DECAY] * 3, RUNNING)
    weights, buffer = START, RUNNING
    for t in range(STEPS):
        weights, buffer = sgd_step(weights, buffer, ratio_slope(t, weights), free[t], 0, MOMENTUM)
        assert (scalars[t + 1] * weights == decayed[t + 1]).all()


# Without drops.


def undropped(roots, share_of, rate=None, slope=ratio_slope, buffer=RUNNING):
    """The gap between the divided decay and TEXP without drops, with these shares."""
    rates = [rate_of(root) for root in roots]
    decays = [DECAY * rate / rates[0] for rate in rates]
    decayed = decayed_run([rates[0]] * 3, decays, buffer, slope)
    shares = [share_of(DECAY, other, root) for other, root in zip(decays, roots, strict=True)]
    rate = rate or (lambda t: texp_rate(t, STARTS, [rates[0]] * 3, roots))
    return gap(decayed, roots, tapered_run(rate, roots, shares, buffer, slope))


def divided_share(decay, divided, root):
    return decay_share(divided, MOMENTUM, root)


@pytest.mark.claim(COROLLARY, by="exact")
@any_roots
def test_without_drops_the_run_is_exactly_that_of_a_divided_decay(measured, roots):
    measured(undropped(roots, divided_share), allowed=0)


@pytest.mark.control(COROLLARY, drops="^no-drop", instead="the drops of step decay")
@any_roots
def test_control_with_the_drops_it_is_not(measured, roots):
    rates = [rate_of(root) for root in roots]
    dropped = undropped(roots, divided_share, lambda t: texp_rate(t, STARTS, rates, roots))
    measured(dropped, allowed=MARGIN)


@pytest.mark.control(
    COROLLARY, drops="^its-own-correction", instead="the corrections of step decay, or none"
)
@any_roots
@pytest.mark.parametrize("corrected", [True, False], ids=["of step decay", "none"])
def test_control_with_other_corrections_it_is_not(measured, roots, corrected):
    def other(decay, divided, root):
        return decay_share(decay, MOMENTUM, root if corrected else roots[0])

    measured(undropped(roots, other), allowed=MARGIN)


@pytest.mark.control(COROLLARY, drops="scale-invariant-loss", instead="a loss of degree two")
@any_roots
def test_control_on_a_loss_that_sees_the_length_it_is_not(measured, roots):
    measured(undropped(roots, divided_share, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(
    COROLLARY,
    drops="iterates-never-zero",
    instead="weights of zero after one step, and one vector for a gradient there",
)
def test_control_a_divided_decay_that_comes_to_zero_is_left_by_its_twin_there(measured):
    roots = ROOTS["larger"]
    aimed = aimed_at_zero(rate_of(roots[0]))
    assert undropped(roots, divided_share, slope=completed_slope) == 0  # where no iterate is zero
    gap = undropped(roots, divided_share, slope=completed_slope, buffer=aimed)
    measured(gap, allowed=MARGIN)


# The functions themselves.


def test_scale_is_the_product_of_the_roots_of_the_steps_before():
    roots = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 5)]
    assert [1 / scale(t, [0, 2, 3], roots) for t in range(6)] == [1, 2, 4, 12, 60, 300]
    assert scale(4, [0], [Fraction(1, 2)]) == Fraction(1, 16)
    with pytest.raises(ValueError, match="shorter"):
        scale(1, [0, 2], [1])


def test_a_single_phase_is_the_exponential_rate():
    rates = [texp_rate(t, [0], [Fraction(1, 3)], [Fraction(9, 10)]) for t in range(3)]
    assert rates == [Fraction(10, 27), Fraction(1000, 2187), Fraction(100000, 177147)]
    assert decay_share(DECAY, MOMENTUM, Fraction(9, 10)) == Fraction(1, 3)


# ---------------------------------------------------------------------------------------------
# In floats: torch's own SGD and MultiStepLR on a network with batch norm, against the scheduler.

# Rounding enters at 1e-16 a step. Where the rate drops it is hardly amplified, where it stays some
# ten thousandfold in these 60 steps.
DRIFT = 1e-10
VISIBLE = 1e-4  # of outputs of size one: a million times that
MILESTONES = [20, 40]
inputs = torch.randn(32, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()


def network(eps=1e-100):
    """Two blocks that are scale invariant each, and a bias in plain view. Smooth: no kinks."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 12, bias=False),
        nn.BatchNorm1d(12, eps=eps, affine=False),
        nn.Tanh(),
        nn.Linear(12, 2, bias=False),
        nn.BatchNorm1d(2, eps=eps, affine=False),
        nn.Linear(2, 2),
    ).double()


def optimizer_for(net, decays=(0.0, 0.0, 0.0), **others):
    groups = [
        {"params": net[0].parameters(), "weight_decay": decays[0]},
        {"params": net[3].parameters(), "lr": 0.02, "momentum": 0.5, "weight_decay": decays[1]},
        {"params": net[5].parameters(), "nesterov": True, "weight_decay": decays[2]},
    ]
    return SGD(groups, **{"lr": 0.04, "momentum": 0.9, **others})


def train(net, optimizer, scheduler, steps=60):
    outputs = []
    for _ in range(steps):
        optimizer.zero_grad()
        outputs.append(net(inputs))
        nn.functional.cross_entropy(outputs[-1], labels).backward()
        optimizer.step()
        scheduler.step()
    return torch.stack(outputs).detach() if outputs else torch.empty(0)


DECAYS = [0.05, 0.5, 0.0]


@functools.cache  # most controls compare with the same run
def stepped(eps=1e-100, factor=0.1, warm_up=0, **others):
    net = network(eps)
    optimizer = optimizer_for(net, DECAYS, **others)
    train(net, optimizer, MultiStepLR(optimizer, []), warm_up)
    return train(net, optimizer, MultiStepLR(optimizer, MILESTONES, factor))


def tapered(change=lambda scheduler: None, eps=1e-100, kind=TEXP, warm_up=0, **others):
    net = network(eps)
    factor = others.pop("factor", 0.1)
    optimizer = optimizer_for(net, DECAYS, **others)
    train(net, optimizer, MultiStepLR(optimizer, []), warm_up)
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
    scheduler = kind(optimizer, DECAYS, MILESTONES, factor)
    change(scheduler)
    return train(net, optimizer, scheduler)


def apart(one, other):
    return (one - other).abs().max().item()


@pytest.mark.claim(THEOREM, by="float64")
@pytest.mark.parametrize(
    "condition",
    [{}, {"factor": 0.3}, {"warm_up": 5}, {"foreach": True}, {"maximize": True}],
    ids=str,
)
def test_the_scheduler_makes_of_torch_s_sgd_what_step_decay_makes_with_decay(measured, condition):
    measured(apart(stepped(**condition), tapered(**condition)), allowed=DRIFT)


@pytest.mark.control(THEOREM, drops="scale-invariant-loss", instead="batch norm with a large eps")
def test_control_with_a_large_eps_the_outputs_part(measured):
    measured(apart(stepped(eps=1e-2), tapered(eps=1e-2)), allowed=10 * VISIBLE)


class PlainDrop(TEXP):
    """The drop alone at a milestone, without the roots on either side."""

    def get_lr(self):
        factors = [a[0] * a[1] if self.last_epoch >= 20 else 1 for a in self.roots]
        return [rate * factor for rate, factor in zip(super().get_lr(), factors, strict=True)]


@pytest.mark.control(THEOREM, drops="^boundary", instead="the drop alone")
def test_control_with_the_drop_alone_the_outputs_part(measured):
    measured(apart(stepped(), tapered(kind=PlainDrop)), allowed=VISIBLE)


@pytest.mark.control(THEOREM, drops="^correction", instead="buffers left alone at both boundaries")
def test_control_with_uncorrected_buffers_the_outputs_part(measured):
    def uncorrected(scheduler):
        for shares in scheduler.shares:
            shares[1:] = [shares[0]] * 2

    gap = apart(stepped(), tapered(uncorrected))
    measured(gap, allowed=VISIBLE)
    assert gap < 1e-2  # it is small: the claim on its size says how small


@pytest.mark.control(THEOREM, drops="^seed", instead="buffers of zero, unseeded")
def test_control_with_unseeded_buffers_the_outputs_part(measured):
    def unseeded(scheduler):
        for group in scheduler.optimizer.param_groups:
            group["twin"]["phase"] = 0

    measured(apart(stepped(), tapered(unseeded)), allowed=10 * VISIBLE)


@pytest.mark.claim(COROLLARY, by="float64")
def test_the_scheduler_without_drops_divides_the_decay(measured):
    net = network()
    optimizer = optimizer_for(net, DECAYS)
    outputs = []
    for phase in range(3):
        for group, decay in zip(optimizer.param_groups, DECAYS, strict=True):
            group["weight_decay"] = decay * 0.1**phase
        outputs.append(train(net, optimizer, MultiStepLR(optimizer, []), 20))
    divided = torch.cat(outputs)
    twin = network()
    optimizer = optimizer_for(twin)
    found = train(twin, optimizer, TEXP(optimizer, DECAYS, MILESTONES, drop_rate=False))
    measured(apart(divided, found), allowed=DRIFT)
    assert apart(divided, stepped()) > 1e-2
    assert optimizer.param_groups[2]["lr"] == 0.04  # no decay, and now no drop


def test_the_rates_of_a_group_are_those_of_the_theorem():
    weights = nn.Parameter(torch.ones(2))
    weights.grad = torch.zeros(2)
    optimizer = SGD([weights], lr=0.1, momentum=0.9)
    scheduler = TEXP(optimizer, 0.02, [2, 3])
    roots = [growth_root(0.1 * 0.1**i, 0.02, 0.9) for i in range(3)]
    expected = [0.1 / roots[0], 0.1 / roots[0] ** 3]
    expected.append(expected[-1] * 0.1 / (roots[0] * roots[1]))
    expected.append(expected[-1] * 0.1 / (roots[1] * roots[2]))
    expected.append(expected[-1] / roots[2] ** 2)
    for rate in expected:
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-14)
        assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("lr", "decay", "momentum"),
    [(0.1, 5e-4, 0.9), (0.1, 0.0263, 0.9), (0.25, 1.0, 0.25), (1.0, 0.3, 0.0), (0.1, 1e-12, 0.9)],
)
def test_the_root_is_that_of_the_other_snippet(lr, decay, momentum):
    scheduler = TEXP(SGD([torch.ones(1)], lr=lr, momentum=momentum), decay, [])
    assert scheduler.roots == [[growth_root(lr, decay, momentum)]]


def corrections(weights, optimizer):
    """Take a step without a gradient; return what it did to the buffer besides the momentum."""
    weights.grad = torch.zeros_like(weights)
    state = optimizer.state[weights]
    before = state.get("momentum_buffer", torch.zeros_like(weights)).clone()
    optimizer.step()
    return state["momentum_buffer"] / 0.5 - before


def test_buffers_are_seeded_before_the_first_step_and_corrected_after_milestones_only():
    weights = nn.Parameter(torch.tensor([3.0, -1.0], dtype=torch.float64))
    optimizer = SGD([weights], lr=1 / 3, momentum=0.5)
    scheduler = TEXP(optimizer, 2 / 15, [2], factor=0.5)
    assert not optimizer.state
    # α = 9/10, and λ/(α − γ) = 1/3; after the milestone
    share = (2 / 15) / (growth_root(1 / 6, 2 / 15, 0.5) - 0.5)
    for expected in (-1 / 3, 0, 0.9**4 * (1 / 3 - share), 0):
        before = weights.detach().clone()
        assert (corrections(weights, optimizer) - expected * before).norm() < 1e-14
        assert not optimizer.state[weights]["momentum_buffer"].requires_grad
        scheduler.step()


def test_a_buffer_that_runs_is_seeded_on_top_and_none_is_made_where_none_is_needed():
    first, second, third, frozen = (nn.Parameter(torch.ones(2)) for _ in range(4))
    frozen.requires_grad = False
    groups = [
        {"params": [first, frozen]},
        {"params": [second], "momentum": 0.0},
        {"params": [third]},
    ]
    optimizer = SGD(groups, lr=0.1, momentum=0.5)
    optimizer.state[first]["momentum_buffer"] = torch.full((2,), 2.0)
    TEXP(optimizer, [0.1, 0.1, 0.0], [1])
    second.grad = torch.zeros(2)  # the third has no gradient, nor decay
    share = 0.1 / (growth_root(0.1, 0.1, 0.5) - 0.5)
    assert corrections(first, optimizer) == pytest.approx(-share)
    assert all(not optimizer.state.get(p) for p in (second, third, frozen))


def test_the_rate_is_the_present_one_whatever_a_scheduler_left_behind():
    optimizer = SGD([nn.Parameter(torch.ones(2))], lr=0.2, momentum=0.5)
    before = MultiStepLR(optimizer, [1], 0.5)
    optimizer.step()
    before.step()
    TEXP(optimizer, 0.1, [])
    root = growth_root(0.1, 0.1, 0.5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / root, rel=1e-15)


def test_the_rate_may_be_a_tensor_and_is_neither_rounded_further_nor_shared():
    rate = torch.tensor(0.25, dtype=torch.float64)
    optimizer = SGD([nn.Parameter(torch.ones(2))], lr=rate, momentum=0.5, foreach=False)
    scheduler = TEXP(optimizer, 0.1, [1])
    assert scheduler.rates == [[0.25, 0.025]]
    root = growth_root(0.25, 0.1, 0.5)
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(0.25 / root, rel=1e-15)


def test_a_run_resumes_from_its_state_dicts_across_a_milestone():
    net, resumed = network(), network()
    optimizer, other = optimizer_for(net), optimizer_for(resumed)
    scheduler = TEXP(optimizer, DECAYS, MILESTONES)
    train(net, optimizer, scheduler, 19)
    its_scheduler = TEXP(other, DECAYS, MILESTONES)
    resumed.load_state_dict(deepcopy(net.state_dict()))
    its_scheduler.load_state_dict(deepcopy(scheduler.state_dict()))
    other.load_state_dict(deepcopy(optimizer.state_dict()))
    expected = train(net, optimizer, scheduler, 5)
    assert train(resumed, other, its_scheduler, 5).equal(expected)


def sgd(kind=SGD, **others):
    return lambda: kind([torch.ones(1)], **{"lr": 0.1, "momentum": 0.9, **others})


def two_groups():
    return SGD([{"params": [torch.ones(1)]} for _ in range(2)], lr=0.1)


def adam():
    return Adam([torch.ones(1)])


class Signed(SGD):
    """An optimizer of one's own, whose step may be anything."""


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        (
            (sgd(), 0.01, []),
            (sgd(Signed), 0.01, []),
            r"Signed is not torch\.optim\.SGD itself",
        ),
        (
            (sgd(), 0.01, []),
            (adam, 0.01, []),
            r"Adam is not torch\.optim\.SGD itself",
        ),
        (
            (sgd(), 0.01, []),
            (sgd(weight_decay=0.01), 0.01, []),
            "parameter group 0: set the optimizer's own weight_decay to 0",
        ),
        (
            (sgd(nesterov=True), 0.0, []),
            (sgd(nesterov=True), 0.01, []),
            "parameter group 0: nesterov momentum",
        ),
        (
            (sgd(dampening=0.1), 0.0, []),
            (sgd(dampening=0.1), 0.01, []),
            "parameter group 0: dampening",
        ),
        (
            (sgd(dampening=0.1, momentum=0.0), 0.01, []),
            (sgd(dampening=0.1), 0.01, []),
            "parameter group 0: dampening",
        ),
        (
            (sgd(), 0.0263, []),
            (sgd(), 0.0264, []),
            r"parameter group 0: lr · weight_decay = 0\.00264 must be at most .* = 0\.00263",
        ),
        (
            (sgd(), 0.02, [1], 1.3),
            (sgd(), 0.02, [1], 1.4),
            r"parameter group 0: lr · weight_decay = 0\.0028 ",
        ),
        (
            (sgd(momentum=0.0), 9.9, []),
            (sgd(momentum=0.0), 10.0, []),
            "parameter group 0: lr · weight_decay = 1 must .* less than 1",
        ),
        (
            (sgd(momentum=0.25, lr=1.0), 0.25, []),
            (sgd(momentum=0.25, lr=1.0), 0.2501, []),
            r"= 0\.25, and less than 1, or .* at γ = 0\.25",
        ),
        ((sgd(), 0.0, []), (sgd(momentum=1.0), 0.0, []), r"momentum = 1 is not in \[0, 1\)"),
        ((sgd(), 0.0, []), (sgd(), -0.01, []), r"weight_decay = -0\.01 is negative"),
        ((sgd(), 0.01, [1]), (sgd(), 0.01, [0]), r"milestones \[0\] must increase, from 1 or more"),
        ((sgd(), 0.01, [3, 4]), (sgd(), 0.01, [3, 3]), r"milestones \[3, 3\] must increase"),
        ((sgd(), 0.01, [1], 0.1), (sgd(), 0.01, [1], 0.0), "factor = 0 must be positive"),
        ((sgd(), [0.01], []), (sgd(), [0.01] * 2, []), "2 weight decays for 1 parameter groups"),
        (
            (two_groups, 0.01, []),
            (two_groups, [0.01], []),
            "1 weight decays for 2 parameter groups",
        ),
    ],
)
def test_what_has_no_exact_equivalent_is_refused_with_the_reason(accepted, refused, complaint):
    optimizer, *settings = accepted
    TEXP(optimizer(), *settings)
    optimizer, *settings = refused
    with pytest.raises(ValueError, match=complaint):
        TEXP(optimizer(), *settings)


def test_the_group_at_fault_is_named():
    groups = [{"params": [torch.ones(1)]}, {"params": [torch.ones(1)], "nesterov": True}]
    with pytest.raises(ValueError, match="parameter group 1: nesterov"):
        TEXP(SGD(groups, lr=0.1, momentum=0.9), 0.01, [])
    TEXP(SGD(groups, lr=0.1, momentum=0.9), [0.01, 0.0], [])


def test_by_default_a_milestone_divides_the_rate_by_ten():
    net = nn.Parameter(torch.ones(1))
    scheduler = TEXP(SGD([net], lr=0.1, momentum=0.9), 0.01, [5])
    assert scheduler.rates == [[0.1, pytest.approx(0.01)]]
    for phase, (rate, root) in enumerate(pairwise([*scheduler.rates[0], None])):
        assert rate != root, phase


# ---------------------------------------------------------------------------------------------
# Training loops as people write them: right, or refused before a weight changes.

EXACT = 1e-12  # of outputs of size one: the steps below amplify rounding a hundredfold


def loop(net, optimizer, scheduler, steps=14, each=lambda t: 1, scales=False, closure=False):
    """Train with so many calls of the scheduler's step() at each step; return the outputs."""
    outputs = []
    scaler = torch.amp.GradScaler("cpu", enabled=scales)

    def gradients():
        optimizer.zero_grad()
        outputs.append(net(inputs))
        loss = nn.functional.cross_entropy(outputs[-1], labels)
        scaler.scale(loss).backward()
        return loss

    for t in range(steps):
        if closure:
            optimizer.step(gradients)
        else:
            gradients()
            if scales and t % 3 == 1:  # as where half precision overflows
                net[0].weight.grad[0, 0] = torch.inf
            scaler.step(optimizer)
            scaler.update()
        for _ in range(each(t)):
            scheduler.step()
    return torch.stack(outputs).detach()


def run_of(kind, decays=(0.0,) * 3, fused=None, **how):
    net = network()
    optimizer = optimizer_for(net, decays, fused=fused)
    settings = (DECAYS, [5, 9]) if kind is TEXP else ([5, 9],)
    return loop(net, optimizer, kind(optimizer, *settings), **how)


LOOPS = {
    "once a step": {},
    "never": {"each": lambda t: 0},
    "twice a step, as by accelerate in two processes": {"each": lambda t: 2},
    "once an epoch of two steps": {"each": lambda t: t % 2},
    "three times at once, over two milestones": {"each": lambda t: 9 * (t == 4)},
    "a GradScaler skips steps": {"scales": True},
    "a GradScaler skips fused steps": {"scales": True, "fused": True},
    "closure": {"closure": True},
}


@pytest.mark.parametrize("how", LOOPS.values(), ids=LOOPS)
def test_the_rate_grows_with_the_steps_that_are_taken_and_phases_begin_with_the_schedulers(how):
    stepped = run_of(MultiStepLR, DECAYS, **how)
    assert apart(stepped, run_of(TEXP, **how)) < EXACT
    assert apart(stepped, run_of(MultiStepLR, **how)) > 1e-3  # without any decay


def weights(net):
    return [p.detach().clone() for p in net.parameters()]


def untouched(net, optimizer, match, act):
    """An act is refused with these words, and changes no weight and no buffer."""
    before = weights(net)
    buffers = [s["momentum_buffer"].clone() for s in optimizer.state.values()]
    with pytest.raises((RuntimeError, ValueError), match=match):
        act()
    assert all(map(torch.equal, net.parameters(), before))
    after = [s["momentum_buffer"] for s in optimizer.state.values()]
    assert len(after) == len(buffers)
    assert all(map(torch.equal, after, buffers))


def started(steps=3, kind=TEXP):
    net = network()
    optimizer = optimizer_for(net)
    scheduler = kind(optimizer, DECAYS, [5, 9])
    if steps:
        loop(net, optimizer, scheduler, steps)
    return net, optimizer, scheduler


def by_hand(group, name, value):
    def act(net, optimizer, scheduler):
        optimizer.param_groups[group][name] = value

    return act


def added(net, optimizer, scheduler):
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))]})


def appended(net, optimizer, scheduler):
    weights = nn.Parameter(torch.ones(2, dtype=torch.float64))
    weights.grad = torch.ones_like(weights)
    optimizer.param_groups[0]["params"].append(weights)


def decayed_checkpoint(net, optimizer, scheduler):
    other = optimizer_for(network(), DECAYS)
    optimizer.load_state_dict(other.state_dict())


def decay_free_checkpoint(net, optimizer, scheduler):
    optimizer.load_state_dict(optimizer_for(network()).state_dict())


def without_gradient(net, optimizer, scheduler):
    net[0].weight.grad = None


def frozen(net, optimizer, scheduler):
    net[0].weight.requires_grad_(False).grad = None


def later(kind, *settings):
    def act(net, optimizer, scheduler):
        kind(optimizer, *settings)

    return act


def plateau(net, optimizer, scheduler):
    other = ReduceLROnPlateau(optimizer, patience=0)
    for loss in (1.0, 2.0):
        other.step(loss)


def cyclic(net, optimizer, scheduler):
    CyclicLR(optimizer, 0.04, 0.04, step_size_up=3)


LR = "its lr was changed from .* by hand or by another scheduler.*take without_weight_decay"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (by_hand(0, "lr", 0.02), LR),
        (by_hand(2, "lr", 0.02), LR),
        (later(LinearLR), LR),
        (plateau, LR),
        (cyclic, LR),
        (later(TEXP, DECAYS, [7]), "states of both"),
        (by_hand(0, "momentum", 0.8), "its momentum was changed from 0.9 to 0.8"),
        (by_hand(0, "nesterov", True), "nesterov or dampening was set"),
        (by_hand(1, "dampening", 0.5), "nesterov or dampening was set"),
        (by_hand(0, "weight_decay", 0.1), "its weight_decay was set, or the checkpoint"),
        (by_hand(2, "weight_decay", 0.1), "its weight_decay was set, or the checkpoint"),
        (decayed_checkpoint, "its weight_decay was set, or the checkpoint of another run"),
        (decay_free_checkpoint, "the checkpoint of another run was loaded"),
        (added, "was built for 3 parameter groups, and there are 4 now"),
        (appended, "a parameter has no momentum buffer; it was added or unfrozen"),
        (without_gradient, "a parameter has no gradient"),
        (frozen, "a parameter has no gradient"),
    ],
)
def test_what_somebody_else_changes_is_refused_at_the_next_step_before_a_weight_changes(act, words):
    net, optimizer, scheduler = started()
    act(net, optimizer, scheduler)
    untouched(net, optimizer, words, optimizer.step)


def test_control_without_a_change_the_next_step_is_taken():
    net, optimizer, _ = started()
    before = net[0].weight.detach().clone()
    optimizer.step()
    assert not net[0].weight.equal(before)


def test_a_group_without_decay_may_lack_a_gradient_and_change_its_momentum():
    net, optimizer, scheduler = started()
    net[5].bias.grad = None
    by_hand(2, "momentum", 0.5)(net, optimizer, scheduler)
    optimizer.step()


def test_a_closure_that_leaves_a_parameter_without_gradient_is_refused_too():
    net, optimizer, _ = started()
    untouched(net, optimizer, "a parameter has no gradient", lambda: optimizer.step(net.zero_grad))


def sequential(optimizer, scheduler):
    return SequentialLR(optimizer, [LinearLR(optimizer), scheduler], [3])


def sequential_first(optimizer, scheduler):
    return SequentialLR(optimizer, [scheduler, ExponentialLR(optimizer, 0.9)], [3])


def chained(optimizer, scheduler):
    return ChainedScheduler([ExponentialLR(optimizer, 0.5), scheduler])


def chained_first(optimizer, scheduler):
    return ChainedScheduler([scheduler, ExponentialLR(optimizer, 0.5)])


@pytest.mark.parametrize("compose", [sequential, sequential_first, chained, chained_first])
def test_a_composed_schedule_is_refused_within_two_steps(compose):
    net, optimizer, scheduler = started(0)
    before = []

    def train_on():
        before.append(weights(net))
        composed = compose(optimizer, scheduler)
        for act in (optimizer.step, composed.step) * 2:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs), labels).backward()
            before.append(weights(net))
            act()

    with pytest.raises(RuntimeError, match=LR):
        train_on()
    assert all(map(torch.equal, net.parameters(), before[-1]))


def test_alone_in_a_chain_it_is_right():
    net, optimizer, scheduler = started(0)
    alone = loop(net, optimizer, ChainedScheduler([scheduler]))
    assert alone.equal(run_of(TEXP))


def test_an_epoch_as_an_argument_is_refused():
    net, optimizer, scheduler = started()
    for epoch in (0.5, 3, 0):
        untouched(net, optimizer, "TEXP counts by itself", lambda e=epoch: scheduler.step(e))


def test_two_of_them_on_one_optimizer_are_refused():
    net, optimizer, _ = started(0)
    TEXP(optimizer, [0.01, 0, 0], [5])
    net(inputs).sum().backward()
    untouched(net, optimizer, LR, optimizer.step)


# Copies and checkpoints.


@pytest.mark.parametrize("order", ["optimizer first", "scheduler first", "built on a loaded one"])
@pytest.mark.parametrize("after", [0, 3, 5, 11])
def test_a_run_resumes_from_a_file_in_either_order(order, after, tmp_path):
    net, optimizer, scheduler = started(after)
    torch.save([x.state_dict() for x in (net, optimizer, scheduler)], tmp_path / "run.pt")
    expected = loop(net, optimizer, scheduler, 4)
    states = torch.load(tmp_path / "run.pt", weights_only=True)
    other = network()
    other.load_state_dict(states[0])
    fresh = optimizer_for(other)
    if order == "built on a loaded one":
        fresh.load_state_dict(states[1])
    its_scheduler = TEXP(fresh, DECAYS, [5, 9])
    pairs = [(fresh, states[1]), (its_scheduler, states[2])]
    for one, state in reversed(pairs) if order == "scheduler first" else pairs:
        one.load_state_dict(state)
    assert loop(other, fresh, its_scheduler, 4).equal(expected)


def test_a_run_is_rolled_back_in_place():
    net, optimizer, scheduler = started(4)
    states = [deepcopy(x.state_dict()) for x in (net, optimizer, scheduler)]
    expected = loop(net, optimizer, scheduler, 6)  # over a milestone
    for one, state in zip((net, optimizer, scheduler), states, strict=True):
        one.load_state_dict(state)
    assert loop(net, optimizer, scheduler, 6).equal(expected)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("fresh", [True, False])
def test_half_a_checkpoint_is_refused(which, fresh):
    net, optimizer, scheduler = started(6)
    saved = [deepcopy(x.state_dict()) for x in (optimizer, scheduler)]
    if fresh:
        net, optimizer, scheduler = started(0)
    else:
        loop(net, optimizer, scheduler, 2)
    (optimizer, scheduler)[which].load_state_dict(saved[which])
    net(inputs).sum().backward()
    untouched(net, optimizer, "load the states of both|its lr was changed", optimizer.step)


def test_a_checkpoint_between_the_two_steps_of_a_milestone_is_right():
    net, optimizer, scheduler = started(4)
    states = deepcopy(optimizer.state_dict())  # four steps taken, the fifth phase not yet begun
    expected = loop(net, optimizer, scheduler, 3)
    assert expected.shape[0] == 3
    assert states["param_groups"][0]["twin"]["taken"] == 4


def test_it_is_built_on_a_loaded_optimizer_whose_rate_has_grown_beyond_the_bound(tmp_path):
    weights = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    optimizer = SGD([weights], lr=0.1, momentum=0.9)
    scheduler = TEXP(optimizer, 0.02, [])
    for _ in range(60):
        weights.grad = torch.zeros_like(weights)
        optimizer.step()
        scheduler.step()
    assert scheduler.taken == 60
    fresh = SGD([nn.Parameter(torch.zeros(2, dtype=torch.float64))], lr=0.1, momentum=0.9)
    fresh.load_state_dict(optimizer.state_dict())
    assert fresh.param_groups[0]["lr"] * 0.02 > (1 - 0.9**0.5) ** 2
    assert TEXP(fresh, 0.02, []).roots == scheduler.roots


def test_a_group_of_another_twin_is_refused():
    optimizer = sgd()()
    optimizer.param_groups[0]["twin"] = {"scale": 1.0, "push": 0.0}
    with pytest.raises(ValueError, match="parameter group 0: it is of another twin already"):
        TEXP(optimizer, 0.01, [])


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda g: g.update(momentum=0.8), "group 1: its momentum was changed"),
        (lambda g: setattr(g["params"][0], "grad", None), "group 1: a parameter has no gradient"),
    ],
)
def test_a_group_behind_one_without_decay_is_looked_at_too(act, words):
    weights = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    for weight in weights:
        weight.grad = torch.zeros(2)
    optimizer = SGD([{"params": [weight]} for weight in weights], lr=0.1, momentum=0.9)
    TEXP(optimizer, [0.0, 0.01], [])
    optimizer.step()
    act(optimizer.param_groups[1])
    with pytest.raises(RuntimeError, match=words):
        optimizer.step()


def test_a_copy_of_the_run_goes_on_as_the_run_does():
    copies = deepcopy(started(3))
    assert copies[1] is copies[2].optimizer
    assert loop(*copies, 6).equal(loop(*started(3), 6))


# Settings of other types, and the end of the floats.


@pytest.mark.parametrize(
    "decays",
    [np.array(DECAYS), torch.tensor(DECAYS, dtype=torch.float64), tuple(map(np.float64, DECAYS))],
    ids=["array", "tensor", "tuple"],
)
def test_decays_may_be_of_any_kind_and_milestones_of_any_kind_of_integers(decays):
    _, _, expected = started(0)
    for milestones in (np.array([5, 9]), torch.tensor([5, 9]), (5, np.int64(9)), range(5, 10, 4)):
        scheduler = TEXP(optimizer_for(network()), decays, milestones)
        assert scheduler.starts == [0, 5, 9]
        assert scheduler.roots == expected.roots
    for decay in (np.float64(0.01), np.float32(0.01), torch.tensor(0.01)):
        one = TEXP(sgd()(), decay, [5])
        assert one.shares == TEXP(sgd()(), float(decay), [5]).shares


@pytest.mark.parametrize("milestones", [[2.0], ["5"], [None]])
def test_milestones_that_are_no_whole_numbers_are_refused(milestones):
    with pytest.raises(ValueError, match="must be a list of whole numbers"):
        TEXP(sgd()(), 0.01, milestones)


def test_a_matrix_of_decays_is_refused():
    with pytest.raises(ValueError, match="2 weight decays for 1 parameter groups"):
        TEXP(sgd()(), [[0.01, 0.01]], [])


def test_before_a_float_overflows_it_is_refused_with_what_to_do():
    weights = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = SGD([weights], lr=1.0)
    scheduler = TEXP(optimizer, 0.9, [])
    visited = []

    def train_on():
        for _ in range(200):
            weights.grad = torch.tensor([-2.0, 1.0]) / weights.detach().norm() ** 2
            visited.append(weights.detach().clone())
            optimizer.step()
            scheduler.step()

    with pytest.raises(
        RuntimeError, match=r"near the largest float, 3\.4.*e\+38; call renormalise"
    ):
        train_on()
    assert weights.equal(visited[-1])
    assert 10 < len(visited) < 20
    assert 1e31 < optimizer.param_groups[0]["lr"] < 1e34  # 20 bits below
    renormalise(optimizer, [[]], [balancing_exponent(optimizer.param_groups[0])])
    train_on_from = weights.detach().clone()
    optimizer.step()
    assert not weights.equal(train_on_from)


def test_a_parameter_that_is_listed_twice_is_refused():
    weight = nn.Parameter(torch.ones(2))
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = SGD([weight, weight], lr=0.1)
    with pytest.raises(ValueError, match="group 0: it lists a parameter twice"):
        TEXP(optimizer, 0.1, [3])
