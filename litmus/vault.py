"""A folder of notes as Obsidian sees it: names, aliases, headings, blocks, and what links mean."""

import json
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

import yaml

from litmus.markdown import Token, parser
from litmus.markdown.headings import plain_text
from litmus.problems import Problem, nearest

PAGES = {".md", ".py", ".ipynb"}  # files that become a page of their own: notes and labs
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built with it
FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?P<yaml>.*?)(?:^---[ \t]*(?:\n|\Z))", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Heading:
    """A heading at the top level of a note: its depth, text, HTML id and place among the tokens."""

    level: int
    text: str
    written: str
    id: str
    index: int
    block_id: str | None


@dataclass
class Note:
    """One Markdown file, parsed once."""

    path: str  # below the vault, with forward slashes
    properties: dict[str, Any]
    first_line: int  # where the text begins in the file, below the properties
    tokens: list[Token] = field(repr=False)
    environment: dict[str, Any] = field(repr=False)  # the parser's: footnotes, references

    @property
    def name(self) -> str:
        """The file name without .md, by which links find the note."""
        return PurePosixPath(self.path).stem

    @property
    def aliases(self) -> list[str]:
        """Other names for the note, from its properties."""
        return as_list(self.properties.get("aliases"))

    @property
    def tags(self) -> list[str]:
        """The property's tags and those in the text, without #, each once."""
        inline = [t.content for t in walk(self.tokens) if t.type == "tag"]
        return list(
            dict.fromkeys([*(t.lstrip("#") for t in as_list(self.properties.get("tags"))), *inline])
        )

    @cached_property
    def headings(self) -> list[Heading]:
        """The headings that divide the note into sections, in order."""
        return [
            Heading(
                level=int(token.tag[1]),
                text=token.meta["text"],
                written=token.meta["written"],
                id=str(token.attrGet("id")),
                index=index,
                block_id=token.meta["block_id"],
            )
            for index, token in enumerate(self.tokens)
            if token.type == "heading_open" and token.level == 0
        ]

    @property
    def title(self) -> str:
        """The first heading if it is of the first level, else the property, else the name."""
        if self.headings and self.headings[0].level == 1:
            return self.headings[0].text
        return str(self.properties.get("title") or self.name)

    def line(self, token: Token) -> int:
        """Return the line of the file on which a token stands."""
        return self.first_line + (token.map[0] if token.map else token.meta.get("line", 0))

    def section(self, heading: Heading) -> list[Token]:
        """Return the tokens from a heading to the next one of its level or above."""
        beyond = [
            h.index for h in self.headings if h.index > heading.index and h.level <= heading.level
        ]
        return self.tokens[heading.index : min([*beyond, self._footnotes_begin])]

    @property
    def _footnotes_begin(self) -> int:
        types = (i for i, token in enumerate(self.tokens) if token.type == "footnote_block_open")
        return next(types, len(self.tokens))

    def find_heading(self, part: str) -> Heading | None:
        """Return the heading that `#part` means; `#A#B` is the B below A. Markup does not count."""
        found, candidates = None, self.headings
        for wanted in part.split("#"):
            key = _heading_key(wanted)
            found = next(
                (h for h in candidates if key in {_heading_key(h.text), _heading_key(h.written)}),
                None,
            )
            if not found:
                return None
            section = found.index + len(self.section(found))
            candidates = [h for h in self.headings if found.index < h.index < section]
        return found

    def find_block(self, block_id: str) -> list[Token]:
        """Return the tokens of the block named ^block_id, none if there is no such block."""
        for index, token in enumerate(self.tokens):
            names = {token.attrGet("id"), (token.meta or {}).get("block_id")}
            if f"^{block_id}".casefold() in {str(name).casefold() for name in names}:
                return self.tokens[index : index + _extent(self.tokens[index:])]
        return []


class Vault:
    """All notes and other files of a folder, and the rules by which a link finds one of them."""

    def __init__(
        self, notes: Iterable[Note], files: Iterable[str], strict_line_breaks: bool
    ) -> None:
        self.strict_line_breaks = strict_line_breaks
        self.notes = {note.path: note for note in notes}
        self.files = set(files)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_alias: dict[str, list[str]] = defaultdict(list)
        for path in sorted([*self.notes, *self.files]):
            name = PurePosixPath(path).name
            self._by_name[_key(name.removesuffix(".md"))].append(path)
        for note in self.notes.values():
            for alias in note.aliases:
                self._by_alias[_key(alias)].append(note.path)

    @classmethod
    def read(cls, folder: Path) -> tuple["Vault", list[Problem]]:
        """Read every file below a folder; return what is wrong, too.

        Left out are hidden files, the templates of Obsidian's plugin, and notes with `publish:
        false`; a note that cannot be read is left out and reported. A single newline is a line
        break unless Obsidian's settings say otherwise.
        """
        strict = _setting(folder, "app", "strictLineBreaks") is True
        templates = _setting(folder, "templates", "folder")
        markdown = parser(strict)
        notes, files, problems = [], [], []
        for file in sorted(folder.rglob("*")):
            path = file.relative_to(folder).as_posix()
            hidden = any(part.startswith(".") for part in path.split("/"))
            if hidden or not file.is_file() or path.startswith(f"{templates}/"):
                continue
            if file.suffix.lower() != ".md":
                files.append(path)
                continue
            try:
                text, properties, first_line = _read_note(file, path)
            except Problem as problem:
                problems.append(problem)
                continue
            if properties.get("publish") is not False:
                environment: dict[str, Any] = {}
                tokens = markdown.parse(text, environment)
                notes.append(Note(path, properties, first_line, tokens, environment))
        return cls(notes, files, strict), problems

    def resolve(self, target: str, from_path: str) -> str | None:
        """Return the path that a link's target means in a note, None if there is no such file.

        Names are compared without case and in one unicode form, first as a path from the root or
        from the note's folder, then by the end of the path, then by alias. Of several the one
        nearest to the note is taken, as in Obsidian.
        """
        candidates = self.candidates(target, from_path)
        return candidates[0] if candidates else None

    def candidates(self, target: str, from_path: str) -> list[str]:
        """Return every file that a target could mean, the nearest first."""
        if not target:
            return [from_path]
        wanted = _key(target.removesuffix(".md"))
        folder = posixpath.dirname(from_path)
        if wanted.startswith("."):
            wanted = _key(posixpath.normpath(posixpath.join(folder, wanted)))
        wanted = wanted.strip("/")
        found = [
            path
            for path in self._by_name.get(posixpath.basename(wanted), [])
            if f"/{_key(path.removesuffix('.md'))}".endswith(f"/{wanted}")
        ] or self._by_alias.get(wanted, [])

        def distance(path: str) -> tuple[bool, bool, int, str]:
            exact = _key(path.removesuffix(".md")) == wanted
            return not exact, posixpath.dirname(path) != folder, path.count("/"), path

        return sorted(found, key=distance)

    @cached_property
    def names(self) -> list[str]:
        """Return every name that a link may use, for suggestions."""
        return [
            *(note.name for note in self.notes.values()),
            *(alias for note in self.notes.values() for alias in note.aliases),
            *(posixpath.basename(file) for file in self.files),
        ]

    def missing(self, target: str) -> str:
        """Return the remedy for a link to something that is not there."""
        return nearest(target, self.names) or "Write the note, or link to one that exists."


def address(path: str) -> str:
    """Return where on the site a file stands: pages as folders, everything else as it is."""
    stem, suffix = posixpath.splitext(path)
    if suffix.lower() not in PAGES:
        return path
    return stem.removesuffix("index") if posixpath.basename(stem) == "index" else f"{stem}/"


def relative_url(to: str, page: str, fragment: str = "") -> str:
    """Return the link from one address on the site to another, or to a part of it."""
    anchor = f"#{quote(fragment, safe='^')}" if fragment else ""
    if to == page:
        return anchor or "."
    way = posixpath.relpath(
        f"/{to}", f"/{page}" if page.endswith("/") or not page else f"/{posixpath.dirname(page)}"
    )
    return quote(way + ("/" if not to or to.endswith("/") else "")) + anchor


def walk(tokens: Iterable[Token]) -> Iterable[Token]:
    """Yield every token, and those inside inline tokens and link labels."""
    for token in tokens:
        yield token
        if token.children:
            yield from walk(token.children)


def as_list(value: object) -> list[str]:
    """Return a property as list of words, however it was written: list, one string, or nothing."""
    if value is None or isinstance(value, dict):
        return []
    if isinstance(value, str):
        return [word for word in re.split(r"[,\n]\s*", value) if word.strip()]
    if isinstance(value, list):
        return [str(item) for item in value if item is not None]
    return [str(value)]


def _read_note(file: Path, path: str) -> tuple[str, dict[str, Any], int]:
    """Return a note's text, its properties, and the line on which the text begins."""
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} means nothing there."
        raise Problem(path, line, what, "Save it as UTF-8.") from None
    front = FRONT_MATTER.match(text)
    if not front:
        return text, {}, 1
    try:
        properties = yaml.load(front["yaml"], LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 2 + (mark.line if mark else 0)
        why = getattr(error, "problem", None) or "not YAML"
        what = f"the properties cannot be read: {why}."
        remedy = "They are YAML: quote a value that has a colon in it or starts with @."
        raise Problem(path, line, what, remedy) from None
    if properties is not None and not isinstance(properties, dict):
        what = "the properties are not names with values."
        raise Problem(path, 2, what, "Write one `name: value` a line.")
    return text[front.end() :], properties or {}, front[0].count("\n") + 1


def _setting(folder: Path, file: str, name: str) -> object:
    """Return one of Obsidian's own settings for the vault, None if it has not been made."""
    try:
        settings = json.loads((folder / f".obsidian/{file}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return settings.get(name) if isinstance(settings, dict) else None


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).casefold()


def _heading_key(text: str) -> str:
    """Return a heading as Obsidian compares it: words alone, without case."""
    return " ".join(re.findall(r"\w+", _key(text)))


def _extent(tokens: list[Token]) -> int:
    """Return how many tokens the block takes that the first one opens."""
    depth = 0
    for count, token in enumerate(tokens, start=1):
        depth += token.nesting
        if depth <= 0:
            return count
    return len(tokens)


def plain(tokens: Iterable[Token]) -> str:
    """Return the text of blocks, for a search or a description."""
    inline = (plain_text(token.children or []) for token in tokens if token.type == "inline")
    return " ".join(filter(None, inline))
