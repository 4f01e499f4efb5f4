"""A frozen classifier behind features of bounded length cannot be more confident than its scale.

Let the logits of a sample be f = Vx, with a frozen V of spectral norm α, such as one that has
orthogonal rows of length α, and features with ‖x‖ ≤ ρ, such as k numbers behind layer norm or RMS
norm, where ρ = √k. With C classes the cross-entropy of a sample is at least

    log(1 + (C − 1) exp(−αρ √(C/(C − 1))))

since the right logit exceeds the mean of the wrong ones by at most αρ √(C/(C − 1)), and the wrong
ones do least harm when they are equal. With orthogonal rows the bound is reached, at

    x = ρ Vᵀw / (α‖w‖)        where w is 1 for the right class and −1/(C − 1) for the others.

Units. Logits are pure numbers: α is in the inverse unit of ρ.

Source. The question comes from Hoffer, Hubara and Soudry, "Fix your classifier", ICLR 2018,
arXiv:1801.04540; the bound is derived here.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from jaxtyping import Float


def least_cross_entropy(scale: float, feature_norm: float, classes: int) -> float:
    """Return the least cross-entropy that a sample can have, from α, ρ and C."""
    if classes < 2:
        raise ValueError(f"{classes} class leaves nothing to tell apart; there must be two or more")
    gap = scale * feature_norm * math.sqrt(classes / (classes - 1))
    return math.log1p((classes - 1) * math.exp(-gap))


def needed_scale(loss: float, feature_norm: float, classes: int) -> float:
    """Return the α at which the least cross-entropy is loss: a frozen classifier needs no less."""
    if not 0 < loss < math.log(classes):
        raise ValueError(
            f"loss = {loss}, but a guess has log C = {math.log(classes):.3f}, and a finite scale "
            "never 0; ask for something between"
        )
    gap = math.log((classes - 1) / math.expm1(loss))
    return gap / (feature_norm * math.sqrt(classes / (classes - 1)))


def best_features(
    classifier: Float[Tensor, "classes k"], label: int, feature_norm: float
) -> Float[Tensor, " k"]:
    """Return the features of length ρ with the right logit furthest above the mean of the wrong."""
    classes = len(classifier)
    contrast = torch.full((classes,), -1 / (classes - 1), dtype=classifier.dtype)
    contrast[label] = 1
    direction = contrast @ classifier
    features: Tensor = feature_norm * direction / direction.norm()
    return features


if __name__ == "__main__":
    torch.manual_seed(0)
    features, classes = 64, 10
    rows = torch.linalg.qr(torch.randn(features, classes, dtype=torch.float64)).Q.T  # orthonormal
    norm = math.sqrt(features)
    print("scale α   least possible   reached: orthogonal rows   rows at random")
    for scale in (0.25, 0.5, 1.0, 2.0):
        drawn = torch.randn(classes, features, dtype=torch.float64)
        drawn *= scale / torch.linalg.matrix_norm(drawn, ord=2)
        reached = [
            functional.cross_entropy(v @ best_features(v, 3, norm), torch.tensor(3)).item()
            for v in (scale * rows, drawn)
        ]
        least = least_cross_entropy(scale, norm, classes)
        print(f"{scale:7.2f} {least:16.6f} {reached[0]:26.6f} {reached[1]:16.6f}")
    for loss in (0.1, 0.01):
        print(f"for a loss of {loss}: α ≥ {needed_scale(loss, norm, classes):.4f}")
