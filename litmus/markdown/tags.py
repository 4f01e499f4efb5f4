"""`#tag` and `#nested/tag`, after anything but a word, and with something else than digits."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

# What Obsidian refuses in a tag; letters of all scripts, digits, - and _ and emoji are welcome.
LETTER = r"[^\s/\u2000-\u206f\u2e00-\u2e7f'\"!#$%&()*+,.:;<=>?@^`{|}~\[\]\\]"
TAG = re.compile(rf"(?<![\w#/&])#(?P<name>(?=[\d/]*(?!\d){LETTER}){LETTER}+(?:/{LETTER}+)*)")


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("link", "tag", _tag)


def _tag(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "#" or state.linkLevel:
        return False
    found = TAG.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("tag", "", 0).content = found["name"]
    state.pos = found.end()
    return True
