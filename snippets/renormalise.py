"""Let a learning rate grow for ever: now and then, take a power of two out of the weights.

On a loss that does not see the length of a group's weights, SGD from (2ᵏθ, 2⁻ᵏb) with the rate 4ᵏη
and the decay 4⁻ᵏλ is the run from (θ, b) with η and λ, its weights multiplied by 2ᵏ. Powers of two
change nothing but exponents, so this is so bit for bit, as long as all numbers stay in range, zero
or normal. Hence a run whose rate is multiplied by some B > 1 at every step, and whose weights grow
with √B, need never leave the range of its floats.

    for batch in data:
        …; optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= growth
        k = balancing_exponent(optimizer.param_groups[0])
        renormalise(optimizer, [[the normalisers behind group 0], []], [k, 0])

A normaliser behind a group has an input that is proportional to the group's weights: a batch norm
after a layer without bias, say. Its ε goes with 4ᵏ, its running mean with 2ᵏ, the variance with 4ᵏ.

Use. Keep weights and a rate that grow for ever in the range of floats.

    exponents = [balancing_exponent(group) for group in optimizer.param_groups]
    renormalise(optimizer, [normalisers], exponents)

Units. θ and the running mean are in [θ], b in [θ]⁻¹, η, ε and the running variance in [θ]², λ in
[θ]⁻².
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

EXPONENT = "renormalise_exponent"  # the key of state_dict() that says by which 2ᵏ in all
SMALLEST = torch.finfo(torch.float64).tiny  # of the normal numbers, which have all digits


def steps_until_overflow(rate: float, root: float, largest: float) -> int:
    """Return the first t at which η α^(−2t−1) exceeds the largest number, for 0 < α < 1."""
    return max(0, math.floor((math.log(largest / rate) / -math.log(root) - 1) / 2) + 1)


def balancing_exponent(group: dict[str, Any]) -> int:
    """Return the k with 2ᵏ ≤ the largest weight of the group < 2ᵏ⁺¹, by which it comes to [1, 2).

    Raises ValueError for a group of zeros, or of numbers that are not finite.
    """
    largest = max((p.abs().max().item() for p in group["params"] if p.numel()), default=0.0)
    if not 0 < largest < math.inf:
        raise ValueError(f"the largest weight of a group is {largest}: it cannot be brought to 1")
    return math.frexp(largest)[1] - 1


def renormalise(
    optimizer: Optimizer, normalisers: Sequence[Sequence[nn.Module]], exponents: Sequence[int]
) -> None:
    """Divide each group's weights by 2ᵏ, and all that belongs to them accordingly.

    There is one sequence of normalisers and one exponent k for each group: balancing_exponent of a
    group that is scale invariant, and 0 for one that is not (biases, gains, a last layer). Momentum
    of all kinds, dampening, maximize, decay and gradients that are being accumulated are all fine.
    So is a twin that keeps its scale in its groups (texp.py, without_weight_decay.py): its rates
    follow by themselves. (The latter divides its weights alone as they grow, where ε is negligible,
    and needs none of this.) state_dict() of a model has the ε from then on; see carry_eps.

    Raises ValueError, before it changes anything, for what it is not exact for: another optimizer
    than torch.optim.SGD itself or such a twin (Adam's rates go with another power, and so do its
    averages); a group whose rate a scheduler sets, from a copy that this cannot reach, or with
    parameters that are not trained; a normaliser
    that stands behind two groups, or whose own weight or bias is trained in the group; a module
    without an ε, or whose ε was not loaded with the rest; and a number that would overflow or lose
    digits.

    What it cannot see is on you: that the loss is scale invariant in each group that is divided,
    that the list of normalisers is complete, and averages of the weights, which are best kept of
    the twin's scale times its weights. An ε that would underflow is kept at the smallest normal
    number, where it is lost beside a variance all the same.
    """
    groups = optimizer.param_groups
    if not (len(normalisers) == len(exponents) == len(groups)):
        raise ValueError(f"{len(groups)} groups: each needs one list of normalisers, one exponent")
    exponents = [index(k) for k in exponents]
    changes: list[tuple[Tensor, Tensor]] = []
    settings: list[dict[str, Any]] = []
    seen: set[nn.Module] = set()
    for number, (group, modules, k) in enumerate(zip(groups, normalisers, exponents, strict=True)):
        if abs(k) > 500:
            raise ValueError(f"group {number}: 2^{k} leaves the range of all floats")
        if not (type(optimizer) is SGD or (isinstance(optimizer, SGD) and "twin" in group)):
            raise ValueError(f"{type(optimizer).__name__} is not torch.optim.SGD itself")
        if "initial_lr" in group and "twin" not in group:
            raise ValueError(
                f"group {number}: its rate is set by a scheduler, which would bring the old one "
                "back; multiply lr instead, or let without_weight_decay.py follow the scheduler"
            )
        trained = [p.requires_grad for p in group["params"]]
        if k and not all(trained + group.get("twin", {}).get("taking", [])):
            raise ValueError(
                f"group {number}: some of its parameters are not trained, and did not grow with "
                "the others; give them a group of their own"
            )
        for module in modules:
            _check(module, group, number)
            if group.get(EXPONENT, _exponent(module)) != _exponent(module):
                raise ValueError(
                    f"group {number}: {type(module).__name__} and the optimizer have seen other "
                    f"powers of two, 2^{_exponent(module)} and 2^{group[EXPONENT]}: its ε was not "
                    "loaded, as with strict=False (see carry_eps), or only one of the two was"
                )
            if module in seen:
                raise ValueError(
                    f"group {number}: {type(module).__name__} is listed twice, and would be scaled "
                    "twice; weights that one normaliser sees together belong in one group"
                )
            seen.add(module)
        members = [("weight", p, -k) for p in group["params"]]
        members += [("gradient", p.grad, k) for p in group["params"]]
        buffers = [optimizer.state.get(p, {}).get("momentum_buffer") for p in group["params"]]
        members += [("buffer", buffer, k) for buffer in buffers]
        for module in modules:
            members.append(("running mean", getattr(module, "running_mean", None), -k))
            members.append(("running variance", getattr(module, "running_var", None), -2 * k))
        for name, tensor, power in members:
            if tensor is not None:
                changes.append((tensor, _times(tensor, power, f"group {number}: a {name}")))
        settings.append(_settings(group, k, f"group {number}: "))
    for group, modules, k in zip(groups, normalisers, exponents, strict=True):
        totals = {_exponent(module) for module in modules}
        if len(totals) == 1:  # the optimizer's state_dict() tells, too, what was done
            group[EXPONENT] = totals.pop() + k
    carry_eps(seen)
    with torch.no_grad():
        for old, new in changes:
            old.copy_(new)
    for group, modules, k, changed in zip(groups, normalisers, exponents, settings, strict=True):
        group.update(changed)
        for module in modules:
            module.get_buffer(EXPONENT).add_(k)
            _set_eps(module)


def _settings(group: dict[str, Any], k: int, where: str) -> dict[str, Any]:
    """Return what changes in a group: its rate and decay, or the scale that its twin has them from.

    In neither is a number changed in place, for several groups may share it.
    """
    if "twin" in group:
        twin = group["twin"]
        names = [name for name in ("scale", "push") if name in twin]
        if "push" in twin and twin["scale"] * 2.0**k < 0.5:
            raise ValueError(
                f"{where}its twin keeps c = {twin['scale']:g} from falling below ½ by itself, and "
                f"would take 2^{k} back without the ε; leave it at 0"
            )
        return {"twin": {**twin, **{x: _number(twin[x], k, where + x) for x in names}}}
    powers = {"lr": -2 * k, "weight_decay": 2 * k}
    return {x: _number(group[x], power, where + x) for x, power in powers.items()}


def _number(value: Any, power: int, name: str) -> float | Tensor:
    """Return 2^power times a setting; ValueError if that is not exact."""
    if isinstance(value, Tensor):
        return _times(value, power, name)
    scaled = value * 2.0**power
    if value and not SMALLEST <= abs(scaled) < math.inf:
        raise ValueError(f"{name} times 2^{power} leaves the range of its floats")
    number: float = scaled
    return number


def _times(tensor: Tensor, power: int, name: str) -> Tensor:
    """Return 2^power times the tensor; ValueError if that is not exact."""
    scaled = tensor.detach() * 2.0**power
    back = scaled * 2.0**-power
    finite = tensor.isfinite()  # a gradient that overflowed, with a GradScaler, stays as it is
    if not (back.equal(tensor) or back[finite].equal(tensor[finite])):
        raise ValueError(f"{name} times 2^{power} leaves the range of its floats")
    return scaled


def _check(module: nn.Module, group: dict[str, Any], number: int) -> None:
    name = type(module).__name__
    eps = getattr(module, "eps", None)
    if isinstance(module, nn.RMSNorm) and eps is None:
        raise ValueError(
            f"group {number}: {name} has no eps of its own, and takes the spacing of its floats; "
            "give it that number, torch.finfo(dtype).eps, so that it can be scaled along"
        )
    if not isinstance(eps, float | int):
        raise ValueError(f"group {number}: {name} has no eps that could be scaled along")
    own = {id(parameter) for parameter in module.parameters()}
    if own & {id(parameter) for parameter in group["params"]}:
        raise ValueError(f"group {number}: {name}'s own weight or bias is trained in the group")


# What is saved. torch leaves ε out of state_dict(), so that a model that is built anew and loaded
# would have the old ε beside the new weights, and nobody would notice.


def carry_eps(normalisers: Iterable[nn.Module]) -> None:
    """Let state_dict() have what renormalise does to the ε of these, and load_state_dict() do it.

    A buffer is added to each, with the sum of all exponents. So a model that is built anew refuses
    to load the state of a renormalised one, for an unexpected key "renormalise_exponent": call this
    for the same normalisers first, with the ε that they were built with. (With strict=False it goes
    on with the wrong ε, up to the next renormalise, which refuses.) A state from before the
    first renormalisation can be loaded as it is. renormalise calls this; do so before copies are
    made that must have the same buffers, as torch's AveragedModel.
    """
    for module in normalisers:
        if EXPONENT in dict(module.named_buffers(recurse=False)):
            continue
        device = next((x.device for x in [*module.parameters(), *module.buffers()]), None)
        module.register_buffer(EXPONENT, torch.tensor(0, device=device))
        module.eps_as_built = module.eps
        module.register_load_state_dict_pre_hook(_complete)
        module.register_load_state_dict_post_hook(_loaded)


def _exponent(module: nn.Module) -> int:
    return int(getattr(module, EXPONENT, 0))


def _set_eps(module: nn.Module) -> None:
    """Set ε to the one that the module was built with, times 4⁻ᵏ for the sum k of all exponents."""
    tensors = [*module.parameters(), *module.buffers()]
    double = any(x.dtype == torch.float64 for x in tensors)  # half precision counts in float32
    tiny = torch.finfo(torch.float64 if double else torch.float32).tiny
    built = float(module.eps_as_built)  # type: ignore[arg-type]
    scaled = math.ldexp(built, -2 * _exponent(module))
    module.eps = max(scaled, min(built, tiny))  # type: ignore[assignment]


def _complete(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    state.setdefault(prefix + EXPONENT, torch.tensor(0))


def _loaded(module: nn.Module, _: Any) -> None:
    _set_eps(module)


if __name__ == "__main__":
    from copy import deepcopy

    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 8, generator=generator)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
    plain = nn.Sequential(
        nn.Linear(8, 16, bias=False),
        nn.BatchNorm1d(16, affine=False),
        nn.ReLU(),
        nn.Linear(16, 2, bias=False),
        nn.BatchNorm1d(2, affine=False),
    )
    growth, shift = 1.15, 0
    models = [plain, deepcopy(plain)]
    optimizers = [SGD(model.parameters(), lr=0.1, momentum=0.5) for model in models]
    print("               loss                  rate                largest weight")
    print("step" + 3 * "       plain   renorm.")
    for step in range(801):
        rows = []
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            (group,) = optimizer.param_groups
            largest = max(weight.abs().max().item() for weight in group["params"])
            rows.append((loss.item(), group["lr"], largest))
            if group["lr"] < torch.finfo(torch.float32).max:
                optimizer.step()
                group["lr"] *= growth
            else:
                rows[-1] = (math.nan,) * 3  # torch refuses such a rate
        if step % 25 == 0:
            (group,) = optimizers[1].param_groups
            exponent = balancing_exponent(group)
            renormalise(optimizers[1], [[models[1][1], models[1][4]]], [exponent])
            shift += exponent
        if step in (0, 100, 200, 300, 450, 600, 640, 800):
            pairs = zip(*rows, strict=True)
            print(f"{step:4d}" + "".join(" {:11.4g} {:8.4g}".format(*pair) for pair in pairs))
    rate, decay, momentum, largest = 0.1, 5e-4, 0.9, torch.finfo(torch.float32).max
    middle = (1 + momentum - rate * decay) / 2
    root = middle + math.sqrt(middle**2 - momentum)  # of z² − (1 + γ − ηλ)z + γ
    last = steps_until_overflow(rate, root, largest)
    print(
        f"weights divided by 2^{shift}; η = {rate}, λ = {decay}, γ = {momentum} last {last} steps"
    )
