"""From the bytes of a file to a note, whatever they are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from markdown_it import MarkdownIt

from litmus.files.digest import digest
from litmus.files.reading import LONGEST, as_text, not_utf8
from litmus.markdown import Token
from litmus.problems import Problem, tried
from litmus.vault import properties
from litmus.vault.first_to_raise import line_that_raises
from litmus.vault.notes import Note
from litmus.vault.packed import Text

SHOWN = 20_000  # bytes of a longer one that its page shows


def read_note(raw: bytes, path: str, markdown: MarkdownIt, lines: Sequence[int] = ()) -> Note:
    """Return the note that the bytes of a file are; what is wrong with them is among its problems.

    Properties that cannot be read stand in the text as they are written, and a byte that is not
    UTF-8 as a sign that says so. A note that makes a rule raise is shown as it is written.
    """
    if len(raw) > LONGEST:
        what = f"the note has more than {LONGEST:,} bytes, too many to read."
        remedy = "Its beginning is shown as text; divide it into notes."
        return as_written(raw[:SHOWN], path, Problem(path, 1, what, remedy), "too_long")
    text = as_text(raw)
    raised: list[Problem] = []
    note = tried(lambda: _read(text, path, markdown, lines), path, raised.append)
    if not note:
        above = properties.lines(text)
        line = line_that_raises(lambda part: _read(part, path, markdown), text, above)
        return as_written(raw, path, replace(raised[0], line=line))
    note.digest, note.problems = digest_of(raw, lines), [*not_utf8(raw, path), *note.problems]
    return note


def digest_of(raw: bytes, lines: Sequence[int] = ()) -> str:
    """Return what changes when a note does: what it says, or on which lines of a file."""
    return digest(raw, repr(lines)) if lines else digest(raw)


def as_written(raw: bytes, path: str, problem: Problem, kind: str = "as_written") -> Note:
    """Return a note that is the text of its file; no property counts but the one that hides it."""
    text = as_text(raw)
    whole = Token(kind, "", 0, content=text, block=True, map=[0, 0])
    mark = digest(kind, raw, str(problem))
    return Note(path, properties.private(text), 1, Text([whole], {}), [problem], mark)


def _read(text: str, path: str, markdown: MarkdownIt, lines: Sequence[int] = ()) -> Note:
    text, read, first_line, unread, wrong = properties.split(text, path)
    environment: dict[str, Any] = {}
    tokens = markdown.parse(text, environment)
    if unread:
        place = 3 if tokens and tokens[0].tag == "h1" else 0  # below the title
        tokens.insert(place, Token("unread_properties", "", 0, content=unread, block=True))
    note = Note(path, read, first_line, Text(tokens, environment), wrong, lines=lines)
    note.derive()
    return note
