"""How far can the ratio of gradient and weights rise?"""

import math

import numpy as np
import pytest

from tests.snippets.rational_losses import slope_of_ratio

FORM = np.array([[2.0, 1.0, -3.0], [1.0, 5.0, 4.0], [-3.0, 4.0, 7.0]])
RATES = [0.5 * 0.8**t for t in range(30)]
DECAY = 0.3


def rise(invariant):
    """‖θ_s‖²/‖θ_T‖² over the bound, in a run whose rate falls: the rise of the ratio at one G."""
    theta = np.array([10.0, 20.0, 20.0])
    start, bound = theta @ theta, 1.0
    for rate in RATES:
        slope = slope_of_ratio(FORM, theta) if invariant else FORM @ FORM @ theta / 1000
        theta = (1 - rate * DECAY) * theta - rate * slope
        bound *= (1 - rate * DECAY) ** -2
    return start / (theta @ theta) / bound, bound


def test_the_weights_shrink_no_further_than_decay_alone_would_shrink_them():
    share, bound = rise(invariant=True)
    assert 0.9 < share <= 1  # small gradients: the bound is nearly reached
    assert bound > math.exp(2 * sum(rate * DECAY for rate in RATES))  # e^… is a little less
    assert bound == pytest.approx(math.exp(2 * sum(rate * DECAY for rate in RATES)), rel=0.2)


def test_control_a_loss_with_a_radial_gradient_shrinks_them_further():
    assert rise(invariant=False)[0] > 1.05
