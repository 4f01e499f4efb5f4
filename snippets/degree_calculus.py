"""Count degrees through a network: is it scale invariant in all its trainable tensors together?

Multiply every trainable tensor by c > 0. A value v inside the network has degree k if it becomes
c^k v. Data and frozen tensors have degree 0, trainable tensors degree 1, and

    product, matrix product, linear layer, convolution    j, k → j + k
    sum, skip connection, bias                            k, k → k, and only for equal degrees
    ReLU, pooling, dropout, reshaping, averaging          k → k
    softmax, GELU, tanh and the like, a loss              0 → 0, and only there
    normaliser without trainable scale and shift          k → 0
    … with a trainable scale, and shift if any            k → 1

If the loss gets degree 0, it is scale invariant. The rules say nothing false, but they do not
find everything: a network that they refuse may be invariant by some other route. To ask about some
of the tensors only, let only those require a gradient.

Use. Is my whole network scale invariant? Then its degree is 0.

    degree(model)

Units. Degrees are pure numbers.

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454, count degrees in this way; the rules above are derived from the definition.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

if TYPE_CHECKING:
    from jaxtyping import Float

NORMALISERS = (
    nn.modules.batchnorm._NormBase,  # batch and instance norm
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
LINEAR = (nn.Linear, nn.modules.conv._ConvNd)
# Known as modules, as functions and as methods of a tensor.
KEEP = {
    *(nn.ReLU, nn.LeakyReLU, nn.Identity, nn.Flatten, nn.Dropout, nn.AvgPool2d, nn.MaxPool2d),
    *(torch.relu, functional.relu, torch.flatten, operator.getitem),
    *("mean", "sum", "transpose", "reshape", "flatten", "relu"),
}
ANY = {
    *(nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softmax, nn.LogSoftmax),
    *(functional.gelu, torch.tanh, torch.softmax, functional.cross_entropy, "softmax", "tanh"),
}
SUMS = {operator.add, operator.sub, torch.add}
PRODUCTS = {operator.mul, operator.matmul, torch.mul, torch.matmul}


def trained(tensor: Tensor) -> int:
    """Return the degree of a tensor of the model: 1 if it is trainable, 0 if it is frozen."""
    return int(tensor.requires_grad)


def total(degrees: list[int], name: str) -> int:
    """Return the degree of a sum, whose terms must have equal degrees."""
    if len(set(degrees)) > 1:
        raise ValueError(
            f"{name} adds degrees {' and '.join(map(str, degrees))}, so it has no degree; "
            "normalise a term, or freeze what gives it its degree"
        )
    return degrees[0]


def affine(degree: int, layer: nn.Module, name: str) -> int:
    """Return the degree after a layer's weight has been multiplied and its bias added, if any."""
    if layer.weight is not None:
        if not isinstance(layer.weight, nn.Parameter):
            raise ValueError(f"the weight of {name} is made from others; write out how")
        degree += trained(layer.weight)
    bias = getattr(layer, "bias", None)
    if bias is None or (not bias.requires_grad and not bias.any()):
        return degree
    return total([degree, trained(bias)], f"the bias of {name}")


def normaliser(layer: Any, name: str, eps_at_most: float) -> int:
    """Return the degree after a normaliser, whatever the degree of its input."""
    if layer.eps is None or layer.eps > eps_at_most:
        raise ValueError(
            f"{name} has eps = {layer.eps}, to which it compares its input; make it negligible, "
            "such as 1e-60 in float64, or raise eps_at_most to look away"
        )
    if getattr(layer, "running_var", None) is not None and not layer.training:
        raise ValueError(f"{name} uses its running averages, which do not follow; call train()")
    return affine(0, layer, name)


def degree(model: nn.Module, eps_at_most: float = 1e-30) -> int:
    """Return the degree of the output in all trainable tensors, by the rules alone.

    Raises ValueError where no rule applies, and if an eps is larger than eps_at_most.
    """
    traced = fx.symbolic_trace(model)
    degrees: dict[fx.Node, int] = {}
    for node in traced.graph.nodes:
        leaves = torch.utils._pytree.tree_leaves((node.args, node.kwargs))
        inputs = [degrees[leaf] if isinstance(leaf, fx.Node) else 0 for leaf in leaves]
        values = [degrees[leaf] for leaf in node.all_input_nodes]  # the inputs but the numbers
        kind: Any = node.target
        layer = traced.get_submodule(kind) if node.op == "call_module" else None
        if layer is not None:
            kind = type(layer)
        if node.op == "placeholder":
            degrees[node] = 0
        elif node.op == "get_attr":
            degrees[node] = trained(operator.attrgetter(node.target)(traced))
        elif node.op == "output":
            return inputs[0]
        elif isinstance(layer, NORMALISERS):
            degrees[node] = normaliser(layer, str(node), eps_at_most)
        elif isinstance(layer, LINEAR):
            degrees[node] = affine(values[0], layer, str(node))
        elif kind in PRODUCTS:
            degrees[node] = sum(inputs)
        elif kind in SUMS:
            degrees[node] = total(inputs, str(node))
        elif kind in KEEP:
            degrees[node] = values[0]
        elif kind in ANY:
            if any(inputs):
                raise ValueError(
                    f"{node} gets degree {max(inputs)} and needs 0; normalise its input"
                )
            degrees[node] = 0
        else:
            raise ValueError(f"no rule for {node} ({kind}); write it in parts that have one")
    raise ValueError("the model returns nothing")


@torch.no_grad()
def misfit(model: nn.Module, inputs: Float[Tensor, "n d"], degree: int, factor: float) -> float:
    """Return ‖f(cθ) − c^k f(θ)‖ / ‖f(cθ)‖, which is 0 for every factor c > 0 if k is the degree."""
    before = model(inputs)
    weights = [p for p in model.parameters() if p.requires_grad]
    kept = [weight.clone() for weight in weights]
    for weight in weights:
        weight.mul_(factor)
    after = model(inputs)
    for weight, old in zip(weights, kept, strict=True):
        weight.copy_(old)
    apart: float = ((after - factor**degree * before).norm() / after.norm()).item()
    return apart


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(16, 4, dtype=torch.float64)

    def net(*, affine: bool, classifier: bool, bias: bool) -> nn.Module:
        """Return a linear layer, ReLU, another, a normaliser, and a classifier."""
        head = nn.Linear(8, 3, bias=False).requires_grad_(classifier)
        first, second = nn.Linear(4, 8, bias=bias), nn.Linear(8, 8, bias=bias)
        norm = nn.LayerNorm(8, eps=1e-60, elementwise_affine=affine)
        return nn.Sequential(first, nn.ReLU(), second, norm, head).double()

    print("affine  classifier  biases   degree   misfit of 0        1        2")
    for affine_, classifier, bias in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1)]:
        model = net(affine=bool(affine_), classifier=bool(classifier), bias=bool(bias))
        try:
            found = str(degree(model))
        except ValueError:
            found = "none"
        flags = ("no", "yes")[affine_], ("frozen", "trained")[classifier], ("no", "yes")[bias]
        fits = "".join(f"{misfit(model, x, k, 2.0):9.4f}" for k in range(3))
        print(f"{flags[0]:6s}  {flags[1]:10s}  {flags[2]:6s} {found:>8s}     {fits}")
