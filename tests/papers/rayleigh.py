"""A scale-invariant loss in floats, for the tests of several notes."""

import numpy as np


def slope(weights):
    """The gradient of the Rayleigh quotient xᵀAx/xᵀx."""
    form = np.array([[1.0, 2.0, 0.0], [2.0, -1.0, 1.0], [0.0, 1.0, 0.5]])
    square = weights @ weights
    return 2 * (form @ weights - weights @ form @ weights / square * weights) / square
