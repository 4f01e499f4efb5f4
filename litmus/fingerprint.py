"""What a Python file depends on inside the project, as one number: changed means run again."""

import ast
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from litmus.digest import digest
from litmus.kept import KeptWork, Store

LONGEST = 200  # letters of a path
IMPORTS: Store[tuple[list[str], list[str]]] = Store(
    "imports", (files("litmus").joinpath("fingerprint.py"),)
)


def fingerprint(file: Path, root: Path, work: KeptWork | None = None) -> str:
    """Return a hash of a file, everything of the project that it imports or names, and of torch.

    A string in the code that is the path of a project's file counts as well: tests read labs, and
    snippets read data, by path.
    """
    base = root.resolve()
    parts: list[str | bytes] = [f"torch {torch_version()}"]
    for path in sorted(imports(file, root, work)):
        parts += [path.relative_to(base).as_posix(), path.read_bytes()]
    return digest(*parts)


def imports(file: Path, root: Path, work: KeptWork | None = None) -> set[Path]:
    """Return a file with all of the project that it depends on, directly or through others."""
    file, root, work = file.resolve(), root.resolve(), work or KeptWork()
    found: set[Path] = set()
    waiting = {file} if file.is_file() else set()
    while waiting:
        path = waiting.pop()
        found.add(path)
        stamp, (seen, needs) = path.stat().st_mtime_ns, work.needs.get(path, (0, set()))
        if seen != stamp:
            work.needs[path] = stamp, (needs := _needs(path, root, work))
        waiting |= needs - found
    return found


def is_test(name: str) -> bool:
    """Say whether pytest looks for tests in a file of that name."""
    return (name.endswith(".py") and name.startswith("test_")) or name.endswith("_test.py")


@cache
def torch_version() -> str:
    """Return the version of torch that is installed, "none" where it is not."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return "none"


def _needs(path: Path, root: Path, work: KeptWork) -> set[Path]:
    """Return the project's files that a file needs directly."""
    if path.suffix != ".py":
        return set()
    needs = {
        folder / "conftest.py"
        for folder in path.parents
        if is_test(path.name) and folder.is_relative_to(root)
    }
    source = path.read_bytes()
    names, texts = work[IMPORTS].of(digest(source), lambda: _mentioned(source))
    needs |= {root / text for text in texts}
    for name in names:
        for folder in (root, path.parent):  # a script finds its neighbours, too
            module = folder / name.replace(".", "/")
            needs |= {module.with_suffix(".py"), module / "__init__.py"}
    return {
        need.resolve() for need in needs if _is_file(need) and need.resolve().is_relative_to(root)
    }


def _mentioned(source: bytes) -> tuple[list[str], list[str]]:
    """Return what a file imports, and the texts in it that could be paths."""
    names: set[str] = set()
    texts: set[str] = set()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return [], []  # whoever runs the file reports it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            within = [node.module] if node.module else []
            names |= {*within, *(".".join([*within, alias.name]) for alias in node.names)}
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and len(node.value) < LONGEST
        ):
            texts.add(node.value)
    return sorted(names), sorted(texts)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a string that cannot be a path
        return False
