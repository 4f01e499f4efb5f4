"""`<% … %>`: a command of the plugin Templater that was never carried out, in one piece."""

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from litmus.markdown.lines import INTERRUPTS, begins_with, text_of

LONGEST = 200  # lines of a command: each of many that do not end would be looked through to the end


def plugin(md: MarkdownIt) -> None:
    md.block.ruler.before("fence", "template", _across_lines, INTERRUPTS)
    md.inline.ruler.before("escape", "template", _within_a_line)


def _across_lines(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Take whole lines: from one that begins with <% to the one that ends with the next %>."""
    if not begins_with(state, first, "<%") or state.is_code_block(first):
        return False
    for line in range(first, min(last, first + LONGEST)):
        text = text_of(state, line)
        if "%>" not in text:
            continue
        if not text.rstrip().endswith("%>"):
            return False  # text follows on this line: a command within a paragraph
        if not silent:
            lines = [first, line + 1]
            state.push("paragraph_open", "p", 1).map = lines
            token = state.push("inline", "", 0)
            token.map, token.children = lines, []
            token.content = state.getLines(first, line + 1, state.blkIndent, False).strip()
            state.push("paragraph_close", "p", -1)
            state.line = line + 1
        return True
    return False


def _within_a_line(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("<%", state.pos):
        return False
    end = state.src.find("%>", state.pos + 2)
    if end < 0:
        return False
    if not silent:
        state.push("template", "", 0).content = state.src[state.pos : end + 2]
    state.pos = end + 2
    return True
