"""`![[…]]`: a medium, or another note's text (all of it, a section or a block) inside this one."""

import html
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from litmus.markdown import Token
from litmus.markdown.headings import shown_name
from litmus.markdown.wikilinks import medium
from litmus.render import boxes, obsidian_plugins
from litmus.render.links import card, target, unresolved
from litmus.render.media import alt_and_size, show_medium
from litmus.render.renderer import At, named
from litmus.vault.addresses import address, relative_url
from litmus.vault.notes import Note

DEEPEST = 12  # embeds within embeds; deeper ones become links
# Ten notes that embed ten others each, twelve deep, would fill a disk.
MOST = 2_000_000  # letters embedded in one page, of which a long book has about one million
AN_EMBED, A_BLOCK = 1000, 20  # letters that each counts for beside its own


def embed(at: At) -> str:
    """Show what an embed names; where no block may stand, and where it cannot be, a link or text.

    The parser lifts embeds of notes out of paragraphs and marks them as blocks. Those that it
    leaves, in a heading or the title of a callout, cannot show one.
    """
    if at.scope.is_aside:
        return ""
    path, fragment = target(at)
    label = alt_and_size(at.token.meta["label"])[0] or shown_name(at.token)
    if path is None:
        return _paragraph(at, unresolved(html.escape(label)))
    note = at.library.notes.get(path)
    if path in at.scope.draft.broken or (note and note.is_as_written):
        url = relative_url(at.library.address(path), at.scope.here)
        return _paragraph(at, _link(at, path, url, label))
    if at.token.meta["part"] and not fragment:
        return _as_written(at)
    show = _note if note else _file
    inner = replace(at.scope, within=(*at.scope.within, (path, at.token.meta["part"])))
    return at.renderer.embedded(inner, lambda: show(at, path, fragment))


RULES = named(embed)


def _note(at: At, path: str, fragment: str) -> str:
    scope, part = at.scope, at.token.meta["part"]
    note, here = at.library.notes[path], (path, part)
    if here in scope.within:
        loop = [*scope.within[scope.within.index(here) :], here]
        chain = " embeds ".join(f"{path}#{part}".rstrip("#") for path, part in loop)
        at.report(f"an embed contains itself: {chain}.", "Link to one of them instead.")
        return _as_written(at)
    inner = replace(scope, note=note, within=(*scope.within, here))
    url = relative_url(address(path), scope.here, fragment)
    shown = _part(note, part)
    if _too_much(at, sum(len(token.content) + A_BLOCK for token in shown)) or not at.token.block:
        return _paragraph(at, _link(at, path, url, at.token.meta["label"] or shown_name(at.token)))
    claim = at.library.claim_at.get(path)
    if claim and not part:
        return boxes.claim_box(at.renderer, claim, inner, url)
    drawing = obsidian_plugins.drawing(at.renderer, note, inner) if not part else None
    body = at.renderer.tokens(shown, inner) if drawing is None else drawing
    return boxes.embed(body, url, at.renderer.title(note))


def _too_much(at: At, letters: int) -> bool:
    """Count letters that are to be embedded; say once whether they cannot be."""
    rendered = at.scope.draft
    rendered.embedded += AN_EMBED + letters
    too_much = rendered.embedded > MOST or len(at.scope.within) > DEEPEST
    if too_much and not rendered.linked_instead:
        rendered.linked_instead = True
        what = f"embeds stand {DEEPEST} deep, or show more than {MOST} letters on one page."
        at.report(what, "Link to some of them instead.")
    return too_much


def _file(at: At, path: str, fragment: str) -> str:
    """A medium, or the name of a file of another kind to look at or to download."""
    alt, size = alt_and_size(at.token.meta["label"])
    url = relative_url(path, at.scope.here)
    if medium(path):
        name = posixpath.splitext(posixpath.basename(path))[0]
        return show_medium(url, alt or name, size, part=quote(fragment, safe="=&,"))
    is_drawn = at.token.block and obsidian_plugins.owns(path)
    if is_drawn and not _too_much(at, len(at.library.text(path))):
        return obsidian_plugins.file(at, path, url)
    return _paragraph(at, _link(at, path, url, alt or posixpath.basename(path)))


def _part(note: Note, part: str) -> Sequence[Token]:
    """Return the tokens of a whole note, of a section, or of a block with what belongs to it."""
    if not part.startswith("^"):
        heading = note.find_heading(part) if part else None
        return note.section(heading) if heading else note.tokens
    block = note.find_block(part[1:])
    if block[0].type == "heading_open":
        heading = next((h for h in note.headings if note.tokens[h.index] is block[0]), None)
        return note.section(heading) if heading else block
    return _in_a_list(block) if block[0].type == "list_item_open" else block


def _in_a_list(item: Sequence[Token]) -> Sequence[Token]:
    """Return a list item in a list of its own, with the number that it has in its note."""
    ordered = item[0].info.isdigit()
    tag = "ol" if ordered else "ul"
    attributes: dict[str, str | int | float] = {}
    if ordered and item[0].info != "1":
        attributes["start"] = int(item[0].info)
    if "task-list-item" in str(item[0].attrGet("class")):
        attributes["class"] = "contains-task-list"
    opening = Token("list_open", tag, 1, attrs=attributes)
    return [opening, *item, Token("list_close", tag, -1)]


def _link(at: At, path: str, url: str, shown: str) -> str:
    return f'<a class="embed" href="{html.escape(url)}"{card(at, path)}>{html.escape(shown)}</a>'


def _as_written(at: At) -> str:
    return _paragraph(at, f'<code class="unresolved">{html.escape(at.token.content)}</code>')


def _paragraph(at: At, text: str) -> str:
    """Return text as a paragraph, unless it stands in one already."""
    return f"<p>{text}</p>\n" if at.token.block else text
