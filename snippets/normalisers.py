"""A normaliser forgets one factor and one shift in each of its slices, and nothing else.

A linear layer or a convolution computes z_nip = ⟨W_i, x_np⟩ + b_i for sample n, unit i (an output
coordinate, or an output channel) and position p. A normaliser cuts z into slices, and with the mean
μ and the mean square of deviations σ² of a slice puts (z − μ)/σ in the place of its entries:

    batch norm       one slice for each unit:               all n, all p
    layer norm       one for each sample:                   all i, all p
    group norm       one for each sample and group:         the i of the group, all p
    instance norm    one for each sample and unit:          all p
    RMS norm         slices of layer norm, but no mean is taken off: z / √(mean of z²)

In a slice that is not constant, z and z′ have the same output if and only if z′ = az + β with some
a > 0 and β; for RMS norm, in a slice that is not zero, β = 0. Weight norm is no normaliser of z: it
uses the row W_i / ‖W_i‖.

Backwards, a slice of k entries whose output ẑ = N(z) has the gradient g passes on

    (1/σ) (g − mean(g) − ẑ mean(g ẑ)),

g without its parts along 1 and along ẑ, divided by σ. For RMS norm ρ stands for σ, and the part
along 1 stays. A row w = m v/‖v‖ with the gradient g passes on ⟨g, v⟩/‖v‖ to the length m, and to v

    (m/‖v‖) (g − ⟨g, v⟩ v/‖v‖²).

Units. The outputs of a normaliser are pure numbers; eps is in the squared unit of z.

Source. Ioffe and Szegedy 2015 (batch norm), Ba, Kiros and Hinton 2016 (layer), Ulyanov, Vedaldi and
Lempitsky 2016 (instance), Wu and He 2018 (group), Zhang and Sennrich 2019 (RMS), Salimans and
Kingma 2016 (weight norm); in each without trainable scale and shift. The rest is derived.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Shaped

    # Of floats; or as an array of exact numbers, together with a root that is exact.
    Array = TypeVar("Array", Shaped[Tensor, "..."], Shaped[np.ndarray, "..."])
    Batch = TypeVar("Batch", Shaped[Tensor, "n unit pos"], Shaped[np.ndarray, "n unit pos"])
    Rows = TypeVar("Rows", Shaped[Tensor, "unit input"], Shaped[np.ndarray, "unit input"])

Root = Callable[[Any], Any]


def mean(values: Any, axes: tuple[int, ...]) -> Any:
    """Return the mean over some axes of a tensor or an array; they stay, with a length of one."""
    return values.mean(axis=axes, keepdims=True)


def normalise(
    z: Array, axes: tuple[int, ...], centred: bool = True, eps: Any = 0, root: Root = torch.sqrt
) -> Array:
    """Return (z − μ)/√(σ² + eps), with the statistics over the axes; or z/√(mean z² + eps).

    A slice with σ² + eps = 0 has no output: the value is not a number.
    """
    if centred:
        z = z - mean(z, axes)
    output: Array = z / root(mean(z * z, axes) + eps)
    return output


def check_axes(z: Any) -> None:
    """Raise ValueError unless z is (sample, unit, position)."""
    if z.ndim != 3:
        raise ValueError(
            f"z has {z.ndim} axes and needs three, (sample, unit, position): give an image as "
            "z.flatten(2), features without positions as z[..., None]"
        )


def batch_norm(z: Batch, eps: Any = 0, root: Root = torch.sqrt) -> Batch:
    """Normalise each unit over all samples and positions; z is (sample, unit, position)."""
    check_axes(z)
    return normalise(z, (0, 2), True, eps, root)


def layer_norm(z: Batch, eps: Any = 0, root: Root = torch.sqrt) -> Batch:
    """Normalise each sample over all units and positions. A token counts as a sample."""
    check_axes(z)
    return normalise(z, (1, 2), True, eps, root)


def rms_norm(z: Batch, eps: Any = 0, root: Root = torch.sqrt) -> Batch:
    """Divide each sample by its root mean square over all units and positions."""
    check_axes(z)
    return normalise(z, (1, 2), False, eps, root)


def group_norm(z: Batch, groups: int, eps: Any = 0, root: Root = torch.sqrt) -> Batch:
    """Normalise each sample over each of the groups of consecutive units and all positions."""
    check_axes(z)
    samples, units, positions = z.shape
    if units % groups:
        raise ValueError(
            f"{units} units do not split into {groups} equal groups; take a divisor of {units}"
        )
    split = z.reshape(samples, groups, units // groups, positions)
    return normalise(split, (2, 3), True, eps, root).reshape(z.shape)


def instance_norm(z: Batch, eps: Any = 0, root: Root = torch.sqrt) -> Batch:
    """Normalise each unit of each sample over the positions."""
    check_axes(z)
    if z.shape[2] == 1:
        raise ValueError(
            "instance norm over a single position subtracts all there is and divides zero by zero; "
            "it needs two positions or more"
        )
    return normalise(z, (2,), True, eps, root)


def weight_norm(weights: Rows, root: Root = torch.sqrt) -> Rows:
    """Return the rows at length one; weights are (unit, input), and no row is zero."""
    unit: Rows = weights / root((weights * weights).sum(1))[:, None]
    return unit


def gradient_through(
    upstream: Array, z: Array, axes: tuple[int, ...], centred: bool = True, root: Root = torch.sqrt
) -> Array:
    """Return the gradient for z, from that for normalise(z, axes, centred)."""
    output = normalise(z, axes, centred, 0, root)
    along = mean(upstream * output, axes)
    spread = z
    if centred:
        upstream, spread = upstream - mean(upstream, axes), z - mean(z, axes)
    gradient: Array = (upstream - along * output) / root(mean(spread * spread, axes))
    return gradient


def gradient_through_weight_norm(
    upstream: Array, v: Array, length: Any, root: Root = torch.sqrt
) -> tuple[Any, Array]:
    """Return the gradients for the length m and for v, from that for w = m v/‖v‖; v is not zero."""
    norm = root((v * v).sum())
    radial = (upstream * v).sum() / norm
    return radial, length / norm * (upstream - radial * v / norm)


if __name__ == "__main__":
    torch.manual_seed(2)
    W, x = torch.randn(4, 5, dtype=torch.float64), torch.randn(3, 5, 2, dtype=torch.float64)
    zero = torch.zeros(4, 1, dtype=torch.float64)
    group, unit = torch.tensor([[2.0], [2], [3], [3]]), torch.tensor([[2.0], [3], [4], [5]])
    sample = torch.tensor([2.0, 3, 4]).reshape(3, 1, 1)
    changes = {
        "W·c": (2 * W, zero, x),
        "each group ·c_g": (group * W, zero, x),
        "each unit ·c_i": (unit * W, zero, x),
        "each row + v": (W + W[0], zero, x),
        "one bias for all": (W, zero + 2, x),
        "a bias per unit": (W, unit, x),
        "x·s": (W, zero, 2 * x),
        "each sample ·s_n": (W, zero, sample * x),
    }
    layers: dict[str, Callable[..., Tensor]] = {
        "batch": lambda w, b, x: batch_norm(w @ x + b),
        "layer": lambda w, b, x: layer_norm(w @ x + b),
        "RMS": lambda w, b, x: rms_norm(w @ x + b),
        "group": lambda w, b, x: group_norm(w @ x + b, 2),
        "inst.": lambda w, b, x: instance_norm(w @ x + b),
        "weight": lambda w, b, x: weight_norm(w) @ x + b,
    }
    print("largest change of an output; two positions, as in a convolution")
    print(" " * 16, *(f"{name:>7s}" for name in layers))
    for change, given in changes.items():
        gaps = [(f(*given) - f(W, zero, x)).abs().max() for f in layers.values()]
        print(f"{change:16s}", *(f"{gap:7.2f}" for gap in gaps))
    x = x[:, :, :1]
    gaps = [(f(W + W[0], zero, x) - f(W, zero, x)).abs().max() for f in list(layers.values())[:4]]
    print("row + v, p = 1  ", *(f"{gap:7.2f}" for gap in gaps), "      -")
