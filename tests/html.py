"""What is wrong with HTML: tags left open or closed twice, ids given twice, the vault's markup."""

import re
from collections import Counter

from selectolax.lexbor import LexborHTMLParser

VOID = {*"area base br col embed hr img input link meta source track wbr".split()}  # noqa: SIM905
# Tags, whole, whatever their attributes hold; comments; scripts and styles with what is in them.
# Python's own parser takes five times as long.
TAG = re.compile(
    r"<!--.*?-->"
    r"|<(?P<literal>script|style)\b[^>]*>.*?</(?P=literal)>"
    r"""|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*)(?:"[^"]*"|'[^']*'|[^"'>])*>""",
    re.DOTALL,
)
RAW = re.compile(
    r"\[\[|\]\]|%%|\$\$|(?:^|\s)\^[\w-]+\s*$|\[@|\[!\w|==\w|\$[^$]*\\[a-zA-Z]|\\[a-zA-Z]+\{"
)


def unbalanced(html):
    """The tags that are closed without being open, with their places, or left open."""
    still_open, wrong = [], []
    for tag in TAG.finditer(html):
        name = (tag["name"] or "").lower()
        if not name or name in VOID:
            continue
        if not tag["end"]:
            still_open += [name] * (not tag[0].endswith("/>"))  # <path/> in a picture
        elif still_open and still_open[-1] == name:
            still_open.pop()
        else:
            wrong.append((name, tag.start()))
    return wrong + still_open


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
