"""Run SGD on one scalar with no loss, and divide: decay of scale-invariant weights is gone.

Torch's SGD with a rate ηₜ, a decay λₜ and a momentum γₜ of its own at every step:

    bₜ = γₜ bₜ₋₁ + ∇Lₜ(θₜ) + λₜ θₜ,        θₜ₊₁ = θₜ − ηₜ bₜ

The scalar run is the same on one number c, where there is no loss and so no gradient:

    c₀ = 1,  d₋₁ = 0,        dₜ = γₜ dₜ₋₁ + λₜ cₜ,        cₜ₊₁ = cₜ − ηₜ dₜ

As long as c stays positive, and for losses with Lₜ(cθ) = Lₜ(θ) for every c > 0 at iterates that are
not zero, SGD without decay, from the same θ₀ and the same buffer, with the same momenta and the
rates ηₜ / (cₜ cₜ₊₁), makes

    φₜ = θₜ / cₜ        with the buffer        b̃ₜ = cₜ bₜ − dₜ θₜ.

Proof, by induction. cₜ bₜ₋₁ − dₜ₋₁ θₜ = cₜ₋₁ bₜ₋₁ − dₜ₋₁ θₜ₋₁ = b̃ₜ₋₁, so b̃ₜ = γₜ b̃ₜ₋₁ + cₜ ∇Lₜ(θₜ),
and cₜ ∇Lₜ(θₜ) = ∇Lₜ(φₜ). And φₜ − φₜ₊₁ = (cₜ₊₁ θₜ − cₜ θₜ₊₁) / (cₜ cₜ₊₁) = ηₜ b̃ₜ / (cₜ cₜ₊₁).

Units. ηₜ is in [θ]² and λₜ in [θ]⁻²; c is a pure number and d is in [θ]⁻².

Source. The idea is that of the general theorem of Li and Arora, "An Exponential Learning Rate
Schedule for Deep Learning", ICLR 2020, arXiv:1910.07454; the proof above is complete in itself.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Shaped

    # Of floats; or as an array, of any Number.
    Vector = TypeVar("Vector", Shaped[Tensor, " d"], Shaped[np.ndarray, " d"])
    Gradient = Callable[[int, Vector], Vector]  # (t, θ) ↦ ∇Lₜ(θ)

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact


def scalar_step(
    scalar: Number, buffer: Number, rate: Number, decay: Number, momentum: Number
) -> tuple[Number, Number]:
    """Return cₜ₊₁ and dₜ from cₜ and dₜ₋₁: one step of SGD on a scalar without a loss."""
    buffer = momentum * buffer + decay * scalar
    return scalar - rate * buffer, buffer


def decay_free_rate(rate: Number, scalar: Number, next_scalar: Number) -> Number:
    """Return ηₜ / (cₜ cₜ₊₁), in [θ]²."""
    return rate / (scalar * next_scalar)


def scalar_run(
    rates: Sequence[Number], decays: Sequence[Number], momenta: Sequence[Number]
) -> tuple[list[Number], list[Number]]:
    """Return c₀ … c_T and the T rates ηₜ / (cₜ cₜ₊₁) of the run without decay.

    Raises ValueError if the three lengths differ, and where some cₜ is not positive, naming it.
    """
    if not len(rates) == len(decays) == len(momenta):
        raise ValueError(
            f"{len(rates)} rates, {len(decays)} decays and {len(momenta)} momenta: "
            "each step needs one of each"
        )
    scalars: list[Number] = [1]
    decay_free: list[Number] = []
    buffer: Number = 0
    for t, (rate, decay, momentum) in enumerate(zip(rates, decays, momenta, strict=True)):
        scalar, buffer = scalar_step(scalars[t], buffer, rate, decay, momentum)
        if not scalar > 0:
            raise ValueError(
                f"step {t} takes c to c_{t + 1} = {float(scalar):g}, which is not positive, so "
                "there is no run without decay; smaller rates or decays keep c positive for longer"
            )
        scalars.append(scalar)
        decay_free.append(decay_free_rate(rate, scalars[t], scalar))
    return scalars, decay_free


def descend(
    gradient: Gradient[Vector],
    weights: Vector,
    buffer: Vector,
    rates: Sequence[Number],
    decays: Sequence[Number],
    momenta: Sequence[Number],
) -> list[Vector]:
    """Return θ₀ … θ_T: SGD with a rate, a decay and a momentum of its own at every step.

    Raises ValueError if the lengths differ.
    """
    path = [weights]
    for t, (rate, decay, momentum) in enumerate(zip(rates, decays, momenta, strict=True)):
        buffer = momentum * buffer + (gradient(t, weights) + decay * weights)
        weights = weights - rate * buffer
        path.append(weights)
    return path


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(32, 8, generator=generator, dtype=torch.float64)
    targets, start = inputs[:, 0].tanh(), inputs[0]

    def loss(step: int, weights: Tensor) -> Tensor:
        """Return the error of a model that sees only a direction, the same at every step."""
        outputs: Tensor = inputs @ weights / weights.norm()
        return (outputs - targets).square().mean()

    gradient = torch.func.grad(loss, argnums=1)
    steps = 400
    rates = [0.1 * (1 + math.cos(math.pi * t / steps)) for t in range(steps)]  # a cosine
    decays = [0.01 if t < 200 else 0.02 for t in range(steps)]  # doubled halfway
    momenta = [0.8 + 0.1 * t / steps for t in range(steps)]  # 0.8 to 0.9
    scalars, decay_free = scalar_run(rates, decays, momenta)
    zero = torch.zeros_like(start)
    theta = descend(gradient, start, zero, rates, decays, momenta)
    phi = descend(gradient, start, zero, decay_free, [0.0] * steps, momenta)

    print("   t   rate of θ   rate of φ        c   ‖θ/c − φ‖/‖φ‖")
    for t in range(0, steps, 80):
        apart = (theta[t] / scalars[t] - phi[t]).norm() / phi[t].norm()
        print(f"{t:4d} {rates[t]:11.4f} {decay_free[t]:11.4f} {scalars[t]:8.4f} {apart:15.6f}")
