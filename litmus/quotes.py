"""The source of some functions of a file, with what they need to run alone."""

import ast
from collections.abc import Iterable
from functools import lru_cache

from typing_extensions import TypeIs

from litmus.problems import nearest

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class QuoteError(ValueError):
    """A quote asks for something that the file does not define."""


def quote(source: str, names: Iterable[str]) -> str:
    """Return the definitions of `names` from a file's source, and all that they need, in its order.

    Needed are the imports, constants, type aliases and other definitions of the file that a quoted
    definition mentions, directly or through others. Raises QuoteError, with the nearest names, for
    a name that the file does not define.
    """
    try:
        tree = _tree(source)
    except SyntaxError as error:
        raise QuoteError(f"line {error.lineno}: {error.msg}.") from None
    statements = [s for s in tree.body if not _is_docstring(s) and not _is_main(s)]
    defines = {name: s for s in statements for name in _defined(s)}
    needed: set[ast.stmt] = set()
    waiting: list[str] = []
    for name in names:
        if name not in defines or isinstance(defines[name], ast.Import | ast.ImportFrom):
            raise QuoteError(f"it does not define '{name}'. {nearest(name, defines)}".strip())
        waiting.append(name)
    used = set(waiting)
    while waiting:
        statement = defines[waiting.pop()]
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue  # of an import, only the names that are used are kept
        needed.add(statement)
        mentioned = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)} & defines.keys()
        waiting += mentioned - used
        used |= mentioned
    lines = source.splitlines()
    imports = [
        _only(statement, used)
        for statement in statements
        if isinstance(statement, ast.Import | ast.ImportFrom) and _imported(statement) & used
    ]
    blocks = ["\n".join(imports)] if imports else []
    previous: ast.stmt | None = None
    for statement in statements:
        if statement in needed:
            apart = _is_definition(statement) or previous is None or _is_definition(previous)
            blocks += [""] * (2 if apart and _is_definition(statement) else 1 if apart else 0)
            blocks.append(_text(statement, lines))
            previous = statement
    return "\n".join(blocks).strip() + "\n"


def definitions(source: str) -> list[str]:
    """Return the names of the public functions and classes of a file, in order."""
    return [
        statement.name
        for statement in _parsed(source).body
        if _is_definition(statement) and not statement.name.startswith("_")
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


def _text(statement: ast.stmt, lines: list[str]) -> str:
    """Return a statement's lines, with its decorators and the comments right above it."""
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(d.lineno for d in decorators)]) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : statement.end_lineno])


def _only(statement: ast.Import | ast.ImportFrom, used: set[str]) -> str:
    """Return an import without the names that are not used."""
    kept = [alias for alias in statement.names if _bound(alias) in used]
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(kept))
    return ast.unparse(ast.ImportFrom(statement.module, kept, statement.level))


def _imported(statement: ast.Import | ast.ImportFrom) -> set[str]:
    return {_bound(alias) for alias in statement.names}


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _defined(statement: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a file gives a meaning."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return _imported(statement)
    if isinstance(statement, Definition):
        return {statement.name}
    return {
        n.id
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _is_definition(statement: ast.stmt) -> TypeIs[Definition]:
    return isinstance(statement, Definition)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
