"""Pages that list notes: all by their folders, by their tags, and by the works that they cite."""

import posixpath
from collections import defaultdict
from collections.abc import Mapping

from markupsafe import Markup

from litmus.render.renderer import Renderer
from litmus.site.page import Page, filled
from litmus.site.project import Project
from litmus.vault.addresses import REFERENCES, TAGS, tag_anchor
from litmus.vault.notes import Note

HOME, NOTES = "", "notes/"


def all_notes(project: Project, renderer: Renderer, here: str) -> Page:
    """Every note, by the folder that it is in."""
    folders: dict[str, list[Note]] = defaultdict(list)
    for note in project.vault.notes.values():
        folders[posixpath.dirname(note.path)].append(note)
    groups = [(folder, _links(notes, renderer, here)) for folder, notes in sorted(folders.items())]
    return filled("all_notes.html", here, "All notes", groups=groups)


def tags(project: Project, renderer: Renderer) -> Page:
    """Every tag with the notes that carry it; nested tags stand below the one they nest in."""
    carried: dict[str, list[Note]] = defaultdict(list)
    shown: dict[str, str] = {}
    for note in project.vault.notes.values():
        for tag in note.tags:
            *above, _ = parts = tag.split("/")
            for depth in range(len(above)):
                upper = "/".join(parts[: depth + 1])
                carried.setdefault(shown.setdefault(tag_anchor(upper), upper), [])
            carried[shown.setdefault(tag_anchor(tag), tag)].append(note)
    rows = [
        {
            "name": tag,
            "anchor": tag_anchor(tag),
            "level": min(tag.count("/") + 2, 6),
            "notes": _links(notes, renderer, TAGS),
        }
        for tag, notes in sorted(carried.items(), key=lambda item: tag_anchor(item[0]))
    ]
    return filled("tags.html", TAGS, "Tags", tags=rows)


def references(project: Project, renderer: Renderer, cited: Mapping[str, list[Note]]) -> Page:
    """Every entry of the bibliography, with the notes that cite it."""
    entries = [
        {
            "reference": reference,
            "html": Markup(reference.html),
            "notes": [renderer.link(note, REFERENCES) for note in cited.get(reference.key, [])],
        }
        for reference in sorted(
            project.references.values(), key=lambda r: (r.authors.casefold(), r.year)
        )
    ]
    return filled("references.html", REFERENCES, "References", entries=entries)


def _links(notes: list[Note], renderer: Renderer, here: str) -> list[Markup]:
    by_title = sorted(notes, key=lambda note: (note.title.casefold(), note.path))
    return [renderer.link(note, here) for note in by_title]
