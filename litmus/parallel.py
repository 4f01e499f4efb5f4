"""Work on many notes, shared among all cores.

Each process is a fork of this one, so that nothing has to be sent to it; what it makes comes back.
A fork has none of the threads of the process, and waits for ever for what one of them was doing: so
a process that has begun any, as V8 or a watcher of files does, does all of the work itself.
Whatever ends this process ends its forks, too: nobody would take what they make.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

WORTH_IT = 200  # items; fewer are done before another process has begun
PIECES = 16  # for each core: so many that all end at about the same time
PR_SET_PDEATHSIG = 1  # of Linux: the signal for when the thread that has forked us ends
PATIENCE = 2.0  # seconds that need no word of how far it is
IN_PLACE, IN_A_LOG = 0.1, 10.0  # seconds between two words, on a terminal and in a log
# As far as the system has them.
TO_STOP = [s for s in signal.Signals if s.name in {"SIGINT", "SIGTERM", "SIGHUP"}]
T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger("mkdocs.litmus")

_work: Callable[[Any], Any]  # what the forked processes do, known to them from before the fork


def in_parallel(
    what: str, items: Collection[T], work: Callable[[T], R], alone: bool = False
) -> list[R]:
    """Return what `work` makes of each item, in order; `alone` keeps it all in this process.

    This process begins with the first pieces and the others with the last, until they meet: so each
    touches its own part of the memory, and what is touched of a fork's has to be copied. What the
    work leaves behind elsewhere than in files is lost where another process has done it.
    """
    global _work
    cores = 1 if alone or len(items) < WORTH_IT else _cores()
    if cores == 1:
        return [work(item) for item in counted(what, items)]
    _work, every = work, list(items)
    size = -(-len(every) // (PIECES * cores))
    pieces = [every[begin : begin + size] for begin in range(0, len(every), size)]
    made: list[list[R]] = []
    with ProcessPoolExecutor(cores - 1, get_context("fork"), _end_with_parent) as pool:
        try:
            others = [pool.submit(_do, piece) for piece in reversed(pieces)][::-1]
            for piece, other in counted(what, list(zip(pieces, others, strict=True))):
                made.append([work(item) for item in piece] if other.cancel() else other.result())
        except BaseException:  # an interrupt, too
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [result for piece in made for result in piece]


def counted(what: str, items: Collection[T]) -> Iterator[T]:
    """Yield items; once that takes long, say how many of them are done."""
    terminal, begin = sys.stderr.isatty(), time.monotonic()
    pause = IN_PLACE if terminal else IN_A_LOG
    due, said = begin + PATIENCE, False
    for done, item in enumerate(items):
        yield item
        if time.monotonic() >= due:
            due, said = time.monotonic() + pause, True
            words = f"{what}: {done + 1} of {len(items)}"
            if terminal:
                print(f"\r{words}", end="", file=sys.stderr, flush=True)
            else:
                log.info(words)
    if terminal and said:
        print(f"\r{what}: {len(items)} of {len(items)}", file=sys.stderr)


def _cores() -> int:
    """Return how many processes may share the work, this one included."""
    try:
        threads = len(os.listdir("/proc/self/task"))  # most are unknown to Python, not to Linux
    except OSError:
        return 1  # another system: nobody knows
    can_fork = threads == 1 and hasattr(os, "fork") and hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if can_fork else 1


def _end_with_parent() -> None:
    """Let this process, a fork, end as soon as its parent does, and for no other reason."""
    import ctypes  # a fork alone needs it

    for number in TO_STOP:  # a terminal sends them to forks, too: the parent decides what follows
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError, AttributeError):  # else it ends with its piece
        # The parent forks in its only thread, which lasts as long as the parent does.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _end_if_alone()


def _end_if_alone() -> None:
    parent = parent_process()
    if parent and os.getppid() != parent.pid:
        os._exit(1)


def _do(items: list[Any]) -> list[Any]:
    _end_if_alone()
    return [_work(item) for item in items]
