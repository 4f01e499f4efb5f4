"""Step decay with weight decay, as rates that only grow and drop: TEXP, a scheduler for torch.

Step decay gives phase I, which starts at step T_I (T₀ = 0), the rate η_I and the decay λ_I; the
momentum γ stays. Let α_I be a root of z² − (1 + γ − η_I λ_I) z + γ, real, positive, not γ, and let

    Pₜ = product of the roots of the steps before t,        κ_I = λ_I / (α_I − γ).

On a scale-invariant loss, SGD without decay is the same function at every step, φₜ = θₜ / Pₜ, with

    rate η_I / (Pₜ Pₜ₊₁) at step t of phase I: it grows by α_I⁻² from step to step, and changes by
    η_I / η_(I−1) · 1 / (α_(I−1) α_I) at the first step of a phase;

    buffer b̃ + P² (κ_(I−1) − κ_I) φ in place of b̃ just before that step, and at the very start
    b − κ₀ θ in place of b.

Proof, by induction: b̃ before step t is Pₜ (b − κ_I θₜ), and one step keeps this as it does with a
single phase (exponential_lr.py); at a boundary the correction changes κ_(I−1) into κ_I.

Use. Replace weight decay and drops of the rate by rates that only grow and drop.

    scheduler = TEXP(optimizer, weight_decay=5e-4, milestones=[30, 60])  # an SGD without decay

Units. η is in [θ]², λ and κ are in [θ]⁻², b in [θ]⁻¹; γ, α and P are pure numbers.

Source. TEXP is from Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR
2020, arXiv:1910.07454. Their post, offconvex.org/2020/04/24/ExpLR1, has the growth and the drop;
the factor at the boundary and the correction of the buffer are derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from operator import index
from typing import Any

import torch
from torch import Tensor
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

    The optimizer is a torch.optim.SGD without decay, at the first phase's rate. Step both as you
    would with MultiStepLR: milestones count calls of the scheduler's `step()`, while the rate grows
    with each step that the optimizer takes, and not with one that a GradScaler skips. The decay is
    one for all groups or a list with one for each; a group whose decay is 0 follows plain step
    decay. With `drop_rate=False` the drops are left out: that is the run in which milestones
    multiply the decay by the factor, and leave the rate.

    param_groups[i]["twin"]["scale"] is P of the group: the weights of the run with decay are P
    times those of this one, and its gradients 1/P times these, so clip at max_norm · P: that is
    clip_grad_norm_of_twin(optimizer, max_norm), of clipping_threshold.py. Switch off what clips by
    itself: Hugging Face's Trainer does, at max_grad_norm=1.0 unless it is given 0, and so does
    Lightning's gradient_clip_val. To resume, load the states of optimizer and scheduler, in either
    order.

    Raises ValueError, with the reason, for what has no exact equivalent of this form. Raises
    RuntimeError, before the weights change, where the run ceases to have one: at a step of the
    optimizer if somebody else has set the rate (by hand, or by another scheduler, SequentialLR and
    ChainedScheduler included), the momentum, a decay or the groups; if a parameter of a group with
    decay has no gradient, or no buffer any more; if only one of two states was loaded; and where
    the growing rate comes near the largest float.

    What it cannot see is on you: that the loss is scale invariant in each group with decay (biases,
    scales behind the last normalisation and a noticeable eps are not), and that gradients are not
    clipped otherwise. A copy of the optimizer alone has no scheduler; copy the scheduler.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        weight_decay: Number | Iterable[Number],
        milestones: Iterable[Number],
        factor: float = 0.1,
        drop_rate: bool = True,
    ) -> None:
        if type(optimizer) is not SGD:
            raise ValueError(f"{type(optimizer).__name__} is not torch.optim.SGD itself")
        try:
            self.starts = [0, *map(index, milestones)]
        except TypeError:
            raise ValueError(f"milestones {milestones} must be a list of whole numbers") from None
        if any(late <= early for early, late in pairwise(self.starts)):
            raise ValueError(f"milestones {self.starts[1:]} must increase, from 1 or more")
        if not factor > 0:
            raise ValueError(f"factor = {factor:g} must be positive")
        groups = optimizer.param_groups
        given = torch.as_tensor(weight_decay, dtype=torch.float64)
        decays = given.expand(len(groups)) if given.ndim == 0 else given
        if decays.shape != (len(groups),):
            raise ValueError(f"{given.numel()} weight decays for {len(groups)} parameter groups")
        self.rates: list[list[float]] = []  # by group and phase, like the next two
        self.roots: list[list[float]] = []
        self.shares: list[list[float]] = []
        self.momenta: list[float] = []
        self.taken = 0  # steps of the optimizer
        for number, (group, decay) in enumerate(zip(groups, decays.tolist(), strict=True)):
            loaded = group.get("twin", {}).get("rate", group["lr"])  # of a run that is resumed
            rate, gamma = float(loaded), float(group["momentum"])
            phases = range(len(self.starts))
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
            self.momenta.append(gamma)
        for group, rates in zip(groups, self.rates, strict=True):
            group["lr"] = float(group["lr"])  # a tensor would be shared, and round the rates
            start = {"scale": 1.0, "rate": rates[0], "taken": 0, "phase": -1}
            group.setdefault("twin", start)
        self._follow(optimizer)
        super().__init__(optimizer)  # makes the first step, to the rates of step 0

    def _follow(self, optimizer: Optimizer) -> None:
        optimizer.register_step_pre_hook(self._before)
        optimizer.register_step_post_hook(self._after)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._follow(self.optimizer)  # a copy, which torch makes without hooks

    def get_lr(self) -> list[float | Tensor]:
        """Return the rate η_I / (Pₜ Pₜ₊₁) of the present step for each group."""
        groups, phase = self.optimizer.param_groups, self._phase()
        if any(group["twin"]["taken"] != self.taken for group in groups):
            return [group["lr"] for group in groups]  # half of what is resumed is not yet loaded
        scales = [group["twin"]["scale"] for group in groups]
        return [
            rates[phase] / (scale * (scale * roots[phase]))
            for scale, rates, roots in zip(scales, self.rates, self.roots, strict=True)
        ]

    def step(self, epoch: Number = None) -> None:
        """Go on by one, into the next phase where a milestone is reached."""
        if epoch is not None:
            raise ValueError(f"step({epoch}): TEXP counts by itself; call step() without argument")
        self._check_run()
        super().step()
        self._written = [group["lr"] for group in self.optimizer.param_groups]

    def _phase(self) -> int:
        return bisect_right(self.starts[1:], self.last_epoch)

    @torch.no_grad()
    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        """Correct buffers where a phase begins, and set the rates; first of all, refuse."""
        self._check_run()
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._check_gradients()
        groups, phase = optimizer.param_groups, self._phase()
        rates = self.get_lr()
        for number, group in enumerate(groups):
            steps = group["twin"]["taken"], group["twin"]["phase"]
            if steps[0] != self.taken or steps[1] > phase:
                raise RuntimeError(
                    f"parameter group {number} has taken {steps[0]} steps and is in phase "
                    f"{steps[1]}, the scheduler {self.taken} and {phase}: load the states of "
                    "both, saved at the same time"
                )
            largest = min((torch.finfo(p.dtype).max for p in group["params"]), default=math.inf)
            room = largest * 2.0**-20  # for the size of what is normalised
            if not max(rates[number], group["twin"]["scale"] ** -2) < room:
                raise RuntimeError(
                    f"parameter group {number}: after {self.taken} steps the rate "
                    f"{rates[number]:g} is near the largest float, {largest:g}; call renormalise "
                    "(renormalise.py) now and then, which divides the weights by a power of two"
                )
        for number, group in enumerate(groups):
            shares = [*self.shares[number], 0.0]  # none in the phase before the first, which is −1
            change = shares[group["twin"]["phase"]] - shares[phase]
            group["twin"] = {**group["twin"], "phase": phase}
            if not self.momenta[number] or not change:
                continue
            for parameter in filter(lambda p: p.requires_grad, group["params"]):
                state = optimizer.state[parameter]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                change_of_buffer = change * group["twin"]["scale"] ** 2
                state["momentum_buffer"].add_(parameter, alpha=change_of_buffer)
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        self._written = rates
        return None if closure is None else ((optimizer, self._checked(closure)), {})

    def _checked(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        def checked() -> Any:
            loss = closure()
            self._check_gradients()
            return loss

        return checked

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Count a step that was taken: P goes on to the next."""
        if getattr(optimizer, "found_inf", None):  # a GradScaler skips it inside a fused step
            return
        self.taken += 1
        for group, roots in zip(optimizer.param_groups, self.roots, strict=True):
            twin = group["twin"]
            root = roots[twin["phase"]]
            group["twin"] = {**twin, "scale": twin["scale"] * root, "taken": self.taken}

    def _check_run(self) -> None:
        """Raise RuntimeError where somebody has changed what the equivalence rests on."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.rates):
            raise RuntimeError(
                f"TEXP was built for {len(self.rates)} parameter groups, and there are "
                f"{len(groups)} now; build optimizer and scheduler with all of them"
            )
        for number, group in enumerate(groups):
            if group.get("weight_decay") or "phase" not in group.get("twin", {}):
                raise RuntimeError(
                    f"parameter group {number}: its weight_decay was set, or the checkpoint of "
                    "another run was loaded: TEXP takes the place of weight_decay, which stays 0"
                )
            written = self._written[number] if hasattr(self, "_written") else group["lr"]
            if float(group["lr"]) != written:
                raise RuntimeError(
                    f"parameter group {number}: its lr was changed from {written:g} to "
                    f"{float(group['lr']):g} by hand or by another scheduler: TEXP has to be the "
                    "only one, and not inside SequentialLR or ChainedScheduler; for a warm-up or "
                    "any other schedule with weight decay take without_weight_decay.py"
                )
            if not self.shares[number][0]:
                continue  # without decay there is nothing to keep
            if float(group["momentum"]) != self.momenta[number]:
                raise RuntimeError(
                    f"parameter group {number}: its momentum was changed from "
                    f"{self.momenta[number]:g} to {float(group['momentum']):g}, and the roots "
                    "belong to the one at the start"
                )
            if group["nesterov"] or (group["momentum"] and group["dampening"]):
                raise RuntimeError(
                    f"parameter group {number}: nesterov or dampening was set, which has no twin "
                    "of this form"
                )

    def _check_gradients(self) -> None:
        """Raise RuntimeError where a parameter with decay would sit out, or has lost its buffer."""
        for number, group in enumerate(self.optimizer.param_groups):
            if not self.shares[number][0]:
                continue
            for parameter in group["params"]:
                state = self.optimizer.state.get(parameter, {})
                trained = parameter.requires_grad or "momentum_buffer" in state
                if trained and parameter.grad is None:
                    raise RuntimeError(
                        f"parameter group {number}: a parameter has no gradient, and SGD would "
                        "leave it out, decay and all; put it into a group with decay 0"
                    )
                if trained and self.taken and self.momenta[number] and not state:
                    raise RuntimeError(
                        f"parameter group {number}: a parameter has no momentum buffer; it was "
                        "added or unfrozen after the start, or the optimizer's state was cleared"
                    )


def _check(group: dict[str, Any], decay: float) -> None:
    """Raise ValueError where a group is not SGD without decay of a kind that has a twin."""
    if group["weight_decay"]:
        raise ValueError("set the optimizer's own weight_decay to 0: TEXP takes its place")
    if len({id(p) for p in group["params"]}) < len(group["params"]):
        raise ValueError("it lists a parameter twice; name tied weights once")
    if "twin" in group and "phase" not in group["twin"]:
        raise ValueError("it is of another twin already, and has no decay to take out")
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
