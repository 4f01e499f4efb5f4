"""Lets tests check the shapes in signatures of snippets, which need no jaxtyping when they run.

A snippet imports jaxtyping, and names its shapes, below `if TYPE_CHECKING:`, so that a copy of it
passes them by. jaxtyping's own import hook, which the option --jaxtyping-packages installs, adds
checks that need those names. So the condition is read as true in the files of these packages, and
in no others: to set `typing.TYPE_CHECKING` would do so everywhere, which torch does not survive.
"""

import re
import sys
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType

CONDITION = re.compile(rb"^if TYPE_CHECKING:", re.MULTILINE)


class ShapesFinder(MetaPathFinder):
    """Finds the modules of some packages as all other finders do, and reads them as checkers do."""

    def __init__(self, packages: list[str]) -> None:
        self.packages = packages

    def find_spec(self, name, path=None, target=None) -> ModuleSpec | None:
        if name.partition(".")[0] not in self.packages:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next(filter(None, specs), None)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader.get_code = partial(_code, spec.loader)
        return spec


def _code(loader: SourceFileLoader, name: str) -> CodeType:
    """Compile a file anew each time: bytecode that is kept may be without the checks."""
    file = loader.get_filename(name)
    return loader.source_to_code(CONDITION.sub(b"if True:", loader.get_data(file)), file)
