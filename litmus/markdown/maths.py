r"""`$x$`, `$$…$$` and `\begin{align}`, also right after text, inside lists and in quotes.

A dollar sign that is money stays one: the opening sign of inline maths touches what follows, the
closing sign touches what precedes and no digit follows it.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.amsmath import RE_OPEN

from litmus.markdown.lines import INTERRUPTS, begins_with, ends_formula, is_outside, leave, text_of
from litmus.markdown.places import line_within

INLINE = re.compile(r"\$(?![\s$])(?P<tex>(?:\\.|[^\\$])*?(?<!\s))\$(?![\d$])", re.DOTALL)
BEGIN = re.compile(RE_OPEN)
DISPLAY = re.compile(r"\$\$(?P<tex>.+?)\$\$", re.DOTALL)


def plugin(md: MarkdownIt) -> None:
    md.block.ruler.before("fence", "maths", _block, INTERRUPTS)
    md.block.ruler.before("fence", "maths_environment", _environment, INTERRUPTS)
    md.inline.ruler.before("escape", "maths", _inline)


def _inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "$":
        return False
    here = state.src, state.pos, state.posMax
    found = DISPLAY.match(*here) or INLINE.match(*here)
    if not found:
        return False
    if not silent:
        token = state.push("maths", "", 0)
        token.content = found["tex"].strip()
        token.meta = {"display": found.re is DISPLAY, "above": _lines_above(found["tex"])}
        token.meta["line"] = line_within(state)
    state.pos = found.end()
    return True


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    if not begins_with(state, first, "$$") or state.is_code_block(first):
        return False
    if is_outside(state, first):
        return False  # the text above in a list or a quote goes on, whatever its indentation
    lines: list[str] = []
    has_gap = False
    for line in range(first, last):
        has_gap = has_gap or state.isEmpty(line)
        if line > first and (is_outside(state, line) or ends_formula(state, line, has_gap)):
            return False  # the formula has no end
        whole = text_of(state, line)
        text, closing, rest = (whole[2:] if line == first else whole).partition("$$")
        lines.append(text)
        if closing:
            break
    else:
        return False
    if line == first and rest.strip():
        return False  # text follows on the same line: a formula within a paragraph
    if not silent:
        _push(state, [first, line + 1], "\n".join(lines))
        leave(state, line, rest)
    return True


def _environment(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    r"""`\begin{align}` and its like, which need no dollar signs."""
    if not begins_with(state, first, "\\begin") or state.is_code_block(first):
        return False
    begun = BEGIN.match(text_of(state, first))
    line = _end_of_environment(state, begun[0], first, last) if begun else None
    if line is None:
        return False
    if not silent:
        state.line = line + 1
        written = state.getLines(first, state.line, state.sCount[first], False)
        _push(state, [first, state.line], written)
    return True


def _end_of_environment(state: StateBlock, begun: str, first: int, last: int) -> int | None:
    """Return the line on which an environment ends within its list item or quote."""
    end = begun.replace("begin", "end", 1)
    if state.src.find(end, state.bMarks[first]) < 0:
        return None  # asked first: otherwise each of many beginnings would go through all lines
    indent = min(state.blkIndent, state.sCount[first])  # of a line below an item, which ends it
    has_gap = False
    for line in range(first, last):
        if line > first:
            has_gap = has_gap or state.isEmpty(line)
            is_outside = state.sCount[line] < indent and not state.isEmpty(line)
            if is_outside or begins_with(state, line, begun) or ends_formula(state, line, has_gap):
                return None
        if text_of(state, line).rstrip().endswith(end):
            return line
    return None


def _push(state: StateBlock, lines: list[int], written: str) -> None:
    token = state.push("maths_block", "", 0)
    token.content, token.map = written.strip(), lines
    token.meta = {"display": True, "above": _lines_above(written)}


def _lines_above(written: str) -> int:
    """Return how many empty lines a formula begins with, the one of its opening signs included."""
    return written.count("\n", 0, len(written) - len(written.lstrip()))
