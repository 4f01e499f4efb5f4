"""On a scale-invariant loss, mild weight decay is an exponentially growing learning rate.

Torch's SGD with rate η, decay λ and momentum γ, on a loss Lₜ that may change at every step:

    bₜ = γ bₜ₋₁ + ∇Lₜ(θₜ) + λ θₜ,        θₜ₊₁ = θₜ − η bₜ

Let α be a root of z² − (1 + γ − ηλ) z + γ = 0, real and positive. The same algorithm on the same
losses, with no decay, the same momentum, and these three changes

    φ₀ = θ₀,    b̃₋₁ = b₋₁ − λ/(α − γ) θ₀,    rate η α^(−2t−1) at step t,

makes φₜ = α⁻ᵗ θₜ at every step, so the two runs are the same function all along, provided that
every Lₜ is scale invariant, Lₜ(cθ) = Lₜ(θ) for c > 0, and that no θₜ is zero. The roots are real
and positive when ηλ ≤ (1 − √γ)² and 0 < γ < 1. Either will do that is not γ, as one is where λ = 0;
with the larger one the rate grows more slowly. Without momentum (γ = 0) it is α = 1 − ηλ, positive
when ηλ < 1, and the buffer, which is never used, needs no seed.

Proof. Eliminate b: θₜ₊₁ = (1 + γ − ηλ) θₜ − γ θₜ₋₁ − η ∇Lₜ(θₜ). Put θₜ = αᵗφₜ, use
∇Lₜ(αᵗφₜ) = α⁻ᵗ ∇Lₜ(φₜ), divide by αᵗ⁺¹, and replace 1 + γ − ηλ by α + γ/α: what is left is
momentum SGD with rate η α^(−2t−1). The seed makes its first step fit.

Units. η is in [θ]² and λ in [θ]⁻² (see scale_invariance.py), so γ, ηλ and α are pure numbers;
the buffer b is in [θ]⁻¹, like λθ.

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454; Theorem 1 in the authors' post, offconvex.org/2020/04/24/ExpLR1, which leaves
out the seed. Without it the statement is not exact.
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
    from jaxtyping import Shaped

    # Of floats; or as an array, of any Number.
    Vector = TypeVar("Vector", Shaped[Tensor, " d"], Shaped[np.ndarray, " d"])
    Gradient = Callable[[int, Vector], Vector]  # (t, θ) ↦ ∇Lₜ(θ)

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact


def growth_root(rate: Number, decay: Number, momentum: Number = 0.0) -> float:
    """Return the larger root α of z² − (1 + γ − ηλ) z + γ, a pure number in [√γ, 1].

    Rate η is in [θ]², decay λ in [θ]⁻². Raises ValueError for a momentum outside [0, 1), and where
    α is not real and positive: that is where ηλ > (1 − √γ)², or ηλ = 1 without momentum.
    """
    product, gamma = float(rate * decay), float(momentum)
    if not 0 <= gamma < 1:
        raise ValueError(f"momentum = {gamma:g} is not in [0, 1)")
    # The discriminant (1 + γ − ηλ)² − 4γ cancels near the double root; its two factors do not.
    # And 1 − α is computed, not α: for a tiny ηλ it is the small difference that matters.
    short, long = (1 - gamma) / (1 + math.sqrt(gamma)), 1 + math.sqrt(gamma)  # 1 − √γ, 1 + √γ
    room = short**2 - product
    if room >= -1e-15 * short:  # at the double root γ and ηλ, being rounded, may miss it by so much
        spread = math.sqrt(max(room, 0) * (long**2 - product))
        root = 1 - 2 * product / (1 - gamma + product + spread)
        if root > 0:
            return root
    raise ValueError(
        f"z² − (1 + γ − ηλ)z + γ has no real positive root at ηλ = {product:g}, γ = {gamma:g}: "
        f"ηλ must be at most (1 − √γ)² = {short**2:g}, and less than 1"
    )


def growing_rate(rate: Number, root: Number, step: Number) -> Number:
    """Return η α^(−2t−1), the rate of step t = 0, 1, … without decay, in [θ]²."""
    return rate * root ** (-2 * step - 1)


def seeded_buffer(
    weights: Vector, buffer: Vector, decay: Number, momentum: Number, root: Number
) -> Vector:
    """Return b − λ/(α − γ) θ, in [θ]⁻¹: the buffer with which the run without decay starts."""
    seeded: Vector = buffer - decay / (root - momentum) * weights
    return seeded


def sgd_step(
    weights: Vector,
    buffer: Vector,
    slope: Vector,
    rate: Number,
    decay: Number,
    momentum: Number,
) -> tuple[Vector, Vector]:
    """Return weights and buffer after one step of torch.optim.SGD; slope is ∇L(θ) in [θ]⁻¹."""
    buffer = momentum * buffer + (slope + decay * weights)
    return weights - rate * buffer, buffer


def descend_with_decay(
    gradient: Gradient[Vector],
    weights: Vector,
    buffer: Vector,
    rate: Number,
    decay: Number,
    momentum: Number,
    steps: int,
) -> list[Vector]:
    """Return θ₀ … θ_steps: a constant rate, with decay."""
    path = [weights]
    for t in range(steps):
        slope = gradient(t, weights)
        weights, buffer = sgd_step(weights, buffer, slope, rate, decay, momentum)
        path.append(weights)
    return path


def descend_with_growing_rate(
    gradient: Gradient[Vector],
    weights: Vector,
    buffer: Vector,
    rate: Number,
    decay: Number,
    momentum: Number,
    steps: int,
    root: Number,
) -> list[Vector]:
    """Return φ₀ … φ_steps: a growing rate and a seeded buffer, without decay.

    The arguments are those of the run with decay, and a root α that belongs to them.
    """
    path = [weights]
    buffer = seeded_buffer(weights, buffer, decay, momentum, root)
    for t in range(steps):
        slope = gradient(t, weights)
        weights, buffer = sgd_step(weights, buffer, slope, growing_rate(rate, root, t), 0, momentum)
        path.append(weights)
    return path


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)  # four batches
    targets, start = inputs[..., 0].tanh(), inputs[0, 0]

    def loss(step: int, weights: Tensor) -> Tensor:
        """Return the error, on the step's batch, of a model that sees only a direction."""
        batch = step % len(inputs)
        outputs: Tensor = inputs[batch] @ weights / weights.norm()
        return (outputs - targets[batch]).square().mean()

    gradient = torch.func.grad(loss, argnums=1)
    rate, decay, momentum, steps = 0.1, 0.02, 0.9, 100
    root = growth_root(rate, decay, momentum)
    zero = torch.zeros_like(start)
    undone = -seeded_buffer(start, zero, decay, momentum, root)  # cancels the seed
    run = rate, decay, momentum, steps
    theta = descend_with_decay(gradient, start, zero, *run)
    phi = descend_with_growing_rate(gradient, start, zero, *run, root)
    unseeded = descend_with_growing_rate(gradient, start, undone, *run, root)

    print(f"α = {root:.6f}                           gap of the directions")
    print("   t   rate of φ      ‖θ‖      ‖φ‖      seeded    unseeded")
    for t in (0, 5, 10, 20, 50, 100):
        row = growing_rate(rate, root, t), theta[t].norm(), phi[t].norm()
        gaps = ((theta[t] / theta[t].norm() - x[t] / x[t].norm()).norm() for x in (phi, unseeded))
        print("{:4d} {:11.4g} {:8.4f} {:8.2f} {:11.6f} {:11.6f}".format(t, *row, *gaps))
