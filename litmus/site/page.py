"""A page of the site before the theme is put around it, and how a template becomes one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from litmus.claims.backlinks import Backlink
from litmus.render.draft import TocEntry
from litmus.render.renderer import Renderer
from litmus.vault.addresses import address, relative_url

TEMPLATES = Environment(
    loader=PackageLoader("litmus.site"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


class LinkedFrom(NamedTuple):
    """A link to a page, as its "Linked from" shows it."""

    relation: str
    note: Markup
    sentence: Markup


@dataclass(frozen=True)
class Page:
    """A page of the site, ready for the theme to be put around it."""

    address: str
    title: str  # as plain text
    html: str
    words: str = ""  # what the search finds, besides the title, on a page that is no note's
    toc: tuple[TocEntry, ...] = ()
    tags: tuple[str, ...] = ()
    linked_from: Sequence[LinkedFrom] = ()


def filled(
    template: str, here: str, title: str, renderer: Renderer, words: str = "", **values: object
) -> Page:
    """Return the page that a template makes of its title and values, with links to others."""
    values["link"] = partial(renderer.link, here=here)  # of a note
    values["url"] = lambda path: relative_url(address(path), here)
    body = TEMPLATES.get_template(template).render(title=title, **values)
    return Page(here, title, body, words)


def linked_from(links: Iterable[Backlink], renderer: Renderer, here: str) -> list[LinkedFrom]:
    """Return links to a page as its "Linked from" shows them."""
    notes = renderer.library.vault.notes
    return [
        LinkedFrom(
            link.relation,
            renderer.link(notes[link.source], here),
            Markup(renderer.sentence(link)),
        )
        for link in links
    ]
