"""What plugins of Obsidian draw or answer, which no page can: shown as what it is, with a word."""

import html
import json
import posixpath
from dataclasses import replace
from itertools import pairwise
from typing import Any

from litmus.markdown import Token
from litmus.render.draft import Scope
from litmus.render.media import show_medium
from litmus.render.renderer import At, Renderer, named
from litmus.vault.addresses import relative_url
from litmus.vault.notes import Note

FENCES = {  # the language of a block of code -> what a plugin makes of it
    "base": "A view of Bases",
    "button": "A button of the plugin Buttons",
    "chart": "A chart of the plugin Charts",
    "dataview": "A query of Dataview",
    "dataviewjs": "A script of Dataview",
    "desmos-graph": "A graph of the plugin Desmos",
    "excalidraw": "A drawing of Excalidraw",
    "functionplot": "A plot of the plugin Function Plot",
    "leaflet": "A map of the plugin Leaflet",
    "meta-bind": "A field of Meta Bind",
    "meta-bind-button": "A button of Meta Bind",
    "plantuml": "A diagram of PlantUML",
    "query": "A search of the vault",
    "table-of-contents": "A table of contents, made by a plugin",
    "tasks": "A query of the plugin Tasks",
    "tikz": "A drawing of TikZ",
    "toc": "A table of contents, made by a plugin",
    "todoist": "A list of Todoist",
    "tracker": "A chart of the plugin Tracker",
}
FILES = {  # the end of a file's name -> what it is
    ".base": "A view of Bases",
    ".canvas": "A canvas",
    ".excalidraw": "A drawing of Excalidraw",
}
ALONE = "which Obsidian alone shows"


def fence(at: At, language: str) -> str | None:
    """Return a block of code that is meant for a plugin, None if it is meant for none."""
    what = FENCES.get(language)
    return _shown(f"{what}, {ALONE}", _source(at.token.content)) if what else None


def code_inline(at: At) -> str:
    """Code in a line; Dataview answers what begins with = or $=."""
    content = at.token.content
    about = ""
    if content.startswith(("= ", "$= ", "=this", "$=dv")):
        about = f' class="plugin" title="An expression of Dataview, {ALONE}"'
    return f"<code{about}>{html.escape(content)}</code>"


def template(at: At) -> str:
    """`<% … %>`: a command of Templater that was never carried out."""
    about = f'class="plugin" title="A command of Templater, {ALONE}"'
    return f"<code {about}>{html.escape(at.token.content)}</code>"


RULES = named(code_inline, template)


def drawing(renderer: Renderer, note: Note, scope: Scope) -> str | None:
    """Return what can be shown of a note that is a drawing of Excalidraw, None for other notes.

    That is the picture which the plugin has exported beside it, and the words in it. The drawing
    itself is compressed, and nothing to read.
    """
    if not note.is_drawing:
        return None
    stem = note.path.removesuffix(".md")
    stems = [stem, stem.removesuffix(".excalidraw"), f"{stem}.light"]
    exported = (f"{s}.{ending}" for ending in ("svg", "png") for s in stems)
    picture = next(filter(renderer.library.publishes, exported), None)
    name = note.name.removesuffix(".excalidraw")
    shown = show_medium(relative_url(picture, scope.here), name, "") if picture else ""
    return _shown(f"A drawing of Excalidraw, {ALONE}", shown + renderer.tokens(_words(note), scope))


def owns(path: str) -> bool:
    """Is a file a plugin's, by the end of its name?"""
    return posixpath.splitext(path)[1].lower() in FILES


def file(at: At, path: str, url: str) -> str:
    """Return what can be shown of an embedded file that a plugin owns."""
    ending = posixpath.splitext(path)[1].lower()
    what = FILES[ending]
    name = html.escape(posixpath.basename(path))
    link = f'<a href="{html.escape(url)}" download>{name}</a>'
    inside = ""
    if ending == ".canvas" and (path, "") not in at.scope.within:
        inner = replace(at.scope, within=(*at.scope.within, (path, "")))
        inside = _cards(replace(at, scope=inner), path)
    elif ending == ".base":
        inside = _source(at.library.text(path))
    return _shown(f"{what}, {ALONE}: {link}", inside)


def _cards(at: At, path: str) -> str:
    """Return the cards of a canvas as a list, from the top, in the order in which one reads."""
    try:
        read = json.loads(at.library.text(path))
        cards = [card for card in read["nodes"] if isinstance(card, dict)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    cards.sort(key=lambda card: (_number(card, "y"), _number(card, "x")))
    shown = [_card(at, card, f"{path}#{count}") for count, card in enumerate(cards, start=1)]
    items = [f"<li>{card}</li>\n" for card in shown if card]
    return f"<ul>\n{''.join(items)}</ul>\n" if items else ""


def _card(at: At, card: dict[str, Any], name: str) -> str:
    match card:
        case {"type": "text", "text": str(text)}:
            return at.renderer.markdown(text, name, at.scope)
        case {"type": "file", "file": str(path)}:
            there = path in at.library.notes or at.library.publishes(path)
            name = html.escape(posixpath.basename(path).removesuffix(".md"))
            url = html.escape(relative_url(at.library.address(path), at.scope.here))
            return f'<a href="{url}">{name}</a>' if there else name
        case {"type": "link", "url": str(url)} if url.startswith(("https://", "http://")):
            return f'<a href="{html.escape(url)}">{html.escape(url)}</a>'
        case {"type": "group", "label": str(label)}:
            return f"<strong>{html.escape(label)}</strong>"
    return ""


def _number(card: dict[str, Any], name: str) -> float:
    value = card.get(name)
    return value if isinstance(value, int | float) else 0.0


def _words(note: Note) -> list[Token]:
    """Return the words that a drawing contains: what stands below "Text Elements"."""
    headings = [i for i, token in enumerate(note.tokens) if token.type == "heading_open"]
    for heading, beyond in pairwise([*headings, len(note.tokens)]):
        if note.tokens[heading].meta["text"] == "Text Elements":
            return [t for t in note.tokens[heading + 3 : beyond] if t.type != "fence"]
    return []


def _source(text: str) -> str:
    return f"<pre><code>{html.escape(text)}</code></pre>\n"


def _shown(what: str, inside: str) -> str:
    return f'<figure class="plugin"><figcaption>{what}</figcaption>\n{inside}</figure>\n'
