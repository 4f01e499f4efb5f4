"""What it takes long to make of a text, kept in a file from one process to the next."""

import hashlib
import json
from collections.abc import Callable, Iterable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Generic, TypeVar

from litmus.swap import write_whole

MOST = 10_000  # results of about 2 KB each
T = TypeVar("T")


class Kept(Generic[T]):
    """Results of one function by the texts that it was given, and those of the process before.

    `made_by` are the files and versions that decide what the function returns. Kept for the next
    process is what this one has asked for, so that nothing old piles up.
    """

    def __init__(self, name: str, made_by: Iterable[Traversable | str]) -> None:
        self.name = name
        self.made_by = [*made_by]
        self._now: dict[str, T] = {}
        self._earlier: dict[str, T] = {}

    def get(self, text: str) -> T | None:
        """Return what was made of a text, None if that is not known."""
        if text not in self._now and text in self._earlier:
            self[text] = self._earlier[text]
        return self._now.get(text)

    def of(self, text: str, make: Callable[[], T]) -> T:
        """Return what was made of a text, or make it."""
        made = self.get(text)
        if made is None:
            made = self[text] = make()
        return made

    def __setitem__(self, text: str, made: T) -> None:
        self._now[text] = made
        if len(self._now) > MOST:
            del self._now[next(iter(self._now))]

    def recall(self, folder: Path) -> None:
        """Take what another process has kept in a folder, if the same code has made it."""
        self._earlier = {}
        try:
            kept = json.loads(self._file(folder).read_text(encoding="utf-8"))
            if kept["made by"] == self._maker():
                self._earlier = kept["made"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there is none, or another version's: it is made anew

    def keep(self, folder: Path) -> None:
        """Keep in a folder what this process has asked for; errors it finds again, with reasons."""
        made = {text: one for text, one in self._now.items() if not isinstance(one, Exception)}
        write_whole(self._file(folder), json.dumps({"made by": self._maker(), "made": made}))

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.json"

    def _maker(self) -> str:
        parts = (p.encode() if isinstance(p, str) else p.read_bytes() for p in self.made_by)
        return hashlib.sha256(b"\0".join(parts)).hexdigest()
