"""What must hold for the HTML of every page: ids are unique, and tags stand where they may."""

import re
from collections import Counter
from html.parser import HTMLParser

from bs4 import BeautifulSoup

from tests.html import VOID

WORDS = re.compile(r"\w+")
BLOCKS = {
    *WORDS.findall("address article aside blockquote details div dl fieldset figure footer form"),
    *WORDS.findall("h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section table ul"),
}
NO_BLOCKS = {
    *WORDS.findall("a b code em h1 h2 h3 h4 h5 h6 i mark p s span strong sub summary sup"),
}


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.wrong = [], [], []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag in BLOCKS and (around := NO_BLOCKS & set(self.open)):
            self.wrong.append(f"<{tag}> in {sorted(around)}")
        if tag == "a" and "a" in self.open:
            self.wrong.append("<a> in <a>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


def _read(html):
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader


def misplaced(html):
    """What is wrong with the tags of some HTML: not balanced, or a block where none may be."""
    reader = _read(html)
    return [*reader.wrong, *(f"<{tag}> without end" for tag in reader.open)]


def repeated_ids(html):
    """The ids that occur more than once."""
    return [id for id, count in Counter(_read(html).ids).items() if count > 1]


def dead_fragments(html):
    """The links within the page that lead to no id."""
    page = BeautifulSoup(html, "html.parser")
    ids = {tag["id"] for tag in page.select("[id]")}
    return [a["href"] for a in page.select('a[href^="#"]') if a["href"][1:] not in ids]
