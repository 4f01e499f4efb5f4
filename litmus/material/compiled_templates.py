"""The theme's templates: listed without its icons, compiled once, and without indentation."""

import os
import re
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader
from jinja2.ext import Extension

from litmus.files.digest import digest

ENDS_OF_LINES = re.compile(r"\s*\n\s*")
TAG_ALONE = re.compile(r"^(\{%(?!-?\s*include)[^%]*%\})\n", re.MULTILINE)
NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'  # HTML knows it without


def prepared(environment: Environment, compiled: Path) -> Environment:
    """Return an environment of MkDocs as one that keeps compiled templates in a folder."""
    assert isinstance(environment.loader, FileSystemLoader)
    environment.loader = WithoutHiddenFolders(environment.loader.searchpath)
    compiled /= digest(Path(__file__).read_bytes())  # which decides, too, what they become
    compiled.mkdir(parents=True, exist_ok=True)  # to compile them takes half a second
    environment.bytecode_cache = FileSystemBytecodeCache(str(compiled))
    environment.add_extension(WithoutIndentation)
    return environment


class WithoutHiddenFolders(FileSystemLoader):
    """Finds all templates, and lists those that MkDocs may copy.

    It takes nothing whose name begins with a dot, but asks that of each of Material's 14,000 icons:
    half of the time of a small site.
    """

    def list_templates(self) -> list[str]:
        """Return the paths of all files outside of hidden folders, in order."""
        found: set[str] = set()
        for root in self.searchpath:
            for folder, inside, files in os.walk(root):
                inside[:] = [name for name in inside if not name.startswith(".")]
                found.update(Path(folder, name).relative_to(root).as_posix() for name in files)
        return sorted(found)


class WithoutIndentation(Extension):
    """Makes runs of white space shorter, and drops none: a browser sees no difference.

    Indentation was a tenth of each page.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return the source of a template with as little white space as shows the same."""
        squeezed = ENDS_OF_LINES.sub("\n", source).replace(NAMESPACE, "")
        return TAG_ALONE.sub(r"\1", squeezed)
