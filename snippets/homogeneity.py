"""Second derivatives of a scale-invariant loss: curved both ways, and no help to Newton.

Let L(cθ) = L(θ) for every c > 0, with a gradient ∇L and a Hessian H. Differentiate twice:

    H(cθ) = H(θ)/c²,        H(θ)θ = −∇L(θ),        θᵀH(θ)θ = 0

So (∇L + sθ)ᵀH(∇L + sθ) = ∇LᵀH∇L − 2s‖∇L‖² has either sign: where the gradient is not zero, H has a
positive and a negative eigenvalue. And where H is invertible, the undamped Newton step, which
solves Hs = −∇L, is s = θ: it doubles the weights and turns nothing.

For L(cθ) = cᵏL(θ) the same derivatives are Euler's: ⟨∇L, θ⟩ = kL and Hθ = (k − 1)∇L.

Units. ∇L is in [θ]⁻¹ and H in [θ]⁻². Source. Follows from the definition.
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
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

Loss = Callable[[Tensor], Tensor]


def newton_step(loss: Loss, weights: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
    """Return the weights after one undamped Newton step.

    Raises where the Hessian is singular, unless rounding hides it: look at its condition, too.
    """
    gradient = torch.func.grad(loss)
    slope, hessian = gradient(weights), torch.func.jacrev(gradient)(weights)
    step: Tensor = torch.linalg.solve(hessian, slope)
    return weights - step


def euler_gaps(loss: Loss, weights: Float[Tensor, " d"], degree: float) -> tuple[float, float]:
    """Return ⟨∇L, θ⟩ − kL and ‖Hθ − (k − 1)∇L‖: both vanish for a loss of degree k."""
    gradient = torch.func.grad(loss)
    slope, hessian = gradient(weights), torch.func.jacrev(gradient)(weights)
    first = slope @ weights - degree * loss(weights)
    return first.item(), (hessian @ weights - (degree - 1) * slope).norm().item()


if __name__ == "__main__":

    def skew(weights: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        direction: Tensor = weights / weights.norm()
        return direction[0] + direction[0] * direction[1] ** 2

    print("scale    eigenvalues of H     Newton step / weights   gaps of degree 0")
    for scale in (0.5, 1.0, 2.0, 4.0):
        w = scale * torch.tensor([0.6, 0.7], dtype=torch.float64)
        low, high = torch.linalg.eigvalsh(torch.func.jacrev(torch.func.grad(skew))(w))
        ratio, (first, second) = newton_step(skew, w) / w, euler_gaps(skew, w, 0.0)
        print(
            f"{scale:5.2f} {low:9.4f} {high:9.4f}   {ratio[0]:9.4f} {ratio[1]:9.4f}"
            f"   {abs(first):10.4f} {second:8.4f}"
        )
