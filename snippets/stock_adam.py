"""Turn a torch AdamW into a stock Adam without decay that trains the same function.

If the loss does not see the length of the weights, AdamW is Adam without decay in other settings,
whatever its own schedule. Let n be the number of a step (1, 2, … since the optimizer's start),
aₙ = 1 − ηₙλₙ, and, from the step at which the twin takes over, c = r = q = a = 1 and, before each
step,

    r ← 1 − β₁ + β₁ a r        b₁ = 1 − (1 − β₁)/r        (a is that of the step before)
    q ← 1 − β₂ + β₂ a² q       b₂ = 1 − (1 − β₂)/q

Adam with the betas b₁ and b₂, changing from step to step, has the moments cm/r and c²v/q. What
torch does to them for bias is undone by its rate and its eps:

    κ₁ = r (1 − b₁ⁿ)/(1 − β₁ⁿ),    κ₂ = q (1 − b₂ⁿ)/(1 − β₂ⁿ)
    lr = ηₙ κ₁ / (c aₙ √κ₂),       eps = c ε / √κ₂,       then a = aₙ and c ← c aₙ.

Its weights are 1/c times those of the run with decay. With constant η and λ, r and q settle, the
betas at β₁a and β₂a², and the rate grows by 1/a at every step.

The weights would grow for ever. So, when c has fallen below ½, c and the first moments are
multiplied by the power of two that brings c back to [½, 1), the second moments by its square, and
the weights divided by it, which changes no digit of a number that stays normal: weights are never
more than twice as long as those with decay.

Use. Take weight decay out of my AdamW, whatever its schedule.

    new = stock_adam(adamw)
    new.step()  # and adamw no more, but leave its schedulers on it

Units. η is in [θ], λ in [θ]⁻¹, ε in [θ]⁻¹; c, r, q and the betas are pure numbers.

Source. Derived here, for Adam and AdamW as in torch.optim.
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
from torch.optim import Adam, AdamW, Optimizer

Number = Any  # a float; a symbol, where a formula is to be exact
State = dict[str, Any]


def fresh_state() -> State:
    """Return c, r, q and the a of the step before, as they are when the twin takes over."""
    return {"scale": 1.0, "first": 1.0, "second": 1.0, "shrink": 1.0}


def adam_settings(
    count: Number,
    rate: Number,
    shrink: Number,
    betas: tuple[Number, Number],
    eps: Number,
    state: State,
    root: Callable[[Number], Number] = math.sqrt,
) -> tuple[dict[str, Any], State]:
    """Return lr, betas and eps of the twin for the n-th step, at which AdamW has η and a = shrink.

    And the state to use for the next step.
    """
    (beta1, beta2), scale = betas, state["scale"]
    first = 1 - beta1 + beta1 * state["shrink"] * state["first"]
    second = 1 - beta2 + beta2 * state["shrink"] ** 2 * state["second"]
    new = 1 - (1 - beta1) / first, 1 - (1 - beta2) / second
    first_bias = first * (1 - new[0] ** count) / (1 - beta1**count)
    second_bias = root(second * (1 - new[1] ** count) / (1 - beta2**count))
    lr = rate * first_bias / (scale * shrink * second_bias)
    settings = {"lr": lr, "betas": new, "eps": scale * eps / second_bias}
    return settings, {"scale": scale * shrink, "first": first, "second": second, "shrink": shrink}


def twin_settings(
    group: dict[str, Any], state: State, counts: set[int]
) -> tuple[dict[str, Any], State]:
    """Return the twin's settings for a step of a group with these, and c, r, q and a after it.

    counts holds how many steps each parameter of the group has taken.

    Raises ValueError where there is no such twin.
    """
    rate, decay, eps = (float(group[name]) for name in ("lr", "weight_decay", "eps"))
    betas = float(group["betas"][0]), float(group["betas"][1])
    settings = {"lr": rate, "betas": betas, "eps": eps, "weight_decay": 0.0}
    settings["maximize"] = group["maximize"]
    _refuse_unfit(group)
    if decay == 0 and state == fresh_state():
        return settings, state
    if len(counts) > 1:
        raise ValueError(
            f"its parameters have taken {sorted(counts)} steps, and one count is needed; "
            "give those that joined later a group of their own"
        )
    if not 0 <= rate * decay < 1:
        raise ValueError(
            f"lr · weight_decay = {rate * decay:g} is not in [0, 1), so the weights of the twin "
            "are no positive multiple of those with decay; lower one of the two"
        )
    (count,) = counts
    changed, state = adam_settings(count + 1, rate, 1 - rate * decay, betas, eps, state)
    return settings | changed, state


def _refuse_unfit(group: dict[str, Any]) -> None:
    """Raise ValueError for a group of AdamW that has no twin of this kind, whatever its decay."""
    if not group["decoupled_weight_decay"]:
        raise ValueError(
            "its decay goes through the moments, as it does in torch.optim.Adam, and no rate, "
            "betas and eps can take its place; this is for torch.optim.AdamW, or Adam with "
            "decoupled_weight_decay=True"
        )
    if group["amsgrad"]:
        raise ValueError(
            "amsgrad's running maximum compares gradients of different lengths; turn it off"
        )
    if group["capturable"]:
        raise ValueError("capturable fixes the settings in a graph, and they change at every step")
    if group["differentiable"]:
        raise ValueError(
            "it is differentiable, and its twin's settings are plain numbers; turn that off"
        )


MARK = "rules a twin"  # in each group of the old optimizer's state_dict(), once it is converted

# What is read from the old group, and written into the new one, at every step.
WRITTEN = ("lr", "betas", "eps", "weight_decay", "maximize")


class DecayFreeAdam(Adam):
    """The Adam that stock_adam returns. `rule` is the old optimizer."""

    def __init__(self, rule: Adam) -> None:
        """Take over the state and the parameters of an AdamW, which stock_adam has read."""
        groups = []
        for group in rule.param_groups:
            copy = {**group, "params": list(group["params"]), "weight_decay": 0.0}
            copy["lr"] = float(group["lr"])  # a tensor would be shared, and round the rate
            copy["betas"] = float(group["betas"][0]), float(group["betas"][1])
            copy["decoupled_weight_decay"] = False
            # GradScaler calls a fused optimizer even where it skips the step.
            copy["fused"] = None if group["fused"] else group["fused"]
            copy.pop("initial_lr", None)
            written = {name: copy[name] for name in WRITTEN}
            groups.append({**copy, "twin": {**fresh_state(), "taking": [], "written": written}})
        common = {**rule.defaults, "lr": float(rule.defaults["lr"]), "weight_decay": 0.0}
        super().__init__(groups, **{**common, "fused": None, "decoupled_weight_decay": False})
        self.state.update(rule.state)
        for state in self.state.values():
            state["step"] = torch.as_tensor(state["step"]).cpu()  # where torch has it, if not fused
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
        inspect.unwrap(Adam.step)(self)  # without the hooks, which run around this step
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
        counts = {int(one.get("step", 0)) for one in states}
        settings, state = twin_settings(rule, state, counts)
        return settings, {**state, "taking": taking}

    def _renormalise(self, group: dict[str, Any]) -> None:
        """Bring c back to [½, 1) if it is below, by a power of two."""
        power = 2.0 ** -math.frexp(group["twin"]["scale"])[1]
        if power <= 1:
            return
        for parameter in compress(group["params"], group["twin"]["taking"]):
            parameter /= power
            self.state[parameter]["exp_avg"] *= power
            self.state[parameter]["exp_avg_sq"] *= power**2
        group["twin"]["scale"] *= power

    def state_dict(self) -> dict[str, Any]:
        """Return torch's, with c, r, q, a and the old one's present settings in each group."""
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
                    "this is no checkpoint of an optimizer that stock_adam returned; "
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


def _retire(rule: Adam) -> None:
    vars(rule)["step"] = _refuse_step
    rule.register_state_dict_post_hook(_mark)
    rule.register_load_state_dict_pre_hook(_refuse_load)


def stock_adam(optimizer: Optimizer) -> Adam:
    """Return a torch.optim.Adam without decay that trains the same function as this AdamW would.

    Step the new optimizer, and the old one no more; and give it to all else that an optimizer is
    given to (zero_grad, unscale_, clipping), but schedulers. The old one still rules: its lr,
    weight_decay, betas, eps and maximize are read before every step, so its schedulers go on as
    they were. The new one takes over its moments and step counts, at any time of a run.

        old = AdamW(groups, lr=3e-4, weight_decay=0.1)
        scheduler = CosineAnnealingLR(old, 1000)
        new = stock_adam(old)

    Lightning takes no scheduler of an optimizer that it does not step: step it yourself there, in
    on_train_batch_end, and keep its state in the checkpoint.

    `new.param_groups[i]["twin"]["scale"]` is c of the group: c times the weights are those of the
    run with decay. A checkpoint is `new.state_dict()` and that of the scheduler; the former holds
    the old optimizer's settings, too. A step that did not happen (GradScaler) has no part in c. A
    group without decay stays as it is, and so does one without a gradient.

    Raises ValueError, naming the group, for what has no twin of this kind: decay that goes through
    the moments, as in Adam and optimizers other than torch.optim.AdamW itself; amsgrad; groups that
    are capturable, differentiable, or list a parameter twice. Also for an optimizer that was
    converted before, or has loaded a checkpoint of one that was. Afterwards, at a step and with
    nothing changed, in a group with decay: for ηλ outside [0, 1); for parameters of one group that
    have taken different numbers of steps; and for other parameters with a gradient than before. Or
    for a scheduler that was put on the new optimizer, and other changes to its settings from
    outside. RuntimeError for a step of the old one.

    What it cannot see is on you. The loss must be scale invariant in each group with decay while
    the others stay as they are: a bias, a trained scale after a normalisation, and a
    normalisation's eps where it is not negligible are not. The gradients of the twin are c times as
    long as those with decay. Clip them with clipping_threshold.py, in place of clip_grad_norm_,

        clip_grad_norm_of_twin(new, max_norm)

    and switch off what clips by itself: Hugging Face's Trainer does, at max_grad_norm=1.0 unless it
    is given 0, and so does Lightning's gradient_clip_val. Average c times the weights, and divide
    by c what has their length, as the radius of SAM. Weights that are put back, as the best so far,
    belong to the c of their time: put back the optimizer's state with them. Gradients do so, too:
    zero them after every step. Batch norm's running statistics lag behind the weights, and jump
    where c is renormalised: collect them afresh before evaluation (running_statistics.py). Rounding
    is other than in the run with decay, in float64 by some 1e-16/(1 − β₂) a step; training may
    amplify it.
    """
    if not isinstance(optimizer, Adam) or type(optimizer) not in (Adam, AdamW):
        raise ValueError(
            f"{type(optimizer).__name__} is not torch.optim.AdamW itself, for which alone this "
            "holds (and for Adam with decoupled_weight_decay=True, which is the same)"
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
        try:
            _refuse_unfit(group)
        except ValueError as error:
            raise ValueError(f"parameter group {number}: {error}") from None
    return DecayFreeAdam(optimizer)


if __name__ == "__main__":
    from torch import Tensor, nn
    from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

    torch.manual_seed(0)
    inputs = torch.randn(64, 8, dtype=torch.float64)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
    with_decay = nn.Sequential(
        nn.Linear(8, 32, bias=False),
        nn.LayerNorm(32, eps=1e-100, elementwise_affine=False),
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

    def optimizer_for(model: nn.Sequential) -> tuple[AdamW, SequentialLR]:
        """Return an AdamW with one group for each layer, a warm-up and a fall."""
        first, second = (list(model[number].parameters()) for number in (0, 3))
        groups: list[dict[str, Any]] = [{"params": first}, {"params": second, "lr": 0.01}]
        optimizer = AdamW(groups, lr=0.02, weight_decay=0.2)
        parts = LinearLR(optimizer, 0.1, total_iters=20), CosineAnnealingLR(optimizer, 280)
        return optimizer, SequentialLR(optimizer, list(parts), [20])

    old, schedule = optimizer_for(with_decay)
    rule, other_schedule = optimizer_for(without_decay)
    new = stock_adam(rule)
    print("           loss                of the first layer's group")
    print("step   with  without       lr   beta1   beta2       c   ‖w‖ with  c‖w‖ without")
    for step in range(301):
        losses = loss(with_decay), loss(without_decay)
        group = new.param_groups[0]
        scale = group["twin"]["scale"]
        norms = [next(m.parameters()).norm().item() for m in (with_decay, without_decay)]
        old.step()
        new.step()
        schedule.step()
        other_schedule.step()
        if step % 50 == 0:
            row = step, *losses, group["lr"], *group["betas"], scale, norms[0], scale * norms[1]
            print(
                "{:4d} {:6.4f} {:8.4f} {:8.4f} {:7.4f} {:7.4f} {:7.4f} {:10.5f} {:14.5f}".format(
                    *row
                )
            )
