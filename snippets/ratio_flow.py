"""The flow on the ratio R = ‖W‖_*/‖W‖_F: take the same off every singular value, and rescale.

Let F = ‖W‖_F, N = ‖W‖_*, σ the singular values of W. The subgradient flow of R keeps F and the
singular vectors, and moves the values that are positive by

    σ̇ᵢ = (Nσᵢ/F² − 1)/F,        up if σᵢ is above the contraharmonic mean F²/N = Σσ²/Σσ.

It can be solved. From σ it goes through F(σ − q)₊/‖(σ − q)₊‖ as q rises from zero, and with k
values above q it gets from q = a to q = b in the time

    F²/√k · [ln g(a) − ln g(b)],        g(q) = Σ(σ − q)₊/√k + ‖(σ − q)₊‖.

So the values below the largest reach zero in finite time, the smallest first; equal ones together.

Gradient descent need not: a step turns σ into |(1 + ηN/F³)σ − η/F|, which may jump over zero.

Of a product of D balanced layers the values move by −Dσ^(2−2/D) times the slope of the objective,
so that for D ≥ 2 none reaches zero in a time in which W and ∇L(W) stay bounded.

Units. t and η are in [W]²: a flow from cW takes c² times as long.

Source. Derived here; the flow of a balanced product is that of Arora, Cohen, Hu and Luo,
"Implicit Regularization in Deep Matrix Factorization", NeurIPS 2019, arXiv:1905.13655.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact


def scaled_velocities(values: Sequence[Number]) -> list[Number]:
    """Return Fσ̇ᵢ = Nσᵢ/F² − 1 for positive singular values: the flow but for the factor 1/F."""
    nuclear, square = sum(values), sum(s * s for s in values)
    return [nuclear * s / square - 1 for s in values]


def thresholded(values: Sequence[Number], threshold: Number) -> list[Number]:
    """Return (σᵢ − q)₊, to which the flow is proportional."""
    return [max(s - threshold, 0 * s) for s in values]


def time_between(values: Sequence[float], start: float, end: float) -> float:
    """Return the time from q = start to q = end, between which no value is passed."""
    length = math.hypot(*values)
    above = sum(s > start for s in values)

    def g(threshold: float) -> float:
        left = thresholded(values, threshold)
        return sum(left) / math.sqrt(above) + math.hypot(*left)

    return length**2 / math.sqrt(above) * math.log(g(start) / g(end))


def drop_times(values: Sequence[float]) -> list[float]:
    """Return when the singular values below the largest reach zero, the smallest first.

    Raises ValueError if there is a value that is no finite number from 0 on, or none is positive.
    """
    if not (all(0 <= value < math.inf for value in values) and any(values)):
        raise ValueError(
            f"{list(values)} are not the singular values of a matrix that is finite and not zero; "
            "of a weight W of any shape they are torch.linalg.svdvals(W.flatten(1)).tolist()"
        )
    times, time, passed = [], 0.0, 0.0
    for value in sorted(values):
        if value == max(values):
            break
        time += time_between(values, passed, value)
        passed = value
        times.append(time)
    return times


def flow_at(values: Sequence[float], time: float) -> list[float]:
    """Return the singular values after a time t ≥ 0, in the order in which they were given.

    Raises ValueError for a time before the start, from which many pasts may have come.
    """
    if not time >= 0:
        raise ValueError(f"t = {time:g}: the flow has no past that could be known; take t ≥ 0")
    length, drops = math.hypot(*values), drop_times(values)
    done = sum(drop <= time for drop in drops)
    passed, since = (sorted(values)[done - 1], drops[done - 1]) if done else (0.0, 0.0)
    left = thresholded(values, passed)
    if done < len(drops):  # else those that are left are equal, and stay
        count, total, root = sum(s > 0 for s in left), sum(left), math.hypot(*left)
        spread = root**2 - total**2 / count  # Σ(σ − mean)², which a threshold leaves alone
        g = (total / math.sqrt(count) + root) * math.exp(
            -(time - since) * math.sqrt(count) / length**2
        )
        total_then = math.sqrt(count) * (g - spread / g) / 2  # since (N/√k)² + spread = ‖·‖²
        left = thresholded(left, max(total - total_then, 0.0) / count)  # never below, by rounding
    return [length * s / math.hypot(*left) for s in left]


def descent_step(values: Sequence[Number], rate: Number, length: Number) -> list[Number]:
    """Return |(1 + ηN/F³)σᵢ − η/F|, a step of gradient descent on R, where F = ‖W‖_F is given."""
    nuclear = sum(values)
    return [abs((1 + rate * nuclear / length**3) * s - rate / length) for s in values]


def proximal_step(values: Sequence[Number], rate: Number, length: Number) -> list[Number]:
    """Return ((1 + ηN/F³)σᵢ − η/F)₊, which reaches zero and stays."""
    nuclear = sum(values)
    return thresholded([(1 + rate * nuclear / length**3) * s for s in values], rate / length)


def deep_velocities(
    values: Sequence[float],
    depth: int,
    strength: float = 1.0,
    slopes: Sequence[float] | None = None,
) -> list[float]:
    """Return σ̇ᵢ of a balanced product of D layers on L + μR, given the slopes uᵢᵀ(∇L)vᵢ.

    Raises ValueError for a depth below one, and if there are not as many slopes as values.
    """
    if depth < 1:
        raise ValueError(f"a product of {depth} layers: the depth is at least 1")
    length = math.hypot(*values)
    given = [0.0] * len(values) if slopes is None else slopes
    return [
        -depth * s ** (2 - 2 / depth) * (slope - strength * v / length)
        for s, slope, v in zip(values, given, scaled_velocities(values), strict=True)
    ]


if __name__ == "__main__":
    start = [4.0, 3.0, 2.0, 1.0]
    drops = drop_times(start)
    print("from σ = 4, 3, 2, 1 the rank drops at t = " + ", ".join(f"{t:.3f}" for t in drops))
    print("   t       flow                              gradient descent, η = 1")
    values = start
    for t in range(61):
        if t in (0, 6, 12, 20, 30, 40, 60):
            exact = " ".join(f"{s:7.4f}" for s in flow_at(start, t))
            steps = " ".join(f"{s:7.4f}" for s in values)
            print(f"{t:4d}  {exact}   {steps}")
        values = descent_step(values, 1.0, math.hypot(*values))
    speeds = [deep_velocities([4.0, 1e-2], depth)[1] for depth in (1, 2, 3)]
    print("speed of σ = 0.01 beside 4, depth 1, 2, 3: " + ", ".join(f"{v:.5f}" for v in speeds))
