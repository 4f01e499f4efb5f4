"""The lines of a block that is being read: what they say, whose they are, what is left of them."""

import re

from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock

# Of a rule for what may begin right below a text, and ends it.
INTERRUPTS: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}

# Headings, titles of callouts, fences of code, rules and tables: no line of a formula looks so.
NO_TEX = re.compile(
    r"#{1,6}(?:[ \t]|$)|>[ \t]*\[!|`{3}[^`]*$|~{3,}[ \t]*[\w-]*[ \t]*$"
    r"|(?:-[ \t]*){3,}$|(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$|\|?[ \t]*:?-{3,}:?[ \t]*\|"
)
# Links and other formulas. In a formula they may stand in words, or look like TeX for a while; not
# in an item, nor below an empty line: MathJax begins no paragraph there, but an author does.
TEXT = re.compile(r"\[\[[^\[\]]+\]\]|\]\(|(?<![\\$])\$(?!\$)|\$\$.*\$\$")
ITEM = re.compile(r"(?:[-+*]|\d+[.)])[ \t]")
WORDS = re.compile(r"\\(?:text|mbox|hbox)")


def text_of(state: StateBlock, line: int) -> str:
    """Return what a line says, without the signs of the quotes and lists that it stands in."""
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def begins_with(state: StateBlock, line: int, sign: str) -> bool:
    """Does a line begin with a sign? Asked on every line by every construct, so without a copy."""
    return state.src.startswith(sign, state.bMarks[line] + state.tShift[line])


def is_outside(state: StateBlock, line: int) -> bool:
    """Has the list item or quote ended before this line?"""
    return state.sCount[line] < state.blkIndent and not state.isEmpty(line)


def ends_formula(state: StateBlock, line: int, is_below_empty: bool) -> bool:
    """Can a line be no part of a formula that was opened above, since it is plainly text?

    So a formula that nobody closed does not reach to the signs that open the next.
    """
    text = text_of(state, line)
    if NO_TEX.match(text) and not state.is_code_block(line):
        return True
    may_be_text = is_below_empty or ITEM.match(text)
    return bool(may_be_text and TEXT.search(text) and not WORDS.search(text))


def leave(state: StateBlock, line: int, rest: str) -> None:
    """Let the next block begin with the rest of a line, or below the line if nothing is left."""
    if not rest.strip():
        state.line = line + 1
        return
    state.bMarks[line] = state.eMarks[line] - len(rest)
    state.tShift[line] = len(rest) - len(rest.lstrip())
    state.sCount[line] = state.blkIndent
    state.line = line
