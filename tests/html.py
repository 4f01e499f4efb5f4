"""What is wrong with HTML: tags left open or closed twice, ids given twice, the vault's markup."""

import re
from html.parser import HTMLParser

from bs4 import BeautifulSoup

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
RAW = re.compile(r"\[\[|\]\]|%%|\$\$|(?:^|\s)\^[\w-]+\s*$|\[@|\[!\w|==\w")


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


def repeated_ids(page):
    """The ids that more than one element of a page has."""
    ids = [tag["id"] for tag in page.select("[id]")]
    return sorted({id for id in ids if ids.count(id) > 1})


def left_raw(article):
    """Markup of the vault in the text of a page, code and formulas apart."""
    copy = BeautifulSoup(str(article), "html.parser")
    for part in copy.select("pre, code, .katex, .tex, script"):
        part.decompose()
    return [text for text in copy.stripped_strings if RAW.search(text)]
