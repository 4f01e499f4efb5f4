"""Running statistics lag behind growing weights by a fixed factor; collecting them afresh cures it.

Batch norm keeps a running average of the variances that it sees, r ← (1 − m) r + m v. Let one run
see v₀, v₁, … and another Bᵗ vₜ in place of vₜ, where B > 1 − m: a run with weight decay, and its
twin without, whose squared weights gain a factor B = α⁻² in every step (exponential_lr.py). If the
first run's variances stay at σ², and both averages start from r₀, then after t steps

    r = σ² + (1 − m)ᵗ (r₀ − σ²),        r̃ = σ² Bᵗ⁻¹ (F + qᵗ (B r₀/σ² − F)),

    F = m / (1 − (1 − m)/B),            q = (1 − m)/B.

So r̃ / (Bᵗ⁻¹ r) → F: beside the newest variance, Bᵗ⁻¹σ², the twin's average is too small by F, once
the start is forgotten. In evaluation after the step the weights have already grown once more, to
the variance Bᵗσ², and the average is too small by F/B = m / (B − 1 + m). The running mean is of
degree one: there α⁻¹ takes the place of B. That torch averages n/(n − 1) times the variance changes
nothing, for it multiplies both averages.

Use. Collect the running statistics of my batch norms afresh, before I evaluate.

    recollect(model, loader)

Units. v and r are in [z]², z being what is normalised; m, B, F and q are pure numbers.

Source. Derived here. The update of the average is that of torch.nn.BatchNorm2d, m its `momentum`.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

Number = Any  # a float; a Fraction or a symbol, where it is to be exact


def running_average(values: Sequence[Number], start: Number, share: Number) -> Number:
    """Return r after r ← (1 − m) r + m v for each of the values, from r₀ = start."""
    average = start
    for value in values:
        average = (1 - share) * average + share * value
    return average


def lag_factor(share: Number, growth: Number) -> Number:
    """Return F = m / (1 − (1 − m)/B), for a share m in (0, 1] and a growth B > 1 − m per step.

    Raises ValueError outside, where the average never forgets its start.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share = {float(share):g} is not in (0, 1]")
    if not growth > 1 - share:
        raise ValueError(
            f"growth = {float(growth):g} must exceed 1 − share = {float(1 - share):g}: variances "
            "that shrink faster than the average forgets never come to dominate it"
        )
    return share / (1 - (1 - share) / growth)


def lagging_average(
    variance: Number, start: Number, share: Number, growth: Number, steps: int
) -> Number:
    """Return r̃ after t steps, σ² Bᵗ⁻¹ (F + qᵗ (B r₀/σ² − F)), from r₀ = start."""
    factor, ratio = lag_factor(share, growth), (1 - share) / growth
    return (
        variance
        * growth ** (steps - 1)
        * (factor + ratio**steps * (growth * start / variance - factor))
    )


@torch.no_grad()
def recollect(
    model: nn.Module, batches: Iterable[Any], device: torch.device | str | int | None = None
) -> int:
    """Replace batch norm's running statistics by plain averages over batches, the weights at rest.

    A batch is what the model is called with, or a list or tuple with that as its first item, as a
    DataLoader of pairs (x, y) gives it; it is moved to the device, if there is one. For another
    model or loader write down what goes in, (b["image"] for b in loader) for one of dicts. Returns
    the number of batches.

    It is torch.optim.swa_utils.update_bn, except that only the batch norms are put into training
    mode while it runs (dropout stays as it is), that every module gets back the mode that it had, a
    frozen one too, that a batch norm which no batch reaches keeps what it had, and that nothing
    changes if it fails. As there, all batches count alike, and the variance is the average of those
    within the batches. SyncBatchNorm averages over all processes: each must have as many batches.
    Of a model in DistributedDataParallel give its .module, so that no process waits for another.

    Raises ValueError if the model keeps no running statistics, or has others than batch norm's, if
    one of its batch norms has not seen a batch yet that tells its size, if there is no batch, or if
    one cannot be moved.
    """
    kind, other = nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm
    lazy = nn.modules.lazy.LazyModuleMixin
    for module in model.modules():
        if isinstance(module, lazy) and module.has_uninitialized_params():
            raise ValueError(f"{type(module).__name__} has no size yet: call the model once first")
        if isinstance(module, other) and module.track_running_stats:
            raise ValueError(
                f"{type(module).__name__} keeps running statistics, of which torch makes no plain "
                "average; set track_running_stats=False, for it normalises each input by itself"
            )
    layers = [x for x in model.modules() if isinstance(x, kind) and x.running_mean is not None]
    if not layers:
        raise ValueError("the model has no batch norm that keeps running statistics")
    before = [(layer.training, layer.momentum) for layer in layers]
    statistics = [{name: b.clone() for name, b in layer.named_buffers()} for layer in layers]
    count, kept = 0, layers
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.training, layer.momentum = True, None  # None: a plain average
        for batch in batches:
            given = batch[0] if isinstance(batch, list | tuple) else batch
            if device is not None and not hasattr(given, "to"):
                raise ValueError(
                    f"a batch is a {type(given).__name__}, which cannot be moved to {device}: give "
                    "what the model takes, as in recollect(model, (b['x'].to(device) for b in …))"
                )
            model(given if device is None else given.to(device))
            count += 1
        if not count:
            raise ValueError("there is no batch to collect statistics from")
        kept = [layer for layer in layers if not layer.num_batches_tracked]
    finally:
        for layer, buffers, (training, momentum) in zip(layers, statistics, before, strict=True):
            layer.training, layer.momentum = training, momentum
            if layer in kept:
                for name, value in buffers.items():
                    getattr(layer, name).copy_(value)
    return count


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    batches = torch.randn(400, 256, 4, generator=generator, dtype=torch.float64)
    print("running variance of the twin / (B^(t−1) · that of the run with decay)")
    print("   m      B        F     t = 1       10      100      400   recollected")
    for share, growth in [(0.1, 1.001), (0.1, 1.01), (0.1, 1.05), (0.01, 1.01)]:
        norms = [nn.BatchNorm1d(4, momentum=share, affine=False).double() for _ in range(2)]
        plain, grown = (norm.get_buffer("running_var") for norm in norms)
        row = []
        for t in range(1, 401):
            norms[0](batches[t - 1])
            norms[1](growth ** ((t - 1) / 2) * batches[t - 1])
            if t in (1, 10, 100, 400):
                row.append((grown / plain / growth ** (t - 1)).mean().item())
        recollect(norms[0], batches[-20:])
        recollect(norms[1], growth ** (399 / 2) * batches[-20:])
        row.append((grown / plain / growth**399).mean().item())
        print(f"{share:5.2f} {growth:6.3f} {lag_factor(share, growth):8.4f}", end=" ")
        print("{:9.4f} {:8.4f} {:8.4f} {:8.4f} {:13.4f}".format(*row))
