"""Where a rule of the renderer is: which token, in whose text, on whose page, inside what."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litmus.markdown import Token
from litmus.problems import Problem
from litmus.vault.notes import Note

if TYPE_CHECKING:
    from litmus.render.site import Site


@dataclass(frozen=True)
class TocEntry:
    """A heading of a page: its depth, HTML id, and text as HTML."""

    level: int
    id: str
    html: str


@dataclass
class Footnote:
    """A footnote that a page refers to: in which scope it is read, and how often it is reached."""

    scope: Scope
    id: int  # the parser's, counted in its note
    number: int  # on the page
    references: int = 0


@dataclass
class Rendered:
    """A note as it stands on a page."""

    html: str = ""
    toc: list[TocEntry] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)  # keys, in order
    quoted: list[str] = field(default_factory=list)  # snippets shown or run
    figures: dict[str, str] = field(default_factory=dict)  # path on the site -> SVG
    has_diagram: bool = False  # of Mermaid, whose script the site then needs
    problems: list[Problem] = field(default_factory=list)
    footnotes: dict[tuple[str, int], Footnote] = field(default_factory=dict, repr=False)
    formulas: list[tuple[str, Problem]] = field(default_factory=list, repr=False)  # with places
    embedded: int = 0  # how long the texts embedded in it are, all depths together
    linked_instead: bool = False  # were there too many to show?
    raw_html: int = 0  # how many tags of HTML the notes were written with
    spanning: int = 0  # how many of them are formatting that may go on in the next block
    too_many: bool = False  # of them, to be shown
    broken: dict[str, Problem] = field(default_factory=dict)  # what raises where it is embedded
    refused: set[str] = field(default_factory=set)  # notes whose HTML was reported already


@dataclass(frozen=True)
class Scope:
    """Whose text is rendered, on whose page, and what it leaves behind."""

    note: Note
    page: str  # the address of the page that is being made
    rendered: Rendered
    within: tuple[tuple[str, str], ...]  # the chain of embeds (path, part) down to this text
    is_aside: bool = False  # a title or an entry of a menu: text alone, and nothing to click

    @property
    def is_embedded(self) -> bool:
        """Is this text of another note than the page's own, or of the page's own once more?"""
        return len(self.within) > 1


@dataclass(frozen=True)
class At:
    """A token among its neighbours, in its scope, with the site that it may refer to."""

    tokens: Sequence[Token]
    index: int
    scope: Scope
    site: Site

    @property
    def token(self) -> Token:
        """The token itself."""
        return self.tokens[self.index]

    def children(self) -> str:
        """Return the token's children as HTML."""
        inline = Token("inline", "", 0, children=self.token.children)
        return self.site.tokens([inline], self.scope)

    def block_id(self) -> str:
        """Return a block's id as an attribute, "" in embedded text: its own page has the id."""
        id = self.token.attrGet("id")
        return f' id="{html.escape(str(id))}"' if id and not self.scope.is_embedded else ""

    def report(self, what: str, remedy: str = "", line: int = 0, kind: str = "") -> None:
        """Report a problem on the token's line, or `line` lines below."""
        place = self.scope.note.line(self.token) + line
        problem = Problem(self.scope.note.path, place, what, remedy, kind)
        self.scope.rendered.problems.append(problem)


Rule = Callable[[At], str]
