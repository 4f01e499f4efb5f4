"""How long are the weights in front of a normaliser, and how far do they turn per step?

SGD with momentum and decay, coupled (torch.optim.SGD) or not, and AdamW with a settled second
moment are one recursion of second order, in which only p, q and the size of the push differ:

    θₜ₊₁ = p θₜ − q θₜ₋₁ − (push)ₜ

    SGD      p = 1 + γ − ηλ,       q = γ                 push η g
    SGDW     p = 1 − ηλ + γ,       q = (1 − ηλ) γ        push η g
    AdamW    p = 1 − ηλ + β₁,      q = (1 − ηλ) β₁       push η (1 − β₁) g/σ

Where decay and gradients balance, and the push is orthogonal to θₜ,

    cos of the angle of a step = p/(1 + q)
    ‖θ‖² / ‖push‖² = (1 + q) / ((1 − q) ((1 + q)² − p²))     for pushes without memory

On a scale-invariant loss ‖g‖ = G/‖θ‖, where the unit gradient norm G does not depend on ‖θ‖, so
that ‖θ‖⁴ = η²G² times the gain. AdamW's push has the squared length η²(1 − β₁)²d for a
weight of d numbers, whatever the loss. These are statements about means; see the notes.

Use. Predict the norm of my weights, and how far they turn per step.

    norm, angle, steps = predict(adamw, weight)

Units. η is in [θ]² and λ in [θ]⁻² for SGD, in [θ] and [θ]⁻¹ for AdamW; p, q, ηλ and G are numbers.

Source. Derived in the notes; the equilibrium of the norm and of the angle is the subject of Wan et
al., "Spherical Motion Dynamics", NeurIPS 2021, and Kosson et al., "Rotational Equilibrium", ICML
2024.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Shaped

Number = Any  # a float; a Fraction or a symbol, where the formula is to be exact


class Equilibrium(NamedTuple):
    """Norm in [θ], angle of a step in radians, steps in which a small excess of ‖θ‖² falls by e."""

    norm: float
    angle: float
    steps: float


def coupled(rate: Number, decay: Number, momentum: Number) -> tuple[Number, Number]:
    """Return p and q of torch.optim.SGD, whose decay goes through the buffer."""
    return 1 + momentum - rate * decay, momentum


def decoupled(rate: Number, decay: Number, momentum: Number) -> tuple[Number, Number]:
    """Return p and q where decay acts on the weights alone: SGDW, AdamW with its β₁."""
    kept = 1 - rate * decay
    return kept + momentum, kept * momentum


def cosine(p: Number, q: Number) -> Number:
    """Return ⟨θₜ, θₜ₊₁⟩ / ‖θ‖² in equilibrium."""
    return p / (1 + q)


def gain(p: Number, q: Number) -> Number:
    """Return ‖θ‖² / ‖push‖² in equilibrium, for pushes without memory."""
    return (1 + q) / ((1 - q) * ((1 + q) ** 2 - p**2))


def memory_factor(p: Number, q: Number, correlation: Number) -> Number:
    """Return by what ‖θ‖² is larger if pushes k steps apart are correlated by ρᵏ, not fresh.

    For pushes that do not feel the weights, as AdamW's. A scale-invariant loss takes out the part
    along the weights, and the factor is another; without momentum it is 1. For ηλ → 0 the one here
    is (1 + ρ)/(1 − ρ).
    """
    slow = correlation * (p - cosine(p, q))
    return 2 * (1 - slow) / (1 - correlation * p + correlation**2 * q) - 1


def relaxation(p: float, q: float, feedback: bool) -> float:
    """Return the steps in which a small excess of ‖θ‖² falls by e; with feedback, as ‖g‖ = G/‖θ‖.

    The moments ‖θₜ‖², ⟨θₜ, θₜ₋₁⟩, ‖θₜ₋₁‖² go linearly into the next; the largest eigenvalue rules.
    """
    push = feedback / gain(p, q)  # what the push loses as ‖θ‖² gains 1
    matrix = [[p**2 - push, -2 * p * q, q**2], [p, -q, 0], [1, 0, 0]]
    largest = torch.linalg.eigvals(torch.tensor(matrix, dtype=torch.float64)).abs().max().item()
    if largest == 0:
        return 0.0  # all is forgotten at once
    return -1 / math.log(largest) if largest < 1 else math.inf


def balance(p: float, q: float, push: float, feedback: bool) -> Equilibrium:
    """Return the equilibrium for a push of the norm `push`, at ‖θ‖ = 1 if there is feedback.

    Raises ValueError where there is none.
    """
    if not (0 <= q < 1 and abs(p) < 1 + q):
        raise ValueError(
            f"no equilibrium at p = {p:g}, q = {q:g}: it takes a positive decay, a momentum in "
            "[0, 1), and a rate so small that decay alone does not flip or lengthen the weights"
        )
    if not 0 < push < math.inf:
        raise ValueError(
            f"the push has the norm {push:g}: without gradients the weights just decay"
        )
    squared = gain(p, q) * push**2
    angle = 2 * math.asin(math.sqrt((1 + q - p) / (2 * (1 + q))))  # arccos(p/(1 + q)), unrounded
    norm = squared**0.25 if feedback else squared**0.5
    return Equilibrium(norm, angle, relaxation(p, q, feedback))


def predict(
    optimizer: torch.optim.Optimizer, weight: Tensor, unit_gradient: float | None = None
) -> Equilibrium:
    """Return the equilibrium of one scale-invariant weight under torch.optim.SGD or AdamW.

    SGD needs the unit gradient norm G = ‖θ‖ ‖∇L(θ)‖, root mean square over the batches; AdamW does
    not. Adam(decoupled_weight_decay=True) is AdamW.

    It is what the settings of this moment lead to, if they last several times the `steps` that are
    returned: under a schedule that is faster the norm lags behind. It also takes for granted

    - for SGD, that the loss does not see the length of this weight, the others being as they are (a
      bias, a gain and a last layer are not such weights), and that G has no trend;
    - gradients that are mostly noise of the batch, fresh at each step. If they are correlated by ρᵏ
      with those k steps before, AdamW's norm is longer, by up to √((1 + ρ)/(1 − ρ)) for small ηλ
      (memory_factor), and shorter if ρ < 0. Most layers of a network have some of it;
    - for AdamW, that the second moment has settled (β₂ is close to 1, and several 1/(1 − β₂) steps
      are past), is large beside eps², and that every number of the weight gets gradients;
    - no clipping, and floats in which the decay of a step is not rounded away.

    So compare it with the norm that you see: what differs tells which of these fails.

    Raises ValueError for what has no formula here.
    """
    group = next((g for g in optimizer.param_groups if any(w is weight for w in g["params"])), None)
    if group is None:
        raise ValueError("the optimizer does not train this weight")
    rate, decay = float(group["lr"]), float(group["weight_decay"])
    name = type(optimizer).__name__
    if type(optimizer) not in (torch.optim.SGD, torch.optim.AdamW, torch.optim.Adam):
        raise ValueError(
            f"no formula for {name}: take torch.optim.SGD or AdamW themselves (out of a wrapper, "
            "its .optimizer); their subclasses take other steps"
        )
    if not decay > 0:
        raise ValueError(
            "no equilibrium: without decay in its group the weight grows for ever; of a twin "
            "without decay ask the optimizer that it was made from"
        )
    if weight.is_complex():
        raise ValueError("no formula for a complex weight, whose numbers are two each")
    if weight.numel() < 2:
        raise ValueError("a single number has no direction, and so no equilibrium of this kind")
    if rate * decay < torch.finfo(weight.dtype).eps / 2:
        raise ValueError(
            f"lr · weight_decay = {rate * decay:g} is rounded away in {weight.dtype}: the weight "
            "does not decay; keep it in float32"
        )
    if isinstance(optimizer, torch.optim.SGD):
        if group["nesterov"]:
            raise ValueError("Nesterov's step has another equilibrium; set nesterov=False")
        if group["dampening"]:
            raise ValueError("with dampening: use lr · (1 − dampening) and dampening=0 instead")
        if unit_gradient is None:
            raise ValueError("SGD's norm depends on the gradients: give their unit_gradient")
        p, q = coupled(rate, decay, float(group["momentum"]))
        return balance(p, q, rate * unit_gradient, feedback=True)
    if not group["decoupled_weight_decay"]:
        raise ValueError(
            "no formula for Adam with L2, whose equilibrium is not known in closed form; "
            "take AdamW, or decoupled_weight_decay=True"
        )
    if group["amsgrad"]:
        raise ValueError("AMSGrad divides by a running maximum; set amsgrad=False")
    momentum = float(group["betas"][0])
    p, q = decoupled(rate, decay, momentum)
    push = rate * (1 - momentum) * math.sqrt(weight.numel())
    return balance(p, q, push, feedback=False)


def turn(before: Shaped[Tensor, " *shape"], after: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, ""]:
    """Return the angle between two weights, accurate for small angles too."""
    a, b = (x.flatten() / x.norm() for x in (before, after))
    return 2 * torch.atan2((a - b).norm(), (a + b).norm())


if __name__ == "__main__":
    print("                              norm            angle    steps to settle")
    print("optimizer            predicted  shown  predicted  shown      predicted")
    # the last with gradients that are not fresh: each keeps a third of the one before
    for kind, kept in [("SGD", 0.0), ("momentum", 0.0), ("AdamW", 0.0), ("AdamW, ρ = ⅓", 1 / 3)]:
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(400) / 4)
        if kind.startswith("AdamW"):
            optimizer: torch.optim.Optimizer
            optimizer = torch.optim.AdamW([weight], 0.02, betas=(0.9, 0.99), weight_decay=0.5)
        else:
            momentum = 0.9 if kind == "momentum" else 0.0
            optimizer = torch.optim.SGD([weight], 0.2, momentum, weight_decay=0.05)
        rows = []  # norm, angle and unit gradient norm of each step
        noise = torch.randn(400)
        for _ in range(1000):
            optimizer.zero_grad()
            noise = kept * noise + math.sqrt(1 - kept**2) * torch.randn(400)
            loss = noise @ weight / weight.norm()  # sees only the direction
            (weight.grad,) = torch.autograd.grad(loss, weight)
            before = weight.detach().clone()
            unit_gradient = weight.grad.norm() * before.norm()
            optimizer.step()
            after = weight.detach()
            rows.append(torch.stack([after.norm(), turn(before, after), unit_gradient]))
        shown = torch.stack(rows)
        norm, angle, steps = predict(optimizer, weight, shown[:, 2].square().mean().sqrt().item())
        means = shown[500:, 0].mean(), shown[500:, 1].square().mean().sqrt()
        print(
            f"{kind:19s} {norm:10.3f} {means[0]:6.3f} {angle:10.4f} {means[1]:6.4f} {steps:14.2f}"
        )
