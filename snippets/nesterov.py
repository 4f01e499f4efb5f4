"""Nesterov's momentum with decay needs two momenta to do without.

Torch's SGD with nesterov=True, rate η > 0, decay λ > 0 and momentum 0 < γ < 1, with s = 1 − ηλ:

    gₜ = ∇Lₜ(θₜ) + λθₜ,    bₜ = γ bₜ₋₁ + gₜ,    θₜ₊₁ = θₜ − η (gₜ + γ bₜ)

One momentum stands in two places. Let them differ, γ₁ in the buffer and γ₂ in the step. On losses
with Lₜ(cθ) = Lₜ(θ) for every c > 0, and if no θₜ is zero, the run without decay with

    γ₁ = γs,    γ₂ = γs/α²,    rate η α^(−2t)/s at step t,    b̃₋₁ = (α/s) b₋₁ − κθ₀

makes φₜ = α⁻ᵗ θₜ, where α is a root of z² − (1 + γ)sz + γs = 0, real and positive, and
κ = (s − α)/(ηγs). The roots are real and positive when ηλ ≤ ((1 − γ)/(1 + γ))².

For settings that change at every step nesterov_twin has rates and momenta, from the same scalar
run without a loss as in scalar_run.py, and the buffer starts as it is.

With one momentum in both places there is in general no such run, whatever its rates, momenta (they
may change at every step) and start: none over eight steps where θₜ₋₁, θₜ and the gradients there
are linearly independent. Matching the coefficients of θₜ, θₜ₋₁ and of the gradients forces
the ratios rₜ of successive lengths to obey

    rₜ₊₁ = (1 + γ)s − γs/rₜ        and        rₜ₋₁ = rₜ² rₜ₊₁,

and together these leave only r = 1, which is no decay.

Units. η is in [θ]², λ in [θ]⁻², b and κθ in [θ]⁻¹; γ, s, α and r are pure numbers.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Shaped

    Vector = TypeVar("Vector", Shaped[Tensor, " d"], Shaped[np.ndarray, " d"])

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact


def nesterov_step(
    weights: Vector,
    buffer: Vector,
    slope: Vector,
    rate: Number,
    decay: Number,
    inner: Number,
    outer: Number,
) -> tuple[Vector, Vector]:
    """Return θ and b after one step; torch's has the same momentum inside and outside."""
    slope = slope + decay * weights
    buffer = inner * buffer + slope
    return weights - rate * (slope + outer * buffer), buffer


def nesterov_root(rate: float, decay: float, momentum: float) -> float:
    """Return the larger root α of z² − (1 + γ)sz + γs; ValueError where none is positive.

    Near the double root rounding may refuse a product ηλ that is only just allowed.
    """
    s = 1 - rate * decay
    middle = (1 + momentum) * s / 2
    if not 0 < momentum < 1 or not 0 < s <= 1 or middle**2 < momentum * s:
        raise ValueError(
            f"no positive root at γ = {momentum:g}, ηλ = {1 - s:g}: γ must be in (0, 1), and ηλ "
            "at least 0 and at most ((1 − γ)/(1 + γ))²"
        )
    return middle + math.sqrt(middle**2 - momentum * s)


def two_momenta(kept: Number, momentum: Number, root: Number) -> tuple[Number, Number]:
    """Return γ₁ and γ₂, where kept is s = 1 − ηλ."""
    return momentum * kept, momentum * kept / root**2


def nesterov_rate(rate: Number, kept: Number, root: Number, step: Number) -> Number:
    """Return η α^(−2t)/s, the rate of step t = 0, 1, … without decay."""
    return rate / kept * root ** (-2 * step)


def nesterov_seed(
    start: Vector, buffer: Vector, rate: Number, kept: Number, momentum: Number, root: Number
) -> Vector:
    """Return (α/s) b₋₁ − κθ₀, the buffer with which the run without decay starts."""
    kappa = (kept - root) / (rate * momentum * kept)
    seed: Vector = root / kept * buffer - kappa * start
    return seed


def nesterov_twin(
    rates: Sequence[Number], decays: Sequence[Number], momenta: Sequence[Number]
) -> tuple[list[Number], list[Number], list[Number], list[Number]]:
    """Return c₀ … c_T, the rates and the inner and outer momenta of the run without decay.

    Raises ValueError if the lengths differ, for a negative setting, and where c is not positive.
    """
    if not len(rates) == len(decays) == len(momenta):
        raise ValueError("each step needs one rate, one decay and one momentum")
    scalars, twin_rates, inner, outer = [1], [], [], []
    buffer, share_before = 0, 1
    for t, (rate, decay, momentum) in enumerate(zip(rates, decays, momenta, strict=True)):
        if min(rate, decay, momentum) < 0:
            raise ValueError(f"step {t} has a negative rate, decay or momentum")
        c, kept = scalars[t], 1 - rate * decay
        buffer = momentum * buffer + decay * c
        after = c - rate * (decay * c + momentum * buffer)
        if not after > 0:
            raise ValueError(f"c_{t + 1} = {float(after):g} is not positive: there is no twin")
        share = kept + rate * buffer / c
        scalars.append(after)
        twin_rates.append(rate / (kept * c**2))
        inner.append(momentum * kept * share_before / share)
        outer.append(momentum * share * c / after)
        share_before = share
    return scalars, twin_rates, inner, outer


def forced_ratios(first: Number, kept: Number, momentum: Number, count: int) -> list[Number]:
    """Return r₁ … r_count, where rₜ = pₜ/pₜ₋₁ and θₜ = pₜφₜ, as the weights' terms force them."""
    ratios = [first]
    while len(ratios) < count:
        ratios.append((1 + momentum) * kept - momentum * kept / ratios[-1])
    return ratios


def single_momentum_defects(ratios: list[Number]) -> list[Number]:
    """Return rₜ₋₁ − rₜ² rₜ₊₁: with a single momentum the gradients' terms force it to be 0."""
    inner = range(1, len(ratios) - 1)
    return [ratios[t - 1] - ratios[t] ** 2 * ratios[t + 1] for t in inner]


if __name__ == "__main__":
    rate, decay, momentum = 0.1, 0.02, 0.9
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(16, 8, generator=generator, dtype=torch.float64)
    start = inputs[0]

    def loss(weights: Tensor) -> Tensor:
        """Return the error of a model that sees only a direction."""
        outputs: Tensor = inputs @ weights / weights.norm()
        return (outputs - inputs[:, 0].tanh()).square().mean()

    slope = torch.func.grad(loss)
    kept, root = 1 - rate * decay, nesterov_root(rate, decay, momentum)
    seed = nesterov_seed(start, 0 * start, rate, kept, momentum, root)
    pairs = [two_momenta(kept, momentum, root)]
    pairs += [(pairs[0][0],) * 2, (pairs[0][1],) * 2, (momentum,) * 2]
    theta, b, runs = start, 0 * start, [(start, seed)] * len(pairs)
    print(f"α = {root:.6f}     gap of the directions, with momenta γ₁, γ₂ =")
    print("   t   rate of φ  " + "  ".join("{:.4f} {:.4f}".format(*pair) for pair in pairs))
    for t in range(101):
        if t in (1, 5, 10, 20, 50, 100):
            gaps = [(theta / theta.norm() - phi / phi.norm()).norm().item() for phi, _ in runs]
            row = "  ".join(f"{gap:13.6f}" for gap in gaps)
            print(f"{t:4d} {nesterov_rate(rate, kept, root, t):11.4f}  {row}")
        theta, b = nesterov_step(theta, b, slope(theta), rate, decay, momentum, momentum)
        now = nesterov_rate(rate, kept, root, t)
        runs = [
            nesterov_step(phi, v, slope(phi), now, 0, *pair)
            for (phi, v), pair in zip(runs, pairs, strict=True)
        ]
