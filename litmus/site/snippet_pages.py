"""The list of all snippets, and a page for each."""

from collections.abc import Iterable, Iterator, Mapping

from markupsafe import Markup

from litmus.claims.evidence import Outcome
from litmus.python import quotes
from litmus.python.fingerprint import imports
from litmus.render.code import code_block
from litmus.render.renderer import Renderer
from litmus.site.page import Page, filled
from litmus.site.project import Project
from litmus.vault.addresses import address, relative_url
from litmus.vault.notes import Note

SNIPPETS = "snippets/"


def pages(
    project: Project, renderer: Renderer, shown: Mapping[str, Iterable[Note]]
) -> Iterator[Page]:
    """Yield the list, and each file to read and copy, with the notes that show it."""
    files, root = project.snippets, project.root.resolve()
    sources = {file: path.read_text("utf-8", errors="replace") for file, path in files.items()}
    rows = [
        {
            "file": file,
            "url": relative_url(address(file), SNIPPETS),
            "about": quotes.summary(source),
        }
        for file, source in sources.items()
    ]
    yield filled("snippets.html", SNIPPETS, "Snippets", rows=rows)
    marked = [outcome for outcome in project.outcomes if outcome.marks]
    needs = {f: imports(root / f, root, project.cache) for f in {o.file for o in marked}}
    for row, (file, source) in zip(rows, sources.items(), strict=True):
        here, whole = address(file), root / file
        yield filled(
            "snippet.html",
            here,
            file,
            words=source,
            source=Markup(code_block(source, "python", project.cache)),
            about=row["about"],
            download=relative_url(file, here),
            tests=[
                (outcome, _claims_of(outcome, project, renderer, here))
                for outcome in marked
                if whole in needs[outcome.file]
            ],
            notes=[renderer.link(note, here) for note in shown.get(file, [])],
        )


def _claims_of(outcome: Outcome, project: Project, renderer: Renderer, here: str) -> list[Markup]:
    names = dict.fromkeys(mark.claim for mark in outcome.marks if mark.claim in project.claims)
    return [renderer.link(project.claims[name].note, here) for name in names]
