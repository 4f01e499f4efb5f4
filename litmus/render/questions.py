"""What a page asked of the vault while it was rendered, and whether it would be told the same now.

A page is a function of its note and of these answers. So, after a change, it has to be rendered
again if its note or one of the answers is another one, and only then: there are no rules about what
depends on what that could be forgotten. Answers are remembered by a short mark, such as a digest,
which is the same in every process.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cached_property
from typing import Generic, TypeVar

from litmus.files.digest import digest
from litmus.tex.macros import Definition
from litmus.vault.notes import Note
from litmus.vault.vault import Vault

Question = tuple[str, ...]  # what was asked for, and of what
Asked = dict[Question, Hashable]
T = TypeVar("T")


class Watched(Mapping[str, T], Generic[T]):
    """A mapping that writes down what it is asked."""

    def __init__(
        self, name: str, inner: Mapping[str, T], mark: Callable[[T], Hashable], asked: Asked
    ) -> None:
        self.name = name
        self.inner = inner
        self.asked = asked
        self._mark = mark

    def mark(self, *about: str) -> Hashable:
        """Return the mark of a value (None if there is none), or of all keys together."""
        if not about:
            return self._keys
        return self._mark(self.inner[about[0]]) if about[0] in self.inner else None

    @cached_property
    def _keys(self) -> str:
        return digest(*self.inner)

    def __getitem__(self, key: str) -> T:
        self.asked[self.name, key] = self.mark(key)
        return self.inner[key]

    def __contains__(self, key: object) -> bool:
        self.asked[f"in {self.name}", str(key)] = key in self.inner
        return key in self.inner

    def __iter__(self) -> Iterator[str]:
        self.asked[self.name,] = self.mark()
        return iter(self.inner)

    def __len__(self) -> int:
        self.asked[self.name,] = self.mark()
        return len(self.inner)


class WatchedVault:
    """A vault that writes down what it is asked: which file a link means, what a note says."""

    def __init__(self, vault: Vault, asked: Asked) -> None:
        self.inner = vault
        self.asked = asked
        self.notes = Watched[Note]("notes", vault.notes, lambda note: note.digest, asked)
        self.files = Watched[str]("files", dict.fromkeys(vault.files, ""), str, asked)

    def candidates(self, target: str, from_path: str) -> list[str]:
        """Return every file that a target could mean, the nearest first."""
        found = self.inner.candidates(target, from_path)
        self.asked["means", target, from_path] = tuple(found)
        return found

    def resolve(self, target: str, from_path: str) -> str | None:
        """Return the path that a link's target means in a note, None if there is no such file."""
        return next(iter(self.candidates(target, from_path)), None)

    def missing(self, target: str) -> str:
        """Return the remedy for a link to something that is not there."""
        remedy = self.asked["missing", target] = self.inner.missing(target)
        return remedy

    def text(self, path: str) -> str:
        """Return the text of a file that is no note, "" where there is none to read."""
        text = self.inner.text(path)
        self.asked["text", path] = digest(text)
        return text

    def is_withheld(self, path: str) -> bool:
        """Is a file there, but not published?"""
        is_withheld = self.asked["withheld", path] = path in self.inner.withheld
        return is_withheld

    def publishes(self, path: str) -> bool:
        """Is a file there, and on the site?"""
        return path in self.files and not self.is_withheld(path)

    @property
    def macros(self) -> list[Definition]:
        """What all formulas may use."""
        self.asked["macros",] = self.mark(("macros",))
        return self.inner.macros

    def mark(self, question: Question) -> Hashable:
        """Return the mark of the answer to a question about names, files or formulas."""
        kind, *about = question
        if kind == "means":
            return tuple(self.inner.candidates(*about))
        if kind == "withheld":
            return about[0] in self.inner.withheld
        if kind == "text":
            return digest(self.inner.text(*about))
        if kind == "macros":
            return digest(*(part for macro in self.inner.macros for part in macro))
        return self.inner.missing(*about)
