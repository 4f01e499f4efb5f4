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
from torch.optim.lr_scheduler import MultiStepLR

from snippets.exponential_lr import growth_root, sgd_step
from snippets.scalar_run import scalar_run
from snippets.texp import TEXP, decay_share, scale, texp_rate
from tests.snippets.rational_losses import ends, plain_slope, ratio_slope

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
    return max(abs(c * phi - theta).max() / abs(theta).max() for theta, c, phi in triples)


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


@pytest.mark.control(THEOREM, drops="scale-invariant-loss")
@any_roots
def test_control_a_loss_that_sees_the_length_parts_them(measured, roots):
    measured(exact_gap(roots, RUNNING, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^seed")
@any_roots
def test_control_without_the_seed_they_part(measured, roots):
    measured(exact_gap(roots, RUNNING, seeded=False), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^correction")
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


@pytest.mark.control(THEOREM, drops="^boundary")
@any_roots
@pytest.mark.parametrize(
    "factor",
    [lambda before, now: 1, lambda before, now: before**-2, lambda before, now: now**-2],
    ids=["drop alone", "old growth", "new growth"],
)
def test_control_with_another_factor_at_the_boundary_they_part(measured, roots, factor):
    measured(exact_gap(roots, RUNNING, other_rate(roots, factor)), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^growth")
@any_roots
@pytest.mark.parametrize(
    "growth",
    [lambda before, now: 1, lambda before, now: 1 / now, lambda before, now: before**-2],
    ids=["none", "root", "that of the phase before"],
)
def test_control_with_another_growth_they_part(measured, roots, growth):
    rate = other_rate(roots, lambda before, now: 1 / (before * now), growth)
    measured(exact_gap(roots, RUNNING, rate), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^real-roots")
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


@pytest.mark.control(THEOREM, drops="iterates-never-zero")
def test_control_a_start_buffer_that_leads_to_zero_ends_both_runs(measured):
    roots = ROOTS["larger"]
    rates = [rate_of(root) for root in roots]
    shares = [decay_share(DECAY, MOMENTUM, root) for root in roots]
    aimed = (START / rates[0] - ratio_slope(0, START) - DECAY * START) / MOMENTUM
    measured(ends(decayed_run, rates, [DECAY] * 3, aimed), allowed=0)

    def rate(t):
        return texp_rate(t, STARTS, rates, roots)

    measured(ends(tapered_run, rate, roots, shares, aimed), allowed=0)


@pytest.mark.claim(THEOREM, by="certificate")
def test_a_step_and_a_correction_keep_the_two_runs_together_for_all_values(measured):
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


def undropped(roots, share_of, rate=None, slope=ratio_slope):
    """The gap between the divided decay and TEXP without drops, with these shares."""
    rates = [rate_of(root) for root in roots]
    decays = [DECAY * rate / rates[0] for rate in rates]
    decayed = decayed_run([rates[0]] * 3, decays, RUNNING, slope)
    shares = [share_of(DECAY, other, root) for other, root in zip(decays, roots, strict=True)]
    rate = rate or (lambda t: texp_rate(t, STARTS, [rates[0]] * 3, roots))
    return gap(decayed, roots, tapered_run(rate, roots, shares, RUNNING, slope))


def divided_share(decay, divided, root):
    return decay_share(divided, MOMENTUM, root)


@pytest.mark.claim(COROLLARY, by="exact")
@any_roots
def test_without_drops_the_run_is_exactly_that_of_a_divided_decay(measured, roots):
    measured(undropped(roots, divided_share), allowed=0)


@pytest.mark.control(COROLLARY, drops="^no-drop")
@any_roots
def test_control_with_the_drops_it_is_not(measured, roots):
    rates = [rate_of(root) for root in roots]
    dropped = undropped(roots, divided_share, lambda t: texp_rate(t, STARTS, rates, roots))
    measured(dropped, allowed=MARGIN)


@pytest.mark.control(COROLLARY, drops="^its-own-correction")
@any_roots
def test_control_with_the_correction_of_step_decay_it_is_not(measured, roots):
    def other(decay, divided, root):
        return decay_share(decay, MOMENTUM, root)

    measured(undropped(roots, other), allowed=MARGIN)


@pytest.mark.control(COROLLARY, drops="scale-invariant-loss")
@any_roots
def test_control_on_a_loss_that_sees_the_length_it_is_not(measured, roots):
    measured(undropped(roots, divided_share, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(COROLLARY, drops="iterates-never-zero")
def test_control_a_divided_decay_that_is_led_to_zero_has_no_gradient_to_go_on_with(measured):
    roots = ROOTS["larger"]
    rates = [rate_of(root) for root in roots]
    aimed = (START / rates[0] - ratio_slope(0, START) - DECAY * START) / MOMENTUM
    decays = [DECAY * rate / rates[0] for rate in rates]
    measured(ends(decayed_run, [rates[0]] * 3, decays, aimed), allowed=0)
    shares = [divided_share(DECAY, *pair) for pair in zip(decays, roots, strict=True)]

    def rate(t):
        return texp_rate(t, STARTS, [rates[0]] * 3, roots)

    measured(ends(tapered_run, rate, roots, shares, aimed), allowed=0)


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


@pytest.mark.control(THEOREM, drops="scale-invariant-loss")
def test_control_with_a_large_eps_the_outputs_part(measured):
    measured(apart(stepped(eps=1e-2), tapered(eps=1e-2)), allowed=10 * VISIBLE)


class PlainDrop(TEXP):
    """The drop alone at a milestone, without the roots on either side."""

    def get_lr(self):
        factors = [a[0] * a[1] if self.last_epoch >= 20 else 1 for a in self.roots]
        return [rate * factor for rate, factor in zip(super().get_lr(), factors, strict=True)]


@pytest.mark.control(THEOREM, drops="^boundary")
def test_control_with_the_drop_alone_the_outputs_part(measured):
    measured(apart(stepped(), tapered(kind=PlainDrop)), allowed=VISIBLE)


@pytest.mark.control(THEOREM, drops="^correction")
def test_control_with_uncorrected_buffers_the_outputs_part(measured):
    def uncorrected(scheduler):
        for shares in scheduler.shares:
            shares[1:] = [shares[0]] * 2

    gap = apart(stepped(), tapered(uncorrected))
    measured(gap, allowed=VISIBLE)
    assert gap < 1e-2  # it is small: the claim on its size says how small


@pytest.mark.control(THEOREM, drops="^seed")
def test_control_with_unseeded_buffers_the_outputs_part(measured):
    def unseeded(scheduler):
        scheduler.optimizer.state.clear()

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
    optimizer = SGD([nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
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


def test_buffers_are_seeded_at_the_start_and_corrected_at_milestones_only():
    weights = nn.Parameter(torch.tensor([3.0, -1.0], dtype=torch.float64))
    optimizer = SGD([weights], lr=1 / 3, momentum=0.5)
    scheduler = TEXP(optimizer, 2 / 15, [2], factor=0.5)
    buffer = optimizer.state[weights]["momentum_buffer"]
    # α = 9/10, and λ/(α − γ) = 1/3
    assert (buffer + weights / 3).norm() < 1e-15
    assert not buffer.requires_grad
    for step in (1, 2, 3):
        weights.grad = torch.zeros_like(weights)
        optimizer.step()
        before = optimizer.state[weights]["momentum_buffer"].clone()
        scheduler.step()
        change = optimizer.state[weights]["momentum_buffer"] - before
        if step == 2:
            share = (2 / 15) / (growth_root(1 / 6, 2 / 15, 0.5) - 0.5)
            assert (change - 0.9**4 * (1 / 3 - share) * weights).norm() < 1e-14
        else:
            assert not change.any()


def test_a_buffer_that_runs_is_seeded_on_top_and_none_is_made_where_none_is_needed():
    first, second, third = (nn.Parameter(torch.ones(2)) for _ in range(3))
    groups = [{"params": [first]}, {"params": [second], "momentum": 0.0}, {"params": [third]}]
    optimizer = SGD(groups, lr=0.1, momentum=0.5)
    optimizer.state[first]["momentum_buffer"] = torch.full((2,), 2.0)
    scheduler = TEXP(optimizer, [0.1, 0.1, 0.0], [1])
    share = 0.1 / (growth_root(0.1, 0.1, 0.5) - 0.5)
    assert optimizer.state[first]["momentum_buffer"] == pytest.approx(2 - share)
    assert not optimizer.state.get(second)
    assert not optimizer.state.get(third)
    assert scheduler.starts == [0, 1]


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
