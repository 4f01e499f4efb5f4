"""Is the Nesterov twin with two momenta exact, and is one momentum really not enough?"""

import math
from fractions import Fraction
from random import Random

import mpmath
import numpy as np
import pytest
import sympy
import torch
from torch.optim import SGD

from snippets.nesterov import (
    forced_ratios,
    nesterov_rate,
    nesterov_root,
    nesterov_seed,
    nesterov_step,
    nesterov_twin,
    single_momentum_defects,
    two_momenta,
)
from tests.snippets.rational_losses import completed_slope, ends, matrix, ratio_slope

TWO, NONE = "nesterov-twin-has-two-momenta", "nesterov-has-no-single-momentum-twin"
ANY = "any-nesterov-schedule-has-a-twin"

STEPS = 5
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])
# γ = 1/3 and s = 48/55 have the roots 4/5 and 4/11
ETA, LAMBDA, GAMMA = Fraction(1, 5), Fraction(7, 11), Fraction(1, 3)
KEPT, ROOTS = Fraction(48, 55), [Fraction(4, 5), Fraction(4, 11)]


def plain_slope(t, weights):
    return matrix(t, len(weights)) @ weights / 20


def descend(start, buffer, rates, decay, inner, outer, slope=ratio_slope):
    path = [start]
    for t, rate in enumerate(rates):
        new, buffer = nesterov_step(path[t], buffer, slope(t, path[t]), rate, decay, inner, outer)
        path.append(new)
    return path


def gap(alpha, slope=ratio_slope, rates=None, momenta=None, seed=None):
    """The largest share by which a coordinate of αᵗφₜ is off θₜ."""
    theta = descend(START, RUNNING, [ETA] * STEPS, LAMBDA, GAMMA, GAMMA, slope)
    rates = rates or [nesterov_rate(ETA, KEPT, alpha, t) for t in range(STEPS)]
    seed = nesterov_seed(START, RUNNING, ETA, KEPT, GAMMA, alpha) if seed is None else seed
    phi = descend(START, seed, rates, 0, *(momenta or two_momenta(KEPT, GAMMA, alpha)), slope)
    pairs = enumerate(zip(theta, phi, strict=True))
    return max(abs(alpha**t * y - x).max() / abs(x).max() for t, (x, y) in pairs)


both_roots = pytest.mark.parametrize("alpha", ROOTS, ids=str)
MARGIN = Fraction(1, 1000)  # in exact arithmetic any gap is a break; this one can be seen


@pytest.mark.claim(TWO, by="exact")
@both_roots
def test_with_two_momenta_the_runs_agree_exactly(measured, alpha):
    assert alpha**2 - (1 + GAMMA) * KEPT * alpha + GAMMA * KEPT == 0
    assert 1 - ETA * LAMBDA == KEPT
    measured(gap(alpha), allowed=0)


def test_the_numbers_of_the_worked_example():
    alpha = ROOTS[0]
    assert two_momenta(KEPT, GAMMA, alpha) == (Fraction(16, 55), Fraction(5, 11))
    assert nesterov_rate(ETA, KEPT, alpha, 0) == Fraction(11, 48)
    assert nesterov_rate(ETA, KEPT, alpha, 1) / Fraction(11, 48) == Fraction(25, 16)
    seed = nesterov_seed(START, 0 * START, ETA, KEPT, GAMMA, alpha)
    assert (seed == -Fraction(5, 4) * START).all()


@pytest.mark.claim(TWO, by="certificate")
def test_one_step_keeps_the_two_runs_together_for_all_values(measured):
    """Where the roots are real, the start at t = 0, and from t to t + 1."""
    kept, gamma, z = sympy.symbols("s gamma z", positive=True)
    p, mean = z**2 - (1 + gamma) * kept * z + gamma * kept, (1 + gamma) * kept / 2
    bound = 4 * gamma / (1 + gamma) ** 2  # of s, from below
    identities = [
        4 * mean**2 - 4 * gamma * kept - kept * (1 + gamma) ** 2 * (kept - bound),
        1 - bound - ((1 - gamma) / (1 + gamma)) ** 2,
        # p > 0 at s and at γ for s < 1, and between them lies the vertex
        p.subs(z, kept) - gamma * kept * (1 - kept),
        p.subs(z, gamma) - gamma**2 * (1 - kept),
        kept - mean - (1 - gamma) * kept / 2,
        mean - gamma - (1 + gamma) / 2 * (kept - bound) - gamma * (1 - gamma) / (1 + gamma),
    ]
    measured(sum(sympy.cancel(rest) != 0 for rest in identities), allowed=0)
    eta, s, gamma, alpha, scale = sympy.symbols("eta s gamma alpha P", positive=True)
    theta, b, g = (np.array([x]) for x in sympy.symbols("theta b g", real=True))
    decay = (1 - s) / eta

    def twin(theta, b, scale):
        return theta / scale, scale * nesterov_seed(theta, b, eta, s, gamma, alpha)

    started = b * alpha / s - (s - alpha) / (eta * gamma * s) * theta
    for left, right in zip(twin(theta, b, 1), (theta, started), strict=True):
        measured(sympy.cancel((left - right)[0]) != 0, allowed=0)
    after = nesterov_step(theta, b, g, eta, decay, gamma, gamma)
    rate = nesterov_rate(eta, s, alpha, 0) / scale**2  # the rate at t, where P = αᵗ
    found = nesterov_step(*twin(theta, b, scale), scale * g, rate, 0, *two_momenta(s, gamma, alpha))
    (solved,) = sympy.solve(alpha**2 - (1 + gamma) * s * alpha + gamma * s, s)
    for left, right in zip(found, twin(*after, alpha * scale), strict=True):
        # rational functions: cancelled, they are 0 just if they are for all values
        measured(sympy.cancel((left - right)[0].subs(s, solved)) != 0, allowed=0)
        assert sympy.cancel((left - right)[0]) != 0  # for an α that is no root
    t = sympy.symbols("t", integer=True, nonnegative=True)
    assert sympy.simplify(nesterov_rate(eta, s, alpha, t) - eta / s / (alpha**t) ** 2) == 0


@pytest.mark.control(TWO, drops="scale-invariant-loss", instead="quadratic losses")
@both_roots
def test_control_a_loss_that_sees_the_length_parts_them(measured, alpha):
    measured(gap(alpha, plain_slope), allowed=MARGIN)


@pytest.mark.control(
    TWO, drops="^momenta", instead="one momentum in both places, or the two exchanged"
)
@both_roots
def test_control_equal_or_exchanged_momenta_part_them(measured, alpha):
    inner, outer = two_momenta(KEPT, GAMMA, alpha)
    for pair in [(inner, inner), (outer, outer), (outer, inner), (GAMMA, GAMMA)]:
        measured(gap(alpha, momenta=pair), allowed=MARGIN)


@pytest.mark.control(TWO, drops="^rate", instead="the exponent −2t + 1 or −2t − 1")
@both_roots
@pytest.mark.parametrize("shift", [1, -1])
def test_control_the_exponent_of_torchs_plain_momentum_parts_them(measured, alpha, shift):
    rates = [ETA / KEPT * alpha ** (-2 * t + shift) for t in range(STEPS)]
    measured(gap(alpha, rates=rates), allowed=MARGIN)


@pytest.mark.control(
    TWO, drops="^seed", instead="the buffer as it was, or its multiple without the weights"
)
@both_roots
def test_control_other_start_buffers_part_them(measured, alpha):
    measured(gap(alpha, seed=RUNNING), allowed=MARGIN)
    measured(gap(alpha, seed=alpha / KEPT * RUNNING), allowed=MARGIN)


@pytest.mark.control(TWO, drops="^root", instead="a real number that is no root")
def test_control_a_number_that_is_no_root_parts_them(measured):
    measured(gap(Fraction(3, 4)), allowed=MARGIN)
    measured(gap(KEPT), allowed=MARGIN)


@pytest.mark.control(
    TWO,
    drops="iterates-never-zero",
    instead="a run that meets zero, and goes on by some number as its gradient",
)
@both_roots
def test_control_a_buffer_that_leads_to_zero_parts_the_runs_there(measured, alpha):
    slope = ratio_slope(0, START) + LAMBDA * START
    aimed = ((START / ETA - slope) / GAMMA - slope) / GAMMA  # makes g₀ + γb₀ = θ₀/η
    seed = nesterov_seed(START, aimed, ETA, KEPT, GAMMA, alpha)
    rates = [nesterov_rate(ETA, KEPT, alpha, t) for t in range(2)]
    run = START, aimed, [ETA] * 2, LAMBDA, GAMMA, GAMMA
    assert ends(descend, *run)
    theta = descend(*run, completed_slope)
    phi = descend(START, seed, rates, 0, *two_momenta(KEPT, GAMMA, alpha), completed_slope)
    assert not theta[1].any()
    assert not phi[1].any()
    measured(abs(alpha**2 * phi[2] - theta[2]).max() / abs(theta[2]).max(), allowed=MARGIN)


@pytest.mark.control(
    TWO,
    drops="differentiable-away-from-zero",
    instead="a kink, whose side is picked by the length of the weights",
)
def test_control_a_gradient_that_picks_its_side_of_a_kink_by_the_length_parts_them(measured):
    def slope(t, weights):  # of a constant loss, then of |x₀|/‖x‖
        assert weights[0] == 0
        side = 1 if abs(weights[1]) < abs(cut) else -1
        return np.array([Fraction(side * t), 0]) / weights[1]

    alpha, start = ROOTS[0], np.array([Fraction(0), Fraction(2)])
    seed = nesterov_seed(start, 0 * start, ETA, KEPT, GAMMA, alpha)
    rates = [nesterov_rate(ETA, KEPT, alpha, t) for t in range(2)]
    cut = start[1]  # for the first step it does not matter
    theta = descend(start, 0 * start, [ETA], LAMBDA, GAMMA, GAMMA, slope)
    cut = theta[1][1] * Fraction(11, 10)  # between θ₁ and φ₁ = θ₁/α
    theta = descend(start, 0 * start, [ETA] * 2, LAMBDA, GAMMA, GAMMA, slope)
    phi = descend(start, seed, rates, 0, *two_momenta(KEPT, GAMMA, alpha), slope)
    assert (alpha * phi[1] == theta[1]).all()
    assert alpha**2 * phi[2][0] == -theta[2][0] != 0
    measured(abs(alpha**2 * phi[2] - theta[2]).max() / abs(theta[2]).max(), allowed=MARGIN)


def test_the_step_is_that_of_torch():
    start = torch.tensor([3.0, -1.0, 2.0], dtype=torch.float64)
    parameter = torch.nn.Parameter(start.clone())
    optimizer = SGD([parameter], lr=0.2, momentum=0.3, weight_decay=0.6, nesterov=True)
    weights, buffer = start, torch.zeros(3, dtype=torch.float64)
    for t in range(3):
        slope = torch.tensor([1.0 + t, -2.0, 0.5 * t], dtype=torch.float64)
        parameter.grad = slope
        optimizer.step()
        weights, buffer = nesterov_step(weights, buffer, slope, 0.2, 0.6, 0.3, 0.3)
        assert (parameter - weights).abs().max() < 1e-14


@pytest.mark.parametrize("momentum", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_the_roots_lie_between_the_momentum_and_what_decay_keeps(momentum, share):
    product = share * ((1 - momentum) / (1 + momentum)) ** 2
    root, s = nesterov_root(2.0, product / 2, momentum), 1 - product
    assert root**2 - (1 + momentum) * s * root + momentum * s == pytest.approx(0, abs=1e-15)
    other = momentum * s / root
    assert momentum <= other <= root <= s
    assert math.isclose(root, s) == (share == 0)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_to_first_order_the_weights_shrink_as_with_plain_momentum(momentum):
    e = 1e-7 * (1 - momentum) ** 2
    assert (1 - nesterov_root(1.0, e, momentum)) / e == pytest.approx(1 / (1 - momentum), rel=1e-3)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ((1.0, 0.0027, 0.9), (1.0, 0.0028, 0.9)),
        # the double root, of numbers whose rounding meets it exactly
        ((1.0, 0.9436597936048119, 0.014496375906023495), (1.0, 0.94366, 0.0144963759)),
        ((1.0, 0.1, 0.1), (1.0, 0.1, 0.0)),
        ((1.0, 0.0, 0.99), (1.0, 0.0, 1.0)),
        ((1.0, 0.0, 0.5), (1.0, -0.1, 0.5)),
        ((0.5, 0.2, 0.5), (1.0, 1.0, 0.5)),
        ((0.5, 0.2, 0.5), (5.0, 1.0, 0.5)),
    ],
)
def test_a_root_that_is_not_positive_is_refused(good, bad):
    assert 0 < nesterov_root(*good) < 1 + 1e-12
    complaint = rf"no positive root at γ = {bad[2]:g}, ηλ = {bad[0] * bad[1]:g}: γ must"
    with pytest.raises(ValueError, match=complaint):
        nesterov_root(*bad)


# ---------------------------------------------------------------------------------------------
# Any schedule, without a seed.


@pytest.fixture(params=range(3), ids="seed={}".format)
def schedule(request):
    random = Random(request.param)
    return (
        [Fraction(random.randint(1, 9), 30) for _ in range(STEPS)],
        [Fraction(random.randint(0, 6), 30) for _ in range(STEPS)],
        [Fraction(random.randint(1, 9), 10) for _ in range(STEPS)],
    )


def scheduled(start, buffer, rates, decays, inner, outer, slope=ratio_slope):
    path = [start]
    for t, settings in enumerate(zip(rates, decays, inner, outer, strict=True)):
        new, buffer = nesterov_step(path[t], buffer, slope(t, path[t]), *settings)
        path.append(new)
    return path


def scheduled_gap(schedule, slope=ratio_slope, change=lambda *twin: twin, buffer=RUNNING):
    theta = scheduled(START, RUNNING, *schedule, schedule[2], slope=slope)
    scalars, rates, inner, outer = change(*nesterov_twin(*schedule))
    phi = scheduled(START, buffer, rates, [0] * STEPS, inner, outer, slope)
    triples = zip(scalars, theta, phi, strict=True)
    return max(abs(c * y - x).max() / abs(x).max() for c, x, y in triples)


@pytest.mark.claim(ANY, by="exact")
def test_any_schedule_has_a_twin_with_two_momenta_and_the_same_buffer(measured, schedule):
    measured(scheduled_gap(schedule), allowed=0)


@pytest.mark.control(ANY, drops="scale-invariant-loss", instead="quadratic losses")
def test_control_a_loss_that_sees_the_length_parts_the_scheduled_runs(measured, schedule):
    measured(scheduled_gap(schedule, plain_slope), allowed=MARGIN)


@pytest.mark.control(
    ANY,
    drops="^settings",
    instead="plain momentum's rates, one momentum in both places, or another buffer",
)
def test_control_other_rates_momenta_or_buffers_part_the_scheduled_runs(measured, schedule):
    def of_plain_momentum(c, rates, inner, outer):
        return (
            c,
            [r / (a * b) for r, a, b in zip(schedule[0], c, c[1:], strict=False)],
            inner,
            outer,
        )

    for change in [
        of_plain_momentum,
        lambda c, rates, inner, outer: (c, rates, outer, outer),
        lambda c, rates, inner, outer: (c, rates, inner, inner),
        lambda c, rates, inner, outer: (c, rates, schedule[2], schedule[2]),
    ]:
        measured(scheduled_gap(schedule, change=change), allowed=MARGIN)
    measured(scheduled_gap(schedule, buffer=0 * RUNNING), allowed=MARGIN)


def odd_slope(t, weights):
    """The gradient of x₀/‖x‖, which is even in x; that of an even loss would be odd."""
    length = math.sqrt(weights @ weights)
    return (np.array([1.0, 0, 0]) - weights[0] * weights / length**2) / length


def gap_through_zero(decay, steps):
    """How far cₜφₜ is off θₜ by the formulas, also where c is not positive; and the last c."""
    rate, momentum, start = 1.0, 0.5, np.array([0.9, -0.3, 0.6])
    kept, c, d, q_before = 1 - rate * decay, 1.0, 0.0, 1.0
    scalars, rates, inner, outer = [c], [], [], []
    for _ in range(steps):  # as nobody should
        d = momentum * d + decay * c
        after, q = c - rate * (decay * c + momentum * d), kept + rate * d / c
        rates.append(rate / (kept * c**2))
        inner.append(momentum * kept * q_before / q)
        outer.append(momentum * q * c / after)
        c, q_before = after, q
        scalars.append(c)
    lists = [[x] * steps for x in (rate, decay, momentum, momentum)]
    theta = scheduled(start, 0 * start, *lists, slope=odd_slope)
    phi = scheduled(start, 0 * start, rates, [0] * steps, inner, outer, odd_slope)
    return abs(c * phi[-1] - theta[-1]).max(), c


@pytest.mark.control(
    ANY, drops="^positive-scalar", instead="a scalar that becomes negative, on an odd loss"
)
def test_control_past_zero_the_scheduled_twin_points_the_other_way(measured):
    half = Fraction(1, 2)
    with pytest.raises(ValueError, match="c_1 = 0 is not positive"):
        nesterov_twin([half], [2], [0])
    with pytest.raises(ValueError, match=r"c_2 = -.* is not positive"):
        nesterov_twin([half, half], [half, Fraction(3)], [half, half])
    assert gap_through_zero(0.1, 3)[0] < 1e-12  # three steps of weights of order one, in float64
    # at c₁ = −0.2 the weights still fit, and from there on no more
    first, scalar = gap_through_zero(0.8, 1)
    assert first < 1e-12 < -scalar
    measured(gap_through_zero(0.8, 2)[0], allowed=100 * MARGIN)


@pytest.mark.control(
    ANY,
    drops="iterates-never-zero",
    instead="a run that meets zero, and goes on by some number as its gradient",
)
def test_control_a_buffer_that_leads_to_zero_parts_the_scheduled_runs_there(measured):
    lists = [[Fraction(1, 3)] * 2, [Fraction(1, 5)] * 2, [Fraction(1, 2)] * 2]
    slope = ratio_slope(0, START) + lists[1][0] * START
    aimed = ((3 * START - slope) * 2 - slope) * 2  # makes g₀ + γb₀ = θ₀/η
    assert ends(scheduled, START, aimed, *lists, lists[2])
    scalars, rates, inner, outer = nesterov_twin(*lists)
    theta, phi = (
        scheduled(START, aimed, *run, slope=completed_slope)
        for run in [(*lists, lists[2]), (rates, [0, 0], inner, outer)]
    )
    assert not theta[1].any()
    assert not phi[1].any()
    measured(abs(scalars[2] * phi[2] - theta[2]).max() / abs(theta[2]).max(), allowed=MARGIN)


@pytest.mark.control(
    ANY,
    drops="differentiable-away-from-zero",
    instead="a kink, whose side is picked by the length of the weights",
)
def test_control_a_gradient_that_picks_its_side_of_a_kink_parts_the_scheduled_runs(measured):
    def slope(t, weights):  # of a constant loss, then of |x₀|/‖x‖; between θ₁ and φ₁ it turns
        side = 1 if weights[1] < Fraction(19, 10) else -1
        return np.array([Fraction(side * t), 0]) / weights[1]

    lists = [[Fraction(1, 3)] * 2, [Fraction(1, 5)] * 2, [Fraction(1, 2)] * 2]
    start = np.array([Fraction(0), Fraction(2)])
    scalars, rates, inner, outer = nesterov_twin(*lists)
    theta = scheduled(start, 0 * start, *lists, lists[2], slope=slope)
    phi = scheduled(start, 0 * start, rates, [0, 0], inner, outer, slope)
    assert (scalars[1] * phi[1] == theta[1]).all()
    assert scalars[2] * phi[2][0] == -theta[2][0] != 0
    measured(abs(scalars[2] * phi[2] - theta[2]).max() / abs(theta[2]).max(), allowed=MARGIN)


def by_hand(rates, decays, momenta):
    """c₀ …, s₀ … and q₀ …, and the rates and the momenta of the claim where there are any."""
    scalars, kept, shares, settings, d = [Fraction(1)], [], [], [], Fraction(0)
    for t, (rate, decay, momentum) in enumerate(zip(rates, decays, momenta, strict=True)):
        c = scalars[t]
        d = momentum * d + decay * c
        scalars.append(c - rate * (decay * c + momentum * d))
        kept.append(1 - rate * decay)
        shares.append(kept[t] + rate * d / c)
        if kept[t] * shares[t]:
            inner = momentum * kept[t] * ([1, *shares][t] / shares[t])
            outer = momentum * shares[t] * c / scalars[t + 1]
            settings.append((rate / (kept[t] * c**2), 0, inner, outer))
    return scalars, kept, shares, settings


def test_negative_settings_have_a_twin_too_unless_s_or_q_is_zero():
    half = Fraction(1, 2)
    scalars, kept, _, settings = by_hand([1], [1], [-half])
    assert (scalars, kept, settings) == ([1, half], [0], [])
    lists = [-half, half, half], [half, -half, Fraction(3)], [half, -half, Fraction(-3, 4)]
    scalars, kept, shares, settings = by_hand(*lists)
    assert min(scalars) > 0 > min(kept)
    assert all(shares)
    theta = scheduled(START, RUNNING, *lists, lists[2])
    phi = scheduled(START, RUNNING, *zip(*settings, strict=True))
    assert all((c * y == x).all() for c, x, y in zip(scalars, theta, phi, strict=True))


def test_constant_settings_become_those_of_the_root():
    _, rates, inner, outer = nesterov_twin([0.2] * 60, [0.2] * 60, [1 / 3] * 60)
    root, kept = nesterov_root(0.2, 0.2, 1 / 3), 1 - 0.2 * 0.2
    gammas = two_momenta(kept, 1 / 3, root)
    assert (inner[-1], outer[-1]) == pytest.approx(gammas, rel=1e-9)
    assert rates[-1] / rates[-2] == pytest.approx(root**-2, rel=1e-9)


def test_schedules_that_make_no_sense_are_refused():
    one = Fraction(1, 9)
    for lists in [([one], [one], []), ([one], [], [one]), ([], [one], [one])]:
        with pytest.raises(ValueError, match="each step needs one rate"):
            nesterov_twin(*lists)
    for lists in [([one, -one], [one] * 2, [one] * 2), ([one] * 2, [one, -one], [one] * 2)]:
        with pytest.raises(ValueError, match="step 1 has a negative rate, decay or momentum"):
            nesterov_twin(*lists)
    with pytest.raises(ValueError, match="step 0 has a negative"):
        nesterov_twin([one], [one], [-one])
    assert nesterov_twin([0], [0], [0]) == ([1, 1], [0], [0], [0])


# ---------------------------------------------------------------------------------------------
# One momentum is not enough.


@pytest.mark.claim(NONE, by="certificate of a step")
def test_the_code_has_the_coefficients_of_the_proof(measured):
    """Equations (1) and (2)."""
    eta, decay, gamma, rate, rate_before, now, before = sympy.symbols("a:g", positive=True)
    theta, b, g, h = (np.array([x]) for x in sympy.symbols("theta b g h", real=True))
    s = 1 - eta * decay
    first, buffer = nesterov_step(theta, b, g, eta, decay, gamma, gamma)
    second, _ = nesterov_step(first, buffer, h, eta, decay, gamma, gamma)
    claimed = (1 + gamma) * s * first - gamma * s * theta
    claimed = claimed - eta * ((1 + gamma) * h - gamma * g)
    measured(sympy.simplify((second - claimed)[0]) != 0, allowed=0)
    # without decay, and with other rates and momenta at the two steps
    first, buffer = nesterov_step(theta, b, g, rate_before, 0, before, before)
    second, _ = nesterov_step(first, buffer, h, rate, 0, now, now)
    past = (theta - first) / rate_before - g
    claimed = first - rate * ((1 + now) * h + now**2 / before * past)
    measured(sympy.simplify((second - claimed)[0]) != 0, allowed=0)


@pytest.mark.claim(NONE, by="certificate of a step")
def test_the_four_coefficients_force_the_two_laws(measured):
    """From the four equations to (3)."""
    eta, gamma, s, p, r, q, x = sympy.symbols("eta gamma s p r q x", positive=True)
    # lengths p, pq, pqr at t−1, t, t+1; x is the ratio before q
    rate, past, now, before = sympy.symbols("eta_t eta_p gamma_t gamma_p", real=True)
    memory = now**2 / before
    length, after = p * q, p * q * r
    equations = [
        eta * (1 + gamma) - rate * length * after * (1 + now),  # ∇Lₜ
        eta * gamma - rate * after * memory * p,  # ∇Lₜ₋₁
        gamma * s - rate / past * memory * after / p,  # θₜ₋₁
        (1 + gamma) * s - r - rate / past * memory * r,  # θₜ
    ]
    # the second over the third gives the rate of the step before, and so of every step
    (rate_before,) = sympy.solve(equations[1] * gamma * s - equations[2] * eta * gamma, past)
    measured(sympy.simplify(rate_before - eta / (s * p**2)) != 0, allowed=0)
    known = {past: eta / (s * p**2), rate: eta / (s * length**2)}
    (momentum,) = sympy.solve(equations[0].subs(known), now)
    # the third into the fourth gives the law of the ratios
    (law,) = sympy.solve((1 + gamma) * s - r - gamma * s * p / length, r)
    measured(sympy.simplify(law - forced_ratios(q, s, gamma, 2)[1]) != 0, allowed=0)
    measured(sympy.simplify((momentum - gamma * s / (q * r)).subs(r, law)) != 0, allowed=0)
    # and the second, with the momenta of both steps, is what has no solution
    left = equations[1].subs(known).subs({now: gamma * s / (q * r), before: gamma * s / (x * q)})
    (defect,) = single_momentum_defects([x, q, r])
    (only,) = sympy.solve(left, x)
    measured(sympy.simplify(defect.subs(x, only)) != 0, allowed=0)


@pytest.mark.claim(NONE, by="certificate of a step")
def test_the_two_laws_leave_no_ratio_but_one(measured):
    """From (3) to r = 1: the degree of the equation, the cycles, and what is left of the decay."""
    r, gamma, s = sympy.symbols("r gamma s", positive=True)
    ratios = forced_ratios(r, s, gamma, 3)
    cubic = sympy.Poly(sympy.numer(sympy.together(single_momentum_defects(ratios)[0])), r)
    # three ratios at most, so that r returns within four
    measured(abs(cubic.degree() - 3), allowed=0)
    measured(abs(abs(cubic.LC()) - 1), allowed=0)
    for period in (1, 2, 3):  # the logarithms x of a cycle: xₜ₋₁ − 2xₜ − xₜ₊₁ = 0
        law = sympy.zeros(period, period)
        for t in range(period):
            for shift, factor in [(-1, 1), (0, -2), (1, -1)]:
                law[t, (t + shift) % period] += factor
        measured(law.det() == 0, allowed=0)  # so x = 0 and r = 1
    (kept,) = sympy.solve(forced_ratios(sympy.Integer(1), s, gamma, 2)[1] - 1, s)
    measured(abs(kept - 1), allowed=0)  # no decay


@pytest.mark.claim(NONE, by="search")
def test_no_first_ratio_comes_near_to_obeying_both_laws(measured):
    generator = np.random.default_rng(0)
    for _ in range(300):
        gamma, kept = generator.uniform(0.01, 0.99, 2)
        first = np.geomspace(1e-2, 1e2, 2001)
        with np.errstate(all="ignore"):
            ratios = [np.where(r > 0, r, np.nan) for r in forced_ratios(first, kept, gamma, 6)]
            size = zip(single_momentum_defects(ratios), ratios, strict=False)
            defects = np.nanmax(
                [np.where(np.isnan(d), np.inf, abs(d / r)) for d, r in size], axis=0
            )
        least = 0.2 * (1 - kept)  # as the two laws part in proportion to the decay
        measured(least / defects.min(), allowed=1, among=len(first))  # no defect is smaller


def four_steps_alone(kept, near):
    """r₂ … r₆ and the defects of the second law, at γ = 1/2, for an r₂ as t = 3 wants it."""
    half = mpmath.mpf(1) / 2
    first = mpmath.findroot(
        lambda r: single_momentum_defects(forced_ratios(r, kept, half, 3))[0], near
    )
    ratios = forced_ratios(first, kept, half, 6)
    return ratios[:5], single_momentum_defects(ratios)


def test_the_equations_of_four_steps_alone_have_a_solution_and_those_of_five_not_there():
    with mpmath.workdps(50):
        # the defect at t = 4 changes its sign between these two, so that it is 0 at one between
        low, high = mpmath.mpf("0.9959"), mpmath.mpf("0.9960")
        assert four_steps_alone(low, 1.22)[1][1] * four_steps_alone(high, 1.22)[1][1] < 0
        kept = mpmath.findroot(
            lambda s: four_steps_alone(s, 1.22)[1][1], (low, high), solver="illinois"
        )
        ratios, defects = four_steps_alone(kept, 1.22)
        assert low < kept < high
        assert 1.22 < ratios[0] < 1.23
        assert min(ratios) > 0
        assert max(map(abs, defects[:2])) < mpmath.mpf(10) ** -40
        assert abs(defects[2]) > 1e-3  # which t = 6 would want to be 0, too


LONG = 8  # steps, as many as the claim looks at; so no twin has all nine directions
VOLUME = 1e-6  # squared, of four unit vectors; rounding moves it by 1e-15


def volumes(path, slopes):
    """The squared volumes that θₜ₋₁, θₜ and the gradients there span at length one."""
    for t in range(2, LONG):
        four = np.array([path[t - 1], path[t], slopes[t - 1], slopes[t]], dtype=float)
        four = four / np.linalg.norm(four, axis=1, keepdims=True)
        yield np.linalg.det(four @ four.T)


@pytest.mark.claim(NONE, by="float64")
@pytest.mark.parametrize("size", [4, 6])
def test_a_run_as_the_claim_wants_it_exists(measured, size):
    start = np.array([3.0, -1.0, 2.0, 1.0, 4.0, -2.0])[:size]

    def slope(t, weights):
        return np.array(ratio_slope(t, weights), dtype=float)

    path = descend(start, 0 * start, [0.2] * LONG, 7 / 11, 1 / 3, 1 / 3, slope)
    slopes = [slope(t, weights) for t, weights in enumerate(path[:-1])]
    for volume in volumes(path, slopes):
        measured(VOLUME / volume, allowed=1)  # so none is smaller


@pytest.mark.control(
    NONE,
    drops="scale-invariant-loss",
    instead="quadratic losses, whose gradients grow with the weights",
)
@both_roots
def test_control_quadratic_forms_have_a_twin_with_a_single_momentum(measured, alpha):
    start, running = np.append(START, Fraction(1)), np.append(RUNNING, Fraction(1))
    theta = descend(start, running, [ETA] * LONG, LAMBDA, GAMMA, GAMMA, plain_slope)
    slopes = [plain_slope(t, weights) for t, weights in enumerate(theta[:-1])]
    assert min(volumes(theta, slopes)) > VOLUME  # of what is to be independent
    outer = two_momenta(KEPT, GAMMA, alpha)[1]
    seed = alpha**2 * nesterov_seed(start, running, ETA, KEPT, GAMMA, alpha)
    phi = descend(start, seed, [ETA / KEPT] * LONG, 0, outer, outer, plain_slope)
    pairs = enumerate(zip(theta, phi, strict=True))
    measured(sum((alpha**t * y == x).all() for t, (x, y) in pairs), allowed=LONG)


@pytest.mark.control(
    NONE, drops="^independent", instead="a run in the plane, where no four vectors are independent"
)
def test_control_in_the_plane_rates_made_for_the_run_are_enough(measured):
    start = np.array([Fraction(1), Fraction(1)])
    theta = descend(start, 0 * start, [Fraction(1, 20)] * LONG, 1, GAMMA, GAMMA)
    phi, met = start, 1  # the start itself
    for t in range(LONG):
        slope, target = ratio_slope(t, phi), theta[t + 1]
        along = (target @ phi) / (phi @ phi)
        assert along > 0
        rate = -(target @ slope) / (slope @ slope) / along  # slope is orthogonal to φ
        phi, _ = nesterov_step(phi, 0 * phi, slope, rate, 0, 0, 0)
        scale = phi[0] / target[0]
        assert scale > 0
        met += (phi == scale * target).all()
    measured(met, allowed=LONG)


@pytest.mark.control(NONE, drops="^decay-and-momentum", instead="no decay")
def test_control_without_decay_the_run_is_its_own_twin(measured):
    start = np.append(START, Fraction(1)).astype(float)

    def slope(t, weights):
        return np.array(ratio_slope(t, weights), dtype=float)

    theta = descend(start, 0 * start, [0.5] * LONG, 0, 0.5, 0.5, slope)
    slopes = [slope(t, weights) for t, weights in enumerate(theta[:-1])]
    assert min(volumes(theta, slopes)) > VOLUME  # of what is to be independent
    phi, buffer, met = start, 0 * start, 1
    for t in range(LONG):
        phi, buffer = nesterov_step(phi, buffer, slope(t, phi), 0.5, 0, 0.5, 0.5)
        met += (phi == theta[t + 1]).all()
    measured(met, allowed=LONG)
    # s = 1, and r = 1 obeys both laws
    ratios = forced_ratios(Fraction(1), Fraction(1), GAMMA, 6)
    assert ratios == [1] * 6
    assert single_momentum_defects(ratios) == [0] * 4


def test_without_momentum_there_is_a_twin_and_the_four_vectors_are_dependent():
    start, kept = np.array([Fraction(1), Fraction(-1), Fraction(1)]), 1 - ETA
    theta = descend(start, 0 * start, [ETA] * LONG, 1, 0, 0)
    rates = [ETA * kept ** (-2 * t - 1) for t in range(LONG)]
    phi = descend(start, 0 * start, rates, 0, 0, 0)
    assert all((kept**t * y == theta[t]).all() for t, y in enumerate(phi))
    assert (theta[2] == kept * theta[1] - ETA * ratio_slope(1, theta[1])).all()
