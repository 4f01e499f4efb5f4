"""`%% … %%`: what the author wrote for nobody else. It leaves no trace."""

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline


def plugin(md: MarkdownIt) -> None:
    alt: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.before("fence", "comment", _across_blocks, alt)
    md.inline.ruler.before("escape", "comment", _within_a_block)


def _across_blocks(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Drop whole lines: from one that begins with %% to the one where the next %% ends."""
    begin = state.bMarks[first] + state.tShift[first]
    if state.is_code_block(first) or not state.src.startswith("%%", begin):
        return False
    for line in range(first, last):
        here = begin + 2 if line == first else state.bMarks[line] + state.tShift[line]
        text = state.src[here : state.eMarks[line]]
        if "%%" not in text:
            continue
        if text.partition("%%")[2].strip():
            return False  # text follows on this line: a comment within a paragraph
        if not silent:
            state.line = line + 1
        return True
    return False


def _within_a_block(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("%%", state.pos):
        return False
    end = state.src.find("%%", state.pos + 2)
    if end < 0:
        return False
    state.pos = end + 2
    return True
