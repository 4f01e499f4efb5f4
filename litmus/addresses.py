"""Where things stand on the site, and the links from one to another."""

import posixpath
from urllib.parse import quote

PAGES = {".md", ".py", ".ipynb"}  # files that become a page of their own: notes and labs


def address(path: str) -> str:
    """Return where on the site a file stands: pages as folders, everything else as it is."""
    stem, suffix = posixpath.splitext(path)
    if suffix.lower() not in PAGES:
        return path
    return stem.removesuffix("index") if posixpath.basename(stem) == "index" else f"{stem}/"


def relative_url(to: str, page: str, fragment: str = "") -> str:
    """Return the link from one address on the site to another, or to a part of it."""
    anchor = f"#{quote(fragment, safe='^:=&,')}" if fragment else ""  # x.pdf#page=3
    if to == page:
        return anchor or "."
    way = posixpath.relpath(
        f"/{to}", f"/{page}" if page.endswith("/") or not page else f"/{posixpath.dirname(page)}"
    )
    return quote(way + ("/" if not to or to.endswith("/") else "")) + anchor
