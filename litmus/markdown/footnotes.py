"""`[^1]` with its `[^1]: text`, and `^[text]`: notes at the foot of the page.

The library's plugin, and two things more: a search for the end of a reference that is linear, and
a place for notes that nothing refers to, which would otherwise be lost.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.footnote.index import footnote_def, footnote_inline, footnote_ref

from litmus.markdown.places import line_within

REFERENCE = re.compile(r"\[\^[^\[\]\s]+\]")


def plugin(md: MarkdownIt) -> None:
    md.use(footnote_plugin)
    md.block.ruler.at("footnote_def", _definition, {"alt": ["paragraph", "reference"]})
    md.inline.ruler.at("footnote_inline", _in_line)
    md.inline.ruler.at("footnote_ref", _reference)
    md.core.ruler.before("footnote_tail", "footnotes_unused", _keep_unused)
    md.core.ruler.after("footnote_tail", "footnotes_unanchored", _drop_anchors)


def _definition(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """One note; the library would move what stands in a note within a note out of its list."""
    is_within = state.env.get("in_footnote", False)
    if is_within and not silent:
        return False
    state.env["in_footnote"] = True
    try:
        return bool(footnote_def(state, first, last, silent))
    finally:
        state.env["in_footnote"] = is_within


def _in_line(state: StateInline, silent: bool) -> bool:
    """One note within the text, which knows its line: the library moves it to the end."""
    if silent or state.src[state.pos] != "^":
        return footnote_inline(state, silent)
    line = line_within(state)
    if not footnote_inline(state, silent):
        return False
    state.tokens[-1].meta["line"] = line
    return True


def _reference(state: StateInline, silent: bool) -> bool:
    is_one = state.src[state.pos] == "[" and REFERENCE.match(state.src, state.pos, state.posMax)
    return bool(is_one) and footnote_ref(state, silent)


def _keep_unused(state: StateCore) -> None:
    notes = state.env.get("footnotes", {})
    for label, number in notes.get("refs", {}).items():
        if number < 0:
            notes["list"][len(notes["list"])] = {"label": label[1:], "count": 0}


def _drop_anchors(state: StateCore) -> None:
    """Take out the links back to where nothing refers to the note."""
    notes = state.env.get("footnotes", {}).get("list", {})
    unused = {number for number, note in notes.items() if note.get("count") == 0}
    if unused:
        state.tokens = [
            t for t in state.tokens if t.type != "footnote_anchor" or t.meta["id"] not in unused
        ]
