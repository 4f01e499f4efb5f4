"""Each scale-invariant block of weights has a run without decay, at the rates of its own scalar.

Let L(c₁θ₁, …, cₘθₘ) = L(θ₁, …, θₘ) for all cᵢ > 0. Train block i by torch's SGD with rates ηᵢ(t),
decays λᵢ(t) and momenta γᵢ(t) of its own, as parameter groups allow. On a single number without a
loss the same settings make

    c(0) = 1, d(−1) = 0,    d(t) = γᵢ d(t−1) + λᵢ c(t),    c(t+1) = c(t) − ηᵢ d(t)

As long as each block's c is positive and no block is zero, SGD without decay from the same weights
and buffers, at the rates ηᵢ(t) / (c(t) c(t+1)), makes blocks φᵢ(t) = θᵢ(t) / cᵢ(t). All blocks keep
their directions, so the loss is the same at every step, though each is rescaled differently.

Units. ηᵢ is in [θᵢ]², λᵢ in [θᵢ]⁻²; cᵢ is a pure number.

Source. The scalar run for one block is the general theorem of Li and Arora, arXiv:1910.07454.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Number = Any  # a float, or a Fraction where the run is to be exact
Block = Any  # a tensor, or an array of Numbers
Schedule = Sequence[tuple[Number, Number, Number]]  # (rate, decay, momentum) for each step
Gradients = Callable[[int, list[Block]], Sequence[Block]]  # (t, blocks) ↦ ∇ᵢLₜ for each block


def decay_free(schedule: Schedule) -> tuple[list[Number], Schedule]:
    """Return one block's scalars c(0) … c(T), and its schedule without decay."""
    scalars: list[Number] = [1]
    buffer, twin = 0, []
    for t, (rate, decay, momentum) in enumerate(schedule):
        buffer = momentum * buffer + decay * scalars[-1]
        after = scalars[-1] - rate * buffer
        if not after > 0:
            raise ValueError(f"step {t} takes a block's scalar to {after}: use less rate or decay")
        twin.append((rate / (scalars[-1] * after), 0, momentum))
        scalars.append(after)
    return scalars, twin


def descend(
    gradients: Gradients,
    blocks: Sequence[Block],
    buffers: Sequence[Block],
    schedules: Sequence[Schedule],
) -> list[list[Block]]:
    """Return the blocks at every step of SGD, each with its own schedule."""
    path = [list(blocks)]
    for t, settings in enumerate(zip(*schedules, strict=True)):
        step = zip(path[-1], buffers, gradients(t, path[-1]), settings, strict=True)
        moved = []
        for weights, buffer, slope, (rate, decay, momentum) in step:
            buffer = momentum * buffer + slope + decay * weights
            moved.append((weights - rate * buffer, buffer))
        path.append([weights for weights, _ in moved])
        buffers = [buffer for _, buffer in moved]
    return path


def block_gradients(loss: Callable[..., Tensor], blocks: list[Tensor]) -> tuple[Tensor, ...]:
    """Return the gradient of a loss of several blocks in each of them."""
    every = tuple(range(len(blocks)))
    gradients: tuple[Tensor, ...] = torch.func.grad(loss, argnums=every)(*blocks)
    return gradients


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs, one, two = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in [(32, 8), (8,), (8,)]
    )
    targets = inputs[:, 0] * inputs[:, 1].tanh()

    def loss(one: Tensor, two: Tensor) -> Tensor:
        """Return the error of a product of two units, each of which sees only a direction."""
        outputs: Tensor = (inputs @ one / one.norm()) * (inputs @ two / two.norm())
        return (outputs - targets).square().mean()

    steps = 400
    wave = [0.1 * (1 + math.cos(math.pi * t / steps)) for t in range(steps)]
    schedules = [[(rate, 0.01, 0.9) for rate in wave], [(0.05, 0.03, 0.5)] * steps]
    scalars, twins = zip(*map(decay_free, schedules), strict=True)
    start, buffers = [one, two], [0 * one, 0 * two]
    theta = descend(lambda t, blocks: block_gradients(loss, blocks), start, buffers, schedules)
    phi = descend(lambda t, blocks: block_gradients(loss, blocks), start, buffers, twins)

    print("   t  loss with decay    without       c_1       c_2   |theta/c - phi|")
    for t in range(0, steps + 1, 80):
        gaps = [(theta[t][i] / scalars[i][t] - phi[t][i]).norm() for i in (0, 1)]
        print(
            f"{t:4} {loss(*theta[t]):16.5f} {loss(*phi[t]):10.5f}"
            f" {scalars[0][t]:9.5f} {scalars[1][t]:9.5f} {max(gaps):17.7f}"
        )
