"""Take decoupled decay out of any optimizer whose step is homogeneous: let its memory fade along.

An optimizer with decoupled decay, aₜ = 1 − ηₜλₜ, an update U and a memory s,

    θₜ₊₁ = aₜθₜ − ηₜU(θₜ, gₜ, sₜ₋₁),        sₜ = S(θₜ, gₜ, sₜ₋₁),

is homogeneous if U(θ/c, cg, cⁿs) = c^ν U(θ, g, s) and S(θ/c, cg, cⁿs) = cⁿS(θ, g, s) for c > 0:
averages of gradients have n = 1, of their squares n = 2, and so on; eps is a memory with n = 1.

Let aₜ > 0, c₀ = 1 and cₜ₊₁ = aₜcₜ. On losses with L(cθ) = L(θ) for c > 0 the same optimizer
without decay, at the rates ηₜ/(cₜ^ν cₜ₊₁), whose memory is multiplied by aₜⁿ after step t, makes
φₜ = θₜ/cₜ.

Use. Take decoupled weight decay out of my Muon, Lion, NAdam or AMSGrad.

    scalar = 1.0
    scalar = twin_step(plain, scalar, rate=0.1, decay=0.01)  # in place of plain.step()

Units. η is in [θ]^(1+ν), λ in [θ]^−(1+ν), a memory of degree n in [θ]^−n; c is a number.

Source. Derived here. Muon: Jordan et al., kellerjordan.github.io/posts/muon, 2024.
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
from torch.optim import SGD, Adam, AdamW, Muon, NAdam, Optimizer


class Lion(Optimizer):
    """Lion: the sign of β₁m + (1 − β₁)g, beside a decoupled decay; then m ← β₂m + (1 − β₂)g."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        """Take lr in [θ] and weight_decay in [θ]⁻¹, as AdamW does."""
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one step for all parameters that have a gradient."""
        for group in self.param_groups:
            first, second = group["betas"]
            for p in (p for p in group["params"] if p.grad is not None):
                average = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                update = average.lerp(p.grad, 1 - first).sign()
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=group["lr"])
                average.lerp_(p.grad, 1 - second)


MOMENTS = {"exp_avg": 1, "exp_avg_sq": 2, "max_exp_avg_sq": 2}
DEGREES: dict[type[Optimizer], tuple[int, dict[str, int]]] = {  # ν, and n of what is in state
    SGD: (1, {"momentum_buffer": 1}),
    Adam: (0, MOMENTS),
    AdamW: (0, MOMENTS),
    NAdam: (0, MOMENTS),
    Muon: (0, {"momentum_buffer": 1}),
    Lion: (0, {"exp_avg": 1}),
}


def twin_step(optimizer: Optimizer, scalar: float, rate: float, decay: float) -> float:
    """Make the step that one with this rate and decay is, times the scalar; return the next scalar.

    The optimizer has no decay of its own. Weights of the run with decay are scalar · weights; the
    first scalar is 1. Raises ValueError, before the step, for an optimizer that DEGREES lacks, one
    that decays, a rate · decay of 1 or more, and a weight without a gradient in a step with decay.
    """
    if type(optimizer) not in DEGREES:
        raise ValueError(f"nothing is known of {type(optimizer).__name__}: add it to DEGREES")
    if any(group["weight_decay"] for group in optimizer.param_groups):
        raise ValueError("the twin has no decay of its own: make it with weight_decay=0")
    kept = 1 - rate * decay
    if not kept > 0:
        raise ValueError(f"a step keeps {kept:g} of the weights; take rate · decay below 1")
    if decay and any(p.grad is None for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "a weight has no gradient, so that torch's decay would leave it as it is, and the "
            "scalar is one for all: give the optimizer those weights alone that have one "
            "in every step"
        )
    degree, memory = DEGREES[type(optimizer)]
    for group in optimizer.param_groups:
        group["lr"] = rate / (scalar**degree * (scalar * kept))
    optimizer.step()
    for group in optimizer.param_groups:
        if "eps" in group:
            group["eps"] *= kept
        for state in (optimizer.state[p] for p in group["params"] if p in optimizer.state):
            for name in memory.keys() & state.keys():
                if state[name] is not None:
                    state[name].mul_(kept ** memory[name])
    return scalar * kept


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 16, 3, 3, generator=generator, dtype=torch.float64)
    start = torch.randn(3, 3, generator=generator, dtype=torch.float64)

    def backward(weights: Tensor, step: int) -> None:
        """Leave the gradient of a model that sees only a direction, on one of four batches."""
        model = (inputs[step % 4] * weights / weights.norm()).sum((1, 2))
        loss = (model - inputs[step % 4, :, 0, 0].tanh()).square().mean()
        (weights.grad,) = torch.autograd.grad(loss, weights)

    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "SGDW": (SGD, {"momentum": 0.9, "nesterov": True}),
        "AdamW": (AdamW, {}),
        "AMSGrad": (AdamW, {"amsgrad": True}),
        "NAdam": (NAdam, {"decoupled_weight_decay": True}),
        "Lion": (Lion, {}),
        "Muon": (Muon, {"nesterov": False}),
        "Muon, nesterov": (Muon, {}),
    }
    rate = 0.02
    print("                  of the direction, after 60 steps:")
    print("optimizer         gap of the twin   memory left as it is      c")
    for name, (kind, settings) in kinds.items():
        ends = []
        for way in ("decay", "twin", "memory left"):
            weights, scalar = start.clone().requires_grad_(), 1.0
            optimizer = kind([weights], lr=rate, **settings, weight_decay=0.0)
            for t in range(60):
                decay = 25.0 if t % 10 == 5 else 0.0  # half of the weights, or nothing
                backward(weights, t)
                if way == "decay":
                    with torch.no_grad():
                        before = weights.clone()
                    optimizer.step()  # of weights that the decay leaves as they are …
                    with torch.no_grad():
                        weights.sub_(before, alpha=rate * decay)  # … and then the decay
                elif way == "twin":
                    scalar = twin_step(optimizer, scalar, rate, decay)
                else:
                    kept = 1 - rate * decay
                    degree, _ = DEGREES[kind]
                    optimizer.param_groups[0]["lr"] = rate / (scalar**degree * (scalar * kept))
                    optimizer.step()
                    scalar *= kept
            ends.append((weights / weights.norm()).detach())
        gaps = [(end - ends[0]).norm().item() for end in ends[1:]]
        print("{:17s} {:15.6f} {:22.6f} {:8.6f}".format(name, *gaps, scalar))
