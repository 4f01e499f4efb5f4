"""Does the learning rate multiply the weight decay? Four conventions of λ, and how to convert them.

Decoupled decay takes a share s off the weights beside the step of the optimizer, which does not
look at it: θₜ₊₁ = (1 − sₜ) θₜ − ηₜuₜ. What a number λ says about s is a convention:

    torch       s = λη            torch.optim.AdamW
    scheduled   s = λη/η_max      λ goes with the schedule, and not with its peak
    fixed       s = λ             neither

A run knows its shares alone, so λ is converted through s. For a schedule of torch's kind this is
one division by η_max, at the start. A fixed share needs another weight_decay at every step.

Coupled decay adds λθ to the gradient, as torch.optim.SGD does. With momentum it is decoupled decay
with other decays and momenta, on any loss and under any schedule whose steps leave something and
whose momenta are not zero, from the same weights and buffer:

    bₜ = γₜbₜ₋₁ + gₜ + λₜθₜ,   θₜ₊₁ = θₜ − ηₜbₜ               is, with λ′₋₁ = 0,
    b′ₜ = γ′ₜb′ₜ₋₁ + gₜ,       θₜ₊₁ = (1 − ηₜλ′ₜ)θₜ − ηₜb′ₜ,     for
    γ′ₜ = γₜ/(1 − ηₜ₋₁λ′ₜ₋₁),  λ′ₜ = λₜ + γ′ₜλ′ₜ₋₁.

With Adam, coupled decay need not have such a translation: it is divided by the root of the second
moment.

Use. Decay by a share of 1e-4 a step, whatever the learning rate: before each optimizer.step().

    for group in optimizer.param_groups:
        group["weight_decay"] = convert(1e-4, "fixed", "torch", group["lr"], peak)

Units. s, the momenta and the λ of scheduled and fixed are pure numbers. torch's λ is in 1/[η]: in
[θ]⁻² for SGD, in [θ]⁻¹ for AdamW.

Source. Decoupled decay: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
arXiv:1711.05101. The translations are derived in the notes.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch

Number = Any  # a float; a Fraction, where the run is to be exact
CONVENTIONS = ("torch", "scheduled", "fixed")


def convert(decay: Number, old: str, new: str, rate: Number, peak: Number) -> Number:
    """Return the decay that takes the same share off the weights in another convention.

    rate is that of the step, and peak the largest of the schedule. Raises ValueError where no
    decay does it: at a rate of 0 torch and scheduled take nothing off; and for what is no setting.
    """
    for name in (old, new):
        if name not in CONVENTIONS:
            raise ValueError(
                f"{name!r} is no convention of decoupled decay: take one of {CONVENTIONS}. Coupled "
                "decay is torch.optim.SGD's (decoupled_schedule) or Adam's, which has no conversion"
            )
    if not (0 <= rate <= peak < math.inf and peak > 0 and 0 <= decay < math.inf):
        raise ValueError(
            f"rate {rate}, peak {peak}, decay {decay}: it takes 0 ≤ rate ≤ peak, the largest rate "
            "of the whole schedule, with peak > 0, and a decay of at least 0"
        )
    if rate == 0 < decay and (old == "fixed") != (new == "fixed"):
        raise ValueError(
            f"at a rate of 0, {old!r} and {new!r} cannot agree: one takes a share off the weights "
            "and the other cannot; end the schedule above 0, or stop there"
        )
    factors = {"torch": 1, "scheduled": 1 / peak, "fixed": 1 / rate if rate else 1}
    return decay * factors[old] / factors[new]


def decoupled_schedule(
    rates: Sequence[Number], decays: Sequence[Number], momenta: Sequence[Number]
) -> tuple[list[Number], list[Number]]:
    """Return decays and momenta with which decoupled decay repeats torch.optim.SGD's coupled one.

    Raises ValueError where a step takes off all of the weights: no momentum makes up for that; and
    for a momentum of 0 before one that is not, at which torch does not do what the formulas say.
    """
    _refuse_pause(momenta)
    before: Number = 0  # λ′ of the step before
    kept: Number = 1  # and what it left of the weights
    others: list[Number] = []
    turned: list[Number] = []
    for t, (rate, decay, momentum) in enumerate(zip(rates, decays, momenta, strict=True)):
        if kept == 0:
            raise ValueError(
                f"step {t - 1} takes off all of the weights, after which coupled decay has no "
                "decoupled form: a smaller rate or decay there keeps some"
            )
        turned.append(momentum / kept)
        before = decay + turned[-1] * before
        kept = 1 - rate * before
        others.append(before)
    return others, turned


def coupled_schedule(
    rates: Sequence[Number], decays: Sequence[Number], momenta: Sequence[Number]
) -> tuple[list[Number], list[Number]]:
    """Return weight_decay and momentum with which torch.optim.SGD repeats decoupled decay.

    Where a decay falls to less than γ′ times the one before, torch's is negative, and still right.
    Raises ValueError where torch would need a momentum of 0 before one that is not.
    """
    before: Number = 0  # λ′ of the step before
    kept: Number = 1  # and what it left of the weights
    others: list[Number] = []
    turned: list[Number] = []
    for rate, decay, momentum in zip(rates, decays, momenta, strict=True):
        others.append(decay - momentum * before)
        turned.append(momentum * kept)
        before, kept = decay, 1 - rate * decay
    _refuse_pause(turned)
    return others, turned


def _refuse_pause(momenta: Sequence[Number]) -> None:
    for t, (now, later) in enumerate(pairwise(momenta)):
        if now == 0 != later:
            raise ValueError(
                f"step {t} would have torch's momentum 0, at which torch.optim.SGD leaves its "
                "buffer as it was, for the next step to find: take a small positive momentum "
                "there, or a decay that leaves some of the weights at the step before"
            )


def settled(share: float, rate: float, beta: float) -> tuple[float, float]:
    """Return AdamW's equilibrium: the norm of a weight over √d, and the angle of a step in radians.

    The angle knows the share alone, and at a given share the norm goes with the rate. Raises
    ValueError where there is no such equilibrium.
    """
    if not (0 < share <= 1 and 0 <= beta < 1):
        raise ValueError(
            f"share {share:g}, beta {beta:g}: it takes a share in (0, 1] (without decay nothing "
            "settles) and a beta in [0, 1)"
        )
    kept = 1 - share
    gain = (1 - beta) * (1 + kept * beta) / ((1 + beta) * share * (2 - share) * (1 - kept * beta))
    angle = 2 * math.asin(math.sqrt(share * (1 - beta) / (2 * (1 + kept * beta))))
    return rate * math.sqrt(gain), angle


if __name__ == "__main__":
    peak, beta, share, steps = 0.02, 0.9, 0.002, 400  # the share is taken off at the peak
    decays = {"torch": share / peak, "scheduled": share, "fixed": share}

    def cosine_run(convention: str, by: str) -> torch.Tensor:
        """Return the weights of a run whose share is taken off by hand, by torch, or by λ kept."""
        noise = torch.Generator().manual_seed(0)
        weight = torch.nn.Parameter(torch.ones(50, dtype=torch.float64))
        optimizer = torch.optim.AdamW([weight], peak, weight_decay=decays["torch"])
        for t in range(steps):
            rate = peak * (1 + math.cos(math.pi * t / steps)) / 2
            off = convert(decays[convention], convention, "fixed", rate, peak)
            for group in optimizer.param_groups:
                group["lr"] = rate
                if by == "hand":
                    group["weight_decay"] = 0
                    weight.data *= 1 - off
                elif by == "torch":
                    group["weight_decay"] = convert(off, "fixed", "torch", rate, peak)
            weight.grad = torch.randn(50, generator=noise, dtype=torch.float64)
            optimizer.step()
        return weight.detach()

    print("            settled at a tenth of the peak:       a cosine, gap with λ")
    print("convention  share    norm, ratio  angle, ratio     converted   kept")
    for convention, decay in decays.items():
        low = convert(decay, convention, "fixed", peak / 10, peak)
        here, there = settled(share, peak, beta), settled(low, peak / 10, beta)
        truth = cosine_run(convention, "hand")
        gaps = [(cosine_run(convention, by) / truth - 1).abs().max() for by in ("torch", "kept")]
        print(
            f"{convention:10s}  {low:.4f} {there[0] / here[0]:12.4f} {there[1] / here[1]:13.4f}"
            f" {gaps[0]:13.0e} {gaps[1]:8.4f}"
        )
