"""Do clipped steps grow and turn as the note on robust training says?"""

import math

import numpy as np
import pytest

from tests.papers.rayleigh import slope

ROUNDING = 1e-12  # of numbers of size one, after a few steps of float64


def clipped(weights, rate, decay, scale=1.0):
    """A step at the threshold √(2λ/η) ‖θ‖; the weights after it, and whether it was clipped."""
    gradient = scale * slope(weights)
    threshold, length = math.sqrt(2 * decay / rate) * np.linalg.norm(weights), np.linalg.norm
    short = min(1.0, threshold / length(gradient))
    return (1 - rate * decay) * weights - rate * short * gradient, short < 1


def test_a_scale_of_the_loss_is_a_scale_of_the_start():
    one, root = np.array([0.9, -0.3, 0.6]), 3.0
    other = root * one
    for _ in range(20):
        one = 0.98 * one - 0.1 * slope(one)
        other = 0.98 * other - 0.1 * root**2 * slope(other)
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
    shares = [min(1.0, 5 / np.linalg.norm(10 * slope(x))) for x in (weights, c * weights)]
    assert shares[1] == pytest.approx(c * shares[0])


def test_from_below_the_first_step_leaves_the_weights_where_the_essay_says():
    rate, decay, c = 0.1, 1e-3, 1e-3
    size = 2.0  # of the gradient on the sphere
    balance = (rate * size**2 / (2 * decay)) ** 0.25
    start = c * balance
    after = math.hypot((1 - rate * decay) * start, rate * size / start)
    assert after == pytest.approx(math.sqrt(2 * rate * decay) / c * balance, rel=1e-3)
