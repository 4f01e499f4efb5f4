"""A normaliser's ε is a length squared, and has to be scaled with the weights like one.

A normaliser divides by √(σ² + ε). With c times the weights in front of it, σ is c times as large,
and the output is the same exactly if ε is c² times as large. So it is not the loss that is scale
invariant, but weights and ε together: L(cθ; c²ε) = L(θ; ε), also with several normalisers, if with
what earlier ones return held fixed the input of each is c times as large. That is enough. SGD with
rates ηₜ and decay at ε has the same twin without decay as it has with ε = 0, φₜ = θₜ/cₜ at the
rates ηₜ / (cₜ cₜ₊₁) (scalar_run.py), if the twin computes step t at

    ε̃ₜ = ε / cₜ².

With ε left as it is, the twin's normaliser lets its output come out too large, by the factor

    √((σ² + ε) / (σ² + cₜ² ε)),

σ² being the variance in the run with decay. Torch's default is ε = 1e-5.

Use. Make the eps of my normalisers negligible.

    set_epsilon(model.double(), 1e-60)

Units. ε and σ² are in [z]², z being what is normalised; c is a pure number.

Source. Derived here. That ε spoils the equivalence follows from the definition of batch norm, Ioffe
and Szegedy, "Batch Normalization", ICML 2015.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float

Number = Any  # a float; a Fraction or a symbol, where it is to be exact


def normalise(values: Float[Tensor, "n units"], epsilon: float) -> Float[Tensor, "n units"]:
    """Return what batch norm makes of a batch, with neither scale nor shift."""
    variance, mean = torch.var_mean(values, dim=0, correction=0)
    return (values - mean) / (variance + epsilon).sqrt()


def scaled_epsilon(epsilon: Number, scalar: Number) -> Number:
    """Return ε / c², in [z]²: what ε has to be in the run whose weights are θ / c."""
    return epsilon / scalar**2


def excess_at_fixed_epsilon(variance: Number, epsilon: Number, scalar: Number) -> Number:
    """Return (σ² + ε) / (σ² + c²ε), the square of the factor by which the twin's output is off."""
    return (variance + epsilon) / (variance + scalar**2 * epsilon)


def set_epsilon(model: nn.Module, epsilon: float) -> int:
    """Give all normalisation layers of a model this ε, and return how many there are.

    Raises ValueError if the model has none, and for an ε that is not positive.
    """
    if not epsilon > 0:
        raise ValueError(f"eps = {epsilon:g} must be positive; 1e-100 is negligible in float64")
    kinds = nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm
    layers = [layer for layer in model.modules() if isinstance(layer, kinds)]
    if not layers:
        raise ValueError("the model has no normalisation layer; an ε of its own is yours to set")
    for layer in layers:
        layer.eps = epsilon
    return len(layers)


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 8, generator=generator, dtype=torch.float64)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
    rate, decay, epsilon = 0.1, 0.05, 1e-3

    def logits(growing: bool, scaled: bool = False) -> list[Tensor]:
        """Return the logits at every step, the network being the same at every call."""
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(8, 32, bias=False),
            nn.BatchNorm1d(32, affine=False),
            nn.GELU(),
            nn.Linear(32, 2, bias=False),
            nn.BatchNorm1d(2, affine=False),
        ).double()
        optimizer = torch.optim.SGD(net.parameters(), weight_decay=0 if growing else decay)
        rows = []
        for t in range(201):
            now, after = ((1 - rate * decay) ** k for k in (t, t + 1))
            set_epsilon(net, scaled_epsilon(epsilon, now) if scaled else epsilon)
            optimizer.param_groups[0]["lr"] = rate / (now * after) if growing else rate
            rows.append(net(inputs))
            optimizer.zero_grad()
            nn.functional.cross_entropy(rows[-1], labels).backward()
            optimizer.step()
        return [row.detach() for row in rows]

    decayed, fixed, along = logits(False), logits(True), logits(True, scaled=True)
    print("       c         scaled ε   largest gap of the logits   with ε scaled")
    for t in (0, 1, 50, 100, 200):
        scalar = (1 - rate * decay) ** t
        gaps = [(run[t] - decayed[t]).abs().max().item() for run in (fixed, along)]
        print(f"{t:4d} {scalar:7.4f} {scaled_epsilon(epsilon, scalar):13.6f}", end="")
        print(f" {gaps[0]:27.6f} {gaps[1]:15.6f}")
