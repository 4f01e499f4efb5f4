"""Is normalising after every step a rate that follows the length, and a decay that holds it?"""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from snippets.projection import kept_share, projected_step, unprojected_step

CLAIM = "projection-fixes-the-effective-rate"
MATRIX = [[2.0, 1.0, 0.0], [1.0, -1.0, 0.5], [0.0, 0.5, 3.0]]
START = torch.tensor([0.5, 1.0, 0.2], dtype=torch.float64)
STEPS = 40
ROUNDING = 1e-12  # forty steps, each rounded at 1e-16
PARTED = 1e-2  # ten thousand million times what rounding does


def slope(t, power):
    """∇L of L(x) = ± xᵀAx / (xᵀx)^power, which is scale invariant for the power 1 only."""
    a = torch.tensor(MATRIX, dtype=torch.float64) * (-1) ** (t // 5)
    return torch.func.grad(lambda w: w @ a @ w / (w @ w) ** power)


def rate_of(t):
    return 0.1 + 0.05 * (t % 3)


def gaps(power=1, length=2.5, step=unprojected_step, steps=STEPS):
    psi, phi = START / START.norm(), length * START / START.norm()
    held, worst = psi, torch.zeros(3, dtype=torch.float64)
    for t in range(steps):
        g, rate = slope(t, power), rate_of(t)
        a = kept_share(g(psi).norm().item(), rate)
        growth, before = 1 / a, phi.norm()
        held = a * held - a * rate * g(held)
        psi, phi = projected_step(psi, g, rate), step(phi, g, rate)
        found = [
            (psi - phi / phi.norm()).norm(),
            (psi - held).norm(),
            (phi.norm() / before / growth - 1).abs(),
        ]
        worst = torch.maximum(worst, torch.stack(found))  # of a length that is none: none
    return worst


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("length", [1.0, 0.3, 2.5])
def test_the_three_runs_have_the_same_direction_and_the_length_grows_as_stated(measured, length):
    measured(gaps(length=length).max(), allowed=ROUNDING)


@pytest.mark.control(CLAIM, drops="scale-invariant-loss", instead="±xᵀAx/‖x‖, of degree one")
def test_control_a_loss_that_sees_the_length_parts_them(measured):
    directions, held, growth = gaps(power=0.5, steps=4)  # soon after the length is infinite
    assert gaps(power=0.5, length=1.0, steps=1)[0] < ROUNDING  # from the length one not at once
    measured(directions, allowed=PARTED)
    measured(held, allowed=PARTED)
    measured(growth, allowed=PARTED)


@pytest.mark.control(CLAIM, drops="^rate", instead="the power 0, 1 or 3 of the length in the rate")
@pytest.mark.parametrize("power", [0, 1, 3])
def test_control_at_a_rate_with_another_power_of_the_length_the_directions_part(measured, power):
    def step(weights, slope, rate):
        return weights - rate * weights.norm() ** power * slope(weights)

    measured(gaps(step=step, steps=4)[0], allowed=PARTED)  # later the cube leaves the range


@pytest.mark.control(
    CLAIM, drops="differentiable-away-from-zero", instead="partial derivatives along the weights"
)
def test_control_partial_derivatives_along_the_weights_change_the_length_otherwise(measured):
    phi = np.ones(3)
    slope = phi / 3**0.5  # the partial derivatives at (1, 1, 1) of a continuous invariant loss
    after = unprojected_step(phi, lambda _: slope, 0.1)
    growth = 1 + 0.1**2 * (slope @ slope) * (phi @ phi)  # as ∇L(ψ) = ‖φ‖∇L(φ)
    share = (after @ after) / (phi @ phi)
    assert share < growth - 0.1
    measured(abs((share / growth) ** 0.5 - 1), allowed=PARTED)


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_one_step_is_the_same_for_all_values(measured):
    """The step of the induction, on the axes ψ and ∇L(ψ), from two lemmas on the gradient."""
    n, rate, g = sympy.symbols("N eta g", positive=True)
    # weights ψ = (1, 0), the gradient (0, g) at ψ and (0, g/N) at Nψ
    (x, y) = unprojected_step(np.array([n, 0]), lambda _: np.array([0, g / n]), rate)
    length = sympy.sqrt(x**2 + y**2)
    measured(sympy.cancel(y / x + rate * g) != 0, allowed=0)  # the tangent of the angle
    measured(sympy.cancel(length**2 - n**2 * (1 + rate**2 * g**2)) != 0, allowed=0)
    a = kept_share(g, rate)
    measured(sympy.simplify(a * length / n - 1) != 0, allowed=0)
    held = a * np.array([1, 0]) - a * rate * np.array([0, g])
    for claimed, found in zip(np.array([x, y]) / length, held, strict=True):
        measured(sympy.simplify(claimed - found) != 0, allowed=0)


@pytest.mark.claim(CLAIM, by="exact")
def test_with_a_rational_gradient_the_step_is_exact(measured):
    weights = np.array([Fraction(3), Fraction(4)])
    after = unprojected_step(weights, lambda w: np.array([-w[1], w[0]]) / 25, Fraction(3, 4))
    measured(abs(after - np.array([Fraction(6), Fraction(7, 4)])).max(), allowed=0)
    measured(abs(after @ after - 25 * (1 + Fraction(3, 4) ** 2)), allowed=0)


def test_when_gradients_fall_decay_brings_the_angle_back_and_a_fixed_norm_does_not():
    def turning(size):
        """A gradient of this unit norm, across the weights."""
        return lambda w: size * torch.stack([-w[1], w[0]]) / (w @ w)

    def angle(before, after):
        return math.acos((before @ after / before.norm() / after.norm()).item())

    rate, kept = 0.1, 0.99
    decayed = torch.tensor([1.0, 0.0], dtype=torch.float64)
    held, angles = decayed, []
    for t in range(3000):
        slope = turning(1.0 if t < 1000 else 0.2)
        after, back = kept * decayed - rate * slope(decayed), projected_step(held, slope, rate)
        angles.append((angle(decayed, after), angle(held, back)))
        decayed, held = after, back
    balance = math.acos(kept)
    assert angles[999] == pytest.approx((balance, math.atan(0.1)), rel=1e-6)
    assert angles[1000][0] < 0.3 * balance
    assert angles[-1] == pytest.approx((balance, math.atan(0.02)), rel=1e-6)


def test_a_projected_step_ends_on_the_sphere():
    psi = START / START.norm()
    assert abs(projected_step(psi, slope(0, 1), 0.7).norm() - 1) < 1e-15
    assert (projected_step(psi, slope(0, 1), 0.7) - psi).norm() > 0.1
