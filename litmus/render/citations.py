"""Citations: the work as a subject or in parentheses, linked to its note or to the references."""

import html

from litmus.markdown.citations import Cited
from litmus.problems import nearest
from litmus.render.links import unresolved
from litmus.render.renderer import At, named
from litmus.vault.addresses import REFERENCES, address, relative_url
from litmus.vault.bibliography import Reference, described


def citation(at: At) -> str:
    """One or more works, as a subject or in parentheses; as written where none is known."""
    works, known = at.token.meta["works"], len(at.scope.draft.cited)
    cited = [_cite(at, work) for work in works]
    if at.token.meta["in_text"]:
        return cited[0]
    if len(at.scope.draft.cited) == known:
        return unresolved(html.escape(at.token.content))
    return f"({'; '.join(cited)})"


RULES = named(citation)


def _cite(at: At, work: Cited) -> str:
    reference = at.library.references.get(work.key) or _from_its_note(at, work.key)
    in_text = at.token.meta["in_text"]
    if not reference and in_text and not at.library.references:
        return html.escape(at.token.content)  # nothing can be cited here: @ is how people are named
    if not reference:
        there = nearest(work.key, at.library.references) or "Add it to references.bib."
        at.report(f"no reference has the key '{work.key}'.", there, kind="citation")
        words = " ".join(filter(None, [work.before, f"@{work.key}"]))
        return unresolved(html.escape(", ".join(filter(None, [words, work.after]))))
    at.scope.draft.cited.append(work.key)
    url = _literature(at, work.key)
    if not url and work.key in at.library.references:
        url = relative_url(REFERENCES, at.scope.here, reference.anchor)
    before = f"{html.escape(work.before)} " if work.before else ""
    after = f", {html.escape(work.after)}" if work.after else ""
    authors, year = html.escape(reference.authors), html.escape(reference.year)
    if in_text and not work.only_year:
        label = f"{authors} ({year}{after})" if year else authors
        before = after = ""
    else:
        label = year if work.only_year and year else ", ".join(filter(None, [authors, year]))
    if not url or at.scope.is_aside:  # the note about the work cites it; a menu has no links
        return f"{before}{label}{after}"
    return f'{before}<a class="citation" href="{html.escape(url)}" data-card>{label}</a>{after}'


def _from_its_note(at: At, key: str) -> Reference | None:
    """Return what the properties of the note about a work say of it, if there is such a note."""
    note = at.library.notes.get(at.library.literature.get(key, ""))
    return described(key, note.properties, note.title) if note else None


def _literature(at: At, key: str) -> str | None:
    """Return the link to the note about a work, unless there is none or this is it."""
    path = at.library.literature.get(key)
    if not path or at.scope.here == address(path):
        return None
    return relative_url(address(path), at.scope.here)
