"""How much longer, or shorter, can gradients with a memory keep the weights?

Momentum SGD is θₜ₊₁ = p θₜ − q θₜ₋₁ − η gₜ, with the p and q of equilibrium.py. Suppose only that
every gradient is orthogonal to the weights that it is taken at, and that the means of ‖θₜ‖²,
⟨θₜ, θₜ₊₁⟩ and ⟨θₜ, θₜ₊₂⟩ are steady. Then the angle is settled, cos = p/(1 + q) = c, and with
ρ = ⟨θₜ, θₜ₊₂⟩/‖θ‖² the gradients have

    η² ‖g‖² = (1 + q² − p² + 2qρ) ‖θ‖²,        2c² − 1 ≤ ρ ≤ 1.

At the one end the weights run around a circle, always on; at the other they go to and fro between
two directions; fresh gradients, with ρ = pc − q, are the geometric mean of the two:

    circle    ‖θ‖²/‖ηg‖² = 1/((1 − q)² (1 − c²))
    fresh     ‖θ‖²/‖ηg‖² = 1/((1 − q²) (1 − c²))
    zigzag    ‖θ‖²/‖ηg‖² = 1/((1 + q)² (1 − c²))

Units. All quotients are numbers.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Path = Float[Tensor, "steps 2"]

Number = Any  # a float; a symbol, where the formula is to be exact


def gain_with_memory(p: Number, q: Number, two_steps: Number) -> Number:
    """Return ‖θ‖²/‖ηg‖², given ρ = ⟨θₜ, θₜ₊₂⟩/‖θ‖²."""
    return 1 / (1 + q**2 - p**2 + 2 * q * two_steps)


def circle(cosine: float, steps: int) -> Path:
    """Return weights of length 1 that turn always on, by the angle of that cosine."""
    angles = math.acos(cosine) * torch.arange(steps, dtype=torch.float64)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def zigzag(cosine: float, steps: int) -> Path:
    """Return weights of length 1 that turn to and fro, by the angle of that cosine."""
    half = math.acos(cosine) / 2
    signs = torch.tensor([(-1.0) ** t for t in range(steps)], dtype=torch.float64)
    return torch.stack([math.cos(half) * signs.square(), math.sin(half) * signs], dim=1)


def pushes(path: Path, p: float, q: float) -> Float[Tensor, "steps-2 2"]:
    """Return the ηgₜ under which momentum SGD makes this path, for t = 1 … steps − 2."""
    return p * path[1:-1] - q * path[:-2] - path[2:]


if __name__ == "__main__":
    print("   γ    ηλ    ‖θ‖ against fresh gradients of the same G      ⟨g, θ⟩")
    print("               zigzag    circle    (1+γ)/(1−γ), 4th root     at most")
    for momentum, product in [(0.5, 0.01), (0.9, 0.01), (0.9, 0.0005), (0.99, 0.01)]:
        p, q = 1 + momentum - product, momentum
        cosine = p / (1 + q)
        fresh = gain_with_memory(p, q, p * cosine - q)
        shares, radial = [], 0.0
        for motion in (zigzag, circle):
            path = motion(cosine, 200)
            push = pushes(path, p, q)
            size = push.square().sum(1).mean().item()
            shares.append((1 / size / fresh) ** 0.25)
            radial = max(radial, (push * path[1:-1]).sum(1).abs().max().item())
        bound = ((1 + q) / (1 - q)) ** 0.25
        print(f"{momentum:4.2f} {product:6.4f} {shares[0]:9.4f} {shares[1]:9.4f}", end=" ")
        print(f"{bound:16.4f} {radial:21.0e}")
