"""Is a note read as it is written, to the line, and are its parts what links mean by them?"""

import pytest

from litmus.markdown import Token, parser
from litmus.vault import note_reading
from litmus.vault.note_reading import read_note

MARKDOWN = parser(strict_line_breaks=False)


def note_of(text, path="folder/My note.md"):
    return read_note(text.encode() if isinstance(text, str) else text, path, MARKDOWN)


def words(tokens):
    """What tokens say, a block each."""
    return [token.content for token in tokens if token.content]


def test_a_note_is_called_as_its_file():
    assert note_of("").name == "My note"
    assert note_of("", "v1.2.md").name == "v1.2"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\n\ntwo **it**\n", 3),
        ("---\na: b\n---\none\n\ntwo **it**\n", 6),
        ("---\na: b\n---\n\n\n# two\n\nit\n", 6),
        ("\r\none\r\n\r\ntwo\r\n", 4),
        ("one\r\rtwo\r", 3),
        (b"\xef\xbb\xbf---\na: b\n---\ntwo\n", 4),
    ],
)
def test_each_block_knows_its_line_in_the_file(text, line):
    note = note_of(text)
    assert [note.line(t) for t in note.tokens if t.content.startswith("two")] == [line]
    assert not note.problems


def test_the_digest_is_of_every_byte():
    texts = ["one\n", "one", "one\r\n", "---\na: b\n---\none\n", "---\na: c\n---\none\n"]
    assert len({note_of(text).digest for text in texts}) == len(texts)
    assert note_of("one\n").digest == note_of("one\n", "other.md").digest


def test_a_byte_that_means_nothing_is_named_with_its_line_and_the_rest_is_read():
    note = note_of(b"one\n\ntwo \xff here\n\n# Three\n")
    assert [str(problem) for problem in note.problems] == [
        "folder/My note.md:3: the file is not UTF-8: byte 0xff means nothing there. "
        "Save it as UTF-8."
    ]
    assert words(note.tokens) == ["one", "two \ufffd here", "Three"]


def test_properties_that_cannot_be_read_stand_in_the_text_below_the_title():
    unread = "---\na: [b\n---\n"
    assert [t.type for t in note_of(f"{unread}# T\n\none\n").tokens].index("unread_properties") == 3
    assert note_of(f"{unread}one\n\n# T\n").tokens[0].type == "unread_properties"
    assert note_of(unread).tokens[0].content.strip() == "---\na: [b\n---"


def test_a_note_that_is_too_long_is_shown_in_part(monkeypatch):
    monkeypatch.setattr(note_reading, "LONGEST", 10)
    monkeypatch.setattr(note_reading, "SHOWN", 4)
    assert not note_of("# T\n\n12345").problems
    note = note_of("# T\n\n123456")
    assert words(note.tokens) == ["# T\n"]
    assert [str(problem) for problem in note.problems] == [
        "folder/My note.md:1: the note has more than 10 bytes, too many to read. "
        "Its beginning is shown as text; divide it into notes."
    ]
    assert note.line(note.tokens[0]) == 1
    cut_in_a_letter = note_of(b"\xef\xbb\xbf\xc3\xa9, and more")
    assert words(cut_in_a_letter.tokens) == ["\ufffd"]


SECTIONS = """# Same

first

## Same

inner

### Deep

deep

## Next #tag

next

> [!note] Callout
> # Quoted
> within
>
> # Second
> beyond

after[^1] and ^[another]

# Last

last

[^1]: Foot.
"""


def test_a_token_that_knows_no_line_stands_where_the_text_begins():
    assert note_of("---\na: b\n---\nx\n").line(Token("text", "", 0)) == 4


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("Same", ["Same", "first", "Same", "inner", "Deep", "deep", "Next #tag", "next"]),
        ("Same#Same", ["Same", "inner", "Deep", "deep"]),
        ("same##SAME", ["Same", "inner", "Deep", "deep"]),
        ("Same#Deep", ["Deep", "deep"]),
        ("Same#Same#Deep", ["Deep", "deep"]),
        ("Next tag", ["Next #tag", "next"]),
        ("Next #tag", ["Next #tag", "next"]),
        ("Same#Next #tag", None),
        ("next-tag", ["Next #tag", "next"]),
        ("same-1", ["Same", "inner", "Deep", "deep"]),
        ("Last", ["Last", "last"]),
        ("Quoted", ["Quoted", "within"]),
        ("Second", ["Second", "beyond"]),
        ("Last#Same", None),
        ("Same#Last", None),
        ("Deep#Next tag", None),
        ("Same#", ["Same", "first", "Same", "inner", "Deep", "deep", "Next #tag", "next"]),
        ("Nowhere", None),
        ("", None),
    ],
)
def test_a_part_of_a_note_is_what_stands_below_its_heading(part, found):
    note = note_of(SECTIONS)
    heading = note.find_heading(part)
    said = words(note.section(heading))[: len(found or [])] if heading else None
    assert said == found


def test_a_section_ends_where_the_next_of_its_level_begins_or_what_it_is_in_ends():
    note = note_of(SECTIONS)
    said = {part: words(note.section(note.find_heading(part))) for part in ["Next tag", "Last"]}
    assert "Last" not in said["Next tag"]
    assert {"Quoted", "Second", "beyond"} <= {*said["Next tag"]}
    assert said["Last"] == ["Last", "last"]  # and the footnotes are apart
    assert words(note.section(note.find_heading("Second"))) == ["Second", "beyond"]


BLOCKS = """# Title ^top

A paragraph. ^Para

- one ^item
  - below
- two

> quoted

^quote

| a |
|---|
| b |

^table
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("top", ["Title"]),
        ("para", ["A paragraph."]),
        ("PARA", ["A paragraph."]),
        ("item", ["one", "below"]),
        ("quote", ["quoted"]),
        ("table", ["a", "b"]),
        ("nowhere", []),
        ("", []),
    ],
)
def test_a_block_is_found_by_its_name_with_all_that_is_in_it(name, found):
    assert words(note_of(BLOCKS).find_block(name)) == found


def test_the_tags_are_those_of_the_properties_and_the_text_each_once():
    note = note_of("---\ntags: [one, two/three]\n---\n# A #four\n\n#one and **#five** `#six`\n")
    assert note.tags == ["one", "two/three", "four", "five"]


def test_the_headings_that_divide_a_note_are_those_in_no_other_block():
    note = note_of(SECTIONS)
    assert [(h.level, h.text) for h in note.headings] == [
        *[(1, "Same"), (2, "Same"), (3, "Deep"), (2, "Next #tag"), (1, "Last")]
    ]


def test_a_drawing_has_no_headings():
    text = "---\nexcalidraw-plugin: parsed\n---\n# Text Elements\n\nword ^id\n"
    assert note_of(text).is_drawing
    assert not note_of(text).headings
    assert not note_of(text).find_heading("Text Elements")
    assert note_of(text).title == "My note"
    assert note_of(text.replace("excalidraw", "other")).headings


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("# One\n", False),
        ("# One\n\n# Two\n", True),
        ("# My Note\n\n# Two\n", False),
        ("## One\n", False),
        ("> # One\n", True),
        ("words\n", False),
    ],
)
def test_a_note_needs_a_title_above_it_where_headings_divide_it_and_none_names_it(text, needs):
    assert note_of(text).needs_title == needs
