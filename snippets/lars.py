"""A step as long as a share of the weights turns them by its rate, with decay and without.

On losses with L(cθ) = L(θ) for c > 0, with a = 1 − ηλ > 0,

    θ' = aθ − η‖θ‖ g/‖g‖,        ‖θ'‖² = (a² + η²)‖θ‖²,        tan of the angle = η/a.

There is no norm at which this balances (if a² + η² = 1, every norm stays), and no schedule that
decay stands for: the run without decay at the constant rate η/a has the same directions.

Units. η and λ are numbers.

Source. The idea is that of LARS: You, Gitman and Ginsburg, arXiv:1708.03888, whose full form has
momentum, and the decay inside of the ratio. What is stated here is derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Vector = Float[Tensor, " d"]


def lars_step(weights: Vector, gradient: Vector, rate: float, decay: float) -> Vector:
    """Return the weights after a step whose length is a share of theirs, with decoupled decay."""
    step: Vector = weights.norm() * gradient / gradient.norm()
    return (1 - rate * decay) * weights - rate * step


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(16, 8, generator=generator, dtype=torch.float64)

    def slope(weights: Tensor) -> Tensor:
        """Return the gradient of a model that sees only a direction."""

        def loss(weights: Tensor) -> Tensor:
            error: Tensor = inputs @ weights / weights.norm() - inputs[:, 0].tanh()
            return error.square().mean()

        gradient: Tensor = torch.func.grad(loss)(weights)
        return gradient

    rate = 0.2
    holds = (1 - math.sqrt(1 - rate**2)) / rate
    print("                    after 50 steps:    growth of ‖θ‖²      tan of       gap from")
    print("decay                         ‖θ‖   a step  predicted   the angle   rate η/a")
    for decay in (0.0, 0.02, holds, 0.5, 2.0):
        theta = phi = inputs[0] / inputs[0].norm()
        for _ in range(50):
            before = theta
            theta = lars_step(theta, slope(theta), rate, decay)
            phi = lars_step(phi, slope(phi), rate / (1 - rate * decay), 0.0)
        kept = 1 - rate * decay
        growth = (theta.norm() / before.norm()).item() ** 2
        along = (theta @ before / before.norm()).item()
        tangent = math.sqrt(theta.norm().item() ** 2 / along**2 - 1)
        gap = (theta / theta.norm() - phi / phi.norm()).norm().item()
        row = decay, theta.norm(), growth, kept**2 + rate**2, tangent, gap
        print("{:6.4f} {:26.4f} {:8.4f} {:10.4f} {:11.4f} {:10.6f}".format(*row))
