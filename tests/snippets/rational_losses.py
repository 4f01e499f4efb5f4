"""Losses on rational weights, another at every step t: a quadratic form xᵀAₜx, and its ratio."""

from fractions import Fraction
from functools import cache
from random import Random

import numpy as np


@cache
def matrix(t, size=3):
    """Return Aₜ, symmetric, of small random integers."""
    random = Random(t)
    half = [[Fraction(random.randint(-9, 9)) for _ in range(size)] for _ in range(size)]
    return np.array(half) + np.array(half).T


def slope_of_ratio(form, weights, epsilon=0):
    """∇L of L(x) = xᵀAx / (xᵀx + ε), which is scale invariant without ε."""
    square = weights @ weights + epsilon
    return 2 * (form @ weights - weights @ form @ weights / square * weights) / square


def ratio_slope(t, weights, epsilon=0):
    """∇Lₜ of the ratio with the matrix of step t."""
    return slope_of_ratio(matrix(t, len(weights)), weights, epsilon)


def ends(run, *arguments):
    """Say whether a run comes to zero weights, where the ratio has no gradient to go on with."""
    try:
        run(*arguments)
    except ZeroDivisionError:
        return True
    return False


def completed_slope(t, weights):
    """∇Lₜ of the ratio, and at zero, where there is none, one and the same vector for every run."""
    if not weights.any():
        return np.array([Fraction(n) for n in range(1, len(weights) + 1)])
    return ratio_slope(t, weights)


def plain_slope(t, weights):
    """∇L of L(x) = xᵀAₜx / 20, which is not scale invariant."""
    return matrix(t, len(weights)) @ weights / 10
