"""The norm and the angle at which Nesterov's momentum and decay balance.

torch.optim.SGD with nesterov=True, s = 1 − ηλ:

    gₜ = ∇Lₜ(θₜ) + λθₜ,    bₜ = γbₜ₋₁ + gₜ,    θₜ₊₁ = θₜ − η(gₜ + γbₜ)

is, with p = (1 + γ)s, q = γs and the gradient hₜ = ∇Lₜ(θₜ) alone,

    θₜ₊₁ = pθₜ − qθₜ₋₁ − η((1 + γ)hₜ − γhₜ₋₁).

On a scale-invariant loss with fresh gradients of E‖h‖² = Γ, once the means have settled,

    E‖θ‖² = η²Γ ((1 + q)((1 + γ)² + γ² − 2pγ(1 + γ)) + 2pqγ(1 + γ)) / ((1 − q)((1 + q)² − p²)),
    E⟨θₜ, θₜ₊₁⟩ = (p E‖θ‖² − η²γ(1 + γ)Γ)/(1 + q).

Where ηλ is small beside 1 − γ the norm is that of plain momentum, ‖θ‖⁴ = ηG²/(2λ(1 − γ)) with
Γ = G²/‖θ‖², and the angle of a step is √(2ηλ(1 + 2γ(1 − γ²))/(1 + γ)).

Use. Predict the norm of a weight under Nesterov's momentum.

    nesterov_norm(rate=0.1, decay=5e-4, momentum=0.9, unit_gradient=1.0)

Units. η is in [θ]² and λ in [θ]⁻²; p, q, γ and ηλ are numbers.

Source. Derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

Number = Any  # a float; a Fraction or a symbol, where the formula is to be exact


def nesterov_gain(product: Number, momentum: Number) -> Number:
    """Return E‖θ‖²/(η²Γ) in equilibrium, from ηλ and γ."""
    p, q = (1 + momentum) * (1 - product), momentum * (1 - product)
    both = momentum * (1 + momentum)
    push = (1 + momentum) ** 2 + momentum**2 - 2 * p * both
    return ((1 + q) * push + 2 * p * q * both) / ((1 - q) * ((1 + q) ** 2 - p**2))


def nesterov_cosine(product: Number, momentum: Number) -> Number:
    """Return E⟨θₜ, θₜ₊₁⟩/E‖θ‖² in equilibrium, from ηλ and γ."""
    p, q = (1 + momentum) * (1 - product), momentum * (1 - product)
    return (p - momentum * (1 + momentum) / nesterov_gain(product, momentum)) / (1 + q)


def nesterov_norm(rate: float, decay: float, momentum: float, unit_gradient: float) -> float:
    """Return ‖θ‖ in [θ] for gradients of the length G/‖θ‖, G the root mean square.

    Raises ValueError where there is no equilibrium.
    """
    if not (0 <= momentum < 1 and 0 < rate * decay < 1 and unit_gradient > 0):
        raise ValueError(
            f"no equilibrium at ηλ = {rate * decay:g}, γ = {momentum:g}, G = {unit_gradient:g}: it "
            "takes ηλ in (0, 1), a momentum in [0, 1), and gradients"
        )
    push = rate * unit_gradient
    return math.sqrt(push * math.sqrt(nesterov_gain(rate * decay, momentum)))


if __name__ == "__main__":
    print("                       norm                    angle of a step")
    print("  η     λ     γ     predicted  shown    predicted   shown   without nesterov")
    for rate, decay, momentum in (
        (0.2, 0.05, 0.5),
        (0.2, 0.05, 0.9),
        (2.0, 0.005, 0.9),
        (2.0, 0.1, 0.9),
    ):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(400) / 4)
        optimizer = torch.optim.SGD([weight], rate, momentum, weight_decay=decay, nesterov=True)
        squares, products, gradients = [], [], []
        for _ in range(1500):
            (torch.randn(400) @ weight / weight.norm()).backward()  # sees only the direction
            before: Tensor = weight.detach().clone()
            assert weight.grad is not None
            gradients.append((weight.grad.norm() * before.norm()).item() ** 2)
            optimizer.step()
            optimizer.zero_grad()
            squares.append(before.square().sum().item())
            products.append((before @ weight.detach()).item())
        late = slice(500, None)
        unit = math.sqrt(sum(gradients[late]) / len(gradients[late]))
        norm = nesterov_norm(rate, decay, momentum, unit)
        angle = math.acos(nesterov_cosine(rate * decay, momentum))
        shown = math.sqrt(sum(squares[late]) / len(squares[late]))
        turned = math.acos(sum(products[late]) / sum(squares[late]))
        plain = math.acos(1 - rate * decay / (1 + momentum))  # plain momentum's
        row = rate, decay, momentum, norm, shown, angle, turned, plain
        print("{:5.2f} {:5.3f} {:5.2f} {:9.3f} {:8.3f} {:10.4f} {:9.4f} {:14.4f}".format(*row))
