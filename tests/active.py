"""What of a page of HTML could run code, or load another page into it."""

# ruff: noqa: SIM905  # texts to break things with, and long lists of words
import re

from bs4 import BeautifulSoup

PARTS = set("script iframe frame object embed form base applet frameset style".split())
REFRESH = ("http-equiv", "refresh")
STYLE = re.compile(r"url\(|expression|position:(?!relative)|@import", re.IGNORECASE)
RUNS = re.compile(r"(javascript|vbscript):|data:(?!image/(png|gif|jpeg|webp))", re.IGNORECASE)


def runs(tag, attributes):
    """What of a tag could run code, or load another page into its own."""
    found = [f"<{tag}>"] if tag in PARTS and ("class", "pdf") not in attributes else []
    for name, value in attributes:
        # As browsers read an address: without white space and control characters.
        address = re.sub(r"[\x00-\x20]", "", str(value))
        leads = name in {"href", "src", "action", "data", "poster", "xlink:href"}
        if (leads and RUNS.match(address)) or name.startswith("on"):
            found.append(f"<{tag} {name}={str(value)[:60]}>")
        if name in {"srcdoc", "formaction"} or (name, str(value).lower()) == REFRESH:
            found.append(f"<{tag} {name}={str(value)[:60]}>")
        if name == "style" and STYLE.search(str(value)):
            found.append(f"<{tag} style={value}>")
    return found


def active(page):
    """What of a parsed page could run code, or load another page into this one."""
    return [
        what
        for tag in page.find_all(True)
        for what in runs(
            tag.name, [(k, " ".join(v) if isinstance(v, list) else v) for k, v in tag.attrs.items()]
        )
    ]


def parsed(html):
    """A page as a tree."""
    return BeautifulSoup(html, "html.parser")
