"""Titles and sentences, which are the same on every page: each is made once for all of them."""

from collections.abc import Callable

from litmus.problems import Problem, tried
from litmus.render.library import Asked, Library

Key = tuple[str, ...]  # of what note, and what of it
Phrase = tuple[str, Asked]  # HTML, with what it depends on


class Phrases:
    """What one build knows of them; `known` may come from the build before."""

    def __init__(self, library: Library, known: dict[Key, Phrase] | None = None) -> None:
        self.library = library
        self.known = {} if known is None else known
        self.fresh: dict[Key, Phrase] = {}  # what was not known before
        self.unshown: list[Problem] = []  # what raised, on the page at hand
        self._still_true: set[Key] = set()

    def once(self, key: Key, make: Callable[[], str], otherwise: str) -> str:
        """Return what is the same on every page, made if it is not known.

        The first part of the key is the note that it is about; where that raises, it is something
        else that is shown. What it depends on, the page at hand does, too.
        """
        asked, known = self.library.asked, self.known.get(key)
        if known and key not in self._still_true and not self.library.would_tell(known[1]):
            known = None
        if not known:
            of_the_page = dict(asked)
            asked.clear()
            made = tried(make, key[0], self.unshown.append)
            told = dict(asked)
            asked.update(of_the_page)
            if made is None:
                return otherwise
            known = self.known[key] = self.fresh[key] = made, told
        self._still_true.add(key)
        asked.update(known[1])
        return known[0]
