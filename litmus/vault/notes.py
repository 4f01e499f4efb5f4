"""One note: its properties, and its text as tokens with headings and named blocks."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from litmus.markdown import Token
from litmus.markdown.headings import comparable, folded
from litmus.problems import Problem
from litmus.vault import properties
from litmus.vault.links import Link, Links
from litmus.vault.packed import Text, packed


@dataclass(frozen=True)
class Heading:
    """A heading of a note: its depth, text, HTML id and place among the tokens."""

    level: int
    text: str
    written: str
    id: str
    index: int
    block_id: str | None


@dataclass
class Note:
    """One Markdown file, or a lab that has run, parsed once.

    It has a `path`, a `name`, a `title`, `aliases`, `tags` and `properties` as its author wrote
    them, `headings`, `links`, and its text as `tokens` of markdown-it. It changes no file.

        for note in project.vault.notes.values():
            print(note.title, note.tags, [link.target for link in note.links])
    """

    path: str  # below the vault, with forward slashes
    properties: dict[str, Any]
    first_line: int  # where the text begins in the file, below the properties
    text: Text = field(repr=False)
    problems: list[Problem] = field(default_factory=list, repr=False)  # with reading the file
    digest: str = ""  # of the file's bytes: the note has changed when it has
    stamp: tuple[int, ...] = ()  # of the file when it was read, which spares reading it again
    lines: Sequence[int] = field(default=(), repr=False)  # of the file, if its text is made of it
    # What others have found in the text, by what they look for: it is the same as long as the note.
    worked_out: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def tokens(self) -> list[Token]:
        """The text as tokens."""
        return self.text.tokens

    @cached_property
    def name(self) -> str:
        """The file name without its ending, by which links find the note."""
        return PurePosixPath(self.path).stem

    @cached_property
    def aliases(self) -> list[str]:
        """Other names for the note, from its properties."""
        return properties.aliases(self.properties)

    @property
    def property_links(self) -> list[tuple[str, str]]:
        """The targets of links that stand in properties, each with the property's name."""
        return properties.links(self.properties)

    @cached_property
    def links(self) -> Links:
        """The links and embeds in the text, in order."""
        return Links(self.tokens, self.line)

    def links_in(self, blocks: Iterable[Token]) -> list[Link]:
        """Return the links in some of the note's tokens, and in the footnotes they refer to."""
        return self.links.of(blocks, self.tokens)

    @cached_property
    def tags(self) -> list[str]:
        """The property's tags and those in the text, without #, each once."""
        inline = (token.content for token in walk(self.tokens) if token.type == "tag")
        return list(dict.fromkeys([*properties.tags(self.properties), *inline]))

    @property
    def is_drawing(self) -> bool:
        """Is this a drawing of Excalidraw, whose text is data and nothing to read?"""
        return "excalidraw-plugin" in self.properties

    @cached_property
    def is_as_written(self) -> bool:
        """Is this nothing but the text of its file, which nobody could read?"""
        return any(token.type in {"as_written", "too_long"} for token in self.tokens[:1])

    @cached_property
    def headings(self) -> list[Heading]:
        """The headings that divide the note into sections, in order."""
        return [h for h in self._all_headings if self.tokens[h.index].level == 0]

    @cached_property
    def _all_headings(self) -> list[Heading]:
        """Every heading, also those in quotes, callouts and lists, where links may lead, too.

        A drawing has none.
        """
        if self.is_drawing:
            return []
        return [
            Heading(level=int(token.tag[1]), id=str(token.attrGet("id")), index=index, **token.meta)
            for index, token in enumerate(self.tokens)
            if token.type == "heading_open"
        ]

    @cached_property
    def title_heading(self) -> Heading | None:
        """The heading that is the note's title: the first, if it alone is of the first level.

        Several of the first level divide a note, and Obsidian shows its name above them; but the
        first of them may say that name itself.
        """
        first = next(iter(self.headings), None)
        if not first or first.level != 1 or not first.text:
            return None
        names = [self.name, *self.aliases, str(self.properties.get("title") or "")]
        is_alone = all(h.level > 1 or not h.text for h in self.headings[1:])
        return first if is_alone or comparable(first.text) in map(comparable, names) else None

    @cached_property
    def title_words(self) -> bytes:
        """The title's tokens, as its heading has them, packed."""
        heading = self.title_heading
        return packed(self.tokens[heading.index + 1 : heading.index + 2] if heading else ())

    @cached_property
    def needs_title(self) -> bool:
        """Has the note headings of the first level and none that is its title?"""
        return not self.title_heading and any(h.level == 1 for h in self._all_headings)

    @cached_property
    def title(self) -> str:
        """The heading that is the title if there is one, else the property, else the name."""
        if self.title_heading:
            return self.title_heading.text
        return str(self.properties.get("title") or self.name)

    def derive(self) -> None:
        """Find out now what is asked of a note later, so that what raises does so here."""
        for names in (self.title, self.aliases, self.tags, self.property_links):
            folded("".join(map(str, names)))
        self.links, self.needs_title, self.is_as_written, self.title_words  # noqa: B018
        self._heading_names, self._named_blocks  # noqa: B018

    def line(self, token: Token) -> int:
        """Return the line of the file on which a token stands."""
        line = self.first_line + (token.map[0] if token.map else token.meta.get("line", 0))
        return self.lines[line - 1] if self.lines else int(line)

    def section(self, heading: Heading) -> list[Token]:
        """Return the tokens from a heading to the next one of its level, or the container's end."""
        depth = self.tokens[heading.index].level
        for index in range(heading.index + 3, self.footnotes_begin):
            token = self.tokens[index]
            above = token.type == "heading_open" and int(token.tag[1]) <= heading.level
            if token.level < depth or (token.level == depth and above):
                return self.tokens[heading.index : index]
        return self.tokens[heading.index : self.footnotes_begin]

    @property
    def footnotes_begin(self) -> int:
        """Where among the tokens the footnotes begin, or would if there were any: at the end."""
        types = (i for i, token in enumerate(self.tokens) if token.type == "footnote_block_open")
        return next(types, len(self.tokens))

    def find_heading(self, part: str) -> Heading | None:
        """Return the heading that `#part` means; `#A#B` is the B below A. Markup does not count."""
        steps = [step for step in part.split("#") if step.strip()]
        found, section = None, range(sys.maxsize)
        for step in steps:
            if found:
                section = range(found.index + 1, found.index + len(self.section(found)))
            inside = (h for h in self._headings_called(step) if h.index in section)
            found = next(inside, None)
            if not found:
                # A # may belong to a tag in the heading.
                return next(iter(self._headings_called(part)), None) if len(steps) > 1 else None
        return found

    def _headings_called(self, name: str) -> list[Heading]:
        by_text, by_id = self._heading_names
        return by_text.get(comparable(name)) or by_id.get(name.strip().lower()) or []

    @cached_property
    def _heading_names(self) -> tuple[dict[str, list[Heading]], dict[str, list[Heading]]]:
        """Headings by their text, as shown and as written, and by their addresses, as on GitHub."""
        by_text: dict[str, list[Heading]] = defaultdict(list)
        for heading in self._all_headings:
            for name in {comparable(heading.text), comparable(heading.written)} - {""}:
                by_text[name].append(heading)
        return by_text, {heading.id: [heading] for heading in self._all_headings}

    def find_block(self, block_id: str) -> list[Token]:
        """Return the tokens of the block named ^block_id, none if there is no such block."""
        index, _ = self._named_blocks.get(f"^{block_id}".casefold(), (None, ""))
        return [] if index is None else self.tokens[index : index + _extent(self.tokens, index)]

    def anchor(self, block_id: str) -> str:
        """Return the HTML id of the block named ^block_id, "" if there is no such block."""
        return self._named_blocks.get(f"^{block_id}".casefold(), (0, ""))[1]

    @cached_property
    def _named_blocks(self) -> dict[str, tuple[int, str]]:
        """Where among the tokens each block with a name begins, and its HTML id."""
        found: dict[str, tuple[int, str]] = {}
        for index, token in enumerate(self.tokens):
            names = token.attrs.get("id"), token.meta.get("block_id")
            for name in filter(None, names):
                found.setdefault(str(name).casefold(), (index, str(names[1] or names[0])))
        return found


def walk(tokens: Iterable[Token]) -> Iterable[Token]:
    """Yield every token, and those inside inline tokens and link labels."""
    waiting = [iter(tokens)]
    while waiting:
        for token in waiting[-1]:
            yield token
            if token.children:
                waiting.append(iter(token.children))
                break
        else:
            waiting.pop()


def _extent(tokens: list[Token], begin: int) -> int:
    """Return how many tokens the block takes that begins at an index."""
    depth = 0
    for count, index in enumerate(range(begin, len(tokens)), start=1):
        depth += tokens[index].nesting
        if depth <= 0:
            return count
    return len(tokens) - begin
