"""Which names' objects some Python code may change, as far as the code itself says."""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from litmus.python.bindings import Function, head

# Methods of what never changes, and those with which dictionaries are read.
READS = {m for kind in (str, bytes, int, float, tuple, frozenset) for m in dir(kind) if m[0] != "_"}
READS |= {"get", "items", "keys", "values"}
METHODS = {m for kind in (list, dict, set) for m in dir(kind)}  # change their object alone
CHANGE_ARGUMENTS = {"next", "setattr", "delattr"}  # of the functions that Python brings
SHARE = {"ChainMap", "enumerate", "filter", "getattr", "iter", "map", "max", "min", "next"}
SHARE |= {"partial", "reversed", "zip"}  # may give back, or hold, what they are given
COPY = {"copy", "deque", "dict", "list", "set", "sorted", "tuple"}  # new, of the same parts
APPLY = {"filter", "map", "max", "min", "reduce", "sorted", "starmap"}  # call what they are given
# Names of functions that change what they are given, also where somebody takes the result.
CHANGING = re.compile(
    r"[^_]_$|append|delitem|extend|heapify|heapreplace|insert|insort|pop|push|register|remove"
    r"|setdefault|setitem|shuffle|update"
)


class Touched(NamedTuple):
    """A name whose object some code may change, and whether that is all that the code is for."""

    # With [] behind it for what lies in the object, () for what a call of it returns, and <name
    # for the object if the function of that name gives back what it is given.
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
    bare = {id(n) for node in every if _is_for_effect(node) for n in ast.walk(node)}
    for node in every:
        match node:
            case ast.Attribute(ctx=ctx) | ast.Subscript(ctx=ctx) if not isinstance(ctx, ast.Load):
                yield from _named(node, True)
            case ast.AugAssign(target=ast.Name(id=name)):
                yield Touched(name, True)
            case ast.AugAssign(target=target):
                yield Touched(f"{root_of(target)}[]", True)
            case ast.Call():
                yield from _touched_by_call(node, id(node) in bare)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for decorator in node.decorator_list:
                    called = decorator.func if isinstance(decorator, ast.Call) else decorator
                    is_method = isinstance(called, ast.Attribute)
                    yield Touched(root_of(called), is_method, "given" if is_method else "called")


def _is_for_effect(node: ast.AST) -> bool:
    """Say whether a statement does something and leaves nothing that anybody takes."""
    match node:
        case ast.Expr() | ast.Assign(targets=[ast.Name(id="_")]):
            return True
    return False


def _touched_by_call(call: ast.Call, bare: bool) -> Iterator[Touched]:
    function, last = call.func, last_of(call.func)
    if last in APPLY:
        for method in [*call.args[:1], *(k.value for k in call.keywords if k.arg == "key")]:
            if isinstance(method, ast.Attribute) and method.attr not in READS:
                yield from _named(method, True)
    if isinstance(function, ast.Name) and hasattr(builtins, function.id):
        if function.id in CHANGE_ARGUMENTS:
            yield from _named(call.args[0] if call.args else call, True)
        return
    if isinstance(function, ast.Name):
        yield Touched(function.id, bare, "called")
    elif bare or (isinstance(function, ast.Attribute) and function.attr not in READS):
        yield from _named(function, bare)
    if bare or _is_changing(call):
        yield from given(call)


def _is_changing(call: ast.Call) -> bool:
    """Say whether a call whose result somebody takes may change what it is given, by its name."""
    name = last_of(call.func)
    is_method = name in METHODS and not hasattr(builtins, root_of(call.func))  # list.pop(a) is none
    return bool(CHANGING.search(name) and not is_method) or any(
        keyword.arg in {"inplace", "out"} for keyword in call.keywords
    )


def arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def given(call: ast.Call) -> Iterator[Touched]:
    for argument in arguments(call):
        for name in parts_of(argument):
            yield Touched(name, True, "given")
            yield Touched(within(name), True, "given")


def within(name: str) -> str:
    """Return the name for what lies in that for which a name stands."""
    return name if name.endswith("[]") else f"{name}[]"


def _named(node: ast.AST, bare: bool) -> Iterator[Touched]:
    """Yield what is touched where a part or a method of it is named."""
    if name := root_of(node):
        yield Touched(name, bare)
        inner = node if isinstance(node, ast.Call) else getattr(node, "value", None)
        for part in parts_of(inner) if not isinstance(inner, ast.Name) else ():
            yield Touched(part, bare)


def last_of(node: ast.AST) -> str:
    """Return the last name of what is called, such as append in TABLE["x"].append."""
    return str(getattr(node, "attr", getattr(node, "id", "")))


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
        case ast.Attribute() | ast.Subscript() | ast.Starred():
            for name in parts_of(node.value):
                yield from (name, within(name))
            yield from held_by(node.value)
        case ast.NamedExpr() | ast.Await():
            yield from parts_of(node.value)
        case ast.Call(func=ast.Name(id=name)) if name in SHARE:
            for argument in arguments(node):
                yield from parts_of(argument)
        case ast.Call(func=ast.Name(id=name)) if not hasattr(builtins, name):
            yield f"{name}()"
            for argument in arguments(node):  # which it may give back
                yield from (f"{part}<{name}" for part in parts_of(argument))
        case ast.Call(func=ast.Attribute(attr="get" | "items" | "setdefault" | "values")):
            yield from parts_of(node.func)
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.IfExp() | ast.BoolOp():
            for part in ast.iter_child_nodes(node):
                yield from parts_of(part)


def held_by(node: ast.AST | None) -> Iterator[str]:
    """Yield the names of whose objects those may be that an expression puts into a new one."""
    match node:
        case ast.Call(func=ast.Attribute(attr="copy", value=whole), args=[]):
            yield from map(within, parts_of(whole))
        case ast.Call(func=function) if last_of(function) in COPY:
            for argument in arguments(node):
                for part in parts_of(argument):
                    if last_of(function) != "copy":
                        yield part
                    yield within(part)
                yield from held_by(argument)
        case ast.BinOp():
            yield from map(within, [*parts_of(node.left), *parts_of(node.right)])
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            for source in [node.elt, *(generator.iter for generator in node.generators)]:
                yield from map(within, parts_of(source))
                yield from held_by(source)
