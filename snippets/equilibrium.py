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

Units. η is in [θ]² and λ in [θ]⁻² for SGD, in [θ] and [θ]⁻¹ for AdamW; p, q, ηλ and G are numbers.

Source. Derived in the notes; the equilibrium of the norm and of the angle is the subject of Wan et
al., "Spherical Motion Dynamics", NeurIPS 2021, and Kosson et al., "Rotational Equilibrium", ICML
2024.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn

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


def relaxation(p: float, q: float, feedback: bool) -> float:
    """Return the steps in which a small excess of ‖θ‖² falls by e; with feedback, as ‖g‖ = G/‖θ‖.

    The moments ‖θₜ‖², ⟨θₜ, θₜ₋₁⟩, ‖θₜ₋₁‖² go linearly into the next; the largest eigenvalue rules.
    """
    push = feedback / gain(p, q)  # what the push loses as ‖θ‖² gains 1
    matrix = np.array([[p**2 - push, -2 * p * q, q**2], [p, -q, 0], [1, 0, 0]])
    largest = float(abs(np.linalg.eigvals(matrix)).max())
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
    not. Raises ValueError for what has no formula here.
    """
    group = next((g for g in optimizer.param_groups if any(w is weight for w in g["params"])), None)
    if group is None:
        raise ValueError("the optimizer does not train this weight")
    rate, decay = float(group["lr"]), float(group["weight_decay"])
    if isinstance(optimizer, torch.optim.SGD):
        if group["nesterov"]:
            raise ValueError("Nesterov's step has another equilibrium; set nesterov=False")
        if group["dampening"]:
            raise ValueError("with dampening: use lr · (1 − dampening) and dampening=0 instead")
        if unit_gradient is None:
            raise ValueError("SGD's norm depends on the gradients: give their unit_gradient")
        p, q = coupled(rate, decay, float(group["momentum"]))
        return balance(p, q, rate * unit_gradient, feedback=True)
    if isinstance(optimizer, torch.optim.AdamW):
        if group["amsgrad"]:
            raise ValueError("AMSGrad divides by a running maximum; set amsgrad=False")
        momentum = float(group["betas"][0])
        p, q = decoupled(rate, decay, momentum)
        push = rate * (1 - momentum) * math.sqrt(weight.numel())
        return balance(p, q, push, feedback=False)
    raise ValueError(
        f"no formula for {type(optimizer).__name__}: take torch.optim.SGD or AdamW "
        "(Adam with L2 has no equilibrium that is known in closed form)"
    )


def turn(before: Shaped[Tensor, " *shape"], after: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, ""]:
    """Return the angle between two weights, accurate for small angles too."""
    a, b = before / before.norm(), after / after.norm()
    return 2 * torch.atan2((a - b).norm(), (a + b).norm())


if __name__ == "__main__":
    print("                         norm            angle    steps to settle")
    print("optimizer       predicted  shown  predicted  shown      predicted")
    for kind in ("SGD", "momentum", "AdamW"):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(400) / 4)
        if kind == "AdamW":
            optimizer = torch.optim.AdamW([weight], 0.05, betas=(0.9, 0.99), weight_decay=1.0)
        else:
            momentum = 0.9 if kind == "momentum" else 0.0
            optimizer = torch.optim.SGD([weight], 0.2, momentum, weight_decay=0.05)
        norms, angles, unit_gradients = [], [], []
        for _ in range(500):
            optimizer.zero_grad()
            (torch.randn(400) @ weight / weight.norm()).backward()  # sees only the direction
            before = weight.detach().clone()
            unit_gradients.append((weight.grad.norm() * before.norm()).item())
            optimizer.step()
            norms.append(weight.norm().item())
            angles.append(turn(before, weight.detach()).item())
        scale = float(np.mean(np.square(unit_gradients)) ** 0.5)
        norm, angle, steps = predict(optimizer, weight, scale)
        shown = np.mean(norms[250:]), np.mean(np.square(angles[250:])) ** 0.5
        print(
            f"{kind:14s} {norm:10.3f} {shown[0]:6.3f} {angle:10.4f} {shown[1]:6.4f} {steps:14.2f}"
        )
