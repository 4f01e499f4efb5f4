"""What the search finds: each section of a note with its title and its words."""

import html
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from litmus.markdown.headings import plain_text
from litmus.vault.addresses import address
from litmus.vault.notes import Note

WORDS = {"fence", "code_block", "maths_block"}  # blocks whose content is not markup


INDEX = "search/search_index.json"  # where Material's search looks for it


def index(begun: dict[str, Any], pages: Iterable[str]) -> str:
    """Return the search index that Material has begun, with the entries of more pages."""
    docs = ",".join(filter(None, [*map(_as_json, begun["docs"]), *pages]))
    return f'{{"config":{_as_json(begun["config"])},"docs":[{docs}]}}'


def entry(place: str, title: str, words: str) -> str:
    """Return the entry of a page that is no note's."""
    said = f"<p>{html.escape(words, quote=False)}</p>" if words else ""
    return _as_json({"location": place, "title": html.escape(title), "text": said})


def entries(note: Note) -> str:
    """Return a note's sections as the entries of Material's search index: JSON without brackets.

    Formulas are found by their TeX, embedded texts where they come from.
    """
    found = []
    for title, fragment, words in _sections(note):
        if words or title or not fragment:  # a note without words is found by its name
            place = address(note.path) + (f"#{fragment}" if fragment else "")
            entry = {"location": place, "title": html.escape(title or note.title), "text": words}
            found.append(
                {**entry, "tags": [html.escape(tag) for tag in note.tags]} if note.tags else entry
            )
    return ",".join(map(_as_json, found))


def _as_json(entry: Mapping[str, object]) -> str:
    return json.dumps(entry, separators=(",", ":"))


def _sections(note: Note) -> Iterator[tuple[str, str, str]]:
    """Yield the title, the HTML id and the words of each section; the first may have no title."""
    begins = {heading.index: heading for heading in note.headings}
    title, fragment, said = "", "", list[str]()
    for index, token in enumerate(note.tokens):
        if heading := begins.get(index):
            # What a page begins with is found as the page itself.
            is_title = heading is note.title_heading and not said and not title
            if not is_title:
                yield title, fragment, "".join(said)
            title, fragment, said = heading.text, "" if is_title else heading.id, []
        elif token.type == "inline" and index - 1 not in begins:
            words = plain_text(token.children or [])
            if words:
                said.append(f"<p>{html.escape(words, quote=False)}</p>")
        elif token.type in WORDS:
            said.append(f"<p>{html.escape(token.content.strip(), quote=False)}</p>")
    yield title, fragment, "".join(said)
