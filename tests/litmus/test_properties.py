"""Are properties read as Obsidian reads them, and is no note lost to those that cannot be read?"""

import datetime
from itertools import pairwise

import pytest

from litmus.markdown import parser
from litmus.vault import properties
from litmus.vault.note_reading import read_note

LETTERS = "abcdefghijklmnopqrstuvwxyz"
MARKDOWN = parser(strict_line_breaks=False)


def note(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return read_note(raw, "n.md", MARKDOWN)


def read(written):
    return note(f"---\n{written}\n---\n").properties


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a: 1", 1),
        ("a: 0123", "0123"),
        ("a: 12:30", "12:30"),
        ("a: 1_000", "1_000"),
        ("a: 1.5", 1.5),
        ("a: true", True),
        ("a: no", "no"),
        ("a: [NO, on]", ["NO", "on"]),
        ("a:", None),
        ("a: ~", None),
        ("a: 2024-02-29", datetime.date(2024, 2, 29)),
        ("a: 2024-02-30", "2024-02-30"),
        ("a: =", "="),
        ("a: !x y", "y"),
        ("a: !x [y]", ["y"]),
        ("a: <% tp.date.now() %>", "<% tp.date.now() %>"),
        ("a: [[x]]", [["x"]]),
        ("a: '[[x]]'", "[[x]]"),
        ("a:\n\t- x\n\t- y", ["x", "y"]),
        ("a: x\na: y", "y"),
        ("a: |\n  x\n  y", "x\ny\n"),
    ],
)
def test_a_value_is_what_obsidian_takes_it_for(written, value):
    assert read(written) == {"a": value}


def test_a_name_is_a_word_whatever_it_looks_like():
    assert read("2024: a\ntrue: b\n2024-01-01: c") == {"2024": "a", "True": "b", "2024-01-01": "c"}


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("tags: a", ["a"]),
        ("tags: a, b", ["a", "b"]),
        ("tags: a b", ["a", "b"]),
        ("tags: '#a #b'", ["a", "b"]),
        ("tag: a", ["a"]),
        ("Tags: [a, '#b', null, 3, [c/d]]", ["a", "b", "3", "c/d"]),
        ("tags: '#'", []),
        ("tags: {a: b}", []),
        ("mytags: a", []),
    ],
)
def test_tags_are_found_however_they_were_written(written, tags):
    assert properties.tags(read(written)) == tags


@pytest.mark.parametrize(
    ("written", "aliases"),
    [
        ("aliases: A b, C", ["A b", "C"]),
        ("alias: A", ["A"]),
        ("aliases: [A, null, 'B, C']", ["A", "B, C"]),
        ("aliases:", []),
        ("myaliases: A", []),
    ],
)
def test_aliases_may_hold_spaces_and_in_a_list_commas(written, aliases):
    assert properties.aliases(read(written)) == aliases


def test_a_quoted_value_that_is_a_wikilink_links():
    written = """
up: "[[a]]"
down: ["[[b#H|label]]", "[[c/d.md]] "]
deep: {x: "[[e]]"}
list: [[no]]
said: see [[no]]
none: "[[#no]] [[no]]"
"""
    links = [("a", "up"), ("b", "down"), ("c/d.md", "down"), ("e", "deep")]
    assert note(f"---{written}---\n").property_links == links


@pytest.mark.parametrize(
    ("text", "first_line", "words"),
    [
        ("---\na: 1\n---\ntext", 4, "text"),
        ("---\na: 1\n...\ntext", 4, "text"),
        ("---  \na: 1\n---  \ntext", 4, "text"),
        ("---\n---\ntext", 3, "text"),
        ("---\na: 1\n---", 3, None),
        ("\ufeff---\na: 1\n---\ntext", 4, "text"),
        ("---\r\na: 1\r\n---\r\ntext", 4, "text"),
        ("text", 1, "text"),
        ("", 1, None),
        ("----\na: 1\n---\n", 1, "a: 1"),
        ("\n---\na: 1\n---\n", 1, "a: 1"),
        (" ---\na: 1\n---\n", 1, "a: 1"),
        ("---\na: 1\ntext", 1, "a: 1\ntext"),
    ],
)
def test_properties_stand_at_the_very_top_between_two_lines_of_dashes(text, first_line, words):
    found = note(text)
    inline = next((t.content for t in found.tokens if t.type == "inline"), None)
    assert (found.first_line, inline) == (first_line, words)


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("title: {{title}}", 2),
        ("ok: 1\na: b: c", 3),
        ("a: `x`", 2),
        ("a: [b", 3),
        ("- a", 2),
        ("just words", 2),
        ("a: *nothing", 2),
        ("a: " + "[" * 100_000, 2),
        ("a: " + "[" * 100_000 + "]" * 100_000, 2),
        ("a: &a [x, x]\n" + "\n".join(f"{b}: &{b} [*{a}, *{a}]" for a, b in pairwise(LETTERS)), 2),
    ],
)
def test_properties_that_cannot_be_read_are_kept_and_reported(written, line):
    found = note(f"---\n{written}\n---\n# T\n\ntext")
    unread = [t.content for t in found.tokens if t.type == "unread_properties"]
    assert unread == [f"---\n{written}\n---"]
    assert [p.line for p in found.problems] == [line]
    assert (found.properties, found.title) == ({}, "T")


def test_a_byte_that_is_not_utf8_is_reported_and_the_rest_is_shown():
    found = note(b"---\na: 1\n---\n\nna\xefve\n\nmore")
    assert [p.line for p in found.problems] == [5]
    assert [t.content for t in found.tokens if t.type == "inline"] == ["na\ufffdve", "more"]


@pytest.mark.parametrize(
    "value",
    [
        "&x [*x]",
        "&x {b: *x}",
        "&x {<<: *x}",
        "&x [[1, *x]]",
        "!!timestamp x",
        "!!bool maybe",
        "!!int ''",
        "!!float ''",
        "!!int x",
        "!!binary x",
    ],
)
def test_a_value_that_cannot_be_made_hides_the_properties_and_not_the_note(value):
    found = note(f"---\na: {value}\n---\n# T\n\nx *y*\n")
    [problem] = found.problems
    assert "properties cannot be read" in problem.what
    assert "object" not in problem.what  # Python's own word
    assert not found.is_as_written
    assert found.title == "T"


@pytest.mark.parametrize("value", ["&x [1]\nb: *x", "!!bool yes", "!!timestamp 2024-01-01"])
def test_control_a_value_that_can_be_made_is_read(value):
    assert note(f"---\na: {value}\n---\n").problems == []


@pytest.mark.parametrize(
    ("line", "is_private"),
    [
        ("publish: false", True),
        ("publish: False", True),
        ("Publish: false", True),
        ("PUBLISH: FALSE", True),
        ('publish: "false"', True),
        ("publish: 'False'", True),
        ("publish : false", True),
        ("publish:\n  false", True),
        ('"publish": false', True),
        ('publish: " false "', True),
        ("publish: true", False),
        ("publish:", False),
        ("publish: no", False),
        ("publish: falsely", False),
        ("published: false", False),
        ("a: 'publish: false'", False),
        ("'a publish': false", False),
    ],
)
@pytest.mark.parametrize("broken", ["", "b: c: d\n"])
def test_what_hides_a_note_hides_it_whether_or_not_the_rest_can_be_read(line, is_private, broken):
    found = note(f"---\n{line}\n{broken}---\nx\n")
    assert bool(found.problems) is bool(broken)
    assert properties.is_private(found.properties) is is_private
