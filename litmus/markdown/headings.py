"""An id for every heading, made of its text as a reader sees it, and different from the others."""

import re
import unicodedata
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.anchors.index import slugify

SHOWN = {"text", "code_inline", "maths", "text_special", "image"}
IGNORED = re.compile(r"[!\"#$%&()*+,.:;<=>?@^`{|}~/\[\]\\\s]+")  # what Obsidian compares as a space


def plugin(md: MarkdownIt) -> None:
    md.core.ruler.push("heading_ids", _name_headings)


def plain_text(tokens: Iterable[Token]) -> str:
    """Return what inline tokens say, without their markup; formulas as their TeX."""
    said: list[str] = []
    for token in tokens:
        if token.type in SHOWN:
            said.append(token.content)
        elif token.type == "tag":
            said.append(f"#{token.content}")
        elif token.type in {"softbreak", "hardbreak"}:
            said.append(" ")
        elif token.type == "wikilink":
            said.append(plain_text(token.children or []) or shown_name(token))
    return "".join(said).strip()


def folded(text: str) -> str:
    """Return text as Obsidian compares names: in one unicode form, without case."""
    if text.isascii():
        return text.lower()
    text = text.replace("\u00a0", " ").replace("\u202f", " ")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def comparable(heading: str) -> str:
    """Return a heading as Obsidian compares it: without the signs that no link can hold."""
    return IGNORED.sub(" ", folded(heading)).strip()


def shown_name(link: Token) -> str:
    """Return what Obsidian shows for a link without a label: note > heading."""
    target, part = link.meta["target"], link.meta["part"]
    return " > ".join(filter(None, [target, *part.split("#")]))


def _name_headings(state: StateCore) -> None:
    taken = {f"fn{number + 1}" for number in state.env.get("footnotes", {}).get("list", ())}
    times: dict[str, int] = {}  # how often a text has come: with the number alone, n headings
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):  # would take n² steps
        if opening.type != "heading_open":
            continue
        text = plain_text(inline.children or [])
        opening.meta = {"text": text, "written": inline.content, "block_id": opening.attrGet("id")}
        slug = id = slugify(text) or "section"
        while id in taken:
            times[slug] = times.get(slug, 0) + 1
            id = f"{slug}-{times[slug]}"
        taken.add(id)
        opening.attrSet("id", id)
