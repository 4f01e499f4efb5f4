"""Does the length of the weights change as the claims say?"""

import math
from fractions import Fraction

import pytest
import sympy

from snippets.norm_laws import (
    effective_step,
    lower_bound,
    momentum_growth,
    next_square,
    upper_bound,
)

STEP, ROOT = "norm-step-with-decay", "norm-grows-like-a-fourth-root"
FLOW, DECAYED = "gradient-flow-conserves-the-norm", "decayed-flow-shrinks-at-the-decay-rate"
MOMENTUM = "momentum-multiplies-norm-growth"
FORM = [[1, 2, 0], [2, -1, 1], [0, 1, 3]]
START = [Fraction(3), Fraction(-1), Fraction(2)]
ETA, LAMBDA = Fraction(1, 3), Fraction(1, 5)


def dot(u, v):
    return sum(x * y for x, y in zip(u, v, strict=True))


def ratio_slope(w):
    """The gradient of wᵀAw / wᵀw."""
    image = [dot(row, w) for row in FORM]
    value, square = dot(w, image) / dot(w, w), dot(w, w)
    return [2 * (a - value * x) / square for a, x in zip(image, w, strict=True)]


def plain_slope(w):
    return list(w)


def step(w, b, rate, decay=0):
    return [(1 - rate * decay) * x - rate * y for x, y in zip(w, b, strict=True)]


def step_gap(slope):
    g = slope(START)
    after = step(START, g, ETA, LAMBDA)
    return dot(after, after) - next_square(dot(START, START), dot(g, g), ETA, LAMBDA)


@pytest.mark.claim(STEP, by="exact")
def test_a_step_obeys_pythagoras_and_turns_by_the_effective_step():
    assert step_gap(ratio_slope) == 0
    g, square = ratio_slope(START), dot(START, START)
    after = step(START, g, ETA, LAMBDA)
    tangent_square = dot(after, after) * square / dot(after, START) ** 2 - 1
    unit_square = square * dot(g, g)
    assert tangent_square == effective_step(square, ETA, LAMBDA) ** 2 * unit_square


@pytest.mark.control(STEP, drops="scale-invariant-loss")
def test_control_on_a_quadratic_form_a_step_does_not():
    assert abs(step_gap(plain_slope)) > 1


@pytest.mark.control(STEP, drops="^positive-remainder")
def test_control_with_too_much_decay_the_step_turns_past_a_right_angle():
    assert dot(step(START, ratio_slope(START), ETA, 6), START) < -1
    for decay in (3, 6):
        with pytest.raises(ValueError, match="keep ηλ below 1"):
            effective_step(1, ETA, decay)
    assert effective_step(4, Fraction(1, 2), 1) == Fraction(1, 4)


def squares(steps, slopes, rate=0.5, square=1.0):
    for t in range(steps):
        square = next_square(square, slopes(t) ** 2 / square, rate, 0)
    return square


@pytest.mark.claim(ROOT, by="float64")
@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
@pytest.mark.parametrize("least", [0.5, 1.0])
def test_the_fourth_power_stays_between_its_bounds(steps, least):
    fourth = squares(steps, lambda t: least if t % 2 else 1.0) ** 2
    assert lower_bound(1.0, least, 0.5, steps) < fourth
    assert fourth <= upper_bound(1.0, least, 1.0, 0.5, steps) * (1 + 1e-12)  # equal at one step


@pytest.mark.claim(ROOT, by="float64")
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_the_effective_rate_forgets_the_rate(rate):
    steps, slope = 20000, 2.0
    final = squares(steps, lambda t: slope, rate)
    # the logarithm and the start are below 0.2 % by then
    assert effective_step(final, rate, 0) * slope * math.sqrt(2 * steps) == pytest.approx(1, 2e-3)


def test_the_bounds_are_the_formulas():
    assert lower_bound(3, 2, Fraction(1, 2), 5) == 9 + 2 * Fraction(1, 4) * 4 * 5
    terms = 9 + 2 * 0.25 * 25 * 4 + 0.0625 * 625 / 9 + 0.25 * 625 / 8 * math.log(1 + 6 / 9)
    assert upper_bound(3.0, 2.0, 5.0, 0.5, 4) == pytest.approx(terms, rel=1e-14)
    for least, steps in [(1.0, 0), (0.0, 1)]:
        with pytest.raises(ValueError, match="needs a step"):
            upper_bound(1.0, least, 1.0, 1.0, steps)


@pytest.mark.control(ROOT, drops="scale-invariant-loss")
def test_control_on_a_quadratic_form_the_weights_shrink():
    after = step(START, plain_slope(START), ETA)
    square = dot(START, START)
    assert dot(after, after) ** 2 < square**2 < lower_bound(square, square, ETA, 1)


@pytest.mark.control(ROOT, drops="^bounded")
def test_control_gradients_that_die_out_or_explode_leave_the_bounds():
    assert squares(1000, lambda t: 0.5**t) ** 2 < lower_bound(1.0, 0.5, 0.5, 1000) / 10
    assert squares(10, lambda t: 9.0 if t == 5 else 1.0) ** 2 > upper_bound(1.0, 1.0, 1.0, 0.5, 10)


x, y, z, decay = sympy.symbols("x y z lambda", positive=True)
POINT = sympy.Matrix([x, y, z])


def speed(loss, decay):
    """The derivative of ‖θ‖² along the flow."""
    velocity = -sympy.Matrix([loss]).jacobian(POINT).T - decay * POINT
    return sympy.simplify((2 * POINT.dot(velocity)).doit())


ANY_INVARIANT = sympy.Function("F")(y / x, z / x)
QUADRATIC = POINT.dot(POINT) / 2


@pytest.mark.claim(FLOW, by="certificate")
def test_for_any_invariant_loss_the_flow_keeps_the_norm():
    assert speed(ANY_INVARIANT, 0) == 0


@pytest.mark.control(FLOW, drops="scale-invariant-loss")
def test_control_on_a_quadratic_form_the_flow_does_not():
    assert speed(QUADRATIC, 0).subs({x: 1, y: 1, z: 1}) == -6


@pytest.mark.claim(DECAYED, by="certificate")
def test_for_any_invariant_loss_decay_alone_shrinks_the_norm():
    assert sympy.simplify(speed(ANY_INVARIANT, decay) + 2 * decay * POINT.dot(POINT)) == 0


@pytest.mark.claim(DECAYED, by="certificate")
def test_the_decayed_direction_follows_the_pure_flow_on_the_clock():
    loss = y / x + z**2 / (x * y)
    slope, length = sympy.Matrix([loss]).jacobian(POINT).T, sympy.sqrt(POINT.dot(POINT))
    turning = (POINT / length).jacobian(POINT) * (-slope - decay * POINT)
    unit = slope.subs({v: v / length for v in POINT}, simultaneous=True)
    assert sympy.simplify(turning + unit / length**2) == sympy.zeros(3, 1)
    t, start = sympy.symbols("t r", positive=True)
    clock = (sympy.exp(2 * decay * t) - 1) / (2 * decay * start**2)
    assert sympy.simplify(clock.diff(t) - 1 / (start * sympy.exp(-decay * t)) ** 2) == 0
    assert clock.subs(t, 0) == 0


@pytest.mark.control(DECAYED, drops="scale-invariant-loss")
def test_control_on_a_quadratic_form_the_loss_shrinks_the_norm_too():
    assert sympy.simplify(speed(QUADRATIC, decay) + 2 * (1 + decay) * POINT.dot(POINT)) == 0


def momentum_gaps(slope, buffer, momentum=Fraction(1, 2)):
    w, lengths, gaps = START, [], []
    for _ in range(4):
        buffer = [momentum * b + g for b, g in zip(buffer, slope(w), strict=True)]
        lengths.append(dot(buffer, buffer))
        after = step(w, buffer, ETA)
        gaps.append(abs(dot(after, after) - dot(w, w) - momentum_growth(lengths, ETA, momentum)))
        w = after
    return gaps


@pytest.mark.claim(MOMENTUM, by="exact")
def test_momentum_adds_the_old_buffers_to_the_growth():
    assert momentum_gaps(ratio_slope, [0, 0, 0]) == [0] * 4


@pytest.mark.control(MOMENTUM, drops="scale-invariant-loss")
def test_control_on_a_quadratic_form_the_growth_is_another():
    assert max(momentum_gaps(plain_slope, [0, 0, 0])) > 1


@pytest.mark.control(MOMENTUM, drops="^zero-start")
def test_control_a_buffer_along_the_weights_shortens_them():
    assert max(momentum_gaps(ratio_slope, START)) > 1


@pytest.mark.claim(MOMENTUM, by="exact")
@pytest.mark.parametrize("t", [0, 1, 2, 9])
def test_buffers_of_one_length_multiply_the_growth(t):
    g = Fraction(9, 10)
    growth = momentum_growth([Fraction(7)] * (t + 1), ETA, g)
    assert growth == ETA**2 * 7 * ((1 + g) / (1 - g) - 2 * g ** (t + 1) / (1 - g))


@pytest.mark.control(MOMENTUM, drops="iterates-never-zero")
def test_control_at_zero_there_is_no_gradient():
    with pytest.raises(ZeroDivisionError):
        ratio_slope([Fraction(0)] * 3)
