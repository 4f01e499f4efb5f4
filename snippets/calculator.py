"""What do a rate, a decay and a momentum come to? All that follows from them before a run.

For weights in front of a normaliser under torch.optim.SGD, and for weights whose gradients are
mostly noise under torch.optim.AdamW (momentum is its β₁), in equilibrium:

    root      α: the run without decay that computes the same has weights α⁻ᵗ times as long
    norm      ‖θ‖/√G for SGD, with G the unit gradient norm ‖θ‖ ‖∇L‖; ‖θ‖/√d for AdamW, d numbers
    angle     by how much a step turns the weights, in radians
    forgets   steps in which the direction's memory of where it was falls by e
    settles   steps in which a small excess of ‖θ‖² falls by e
    rate_…    the first step at which the rate without decay is beyond float32 or fp16,
    weights_… the same for a weight without decay that would be 1 with it

With x = ηλ, all but norm and rate_… are functions of x and the momentum. So after η → kη the decay
λ/k keeps the rotation, the clock and the growth; the norm is √k times what it was for SGD and
k times for AdamW. The batch is not among the settings: here it acts on G alone.

    SGD      α is the larger root of z² − (1 + γ − x)z + γ      the rate without decay is ηα⁻²ᵗ⁻¹
    AdamW    α = 1 − x                                          ηα⁻ᵗ⁻¹, with betas that move

Use. Compute what my rate, decay and momentum come to, before a run.

    print(sgd(rate=0.1, decay=5e-4, momentum=0.9))
    print(adamw(rate=1e-3, decay=0.1, momentum=0.9))

Units. η is in [θ]² and λ in [θ]⁻² for SGD, in [θ] and [θ]⁻¹ for AdamW; x, α and G are numbers.

Source. Derived in the notes. No step is lost to rounding where x is small: differences from 1 are
what is computed with.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///

from __future__ import annotations

import math
from typing import NamedTuple

FLOAT32, FP16 = (2 - 2**-23) * 2.0**127, 65504.0  # their largest numbers


class Numbers(NamedTuple):
    """What settings come to; the last four are steps, counted from 0."""

    root: float
    norm: float
    angle: float
    forgets: float
    settles: float
    rate_float32: int
    rate_fp16: int
    weights_float32: int
    weights_fp16: int


def sgd(rate: float, decay: float, momentum: float) -> Numbers:
    """Return what constant settings of torch.optim.SGD come to, whose decay is in the gradient.

    Raises ValueError where there is no run without decay.
    """
    x = _product(rate, decay, momentum)
    gap = 1 - math.sqrt(momentum)
    if x >= gap * gap:
        raise ValueError(
            f"rate times decay is {x:g}, and must be below (1 − √momentum)² = {gap * gap:g}: "
            "beyond that, no run without decay computes the same"
        )
    total = 1 - momentum + x
    lost = 2 * x / (total + math.sqrt(max(0.0, total * total - 4 * x)))  # 1 − α
    gain, angle = _balance(x, momentum, 1 - momentum)
    norm = math.sqrt(rate) * math.sqrt(math.sqrt(gain))
    settles = _settling(x, momentum, 1 - momentum)
    return Numbers(1 - lost, norm, angle, -1 / math.log1p(-lost), settles, *_ends(lost, 2, rate))


def adamw(rate: float, decay: float, momentum: float) -> Numbers:
    """Return what constant settings of torch.optim.AdamW come to; momentum is β₁, β₂ is near 1.

    Raises ValueError where there is no run without decay.
    """
    x = _product(rate, decay, momentum)
    if x >= 1:
        raise ValueError(
            f"rate times decay is {x:g}, and must be below 1: a step would take off all weights"
        )
    gain, angle = _balance(x * (1 - momentum), (1 - x) * momentum, 1 - momentum + x * momentum)
    norm = rate * (1 - momentum) * math.sqrt(gain)
    # The weights last or the gradients in the buffer do, whichever is longer.
    forgets = -1 / (math.log1p(-x) if 1 - x > momentum else math.log(momentum))
    return Numbers(1 - x, norm, angle, forgets, forgets / 2, *_ends(x, 1, rate))


def _product(rate: float, decay: float, momentum: float) -> float:
    for name, value in [("rate", rate), ("decay", decay)]:
        if not 1e-30 <= value <= 1e30:
            raise ValueError(f"the {name} is {value:g}, and must be from 1e-30 to 1e30")
    if not 0 <= momentum < 1:
        raise ValueError(f"the momentum is {momentum:g}, and must be at least 0 and below 1")
    return rate * decay


def _balance(missing: float, q: float, rest: float) -> tuple[float, float]:
    """Return ‖θ‖²/‖push‖² and the angle of a step; missing is 1 + q − p, and rest is 1 − q."""
    gain = (1 + q) / (rest * missing * (2 * (1 + q) - missing))
    return gain, 2 * math.asin(math.sqrt(missing / (2 * (1 + q))))


def _settling(missing: float, q: float, rest: float) -> float:
    """Return −1/ln of the largest |1 − w| with w³ − bw² + cw − d = 0, where ‖∇L‖ = G/‖θ‖.

    The second moments of θₜ and θₜ₋₁ go into the next ones, near the balance by a matrix that has
    the eigenvalues 1 − w.
    """
    lost = missing * (2 * (1 + q) - missing)  # (1 + q)² − p²
    push = rest * lost / (1 + q)
    b = rest * (2 + q) + lost + push
    c = rest * rest * (1 + q) + (2 - q) * lost + (2 + q) * push
    d = 2 * rest * lost
    low, high = 0.0, b + 1  # below the one the cubic is negative, at the other it is positive
    for _ in range(300):  # halve down to neighbours, however small they are
        w = (low + high) / 2
        if ((w - b) * w + c) * w < d:
            low = w
        else:
            high = w
    product = d / high  # of the two others, and their sum, from what does not cancel
    total = (c - product) / high if high * high > product else b - high
    square = total * total - 4 * product
    if square < 0:
        return -1 / max(_log(high), math.log1p(product - total) / 2)
    larger = (total + math.sqrt(square)) / 2
    return -1 / max(_log(high), _log(larger), _log(product / larger))


def _log(w: float) -> float:
    """Return ln |1 − w|."""
    if w == 1:
        return -math.inf
    return math.log1p(-w) if w < 1 else math.log(w - 1)


def _ends(lost: float, power: int, rate: float) -> tuple[int, int, int, int]:
    """Return the first t at which η(1 − lost)^(−power·t − 1) or (1 − lost)^−t is out of range."""
    growth = -math.log1p(-lost)
    rates = [(math.log(largest / rate) / growth - 1) / power for largest in (FLOAT32, FP16)]
    weights = [math.log(largest) / growth for largest in (FLOAT32, FP16)]
    first, second, third, fourth = (max(0, math.floor(t) + 1) for t in rates + weights)
    return first, second, third, fourth


if __name__ == "__main__":
    print("optimizer  η      λ      γ, β₁    norm  angle, °  forgets  settles    float32")
    for kind, rate, decay, momentum in [
        ("SGD", 0.1, 5e-4, 0.0),
        ("SGD", 0.1, 5e-4, 0.9),
        ("SGD", 0.2, 2.5e-4, 0.9),
        ("SGD", 0.1, 1e-4, 0.9),
        ("AdamW", 1e-3, 0.1, 0.9),
        ("AdamW", 2e-3, 0.05, 0.9),
        ("AdamW", 3e-4, 0.1, 0.9),
        ("AdamW", 1e-3, 0.01, 0.95),
    ]:
        found = (sgd if kind == "SGD" else adamw)(rate, decay, momentum)
        print(
            f"{kind:9s} {rate:6g} {decay:8g} {momentum:5g} {found.norm:9.4f} "
            f"{math.degrees(found.angle):9.4f} {found.forgets:8.0f} {found.settles:8.0f} "
            f"{found.rate_float32:10,d}"
        )
