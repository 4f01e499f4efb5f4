"""Does a weighted average stay among its numbers, and leave them with weights that are none?"""

import sys
from fractions import Fraction
from random import Random

import pytest

from snippets.weighted_average import outside, weighted_average

EXACT = 0  # fractions are never rounded, so that nothing may differ
COUNT = 6  # numbers in an average
EQUAL = 0.1  # each of the numbers where there is no room between them
# Weights and products are rounded once and the sum COUNT - 1 times, each by at most half an epsilon
# of what it is, which is about EQUAL at most; a whole epsilon leaves room for the word "about".
ROUNDING = (COUNT + 1) * sys.float_info.epsilon * EQUAL


def drawn(seed, number):
    """Weights that are not negative and sum to one, and numbers between -1 and 1."""
    random = Random(seed)
    shares = [number(random.randint(0, 1000)) for _ in range(COUNT)]
    numbers = [number(random.randint(-1000, 1000)) / 1000 for _ in range(COUNT)]
    return [share / sum(shares) for share in shares], numbers


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.claim("average-stays-in-range", by="exact")
def test_a_weighted_average_stays_among_its_numbers(seed, measured):
    weights, numbers = drawn(seed, Fraction)
    measured(outside(weighted_average(weights, numbers), numbers), allowed=EXACT)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.claim("average-stays-in-range", by="float64")
def test_floating_point_leaves_them_by_no_more_than_rounding(seed, measured):
    weights, _ = drawn(seed, float)
    numbers = [EQUAL] * COUNT
    measured(outside(weighted_average(weights, numbers), numbers), allowed=ROUNDING)


@pytest.mark.parametrize(
    ("weights", "numbers"), [([2, -1], [1, 0]), ([1, 1], [1, 2])], ids=["negative", "sum"]
)
@pytest.mark.control(
    "average-stays-in-range",
    drops="weighted-average",
    instead="a weight below zero, or weights with another sum",
)
def test_control_weights_below_zero_or_with_another_sum_leave_them(weights, numbers, measured):
    measured(outside(weighted_average(weights, numbers), numbers), allowed=EXACT)
