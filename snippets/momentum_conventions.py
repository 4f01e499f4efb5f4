"""Four ways to write momentum with weight decay, and what takes the decay out of each.

All of them divide by a number c that is run through the same steps with no loss, from c₀ = 1. On
losses with Lₜ(cθ) = Lₜ(θ) for every c > 0, while c stays positive and no θₜ is zero, the weights
φₜ = θₜ / cₜ are those of a run without decay, at the rates ηₜ / (cₜ cₜ₊₁):

    averaged    bₜ = γₜ bₜ₋₁ + wₜ (∇Lₜ(θₜ) + λₜ θₜ),   θₜ₊₁ = θₜ − ηₜ bₜ       momentum γₜ
    classical   vₜ = γₜ vₜ₋₁ + ηₜ (∇Lₜ(θₜ) + λₜ θₜ),   θₜ₊₁ = θₜ − vₜ          γₜ cₜ₋₁ / cₜ₊₁
    decoupled   bₜ = γₜ bₜ₋₁ + ∇Lₜ(θₜ),                θₜ₊₁ = (1 − ηₜλₜ) θₜ − ηₜ bₜ   γₜ cₜ / cₜ₋₁

Torch's SGD is the first with weight w = 1, the moving average has w = 1 − γ. Classical is the form
of Caffe, TensorFlow and Keras, decoupled that of SGDW. The twin starts from the same buffer if c
starts without a push. A push d₋₁ of c's own buffer may be chosen at will, and costs a seed:

    b̃₋₁ = b₋₁ − d₋₁ θ₀   (averaged),        ṽ₋₁ = (v₋₁ − d₋₁ θ₀) / (1 + d₋₁)   (classical).

With constant settings and α a root of z² − (1 + γ − wηλ) z + γ (w = 1 if classical) the pushes
(1 − α)/(αη) and (1 − α)/α make cₜ = αᵗ. Decoupled decay has cₜ = (1 − ηλ)ᵗ and needs no push.

On any loss at all, torch's SGD with constant settings, γ > 0 and a real root α is decoupled decay:
the share 1 − α goes off the weights at every step, the momentum is γ/α, and the buffer starts from
α b₋₁ − (1 − α) θ₀ / η.

Units. η is in [θ]², λ and d in [θ]⁻², b in [θ]⁻¹, v in [θ]; γ, w, c and the classical d are pure.
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
    Array = TypeVar("Array", Shaped[Tensor, " d"], Shaped[np.ndarray, " d"])

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact
Vector = Any  # an Array; or a Number, which runs as the scalar c
Twin = tuple[list[Number], list[Number], list[Number]]  # c₀ … c_T, the rates, the momenta


def averaged_step(
    weights: Vector,
    buffer: Vector,
    slope: Vector,
    rate: Number,
    decay: Number,
    momentum: Number,
    weight: Number,
) -> tuple[Vector, Vector]:
    """Return θ and b after a step whose buffer takes in the gradient with a weight."""
    buffer = momentum * buffer + weight * (slope + decay * weights)
    return weights - rate * buffer, buffer


def classical_step(
    weights: Vector, velocity: Vector, slope: Vector, rate: Number, decay: Number, momentum: Number
) -> tuple[Vector, Vector]:
    """Return θ and v after a step whose velocity takes in the gradient times the rate."""
    velocity = momentum * velocity + rate * (slope + decay * weights)
    return weights - velocity, velocity


def decoupled_step(
    weights: Vector, buffer: Vector, slope: Vector, rate: Number, decay: Number, momentum: Number
) -> tuple[Vector, Vector]:
    """Return θ and b after a step whose decay goes past the buffer."""
    buffer = momentum * buffer + slope
    return (1 - rate * decay) * weights - rate * buffer, buffer


def averaged_twin(
    rates: Sequence[Number],
    decays: Sequence[Number],
    momenta: Sequence[Number],
    weights: Sequence[Number],
    push: Number = 0,
) -> Twin:
    """Return c, rates and momenta of the averaged run without decay; the weights stay."""
    _check_lengths(rates, decays, momenta, weights)
    scalars, buffer = [1], push
    for t, rate in enumerate(rates):
        settings = rate, decays[t], momenta[t], weights[t]
        c, buffer = averaged_step(scalars[t], buffer, 0, *settings)
        scalars.append(_positive(c, t + 1))
    return scalars, _divided(rates, scalars), list(momenta)


def classical_twin(
    rates: Sequence[Number], decays: Sequence[Number], momenta: Sequence[Number], push: Number = 0
) -> Twin:
    """Return c, rates and momenta of the classical run without decay."""
    _check_lengths(rates, decays, momenta)
    scalars, velocity = [1], push
    for t, rate in enumerate(rates):
        c, velocity = classical_step(scalars[t], velocity, 0, rate, decays[t], momenta[t])
        scalars.append(_positive(c, t + 1))
    before = [_positive(1 + push, -1), *scalars]
    twin_momenta = [gamma * before[t] / scalars[t + 1] for t, gamma in enumerate(momenta)]
    return scalars, _divided(rates, scalars), twin_momenta


def decoupled_twin(
    rates: Sequence[Number], decays: Sequence[Number], momenta: Sequence[Number]
) -> Twin:
    """Return c, rates and momenta of the run without decay; the first momentum is as it was."""
    _check_lengths(rates, decays, momenta)
    scalars = [1]
    for t, rate in enumerate(rates):
        scalars.append(_positive(scalars[t] * (1 - rate * decays[t]), t + 1))
    before = [1, *scalars]
    twin_momenta = [gamma * scalars[t] / before[t] for t, gamma in enumerate(momenta)]
    return scalars, _divided(rates, scalars), twin_momenta


def decoupled_from_coupled(
    start: Array, buffer: Array, rate: Number, momentum: Number, root: Number
) -> tuple[Array, Number, Number]:
    """Return buffer, decay and momentum with which decoupled_step repeats torch's coupled SGD."""
    return root * buffer - (1 - root) / rate * start, (1 - root) / rate, momentum / root


def larger_root(product: float, momentum: float) -> float:
    """Return the larger root α for the product wηλ; ValueError where none is positive.

    Near the double root rounding may refuse a product that is only just allowed.
    """
    middle = (1 + momentum - product) / 2
    if not 0 <= momentum < 1 or product < 0 or middle <= 0 or middle**2 < momentum:
        raise ValueError(
            f"no positive root at γ = {momentum:g}, wηλ = {product:g}: γ must be in [0, 1) and wηλ "
            "at most (1 − √γ)², less than 1; a run from an unpushed c may still have a twin"
        )
    return middle + math.sqrt(middle**2 - momentum)


def _positive(scalar: Number, step: int) -> Number:
    if not scalar > 0:
        raise ValueError(
            f"c_{step} = {float(scalar):g} is not positive, so there is no run without decay; "
            "smaller rates or decays keep c positive for longer"
        )
    return scalar


def _divided(rates: Sequence[Number], scalars: Sequence[Number]) -> list[Number]:
    return [rate / (scalars[t] * scalars[t + 1]) for t, rate in enumerate(rates)]


def _check_lengths(*settings: Sequence[Number]) -> None:
    lengths = [len(values) for values in settings]
    if len(set(lengths)) > 1:
        raise ValueError(f"lists of the lengths {lengths}: each step needs one of each setting")


if __name__ == "__main__":
    rate, decay, momentum, steps = 0.1, 0.02, 0.9, 100
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(16, 8, generator=generator, dtype=torch.float64)
    start = inputs[0]

    def loss(weights: Tensor) -> Tensor:
        """Return the error of a model that sees only a direction."""
        outputs: Tensor = inputs @ weights / weights.norm()
        return (outputs - inputs[:, 0].tanh()).square().mean()

    slope = torch.func.grad(loss)

    def gap(step: Any, twin: Twin, *weight: float) -> float:
        """Return the largest gap of the directions of the two runs, both from a zero buffer."""
        theta, phi, b, v, worst = start, start, 0 * start, 0 * start, 0.0
        for _, twin_rate, twin_momentum in zip(*twin, strict=False):
            theta, b = step(theta, b, slope(theta), rate, decay, momentum, *weight)
            phi, v = step(phi, v, slope(phi), twin_rate, 0, twin_momentum, *weight)
            worst = max(worst, (theta / theta.norm() - phi / phi.norm()).norm().item())
        return worst

    lists = [[x] * steps for x in (rate, decay, momentum)]
    print("              last rate   last momentum   gap, exact   gap, momentum kept")
    conventions: list[tuple[str, Any, Callable[..., Twin], list[float]]] = [
        ("torch", averaged_step, averaged_twin, [1.0]),
        ("averaged", averaged_step, averaged_twin, [1 - momentum]),
        ("classical", classical_step, classical_twin, []),
        ("decoupled", decoupled_step, decoupled_twin, []),
    ]
    for name, step, make, extra in conventions:
        twin = make(*lists, *([w] * steps for w in extra))
        kept = gap(step, (*twin[:2], [momentum] * steps), *extra)
        row = name, twin[1][-1], twin[2][-1], gap(step, twin, *extra), kept
        print("{:10s} {:12.4f} {:15.6f} {:12.6f} {:20.6f}".format(*row))
