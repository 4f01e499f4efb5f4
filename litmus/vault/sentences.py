"""The sentences of a paragraph, and of a long one what stands around a place in it."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from litmus.markdown import Token
from litmus.markdown.headings import plain_text
from litmus.vault.packed import packed

SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\bcf\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bal\.)\s+")
LONGEST = 1_000  # letters; a longer sentence is none, or nobody reads the whole of it
AROUND = 300  # letters on each side of a place
OMITTED = Token("text", "", 0, content="…")


class Sentence:
    """The inline tokens of a sentence: the same ones for all links that stand in it."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self.tokens = tuple(tokens)
        self._lengths = list(map(_length, self.tokens))
        self._is_long = sum(self._lengths) > LONGEST

    @cached_property
    def _whole(self) -> bytes:
        return packed(self.tokens)

    def around(self, place: int) -> bytes:
        """Return the whole sentence; of a long one what is near a token, with … for the rest."""
        if not self._is_long:
            return self._whole
        before = self._near(range(place - 1, -1, -1), _end)
        after = self._near(range(place + 1, len(self.tokens)), _beginning)
        return packed(_paired([*reversed(before), self.tokens[place], *after]))

    def _near(self, side: Iterable[int], cut: Callable[[str, int], str]) -> list[Token]:
        """Return of the tokens on one side of a place those that are near, nearest first, then …"""
        near: list[Token] = []
        room = AROUND
        for token, length in ((self.tokens[place], self._lengths[place]) for place in side):
            if length > room:
                rest = [_text(cut(token.content, room), token)] if token.type == "text" else []
                return [*near, *rest, OMITTED]
            near.append(token)
            room -= length
        return near


def _beginning(text: str, letters: int) -> str:
    return text[:letters].rpartition(" ")[0] + " "


def _end(text: str, letters: int) -> str:
    return " " + text[-letters:].partition(" ")[2] if letters else " "


def _paired(tokens: list[Token]) -> list[Token]:
    """Return tokens without those that open or close what is closed or opened elsewhere."""
    alone, opened = set[int](), list[int]()
    for place, token in enumerate(tokens):
        if token.nesting > 0:
            opened.append(place)
        elif token.nesting < 0 and opened:
            opened.pop()
        elif token.nesting < 0:
            alone.add(place)
    alone.update(opened)
    return [token for place, token in enumerate(tokens) if place not in alone]


def _length(token: Token) -> int:
    """Return how many letters a token takes, one at least: there may be many of no letter."""
    return max(len(token.content), len(plain_text([token])), 1)


def sentences(tokens: list[Token]) -> Iterator[list[Token]]:
    """Yield inline tokens sentence by sentence; emphasis and links are never cut in two."""
    sentence: list[Token] = []
    depth = 0
    for token in tokens:
        depth += token.nesting
        last = sentence[-1] if sentence else token
        ended = last.type == "text" and last.content.endswith((".", "!", "?"))
        if not depth and token.type == "softbreak" and ended:
            yield sentence
            sentence = []
        elif depth or token.type != "text":
            sentence.append(token)
        else:
            *finished, rest = SENTENCE_END.split(token.content)
            for text in finished:
                yield [*sentence, _text(text, token)]
                sentence = []
            if rest:
                sentence.append(_text(rest, token))
    if sentence:
        yield sentence


def _text(content: str, whole: Token) -> Token:
    return Token("text", "", 0, content=content, level=whole.level, meta=whole.meta)
