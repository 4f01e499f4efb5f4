"""How near to zero can momentum bring weights whose length does not matter?

SGD with momentum, bₜ = γ bₜ₋₁ + ∇L(θₜ) + λθₜ and θₜ₊₁ = θₜ − ηbₜ, lands on zero if the gradient is

    ∇L(θₜ) = θₜ/η − γ bₜ₋₁ − λθₜ.

The gradient of a scale-invariant loss is orthogonal to θₜ, so this needs a buffer that points far
along the weights, (1 − ηλ)‖θₜ‖² = ηγ⟨bₜ₋₁, θₜ⟩. From a zero buffer that cannot happen as long as
the scalar run c (the same without a loss, from c₀ = 1) is positive, for then ‖θₜ‖ ≥ cₜ‖θ₀‖. With
a decay that is strong enough to take c below zero it can. With P = −43/96 and Q = 1/4 the loss
(P(x² − y²) + 2Qxy)/(x² + y²) is an example: η = 1/2, λ = 1 and γ = 5/6 take (1, 0) to θ₂ = 0.

Is it a coincidence that almost no start runs into? The starts that come within δ of zero become
rare like δᵈ if those that meet zero are isolated, and where the run comes depends on the start
without a fold there. If their share levelled off as δ → 0, there would be a whole region of them.

Units. η is in [θ]², λ in [θ]⁻², b and ∇L in [θ]⁻¹; c and the ratios are pure numbers.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Slope = Callable[[Float[Tensor, "d n"]], Float[Tensor, "d n"]]  # θ ↦ ∇L(θ), by columns

Number = Any  # a float, or a Fraction where the run is to be exact


def landing_gradient(
    weights: Any, buffer: Any, rate: Number, decay: Number, momentum: Number
) -> Any:
    """Return the gradient at θ with which the step ends on zero."""
    return weights / rate - momentum * buffer - decay * weights


def scalar_path(rate: Number, decay: Number, momentum: Number, steps: int) -> list[Number]:
    """Return c₀ … c_steps."""
    path, buffer = [1], 0
    for _ in range(steps):
        buffer = momentum * buffer + decay * path[-1]
        path.append(path[-1] - rate * buffer)
    return path


def random_slope(size: int, seed: int) -> Slope:
    """Return the gradient of a random loss of degree 0: a cubic polynomial of the direction."""
    generator = torch.Generator().manual_seed(seed)
    linear, square, cubic = (
        torch.randn(size, n, generator=generator, dtype=torch.float64) for n in (1, size, size)
    )

    def slope(weights: Float[Tensor, "d n"]) -> Float[Tensor, "d n"]:
        """Return ∇L for L(θ) = a·u + ½ Σ (sᵢ·u)² + ⅓ Σ (kᵢ·u)³ at the direction u = θ/‖θ‖."""
        norm = _length(weights)
        u = weights / norm
        force = linear + square @ (square.T @ u) + cubic @ (cubic.T @ u).square()
        return (force - (force * u).sum(0) * u) / norm

    return slope


def closest_approach(
    slope: Slope,
    starts: Float[Tensor, "d n"],
    rate: float,
    decay: float,
    momentum: float,
    steps: int,
) -> Float[Tensor, " n"]:
    """Return the least ‖θₜ₊₁‖/‖θₜ‖ on the way, for each start, from a zero buffer."""
    weights, buffer = starts, torch.zeros_like(starts)
    least = torch.full_like(starts[0], torch.inf)
    for _ in range(steps):
        buffer = momentum * buffer + slope(weights) + decay * weights
        after = weights - rate * buffer
        least = torch.minimum(least, _length(after) / _length(weights))
        weights = after
    return least


def _length(weights: Float[Tensor, "d n"]) -> Float[Tensor, " n"]:
    return weights.square().sum(0).sqrt()


def share_within(ratios: Float[Tensor, " n"], distance: float) -> float:
    """Return the share of the ratios that are below a distance."""
    return (ratios < distance).double().mean().item()


if __name__ == "__main__":
    rate, decay, momentum, steps, count = 0.5, 1.0, 5 / 6, 8, 50_000
    print("c:", *(f"{c:.3f}" for c in scalar_path(rate, decay, momentum, 6)), "...")
    print(f"starts: {count} for each loss, 4 losses for each d, {steps} steps")
    print("        share of the starts that come within δ of zero     falls like")
    print("  d        δ = 0.1        δ = 0.03        δ = 0.01")
    for size in (2, 3):
        generator = torch.Generator().manual_seed(size)
        ratios = []
        for seed in range(4):
            starts = torch.randn(size, count, generator=generator, dtype=torch.float64)
            slope = random_slope(size, seed)
            ratios.append(closest_approach(slope, starts, rate, decay, momentum, steps))
        shares = [share_within(torch.cat(ratios), delta) for delta in (0.1, 0.03, 0.01)]
        power = torch.tensor(shares[0] / shares[1]).log() / torch.tensor(0.1 / 0.03).log()
        print("{:3d} {:14.6f} {:15.6f} {:15.6f}         δ^{:.2f}".format(size, *shares, power))
    mild = closest_approach(random_slope(2, 0), starts[:2, :5000], 0.1, 0.02, 0.9, 200)
    print(f"mild decay, 0.02 at rate 0.1: no step leaves less than {mild.min():.3f}")
