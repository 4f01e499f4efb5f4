"""Every change that mutmut's operators make in a file of Python, one place at a time.

mutmut itself leaves out what is decorated, and so every property, and what stands outside of
functions, such as patterns: in the engine, half of what counts. Left out here is what no test could
or should notice: annotations, sentences for people, and the words in `UNSEEN`.
"""

import ast
from bisect import bisect
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper
from mutmut.mutation.mutators import mutation_operators

LEFT_OUT = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom, cst.Raise, cst.Assert)
UNSEEN = ["utf-8", "repr=False"]  # the name of an encoding, how a debugger shows it


@dataclass(frozen=True)
class Change:
    """A file of the engine with one place changed."""

    file: str
    function: str  # the outermost one around the place, or a method; "" outside of all
    line: int
    before: str  # the lines, as they are
    after: str
    source: str  # of all of the file

    def __str__(self) -> str:
        lines = [f"-{line}" for line in self.before.splitlines()]
        lines += [f"+{line}" for line in self.after.splitlines()]
        return "\n".join([f"{self.file} {self.function}".rstrip(), *lines])


def changes(root: Path, file: str) -> list[Change]:
    """Return each change of a file, in order."""
    source = (root / file).read_bytes()
    places = _Places()
    module = MetadataWrapper(cst.parse_module(source)).visit(places)
    begins = [0, *(index + 1 for index, byte in enumerate(source) if byte == ord("\n"))]
    spans = functions(source.decode())
    found = []
    for begin, end, node in places.found:
        changed = source[:begin] + module.code_for_node(node).encode() + source[end:]
        if any(changed.count(word.encode()) != source.count(word.encode()) for word in UNSEEN):
            continue
        first, last = bisect(begins, begin) - 1, bisect(begins, end - 1)
        until = begins[last] if last < len(begins) else len(source)
        name = next((name for name, f in spans.items() if f.begin <= first + 1 <= f.end), "")
        before = source[begins[first] : until].decode()
        after = changed[begins[first] : until + len(changed) - len(source)].decode()
        found.append(Change(file, name, first + 1, before, after, changed.decode()))
    return list(dict.fromkeys(found))


class Function(NamedTuple):
    """The lines of a function: where it begins, where what it does begins, and its last."""

    begin: int
    body: int
    end: int


def functions(source: str) -> dict[str, Function]:
    """Return the functions of a module and the methods of its classes, by name."""
    found = {}
    for node in ast.parse(source).body:
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef):
                name = inner.name if inner is node else f"{node.name}.{inner.name}"
                end = inner.end_lineno or inner.lineno
                found[name] = Function(inner.lineno, inner.body[0].lineno, end)
    return found


class _Places(cst.CSTVisitor):
    """Collects what may stand in place of each part of a module."""

    METADATA_DEPENDENCIES = (ByteSpanPositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, LEFT_OUT) or _is_for_types(node) or _is_sentence(node):
            return False
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                place = self.get_metadata(ByteSpanPositionProvider, node)
                for other in operator(node):
                    self.found.append((place.start, place.start + place.length, other))
        return True


def _is_for_types(node: cst.CSTNode) -> bool:
    """Is it a name for a type, or what only a checker of types reads?"""
    if isinstance(node, cst.If):
        return isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING"
    if not isinstance(node, cst.Assign):
        return False
    name = node.value.func if isinstance(node.value, cst.Call) else node.value
    return isinstance(name, cst.Subscript) or (
        isinstance(name, cst.Name) and name.value == "TypeVar"
    )


def _is_sentence(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleString) and node.value.strip("\"'").endswith((".", ". "))
