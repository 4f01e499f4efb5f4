"""Tables: what is in cells beyond the head is not shown, and an empty cell heads nothing.

A formula such as $|x|$ and a link with a label are cut where they have a | without a backslash. The
empty corner of a table with names on two sides would be read out as a heading without words.
"""

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_block.table import escapedSplit

from litmus.markdown.lines import text_of


def plugin(md: MarkdownIt) -> None:
    md.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})


def _table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    begun = len(state.tokens)
    if not table(state, first, last, silent):
        return False
    if not silent:
        for place, token in enumerate(state.tokens[begun:], begun):
            if token.type == "th_open" and not state.tokens[place + 1].content:
                token.tag = state.tokens[place + 2].tag = "td"
        width = sum(token.type == "th_open" for token in state.tokens[begun:])
        rows = range(first + 2, state.line)
        cut = [row - first for row in rows if _goes_beyond(text_of(state, row), width)]
        if cut:
            state.tokens[begun].meta = {"cut": cut}
    return True


def _goes_beyond(row: str, width: int) -> bool:
    """Is there anything in a row beyond its table's last column?"""
    if row.count("|") < width:
        return False
    cells = escapedSplit(row.strip().removeprefix("|"))
    return any(cell.strip() for cell in cells[width:])
