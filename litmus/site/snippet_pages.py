"""The shelf of all snippets, by what they are for or show, and a page for each."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from markupsafe import Markup

from litmus.claims.backlinks import RELATIONS, Backlink
from litmus.claims.evidence import Outcome
from litmus.render.code import code_block
from litmus.render.renderer import Renderer
from litmus.site import training_loop
from litmus.site.page import Page, filled
from litmus.site.project import Project
from litmus.site.shelf import Snippet
from litmus.site.training_loop import LOOP
from litmus.vault.addresses import address, relative_url
from litmus.vault.notes import Note

SNIPPETS = "snippets/"
EMBEDDED = RELATIONS[1]


def pages(
    project: Project,
    renderer: Renderer,
    shelf: Mapping[str, Snippet],
    shown: Mapping[str, Iterable[Note]],
    linked: Mapping[str, Iterable[Backlink]],
) -> Iterator[Page]:
    """Yield the shelf, and each file to read and copy, with the notes that show it."""

    def code(source: str) -> Markup:
        return Markup(code_block(source, "python", project.cache))

    tools = [(snippet, code(snippet.use.call)) for snippet in shelf.values() if snippet.use]
    others = [snippet for snippet in shelf.values() if not (tools and snippet.use)]
    groups = _by_essay(others, project, shown, linked) if tools else [(None, others)]
    loops = training_loop.rows(project)
    yield filled(
        *("snippets.html", SNIPPETS, "Snippets", renderer),
        tools=tools,
        groups=groups,
        in_loops=LOOP if loops else "",
    )
    for file, snippet in shelf.items():
        here = address(file)
        yield filled(
            "snippet.html",
            here,
            file,
            renderer,
            words=snippet.source,
            snippet=snippet,
            source=code(snippet.published),
            call=code(snippet.use.call) if snippet.use else "",
            download=relative_url(file, here),
            tests=[(outcome, _claims_of(outcome, project)) for outcome, _ in snippet.here],
            notes=shown.get(file, []),
            in_loops=LOOP if file in loops else "",
        )


def files(shelf: Mapping[str, Snippet]) -> Iterator[tuple[str, bytes | Path]]:
    """Yield each file as it is downloaded, itself where there is nothing to add."""
    for file, snippet in shelf.items():
        is_as_written = snippet.published == snippet.source
        yield file, snippet.path if is_as_written else snippet.published.encode()


def _by_essay(
    snippets: Iterable[Snippet],
    project: Project,
    shown: Mapping[str, Iterable[Note]],
    linked: Mapping[str, Iterable[Backlink]],
) -> list[tuple[Note | None, list[Snippet]]]:
    """Return snippets, each below the essay that shows most of it; what none shows comes last.

    An essay is a note that states no claim. It shows a snippet itself, or claims that do.
    """
    notes = project.vault.notes
    claims = {claim.note.path for claim in project.claims.values()}
    found: dict[str, list[Snippet]] = defaultdict(list)
    for snippet in snippets:
        essays: Counter[str] = Counter()
        for note in shown.get(snippet.file, []):
            above = [b.source for b in linked.get(note.path, []) if b.relation == EMBEDDED]
            essays.update(path for path in [note.path, *above] if path not in claims)
        essay = min(essays, key=lambda path: (-essays[path], path), default="")
        found[essay].append(snippet)
    groups = [(notes.get(essay), below) for essay, below in found.items()]
    return sorted(groups, key=lambda group: (not group[0], group[0].title if group[0] else ""))


def _claims_of(outcome: Outcome, project: Project) -> list[Note]:
    names = dict.fromkeys(mark.claim for mark in outcome.marks if mark.claim in project.claims)
    return [project.claims[name].note for name in names]
