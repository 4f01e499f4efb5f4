"""How far do a geodesic step and a straight one turn?"""

import math

import numpy as np
import pytest

U, TANGENT = np.array([0.6, 0.8, 0.0]), np.array([-0.8, 0.6, 0.0])
ROUNDING = 1e-12  # float64, three numbers


def angle(v):
    return math.atan2(v @ TANGENT, v @ U)


def geodesic(h):
    return U * math.cos(h) + TANGENT * math.sin(h)


@pytest.mark.parametrize("h", [0.01, 0.5, 1.4, 2.5])
def test_the_angles_are_those_of_the_table(h):
    straight = U + h * TANGENT
    assert math.sqrt(straight @ straight) == pytest.approx(math.hypot(1, h), rel=ROUNDING)
    assert angle(straight) == pytest.approx(math.atan(h), rel=ROUNDING)
    assert angle(geodesic(h)) == pytest.approx(h, rel=ROUNDING)
    assert angle(straight) < math.pi / 2
    assert (angle(geodesic(h)) > math.pi / 2) == (h > math.pi / 2)
    assert h - angle(straight) > 3e-7  # the control: the two are not one


@pytest.mark.parametrize(("rate", "size"), [(0.3, 2.0), (0.7, 2.0)])
def test_a_straight_step_at_another_rate_is_the_geodesic_one(rate, size):
    straight = U + math.tan(rate * size) / size * size * TANGENT
    assert np.abs(straight / math.hypot(*straight) - geodesic(rate * size)).max() < ROUNDING
    same = U + rate * size * TANGENT  # the control: at the same rate
    assert np.abs(same / math.hypot(*same) - geodesic(rate * size)).max() > 1e-2
