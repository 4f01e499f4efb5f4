r"""What the formulas of a note say to each other: `\label` and `\ref`, `\newcommand` and its like.

A display with a label gets a number, counted in its note, unless its author gave it a `\tag`. The
parser's environment has all labels with what a reference to them shows, and all definitions; each
formula has the number of those that stand before what is set of it, which alone hold for it.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from litmus.tex import macros
from litmus.tex.mathjax import TAG

LABEL = re.compile(r"[ \t]*\\label\s*\{([^{}]*)\}")
NOTHING = "{}"
WITH_ROWS = re.compile(r"\\begin\{(?:align|alignat|flalign|gather|eqnarray)\*?\}")
ROW_ENDS = re.compile(r"(\\\\|\\end\{(?:align|alignat|flalign|gather|eqnarray)\*?\})")


def plugin(md: MarkdownIt) -> None:
    md.core.ruler.push("equations", _read_equations)


def _read_equations(state: StateCore) -> None:
    """Number what has a label, and collect what is defined."""
    labelled = "\\label" in state.src
    defines = macros.DEFINES.search(state.src)
    if not labelled and not defines:
        return
    labels: dict[str, str] = {}
    defined: list[macros.Definition] = []
    number = 0
    for token in _formulas(state):
        first, rest = macros.taken_out(token.content)
        token.meta["defined"] = len(defined) + len(first)
        defined += macros.definitions(token.content)
        if rest != token.content:
            token.meta["set"] = rest if rest.strip() else NOTHING
        if LABEL.search(rest):
            number = _number(token, rest, number, labels)
    state.env["labels"], state.env["macros"] = labels, defined


def _formulas(state: StateCore) -> list[Token]:
    tokens = [inner for token in state.tokens for inner in [token, *(token.children or [])]]
    return [token for token in tokens if token.type in {"maths", "maths_block"}]


def _number(token: Token, tex: str, number: int, labels: dict[str, str]) -> int:
    """Replace the labels of a formula by tags; return the last number that has been given."""
    if not token.meta["display"]:
        token.meta["set"] = LABEL.sub("", tex)  # nothing in a line has a number
        return number
    has_rows = bool(WITH_ROWS.search(tex))
    named: list[str] = []
    rows: list[str] = []
    for row in ROW_ENDS.split(tex) if has_rows else [tex]:
        names = [name.strip() for name in LABEL.findall(row)]
        if names:
            row, tag = LABEL.sub("", row), TAG.search(row)
            number += not tag
            shown = tag[1] if tag else str(number)
            row += "" if tag else rf"\tag{{{number}}}"
            named += [name for name in names if name not in labels]
            labels |= {name: shown for name in names if name not in labels}
        rows.append(row)
    token.meta["set"], token.meta["labels"] = "".join(rows), named
    return number
