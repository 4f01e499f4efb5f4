"""Does Hyperball turn the weights as the note says?"""

import math

import pytest
import sympy
import torch

ETA, RADIUS = 0.3, 5.0
ROUNDING = 1e-12  # float64, a dozen numbers


def hat(x):
    return x / x.norm()


def turned(w, u, eta=ETA, normalised=True):
    """The weights after a step, and the angle from w to them."""
    new = RADIUS * hat(w - eta * RADIUS * (hat(u) if normalised else u))
    return new, math.atan2((hat(new) - hat(w) * (hat(new) @ hat(w))).norm(), hat(new) @ hat(w))


@pytest.fixture
def plane():
    """Weights, and an orthogonal direction, of twelve numbers."""
    draw = torch.Generator().manual_seed(0)
    w, v = torch.randn(2, 12, generator=draw, dtype=torch.float64)
    w = RADIUS * hat(w)
    return w, hat(v - hat(w) * (v @ hat(w)))


@pytest.mark.parametrize("psi", [0.1, 0.8, math.acos(ETA), math.pi / 2, 2.5])
def test_the_angle_of_a_step_is_that_of_the_formula(plane, psi):
    w, v = plane
    u = 7 * (math.cos(psi) * hat(w) + math.sin(psi) * v)
    new, angle = turned(w, u)
    assert new.norm().item() == pytest.approx(RADIUS, rel=ROUNDING)
    formula = ETA * math.sin(psi) / (1 - ETA * math.cos(psi))
    assert math.tan(angle) == pytest.approx(formula, rel=1e-10)  # the tangent of a small difference
    assert angle <= math.asin(ETA) + ROUNDING
    attained = abs(angle - math.asin(ETA)) < 1e-10
    assert attained == (psi == math.acos(ETA))
    # The control: with an update whose length is left alone the angle is another.
    assert abs(turned(w, u, normalised=False)[1] - angle) > 1e-2


def test_to_first_order_the_angle_is_eta_times_the_sine(plane):
    w, v = plane
    psi, eta = 1.0, 1e-4
    _, angle = turned(w, math.cos(psi) * hat(w) + math.sin(psi) * v, eta)
    assert angle / (eta * math.sin(psi)) == pytest.approx(1, abs=2 * eta)  # second order: η cos ψ
    assert abs(angle / eta - 1) > 0.1  # the control: it is not η, whatever the update


def test_the_effective_step_of_the_posts_is_the_sine_of_our_angle():
    a, beta = sympy.symbols("a beta", positive=True)
    sine2 = (1 - a**2) * (1 - beta**2) / (1 + a * beta) ** 2
    cosine = (a + beta) / (1 + a * beta)
    assert sympy.simplify(sine2 + cosine**2 - 1) == 0
    assert sympy.simplify(sine2.subs(beta, 0) + cosine**2 - 1) != 0  # the control: of no momentum
