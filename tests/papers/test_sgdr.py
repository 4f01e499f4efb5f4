"""Does the twin of a cosine schedule rise and fall where the note says?"""

import math

import numpy as np
import pytest


def twin_rates(top, decay, period, bottom=0.0):
    """The rates of a cosine, and of its twin without decay."""
    rates = bottom + (top - bottom) * (1 + np.cos(np.pi * np.arange(period) / period)) / 2
    scalars = np.cumprod([1.0, *(1 - rates * decay)])
    return rates, rates / (scalars[:-1] * scalars[1:])


@pytest.mark.parametrize("product", [1e-3, 1e-2, 3e-2])
def test_the_twin_of_a_cosine_has_its_largest_rate_where_the_essay_says(product):
    period = 1000
    _, free = twin_rates(1.0, product, period)
    place = 2 * period * product / math.pi
    x = np.linspace(0, math.pi / 2, 200001)[:-1]
    said = 2 * period / math.pi * x[np.argmin(abs(np.sin(x) / np.cos(x) ** 3 - place))]
    assert abs(int(np.argmax(free)) - said) < 0.03 * period  # to first order in ηλ
    assert 0 < np.argmax(free) < period - 1


def test_a_cosine_with_hardly_any_decay_has_a_twin_that_only_falls():
    period = 1000
    border = math.pi**2 / 8 / period**2
    for product, grows in ((border / 2, False), (2 * border, True)):
        _, free = twin_rates(1.0, product, period)
        assert (free[1] > free[0]) is np.True_ if grows else free[1] < free[0]


def test_above_zero_the_twin_of_a_cosine_rises_again_at_its_end():
    for bottom, rises in ((0.0, False), (0.3, True)):
        _, free = twin_rates(1.0, 1e-2, 1000, bottom)
        assert bool(free[-1] > free[-2]) is rises
