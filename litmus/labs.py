"""Labs: Python files in percent format that mkdocs-jupyter executes, shown as notes are.

Its pages come with 590 KB of style, scripts that ask other hosts, and every cell twice. Here the
cells are taken out of them and set like everything else on the site.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from PIL import Image

from litmus import tex
from litmus.addresses import relative_url
from litmus.markdown.maths import DISPLAY, INLINE
from litmus.problems import Problem
from litmus.render import TocEntry
from litmus.render.code import code_block

CELLS = (
    ".jp-RenderedMarkdown, .clipboard-copy-txt, .jp-OutputArea-output > pre, .jp-RenderedImage img"
)
LITERAL = {"code", "pre", "script", "style"}


def own_page(body: str, file: str) -> str:
    """Return the cells of a lab, taken out of mkdocs-jupyter's page, and a link to its source."""
    soup = BeautifulSoup(body, "html.parser")
    shown = "".join(_cells(soup))
    name = html.escape(file.rpartition("/")[2])
    return (
        f"{shown}<p class='lab-source'><a href='{name}' download>Download this lab</a>: one Python "
        "file that runs by itself, with nothing of this project.</p>"
    )


def figures_apart(body: str, page: str) -> tuple[str, dict[str, bytes]]:
    """Return a lab's page with its figures as files of their own, by their path on the site.

    Inline they would have to arrive before the text does; apart, each loads when it comes in sight.
    """
    soup = BeautifulSoup(body, "html.parser")
    figures: dict[str, bytes] = {}
    for image in soup.select('img[src^="data:image/png;base64,"]'):
        picture = base64.b64decode(str(image["src"]).partition(",")[2])
        path = f"assets/figures/{hashlib.sha256(picture).hexdigest()[:16]}.png"
        figures[path] = picture
        width, height = Image.open(BytesIO(picture)).size
        place = {"src": relative_url(path, page), "width": str(width), "height": str(height)}
        image.attrs |= {**place, "loading": "lazy"}
    return str(soup), figures


def contents(body: str) -> list[TocEntry]:
    """Return the headings of a lab's page; the executor's own list counts its front matter in."""
    headings = BeautifulSoup(body, "html.parser").find_all(re.compile("^h[1-6]$"), id=True)
    return [
        TocEntry(int(heading.name[1]), str(heading["id"]), _without_anchor(heading))
        for heading in headings
    ]


def dead_links(body: str, file: str, page: str, addresses: Iterable[str]) -> list[Problem]:
    """Return a problem for every link of a lab to a page of the site that is not there."""
    known = set(addresses)
    problems = []
    for link in BeautifulSoup(body, "html.parser").select("a[href]:not(.headerlink)"):
        to = urlsplit(urljoin(f"/{page}", str(link["href"])))
        if not to.scheme and to.path.lstrip("/") not in known and not link.has_attr("download"):
            what = f"the link to {link['href']} leads nowhere."
            problems.append(
                Problem(file, None, what, f"From here the site begins at {'../' * page.count('/')}")
            )
    return problems


def _cells(soup: BeautifulSoup) -> Iterator[str]:
    heading, figures = "", 0
    for part in soup.select(CELLS):
        if part.name == "img":
            figures += 1
            about = f"Figure {figures}, to “{heading}”"
            yield f'<p class="plot"><img src="{part["src"]}" alt="{html.escape(about)}"></p>\n'
        elif part.name == "pre":
            yield f'<figure class="run">{code_block(part.get_text(), "text")}</figure>\n'
        elif "clipboard-copy-txt" in part.get_attribute_list("class"):
            yield code_block(part.get_text(), "python")
        else:
            _mend_headings(part)
            _set_formulas(part)
            headings = part.find_all(re.compile("^h[1-6]$"))
            heading = headings[-1].get_text().removesuffix("¶") if headings else heading
            yield part.decode_contents()


def _without_anchor(heading: Tag) -> str:
    for anchor in heading.select("a.headerlink"):
        anchor.extract()
    return heading.decode_contents()


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
    return tex.placeholder(html.unescape(escaped).strip(), display)
