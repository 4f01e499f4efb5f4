"""Footnotes: numbered as they come on a page, of whichever note, and listed at the page's end.

A footnote that is reached twice, because a note is embedded twice or refers to it again, is listed
once, with a way back to each place.
"""

from dataclasses import replace
from functools import partial
from itertools import dropwhile, takewhile

from litmus.render.draft import Footnote, Scope
from litmus.render.renderer import At, Renderer, named
from litmus.vault.notes import Note


def footnote_ref(at: At) -> str:
    """A number in the text that leads to its footnote."""
    if at.scope.is_aside:
        return ""
    footnote = _footnote(at)
    footnote.references += 1
    here, number = _place(footnote, footnote.references), footnote.number
    link = f'<a href="#fn:{number}" id="{here}">[{number}]</a>'
    return f'<sup class="footnote-ref">{link}</sup>'


def footnote_anchor(at: At) -> str:
    """The ways back, at the end of a footnote: the parser marks the place once a reference."""
    if at.token.meta["subId"]:
        return ""
    footnote = _footnote(at)
    return "".join(
        f' <a href="#{_place(footnote, reference)}" class="footnote-backref"'
        f' aria-label="Back to the text">↩\ufe0e</a>'
        for reference in range(1, footnote.references + 1)
    )


RULES = named(footnote_ref, footnote_anchor)


def footnotes(renderer: Renderer, scope: Scope) -> str:
    """Return the list of the footnotes that a page refers to, "" if there are none."""
    listed = scope.draft.footnotes
    for id in _ids(scope.note):  # those that nothing refers to are not to be lost
        listed.setdefault((scope.note.path, id), Footnote(scope, id, number=len(listed) + 1))
    items: list[str] = []
    while len(items) < len(listed):  # a footnote may refer to one that has not been reached yet
        footnote = list(listed.values())[len(items)]
        body = renderer.embedded(footnote.scope, partial(_shown, renderer, footnote))
        items.append(f'<li id="fn:{footnote.number}" class="footnote-item">{body}</li>\n')
    listed.clear()
    if not items:
        return ""
    return f'<section class="footnotes">\n<ol>\n{"".join(items)}</ol>\n</section>\n'


def _footnote(at: At) -> Footnote:
    listed, note, id = at.scope.draft.footnotes, at.scope.note, at.token.meta["id"]
    if (note.path, id) not in listed:
        scope = at.scope
        if scope.within and scope.within[0][0] == note.path:
            scope = replace(scope, within=scope.within[:1])  # the page's own, whoever comes first
        listed[note.path, id] = Footnote(scope, id, number=len(listed) + 1)
    return listed[note.path, id]


def _ids(note: Note) -> list[int]:
    tokens = note.tokens[note.footnotes_begin :]
    return [token.meta["id"] for token in tokens if token.type == "footnote_open"]


def _shown(renderer: Renderer, footnote: Footnote) -> str:
    note, id = footnote.scope.note, footnote.id
    listed = note.tokens[note.footnotes_begin :]
    opened = dropwhile(lambda t: t.type != "footnote_open" or t.meta["id"] != id, listed)
    _, *body = takewhile(lambda t: t.type != "footnote_close", opened)
    return renderer.tokens(body, footnote.scope)


def _place(footnote: Footnote, reference: int) -> str:
    again = f"-{reference}" if reference > 1 else ""
    return f"fnref:{footnote.number}{again}"
