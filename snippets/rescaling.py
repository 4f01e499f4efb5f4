"""What has to be rescaled when weights that do not matter are rescaled.

On losses with L(cθ) = L(θ) for every c > 0 the run of momentum SGD has a symmetry, for every k > 0:

    (θ, b, η, λ) → (kθ, b/k, k²η, λ/k²)

scales the weights of every step by k and leaves the function alone. So from a zero buffer η and
‖θ₀‖ enter only through η/‖θ₀‖², and λ only through ηλ, as far as directions go.

A run without decay has the weights φₜ = θₜ/cₜ of one with decay (scalar_run.py). What else stands
in the training loop has to be carried along:

    batch norm's ε               ε / cₜ²
    a clipping threshold C       cₜ C
    the strength μ of a penalty  μ cₜᵏ        for a penalty of degree k
    the share w of θₜ in an      w cₜ         for φₜ: the average of θ is that of cₜφₜ
    average of weights

and a gradient of the run without decay is cₜ times as long as that of the run with decay.

Units. η is in [θ]², λ in [θ]⁻², b, gradients and thresholds in [θ]⁻¹, ε in [θ]², μ in [θ]⁻ᵏ.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Shaped

    Vector = TypeVar("Vector", Shaped[Tensor, " d"], Shaped[np.ndarray, " d"])
    Force = Callable[[Vector, Number], Vector]  # (θ, c) ↦ what is added to the buffer


def rescaled(
    weights: Vector, buffer: Vector, rate: Number, decay: Number, factor: Number
) -> tuple[Vector, Vector, Number, Number]:
    """Return θ, b, η and λ of a run whose weights are a factor times those of this one."""
    if not factor > 0:
        raise ValueError(f"factor = {factor} is not positive, and would turn the weights around")
    return factor * weights, buffer / factor, factor**2 * rate, decay / factor**2


def carried_epsilon(epsilon: Number, scalar: Number) -> Number:
    """Return the ε of a normaliser for the run without decay."""
    return epsilon / scalar**2


def carried_threshold(threshold: Number, scalar: Number) -> Number:
    """Return the threshold at which the run without decay clips its gradients."""
    return scalar * threshold


def carried_strength(strength: Number, degree: Number, scalar: Number) -> Number:
    """Return the factor of a penalty ψ with ψ(cθ) = cᵏψ(θ) for the run without decay."""
    return strength * scalar**degree


def carried_share(share: Number, scalar: Number) -> Number:
    """Return the share of φ in an average that had a share of θ."""
    return share * scalar


def clip(gradient: Float[Tensor, " d"], threshold: float) -> Float[Tensor, " d"]:
    """Return the gradient, shortened to the threshold, which is positive, if it is longer."""
    if not threshold > 0:
        raise ValueError(
            f"threshold = {threshold:g} would turn or delete gradients; give more than 0"
        )
    shortening: float = threshold / max(threshold, gradient.norm().item())
    return gradient * shortening


def descend_twice(
    force: Force[Vector],
    start: Vector,
    rate: Number,
    decay: Number,
    momentum: Number,
    steps: int,
    carry: bool = True,
) -> tuple[list[Vector], list[Vector], list[Number]]:
    """Return θ₀ …, φ₀ … and c₀ …, with decay, without, and of the scalar; all from zero buffers.

    The run with decay takes its force at c = 1, the other at cₜ, or at 1 too if it is not to carry.
    """
    theta, phi, scalars = [start], [start], [1]
    b, b_twin, d = 0, 0, 0
    for t in range(steps):
        c = scalars[t]
        b = momentum * b + force(theta[t], 1) + decay * theta[t]
        b_twin = momentum * b_twin + force(phi[t], c if carry else 1)
        d = momentum * d + decay * c
        scalars.append(c - rate * d)
        theta.append(theta[t] - rate * b)
        phi.append(phi[t] - rate / (c * scalars[-1]) * b_twin)
    return theta, phi, scalars


def average(path: Sequence[Vector], shares: Sequence[Number]) -> Vector:
    """Return the sum of the weights, each times its share."""
    mean: Vector = sum(share * weights for share, weights in zip(shares, path, strict=True))
    return mean


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(16, 8, generator=generator, dtype=torch.float64)
    start, targets = inputs[0], inputs[:, 0].tanh()

    def loss(weights: Tensor, epsilon: float = 0.0) -> Tensor:
        """Return the error of a model that sees a direction, but for its epsilon."""
        length = (weights.square().sum() + epsilon).sqrt()
        return (inputs @ weights / length - targets).square().mean()

    slope = torch.func.grad(loss)
    forces = {
        "epsilon": lambda w, c: slope(w, carried_epsilon(0.1, c)),
        "clipping": lambda w, c: clip(slope(w), carried_threshold(0.05, c)),
        "penalty of degree 1": lambda w, c: slope(w) + carried_strength(0.01, 1, c) * w.sign(),
    }
    settings = start, 0.1, 0.02, 0.9, 100
    print("gap of the directions       carried along    left as it is")
    for name, force in forces.items():
        gaps = []
        for carry in (True, False):
            theta, phi, _ = (path[-1] for path in descend_twice(force, *settings, carry))
            gaps.append((theta / theta.norm() - phi / phi.norm()).norm().item())
        print("{:24} {:16.6f} {:16.6f}".format(name, *gaps))
    theta, phi, scalars = descend_twice(lambda w, c: slope(w), *settings)
    mean = average(theta, [1 / 101] * 101)
    gaps = []
    for shares in ([carried_share(1 / 101, c) for c in scalars], [1 / 101] * 101):
        other = average(phi, shares)
        gaps.append((mean / mean.norm() - other / other.norm()).norm().item())
    print("{:24} {:16.6f} {:16.6f}".format("average of the weights", *gaps))
