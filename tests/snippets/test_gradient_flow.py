"""Does gradient flow keep or shrink the length of invariant weights as the claims say?"""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
import sympy
import torch

from snippets.gradient_flow import clock, flow, step_clock

FLOW, DECAYED = "gradient-flow-conserves-the-norm", "decayed-flow-shrinks-at-the-decay-rate"
ROUNDING = 1e-14  # float64, a handful of operations
STEPPING = 1e-7  # Runge and Kutta are off by a few h⁵ per step, h ≤ 0.1 in θ of length 2
SQUARE = "half the squared length"
VISIBLE = 1e-2  # of a length of two: a hundred thousand times what the steps are off

# ---------------------------------------------------------------------------------------------
# For all values, on the half space x > 0, where an invariant function is some f(y/x, z/x). Only
# first derivatives enter, and any two are those of a sum f(y/x) + g(z/x).

x, decay, time, radius = sympy.symbols("x lambda t r", positive=True)
y, z = sympy.symbols("y z", real=True)
POINT = sympy.Matrix([x, y, z])
ANY = sympy.Function("f")(y / x) + sympy.Function("g")(z / x)
QUADRATIC = POINT.dot(POINT) / 2


def gradient_of(loss):
    return sympy.Matrix([loss]).jacobian(POINT).T


def speed(loss, decay):
    """The derivative of ‖θ‖² along the flow."""
    return sympy.expand(2 * POINT.dot(-gradient_of(loss) - decay * POINT))


@pytest.mark.claim(FLOW, by="certificate of a step")
def test_for_any_invariant_loss_the_flow_keeps_the_norm(measured):
    measured(speed(ANY, 0) != 0, allowed=0)


@pytest.mark.control(FLOW, drops="scale-invariant-loss", instead=SQUARE)
def test_control_on_a_quadratic_form_the_flow_does_not(measured):
    share = sympy.cancel(speed(QUADRATIC, 0) / POINT.dot(POINT))  # of ‖θ‖², in a unit of time
    assert share == -2
    measured(abs(share), allowed=0)


@pytest.mark.claim(DECAYED, by="certificate of a step")
def test_for_any_invariant_loss_decay_alone_shrinks_the_norm(measured):
    rest = speed(ANY, decay) + 2 * decay * POINT.dot(POINT)
    measured(sympy.expand(rest) != 0, allowed=0)


@pytest.mark.claim(DECAYED, by="certificate of a step")
def test_for_any_invariant_loss_the_direction_follows_the_pure_flow_on_the_clock(measured):
    length = sympy.sqrt(POINT.dot(POINT))
    turning = (POINT / length).jacobian(POINT) * (-gradient_of(ANY) - decay * POINT)
    at_unit = gradient_of(ANY).subs({v: v / length for v in POINT}, simultaneous=True).doit()
    rest = turning + at_unit / length**2
    assert len(rest) == 3
    measured(sum(sympy.simplify(sympy.expand(part)) != 0 for part in rest), allowed=0)


@pytest.mark.claim(DECAYED, by="certificate of a step")
def test_the_clock_runs_at_the_inverse_square_of_the_length(measured):
    reading = (sympy.exp(2 * decay * time) - 1) / (2 * decay * radius**2)
    length = radius * sympy.exp(-decay * time)
    measured(sympy.simplify(reading.diff(time) - 1 / length**2) != 0, allowed=0)
    measured(reading.subs(time, 0) != 0, allowed=0)
    values = {decay: 0.3, time: 1.7, radius: 2.5}
    measured(abs(clock(1.7, 0.3, 2.5) / reading.subs(values) - 1), allowed=ROUNDING)


@pytest.mark.control(DECAYED, drops="scale-invariant-loss", instead=SQUARE)
def test_control_on_a_quadratic_form_the_loss_shrinks_the_norm_too(measured):
    rest = speed(QUADRATIC, decay) + 2 * decay * POINT.dot(POINT)
    share = sympy.cancel(rest / POINT.dot(POINT))  # of ‖θ‖², in a unit of time
    assert share == -2
    measured(abs(share), allowed=0)


# ---------------------------------------------------------------------------------------------
# In floats.

START = torch.tensor([-1.2, 1.6], dtype=torch.float64)  # of length 2


def angle_loss(weights):
    return 1 - weights[0] / weights.norm()


def angle(weights):
    return math.atan2(weights[1], weights[0])


def solved_angle(s):
    """The angle at s on the unit sphere, where dφ/ds = −sin φ: tan(φ/2) falls like exp(−s)."""
    return 2 * math.atan(math.tan(angle(START) / 2) * math.exp(-s))


@pytest.mark.claim(FLOW, by="float64")
def test_the_flow_keeps_the_length_and_turns_as_it_should(measured):
    after = flow(angle_loss, START, 0.0, 3.0, 30)
    measured(abs(after.norm() - 2), allowed=STEPPING)
    assert angle(after) == pytest.approx(solved_angle(clock(3.0, 0.0, 2.0)), abs=STEPPING)
    assert clock(3.0, 0.0, 2.0) == 0.75


@pytest.mark.claim(DECAYED, by="float64")
@pytest.mark.parametrize("decay", [0.1, 0.4])
def test_the_decayed_flow_shrinks_at_the_decay_rate_and_turns_on_the_clock(measured, decay):
    after = flow(angle_loss, START, decay, 2.0, 50)
    measured(abs(after.norm() - 2 * math.exp(-2 * decay)), allowed=STEPPING)
    measured(abs(angle(after) - solved_angle(clock(2.0, decay, 2.0))), allowed=STEPPING)
    # the clock counts: time alone would be off
    assert abs(angle(after) - solved_angle(2.0 / 4)) > 0.05


@pytest.mark.claim(DECAYED, by="float64")
def test_another_loss_does_not_change_the_length(measured):
    inputs = torch.randn(16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def loss(weights):
        return (inputs @ weights / weights.norm()).tanh().square().mean()

    start = torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64)
    after = flow(loss, start, 0.2, 1.0, 20)
    # a loss that is flatter than the angle, so that the steps are off by less
    measured(abs(after.norm() - 3 * math.exp(-0.2)), allowed=STEPPING / 100)
    assert (after / after.norm() - start / 3).norm() > 0.01


@pytest.mark.control(FLOW, drops="scale-invariant-loss", instead=SQUARE)
@pytest.mark.control(DECAYED, drops="scale-invariant-loss", instead=SQUARE)
def test_control_on_a_quadratic_form_the_flow_shrinks_by_its_curvature_too(measured):
    for decay in (0.0, 0.3):
        after = flow(lambda v: v @ v / 2, START, decay, 1.0, 20)
        assert after.norm() == pytest.approx(2 * math.exp(-1 - decay), abs=1e-6)
        measured(abs(after.norm() - 2 * math.exp(-decay)), allowed=VISIBLE)


def test_halving_the_step_divides_the_error_by_sixteen():
    exact = solved_angle(clock(2.0, 0.4, 2.0))
    errors = [abs(angle(flow(angle_loss, START, 0.4, 2.0, n)) - exact) for n in (4, 8, 16)]
    assert all(14 < coarse / fine < 20 for coarse, fine in pairwise(errors))


def descend(weights, rate, decay, steps):
    """The path of descent with decay on the loss of the angle."""
    path = [weights]
    for _ in range(steps):
        slope = torch.func.grad(angle_loss)(path[-1])
        path.append((1 - rate * decay) * path[-1] - rate * slope)
    return path


def turn(before, after):
    return math.acos(min(1.0, (before @ after / before.norm() / after.norm()).item()))


def test_descent_is_as_long_as_decay_and_its_turns_make_it():
    path = descend(START, 0.5, 0.3, 8)
    turned = math.prod(1 / math.cos(turn(*pair)) for pair in pairwise(path))
    # the arc cosine of turns of a tenth leaves eight digits
    assert path[-1].norm() == pytest.approx(2 * 0.85**8 * turned, rel=1e-8)
    # so it may be shorter than the flow, where it hardly turns, and longer
    lengths = [flow(angle_loss, START, 0.3, time, 20).norm() for time in (1.0, 4.0)]
    assert path[2].norm() < lengths[0] - 1e-3
    assert path[8].norm() > lengths[1] + 0.1


def test_from_short_weights_the_first_step_parts_from_the_flow():
    short = START / 20
    before, after = descend(short, 0.5, 0.3, 1)
    assert math.degrees(turn(before, after)) > 80
    # the flow would have shrunk it by what decay takes
    assert 0.1 * math.exp(-0.3 * 0.5) < short.norm() < after.norm() / 5


def test_steps_of_descent_lengthen_by_no_more_than_the_rate():
    for rate in (0.1, 0.01):
        path = descend(START, rate, 0.0, round(3 / rate))
        grown = (path[-1] @ path[-1] - 4).item()
        assert 0 < grown < rate * 3 * 1**2 / 4  # ηT G²/‖θ₀‖², and G = 1


def test_the_clock_of_descent_is_the_sum_of_the_rates_of_its_twin():
    rate, decay = Fraction(1, 3), Fraction(2, 5)
    alpha = 1 - rate * decay
    for steps in (0, 1, 2, 7):
        rates = [rate * alpha ** -(2 * j + 1) for j in range(steps)]
        assert step_clock(steps, rate, decay) == sum(rates)


def test_the_clock_of_descent_tends_to_that_of_the_flow():
    gaps = [abs(step_clock(round(2 / h), h, 0.3) - clock(2.0, 0.3, 1.0)) for h in (0.02, 0.01)]
    # to first order only the sum's midpoints are off, which is of second order in the rate
    assert gaps[1] < gaps[0] / 1.9 < 0.05


@pytest.mark.parametrize(("rate", "decay"), [(1.0, 0.0), (1.0, 1.0), (2.0, 1.0)])
def test_a_clock_without_decay_or_with_too_much_is_refused(rate, decay):
    with pytest.raises(ValueError, match="needs 0 < ηλ < 1; without decay it is ηt"):
        step_clock(3, rate, decay)
