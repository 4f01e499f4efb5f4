"""What does projecting do at the balance of decay, and whom does AdamP's threshold let pass?"""

import math
from fractions import Fraction

import mpmath
import pytest

A, GAMMA = Fraction(3, 5), Fraction(1, 3)


def dot(u, v):
    return sum(x * y for x, y in zip(u, v, strict=True))


@pytest.mark.parametrize("radial", [Fraction(0), Fraction(-1, 10)], ids=["tangent", "control"])
def test_a_projected_step_that_keeps_the_length_turns_by_the_angle_with_the_cosine_a(radial):
    """θ' = aθ − p with a tangent p; the control's update leans, and its length is mended."""
    theta = (Fraction(3), Fraction(4))
    tangent = (Fraction(-4), Fraction(3))
    share = Fraction(4, 5)  # 3/5 and 4/5: the length stays
    if radial:  # (a − radial)² + share² = 1 has to hold again, with rational numbers
        share = Fraction(5, 13)
        radial = A - Fraction(12, 13)
    new = tuple((A - radial) * w - share * t for w, t in zip(theta, tangent, strict=True))
    assert dot(new, new) == dot(theta, theta)
    cosine = dot(new, theta) / dot(theta, theta)
    assert (cosine == A) == (not radial)


@pytest.mark.parametrize("a", [Fraction(1, 2), Fraction(99, 100)])
@pytest.mark.parametrize("gamma", [Fraction(0), Fraction(1, 3), Fraction(9, 10)])
def test_a_smaller_decay_turns_a_projected_run_as_little_as_momentum(a, gamma):
    cosine = (a + gamma) / (1 + a * gamma)
    assert 1 - cosine == (1 - a) * (1 - gamma) / (1 + a * gamma)
    assert (cosine > a) == (gamma > 0)  # the control: without momentum there is nothing to mend


def passes(d, threshold):
    """The probability that a direction drawn uniformly in d dimensions has so small a cosine."""
    return float(mpmath.betainc(0.5, (d - 1) / 2, 0, threshold**2, regularized=True))


@pytest.mark.parametrize("d", [27, 576, 4608])
def test_a_random_direction_passes_the_threshold_about_once_in_twelve(d):
    """The squared cosine has a beta distribution; cos·√d tends to a normal variable."""
    delta = 0.1
    limit = math.erf(delta / math.sqrt(2))
    assert limit == pytest.approx(0.08, abs=0.001)
    assert passes(d, delta / math.sqrt(d)) == pytest.approx(limit, rel=1 / d)  # next term: 1/(4d)
    assert passes(d, delta) > 0.35  # the control: a threshold that does not fall with d
    assert passes(4608, delta) > 0.999
