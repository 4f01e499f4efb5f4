"""Tokens as bytes, as long as nobody reads them: a quarter of the memory.

And a process that shares the work of another copies what it only looks at, since Python counts who
does: of tokens all of them, of bytes next to nothing.
"""

import copyreg
import pickle
from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from litmus.markdown import Token
from litmus.tex.macros import Definition

MOST = 50  # texts that are at hand: a note is read several times, and then not for long
FIELDS = attrgetter(*Token.__dataclass_fields__)
copyreg.pickle(Token, lambda token: (Token, FIELDS(token)))  # five times as quick as by names

_at_hand: "deque[Text]" = deque()


def packed(tokens: Iterable[Token]) -> bytes:
    """Return some tokens as bytes."""
    return pickle.dumps([*tokens], pickle.HIGHEST_PROTOCOL)


def unpacked(content: bytes) -> list[Token]:
    """Return tokens that are equal to those that were packed."""
    tokens: list[Token] = pickle.loads(content)
    return tokens


class Text:
    """A note as a parser has read it, with what it left in its environment."""

    __slots__ = ("_bytes", "_tokens", "labels", "macros")

    def __init__(self, tokens: list[Token], environment: dict[str, Any]) -> None:
        self._bytes = packed(tokens)
        self.macros: list[Definition] = environment.get("macros", [])  # of its formulas, in order
        self.labels: dict[str, str] = environment.get("labels", {})  # with the numbers they have
        self._tokens: list[Token] | None = self._at_hand(tokens)

    def __getstate__(self) -> object:
        """Leave out what is at hand here alone."""
        kept = {name: getattr(self, name) for name in ("_bytes", "labels", "macros")}
        return None, {**kept, "_tokens": None}

    @property
    def tokens(self) -> list[Token]:
        """The tokens. They are others, that are equal, when many other notes have been read."""
        if self._tokens is None:
            self._tokens = self._at_hand(unpacked(self._bytes))
        return self._tokens

    def _at_hand(self, tokens: list[Token]) -> list[Token]:
        _at_hand.append(self)
        if len(_at_hand) > MOST:
            _at_hand.popleft()._tokens = None
        return tokens
