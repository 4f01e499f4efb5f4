"""Does a step that is scaled to the norm turn by its rate, for ever, with decay and without?"""

import math

import pytest
import torch

from snippets.lars import lars_step

CLAIM = "a-step-scaled-to-the-norm-has-no-equilibrium"
ROUNDING = 1e-12  # fifty steps of three numbers, each rounded at 1e-16
PARTED = 1e-2  # of numbers of order one: ten thousand million times what rounding does
MATRIX = torch.tensor([[2.0, 1.0, 0.0], [1.0, -1.0, 0.5], [0.0, 0.5, 3.0]], dtype=torch.float64)
START = torch.tensor([0.5, 1.0, 0.2], dtype=torch.float64)


def slope(weights, t, sees_length=False):
    """∇L of xᵀAx/xᵀx, which is scale invariant, or of (x − c)ᵀA(x − c), which sees the length."""
    a = MATRIX * (-1) ** (t // 5)
    centre = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    if sees_length:
        return torch.func.grad(lambda w: (w - centre) @ a @ (w - centre))(weights)
    return torch.func.grad(lambda w: w @ a @ w / (w @ w))(weights)


def in_full(weights, gradient, rate, decay):
    """The decay in the ratio and in the direction, as LARS has it."""
    ratio = weights.norm() / (gradient.norm() + decay * weights.norm())
    return weights - rate * ratio * (gradient + decay * weights)


def errors(rate, decay, sees_length=False, steps=50, step=lars_step):
    """Of the growth, of the tangent of the angle, and of the directions of the two runs."""
    theta = phi = START
    kept, worst = 1 - rate * decay, torch.zeros(3, dtype=torch.float64)
    for t in range(steps):
        after = step(theta, slope(theta, t, sees_length), rate, decay)
        phi = lars_step(phi, slope(phi, t, sees_length), rate / kept, 0.0)
        growth = (after @ after / (theta @ theta)).item()
        along = theta / theta.norm()
        across = after - (after @ along) * along
        tangent = (across.norm() / (after @ along)).item()
        found = (
            abs(growth - kept**2 - rate**2),
            abs(tangent - rate / kept),
            (after / after.norm() - phi / phi.norm()).norm().item(),
        )
        worst = torch.maximum(worst, torch.tensor(found, dtype=torch.float64))  # of no number: none
        theta = after
    return worst


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize(("rate", "decay"), [(0.1, 0.0), (0.1, 0.5), (0.5, 1.5), (2.0, 0.1)])
def test_growth_angle_and_twin_are_exact_at_every_step(measured, rate, decay):
    for error in errors(rate, decay):
        measured(error, allowed=ROUNDING)


@pytest.mark.control(
    CLAIM, drops="scale-invariant-loss", instead="a quadratic form around a point off zero"
)
def test_control_on_a_loss_that_sees_the_length_none_is(measured):
    for error in errors(0.3, 0.5, sees_length=True):
        measured(error, allowed=PARTED)


@pytest.mark.control(CLAIM, drops="^positive", instead="a = −½")
def test_control_where_decay_takes_more_than_everything_the_weights_turn_round(measured):
    _, tangent, apart = errors(0.5, 3.0, steps=1)
    assert tangent < ROUNDING  # as a number it is that of the angle's opposite
    measured(apart, allowed=PARTED)


def test_without_anything_kept_every_step_is_a_right_angle():
    theta = START
    for t in range(5):
        after = lars_step(theta, slope(theta, t), 0.5, 2.0)  # a = 0
        assert abs((after @ theta / theta.norm() / after.norm()).item()) < ROUNDING
        theta = after


@pytest.mark.control(
    CLAIM, drops="^beside", instead="LARS in full, the decay in the ratio and in the direction"
)
def test_control_with_the_decay_in_the_ratio_the_length_matters(measured):
    growth, _, apart = errors(0.1, 0.5, step=in_full)
    measured(growth, allowed=PARTED)
    measured(apart, allowed=PARTED)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0, 1.9])
def test_in_full_it_has_a_length_at_which_it_stays(rate):
    decay, unit_gradient = 0.5, 3.0
    y = (math.sqrt(1 + 2 * rate - rate**2) - 1) / (2 - rate)
    for share in (1.0, 0.25, 4.0):  # of the squared length
        theta = torch.tensor([(share * y * unit_gradient / decay) ** 0.5, 0.0], dtype=torch.float64)
        across = torch.stack([-theta[1], theta[0]]) / (theta @ theta)
        after = in_full(theta, unit_gradient * across, rate, decay)
        growth = (after @ after / (theta @ theta)).item()
        z = share * y
        told = ((1 + z - rate * z) ** 2 + rate**2) / (1 + z) ** 2
        assert growth == pytest.approx(told, rel=ROUNDING)
        assert (abs(growth - 1) < ROUNDING) is (share == 1.0)
        assert share == 1.0 or (growth > 1) is (share < 1)


@pytest.mark.claim(CLAIM, by="float64")
def test_the_decay_that_holds_the_norm(measured):
    rate = 0.3
    holds = (1 - math.sqrt(1 - rate**2)) / rate
    theta = START
    for t in range(50):
        theta = lars_step(theta, slope(theta, t), rate, holds)
    measured(abs((theta.norm() / START.norm()).item() - 1), allowed=ROUNDING)
    assert holds == pytest.approx(rate / 2, rel=0.03)


def test_a_step_goes_down_by_a_share_of_the_norm():
    weights, gradient = torch.tensor([3.0, 4.0]), torch.tensor([-8.0, 6.0])
    after = lars_step(weights, gradient, 0.5, 0.5)  # ¾ of the weights, and 2.5 against the gradient
    assert after.tolist() == [0.75 * 3 + 0.5 * 5 * 0.8, 0.75 * 4 - 0.5 * 5 * 0.6]
