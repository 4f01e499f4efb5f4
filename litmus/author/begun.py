"""What to say of a project that was begun: what was done where and why, and what to do next."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from litmus.author.own_project import seen_from
from litmus.files import settings

TESTS, IGNORED = "pytest.ini", ".gitignore"
MADE = ("build", "site")  # folders that no repository should have
PLUGINS = "plugins:\n    - search\n    - litmus"


@dataclass(frozen=True)
class Begun:
    """What was written into a project, what was there, and what its author has to know."""

    root: Path
    docs: Path
    written: list[str]
    kept: list[str] = field(default_factory=list)  # of the same names, and left as they were
    is_new: bool = False

    def words(self) -> Iterator[str]:
        """Yield what to say, a line each: what was done where and why, and what to do next."""
        if self.is_new:
            yield f"A new knowledge base is in {self.root}: {len(self.written)} files."
        else:
            yield from self._around()
        here = Path.cwd().resolve() == self.root.resolve()
        yield "Next:"
        yield from [] if here else [f"  cd {typed(self.root)}"]
        yield "  litmus build   # run the tests of claims, build site/; stop for what does not fit"
        yield "  mkdocs serve   # build and serve it, and again with every change"
        if not self.is_new:
            yield "What does not fit in your notes is on the page Open ends of `mkdocs serve`."

    def _around(self) -> Iterator[str]:
        if not self.docs.is_relative_to(self.root):
            yield f"The notes lie in {self.docs} itself, and MkDocs takes no settings from there."
            yield f"So the project is beside them, in {self.root}. Nothing was added to the notes."
        wrote = ", ".join(self.written) or "nothing: all of it was there"
        yield f"Wrote into {self.root}: {wrote}."
        if self.kept:
            yield f"Left as they are: {', '.join(self.kept)}."
        yield from self._of_settings(settings.file_of(self.root).name)
        if IGNORED in self.kept and (missing := _not_ignored(self.root / IGNORED)):
            yield f"{IGNORED} should have {' and '.join(missing)}, which are made."
        if TESTS not in [*self.written, *self.kept]:
            yield 'Tests find snippets/ if the settings of pytest have pythonpath = ["."].'

    def _of_settings(self, file: str) -> Iterator[str]:
        """Yield what the settings do not say yet, or say of what is not there."""
        said = settings.read(self.root)
        if not said.docs.is_dir():
            where = seen_from(self.root, said.docs)
            yield f"{file} looks for notes in {where}/, and there is no such folder."
        if not said.has_plugin:
            yield f"{file} does not name Litmus yet. Let its plugins begin with these two:"
            yield f"  {PLUGINS}"
        if not said.is_ours:
            yield f"{file} should say that the notes are yours, as they lie outside of this folder:"
            yield f"  {PLUGINS}: {{ours: true}}"


def typed(folder: Path) -> str:
    """Return a folder as one types it after a command."""
    path = os.path.relpath(folder)
    return shlex.quote(f"./{path}" if path.startswith("-") else path)  # an option is not meant


def _not_ignored(file: Path) -> list[str]:
    """Return the folders that are made and of which a .gitignore does not say so."""
    said = file.read_text("utf-8", "replace").split("\n") if file.is_file() else []
    lines = {line.strip().removeprefix("**").strip("/") for line in said}
    return [f"/{name}/" for name in MADE if name not in lines]
