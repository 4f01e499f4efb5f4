"""Does descent without decay come to rest at any rate, within its budget of gradients?"""

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy

from snippets.auto_rate import descend_in_plane, gradient_budget

BUDGET = "any-rate-has-a-finite-gradient-budget"
RATES = [1e-3, 0.03, 0.3, 1.0, 3.0, 30.0, 1e3]
ROUNDING = 1e-12  # float64, a few operations on numbers of size one
SUMS = 1e-9  # of thousands of squares, each rounded at 1e-16
TENFOLD = 10  # the budget over and over: where it holds, a run spends less than all of it


def wave(k):
    """The slope of −cos(kφ), which has G = k, Δ = 2 and, for k ≥ 2, β = k²."""
    return lambda t, angle: k * math.sin(k * angle)


@pytest.mark.claim(BUDGET, by="certificate of a step")
def test_a_step_from_where_the_weights_are_long_enough_lowers_the_loss_by_half(measured):
    slope, eta, beta, square, s = sympy.symbols("g eta beta r s", positive=True)
    # all along the step the curvature is at most β/r, as the squared length is r + s²η²g²
    bent = sympy.simplify(1 / (square + s**2 * eta**2 * slope**2) - 1 / square)
    fall = eta * slope**2 - eta**2 * slope**2 * beta / square / 2
    half = sympy.simplify(fall.subs(square, eta * beta) - eta * slope**2 / 2)
    holds = [bent.is_negative, half == 0, sympy.diff(fall, square).is_positive]
    measured(sum(not each for each in holds), allowed=0)


def test_the_curvature_of_a_wave_is_at_most_the_square_of_its_number(measured):
    # what the runs below are given as β; in polar coordinates the Hessian at unit length is
    # [[0, −f'], [−f', f'']]
    for k in (2, 3, 5):
        for angle in np.linspace(0, math.pi, 50):
            first, second = k * math.sin(k * angle), k**2 * math.cos(k * angle)
            hessian = np.array([[0, -first], [-first, second]])
            measured(max(np.linalg.norm(hessian, 2) / k**2 - 1, 0), allowed=ROUNDING)


@pytest.mark.claim(BUDGET, by="float64")
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("k", [2, 5])
def test_what_is_spent_stays_within_the_budget(measured, rate, k):
    for start in (0.1, 0.5, 1.3):
        for square in (0.04, 1.0, 25.0):
            _, after, spent = descend_in_plane(wave(k), start, square, rate, 2000)
            budget = gradient_budget(square, k**2.0, float(k), 2.0, rate)
            measured(spent / budget, allowed=1)  # of the budget
            measured(abs(after / (square + rate**2 * spent) - 1), allowed=SUMS)


@pytest.mark.claim(BUDGET, by="float64")
@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0, 100.0])
def test_in_space_a_ratio_of_quadratic_forms_stays_within_its_budget(measured, rate):
    diagonal = np.array([-1.0, 0.0, 0.5, 0.7, 1.0])
    span = 2.0  # and so G ≤ 2, β ≤ 8, for H = 2(A − L) − 2(ugᵀ + guᵀ) at unit u
    w, spent = np.array([1.0, -0.4, 0.3, 0.8, 0.2]), 0.0
    start = w @ w
    for _ in range(3000):
        slope = 2 * (diagonal * w - (w @ (diagonal * w)) / (w @ w) * w) / (w @ w)
        spent += slope @ slope
        w = w - rate * slope
    measured(spent / gradient_budget(start, 8.0, 2.0, span, rate), allowed=1)  # of the budget
    measured(abs(w @ w / (start + rate**2 * spent) - 1), allowed=SUMS)
    measured(np.linalg.norm(slope), allowed=ROUNDING)


def spent_on(slope, steps, decay=0.0, rate=1.0):
    return descend_in_plane(slope, 0.5, 1.0, rate, steps, decay)[2]


WAVE_BUDGET = gradient_budget(1.0, 4.0, 2.0, 2.0, 1.0)


@pytest.mark.control(BUDGET, drops="^no-decay", instead="a decay of 0.05")
def test_control_with_decay_the_budget_is_spent_over_and_over(measured):
    assert spent_on(wave(2), 20000) < WAVE_BUDGET
    once, twice = (spent_on(wave(2), steps, decay=0.05) for steps in (10000, 20000))
    assert twice > 1.5 * once
    measured(once / WAVE_BUDGET, allowed=TENFOLD)


@pytest.mark.control(BUDGET, drops="^one-loss", instead="two losses that take turns")
def test_control_on_losses_that_disagree_the_gradients_go_on(measured):
    def batches(t, angle):
        return 2 * math.sin(2 * angle + (t % 2) * 2)

    measured(spent_on(batches, 20000) / WAVE_BUDGET, allowed=TENFOLD)


# Of |sin φ|, whose Hessian at unit weights is below 2 off the kink, G = 1 and Δ = 1.
OFF_THE_KINK = gradient_budget(1.0, 2.0, 1.0, 1.0, 1.0)


@pytest.mark.control(
    BUDGET,
    drops="twice-differentiable-away-from-zero",
    instead="|sin φ| of the angle φ, with a kink at φ = 0",
)
def test_control_over_a_kink_the_run_hops_for_ever(measured):
    def kink(t, angle):
        return math.copysign(math.cos(angle), math.sin(angle))

    # whatever the curvature off the kink, it does not help: the sum has no bound
    sums = [spent_on(kink, steps) for steps in (1000, 4000, 16000)]
    assert all(1.8 < late / early < 2.2 for early, late in pairwise(sums))
    measured(sums[-1] / OFF_THE_KINK, allowed=TENFOLD)
    # and the direction converges, to the kink, from side to side and by ever smaller turns
    ends = [descend_in_plane(kink, 0.5, 1.0, 1.0, steps)[0] for steps in (1000, 4000, 16000)]
    turns = [abs(math.sin(angle)) for angle in ends]
    assert turns[2] < 1.05 * turns[0] / 4 < 0.05


@pytest.mark.control(BUDGET, drops="^curvature", instead="a kink rounded off at a millionth")
def test_control_where_the_hessian_is_larger_than_the_bound_the_budget_is_overspent(measured):
    def rounded(t, angle, width=1e-6):  # of √(sin² φ + width²), with a Hessian of 1/width at 0
        sine = math.sin(angle)
        return sine * math.cos(angle) / math.hypot(sine, width)

    spent = spent_on(rounded, 16000)
    measured(spent / OFF_THE_KINK, allowed=TENFOLD)
    # with the bound that its Hessian has it stays within
    assert spent < gradient_budget(1.0, 1e6 + 2, 1.0, 1.0, 1.0)


@pytest.mark.control(BUDGET, drops="scale-invariant-loss", instead="the cosine of a coordinate")
def test_control_on_a_loss_that_sees_the_length_the_run_leaps_about_for_ever(measured):
    # L = cos θ₁ has values within 2 of each other, and gradients and a Hessian of at most 1
    x, y, rate, spent = 0.4, 1.0, 3.0, 0.0
    budget = gradient_budget(x * x + y * y, 1.0, 1.0, 2.0, rate)
    for _ in range(1000):
        spent += math.sin(x) ** 2
        x += rate * math.sin(x)
    measured(spent / budget, allowed=TENFOLD)


@pytest.mark.parametrize("rate", [1.9, 2.1, 3.0])
def test_on_the_cosine_of_a_coordinate_a_run_comes_to_rest_below_the_rate_two_alone(rate):
    x, sums = 0.4, []
    for _ in range(2):
        spent = 0.0
        for _ in range(2000):
            spent += math.sin(x) ** 2
            x += rate * math.sin(x)
        sums.append(spent)
    assert (sums[1] < ROUNDING) == (rate < 2)


def test_on_a_parabola_too_large_a_rate_diverges():
    w, spent = 1e-3, 0.0
    for _ in range(50):
        spent += (2 * w) ** 2
        w -= 1.5 * 2 * w  # a Hessian of 2, and a rate above 2/2
    assert spent > 1e9


@pytest.mark.parametrize("steps", [20000, 80000])
def test_losses_that_take_turns_spend_like_the_square_root_of_time(steps):
    # Two cosines whose minima are not opposite, so that at no direction both slopes are zero; where
    # the unit gradients stay between bounds, η²Σ‖∇L‖² is the growth of ‖θ‖², and that is like √t.
    def batches(t, angle):
        return 2 * math.sin(2 * angle + (t % 2) * 2)

    early, late = (spent_on(batches, count) for count in (steps // 4, steps))
    assert 1.8 < late / early < 2.2


def test_with_decay_the_sum_stays_finite_at_a_flat_minimum_and_not_at_a_sharp_one():
    def flat(t, angle):
        return 2 * (1 - math.cos(angle)) * math.sin(angle)

    sums = {}
    for name, slope in (("flat", flat), ("sharp", wave(1))):
        sums[name] = [spent_on(slope, steps, decay=0.1) for steps in (500, 5000, 20000)]
    assert sums["flat"][2] == pytest.approx(sums["flat"][0], rel=1e-9)
    assert sums["sharp"][2] > 3 * sums["sharp"][1] > 9 * sums["sharp"][0]


# ---------------------------------------------------------------------------------------------
# The functions themselves.


def test_the_budget_is_the_formula():
    budget = gradient_budget(4.0, 5.0, 6.0, 7.0, 0.5)
    assert budget == pytest.approx(10 + 9 + 28, rel=1e-15)
    for square, rate in [(0.0, 1.0), (1.0, 0.0)]:
        with pytest.raises(ValueError, match="needs weights off zero and a positive rate"):
            gradient_budget(square, 1.0, 1.0, 1.0, rate)


def test_the_polar_step_is_that_of_descent():
    angle, square, rate, decay = 0.7, 2.0, 0.8, 0.3
    w = math.sqrt(square) * np.array([math.cos(angle), math.sin(angle)])
    spent = 0.0
    for t in range(5):
        phi = math.atan2(w[1], w[0])
        slope = wave(3)(t, phi) / (w @ w) * np.array([-w[1], w[0]])
        spent += slope @ slope
        w = w - rate * (slope + decay * w)
    after = descend_in_plane(wave(3), angle, square, rate, 5, decay)
    assert after == pytest.approx((math.atan2(w[1], w[0]), w @ w, spent), rel=1e-12)
    assert descend_in_plane(wave(3), angle, square, rate, 5) == descend_in_plane(
        wave(3), angle, square, rate, 5, 0.0
    )
