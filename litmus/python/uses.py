"""What a file is used for, as its docstring says: a question in the reader's words, and the call.

Use. Take weight decay out of my SGD.

    new = without_weight_decay(old)
"""

from itertools import takewhile
from textwrap import dedent
from typing import NamedTuple

BEGINS = "Use. "
INDENT = "    "


class Use(NamedTuple):
    """What somebody wants, and how to get it."""

    question: str
    call: str


def use(docstring: str) -> Use | None:
    """Return what a docstring says of its file's use, None where it says nothing of it."""
    lines = docstring.split("\n")
    first = next((n for n, line in enumerate(lines) if line.startswith(BEGINS)), None)
    if first is None:
        return None
    words = [*takewhile(str.strip, lines[first:])]
    below = lines[first + len(words) + 1 :]
    call = dedent("\n".join(takewhile(lambda line: line.startswith(INDENT), below)))
    question = " ".join(words).removeprefix(BEGINS).strip()
    return Use(question, call) if call else None
