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

Units. η is in [θ], λ in [θ]⁻¹, ε in [θ]⁻¹; c, r, q and the betas are pure numbers.

Source. Derived here, for Adam and AdamW as in torch.optim.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Adam, AdamW, Optimizer

Number = Any  # a float; a symbol, where a formula is to be exact
State = dict[str, Number]


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


def twin_settings(count: int, group: dict[str, Any], state: State) -> tuple[dict[str, Any], State]:
    """Return adam_settings for lr, weight_decay, betas and eps of a parameter group of AdamW.

    Raises ValueError where ηλ is not below 1, or negative.
    """
    rate, decay = float(group["lr"]), float(group["weight_decay"])
    if not 0 <= rate * decay < 1:
        raise ValueError(
            f"step {count}: lr · weight_decay = {rate * decay:g} is not in [0, 1), so the weights "
            "of the twin are no positive multiple of those with decay; lower one of the two"
        )
    return adam_settings(count, rate, 1 - rate * decay, group["betas"], group["eps"], state)


def stock_adam(optimizer: Optimizer) -> Adam:
    """Return a torch.optim.Adam without decay that trains the same function as this AdamW would.

    Step the new optimizer, and the old one no more. The old one still rules: its lr, weight_decay,
    betas and eps are read before every step, so its schedulers go on as they were. Moments that
    already run are carried over. param_groups[i]["twin"]["scale"] is c of the group.

    Raises ValueError, naming the group, for what has no twin of this kind: another optimizer than
    torch.optim.AdamW itself (Adam with weight_decay puts the decay through its moments); amsgrad;
    capturable settings; parameters of one group that have taken different numbers of steps; at a
    step, ηλ outside [0, 1), a parameter without a gradient, or a closure.

    What it cannot see is on you: that the loss is scale invariant in each group with decay while
    the others stay as they are (a bias and a trained scale after a normalisation are not, and
    belong in a group without decay), with a negligible eps in the normalisations; that gradients
    are not clipped; and that the growing rate and weights stay within the range of their floats.
    """
    if type(optimizer) is not AdamW:
        raise ValueError(
            f"{type(optimizer).__name__} is not torch.optim.AdamW itself; with decay inside the "
            "moments, as in torch.optim.Adam, no rate, betas and eps can take its place"
        )
    groups, counts = [], []
    for number, group in enumerate(optimizer.param_groups):
        steps = {int(optimizer.state.get(p, {}).get("step", 0)) for p in group["params"]}
        reason = None
        if group["amsgrad"]:
            reason = (
                "amsgrad's running maximum compares gradients of different lengths; turn it off"
            )
        elif group["capturable"]:
            reason = "capturable fixes the settings in a graph, and they change at every step"
        elif len(steps) > 1:
            reason = f"its parameters have taken {sorted(steps)} steps; one count is needed"
        if reason:
            raise ValueError(f"parameter group {number}: {reason}")
        copy = {**group, "weight_decay": 0.0, "decoupled_weight_decay": False}
        groups.append({**copy, "twin": fresh_state()})
        counts.append(steps.pop())
    twin = Adam(groups)
    for parameter, state in optimizer.state.items():
        twin.state[parameter] = {name: value.clone() for name, value in state.items()}

    def before_step(twin: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if len(args) > 1 or kwargs:  # the first is the optimizer itself
            raise ValueError("step() with a closure is not followed; call backward() before step()")
        for number, group in enumerate(twin.param_groups):
            if any(p.requires_grad and p.grad is None for p in group["params"]):
                raise ValueError(
                    f"parameter group {number}: a parameter has no gradient, and AdamW would leave "
                    "it out, decay and all; put it into a group of its own"
                )
        planned = [
            twin_settings(counts[number] + 1, optimizer.param_groups[number], group["twin"])
            for number, group in enumerate(twin.param_groups)
        ]
        for number, (settings, state) in enumerate(planned):
            counts[number] += 1
            twin.param_groups[number].update(settings, twin=state)

    twin.register_step_pre_hook(before_step)
    return twin


if __name__ == "__main__":
    from copy import deepcopy

    from torch import nn

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

    def adamw(model: nn.Module) -> AdamW:
        """Return an AdamW with a group for each layer, since each is invariant by itself."""
        groups = [{"params": model[0].parameters()}, {"params": model[3].parameters(), "lr": 0.01}]
        return AdamW(groups, lr=0.02, weight_decay=0.1)

    old, rule = adamw(with_decay), adamw(without_decay)
    new = stock_adam(rule)
    print("step         loss            of the first layer's group")
    print("       with  without        lr    beta1    beta2       eps    ‖w‖ with  without")
    for step in range(251):
        losses = []
        for model, optimizer, settings in [(with_decay, old, old), (without_decay, new, rule)]:
            for group in settings.param_groups:  # warm up, then fall
                group["lr"] = (0.02 if group is settings.param_groups[0] else 0.01) * min(
                    (step + 1) / 20, 1 - step / 300
                )
            model.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            losses.append(loss.item())
            optimizer.step()
        if step % 50 == 0:
            group = new.param_groups[0]
            norms = [model[0].weight.norm().item() for model in (with_decay, without_decay)]
            row = step, *losses, group["lr"], *group["betas"], group["eps"], *norms
            print(
                "{:4d} {:7.4f} {:7.4f} {:9.4f} {:8.4f} {:8.4f} {:9.1e} {:9.3f} {:8.3f}".format(*row)
            )
