"""What it takes long to make of a text, kept in a file from one process to the next."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from litmus.files import pickled
from litmus.files.digest import digest

MOST = 50_000  # results of about 1.5 KB each: the formulas of a very large vault
T = TypeVar("T")
Fresh = dict[str, dict[str, Any]]  # by the names of stores, and by texts


@dataclass(frozen=True, eq=False)
class Store(Generic[T]):
    """What one function makes, by its name in the folder of a cache.

    `made_by` are the files and versions that decide what the function returns.
    """

    name: str
    made_by: tuple[Traversable | str, ...]


class Cache:
    """What took long to make of one project: each project has its own, so that none is mixed.

    Who is given none makes everything anew.
    """

    def __init__(self) -> None:
        self._stores: dict[Store[Any], Results[Any]] = {}
        # What was made of files and folders, with their time stamps: while this process lives.
        self._seen: dict[tuple[str, Path], tuple[int, Any]] = {}

    def __getitem__(self, store: Store[T]) -> "Results[T]":
        return self._stores.setdefault(store, Results(store))

    def seen(self, what: str, path: Path, look: Callable[[Path], T]) -> T:
        """Return what one sees in a file or folder: looked up anew when it has changed."""
        now = path.stat().st_mtime_ns
        stamp, found = self._seen.get((what, path), (None, None))
        if stamp != now:
            self._seen[what, path] = now, (found := look(path))
        return cast(T, found)

    def look_again(self) -> None:
        """Forget what was seen where a folder has changed: what was not there before may be now."""
        folders = ((path, now) for (_, path), (now, _) in self._seen.items() if path.is_dir())
        if any(path.stat().st_mtime_ns != now for path, now in folders):
            self._seen.clear()

    def take_fresh(self) -> Fresh:
        """Return what was made since this was asked last, for a process that is to know it, too."""
        return {store.name: results.take_fresh() for store, results in self._stores.items()}

    def learn(self, fresh: Fresh) -> None:
        """Take what another process has made."""
        for store, results in self._stores.items():
            results.learn(fresh.get(store.name, {}))

    def recall(self, folder: Path, stores: Iterable[Store[Any]]) -> None:
        """Take what other processes have kept of the project in a folder."""
        for store in stores:
            self[store].recall(folder)

    def keep(self, folder: Path) -> None:
        """Keep what is known in a folder, for the next process."""
        for kept in self._stores.values():
            kept.keep(folder)


class Results(Generic[T]):
    """Results of one function by the texts that it was given, those that were asked for last."""

    def __init__(self, store: Store[T]) -> None:
        self._store = store
        self._made: dict[str, T] = {}  # the last that was asked for stands last
        self._has_more = False  # than what was kept
        self._fresh: dict[str, T] = {}  # what nobody has taken

    def get(self, text: str) -> T | None:
        """Return what was made of a text, None if that is not known."""
        if text in self._made:
            self._made[text] = self._made.pop(text)
        return self._made.get(text)

    def of(self, text: str, make: Callable[[], T]) -> T:
        """Return what was made of a text, or make it."""
        made = self.get(text)
        if made is None:
            made = self[text] = make()
        return made

    def take_fresh(self) -> dict[str, T]:
        """Return what was made since this was asked last, but for errors."""
        fresh, self._fresh = _whole(self._fresh), {}
        return fresh

    def __setitem__(self, text: str, made: T) -> None:
        self._fresh[text] = made
        self.learn({text: made})

    def learn(self, made: dict[str, T]) -> None:
        """Take what was made elsewhere."""
        self._made |= made
        self._has_more |= bool(made)
        while len(self._made) > MOST:
            del self._made[next(iter(self._made))]

    def recall(self, folder: Path) -> None:
        """Take what another process has kept in a folder, if the same code has made it."""
        kept: dict[str, T] = pickled.recall(self._file(folder), self._maker()) or {}
        self._made = kept | self._made

    def keep(self, folder: Path) -> None:
        """Keep what is known in a folder, but for errors: those are found again, with reasons."""
        if self._has_more:
            pickled.keep(self._file(folder), self._maker(), _whole(self._made))
            self._has_more = False

    def _file(self, folder: Path) -> Path:
        return folder / f"{self._store.name}.pickle"

    def _maker(self) -> str:
        made_by = self._store.made_by
        return digest(*(p if isinstance(p, str) else p.read_bytes() for p in made_by))


def _whole(made: dict[str, T]) -> dict[str, T]:
    return {text: one for text, one in made.items() if not isinstance(one, Exception)}
