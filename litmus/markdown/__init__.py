"""The vault's language: CommonMark with what Obsidian adds to it, as markdown-it tokens.

One file per construct. They know syntax only: what a link points to, whether a citation key
exists, how a formula looks is settled later, by whoever renders the tokens.
"""

from typing import Any

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML, RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from litmus.markdown import (
    admonitions,
    block_ids,
    callouts,
    citations,
    comments,
    equations,
    headings,
    highlights,
    maths,
    tags,
    templates,
    wikilinks,
)

__all__ = ["Token", "parser"]


def parser(strict_line_breaks: bool, renderer: type[RendererProtocol] = RendererHTML) -> MarkdownIt:
    """Return a parser of notes; without strict line breaks a single newline is a <br>."""
    options: dict[str, Any] = {
        "html": True,
        "linkify": True,
        "breaks": not strict_line_breaks,
    }
    md = MarkdownIt("commonmark", options, renderer_cls=renderer)
    md.enable(["table", "strikethrough", "linkify"])
    md.linkify = _Addresses(options={"fuzzy_link": False, "fuzzy_email": False})
    md.use(footnote_plugin).use(tasklists_plugin)
    for construct in [
        comments,
        maths,
        callouts,
        wikilinks,
        citations,
        highlights,
        tags,
        block_ids,
        headings,
        templates,
        admonitions,
        equations,
    ]:
        md.use(construct.plugin)
    md.core.ruler.push("places", _place)
    return md


class _Addresses(LinkifyIt):  # type: ignore[misc]  # it has no types
    """Finds bare addresses, such as https://example.org, in a text."""

    def pretest(self, text: str) -> bool:
        """Say at once that most texts have none: the library's search takes a third of parsing."""
        return ":" in text and bool(super().pretest(text))


def _place(state: StateCore) -> None:
    """Let every inline token know its line, counted from the beginning of the note's text."""
    begin = 0
    for block in state.tokens:
        begin = block.map[0] if block.map else begin  # a table's cells have the row's line
        line = begin
        for token in block.children or []:
            line = begin + token.meta["line"] if "line" in token.meta else line
            token.meta["line"] = line
            for inner in token.children or []:  # what stands in the label of a link
                inner.meta["line"] = line
            line += token.type in {"softbreak", "hardbreak"}
