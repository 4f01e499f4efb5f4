"""Rate, decay and norm in one number: the effective step, and the law by which it moves.

Gradient descent with a rate ηₜ and a decay λₜ for each step, on losses with Lₜ(cθ) = Lₜ(θ), c > 0:

    θₜ₊₁ = aₜθₜ − ηₜ∇Lₜ(θₜ),        aₜ = 1 − ηₜλₜ > 0.

Let uₜ = θₜ/‖θₜ‖ and gₜ = ∇Lₜ(uₜ). The direction moves along uₜ − Φₜgₜ, with the effective step

    Φₜ = ηₜ/(aₜ‖θₜ‖²),        Φₜ₊₁ = BₜΦₜ/(1 + Φₜ²‖gₜ‖²),        Bₜ = ηₜ₊₁/(ηₜ aₜ aₜ₊₁).

Bₜ is the schedule's part: the growth of the rate that does without decay. The divisor is the
loss's part, 1/cos² of the angle of the turn. They balance at Φ‖g‖ = √(B − 1), the angle
arccos(1/√B). Where Bₜ = 1 for every t, the directions are those of a run at the constant rate
η₀/a₀ without decay.

Units. ηₜ is in [θ]² and λₜ in [θ]⁻²; aₜ, Bₜ, Φₜ and gₜ are pure numbers.

Source. The law is that of Amin, Chang and Khanna, "When Does Scale-Invariant Optimization Become
Unstable? An Exact Schedule Law with Weight Decay", arXiv:2609.09116; derived here afresh.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

Number = Any  # a float; a Fraction or a symbol, where the law is to be exact


def effective_step(rate: Number, decay: Number, squared_norm: Number) -> Number:
    """Return Φ = η/((1 − ηλ)‖θ‖²)."""
    return rate / ((1 - rate * decay) * squared_norm)


def schedule_growth(rate: Number, decay: Number, next_rate: Number, next_decay: Number) -> Number:
    """Return B = η′/(η (1 − ηλ)(1 − η′λ′)), with a dash for the next step's rate and decay."""
    return next_rate / (rate * (1 - rate * decay) * (1 - next_rate * next_decay))


def next_effective_step(step: Number, growth: Number, squared_slope: Number) -> Number:
    """Return BΦ/(1 + Φ²‖g‖²), where g is the gradient at the direction θ/‖θ‖."""
    return growth * step / (1 + step**2 * squared_slope)


def balance_angle(growth: float) -> float:
    """Return arccos(1/√B): the turn, in radians, at which a step leaves Φ as it is.

    Raises ValueError if B < 1, where Φ falls whatever the turn.
    """
    if not growth >= 1:
        raise ValueError(f"a growth of {growth:g} is below 1: the effective step can only fall")
    return math.atan(math.sqrt(growth - 1))  # the same angle, and exact where B is close to 1


def unit_growth_rates(rate: Number, decays: Sequence[Number]) -> list[Number]:
    """Return η₀ … for decays λ₀ …, with η₀ given and ηₜ₊₁ = ηₜ aₜ aₜ₊₁, so that B is 1.

    Raises ValueError unless 0 < η₀ and η₀λ₀ < 1, and for a negative decay; nothing else can fail.
    """
    if min(decays) < 0:
        raise ValueError(f"a decay of {min(decays)} is negative; take λ ≥ 0")
    if not (rate > 0 and rate * decays[0] < 1):
        raise ValueError(f"rate {rate} and decay {decays[0]}: 0 < η₀ and η₀λ₀ < 1 are needed")
    rates = [rate]
    for decay, next_decay in pairwise(decays):
        kept = rates[-1] * (1 - rates[-1] * decay)
        rates.append(kept / (1 + kept * next_decay))  # solves η′ = η a (1 − η′λ′)
    return rates


if __name__ == "__main__":
    rate, decay, steps = 0.1, 0.05, 4001
    constant = schedule_growth(rate, decay, rate, decay)
    angle = math.degrees(balance_angle(constant))
    print(f"constant: B = {constant:.6f}, balance at {angle:.3f}°, cos {1 - rate * decay:.4f}")
    free = unit_growth_rates(rate, [decay] * steps)
    cosine = [rate / 2 * (1 + math.cos(math.pi * t / steps)) for t in range(steps)]
    print("   t   rate with B = 1    1/(2λt)   cosine rate   its B − 1")
    for t in (1, 10, 100, 1000, 3000, 3999):
        growth = schedule_growth(cosine[t], decay, cosine[t + 1], decay)
        print(f"{t:4d} {free[t]:17.6f} {1 / (2 * decay * t):10.5f} {cosine[t]:13.7f}", end="")
        print(f" {growth - 1:11.6f}")
