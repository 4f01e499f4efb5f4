"""The lines of a block that is being read: what they say, whose they are, what is left of them."""

from markdown_it.rules_block import StateBlock


def text_of(state: StateBlock, line: int) -> str:
    """Return what a line says, without the signs of the quotes and lists that it stands in."""
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def begins_with(state: StateBlock, line: int, sign: str) -> bool:
    """Does a line begin with a sign? Asked on every line by every construct, so without a copy."""
    return state.src.startswith(sign, state.bMarks[line] + state.tShift[line])


def is_outside(state: StateBlock, line: int) -> bool:
    """Has the list item or quote ended before this line?"""
    return state.sCount[line] < state.blkIndent and not state.isEmpty(line)


def leave(state: StateBlock, line: int, rest: str) -> None:
    """Let the next block begin with the rest of a line, or below the line if nothing is left."""
    if not rest.strip():
        state.line = line + 1
        return
    state.bMarks[line] = state.eMarks[line] - len(rest)
    state.tShift[line] = len(rest) - len(rest.lstrip())
    state.sCount[line] = state.blkIndent
    state.line = line
