"""All that a page may ask, what it asked, and whether it would be told the same now.

A page is a function of its note and of these answers. So, after a change, it has to be rendered
again if its note or one of the answers is another one, and only then: there are no rules about what
depends on what that could be forgotten. Answers are remembered by a short mark, such as a digest,
which is the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache as once_for_each
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from litmus.cache import Cache
from litmus.claims.claims import Claims
from litmus.claims.standing import Shown, standing
from litmus.files.digest import digest
from litmus.python.fingerprint import fingerprint
from litmus.python.runs import Runner
from litmus.tex.macros import Definition
from litmus.vault.addresses import address
from litmus.vault.bibliography import Reference
from litmus.vault.notes import Note
from litmus.vault.vault import Vault

T = TypeVar("T")
OF_FILES = {"notes", "files"}  # mappings by paths


class Question(NamedTuple):
    """Something that a page asked, which can be asked again, of any library."""

    tell: Callable[..., Hashable]  # one of the functions at the end of this module
    about: tuple[str, ...]

    def mark(self, library: Library) -> Hashable:
        """Return the mark of the answer that a library gives."""
        return self.tell(library, *self.about)

    @property
    def is_about_names(self) -> bool:
        """Is the answer the same as long as no file of the vault comes, goes or is renamed?"""
        is_one = self.tell is _has and self.about[0] in OF_FILES
        return is_one or self.tell is _means or self.tell is _missing


Asked = dict[Question, Hashable]


def parted(asked: Asked) -> tuple[Asked, Asked]:
    """Return what was asked about names, and the rest."""
    about_names = {q: mark for q, mark in asked.items() if q.is_about_names}
    return about_names, {q: mark for q, mark in asked.items() if q not in about_names}


class Watched(Mapping[str, T], Generic[T]):
    """A mapping that writes down what it is asked."""

    def __init__(
        self, name: str, inner: Mapping[str, T], mark: Callable[[T], Hashable], asked: Asked
    ) -> None:
        self.name = name
        self.inner = inner
        self.asked = asked
        self._mark = mark

    def mark(self, key: str) -> Hashable:
        """Return the mark of a value, None if there is none."""
        return self._mark(self.inner[key]) if key in self.inner else None

    @cached_property
    def keys_mark(self) -> str:
        """The mark of all keys together."""
        return digest(*self.inner)

    def __getitem__(self, key: str) -> T:
        self.asked[Question(_one, (self.name, key))] = self.mark(key)
        return self.inner[key]

    def __contains__(self, key: object) -> bool:
        is_there = self.asked[Question(_has, (self.name, str(key)))] = key in self.inner
        return is_there

    def __iter__(self) -> Iterator[str]:
        self.asked[Question(_keys, (self.name,))] = self.keys_mark
        return iter(self.inner)

    def __len__(self) -> int:
        self.asked[Question(_keys, (self.name,))] = self.keys_mark
        return len(self.inner)


class Library:
    """Everything that a page may refer to; what is asked of it is in `asked`.

    `snippets` are files by their paths from the root; a vault that is not ours has none.
    """

    def __init__(
        self,
        root: Path,
        vault: Vault,
        claims: Claims,
        references: Mapping[str, Reference],
        runner: Runner,
        snippets: Mapping[str, Path] | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.vault = vault
        self.snippets = snippets
        self.runner = runner
        self.cache = cache or Cache()
        self.asked: Asked = {}
        claim_at = {claim.note.path: claim for claim in claims.values()}
        literature = {
            str(note.properties["citekey"]).strip().lstrip("@"): note.path
            for note in vault.notes.values()
            if note.properties.get("citekey")
        }
        self.notes = Watched("notes", vault.notes, lambda note: note.digest, self.asked)
        self.files = Watched("files", dict.fromkeys(vault.files, ""), str, self.asked)
        self.references = Watched("references", references, lambda entry: entry, self.asked)
        self.claim_at = Watched("claims", claim_at, lambda claim: claim.name, self.asked)
        self.literature = Watched("literature", literature, str, self.asked)
        watched = self.notes, self.files, self.references, self.claim_at, self.literature
        self.watched: dict[str, Watched[Any]] = {each.name: each for each in watched}
        # Of this library, once for all pages:
        self._mark = once_for_each(lambda question: question.mark(self))
        self.fingerprint = once_for_each(lambda file: fingerprint(root / file, root, self.cache))
        self.standing_at = once_for_each(lambda path: standing(claims, claim_at[path]))
        self.standing_mark = once_for_each(lambda path: digest(repr(self.standing_at(path))))

    def would_tell(self, asked: Asked) -> bool:
        """Say whether all that was asked would be answered as before."""
        return all(self._mark(question) == mark for question, mark in asked.items())

    def address(self, path: str) -> str:
        """Return where a file of the vault stands: notes are pages, the others files."""
        return address(path) if path in self.vault.notes else path

    def candidates(self, target: str, from_path: str) -> tuple[str, ...]:
        """Return every file that a target could mean, the nearest first."""
        return self._ask(_means, target, from_path)

    def resolve(self, target: str, from_path: str) -> str | None:
        """Return the path that a link's target means in a note, None if there is no such file."""
        return next(iter(self.candidates(target, from_path)), None)

    def missing(self, target: str) -> str:
        """Return the remedy for a link to something that is not there."""
        return self._ask(_missing, target)

    def text(self, path: str) -> str:
        """Return the text of a file that is no note, "" where there is none to read."""
        text = self.vault.text(path)
        self.asked[Question(_text, (path,))] = digest(text)
        return text

    def is_withheld(self, path: str) -> bool:
        """Is a file there, but not published? A note always is, or it would not be one."""
        return path not in self.vault.notes and self._ask(_withheld, path)

    def publishes(self, path: str) -> bool:
        """Is a file there, and on the site?"""
        return path in self.files and not self.is_withheld(path)

    def has_snippet(self, file: str) -> bool:
        """Is there a snippet of that name? Asks for all that it says and needs."""
        self._ask(_snippet, file)
        return file in (self.snippets or {})

    def note_titled(self, path: str) -> Note:
        """Return a note of which nothing but the title is shown."""
        self._ask(_title, path)
        return self.vault.notes[path]

    def standing(self, path: str) -> Shown:
        """Return how the claim of a note stands."""
        self._ask(_standing, path)
        return self.standing_at(path)

    @property
    def macros(self) -> list[Definition]:
        """What all formulas may use."""
        self._ask(_macros)
        return self.vault.macros

    @cached_property
    def macros_mark(self) -> str:
        """Changes when what all formulas may use does."""
        return digest(*(part for macro in self.vault.macros for part in macro))

    def _ask(self, tell: Callable[..., T], *about: str) -> T:
        """Return the mark of an answer, which may be the answer itself."""
        mark = self.asked[Question(tell, about)] = tell(self, *about)
        return mark


def _one(library: Library, watched: str, key: str) -> Hashable:
    return library.watched[watched].mark(key)


def _has(library: Library, watched: str, key: str) -> bool:
    return key in library.watched[watched].inner


def _keys(library: Library, watched: str) -> str:
    return library.watched[watched].keys_mark


def _means(library: Library, target: str, from_path: str) -> tuple[str, ...]:
    return tuple(library.vault.candidates(target, from_path))


def _missing(library: Library, target: str) -> str:
    return library.vault.missing(target)


def _text(library: Library, path: str) -> str:
    return digest(library.vault.text(path))


def _withheld(library: Library, path: str) -> bool:
    return path in library.vault.withheld


def _snippet(library: Library, file: str) -> str:
    there = library.snippets or {}  # of a file that is not there, what changes when any comes
    return str(library.fingerprint(file)) if file in there else digest(*there)


def _title(library: Library, path: str) -> Hashable:
    note = library.vault.notes.get(path)
    return note and (note.title, next((heading.written for heading in note.headings), ""))


def _standing(library: Library, path: str) -> str | None:
    return library.standing_mark(path) if path in library.claim_at.inner else None


def _macros(library: Library) -> str:
    return library.macros_mark
