"""Quotes and lists within one another, as deep as anybody reads; what is deeper is shown as text.

The library drops what is deeper than its limit, and its time grows with the square of the depth.
"""

from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore

DEEPEST = 100  # blocks within blocks; a list counts twice, for itself and for its item


def plugin(md: MarkdownIt) -> None:
    md.options.maxNesting = DEEPEST
    blocks = _Blocks()
    blocks.ruler = md.block.ruler
    md.block = blocks
    md.core.ruler.after("normalize", "last_line", _end_last_line)


def _end_last_line(state: StateCore) -> None:
    """End it: the library fails at the end of some texts whose last line has no end."""
    if not state.inlineMode and not state.src.endswith("\n"):
        state.src += "\n"


class _Blocks(ParserBlock):
    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803
        """Read lines as blocks, unless they are too deep."""
        if state.level < DEEPEST or startLine >= endLine:
            super().tokenize(state, startLine, endLine)
            return
        token = state.push("too_deep", "", 0)
        token.content = state.getLines(startLine, endLine, state.blkIndent, False).strip()
        token.map = [startLine, endLine]
        state.line = endLine
