"""What a claim rests on, or what rests on it, as lines to read: a tree, each part of it once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from litmus.author import own_project
from litmus.claims.claim import Claim
from litmus.claims.claims import Claims
from litmus.claims.grounds import told
from litmus.problems import nearest

DEEPEST = 20  # steps that are shown by indentation; of deeper lines it would be most


def below(root: Path, name: str) -> str:
    """Return what a claim of a project rests on; end the command if there is no such claim."""
    return _tree(root, name, lambda claim: [*claim.assumes, *claim.uses])


def above(root: Path, name: str) -> str:
    """Return what rests on a claim of a project; end the command if there is no such claim."""
    return _tree(root, name, lambda claim: claim.used_by, upwards=True)


def _tree(
    root: Path, name: str, beyond: Callable[[Claim], list[str]], upwards: bool = False
) -> str:
    project = own_project.read(root)
    claims = project.claims
    with suppress(OSError):  # where nothing can be kept, the next command takes as long
        project.save_cache()
    if name not in claims:
        raise click.ClickException(f"no claim is called '{name}'. {nearest(name, claims)}".strip())
    return "\n".join(_lines(claims, name, beyond, upwards))


def _lines(
    claims: Claims, name: str, beyond: Callable[[Claim], list[str]], upwards: bool
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
