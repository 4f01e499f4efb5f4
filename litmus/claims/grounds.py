"""What rests on what, by name: all that lies below each claim, and the proofs that go in a circle.

Nothing here goes deeper with each step, since a chain of claims may be longer than Python's stack.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

Below = Mapping[str, Sequence[str]]  # what each rests on directly
SHOWN = 12  # names of a loop that a sentence can hold


class Grounds:
    """All that each name rests on, directly or through others: a number with one bit for each.

    The bits are in the order of the names, so the lowest bit of a number is its first name.
    """

    def __init__(self, below: Below) -> None:
        self._names = sorted(below)
        self._bits = {name: 1 << place for place, name in enumerate(self._names)}
        self._below: dict[str, int] = {}
        for group in _groups(below):
            reached = 0
            for name in group:
                for other in below[name]:
                    reached |= self._bits[other] | self._below.get(other, 0)
            self._below |= dict.fromkeys(group, reached)

    def of(self, name: str) -> int:
        """Return all that one rests on; in a circle, without itself."""
        return self._below[name] & ~self._bits[name]

    def holding(self, names: Iterable[str]) -> int:
        """Return the number that stands for some names."""
        return sum(self._bits[name] for name in names)  # each is there once

    def names(self, bits: int) -> list[str]:
        """Return the names that a number stands for, in order."""
        found = []
        while bits:
            found.append(self.first(bits))
            bits &= bits - 1  # without the lowest
        return found

    def first(self, bits: int) -> str:
        """Return the first name of a number that stands for some."""
        return self._names[(bits & -bits).bit_length() - 1]


def loops(below: Below) -> Iterator[list[str]]:
    """Yield each way that comes back to itself, once, as names that end where they began."""
    return (step for step in _walk(below) if isinstance(step, list))


def circular(below: Below) -> Iterator[str]:
    """Yield each name from which a way comes back to it."""
    for group in _groups(below):
        if len(group) > 1 or group[0] in below[group[0]]:
            yield from group


def told(loop: Sequence[str]) -> str:
    """Return a loop in words; of a long one its beginning and its end."""
    left_out = len(loop) - SHOWN
    if left_out > 1:
        half = SHOWN // 2
        loop = [*loop[:half], f"… ({left_out} more) …", *loop[-half:]]
    return " uses ".join(loop)


def _groups(below: Below) -> list[list[str]]:
    """Return all names, those together that rest on one another, after what they rest on."""
    above: dict[str, list[str]] = {name: [] for name in below}
    for name, others in below.items():
        for other in others:
            above[other].append(name)
    groups: list[list[str]] = []
    left = dict.fromkeys(step for step in _walk(below) if isinstance(step, str))
    while left:
        group = [left.popitem()[0]]  # the last
        for name in group:
            for other in above[name]:
                if other in left:
                    del left[other]
                    group.append(other)
        groups.append(group)
    return groups[::-1]


def _walk(below: Below) -> Iterator[str | list[str]]:
    """Yield each name after all below it, and each loop where it closes."""
    done: set[str] = set()
    for start in below:
        if start in done:
            continue
        way, place, left = [start], {start: 0}, [iter(below[start])]
        while way:
            other = next(left[-1], None)
            if other is None:
                left.pop()
                del place[way[-1]]
                done.add(way[-1])
                yield way.pop()
            elif other in place:
                yield [*way[place[other] :], other]
            elif other not in done:
                place[other] = len(way)
                way.append(other)
                left.append(iter(below[other]))
