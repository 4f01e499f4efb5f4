"""Prints what a training step costs with a converted optimizer, beside the one it came from.

    python -m tests.steps_of_twins

ResNet-18 for small images, with 11 million parameters, on one thread. The two take turns, on the
same batch; what is compared is the processor's time of the whole step, forward and backward too, of
each pair of neighbours.
"""

import statistics
import time
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from snippets.stock_adam import stock_adam
from snippets.without_weight_decay import without_weight_decay

PAIRS, BATCH, SIDE = 50, 8, 32  # of images of 32 by 32, as in CIFAR


class Block(nn.Module):
    """Two convolutions, and what came in."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.short = nn.Sequential()
        if before != width:
            around = nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            self.short = nn.Sequential(*around)

    def forward(self, x: Tensor) -> Tensor:
        return (self.body(x) + self.short(x)).relu()


def resnet18() -> nn.Sequential:
    """Return ResNet-18 with a stem for small images."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    before = 64
    for width in (64, 128, 256, 512):
        layers += [Block(before, width, 1 if width == 64 else 2), Block(width, width, 1)]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def optimizer_of(model: nn.Module, cls: Any, **options: Any) -> Optimizer:
    """Return an optimizer that decays convolutions, and nothing else."""
    groups: dict[bool, list[Tensor]] = {True: [], False: []}
    for parameter in model.parameters():
        groups[parameter.dim() == 4].append(parameter)
    rest = {"params": groups[False], "weight_decay": 0.0}
    optimizer: Optimizer = cls([{"params": groups[True]}, rest], **options)
    return optimizer


def step_seconds(model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> float:
    """Return the processor's time of a training step."""
    begin = time.process_time()
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(inputs), labels).backward()
    optimizer.step()
    return time.process_time() - begin


def measured(cls: Any, convert: Any, options: dict[str, Any]) -> list[float]:
    """Return by pair how much longer the step of the converted optimizer took, as a ratio."""
    torch.manual_seed(0)
    models = [resnet18()]
    models.append(deepcopy(models[0]))
    old, rule = (optimizer_of(model, cls, **options) for model in models)
    runs = [*zip(models, (old, convert(rule)), strict=True)]
    inputs, labels = torch.randn(BATCH, 3, SIDE, SIDE), torch.randint(10, (BATCH,))
    ratios = []
    for pair in range(-3, PAIRS):  # the first of which allocate
        order = runs if pair % 2 else runs[::-1]  # whoever comes first
        took = [step_seconds(*run, inputs, labels) for run in order]
        if pair >= 0:
            first, second = took if pair % 2 else took[::-1]
            ratios.append(second / first)
    return ratios


def main() -> None:
    """Print one line for each twin."""
    torch.set_num_threads(1)
    sgd = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
    adamw = {"lr": 1e-3, "weight_decay": 0.1}
    for cls, convert, options in (SGD, without_weight_decay, sgd), (AdamW, stock_adam, adamw):
        low, median, high = statistics.quantiles(measured(cls, convert, options), n=4)
        what = f"a step of ResNet-18 with {convert.__name__}"
        print(f"{what:44} {median:8.3f} x  [{low:.3f}, {high:.3f}]   (≤ 1.03)", flush=True)


if __name__ == "__main__":
    main()
