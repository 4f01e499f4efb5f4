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
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Values = Float[Tensor, "starts r"]
    Starts = Float[Tensor, " starts"]


def descent_steps(values: Values, rates: Starts, steps: int) -> Values:
    """Return the singular values after so many steps of gradient descent on R."""
    rate = rates[:, None]
    for _ in range(steps):
        square = (values * values).sum(dim=1, keepdim=True)
        nuclear, pull = values.sum(dim=1, keepdim=True), rate / square.sqrt()
        values = (values + pull * (nuclear / square * values - 1)).abs()
    return values


def ratios(values: Values) -> Starts:
    """Return R = Σσ/√Σσ²."""
    return values.sum(dim=1) / (values * values).sum(dim=1).sqrt()


def scaled_excess(values: Values, rates: Starts, steps: int) -> Starts:
    """Return √t ((Rₜ + Rₜ₊₁)/2 − 1)/√((r − 1)/8) at t = steps: one, if the conjecture holds."""
    late = descent_steps(values, rates, steps)
    later = descent_steps(late, rates, 1)
    excess = (ratios(late) + ratios(later)) / 2 - 1
    return math.sqrt(steps) * excess / math.sqrt((values.shape[1] - 1) / 8)


def draw_starts(count: int, rank: int, seed: int) -> tuple[Values, Starts]:
    """Return starts of norm 1, every fourth nearly tied at the top, and rates from 0.03 to 30."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, rank, generator=generator, dtype=torch.float64).abs()
    values = values.sort(dim=1, descending=True).values
    near, far = torch.rand(2, count, generator=generator, dtype=torch.float64)
    values[::4, 1] = values[::4, 0] * (1 - 10 ** (5 * near[::4] - 6))
    values /= values.norm(dim=1, keepdim=True)
    return values, 10 ** (3 * far - 1.5)


if __name__ == "__main__":
    print(" r   starts   steps   least   median   largest  of √t(R̄ − 1)/√((r − 1)/8)")
    for rank in (2, 3, 6):
        values, rates = draw_starts(300, rank, seed=0)
        for steps in (2_000, 8_000):
            found = scaled_excess(values, rates, steps)
            low, middle, high = found.min(), found.median(), found.max()
            print(f"{rank:2d} {300:8d} {steps:7d} {low:7.3f} {middle:8.3f} {high:9.3f}")
