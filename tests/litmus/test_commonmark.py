"""Is all of CommonMark read as CommonMark, but for what the vault's language adds to it?"""

import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from litmus.markdown import parser

FILE = Path(__file__).parent / "commonmark/examples.json"
EXAMPLES = {one["example"]: one for one in json.loads(FILE.read_text(encoding="utf-8"))}

# An example that is read as something else -> the reason.
OURS = {
    64: "#hashtag is a tag",
    548: "[[[foo]]] has a wikilink in it",
    559: "[[*foo* bar]] is a wikilink",
    590: "![[foo]] is an embed",
    602: "a bare address is a link",
    606: "@bar.example.com is a citation",
    608: "a bare address is a link",
    611: "a bare address is a link",
    619: "#ref is a tag",
}
PLAIN, VAULT = MarkdownIt("commonmark"), parser(strict_line_breaks=True)
HEADING_ID = re.compile(r'(<h[1-6]) id="[^"]*"')


def is_plain(example):
    """Is an example read as plain CommonMark? Headings have ids with us."""
    text = EXAMPLES[example]["markdown"]
    return HEADING_ID.sub(r"\1", VAULT.render(text)) == PLAIN.render(text)


def test_all_examples_are_there():
    assert list(EXAMPLES) == list(range(1, 653))


@pytest.mark.parametrize("section", sorted({one["section"] for one in EXAMPLES.values()}))
def test_what_is_commonmark_is_read_as_commonmark(section):
    examples = [number for number, one in EXAMPLES.items() if one["section"] == section]
    assert [number for number in examples if not is_plain(number)] == [
        number for number in examples if number in OURS
    ]


def test_control_ids_of_headings_are_all_that_is_overlooked():
    written = PLAIN.render("# a")
    assert HEADING_ID.sub(r"\1", VAULT.render("# a")) == written != VAULT.render("# a")
    assert HEADING_ID.sub(r"\1", VAULT.render("# b")) != written
    assert HEADING_ID.sub(r"\1", '<p id="a">') == '<p id="a">'
