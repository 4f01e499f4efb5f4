"""Do runs in the plane grow and turn as the note on the growing rate says?"""

import math

import numpy as np
import pytest

ROUNDING = 1e-12  # of numbers of size one, after a few steps of float64


def in_the_plane(slope, angle, radius, rate, steps, decay=0.0):
    """Follow gradient descent on f(φ) in coordinates, and in polar ones by the formulas."""
    point = radius * np.array([math.cos(angle), math.sin(angle)])
    keep = 1 - rate * decay
    for _ in range(steps):
        now = math.atan2(point[1], point[0])
        across = np.array([-math.sin(now), math.cos(now)])
        point = keep * point - rate * slope(now) / np.linalg.norm(point) * across
        push = rate * slope(angle) / radius
        angle -= math.atan(push / (keep * radius))
        radius = math.sqrt((keep * radius) ** 2 + push**2)
    return point, angle, radius


def test_in_the_plane_a_step_follows_the_formulas_in_polar_coordinates():
    for decay in (0.0, 0.3):
        point, angle, radius = in_the_plane(math.sin, 2.0, 1.5, 0.7, 30, decay)
        assert abs(point - radius * np.array([math.cos(angle), math.sin(angle)])).max() < ROUNDING


def test_the_turns_need_not_become_smaller_where_the_slope_becomes_larger():
    turns = []
    angle, radius = 3.1, 1.0
    for _ in range(5):
        _, after, radius = in_the_plane(math.sin, angle, radius, 0.5, 1)
        turns.append(angle - after)
        angle = after
    assert turns == sorted(turns)  # on the way down from the top each is larger than the last


def test_a_much_too_large_rate_is_punished_by_one_step():
    rate, slope = 1e4, math.sin(2.0)
    _, _, radius = in_the_plane(math.sin, 2.0, 1.0, rate, 1)
    assert rate / radius**2 < 1 / (rate * slope**2)


def test_over_a_fixed_time_the_growth_disappears_with_the_rate():
    grown = [in_the_plane(math.sin, 2.0, 1.0, 1 / n, n)[2] ** 2 - 1 for n in (100, 1000)]
    assert grown[1] == pytest.approx(grown[0] / 10, rel=0.05)
