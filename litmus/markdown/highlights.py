"""`==marked==` text."""

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("emphasis", "highlight", _highlight)


def _highlight(state: StateInline, silent: bool) -> bool:
    begin = state.pos + 2
    if not state.src.startswith("==", state.pos) or state.src[begin : begin + 1] in {"", " ", "="}:
        return False
    end = _closing(state, begin)
    if end is None:
        return False
    state.pos = begin
    if not silent:
        state.push("mark_open", "mark", 1)
        beyond, state.posMax = state.posMax, end
        state.md.inline.tokenize(state)
        state.posMax = beyond
        state.push("mark_close", "mark", -1)
    state.pos = end + 2
    return True


def _closing(state: StateInline, begin: int) -> int | None:
    """Return where the next == stands that is not inside code, a link or a formula."""
    start, state.pos = state.pos, begin
    try:
        while state.pos < state.posMax:
            if state.src.startswith("==", state.pos) and not state.src[state.pos - 1].isspace():
                return state.pos
            state.md.inline.skipToken(state)
        return None
    finally:
        state.pos = start
