"""`^id` at the end of a block, or alone below it: a name for that block, never shown.

The block that carries it gets the HTML id `^id`. In a list it is the item; an id alone in its
paragraph names the block before (a formula, a table, a quote, a callout, a list).
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

AT_END = re.compile(r"(?:^|(?<=[ \t\n]))\^(?P<id>[A-Za-z0-9-]+)[ \t]*$")


def plugin(md: MarkdownIt) -> None:
    # Before inline parsing: the id is no text, and must not become part of a link or emphasis.
    md.core.ruler.after("block", "block_ids", _name_blocks)


def _name_blocks(state: StateCore) -> None:
    kept: list[Token] = []
    skip = 0
    for index, token in enumerate(state.tokens):
        if skip:
            skip -= 1
            continue
        # From the last ^ on: a search through every text would take a third of all parsing.
        begin = token.content.rfind("^") if token.type == "inline" else -1
        found = AT_END.search(token.content, begin) if begin >= 0 else None
        if found and kept and kept[-1].type in {"paragraph_open", "heading_open"}:
            token.content = token.content[: found.start()].rstrip(" \t\n")
            carrier = _carrier(kept)
            if not token.content.strip() and token.level and kept[-1].type == "paragraph_open":
                before = _block_before(kept[:-1])
                if before:
                    kept.pop()
                    before.attrSet("id", f"^{found['id']}")
                    skip = 1 if state.tokens[index + 1].type == "paragraph_close" else 0
                    continue
            carrier.attrSet("id", f"^{found['id']}")
        kept.append(token)
    state.tokens = kept


def _carrier(kept: list[Token]) -> Token:
    """Return the list item whose first paragraph is open, or else that paragraph itself."""
    if len(kept) > 1 and kept[-2].type == "list_item_open":
        return kept[-2]
    return kept[-1]


def _block_before(kept: list[Token]) -> Token | None:
    """Return the token that opens the block which ended just now."""
    depth = 0
    for token in reversed(kept):
        depth -= token.nesting
        if depth == 0:
            return token
        if depth < 0:
            return None  # the paragraph with the id came first in its container
    return None
