"""What is wrong with a note, told to its author: where, what and why, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process

RAISED = "raised"  # of what nobody has foreseen; see guard.py
KINDS = {  # with the words of the page of open ends
    "link": "Links that lead nowhere",
    "name": "Names that could mean several notes",
    "citation": "Citations without an entry",
    RAISED: "What could not be read or shown",
    "": "To be mended",
}


@dataclass(unsafe_hash=True)
class Problem(Exception):  # noqa: N818  # most are collected, few are raised
    """One thing that is wrong. Raised where nothing sensible can follow, collected elsewhere."""

    file: str
    line: int | None
    what: str
    remedy: str = ""
    kind: str = ""  # one of KINDS, by which the page of open ends sorts them

    def __reduce__(self) -> tuple[object, ...]:
        """Come whole from another process, however it was made: exceptions forget their names."""
        return Problem, (self.file, self.line, self.what, self.remedy, self.kind)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what}" + (f" {self.remedy}" if self.remedy else "")


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
