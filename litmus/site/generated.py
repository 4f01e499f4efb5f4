"""The pages that no note stands for: which of them a project has, and what they show."""

from collections import defaultdict
from collections.abc import Mapping

from litmus.claims.backlinks import Backlink
from litmus.problems import Problem
from litmus.render.draft import Rendered
from litmus.render.renderer import Renderer
from litmus.site import claim_pages, note_lists, open_ends, snippet_pages, training_loop
from litmus.site.claim_pages import ASSUMPTIONS, CLAIMS
from litmus.site.note_lists import HOME, NOTES
from litmus.site.page import Page
from litmus.site.project import Project
from litmus.site.shelf import Snippet
from litmus.site.snippet_pages import SNIPPETS
from litmus.site.training_loop import LOOP, TITLE
from litmus.vault.addresses import REFERENCES, TAGS, address
from litmus.vault.notes import Note


def titles(project: Project) -> dict[str, str]:
    """Return the generated pages by address, with their titles, before they are made."""
    own = {address(path) for path in project.vault.notes}
    wanted = {
        HOME: "All notes",
        NOTES: "All notes",
        **({CLAIMS: "All claims"} if project.claims else {}),
        **({ASSUMPTIONS: "Assumptions and controls"} if project.claims else {}),
        **({TAGS: "Tags"} if any(note.tags for note in project.vault.notes.values()) else {}),
        **({REFERENCES: "References"} if project.references else {}),
        **({SNIPPETS: "Snippets"} if project.snippets else {}),
        **({LOOP: TITLE} if training_loop.rows(project) else {}),
        **{address(snippet): snippet for snippet in project.snippets},
        open_ends.place(project): "Open ends",
    }
    return {page: title for page, title in wanted.items() if page not in own}


def menu(project: Project) -> list[dict[str, str]]:
    """Return a menu of the generated pages, for a site that has none of its own."""
    pages = {HOME: "Home"} | {
        page: title for page, title in titles(project).items() if page.count("/") == 1
    }
    return [{title: f"{page}index.md"} for page, title in pages.items()]


def pages(
    project: Project,
    renderer: Renderer,
    rendered: Mapping[str, Rendered],
    linked: Mapping[str, list[Backlink]],
    problems: list[Problem],
    shelf: Mapping[str, Snippet],
) -> list[Page]:
    """Return the generated pages, given the notes as rendered, who links to whom, and snippets."""
    cited: dict[str, list[Note]] = defaultdict(list)
    shown: dict[str, list[Note]] = defaultdict(list)
    for path, page in rendered.items():
        for key in dict.fromkeys(page.cited):
            cited[key].append(project.vault.notes[path])
        for file in dict.fromkeys(page.quoted):
            shown[file].append(project.vault.notes[path])
    wanted = titles(project)
    lists = [here for here in (HOME, NOTES) if here in wanted]
    made = [
        *(note_lists.all_notes(project, renderer, here) for here in lists),
        note_lists.tags(project, renderer),
        claim_pages.all_claims(project, renderer),
        claim_pages.assumptions(project, renderer),
        note_lists.references(project, renderer, cited),
        *snippet_pages.pages(project, renderer, shelf, shown, linked),
        *training_loop.pages(project, renderer),
        open_ends.page(project, renderer, problems, linked),
    ]
    return [page for page in made if page.address in wanted]
