"""Set the norm of the weights after every step: which decay is that, and which rate?

An optimizer makes the update uₜ. Its weights are brought back to the norm R after every step:

    θₜ₊₁ = s(θₜ − ηₜuₜ),        s = R/‖θₜ − ηₜuₜ‖.

On any loss this is a step with decoupled decay: (1 − η'λ')θₜ − η'uₜ at the rate η' = sηₜ with the
decay λ' = (1 − s)/η', both made for this step. The memory of the optimizer is left alone.

The other way round: a run with decoupled decay, aₜ = 1 − ηₜλₜ > 0, on losses with L(cθ) = L(θ) for
c > 0, whose update has the degree ν, is the run of fixed norm at the rates

    (ηₜ/aₜ) (R/‖θₜ‖)^(1+ν),

ν = 1 for gradient descent, 0 for sign, direction, Adam, Muon. Memory in which gradients stand in
the power n has to be multiplied by (‖θₜ₊₁‖/‖θₜ‖)ⁿ after a step. Where decay holds the norm still,
both are constants: then the two runs are one at a constant rate.

Use. Hold the norm of my weights where it is, in place of weight decay.

    radii = norms([weight])  # once; keep them in the checkpoint
    set_norms_([weight], radii)  # after every optimizer.step()

Units. η is in [θ]^(1+ν), λ in [θ]^−(1+ν), R in [θ], s and a are numbers.

Source. Derived here. To hold the norm is the subject of Wen et al., "Fantastic Pretraining
Optimizers and Where to Find Them II: From Weight Decay to Hyperball Optimization", 2025.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Vector = Float[Tensor, " d"]

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact


def norms(weights: Iterable[Tensor]) -> list[float]:
    """Return the norm of each tensor, in [θ]; in float32 at least, whatever the tensor's type.

    Raises ValueError for a tensor by itself, which would be taken for its rows.
    """
    if isinstance(weights, Tensor):
        raise ValueError("this is one tensor, and not several: give [weight], in both functions")
    return [_norm(w.detach()).item() for w in weights]


def set_norms_(weights: Iterable[Tensor], radii: Sequence[float]) -> None:
    """Multiply each tensor by the positive number that gives it its radius, in [θ].

    After a step that was skipped, as by a GradScaler, this changes nothing but the last digit.
    Raises ValueError, before it changes anything, if a radius is not positive and finite or is
    missing, if a tensor is zero, which no number brings to a radius, or not finite, and if one
    comes twice, as tied weights do.
    """
    weights = weights if isinstance(weights, Tensor) else list(weights)
    if len({id(w) for w in weights}) < len(weights):
        raise ValueError("a tensor comes twice, and would be multiplied twice: give it once")
    if len(weights) != len(radii):
        raise ValueError(f"{len(weights)} tensors and {len(radii)} radii: each needs one")
    lengths, shares = norms(weights), []
    for i, radius in enumerate(radii):
        norm = lengths[i]
        if not 0 < radius < math.inf:
            raise ValueError(f"radius {i} is {radius:g}: it must be positive and finite")
        if not 0 < norm < math.inf:
            raise ValueError(
                f"tensor {i} has the norm {norm:g}, which nothing brings to {radius:g}: leave "
                "tensors out that begin at zero, such as biases; look for a step that diverged"
            )
        shares.append(radius / norm)
    for i, share in enumerate(shares):
        weights[i].detach().mul_(share)


def fixed_norm_step(weights: Vector, update: Vector, rate: float, radius: float) -> Vector:
    """Return the weights of this norm after a step along the update."""
    after = weights - rate * update
    back: Vector = radius / after.norm() * after
    return back


def clamped_step(weights: Vector, update: Vector, rate: float, radius: float) -> Vector:
    """Return the weights after a step, shortened to the radius if they are longer."""
    after = weights - rate * update
    within: Vector = min(1.0, radius / after.norm().item()) * after
    return within


def decay_of_the_step(share: Number, rate: Number) -> tuple[Number, Number]:
    """Return the rate η' and the decay λ' of the step whose weights were multiplied by a share."""
    return share * rate, (1 - share) / (share * rate)


def fixed_norm_rate(rate: Number, kept: Number, stretch: Number, degree: Number) -> Number:
    """Return the rate at fixed norm of a step with decay that keeps a, for stretch = R/‖θ‖."""
    return rate / kept * stretch ** (1 + degree)


def settled_rate(kept: float, radius: float, length: float) -> float:
    """Return the rate at fixed norm for tangent updates of one length, once decay has settled."""
    return radius * math.sqrt(1 / kept**2 - 1) / length


def _norm(weights: Tensor) -> Tensor:
    dtype = torch.promote_types(weights.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(weights, dtype=dtype)
    return norm


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)
    rate, kept, radius = 0.1, 0.99, 1.0

    def slope(weights: Tensor, step: int, power: int) -> Tensor:
        """Return the gradient of a model that sees only a direction, or its direction."""

        def loss(weights: Tensor) -> Tensor:
            model = inputs[step % 4] @ weights / weights.norm()
            error: Tensor = model - inputs[step % 4, :, 0].tanh()
            return error.square().mean()

        gradient: Tensor = torch.func.grad(loss)(weights)
        return gradient if power else gradient / gradient.norm()

    print("                     ‖θ‖ with   rate of         gap from the run with decay, at")
    print("update          t       decay   fixed norm   that rate    the last of them")
    for name, power in (("gradient", 1), ("its direction", 0)):
        path = [0.5 * inputs[0, 0] / inputs[0, 0].norm()]
        for t in range(400):
            path.append(kept * path[t] - rate * slope(path[t], t, power))
        rates = [fixed_norm_rate(rate, kept, radius / w.norm().item(), power) for w in path]
        follows = constant = 2 * path[0]
        for t, theta in enumerate(path):
            if t in (0, 20, 100, 400):
                gaps = [(theta / theta.norm() - psi).norm() for psi in (follows, constant)]
                row = name, t, theta.norm(), rates[t], *gaps
                print("{:13s} {:3d} {:11.4f} {:12.4f} {:11.6f} {:18.6f}".format(*row))
            follows = fixed_norm_step(follows, slope(follows, t, power), rates[t], radius)
            constant = fixed_norm_step(constant, slope(constant, t, power), rates[-1], radius)
    print(f"along directions it settles at {settled_rate(kept, radius, 1.0):.4f}")
