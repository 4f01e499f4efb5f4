"""What leads elsewhere: wikilinks, Markdown links, embeds, media, citations and tags."""

from __future__ import annotations

import html
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from litmus.addresses import address, relative_url, tag_anchor
from litmus.bibliography import Reference, described
from litmus.markdown import Token
from litmus.markdown.citations import Cited
from litmus.markdown.headings import shown_name
from litmus.markdown.wikilinks import medium
from litmus.notes import Note
from litmus.problems import Problem, nearest
from litmus.render import boxes
from litmus.render.scope import At, Rule, Scope

if TYPE_CHECKING:
    from litmus.render.site import Site

REFERENCES = "references/"  # where the site keeps its list of references
TAGS = "tags/"
# Ten notes that embed ten each, ten deep, would fill a disk. What is more than this is linked.
MOST_EMBEDDED = 2_000_000  # letters on a page, of which a long book has about one million
A_BLOCK = 20  # letters that a block counts for beside its own
DEEPEST = 10  # embeds in embeds


def wikilink(at: At) -> str:
    """A link to a note, a heading or a block; what it does not find is shown as unresolved."""
    shown = at.children() or html.escape(shown_name(at.token))
    path, fragment = _target(at)
    if path is None:
        return unresolved(shown)
    url = relative_url(address(path), at.scope.page, fragment)
    return f'<a href="{html.escape(url)}" data-card>{shown}</a>'


def link_open(at: At) -> str:
    """A Markdown link, to a file of the vault or away."""
    url = rewritten(at, str(at.token.attrGet("href") or ""))
    title = at.token.attrGet("title")
    about = f' title="{html.escape(str(title))}"' if title else ""
    return f'<a href="{html.escape(url)}"{about}>'


def image(at: At) -> str:
    """A Markdown image; Obsidian writes its size after a bar in the description."""
    url = rewritten(at, str(at.token.attrGet("src") or ""))
    alt, _, size = at.token.content.partition("|")
    return _show_medium(url, alt, size)


def embed(at: At) -> str:
    """A medium, or another note's text (all of it, a section or a block) inside this one."""
    token, site, scope = at.token, at.site, at.scope
    path, fragment = _target(at)
    label = token.meta["label"]
    if path is None:
        return unresolved(html.escape(label or shown_name(token)))
    if path not in site.vault.notes:
        size = label if label[:1].isdigit() else ""
        name = posixpath.splitext(posixpath.basename(path))[0]
        alt = name if size or not label else label
        return _show_medium(relative_url(path, scope.page), alt, size)
    note, here = site.vault.notes[path], (path, token.meta["part"])
    if here in scope.within:
        loop = [*scope.within[scope.within.index(here) :], here]
        chain = " embeds ".join(f"{path}#{part}".rstrip("#") for path, part in loop)
        at.report(f"an embed contains itself: {chain}.", "Link to one of them instead.")
        return unresolved(html.escape(token.content))
    url = relative_url(address(path), scope.page, fragment)
    part = _part(note, token.meta["part"])
    rendered = scope.rendered
    rendered.embeds += 1
    rendered.embedded += sum(len(t.content) + A_BLOCK for t in part)
    if rendered.embedded > MOST_EMBEDDED or len(scope.within) > DEEPEST:
        if rendered.embedded > MOST_EMBEDDED:
            what = f"the page embeds more than {MOST_EMBEDDED} letters; the others are linked."
        else:
            what = f"embeds are {DEEPEST} deep; what is deeper is linked."
        if not rendered.linked_instead:
            at.report(what, "Link to some notes instead of showing them.")
        rendered.linked_instead = True
        title = html.escape(note.title)
        return f'<p class="embed-source"><a href="{html.escape(url)}" data-card>{title}</a></p>\n'
    inner = replace(scope, note=note, within=(*scope.within, here), number=rendered.embeds)
    claim = site.claim_at.get(path)
    if claim and not token.meta["part"]:
        return boxes.embedded_claim(site, claim, inner, url)
    body = site.tokens(part, inner)
    return boxes.embed(body, url, site.title(note, inner))


def citation(at: At) -> str:
    """One or more works, as the sentence's subject or in parentheses."""
    cited = [_cite(at, work) for work in at.token.meta["works"]]
    return cited[0] if at.token.meta["in_text"] else f"({'; '.join(cited)})"


def tag(at: At) -> str:
    """A tag, linked to the list of notes that have it."""
    name = at.token.content
    url = relative_url(TAGS, at.scope.page, tag_anchor(name))
    return f'<a class="tag" href="{html.escape(url)}">#{html.escape(name)}</a>'


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
    rule.__name__: rule for rule in [wikilink, link_open, image, embed, citation, tag]
}


def _target(at: At) -> tuple[str | None, str]:
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
    return path, _fragment(at, path, part)


def _fragment(at: At, path: str, part: str) -> str:
    """Return the HTML id of a heading or a block of a note; report what is not there."""
    note = at.site.vault.notes.get(path)
    if not part or not note:
        return part
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


def rewritten(at: At, url: str) -> str:
    """Return a Markdown link's address on the site; what is not a file of the vault stays."""
    split = urlsplit(url)
    if split.scheme or split.netloc or not url:
        return url
    path = unquote(split.path)
    found = at.site.vault.resolve(path, at.scope.note.path)
    if not found:
        at.report(f"there is no file '{path}'.", at.site.vault.missing(path), kind="link")
        return url
    fragment = _fragment(at, found, unquote(split.fragment))
    return relative_url(address(found), at.scope.page, fragment)


def _part(note: Note, part: str) -> Sequence[Token]:
    if part.startswith("^"):
        block = note.find_block(part[1:])
        if block and block[0].type == "list_item_open":  # an item needs a list around it
            block = [Token("list_open", "ul", 1), *block, Token("list_close", "ul", -1)]
        return block
    heading = note.find_heading(part) if part else None
    return note.section(heading) if heading else note.tokens


def _show_medium(url: str, alt: str, size: str) -> str:
    kind = medium(urlsplit(url).path)
    url, alt = html.escape(url), html.escape(alt)
    width, _, height = size.partition("x")
    sizes = [("width", width), ("height", height)]
    attributes = "".join(f' {name}="{value}"' for name, value in sizes if value.isdigit())
    if kind == "audio":
        return f'<audio controls src="{url}" aria-label="{alt}"></audio>'
    if kind == "video":
        return f'<video controls src="{url}" aria-label="{alt}"{attributes}></video>'
    if kind == "pdf":
        instead = f'<a href="{url}">{alt}</a>'
        return f'<object class="pdf" data="{url}" type="application/pdf">{instead}</object>'
    return f'<img src="{url}" alt="{alt}"{attributes} loading="lazy">'


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
        words = " ".join(filter(None, [work.before, f"@{work.key}", work.after]))
        return unresolved(html.escape(words))
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
    if not url:  # the note about the work cites it
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
