"""Which parameters should decay? Groups for an optimizer, by what decay does to each tensor.

A tensor θ is scale invariant if L(cθ) = L(θ) for every c > 0. There decay is a clock: it changes no
function, and by the length of the weights it sets how far a step turns them. Elsewhere it is a
penalty: it pulls the function itself towards that of zero weights. A matrix that is not invariant
keeps its penalty, in a group of its own, so that clock and penalty can be set apart. What has no
matrix to decay, biases and gains, is left alone, as is usual; so are embeddings, for decay shortens
each row at every step, and only the rows in the batch have a gradient that answers.

Whether a tensor is invariant is asked of the loss, not of the names: ⟨∇L, θ⟩ is zero if it is, at
the weights as they are, at random ones, and with all such tensors scaled at once. With eps in a
normaliser it is a small share of ‖∇L‖‖θ‖, which falls like 1/c² as the tensor grows.

Use. Which of my parameters should decay?

    groups = param_groups(model, loss, weight_decay=0.1)
    optimizer = torch.optim.AdamW(groups, lr=1e-3)

Units. λ, the decay, is in [θ]⁻² for SGD, in [θ]⁻¹ for AdamW; here it is only handed on.

Source. The lemma ⟨∇L, θ⟩ = 0 is Li and Arora's, arXiv:1910.07454. That biases and gains do not
decay is a habit of the field; the groups and the test are ours.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module], Tensor]

KINDS = {  # does it decay, and why
    "invariant": (True, "decay sets the clock: how far a step turns it"),
    "matrix": (True, "decay is a penalty: set it for itself"),
    "embedding": (False, "rows out of the batch would only shrink"),
    "gain": (False, "decay would make the function smaller"),
    "bias": (False, "decay would shift the function to zero"),
    "unseen": (False, "no gradient answers: it only shrinks"),
}
# A zero in float64, of which a deep network may lose four digits or five; a share ⟨∇L, θ⟩ of
# ‖∇L‖‖θ‖ that eps may leave; and one that rounding may, where a model computes in float32 inside.
ROUNDING, NEAR, SINGLE = 1e-11, 1e-2, 1e-5
VISIBLE = 1e-5  # what some tensor must do to the loss, or rounding hides what the others do
POINTS, FACTORS = 3, (6.0, 10.0)


def param_groups(model: nn.Module, loss: Loss, weight_decay: float) -> list[dict[str, Any]]:
    """Return the trainable parameters in groups for an optimizer, each with its own weight_decay.

    Every tensor is in one group, under the first of its names if it has several. Beside "params"
    and "weight_decay" a group has its "name", the "names" of its parameters and "why", which torch
    keeps and does not read: `torch.optim.AdamW(param_groups(model, loss, 0.1), lr=1e-3)`.

    loss(model) is the loss of the model that it is given, a copy in float64; the model stays as it
    is. It takes a batch that shows the tensors at work, in training mode where there is batch norm.

    Raises ValueError if the decay is negative, if nothing is trainable, or something is on the
    device meta, and if the loss is random, not finite, not a float64, without a gradient, tiny, or
    computed in 16 bits.
    """
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay is {weight_decay}; it cannot be negative")
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not named:
        raise ValueError("no parameter is trainable; call requires_grad_() on those that are")
    if any(p.is_meta for p in named.values()):
        raise ValueError("parameters on the device meta have no values; load or initialise them")
    kinds = kinds_of(model, loss)
    groups = []
    for kind, (decays, why) in KINDS.items():
        names = [name for name in named if kinds[name] == kind]
        if names:
            group = {"params": [named[name] for name in names], "name": kind, "names": names}
            groups.append({**group, "weight_decay": weight_decay if decays else 0.0, "why": why})
    return groups


def kinds_of(model: nn.Module, loss: Loss) -> dict[str, str]:
    """Return the kind of each trainable parameter: a key of KINDS."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    invariant, unseen = invariant_and_unseen(model, loss)
    kinds = {}
    for name, p in model.named_parameters():
        if name in unseen:
            kinds[name] = "unseen"
        elif id(p) in tables:
            kinds[name] = "embedding"
        elif "bias" in name.rpartition(".")[2]:
            kinds[name] = "bias"
        elif name in invariant:
            kinds[name] = "invariant"
        else:
            kinds[name] = "matrix" if p.dim() > 1 else "gain"
    return kinds


def invariant_and_unseen(model: nn.Module, loss: Loss) -> tuple[set[str], set[str]]:
    """Return the names of tensors that the loss is scale invariant in, and that it does not see."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        twin = copy.deepcopy(model).double()
        named = {name: p for name, p in twin.named_parameters() if p.requires_grad}
        invariant, unseen, most = set(named), set(named), 0.0
        generator = torch.Generator().manual_seed(0)
        for point in range(POINTS):
            if point:
                shake(named, generator)
            here, shares, steep = slopes(loss, twin, named)
            if slopes(loss, twin, named)[0] != here or not math.isfinite(here):
                raise ValueError(f"the loss is random or not finite, {here}; fix batch and dropout")
            unseen = {name for name in unseen if steep[name] <= ROUNDING * max(1.0, abs(here))}
            most = max(most, *steep.values())
            invariant = {name for name in invariant if shares[name] <= NEAR}
            invariant = confirmed(loss, twin, named, invariant, generator)
    if most < VISIBLE:
        raise ValueError(f"nothing moves the loss by more than {most:.0e}; multiply the loss")
    return invariant - unseen, unseen


def confirmed(
    loss: Loss,
    model: nn.Module,
    named: dict[str, nn.Parameter],
    names: set[str],
    generator: torch.Generator,
) -> set[str]:
    """Return those of some tensors that stay invariant when all of them are scaled at once."""
    here, before, steep = slopes(loss, model, named)
    while names:
        drawn = torch.randint(2, (len(named),), generator=generator).tolist()
        factors = {name: FACTORS[k] for name, k in zip(named, drawn, strict=True) if name in names}
        kept = {name: named[name].detach().clone() for name in names}
        with torch.no_grad():
            for name, factor in factors.items():
                named[name].mul_(factor)
        there, after, _ = slopes(loss, model, named)
        with torch.no_grad():
            for name, old in kept.items():
                named[name].copy_(old)
        still = {n for n in names if after[n] <= max(SINGLE, 2 * before[n] / factors[n] ** 2)}
        if still == names:
            # Along the way the loss moves by no more than its slopes say, and by rounding.
            slack = sum(math.log(factors[n]) * steep[n] * (before[n] + SINGLE) for n in names)
            if abs(there - here) <= 2 * slack + ROUNDING * max(1, abs(here)):
                return names
            if len(names) == 1:
                return set()
            one = set(sorted(names)[::2])  # the gradient of some lies: each half for itself
            return confirmed(loss, model, named, one, generator) | confirmed(
                loss, model, named, names - one, generator
            )
        names = still
    return names


def slopes(
    loss: Loss, model: nn.Module, named: dict[str, nn.Parameter]
) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return the loss, and for each tensor |⟨∇L, θ⟩| as a share of ‖∇L‖‖θ‖, and ‖∇L‖‖θ‖ itself."""
    try:
        with torch.autograd.graph.saved_tensors_hooks(precise, precise):
            out = loss(model)
    except RuntimeError as error:
        if "dtype" not in str(error):
            raise
        raise ValueError(
            "the model that the loss is given is in float64; give it float64 data, x.double()"
        ) from error
    if not isinstance(out, Tensor) or out.numel() != 1 or out.dtype != torch.float64:
        raise ValueError("the loss is not one number in float64; the model it is given is")
    if not out.requires_grad:
        raise ValueError("the loss has no gradient for the model it is given; use its argument")
    grads = torch.autograd.grad(out, list(named.values()), allow_unused=True)
    if all(grad is None for grad in grads):
        raise ValueError("the loss has no gradient for the model it is given; use its argument")
    shares, steep = {}, {}
    for (name, p), grad in zip(named.items(), grads, strict=True):
        steep[name] = 0.0 if grad is None else (grad.norm() * p.norm()).item()
        inner = 0.0 if grad is None else abs((grad * p).sum().item())
        floor = ROUNDING * max(1.0, abs(out.item()), steep[name])
        shares[name] = inner / steep[name] if inner > floor else 0.0
    return out.item(), shares, steep


def precise(x: Tensor) -> Tensor:
    """Return what a backward pass will need; raise ValueError if it has 16 bits."""
    if x.dtype in (torch.float16, torch.bfloat16):
        raise ValueError(
            f"the model computes in {x.dtype}, whose rounding hides a zero; convert it"
        )
    return x


@torch.no_grad()
def shake(named: dict[str, nn.Parameter], generator: torch.Generator) -> None:
    """Move all parameters at random, by half their root mean square and by no less than 0.1."""
    for p in named.values():
        size = max(0.1, 0.5 * p.square().mean().sqrt().item())
        p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device), alpha=size)


if __name__ == "__main__":

    class Reader(nn.Module):
        """Attention with QK-norm between an embedding and a classifier, all as torch has it."""

        def __init__(self) -> None:
            super().__init__()
            self.embed, self.places = nn.Embedding(20, 8), nn.Embedding(9, 8)
            self.query, self.key, self.value = (nn.Linear(8, 8, bias=False) for _ in range(3))
            self.norm, self.look, self.head = nn.LayerNorm(8), nn.RMSNorm(8), nn.Linear(8, 3)
            self.spare = nn.Linear(8, 8, bias=False)

        def forward(self, tokens: Tensor) -> Tensor:
            x = self.norm(self.embed(tokens) + self.places.weight[: tokens.shape[1]])
            query, key = self.look(self.query(x)), self.look(self.key(x))
            mixed = torch.softmax(query @ key.mT / 8**0.5, dim=-1) @ self.value(x)
            logits: Tensor = self.head(self.norm(x + mixed).mean(dim=1))
            return logits

    torch.manual_seed(0)
    tokens = torch.randint(20, (12, 6))
    labels = torch.arange(12) % 3
    groups = param_groups(
        Reader(), lambda model: nn.functional.cross_entropy(model(tokens), labels), 0.1
    )
    print("group     decay  tensors   length  why")
    for group in torch.optim.AdamW(groups, lr=1e-3).param_groups:
        length = sum(p.square().sum() for p in group["params"]) ** 0.5
        row = f"{group['name']:10s}{group['weight_decay']:5.2f} {len(group['params']):8d}"
        print(f"{row} {length:8.2f}  {group['why']}")
