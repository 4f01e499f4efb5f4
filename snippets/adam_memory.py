"""Does Adam's memory only ever lengthen the weights? A search for a counterexample.

Let the gradient be nothing but noise that a scale-invariant loss could have made: a normal vector z
without its part along θ, divided by the length of θ, fresh at every step,

    gₜ = (zₜ − ⟨zₜ, θₜ⟩θₜ/‖θₜ‖²) / ‖θₜ‖.

Adam without decay and with ε = 0 moves θ by −ηuₜ, uₜ = m̂ₜ/√v̂ₜ. It is not tangent. Its newest part,
which has gₜ in the numerator, has the mean ⟨·, θₜ⟩ = 0, since gₜ is as likely as −gₜ and v̂ₜ is
the same for both. What is left is the memory, (u − newest part). The conjecture is that

    E⟨uₜ, θₜ⟩ < 0    for every t ≥ 1, η > 0, θ₀ off the axes and 0 < β₁ < √β₂ < 1,

so that Adam lengthens its weights, on average, faster than the lengths of its steps would. The
symmetry of the noise is not enough: the sign can turn if its strength depends on the direction.

Units. η is in [θ].

Source. The conjecture is ours. For momentum without the division it is a theorem, the observation
of Heo et al., "AdamP", ICLR 2021, arXiv:2006.08217.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Chains = Float[Tensor, "chains d"]
    Noise = Callable[[Chains, Generator], Chains]


def tangent_noise(weights: Chains, generator: Generator) -> Chains:
    """Return (z − ⟨z, θ⟩θ/‖θ‖²)/‖θ‖ for a fresh normal z in each chain."""
    noise = torch.randn(weights.shape, generator=generator, dtype=weights.dtype)
    square = weights.square().sum(1, keepdim=True)
    return (noise - (noise * weights).sum(1, keepdim=True) / square * weights) / square.sqrt()


def memory_along_weights(
    noise: Noise,
    start: Float[Tensor, " d"],
    rate: float,
    betas: tuple[float, float],
    steps: int,
    chains: int,
    seed: int,
) -> Float[Tensor, "{steps} {chains}"]:
    """Return what Adam's memory adds to ⟨uₜ, θₜ⟩ at each step, in independent chains.

    The mean over the chains is that of ⟨uₜ, θₜ⟩ itself, and varies less.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = start.repeat(chains, 1)
    first, second, rows = torch.zeros_like(weights), torch.zeros_like(weights), []
    for count in range(1, steps + 1):
        slope = noise(weights, generator)
        memory = betas[0] * first
        first = memory + (1 - betas[0]) * slope
        second = betas[1] * second + (1 - betas[1]) * slope**2
        scale = (1 - betas[0] ** count) * (second / (1 - betas[1] ** count)).sqrt()
        rows.append((memory / scale * weights).sum(1))
        weights = weights - rate * first / scale
    return torch.stack(rows)


def standard_scores(samples: Float[Tensor, "steps chains"]) -> Float[Tensor, " steps"]:
    """Return the means of the rows in units of their standard errors."""
    errors: Tensor = samples.std(1) / samples.shape[1] ** 0.5
    return samples.mean(1) / errors


if __name__ == "__main__":
    settings = [
        (2, 0.03, (0.9, 0.999)),
        (2, 0.3, (0.5, 0.5)),
        (3, 0.1, (0.9, 0.99)),
        (10, 0.1, (0.5, 0.999)),
        (10, 0.01, (0.9, 0.9)),
        (30, 0.03, (0.3, 0.1)),
    ]
    print(" d     η  β₁, β₂         E⟨u, θ⟩ at step 1     at step 20   largest score")
    for number, (size, rate, betas) in enumerate(settings):
        start = torch.linspace(1.0, 2.0, size, dtype=torch.float64)
        start /= start.norm()
        samples = memory_along_weights(tangent_noise, start, rate, betas, 21, 20000, number)
        means, scores = samples.mean(1), standard_scores(samples)[1:]
        print(f"{size:2d} {rate:5.2f}  {betas!s:14}", end="")
        print(f"{means[1]:18.5f} {means[20]:14.5f} {scores.max():15.1f}")
