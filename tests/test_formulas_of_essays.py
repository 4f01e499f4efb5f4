"""Are the formulas right that essays on schedules and decay state beside the claims they show?

Each test stands for a sentence of an essay, and is told with what it would be mistaken for.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy

from snippets.exponential_lr import growth_root, sgd_step
from snippets.texp import decay_share
from tests.snippets.rational_losses import ratio_slope

ROUNDING = 1e-12  # of numbers of size one, after a few steps of float64
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])


# errata, exponential-schedules-part-1


def test_the_number_of_the_figure_is_the_growth_of_an_epoch_and_not_of_a_step():
    root = growth_root(0.1, 5e-4, 0.9)
    assert root == pytest.approx((1.89995 + math.sqrt(1.89995**2 - 3.6)) / 2, rel=1e-14)
    assert round(root**-2, 6) == 1.001005
    assert round(root**-782, 3) == 1.481
    assert round(root**-780, 3) != 1.481  # 390 steps are another number
    assert 470 < (root**-782 - 1) / (root**-2 - 1) < 490
    largest = float(np.finfo(np.float32).max)
    assert 0.1 * 1.481**230 < largest < 0.1 * 1.481**250
    assert 0.1 * root ** (-2 * 90000) < largest  # while a step's growth takes some ninety thousand


def test_the_squared_norm_over_the_rate_is_as_constant_as_the_norm_of_the_other_run():
    momentum, root, decay = Fraction(1, 2), Fraction(9, 10), Fraction(2, 15)
    rate = (1 - root) * (root - momentum) / root / decay
    theta, buffer = START, 0 * START
    phi, seeded = START, -decay / (root - momentum) * START
    ratios = []
    for t in range(4):
        free = rate * root ** (-2 * t - 1)
        ratios.append(phi @ phi / free)
        assert ratios[-1] == root * (theta @ theta) / rate
        theta, buffer = sgd_step(theta, buffer, ratio_slope(t, theta), rate, decay, momentum)
        phi, seeded = sgd_step(phi, seeded, ratio_slope(t, phi), free, 0, momentum)
    assert len(set(ratios)) == len(ratios)  # in this run it is not constant


# exponentially-growing-learning-rate


def in_the_plane(slope, angle, radius, rate, steps, decay=0.0):
    """Follow gradient descent on f(φ) in coordinates, and in polar ones by the formulas."""
    point = radius * np.array([math.cos(angle), math.sin(angle)])
    keep = 1 - rate * decay
    for _ in range(steps):
        now = math.atan2(point[1], point[0])
        across = np.array([-math.sin(now), math.cos(now)])
        point = keep * point - rate * slope(now) / np.linalg.norm(point) * across
        push = rate * slope(angle) / radius
        angle -= math.atan(push / (keep * radius))
        radius = math.sqrt((keep * radius) ** 2 + push**2)
    return point, angle, radius


def test_in_the_plane_a_step_follows_the_formulas_in_polar_coordinates():
    for decay in (0.0, 0.3):
        point, angle, radius = in_the_plane(math.sin, 2.0, 1.5, 0.7, 30, decay)
        assert abs(point - radius * np.array([math.cos(angle), math.sin(angle)])).max() < ROUNDING


def test_the_turns_need_not_become_smaller_where_the_slope_becomes_larger():
    turns = []
    angle, radius = 3.1, 1.0
    for _ in range(5):
        _, after, radius = in_the_plane(math.sin, angle, radius, 0.5, 1)
        turns.append(angle - after)
        angle = after
    assert turns == sorted(turns)  # on the way down from the top each is larger than the last


def test_a_much_too_large_rate_is_punished_by_one_step():
    rate, slope = 1e4, math.sin(2.0)
    _, _, radius = in_the_plane(math.sin, 2.0, 1.0, rate, 1)
    assert rate / radius**2 < 1 / (rate * slope**2)


def test_over_a_fixed_time_the_growth_disappears_with_the_rate():
    grown = [in_the_plane(math.sin, 2.0, 1.0, 1 / n, n)[2] ** 2 - 1 for n in (100, 1000)]
    assert grown[1] == pytest.approx(grown[0] / 10, rel=0.05)


# exact-schedule-law


def test_the_orbit_of_period_two_is_one_and_repels_in_a_spiral_for_every_decay():
    angle, step, a = sympy.symbols("phi Phi a", positive=True)
    # one step on −cos φ, followed by the reflection φ → −φ
    after = sympy.Matrix(
        [
            -(angle - sympy.atan(step * sympy.sin(angle))),
            step / (a**2 * (1 + step**2 * sympy.sin(angle) ** 2)),
        ]
    )
    balance = {angle: sympy.acos(sympy.sqrt((1 + a) / 2)), step: sympy.sqrt(2 * (1 + a)) / a}
    jacobian = after.jacobian([angle, step]).subs(balance)
    trace, determinant = 3 * a**2 + a - 2, 1 + a - a**2
    for value in (Fraction(1, 10), Fraction(1, 2), Fraction(99, 100)):
        numbers = {a: sympy.Rational(value)}
        here = [after[i].subs(balance).subs(numbers).evalf(30) for i in (0, 1)]
        there = [balance[symbol].subs(numbers).evalf(30) for symbol in (angle, step)]
        assert max(abs(x - y) for x, y in zip(here, there, strict=True)) < 1e-25
        found = jacobian.subs(numbers).evalf(30)
        assert abs(found.trace() - trace.subs(numbers)) < 1e-25
        assert abs(found.det() - determinant.subs(numbers)) < 1e-25
    discriminant = sympy.factor(trace**2 - 4 * determinant)
    assert sympy.expand(discriminant - a * (a - 1) * (9 * a**2 + 15 * a + 8)) == 0


# sgdr


def twin_rates(top, decay, period, bottom=0.0):
    """The rates of a cosine, and of its twin without decay."""
    rates = bottom + (top - bottom) * (1 + np.cos(np.pi * np.arange(period) / period)) / 2
    scalars = np.cumprod([1.0, *(1 - rates * decay)])
    return rates, rates / (scalars[:-1] * scalars[1:])


@pytest.mark.parametrize("product", [1e-3, 1e-2, 3e-2])
def test_the_twin_of_a_cosine_has_its_largest_rate_where_the_essay_says(product):
    period = 1000
    _, free = twin_rates(1.0, product, period)
    place = 2 * period * product / math.pi
    x = np.linspace(0, math.pi / 2, 200001)[:-1]
    said = 2 * period / math.pi * x[np.argmin(abs(np.sin(x) / np.cos(x) ** 3 - place))]
    assert abs(int(np.argmax(free)) - said) < 0.03 * period  # to first order in ηλ
    assert 0 < np.argmax(free) < period - 1


def test_a_cosine_with_hardly_any_decay_has_a_twin_that_only_falls():
    period = 1000
    border = math.pi**2 / 8 / period**2
    for product, grows in ((border / 2, False), (2 * border, True)):
        _, free = twin_rates(1.0, product, period)
        assert (free[1] > free[0]) is np.True_ if grows else free[1] < free[0]


def test_above_zero_the_twin_of_a_cosine_rises_again_at_its_end():
    for bottom, rises in ((0.0, False), (0.3, True)):
        _, free = twin_rates(1.0, 1e-2, 1000, bottom)
        assert bool(free[-1] > free[-2]) is rises


# robust-training


def ratio(weights):
    """∇ of xᵀAx/xᵀx in floats."""
    form = np.array([[1.0, 2.0, 0.0], [2.0, -1.0, 1.0], [0.0, 1.0, 0.5]])
    square = weights @ weights
    return 2 * (form @ weights - weights @ form @ weights / square * weights) / square


def clipped(weights, rate, decay, scale=1.0):
    """A step at the threshold √(2λ/η) ‖θ‖; the weights after it, and whether it was clipped."""
    gradient = scale * ratio(weights)
    threshold, length = math.sqrt(2 * decay / rate) * np.linalg.norm(weights), np.linalg.norm
    short = min(1.0, threshold / length(gradient))
    return (1 - rate * decay) * weights - rate * short * gradient, short < 1


def test_a_scale_of_the_loss_is_a_scale_of_the_start():
    one, root = np.array([0.9, -0.3, 0.6]), 3.0
    other = root * one
    for _ in range(20):
        one = 0.98 * one - 0.1 * ratio(one)
        other = 0.98 * other - 0.1 * root**2 * ratio(other)
        assert abs(other - root * one).max() < ROUNDING * root
    assert abs(other - one).max() > 0.1


def test_a_clipped_step_grows_and_turns_as_the_essay_says():
    rate, decay = 0.5, 0.04
    weights = np.array([0.09, -0.03, 0.06])
    after, was_clipped = clipped(weights, rate, decay)
    kappa = rate * decay
    assert was_clipped
    growth = after @ after / (weights @ weights)
    assert growth == pytest.approx(1 + kappa**2, rel=ROUNDING)
    cosine = after @ weights / np.linalg.norm(after) / np.linalg.norm(weights)
    assert math.tan(math.acos(cosine)) == pytest.approx(math.sqrt(2 * kappa) / (1 - kappa))


def test_the_threshold_answers_a_change_of_units_as_the_gradient_does_and_a_fixed_one_does_not():
    weights, rate, decay, c = np.array([0.9, -0.3, 0.6]), 0.5, 0.04, 2.0
    for scale in (0.01, 10.0):  # not clipped, and clipped
        one, first = clipped(weights, rate, decay, scale)
        other, second = clipped(c * weights, c**2 * rate, decay / c**2, scale)
        assert first is second
        assert abs(other - c * one).max() < ROUNDING
    # a fixed threshold cuts the two by another share
    shares = [min(1.0, 5 / np.linalg.norm(10 * ratio(x))) for x in (weights, c * weights)]
    assert shares[1] == pytest.approx(c * shares[0])


def test_from_below_the_first_step_leaves_the_weights_where_the_essay_says():
    rate, decay, c = 0.1, 1e-3, 1e-3
    size = 2.0  # of the gradient on the sphere
    balance = (rate * size**2 / (2 * decay)) ** 0.25
    start = c * balance
    after = math.hypot((1 - rate * decay) * start, rate * size / start)
    assert after == pytest.approx(math.sqrt(2 * rate * decay) / c * balance, rel=1e-3)


# mismatches-with-optimization-theory


def test_the_two_coordinates_of_the_posts_example_obey_the_formulas():
    x, y, rate, keep = sympy.symbols("x y eta a", positive=True)
    square = x**2 + y**2
    loss = x**2 / square
    for symbol, bracket in (
        (x, keep - 2 * rate * y**2 / square**2),
        (y, keep + 2 * rate * x**2 / square**2),
    ):
        step = keep * symbol - rate * sympy.diff(loss, symbol)
        assert sympy.simplify(step - symbol * bracket) == 0


# three-regimes-on-the-sphere


def test_to_hold_the_effective_step_is_to_make_up_for_each_lengthening():
    weights, rate, decay = np.array([0.9, -0.3, 0.6]), 0.2, 0.05
    effective = []
    for _ in range(10):
        a = 1 - rate * decay
        square = weights @ weights
        effective.append(rate / (a * square))
        after = a * weights - rate * ratio(weights)
        cosine = after @ weights / np.linalg.norm(after) / np.linalg.norm(weights)
        # B = η'/(η a a') = 1/cos² τ, solved for the next rate
        wanted = rate * a / cosine**2
        weights, rate = after, wanted / (1 + wanted * decay)
    assert np.ptp(effective) < ROUNDING * effective[0] * 100
    assert rate != pytest.approx(0.2, rel=0.01)


def test_a_very_long_step_goes_to_the_direction_of_the_gradient():
    unit = np.array([0.6, 0.0, 0.8])
    gradient = ratio(unit)
    after = unit - 1e6 * gradient
    after /= np.linalg.norm(after)
    assert abs(after + gradient / np.linalg.norm(gradient)).max() < 1e-5
    assert abs(after @ unit) < 1e-5


# periodic-behaviour-of-training, sharpness-reduction


def test_after_a_large_gradient_the_effective_step_is_below_the_stated_bound():
    a = 0.9
    for size in (0.1, 1.0, 10.0):
        steps = np.logspace(-6, 6, 4001)
        after = steps / (1 + steps**2 * size**2) / a**2
        assert after.max() <= 1 / (2 * a**2 * size) * (1 + ROUNDING)
        assert after.max() > 0.99 / (2 * a**2 * size)
        curvature = 4 * a**2 * size  # h, where the gradient is h/4a²: the bound is 2/h
        assert after.max() <= 2 / curvature * (1 + ROUNDING)
        assert after.max() > 2 / (1.1 * curvature)  # and a shorter one need not do


# where-the-equivalence-breaks, periodic-behaviour-of-training


def plane_losses(loss, slope, angle, decay, momentum=0.0, share=0.0, steps=5000):
    """The losses of SGD at the rate 0.1 on a function of the angle, from the buffer share · θ₀."""
    weights = np.array([math.cos(angle), math.sin(angle)])
    buffer, losses = share * weights, []
    for _ in range(steps):
        phi = math.atan2(weights[1], weights[0])
        losses.append(loss(phi))
        gradient = slope(phi) / (weights @ weights) * np.array([-weights[1], weights[0]])
        weights, buffer = sgd_step(weights, buffer, gradient, 0.1, decay, momentum)
    return np.array(losses)


@pytest.mark.parametrize("flat", [True, False], ids=["settles", "is thrown out"])
def test_losses_of_runs_that_are_not_equivalent_may_stay_alike_and_need_not(flat):
    def loss(phi):
        return (1 - math.cos(phi)) ** (1 + flat)

    def slope(phi):
        return math.sin(phi) * (2 * (1 - math.cos(phi)) if flat else 1)

    share = decay_share(0.05, 0.5, growth_root(0.1, 0.05, 0.5))
    runs = [plane_losses(loss, slope, 2.0, 0.05, 0.5, start) for start in (0.0, share)]
    apart = abs(runs[0] - runs[1])
    assert apart[:10].max() > 1e-3  # a thousand million times the rounding: not the same run
    if flat:
        assert apart.max() < 0.01
        assert max(losses[1000:].max() for losses in runs) < 1e-20
    else:
        assert apart[:300].max() > 0.1
        assert (apart[300:] > 0.1).sum() > 10


def test_after_an_outbreak_the_loss_may_return_to_nothing():
    losses = plane_losses(lambda phi: math.sin(phi) ** 2, lambda phi: math.sin(2 * phi), 0.3, 0.1)
    for start in range(0, 5000, 2500):
        assert losses[start : start + 2500].min() < 1e-20
        assert losses[start : start + 2500].max() > 0.2


@pytest.mark.parametrize("angle", [0.05, 0.1, 0.3, -0.2])
def test_after_an_outbreak_the_loss_may_stay_above_what_it_was_for_good(angle):
    def loss(phi):
        u = 1 + math.cos(phi)
        return u**2 * (1 - 0.6 * u)

    def slope(phi):
        u = 1 + math.cos(phi)
        return -math.sin(phi) * (2 * u - 1.8 * u**2)

    losses = plane_losses(loss, slope, angle, 3.0, steps=1000)
    assert losses[:6].min() < -0.799  # of −0.8
    assert losses[200:].min() > -0.6
    # the orbit of period two at the balance angle, where the cosine of a turn is 1 − ηλ
    assert losses[-1] == pytest.approx(loss(math.acos(0.7) / 2), abs=1e-9)


def test_that_orbit_attracts():
    """The map of the angle, mirrored, and of Φ, at the balance of 1 − ηλ = 0.7."""
    phi, step = sympy.symbols("phi Phi", positive=True)
    u = 1 + sympy.cos(phi)
    slope = sympy.diff(u**2 * (1 - sympy.Rational(3, 5) * u), phi)
    decayed = sympy.Rational(7, 10)
    after = sympy.Matrix(
        [sympy.atan(step * slope) - phi, step / decayed**2 / (1 + step**2 * slope**2)]
    )
    balance = math.acos(0.7) / 2
    point = {phi: balance, step: math.tan(2 * balance) / float(slope.subs(phi, balance))}
    assert np.allclose(np.array(after.subs(point), float).ravel(), list(point.values()))
    factors = np.linalg.eigvals(np.array(after.jacobian([phi, step]).subs(point), float))
    assert abs(factors).max() < 0.99
