"""Headings and formulas: what every note has of its own."""

import html
import re
from collections.abc import Sequence

from litmus import tex
from litmus.markdown import Token
from litmus.render.scope import At, Rule

PUNCTUATION = re.compile(r"[.,;:!?)\]’”]+|-\w+")
SHORT = 45  # letters of TeX in a formula that fits on a line of a phone


def heading_open(at: At) -> str:
    """A heading with its id; in an embedded text a mere line, for the page has its own headings."""
    tag = at.token.tag
    if at.scope.is_embedded:
        return f'<p class="embedded-heading {tag}">'
    block_id = at.token.meta["block_id"]
    anchor = f'<span id="{html.escape(str(block_id))}"></span>' if block_id else ""
    return f'<{tag} id="{html.escape(str(at.token.attrGet("id")))}">{anchor}'


def heading_close(at: At) -> str:
    """The end of a heading, with a link to it."""
    if at.scope.is_embedded:
        return "</p>\n"
    id = html.escape(str(at.tokens[at.index - 2].attrGet("id")))
    link = f'<a class="headerlink" href="#{id}" title="Permanent link">¶</a>'
    return f"{link}</{at.token.tag}>\n"


def maths(at: At) -> str:
    """A formula in a line, which no line break may part from the punctuation that follows."""
    formula = _formula(at, display=bool(at.token.meta["display"]))
    end = _punctuation_after(at.tokens, at.index)
    return f'<span class="unbroken">{formula}{html.escape(end)}</span>' if end else formula


def text(at: At) -> str:
    """Words, without the punctuation that a formula before them has taken along."""
    taken = _punctuation_after(at.tokens, at.index - 1) if at.index else ""
    return html.escape(at.token.content.removeprefix(taken), quote=False)


def maths_block(at: At) -> str:
    """A formula that is a block of its own."""
    return f'<div class="formula"{at.block_id()}>{_formula(at, display=True)}</div>\n'


def task(at: At) -> str:
    """The box of a task, which nobody can tick here; a mark that is not an x is shown in it."""
    mark = at.token.content
    if mark in {" ", "x", "X"}:
        done = "" if mark == " " else ' checked="checked"'
        name = "to do" if mark == " " else "done"
        return (
            f'<input class="task-list-item-checkbox"{done} disabled="disabled" type="checkbox"'
            f' aria-label="{name}">'
        )
    mark = html.escape(mark)
    return f'<span class="task-list-item-checkbox" role="img" aria-label="{mark}">{mark}</span>'


def unread_properties(at: At) -> str:
    """Properties that are not what they should be, as they are written."""
    return f'<pre class="unresolved">{html.escape(at.token.content)}</pre>\n'


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in [heading_open, heading_close, maths, maths_block, text, task, unread_properties]
}


def _punctuation_after(tokens: Sequence[Token], index: int) -> str:
    """Return what must not be parted from the token at an index, if that is a short formula."""
    token, after = tokens[index], next(iter(tokens[index + 1 : index + 2]), None)
    if token.type != "maths" or token.meta["display"] or len(token.content) > SHORT:
        return ""
    found = PUNCTUATION.match(after.content) if after and after.type == "text" else None
    return found[0] if found else ""


def _formula(at: At, display: bool) -> str:
    source = at.token.content
    try:
        tex.to_html(source, display)
    except tex.TexError as error:
        line = at.token.meta.get("above", 0) + error.line
        remedy = r"Where a dollar sign is meant, write \$."
        at.report(f"the formula is not TeX: {error}.", remedy, line=line)
        return f'<code class="unresolved">{html.escape(source)}</code>'
    return tex.placeholder(source, display)
