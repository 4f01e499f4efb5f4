"""Says how far a long piece of work has come: on a terminal in place, in a log now and then."""

import logging
import sys
import time
from collections.abc import Collection, Iterator
from typing import TypeVar

PATIENCE = 2.0  # seconds that need no word
IN_PLACE, IN_A_LOG = 0.1, 10.0  # seconds between two words
log = logging.getLogger("mkdocs.litmus")
T = TypeVar("T")


def shown(what: str, items: Collection[T]) -> Iterator[T]:
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
