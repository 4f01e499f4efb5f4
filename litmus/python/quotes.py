"""The source of some functions of a file, with what they need to run alone."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from textwrap import indent
from typing import TypeGuard

from litmus.problems import nearest
from litmus.python.bindings import READ_AS_CODE, Definition, bound, mentioned
from litmus.python.effects import Effects
from litmus.python.touches import last_of, running

INDENT = "    "


class QuoteError(ValueError):
    """A quote asks for something that the file does not define."""


def quote(source: str, names: list[str]) -> str:
    """Return the definitions of `names` from a file's source, and all that they need, in its order.

    Needed is whatever gives a name that is mentioned, directly or through others, the value that
    it has in the file: imports, definitions, each assignment, branches, loops, and statements that
    change what the name stands for. Of what stands below `if TYPE_CHECKING:` it has what is needed,
    below the same condition. Raises QuoteError, with the nearest names, for a name that the file
    does not define.
    """
    try:
        parts = _parts(source)
    except SyntaxError as error:
        raise QuoteError(f"line {error.lineno}: {error.msg}.") from None
    defines = dict.fromkeys(name for part in parts for name in part.defines)
    for name in names:
        if name not in defines:
            raise QuoteError(f"it does not define '{name}'. {nearest(name, defines)}".strip())
    used, needed = _needed(parts, names)
    lines, blocks = source.split("\n"), []
    for before, part in pairwise([None, *needed]):
        assert part
        blocks += _between(before, part)
        blocks.append(_text(part, lines, used))
    return "\n".join(blocks).strip() + "\n"


def definitions(source: str) -> list[str]:
    """Return the names of the public functions and classes of a file, in order."""
    return [
        statement.name
        for statement in _parsed(source).body
        if isinstance(statement, Definition) and not statement.name.startswith("_")
    ]


def docstring(source: str) -> str:
    """Return the module docstring of a file, "" if there is none."""
    return ast.get_docstring(_parsed(source)) or ""


def summary(source: str) -> str:
    """Return the first line of a file's module docstring: what it is about."""
    return docstring(source).partition("\n")[0]


def _parsed(source: str) -> ast.Module:
    """Return a file's syntax tree, an empty one if it is not Python: to run or quote it says so."""
    try:
        return _tree(source)
    except SyntaxError:
        return ast.Module([], [])


@lru_cache(maxsize=100)  # many notes quote one file
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


@dataclass(frozen=True, eq=False)
class _Part:
    """A statement at the top of a file, and what it has to do with the names of the file."""

    statement: ast.stmt
    binds: set[str]
    changes: set[str]  # names that it does not bind, but what they stand for is another then
    needs: set[str]
    is_open: bool  # can nobody know from the file which names it binds?
    is_whole: bool  # does it fill its lines, and is all of it quoted?
    under: str = ""  # the condition below which only checkers of types come by it, if it is one's

    @property
    def is_import(self) -> bool:
        """Is it quoted with fewer names than it has?"""
        return isinstance(self.statement, ast.Import | ast.ImportFrom)

    @property
    def defines(self) -> set[str]:
        """The names that can be quoted."""
        return set() if self.is_import else self.binds

    @property
    def is_for_all(self) -> bool:
        """Does it say how the whole file is to be read?"""
        return getattr(self.statement, "module", "") == "__future__"


@lru_cache(maxsize=100)
def _parts(source: str) -> list[_Part]:
    """Return the statements of a file, but for what runs only when the file is a script."""
    top = _tree(source).body
    every = [*_split(top)]
    shown = [(written, s, under) for written, under in every if (s := _without_main(written))]
    effects = Effects([statement for _, statement, _ in shown])
    shapes = frozenset(name for name, package in effects.packages.items() if package == "jaxtyping")
    lines = Counter(line for s, _ in every for line in {s.lineno, s.end_lineno})
    lines.update(s.lineno for s in top if _is_for_types(s))
    parts = []
    for written, statement, under in shown:
        needs = mentioned(statement, shapes) | {*under.split(".")[:1]} - {""}
        needs |= {f"import {effects.packages[name]}" for name in needs & effects.packages.keys()}
        binds = {"__doc__"} if _is_text(statement) else set(bound(statement))
        if _is_text(statement) and statement is not every[0][0]:
            continue
        is_whole = written is statement and lines[written.lineno] == lines[written.end_lineno] == 1
        changes, is_open = effects.of(statement), _is_open(statement)
        parts.append(_Part(statement, binds, changes, needs, is_open, is_whole, under))
    return parts


def _split(statements: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """Yield statements; of what is for checkers of types alone each, with its condition."""
    for statement in statements:
        if _is_for_types(statement):
            yield from ((inner, ast.unparse(statement.test)) for inner in statement.body)
        else:
            yield statement, ""


def _is_for_types(statement: ast.stmt) -> TypeGuard[ast.If]:
    """Say whether a statement is an `if TYPE_CHECKING:`, with nothing otherwise."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return last_of(statement.test) == "TYPE_CHECKING"


def _needed(parts: list[_Part], names: Iterable[str]) -> tuple[set[str], list[_Part]]:
    """Return what some names need, directly or through others, and all names in it."""
    used = {*names, "import sys"}  # how Python itself is set concerns every function
    needed: set[_Part] = {part for part in parts if part.is_for_all}
    before = -1
    while before < len(needed):
        before = len(needed)
        after: set[str] = set()  # what is bound further below
        for part in reversed(parts):
            is_asked = not used.isdisjoint(part.binds | part.changes)
            may_bind = part.is_open and any(name.isidentifier() for name in used - after)
            if part not in needed and (is_asked or may_bind):
                needed.add(part)
                used |= part.needs
            after |= part.binds
    return used, [part for part in parts if part in needed]


def _text(part: _Part, lines: list[str], used: set[str]) -> str:
    """Return a statement as it is quoted, indented where it stands below a condition."""
    statement = part.statement
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return indent(_only(statement, used), INDENT if part.under else "")
    if not part.is_whole or statement.col_offset != len(INDENT if part.under else ""):
        return indent(ast.unparse(statement), INDENT if part.under else "")
    return _written(statement, lines)


def _written(statement: ast.stmt, lines: list[str]) -> str:
    """Return a statement's lines, with its decorators and the comments right above it."""
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(d.lineno for d in decorators)]) - 1
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return "\n".join(lines[first : statement.end_lineno])


def _between(before: _Part | None, part: _Part) -> list[str]:
    """Return what stands above a part: empty lines, and a condition where it is the first below."""
    if part.under and (not before or before.under != part.under):
        return ["", f"if {part.under}:"]
    if not before or (before.is_import and part.is_import and before.under == part.under):
        return [""] * bool(before and before.is_for_all)
    if isinstance(part.statement, Definition) or isinstance(before.statement, Definition):
        return [""] * (1 if part.under or part.is_import else 2)
    return [""] * (before.is_import or before.under != part.under)


def _only(statement: ast.Import | ast.ImportFrom, used: set[str]) -> str:
    """Return an import without the names that are not used."""
    if getattr(statement, "module", "") == "__future__":
        return ast.unparse(statement)
    kept = [alias for alias in statement.names if used & {*bound(alias)} or alias.name == "*"]
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(kept))
    return ast.unparse(ast.ImportFrom(statement.module, kept, statement.level))


def _is_open(statement: ast.stmt) -> bool:
    return any(
        (isinstance(node, ast.alias) and node.name == "*")
        or (isinstance(node, ast.Name) and node.id in READ_AS_CODE - {"eval"})
        for node in running(statement)
    )


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _without_main(statement: ast.stmt) -> ast.stmt | None:
    """Return a statement without what runs only where the file is the script that was started."""
    if not isinstance(statement, ast.If) or not _asks_for_main(statement.test):
        return statement
    negations = ast.NotEq | ast.NotIn | ast.Not
    if any(isinstance(node, negations) for node in ast.walk(statement.test)):
        test, rest = statement.test, statement.body
    else:
        test, rest = ast.UnaryOp(ast.Not(), statement.test), statement.orelse
    return ast.copy_location(ast.If(test, rest, []), statement) if rest else None


def _asks_for_main(test: ast.expr) -> bool:
    words = {getattr(node, "id", getattr(node, "value", "")) for node in ast.walk(test)}
    return {"__name__", "__main__"} <= words
