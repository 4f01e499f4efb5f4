"""Take the decay out of any optimizer without memory, by the degree of its update alone.

Let pₜ(cθ) = c^(−ν) pₜ(θ) for every c > 0, and

    θₜ₊₁ = aₜθₜ − ηₜpₜ(θₜ),        aₜ = 1 − ηₜλₜ > 0.

With c₀ = 1 and cₜ₊₁ = aₜcₜ, the same optimizer without decay, from the same start, at the rates

    ηₜ / (cₜ^ν cₜ₊₁),        growing by (ηₜ₊₁/ηₜ) / (aₜ^ν aₜ₊₁) from step to step,

makes φₜ = θₜ/cₜ. For a gradient of a scale-invariant loss ν = 1, for its sign or its direction
ν = 0, for a direction times ‖θ‖, as in LARS, ν = −1: then a constant rate has a constant twin.

Units. ηₜ is in [θ]/[p] and λₜ in [p]/[θ], so that ηₜλₜ, aₜ and cₜ are pure numbers.

Source. Amin, Chang and Khanna, arXiv:2609.09116, have the exponent 1 + ν in their schedule law; the
twin is derived here, in two lines.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Shaped

    # Of floats; or as an array, of any Number.
    Vector = TypeVar("Vector", Shaped[Tensor, " d"], Shaped[np.ndarray, " d"])
    Update = Callable[[int, Vector], Vector]  # (t, θ) ↦ pₜ(θ)

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact


def twin_rates(
    rates: Sequence[Number], decays: Sequence[Number], degree: Number
) -> tuple[list[Number], list[Number]]:
    """Return c₀ … c_T and the T rates ηₜ/(cₜ^ν cₜ₊₁), for updates of degree −ν.

    Raises ValueError if the lengths differ, and where 1 − ηₜλₜ is not positive, naming the step.
    """
    scalars: list[Number] = [Fraction(1)]  # an int to the power −ν would be a float
    twins: list[Number] = []
    for t, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        kept = 1 - rate * decay
        if not kept > 0:
            raise ValueError(f"step {t} keeps {kept} of the weights; take ηλ below 1")
        scalars.append(kept * scalars[t])
        twins.append(rate / (scalars[t] ** degree * scalars[t + 1]))
    return scalars, twins


def run(
    update: Update[Vector], weights: Vector, rates: Sequence[Number], decays: Sequence[Number]
) -> list[Vector]:
    """Return θ₀ … θ_T of an optimizer without memory and with decoupled decay."""
    path = [weights]
    for t, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        path.append((1 - rate * decay) * path[-1] - rate * update(t, path[-1]))
    return path


if __name__ == "__main__":

    def loss(weights: Tensor) -> Tensor:
        """Return x²/(x² + y²), which is scale invariant."""
        return weights[0].square() / weights.square().sum()

    slope = torch.func.grad(loss)
    updates: dict[str, tuple[int, Callable[[int, Tensor], Tensor]]] = {
        "gradient": (1, lambda t, w: slope(w)),
        "direction": (0, lambda t, w: slope(w) / slope(w).norm()),
        "sign": (0, lambda t, w: slope(w).sign()),
        "LARS": (-1, lambda t, w: w.norm() * slope(w) / slope(w).norm()),
    }
    rates, decays = [0.1] * 200, [0.05] * 200
    print("update       ν   growth a step   rate at last   ‖θ/c − φ‖/‖φ‖")
    for name, (degree, update) in updates.items():
        scalars, twins = twin_rates(rates, decays, degree)
        start = torch.tensor([0.6, 0.8], dtype=torch.float64)
        theta = run(update, start, rates, decays)
        phi = run(update, start, twins, [0.0] * 200)
        apart = (theta[-1] / scalars[-1] - phi[-1]).norm() / phi[-1].norm()
        print(f"{name:10s} {degree:3d} {twins[1] / twins[0]:15.6f} {twins[-1]:14.5f}", end="")
        print(f" {apart:15.6f}")
