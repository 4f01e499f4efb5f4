"""Does each way of writing momentum have the twin that the claims give it, and only that one?"""

import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
import sympy

from snippets.exponential_lr import growth_root, sgd_step
from snippets.momentum_conventions import (
    averaged_step,
    averaged_twin,
    classical_step,
    classical_twin,
    decoupled_from_coupled,
    decoupled_step,
    decoupled_twin,
    larger_root,
)
from snippets.scalar_run import scalar_run
from tests.snippets.rational_losses import completed_slope, ends, plain_slope, ratio_slope

CLASSICAL, AVERAGED = "classical-momentum-twin", "averaged-momentum-twin"
DECOUPLED, SPLIT = "decoupled-decay-twin", "coupled-decay-is-decoupled-decay"

# ---------------------------------------------------------------------------------------------
# Exactly, on losses xᵀAₜx / xᵀx that change at every step.

STEPS = 5
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])


def run(step, start, buffer, *schedule, slope=ratio_slope):
    """θ₀ … θ_T and b₋₁ … b_T₋₁; the schedule is one list for each setting of the step."""
    weights, buffers = [start], [buffer]
    for t, settings in enumerate(zip(*schedule, strict=True)):
        new, buffer = step(weights[t], buffers[t], slope(t, weights[t]), *settings)
        weights.append(new)
        buffers.append(buffer)
    return weights, buffers


def apart(scalars, theta, phi):
    """The largest share by which a coordinate of cₜφₜ is off θₜ."""
    triples = zip(scalars, theta, phi, strict=True)
    return max(abs(c * y - x).max() / abs(x).max() for c, x, y in triples)


NONE = [0] * STEPS


@pytest.fixture(params=range(3), ids="seed={}".format)
def schedule(request):
    """Rates, decays, momenta and weights without any order."""
    random = Random(request.param)
    return (
        [Fraction(random.randint(1, 9), 20) for _ in range(STEPS)],
        [Fraction(random.randint(0, 4), 20) for _ in range(STEPS)],
        [Fraction(random.randint(1, 9), 10) for _ in range(STEPS)],
        [Fraction(random.randint(1, 9), 10) for _ in range(STEPS)],
    )


# a push of c's buffer; the first makes none, the others must be paid with a seed
pushes = pytest.mark.parametrize("push", [0, Fraction(1, 7), Fraction(-1, 9)], ids="push={}".format)


def seeds(kind, push):
    return (RUNNING - push * START) / (1 + push if kind == "classical" else 1)


def classical_gap(schedule, push=0, slope=ratio_slope, change=lambda *twin: twin, seed=None):
    schedule = schedule[:3]
    scalars, rates, momenta = change(*classical_twin(*schedule, push))
    theta, _ = run(classical_step, START, RUNNING, *schedule, slope=slope)
    seed = seeds("classical", push) if seed is None else seed
    phi, _ = run(classical_step, START, seed, rates, NONE, momenta, slope=slope)
    return apart(scalars, theta, phi)


def averaged_gap(schedule, push=0, slope=ratio_slope, change=lambda *twin: twin, seed=None):
    scalars, rates, momenta = change(*averaged_twin(*schedule, push))
    theta, _ = run(averaged_step, START, RUNNING, *schedule, slope=slope)
    seed = seeds("averaged", push) if seed is None else seed
    phi, _ = run(averaged_step, START, seed, rates, NONE, momenta, schedule[3], slope=slope)
    return apart(scalars, theta, phi)


def decoupled_gap(schedule, slope=ratio_slope, change=lambda *twin: twin):
    schedule = schedule[:3]
    scalars, rates, momenta = change(*decoupled_twin(*schedule))
    theta, _ = run(decoupled_step, START, RUNNING, *schedule, slope=slope)
    phi, _ = run(decoupled_step, START, RUNNING, rates, NONE, momenta, slope=slope)
    return apart(scalars, theta, phi)


@pytest.mark.claim(CLASSICAL, by="exact")
@pushes
def test_classical_momentum_has_a_twin_whose_momentum_changes(measured, schedule, push):
    measured(classical_gap(schedule, push), allowed=0)


@pytest.mark.claim(AVERAGED, by="exact")
@pushes
def test_averaged_momentum_has_a_twin_with_the_same_momentum(measured, schedule, push):
    measured(averaged_gap(schedule, push), allowed=0)


@pytest.mark.claim(AVERAGED, by="exact")
@pushes
def test_the_buffer_of_the_averaged_twin_is_a_wronskian(measured, schedule, push):
    scalars, rates, momenta = averaged_twin(*schedule, push)
    theta, buffers = run(averaged_step, START, RUNNING, *schedule)
    twin = rates, NONE, momenta, schedule[3]
    _, twin_buffers = run(averaged_step, START, seeds("averaged", push), *twin)
    d = push
    for t in range(STEPS):
        d = schedule[2][t] * d + schedule[3][t] * schedule[1][t] * scalars[t]
        gap = twin_buffers[t + 1] - (scalars[t] * buffers[t + 1] - d * theta[t])
        measured(abs(gap).max(), allowed=0)


@pytest.mark.claim(DECOUPLED, by="exact")
def test_decoupled_decay_has_a_twin_without_a_seed(measured, schedule):
    measured(decoupled_gap(schedule), allowed=0)
    scalars, rates, momenta = decoupled_twin(*schedule[:3])
    _, buffers = run(decoupled_step, START, RUNNING, *schedule[:3])
    _, twins = run(decoupled_step, START, RUNNING, rates, NONE, momenta)
    for c, b, b_twin in zip(scalars, buffers[1:], twins[1:], strict=False):
        measured(abs(b_twin - c * b).max(), allowed=0)


MARGIN = Fraction(1, 1000)  # of a coordinate, after five steps: none is off where the claim holds


def other_rates(scalars, rates, momenta):
    wrong = [r * after / c for r, c, after in zip(rates, scalars, scalars[1:], strict=False)]
    return scalars, wrong, momenta


@pytest.mark.control(CLASSICAL, drops="scale-invariant-loss", instead="quadratic losses")
def test_control_classical_with_a_loss_that_sees_the_length(measured, schedule):
    measured(classical_gap(schedule, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(
    CLASSICAL,
    drops="^rates-and-momenta",
    instead="the momenta as they were, or rates with one scalar squared",
)
def test_control_classical_with_the_old_momenta_or_other_rates(measured, schedule):
    old_momenta = classical_gap(schedule, change=lambda c, r, m: (c, r, schedule[2]))
    measured(old_momenta, allowed=MARGIN)
    measured(classical_gap(schedule, change=other_rates), allowed=MARGIN)


@pytest.mark.control(CLASSICAL, drops="^start", instead="a push, and the velocity as it was")
def test_control_classical_with_a_push_and_no_seed(measured, schedule):
    measured(classical_gap(schedule, Fraction(1, 7), seed=RUNNING), allowed=MARGIN)
    first = [part[:1] for part in schedule[:3]]  # they part at the first step
    scalars, rates, momenta = classical_twin(*first, Fraction(1, 7))
    theta, _ = run(classical_step, START, RUNNING, *first)
    phi, _ = run(classical_step, START, RUNNING, rates, [0], momenta)
    measured(apart(scalars, theta, phi), allowed=MARGIN)


@pytest.mark.control(AVERAGED, drops="scale-invariant-loss", instead="quadratic losses")
def test_control_averaged_with_a_loss_that_sees_the_length(measured, schedule):
    measured(averaged_gap(schedule, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(
    AVERAGED,
    drops="^rates",
    instead="rates with one scalar squared, or with the scalar of the weight 1",
)
def test_control_averaged_with_other_rates_or_the_scalar_of_torch(measured, schedule):
    measured(averaged_gap(schedule, change=other_rates), allowed=MARGIN)

    def of_torch(scalars, rates, momenta):
        return scalars, scalar_run(*schedule[:3])[1], momenta

    measured(averaged_gap(schedule, change=of_torch), allowed=MARGIN)


@pytest.mark.control(AVERAGED, drops="^start", instead="a push, and the buffer as it was")
def test_control_averaged_with_a_push_and_no_seed(measured, schedule):
    measured(averaged_gap(schedule, Fraction(1, 7), seed=RUNNING), allowed=MARGIN)


@pytest.mark.control(DECOUPLED, drops="scale-invariant-loss", instead="quadratic losses")
def test_control_decoupled_with_a_loss_that_sees_the_length(measured, schedule):
    measured(decoupled_gap(schedule, plain_slope), allowed=MARGIN)


@pytest.mark.control(
    DECOUPLED,
    drops="^rates-and-momenta",
    instead="the momenta as they were, or rates with one scalar squared",
)
def test_control_decoupled_with_the_old_momenta_or_other_rates(measured, schedule):
    old_momenta = decoupled_gap(schedule, change=lambda c, r, m: (c, r, schedule[2]))
    measured(old_momenta, allowed=MARGIN)
    measured(decoupled_gap(schedule, change=other_rates), allowed=MARGIN)


# ---------------------------------------------------------------------------------------------
# Weights at zero, and scalars that are not positive.


def aimed(step, *settings):
    """A first buffer from which the step lands on zero."""
    there, _ = step(START, 0 * START, ratio_slope(0, START), *settings)
    shift, _ = step(0 * START, 1 + 0 * START, 0 * START, *settings)  # one unit of the buffer
    return there / -shift[0]


ZERO = {
    "drops": "iterates-never-zero",
    "instead": "a run that meets zero, and goes on by some number as its gradient",
}


@pytest.mark.control(CLASSICAL, **ZERO)
@pytest.mark.control(AVERAGED, **ZERO)
@pytest.mark.control(DECOUPLED, **ZERO)
@pytest.mark.parametrize("kind", ["classical", "averaged", "decoupled"])
def test_control_a_buffer_that_leads_to_zero_parts_the_runs_there(measured, kind):
    step, twin = {
        "classical": (classical_step, classical_twin),
        "averaged": (averaged_step, averaged_twin),
        "decoupled": (decoupled_step, decoupled_twin),
    }[kind]
    third = [Fraction(1, 3)] * STEPS
    schedule = [third] * (4 if kind == "averaged" else 3)
    buffer = aimed(step, *[third[0]] * len(schedule))
    assert ends(run, step, START, buffer, *schedule)
    scalars, rates, momenta = twin(*schedule)
    theta, phi = (
        run(step, START, buffer, *lists, slope=completed_slope)[0]
        for lists in (schedule, [rates, NONE, momenta, *schedule[3:]])
    )
    assert not theta[1].any()
    assert not phi[1].any()
    measured(abs(scalars[2] * phi[2] - theta[2]).max() / abs(theta[2]).max(), allowed=MARGIN)


def kinked_slope(t, weights):
    """The gradient of a constant loss, then of |x₀|/‖x‖ on its kink, of a side chosen by length."""
    assert weights[0] == weights[1] == 0
    side = 1 if weights[2] < Fraction(19, 10) else -1
    return np.array([Fraction(side * t), 0, 0]) / weights[2]


KINK = {
    "drops": "differentiable-away-from-zero",
    "instead": "a kink, whose side is picked by the length of the weights",
}


@pytest.mark.control(CLASSICAL, **KINK)
@pytest.mark.control(AVERAGED, **KINK)
@pytest.mark.control(DECOUPLED, **KINK)
def test_control_a_gradient_that_picks_its_side_of_a_kink_by_the_length_parts_them(measured):
    start = np.array([Fraction(0), Fraction(0), Fraction(2)])
    lists = [[Fraction(1, 2)] * 2, [Fraction(1, 5)] * 2, [Fraction(1, 2)] * 2, [Fraction(1)] * 2]
    for step, twin, count in [
        (classical_step, classical_twin, 3),
        (averaged_step, averaged_twin, 4),
        (decoupled_step, decoupled_twin, 3),
    ]:
        scalars, rates, momenta = twin(*lists[:count])
        theta, _ = run(step, start, 0 * start, *lists[:count], slope=kinked_slope)
        settings = rates, [0, 0], momenta, *lists[3:count]
        phi, _ = run(step, start, 0 * start, *settings, slope=kinked_slope)
        assert (scalars[1] * phi[1] == theta[1]).all()
        assert scalars[2] * phi[2][0] == -theta[2][0] != 0
        measured(apart(scalars, theta, phi), allowed=MARGIN)


def odd_slope(t, weights):
    """The gradient of x₀/‖x‖, which is even in x; that of an even loss is odd."""
    direction = weights / math.sqrt(weights @ weights)
    return (np.array([1.0, 0, 0]) - direction[0] * direction) / math.sqrt(weights @ weights)


def gaps_of_twin_by_hand(step, decay):
    """How far cₜφₜ is off θₜ after each of three steps, also where c is no longer positive."""
    extra = [1.0] if step is averaged_step else []
    start, rate, momentum = np.array([0.9, -0.3, 0.6]), 1.0, 0.5
    theta = phi = start
    b, b_twin, c, d, before, gaps = 0 * start, 0 * start, 1.0, 0.0, 1.0, []
    for _ in range(3):  # as the twins do, and on through zero, as nobody should
        theta, b = step(theta, b, odd_slope(0, theta), rate, decay, momentum, *extra)
        after, d = step(c, d, 0.0, rate, decay, momentum, *extra)
        if step is decoupled_step:
            d = 0.0
        share = {classical_step: before / after, averaged_step: 1, decoupled_step: c / before}[step]
        settings = rate / (c * after), 0, momentum * share
        phi, b_twin = step(phi, b_twin, odd_slope(0, phi), *settings, *extra)
        before, c = c, after
        gaps.append(abs(c * phi - theta).max())
    return gaps


ROUNDING = 1e-12  # float64, three steps of weights of order one
each_step = pytest.mark.parametrize("step", [classical_step, averaged_step, decoupled_step])


NEGATIVE = {
    "drops": "^positive-scalar",
    "instead": "a scalar that becomes negative, on an odd loss",
}


@pytest.mark.control(CLASSICAL, **NEGATIVE)
@pytest.mark.control(AVERAGED, **NEGATIVE)
@pytest.mark.control(DECOUPLED, **NEGATIVE)
@each_step
def test_control_past_zero_the_twin_points_the_other_way(measured, step):
    # at c₁ = −0.8 the weights still fit, and from there on no more
    gaps = gaps_of_twin_by_hand(step, 1.8)
    assert gaps[0] < ROUNDING
    measured(gaps[1], allowed=100 * MARGIN)


@each_step
def test_the_twin_by_hand_is_one_while_its_scalar_is_positive(step):
    assert max(gaps_of_twin_by_hand(step, 0.05)) < ROUNDING


def test_a_scalar_that_is_not_positive_is_refused_at_its_step():
    ok, far = Fraction(1, 2), Fraction(2)
    for twin, extra in [(classical_twin, []), (averaged_twin, [[1, 1]]), (decoupled_twin, [])]:
        scalars, *_ = twin([ok, ok], [ok, ok], [ok, ok], *extra)
        assert min(scalars) > 0
        with pytest.raises(ValueError, match=r"c_2 = -.* is not positive, .* smaller rates"):
            twin([ok, far], [ok, far], [ok, ok], *extra)
        with pytest.raises(ValueError, match="c_1 = 0 is not positive"):
            twin([1, ok], [1, ok], [0, 0], *extra)
        with pytest.raises(ValueError, match=r"lengths \[2, 1, 2.*each step needs one of each"):
            twin([ok, ok], [ok], [ok, ok], *extra)
        with pytest.raises(ValueError, match=r"lengths \[2, 2, 1"):
            twin([ok, ok], [ok, ok], [ok], *extra)
    with pytest.raises(ValueError, match=r"c_-1 = 0 is not positive"):
        classical_twin([ok], [0], [0], -1)
    with pytest.raises(ValueError, match=r"lengths \[1, 1, 1, 0\]"):
        averaged_twin([ok], [ok], [ok], [])


# ---------------------------------------------------------------------------------------------
# Constant settings: c is a power of a root.

ROOTS = [Fraction(9, 10), Fraction(5, 9)]  # γ = 1/2 and ηλ = 2/45
ETA, LAMBDA, GAMMA = Fraction(1, 3), Fraction(2, 15), Fraction(1, 2)


def constant(*settings):
    return [[x] * STEPS for x in settings]


def powers(alpha):
    return [alpha**t for t in range(STEPS + 1)]


def off(found, expected):
    """The largest difference of two lists of numbers."""
    return max(abs(a - b) for a, b in zip(found, expected, strict=True))


@pytest.mark.claim(CLASSICAL, by="exact")
@pytest.mark.parametrize("alpha", ROOTS, ids=str)
def test_classical_with_constant_settings_has_a_constant_momentum_and_an_exponential_rate(
    measured, alpha
):
    push = (1 - alpha) / alpha
    scalars, rates, momenta = classical_twin(*constant(ETA, LAMBDA, GAMMA), push)
    measured(off(scalars, powers(alpha)), allowed=0)
    measured(off(rates, [ETA * alpha ** (-2 * t - 1) for t in range(STEPS)]), allowed=0)
    measured(off(momenta, [GAMMA / alpha**2] * STEPS), allowed=0)
    measured(classical_gap(constant(ETA, LAMBDA, GAMMA), push), allowed=0)
    measured(off(seeds("classical", push), alpha * RUNNING - (1 - alpha) * START), allowed=0)
    assert (momenta[0] <= 1) == (alpha == max(ROOTS))


@pytest.mark.claim(AVERAGED, by="exact")
@pytest.mark.parametrize("alpha", ROOTS, ids=str)
@pytest.mark.parametrize("weight", [Fraction(1), Fraction(1, 2), Fraction(1, 5)], ids=str)
def test_averaged_with_constant_settings_has_an_exponential_rate(measured, alpha, weight):
    settings = constant(ETA, LAMBDA / weight, GAMMA, weight)
    push = (1 - alpha) / (alpha * ETA)
    assert push == LAMBDA / (alpha - GAMMA)
    scalars, rates, momenta = averaged_twin(*settings, push)
    measured(off(scalars, powers(alpha)), allowed=0)
    measured(off(rates, [ETA * alpha ** (-2 * t - 1) for t in range(STEPS)]), allowed=0)
    measured(off(momenta, settings[2]), allowed=0)
    measured(averaged_gap(settings, push), allowed=0)


@pytest.mark.claim(DECOUPLED, by="exact")
def test_decoupled_with_constant_settings_grows_by_the_decay_alone(measured):
    scalars, rates, momenta = decoupled_twin(*constant(ETA, LAMBDA, GAMMA))
    a = 1 - ETA * LAMBDA
    measured(off(scalars, powers(a)), allowed=0)
    measured(off(rates, [ETA * a ** (-2 * t - 1) for t in range(STEPS)]), allowed=0)
    measured(off(momenta, [GAMMA, *[GAMMA * a] * (STEPS - 1)]), allowed=0)


def test_torch_is_the_average_whose_weight_is_one(schedule):
    ones = [1] * STEPS
    assert averaged_twin(*schedule[:3], ones) == (*scalar_run(*schedule[:3]), schedule[2])
    theta, _ = run(averaged_step, START, RUNNING, *schedule[:3], ones)
    assert all(map(np.array_equal, theta, run(sgd_step, START, RUNNING, *schedule[:3])[0]))


# ---------------------------------------------------------------------------------------------
# Coupled decay is decoupled decay with another momentum.


def split_gap(alpha, slope=ratio_slope, settings=(ETA, LAMBDA, GAMMA), change=lambda *new: new):
    rate, _, momentum = settings
    theta, _ = run(sgd_step, START, RUNNING, *constant(*settings), slope=slope)
    new = change(*decoupled_from_coupled(START, RUNNING, rate, momentum, alpha))
    other, _ = run(decoupled_step, START, new[0], *constant(rate, *new[1:]), slope=slope)
    return apart([1] * (STEPS + 1), theta, other)


@pytest.mark.claim(SPLIT, by="exact")
@pytest.mark.parametrize("slope", [ratio_slope, plain_slope], ids=["ratio", "plain"])
@pytest.mark.parametrize("alpha", ROOTS, ids=str)
def test_coupled_decay_is_decoupled_decay_on_every_loss(measured, alpha, slope):
    measured(split_gap(alpha, slope), allowed=0)
    _, decay, momentum = decoupled_from_coupled(START, RUNNING, ETA, GAMMA, alpha)
    measured(off(sorted([1 - ETA * decay, momentum]), sorted(ROOTS)), allowed=0)
    measured(off([decay], [alpha * LAMBDA / (alpha - GAMMA)]), allowed=0)
    measured(off([ETA * LAMBDA], [(1 - alpha) * (1 - momentum)]), allowed=0)


@pytest.mark.claim(SPLIT, by="certificate")
def test_one_step_of_coupled_decay_is_one_of_decoupled_decay_for_all_values(measured):
    """The start, from t to t + 1, and what is said of the roots and of the new settings."""
    rate, decay, gamma = sympy.symbols("eta lambda gamma", positive=True)
    alpha = sympy.Symbol("alpha", real=True)  # where ηλ is large both roots are negative
    theta, b, g = (np.array([x]) for x in sympy.symbols("theta b g", real=True))
    other, shrink, momentum = decoupled_from_coupled(theta, b, rate, gamma, alpha)
    after, b_after = sgd_step(theta, b, g, rate, decay, gamma)
    found, found_buffer = decoupled_step(theta, other, g, rate, shrink, momentum)
    claimed = decoupled_from_coupled(after, b_after, rate, gamma, alpha)[0]
    quadratic = alpha**2 - (1 + gamma - rate * decay) * alpha + gamma
    (solved,) = sympy.solve(quadratic, decay)
    root = quadratic.subs(decay, solved)
    slope = -sympy.diff(quadratic, decay) / sympy.diff(quadratic, alpha)  # of α, where λ grows
    mean = (1 + gamma - rate * decay) / 2
    rests = [
        # real roots that are positive have a mean of √γ at least, between γ and 1, where p > 0
        quadratic - ((alpha - mean) ** 2 - (mean**2 - gamma)),
        quadratic.subs(alpha, 1) - rate * decay,
        quadratic.subs(alpha, gamma) - gamma * rate * decay,
        1 - mean - (1 - gamma + rate * decay) / 2,
        # what a number that is no root leaves
        (found - after)[0] - quadratic / alpha * theta[0],
        (other - (alpha * b - (1 - alpha) / rate * theta))[0],
        (found_buffer - (b_after - (1 - alpha) / rate * theta))[0].subs(decay, solved),
        quadratic.subs(alpha, gamma / alpha).subs(decay, solved),  # the other root
        root,
        (shrink - alpha * decay / (alpha - gamma)).subs(decay, solved),
        # to first order: at λ = 0 it is α = 1, which falls by η/(1 − γ) for each λ
        quadratic.subs({decay: 0, alpha: 1}),
        slope.subs({decay: 0, alpha: 1}) + rate / (1 - gamma),
        momentum - gamma / alpha,
    ]
    measured(sum(sympy.cancel(rest) != 0 for rest in rests), allowed=0)
    for left, right in [(found, after), (found_buffer, claimed)]:
        measured(sympy.cancel((left - right)[0].subs(decay, solved)) != 0, allowed=0)
        assert sympy.cancel((left - right)[0]) != 0  # for an α that is no root


@pytest.mark.control(SPLIT, drops="^root", instead="a real number that is no root")
def test_control_with_a_number_that_is_no_root_the_runs_part(measured):
    measured(split_gap(Fraction(8, 10)), allowed=MARGIN)
    measured(split_gap(1 - ETA * LAMBDA), allowed=MARGIN)
    for alpha in (Fraction(8, 10), Fraction(-2), *ROOTS):
        theta, _ = sgd_step(START, RUNNING, ratio_slope(0, START), ETA, LAMBDA, GAMMA)
        buffer, *settings = decoupled_from_coupled(START, RUNNING, ETA, GAMMA, alpha)
        other, _ = decoupled_step(START, buffer, ratio_slope(0, START), ETA, *settings)
        quadratic = alpha**2 - (1 + GAMMA - ETA * LAMBDA) * alpha + GAMMA
        assert (other - theta == quadratic / alpha * START).all()  # at the first step
        assert (quadratic == 0) == (alpha in ROOTS)


@pytest.mark.control(
    SPLIT, drops="^settings", instead="one of momentum, decay and buffer as it was"
)
def test_control_with_the_old_momentum_decay_or_buffer_the_runs_part(measured):
    for change in [
        lambda b, decay, momentum: (b, decay, GAMMA),
        lambda b, decay, momentum: (b, LAMBDA, momentum),
        lambda b, decay, momentum: (RUNNING, decay, momentum),
    ]:
        measured(split_gap(ROOTS[0], change=change), allowed=MARGIN)


# ---------------------------------------------------------------------------------------------
# Roots, in floats.


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_the_larger_root_is_that_of_the_quadratic(momentum, share):
    product = share * (1 - math.sqrt(momentum)) ** 2
    root = larger_root(product, momentum)
    assert root**2 - (1 + momentum - product) * root + momentum == pytest.approx(0, abs=1e-15)
    assert root == pytest.approx(growth_root(1.0, product, momentum), rel=1e-12)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ((0.0026, 0.9), (0.0027, 0.9)),
        ((0.25, 0.25), (0.25 + 1e-9, 0.25)),  # the double root
        ((0.1, 0.0), (0.1, -0.1)),
        ((0.0, 0.99), (0.0, 1.0)),
        ((0.0, 0.9), (-1e-6, 0.9)),
        ((0.999, 0.0), (1.0, 0.0)),
        ((0.1, 0.4), (3.0, 0.4)),  # real, and negative
    ],
)
def test_a_root_that_is_not_positive_is_refused(good, bad):
    assert 0 < larger_root(*good) < 1 + 1e-12
    with pytest.raises(ValueError, match=r"no positive root at γ = .*may still have a twin"):
        larger_root(*bad)


# Products of the rate and the decay are down to 1e-13, and are taken from numbers near one, which
# have digits down to 1e-16. What is of second order is less.
FIRST_ORDER = 1e-3


@pytest.mark.claim(AVERAGED, by="float64")
@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
def test_to_first_order_averaged_and_decoupled_decay_shrink_alike_and_torch_faster(
    measured, momentum
):
    e = 1e-7 * (1 - momentum) ** 2
    assert (1 - larger_root(e, momentum)) / e == pytest.approx(1 / (1 - momentum), rel=FIRST_ORDER)
    averaged = (1 - larger_root((1 - momentum) * e, momentum)) / e  # and decoupled, exactly: 1
    measured(abs(averaged - 1), allowed=FIRST_ORDER)
