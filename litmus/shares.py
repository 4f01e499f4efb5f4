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
T = TypeVar("T")
R = TypeVar("R")

_work: Callable[[Any], Any]  # what the forked processes do, known to them from before the fork


def shared(what: str, items: Collection[T], work: Callable[[T], R], alone: bool = False) -> list[R]:
    """Return what `work` makes of each item, in order; `alone` keeps it all in this process.

    What the work leaves behind elsewhere than in files is lost where another process has done it.
    """
    global _work
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if alone or cores == 1 or len(items) < WORTH_IT:
        return [work(item) for item in progress.shown(what, items)]
    _work, every = work, list(items)
    made: list[Any] = [None] * len(every)
    with ProcessPoolExecutor(cores - 1, mp_context=get_context("fork")) as pool:
        others = {n: pool.submit(_do, every[n::cores]) for n in range(1, cores)}
        made[::cores] = [work(item) for item in progress.shown(what, every[::cores])]
        for n, share in others.items():
            made[n::cores] = share.result()
    return made


def _do(items: list[Any]) -> list[Any]:
    return [_work(item) for item in items]
