"""What a Python file depends on inside the project, as one number: changed means run again."""

import ast
import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path


def fingerprint(file: Path, root: Path) -> str:
    """Return a hash of a file, everything of the project that it imports or names, and of torch.

    A string in the code that is the path of a project's file counts as well: tests read labs, and
    snippets read data, by path.
    """
    digest = hashlib.sha256(f"torch {_torch()}".encode())
    base = root.resolve()
    for path in sorted(imports(file, root)):
        digest.update(path.relative_to(base).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def imports(file: Path, root: Path) -> set[Path]:
    """Return a file with all of the project that it depends on, directly or through others."""
    file, root = file.resolve(), root.resolve()
    found: set[Path] = set()
    waiting = {file} if file.is_file() else set()
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= _needs(path, root, path.stat().st_mtime_ns) - found
    return found


@cache
def _torch() -> str:
    return version("torch")


@cache
def _needs(path: Path, root: Path, changed: int) -> set[Path]:
    """Return the project's files that a file needs directly, `changed` being its time stamp."""
    if path.suffix != ".py":
        return set()
    needs = {
        folder / "conftest.py"
        for folder in path.parents
        if path.name.startswith("test_") and folder.is_relative_to(root)
    }
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return set()  # whoever runs the file reports it
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            within = [node.module] if node.module else []
            names = [*within, *(".".join([*within, alias.name]) for alias in node.names)]
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200
        ):
            needs.add(root / node.value)
        for name in names:
            for folder in (root, path.parent):  # a script finds its neighbours, too
                module = folder / name.replace(".", "/")
                needs |= {module.with_suffix(".py"), module / "__init__.py"}
    return {
        need.resolve() for need in needs if _is_file(need) and need.resolve().is_relative_to(root)
    }


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a string that cannot be a path
        return False
