"""What is wrong with a page of HTML: tags that do not fit, ids twice, anything that runs."""

import re
from html.parser import HTMLParser

from bs4 import BeautifulSoup

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
PARTS = "iframe, frame, object:not(.pdf), embed, form, base, applet, frameset, style"
RUNS = re.compile(r"\s*(javascript|vbscript|data:(?!image/(png|gif|jpeg|webp)))", re.IGNORECASE)


class Balance(HTMLParser):
    """Notes each tag that is closed without being open, or left open."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass  # <path/> in a picture

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag not in VOID:
            self.wrong.append((tag, self.getpos()))


def unbalanced(html):
    balance = Balance()
    balance.feed(html)
    return balance.wrong + balance.open


def twice(page):
    """The ids that more than one element has."""
    ids = [tag["id"] for tag in page.select("[id]")]
    return sorted({id for id in ids if ids.count(id) > 1})


def active(page):
    """What of a parsed page could run code, or load another page into this one."""
    found = [str(tag)[:80] for tag in page.select(f"script, {PARTS}")]
    for tag in page.find_all(True):
        for name, value in tag.attrs.items():
            # As browsers read an address: without white space and control characters.
            address = re.sub(r"[\x00-\x20]", "", str(value))
            runs = name in {"href", "src", "action", "data", "xlink:href"} and RUNS.match(address)
            if name.startswith("on") or name in {"srcdoc", "formaction"} or runs:
                found.append(f"<{tag.name} {name}={str(value)[:60]}>")
            if name == "style" and re.search(r"url\(|expression|position|@import", str(value)):
                found.append(f"<{tag.name} style={value}>")
            if name == "http-equiv" and str(value).lower() == "refresh":
                found.append(f"<meta refresh {tag.get('content')}>")
    return found


def parsed(html):
    """A page as a tree."""
    return BeautifulSoup(html, "html.parser")
