"""`%% … %%`: what the author wrote for nobody else. It leaves no trace."""

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from litmus.markdown.lines import INTERRUPTS, begins_with, is_outside, leave, text_of


def plugin(md: MarkdownIt) -> None:
    md.block.ruler.before("fence", "comment", _across_blocks, INTERRUPTS)
    md.inline.ruler.before("escape", "comment", _within_a_block)


def _across_blocks(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Drop what is between %% at the beginning of a line and the next %%, or the end of all."""
    if not begins_with(state, first, "%%") or state.is_code_block(first):
        return False
    _, closing, rest = text_of(state, first)[2:].partition("%%")
    if closing and rest.strip():
        return False  # text follows on this line: a comment within a paragraph
    line = first
    while not closing and line + 1 < last and not is_outside(state, line + 1):
        line += 1
        _, closing, rest = text_of(state, line).partition("%%")
    if not silent:
        leave(state, line, rest)
    return True


def _within_a_block(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("%%", state.pos):
        return False
    end = state.src.find("%%", state.pos + 2)
    if end < 0:
        return False
    state.pos = end + 2
    return True
