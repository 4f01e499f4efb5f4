"""Does gradient descent on the ratio R = ‖W‖_*/‖W‖_F reach rank one from every start? A search.

A step moves the r singular values alone, from σ to |(1 + ηN/F³)σ − η/F|. If R → 1, then

    √t · (Rₜ + Rₜ₊₁)/2 − √t → √((r − 1)/8)

should hold, without η. The search takes many starts of norm 1, among them near ties at the top, at
rates over orders of magnitude, and looks for one that is left behind.

Units. η is in [W]², here in F₀².

Source. Derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2.4"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    Values = Float[np.ndarray, "starts r"]


def descent_steps(values: Values, rates: Float[np.ndarray, " starts"], steps: int) -> Values:
    """Return the singular values after so many steps of gradient descent on R."""
    rate = rates[:, None]
    for _ in range(steps):
        square = (values * values).sum(axis=1, keepdims=True)
        nuclear, pull = values.sum(axis=1, keepdims=True), rate / np.sqrt(square)
        values = abs(values + pull * (nuclear / square * values - 1))
    return values


def ratios(values: Values) -> Float[np.ndarray, " starts"]:
    """Return R = Σσ/√Σσ²."""
    return values.sum(axis=1) / np.sqrt((values * values).sum(axis=1))


def scaled_excess(
    values: Values, rates: Float[np.ndarray, " starts"], steps: int
) -> Float[np.ndarray, " starts"]:
    """Return √t ((Rₜ + Rₜ₊₁)/2 − 1)/√((r − 1)/8) at t = steps: one, if the conjecture holds."""
    late = descent_steps(values, rates, steps)
    later = descent_steps(late, rates, 1)
    excess = (ratios(late) + ratios(later)) / 2 - 1
    return math.sqrt(steps) * excess / math.sqrt((values.shape[1] - 1) / 8)


def draw_starts(count: int, rank: int, seed: int) -> tuple[Values, Float[np.ndarray, " starts"]]:
    """Return starts of norm 1, every fourth nearly tied at the top, and rates from 0.03 to 30."""
    draw = np.random.default_rng(seed)
    values = -np.sort(-abs(draw.standard_normal((count, rank))), axis=1)
    values[::4, 1] = values[::4, 0] * (1 - 10 ** draw.uniform(-6, -1, len(values[::4])))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values, 10 ** draw.uniform(-1.5, 1.5, count)


if __name__ == "__main__":
    print(" r   starts   steps   least   median   largest  of √t(R̄ − 1)/√((r − 1)/8)")
    for rank in (2, 3, 6):
        values, rates = draw_starts(300, rank, seed=0)
        for steps in (2_000, 8_000):
            found = scaled_excess(values, rates, steps)
            low, middle, high = np.quantile(found, [0, 0.5, 1])
            print(f"{rank:2d} {300:8d} {steps:7d} {low:7.3f} {middle:8.3f} {high:9.3f}")
