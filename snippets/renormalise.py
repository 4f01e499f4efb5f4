"""Let a learning rate grow for ever: now and then, take a power of two out of the weights.

On a loss that does not see the length of a group's weights, SGD from (2ᵏθ, 2⁻ᵏb) with the rate 4ᵏη
and the decay 4⁻ᵏλ is the run from (θ, b) with η and λ, its weights multiplied by 2ᵏ. Powers of two
change nothing but exponents, so this is so bit for bit, as long as nothing overflows or underflows.
Hence a run whose rate is multiplied by some B > 1 at every step, and whose weights grow with √B,
need never leave the range of its floats.

    for batch in data:
        …; optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= growth
        renormalise(optimizer, [[the normalisers behind group 0], …])

A normaliser behind a group has an input that is proportional to the group's weights: a batch norm
after a layer without bias, say. Its ε goes with 4ᵏ, its running mean with 2ᵏ, the variance with 4ᵏ.

Units. θ and the running mean are in [θ], b in [θ]⁻¹, η, ε and the running variance in [θ]², λ in
[θ]⁻².
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer


def steps_until_overflow(rate: float, root: float, largest: float) -> int:
    """Return the first t at which η α^(−2t−1) exceeds the largest number, for 0 < α < 1."""
    return max(0, math.floor((math.log(largest / rate) / -math.log(root) - 1) / 2) + 1)


def renormalise(
    optimizer: Optimizer,
    normalisers: Sequence[Sequence[nn.Module]] = (),
    exponents: Sequence[int] | None = None,
) -> list[int]:
    """Divide each group's weights by 2ᵏ and all that belongs to them accordingly; return the k.

    Without exponents, k brings the largest weight of a group into [1, 2). Momentum of all kinds,
    dampening, maximize and decay are all fine. normalisers has one sequence for each group.

    Raises ValueError, before it changes anything, for what it is not exact for: another optimizer
    than torch.optim.SGD itself (Adam's rates go with another power, and so do its averages); a
    group whose rate a scheduler sets, from a copy that this cannot reach; a normaliser whose own
    weight or bias is trained in the group; a module without an ε, or with one that is fixed
    inside; a group of zeros or of numbers that are not finite; and a number that would overflow or
    lose digits.

    What it cannot see is on you: that the loss is scale invariant in each group that is divided,
    and that the list of normalisers is complete. An ε that would underflow is kept at the smallest
    normal number, where it is lost beside a variance all the same.
    """
    if type(optimizer) is not SGD:
        raise ValueError(f"{type(optimizer).__name__} is not torch.optim.SGD itself")
    groups = optimizer.param_groups
    normalisers = normalisers or [()] * len(groups)
    if len(normalisers) != len(groups) or (exponents and len(exponents) != len(groups)):
        raise ValueError(f"{len(groups)} groups: each needs one list of normalisers, one exponent")
    changes: list[tuple[Tensor, Tensor]] = []
    exponents = list(exponents or map(_exponent, groups))
    for number, (group, modules, k) in enumerate(zip(groups, normalisers, exponents, strict=True)):
        if "initial_lr" in group:
            raise ValueError(f"group {number}: its rate is set by a scheduler; multiply lr instead")
        for module in modules:
            _check(module, group, number)
        scaled = [(parameter, -k) for parameter in group["params"]]
        buffers = [optimizer.state.get(p, {}).get("momentum_buffer") for p in group["params"]]
        scaled += [(buffer, k) for buffer in buffers]
        scaled += [(getattr(module, "running_mean", None), -k) for module in modules]
        scaled += [(getattr(module, "running_var", None), -2 * k) for module in modules]
        changes += [(x, _times(x, power, number)) for x, power in scaled if x is not None]
    with torch.no_grad():
        for old, new in changes:
            old.copy_(new)
    for group, modules, k in zip(groups, normalisers, exponents, strict=True):
        group["lr"] *= 4.0**-k
        group["weight_decay"] *= 4.0**k
        for module in modules:
            module.eps = max(module.eps * 4.0**-k, torch.finfo(group["params"][0].dtype).tiny)
    return exponents


def _exponent(group: dict[str, Any]) -> int:
    """Return k with 2ᵏ ≤ the largest weight < 2ᵏ⁺¹."""
    largest = max(parameter.abs().max().item() for parameter in group["params"])
    if not 0 < largest < math.inf:
        raise ValueError(f"the largest weight of a group is {largest}: it cannot be brought to 1")
    return math.frexp(largest)[1] - 1


def _times(tensor: Tensor, power: int, number: int) -> Tensor:
    """Return 2^power times the tensor; ValueError if that is not exact."""
    scaled = tensor.detach() * 2.0**power
    if not (scaled.isfinite().all() and (scaled * 2.0**-power).equal(tensor)):
        raise ValueError(f"group {number}: a number times 2^{power} leaves the range of its floats")
    return scaled


def _check(module: nn.Module, group: dict[str, Any], number: int) -> None:
    name = type(module).__name__
    if not isinstance(getattr(module, "eps", None), float):
        raise ValueError(f"group {number}: {name} has no eps that could be scaled along")
    own = {id(parameter) for parameter in module.parameters()}
    if own & {id(parameter) for parameter in group["params"]}:
        raise ValueError(f"group {number}: {name}'s own weight or bias is trained in the group")


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
            shift += renormalise(optimizers[1], [[models[1][1], models[1][4]]])[0]
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
