"""What a claim rests on, or what rests on it, as lines to read: a tree, each part of it once."""

from collections.abc import Callable, Iterator

from litmus.claims.claim import Claim
from litmus.claims.claims import Claims
from litmus.claims.grounds import told

DEEPEST = 20  # steps that are shown by indentation; of deeper lines it would be most


def lines(
    claims: Claims, name: str, beyond: Callable[[Claim], list[str]], upwards: bool = False
) -> Iterator[str]:
    """Yield a line for each claim on the ways from one, indented by how many steps it is away.

    What was shown already, and what closes a loop, is named and not followed again.
    """
    shown: set[str] = set()
    way: dict[str, None] = {}  # down to the present line
    waiting = [(0, name)]
    while waiting:
        depth, name = waiting.pop()
        while len(way) > depth:
            way.popitem()
        if name in way:
            names = [*way]
            loop = [*names[names.index(name) :], name]
            about = f"a loop: {told(loop[::-1] if upwards else loop)}"
        elif name in shown:
            about = "as above"
        else:
            claim = claims[name]
            about = f"{claim.kind}; {claim.argument}; {claim.evidence}"
            shown.add(name)
            way[name] = None
            waiting += [(depth + 1, other) for other in reversed(dict.fromkeys(beyond(claim)))]
        yield f"{_indented(depth)}{name} ({about})"


def _indented(depth: int) -> str:
    return "  " * depth if depth <= DEEPEST else f"{'  ' * DEEPEST}[{depth} steps] "
