"""Do random runs stray from their mean as seldom as they are said to?"""

import random

import pytest

from tests.confidence import off, students_t


@pytest.mark.parametrize(
    ("confidence", "freedom", "quantile"),  # from tables of Student's t, two-sided
    [(0.95, 30, 2.042), (0.99, 30, 2.750), (0.999, 30, 3.646), (0.999, 60, 3.460)],
)
def test_the_quantiles_are_those_of_the_tables(confidence, freedom, quantile):
    # Three decimals are printed, and the third order of the expansion is below the next.
    assert students_t(confidence, freedom) == pytest.approx(quantile, abs=0.004)


def strayed(shift, confidence, times=2000):
    """How many of many means of forty normal runs lie further off than they may."""
    draw = random.Random(20261201)
    runs = ([draw.gauss(shift, 3.0) for _ in range(40)] for _ in range(times))
    return sum(gap > allowed for gap, allowed in (off(one, 0.0, confidence) for one in runs))


def test_of_true_means_as_many_stray_as_the_confidence_allows():
    # A share of .1 of 2000, within four standard deviations of the binomial distribution, 13.4.
    assert abs(strayed(0.0, confidence=0.9) - 200) <= 54


def test_control_of_means_that_are_off_by_a_standard_error_many_more_do():
    assert strayed(3.0 / 40**0.5, confidence=0.9) > 400


def test_a_spread_of_few_runs_is_unknown():
    with pytest.raises(ValueError, match="29 runs are too few"):
        off([0.0] * 29, 0.0, 0.99)
