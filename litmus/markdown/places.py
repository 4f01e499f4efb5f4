"""On which line of the note every inline token stands."""

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline


def plugin(md: MarkdownIt) -> None:
    md.core.ruler.push("places", _place)


def line_within(state: StateInline) -> int:
    """Return on which line of its block the construct at the present position begins."""
    pos, line = vars(state).get("counted", (0, 0))  # from the one before on: linear in all
    if pos > state.pos:
        pos, line = 0, 0
    line += state.src.count("\n", pos, state.pos)
    vars(state)["counted"] = state.pos, line
    return int(line)


def _place(state: StateCore) -> None:
    """Let every inline token know its line, counted from the beginning of the note's text."""
    begin = 0
    footnotes: dict[int, int] = {}  # the lines of those that are written where they are referred to
    for block in state.tokens:
        if block.type == "footnote_open":
            begin = footnotes.get(block.meta["id"], begin)
        begin = block.map[0] if block.map else begin  # a table's cells have the row's line
        line = begin
        for token in block.children or []:
            if token.type == "text" and "$" not in token.content and "[[" not in token.content:
                continue  # nobody asks, unless a formula or a link begins there and does not end
            line = begin + token.meta["line"] if "line" in token.meta else line
            token.meta["line"] = line
            if token.type == "footnote_ref":
                footnotes.setdefault(token.meta["id"], line)
            for inner in token.children or []:  # what stands in the label of a link
                inner.meta["line"] = line
            line += token.type in {"softbreak", "hardbreak"}
