"""`^id` at the end of a block, or alone below it: a name for that block, never shown.

The block that carries it gets the HTML id `^id`. In a list it is the item; an id alone on its line
names the block before (a formula, a table, a quote, a callout, a list); one at the very end of a
quote or a callout names all of it. Of two equal ids the first counts.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from litmus.markdown.lines import begins_with, text_of

ID = r"\^(?P<id>[A-Za-z0-9-]+)[ \t]*"
ANYWHERE = re.compile(rf"{ID}$", re.MULTILINE)
ALONE = re.compile(ID)
AT_END = re.compile(rf"(?:^|(?<=[ \t\n])){ID}$")
CARRIERS = {"paragraph_open", "heading_open", "callout_title_open"}
QUOTES = {"blockquote_open", "callout_open"}


def plugin(md: MarkdownIt) -> None:
    # Not for paragraphs: there the line below is a part of the block. It does end a table.
    md.block.ruler.before("reference", "block_id", _alone, {"alt": ["blockquote"]})
    # Before inline parsing: the id is no text, and must not become part of a link or emphasis.
    md.core.ruler.after("block", "block_ids", _name_blocks)


def named(block: list[Token], id: str | int | float | None) -> list[Token]:
    """Return a block with its name around it, for it shows no id, or has another already."""
    opening = Token("named_open", "div", 1, attrs={"id": id} if id else {}, block=True)
    return [opening, *block, Token("named_close", "div", -1, block=True)]


def _alone(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    if not begins_with(state, first, "^") or state.is_code_block(first):
        return False
    found = ALONE.fullmatch(text_of(state, first))
    if not found:
        return False
    if not silent:
        token = state.push("block_id", "", 0)
        token.content, token.map = f"^{found['id']}", [first, first + 1]
        state.line = first + 1
    return True


def _name_blocks(state: StateCore) -> None:
    if not ANYWHERE.search(state.src):
        return
    kept: list[Token] = []
    around: list[Token] = []  # the blocks that are open
    taken: set[str] = set()
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type == "block_id":
            id, carrier = token.content, _quote_ending(tokens, index, around) or _before(kept)
        else:
            id, carrier = _at_end(tokens, index, around) if token.type == "inline" else ("", None)
            kept.append(token)
        if token.nesting > 0:
            around.append(token)
        elif token.nesting < 0:
            around.pop()
        if not id or id.casefold() in taken:
            continue
        taken.add(id.casefold())
        if carrier and carrier.attrGet("id") and not any(carrier is open for open in around):
            begin = next(i for i in range(len(kept) - 1, -1, -1) if kept[i] is carrier)
            kept[begin:] = named(kept[begin:], id)
        elif carrier is None or carrier.attrGet("id"):  # nothing to name: a place to lead to
            kept += named([], id)
        elif carrier.nesting or carrier.type == "maths_block":
            carrier.attrSet("id", id)
        else:  # another block that consists of one token: it shows no id
            kept.pop()
            kept += named([carrier], id)
    state.tokens = kept


def _at_end(tokens: list[Token], index: int, around: list[Token]) -> tuple[str, Token | None]:
    """Take the id off the end of a text; return it and the block that it names."""
    content = tokens[index].content
    # From the last ^ on: a search through every text would take a third of all parsing.
    begin = content.rfind("^")
    found = AT_END.search(content, begin) if begin >= 0 else None
    if not found or not around or around[-1].type not in CARRIERS:
        return "", None
    carrier = _quote_ending(tokens, index + 1, around[:-1])
    if around[-1].type == "callout_title_open" and not carrier:
        return "", None  # what looks like an id in the title of a callout with a body
    tokens[index].content = content[: found.start()].rstrip(" \t\n")
    in_item = len(around) > 1 and tokens[index - 2].type == "list_item_open"
    return f"^{found['id']}", carrier or around[-2 if in_item else -1]


def _quote_ending(tokens: list[Token], index: int, around: list[Token]) -> Token | None:
    """Return the outermost quote or callout that ends right after a token."""
    ending = None
    for opening in reversed(around):
        index += 1
        if tokens[index].nesting != -1 or opening.type not in QUOTES:
            break
        ending = opening
    return ending


def _before(kept: list[Token]) -> Token | None:
    """Return the token that opens the block which ended just now."""
    depth = 0
    for token in reversed(kept):
        depth -= token.nesting
        if depth == 0:
            return token
        if depth < 0:
            return None  # the id comes first in its container
    return None
