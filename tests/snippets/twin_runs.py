"""A small network in a training loop as people write it, for both twins of optimizers."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.optim import SGD, AdamW, Optimizer

from snippets.stock_adam import stock_adam
from snippets.without_weight_decay import without_weight_decay
from tests.snippets.loops import in_two_forks

STEPS = 60  # of which each rounds at 1e-16; what a missing decay does shows after ten
DATA = torch.randn(6, 24, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = (DATA[..., 0] * DATA[..., 1] > 0).long() + (DATA[..., 2] > 0.5)


class Kind(NamedTuple):
    """One of the two twins: how its optimizer is made, and converted."""

    name: str
    cls: type[Optimizer]
    convert: Callable[[Any], Any]
    options: dict[str, Any]


BOTH = [
    Kind("sgd", SGD, without_weight_decay, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.02}),
    Kind("adam", AdamW, stock_adam, {"lr": 0.02, "betas": (0.8, 0.9), "weight_decay": 1.0}),
]


def net(seed: int = 0, eps: float = 1e-100) -> nn.Sequential:
    """Return a network whose first two maps are seen by their direction alone."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(8, 16, bias=False),
        nn.BatchNorm1d(16, eps=eps),
        nn.GELU(),
        nn.Linear(16, 16, bias=False),
        nn.BatchNorm1d(16, eps=eps),
        nn.GELU(),
        nn.Linear(16, 3),
    ).double()


def optimizer_of(kind: Kind, model: nn.Module, **options: Any) -> Any:
    """Return an optimizer with a group for each of the two maps, and one for all else."""
    weights = dict(model.named_parameters())
    first, second = (weights.pop(f"{number}.weight") for number in (0, 3))
    options = kind.options | options
    groups = [
        {"params": [first]},
        {"params": [second], "lr": options["lr"] / 2},
        {"params": [*weights.values()], "weight_decay": 0.0, "lr": options["lr"] / 5},
    ]
    return kind.cls(groups, **options)


def loss_of(model: nn.Module, step: int) -> Tensor:
    """Return the loss on one of six batches."""
    return nn.functional.cross_entropy(model(DATA[step % 6]), LABELS[step % 6])


def train(
    model: nn.Module,
    optimizer: Any,
    steps: range | int = STEPS,
    after: Callable[..., Any] = lambda: None,
) -> Tensor:
    """Return the losses; after is called after each step."""
    losses = []
    for step in range(steps) if isinstance(steps, int) else steps:
        optimizer.zero_grad()
        loss = loss_of(model, step)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        after()
    return torch.stack(losses) if losses else torch.zeros(0)


def apart(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference, beside the largest size."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


def scales(new: Optimizer) -> dict[Tensor, float]:
    """Return by which number each parameter of the twin is to be multiplied."""
    return {p: g["twin"]["scale"] for g in new.param_groups for p in g["params"]}


def pair(kind: Kind) -> Any:
    """Return a network with its optimizer, and its double with the twin of another."""
    model, other = net(), net()
    return (model, optimizer_of(kind, model)), (other, kind.convert(optimizer_of(kind, other)))


def without_decay(kind: Kind) -> Any:
    """Return the same network with the same optimizer, but for its decay."""
    model = net()
    return model, optimizer_of(kind, model, weight_decay=0.0)


@cache
def in_two_processes() -> dict[str, list[Tensor]]:
    """Return by kind the losses with decay, of the twin, and without decay, of two processes."""
    return in_two_forks(_process)


def _process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    runs: dict[str, list[Tensor]] = {kind.name: [] for kind in BOTH}
    for kind in BOTH:
        for model, optimizer in (*pair(kind), without_decay(kind)):
            parallel = nn.parallel.DistributedDataParallel(model)
            losses = train(parallel, optimizer, range(3 * rank, STEPS + 3 * rank))
            distributed.all_reduce(losses)
            runs[kind.name].append(losses)
    if rank == 0:
        torch.save(runs, Path(folder) / "outputs.pt")
    distributed.destroy_process_group()
