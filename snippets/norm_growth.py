"""Steps along a tangent lead outwards: gradient descent lengthens weights that cannot matter.

If L(cθ) = L(θ) for every c > 0, then ∇L(θ) is orthogonal to θ, and a step of gradient descent with
neither decay nor momentum is the hypotenuse of a right triangle:

    θₜ₊₁ = θₜ − η∇L(θₜ)          ‖θₜ₊₁‖² = ‖θₜ‖² + η²‖∇L(θₜ)‖²

The length never shrinks, and it grows whenever the gradient is not zero. Longer weights have
shorter gradients, ∇L(cθ) = ∇L(θ)/c, so a step from the same direction turns θ less: descent
damps itself. Two things that are easily read into this are false:

    gradient flow, dθ/dt = −∇L(θ), keeps the length, for d‖θ‖²/dt = −2⟨θ, ∇L(θ)⟩ = 0: the growth
    is made by finite steps, and over a fixed time ηt it vanishes like η;

    with decay, θₜ₊₁ = (1 − ηλ)θₜ − η∇L(θₜ), the length may do either, for
    ‖θₜ₊₁‖² = (1 − ηλ)²‖θₜ‖² + η²‖∇L(θₜ)‖².

Units. ∇L is in [θ]⁻¹, η and time in [θ]², λ in [θ]⁻².

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454, and the authors' post, offconvex.org/2020/04/24/ExpLR1.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib>=3.11", "torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Circle
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

Loss = Callable[[Tensor], Tensor]


def descend(
    loss: Loss, start: Float[Tensor, " d"], rate: float, decay: float, steps: int
) -> Float[Tensor, "{steps}+1 d"]:
    """Return θ₀ … θ_steps of gradient descent at a constant rate η in [θ]² and decay λ in [θ]⁻²."""
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - rate * (torch.func.grad(loss)(path[-1]) + decay * path[-1]))
    return torch.stack(path)


def draw_step(loss: Loss, weights: Float[Tensor, " 2"], rate: float) -> None:
    """Draw one step from weights in the plane, and the half as long one from twice the weights."""
    _, axes = plt.subplots(figsize=(4.4, 4.0), layout="constrained", facecolor="white")
    radius = weights.norm().item()
    for scale, colour in [(1, "#0b5394"), (2, "#b45309")]:
        start = scale * weights
        end = start - rate * torch.func.grad(loss)(start)
        axes.add_patch(Circle((0, 0), scale * radius, fill=False, color="0.65", lw=1))
        axes.annotate("", _point(end), _point(start), arrowprops=_arrow(colour))
        axes.plot(*zip((0.0, 0.0), end.tolist(), strict=True), ":", color=colour, lw=1.2)
        inward, along = -weights / radius, (end - start) / (end - start).norm()
        corner = 0.09 * radius * torch.stack([inward, inward + along, along])
        axes.plot(*(start + corner).T.tolist(), color="0.25", lw=1)
        middle = (start + end) / 2 - 0.07 * radius * inward
        label = r"$-\eta\nabla L(\theta_t)$" if scale == 1 else r"$-\eta\nabla L(2\theta_t)$"
        axes.text(*_point(middle), label, color=colour, ha="left", va="bottom", size=12)
        if scale == 1:
            axes.text(*_point(1.04 * end), r"$\theta_{t+1}$", color=colour, va="top", size=13)
    axes.annotate("", _point(2 * weights), (0, 0), arrowprops=_arrow("0.25", width=1.0))
    axes.annotate("", _point(weights), (0, 0), arrowprops=_arrow("0.25", width=2.0))
    for scale, label in [(1, r"$\theta_t$"), (2, r"$2\theta_t$")]:
        place = (scale - 0.4) * weights + 0.09 * radius * torch.stack([-weights[1], weights[0]])
        axes.text(*_point(place), label, ha="right", size=13)
    axes.plot(0, 0, "o", color="0.25", ms=4)
    window = {"xlim": (-0.5 * radius, 2.2 * radius), "ylim": (-0.25 * radius, 2.1 * radius)}
    axes.set(aspect="equal", **window)
    axes.axis("off")


def _point(vector: Tensor) -> tuple[float, float]:
    x, y = vector.tolist()
    return x, y


def _arrow(colour: str, width: float = 2.0) -> dict[str, object]:
    return {"arrowstyle": "-|>", "color": colour, "lw": width, "shrinkA": 0, "shrinkB": 0}


if __name__ == "__main__":
    target = torch.tensor([1.0, 0.0], dtype=torch.float64)
    start = torch.tensor([0.6, 0.8], dtype=torch.float64)

    def angle_loss(weights: Tensor) -> Tensor:
        """Return 1 − cos of the angle to the target: scale invariant."""
        cosine: Tensor = weights @ target / weights.norm()
        return 1 - cosine

    print("             ‖θ‖ after time ηt =")
    print("                    0       1       2       3       4")
    for rate, decay in [(1.0, 0.0), (0.1, 0.0), (0.001, 0.0), (0.1, 0.1)]:
        path = descend(angle_loss, start, rate, decay, steps=round(4 / rate))
        norms = path[:: round(1 / rate)].norm(dim=1).tolist()
        print(f"η = {rate:5.3f}, λ = {decay:3.1f}", *(f"{norm:7.3f}" for norm in norms))
    draw_step(angle_loss, start, rate=1.0)
