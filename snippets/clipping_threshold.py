"""Which gradient keeps the weights as long as they are, and where does clipping cut?

On a scale-invariant loss a step of SGD with decay, θ′ = (1 − ηλ) θ − η g, is right-angled:

    ‖θ′‖² = (1 − ηλ)² ‖θ‖² + η² ‖g‖²

It keeps the norm exactly if ‖g‖ = √(λ(2 − ηλ)/η) ‖θ‖. Clipping at √(2λ/η) ‖θ‖ cuts a little above
that, by the share ηλ/4 to leading order, and a clipped step has ‖θ′‖² = (1 + (ηλ)²) ‖θ‖².

A run without decay that stands for one with decay has weights φ = θ/c and gradients c g, with a c
for each parameter group (without_weight_decay.py, stock_adam.py, texp.py). So the norm that
torch.nn.utils.clip_grad_norm_ would see with decay is √Σ(‖g̃ᵢ‖/cᵢ)² over the groups, and a single
group has to be clipped at c times the threshold.

Use. Clip the gradients of a run without decay as those of the run with it.

    clip_grad_norm_of_twin(new, max_norm=1.0)  # in place of clip_grad_norm_
    new.step()

Units. η is in [θ]², λ in [θ]⁻², ‖g‖ in [θ]⁻¹.

Source. The threshold: Li, Bhojanapalli, Zaheer, Reddi and Kumar, "Robust Training of Neural
Networks Using Scale Invariant Architectures", ICML 2022, arXiv:2202.00980.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Number = Any  # a float; a symbol, where the formula is to be exact


def keeping_gradient(rate: Number, decay: Number, norm: Number) -> Number:
    """Return the ‖g‖ at which ‖θ‖ stays, for 0 < ηλ < 2."""
    return (decay * (2 - rate * decay) / rate) ** 0.5 * norm


def clipping_threshold(rate: Number, decay: Number, norm: Number) -> Number:
    """Return √(2λ/η) ‖θ‖."""
    return (2 * decay / rate) ** 0.5 * norm


def step_factor(rate: Number, decay: Number, norm: Number, gradient: Number) -> Number:
    """Return ‖θ′‖²/‖θ‖² of a step with a gradient of that length, orthogonal to θ."""
    return (1 - rate * decay) ** 2 + (rate * gradient / norm) ** 2


@torch.no_grad()
def clip_grad_norm_of_twin(optimizer: Optimizer, max_norm: float) -> Tensor:
    """Clip the gradients of a twin as torch's clip_grad_norm_ would those of the run with decay.

    The optimizer is what without_weight_decay and stock_adam return, or what TEXP schedules: each
    group has its c in group["twin"]["scale"]. Call it where you would call the other, just before
    the step. Returns the norm, in [θ]⁻¹, that the gradients have in the run with decay, before.

    Raises ValueError for another optimizer.
    """
    groups = optimizer.param_groups
    if not all("scale" in group.get("twin", {}) for group in groups):
        raise ValueError(
            f"{type(optimizer).__name__} is no twin of a run with decay; use "
            "torch.nn.utils.clip_grad_norm_"
        )
    gradients = [(p.grad, g["twin"]["scale"]) for g in groups for p in g["params"]]
    norms = [g.norm() / scale for g, scale in gradients if g is not None]
    total = torch.stack([x.to(norms[0].device) for x in norms]).norm() if norms else torch.tensor(0)
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)  # with the 1e-6 of torch
    for gradient, _ in gradients:
        if gradient is not None:
            gradient.mul_(factor.to(gradient.device))
    return total


if __name__ == "__main__":
    RATE, NORM = 0.5, 3.0
    print("              ‖g‖ that        is        ‖θ′‖²/‖θ‖² at    fifty times as")
    print("    ηλ   keeps the norm    clipped       the threshold    long, unclipped")
    for product in (0.001, 0.01, 0.1, 0.5):
        decay = product / RATE
        keeping = keeping_gradient(RATE, decay, NORM)
        threshold = clipping_threshold(RATE, decay, NORM)
        clipped, burst = (step_factor(RATE, decay, NORM, g) for g in (threshold, 50 * threshold))
        print(f"{product:6.3f} {keeping:16.5f} {threshold:10.5f} {clipped:19.6f} {burst:18.3f}")
