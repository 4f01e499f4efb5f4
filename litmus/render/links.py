"""What leads elsewhere: wikilinks, Markdown links, media, citations and tags."""

from __future__ import annotations

import html
import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from litmus.markdown.citations import Cited
from litmus.markdown.destinations import inside
from litmus.markdown.headings import plain_text, shown_name
from litmus.markdown.urls import address_parts
from litmus.markdown.wikilinks import medium
from litmus.problems import Problem, nearest
from litmus.render.scope import At, Rule, Scope
from litmus.vault.addresses import address, relative_url, tag_anchor
from litmus.vault.bibliography import Reference, described
from litmus.vault.notes import Note

if TYPE_CHECKING:
    from litmus.render.site import Site

REFERENCES = "references/"  # where the site keeps its list of references
TAGS = "tags/"
FRAMED = {  # hosts whose pages Obsidian shows in a frame, with the image syntax
    *("youtu.be", "youtube.com", "www.youtube.com"),
    *("twitter.com", "x.com"),
}
SIZE = re.compile(r"\d+(x\d+)?")


def wikilink(at: At) -> str:
    """A link to a note, a heading or a block; what it does not find is shown as unresolved."""
    shown = at.children() or html.escape(shown_name(at.token))
    if at.scope.is_aside:
        return shown
    path, fragment = target(at)
    if path is None:
        return unresolved(shown)
    url = relative_url(at.site.address(path), at.scope.page, fragment)
    return f'<a href="{html.escape(url)}"{card(at, path)}>{shown}</a>'


def link_open(at: At) -> str:
    """A Markdown link, to a file of the vault or away; no address where there is no such file."""
    if at.scope.is_aside:
        return ""
    url = _where(at, "href")
    title = at.token.attrGet("title")
    about = f' title="{html.escape(str(title))}"' if title else ""
    if url is None:
        return f'<a class="unresolved"{about}>'
    return f'<a href="{html.escape(url)}"{about}>'


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


def citation(at: At) -> str:
    """One or more works, as a subject or in parentheses; as written where none is known."""
    works, known = at.token.meta["works"], len(at.scope.rendered.cited)
    cited = [_cite(at, work) for work in works]
    if at.token.meta["in_text"]:
        return cited[0]
    if len(at.scope.rendered.cited) == known:
        return unresolved(html.escape(at.token.content))
    return f"({'; '.join(cited)})"


def tag(at: At) -> str:
    """A tag, linked to the list of notes that have it."""
    name = at.token.content
    if at.scope.is_aside:
        return f"#{html.escape(name)}"
    url = relative_url(TAGS, at.scope.page, tag_anchor(name))
    return f'<a class="tag" href="{html.escape(url)}">#{html.escape(name)}</a>'


def card(at: At, path: str) -> str:
    """Return the attribute by which a link shows a card; other files than notes have none."""
    return " data-card" if path in at.site.vault.notes else ""


def unresolved(shown: str) -> str:
    """Return text that should have led somewhere, marked as leading nowhere."""
    return f'<span class="unresolved">{shown}</span>'


def in_properties(site: Site, note: Note) -> list[Problem]:
    """Return what is wrong with the links in a note's properties."""
    return [
        Problem(
            note.path,
            None,
            f"no note is called '{target}', to which the property '{name}' links.",
            site.vault.missing(target),
            kind="link",
        )
        for target, name in note.property_links
        if not site.vault.resolve(target, note.path)
    ]


RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in [wikilink, link_open, link_close, image, citation, tag]
}


def target(at: At) -> tuple[str | None, str]:
    """Return the path and the fragment that a wikilink leads to; report what is not there."""
    target, part, vault = at.token.meta["target"], at.token.meta["part"], at.site.vault
    candidates = vault.candidates(target, at.scope.note.path)
    if not candidates:
        at.report(f"no note is called '{target}'.", vault.missing(target), kind="link")
        return None, ""
    path = candidates[0]
    if len(candidates) > 1 and posixpath.splitext(path)[0] != target:
        could_be = " or ".join(candidates)
        at.report(f"'{target}' could be {could_be}.", "Write more of the path.", kind="name")
    if at.site.vault.is_withheld(path):
        return None, ""  # which was reported of the file
    return path, _fragment(at, path, part)


def _fragment(at: At, path: str, part: str) -> str:
    """Return the HTML id of a heading or a block of a note; report what is not there."""
    note = at.site.vault.notes.get(path)
    if not part or not note:
        return part
    if note.is_as_written:
        return ""  # of a note that nobody could read, which was reported of it
    if part.startswith("^"):
        block = note.find_block(part[1:])
        if not block:
            at.report(
                f"{path} has no block {part}.",
                f"Write {part} at the end of that block.",
                kind="link",
            )
            return ""
        return str((block[0].meta or {}).get("block_id") or block[0].attrGet("id"))
    heading = note.find_heading(part)
    if not heading:
        there = nearest(part, (h.text for h in note.headings))
        at.report(
            f"{path} has no heading '{part}'.", there or "Link to one that is there.", kind="link"
        )
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
    found = at.site.vault.resolve(target, at.scope.note.path)
    if not found:
        at.report(f"there is no file '{target}'.", at.site.vault.missing(target), kind="link")
        return None
    if at.site.vault.is_withheld(found):
        return None  # which was reported of the file
    return relative_url(at.site.address(found), at.scope.page, _fragment(at, found, part))


def alt_and_size(label: str) -> tuple[str, str]:
    """Return what "a curve|300x200" describes and how large it is; either may be missing."""
    alt, _, size = label.rpartition("|")
    return (alt.strip(), size.strip()) if SIZE.fullmatch(size.strip()) else (label.strip(), "")


def show_medium(url: str, alt: str, size: str, part: str = "", title: str = "") -> str:
    """Return an image, a sound, a film or a PDF, so large as its author wants it.

    The part is a page of a PDF or a moment of a film: "page=3", "t=20", "height=400".
    """
    kind, away = medium(address_parts(url).path), bool(address_parts(url).netloc)
    url, alt = html.escape(f"{url}#{part}" if part else url), html.escape(alt)
    width, _, height = size.partition("x")
    sizes = [("width", width), ("height", height or dict(parse_qsl(part)).get("height", ""))]
    attributes = "".join(f' {name}="{value}"' for name, value in sizes if value.isdigit())
    if kind == "audio":
        return f'<audio controls src="{url}" aria-label="{alt}"></audio>'
    if kind == "video":
        return f'<video controls src="{url}" aria-label="{alt}"{attributes}></video>'
    if kind == "pdf":
        instead = f'<a href="{url}">{alt}</a>'
        return (
            f'<object class="pdf" data="{url}" type="application/pdf" aria-label="{alt}"'
            f"{attributes}>{instead}</object>"
        )
    attributes += f' title="{html.escape(title)}"' if title else ""
    attributes += ' referrerpolicy="no-referrer"' if away else ""
    shape = f' style="aspect-ratio: {width}/{height}"' if height.isdigit() else ""
    return f'<img src="{url}" alt="{alt}"{attributes} loading="lazy"{shape}>'


def _cite(at: At, work: Cited) -> str:
    reference = at.site.references.get(work.key) or _from_its_note(at, work.key)
    in_text = at.token.meta["in_text"]
    if not reference and in_text and not at.site.references:
        return html.escape(at.token.content)  # nothing can be cited here: @ is how people are named
    if not reference:
        there = nearest(work.key, at.site.references)
        at.report(
            f"no reference has the key '{work.key}'.",
            there or "Add it to references.bib.",
            kind="citation",
        )
        words = " ".join(filter(None, [work.before, f"@{work.key}"]))
        return unresolved(html.escape(", ".join(filter(None, [words, work.after]))))
    at.scope.rendered.cited.append(work.key)
    url = _literature(at, work.key)
    if not url and work.key in at.site.references:
        url = relative_url(REFERENCES, at.scope.page, reference.anchor)
    before = f"{html.escape(work.before)} " if work.before else ""
    after = f", {html.escape(work.after)}" if work.after else ""
    authors, year = html.escape(reference.authors), html.escape(reference.year)
    if in_text and not work.only_year:
        label = f"{authors} ({year}{after})" if year else authors
        before = after = ""
    else:
        label = year if work.only_year and year else ", ".join(filter(None, [authors, year]))
    if not url or at.scope.is_aside:  # the note about the work cites it; a menu has no links
        return f"{before}{label}{after}"
    return f'{before}<a class="citation" href="{html.escape(url)}" data-card>{label}</a>{after}'


def _from_its_note(at: At, key: str) -> Reference | None:
    """Return what the properties of the note about a work say of it, if there is such a note."""
    note = at.site.vault.notes.get(at.site.literature.get(key, ""))
    return described(key, note.properties, note.title) if note else None


def _literature(at: At, key: str) -> str | None:
    """Return the link to the note about a work, unless there is none or this is it."""
    path = at.site.literature.get(key)
    if not path or _is_page_of(at.scope, path):
        return None
    return relative_url(address(path), at.scope.page)


def _is_page_of(scope: Scope, path: str) -> bool:
    return scope.page == address(path)
