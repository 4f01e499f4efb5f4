"""Which names' objects some Python code may change, as far as the code itself says."""

import ast
import builtins
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from litmus.bindings import Function, head

# Methods of what never changes, and those with which dictionaries are read.
READS = {m for kind in (str, bytes, int, float, tuple, frozenset) for m in dir(kind) if m[0] != "_"}
READS |= {"get", "items", "keys", "values"}
CHANGE_ARGUMENTS = {"next", "setattr", "delattr"}  # of the functions that Python brings
SHARE = {"enumerate", "filter", "iter", "map", "partial", "reversed", "zip"}  # what they are given


class Touched(NamedTuple):
    """A name whose object some code may change, and whether that is all that the code is for."""

    name: str
    bare: bool  # a call for its effect, whose result nobody takes, or an assignment within
    role: Literal["object", "given", "called"] = "object"


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all of a statement that runs with it: not what functions do when they are called."""
    yield node
    for part in head(node) if isinstance(node, Function) else ast.iter_child_nodes(node):
        yield from running(part)


def touched(nodes: Iterable[ast.AST]) -> Iterator[Touched]:
    every = [*nodes]
    # What is called for its effect alone.
    bare = {id(n) for node in every if isinstance(node, ast.Expr) for n in ast.walk(node)}
    for node in every:
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                yield from _named(node, True)
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                yield from _named(node, True)
            case ast.AugAssign(target=ast.Name(id=name)):
                yield Touched(name, True)
            case ast.Call():
                yield from _touched_by_call(node, id(node) in bare)
            case _ if is_decorated(node):
                for decorator in getattr(node, "decorator_list", []):
                    called = decorator.func if isinstance(decorator, ast.Call) else decorator
                    is_method = isinstance(called, ast.Attribute)
                    yield Touched(root_of(called), is_method, "given" if is_method else "called")


def _touched_by_call(call: ast.Call, bare: bool) -> Iterator[Touched]:
    function = call.func
    if isinstance(function, ast.Name) and hasattr(builtins, function.id):
        if function.id in CHANGE_ARGUMENTS:
            yield from _named(call.args[0] if call.args else call, True)
        return
    if isinstance(function, ast.Name):
        yield Touched(function.id, bare, "called")
    elif bare or (isinstance(function, ast.Attribute) and function.attr not in READS):
        yield from _named(function, bare)
    if bare:
        yield from given(call)


def given(call: ast.Call) -> Iterator[Touched]:
    for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
        for name in parts_of(argument):
            yield Touched(name, True, "given")


def _named(node: ast.AST, bare: bool) -> Iterator[Touched]:
    if name := root_of(node):
        yield Touched(name, bare)


def root_of(node: ast.AST) -> str:
    """Return the name that an expression begins with, such as TABLE in TABLE["x"].append."""
    while True:
        match node:
            case ast.Name():
                return node.id
            case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.Await():
                node = node.value
            case ast.Call():
                node = node.func
            case _:
                return ""


def parts_of(node: ast.AST | None) -> Iterator[str]:
    """Yield the names of whose objects an expression may be one, or hold some."""
    match node:
        case ast.Name():
            yield node.id
        case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.NamedExpr():
            yield from parts_of(node.value)
        case ast.Call(func=ast.Name(id=name)) if name in SHARE:
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                yield from parts_of(argument)
        case ast.Call(func=ast.Attribute(attr="get" | "items" | "setdefault" | "values")):
            yield from parts_of(node.func)
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.IfExp() | ast.BoolOp():
            for part in ast.iter_child_nodes(node):
                yield from parts_of(part)


def is_decorated(node: ast.AST) -> bool:
    return bool(getattr(node, "decorator_list", []))
