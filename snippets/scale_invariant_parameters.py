"""Which parameters of a model is a loss scale invariant in? Ask the model, by the lemma.

A block θ of parameters (a tensor, one row of it, or several tensors taken together) is scale
invariant if L(cθ) = L(θ) for every c > 0, whatever the block and the other parameters are. Then

    ⟨∇L(θ), θ⟩ = 0        the gradient for the block is orthogonal to the block

and both are tested, at several points: the parameters as they are, and moved at random. One point
is not enough: a zero block is orthogonal to any gradient, and at a minimum all gradients are zero.
A third test asks whether the loss sees the block at all, in steps of its length in random
directions. If even they change nothing, the block is "unseen", as is a bias before batch norm.

Units. L has none; all that is compared are differences of losses, ⟨∇L, θ⟩ included.

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454, for the lemma. The procedure is ours.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Loss = Callable[[nn.Module], Tensor]
Block = list[Tensor]  # views of what belongs together
FACTORS = (0.5, 3.0)
ROUNDING = 1e-11  # float64 has 16 digits, of which a deep network may lose four or five
FAINT = 1e3 * ROUNDING  # a loss that changes less is too close to rounding to tell a zero


class Verdict(NamedTuple):
    """What was found for a tensor, and for each row of it (along the first axis) if it has rows."""

    whole: str  # "invariant", "not invariant", "unseen" or "undecided"
    rows: tuple[str, ...]
    scaled: float  # the largest |L(cθ) − L(θ)| that was found
    turned: float  # the same for steps of length ‖θ‖ in random directions


def scale_invariant_parameters(
    model: nn.Module,
    loss: Loss,
    together: Iterable[Sequence[str]] = (),
    rows: bool = True,
    points: int = 3,
    seed: int = 0,
) -> dict[str, Verdict]:
    """Return a verdict for each trainable tensor by name, and for names taken together, by "a + b".

    loss(model) is the loss of the model it is given, which is a copy in float64: the model, its
    buffers and the random state stay as they are. A tensor that is used twice is one tensor, under
    the first of its names. "undecided" means that the loss sees too little of the block to tell.

    Raises ValueError if the loss is random, not finite, not in float64 or not of its argument, and
    if two parameters share memory without being one.
    """
    places = [p.untyped_storage().data_ptr() for p in model.parameters() if p.numel()]
    if len(set(places)) < len(places):
        raise ValueError("two parameters share memory; tie them by using one nn.Parameter twice")
    with torch.random.fork_rng(devices=[]):
        twin = copy.deepcopy(model).double()
        named = {name: p for name, p in twin.named_parameters() if p.requires_grad}
        blocks: dict[tuple[str, ...], Callable[[dict[str, Tensor]], Block]] = {}
        for name, p in named.items():
            blocks[name,] = lambda of, name=name: [of[name]]
            for i in range(len(p) if rows and p.dim() > 1 else 0):
                blocks[name, str(i)] = lambda of, name=name, i=i: [of[name][i]]
        for names in together:
            if not set(names) <= set(named):
                raise ValueError(f"{list(names)} are not all among the trainable {list(named)}")
            blocks[" + ".join(names),] = lambda of, names=tuple(names): [of[name] for name in names]

        generator = torch.Generator().manual_seed(seed)
        found: dict[tuple[str, ...], list[tuple[str, float, float]]] = {key: [] for key in blocks}
        for point in range(points):
            if point > 0:
                shake(named, generator)
            slopes = gradients(loss, twin, named)
            values = {name: p.detach() for name, p in named.items()}
            for key, block in blocks.items():
                if "not invariant" not in (seen for seen, _, _ in found[key]):
                    found[key].append(look(loss, twin, block(values), block(slopes), generator))
    verdicts = {}
    for key in (key for key in blocks if len(key) == 1):
        of_rows = tuple(conclude(found[k]) for k in blocks if len(k) == 2 and k[0] == key[0])
        scaled, turned = max(look[1] for look in found[key]), max(look[2] for look in found[key])
        verdicts[key[0]] = Verdict(conclude(found[key]), of_rows, scaled, turned)
    return verdicts


@torch.no_grad()
def look(
    loss: Loss, model: nn.Module, block: Block, slope: Block, generator: torch.Generator
) -> tuple[str, float, float]:
    """Return what this point says about a block, and the changes of L by scaling and by turning."""
    kept = [part.clone() for part in block]
    size, steepness, here = length(kept), length(slope), value(loss, model)
    if size == 0:
        return "zero", 0.0, 0.0  # which has no direction

    def change(new: Block) -> float:
        for part, there in zip(block, new, strict=True):
            part.copy_(there)
        return abs(value(loss, model) - here)

    def step() -> Block:
        way = [torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device) for p in kept]
        return [old + size / length(way) * w for old, w in zip(kept, way, strict=True)]

    scaled = max(change([factor * old for old in kept]) for factor in FACTORS)
    turned = max(change(step()) for _ in range(2))
    change(kept)
    radial = abs(sum((s * old).sum().item() for s, old in zip(slope, kept, strict=True)))
    scale = max(1.0, abs(here), steepness * size)
    if max(scaled, radial) > ROUNDING * scale:
        return "not invariant", scaled, turned
    if max(turned, steepness * size) <= ROUNDING * scale:
        return "unseen", scaled, turned
    return ("invariant" if turned > FAINT * scale else "undecided"), scaled, turned


def length(block: Block) -> float:
    """Return the Euclidean length of all numbers of a block together."""
    return sum(part.square().sum().item() for part in block) ** 0.5


def conclude(looks: Sequence[tuple[str, float, float]]) -> str:
    """Return the verdict over all points: the first of these that some point has shown."""
    for verdict in ("not invariant", "invariant", "undecided", "unseen"):
        if verdict in (seen for seen, _, _ in looks):
            return verdict
    return "undecided"


@torch.no_grad()
def shake(named: dict[str, Tensor], generator: torch.Generator) -> None:
    """Move all parameters at random, by half their root mean square and by no less than 0.1."""
    for p in named.values():
        size = max(0.1, 0.5 * p.square().mean().sqrt().item())
        p += size * torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device)


def gradients(loss: Loss, model: nn.Module, named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ∇L for every named parameter, and zero where the loss does not use it."""
    if value(loss, model) != value(loss, model):
        raise ValueError(
            "two calls of the loss give two values; fix the batch, and switch off dropout and noise"
        )
    out = loss(model)
    slopes: Sequence[Tensor | None] = [None]
    if out.requires_grad:
        slopes = torch.autograd.grad(out, list(named.values()), allow_unused=True)
    if all(slope is None for slope in slopes):
        raise ValueError("the loss does not depend on the model it is given; use its argument")
    return {
        name: torch.zeros_like(p) if slope is None else slope
        for (name, p), slope in zip(named.items(), slopes, strict=True)
    }


def value(loss: Loss, model: nn.Module) -> float:
    """Return the loss as a number."""
    try:
        out = loss(model)
    except RuntimeError as error:
        if "dtype" not in str(error):
            raise
        raise ValueError("the copy of the model is in float64; give it float64 data") from error
    if out.dtype != torch.float64:
        raise ValueError(f"the loss is in {out.dtype}, whose rounding hides a zero; use float64")
    if not out.isfinite().all():
        raise ValueError(f"the loss is {out.item()}; start from parameters at which it is finite")
    return out.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(12, 6, 8, dtype=torch.float64)  # sequences of six tokens
    labels = torch.arange(12) % 3

    class Attention(nn.Module):
        """One pre-norm attention block on embedded tokens, with or without QK-norm."""

        def __init__(self, qk_norm: bool) -> None:
            super().__init__()
            self.embed, self.query, self.key, self.val, self.out = (
                nn.Linear(8, 8, bias=False) for _ in range(5)
            )
            self.classify, self.qk_norm = nn.Linear(8, 3), qk_norm

        def forward(self, x: Tensor) -> Tensor:
            stream = self.embed(x)
            read = norm(stream)
            query, key = self.query(read), self.key(read)
            if self.qk_norm:
                query, key = norm(query), norm(key)
            attention = torch.softmax(query @ key.mT / 8**0.5, dim=-1)
            stream = stream + self.out(attention @ self.val(read))
            return self.classify(norm(stream).mean(dim=1))

    def norm(z: Tensor) -> Tensor:
        """Return layer norm with a negligible eps."""
        return functional.layer_norm(z, z.shape[-1:], eps=1e-60)

    def loss(model: nn.Module) -> Tensor:
        """Return the cross-entropy of the batch."""
        return functional.cross_entropy(model(x), labels)

    print("                        |L(cθ) − L(θ)|   turned   whole       invariant rows")
    writers = [("embed.weight", "out.weight")]
    hidden = ("embed.weight", "key.weight", "classify.bias")
    for qk_norm in (False, True):
        model = Attention(qk_norm)
        for name, seen in scale_invariant_parameters(model, loss, writers).items():
            if name not in hidden:
                row = f"{name:25s} {seen.scaled:12.4f} {seen.turned:8.4f}"
                print(f"{row}   {seen.whole:15s} {seen.rows.count('invariant')}/{len(seen.rows)}")
