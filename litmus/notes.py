"""One note: its properties, and its text as tokens with headings and named blocks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from litmus.markdown import Token
from litmus.markdown.headings import comparable
from litmus.problems import Problem

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

    @property
    def is_drawing(self) -> bool:
        """Is this a drawing of Excalidraw, whose text is data and nothing to read?"""
        return "excalidraw-plugin" in self.properties

    @cached_property
    def headings(self) -> list[Heading]:
        """The headings that divide the note into sections, in order; a drawing has none."""
        if self.is_drawing:
            return []
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
        return self.tokens[heading.index : min([*beyond, self.footnotes_begin])]

    @property
    def footnotes_begin(self) -> int:
        """Where among the tokens the footnotes begin, or would if there were any: at the end."""
        types = (i for i, token in enumerate(self.tokens) if token.type == "footnote_block_open")
        return next(types, len(self.tokens))

    def find_heading(self, part: str) -> Heading | None:
        """Return the heading that `#part` means; `#A#B` is the B below A. Markup does not count."""
        found, candidates = None, self.headings
        for wanted in part.split("#"):
            key = comparable(wanted)
            found = next(
                (h for h in candidates if key in {comparable(h.text), comparable(h.written)}),
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


def read_note(file: Path, path: str) -> tuple[str, dict[str, Any], int]:
    """Return a note's text, its properties, and the line on which the text begins.

    Raises Problem, with the line, for a file that is not UTF-8 or whose properties are not YAML.
    """
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


def _extent(tokens: list[Token]) -> int:
    """Return how many tokens the block takes that the first one opens."""
    depth = 0
    for count, token in enumerate(tokens, start=1):
        depth += token.nesting
        if depth <= 0:
            return count
    return len(tokens)
