"""Take the weight decay out of a torch optimizer, and get the same functions at every step.

SGD with rate η, decay λ and momentum γ on a loss that does not see the length of the weights is SGD
without decay at the growing rate η α^(−2t−1), t = 0, 1, …, where α is the larger root of

    z² − (1 + γ − ηλ) z + γ = 0,

if its momentum buffer starts from b − λ/(α − γ) θ instead of b. After t steps its weights are
α⁻ᵗ times those of the run with decay. exponential_lr.py has the proof. It holds for each parameter
group by itself, each with its own η, λ, γ and α, if the loss is scale invariant in the group's
parameters together while those of the other groups stay as they are.

Units. η is in [θ]² and λ in [θ]⁻²; γ, ηλ and α are pure numbers; b is in [θ]⁻¹.

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454; the buffer's start is not in the authors' post, offconvex.org/2020/04/24/ExpLR1.
"""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR


def without_weight_decay(optimizer: Optimizer) -> tuple[SGD, LambdaLR]:
    """Return an SGD without decay over the same parameters, and the scheduler that it needs.

    Call `step()` on both, the scheduler last, and step the old optimizer no more; it is left as it
    is. Momentum buffers that already run are carried over. A group without decay stays as it is.

    Raises ValueError, naming the group, for what has no exact equivalent of this form: another
    optimizer than torch.optim.SGD itself; and, in a group with decay, nesterov momentum, dampened
    momentum, or ηλ > (1 − √γ)², where α is not real and positive.

    What it cannot see is on you: that the loss is scale invariant in each group with decay, as the
    module says (a bias, a trained scale after a normalisation, and batch norm's eps when it is not
    negligible are not); that each of its parameters that is trained has a gradient at every step;
    that the rate, taken as it stands now, is constant from here on (a schedule for it, clipped
    gradients and averaged weights are not carried over); and that the growing rate, weights and
    running statistics stay within the range of their floats.
    """
    if type(optimizer) is not SGD:
        raise ValueError(
            f"{type(optimizer).__name__} is not torch.optim.SGD itself, for which alone this holds"
        )
    groups, factors, buffers = [], [], {}
    for number, group in enumerate(optimizer.param_groups):
        seed, factor = 0.0, _constant
        if group["weight_decay"] != 0:
            root = _growth_root(number, group)
            seed = float(group["weight_decay"]) / (root - group["momentum"])
            factor = partial(_growth, root)
        groups.append(_without_decay(group))
        factors.append(factor)
        if group["momentum"] != 0:
            for parameter in group["params"]:
                buffer = optimizer.state.get(parameter, {}).get("momentum_buffer")
                if seed or buffer is not None:
                    buffers[parameter] = _seeded(parameter, buffer, seed)
    twin = SGD(groups, **{**optimizer.defaults, "weight_decay": 0.0})
    for parameter, buffer in buffers.items():
        twin.state[parameter]["momentum_buffer"] = buffer
    return twin, LambdaLR(twin, factors)


def _growth_root(number: int, group: dict[str, Any]) -> float:
    """Return the larger root α; ValueError where the group has none or is not plain SGD."""
    product, gamma = float(group["lr"]) * float(group["weight_decay"]), float(group["momentum"])
    if group["nesterov"]:
        reason = "nesterov momentum with weight decay has no twin without decay of this form"
    elif gamma and group["dampening"]:
        reason = "dampening is not applied to a parameter's first gradient; set it to 0"
    elif not 0 <= gamma < 1:
        reason = f"momentum = {gamma:g} is not in [0, 1)"
    else:
        short, long = (1 - gamma) / (1 + math.sqrt(gamma)), 1 + math.sqrt(gamma)  # 1 ∓ √γ
        room = short**2 - product
        if room >= -1e-15 * short:  # the double root, to rounding
            spread = math.sqrt(max(room, 0) * (long**2 - product))
            root = 1 - 2 * product / (1 - gamma + product + spread)
            if root > 0:
                return root
        reason = (
            f"z² − (1 + γ − ηλ)z + γ has no real positive root at ηλ = {product:g}, γ = {gamma:g}: "
            f"lr · weight_decay must be at most (1 − √γ)² = {short**2:g}, and less than 1"
        )
    raise ValueError(f"parameter group {number}: {reason}")


def _growth(root: float, step: int) -> float:
    return root ** (-2 * step - 1)


def _constant(step: int) -> float:
    return 1.0


def _without_decay(group: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a group without its decay and without what a scheduler left in it."""
    copy = {**group, "params": list(group["params"]), "weight_decay": 0.0}
    copy.pop("initial_lr", None)  # LambdaLR would start from it instead of from lr
    copy["lr"] = float(group["lr"])  # a tensor would be shared, and round the growing rate
    return copy


@torch.no_grad()
def _seeded(parameter: Tensor, buffer: Tensor | None, seed: float) -> Tensor:
    """Return b − seed·θ as a tensor of its own; no buffer counts as 0."""
    start = torch.zeros_like(parameter) if buffer is None else buffer.clone()
    return start - seed * parameter if seed else start


if __name__ == "__main__":
    from copy import deepcopy

    from torch import nn

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
        value.backward()
        return value

    def optimizer_for(model: nn.Sequential) -> SGD:
        """Return an SGD with one group for each layer."""
        groups = [{"params": model[0].parameters()}, {"params": model[3].parameters(), "lr": 0.05}]
        return SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01)

    old = optimizer_for(with_decay)
    new, scheduler = without_weight_decay(optimizer_for(without_decay))

    print("step         loss           lr of each group    ‖w‖ of the first layer")
    print("       with  without           without decay             with    without")
    for step in range(301):
        losses = loss(with_decay), loss(without_decay)
        if step % 100 == 0:
            rates = [group["lr"] for group in new.param_groups]
            norms = [model[0].weight.norm().item() for model in (with_decay, without_decay)]
            row = step, *losses, *rates, *norms
            print("{:4d} {:7.4f} {:7.4f} {:10.4f} {:8.4f} {:15.4f} {:10.4f}".format(*row))
        old.step()
        new.step()
        scheduler.step()
