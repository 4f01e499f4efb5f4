"""How long do weights get under decoupled decay? As long as their updates are alike.

For any updates on any loss, with decoupled decay a = 1 − ηλ in (0, 1),

    θₜ₊₁ = aθₜ − ηuₜ,        E⟨uₛ, uₛ₊ₖ⟩ = U²ρₖ,        σ = Σₖ aᵏρₖ  (k = 1, 2, …),

the squared norm and the cosine of a step settle at

    E‖θ‖² = η²U² (1 + 2σ)/(1 − a²),        E⟨θₜ, θₜ₊₁⟩/E‖θ‖² = a + (1 − a²)σ/(a(1 + 2σ)),

for small ηλ at ηU²(1 + 2σ)/(2λ), and, where it is small, at an angle of √(2ηλ/(1 + 2σ)).

Lion's update is a sign, of the squared length d. On Gaussian noise that is fresh at every step

    ρₖ = (2/π) arcsin(r β₂ᵏ⁻¹),    r = β₁(1 − β₂)(1 − β₁ + β₁β₂/(1 + β₂))/V,
    V = (1 − β₁)² + β₁²(1 − β₂)/(1 + β₂).

Its angle is often computed from the sign's linear part, √(π/2 · 2ηλV), which is right to a few per
cent where V and ηλ/(1 − β₂) are small, and √(π/2) too much at β₁ = 0.

Units. η in [θ]/[u], λ in [u]/[θ], U in [u]; a, ρ, σ, r and V are numbers.

Source. Derived here. The linear formula stands in the code that belongs to Kosson et al.,
"Rotational Equilibrium", ICML 2024.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact


def gain(kept: Number, alike: Number) -> Number:
    """Return E‖θ‖²/(η²U²) from a and σ."""
    return (1 + 2 * alike) / (1 - kept**2)


def cosine(kept: Number, alike: Number) -> Number:
    """Return E⟨θₜ, θₜ₊₁⟩/E‖θ‖² from a and σ."""
    return kept + (1 - kept**2) * alike / (kept * (1 + 2 * alike))


def likeness(kept: float, correlation: Callable[[int], float]) -> float:
    """Return σ = Σ aᵏρₖ, from the ρₖ up to where aᵏ is below 1e-17 of what is left."""
    lags = math.ceil(math.log(1e-17 * (1 - kept)) / math.log(kept))
    return math.fsum(kept**k * correlation(k) for k in range(1, lags + 1))


def lion_variance(first: Number, second: Number) -> Number:
    """Return V, the variance of what Lion takes the sign of, in that of the gradient."""
    return (1 - first) ** 2 + first**2 * (1 - second) / (1 + second)


def lion_correlation(first: float, second: float, lag: int) -> float:
    """Return ρₖ of Lion's updates on fresh Gaussian noise."""
    inner = first * (1 - second) * (1 - first + first * second / (1 + second))
    r = inner / lion_variance(first, second) * second ** (lag - 1)
    return 2 / math.pi * math.asin(r)


def linear_angle(first: float, second: float, product: float) -> float:
    """Return the angle of a step in radians, as the linear part of the sign has it."""
    return math.sqrt(math.pi * product * lion_variance(first, second))


def signs_of_noise(
    first: float, second: float, numbers: int, generator: torch.Generator
) -> Callable[[], Tensor]:
    """Return a function that makes Lion's next update on fresh Gaussian noise."""
    average = torch.zeros(numbers)

    def update() -> Tensor:
        noise = torch.randn(numbers, generator=generator)
        found = (first * average + (1 - first) * noise).sign()
        average.mul_(second).add_(noise, alpha=1 - second)
        return found

    return update


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    numbers = 5_000
    print("Lion on noise            ‖θ‖/(η√d)                angle of a step")
    print("   β₁    β₂    ηλ    predicted  simulated    predicted  simulated   linear")
    for first, second, product in (
        (0.0, 0.99, 0.01),
        (0.5, 0.9, 0.01),
        (0.9, 0.99, 0.01),
        (0.9, 0.99, 0.001),
        (0.95, 0.98, 0.001),
    ):
        kept = 1 - product
        alike = likeness(kept, partial(lion_correlation, first, second))
        norm, angle = math.sqrt(gain(kept, alike)), math.acos(cosine(kept, alike))
        update = signs_of_noise(first, second, numbers, generator)
        theta, squares, chords = norm * torch.randn(numbers, generator=generator), 0.0, 0.0
        for t in range(4000):
            after = kept * theta - update()
            if t >= 2000:
                squares += theta.square().sum().item()
                chords += (theta - after).square().sum().item()
            theta = after
        shown = math.sqrt(squares / 2000 / numbers), 2 * math.asin(math.sqrt(chords / squares) / 2)
        row = first, second, product, norm, shown[0], angle, shown[1]
        print("{:5.2f} {:5.2f} {:6.3f} {:11.3f} {:10.3f} {:12.4f} {:10.4f}".format(*row), end="")
        print(f" {linear_angle(first, second, product):8.4f}")
