"""How SGD on a scale-invariant loss changes the length of its weights, and so its own rate.

A gradient with ⟨∇L, θ⟩ = 0 and ∇L(cθ) = ∇L(θ)/c makes every step a right triangle. With
a = 1 − ηλ > 0 and G = ‖θ‖‖∇L(θ)‖, the length of the gradient at unit weights,

    ‖θ'‖² = a²‖θ‖² + η²G²/‖θ‖²,        the angle of the step has the tangent η G / (a‖θ‖²).

Without decay, and at a constant G, ‖θ_t‖⁴ − ‖θ_0‖⁴ lies between 2η²G²t and that plus a constant
and a logarithm of t. A buffer that started at zero points partly inwards,
⟨θ_t, b_t⟩ = −η Σ γᵏ‖b_{t−k}‖², so with momentum earlier steps add to the growth: where all buffers
are of one length it is up to (1 + γ)/(1 − γ) times as much. Dropping the radial part of the update
undoes that.

Units: η in [θ]², λ in [θ]⁻², ∇L and b in [θ]⁻¹. Follows from Euler's identity in degree zero.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///

import math
from collections.abc import Sequence
from typing import Any

Number = Any  # a float, fraction, interval or symbol
Vector = Any  # a tensor, or an array of Numbers


def next_square(square: Number, slope_square: Number, rate: Number, decay: Number) -> Number:
    """Return ‖θ'‖² after a step, from ‖θ‖² and ‖∇L(θ)‖²."""
    return (1 - rate * decay) ** 2 * square + rate**2 * slope_square


def effective_step(square: Number, rate: Number, decay: Number) -> Number:
    """Return η / (a‖θ‖²), the rate at which the direction is moved."""
    if rate * decay >= 1:
        raise ValueError("decay leaves no positive multiple of the weights: keep ηλ below 1")
    return rate / ((1 - rate * decay) * square)


def lower_bound(square: Number, least: Number, rate: Number, steps: int) -> Number:
    """Return what ‖θ_t‖⁴ is not below, if G² is at least `least`, from ‖θ_0‖²."""
    return square**2 + 2 * rate**2 * least * steps


def upper_bound(square: float, least: float, most: float, rate: float, steps: int) -> float:
    """Return what ‖θ_t‖⁴ is not above, if G² is between `least` and `most`, from ‖θ_0‖²."""
    if steps < 1 or least <= 0:
        raise ValueError("the bound needs a step and a positive least gradient")
    below: float = lower_bound(square, most, rate, steps)
    first = rate**4 * most**2 / square**2
    later = math.log1p(2 * rate**2 * least * (steps - 1) / square**2)
    return below + first + rate**2 * most**2 / 2 / least * later


def momentum_growth(squares: Sequence[Number], rate: Number, momentum: Number) -> Number:
    """Return the last ‖θ_{t+1}‖² − ‖θ_t‖², from ‖b_0‖², …, ‖b_t‖² and a zero buffer before."""
    old = sum(momentum**k * b for k, b in enumerate(reversed(squares)) if k)
    return rate**2 * (squares[-1] + 2 * old)


def without_radial_part(update: Vector, weights: Vector) -> Vector:
    """Return the part of the update that is orthogonal to the weights."""
    return update - (update @ weights) / (weights @ weights) * weights


if __name__ == "__main__":
    square, rate = 1.0, 0.5
    print("no decay, G = 1   |w|^4 / (2 rate^2 t)   effective step * sqrt(2t)")
    for t in range(1, 10001):
        square = next_square(square, 1 / square, rate, 0.0)
        if t in (10, 100, 1000, 10000):
            shown = effective_step(square, rate, 0.0) * math.sqrt(2 * t)
            print(f"step {t:5} {square**2 / (2 * rate**2 * t):22.4f} {shown:22.4f}")
    print("decay 0.1, G = 1     pull      push     |w|^2   effective step")
    for start in (0.5, 2.0):
        after = next_square(start, 1 / start, rate, 0.1)
        pull, push = (1 - 0.95**2) * start, rate**2 / start
        step = effective_step(start, rate, 0.1)
        print(f"from |w|^2 = {start:3} {pull:10.4f} {push:9.4f} {after:9.4f} {step:12.4f}")
    for t in (1, 10, 100):
        print(f"momentum 0.9, step {t:3}: growth times {momentum_growth([1.0] * t, 1.0, 0.9):.4f}")
