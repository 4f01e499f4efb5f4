"""A page of the site before the theme is put around it, and how a template becomes one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from litmus.claims.backlinks import RELATIONS, Backlink
from litmus.render.draft import TocEntry
from litmus.render.renderer import Renderer
from litmus.vault.addresses import address, relative_url

TEMPLATES = Environment(
    loader=PackageLoader("litmus.site"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Page:
    """A page of the renderer, ready for the theme to be put around it."""

    address: str
    title: str  # as plain text
    html: str
    words: str = ""  # what the search finds, besides the title, on a page that is no note's
    toc: tuple[TocEntry, ...] = ()
    tags: tuple[str, ...] = ()
    linked_from: Sequence[Mapping[str, Any]] = ()


def filled(
    template: str, here: str, title: str, renderer: Renderer, words: str = "", **values: object
) -> Page:
    """Return the page that a template makes of its title and values, with links to others."""
    values["link"] = partial(renderer.link, page=here)  # of a note
    values["url"] = lambda path: relative_url(address(path), here)
    body = TEMPLATES.get_template(template).render(title=title, **values)
    return Page(here, title, body, words)


def linked_from(links: Iterable[Backlink], renderer: Renderer, page: str) -> list[dict[str, Any]]:
    """Return links to a page as its "Linked from" shows them: relation, note, sentence."""
    return [
        {
            "relation": link.relation,
            "place": RELATIONS.index(link.relation),
            "note": renderer.link(renderer.library.vault.notes[link.source], page),
            "sentence": Markup(renderer.sentence(link)),
        }
        for link in links
    ]


def nested(toc: Iterable[TocEntry]) -> list[dict[str, Any]]:
    """Return a table of contents as a tree of dictionaries, deeper headings inside others."""
    root: list[dict[str, Any]] = []
    above: list[dict[str, Any]] = []
    for entry in toc:
        node = {"level": entry.level, "id": entry.id, "name": entry.html, "children": []}
        while above and above[-1]["level"] >= entry.level:
            above.pop()
        (above[-1]["children"] if above else root).append(node)
        above.append(node)
    return root
