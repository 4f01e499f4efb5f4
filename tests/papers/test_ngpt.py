"""What do a factor of the loss, and a radial part of the gradient, do to a step?"""

import math

import numpy as np
import pytest

from tests.snippets.rational_losses import slope_of_ratio

FORM = np.array([[2.0, 1.0, -3.0], [1.0, 5.0, 4.0], [-3.0, 4.0, 7.0]])
START = np.array([1.0, 2.0, 2.0])
ETA, DECAY, K, STEPS = 0.1, 0.3, 4.0, 6
ROUNDING = 1e-12  # float64, six steps


def hat(x):
    return x / math.sqrt(x @ x)


def run(start, factor, rate, *, project=False, decay=DECAY):
    theta = start
    for _ in range(STEPS):
        slope = factor * slope_of_ratio(FORM, theta)
        theta = hat(theta - rate * slope) if project else (1 - rate * decay) * theta - rate * slope
    return hat(theta)


def gap(one, other):
    return np.abs(one - other).max()


def test_under_decay_a_factor_of_the_loss_is_a_shorter_start():
    many = run(START, K, ETA)
    assert gap(many, run(START / math.sqrt(K), 1, ETA)) < ROUNDING
    assert gap(many, run(START, 1, K * ETA)) > 1e-2  # the control: it is not a longer rate


def test_under_projection_a_factor_of_the_loss_is_a_longer_rate():
    many = run(hat(START), K, ETA, project=True)
    assert gap(many, run(hat(START), 1, K * ETA, project=True)) < ROUNDING
    assert gap(many, run(hat(START), 1, ETA, project=True)) > 1e-2  # the control


@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_a_radial_part_counts_at_second_order(rate):
    """A step along the full gradient of xᵀAx, and along its tangential part, and back."""
    u = hat(START)
    full = 2 * FORM @ u
    tangent = full - (full @ u) * u
    parted = gap(hat(u - rate * full), hat(u - rate * tangent)) / rate**2
    expected = np.abs((full @ u) * tangent).max()
    assert parted == pytest.approx(expected, rel=0.5 if rate == 1e-2 else 0.05)
    assert expected > 1  # the control: the second order is there
