"""Are the numbers right with which the errata, and the post they are about, compare two runs?"""

import math
from fractions import Fraction

import numpy as np
import pytest

from snippets.exponential_lr import growth_root, sgd_step
from tests.snippets.rational_losses import ratio_slope

START = np.array([Fraction(3), Fraction(-1), Fraction(2)])


def test_the_number_of_the_figure_is_the_growth_of_an_epoch_and_not_of_a_step():
    root = growth_root(0.1, 5e-4, 0.9)
    assert root == pytest.approx((1.89995 + math.sqrt(1.89995**2 - 3.6)) / 2, rel=1e-14)
    assert round(root**-2, 6) == 1.001005
    assert round(root**-782, 3) == 1.481
    assert round(root**-780, 3) != 1.481  # 390 steps are another number
    assert 470 < (root**-782 - 1) / (root**-2 - 1) < 490
    largest = float(np.finfo(np.float32).max)
    assert 0.1 * 1.481**230 < largest < 0.1 * 1.481**250
    assert 0.1 * root ** (-2 * 90000) < largest  # while a step's growth takes some ninety thousand


def test_the_squared_norm_over_the_rate_is_as_constant_as_the_norm_of_the_other_run():
    momentum, root, decay = Fraction(1, 2), Fraction(9, 10), Fraction(2, 15)
    rate = (1 - root) * (root - momentum) / root / decay
    theta, buffer = START, 0 * START
    phi, seeded = START, -decay / (root - momentum) * START
    ratios = []
    for t in range(4):
        free = rate * root ** (-2 * t - 1)
        ratios.append(phi @ phi / free)
        assert ratios[-1] == root * (theta @ theta) / rate
        theta, buffer = sgd_step(theta, buffer, ratio_slope(t, theta), rate, decay, momentum)
        phi, seeded = sgd_step(phi, seeded, ratio_slope(t, phi), free, 0, momentum)
    assert len(set(ratios)) == len(ratios)  # in this run it is not constant
