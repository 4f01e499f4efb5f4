"""One note of a project -> HTML, for who wants no site around it."""

import html
from dataclasses import replace

from litmus.problems import Problem, nearest
from litmus.python.runs import Runner
from litmus.render.draft import Rendered
from litmus.render.library import Library
from litmus.render.page import NotePages
from litmus.site.project import Project
from litmus.tex import katex


def library_of(project: Project, runner: Runner) -> Library:
    """Return what the notes of a project may ask. The runner then runs nothing of a foreign one."""
    runner.may_run, runner.cache = project.is_ours, project.cache
    return Library(
        *(project.root, project.vault, project.claims, project.references, runner),
        snippets=project.snippets if project.is_ours else None,
        cache=project.cache,
    )


def render_note(project: Project, path: str) -> Rendered:
    """Render one note: the title and text of its page, with its formulas set.

    `path` is the note's below the vault, with forward slashes, as in `project.vault.notes`. In the
    result, `html` has the links of that page, and formulas that need the style sheet of KaTeX;
    `problems` is what is wrong, which is shown as it is written, and marked. If the project is
    ours, the snippets are run of which the note shows what they print.

    Raises Problem if there is no such note, with the nearest names.

        rendered = render_note(Project.foreign(Path("notes")), "ideas/momentum.md")
        print(rendered.html)
    """
    note = project.vault.notes.get(path)
    if not note:
        raise Problem(path, None, "there is no such note.", nearest(path, project.vault.notes))
    runner = Runner(project.root)
    try:
        pages = NotePages(library_of(project, runner))
        rendered = pages.render(note)
    finally:
        runner.close()
    has_title = "<h1" in rendered.html and not note.needs_title
    title = "" if has_title else f"<h1>{html.escape(note.title)}</h1>\n"
    return replace(
        rendered,
        html=katex.typeset(title + rendered.html, project.cache),
        toc=tuple(replace(e, html=katex.typeset(e.html, project.cache)) for e in rendered.toc),
    )
