"""Files that come with notes: would a browser that opens one run code in the name of our site?"""

# ruff: noqa: SIM905  # long lists of words read best as words
import posixpath
import re
from functools import lru_cache, partial
from pathlib import Path
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesNSImpl

from defusedxml.sax import make_parser

from litmus.files.writing import stamp
from litmus.markdown.urls import PASSED_OVER, runs_code
from litmus.problems import Problem, tried

LEFT_OUT = "It is left out, and links to it are shown as text."
RUN = set(".html .htm .xhtml .xht .shtml .mht .mhtml .hta .js .mjs .svgz .swf".split())
XML = set(".svg .xml .xsl .xslt .rdf .rss .atom .mml .mathml".split())  # may have scripts in it

XHTML = "http://www.w3.org/1999/xhtml"
ACTIVE = set("script handler iframe frame object embed applet base form meta link".split())
WORDS = set(  # of HTML within a drawing: what programs for diagrams write their labels with
    "html body div span p br hr a b i u s em strong small big sub sup font center code pre img "
    "ul ol li h1 h2 h3 h4 h5 h6 table tbody thead tr td th blockquote".split()
)
ADDRESSES = {"href", "src", "action", "formaction", "data", "from", "to", "by", "values"}
PICTURE = re.compile(r"data:image/", re.IGNORECASE)


def withheld(folder: Path, paths: set[str]) -> list[Problem]:
    """Return a problem for each of the files that could run code, or cannot be looked into."""
    problems: list[Problem] = []
    for path in sorted(paths):
        if tried(partial(runs, folder / path), path, problems.append, LEFT_OUT):
            what = "the file could run code in its reader's browser, and is left out."
            problems.append(Problem(path, None, what, "Links to it are shown as text."))
    return problems


def runs(file: Path) -> bool:
    """Could a browser run code of a file?"""
    ending = posixpath.splitext(file.name)[1].lower()
    return ending in RUN or (ending in XML and _runs_as_xml(file, stamp(file)))


@lru_cache(maxsize=10_000)
def _runs_as_xml(file: Path, _: tuple[int, ...]) -> bool:
    parser = make_parser()
    parser.forbid_external = False  # they are named in many drawings, and never fetched
    parser.setFeature("http://xml.org/sax/features/namespaces", True)
    parser.setContentHandler(_Search())
    try:
        with file.open("rb") as source:
            parser.parse(source)
    except (_Found, SAXException, ValueError, LookupError, OSError):
        return file.stat().st_size > 0  # of what is no XML, a browser runs all up to the error
    return False


class _Found(Exception):  # noqa: N818  # it is what was looked for
    """Something that runs."""


class _Search(ContentHandler):
    """Reads XML until it finds something that runs."""

    def startElementNS(  # noqa: N802
        self, name: tuple[str | None, str], qname: str | None, attrs: AttributesNSImpl
    ) -> None:
        space, tag = name[0], name[1].lower()
        if tag in ACTIVE or (space == XHTML and tag not in WORDS):
            raise _Found
        for (_, attribute), value in attrs.items():
            attribute = attribute.lower()
            if attribute.startswith("on") or (attribute in ADDRESSES and _leads(value, tag)):
                raise _Found

    def processingInstruction(self, target: str, data: str) -> None:  # noqa: N802
        if target == "xml-stylesheet" and "text/css" not in data:
            raise _Found  # a stylesheet of XSLT writes what it likes


def _leads(value: str, tag: str) -> bool:
    """Does an address, or one of several, run code?"""
    if tag in {"image", "img", "feimage"} and PICTURE.match(PASSED_OVER.sub("", value)):
        return False
    return any(map(runs_code, value.split(";")))
