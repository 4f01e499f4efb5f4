"""What is wrong with HTML: tags left open or closed twice, ids given twice, the vault's markup."""

import re
from collections import Counter
from html.parser import HTMLParser

from selectolax.lexbor import LexborHTMLParser

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


def parsed(html):
    """A page as a tree, fifty times faster than BeautifulSoup makes one."""
    return LexborHTMLParser(html)


def repeated_ids(page):
    """The ids that more than one element of a parsed page has."""
    ids = Counter(tag.attributes["id"] for tag in page.css("[id]"))
    return sorted(id for id, count in ids.items() if count > 1)


def left_raw(article):
    """Markup of the vault in the text of some HTML, code and formulas apart."""
    page = parsed(article)
    for part in page.css("pre, code, .katex, .tex, script"):
        part.decompose()
    texts = (
        node.text_content.strip()
        for node in page.root.traverse(include_text=True)
        if node.is_text_node
    )
    return [text for text in texts if RAW.search(text)]
