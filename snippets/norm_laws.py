"""How one step of SGD on a scale-invariant loss changes the length of the weights.

With a = 1 - ηλ and a gradient orthogonal to the weights, ‖θ'‖² = a²‖θ‖² + η²‖∇L‖², and the step
turns θ by the angle whose tangent is η‖∇L‖/(a‖θ‖). With ‖θ‖‖∇L(θ)‖ = G at every step and no decay,
‖θ_t‖⁴ - ‖θ_0‖⁴ lies between 2η²G²t and a bound that is larger by a logarithm of t. With momentum γ
from a zero buffer of constant length the growth is up to (1+γ)/(1-γ) times η²‖b‖².
Units: η in [θ]², λ in [θ]⁻². Follows from Euler's identity in degree zero.
"""

import math
from typing import Any

Number = Any  # a float, fraction or symbol


def next_square(square: Number, slope_square: Number, rate: Number, decay: Number) -> Number:
    """‖θ'‖² after a step, from ‖θ‖² and ‖∇L(θ)‖²."""
    return (1 - rate * decay) ** 2 * square + rate**2 * slope_square


def effective_step(square: Number, rate: Number, decay: Number) -> Number:
    """The rate at which the direction is moved: η / (a‖θ‖²)."""
    if rate * decay >= 1:
        raise ValueError("decay leaves no positive multiple of the weights: keep ηλ below 1")
    return rate / ((1 - rate * decay) * square)


def lower_bound(square: Number, unit_slope: Number, rate: Number, steps: int) -> Number:
    """No more than ‖θ_t‖⁴, where the unit gradient is at least that long."""
    return square**2 + 2 * rate**2 * unit_slope**2 * steps


def upper_bound(square: float, least: float, most: float, rate: float, steps: int) -> float:
    """No less than ‖θ_t‖⁴, where the unit gradient is between least and most long."""
    if steps < 1 or least <= 0:
        raise ValueError("the bound needs a step and a positive least gradient")
    first = rate**4 * most**4 / square**2
    later = math.log1p(2 * rate**2 * least**2 * (steps - 1) / square**2)
    return (
        square**2
        + 2 * rate**2 * most**2 * steps
        + first
        + rate**2 * most**4 / (2 * least**2) * later
    )


def momentum_growth(squares: list, rate: Number, momentum: Number) -> Number:
    """The last ‖θ_{t+1}‖² - ‖θ_t‖², from ‖b_0‖², …, ‖b_t‖² and a zero buffer before."""
    old = sum(momentum**k * b for k, b in enumerate(reversed(squares)) if k)
    return rate**2 * (squares[-1] + 2 * old)


if __name__ == "__main__":
    square, rate = 1.0, 0.5
    print("steps   |w|^4 / (2 rate^2 t)   effective step * sqrt(2t)")
    for t in range(1, 10001):
        square = next_square(square, 1 / square, rate, 0.0)
        if t in (10, 100, 1000, 10000):
            shown = effective_step(square, rate, 0.0) * math.sqrt(2 * t)
            print(f"{t:5} {square**2 / (2 * rate**2 * t):12.4f} {shown:22.4f}")
    for t in (1, 10, 100):
        print(f"momentum 0.9, step {t:3}: growth times {momentum_growth([1.0] * t, 1.0, 0.9):.4f}")
