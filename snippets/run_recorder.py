"""What is my run really doing? Write down, at each step and for each weight, what decides.

    norm          ‖θ‖ before the step
    rate          the effective rate: η/‖θ‖² for SGD, η/‖θ‖ for Adam and AdamW
    angle         by how much the step turned θ, in radians
    gradient      ‖∇L(θ)‖, after whatever clipping there was
    cosine        ⟨∇L, θ⟩/(‖∇L‖ ‖θ‖), which is 0 where the loss does not see the length of θ
    settled_norm  the norm and the angle at which this rate and this decay balance such gradients;
    settled_angle for SGD the fourth power of the norm has the square of the gradient in it, so
                  that one takes the fourth root of its mean fourth power over some batches

The recorder hangs on the hooks of the optimizer, and so on steps that happen: any loop will do,
with closures, a gradient scaler or accelerate. It reads and copies, and changes no bit of the run.

Use. See what my run does to each weight: effective rate, angle, norm, and what they tend to.

    recorder = Recorder(optimizer, model.named_parameters(), every=100)
    recorder.rows  # after training as ever

For SGD without momentum, on a loss that does not see the length, and with a = 1 − ηλ > 0,

    ‖θ′‖² = a²‖θ‖² + η²‖∇L‖²        tan(angle) = η‖∇L‖ / (a ‖θ‖) = rate · ‖θ‖ ‖∇L‖ / a

up to rounding. If recorded numbers do not obey this, the loss sees the length; cosine says so too.

Units. The rate of SGD is in [θ]², Adam's in [θ], so that both effective rates times the length of a
unit gradient, ‖θ‖ ‖∇L‖, or of Adam's update are pure numbers, as cosines and angles are.

Source. Derived in the notes, as are the balances: see equilibrium.py.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import LBFGS, SGD, Adam, AdamW, Optimizer

if TYPE_CHECKING:
    from jaxtyping import Shaped


class Row(NamedTuple):
    """One weight in one step; what is not known is nan."""

    step: int
    weight: str
    norm: float
    rate: float
    angle: float
    gradient: float
    cosine: float
    settled_norm: float
    settled_angle: float


class Recorder:
    """Writes a row for every named weight in each step that is recorded, and changes nothing.

    named: pairs of a name and a parameter that the optimizer trains, as of named_parameters();
    frozen ones are passed over. A weight without a gradient has no row in that step.
    every: record the first of so many steps; a recorded one costs a copy of the weights.

    Raises ValueError for LBFGS, whose step takes many gradients; for a parameter that the optimizer
    does not train or that is complex, for what is not such pairs, and for nothing to record.
    """

    def __init__(
        self, optimizer: Optimizer, named: Iterable[tuple[str, Tensor]], every: int = 1
    ) -> None:
        if isinstance(optimizer, LBFGS):
            raise ValueError("a step of LBFGS takes many gradients: there is no one to write down")
        if every < 1 or every != int(every):
            raise ValueError(f"every {every} steps: give a whole number of at least 1")
        pairs = list(named)
        if not all(isinstance(pair, tuple) and isinstance(pair[0], str) for pair in pairs):
            raise ValueError("give pairs of a name and a parameter, as model.named_parameters()")
        self._named = [(name, weight) for name, weight in pairs if weight.requires_grad]
        if any(weight.is_complex() for _, weight in self._named):
            raise ValueError("a complex weight has no angle of this kind; leave it out")
        trained = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        strange = [name for name, weight in self._named if id(weight) not in trained]
        if strange or not self._named:
            raise ValueError(
                f"the optimizer does not train {', '.join(strange) or 'any weight that is named'}: "
                "name the very parameters that it has, after the model has moved to its device"
            )
        self.rows: list[Row] = []
        self._every, self._steps = every, 0
        self._before: list[Tensor] | None = None  # empty where the step is not recorded
        self._hooks = [
            optimizer.register_step_pre_hook(self._keep),
            optimizer.register_step_post_hook(self._write),
        ]

    def remove(self) -> None:
        """Take the recorder off the optimizer; the rows stay."""
        for hook in self._hooks:
            hook.remove()

    def _keep(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        is_due = self._steps % self._every == 0
        self._before = [w.detach().clone() for _, w in self._named] if is_due else []

    def _write(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        before, self._before = self._before, None
        infinite = getattr(optimizer, "found_inf", None)  # told to a fused step by a GradScaler
        if before is None or (infinite is not None and infinite > 0):
            return  # a step around this one, or one that did not happen
        self._steps += 1
        groups = {id(w): group for group in optimizer.param_groups for w in group["params"]}
        for (name, weight), old in zip(self._named if before else [], before, strict=True):
            if weight.grad is not None:
                seen = measure(old, weight.detach(), weight.grad)
                group = groups[id(weight)]
                rate = effective_rate(optimizer, float(group["lr"]), seen[0])
                balance = settled(optimizer, group, weight.numel(), seen[0] * seen[2])
                norm, angle, gradient, cosine = seen
                row = norm, rate, angle, gradient, cosine, *balance
                self.rows.append(Row(self._steps - 1, name, *row))


def measure(
    before: Shaped[Tensor, " *shape"],
    after: Shaped[Tensor, " *shape"],
    gradient: Shaped[Tensor, " *shape"],
) -> tuple[float, float, float, float]:
    """Return ‖θ‖, the angle to θ′ (accurate where it is small, too), ‖∇L‖ and their cosine."""
    exact = torch.promote_types(before.dtype, torch.float32)
    old, new, slope = (x.flatten().to(exact) for x in (before, after, gradient.to_dense()))
    a, b, c = (x / x.norm() for x in (old, new, slope))
    angle = 2 * torch.atan2((a - b).norm(), (a + b).norm())
    norm, angle, length, cosine = torch.stack([old.norm(), angle, slope.norm(), a @ c]).tolist()
    return norm, angle, length, cosine


def effective_rate(optimizer: Optimizer, rate: float, norm: float) -> float:
    """Return η/‖θ‖² for SGD and what is made of it, η/‖θ‖ for Adam and AdamW, nan for others."""
    power = 2 if isinstance(optimizer, SGD) else 1 if isinstance(optimizer, Adam) else math.nan
    return rate / norm**power if norm > 0 else math.nan


def settled(
    optimizer: Optimizer, group: dict[str, Any], size: int, unit_gradient: float
) -> tuple[float, float]:
    """Return norm and angle in equilibrium, of torch.optim.SGD or AdamW itself; nan where unknown.

    The recursion θₜ₊₁ = p θₜ − q θₜ₋₁ − push turns by arccos p/(1 + q). unit_gradient is ‖θ‖ ‖∇L‖.
    """
    rate, decay = float(group["lr"]), float(group["weight_decay"])
    kind = type(optimizer) if size > 1 else None  # a single number has no direction
    if kind is SGD and not group["nesterov"] and not group["dampening"]:
        q = float(group["momentum"])
        missing = rate * decay  # 1 + q − p
        push, root = rate * unit_gradient, 4
    elif kind in (Adam, AdamW) and group["decoupled_weight_decay"] and not group["amsgrad"]:
        beta = float(group["betas"][0])
        q = (1 - rate * decay) * beta
        missing = rate * decay * (1 - beta)
        push, root = rate * (1 - beta) * math.sqrt(size), 2
    else:
        return math.nan, math.nan
    rest = 2 * (1 + q) - missing  # 1 + q + p
    if not (0 <= q < 1 and missing > 0 and rest > 0):
        return math.nan, math.nan  # without decay, or with so much that it flips the weights
    squared = push**2 * (1 + q) / ((1 - q) * missing * rest)
    return squared ** (1 / root), 2 * math.asin(math.sqrt(missing / (2 * (1 + q))))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(20, 32, bias=False),
        torch.nn.BatchNorm1d(32, affine=False),
        torch.nn.Tanh(),
        torch.nn.Linear(32, 16, bias=False),
        torch.nn.BatchNorm1d(16, affine=False),
        torch.nn.Tanh(),
        torch.nn.Linear(16, 1, bias=False),
    )
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.5, weight_decay=0.05)
    recorder = Recorder(optimizer, model.named_parameters())
    for _ in range(1000):
        inputs = torch.randn(32, 20)
        labels = torch.randn(32, 1)  # noise: nothing can be learned, and the weights just settle
        optimizer.zero_grad()
        (model(inputs) - labels).square().mean().backward()
        optimizer.step()
    print("              norm         angle of a step   ⟨∇L, θ⟩ as   effective")
    print("weight    seen  settled     seen   settled    a cosine        rate")
    for name in ("0.weight", "3.weight", "6.weight"):
        rows = [row for row in recorder.rows if row.weight == name and row.step >= 500]
        of = torch.tensor([row[2:] for row in rows], dtype=torch.float64).T
        norm, rate, angle, _, cosine = of[:5].square().mean(dim=1).sqrt()
        print(
            f"{name} {norm:6.3f} {of[5].pow(4).mean() ** 0.25:8.3f} {angle:8.4f}"
            f" {of[6].mean():9.4f} {cosine:11.4f} {rate:11.4f}"
        )
