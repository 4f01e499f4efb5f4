"""Step decay with weight decay, as rates that only grow and drop: TEXP, a scheduler for torch.

Step decay gives phase I, which starts at step T_I (T₀ = 0), the rate η_I and the decay λ_I; the
momentum γ stays. Let α_I be a root of z² − (1 + γ − η_I λ_I) z + γ, real and positive, and let

    Pₜ = product of the roots of the steps before t,        κ_I = λ_I / (α_I − γ).

On a scale-invariant loss, SGD without decay is the same function at every step, φₜ = θₜ / Pₜ, with

    rate η_I / (Pₜ Pₜ₊₁) at step t of phase I: it grows by α_I⁻² from step to step, and changes by
    η_I / η_(I−1) · 1 / (α_(I−1) α_I) at the first step of a phase;

    buffer b̃ + P² (κ_(I−1) − κ_I) φ in place of b̃ just before that step, and at the very start
    b − κ₀ θ in place of b.

Proof, by induction: b̃ before step t is Pₜ (b − κ_I θₜ), and one step keeps this as it does with a
single phase (exponential_lr.py); at a boundary the correction changes κ_(I−1) into κ_I.

Units. η is in [θ]², λ and κ are in [θ]⁻², b in [θ]⁻¹; γ, α and P are pure numbers.

Source. TEXP is from Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR
2020, arXiv:1910.07454. Their post, offconvex.org/2020/04/24/ExpLR1, has the growth and the drop;
the factor at the boundary and the correction of the buffer are derived here.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler

Number = Any  # a float; a Fraction or a symbol, where the schedule is to be exact


def scale(step: int, starts: Sequence[int], roots: Sequence[Number]) -> Number:
    """Return Pₜ, which is θₜ / φₜ: the product of the roots of the steps before step t."""
    product: Number = 1
    for start, end, root in zip(starts, [*starts[1:], step], roots, strict=True):
        product = product * root ** max(0, min(step, end) - start)
    return product


def texp_rate(
    step: int, starts: Sequence[int], rates: Sequence[Number], roots: Sequence[Number]
) -> Number:
    """Return η_I / (Pₜ Pₜ₊₁), in [θ]²: the rate of step t without decay."""
    rate = rates[bisect_right(starts, step) - 1]
    return rate / (scale(step, starts, roots) * scale(step + 1, starts, roots))


def decay_share(decay: Number, momentum: Number, root: Number) -> Number:
    """Return κ = λ / (α − γ), in [θ]⁻²: how much of the weights the buffer has for their decay."""
    return decay / (root - momentum)


class TEXP(LRScheduler):
    """What MultiStepLR(optimizer, milestones, factor) does with weight decay, done without it.

    The optimizer is a torch.optim.SGD without decay, at the first phase's rate. Call `step()` once
    for every step of the optimizer, after it: milestones count steps, not epochs. The decay is one
    for all groups or a list with one for each; a group whose decay is 0 follows plain step decay.
    With `drop_rate=False` the drops are left out: that is the run in which milestones multiply the
    decay by the factor, and leave the rate.

    Buffers are seeded here, and corrected at each milestone. So build it once, at the start of the
    run, and resume with load_state_dict of scheduler and optimizer, the optimizer's last.

    Raises ValueError, with the reason, for what has no exact equivalent of this form. What it
    cannot see is on you: that the loss is scale invariant in each group with decay (biases, scales
    behind the last normalisation and a noticeable eps are not), that parameters have a gradient at
    every step, and that rates and weights, which grow like 1 / P² and 1 / P, fit their floats.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        weight_decay: float | Sequence[float],
        milestones: Sequence[int],
        factor: float = 0.1,
        drop_rate: bool = True,
    ) -> None:
        if type(optimizer) is not SGD:
            raise ValueError(f"{type(optimizer).__name__} is not torch.optim.SGD itself")
        self.starts = [0, *milestones]
        if any(late <= early for early, late in pairwise(self.starts)):
            raise ValueError(f"milestones {list(milestones)} must increase, from 1 or more")
        if not factor > 0:
            raise ValueError(f"factor = {factor:g} must be positive")
        groups, decays = optimizer.param_groups, weight_decay
        if not isinstance(decays, Sequence):
            decays = [decays] * len(groups)
        if len(decays) != len(groups):
            raise ValueError(f"{len(decays)} weight decays for {len(groups)} parameter groups")
        self.rates: list[list[float]] = []  # by group and phase, like the next two
        self.roots: list[list[float]] = []
        self.shares: list[list[float]] = []
        for number, decay in enumerate(decays):
            group, phases = groups[number], range(len(self.starts))
            rate, gamma = float(group["lr"]), group["momentum"]
            rates = [rate * factor**i if drop_rate else rate for i in phases]
            lambdas = [decay if drop_rate else decay * factor**i for i in phases]
            try:
                _check(group, decay)
                roots = [_larger_root(rates[i] * lambdas[i], gamma) for i in phases]
            except ValueError as error:
                raise ValueError(f"parameter group {number}: {error}") from None
            self.rates.append(rates)
            self.roots.append(roots)
            self.shares.append([decay_share(lambdas[i], gamma, roots[i]) for i in phases])
        super().__init__(optimizer)  # makes the first step, to the rates and the seed of step 0

    def get_lr(self) -> list[float]:
        """Return the rate of the present step for each group."""
        return [
            texp_rate(self.last_epoch, self.starts, self.rates[number], self.roots[number])
            for number in range(len(self.rates))
        ]

    @torch.no_grad()
    def step(self, epoch: None = None) -> None:
        """Go on to the next step, and correct the buffers where it is the first of a phase."""
        super().step()
        if self.last_epoch not in self.starts:
            return
        phase = self.starts.index(self.last_epoch)
        for number, group in enumerate(self.optimizer.param_groups):
            shares = [0.0, *self.shares[number]]  # none before the first phase
            change = shares[phase] - shares[phase + 1]
            change *= scale(self.last_epoch, self.starts, self.roots[number]) ** 2
            if not group["momentum"] or not change:
                continue
            for parameter in group["params"]:
                state = self.optimizer.state[parameter]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                state["momentum_buffer"].add_(parameter, alpha=change)


def _check(group: dict[str, Any], decay: float) -> None:
    """Raise ValueError where a group is not SGD without decay of a kind that has a twin."""
    if group["weight_decay"]:
        raise ValueError("set the optimizer's own weight_decay to 0: TEXP takes its place")
    if not decay >= 0:
        raise ValueError(f"weight_decay = {decay:g} is negative")
    if decay and group["nesterov"]:
        raise ValueError("nesterov momentum with weight decay has no twin without of this form")
    if decay and group["momentum"] and group["dampening"]:
        raise ValueError("dampening is not applied to a first gradient; set it to 0")


def _larger_root(product: float, gamma: float) -> float:
    """Return the larger root α for a product ηλ; ValueError where it is not real and positive."""
    if not 0 <= gamma < 1:
        raise ValueError(f"momentum = {gamma:g} is not in [0, 1)")
    short, long = (1 - gamma) / (1 + math.sqrt(gamma)), 1 + math.sqrt(gamma)  # 1 ∓ √γ
    if not product <= short**2 or product >= 1:
        raise ValueError(
            f"lr · weight_decay = {product:g} must be at most (1 − √γ)² = {short**2:g}, and less "
            f"than 1, or z² − (1 + γ − ηλ)z + γ has no real positive root at γ = {gamma:g}"
        )
    spread = math.sqrt((short**2 - product) * (long**2 - product))
    return 1 - 2 * product / (1 - gamma + product + spread)


if __name__ == "__main__":
    from torch import nn
    from torch.optim.lr_scheduler import MultiStepLR

    inputs = torch.randn(64, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).long()

    def losses(weight_decay: float, scheduler: type[LRScheduler], *settings: Any) -> list[Any]:
        """Return loss and rate at every step; the network is the same at every call."""
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(8, 32, bias=False),
            nn.BatchNorm1d(32, eps=1e-100, affine=False),
            nn.ReLU(),
            nn.Linear(32, 2, bias=False),
            nn.BatchNorm1d(2, eps=1e-100, affine=False),
        ).double()
        optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=weight_decay)
        schedule = scheduler(optimizer, *settings)
        rows = []
        for _ in range(301):
            loss = nn.functional.cross_entropy(net(inputs), labels)
            rows.append((loss.item(), optimizer.param_groups[0]["lr"]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return rows

    stepped = losses(0.02, MultiStepLR, [100, 200])
    tapered = losses(0.0, TEXP, 0.02, [100, 200])
    print("step    rate and loss with decay    rate and loss without")
    for t in (0, 50, 99, 100, 150, 199, 200, 300):
        print(
            "{:4d} {:14.4f} {:12.6f} {:12.4f} {:12.6f}".format(
                t, *stepped[t][::-1], *tapered[t][::-1]
            )
        )
