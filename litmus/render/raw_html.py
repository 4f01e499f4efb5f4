"""HTML that a note is written with: what is harmless stays, what runs or pretends does not.

A note is text from anybody. Each of its tags is written anew here, from the names, attributes and
addresses that are allowed, so that none of them can run code, load a page into ours or look like a
part of the site (a status, a menu, an anchor). Its tags need not fit together, and a part of a note
may have only one of two; `allowed_html.balanced` mends that.
"""

# ruff: noqa: SIM905  # long lists of words read best as words
import html
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from markdown_it.common.html_re import HTML_TAG_RE

from litmus.markdown.urls import PASSED_OVER, runs_code
from litmus.render.allowed_html import (
    ACTIVE,
    ADDRESSES,
    ALLOWED,
    EVERYWHERE,
    KNOWN,
    LOOK,
    LOOKS,
    PAGES,
    WITH_CONTENT,
    WORDS,
)
from litmus.render.links import rewritten
from litmus.render.renderer import At, named

# Left open, these go on in every paragraph below, as browsers have it: many of them would multiply.
FORMATTING = set("a b big code em font i s small strike strong tt u".split())
SPANNING = 8  # formatting tags of a page that may begin in one block of HTML and end in another
NEAR = 100  # tags or words in a line within which formatting must end
MANY = 10_000  # tags on a page: time to put them in order grows with the square of their depth

ATTRIBUTE = re.compile(
    r"""\s(?P<name>[a-z_:][\w:.-]*)(?:\s*=\s*(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|(?P<c>[^\s"'=<>`]+)))?""",
    re.IGNORECASE,
)
TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]*)")
PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|avif)[;,]", re.IGNORECASE)
UNSPOKEN = {"<!--": "-->", "<?": "?>", "<![CDATA[": "]]>", "<!": ">"}  # nobody is to read these


def html_inline(at: At) -> str:
    """A tag in a line."""
    return _clean(at)


def html_block(at: At) -> str:
    """Lines of HTML."""
    return _clean(at) + "\n"


RULES = named(html_inline, html_block)


def _clean(at: At) -> str:
    """Return what may stay of a token's HTML, written anew."""
    if at.renderer.raw_html:
        return at.token.content
    draft, before = at.scope.draft, at.scope.draft.raw_html
    draft.raw_html += at.token.content.count("<")
    if draft.raw_html > MANY:
        if before <= MANY:
            at.report(f"the page has more than {MANY} HTML tags.", "The others are shown as text.")
        return html.escape(at.token.content)
    return "".join(_pieces(at, at.token.content))


def _pieces(at: At, source: str) -> Iterator[str]:
    """Yield what is between tags as text, and the tags that may stay."""
    position, unclosed = 0, set()
    while position < len(source):
        begin = source.find("<", position)
        if begin < 0:
            break
        yield _words(source[position:begin])
        position = begin
        opening = next((o for o in UNSPOKEN if source.startswith(o, begin)), "")
        if opening and opening not in unclosed:
            end = source.find(UNSPOKEN[opening], begin + len(opening))
            if end >= 0:
                position = end + len(UNSPOKEN[opening])
                continue
            unclosed.add(opening)
        found = None if opening else HTML_TAG_RE.match(source, begin)
        if not found:
            yield "&lt;"
            position = begin + 1
            continue
        position, name = found.end(), _name(found[0])
        if name in FORMATTING and not found[0].startswith("</") and not _ends(at, name, position):
            continue
        yield _tag(at, found[0], source.count("\n", 0, begin))
        if name in WITH_CONTENT and not found[0].startswith("</"):
            closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(source, position)
            position = closing.end() if closing else position
    yield _words(source[position:])


def _tag(at: At, written: str, line: int) -> str:
    """Return one tag as it may stand on a page, "" if it may not."""
    name, closes = _name(written), written.startswith("</")
    if name not in KNOWN:
        return "" if {":", "-"} & set(name) else html.escape(written)  # List<T>, <your name>
    attributes = {} if closes else _attributes(written)
    handlers = [attribute for attribute in attributes if attribute.startswith("on")]
    if not closes and (name in ACTIVE or handlers):
        _report(at, f"<{name} {handlers[0]}>" if handlers else f"<{name}>", line)
    if name in PAGES and not closes and not at.scope.is_aside:
        url = attributes.get(PAGES[name], "").strip()
        safe = url and not runs_code(url)
        return f'<a href="{html.escape(url)}">{html.escape(url)}</a>' if safe else ""
    if name == "svg" and not closes:
        return '<span class="unresolved">(a drawing in the note)</span>'
    if name not in (WORDS if at.scope.is_aside else ALLOWED):
        return ""
    if closes:
        return f"</{name}>"
    kept = "".join(
        f' {attribute}="{html.escape(value)}"'
        for attribute, raw in attributes.items()
        if attribute in ALLOWED[name] | EVERYWHERE
        and (value := _value(at, attribute, raw, line)) is not None
    )
    always = " controls" if name in {"audio", "video"} and "controls" not in attributes else ""
    return f"<{name}{kept}{always}>"


def _ends(at: At, name: str, position: int) -> bool:
    """Does the formatting that begins before a position end in its paragraph, or may it go on?"""
    if at.token.type == "html_inline":
        after = (t.content for t in at.tokens[at.index + 1 : at.index + 1 + NEAR])
        return _closed(name, (tag for tag in after if tag.startswith("<")))
    tags = (tag[0] for tag in HTML_TAG_RE.finditer(at.token.content, position))
    if _closed(name, islice(tags, NEAR)):
        return True
    at.scope.draft.spanning += 1
    return at.scope.draft.spanning <= SPANNING


def _closed(name: str, tags: Iterable[str]) -> bool:
    depth = 1
    for tag in tags:
        if _name(tag) == name:
            depth += -1 if tag.startswith("</") else 1
        if not depth:
            return True
    return False


def _value(at: At, attribute: str, value: str, line: int) -> str | None:
    """Return the value of an attribute as it may stand on a page, None if it may not."""
    if attribute == "style":
        looks = (look.partition(":") for look in value.split(";"))
        kept = [
            f"{name.strip()}:{what.strip()}"
            for name, _, what in looks
            if name.strip().lower() in LOOKS and LOOK.fullmatch(what)
        ]
        return ";".join(kept) or None
    if attribute in ADDRESSES:
        url = value.strip()
        if runs_code(url) and not (attribute != "href" and PICTURE.match(url)):
            _report(at, f"{PASSED_OVER.sub('', url)[:20]}… as an address", line)
            return None
        return rewritten(at, url)
    return value


def _words(text: str) -> str:
    """Return text between tags; an entity means what it meant."""
    return html.escape(html.unescape(text), quote=False)


def _name(tag: str) -> str:
    found = TAG.match(tag)
    return found["name"].lower() if found else ""


def _attributes(tag: str) -> dict[str, str]:
    """Return the attributes of an opening tag; of two with one name the first counts."""
    found: dict[str, str] = {}
    for attribute in ATTRIBUTE.finditer(tag):
        value = next((v for v in attribute.group("a", "b", "c") if v is not None), "")
        found.setdefault(attribute["name"].lower(), html.unescape(value))
    return found


def _report(at: At, what: str, line: int) -> None:
    """Report once for each note what of its HTML was not let through."""
    path = at.scope.note.path
    if path not in at.scope.draft.refused:
        at.scope.draft.refused.add(path)
        said = f"the note's HTML has {what}, which could run code on the page; it is left out."
        at.report(said, "Set `raw_html: true` if you trust every note of the vault.", line=line)
