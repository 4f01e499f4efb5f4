"""`> [!lemma]- Title`: a quote whose first line makes it a callout, foldable with - or +.

The first line is taken out before CommonMark's own rule for quotes reads the block, rather than
mended afterwards: a list, a table or a `---` right below the title would otherwise see the title
as its first line.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote
from markdown_it.token import Token

from litmus.markdown.lines import begins_with, text_of

# Farther in than by three spaces it would be code.
FIRST_LINE = re.compile(
    r">(?:[ \t]? {0,3})\[!(?P<kind>[^\]\n]+)\](?P<fold>[+-]?)[ \t]*(?P<title>.*)"
)


def plugin(md: MarkdownIt) -> None:
    md.block.ruler.before("blockquote", "callout", _callout)


def _callout(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    if silent or not begins_with(state, first, ">") or state.is_code_block(first):
        return False
    begin, end = state.bMarks[first] + state.tShift[first], state.eMarks[first]
    found = FIRST_LINE.fullmatch(state.src[begin:end])
    if not found:
        return False
    before = len(state.tokens)
    lazy = _goes_on_without_sign(state, first, last)
    if not lazy:
        state.eMarks[first] = begin + 1  # the quote's rule sees a line with ">" alone
    try:
        blockquote(state, first, last, False)
    finally:
        state.eMarks[first] = end
    if lazy:
        _drop_first_line(state.tokens, before + 1)
    opening, closing = state.tokens[before], state.tokens[-1]
    opening.type, closing.type = "callout_open", "callout_close"
    opening.meta = closing.meta = {
        "kind": found["kind"].split("|")[0].strip().lower(),  # after a bar: Obsidian's metadata
        "fold": found["fold"],
    }
    state.tokens[before + 1 : before + 1] = title(found["title"], opening, [first, first + 1])
    return True


def title(words: str, callout: Token, lines: list[int] | None) -> list[Token]:
    """Return the tokens of a callout's title, which stand right behind the one that opens it."""
    level, meta = callout.level + 1, callout.meta
    return [
        Token("callout_title_open", "", 1, map=lines, level=level, meta=meta, block=True),
        Token("inline", "", 0, map=lines, level=level + 1, content=words, children=[]),
        Token("callout_title_close", "", -1, level=level, meta=meta, block=True),
    ]


def _goes_on_without_sign(state: StateBlock, first: int, last: int) -> bool:
    """Is the line below the title a part of the callout although it has no >, as in a quote?"""
    below = first + 1
    return below < last and text_of(state, below)[:1] not in {"", ">"}


def _drop_first_line(tokens: list[Token], paragraph: int) -> None:
    """Take the title out of the paragraph that it was read as, unless it was read as a link's."""
    if tokens[paragraph].type != "paragraph_open":
        return
    inline = tokens[paragraph + 1]
    _, below, inline.content = inline.content.partition("\n")
    if not below:
        del tokens[paragraph : paragraph + 3]
    elif inline.map:
        inline.map = [inline.map[0] + 1, inline.map[1]]
