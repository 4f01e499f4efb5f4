"""Weight decay next to normalisation: how narrow a cone cannot hold a run, and when it is left.

Gradient descent with decay on losses with Lₜ(cθ) = Lₜ(θ) for every c > 0,

    θₜ₊₁ = aθₜ − η∇Lₜ(θₜ),        a = 1 − ηλ,        0 < ηλ < 1,

turns θₜ by the angle τₜ with tan τₜ = η‖gₜ‖/(a‖θₜ‖²), where gₜ = ‖θₜ‖∇Lₜ(θₜ) is the gradient at the
direction of θₜ, and makes it a/cos τₜ times as long. In a cone of half-angle ε every turn is at
most 2ε. So if cos 2ε > a the norm falls geometrically for as long as the run stays in the cone,
while a gradient of at least σ turns a vector of norm r by at least arctan(ησ/(ar²)). Both can hold
only for t ≤ x, where

    x = ln(a r₀² tan 2ε / (ησ)) / (2 ln(cos 2ε / a)),

so the run is outside at one of the steps 1 … ⌊x⌋ + 2 (at step 1 if x < 0).

Where the gradient vanishes, at a minimum, there is no floor σ. A minimum with an invertible Hessian
on the sphere lets go of almost every run all the same. One of order four need not: see what
(1 − cos)² does below.

Units. η is in [θ]², λ in [θ]⁻², g and σ are pure numbers.

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454, for the phenomenon; x²/(x² + y²) is from their post "Mismatches between
Traditional Optimization Analyses and Modern Deep Learning". The bounds are derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Shaped

    # One run, or many side by side; of floats, or as an array, of any Number.
    Vector = TypeVar("Vector", Shaped[Tensor, " d *runs"], Shaped[np.ndarray, " d *runs"])
    Gradient = Callable[[Vector], Vector]

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact


def decayed_step(weights: Vector, slope: Vector, rate: Number, decay: Number) -> Vector:
    """Return (1 − ηλ)θ − η∇L(θ)."""
    after: Vector = (1 - rate * decay) * weights - rate * slope
    return after


def descend(
    gradient: Gradient[Vector], weights: Vector, rate: Number, decay: Number, steps: int
) -> list[Vector]:
    """Return θ₀ … θ_steps of gradient descent at a constant rate and decay."""
    path = [weights]
    for _ in range(steps):
        path.append(decayed_step(path[-1], gradient(path[-1]), rate, decay))
    return path


def widest_expelling_angle(rate: float, decay: float) -> float:
    """Return arccos(1 − ηλ)/2 in radians: above a floor no narrower cone holds a run; this can."""
    if not (rate > 0 and 0 < rate * decay < 1):
        raise ValueError(f"η = {rate:g}, ηλ = {rate * decay:g}: need 0 < η and 0 < ηλ < 1")
    return math.acos(1 - rate * decay) / 2


def last_exit(norm: float, floor: float, half_angle: float, rate: float, decay: float) -> int:
    """Return N = ⌊x⌋ + 2, or 1: at one of the steps 1 … N the run is outside the cone.

    The run starts in the cone with norm ‖θ₀‖, and every ‖gₜ‖ is at least the floor. Raises
    ValueError for a floor or a norm that is not positive, and for a cone wide enough to hold a run.
    """
    if not (floor > 0 and norm > 0):
        raise ValueError(f"norm {norm:g} and floor {floor:g} must be positive")
    widest, kept = widest_expelling_angle(rate, decay), 1 - rate * decay
    if not 0 < half_angle < widest:
        raise ValueError(
            f"a cone of half-angle {half_angle:g} can hold a run for ever, or is none; "
            f"take one between 0 and {widest:g}"
        )
    room = kept * norm**2 * math.tan(2 * half_angle) / (rate * floor)
    steps = math.log(room) / (2 * math.log(math.cos(2 * half_angle) / kept))
    return max(math.floor(steps) + 2, 1)


def sine_squared_slope(weights: Vector) -> Vector:
    """Return ∇L of L(x, y) = x²/(x² + y²): a sharp minimum at x = 0."""
    x, y = weights
    across = weights[[1, 0]]  # a copy, (y, x)
    across[1] *= -1
    slope: Vector = 2 * x * y / (x * x + y * y) ** 2 * across
    return slope


def flat_slope(weights: Float[Tensor, " 2 *runs"]) -> Float[Tensor, " 2 *runs"]:
    """Return ∇L of L(x, y) = (1 − y/√(x² + y²))²: a minimum of order four at x = 0 < y."""
    x, y = weights
    norm: Tensor = (x * x + y * y).sqrt()
    # 1 − cos, without cancellation where it is small
    away = torch.where(y > 0, x * x / (norm * (norm + y.abs())), 1 - y / norm)
    slope: Tensor = 2 * away * x / norm**3 * torch.stack([y, -x])
    return slope


if __name__ == "__main__":
    rate, decay = 0.1, 0.1
    start = torch.tensor([0.6, 0.8], dtype=torch.float64)
    widest = widest_expelling_angle(rate, decay)
    cone = 0.9 * widest
    bound = last_exit(1.0, 0.1, cone, rate, decay)
    print(f"ηλ = {rate * decay:.2f}: a cone narrower than {math.degrees(widest):.3f}° cannot hold")
    print(f"a run; {math.degrees(cone):.3f}°, with a gradient of 0.1 or more, ends by step {bound}")
    print("1000 steps of gradient descent     decay   exits   log10 of angle: least   last")
    runs: list[tuple[str, Callable[[Tensor], Tensor], float]] = [
        ("sharp, x²/(x² + y²)", sine_squared_slope, 0.0),
        ("sharp, x²/(x² + y²)", sine_squared_slope, decay),
        ("flat, (1 − cos)²", flat_slope, decay),
    ]
    for name, slope, weight_decay in runs:
        path = torch.stack(descend(slope, start, rate, weight_decay, 1000))
        angles = torch.atan2(path[:, 0], path[:, 1]).abs()
        exits = int(((angles[:-1] < cone) & (angles[1:] >= cone)).sum())
        least, last = angles.min().log10(), angles[-1].log10()
        print(f"{name:33s} {weight_decay:6.2f} {exits:7d} {least:23.2f} {last:6.2f}")
