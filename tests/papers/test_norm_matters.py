"""Do the other spreads forget a factor and a shift, and is the corrected rate right with 1/a?"""

from fractions import Fraction

import numpy as np
import pytest

from tests.snippets.rational_losses import slope_of_ratio

SLICE = [Fraction(n) for n in (3, -1, 7, 2, -5, 11)]


def centred(z):
    mean = sum(z) / len(z)
    return [abs(x - mean) for x in z]


SPREADS = {
    "mean absolute deviation": lambda z: sum(centred(z)) / len(z),
    "largest absolute deviation": lambda z: max(centred(z)),
    "range": lambda z: max(z) - min(z),
    "mean of the largest three": lambda z: sum(sorted(centred(z))[-3:]) / 3,
}
OTHERS = {  # the controls: one has degree two, one sees a shift
    "mean square": lambda z: sum(x * x for x in centred(z)) / len(z),
    "largest absolute value": lambda z: max(map(abs, z)),
}


def normalise(z, spread):
    mean = sum(z) / len(z)
    return [(x - mean) / spread(z) for x in z]


@pytest.mark.parametrize("name", [*SPREADS, *OTHERS])
def test_a_spread_of_degree_one_that_sees_no_shift_makes_a_normaliser(name):
    spread = (SPREADS | OTHERS)[name]
    changes = [lambda x: Fraction(5, 3) * x, lambda x: x + 4]
    kept = [
        normalise([change(x) for x in SLICE], spread) == normalise(SLICE, spread)
        for change in changes
    ]
    assert all(kept) == (name in SPREADS)


@pytest.mark.parametrize("factor", [True, False], ids=["with 1/a", "control: the plain ratio"])
def test_the_corrected_rate_needs_the_factor(factor):
    """Two runs that point the same way point the same way after the step."""
    form = np.array([[Fraction(n) for n in row] for row in ((2, 1, -3), (1, 5, 4), (-3, 4, 7))])
    theta = np.array([Fraction(1), Fraction(2), Fraction(2)])
    eta, decay, c = Fraction(1, 2), Fraction(1, 5), Fraction(3, 4)
    a, phi = 1 - eta * decay, theta / c
    rate = eta * (phi @ phi) / (theta @ theta) / (a if factor else 1)
    one = a * theta - eta * slope_of_ratio(form, theta)
    other = phi - rate * slope_of_ratio(form, phi)
    parallel = all(one[i] * other[j] == one[j] * other[i] for i in range(3) for j in range(i))
    assert parallel == factor
    # The tangent of the step's angle is a times as long without the factor.
    along = [v @ theta / (theta @ theta) for v in (one, other)]
    across = [v / s - theta for v, s in zip((one, other), along, strict=True)]
    assert all(across[1] == across[0] * (1 if factor else a))
