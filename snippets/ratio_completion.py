"""Completing a matrix with the ratio R = ‖W‖_*/‖W‖_F: what it prefers, and how fast.

Three entries of a 2 × 2 matrix are given and the first is free:

    W = [[x, b], [c, 0]],    R² = 1 + 2|bc|/(x² + b² + c²).

For bc ≠ 0 lowering the ratio to its infimum drives x, and every norm, to infinity; lowering the
nuclear or the Frobenius norm drives x to zero.

On an entry that the loss does not see, the gradient of L + μR is μ∂R. Gradient descent moves it by
−ημ∂R. Adam that has seen the same weights, with ε = 0 and a second moment that is not zero, moves
it by the same amount for every μ > 0, and with ε as for strength 1 with ε/μ.

Units. Adam's η is in [W]; μ is in the unit of the loss; R has none.

Source. The set with b = c = 1 is that of Razin and Cohen, "Implicit Regularization in Deep Learning
May Not Be Explainable by Norms", NeurIPS 2020, arXiv:2005.06398.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Shaped

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact
Moments = tuple[Any, Any]


def squared_ratio(free: Number, above: Number, below: Number) -> Number:
    """Return R² of [[x, b], [c, 0]] from x, b and c."""
    return 1 + 2 * abs(above * below) / (free**2 + above**2 + below**2)


def adam_step(
    moments: Moments,
    gradient: Any,
    step: int,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 0.0,
) -> tuple[Any, Moments]:
    """Return Adam's step in units of −η, with bias corrections, and the moments, at t = 1, 2, …

    Raises ValueError where the denominator is zero: with ε = 0 the first gradient must not be zero.
    """
    first = betas[0] * moments[0] + (1 - betas[0]) * gradient
    second = betas[1] * moments[1] + (1 - betas[1]) * gradient**2
    root = (second / (1 - betas[1] ** step)) ** 0.5
    if not torch.as_tensor(root + eps > 0).all():
        raise ValueError("a second moment is zero, and so is eps: give eps a positive value")
    return first / (1 - betas[0] ** step) / (root + eps), (first, second)


def complete(
    observed: Shaped[Tensor, "*shape"],
    known: Shaped[Tensor, "*shape"],
    start: Shaped[Tensor, "*shape"],
    strength: float,
    rate: float,
    steps: int,
    adam: bool = True,
) -> Shaped[Tensor, "*shape"]:
    """Return W after so many steps on ‖known·(W − observed)‖²/2 + μR(W), by Adam or descent.

    All three are matrices of one shape; known is 1 at observed entries and 0 at others. Raises
    ValueError at W = 0, and for what is not a matrix of float32 or float64 numbers, all finite.
    """
    if not observed.shape == known.shape == start.shape:
        shapes = [tuple(x.shape) for x in (observed, known, start)]
        raise ValueError(f"observed, known and start have the shapes {shapes}: give them one")
    for name, tensor in [("observed", observed), ("start", start)]:
        if tensor.ndim != 2 or tensor.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"{name} has the shape {tuple(tensor.shape)} and {tensor.dtype}: give a matrix in "
                "float32 or float64, .flatten(1).float() of a kernel or of half precision"
            )
        if not (tensor.numel() and tensor.isfinite().all()):
            raise ValueError(
                f"{name} has no entries, or some that are not finite numbers: where it is not "
                "known put 0"
            )
    weights, moments = start, (torch.zeros_like(start), torch.zeros_like(start))
    for step in range(1, steps + 1):
        left, values, right = torch.linalg.svd(weights, full_matrices=False)
        if not values[0] > 0:
            raise ValueError("W = 0 has no ratio: start somewhere else")
        length = values.norm()
        slope = (left @ right - values.sum() / length**2 * weights) / length
        gradient = known * (weights - observed) + strength * slope
        move = gradient
        if adam:
            move, moments = adam_step(moments, gradient, step)
        weights = weights - rate * move
    return weights


if __name__ == "__main__":
    print("   x        R      ‖W‖_*     ‖W‖_F        of [[x, 1], [1, 0]]")
    for free in (0.0, 1.0, 4.0, 16.0):
        value = squared_ratio(free, 1.0, 1.0) ** 0.5
        frobenius = (free**2 + 2) ** 0.5
        print(f"{free:5.1f} {value:9.4f} {value * frobenius:9.4f} {frobenius:9.4f}")
    observed = torch.tensor([[0.0, 2.0], [1.0, 1.0]], dtype=torch.float64)  # rank one at x = 2
    known = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    start = observed + torch.tensor([[0.5, 0.0], [0.0, 0.0]], dtype=torch.float64)
    print("x after 1000 steps, which is 2 at rank one; from 0.5, three entries given")
    for strength in (1e-4, 1e-2, 1e-1):
        x = [
            complete(observed, known, start, strength, rate, 1000, adam)[0, 0].item()
            for rate, adam in ((3e-3, True), (0.3, False))
        ]
        print(f"μ = {strength:6.4f}    Adam {x[0]:7.4f}    gradient descent {x[1]:7.4f}")
