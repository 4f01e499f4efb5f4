"""The list of all snippets, and a page for each."""

from collections.abc import Iterable, Iterator, Mapping

from markupsafe import Markup

from litmus.claims.evidence import Outcome
from litmus.python import quotes
from litmus.python.fingerprint import imports
from litmus.render.code import code_block
from litmus.render.renderer import Renderer
from litmus.site import training_loop
from litmus.site.page import Page, filled
from litmus.site.project import Project
from litmus.site.training_loop import LOOP
from litmus.vault.addresses import address, relative_url
from litmus.vault.notes import Note

SNIPPETS = "snippets/"


def pages(
    project: Project, renderer: Renderer, shown: Mapping[str, Iterable[Note]]
) -> Iterator[Page]:
    """Yield the list, and each file to read and copy, with the notes that show it."""
    files, root = project.snippets, project.root.resolve()
    loops = training_loop.rows(project)
    sources = {file: path.read_text("utf-8", errors="replace") for file, path in files.items()}
    about = {file: quotes.summary(source) for file, source in sources.items()}
    yield filled("snippets.html", SNIPPETS, "Snippets", renderer, about=about, loop=loops and LOOP)
    marked = [outcome for outcome in project.outcomes if outcome.marks or outcome.cells]
    recorded = [*_recorded(project)]
    test_files = {outcome.file for outcome in [*marked, *(outcome for outcome, _ in recorded)]}
    needs = {file: imports(root / file, root, project.cache) for file in test_files}
    for file, source in sources.items():
        here, whole = address(file), root / file
        yield filled(
            "snippet.html",
            here,
            file,
            renderer,
            words=source,
            source=Markup(code_block(source, "python", project.cache)),
            about=about[file],
            loop=LOOP if file in loops else "",
            download=relative_url(file, here),
            tests=[(o, _claims_of(o, project)) for o in marked if whole in needs[o.file]],
            recorded=[(o, is_stale) for o, is_stale in recorded if whole in needs[o.file]],
            notes=shown.get(file, []),
        )


def _recorded(project: Project) -> Iterator[tuple[Outcome, bool]]:
    """Yield what records tell of tests, and whether it is stale."""
    for record in project.records:
        stale = record.stale(project.claims.statements, project.root, project.cache)
        yield from ((outcome, outcome.test in stale) for outcome in record.outcomes)


def _claims_of(outcome: Outcome, project: Project) -> list[Note]:
    names = dict.fromkeys(mark.claim for mark in outcome.marks if mark.claim in project.claims)
    return [project.claims[name].note for name in names]
