"""What is wrong with a note, told to its author: where, what and why, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(unsafe_hash=True)
class Problem(Exception):  # noqa: N818  # most are collected, few are raised
    """One thing that is wrong. Raised where nothing sensible can follow, collected elsewhere."""

    file: str
    line: int | None
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what}" + (f" {self.remedy}" if self.remedy else "")


def nearest(name: str, names: Iterable[str]) -> str:
    """Return "Did you mean 'a' or 'b'?" for the names closest to one that is not there, or ""."""
    originals = {other.casefold(): other for other in names}
    close = get_close_matches(name.casefold(), originals, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(originals[c]) for c in close)}?" if close else ""


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems by file and line, each once."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line or 0))
