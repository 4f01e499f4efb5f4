"""`[label](note.md#part)` and `![label](picture.png)`: where a Markdown link leads in a vault.

Its token says so as a wikilink's does, by a target and a part; what leads away has neither. An
image of a note, `![label](note.md)`, is the embed `![[note]]`.
"""

from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token

from litmus.markdown.places import line_within
from litmus.markdown.urls import address_parts
from litmus.markdown.wikilinks import innermost


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.at("link", _link)
    md.inline.ruler.at("image", _image)


def inside(url: str) -> tuple[str, str] | None:
    """Return the target and the part that an address means in a vault, None if it leads away."""
    parts = address_parts(url)
    if parts.scheme or parts.netloc or not url:
        return None
    return unquote(parts.path), innermost(unquote(parts.fragment))


def _link(state: StateInline, silent: bool) -> bool:
    if silent or state.src[state.pos] != "[":
        return link(state, silent)
    line, before = line_within(state), len(state.tokens)
    if not link(state, silent):
        return False
    opening = next(t for t in state.tokens[before:] if t.type == "link_open")
    _say_where(opening, str(opening.attrGet("href") or ""), line)
    return True


def _image(state: StateInline, silent: bool) -> bool:
    if silent or state.src[state.pos] != "!":
        return image(state, silent)
    line, begin = line_within(state), state.pos
    if not image(state, silent):
        return False
    token = state.tokens[-1]
    _say_where(token, str(token.attrGet("src") or ""), line)
    if token.meta.get("target", "").lower().endswith(".md"):
        token.type, token.tag, token.attrs, token.children = "embed", "", {}, []
        token.meta["label"], token.content = token.content, state.src[begin : state.pos]
    return True


def _say_where(token: Token, url: str, line: int) -> None:
    token.meta["line"] = line
    if there := inside(url):
        token.meta["target"], token.meta["part"] = there
