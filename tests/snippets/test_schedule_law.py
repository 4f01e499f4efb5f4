"""Does the effective step move as the law says, and is there a schedule that undoes decay?"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy

from snippets.expulsion import decayed_step, sine_squared_slope
from snippets.memoryless_twin import twin_rates
from snippets.schedule_law import (
    balance_angle,
    effective_step,
    next_effective_step,
    schedule_growth,
    unit_growth_rates,
)

LAW, NO_OP = "effective-step-obeys-the-schedule-law", "unit-growth-makes-decay-a-no-op"
VISIBLE = 1e-2  # a sine of the turn between two directions, which in rational numbers may be 0
F = Fraction
RATES = [F(1, 3), F(1, 5), F(2, 3), F(1, 7), F(1, 2)]
DECAYS = [F(1, 2), F(-1, 4), F(1), F(0), F(2, 3)]
START = np.array([F(2), F(-3)])


def plain_slope(weights):
    """∇L of ‖θ − (1, 1)‖²/2, which is not scale invariant."""
    return weights - np.array([F(1), F(1)])


def errors_of_the_law(slope, rates=RATES, decays=DECAYS, momentum=0):
    """How far Φ and the direction are from the law, at each step after the first."""
    weights, buffer, wrong = START, 0 * START, []
    for t in range(len(rates) - 1):
        square = weights @ weights
        buffer = momentum * buffer + slope(weights)
        after = decayed_step(weights, buffer, rates[t], decays[t])
        step = effective_step(rates[t], decays[t], square)
        growth = schedule_growth(rates[t], decays[t], rates[t + 1], decays[t + 1])
        scaled = slope(weights) @ slope(weights) * square  # ‖g‖² at the direction
        said = next_effective_step(step, growth, scaled)
        wrong.append(said - effective_step(rates[t + 1], decays[t + 1], after @ after))
        # u − Φg times ‖θ‖ has to be a positive multiple of the next weights
        aim = weights - step * square * slope(weights)
        wrong.append(aim[0] * after[1] - aim[1] * after[0])
        wrong.append(min(aim @ after, 0))
        weights = after
    return wrong


@pytest.mark.claim(LAW, by="certificate")
def test_all_parts_of_the_law_hold_in_the_plane_of_weights_and_gradient(measured):
    """Which are orthogonal, by the lemma, so that in any dimension the step stays in a plane."""
    r, h, scalar = sympy.symbols("r h c", positive=True)  # h is ‖∇L(θ)‖, so ‖g‖ = rh
    eta, later, kept, next_kept = sympy.symbols("eta eta1 a a1", positive=True)
    decay, next_decay = (1 - kept) / eta, (1 - next_kept) / later
    after = decayed_step(np.array([r, 0]), np.array([0, h]), eta, decay)
    step, growth = effective_step(eta, decay, r**2), schedule_growth(eta, decay, later, next_decay)
    steep = 1 + step**2 * (r * h) ** 2
    said = next_effective_step(step, growth, (r * h) ** 2)
    twins = eta / (scalar * kept * scalar), later / (kept * scalar * next_kept * kept * scalar)
    rests = [
        *(after - kept * r * (np.array([1, 0]) - step * np.array([0, r * h]))),
        after @ after - kept**2 * r**2 * steep,
        said - effective_step(later, next_decay, after @ after),
        said - growth * after[0] ** 2 / (after @ after) * step,  # the cosine of the turn, squared
        (after[1] / after[0]) ** 2 - (step * r * h) ** 2,  # and its tangent
        # it grows, stays or falls as this is above, at or below 0
        (said / step - 1) * steep - (growth - 1 - step**2 * (r * h) ** 2),
        growth.subs({later: eta, next_kept: kept}) - kept**-2,
        growth - twins[1] / twins[0],
    ]
    measured(sum(sympy.cancel(rest) != 0 for rest in rests), allowed=0)


@pytest.mark.claim(LAW, by="certificate of a step")
def test_the_law_holds_for_every_function_of_the_ratios(measured):
    """The law of Φ, in three dimensions and where x > 0."""
    x, eta, later, kept, next_kept = sympy.symbols("x eta eta1 a a1", positive=True)
    y, z = sympy.symbols("y z", real=True)
    loss = sympy.Function("f")(y / x, z / x)
    weights = np.array([x, y, z])
    slope = np.array([sympy.diff(loss, coordinate) for coordinate in (x, y, z)])
    decay, next_decay = (1 - kept) / eta, (1 - next_kept) / later
    after = decayed_step(weights, slope, eta, decay)
    square = weights @ weights
    step = effective_step(eta, decay, square)
    growth = schedule_growth(eta, decay, later, next_decay)
    said = next_effective_step(step, growth, slope @ slope * square)
    rest = sympy.cancel(1 / said - 1 / effective_step(later, next_decay, after @ after))
    measured(rest != 0, allowed=0)


@pytest.mark.claim(LAW, by="exact")
def test_the_law_has_no_error_for_rates_and_decays_that_change_at_every_step(measured):
    measured(max(map(abs, errors_of_the_law(sine_squared_slope))), allowed=0)


@pytest.mark.claim(LAW, by="exact")
def test_the_growth_is_that_of_the_twin_without_decay(measured):
    _, twins = twin_rates(RATES, DECAYS, 1)
    for t in range(4):
        growth = schedule_growth(RATES[t], DECAYS[t], RATES[t + 1], DECAYS[t + 1])
        assert growth != 1
        measured(abs(growth - twins[t + 1] / twins[t]), allowed=0)


@pytest.mark.control(LAW, drops="scale-invariant-loss", instead="a squared distance")
def test_control_on_a_plain_loss_the_law_fails(measured):
    wrong = errors_of_the_law(plain_slope)
    measured(abs(wrong[0]), allowed=F(1, 100))  # of an effective step of a few hundredths


@pytest.mark.control(LAW, drops="^no-momentum", instead="momentum 1/2")
def test_control_with_momentum_the_law_fails(measured):
    wrong = errors_of_the_law(sine_squared_slope, momentum=F(1, 2))
    assert wrong[:3] == [0, 0, 0]  # the first buffer is the gradient
    measured(max(map(abs, wrong[3::3])), allowed=F(1, 100))  # of Φ, which is some hundredths
    measured(max(map(abs, wrong[4::3])), allowed=F(1, 20))  # of the direction, a sine times lengths


@pytest.mark.control(
    LAW, drops="^positive", instead="a first step that multiplies the weights by −1"
)
def test_control_where_decay_takes_more_than_everything_the_direction_turns_round(measured):
    wrong = errors_of_the_law(sine_squared_slope, decays=[F(6), *DECAYS[1:]])
    assert wrong[:2] == [0, 0]
    # the inner product of where it should have gone and where it went, for weights of size three
    measured(-wrong[2], allowed=1)


@pytest.mark.claim(LAW, by="exact")
def test_at_balance_a_step_leaves_the_effective_step_as_it_is(measured):
    for growth in (F(9, 4), F(25, 16)):
        squared_slope = (growth - 1) / F(1, 9)
        measured(abs(next_effective_step(F(1, 3), growth, squared_slope) - F(1, 3)), allowed=0)
        assert next_effective_step(F(1, 3), growth, squared_slope * 2) < F(1, 3)
        assert next_effective_step(F(1, 3), growth, squared_slope / 2) > F(1, 3)
    measured(abs(next_effective_step(F(1, 3), F(1), F(0)) - F(1, 3)), allowed=0)


def test_the_balance_angle_has_the_cosine_one_over_the_root_of_the_growth():
    for kept in (0.2, 0.5, 0.99):
        assert math.cos(balance_angle(kept**-2)) == pytest.approx(kept, rel=1e-14)
    assert balance_angle(1.0) == 0
    # exact where the cosine is 1 to rounding
    assert balance_angle(1 + 2.0**-50) == pytest.approx(2.0**-25, rel=1e-12)
    for growth in (0.999, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"growth of {growth:g} is below 1"):
            balance_angle(growth)


# The schedule that undoes decay.

LAMBDAS = [F(1, 2), F(1, 3), F(0), F(2), F(1)]


def run(slope, rates, decays):
    path = [START]
    for rate, decay in zip(rates, decays, strict=True):
        path.append(decayed_step(path[-1], slope(path[-1]), rate, decay))
    return path


@pytest.mark.claim(NO_OP, by="exact")
def test_with_unit_growth_the_run_is_one_at_a_constant_rate_without_decay(measured):
    rates = unit_growth_rates(F(1, 2), LAMBDAS)
    assert len(rates) == len(LAMBDAS)
    assert rates[0] == F(1, 2)
    for t in range(4):
        growth = schedule_growth(rates[t], LAMBDAS[t], rates[t + 1], LAMBDAS[t + 1])
        measured(abs(growth - 1), allowed=0)
    decayed = run(sine_squared_slope, rates, LAMBDAS)
    free = run(sine_squared_slope, [F(1, 2) / F(3, 4)] * 5, [0] * 5)
    kept = F(1)
    for t, (one, other) in enumerate(zip(decayed, free, strict=True)):
        measured(abs(one - kept * other).max(), allowed=0)
        if t < 5:
            kept *= 1 - rates[t] * LAMBDAS[t]
    assert kept < F(1, 2)


@pytest.mark.claim(NO_OP, by="certificate of a step")
def test_unit_growth_has_one_solution_and_the_twins_rate_is_constant_for_no_other(measured):
    """The rates are unique, and so are those with a constant rate of the twin, η/(cc′)."""
    eta, later, lam, next_lam, c = sympy.symbols("eta eta1 lambda lambda1 c", positive=True)
    growth = schedule_growth(eta, lam, later, next_lam)
    after = c * (1 - eta * lam)
    twins = eta / (c * after), later / (after * (after * (1 - later * next_lam)))
    measured(sympy.cancel(twins[1] / twins[0] - growth) != 0, allowed=0)
    (only,) = sympy.solve(sympy.numer(sympy.together(growth - 1)), later)
    kept = eta * (1 - eta * lam)
    measured(sympy.cancel(only - kept / (1 + kept * next_lam)) != 0, allowed=0)


def test_where_rates_are_not_positive_other_schedules_have_a_constant_rate_too():
    for rate in (F(0), F(-1, 20)):
        rates, scalars = [rate], [F(1)]
        for lam, next_lam in itertools.pairwise(LAMBDAS):
            kept = rates[-1] * (1 - rates[-1] * lam)
            scalars.append(scalars[-1] * (1 - rates[-1] * lam))
            rates.append(kept / (1 + kept * next_lam))
        scalars.append(scalars[-1] * (1 - rates[-1] * LAMBDAS[-1]))
        assert min(scalars) > 0
        found = {r / (c * d) for r, c, d in zip(rates, scalars, scalars[1:], strict=False)}
        assert found == {rate / scalars[1]}


@pytest.mark.claim(NO_OP, by="float64")
@pytest.mark.parametrize(("rate", "decay"), [(0.1, 0.5), (0.9, 1.0), (1e-3, 2.0)])
def test_for_constant_decay_the_rates_fall_like_one_over_two_lambda_t(measured, rate, decay):
    rates = unit_growth_rates(rate, [decay] * 100_001)
    # with x = 1/c², xₜ₊₁ = xₜ + 2kλ + k²λ²/xₜ, so xₜ/(2kλt) − 1 is at most (1 + kλ ln(t)/2)/(2kλt)
    # and some 1/t, where kλ = ηλ/(1 − ηλ) is at least 0.002: some 0.003
    measured(abs(rates[-1] * 2 * decay * 100_000 - 1), allowed=0.01)


def apart(rates, slope=sine_squared_slope):
    """The cross product of the two directions after five steps, 0 where they are one."""
    one = run(slope, rates, LAMBDAS)[-1]
    first = rates[0] / (1 - rates[0] * LAMBDAS[0])  # η₀/a₀, with which the first step is the same
    other = run(slope, [first] * 5, [0] * 5)[-1]
    cross = float(one[0] * other[1] - one[1] * other[0])
    return abs(cross) / math.sqrt(one @ one * (other @ other))


@pytest.mark.control(NO_OP, drops="^unit-growth", instead="a constant rate")
def test_control_at_a_constant_rate_decay_does_something(measured):
    assert apart(unit_growth_rates(F(1, 2), LAMBDAS)) == 0
    measured(apart([F(1, 4)] * 5), allowed=VISIBLE)


@pytest.mark.control(NO_OP, drops="scale-invariant-loss", instead="a squared distance")
def test_control_on_a_plain_loss_decay_does_something_all_the_same(measured):
    measured(apart(unit_growth_rates(F(1, 2), LAMBDAS), plain_slope), allowed=VISIBLE)


@pytest.mark.parametrize(("rate", "decay"), [(0, 1), (-1, 1), (1, 1), (2, 1)])
def test_no_such_schedule_from_a_rate_that_takes_nothing_or_everything(rate, decay):
    with pytest.raises(ValueError, match=f"rate {rate} and decay {decay}: 0 < η₀ and η₀λ₀ < 1"):
        unit_growth_rates(F(rate), [F(decay)] * 3)


def test_no_such_schedule_for_a_negative_decay():
    with pytest.raises(ValueError, match="a decay of -1/2 is negative; take λ ≥ 0"):
        unit_growth_rates(F(1, 4), [F(1), F(-1, 2), F(0)])


def test_only_the_first_decay_can_take_too_much():
    assert unit_growth_rates(F(1), [F(0), F(9)]) == [1, F(1, 10)]
    with pytest.raises(ValueError, match="rate 1 and decay 2"):
        unit_growth_rates(F(1), [F(2), F(0)])


def test_on_the_cosine_constant_decay_has_an_orbit_of_period_two_that_repels():
    # The map of (φ, Φ) for L = −cos φ, followed by the reflection φ → −φ: a fixed point of it
    a = sympy.Symbol("a", positive=True)
    phi, step = sympy.symbols("phi Phi", positive=True)
    turned = sympy.atan(step * sympy.sin(phi)) - phi
    later = next_effective_step(step, a**-2, sympy.sin(phi) ** 2)
    jacobian = sympy.Matrix([turned, later]).jacobian([phi, step])
    for kept in (F(1, 3), F(7, 10), F(99, 100)):
        angle, at = math.acos(math.sqrt((1 + kept) / 2)), math.sqrt(2 * (1 + kept)) / kept
        here = {a: sympy.Float(kept.numerator / kept.denominator, 30), phi: angle, step: at}
        assert float(turned.subs(here)) == pytest.approx(angle, rel=1e-12)
        assert float(later.subs(here)) == pytest.approx(at, rel=1e-12)
        determinant = float(jacobian.subs(here).det())
        assert determinant == pytest.approx(float(1 + kept - kept**2), rel=1e-10)
