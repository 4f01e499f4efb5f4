"""Labs: Python files in percent format, laid out by mkdocs-jupyter and shown as notes are.

Its pages come with 590 KB of style, scripts that ask other hosts, and every cell twice. Here the
cells are taken out of them and set like everything else on the site. A page of a megabyte is read
by selectolax, in a hundredth of the time of BeautifulSoup, which then rewrites the texts.
"""

import base64
import html
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from litmus.cache import Cache
from litmus.files.digest import digest
from litmus.markdown.maths import DISPLAY, INLINE
from litmus.problems import Problem
from litmus.render.code import code_block
from litmus.render.draft import TocEntry
from litmus.tex import katex
from litmus.vault.addresses import relative_url

CELLS = (
    ".jp-RenderedMarkdown, .clipboard-copy-txt, .jp-OutputArea-output > pre, .jp-RenderedImage img"
)
LITERAL = {"code", "pre", "script", "style"}
HEADINGS = "h1[id], h2[id], h3[id], h4[id], h5[id], h6[id]"
FIGURE = re.compile(r'(<img\b[^>]*?)src="data:image/png;base64,([^"]*)"')


def own_page(body: str, file: str, cache: Cache | None = None) -> str:
    """Return the cells of a lab, taken out of mkdocs-jupyter's page, and a link to its source."""
    shown = "".join(_cells(LexborHTMLParser(body), cache))
    name = html.escape(file.rpartition("/")[2])
    return (
        f"{shown}<p class='lab-source'><a href='{name}' download>Download this lab</a>: one Python "
        "file that runs by itself, with nothing of this project.</p>"
    )


def figures_apart(body: str, page: str) -> tuple[str, dict[str, bytes]]:
    """Return a lab's page with its figures as files of their own, by their path on the site.

    Inline they would have to arrive before the text does; apart, each loads when it comes in sight.
    """
    figures: dict[str, bytes] = {}

    def apart(found: re.Match[str]) -> str:
        picture = base64.b64decode(found[2])
        path = f"assets/figures/{digest(picture)}.png"
        figures[path] = picture
        width, height = Image.open(BytesIO(picture)).size
        place = f'src="{relative_url(path, page)}" width="{width}" height="{height}"'
        return f'{found[1]}{place} loading="lazy"'

    return FIGURE.sub(apart, body), figures


def contents(body: str) -> list[TocEntry]:
    """Return the headings of a lab's page; the executor's own list counts its front matter in."""
    page = LexborHTMLParser(body)
    for anchor in page.css("a.headerlink"):
        anchor.decompose()
    return [
        TocEntry(int(str(heading.tag)[1]), str(heading.attributes["id"]), heading.inner_html or "")
        for heading in page.css(HEADINGS)
    ]


def dead_links(body: str, file: str, page: str, addresses: Iterable[str]) -> list[Problem]:
    """Return a problem for every link of a lab to a page of the site that is not there."""
    known = set(addresses)
    problems = []
    for link in LexborHTMLParser(body).css("a[href]:not(.headerlink):not([download])"):
        href = link.attributes["href"] or ""
        to = urlsplit(urljoin(f"/{page}", href))
        if not to.scheme and to.path.lstrip("/") not in known:
            what = f"the link to {href} leads nowhere."
            problems.append(
                Problem(file, None, what, f"From here the site begins at {'../' * page.count('/')}")
            )
    return problems


def _cells(page: LexborHTMLParser, cache: Cache | None) -> Iterator[str]:
    heading, figures = "", 0
    for part in page.css(CELLS):
        if part.tag == "img":
            figures += 1
            about = f"Figure {figures}, to “{heading}”"
            source = part.attributes["src"]
            yield f'<p class="plot"><img src="{source}" alt="{html.escape(about)}"></p>\n'
        elif part.tag == "pre":
            yield f'<figure class="run">{code_block(part.text(), "text", cache)}</figure>\n'
        elif "clipboard-copy-txt" in (part.attributes["class"] or "").split():
            yield code_block(part.text(), "python", cache)
        else:
            cell = BeautifulSoup(part.inner_html or "", "html.parser")
            _mend_headings(cell)
            _set_formulas(cell)
            headings = cell.find_all(re.compile("^h[1-6]$"))
            heading = headings[-1].get_text().removesuffix("¶") if headings else heading
            yield cell.decode_contents()


def _mend_headings(cell: Tag) -> None:
    for anchor in cell.select("a.anchor-link"):
        anchor["class"] = "headerlink"
        anchor["title"] = "Permanent link"


def _set_formulas(cell: Tag) -> None:
    """Put placeholders for formulas where the text of a cell has dollar signs, code apart."""
    for text in list(cell.find_all(string=lambda s: "$" in s)):
        if any(parent.name in LITERAL for parent in text.parents):
            continue
        escaped = html.escape(str(text), quote=False)
        escaped = DISPLAY.sub(lambda m: _placeholder(m["tex"], True), escaped)
        escaped = INLINE.sub(lambda m: _placeholder(m["tex"], False), escaped)
        text.replace_with(BeautifulSoup(escaped, "html.parser"))


def _placeholder(escaped: str, display: bool) -> str:
    return katex.placeholder(html.unescape(escaped).strip(), display)
