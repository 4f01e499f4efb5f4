"""`==marked==` text: its signs are paired as CommonMark pairs those of emphasis."""

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

SIGN = ord("=")


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("emphasis", "highlight", _signs)
    md.inline.ruler2.before("emphasis", "highlight", _pair)


def _signs(state: StateInline, silent: bool) -> bool:
    """Note every == as what may open, where a word follows, or close, where one precedes."""
    begin, end = state.pos, state.pos
    if silent or not state.src.startswith("==", begin):
        return False
    while end < state.posMax and state.src[end] == "=":
        end += 1
    opens = bool(state.src[end : end + 1].strip())
    closes = bool(state.src[begin - 1 : begin].strip())
    for _ in range((end - begin) // 2):
        state.push("text", "", 0).content = "=="
        if (end - begin) % 2 == 0:  # === is something else
            token = len(state.tokens) - 1
            state.delimiters.append(Delimiter(SIGN, 0, token, end=-1, open=opens, close=closes))
    if (end - begin) % 2:
        state.push("text", "", 0).content = "="
    state.pos = end
    return True


def _pair(state: StateInline) -> None:
    levels = [meta["delimiters"] for meta in state.tokens_meta if meta and "delimiters" in meta]
    for delimiters in [state.delimiters, *levels]:
        for opening in delimiters:
            if opening.marker != SIGN or opening.end == -1:
                continue
            first, last = state.tokens[opening.token], state.tokens[delimiters[opening.end].token]
            first.type, first.nesting = "mark_open", 1
            last.type, last.nesting = "mark_close", -1
            first.tag = last.tag = "mark"
            first.content = last.content = ""
