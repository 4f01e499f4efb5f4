"""Which parameters of a model is a loss scale invariant in? Ask the model, by the lemma.

A block θ of parameters (a tensor, a row or another part of it, or several tensors taken together)
is scale invariant if L(cθ) = L(θ) for every c > 0, whatever the block and the other parameters are.
Then ⟨∇L(θ), θ⟩ = 0: the gradient for the block is orthogonal to the block.

One backward pass gives ⟨∇L, θ⟩ and ‖∇L‖‖θ‖ for all blocks of a model, and settles those that are
far from orthogonal. The others are scaled, all in one pass and each by a factor of its own: if the
loss stays, and all are orthogonal there too, all are invariant. This is done at several points, the
parameters as they are and moved at random, because one can mislead: a zero block is orthogonal to
any gradient, and at a minimum all gradients are zero.

There are three answers, as a normaliser with eps is neither one nor the other. It leaves a small
⟨∇L, θ⟩, a share of ‖∇L‖‖θ‖ that falls like 1/c² as the block grows. So it can be told from a block
that happens to be nearly orthogonal; and so can rounding, in a model that uses float32 inside.

Use. Which weights of my model are scale invariant?

    for name, verdict in scale_invariant_parameters(model, loss).items():
        print(name, verdict.whole)

Units. L has none; all that is compared are differences of losses, ⟨∇L, θ⟩ and ‖∇L‖‖θ‖ included.

Source. Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020,
arXiv:1910.07454, for the lemma. The procedure is ours.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.13"]
# ///

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional

Loss = Callable[[nn.Module], Tensor]
Part = tuple[str, int | Sequence[int], int]  # a name, and sizes and axis as for Tensor.split
Cut = tuple[int, Tensor]  # an axis of a tensor, and which part each index along it belongs to
Key = tuple[str, str]  # of blocks that are asked about alike: a name, and "whole" or "parts"

# Zero. float64 has 16 digits, of which a deep network may lose four or five. A block whose
# ‖∇L‖‖θ‖ is not a thousand times as large is too faint: its zero would say nothing.
ROUNDING, FAINT = 1e-11, 1e3
VISIBLE = 1e-5  # what some block must do to the loss, so that eps at work in another could show
# Nearly zero. A normaliser leaves a share of about eps over a variance: 1e-5 where that is one, and
# 2e-3 in a stream of variance 4e-4, as many transformers have at the start, with an eps of 1e-6.
NEAR = 1e-2
# Scaled up, a share that comes from eps falls like 1/c², by 36 at least; by 1/c is asked for. A
# share that is rounding need not fall: 6e-8 in float32, of which a network may lose two digits.
SMALLER, LARGER, SINGLE = (0.5, 3.0), (6.0, 10.0), 1e-5
TINY = 1e-300  # instead of a zero to divide by
NUDGE = 2.0**-22  # what rounds a float32 anew; a curve is straight to the square of it, 6e-14
TRIES = 12  # passes for one sort of blocks at one point, before the rest is left undecided
ALL = slice(None)
PATIENCE = 2.0  # seconds without a word
CHUNK = 2**16  # numbers that are multiplied at a time, so that products take no memory
PIECE = 2**18  # numbers of a large matrix whose gradient is there at a time: 2 MB

# What a point may show of a block, with the word for it and why. The last that any showed is kept.
(TRIED, IS_ZERO, UNUSED, UNSEEN, FLAT, DIM, EXACT, EPS, COARSE, UNSETTLED, VALUES, SLOPE) = range(
    12
)
WORDS = (
    ("undecided", "tries"),  # have run out
    ("undecided", "zero"),  # has no direction
    ("not used", "no gradient"),
    ("unseen", "moves nothing"),
    ("undecided", "flat"),  # it moves the loss, and has no gradient, as at a minimum
    ("undecided", "faint"),
    ("invariant", "exact"),
    ("invariant up to eps or rounding", "eps"),
    ("invariant up to eps or rounding", "rounding"),
    ("undecided", "tries"),
    ("not invariant", "values"),  # L(cθ) is not L(θ), whatever the gradients say
    ("not invariant", "gradient"),
)


class Verdict(NamedTuple):
    """What was found for a tensor, and for each row of it (along the first axis) if it has rows."""

    whole: str  # "invariant", "invariant up to eps or rounding", "not invariant", "undecided",
    #             "not used" (has no gradient) or "unseen" (could have one, and moves nothing)
    rows: tuple[str, ...]
    scaled: float  # |⟨∇L, θ⟩|, what scaling does to L per e-fold: the largest at any point
    turned: float  # ‖∇L‖‖θ‖ across θ, what a turn of equal length does: the largest at any point
    why: str = ""  # the reason for `whole` in a word


def scale_invariant_parameters(
    model: nn.Module,
    loss: Loss,
    together: Iterable[Sequence[str]] = (),
    rows: bool = True,
    points: int = 3,
    seed: int = 0,
    parts: Iterable[Part] = (),
) -> dict[str, Verdict]:
    """Return a verdict for each trainable tensor by name, and for names taken together, by "a + b".

    loss(model) is the loss of the model it is given, which is a copy in float64: the model, its
    buffers and the random state stay as they are. A tensor that is used twice is one tensor, under
    the first of its names. "undecided" means that the loss sees too little of the block to tell.

    A part is a name with sizes and axis as Tensor.split takes them: ("w", 1, 1) asks for each
    column, ("w", 64, 0) for heads of 64 rows, ("w", [512, 128, 128], 0) for packed queries, keys
    and values. The verdict is under "w.split(64, 0)", with the word for each part in `rows`.

    The copy takes 8 bytes a parameter. Gradients are dropped as they come, and those of nn.Linear
    and nn.Embedding come in pieces; the largest tensor that is read otherwise takes 8 bytes more.
    The number of passes does not grow with the number of blocks. What takes over two seconds says
    so on stderr.

    Raises ValueError if the loss is random, not finite, not in float64, not one number, without a
    gradient, not of its argument, tiny, or computed in 16 bits; if no parameter is trainable, one
    has no numbers (meta), or two share memory without being one; and for names and parts that the
    model does not have.
    """
    check(model)
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    families: dict[Key, dict[str, Cut]] = {}
    tensors = {name: name for name in named}  # whose whole it is that a verdict speaks of
    for name, p in named.items():
        families[name, "whole"] = {name: whole(p)}
        if rows and p.dim() > 1:
            families[name, "parts"] = {name: split(name, p, 1, 0)}
    for names in together:
        if isinstance(names, str):
            raise ValueError(f"{names!r} is one name; together takes groups, as [({names!r}, …)]")
        if not set(names) <= set(named):
            raise ValueError(f"{list(names)} are not all among the trainable {list(named)}")
        both = " + ".join(names)
        tensors[both] = both
        families[both, "whole"] = {name: whole(named[name]) for name in names}
    for name, sizes, axis in parts:
        if name not in named:
            raise ValueError(f"{name!r} is not among the trainable {list(named)}")
        key = f"{name}.split({sizes}, {axis})"
        tensors[key] = name
        families[key, "parts"] = {name: split(name, named[name], sizes, axis)}

    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        twin = Twin(model, loss, families, seed)
        found = torch.full((twin.count,), TRIED)
        scaled, turned = torch.zeros(2, twin.count, dtype=torch.float64)
        for point in range(points):
            open_ones = (found < VALUES).nonzero().flatten()
            if len(open_ones):
                twin.go(point)
                here = look(twin, open_ones, found)
                scaled, turned = scaled.maximum(here.radial), turned.maximum(here.across)
        twin.say("")
        twin.see(scaled.maximum(turned).max().item())
    verdicts = {}
    for key, name in tensors.items():
        block = twin.blocks[name, "whole"].start
        word, why = WORDS[found[block]]
        codes = found[twin.blocks.get((key, "parts"), slice(0))].tolist()
        rest = tuple(WORDS[code][0] for code in codes)
        verdicts[key] = Verdict(word, rest, scaled[block].item(), turned[block].item(), why)
    return verdicts


def check(model: nn.Module) -> None:
    """Raise ValueError for a model that cannot be asked."""
    for name, p in model.named_parameters():
        if p.is_meta:
            raise ValueError(f"{name} is on the meta device, without numbers; initialise the model")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("no parameter is trainable; call requires_grad_() on what you ask about")
    places = [p.untyped_storage().data_ptr() for p in model.parameters() if p.numel()]
    if len(set(places)) < len(places):
        raise ValueError("two parameters share memory; tie them by using one nn.Parameter twice")


def whole(p: Tensor) -> Cut:
    """Return the cut that leaves a tensor in one piece."""
    return 0, torch.zeros(len(rows_of(p)), dtype=torch.long)


def split(name: str, p: Tensor, sizes: int | Sequence[int], axis: int) -> Cut:
    """Return the cut that Tensor.split makes."""
    try:
        lengths = [part.shape[axis] for part in p.detach().split(sizes, axis)]
    except (RuntimeError, IndexError) as error:
        raise ValueError(f"{name}, {tuple(p.shape)}, has no split({sizes}, {axis})") from error
    return axis % p.dim(), torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))


def rows_of(p: Tensor) -> Tensor:
    """Return a tensor with a first axis, which a single number has not."""
    return p.reshape(1) if p.dim() == 0 else p


class Slope(NamedTuple):
    """The loss at some place, and its slopes there for each block."""

    value: float
    radial: Tensor  # |⟨∇L, θ⟩|
    steep: Tensor  # ‖∇L‖‖θ‖
    flat: Tensor  # whether the gradient is zero in every number
    size: Tensor  # the root mean square of a block; zero for those that were not asked about
    grain: float  # of a loss that is coarser than float64

    @property
    def faint(self) -> Tensor:
        """Whether rounding could hide what is not zero, beside a slope as small as this."""
        return self.steep <= FAINT * self.floor

    @property
    def across(self) -> Tensor:
        """The part of ‖∇L‖‖θ‖ that does not lie along θ."""
        return (self.steep.square() - self.radial.square()).clamp(min=0).sqrt()

    @property
    def fine(self) -> Tensor:
        """What rounding in float64 may make of a zero."""
        return ROUNDING * self.steep.clamp(min=max(1.0, abs(self.value)))

    @property
    def floor(self) -> Tensor:
        """What rounding in this model may make of a zero."""
        return self.fine.clamp(min=self.grain)


def look(twin: Twin, blocks: Tensor, found: Tensor) -> Slope:
    """Note what the present point says about some blocks, and return the slopes there."""
    here = twin.slope(blocks)
    if not math.isfinite(here.value):
        raise ValueError(f"the loss is {here.value}; start from parameters at which it is finite")
    if twin.point == 0:
        twin.grain = coarseness(twin, here.value)
        here = here._replace(grain=twin.grain)
    note(found, IS_ZERO, here.size == 0)
    note(found, SLOPE, here.radial > here.floor.maximum(NEAR * here.steep))
    for pack in twin.packs:
        pack = pack[(here.size > 0)[pack]]
        near = (here.radial > here.fine)[pack]
        scale(twin, here, pack[~near], found)
        scale(twin, here, pack[near], found, near=True)
        blind = pack[(here.steep <= here.floor)[pack]]
        move(twin, here, blind[~here.flat[blind]], found)
        move(twin, here, blind[here.flat[blind]], found)
    return here


def coarseness(twin: Twin, value: float) -> float:
    """Return how coarse the loss is if coarser than float64 should be, else 0.

    All parameters are lengthened by two steps of a rounding in float32. The second difference of a
    smooth loss is nothing then; that of rounding errors is two to three times their size.
    """
    values = [twin.value()]
    if values[0] != value:
        raise ValueError(
            "two calls of the loss give two values; fix the batch, and switch off dropout and noise"
        )
    for _ in range(2):
        twin.stretch(1 + NUDGE)
        values.append(twin.value())
    twin.restore()
    grain = abs(values[2] - 2 * values[1] + values[0])
    return 10 * grain if grain > ROUNDING * max(1.0, abs(value)) else 0.0


def note(found: Tensor, code: int, shown: Tensor) -> None:
    """Put a code where it has been shown, unless something has that counts for more."""
    found[shown] = found[shown].clamp(min=code)


def scale(twin: Twin, here: Slope, group: Tensor, found: Tensor, near: bool = False) -> None:
    """Scale all blocks of a group at once, and note which of them are invariant.

    The blocks have no number in common, and each gets a factor of its own. If some show that they
    are not invariant, the others are scaled again without them. If the loss moves by more than the
    gradients explain, and none shows why, each half is scaled for itself.
    """
    share = here.radial / here.steep.clamp(min=TINY)
    waiting = [group]
    for _ in range(TRIES):
        waiting = [part[found[part] < VALUES] for part in waiting]
        waiting = [part for part in waiting if len(part)]
        if not waiting:
            return
        group = waiting.pop()
        factors = twin.scale(group, LARGER if near else SMALLER)
        there = twin.slope(group)
        twin.restore()
        change, small = abs(there.value - here.value), here.floor
        fading = 2 * share / factors.square() * there.steep
        limit = there.floor.maximum(SINGLE * there.steep)
        code = torch.where((change <= here.fine) & (there.radial <= there.fine), EXACT, COARSE)
        if near:
            limit = limit.maximum(fading)
            code = torch.where(there.radial <= fading, EPS, COARSE)
            explained = factors.log().abs() * here.radial.maximum(there.radial)
            small = small.clamp(min=2 * explained[group].sum().item())
        wrong, settled = there.radial > limit, change <= small
        code = torch.where(here.steep > here.floor, DIM, TRIED).where(here.faint, code)
        code = torch.where(wrong, SLOPE, torch.where(settled, code, TRIED))
        found[group] = found[group].maximum(code[group])
        rest = group[~(wrong | settled)[group]]
        if len(group) == 1:
            found[rest] = VALUES
        elif wrong[group].any():
            waiting.append(rest)
        else:
            waiting += rest.tensor_split(2)
    for part in waiting:
        note(found, UNSETTLED, part)


def move(twin: Twin, here: Slope, group: Tensor, found: Tensor) -> None:
    """Move blocks without a gradient by their own length, and note what the loss sees of them."""
    waiting = [group]
    for _ in range(TRIES):
        waiting = [part[found[part] < VALUES] for part in waiting]
        waiting = [part for part in waiting if len(part)]
        if not waiting:
            return
        group = waiting.pop()
        twin.move(group, here.size)
        change = abs(twin.value() - here.value)
        twin.restore()
        if change <= here.floor[group].min():
            note(found, UNUSED if change == 0 and here.flat[group].all() else UNSEEN, group)
        elif len(group) == 1:
            note(found, FLAT, group)
        else:
            waiting += group.tensor_split(2)


class Twin:
    """The copy in float64, and all blocks that are asked about, numbered through."""

    def __init__(
        self, model: nn.Module, loss: Loss, families: dict[Key, dict[str, Cut]], seed: int
    ) -> None:
        self.loss, self.seed, self.point, self.grain = loss, seed, 0, 0.0
        self.passes, self.begun, self.passed = 0, time.monotonic(), False
        self.source = {name: p for name, p in model.named_parameters() if p.requires_grad}
        own = {id(p): doubled(p) for p in model.parameters()}
        self.model = copy.deepcopy(model, {**own}).double()
        self.named = {name: own[id(p)] for name, p in self.source.items()}
        self.changed: set[str] = set()
        self.cuts: dict[str, list[Cut]] = {name: [] for name in self.named}
        self.blocks: dict[Key, slice] = {}
        packs: list[tuple[set[str], list[Tensor]]] = []
        self.count = 0
        for key, family in families.items():
            start = self.count
            for name, (axis, part) in family.items():
                self.cuts[name].append((axis, start + part))
                self.count = max(self.count, start + int(part.max()) + 1)
            self.blocks[key] = slice(start, self.count)
            free = next((pack for pack in packs if not pack[0] & family.keys()), None)
            if free is None:
                packs.append(free := (set(), []))
            free[0].update(family)
            free[1].append(torch.arange(start, self.count))
        self.packs = [torch.cat(blocks) for _, blocks in packs]  # of blocks that do not overlap
        self.numbers = torch.zeros(self.count, dtype=torch.float64)
        for name, p in self.named.items():
            for _, part in self.cuts[name]:
                self.numbers += p.numel() / len(part) * part.bincount(minlength=self.count)
        self.leaves: dict[str, list[nn.Parameter]] = {name: [] for name in self.named}
        self.clear()
        self.lighten()

    def clear(self) -> None:
        """Set the sums of all blocks to zero: Σ g·θ, Σ θ², and Σ g² of each of three uses."""
        self.products, self.lengths = torch.zeros(2, self.count, dtype=torch.float64)
        self.squares = torch.zeros(3, self.count, dtype=torch.float64)
        self.reached = False

    def leaf(self, name: str, use: int, rows: slice, p: nn.Parameter) -> nn.Parameter:
        """Return a parameter whose gradient is taken, for some rows of a tensor and for one use."""
        p.register_hook(partial(self.take, name, use, rows))
        self.leaves[name].append(p)
        return p

    def lighten(self) -> None:
        """Let modules read the numbers of a tensor through leaves whose gradients are small.

        A row of a table that no token reads has no gradient then; a large matrix has the gradients
        of one piece after the other; and a table that is a classifier, too, never has both at once.
        """
        names = {id(self.leaf(name, 0, ALL, p)): name for name, p in self.named.items()}
        shared: dict[tuple[str, type], list[nn.Parameter]] = {}
        for module in self.model.modules():
            name = names.get(id(module._parameters.get("weight")))
            if name is None:
                continue
            p = self.named[name].detach()
            if type(module) is nn.Embedding:
                if (name, nn.Embedding) not in shared:
                    shared[name, nn.Embedding] = [self.leaf(name, 1, ALL, nn.Parameter(p))]
                module.weight, module.sparse = shared[name, nn.Embedding][0], True
                module.padding_idx, module.scale_grad_by_freq = None, False  # which bend gradients
            elif type(module) is nn.Linear and p.numel() > PIECE:
                if (name, nn.Linear) not in shared:
                    step = max(1, PIECE // p.shape[1])
                    shared[name, nn.Linear] = [
                        self.leaf(name, 2, slice(i, i + step), nn.Parameter(p[i : i + step]))
                        for i in range(0, len(p), step)
                    ]
                pieces = partial(in_pieces, shared[name, nn.Linear], module.bias)
                module.forward = pieces  # type: ignore[method-assign]

    def go(self, point: int) -> None:
        """Put the parameters where a point is: as they are at 0, and moved at random elsewhere."""
        self.point, self.changed = point, set(self.named)
        self.restore()

    @torch.no_grad()
    def restore(self) -> None:
        """Put back what has been changed since the parameters were put where they are to be.

        Random moves are of half the root mean square of a tensor, and of no less than 0.1.
        """
        for index, (name, p) in enumerate(self.named.items()):
            if name in self.changed:
                p.copy_(self.source[name])
                if self.point:
                    size = 0.5 * torch.linalg.vector_norm(p) / p.numel() ** 0.5
                    self.shake(p, size.clamp(min=0.1), index)
        self.changed = set()

    @torch.no_grad()
    def stretch(self, factor: float) -> None:
        """Multiply all parameters by one number."""
        for name, p in self.named.items():
            p.mul_(factor)
            self.changed.add(name)

    @torch.no_grad()
    def scale(self, group: Tensor, pair: tuple[float, float]) -> Tensor:
        """Multiply each block of a group by one of two factors; return them, and 1 for others."""
        coin = torch.Generator().manual_seed(self.seed + self.passes)
        drawn = torch.randint(2, group.shape, generator=coin)
        factors = torch.ones(self.count, dtype=torch.float64)
        factors[group] = torch.tensor(pair, dtype=torch.float64)[drawn]
        for name, p, shape, part in self.pieces(factors != 1):
            p.mul_(factors[part].to(p.device).view(shape))
            self.changed.add(name)
        return factors

    @torch.no_grad()
    def move(self, group: Tensor, size: Tensor) -> None:
        """Add to each block of a group random numbers of its own size."""
        step = torch.zeros(self.count, dtype=torch.float64)
        step[group] = size[group]
        for name, p, shape, part in self.pieces(step > 0):
            self.shake(p, step[part].to(p.device).view(shape), -self.passes)
            self.changed.add(name)

    def pieces(self, chosen: Tensor) -> Iterator[tuple[str, Tensor, list[int], Tensor]]:
        """Yield what has a part in the chosen blocks: name, tensor, shape to spread over, cut."""
        for name, p in self.named.items():
            for axis, part in self.cuts[name]:
                if chosen[part].any():
                    yield name, p, [-1 if i == axis else 1 for i in range(p.dim())], part

    def shake(self, p: Tensor, size: Tensor, index: int) -> None:
        """Add random numbers of some size, the same for the same point and index."""
        generator = torch.Generator().manual_seed(abs(hash((self.seed, self.point, index))))
        step = max(1, CHUNK * len(rows_of(p)) // max(1, p.numel()))
        sizes = rows_of(size.expand(p.shape)).split(step)
        for some, much in zip(rows_of(p).split(step), sizes, strict=True):
            some += much * torch.randn(some.shape, generator=generator).to(some)

    def value(self) -> float:
        """Return the loss as a number."""
        return self.forward().item()

    def slope(self, blocks: Tensor) -> Slope:
        """Return the loss and its slopes for some blocks, from one backward pass."""
        with torch.autograd.graph.saved_tensors_hooks(precise, precise):
            out = self.forward()
        chosen = torch.zeros(self.count, dtype=torch.bool)
        chosen[blocks] = True
        asked = {name: p for name, p, _, _ in self.pieces(chosen)}
        self.clear()
        if out.requires_grad:
            inputs = [leaf for name in asked for leaf in self.leaves[name]]
            torch.autograd.grad(out, inputs, allow_unused=True)
        if not self.reached and not self.passed:
            self.complain(out.item())
        self.passed = True
        for name, p in asked.items():
            self.add(self.lengths, name, p.detach(), p.detach())
        steepness = self.squares.sqrt().sum(0)  # at most, where the gradients of uses add up
        return Slope(
            out.item(),
            self.products.abs(),
            steepness * self.lengths.sqrt(),
            steepness == 0,
            (self.lengths / self.numbers).sqrt(),
            self.grain,
        )

    def take(self, name: str, use: int, rows: slice | Tensor, slope: Tensor) -> Tensor | None:
        """Add up a gradient block by block, and put in its place what takes no memory."""
        self.reached = True
        nothing = None if slope.is_sparse else slope.new_zeros(()).expand(slope.shape)
        if slope.is_sparse:
            slope = slope.coalesce()
            rows, slope = slope.indices()[0].cpu(), slope.values()
        self.add(self.products, name, slope, rows_of(self.named[name].detach())[rows], rows)
        self.add(self.squares[use], name, slope, slope, rows)
        return nothing

    def add(
        self, sums: Tensor, name: str, one: Tensor, other: Tensor, rows: slice | Tensor = ALL
    ) -> None:
        """Add Σ one·other over each block of a tensor, or of some rows of it, to its sum."""
        products: dict[int, Tensor] = {}
        for axis, part in self.cuts[name]:
            if axis not in products:
                products[axis] = along(one, other, axis).cpu()
            sums.index_add_(0, part[rows] if axis == 0 else part, products[axis])

    def forward(self) -> Tensor:
        """Return the loss, if it is one."""
        self.passes += 1
        self.say(f"scale_invariant_parameters: point {self.point + 1}, pass {self.passes}")
        try:
            out = self.loss(self.model)
        except RuntimeError as error:
            if "dtype" not in str(error):
                raise
            raise ValueError("the copy of the model is in float64; give it float64 data") from error
        if not isinstance(out, Tensor):
            raise ValueError(f"the loss is a {type(out).__name__}; return the tensor, no .item()")
        if out.numel() != 1:
            raise ValueError(f"the loss is of shape {tuple(out.shape)}; make it one, as by .mean()")
        if out.dtype != torch.float64:
            raise ValueError(
                f"the loss is in {out.dtype}, whose rounding hides a zero; use float64"
            )
        return out

    def see(self, most: float) -> None:
        """Raise ValueError if the loss moves by more than its rounding, and too little to judge."""
        if 1e-3 * ROUNDING < most < VISIBLE:
            raise ValueError(
                f"nothing moves the loss by more than {most:.0e}, which rounding may be beside "
                "numbers of size one; multiply the loss until it moves by one or so"
            )

    def complain(self, value: float) -> NoReturn:
        """Raise ValueError, and say why there is no gradient."""
        self.move(torch.arange(self.count), torch.ones(self.count, dtype=torch.float64))
        if self.value() == value:
            raise ValueError("the loss does not depend on the model it is given; use its argument")
        raise ValueError("the loss has no gradient; take no_grad(), detach() or .data out of it")

    def say(self, text: str) -> None:
        """Show how far it is, on one line of stderr, if it takes long; nothing clears the line."""
        seconds = time.monotonic() - self.begun
        if seconds > PATIENCE:
            line = f"{text}, {seconds:.0f} s" if text else ""
            print(f"\r{line:75}\r", end="", file=sys.stderr, flush=True)


def in_pieces(pieces: list[nn.Parameter], bias: Tensor | None, x: Tensor) -> Tensor:
    """Return what a linear layer does whose matrix is in pieces."""
    out = torch.cat([functional.linear(x, piece) for piece in pieces], -1)
    return out if bias is None else out + bias


def precise(x: Tensor) -> Tensor:
    """Return what a backward pass will need; raise ValueError if it has 16 bits."""
    if x.dtype in (torch.float16, torch.bfloat16):
        raise ValueError(
            f"the model computes in {x.dtype}, whose rounding hides a zero; convert it"
        )
    return x


def doubled(p: Tensor) -> nn.Parameter:
    """Return a copy of a parameter in float64, without its gradient and hooks."""
    return nn.Parameter(p.detach().to(torch.float64, copy=True), p.requires_grad)


def along(one: Tensor, other: Tensor, axis: int) -> Tensor:
    """Return Σ one·other over all axes but one, without a product of their size in memory."""
    one, other = rows_of(one), rows_of(other)
    step = max(1, CHUNK * len(one) // max(1, one.numel()))
    pairs = zip(one.split(step), other.split(step), strict=True)
    sums = [
        torch.movedim(some * more, axis, 0).flatten(1).sum(1) if some.dim() > 1 else some * more
        for some, more in pairs
    ]
    return torch.cat(sums) if axis == 0 else torch.stack(sums).sum(0)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(12, 6, 8, dtype=torch.float64)  # sequences of six tokens
    labels = torch.arange(12) % 3

    class Attention(nn.Module):
        """One pre-norm attention block on embedded tokens, with or without QK-norm."""

        def __init__(self, qk_norm: bool, eps: float) -> None:
            super().__init__()
            self.embed, self.query, self.key, self.val, self.out = (
                nn.Linear(8, 8, bias=False) for _ in range(5)
            )
            self.classify, self.qk_norm, self.eps = nn.Linear(8, 3), qk_norm, eps

        def norm(self, z: Tensor) -> Tensor:
            """Return layer norm."""
            return functional.layer_norm(z, z.shape[-1:], eps=self.eps)

        def forward(self, x: Tensor) -> Tensor:
            stream = self.embed(x)
            read = self.norm(stream)
            query, key = self.query(read), self.key(read)
            if self.qk_norm:
                query, key = self.norm(query), self.norm(key)
            attention = torch.softmax(query @ key.mT / 8**0.5, dim=-1)
            stream = stream + self.out(attention @ self.val(read))
            logits: Tensor = self.classify(self.norm(stream).mean(dim=1))
            return logits

    def loss(model: nn.Module) -> Tensor:
        """Return the cross-entropy of the batch."""
        return functional.cross_entropy(model(x), labels)

    print("                            scaled    turned   whole")
    writers = ("embed.weight", "out.weight")
    for qk_norm, eps in [(False, 1e-60), (True, 1e-60), (True, 1e-5)]:
        found = scale_invariant_parameters(Attention(qk_norm, eps), loss, [writers])
        for name in ("query.weight", "out.weight", " + ".join(writers)):
            seen = found[name]
            print(f"{name:25s} {seen.scaled:8.1e} {seen.turned:9.1e}   {seen.whole}")
