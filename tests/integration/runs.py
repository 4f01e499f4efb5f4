"""What each integration trains, and how far its run with a twin is from the run it stands for.

In each model some weights are scale invariant together, and those alone decay; in double precision,
and with an eps that is nothing beside any variance, they are exactly so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR

from snippets.stock_adam import stock_adam
from snippets.texp import TEXP
from snippets.without_weight_decay import without_weight_decay

EPS = 1e-100  # of a norm: torch refuses 0
STEPS = 12


@dataclass(frozen=True)
class Setup:
    """A model in training: the optimizer that rules, the one to step, and the schedule."""

    model: nn.Module
    rule: Any
    optimizer: Any
    schedule: LRScheduler


Case = Callable[[list[dict[str, Any]], str], tuple[Any, Any, LRScheduler]]


def adam(groups: list[dict[str, Any]], how: str) -> tuple[Any, Any, LRScheduler]:
    """AdamW, whose twin is the one of stock_adam."""
    rule = AdamW(groups, lr=0.02, betas=(0.8, 0.95), weight_decay=5.0)
    return rule, stock_adam(rule) if how == "twin" else rule, warm_up_and_fall(rule)


def momentum(groups: list[dict[str, Any]], how: str) -> tuple[Any, Any, LRScheduler]:
    """SGD with momentum, whose twin is the one of without_weight_decay."""
    rule = SGD(groups, lr=0.2, momentum=0.9, weight_decay=0.05)
    return rule, without_weight_decay(rule) if how == "twin" else rule, warm_up_and_fall(rule)


def warm_up_and_fall(optimizer: Any) -> LambdaLR:
    """Return a schedule, of the rate alone."""
    return LambdaLR(optimizer, lambda step: min((step + 1) / 4, 0.9**step))


def step_decay(groups: list[dict[str, Any]], how: str) -> tuple[Any, Any, LRScheduler]:
    """SGD with step decay, whose twin is TEXP: its schedule is of the optimizer that is stepped."""
    decays = [group.pop("weight_decay", 0.2) for group in groups]
    parts = [
        {**group, "weight_decay": 0.0 if how == "twin" else decay}
        for group, decay in zip(groups, decays, strict=True)
    ]
    optimizer = SGD(parts, lr=0.2, momentum=0.5)
    if how == "twin":
        return optimizer, optimizer, TEXP(optimizer, decays, [4, 9], 0.5)
    return optimizer, optimizer, MultiStepLR(optimizer, [4, 9], 0.5)


def setup(model: nn.Module, decays: Callable[[str], bool], case: Case, how: str) -> Setup:
    """Begin a run of a case: with decay ("decay"), its "twin", or without either ("none").

    `decays` says of a parameter's name whether it decays.
    """
    named = [*model.named_parameters()]
    groups = [
        {"params": [p for name, p in named if decays(name)]},
        {"params": [p for name, p in named if not decays(name)], "weight_decay": 0.0},
    ]
    assert all(group["params"] for group in groups)
    if how == "none":
        groups[0]["weight_decay"] = 0.0
    return Setup(model, *case(groups, how))


def scale_of(optimizer: Any, group: int) -> float:
    """Return the factor by which weights of a group are to be multiplied, 1 without a twin."""
    return optimizer.param_groups[group].get("twin", {"scale": 1.0})["scale"]


@dataclass(frozen=True)
class Result:
    """What a run has come to: its weights, each times its scale, and what the model returns."""

    weights: list[torch.Tensor]  # of each group, one after the other
    outputs: torch.Tensor


def result(done: Setup, inputs: Any, outputs_of: Callable[..., Any] = lambda out: out) -> Result:
    """Return what a run has come to, with the model's outputs for some inputs, while training."""
    weights = [
        scale_of(done.optimizer, n) * nn.utils.parameters_to_vector(group["params"]).detach()
        for n, group in enumerate(done.optimizer.param_groups)
    ]
    with torch.no_grad():
        return Result(weights, outputs_of(done.model.train()(inputs)).detach().clone())


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the distance of the first from the second, over the length of the second."""
    return ((one - other).norm() / other.norm()).item()


def apart(train: Callable[..., Result], case: Case, **more: Any) -> dict[str, float]:
    """Return how far the run of the twin is from that with decay, and the run without either.

    The control sees outputs alone: that weights are longer without decay is no wonder.
    """
    right, twin, none = (train(case, how, **more) for how in ("decay", "twin", "none"))
    pairs = zip([*twin.weights, twin.outputs], [*right.weights, right.outputs], strict=True)
    gap = max(relative(*pair) for pair in pairs)
    return {"gap": gap, "control": relative(none.outputs, right.outputs)}


class Block(nn.Module):
    """A residual block of two convolutions, each with its norm, and GELU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels, eps=EPS) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.gelu(self.norms[0](self.convs[0](x)))
        return nn.functional.gelu(x + self.norms[1](self.convs[1](y)))


class ResNet(nn.Module):
    """A residual network with GELU: all its convolutions are scale invariant, its head is not."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4, eps=EPS)
        self.blocks = nn.Sequential(Block(4), Block(4))
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(nn.functional.gelu(self.norm(self.stem(x))))
        return self.head(x.mean((2, 3)))


def resnet() -> ResNet:
    """Return the network as it begins, the same each time."""
    torch.manual_seed(0)
    return ResNet().double()


def is_convolution(name: str) -> bool:
    """Say whether a parameter of the network is the weight of a convolution."""
    return name.startswith("stem") or "convs" in name


def images() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return images and labels, one after the other."""
    generator = torch.Generator().manual_seed(1)
    made = torch.randn(STEPS * 16, 1, 6, 6, generator=generator, dtype=torch.float64)
    return [(image, (image.mean() > 0).long() + (image[0, 0, 0] > 1)) for image in made]


def tokens(vocabulary: int, length: int) -> torch.Tensor:
    """Return sequences of tokens, of which each tells something of the next."""
    generator = torch.Generator().manual_seed(2)
    first = torch.randint(vocabulary, (STEPS * 8, 1), generator=generator)
    steps = torch.randint(1, 3, (STEPS * 8, length), generator=generator).cumsum(1)
    return (first + steps) % vocabulary
