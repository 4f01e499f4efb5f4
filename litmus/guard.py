"""An exception that one note or file raises becomes a problem of that note, and no other suffers.

No rule is free of mistakes, and a vault has notes that nobody thought of. What is no fault of a
note passes through: memory that is used up, an interrupt.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from litmus.problems import RAISED, Problem

LONGEST = 300  # letters of an exception's words
AS_WRITTEN = "It is shown as it is written."
T = TypeVar("T")
log = logging.getLogger("mkdocs.litmus")


def tried(make: Callable[[], T], path: str, remedy: str = AS_WRITTEN) -> T | Problem:
    """Return what is made of a file, or what it raises as a problem of the file."""
    try:
        return make()
    except MemoryError:
        raise
    except Exception as error:
        return as_problem(error, path, remedy=remedy)


def as_problem(
    error: Exception, path: str, line: int | None = None, remedy: str = AS_WRITTEN
) -> Problem:
    """Return an exception as a problem of a file, in its own words; of a problem a copy.

    Kept from one build to the next, the exception itself would keep all that it came through.
    """
    if isinstance(error, Problem):
        return replace(error)
    log.debug("%s raises", path, exc_info=error)
    words = " ".join(f"{type(error).__name__}: {said(error)}".split()).removesuffix(":")
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return Problem(path, line, f"this raises {words}.", remedy, RAISED)


def said(error: BaseException) -> str:
    """Return what an error says, without where on this machine a file lies: nobody's business."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def target(error: OSError) -> str:
    """Return the file that the system could not do something to; of two the second, "" of none."""
    names = [name for name in (error.filename2, error.filename) if isinstance(name, str)]
    return names[0] if names else ""


def line_that_raises(read: Callable[[str], object], text: str, known: int) -> int | None:
    """Return the line with which the shortest beginning ends whose reading raises.

    Of the lines that are `known` to belong together it is the first; none if nothing raises, too.
    """
    lines = text.split("\n")

    def raises(count: int) -> bool:
        try:
            read("\n".join(lines[:count]))
        except MemoryError:
            raise
        except Exception:
            return True
        return False

    if raises(0):
        return None
    if known and raises(known):
        return 1
    whole, begins = len(lines), known
    while whole - begins > 1:
        middle = (whole + begins) // 2
        whole, begins = (middle, begins) if raises(middle) else (whole, middle)
    return whole
