"""What a statement at the top of a Python file changes of what other names of the file stand for.

No analysis knows that for certain. Where it may be either, a statement counts as changing a name
rather than not: a quote with a line too many still runs, one with a line too few is wrong.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from litmus.python.bindings import (
    Definition,
    Function,
    body,
    bound,
    declared_global,
    local,
    mentioned,
)
from litmus.python.same_objects import (
    functions_called,
    gives_back,
    reached,
    returned,
    shared_names,
    whole_of,
)
from litmus.python.touches import Touched, arguments, given, root_of, running, touched

ARGUMENTS = "(arguments)"  # among what a function changes: some that it is given


class Effects:
    """What the statements of a file change."""

    def __init__(self, statements: list[ast.stmt]) -> None:
        self.statements = statements
        self.binds: dict[str, list[ast.stmt]] = defaultdict(list)
        for statement in statements:
            for name in dict.fromkeys(bound(statement)):
                self.binds[name].append(statement)
        self.defined = {name for s in statements for name in _defined(s)}
        self.methods = {name for s in statements for name in _methods(s)}
        self.packages = {name: package for s in statements for name, package in _imports(s)}
        giving: set[str] = set()  # functions that may give back, or hold, what they are given
        self.shared = shared_names(statements)  # a name may stand for a part of others
        for name, bindings in self.binds.items():
            functions = [f for s in bindings for f in functions_called(s, name)]
            self.shared[f"{name}()"] |= {n for f in functions for n in returned(f)}
            if any(isinstance(s, ast.ClassDef) or gives_back(s) for s in [*bindings, *functions]):
                giving.add(name)
        for source in {source for sources in self.shared.values() for source in sources}:
            whole, _, function = source.removesuffix("[]").rpartition("<")
            if function in giving:
                self.shared[f"{whole}<{function}"].add(whole)

    def of(self, statement: ast.stmt) -> set[str]:
        """Return the names whose objects a statement may change when it runs.

        For what is imported, that is its package: `import torch` for torch and all of its parts.
        A list of what is public concerns nobody who takes a part of the file.
        """
        nodes = [*running(statement)]
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        # What is called where it stands, or given to what may call it.
        called_or_given = (p for c in calls for p in (*ast.walk(c.func), *arguments(c)))
        lambdas = [part for part in called_or_given if isinstance(part, ast.Lambda)]
        touches, called = [*touched(nodes)], set[str]()
        is_class = any(isinstance(node, ast.ClassDef) for node in nodes)
        if calls or is_class or any(getattr(node, "decorator_list", []) for node in nodes):
            inner = [n for function in lambdas for n in ast.walk(function)]
            called = {name for run in self._runs([*nodes, *inner]) for name in self._calls[run]}
            called |= {name for function in lambdas for name in self._within(function)}
            if ARGUMENTS in called:
                touches += [touch for call in calls for touch in given(call)]
            if not any(touch.bare for touch in touches):
                called = {name for name in called if not name.startswith("import ")}
        changed = {name for touch in touches for name in self._counted(touch)}
        return (changed | called | self._drawn(calls)) - {"__all__", ARGUMENTS}

    def _drawn(self, calls: list[ast.Call]) -> set[str]:
        """Return the packages from whose seeded random numbers calls may draw."""
        roots = {root_of(call.func) for call in calls}
        if roots & self._calls.keys():
            return self._seeded
        return self._seeded & {f"import {self.packages.get(root)}" for root in roots}

    @cached_property
    def _seeded(self) -> set[str]:
        """Packages whose random numbers are seeded, so that each draw changes the next."""
        return {
            f"import {self.packages[root]}"
            for statement in self.statements
            for node in running(statement)
            if isinstance(node, ast.Call)
            if (path := ast.unparse(node.func)).isascii() and "(" not in path
            if "seed" in path.rpartition(".")[2]
            if (root := root_of(node.func)) in self.packages
        }

    def _counted(self, touch: Touched) -> Iterator[str]:
        if package := self.packages.get(touch.name.removesuffix("[]")):
            if touch.bare and touch.role != "given":
                yield f"import {package}"
            return
        if touch.role == "called" and (
            touch.name in self.defined or (not touch.bare and touch.name not in self.methods)
        ):
            return  # a function stays what it is
        for name in reached(touch.name, self.shared):
            if name.isidentifier() and (touch.bare or name not in self.defined):
                yield name

    def _runs(self, nodes: Iterable[ast.AST]) -> set[str]:
        """Return the functions and classes of the file that code may call."""
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        for name in list(names):
            names |= self.shared.get(name, set())
        return names & self._calls.keys()

    @cached_property
    def _calls(self) -> dict[str, set[str]]:
        """What a call of each function, class or lambda of the file may change, directly or not."""
        changes: dict[str, set[str]] = {}
        calls: dict[str, set[str]] = {}
        for name, statements in self.binds.items():
            functions = [f for s in statements for f in ast.walk(s) if isinstance(f, Function)]
            if functions or name in self.defined:
                within = {n for f in functions for n in self._within(f)}
                changes[name] = within - {"cls"} | ({name} if "cls" in within else set())
                calls[name] = {n for s in statements for n in mentioned(s)}
        while True:
            before = sum(map(len, changes.values()))
            for name, others in calls.items():
                for other in others & changes.keys():
                    changes[name] |= changes[other]
            if sum(map(len, changes.values())) == before:
                return changes

    def _within(self, function: Function) -> Iterator[str]:
        """Yield what the body of a function changes of what is not its own."""
        own, parts = local(function), body(function)
        parameters = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
        yield from declared_global(function) & {n for part in parts for n in bound(part)}
        if isinstance(function, ast.Lambda):
            parts = [ast.Expr(function.body)]  # whoever calls it may not take what it returns
        shared = shared_names(parts)
        for touch in touched(node for part in parts for node in running(part)):
            for name in reached(touch.name, shared):
                whole = whole_of(name)
                if whole not in own:
                    yield from self._counted(touch._replace(name=name))
                elif touch.bare and whole in parameters:
                    yield "cls" if whole == "cls" else ARGUMENTS


def _imports(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield what a statement imports, each with its package."""
    for node in running(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                whole = node.module or "." if isinstance(node, ast.ImportFrom) else alias.name
                yield next(bound(alias)), whole.partition(".")[0]


def _defined(node: ast.AST) -> Iterator[str]:
    """Yield the names that stand for a function or class as it is written in the file."""
    if isinstance(node, Definition):
        yield node.name
    elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
        for child in ast.iter_child_nodes(node):
            yield from _defined(child)


def _methods(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that may stand for a method of some object, which a call may change."""
    for node in running(statement):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            yield from bound(node)
