"""An id for every heading, made of its text as a reader sees it, and different from the others."""

import re
import unicodedata
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.anchors.index import slugify, unique_slug

SHOWN = {"text", "code_inline", "maths", "text_special", "tag"}


def plugin(md: MarkdownIt) -> None:
    md.core.ruler.push("heading_ids", _name_headings)


def plain_text(tokens: Iterable[Token]) -> str:
    """Return what inline tokens say, without their markup; formulas as their TeX."""
    said: list[str] = []
    for token in tokens:
        if token.type in SHOWN:
            said.append(token.content)
        elif token.type in {"softbreak", "hardbreak"}:
            said.append(" ")
        elif token.type == "wikilink":
            said.append(plain_text(token.children or []) or shown_name(token))
        elif token.type == "image":
            said.append(token.content)
    return "".join(said).strip()


def folded(text: str) -> str:
    """Return text as Obsidian compares names: in one unicode form, without case."""
    return unicodedata.normalize("NFC", text).casefold()


def comparable(heading: str) -> str:
    """Return a heading as Obsidian compares it: its words alone, without case."""
    return " ".join(re.findall(r"\w+", folded(heading)))


def shown_name(link: Token) -> str:
    """Return what Obsidian shows for a link without a label: note > heading."""
    target, part = link.meta["target"], link.meta["part"]
    return " > ".join(filter(None, [target, *part.split("#")]))


def _name_headings(state: StateCore) -> None:
    taken = {str(token.attrGet("id")) for token in state.tokens}
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type != "heading_open":
            continue
        text = plain_text(inline.children or [])
        opening.meta = {"text": text, "written": inline.content, "block_id": opening.attrGet("id")}
        opening.attrSet("id", unique_slug(slugify(text) or "section", taken))
