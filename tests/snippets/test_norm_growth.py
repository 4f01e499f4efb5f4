"""Does gradient descent without decay lengthen the weights of a scale-invariant loss?"""

from fractions import Fraction
from itertools import pairwise
from random import Random

import matplotlib
import numpy as np
import pytest
import sympy
import torch

from snippets.exponential_lr import sgd_step
from snippets.norm_growth import descend, draw_step
from tests.snippets.rational_losses import slope_of_ratio

ROUNDING = 1e-12  # float64 carries 16 digits; these sums have fewer than 1000 terms
SHRUNK = Fraction(1, 20)  # of the squared length, of which the claim has nothing lost
RATE, DECAY, MOMENTUM = Fraction(1, 3), Fraction(2, 15), Fraction(1, 2)
NOTHING = np.array([Fraction(0)] * 3)


@pytest.fixture(params=range(5), ids="seed={}".format)
def problem(request):
    """A symmetric 3×3 matrix and a vector, of small random integers as fractions."""
    random = Random(request.param)
    half = np.array([[Fraction(random.randint(-9, 9)) for _ in range(3)] for _ in range(3)])
    return half + half.T, np.array([Fraction(random.randint(1, 9)) for _ in range(3)])


def plain_slope(matrix, weights):
    """∇L of L(x) = xᵀx / 2: descent shortens the weights."""
    return weights


def lost(before, after):
    """The share of the squared length that a step takes away."""
    return 1 - after @ after / (before @ before)


def excess(before, after, slope, rate=RATE):
    """‖θ′‖² − ‖θ‖² − η²‖∇L(θ)‖², which is 0 where the proposition holds."""
    return after @ after - before @ before - rate**2 * (slope @ slope)


@pytest.mark.claim("norm-grows-without-decay", by="certificate")
def test_one_step_on_any_function_of_the_ratios_is_the_hypotenuse_and_the_flow_goes_round(measured):
    # Every scale-invariant loss is such a function on the half space x > 0, and in any dimension a
    # step stays in the space that weights and gradient span. It is any step, from any weights: by
    # induction what holds for it holds for all, for the new square is no less than the old.
    x, eta = sympy.symbols("x eta", positive=True)
    y, z = sympy.symbols("y z", real=True)
    loss = sympy.Function("f")(y / x, z / x)
    weights = np.array([x, y, z])
    slope = np.array([sympy.diff(loss, coordinate) for coordinate in (x, y, z)])
    after, _ = sgd_step(weights, 0 * weights, slope, eta, 0, 0)
    rest = after @ after - weights @ weights - eta**2 * (slope @ slope)
    measured(sympy.expand(rest) != 0, allowed=0)
    measured(sympy.expand(2 * weights @ -slope) != 0, allowed=0)  # d‖θ‖²/dt along the flow


@pytest.mark.claim("norm-grows-without-decay", by="exact")
def test_the_squared_length_grows_by_exactly_the_squared_length_of_each_step(measured, problem):
    matrix, weights = problem
    for t in range(5):
        # another loss and another rate at every step
        slope, rate = slope_of_ratio(matrix + t * np.diag([1, t, 2]), weights), RATE / (t + 1)
        after, _ = sgd_step(weights, NOTHING, slope, rate, 0, 0)
        measured(abs(excess(weights, after, slope, rate)), allowed=0)
        assert after @ after > weights @ weights
        weights = after


@pytest.mark.control(
    "norm-grows-without-decay", drops="scale-invariant-loss", instead="L = ‖θ‖²/2 at the rate 1/3"
)
def test_control_on_a_plain_loss_the_weights_shrink(measured, problem):
    matrix, weights = problem
    slope = plain_slope(matrix, weights)
    after, _ = sgd_step(weights, NOTHING, slope, RATE, 0, 0)
    assert excess(weights, after, slope) == -2 * RATE * (weights @ weights)
    measured(lost(weights, after), allowed=Fraction(1, 2))  # 5/9 at this rate


@pytest.mark.control(
    "norm-grows-without-decay", drops="^no-decay", instead="a decay of 2/15 at the rate 1/3"
)
def test_control_with_decay_the_weights_can_shrink(measured, problem):
    matrix, weights = problem
    slope = (
        slope_of_ratio(matrix, weights) / 100
    )  # of the loss / 100, on which η = 1/3 is a small step
    after, _ = sgd_step(weights, NOTHING, slope, RATE, DECAY, 0)
    measured(lost(weights, after), allowed=SHRUNK)


@pytest.mark.control(
    "norm-grows-without-decay",
    drops="^no-momentum",
    instead="momentum, and a buffer that is the weights",
)
def test_control_a_buffer_that_already_runs_can_shrink_the_weights(measured, problem):
    matrix, weights = problem
    slope = slope_of_ratio(matrix, weights) / 100
    after, _ = sgd_step(weights, weights, slope, RATE, 0, MOMENTUM)
    measured(lost(weights, after), allowed=SHRUNK)


@pytest.mark.control(
    "norm-grows-without-decay", drops="^no-momentum", instead="momentum from an empty buffer"
)
def test_control_from_the_second_step_on_momentum_is_not_orthogonal_to_the_weights(
    measured, problem
):
    matrix, weights = problem
    first = slope_of_ratio(matrix, weights)
    weights, buffer = sgd_step(weights, NOTHING, first, RATE, 0, MOMENTUM)
    slope = slope_of_ratio(matrix, weights)
    after, buffer = sgd_step(weights, buffer, slope, RATE, 0, MOMENTUM)
    # neither with the gradient as the step's length, nor with the buffer
    assert excess(weights, after, buffer) == 2 * RATE**2 * MOMENTUM * (first @ first)
    grown = after @ after - weights @ weights
    for step in (slope, buffer):
        measured(excess(weights, after, step) / grown, allowed=Fraction(1, 10))  # of what it grew


def test_a_buffer_that_is_chosen_for_it_takes_the_weights_to_zero(problem):
    matrix, weights = problem
    slope = slope_of_ratio(matrix, weights)
    buffer = (weights / RATE - slope - DECAY * weights) / MOMENTUM
    assert weights @ buffer > 0  # as from any other, with so little decay, no iterate is zero
    after, _ = sgd_step(weights, buffer, slope, RATE, DECAY, MOMENTUM)
    assert not any(after)
    after, _ = sgd_step(weights, -buffer, slope, RATE, DECAY, MOMENTUM)
    assert after @ after > weights @ weights


# The snippet, in floats.


def angle_loss(weights):
    return 1 - weights[0] / weights.norm()


START = torch.tensor([0.6, 0.8], dtype=torch.float64)


@pytest.mark.claim("norm-grows-without-decay", by="float64")
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_every_step_of_descent_is_the_hypotenuse_of_a_right_triangle(measured, rate):
    path = descend(angle_loss, START, rate, decay=0.0, steps=50)
    squares = path.square().sum(dim=1)
    slopes = torch.stack([torch.func.grad(angle_loss)(weights) for weights in path[:-1]])
    growth = rate**2 * slopes.square().sum(dim=1)
    measured((squares[1:] - squares[:-1] - growth).abs().max(), allowed=ROUNDING)
    assert growth[0] > 1e-5


@pytest.mark.control(
    "norm-grows-without-decay", drops="^no-decay", instead="fifty steps with a decay of a tenth"
)
def test_control_descent_with_decay_shortens_the_weights(measured):
    path = descend(angle_loss, START, 0.1, decay=0.1, steps=50)
    measured(lost(path[0], path[-1]), allowed=1 - 0.7**2)  # less than 0.7 of the length is left


@pytest.mark.control(
    "norm-grows-without-decay", drops="scale-invariant-loss", instead="ten steps on L = ‖θ‖²"
)
def test_control_descent_on_a_plain_loss_shortens_the_weights(measured):
    path = descend(lambda weights: weights @ weights, START, 0.1, 0.0, 10)
    measured(lost(path[0], path[-1]), allowed=1 - 0.2**2)  # less than 0.2 of the length is left


@pytest.mark.claim("norm-grows-without-decay", by="float64")
def test_over_a_fixed_time_the_growth_vanishes_in_proportion_to_the_rate(measured):
    # So gradient flow, the limit, keeps the length. The growth is η·∫‖∇L‖² plus terms of order η².
    def growth(rate):
        path = descend(angle_loss, START, rate, decay=0.0, steps=round(2 / rate))
        return (path[-1] @ path[-1] - 1).item()

    growths = [growth(2.0**-k) for k in range(4, 9)]
    ratios = [coarse / fine for coarse, fine in pairwise(growths)]
    for k, ratio in enumerate(ratios, start=4):
        measured(abs(ratio - 2), allowed=2 * 2.0**-k)  # as terms of order η² are a share of order η
    assert growths[0] > 0.02
    measured(growths[-1], allowed=2.0**-8)  # at that rate η, as ∫‖∇L‖² < L(θ₀) < 1


def test_the_step_is_that_of_the_optimizer():
    parameter = torch.nn.Parameter(START.clone())
    optimizer = torch.optim.SGD([parameter], lr=0.3, weight_decay=0.2)
    for _ in range(20):
        optimizer.zero_grad()
        angle_loss(parameter).backward()
        optimizer.step()
    path = descend(angle_loss, START, 0.3, 0.2, 20)
    assert (path[-1] - parameter.detach()).norm() < ROUNDING


@pytest.mark.parametrize(
    "change",
    [
        {"loss": lambda weights: weights[1] / weights.norm()},
        {"start": 2 * START},
        {"rate": 0.2},
        {"decay": 0.2},
        {"steps": 4},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_argument_of_descend_counts(change):
    given = {"loss": angle_loss, "start": START, "rate": 0.1, "decay": 0.1, "steps": 3}
    assert not descend(**given)[-1].equal(descend(**{**given, **change})[-1])


def test_the_picture_shows_the_step_from_the_weights_and_the_half_as_long_one_from_twice_them():
    with matplotlib.rc_context({"backend": "agg"}):
        draw_step(angle_loss, START, rate=1.0)
        figure = matplotlib.pyplot.gcf()
    arrows = [text for text in figure.axes[0].texts if hasattr(text, "xyann")]
    ends = [(np.array(a.xyann), np.array(a.xy)) for a in arrows]
    steps = [end - start for start, end in ends if start.any()]
    matplotlib.pyplot.close(figure)
    slope = torch.func.grad(angle_loss)(START).numpy()
    np.testing.assert_allclose(steps[0], -slope, rtol=1e-12)
    np.testing.assert_allclose(steps[1], -slope / 2, rtol=1e-12)
