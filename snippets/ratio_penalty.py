"""The ratio ‖W‖_* / ‖W‖_F as a penalty: how much rank a matrix has, whatever its size.

With the singular values σ₁ ≥ … ≥ σᵣ > 0, N = σ₁ + … + σᵣ and F² = σ₁² + … + σᵣ²,

    R(W) = N/F,        1 ≤ R(W) ≤ √r,        R(cW) = R(W) for c > 0.

It is differentiable exactly where W has full rank, r = min(m, n), and there, with W = UΣVᵀ,

    ∇R(W) = (UVᵀ − (N/F²) W)/F,    ⟨∇R(W), W⟩ = 0,    ‖∇R(W)‖² = (r − R²)/F².

Where a singular value is zero R has a kink, and automatic differentiation of a singular value
decomposition returns nan or some one-sided slope. The gradient is refused there.

Next to a loss, L + μR, the penalty has no part along W. In the twin θₜ = cₜφₜ of a run with decay
a penalty of degree k, ψ(cθ) = cᵏψ(θ), takes the strength μcₜᵏ: the ratio, of degree 0, keeps μ.

Units. R has none, ∇R is in [W]⁻¹; μ is in the unit of the loss.

Source. Zhao, "Combining Explicit and Implicit Regularization for Efficient Learning in Deep
Networks", NeurIPS 2022, arXiv:2306.00342, for the penalty; the formulas are derived here.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Number = Any  # a float; a Fraction or a symbol, where a formula is to be exact
Matrix = Float[Tensor, "m n"] | Shaped[np.ndarray, "m n"]  # of floats; as an array, of any Number


def ratio(matrix: Float[Tensor, "m n"]) -> Float[Tensor, ""]:
    """Return ‖W‖_* / ‖W‖_F, which torch can differentiate where W has full rank.

    Raises ValueError for the zero matrix, which has no ratio.
    """
    values = torch.linalg.svdvals(matrix)
    if not values[0] > 0:
        raise ValueError("W = 0 has no ratio: leave the penalty out for a block that is zero")
    return values.sum() / values.norm()


def scaled_gradient(matrix: Matrix, polar: Matrix) -> Matrix:
    """Return F∇R(W) = UVᵀ − (N/F²) W from W and UVᵀ, without a root: N = ⟨UVᵀ, W⟩."""
    return polar - (polar * matrix).sum() / (matrix * matrix).sum() * matrix


def ratio_gradient(
    matrix: Float[Tensor, "m n"], tolerance: float | None = None
) -> Float[Tensor, "m n"]:
    """Return ∇R(W).

    Raises ValueError where there is none: where a singular value is at most the tolerance times the
    largest. Without one given, it is the larger side times the spacing of floats.
    """
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    if tolerance is None:
        tolerance = max(matrix.shape) * torch.finfo(matrix.dtype).eps
    if not values[-1] > tolerance * values[0]:
        rank = int((values > tolerance * values[0]).sum())
        raise ValueError(
            f"W has rank {rank} and sides {tuple(matrix.shape)}: at less than full rank the ratio "
            "has a kink and no gradient; take a proximal step, or factors W = AB of that rank"
        )
    return scaled_gradient(matrix, left @ right) / values.norm()


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
