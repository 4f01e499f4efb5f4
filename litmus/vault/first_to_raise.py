"""Which line of a note its reading breaks at."""

from collections.abc import Callable

from litmus.problems import Problem, tried


def line_that_raises(read: Callable[[str], object], text: str, known: int) -> int | None:
    """Return the line with which the shortest beginning ends whose reading raises.

    Of the lines that are `known` to belong together it is the first; none if nothing raises, too.
    """
    lines = text.split("\n")

    def raises(count: int) -> bool:
        problems: list[Problem] = []
        tried(lambda: read("\n".join(lines[:count])), "", problems.append)
        return bool(problems)

    if raises(0):
        return None
    if known and raises(known):
        return 1
    whole, begins = len(lines), known
    while whole - begins > 1:
        middle = (whole + begins) // 2
        whole, begins = (middle, begins) if raises(middle) else (whole, middle)
    return whole
