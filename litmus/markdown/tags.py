"""`#tag` and `#nested/tag`, at the start of a word and with at least one letter."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

TAG = re.compile(r"(?<!\S)#(?P<name>(?:[\w-]|/(?=[\w-]))*(?!\d)[\w-](?:[\w-]|/(?=[\w-]))*)")


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("link", "tag", _tag)


def _tag(state: StateInline, silent: bool) -> bool:
    found = TAG.match(state.src, state.pos, state.posMax)
    if not found or state.linkLevel:
        return False
    if not silent:
        token = state.push("tag", "", 0)
        token.content = found["name"]
    state.pos = found.end()
    return True
