"""Do outbreaks of the loss begin and end as the notes say that speak of them?"""

import math

import numpy as np
import pytest
import sympy

from snippets.exponential_lr import growth_root, sgd_step
from snippets.texp import decay_share

ROUNDING = 1e-12  # of numbers of size one, after a few steps of float64


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
