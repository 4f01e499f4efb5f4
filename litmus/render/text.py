"""Headings and words: what every note has of its own."""

import html
import re

from litmus.render.formulas import punctuation_after
from litmus.render.renderer import At, named

# A dollar before TeX that begins no formula, and no price: as where a line of it begins a list.
BEGUN = re.compile(r"\$(?! |\d[\d.,]* )[^$]*?\\[A-Za-z]+")
# The beginning of a link at the end of a line, and the end of one in the next.
LINK_BEGUN = re.compile(r"\[\[[^\[\]]+$")
LINK_ENDED = re.compile(r"[^\[\]]*\]\]")


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


def text(at: At) -> str:
    """Words, without the punctuation that a formula before them has taken along.

    TeX among them, after a dollar, is a formula that does not end, and reported; and so is a link
    that is broken by the end of its line.
    """
    if begun := BEGUN.search(at.token.content):
        what = f"a formula begins at {begun[0]} and does not end in its paragraph."
        remedy = "A line that begins with - or + is an item of a list: break the line elsewhere."
        at.report(what, remedy)
    if (begun := LINK_BEGUN.search(at.token.content)) and LINK_ENDED.match(_next_line(at)):
        at.report(
            f"the link {begun[0]} … is broken by the end of its line.", "Keep it on one line."
        )
    taken = punctuation_after(at.tokens, at.index - 1) if at.index else ""
    return html.escape(at.token.content.removeprefix(taken), quote=False)


def _next_line(at: At) -> str:
    """Return the words with which the next line of a text begins, "" if there is none."""
    after = at.tokens[at.index + 1 : at.index + 3]
    is_line = len(after) == 2 and after[0].type == "softbreak" and after[1].type == "text"
    return after[1].content if is_line else ""


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


def table_open(at: At) -> str:
    """A table; a row that is cut off at the last column is reported."""
    for row in at.token.meta.get("cut", ()):
        what = "the row has more cells than the head of its table, and they are not shown."
        at.report(what, r"Write \| for a | within a cell.", line=row)
    return f"<table{at.block_id()}>\n"


RULES = named(heading_open, heading_close, text, task, table_open)
