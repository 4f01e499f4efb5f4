"""Gradient flow on a scale-invariant loss: the length has a law of its own, the direction a clock.

If L(cθ) = L(θ) for every c > 0, then ⟨θ, ∇L(θ)⟩ = 0, so along dθ/dt = −∇L(θ) − λθ

    d‖θ‖²/dt = −2λ‖θ‖²,        ‖θ(t)‖ = exp(−λt) ‖θ(0)‖,

whatever the loss; without decay the length is constant. The direction u = θ/‖θ‖ follows the flow
without decay, du/ds = −∇L(u), on the clock

    ds = dt/‖θ‖²,        s(t) = (exp(2λt) − 1) / (2λ‖θ(0)‖²).

Gradient descent has the same clock in steps: the rates of its twin without decay, η α^−(2j+1) with
α = 1 − ηλ, add up to α (α^−2t − 1) / (λ (2 − ηλ)), which is s(ηt) ‖θ(0)‖² as η → 0.

Units. t is in [θ]², λ in [θ]⁻², s is a pure number. Source. Follows from the definition.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

Loss = Callable[[Tensor], Tensor]
Number = Any  # a float, or a Fraction where the sum is to be exact


def flow(
    loss: Loss, start: Float[Tensor, " d"], decay: float, time: float, steps: int
) -> Float[Tensor, " d"]:
    """Return θ(time) on the flow from start, by the Runge-Kutta method of order four."""

    def velocity(weights: Tensor) -> Tensor:
        slope: Tensor = torch.func.grad(loss)(weights)
        return -slope - decay * weights

    weights, h = start, time / steps
    for _ in range(steps):
        k1 = velocity(weights)
        k2 = velocity(weights + h / 2 * k1)
        k3 = velocity(weights + h / 2 * k2)
        k4 = velocity(weights + h * k3)
        weights = weights + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return weights


def clock(time: float, decay: float, length: float) -> float:
    """Return s(time), the time of the flow without decay on the unit sphere."""
    if decay == 0:
        return time / length**2
    return math.expm1(2 * decay * time) / (2 * decay * length**2)


def step_clock(steps: int, rate: Number, decay: Number) -> Number:
    """Return the sum of the twin's rates over so many steps of descent, in [θ]²; decay > 0."""
    if not 0 < rate * decay < 1:
        raise ValueError("the clock of descent needs 0 < ηλ < 1; without decay it is ηt")
    alpha = 1 - rate * decay
    return alpha * (alpha ** (-2 * steps) - 1) / (decay * (2 - rate * decay))


if __name__ == "__main__":
    start, decay = torch.tensor([-1.2, 1.6], dtype=torch.float64), 0.3

    def angle_loss(weights: Tensor) -> Tensor:
        """Return 1 − cos of the angle to the first axis: scale invariant."""
        cosine: Tensor = weights[0] / weights.norm()
        return 1 - cosine

    def descend(rate: float, time: float) -> Tensor:
        weights = start
        for _ in range(round(time / rate)):
            weights = weights - rate * (torch.func.grad(angle_loss)(weights) + decay * weights)
        return weights

    print("       length of the flow       of descent, rate   direction of the flow")
    print("time    decay 0   decay 0.3       0.5      0.05    decay 0.3   on the clock")
    for time in (1.0, 2.0, 3.0, 4.0):
        still, decayed = (flow(angle_loss, start, w, time, 20) for w in (0.0, decay))
        clocked = flow(angle_loss, start / 2, 0.0, clock(time, decay, 2.0), 40)
        steps = [descend(rate, time).norm() for rate in (0.5, 0.05)]
        cosines = [w[0] / w.norm() for w in (decayed, clocked)]
        row = still.norm(), decayed.norm(), *steps, *cosines
        print(f"{time:4.0f}" + "{:11.4f}{:12.4f}{:10.4f}{:10.4f}{:13.4f}{:15.4f}".format(*row))
