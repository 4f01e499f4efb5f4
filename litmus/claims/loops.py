"""How a snippet behaves in a training loop: a word that the assertion of a test gives, no author.

A test says by the marker `in_loop` of which snippet, and of which part of a loop, it speaks. It
holds a run with the snippet beside one without, and watches a control, where the gap must be large;
or it sees what the snippet cannot do refused, before any weight is touched.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from litmus.claims.measured import Measured, size

IN_LOOP = "in_loop"  # the marker
COLUMNS = (
    *("schedule", "clipping", "accumulation", "AMP", "fp16", "EMA", "checkpoint", "DDP"),
    *("compile", "accelerate", "Lightning", "Trainer", "evaluation mode"),
)
EXACT, ROUNDED, REFUSED, NOTHING = "exact", "up to rounding", "refused", "not covered"
EXACTLY = 1e-12  # of sizes of one in float64, which rounds them at 1e-16, over a few hundred steps
LARGE = 1e-3  # a control that shows less shows nothing: float32 and fp16 round at 1e-7 and 1e-3
CLEARLY = 10  # times what is allowed, which a control must exceed
ROUNDING = 1e-2  # what is more is no rounding in any format that trains


class Place(NamedTuple):
    """Of what a test speaks: a snippet, and one part of a training loop."""

    snippet: str  # its file, from the project's root
    column: str  # one of COLUMNS


@dataclass(frozen=True)
class Found:
    """What a test found once: a gap beside its control, or that something was refused."""

    word: str
    gap: float | None = None
    control: float | None = None
    allowed: float | None = None
    said: str = ""  # with which words it was refused


@dataclass(frozen=True)
class Cell(Found):
    """What a test found for one place, in all its parameters; nothing, if it got not that far."""

    snippet: str = ""
    column: str = ""
    note: str = ""  # what its author says of it, in a line


def compare(gap: object, control: object, allowed: object) -> tuple[Found, str]:
    """Return what a gap beside its control and what is allowed amounts to, and what is amiss.

    The gap must not exceed what is allowed. The control, the same gap without the snippet or with
    the obvious thing in its place, must exceed LARGE, and what is allowed CLEARLY times. Raises
    ValueError where one of the three is no finite size.
    """
    named = (gap, "the gap"), (control, "the control"), (allowed, "what is allowed")
    near, far, limit = (float(size(value, what)) for value, what in named)
    word = EXACT if limit <= EXACTLY else ROUNDED
    return Found(word, near, far, limit), _amiss(near, far, limit)


def _amiss(gap: float, control: float, allowed: float) -> str:
    if allowed > ROUNDING:
        return f"{allowed:.6g} is allowed, and more than {ROUNDING:g} is no rounding"
    if not gap <= allowed:
        return f"the gap is {gap:.6g}, must be at most {allowed:.6g}"
    least = max(LARGE, CLEARLY * allowed)
    return "" if control > least else f"the control is {control:.6g}, must be more than {least:.6g}"


def cells_of(places: Iterable[Place], found: Sequence[Found], note: str) -> tuple[Cell, ...]:
    """Return what a test found for its places: the weakest gap, and what was refused, if anything.

    A gap up to rounding is weaker than one that is exact, and of the same word what came closest to
    failing. What is refused is no gap, so it stands beside it.
    """
    words = [one.word for one in found]
    weakest = next((word for word in (ROUNDED, EXACT) if word in words), "")
    gaps = [one for one in found if one.word == weakest]
    kept = [max(gaps, key=_share)] if gaps else []
    kept += [one for one in found if one.word == REFUSED][:1]
    return tuple(
        Cell(**vars(one), **place._asdict(), note=note)
        for place in places
        for one in kept or [Found(NOTHING)]
    )


def _share(found: Found) -> float:
    """How much of what was allowed was used."""
    assert found.gap is not None
    assert found.allowed is not None
    return Measured(found.gap, found.allowed).share


def is_as_found(cell: Mapping[str, Any]) -> bool:
    """Say whether a run may have left a cell like that: its numbers give its word."""
    one = Cell(**cell)
    texts = [one.word, one.said, one.snippet, one.column, one.note]
    sizes = [one.gap, one.control, one.allowed]
    if one.column not in COLUMNS or not one.snippet or not all(isinstance(t, str) for t in texts):
        return False
    if one.word in {REFUSED, NOTHING}:
        return sizes == [None] * 3 and bool(one.said) == (one.word == REFUSED)
    if not all(type(number) in {int, float} for number in sizes) or one.said:
        return False
    found, amiss = compare(*sizes)
    return found.word == one.word and not amiss
