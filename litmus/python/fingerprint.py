"""What a Python file depends on inside the project, as one number: changed means run again."""

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from os.path import isdir, isfile  # False also for a string that cannot be a path
from pathlib import Path

from litmus.cache import Cache, Store
from litmus.files.digest import digest
from litmus.python.touches import last_of

LEDGER = Path("build/evidence.json")  # below the root: what tests found, which none rests on
SITE = ("claims.json", "claims.schema.json")  # both are in each that was built, and nowhere else
LONGEST = 200  # letters of a path
# What may say from where modules are imported, such as `pythonpath` or `package-dir`.
SETTINGS = ["pyproject.toml", "pytest.toml", "pytest.ini", "tox.ini", "setup.cfg", "setup.py"]
FIRST = re.compile(r"[/\\]")  # after the first name in a path
IMPORTERS = {"__import__", "import_module", "importorskip", "run_module"}  # take a module's name
WORD = re.compile(r"""[^\s"'=,:;()\[\]{}]+""")
IMPORTS: Store[tuple[list[str], list[str]]] = Store("imports", (Path(__file__),))


def fingerprint(file: Path, root: Path, cache: Cache | None = None) -> str:
    """Return a hash of a file, everything of the project that it imports or names, and of torch.

    A string in the code that is the path of a project's file counts as well: tests read labs, and
    snippets read data, by path.
    """
    base = root.resolve()
    parts: list[str | bytes] = [f"torch {torch_version()}"]
    for path in sorted(imports(file, root, cache)):
        # A lab lies among the notes, which need not lie below the root.
        parts += [Path(os.path.relpath(path, base)).as_posix(), path.read_bytes()]
    return digest(*parts)


def imports(file: Path, root: Path, cache: Cache | None = None) -> set[Path]:
    """Return a file with all of the project that it depends on, directly or through others."""
    file, root, cache = file.resolve(), root.resolve(), cache or Cache()
    found: set[Path] = set()
    waiting = {file} if file.is_file() else set()
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= cache.seen("needs", path, partial(_needs, root=root, cache=cache)) - found
    return found


def imported_packages(file: Path, root: Path, cache: Cache) -> set[str]:
    """Return the first names of all modules that a file, or what it depends on, imports."""
    code = (path for path in imports(file, root, cache) if path.suffix == ".py")
    names = (name for path in code for name in _mentions(path, cache)[0])
    return {name.partition(".")[0] for name in names if not name.startswith(".")}


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


def _needs(path: Path, root: Path, cache: Cache) -> set[Path]:
    """Return the project's files that a file needs directly."""
    if path.suffix != ".py":
        return set()
    above = [folder for folder in path.parents if folder.is_relative_to(root)]
    conftests = [folder / "conftest.py" for folder in above if is_test(path.name)]
    # Each package is imported before what is in it.
    packages = takewhile(isfile, (folder / "__init__.py" for folder in path.parents))
    names, texts = _mentions(path, cache)
    for conftest in filter(isfile, conftests):
        texts = [*texts, *_mentions(conftest, cache)[1]]  # it may say where modules are
    known = _lying(root, cache)  # most texts are no paths, which is quickly seen
    named = {root / t for t in texts if t[:1] in {".", "/"} or FIRST.split(t, 1)[0] in known}
    # A script finds its neighbours, too.
    places = {place for folder in above for place in (folder, folder / "src")}
    places |= {place for place in named if isdir(place)} | _places(root, cache)
    needs = {*map(str, [*conftests, *packages, *named]), *_modules(names, path, places, cache)}
    there = {Path(need).resolve() for need in needs if isfile(need)} - {root / LEDGER}
    return {
        need for need in there if need.is_relative_to(root) and not _is_built(need, root, cache)
    }


def _is_built(file: Path, root: Path, cache: Cache) -> bool:
    """Is a file a part of a site, which has a copy of each snippet once it has been built?"""

    def is_site(folder: Path) -> bool:
        return all(isfile(folder / name) for name in SITE)

    above = takewhile(lambda folder: folder != root, file.parents)
    return any(cache.seen("is a site", folder, is_site) for folder in above)


def _places(root: Path, cache: Cache) -> set[Path]:
    """Return the folders that the settings of a project name, and those that hold them."""

    def said(file: Path) -> set[Path]:
        words = {*WORD.findall(file.read_text("utf-8", "replace"))}
        named = {(root / word).resolve() for word in words if isdir(root / word)}
        return {p for place in named for p in (place, place.parent)}

    settings = filter(isfile, (root / name for name in SETTINGS))
    return {place for file in settings for place in cache.seen("places", file, said)}


def _modules(
    names: Iterable[str], path: Path, places: Iterable[Path], cache: Cache
) -> Iterator[str]:
    """Yield where the modules that a file imports may be, and the packages on the way to them.

    As texts: of the thousands of places few are files, and paths take ten times as long to make.
    """
    there = [(place, _lying(place, cache)) for place in places]
    for name in names:
        parts = name.lstrip(".").split(".")
        level = len(name) - len(name.lstrip("."))  # dots: the file's folder, the one above …
        if level:
            starts = [*path.parents][level - 1 : level]
        else:
            starts = [place for place, known in there if parts[0] in known]
        for start in starts:
            module = str(start)
            for part in parts:
                if part:
                    module = f"{module}/{part}"
                    yield f"{module}.py"
                yield f"{module}/__init__.py"


def _lying(place: Path, cache: Cache) -> set[str]:
    """Return the names of what lies in a folder, those of modules without .py, too."""

    def names(place: Path) -> set[str]:
        return {n for name in os.listdir(place) for n in (name, name.removesuffix(".py"))}

    try:
        return cache.seen("names", place, names)
    except OSError:
        return set()


def _mentions(path: Path, cache: Cache) -> tuple[list[str], list[str]]:
    source = path.read_bytes()
    return cache[IMPORTS].of(digest(source), lambda: _mentioned(source))


def _mentioned(source: bytes) -> tuple[list[str], list[str]]:
    """Return what a file imports, dots in front as written, and its texts that could be paths."""
    names: set[str] = set()
    texts: set[str] = set()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return [], []  # whoever runs the file reports it
    for node in _that_may_run(tree):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                dots, within = "." * node.level, [node.module] if node.module else []
                names |= {dots + ".".join([*within, alias.name]) for alias in node.names}
            case ast.Call(args=[ast.Constant(value=name), *_]) if last_of(node.func) in IMPORTERS:
                names.add(str(name))
            case ast.Constant(value=str(text)) if len(text) < LONGEST:
                texts.add(text)
    return sorted(names), sorted(texts)


def _that_may_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all of a source, but for what only a checker of types would come by."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and last_of(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
