"""The page of what is not finished or does not fit: for the author, and for who wants to help."""

from collections.abc import Iterator, Mapping
from itertools import chain, count

from litmus.claims.backlinks import Backlink
from litmus.claims.records import Record
from litmus.problems import KINDS, Problem
from litmus.render.renderer import Renderer
from litmus.site.page import Page, filled
from litmus.site.project import Project
from litmus.vault.addresses import address


def place(project: Project) -> str:
    """Return where the page is: no note takes its place, or nobody would hear of them."""
    own = {address(path).casefold() for path in project.vault.notes}
    others = (f"open-ends-{number}/" for number in count(2))
    return next(name for name in chain(["open-ends/"], others) if name not in own)


def page(
    project: Project, renderer: Renderer, found: list[Problem], linked: Mapping[str, list[Backlink]]
) -> Page:
    """Return the page, given all that was found wrong and who links to whom."""
    here, notes, claims = place(project), project.vault.notes, project.claims.values()
    embedded = {path for path in linked if any(b.relation == "embedded" for b in linked[path])}
    unchecked = [c for c in claims if c.evidence == "none" and c.shows_evidence]
    unlinked = [note for path, note in notes.items() if not linked.get(path) and address(path)]
    of_notes = {
        "Claims without a proof": [c.note for c in claims if c.argument == "open"],
        "Claims without a check": [c.note for c in unchecked],
        "Claims whose checks have changed since they ran": [
            c.note for c in claims if c.evidence == "stale"
        ],
        "Claims that no essay shows": [c.note for c in claims if c.note.path not in embedded],
        "Notes that nothing links to": unlinked,
    }
    mistakes = {words: [p for p in found if p.kind == kind] for kind, words in KINDS.items()}
    return filled(
        "open_ends.html",
        here,
        "Open ends",
        renderer,
        mistakes=mistakes,
        of_notes=of_notes,
        outdated=[*_outdated(project)],
        notes=notes,
    )


def _outdated(project: Project) -> Iterator[tuple[Record, list[str]]]:
    """Yield the records that are stale, with what has changed since: files, or statements."""
    for record in project.records:
        files = set().union(*record.changed(project.root, project.cache).values())
        restated = record.restated(project.claims.statements)
        if changed := files | {f"the statement of {name}" for name in restated}:
            yield record, sorted(changed)
