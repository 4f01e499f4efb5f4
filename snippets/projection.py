"""Normalising weights after every step: a rate that follows the length, a decay that holds it.

On losses with Lₜ(cθ) = Lₜ(θ) for c > 0, step along the gradient and go back to the unit sphere:

    ψₜ₊₁ = (ψₜ − ηₜ∇Lₜ(ψₜ)) / ‖ψₜ − ηₜ∇Lₜ(ψₜ)‖,        ‖ψ₀‖ = 1

Let φₜ be the weights when nothing is normalised and the rate is ηₜ‖φₜ‖². Then ψₜ = φₜ/‖φₜ‖, and

    ‖φₜ₊₁‖² = ‖φₜ‖² (1 + ηₜ²‖∇Lₜ(ψₜ)‖²).

It is also gradient descent with a decay that is chosen anew at every step, with the share
aₜ = (1 + ηₜ²‖∇Lₜ(ψₜ)‖²)^(−1/2) of the weights left and the rate aₜηₜ. The angle of the step
has the tangent ηₜ‖∇Lₜ(ψₜ)‖: it follows the gradient. Under a constant decay the cosine of the
angle is 1 − ηλ on average in equilibrium, in which no gradient stands.

Units. On the unit sphere everything is a pure number; φ is in [θ].
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

Slope = Callable[[Any], Any]  # θ ↦ ∇L(θ)


def projected_step(weights: Float[Tensor, " d"], slope: Slope, rate: float) -> Float[Tensor, " d"]:
    """Return the unit weights after a step from unit weights."""
    after = weights - rate * slope(weights)
    unit: Tensor = after / after.norm()
    return unit


def unprojected_step(weights: Any, slope: Slope, rate: Any) -> Any:
    """Return the weights after a step at a rate times their squared length."""
    return weights - rate * (weights @ weights) * slope(weights)


def kept_share(gradient_norm: Any, rate: Any) -> Any:
    """Return a, the share of unit weights that a decay must leave to hold their length."""
    return (1 + rate**2 * gradient_norm**2) ** -0.5


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(16, 8, generator=generator, dtype=torch.float64)

    def loss(weights: Tensor) -> Tensor:
        """Return the error of a model that sees only a direction."""
        outputs: Tensor = inputs @ weights / weights.norm()
        return (outputs - inputs[:, 0].tanh()).square().mean()

    slope = torch.func.grad(loss)
    rate, phi = 0.2, inputs[0]
    psi = phi / phi.norm()
    decayed = psi
    print("   t    ‖φ‖   a rate for φ   angle   gap of ψ and φ   of ψ and decay")
    for t in range(41):
        norm = slope(psi).norm().item()
        if t in (0, 1, 2, 5, 10, 20, 40):
            angle = torch.tensor(rate * norm).atan()
            gaps = [(psi - x).norm() for x in (phi / phi.norm(), decayed)]
            row = t, phi.norm(), rate * phi.norm() ** 2, angle, *gaps
            print("{:4d} {:6.4f} {:14.4f} {:7.4f} {:16.6f} {:16.6f}".format(*row))
        kept = kept_share(norm, rate)
        decayed = kept * decayed - kept * rate * slope(decayed)
        psi, phi = projected_step(psi, slope, rate), unprojected_step(phi, slope, rate)
