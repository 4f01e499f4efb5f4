"""AdamW without its weight decay: one factor in the rate, and three in what the moments remember.

AdamW with a rate ηₜ and a decay λₜ of its own at every step, aₜ = 1 − ηₜλₜ, and gradients gₜ:

    mₜ = β₁mₜ₋₁ + (1 − β₁)gₜ,    vₜ = β₂vₜ₋₁ + (1 − β₂)gₜ²,    n = t + 1
    θₜ₊₁ = aₜθₜ − ηₜ mₜ/(1 − β₁ⁿ) / (√(vₜ/(1 − β₂ⁿ)) + ε)

Let c₀ = 1 and cₜ₊₁ = aₜcₜ > 0. On losses with L(cθ) = L(θ) for every c > 0 the run φₜ = θₜ/cₜ is
the same recursion without decay, with the bias corrections of β₁ and β₂ as they were, and with

    the rate ηₜ/cₜ₊₁,    β₁aₜ₋₁ for β₁,    β₂aₜ₋₁² for β₂ (1 − β₁ and 1 − β₂ stay),    cₜε for ε.

With constant η and λ, from moments at zero, it is Adam as everybody has it, with the betas β₁a and
β₂a². Sₙ(β) = 1 + β + … + βⁿ⁻¹ is the sum of the weights of an average that has seen n gradients:

    lrₜ = η a⁻ⁿ · Sₙ(β₁a)/Sₙ(β₁) · √(Sₙ(β₂)/Sₙ(β₂a²)),    epsₜ = ε aⁿ⁻¹ √(Sₙ(β₂)/Sₙ(β₂a²)).

The naive rule grows the rate, η a⁻ⁿ, and leaves the betas alone. Where the gradients of the run
with decay are steady its step is, compared with the right one,

    Sₙ(β₁/a)/Sₙ(β₁) · √(Sₙ(β₂)/Sₙ(β₂/a²)) times as long.

Units. η is in [θ], λ in [θ]⁻¹, ε in [θ]⁻¹ as the gradient is; c and the betas are pure numbers.

Source. AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
arXiv:1711.05101. The twins are derived from that recursion here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact
Vector = Any  # a tensor; a Number, or an array of them
Betas = tuple[Number, Number]


def adam_step(
    weights: Vector,
    moments: tuple[Vector, Vector],
    gradient: Vector,
    rate: Number,
    decay: Number,
    keep: Betas,
    add: Betas,
    corrections: Betas,
    eps: Number,
    sqrt: Callable[[Vector], Vector] = torch.sqrt,
) -> tuple[Vector, tuple[Vector, Vector]]:
    """Return the weights and moments after a step that keeps and adds these shares of m and v."""
    first = keep[0] * moments[0] + add[0] * gradient
    second = keep[1] * moments[1] + add[1] * gradient**2
    update = first / corrections[0] / (sqrt(second / corrections[1]) + eps)
    return (1 - rate * decay) * weights - rate * update, (first, second)


def corrections(betas: Betas, count: int) -> Betas:
    """Return Adam's bias corrections 1 − βⁿ at its n-th step, n = 1, 2, …"""
    return 1 - betas[0] ** count, 1 - betas[1] ** count


def twin_scalars(rates: Sequence[Number], decays: Sequence[Number]) -> list[Number]:
    """Return c₀ … c_T, by which the twin's weights are multiplied to get those with decay.

    Raises ValueError if the lengths differ, or where ηₜλₜ is not below 1, naming the step.
    """
    scalars: list[Number] = [1]
    for t, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        if not rate * decay < 1:
            raise ValueError(
                f"step {t}: lr · weight_decay = {float(rate * decay):g} turns the weights round or "
                "deletes them, and no positive scalar can follow; keep it below 1"
            )
        scalars.append(scalars[t] * (1 - rate * decay))
    return scalars


def twin_settings(
    rate: Number, betas: Betas, eps: Number, scalars: tuple[Number, Number, Number]
) -> tuple[Number, Betas, Number]:
    """Return the twin's rate ηₜ/cₜ₊₁, betas (β₁aₜ₋₁, β₂aₜ₋₁²) and cₜε from cₜ₋₁, cₜ, cₜ₊₁.

    At the first step let cₜ₋₁ = cₜ = 1.
    """
    before, now, after = scalars
    shrink = now / before
    return rate / after, (betas[0] * shrink, betas[1] * shrink**2), now * eps


def weight_sum(beta: Number, count: Number) -> Number:
    """Return Sₙ(β) = 1 + β + … + βⁿ⁻¹."""
    return count if beta == 1 else (1 - beta**count) / (1 - beta)


def stock_settings(
    count: Number, rate: Number, decay: Number, betas: Betas, eps: Number
) -> tuple[Number, Betas, Number]:
    """Return lr, betas and eps of the n-th step of the Adam that AdamW(η, λ, β, ε) is."""
    a = 1 - rate * decay
    new = betas[0] * a, betas[1] * a**2
    first = weight_sum(new[0], count) / weight_sum(betas[0], count)
    second = (weight_sum(betas[1], count) / weight_sum(new[1], count)) ** 0.5
    return rate / a**count * first * second, new, eps * a ** (count - 1) * second


def naive_step_share(count: Number, shrink: Number, betas: Betas) -> Number:
    """Return how many times as long the naive rule's n-th step is, for a = shrink."""
    first = weight_sum(betas[0] / shrink, count) / weight_sum(betas[0], count)
    return first * (weight_sum(betas[1], count) / weight_sum(betas[1] / shrink**2, count)) ** 0.5


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)
    targets, start = inputs[..., 0].tanh(), inputs[0, 0]
    rate, decay, betas, eps = 0.02, 0.1, (0.9, 0.999), 1e-8

    def run(kind: str, steps: int = 400) -> list[Tensor]:
        """Return the directions of a run on four batches in turn, of a model that sees no more."""
        weights = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([weights], rate, betas, eps)
        if kind == "AdamW":
            optimizer = torch.optim.AdamW([weights], rate, betas, eps, decay)
        directions = []
        for count in range(1, steps + 1):
            direction = weights / weights.norm()
            directions.append(direction.detach())
            lr, new, small = stock_settings(count, rate, decay, betas, eps)
            if kind == "twin":
                optimizer.param_groups[0].update(lr=lr, betas=new, eps=small)
            elif kind in ("1", "2"):  # the naive rule, with this exponent
                optimizer.param_groups[0]["lr"] = rate / (1 - rate * decay) ** (int(kind) * count)
            loss = (inputs[count % 4] @ direction - targets[count % 4]).square().mean()
            (weights.grad,) = torch.autograd.grad(loss, weights)
            optimizer.step()
        return directions

    runs = {kind: run(kind) for kind in ("AdamW", "twin", "1", "2")}
    print("how far the direction is from AdamW's")
    print("   t        twin   naive, exponent 1   exponent 2      lr of the twin")
    for t in (3, 10, 30, 100, 399):
        apart = [(runs[kind][t] - runs["AdamW"][t]).norm().item() for kind in ("twin", "1", "2")]
        lr, _, _ = stock_settings(t + 1, rate, decay, betas, eps)
        print("{:4d} {:11.0e} {:19.6f} {:12.6f} {:19.4f}".format(t, *apart, lr))
    share = naive_step_share(400, 1 - rate * decay, betas)
    print(f"under steady gradients the 400th naive step has {share:.4f} of the right length")
