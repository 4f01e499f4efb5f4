"""What pytest is told of tests in training loops: their marker, and the fixture that judges."""

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from litmus.claims.loops import COLUMNS, EXACTLY, IN_LOOP, REFUSED, Found, Place, compare
from litmus.claims.measuring import MISSED, place

MARKER = (
    f"{IN_LOOP}(snippet, column): the test shows how a snippet behaves in a training loop; snippet "
    f"is its file, and column one of {', '.join(COLUMNS)}"
)
PLACES = pytest.StashKey[list[Place]]()
FOUND = pytest.StashKey[list[Found]]()
EMPTY = (
    f"the test is marked {IN_LOOP} and has found nothing. Ask for the fixture `beside`, and call "
    "beside.gap(gap, control=…), or what must be refused inside of beside.refused(weights, match=…)"
)


class Beside:
    """Holds a training loop with a snippet beside one without, and takes down what came of it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def gap(self, gap: object, *, control: object, allowed: object = EXACTLY) -> None:
        """Fail the test unless the gap is as small as allowed, and the control is large.

        `gap` is the distance from the run without the snippet, relative to its size; `control` is
        the same distance where the snippet is left out, or the obvious thing is done instead. The
        cell reads *exact* where nothing else is allowed, and else *up to rounding*: say why so much
        in a comment.
        """
        __tracebackhide__ = True
        try:
            found, amiss = compare(gap, control, allowed)
        except ValueError as error:
            self._miss(str(error))
        if amiss:
            self._miss(amiss)
        self._item.stash.setdefault(FOUND, []).append(found)

    @contextmanager
    def refused(self, weights: Any, match: str) -> Iterator[None]:
        """Fail the test unless what is done inside is refused, with all weights as they were.

        That is ValueError or RuntimeError, with words in which `re.search` finds `match`. `weights`
        is a tensor, or some, of which not one bit may change. The cell reads *refused*.
        """
        __tracebackhide__ = True
        tensors = [weights] if hasattr(weights, "detach") else [*weights]
        if not tensors or not all(hasattr(tensor, "detach") for tensor in tensors) or not match:
            self._miss("hand over the weights, as tensors, and words that the refusal must have")
        before, said = _bits(tensors), ""
        try:
            yield
        except (ValueError, RuntimeError) as error:
            said = str(error).strip()
        else:
            self._miss("nothing was refused")
        if not re.search(match, said):
            self._miss(f"it was refused with other words than {match!r}: {said}")
        if not all(a.equal(b) for a, b in zip(before, _bits(tensors), strict=True)):
            self._miss("it was refused, and yet some weights have changed")
        self._item.stash.setdefault(FOUND, []).append(Found(REFUSED, said=said))

    def _miss(self, why: str) -> NoReturn:
        __tracebackhide__ = True
        pytest.fail(self._item.stash.setdefault(MISSED, why))


class InLoops:
    """Lends tests the fixture `beside`, and fails each test in a loop that has found nothing."""

    @pytest.fixture
    def beside(self, request: pytest.FixtureRequest) -> Beside:
        """Hold a training loop with a snippet beside one without: see `gap` and `refused`."""
        return Beside(request.node)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        yield
        if places_of(item) and not found_by(item):
            pytest.fail(EMPTY, pytrace=False)


def places_of(item: pytest.Item) -> list[Place]:
    """Return of which places in loops a test speaks: as it said first, like marks of claims."""
    if PLACES not in item.stash:
        item.stash[PLACES] = [*_places_of(item)]
    return item.stash[PLACES]


def found_by(item: pytest.Item) -> list[Found]:
    """Return what a test has found so far."""
    return item.stash.get(FOUND, [])


def note_of(item: pytest.Item) -> str:
    """Return the first line of what a test says about itself."""
    lines = (getattr(getattr(item, "obj", None), "__doc__", None) or "").strip().splitlines()
    return lines[0] if lines else ""


def _places_of(item: pytest.Item) -> Iterator[Place]:
    for mark in item.iter_markers(IN_LOOP):
        try:
            said = Place(*mark.args, **mark.kwargs)
        except TypeError:
            said = Place("", "")
        if not all(said) or not all(isinstance(text, str) for text in said):
            raise pytest.UsageError(f"{place(item)}: the marker is {MARKER}")
        yield said


def _bits(tensors: Iterable[Any]) -> list[Any]:
    """Return all bits of some tensors, since of numbers that are none == says nothing."""
    import torch

    plain = (tensor.detach().cpu().contiguous() for tensor in tensors)
    return [tensor.reshape(-1).view(torch.uint8).clone() for tensor in plain]
