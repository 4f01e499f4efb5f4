"""A loss that ignores the length of its weights has a gradient tangent to the sphere.

Let L: ℝᵈ∖{0} → ℝ be differentiable with L(cθ) = L(θ) for every c > 0. Differentiate that equation
in c, at c = 1, and then in θ:

    ⟨∇L(θ), θ⟩ = 0               the gradient has no radial part
    ∇L(cθ)     = ∇L(θ) / c       c times longer weights, c times shorter gradient

Units. Write [θ] for the unit of the weights. L has none, so ∇L is in [θ]⁻¹, and θ − η∇L only
makes sense if the learning rate η is in [θ]². So η alone is not a step size; η / ‖θ‖² is.

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454. Numbered Lemma 1 in the authors' post, offconvex.org/2020/04/24/ExpLR1.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

Loss = Callable[[Tensor], Tensor]


def normalized_mse(
    weights: Float[Tensor, " d"],
    inputs: Float[Tensor, "n d"],
    targets: Float[Tensor, " n"],
) -> Float[Tensor, ""]:
    """Return the squared error of a linear model that uses only its weights' direction.

    The weights' unit cancels; inputs and targets are pure numbers. At weights = 0 there is no
    direction, and the value is not a number. Raises ValueError unless there is one target for each
    input.
    """
    direction: Tensor = weights / weights.norm()
    outputs = inputs @ direction
    if outputs.shape != targets.shape:  # torch would compare each with every other
        raise ValueError(
            f"targets {[*targets.shape]}, outputs {[*outputs.shape]}: give targets.flatten()"
        )
    return (outputs - targets).square().mean()


def gradient(loss: Loss, weights: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
    """Return ∇loss at weights, in [θ]⁻¹, leaving weights.grad alone."""
    slope: Tensor = torch.func.grad(loss)(weights)
    return slope


def radial_share(vector: Float[Tensor, " d"], weights: Float[Tensor, " d"]) -> float:
    """Return |cos| of the angle between the two: 0 is tangent to the sphere, 1 is radial."""
    cosine: float = ((vector / vector.norm()) @ (weights / weights.norm())).item()
    return abs(cosine)


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs, targets, weights = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in [(32, 8), (32,), (8,)]
    )
    loss = partial(normalized_mse, inputs=inputs, targets=targets)

    print("    c    L(cθ)   radial share   c·‖∇L(cθ)‖")
    for c in (0.1, 1.0, 10.0):
        slope = gradient(loss, c * weights)
        row = c, loss(c * weights), radial_share(slope, weights), c * slope.norm()
        print("{:5.1f} {:8.4f} {:14.4f} {:12.4f}".format(*row))
