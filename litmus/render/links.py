"""What leads elsewhere: wikilinks, Markdown links and images, and tags."""

import html
import posixpath
from urllib.parse import unquote

from litmus.markdown.destinations import inside
from litmus.markdown.headings import plain_text, shown_name
from litmus.markdown.urls import address_parts
from litmus.markdown.wikilinks import medium
from litmus.problems import Problem, nearest
from litmus.render.library import Library
from litmus.render.media import alt_and_size, show_medium
from litmus.render.renderer import At, named
from litmus.vault.addresses import TAGS, relative_url, tag_anchor
from litmus.vault.notes import Note

FRAMED = {  # hosts whose pages Obsidian shows in a frame, with the image syntax
    *("youtu.be", "youtube.com", "www.youtube.com"),
    *("twitter.com", "x.com"),
}


def wikilink(at: At) -> str:
    """A link to a note, a heading or a block; what it does not find is shown as unresolved."""
    shown = at.children() or html.escape(shown_name(at.token))
    if at.scope.is_aside:
        return shown
    path, fragment = target(at)
    if path is None:
        return unresolved(shown)
    url = relative_url(at.library.address(path), at.scope.here, fragment)
    return f'<a href="{html.escape(url)}"{card(at, path)}{_saved(url)}>{shown}</a>'


def link_open(at: At) -> str:
    """A Markdown link, to a file of the vault or away; no address where there is no such file."""
    if at.scope.is_aside:
        return ""
    url = _where(at, "href")
    title = at.token.attrGet("title")
    about = f' title="{html.escape(str(title))}"' if title else ""
    if url is None:
        return f'<a class="unresolved"{about}>'
    return f'<a href="{html.escape(url)}"{about}{_saved(url)}>'


def link_close(at: At) -> str:
    """The end of a Markdown link."""
    return "" if at.scope.is_aside else "</a>"


def image(at: At) -> str:
    """A Markdown image; Obsidian writes its size after a bar in the description."""
    alt, size = alt_and_size(plain_text(at.token.children or []))
    if at.scope.is_aside:
        return html.escape(alt)
    source = str(at.token.attrGet("src") or "")
    url = _where(at, "src")
    if url is None:
        return unresolved(html.escape(alt or unquote(source)))
    there = address_parts(url)
    is_page = not there.netloc and not medium(there.path) and there.scheme != "data"
    if is_page or there.hostname in FRAMED:
        return f'<a class="embed" href="{html.escape(url)}">{html.escape(alt or source)}</a>'
    return show_medium(url, alt, size, title=str(at.token.attrGet("title") or ""))


def tag(at: At) -> str:
    """A tag, linked to the list of notes that have it."""
    name = at.token.content
    if at.scope.is_aside:
        return f"#{html.escape(name)}"
    url = relative_url(TAGS, at.scope.here, tag_anchor(name))
    return f'<a class="tag" href="{html.escape(url)}">#{html.escape(name)}</a>'


def _saved(url: str) -> str:
    """A program of the site, which has no page here, is saved and not shown as text."""
    return " download" if url.endswith((".py", ".zip")) and "//" not in url else ""


def card(at: At, path: str) -> str:
    """Return the attribute by which a link shows a card; other files than notes have none."""
    return " data-card" if path in at.library.notes else ""


def unresolved(shown: str) -> str:
    """Return text that should have led somewhere, marked as leading nowhere."""
    return f'<span class="unresolved">{shown}</span>'


def in_properties(library: Library, note: Note) -> list[Problem]:
    """Return what is wrong with the links in a note's properties."""
    return [
        Problem(
            note.path,
            None,
            f"no note is called '{target}', to which the property '{name}' links.",
            library.missing(target),
            kind="link",
        )
        for target, name in note.property_links
        if not library.resolve(target, note.path)
    ]


RULES = named(wikilink, link_open, link_close, image, tag)


def target(at: At) -> tuple[str | None, str]:
    """Return the path and the fragment that a wikilink leads to; report what is not there."""
    target, part, vault = at.token.meta["target"], at.token.meta["part"], at.library
    candidates = vault.candidates(target, at.scope.note.path)
    if not candidates:
        at.report(f"no note is called '{target}'.", vault.missing(target), kind="link")
        return None, ""
    path = candidates[0]
    if len(candidates) > 1 and posixpath.splitext(path)[0] != target:
        could_be = " or ".join(candidates)
        at.report(f"'{target}' could be {could_be}.", "Write more of the path.", kind="name")
    if at.library.is_withheld(path):
        return None, ""  # which was reported of the file
    return path, _fragment(at, path, part)


def _fragment(at: At, path: str, part: str) -> str:
    """Return the HTML id of a heading or a block of a note; report what is not there."""
    if not part:
        return ""  # so it does not depend on what the note says
    note = at.library.notes.get(path)
    if not note:
        return part
    if note.is_as_written:
        return ""  # of a note that nobody could read, which was reported of it
    if part.startswith("^"):
        anchor = note.anchor(part[1:])
        if not anchor:
            remedy = f"Write {part} at the end of that block."
            at.report(f"{path} has no block {part}.", remedy, kind="link")
        return anchor
    heading = note.find_heading(part)
    if not heading:
        there = nearest(part, (h.text for h in note.headings)) or "Link to one that is there."
        at.report(f"{path} has no heading '{part}'.", there, kind="link")
        return ""
    return heading.id


def rewritten(at: At, url: str) -> str | None:
    """Return an address that a note's HTML names as it is on the site, None if nothing is there."""
    there = inside(url)
    return _address(at, *there) if there else url


def _where(at: At, attribute: str) -> str | None:
    """Return where a Markdown link leads on the site, None where nothing is to be found."""
    if "target" in at.token.meta:
        return _address(at, at.token.meta["target"], at.token.meta["part"])
    return str(at.token.attrGet(attribute) or "")


def _address(at: At, target: str, part: str) -> str | None:
    found = at.library.resolve(target, at.scope.note.path)
    if not found:
        at.report(f"there is no file '{target}'.", at.library.missing(target), kind="link")
        return None
    if at.library.is_withheld(found):
        return None  # which was reported of the file
    return relative_url(at.library.address(found), at.scope.here, _fragment(at, found, part))
