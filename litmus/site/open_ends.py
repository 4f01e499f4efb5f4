"""The page of what is not finished or does not fit: for the author, and for who wants to help."""

from collections.abc import Container, Mapping
from itertools import chain, count

from markupsafe import Markup

from litmus.claims.backlinks import Backlink
from litmus.problems import KINDS, Problem
from litmus.render.renderer import Renderer
from litmus.site.page import Page, filled
from litmus.site.project import Project
from litmus.vault.addresses import address, relative_url


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
    shown = [(problem.kind, _shown(problem, here, notes)) for problem in found]
    groups = {words: [s for kind, s in shown if kind == of] for of, words in KINDS.items()}
    groups |= {words: [renderer.link(note, here) for note in of] for words, of in of_notes.items()}
    some = {words: items for words, items in groups.items() if items}
    return filled("open_ends.html", here, "Open ends", groups=some)


def _shown(problem: Problem, here: str, notes: Container[str]) -> Markup:
    """Return a problem as the page shows it: the place leads to the note."""
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    if problem.file in notes:
        url = relative_url(address(problem.file), here)
        place = Markup('<a href="{}">{}</a>').format(url, place)
    return Markup("{}: {} {}").format(place, problem.what, problem.remedy)
