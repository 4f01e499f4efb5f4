"""A folder of notes as Obsidian sees it, and the rules by which a link finds one of them."""

import json
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from markdown_it import MarkdownIt

from litmus.files.digest import digest
from litmus.files.reading import LEFT_OUT, LONGEST, as_text, everything, is_to_be_read, leads_out
from litmus.files.reading import read as read_bytes
from litmus.files.writing import stamp
from litmus.markdown import parser
from litmus.markdown.headings import folded
from litmus.parallel import in_parallel
from litmus.problems import Names, Problem, as_problem, nearest, tried
from litmus.python.labs import Lab, Labs
from litmus.tex import macros
from litmus.vault import collisions, properties
from litmus.vault.note_reading import as_written, digest_of, read_note
from litmus.vault.notes import Note

PREAMBLE = "preamble.sty"
LeftOut = Callable[[str], bool]


class Vault:
    """All notes and other files of a folder, and the rules by which a link finds one of them.

    `notes` has the notes by path, with forward slashes, and `files` the paths of all else.

        path = project.vault.resolve("batch-norm", from_path="a.md")  # as [[batch-norm]] does there
    """

    def __init__(
        self, notes: Iterable[Note], files: Iterable[str], strict_line_breaks: bool
    ) -> None:
        self.folder: Path | None = None
        self.has_read = False  # since its notes were kept for another process
        self.strict_line_breaks = strict_line_breaks
        self.notes = {note.path: note for note in notes}
        self.files = set(files)
        self.withheld: set[str] = set()  # those that are not published
        self.made: dict[str, bytes | Path] = {}  # those that are not there: what labs draw
        self.macros: list[macros.Definition] = []  # what all formulas may use
        self._meant: dict[tuple[str, str], list[str]] = {}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_alias: dict[str, list[str]] = defaultdict(list)
        for path in sorted([*self.notes, *self.files]):
            self._by_name[folded(PurePosixPath(path).name)].append(path)
        for note in self.notes.values():
            for alias in dict.fromkeys(map(folded, note.aliases)):
                self._by_alias[alias].append(note.path)

    @classmethod
    def read(
        cls,
        folder: Path,
        previous: "Vault | None" = None,
        left_out: LeftOut | None = None,
        labs: Labs | None = None,
    ) -> tuple["Vault", list[Problem]]:
        """Read every file below a folder; return what is wrong, too.

        Left out are hidden files, the templates of Obsidian's plugin, and notes with `publish:
        false`. A single newline is a line break unless Obsidian's settings say otherwise. Notes of
        a previous reading whose files say the same are taken from there; those that the caller
        leaves out are as good as not there.
        """
        strict = _setting(folder, "app", "strictLineBreaks") is True
        markdown = parser(strict)
        known = previous.notes if previous and previous.strict_line_breaks == strict else {}
        files, problems = _files(folder, left_out)
        run = labs.among(file for file in files if not file.lower().endswith(".md")) if labs else {}
        problems += [lab for lab in run.values() if isinstance(lab, Problem)]
        made = {path: lab for path, lab in run.items() if isinstance(lab, Lab)}
        pages = [path for path in files if path.lower().endswith(".md") or path in made]
        found = in_parallel(
            "Notes",
            pages,
            lambda path: _note(folder / path, path, markdown, known.get(path), made.get(path)),
            alone=bool(known),
        )
        notes = [note for note in found if not properties.is_private(note.properties)]
        problems += collisions.of_notes(note.path for note in notes)
        labs_shown = [made[note.path] for note in notes if note.path in made]
        with_labs = {path: file for lab in labs_shown for path, file in lab.files.items()}
        vault = cls(notes, [*({*files} - {*pages, *run}), *with_labs], strict)
        vault.folder, vault.made = folder, with_labs
        if previous and previous.names_digest == vault.names_digest:
            vault._meant = previous._meant
        vault.has_read = any(known.get(note.path) is not note for note in notes)
        vault.has_read |= bool(previous and previous.has_read)
        problems += vault.read_macros()
        return vault, [*problems, *(problem for note in notes for problem in note.problems)]

    def text(self, path: str) -> str:
        """Return the text of a file that is no note, "" where there is none to read."""
        return as_text(self.raw(path)) if path in self.files else ""

    def raw(self, path: str, longest: int = LONGEST) -> bytes:
        """Return the beginning of a file, nothing of one that is gone or leads out of the vault."""
        if not self.folder or leads_out(file := self.folder / path, self.folder):
            return b""
        try:
            return read_bytes(file, longest)
        except OSError:
            return b""  # which was reported of the file

    @property
    def as_written(self) -> list[Note]:
        """The notes of which nothing but their text is shown."""
        return [note for note in self.notes.values() if note.is_as_written]

    def has(self, path: str) -> bool:
        """Is there such a note or file?"""
        return path in self.notes or path in self.files

    def show_as_written(self, problem: Problem) -> None:
        """Let the note that a problem is of stand for itself, and be nothing but its text."""
        note = as_written(self.raw(problem.file), problem.file, problem)
        self.notes[note.path] = note

    def read_macros(self) -> list[Problem]:
        """Read what all formulas may use: the definitions in a file that a plugin reads, too."""
        problems: list[Problem] = []
        read = partial(macros.definitions, self.text(PREAMBLE))
        found = tried(read, PREAMBLE, problems.append, "None of it is used.")
        self.macros = found or []
        return problems

    def resolve(self, target: str, from_path: str) -> str | None:
        """Return the path that a link's target means in a note, None if there is no such file.

        Names are compared without case and in one unicode form, first as a path from the root or
        from the note's folder, then by the end of the path, then by alias. Of several the one
        nearest to the note is taken, as in Obsidian.
        """
        return next(iter(self.candidates(target, from_path)), None)

    def candidates(self, target: str, from_path: str) -> list[str]:
        """Return every file that a target could mean, the nearest first."""
        if not target:
            return [from_path]
        asked = target, from_path.rpartition("/")[0]
        if asked not in self._meant:
            found = self._named(target, from_path) or self._named(unquote(target), from_path)
            self._meant[asked] = found
        return self._meant[asked]

    def _named(self, target: str, from_path: str) -> list[str]:
        """Return the files of a name as it is, nearest first: the note's folder, then short paths.

        A name with an extension is that file's before it is a note's, whose .md may be left out;
        one without is a note's first. A lab's .py may be left out, too. What comes with a lab is
        found from the root alone: no author would name it.
        """
        folder = posixpath.dirname(from_path)
        wanted = folded(f"{target}index" if target.endswith("/") else target)
        if wanted.startswith(("./", "../")):
            wanted = f"/{posixpath.normpath(posixpath.join(folded(folder), wanted))}"
        from_root = wanted.startswith("/")
        wanted = wanted.strip("/")

        def distance(path: str) -> tuple[bool, bool, int, str]:
            inside = path.startswith(f"{folder}/") or not folder
            return folded(path) != name, not inside, len(path), path

        names = wanted, f"{wanted}.md", f"{wanted}.py"
        if "." not in posixpath.basename(wanted):
            names = f"{wanted}.md", wanted, f"{wanted}.py"  # LICENSE has none
        for name in names:
            paths = self._by_name.get(posixpath.basename(name), [])
            if name != wanted:
                paths = [path for path in paths if path in self.notes]
            if from_root:
                found = [path for path in paths if folded(path) == name]
            else:
                found = [path for path in paths if f"/{folded(path)}".endswith(f"/{name}")]
                found = [path for path in found if path not in self.made]
            if found:
                return sorted(found, key=distance)
        return sorted(self._by_alias.get(wanted.removesuffix(".md"), []), key=distance)

    @cached_property
    def names_digest(self) -> str:
        """Changes when a link could mean another file than before, or no file, and rarely else."""
        aliases = sorted((note.path, *note.aliases) for note in self.notes.values())
        files = *sorted(self.files), "", *sorted(self.made)
        return digest(*("\0".join(names) for names in aliases), "", *files)

    @cached_property
    def names(self) -> Names:
        """Return every name that a link may use, for suggestions."""
        notes = self.notes.values()
        aliases = (alias for note in notes for alias in note.aliases)
        files = map(posixpath.basename, sorted(self.files - self.made.keys()))
        return Names([*(note.name for note in notes), *aliases, *files])

    def missing(self, target: str) -> str:
        """Return the remedy for a link to something that is not there."""
        return nearest(target, self.names) or "Write the note, or link to one that exists."


def _files(folder: Path, left_out: LeftOut | None) -> tuple[list[str], list[Problem]]:
    """Return the files of a vault in order, and what is wrong with those that are left out."""
    templates = _setting(folder, "templates", "folder")
    files: list[str] = []
    problems: list[Problem] = []
    for file in sorted(everything(folder, problems)):
        path = file.relative_to(folder).as_posix()
        in_templates = isinstance(templates, str) and path.startswith(f"{templates}/")
        if in_templates or (left_out and left_out(path)):
            continue
        looked_at = partial(is_to_be_read, file, path, folder)
        if tried(looked_at, path, problems.append, LEFT_OUT):
            files.append(path)
    return files, problems


def _note(file: Path, path: str, markdown: MarkdownIt, known: Note | None, lab: Lab | None) -> Note:
    """Return a note as it is, the one that is known if it has not changed."""
    begun = lab.stamp if lab else stamp(file)
    if known and begun and known.stamp == begun:
        return known
    try:
        raw = lab.text.encode() if lab else read_bytes(file)
    except OSError as error:
        return as_written(b"", path, as_problem(error, path, remedy="Its page is empty."))
    lines = lab.lines if lab else ()
    is_known = known and known.digest == digest_of(raw, lines)
    note = known if known and is_known else read_note(raw, path, markdown, lines)
    note.stamp = begun
    return note


def _setting(folder: Path, file: str, name: str) -> object:
    """Return one of Obsidian's own settings for the vault, None if it has not been made."""
    path = folder / f".obsidian/{file}.json"
    if leads_out(path, folder):
        return None
    try:
        settings = json.loads(read_bytes(path)) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    return settings.get(name) if isinstance(settings, dict) else None
