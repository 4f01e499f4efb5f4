"""AdamW on independent noise, its second moment fluctuating: is the norm below the formula?

The formula for AdamW's equilibrium takes the running mean of squared gradients v for what it
estimates. A finite β₂ makes v fluctuate, and m²/v with it. One coordinate, ε = 0, gradients nₜ
independent with one symmetric law that has no mass at zero, long after the start:

    m ← β₁ m + (1 − β₁) n,    v ← β₂ v + (1 − β₂) n²,    θ ← (1 − ηλ) θ − η m/√v.

    E[m²/v] ≤ (1 − β₁)/(1 + β₁) if β₂ ≥ β₁²,  ≥ if β₂ ≤ β₁²,  so equal at β₂ = β₁²  (proved)
    E θ² ≤ what the formula says, if β₂ ≥ β₁                                        (conjectured)

Units. η is in [θ], λ in [θ]⁻¹; all quotients are numbers.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Sample = Float[Tensor, " runs"]

Number = Any  # a float; a Fraction or a symbol, where the formula is to be exact
LAWS = ("two values", "uniform", "Gaussian", "Laplace", "Student 3", "rare large")


def draw(law: str, runs: int, generator: torch.Generator) -> Sample:
    """Return independent symmetric numbers, of any scale. Raises ValueError for an unknown law."""
    uniform = torch.rand(2, runs, generator=generator, dtype=torch.float64)
    sign = torch.where(uniform[0] < 0.5, -1.0, 1.0).double()
    if law == "two values":
        return sign
    if law == "uniform":
        return sign * (1 - uniform[1])
    if law == "Laplace":
        return sign * -(1 - uniform[1]).log()
    if law == "rare large":  # one in ten is thirty times as long as the others
        return sign * torch.where(uniform[1] < 0.1, 30.0, 1.0).double()
    normal = torch.randn(4, runs, generator=generator, dtype=torch.float64)
    if law == "Gaussian":
        return normal[0]
    if law == "Student 3":
        return normal[0] / normal[1:].square().mean(dim=0).sqrt()
    raise ValueError(f"no law is named {law!r}; there are: {', '.join(LAWS)}")


def energy(momentum: Number) -> Number:
    """Return E[m²/v] for a v that does not fluctuate: (1 − β₁)/(1 + β₁)."""
    return (1 - momentum) / (1 + momentum)


def squared_norm(kept: Number, momentum: Number) -> Number:
    """Return E θ²/η² for a v that does not fluctuate; kept is 1 − ηλ."""
    return energy(momentum) * (1 + kept * momentum) / ((1 - kept**2) * (1 - kept * momentum))


def shares(
    law: str,
    kept: float,
    momentum: float,
    second: float,
    steps: int,
    runs: int,
    generator: torch.Generator,
) -> tuple[Sample, Sample]:
    """Return m²/v and θ² of each run after some steps, over the formulas; v is bias-corrected."""
    m = v = theta = torch.zeros(runs, dtype=torch.float64)
    for t in range(steps):
        n = draw(law, runs, generator)
        m = momentum * m + (1 - momentum) * n
        v = second * v + (1 - second) * n**2
        theta = kept * theta - m / (v / (1 - second ** (t + 1))).sqrt()
    squared = m**2 * (1 - second**steps) / v
    return squared / energy(momentum), theta**2 / squared_norm(kept, momentum)


if __name__ == "__main__":
    KEPT, RUNS = 0.8, 5_000
    print("            m²/v over its formula      θ² over its formula     standard error")
    print("law         β₂ = β₁²   0.5    0.95     β₂ = β₁²   0.5    0.95       at most")
    for law in LAWS:
        generator = torch.Generator().manual_seed(0)
        found = [shares(law, KEPT, 0.5, b, 30, RUNS, generator) for b in (0.25, 0.5, 0.95)]
        error = max((s.std() / RUNS**0.5).item() for pair in found for s in pair)
        print(f"{law:12s}", *(f"{pair[0].mean():7.3f}" for pair in found), end="   ")
        print(*(f"{pair[1].mean():7.3f}" for pair in found), f"{error:13.3f}")
