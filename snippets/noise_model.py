"""Pure noise on the sphere: many runs at once of SGD on losses that know nothing but a direction.

The loss of each step is linear in the direction of the weights, with fresh Gaussian coefficients:

    Lₜ(θ) = ⟨ξₜ, θ⟩/‖θ‖,        ∇Lₜ(θ) = (ξₜ − ⟨ξₜ, θ̂⟩ θ̂)/‖θ‖,        θ̂ = θ/‖θ‖

It is scale invariant, its gradient has mean zero given the past, and its unit gradient norm has the
mean square G² = E‖θ‖²‖∇Lₜ(θ)‖² = d − 1 at every θ: the assumptions of the equilibrium hold exactly.
So do the formulas, for means over runs that have settled: with A the mean of ‖θ‖², H its harmonic
mean, and the p and q of equilibrium.py,

    A · H = η² G² (1 + q) / ((1 − q) ((1 + q)² − p²)),        H ≤ η G √(…) ≤ A.

Units. η is in [θ]², λ in [θ]⁻²; ξ is a number, G too.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Runs = Float[Tensor, "runs d"]
    Path = Float[Tensor, "times runs d"]


def noise_gradient(weights: Runs, noise: Runs) -> Runs:
    """Return the gradient of ⟨ξ, θ⟩/‖θ‖ for each run: the part of ξ along the sphere, over ‖θ‖."""
    norm: Tensor = weights.norm(dim=1, keepdim=True)
    unit = weights / norm
    return (noise - (noise * unit).sum(dim=1, keepdim=True) * unit) / norm


def simulate(
    start: Runs,
    rate: float,
    decay: float,
    momentum: float,
    steps: int,
    generator: torch.Generator,
    decoupled: bool = False,
) -> Path:
    """Return θ₀ … θ_steps of many runs from zero buffers: SGD as in torch, or SGDW if decoupled."""
    weights, buffer, path = start, torch.zeros_like(start), [start]
    for _ in range(steps):
        noise = torch.randn(start.shape, generator=generator, dtype=start.dtype)
        gradient = noise_gradient(weights, noise)
        if decoupled:
            buffer = momentum * buffer + gradient
            weights = (1 - rate * decay) * weights - rate * buffer
        else:
            buffer = momentum * buffer + gradient + decay * weights
            weights = weights - rate * buffer
        path.append(weights)
    return torch.stack(path)


def means(path: Path) -> tuple[float, float]:
    """Return the arithmetic and the harmonic mean of ‖θ‖², over all runs and times of the path."""
    squares = path.square().sum(dim=2)
    return squares.mean().item(), 1 / (1 / squares).mean().item()


def autocorrelation(path: Path, lag: int) -> float:
    """Return the mean of ⟨θₜ, θₜ₊ₖ⟩ over that of the squared norms at both ends, for k = lag."""
    early, late = path[: len(path) - lag], path[lag:]
    norms = (early.square().sum() + late.square().sum()) / 2
    return ((early * late).sum() / norms).item()


if __name__ == "__main__":
    RATE, DECAY, MOMENTUM, SIZE = 0.5, 0.1, 0.5, 8
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(1000, SIZE, generator=generator)
    kept = 1 - RATE * DECAY
    print("             H   formula         A   cos: formula   shown   lag 5: root   shown")
    for name, p, q, momentum, decoupled in [
        ("plain", kept, 0.0, 0.0, False),
        ("torch", kept + MOMENTUM, MOMENTUM, MOMENTUM, False),
        ("SGDW", kept + MOMENTUM, kept * MOMENTUM, MOMENTUM, True),
    ]:
        path = simulate(start, RATE, DECAY, momentum, 130, generator, decoupled)[80:]
        mean, harmonic = means(path)
        formula = RATE * ((SIZE - 1) * (1 + q) / ((1 - q) * ((1 + q) ** 2 - p**2))) ** 0.5
        correlations = [1.0, p / (1 + q)]
        for _ in range(4):
            correlations.append(p * correlations[-1] - q * correlations[-2])
        print(f"{name:6s} {harmonic:7.3f} {formula:9.3f} {mean:9.3f}", end=" ")
        print(f"{correlations[1]:14.4f} {autocorrelation(path, 1):7.4f}", end=" ")
        print(f"{correlations[5]:13.4f} {autocorrelation(path, 5):7.4f}")
