"""The vault's language: CommonMark with what Obsidian adds to it, as markdown-it tokens.

One file per construct. They know syntax only: what a link points to, whether a citation key
exists, how a formula looks is settled later, by whoever renders the tokens.
"""

import re
from typing import Any

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import validateLink
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline, linkify
from markdown_it.token import Token
from markdown_it.utils import EnvType

from litmus.markdown import (
    admonitions,
    block_ids,
    callouts,
    citations,
    comments,
    depth,
    destinations,
    equations,
    footnotes,
    headings,
    highlights,
    maths,
    paragraphs,
    places,
    tables,
    tags,
    tasks,
    templates,
    wikilinks,
)

__all__ = ["Token", "parser"]

LONGEST = 5_000  # letters of words without a mark among them
NO_FURTHER = re.compile(r"[^\s<]*")


def parser(strict_line_breaks: bool) -> MarkdownIt:
    """Return a parser of notes; without strict line breaks a single newline is a <br>."""
    options: dict[str, Any] = {"html": True, "linkify": True, "breaks": not strict_line_breaks}
    md = MarkdownIt("zero")
    md.inline = _Inline()
    md.configure("commonmark", options)
    md.enable(["table", "strikethrough", "linkify"])
    md.validateLink = _may_be_linked  # type: ignore[method-assign]
    md.linkify = _Addresses(options={"fuzzy_link": False, "fuzzy_email": False})
    md.inline.ruler.at("linkify", _address)
    for construct in [
        *(depth, paragraphs, tables, footnotes, comments, maths, callouts),
        *(wikilinks, destinations, citations, highlights, tags),
        *(block_ids, tasks, headings, templates, admonitions, equations, places),
    ]:
        md.use(construct.plugin)
    return md


class _Inline(ParserInline):
    """Reads the text of one block."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Return at once what is words alone, as almost half of all texts are."""
        if self.terminator_re.search(src):
            return super().parse(src, md, env, tokens)
        if src:
            tokens.append(Token("text", "", 0, content=src))
        return tokens


def _may_be_linked(url: str) -> bool:
    """Refuse what runs a script; the library also refuses files, to which many notes link."""
    return url.lower().startswith("file:") or validateLink(url)


def _address(state: StateInline, silent: bool) -> bool:
    """Read an address; the library looks through all words before each, however many there are."""
    return len(state.pending) < LONGEST and linkify(state, silent)


class _Addresses(LinkifyIt):  # type: ignore[misc]  # it has no types
    """Finds bare addresses, such as https://example.org, in a text."""

    def match_at_start(self, text: str) -> Any:
        """Look no further than where an address must end: all the rest comes with each call."""
        beginning = NO_FURTHER.match(text)
        return super().match_at_start(beginning[0] if beginning else text)

    def pretest(self, text: str) -> bool:
        """Say at once that most texts have none: the library's search takes a third of parsing."""
        return ":" in text and bool(super().pretest(text))
