"""Second derivatives of a scale-invariant loss.

H(cθ) = H(θ)/c², H(θ)θ = -∇L(θ), θᵀH(θ)θ = 0. So an undamped Newton step, where H is invertible,
solves Hs = -∇L by s = θ and doubles the weights. For L of degree k: ⟨∇L,θ⟩ = kL, Hθ = (k-1)∇L.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Loss = Callable[[Tensor], Tensor]


def newton_step(loss: Loss, weights: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
    """The weights after one undamped Newton step."""
    slope = torch.func.grad(loss)(weights)
    return weights - torch.linalg.solve(torch.func.hessian(loss)(weights), slope)


def euler_gaps(loss: Loss, weights: Float[Tensor, " d"], degree: float) -> tuple[float, float]:
    """⟨∇L,θ⟩ - kL and ‖Hθ - (k-1)∇L‖: both vanish for a loss of degree k."""
    slope, hessian = torch.func.grad(loss)(weights), torch.func.hessian(loss)(weights)
    first = slope @ weights - degree * loss(weights)
    return first.item(), (hessian @ weights - (degree - 1) * slope).norm().item()


if __name__ == "__main__":

    def skew(weights: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        direction = weights / weights.norm()
        return direction[0] + direction[0] * direction[1] ** 2

    print("scale   curvature   Newton step / weights")
    for scale in (0.5, 1.0, 2.0, 4.0):
        w = scale * torch.tensor([0.6, 0.7], dtype=torch.float64)
        ratio = newton_step(skew, w) / w
        curvature = torch.func.hessian(skew)(w)[0, 0]
        print(f"{scale:5.2f} {curvature:11.5f}   {ratio[0]:.6f} {ratio[1]:.6f}")
