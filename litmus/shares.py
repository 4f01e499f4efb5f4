"""Work on many notes, shared among all cores.

Each process is a fork of this one, so that nothing has to be sent to it; what it makes comes back.
"""

import os
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

from litmus import progress

WORTH_IT = 200  # items; fewer are done before another process has begun
PIECES = 16  # for each core: so many that all end at about the same time
T = TypeVar("T")
R = TypeVar("R")

_work: Callable[[Any], Any]  # what the forked processes do, known to them from before the fork


def shared(what: str, items: Collection[T], work: Callable[[T], R], alone: bool = False) -> list[R]:
    """Return what `work` makes of each item, in order; `alone` keeps it all in this process.

    This process begins with the first pieces and the others with the last, until they meet: so each
    touches its own part of the memory, and what is touched of a fork's has to be copied. What the
    work leaves behind elsewhere than in files is lost where another process has done it.
    """
    global _work
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if alone or cores == 1 or len(items) < WORTH_IT:
        return [work(item) for item in progress.shown(what, items)]
    _work, every = work, list(items)
    size = -(-len(every) // (PIECES * cores))
    pieces = [every[begin : begin + size] for begin in range(0, len(every), size)]
    made: list[list[R]] = []
    with ProcessPoolExecutor(cores - 1, mp_context=get_context("fork")) as pool:
        others = [pool.submit(_do, piece) for piece in reversed(pieces)][::-1]
        for piece, other in progress.shown(what, list(zip(pieces, others, strict=True))):
            made.append([work(item) for item in piece] if other.cancel() else other.result())
    return [result for piece in made for result in piece]


def _do(items: list[Any]) -> list[Any]:
    return [_work(item) for item in items]
