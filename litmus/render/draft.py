"""What rules share: the page that is being written, whose text stands on it, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field

from litmus.problems import Problem
from litmus.vault.notes import Note


@dataclass(frozen=True)
class TocEntry:
    """A heading of a page: its depth, HTML id, and text as HTML."""

    level: int
    id: str
    html: str


@dataclass(frozen=True)
class Rendered:
    """A note as it stands on its page; nothing of it changes any more.

    What `render_note` returns: `html`, the headings in `toc`, what is wrong in `problems`, and
    what the page needs beside it.
    """

    html: str
    toc: tuple[TocEntry, ...] = ()
    problems: tuple[Problem, ...] = ()
    cited: tuple[str, ...] = ()  # keys, in order
    quoted: tuple[str, ...] = ()  # snippets shown or run
    figures: tuple[tuple[str, str], ...] = ()  # path on the site, SVG
    has_diagram: bool = False  # of Mermaid, whose script the site then needs


@dataclass
class Footnote:
    """A footnote that a page refers to: in which scope it is read, and how often it is reached."""

    scope: Scope
    id: int  # the parser's, counted in its note
    number: int  # on the page
    references: int = 0


@dataclass
class Draft:
    """What the rules leave behind while they write a page, for one another and for the result."""

    problems: list[Problem] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    has_diagram: bool = False
    footnotes: dict[tuple[str, int], Footnote] = field(default_factory=dict)  # not yet listed
    formulas: list[tuple[str, Problem]] = field(default_factory=list)  # not yet set, with places
    embedded: int = 0  # how long the texts embedded in it are, all depths together
    linked_instead: bool = False  # were there too many to show?
    raw_html: int = 0  # how many tags of HTML the notes were written with
    spanning: int = 0  # how many of them are formatting that may go on in the next block
    broken: dict[str, Problem] = field(default_factory=dict)  # what raises where it is embedded
    refused: set[str] = field(default_factory=set)  # notes whose HTML was reported already


@dataclass(frozen=True)
class Scope:
    """Whose text is rendered, on whose page, and in which draft."""

    note: Note
    here: str  # the address of the page that is being made
    draft: Draft
    within: tuple[tuple[str, str], ...]  # the chain of embeds (path, part) down to this text
    is_aside: bool = False  # a title or an entry of a menu: text alone, and nothing to click

    @property
    def is_embedded(self) -> bool:
        """Is this text of another note than the page's own, or of the page's own once more?"""
        return len(self.within) > 1
