"""The ratio ‖W‖_* / ‖W‖_F as a penalty: how much rank a matrix has, whatever its size.

With the singular values σ₁ ≥ … ≥ σᵣ > 0, N = σ₁ + … + σᵣ and F² = σ₁² + … + σᵣ²,

    R(W) = N/F,        1 ≤ R(W) ≤ √r,        R(cW) = R(W) for c > 0.

It is differentiable exactly where W has full rank, r = min(m, n), and there, with W = UΣVᵀ,

    ∇R(W) = (UVᵀ − (N/F²) W)/F,    ⟨∇R(W), W⟩ = 0,    ‖∇R(W)‖² = (r − R²)/F².

Where a singular value is zero R has a kink, and automatic differentiation of a singular value
decomposition returns nan or some one-sided slope. The gradient is refused there.

Next to a loss, L + μR, the penalty has no part along W. In the twin θₜ = cₜφₜ of a run with decay
a penalty of degree k, ψ(cθ) = cᵏψ(θ), takes the strength μcₜᵏ: the ratio, of degree 0, keeps μ.

Use. Prefer weights of low rank, whatever their length.

    penalised = loss(model) + 0.01 * ratio(weight)
    penalised.backward()

Units. R has none, ∇R is in [W]⁻¹; μ is in the unit of the loss.

Source. Zhao, "Combining Explicit and Implicit Regularization for Efficient Learning in Deep
Networks", NeurIPS 2022, arXiv:2306.00342, for the penalty; the formulas are derived here.
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
    import numpy as np
    from jaxtyping import Float, Shaped

    # Of floats; or as an array, of any Number.
    Matrix = Float[Tensor, "m n"] | Shaped[np.ndarray, "m n"]

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact


def as_matrix(weight: Shaped[Tensor, "*shape"]) -> Float[Tensor, "out rest"]:
    """Return a weight as the matrix whose ratio is meant: its first side by all others together.

    So the kernel of a convolution, out × in × h × w, is out × (in h w). Half precision, in which
    there is no singular value decomposition, goes into float32.

    Raises ValueError for what has no ratio, or always the same: a vector, whose ratio is 1, no
    entries, or entries that are no finite real numbers.
    """
    if weight.ndim < 2 or not weight.numel():
        raise ValueError(
            f"the shape {tuple(weight.shape)} is no matrix with entries: the penalty is for "
            "weights, and of a bias or a gain, a vector, the ratio is always 1; leave it out"
        )
    if not weight.is_floating_point():
        raise ValueError(f"{weight.dtype} is not a type of real floats: give weight.float()")
    if not weight.isfinite().all():
        raise ValueError("some entries are not finite numbers, so there are no singular values")
    half = weight.dtype in (torch.float16, torch.bfloat16)
    return (weight.float() if half else weight).flatten(1)


def ratio(weight: Shaped[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Return ‖W‖_* / ‖W‖_F, which torch can differentiate where W has full rank.

    W is a matrix, or the kernel of a convolution as the matrix that as_matrix makes of it. Raises
    ValueError for the zero matrix, which has no ratio, and for what is no such weight.
    """
    values = torch.linalg.svdvals(as_matrix(weight))
    if not values[0] > 0:
        raise ValueError("W = 0 has no ratio: leave the penalty out for a block that is zero")
    values = values / values[0].detach()  # of any length: the squares stay in the floats' range
    quotient: Tensor = values.sum() / values.norm()
    return quotient


def scaled_gradient(matrix: Matrix, polar: Matrix) -> Matrix:
    """Return F∇R(W) = UVᵀ − (N/F²) W from W and UVᵀ, without a root: N = ⟨UVᵀ, W⟩."""
    return polar - (polar * matrix).sum() / (matrix * matrix).sum() * matrix


def ratio_gradient(
    weight: Shaped[Tensor, "*shape"], tolerance: float | None = None
) -> Float[Tensor, "*shape"]:
    """Return ∇R(W), in the shape of the weight; of half precision in float32.

    Raises ValueError where there is none: where a singular value is at most the tolerance times the
    largest. Without one given, it is the larger side times the spacing of floats. And for what is
    no weight with a ratio, as as_matrix says.
    """
    matrix = as_matrix(weight)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    if tolerance is None:
        tolerance = max(matrix.shape) * torch.finfo(matrix.dtype).eps
    if not values[-1] > tolerance * values[0]:
        rank = int((values > tolerance * values[0]).sum())
        raise ValueError(
            f"W has rank {rank} and sides {tuple(matrix.shape)}: at less than full rank the ratio "
            "has a kink and no gradient; take a proximal step, or factors W = AB of that rank"
        )
    largest = values[0]  # by which all is divided: squares stay in the floats' range
    slope: Tensor = scaled_gradient(matrix / largest, left @ right) / (values / largest).norm()
    slope = slope / largest
    return slope.reshape(weight.shape)


def twin_strength(strength: Number, scalar: Number, degree: Number) -> Number:
    """Return μcᵏ: the strength that a penalty of degree k needs at φ = θ/c."""
    if not scalar > 0:
        raise ValueError(f"the scalar is {scalar}; a twin exists only as long as it is positive")
    return strength * scalar**degree


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    rank_two = noise[:, :2] @ noise[:2, :]
    print("W                      R    √rank    ‖∇R‖   √(r − R²)/F   ⟨∇R, W⟩")
    for name, matrix in [
        ("random", noise),
        ("3 × random", 3 * noise),
        ("rank 2 + noise/10", rank_two + noise / 10),
        ("rank 2 + noise/100", rank_two + noise / 100),
        ("orthogonal columns", 2 * torch.linalg.qr(noise).Q),
    ]:
        slope, value, length = ratio_gradient(matrix), ratio(matrix), matrix.norm()
        expected = (4 - value**2).clamp(min=0).sqrt() / length
        along = abs((slope * matrix).sum().item())
        print(f"{name:20s} {value:5.4f} {2:8.4f} {slope.norm():7.4f} {expected:13.4f} {along:9.4f}")
    try:
        ratio_gradient(rank_two)
    except ValueError as refusal:
        print(f"rank 2: {str(refusal)[:60]} …")
