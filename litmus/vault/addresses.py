"""Where things stand on the site, and the links from one to another."""

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache
from html import escape
from urllib.parse import quote, urljoin

REFERENCES = "references/"  # where the site keeps its list of references
TAGS = "tags/"
PLAIN = re.compile(r"[\w./~-]*", re.ASCII)
PAGES = {".md", ".py", ".ipynb"}  # files that become a page of their own: notes and labs


@lru_cache(maxsize=100_000)
def address(path: str) -> str:
    """Return where on the site a file stands: pages as folders, everything else as it is."""
    stem, suffix = posixpath.splitext(path)
    if suffix.lower() not in PAGES:
        return path
    return stem.removesuffix("index") if posixpath.basename(stem) == "index" else f"{stem}/"


def folders_above(paths: Iterable[str]) -> set[str]:
    """Return the folders that some files are in, directly or through others."""
    return {path[:end] for path in paths for end, letter in enumerate(path) if letter == "/"}


def sitemap(site: str, pages: Iterable[str]) -> bytes:
    """Return the list of all pages for search engines."""
    places = "".join(
        f"<url><loc>{escape(urljoin(site, quote(page)))}</loc></url>\n" for page in sorted(pages)
    )
    name = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0"?>\n<urlset xmlns="{name}">\n{places}</urlset>\n'.encode()


def tag_anchor(name: str) -> str:
    """Return the HTML id of a tag on the page of all tags; they are compared without case."""
    return f"tag:{name.lower()}"


@lru_cache(maxsize=100_000)  # most pages lead where many others lead
def relative_url(to: str, here: str, fragment: str = "") -> str:
    """Return the link from one address on the site to another, or to a part of it."""
    anchor = f"#{quote(fragment, safe='^:=&,')}" if fragment else ""  # x.pdf#page=3
    if to == here:
        return anchor or "."
    above, there = here.split("/")[:-1], to.split("/")
    shared = len(posixpath.commonprefix([above, there[:-1]]))
    way = "../" * (len(above) - shared) + "/".join(there[shared:])
    way = way if PLAIN.fullmatch(way) else quote(way)  # that takes long, and hardly any needs it
    return (way or "./") + anchor
