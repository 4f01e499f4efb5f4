"""Take the decay of scale-invariant weights out of torch's SGD: the same functions at every step.

If the loss does not see the length of the weights, SGD with rates ηₜ, decays λₜ, momenta γₜ and
dampenings τₜ, whatever their schedule, is SGD without decay at other rates. Run the optimizer on a
single number c that has no loss, from c = 1 and d = 0 where the twin takes over; at each step

    d ← γₜ d + (1 − τₜ) λₜ c,        c′ = c − ηₜ d,        the twin's rate is ηₜ / (c c′),

and then c ← c′. (Torch does not dampen a first gradient, so there is no τₜ until a buffer runs.)
As long as c is positive, the weights of the twin are 1/c times those of the run with decay. It
starts from the same buffers and has the same momenta. scalar_run.py has the proof. It holds for
each parameter group by itself, with c and d of its own, if the loss is scale invariant in the
group's parameters together while those of the other groups stay as they are.

The weights would grow for ever. So, when c has fallen below ½, c, d and the buffers are multiplied
by the power of two that brings c back to [½, 1), and the weights divided by it, which changes no
digit of a number that stays normal (renormalise.py): weights are never more than twice as long as
those with decay.

Use. Take weight decay out of my SGD, whatever its schedule.

    new = without_weight_decay(sgd)
    new.step()  # and sgd no more, but leave its schedulers on it

Units. ηₜ is in [θ]², λₜ and d are in [θ]⁻²; γₜ, τₜ and c are pure numbers.

Source. The idea is that of the general theorem of Li and Arora, "An Exponential Learning Rate
Schedule for Deep Learning", ICLR 2020, arXiv:1910.07454; the form here is derived in scalar_run.py.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from copy import deepcopy
from itertools import compress
from typing import Any

import torch
from torch.optim import SGD, Optimizer

Number = Any  # a float; a Fraction or a symbol, where the run is to be exact
State = dict[str, Any]


def fresh_state() -> State:
    """Return c and d as they are when the twin takes over."""
    return {"scale": 1.0, "push": 0.0}


def scalar_step(
    scale: Number, push: Number, rate: Number, decay: Number, momentum: Number, share: Number
) -> tuple[Number, Number]:
    """Return c and d after a step of SGD on a scalar without a loss; share is 1 − τ, or 1."""
    push = momentum * push + share * decay * scale
    return scale - rate * push, push


def twin_settings(
    group: dict[str, Any], state: State, running: set[bool]
) -> tuple[dict[str, Any], State]:
    """Return the twin's settings for a step of a group with these, and c and d after it.

    running holds whether each parameter of the group has a momentum buffer already.

    Raises ValueError where there is no such twin.
    """
    rate, decay = float(group["lr"]), float(group["weight_decay"])
    momentum, dampening = float(group["momentum"]), float(group["dampening"])
    settings = {name: group[name] for name in WRITTEN} | {"lr": rate, "weight_decay": 0.0}
    if decay == 0 and state == fresh_state():
        return settings, state
    if not (rate >= 0 and decay >= 0):
        raise ValueError(f"lr = {rate:g} and weight_decay = {decay:g} must not be negative")
    if group["nesterov"]:
        raise ValueError(
            "nesterov momentum with weight decay has no twin without decay of this form; "
            "set nesterov=False, or weight_decay=0 from the start"
        )
    if momentum == 0 and True in running:
        raise ValueError(
            "momentum = 0 leaves torch's buffers as they are, for a later step that would have no "
            "twin; use a small positive momentum, or convert after the momentum has gone and "
            "clear the buffers: old.state.clear()"
        )
    if momentum and dampening and len(running) > 1:
        raise ValueError(
            "some of its parameters have a momentum buffer and some have none, and torch dampens "
            "only the former; set dampening=0"
        )
    if state["push"] and len(running) > 1:
        raise ValueError(
            "some of its parameters have lost their momentum buffer: clear all of a group, or none"
        )
    share = 1 - dampening if momentum and True in running else 1.0
    push = state["push"] if True in running else 0.0  # buffers that were cleared held it, too
    scale, push = scalar_step(state["scale"], push, rate, decay, momentum, share)
    if not scale > 0:
        raise ValueError(
            f"lr = {rate:g}, weight_decay = {decay:g} and momentum = {momentum:g} take c from "
            f"{state['scale']:g} to {scale:g}, which is not positive, so the weights of the twin "
            "are no positive multiple of those with decay; lower lr or weight_decay"
        )
    settings["lr"] = rate / (state["scale"] * scale)
    return settings, {"scale": scale, "push": push if momentum else 0.0}


MARK = "rules a twin"  # in each group of the old optimizer's state_dict(), once it is converted

# What is read from the old group, and written into the new one, at every step.
WRITTEN = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")


class DecayFreeSGD(SGD):
    """The SGD that without_weight_decay returns. `rule` is the old optimizer."""

    def __init__(self, rule: SGD) -> None:
        """Take over the state and the parameters of an SGD, which without_weight_decay has read."""
        groups = []
        for group in rule.param_groups:
            copy = {**group, "params": list(group["params"]), "weight_decay": 0.0}
            copy["lr"] = float(group["lr"])  # a tensor would be shared, and round the rate
            # GradScaler calls a fused optimizer even where it skips the step.
            copy["fused"] = None if group["fused"] else group["fused"]
            copy.pop("initial_lr", None)
            written = {name: copy[name] for name in WRITTEN}
            groups.append({**copy, "twin": {**fresh_state(), "taking": [], "written": written}})
        common = {**rule.defaults, "lr": float(rule.defaults["lr"]), "weight_decay": 0.0}
        super().__init__(groups, **{**common, "fused": None})
        self.state.update(rule.state)
        rule.state.clear()
        for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
            vars(self)[hooks] = vars(rule)[hooks]  # others' hooks go on, around the new steps
        self.rule = rule
        _retire(rule)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make the step that the old optimizer would have made, at its present settings.

        Raises ValueError, with no weight, state or setting changed, where there is no such step.
        """
        if torch.compiler.is_compiling():  # that would round the scalars, or fail at them
            return torch.compiler.disable(self._step)(closure)
        return self._step(closure)

    @torch.no_grad()
    def _step(self, closure: Callable[[], Any] | None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        plans = self._plans()
        for group, (settings, _) in zip(self.param_groups, plans, strict=True):
            group.update(settings, twin={**group["twin"], "written": settings})
        inspect.unwrap(SGD.step)(self)  # without the hooks, which run around this step
        for group, (_, state) in zip(self.param_groups, plans, strict=True):
            group["twin"] = {**group["twin"], **state}
            self._renormalise(group)
        vars(self.rule)["_opt_called"] = True  # schedulers ask the old one whether it was stepped
        return loss

    def _plans(self) -> list[tuple[dict[str, Any], State]]:
        """Return for each group its settings in this step, and what its twin is after it."""
        rules = self.rule.param_groups
        members = [[[id(p) for p in g["params"]] for g in x] for x in (self.param_groups, rules)]
        if members[0] != members[1]:
            raise ValueError(
                "the old and the new optimizer have other parameters than at the conversion; add "
                "all groups to the old one before it is converted"
            )
        plans = []
        for number, group in enumerate(self.param_groups):
            try:
                plans.append(self._plan(group, rules[number]))
            except ValueError as error:
                raise ValueError(f"parameter group {number}: {error}") from None
        return plans

    def _plan(self, group: dict[str, Any], rule: dict[str, Any]) -> tuple[dict[str, Any], State]:
        twin = group["twin"]
        changed = [name for name, value in twin["written"].items() if group[name] != value]
        if changed or "initial_lr" in group:
            raise ValueError(
                f"{', '.join(changed) or 'initial_lr'} of the new optimizer was set from outside, "
                "and is the twin's own; put schedulers and changes on the old optimizer, which "
                "is read before every step"
            )
        taking = [p.grad is not None for p in group["params"]]
        if True not in taking:  # torch leaves the group out
            return twin["written"], {}
        state = {name: twin[name] for name in fresh_state()}
        if state != fresh_state() and taking != twin["taking"]:
            raise ValueError(
                f"{sum(taking)} of its {len(taking)} parameters have a gradient, and not the same "
                f"ones as before ({sum(twin['taking'])}); torch leaves out those without, decay "
                "and all, and they would part from the others: give them a group of their own"
            )
        states = [self.state.get(p, {}) for p in compress(group["params"], taking)]
        running = {one.get("momentum_buffer") is not None for one in states}
        settings, state = twin_settings(rule, state, running)
        return settings, {**state, "taking": taking}

    def _renormalise(self, group: dict[str, Any]) -> None:
        """Bring c back to [½, 1) if it is below, by a power of two."""
        power = 2.0 ** -math.frexp(group["twin"]["scale"])[1]
        if power <= 1:
            return
        for parameter in compress(group["params"], group["twin"]["taking"]):
            parameter /= power
            buffer = self.state.get(parameter, {}).get("momentum_buffer")
            if buffer is not None:
                buffer *= power
        for name in ("scale", "push"):
            group["twin"][name] *= power

    def state_dict(self) -> dict[str, Any]:
        """Return torch's, with c, d and the old optimizer's present settings in each group."""
        saved = super().state_dict()
        for number, group in enumerate(saved["param_groups"]):
            rule = {k: v for k, v in self.rule.param_groups[number].items() if k != "params"}
            group["twin"] = deepcopy({**group["twin"], "rule": rule})
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what state_dict returned, and put the settings back into the old optimizer.

        Raises ValueError for anything else, the run with decay for one, before it changes anything.
        """
        names = {*fresh_state(), "taking", "written", "rule"}
        for group in state_dict["param_groups"]:
            if set(group.get("twin", ())) != names:
                raise ValueError(
                    "this is no checkpoint of an optimizer that without_weight_decay returned; "
                    "load one of the run with decay into the old optimizer, and convert it then"
                )
        super().load_state_dict(state_dict)
        for number, group in enumerate(self.param_groups):
            self.rule.param_groups[number].update(group["twin"].pop("rule"))

    def __getstate__(self) -> dict[str, Any]:
        """Let copies and pickles keep the old optimizer."""
        return {**super().__getstate__(), "rule": self.rule}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what __getstate__ returned, or load_state_dict."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        if "rule" in state:
            _retire(self.rule)


def _refuse_step(*_: Any, **__: Any) -> None:
    raise RuntimeError("this optimizer only rules another now; step the new one instead")


# Schedulers wrap the step of their optimizer, to see whether it was called, unless it has this.
vars(_refuse_step)["_wrapped_by_lr_sched"] = True


def _mark(_: Optimizer, saved: dict[str, Any]) -> None:
    for group in saved["param_groups"]:
        group[MARK] = True


def _refuse_load(_: Optimizer, saved: dict[str, Any]) -> None:
    if not all(MARK in group for group in saved["param_groups"]):
        raise ValueError(
            "this optimizer only rules another now; load a checkpoint of the run with decay before "
            "converting it, and one of the run without into the new optimizer"
        )


def _retire(rule: SGD) -> None:
    vars(rule)["step"] = _refuse_step
    rule.register_state_dict_post_hook(_mark)
    rule.register_load_state_dict_pre_hook(_refuse_load)


def without_weight_decay(optimizer: Optimizer) -> SGD:
    """Return a torch.optim.SGD without decay that trains the same function as this one would.

    Step the new optimizer, and the old one no more; and give it to all else that an optimizer is
    given to (zero_grad, unscale_, clipping), but schedulers. The old one still rules: its lr,
    weight_decay, momentum, dampening, nesterov and maximize are read before every step, so its
    schedulers go on as they were. The new one takes over its momentum buffers, at any time of a
    run.

        old = SGD(groups, lr=0.1, momentum=0.9, weight_decay=5e-4)
        scheduler = CosineAnnealingLR(old, 1000)
        new = without_weight_decay(old)

    Lightning takes no scheduler of an optimizer that it does not step: step it yourself there, in
    on_train_batch_end, and keep its state in the checkpoint.

    `new.param_groups[i]["twin"]["scale"]` is c of the group, and ["push"] is d: c times the weights
    are those of the run with decay. Who multiplies both by a power of two has to divide the weights
    by it and multiply the buffers; lr is written anew at every step. A checkpoint is
    `new.state_dict()` and that of the scheduler; the former holds the old optimizer's settings,
    too. A step that did not happen (GradScaler) has no part in c. A group without decay stays as it
    is, and so does one without a gradient.

    Raises ValueError for another optimizer than torch.optim.SGD itself, for one that was converted
    before or has loaded a checkpoint of one that was, and for groups that are differentiable or
    list a parameter twice. Afterwards, at a step and with nothing changed, for what has no exact
    equivalent of this form, in a group with decay: nesterov momentum; rates or decays that take c
    to zero or below, or are negative; a momentum of 0 while buffers exist; buffers of which some
    were cleared and some not; and other parameters with a gradient than before. Or for a scheduler
    that was put on the new optimizer, and other changes to its settings from outside. RuntimeError
    for a step of the old one.

    What it cannot see is on you. The loss must be scale invariant in each group with decay, as the
    module says: a bias, a trained scale after a normalisation, and batch norm's eps where it is not
    negligible are not. The gradients of the twin are c times as long as those with decay. Clip
    them with clipping_threshold.py, in place of clip_grad_norm_,

        clip_grad_norm_of_twin(new, max_norm)

    and switch off what clips by itself: Hugging Face's Trainer does, at max_grad_norm=1.0 unless it
    is given 0, and so does Lightning's gradient_clip_val. Average c times the weights, and divide
    by c what has their length, as the radius of SAM. Weights that are put back, as the best so far,
    belong to the c of their time: put back the optimizer's state with them. Gradients do so, too:
    zero them after every step. Batch norm's running statistics lag behind the weights, and jump
    where c is renormalised: collect them afresh before evaluation (running_statistics.py). Rounding
    is other than in the run with decay, by some 1e-16 a step in float64, and training may amplify
    it.
    """
    if type(optimizer) is not SGD:
        raise ValueError(
            f"{type(optimizer).__name__} is not torch.optim.SGD itself, for which alone this holds"
        )
    if vars(optimizer).get("step") is _refuse_step:
        raise ValueError("this optimizer was converted before; go on with the new one")
    for number, group in enumerate(optimizer.param_groups):
        if len({id(p) for p in group["params"]}) < len(group["params"]):
            raise ValueError(
                f"parameter group {number} lists a parameter twice, which torch steps twice, and "
                "which has no twin; name tied weights once"
            )
        if "twin" in group or MARK in group:
            raise ValueError(
                f"parameter group {number} is from a checkpoint of a run without decay; load that "
                "of the new optimizer into the new one: convert first, then new.load_state_dict(…)"
            )
        if group["differentiable"]:
            raise ValueError(
                f"parameter group {number} is differentiable, and its twin's rates are plain "
                "numbers; set differentiable=False"
            )
    return DecayFreeSGD(optimizer)


if __name__ == "__main__":
    from torch import Tensor, nn
    from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 8, generator=generator, dtype=torch.float64)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
    torch.manual_seed(0)
    with_decay = nn.Sequential(
        nn.Linear(8, 32, bias=False),
        nn.BatchNorm1d(32, eps=1e-100, affine=False),
        nn.ReLU(),
        nn.Linear(32, 2, bias=False),
        nn.BatchNorm1d(2, eps=1e-100, affine=False),
    ).double()
    without_decay = deepcopy(with_decay)

    def loss(model: nn.Module) -> Tensor:
        """Return the loss on all the data, with its gradient in the model's parameters."""
        model.zero_grad()
        value = nn.functional.cross_entropy(model(inputs), labels)
        torch.autograd.backward(value)
        return value

    def optimizer_for(model: nn.Sequential) -> tuple[SGD, SequentialLR]:
        """Return an SGD with one group for each layer, a warm-up and a fall."""
        first, second = (list(model[number].parameters()) for number in (0, 3))
        groups: list[dict[str, Any]] = [{"params": first}, {"params": second, "lr": 0.05}]
        optimizer = SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01)
        parts = LinearLR(optimizer, 0.1, total_iters=20), CosineAnnealingLR(optimizer, 280)
        return optimizer, SequentialLR(optimizer, list(parts), [20])

    old, schedule = optimizer_for(with_decay)
    rule, other_schedule = optimizer_for(without_decay)
    new = without_weight_decay(rule)
    print("           loss           of the first layer's group")
    print("step   with  without   lr with  without        c     ‖w‖ with  c‖w‖ without")
    for step in range(301):
        losses = loss(with_decay), loss(without_decay)
        scale = new.param_groups[0]["twin"]["scale"]
        norms = [next(m.parameters()).norm().item() for m in (with_decay, without_decay)]
        rate = old.param_groups[0]["lr"]
        old.step()
        new.step()
        schedule.step()
        other_schedule.step()
        if step % 50 == 0:
            row = step, *losses, rate, new.param_groups[0]["lr"], scale, norms[0], scale * norms[1]
            print("{:4d} {:6.4f} {:8.4f} {:9.4f} {:8.4f} {:8.4f} {:12.5f} {:14.5f}".format(*row))
