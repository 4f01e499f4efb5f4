"""Headings and formulas: what every note has of its own."""

import html

from litmus import tex
from litmus.render.scope import At, Rule


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
    """A formula in a line."""
    return _formula(at, display=bool(at.token.meta["display"]))


def maths_block(at: At) -> str:
    """A formula that is a block of its own."""
    id = at.token.attrGet("id") if not at.scope.is_embedded else None
    anchor = f' id="{html.escape(str(id))}"' if id else ""
    return f'<div class="formula"{anchor}>{_formula(at, display=True)}</div>\n'


RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in [heading_open, heading_close, maths, maths_block]
}
RULES["amsmath"] = maths_block


def _formula(at: At, display: bool) -> str:
    source = at.token.content
    try:
        tex.to_html(source, display)
    except tex.TexError as error:
        below_dollars = at.token.type == "maths_block"
        at.report(f"the formula is not TeX: {error}.", line=error.line + below_dollars)
        return f'<code class="unresolved">{html.escape(source)}</code>'
    return tex.placeholder(source, display)
