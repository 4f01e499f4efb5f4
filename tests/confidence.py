"""How far the mean of random runs may lie from what is expected, by the spread of the runs."""

import math
from statistics import NormalDist, fmean, stdev

ENOUGH = 30  # independent runs, of which the mean is normal nearly enough


def off(runs, expected, confidence):
    """Return how far the mean of independent runs lies from what is expected, and how far it may.

    `runs` are at least thirty numbers, one of each run. The second is so many standard errors of
    their mean, estimated from their own spread, that chance alone exceeds them with a probability
    of at most one minus `confidence`, on either side:

        gap, by_chance = off(norms, expected=formula(), confidence=0.9999)
        measured(gap, allowed=by_chance, confidence=0.9999)

    Few runs have heavier tails than the normal distribution, for which Student's t corrects.
    """
    values = [float(run) for run in runs]
    if len(values) < ENOUGH:
        raise ValueError(f"{len(values)} runs are too few to know their spread: take {ENOUGH}.")
    errors = students_t(confidence, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return abs(fmean(values) - float(expected)), errors


def students_t(confidence, freedom):
    """Return how many standard errors Student's t keeps within, by the expansion in 1 / freedom.

    From Abramowitz and Stegun, 26.7.5, to the second order.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
