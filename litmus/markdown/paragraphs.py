"""Paragraphs, and headings that are underlined: one search for the end of both.

CommonMark asks every other construct twice on every line whether it begins there, once for the
underlined heading and once for the paragraph. And a formula or a comment that is opened within a
line goes on to where it is closed, whatever the lines between look like.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock

from litmus.markdown.lines import ends_formula, is_outside, text_of

UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*")
OPENED = re.compile(r"\\.|(?P<code>`+)(?!`).*?(?<!`)(?P=code)(?!`)|(?P<sign>\$\$|%%)")


def plugin(md: MarkdownIt) -> None:
    md.block.ruler.disable("lheading")
    md.block.ruler.at("paragraph", _paragraph)


def _paragraph(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    interrupts = state.md.block.ruler.getRules("paragraph")
    parent, state.parentType = state.parentType, "paragraph"
    line, tag = _last_inside(state, first, last) + 1, "p"
    while line < state.lineMax and not state.isEmpty(line):
        indent = state.sCount[line] - state.blkIndent
        text = text_of(state, line)
        if 0 <= indent <= 3 and line < last and UNDERLINE.fullmatch(text):
            tag = "h1" if text[0] == "=" else "h2"
            break
        # A line of a quote that lacks its sign has a count below 0, and belongs here.
        may_interrupt = indent <= 3 and state.sCount[line] >= 0
        if may_interrupt and any(rule(state, line, state.lineMax, True) for rule in interrupts):
            break
        line = _last_inside(state, line, last) + 1
    state.parentType = parent
    content = mdTrim(state.getLines(first, line, state.blkIndent, False))
    state.line = line + (tag != "p")
    kind = "paragraph" if tag == "p" else "heading"
    opening = state.push(f"{kind}_open", tag, 1)
    opening.map = [first, state.line]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = content, [first, line], []
    closing = state.push(f"{kind}_close", tag, -1)
    if tag != "p":
        opening.markup = closing.markup = "=" if tag == "h1" else "-"
    return True


def _last_inside(state: StateBlock, line: int, last: int) -> int:
    """Return the line on which the last formula or comment is closed that a line opens."""
    text = text_of(state, line)
    while sign := _left_open(text):
        for below in range(line + 1, last):
            if is_outside(state, below) or (sign == "$$" and _ends(state, below)):
                return line
            _, closing, text = text_of(state, below).partition(sign)
            if closing:
                line = below
                break
        else:
            return line
    return line


def _ends(state: StateBlock, line: int) -> bool:
    return state.isEmpty(line) or ends_formula(state, line, is_below_empty=False)


def _left_open(text: str) -> str:
    """Return the sign of a formula or a comment that a line opens and does not close, or ""."""
    if "$$" not in text and "%%" not in text:
        return ""
    sign = ""
    for found in OPENED.finditer(text):
        if found["sign"] and not sign:
            sign = found["sign"]
        elif found["sign"] == sign:
            sign = ""
    return sign
