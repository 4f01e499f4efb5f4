"""The numbers in evidence: what a test measured, beside what it allowed.

A check measures how far the claim is missed, and must not exceed what it allows. A control, and a
counterexample, measures by how much the claim breaks, and must exceed it.
"""

import math
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

ROLES = ["claim", "control", "counterexample"]  # what a test may be for a claim
BREAKS = {"control", "counterexample"}  # the roles that must exceed what they allow


class Measured(NamedTuple):
    """A size that was measured, and the one that it is held against."""

    value: float
    allowed: float
    confidence: float | None = None  # of random runs: how surely their spread does not mislead
    among: int | None = None  # of a search: how many candidates it has tried

    @property
    def share(self) -> float:
        """How much of what is allowed was used; infinite for anything where nothing is."""
        if self.allowed:
            return self.value / self.allowed
        return math.inf if self.value else 0.0


def compare(
    roles: set[str],
    value: object,
    allowed: object,
    confidence: float | None = None,
    among: int | None = None,
) -> tuple[Measured, bool]:
    """Return what was measured and allowed as floats, and whether a test in these roles holds.

    They are compared as they are given, so that a rational number is not rounded first. Raises
    ValueError where either is not a finite size, or where one test is to break one claim and to
    check another: the same number cannot do both. A test without a role checks what is no claim.
    """
    if roles & BREAKS and roles - BREAKS:
        raise ValueError("a test checks one claim and breaks another. Part it in two.")
    found, limit = size(value, "what is measured"), size(allowed, "what is allowed")
    # Asked for the affirmative, since of some numbers (NaN, intervals) neither is true.
    holds = bool(found > limit) if roles & BREAKS else bool(found <= limit)
    return Measured(_as_float(found), _as_float(limit), confidence, among), holds


def closest(roles: set[str], measured: Iterable[Measured]) -> Measured:
    """Return, of all that a test measured, what came closest to failing it."""
    pick = min if roles & BREAKS else max
    return pick(measured, key=lambda one: (one.share, one.value))


def refuse_half_told(ways: set[str], confidence: object, among: object) -> None:
    """Raise ValueError where a test does not say of its ways what they call for, or too much.

    Random runs have a confidence and a search has a size; nothing else has either.
    """
    if (confidence is not None) != ("simulation" in ways):
        raise ValueError('a check by "simulation" says its confidence=…, and no other does.')
    if (among is not None) != ("search" in ways):
        raise ValueError('a check by "search" says among=… how many, and no other does.')
    if confidence is not None and not is_confidence(confidence):
        raise ValueError(f"a confidence lies between 0 and 1, unlike {confidence!r}.")
    if among is not None and not is_count(among):
        raise ValueError(f"a search is among a number of candidates, unlike {among!r}.")


def is_confidence(number: object) -> bool:
    """Say whether a number can be the confidence of random runs."""
    return type(number) is float and 0 <= number < 1


def is_count(number: object) -> bool:
    """Say whether a number can be that of the candidates of a search."""
    return type(number) is int and number > 0


def confidence_of_all(measured: Iterable[Measured]) -> float | None:
    """Return how surely none of several random runs misleads, None where nothing is random.

    They may depend on each other, so that what each may miss is added up.
    """
    missed = [1 - one.confidence for one in measured if one.confidence is not None]
    return max(0.0, 1 - math.fsum(missed)) if missed else None


def all_candidates(measured: Iterable[Measured]) -> int | None:
    """Return how many candidates a search has tried in all, None where nothing was searched."""
    return sum(one.among or 0 for one in measured) or None


def size(number: Any, what: str) -> Any:
    """Return a real number, taken out of a tensor or an array of one element.

    Raises ValueError, with `what` it is, where it is no finite size.
    """
    try:
        number = number.item() if hasattr(number, "item") else number
        if isinstance(number, str | bytes | bytearray):
            raise TypeError
        as_float = float(number)
    except OverflowError:
        raise ValueError(f"{what} is too large for a float.") from None
    except (TypeError, ValueError, RuntimeError):
        shown = type(number).__name__
        remedy = "Hand over one real number, such as the largest difference."
        raise ValueError(f"{what} is no number, but of the type {shown}. {remedy}") from None
    if not math.isfinite(as_float):
        raise ValueError(f"{what} is {as_float}, which is no finite number.")
    if as_float < 0:
        raise ValueError(f"{what} is {as_float:.3g}, and a size is never negative. Take its abs().")
    return number


def _as_float(size: Any) -> float:
    """Return a size as a float, and one too small for any as the smallest, for it is not zero."""
    return float(size) or (sys.float_info.min * sys.float_info.epsilon if size > 0 else 0.0)
