"""BibTeX -> citations in a text, and entries in a list of references."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import nh3
from pybtex.backends.html import Backend
from pybtex.database import BibliographyData, Entry, Person
from pybtex.database.input.bibtex import Parser
from pybtex.exceptions import PybtexError
from pybtex.richtext import Text
from pybtex.scanner import TokenRequired
from pybtex.style.formatting.unsrt import Style
from pybtex.style.template import FieldIsMissing

from litmus.cache import Cache, Store
from litmus.files import reading
from litmus.problems import Problem, as_problem

REFERENCES: Store[list[dict[str, str]]] = Store(
    "references", (resources("litmus.vault").joinpath("bibliography.py"), version("pybtex"))
)
LONGEST = 20_000_000  # bytes of it
NONE_CITED = "None of its entries is cited."
LABEL = re.compile(r"^\[\[[^\]]*\|")  # what precedes the shown part of [[note|name]]


@dataclass(frozen=True)
class Reference:
    """One entry, ready for a page: "Li & Arora" and "2020", and all of it as HTML."""

    key: str
    authors: str
    year: str
    html: str

    @property
    def anchor(self) -> str:
        """The HTML id of the entry in the list of references."""
        return f"ref-{self.key}"


def read_bibliography(file: Path, name: str, cache: Cache | None = None) -> dict[str, Reference]:
    """Return the entries of a BibTeX file by key; none if there is no file.

    Raises Problem, with `name` and the line, if the file is not BibTeX or cannot be read.
    """
    if not file.exists():
        return {}
    known = (cache or Cache())[REFERENCES]
    try:
        raw = reading.read(file, LONGEST)
        if len(raw) > LONGEST:
            what = f"the bibliography has more than {LONGEST:,} bytes, too many to read."
            raise Problem(name, None, what, NONE_CITED)
        text = reading.as_text(raw)
        entries = known.of(text, lambda: [asdict(entry) for entry in _entries(text)])
    except PybtexError as error:
        line = error.lineno if isinstance(error, TokenRequired) else None
        raise Problem(name, line, f"the bibliography cannot be read: {error}.") from None
    except MemoryError:
        raise
    except Exception as error:
        raise as_problem(error, name, remedy=NONE_CITED) from None
    return {entry["key"]: Reference(**entry) for entry in entries}


def _entries(text: str) -> list[Reference]:
    data = Parser().parse_string(text)
    return [_reference(key, entry, data) for key, entry in data.entries.items()]


def described(key: str, properties: Mapping[str, Any], title: str) -> Reference:
    """Return a work as the properties of a note about it describe it, by its title if by no one."""
    who = properties.get("authors") or properties.get("author")
    written = who if isinstance(who, list) else re.split(r"\s*;\s*|\s+and\s+", str(who or ""))
    names = [LABEL.sub("", str(name)).strip("[]") for name in written if name]
    year = re.search(r"\d{4}", str(properties.get("year") or properties.get("date") or ""))
    authors = _cited_as([_family_name(name) for name in names if name.strip()])
    return Reference(key, authors or title, year[0] if year else "", html="")


def _reference(key: str, entry: Entry, data: BibliographyData) -> Reference:
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    if not hasattr(Style, f"get_{entry.type}_template"):
        entry.type = "misc"  # @online, @software: what the style does not know
    try:
        formatted = next(iter(_style().format_entries([entry], data)))
    except FieldIsMissing:  # a preprint entered as an article has no journal; misc needs nothing
        entry.type = "misc"
        formatted = next(iter(_style().format_entries([entry], data)))
    return Reference(
        key=key,
        authors=_names(people) or key,
        year=str(entry.fields.get("year", "n.d.")),
        html=nh3.clean(  # pybtex writes an address as it finds it, and entries come from anybody
            formatted.text.render(Backend()),
            attributes={"a": {"href"}, "span": {"class"}},
            url_schemes={"http", "https", "ftp", "mailto"},
            link_rel=None,
        ),
    )


@cache
def _style() -> Style:
    """Return the one style; pybtex looks through all installed packages to make it."""
    return Style()


@lru_cache(maxsize=10_000)
def _from_latex(text: str) -> str:
    return str(Text.from_latex(text))


def _names(people: list[Person]) -> str:
    """Return the family names of people as a text cites them."""
    return _cited_as(
        [_from_latex(" ".join([*person.prelast_names, *person.last_names])) for person in people]
    )


def _family_name(written: str) -> str:
    """Return the family name of somebody; what BibTeX would not take for a name stands for one."""
    try:
        return _names([Person(written)])
    except PybtexError:  # too many commas, a brace without the other
        return written


def _cited_as(names: list[str]) -> str:
    """Return names as a text cites them: one, two, or the first and et al."""
    return f"{names[0]} et al." if len(names) > 2 else " & ".join(names)
