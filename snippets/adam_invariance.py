"""What Adam cannot see: the unit of the loss, if ε follows; that of the weights, if η does, too.

Adam moves θ by η m̂/(√v̂ + ε), with m̂ and v̂ weighted means of the gradients and of their squares.

    The loss times k.  gₜ → k gₜ with one k > 0 for all steps, and ε → kε: the same weights.
    The weights times k, on losses with L(kθ) = L(θ), so that ∇L(kθ) = ∇L(θ)/k:
        Adam           (θ, η, ε)     → (kθ, kη, ε/k)             the same directions
        AdamW          (θ, η, ε, λ)  → (kθ, kη, ε/k, λ/k)
        Adam with L2   (θ, η, ε, λ)  → (kθ, kη, ε/k, λ/k²)

So what turns the weights is η/‖θ‖, where gradient descent has η/‖θ‖². Updates u of a length that
does not depend on the loss, and tangent, ⟨u, θ⟩ = 0, make right triangles:

    θₜ₊₁ = θₜ − ηₜuₜ, ‖uₜ‖ = 1:        ‖θₜ‖² = ‖θ₀‖² + η₀² + … + ηₜ₋₁²,

so with a constant rate η/‖θₜ‖ = 1/√(t + ‖θ₀‖²/η²). Normalised gradient descent on such a loss is of
this kind as long as no gradient is zero.
Sign descent is not: u = sign ∇L(θ) need not be tangent, and in a quadrant of the plane it keeps
|x| + |y|.

Units. The loss has none, or any. η is in [θ] for Adam, normalised and sign descent; ε in [θ]⁻¹.

Source. Kingma and Ba, "Adam", ICLR 2015, arXiv:1412.6980, for the first; Hazan, Levy and
Shalev-Shwartz, NeurIPS 2015, arXiv:1507.02030, for normalised descent; the rest is derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact
Vector = Any  # a tensor; a Number, or an array of them
Gradient = Callable[[Vector], Vector]


def settings_for_loss_times(factor: Number, rate: Number, eps: Number) -> tuple[Number, Number]:
    """Return η and ε with which Adam does to k·L what it did to L."""
    _check(factor)
    return rate, factor * eps


def settings_for_weights_times(
    factor: Number, rate: Number, eps: Number, decay: Number = 0, *, coupled: bool = False
) -> tuple[Number, Number, Number]:
    """Return η, ε and λ with which Adam does to kθ what it did to θ, on a scale-invariant loss.

    coupled is True for decay that is added to the gradient (torch.optim.Adam), False for AdamW.
    """
    _check(factor)
    return factor * rate, eps / factor, decay / factor ** (2 if coupled else 1)


def _check(factor: Number) -> None:
    if not factor > 0:
        raise ValueError(f"the factor is {factor}; only positive ones leave directions alone")


def adam_run(
    gradients: Sequence[Gradient],
    weights: Vector,
    rate: Number,
    betas: tuple[Number, Number],
    eps: Number,
    decay: Number = 0,
    *,
    coupled: bool = False,
    sqrt: Callable[[Vector], Vector] = torch.sqrt,
) -> list[Vector]:
    """Return θ₀ … θ_T of Adam, from moments at zero, on a gradient for each step."""
    path, first, second = [weights], 0 * weights, 0 * weights
    for count, gradient in enumerate(gradients, start=1):
        slope = gradient(weights) + decay * weights if coupled else gradient(weights)
        first = betas[0] * first + (1 - betas[0]) * slope
        second = betas[1] * second + (1 - betas[1]) * slope**2
        update = first / (1 - betas[0] ** count)
        update = update / (sqrt(second / (1 - betas[1] ** count)) + eps)
        weights = weights - (0 if coupled else rate * decay) * weights - rate * update
        path.append(weights)
    return path


def descend_along(
    directions: Sequence[Gradient], weights: Vector, rates: Sequence[Number]
) -> list[Vector]:
    """Return θ₀ … θ_T of θ − ηu, where u is what each step's function makes of θ."""
    path = [weights]
    for direction, rate in zip(directions, rates, strict=True):
        path.append(path[-1] - rate * direction(path[-1]))
    return path


def normalised(gradient: Gradient) -> Gradient:
    """Return θ ↦ ∇L/‖∇L‖, the update of normalised gradient descent."""

    def direction(weights: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        slope = gradient(weights)
        unit: Tensor = slope / slope.norm()
        return unit

    return direction


def squared_norm(start: Number, rates: Sequence[Number]) -> Number:
    """Return ‖θ‖² after steps along unit tangents at these rates, from ‖θ₀‖ = start."""
    return start**2 + sum(rate**2 for rate in rates)


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)
    targets, start = inputs[..., 0].tanh(), inputs[0, 0]

    def loss(batch: int, weights: Tensor) -> Tensor:
        outputs: Tensor = inputs[batch] @ weights / weights.norm()
        return (outputs - targets[batch]).square().mean()

    def gradient(batch: int, factor: float = 1.0) -> Gradient:
        return lambda weights: factor * torch.func.grad(loss, argnums=1)(batch, weights)

    def direction(path: list[Tensor]) -> Tensor:
        unit: Tensor = path[-1] / path[-1].norm()
        return unit

    steps, rate, betas, eps, decay = 100, 0.01, (0.9, 0.999), 1e-3, 0.1
    batches = [t % 4 for t in range(steps)]
    plain = [gradient(batch) for batch in batches]
    before = {c: adam_run(plain, start, rate, betas, eps, decay, coupled=c) for c in (False, True)}
    eta, small = settings_for_loss_times(7.0, rate, eps)
    times = [[gradient(b, 7.0) for b in batches], [gradient(b, 1.0 + b) for b in batches]]
    print("how far Adam's direction after 100 steps is from what it was")
    for name, scaled in zip(["by 7", "by 1, 2, 3 and 4 in turn"], times, strict=True):
        path = adam_run(scaled, start, eta, betas, small, decay)
        print(f"gradients {name:26s} {(direction(path) - direction(before[False])).norm():9.6f}")
    for coupled, name in [(False, "AdamW"), (True, "Adam with L2")]:
        for power in (1, 2):
            eta, small, _ = settings_for_weights_times(7.0, rate, eps)
            path = adam_run(plain, 7 * start, eta, betas, small, decay / 7**power, coupled=coupled)
            apart = (direction(path) - direction(before[coupled])).norm()
            print(f"weights by 7, {name:12s} λ/7^{power}      {apart:9.6f}")
    path = descend_along([normalised(g) for g in plain], start, [0.2] * steps)
    print(f"normalised descent, ‖θ‖: {path[-1].norm():.6f}, predicted", end=" ")
    print(f"{squared_norm(start.norm(), [0.2] * steps) ** 0.5:.6f}, at first {start.norm():.6f}")
