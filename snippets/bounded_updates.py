"""Where updates are bounded, decoupled decay keeps the weights in a ball.

For any norm, any loss, rates ηₜ with 0 ≤ ηₜλ ≤ 1 and a constant decay λ > 0,

    θₜ₊₁ = (1 − ηₜλ)θₜ − ηₜuₜ,        ‖uₜ‖ ≤ U

never gets farther than U/λ, or than it began; what it began with beyond U/λ is multiplied by
1 − ηₜλ, or by less, at every step. Signs have U = 1 in the largest coordinate, orthogonal matrices
in the largest singular value. So no weight that Lion trains gets beyond 1/λ if it begins within,
and with Muon, if it were quite orthogonal, no singular value.

Units. ηₜ in [θ]/[u], λ in [u]/[θ], U in [u].

Source. Derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

Number = Any  # a float, or a Fraction


def farthest(start: Number, bound: Number, decay: Number, rates: Sequence[Number]) -> Number:
    """Return what ‖θ_T‖ is not above, from ‖θ₀‖, U, λ and the rates.

    Raises ValueError for a decay that is not positive, and where ηλ is not between 0 and 1.
    """
    if not decay > 0:
        raise ValueError(f"λ = {float(decay):g}: without decay nothing keeps the weights in a ball")
    beyond = max(start - bound / decay, 0)
    for t, rate in enumerate(rates):
        if not 0 <= rate * decay <= 1:
            raise ValueError(f"step {t}: ηλ = {float(rate * decay):g} is not between 0 and 1")
        beyond *= 1 - rate * decay
    return bound / decay + beyond


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    rate, decay, steps = 0.1, 0.5, 200
    print(f"λ = {decay}, 1/λ = {1 / decay}       largest coordinate    largest singular value")
    print("step    bound        signs: noise, drift    orthogonal: noise, drift")
    runs = [3 * torch.eye(8)] * 4
    drift = torch.randn(8, 8, generator=generator)
    for t in range(steps + 1):
        if t in (0, 10, 20, 40, 100, 200):
            sizes = [run.abs().max() for run in runs[:2]]
            sizes += [torch.linalg.matrix_norm(run, 2) for run in runs[2:]]
            row = t, farthest(3.0, 1.0, decay, [rate] * t), *sizes
            print("{:4d} {:8.4f} {:14.4f} {:8.4f} {:15.4f} {:8.4f}".format(*row))
        noise = torch.randn(8, 8, generator=generator)
        updates = [noise.sign(), drift.sign()]
        for matrix in (noise, drift):
            left, _, right = torch.linalg.svd(matrix)
            updates.append(left @ right)
        runs = [(1 - rate * decay) * w - rate * u for w, u in zip(runs, updates, strict=True)]
