"""Pages that list notes: all by their folders, by their tags, and by the works that they cite."""

import posixpath
from collections import defaultdict
from collections.abc import Mapping

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
    groups = [(folder, _by_title(notes)) for folder, notes in sorted(folders.items())]
    return filled("all_notes.html", here, "All notes", renderer, groups=groups)


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
    rows = [(tag, _by_title(carried[tag])) for tag in sorted(carried, key=tag_anchor)]
    return filled("tags.html", TAGS, "Tags", renderer, tags=rows, anchor=tag_anchor)


def references(project: Project, renderer: Renderer, cited: Mapping[str, list[Note]]) -> Page:
    """Every entry of the bibliography, with the notes that cite it."""
    entries = sorted(project.references.values(), key=lambda r: (r.authors.casefold(), r.year))
    return filled(
        "references.html", REFERENCES, "References", renderer, entries=entries, cited=cited
    )


def _by_title(notes: list[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: (note.title.casefold(), note.path))
