"""Is the effective step held, and turned to the gradient, as the note says?"""

import numpy as np
import pytest

from tests.papers.rayleigh import slope

ROUNDING = 1e-12  # of numbers of size one, after a few steps of float64


def test_to_hold_the_effective_step_is_to_make_up_for_each_lengthening():
    weights, rate, decay = np.array([0.9, -0.3, 0.6]), 0.2, 0.05
    effective = []
    for _ in range(10):
        a = 1 - rate * decay
        square = weights @ weights
        effective.append(rate / (a * square))
        after = a * weights - rate * slope(weights)
        cosine = after @ weights / np.linalg.norm(after) / np.linalg.norm(weights)
        # B = η'/(η a a') = 1/cos² τ, solved for the next rate
        wanted = rate * a / cosine**2
        weights, rate = after, wanted / (1 + wanted * decay)
    assert np.ptp(effective) < ROUNDING * effective[0] * 100
    assert rate != pytest.approx(0.2, rel=0.01)


def test_a_very_long_step_goes_to_the_direction_of_the_gradient():
    unit = np.array([0.6, 0.0, 0.8])
    gradient = slope(unit)
    after = unit - 1e6 * gradient
    after /= np.linalg.norm(after)
    assert abs(after + gradient / np.linalg.norm(gradient)).max() < 1e-5
    assert abs(after @ unit) < 1e-5
