"""Let only those weights decay that the update shortens, too: how much of the decay is left?

A step along an update u, with a decay that acts on a coordinate only if both shorten it:

    θ' = θ − ηu − ηλ m∘θ,        mᵢ = 1 if uᵢθᵢ > 0, else 0.

Let κ = Σ mᵢθᵢ²/‖θ‖² be the share of the squared norm that decays, and P = Σ mᵢuᵢθᵢ. Then

    ‖θ'‖² = (1 − ηλ(2 − ηλ)κ)‖θ‖² − 2η⟨θ, u⟩ + η²‖u‖² + 2η²λP,

and the decay by itself turns the weights, by the angle whose tangent is ηλ√(κ(1 − κ))/(1 − ηλκ).

Where no uᵢ is zero and the sign of each is a fair coin, whatever its size and whatever happened
before, κ is ½ on average and the mean of θ' is (1 − ηλ/2)θ. With an average over past gradients,
whose share of the past is β, steps on noise shorten a number less often than they lengthen it in
what is simulated here, and less of the weights decays: to leading order

    κ = ½ − (2/π) β √(ηλ/(1 − β²)),

which is a guess from Gaussian weights, and agrees with simulation where ηλ is small.

Units. Those of the optimizer that makes u; κ, ηλ and β are numbers.

Source. Derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

    Vector = Shaped[Tensor, " d"] | Any
    Numbers = Float[Tensor, " {numbers}"]

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact


def agreeing(weights: Vector, update: Vector) -> Vector:
    """Return m: 1 where a step along −u shortens the coordinate, at first, and 0 elsewhere."""
    return (update * weights > 0) * 1


def cautious_step(weights: Vector, update: Vector, rate: Number, decay: Number) -> Vector:
    """Return the weights after a step with cautious decay."""
    return weights - rate * update - rate * decay * (agreeing(weights, update) * weights)


def decaying_share(weights: Vector, update: Vector) -> Number:
    """Return κ, the share of the squared norm on which the decay acts."""
    return (agreeing(weights, update) * weights * weights).sum() / (weights * weights).sum()


def next_square(
    square: Number, share: Number, along: Number, push: Number, agreement: Number, product: Number
) -> Number:
    """Return ‖θ'‖² from ‖θ‖², κ, η⟨θ, u⟩, η²‖u‖², ηP and ηλ."""
    kept = 1 - product * (2 - product) * share
    return kept * square - 2 * along + push + 2 * product * agreement


def turn_of_decay(share: float, product: float) -> float:
    """Return the angle in radians by which the decay alone turns the weights, from κ and ηλ < 1."""
    return math.atan(product * math.sqrt(share * (1 - share)) / (1 - product * share))


def leaning_share(average: float, product: float) -> float:
    """Return the guess of κ for an average that keeps β of the past, from β and ηλ."""
    return 0.5 - 2 / math.pi * average * math.sqrt(product / (1 - average**2))


def simulated(
    average: float, product: float, numbers: int, steps: int, generator: torch.Generator
) -> tuple[Numbers, Numbers]:
    """Return mᵢθᵢ²/η² and θᵢ²/η² of each number, averaged over the second half of a run on noise.

    The numbers know nothing of each other. κ is the mean of the first over that of the second. The
    update is an average of fresh Gaussian noise and has the variance 1: uₜ = βuₜ₋₁ + √(1 − β²) nₜ.
    """
    update = torch.zeros(numbers)
    weights = torch.randn(numbers, generator=generator) / math.sqrt(product)
    decaying, total = torch.zeros(numbers), torch.zeros(numbers)
    for t in range(steps):
        noise = torch.randn(numbers, generator=generator)
        update = average * update + math.sqrt(1 - average**2) * noise
        if t >= steps // 2:
            total += weights.square()
            decaying += agreeing(weights, update) * weights.square()
        weights = cautious_step(weights, update, 1.0, product)
    counted = steps - steps // 2
    return decaying / counted, total / counted


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    print("              share that decays         ‖θ‖², in that of decay with λ/2")
    print("  β     ηλ    simulated   the guess     simulated   by how much the decay turns")
    for average in (0.0, 0.5, 0.9):
        for product in (0.01, 0.1):
            found = simulated(average, product, 5_000, int(20 / product), generator)
            decaying, square = (squares.mean().item() for squares in found)
            share = decaying / square
            kept = 1 - product / 2
            half = (1 + kept * average) / ((1 - kept**2) * (1 - kept * average))
            row = average, product, share, leaning_share(average, product), square / half
            print("{:4.1f} {:6.2f} {:10.3f} {:11.3f} {:13.2f}".format(*row), end="")
            print(f" {turn_of_decay(share, product):19.4f}")
