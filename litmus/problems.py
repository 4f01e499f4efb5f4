"""What is wrong with a note, told to its author: where, what and why, and what to do about it.

An exception that one note or file raises becomes a problem of that note, and no other suffers: no
rule is free of mistakes, and a vault has notes that nobody thought of. What is no fault of a note
passes through: memory that is used up, an interrupt.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from rapidfuzz import fuzz, process

LONGEST = 300  # letters of an exception's words
AS_WRITTEN = "It is shown as it is written."
RAISED = "raised"  # the kind of what nobody has foreseen
KINDS = {  # with the words of the page of open ends
    "link": "Links that lead nowhere",
    "name": "Names that could mean several notes",
    "citation": "Citations without an entry",
    RAISED: "What could not be read or shown",
    "": "To be mended",
}
T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger("mkdocs.litmus")


@dataclass(unsafe_hash=True)
class Problem(Exception):  # noqa: N818  # most are collected, few are raised
    """One thing that is wrong: where, what, and what to do about it; `str()` says it in a line.

    It is raised where nothing sensible can follow, such as by `build_folder`, and collected
    elsewhere, such as in `Project.problems`.

        for problem in project.problems:
            print(problem.file, problem.line, problem.what)
    """

    file: str  # below the notes, or as somebody named it; "" where none is known
    line: int | None  # None where it is of no line, or of none that is known
    what: str
    remedy: str = ""
    kind: str = ""  # one of KINDS, by which the page of open ends sorts them

    def __reduce__(self) -> tuple[object, ...]:
        """Come whole from another process, however it was made: exceptions forget their names."""
        return Problem, (self.file, self.line, self.what, self.remedy, self.kind)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " * bool(self.file)
        return f"{place}{self.what}" + (f" {self.remedy}" if self.remedy else "")


class Names(dict[str, str]):
    """Names with what they are compared by, for who asks `nearest` often."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__((name, name.casefold()) for name in names)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return "Did you mean 'a' or 'b'?" for the names closest to one that is not there, or ""."""
    folded = names if isinstance(names, Names) else Names(names)
    found = process.extract(name.casefold(), folded, scorer=fuzz.ratio, limit=3, score_cutoff=60)
    close = dict.fromkeys(repr(other) for _, _, other in found)
    return f"Did you mean {' or '.join(close)}?" if close else ""


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems by file and line, each once, and of what a file raises the first alone.

    It is raised again by whoever quotes or embeds the file, who may not know the line.
    """
    found = sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line or 0))
    raised: dict[str, Problem] = {}
    for problem in found:
        if problem.kind == RAISED and not (problem.file in raised and raised[problem.file].line):
            raised[problem.file] = problem
    return [p for p in found if p.kind != RAISED or p is raised[p.file]]


def tried(
    make: Callable[[], T], path: str, instead: Callable[[Problem], R], remedy: str = AS_WRITTEN
) -> T | R:
    """Return what is made of a file, or what is made instead of what it raises, as its problem."""
    try:
        return make()
    except MemoryError:
        raise
    except Exception as error:
        return instead(as_problem(error, path, remedy=remedy))


def as_problem(
    error: Exception, path: str, line: int | None = None, remedy: str = AS_WRITTEN
) -> Problem:
    """Return an exception as a problem of a file, in its own words; of a problem a copy.

    Kept from one build to the next, the exception itself would keep all that it came through.
    """
    if isinstance(error, Problem):
        return replace(error)
    log.debug("%s raises", path, exc_info=error)
    words = " ".join(f"{type(error).__name__}: {words_of(error)}".split()).removesuffix(":")
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return Problem(path, line, f"this raises {words}.", remedy, RAISED)


def words_of(error: BaseException) -> str:
    """Return what an error says, without where on this machine a file lies: nobody's business."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def file_of(error: OSError) -> str:
    """Return the file that the system could not do something to; of two the second, "" of none."""
    names = [name for name in (error.filename2, error.filename) if isinstance(name, str)]
    return names[0] if names else ""
