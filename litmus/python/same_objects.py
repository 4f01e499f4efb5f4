"""Which names in some Python code may stand for one object, or for a part of another's."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from litmus.python.bindings import Function, body, bound, local
from litmus.python.touches import held_by, parts_of, running, within

Returns = ast.Return | ast.Yield | ast.YieldFrom


def shared_names(parts: Iterable[ast.AST]) -> dict[str, set[str]]:
    """Return for each name that some code binds those whose objects it may stand for, or hold."""
    shared: dict[str, set[str]] = defaultdict(set)
    for name, sources in (pair for part in parts for pair in _shares(part)):
        shared[name] |= sources - {name}
    return shared


def reached(name: str, shared: dict[str, set[str]]) -> Iterator[str]:
    """Yield a name and all of whose objects it may stand for a part, directly or through others."""
    waiting, seen = [name], {name}
    while waiting:
        yield (name := waiting.pop())
        whole = name.removesuffix("[]")
        sources = shared.get(name, set())
        if whole != name:
            sources = sources | {whole} | {within(source) for source in shared.get(whole, ())}
        waiting += sources - seen
        seen |= sources


def functions_called(statement: ast.stmt, name: str) -> Iterator[Function]:
    """Yield the functions for which a name may stand after a statement."""
    for node in running(statement):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                yield node
            case ast.Assign(value=ast.Lambda() as function):
                yield function


def returned(function: Function) -> set[str]:
    """Return the names from around a function of whose objects it may return one, or a part."""
    own = local(function)
    return {name for name in _given_back(function) if whole_of(name) not in own}


def gives_back(node: ast.AST) -> bool:
    """Say whether something is a function that may return what it is given, or a part."""
    if not isinstance(node, Function):
        return False
    parameters = {n.arg for n in ast.walk(node.args) if isinstance(n, ast.arg)}
    return any(whole_of(name) in parameters for name in _given_back(node))


def whole_of(name: str) -> str:
    """Return the name without the signs for what lies in it, or what a call of it returns."""
    return name.removesuffix("[]").removesuffix("()")


def _given_back(function: Function) -> set[str]:
    parts = body(function)
    shared = shared_names(parts)
    values = [node.value for p in parts for node in running(p) if isinstance(node, Returns)]
    names = {name for value in [*values, *parts] for name in parts_of(value)}
    return {name for start in names for name in reached(start, shared)}


def _shares(statement: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Yield names that a statement binds, each with those whose objects it may stand for then."""
    for node in running(statement):
        pairs: list[tuple[ast.AST | None, ast.AST | None]] = []
        match node:
            case ast.Assign():
                pairs = [(target, node.value) for target in node.targets]
                together = {n for target in node.targets for n in bound(target)}
                yield from ((name, together) for name in together if len(node.targets) > 1)
            case ast.AnnAssign() | ast.NamedExpr():
                pairs = [(node.target, node.value)]
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                pairs = [(node.target, node.iter)]
            case ast.Match():
                pairs = [(case.pattern, node.subject) for case in node.cases]
            case ast.withitem():
                pairs = [(node.optional_vars, node.context_expr)]
        for target, value in pairs:
            held = {*held_by(value)}
            is_a_part = isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
            for name in bound(target) if target else ():
                yield name, {*parts_of(value)} | (held if is_a_part else set())
                yield within(name), held
