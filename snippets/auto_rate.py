"""Any fixed rate will do: descent on a smooth scale-invariant loss has a finite gradient budget.

Let L(cθ) = L(θ) for c > 0, with a Hessian no larger than β at unit weights, gradients no longer
than G there, and values no more than Δ apart. Then plain gradient descent at any rate η has, over
all its steps,

    Σ ‖∇L(θ_t)‖²  ≤  β/η + G²/‖θ_0‖² + 2Δ/η.

As long as ‖θ‖² < ηβ a step may raise the loss, but it lengthens the weights by its square; from
then on each lowers the loss by η‖∇L‖²/2 or more. So the gradient tends to zero, the least of T
gradients is no longer than (budget/T)^½, and ‖θ_t‖² stays below ‖θ_0‖² + η² budget.

Units: η and ‖θ‖² in [θ]², the budget in [θ]⁻²; β, G and Δ are pure numbers. Source: the result is
that of Arora, Li and Lyu, "Theoretical Analysis of Auto Rate-Tuning by Batch Normalization", ICLR
2019, arXiv:1812.03981; the constants are not.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///

import math
from collections.abc import Callable


def gradient_budget(
    square: float, curvature: float, unit: float, span: float, rate: float
) -> float:
    """Return β/η + G²/‖θ_0‖² + 2Δ/η, from ‖θ_0‖², β, G, Δ and η."""
    if not (square > 0 and rate > 0):
        raise ValueError("the budget needs weights off zero and a positive rate")
    return curvature / rate + unit**2 / square + 2 * span / rate


def descend_in_plane(
    slope: Callable[[int, float], float],
    angle: float,
    square: float,
    rate: float,
    steps: int,
    decay: float = 0.0,
) -> tuple[float, float, float]:
    """Return angle, ‖θ‖² and Σ‖∇L‖² after descent on losses of the angle, from their slopes."""
    spent = 0.0
    for t in range(steps):
        unit, left = slope(t, angle), 1 - rate * decay
        spent += unit**2 / square
        angle -= math.atan2(rate * unit, left * square)
        square = left**2 * square + rate**2 * unit**2 / square
    return angle, square, spent


if __name__ == "__main__":
    print("L = 1 - cos(3 angle), from |w| = 1, 1000 steps")
    print("   rate   gradients   budget     |w|^2   effective rate   last gradient")
    for rate in (0.01, 0.1, 1.0, 10.0, 100.0):
        angle, square, spent = descend_in_plane(
            lambda t, a: 3 * math.sin(3 * a), 0.9, 1.0, rate, 1000
        )
        budget = gradient_budget(1.0, 9.0, 3.0, 2.0, rate)
        last = abs(3 * math.sin(3 * angle)) / math.sqrt(square)
        print(
            f"{rate:7.2f} {spent:11.3f} {budget:8.3f} {square:9.3f} {rate / square:16.6f}"
            f" {last:15.6f}"
        )
