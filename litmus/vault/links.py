"""The links of a note, each with the sentence that it stands in: one list for all who ask.

Wikilinks, embeds, Markdown links and images are the same here. The parser has said of each where it
leads, and what leads out of the vault is none.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from litmus.markdown import Token
from litmus.markdown.headings import plain_text
from litmus.vault.packed import packed
from litmus.vault.sentences import Sentence, sentences

MERELY_COMPARED = re.compile(r"\b(?:cf\.?|see(?: also)?|compare(?: with)?)\s*$", re.IGNORECASE)
LOOKED_AT = 40  # letters before a link, in which there is room for spaces
BREAKS = {"softbreak", "hardbreak"}
NO_WORDS = packed(())


class Link(NamedTuple):
    """A link as it stands in a note: where it leads, and what is around it."""

    target: str  # as it is written; the vault says which file it means
    part: str
    embeds: bool
    compared: bool  # after "cf.", "see" or "compare"
    line: int  # of the file
    block: int  # its place among the note's tokens
    sentence: bytes  # its tokens, packed


class Links(list[Link]):
    """The links of a note, in order."""

    def __init__(self, tokens: list[Token], line: Callable[[Token], int]) -> None:
        super().__init__(_found(tokens, line))
        self._footnotes = _footnotes(tokens)

    def of(self, blocks: Iterable[Token], tokens: Sequence[Token]) -> list[Link]:
        """Return the links in some of a note's tokens, and in the footnotes they refer to."""
        places = {id(token): place for place, token in enumerate(tokens)}
        inside, reached = [places[id(block)] for block in blocks], set[int]()
        for place in inside:
            for token in tokens[place].children or [] if self._footnotes else []:
                if token.type == "footnote_ref" and token.meta["id"] not in reached:
                    reached.add(token.meta["id"])
                    inside += self._footnotes.get(token.meta["id"], [])
        wanted = set(inside)
        return [link for link in self if link.block in wanted]


def _found(tokens: Iterable[Token], line: Callable[[Token], int]) -> Iterator[Link]:
    text: Token | None = None  # what came last
    for here, block in enumerate(tokens):
        if block.type == "embed":  # lifted out of a paragraph, perhaps out of the middle
            yield _link(block, _right_before(block, text), line(block), here, NO_WORDS)
            text = None
        if block.type != "inline":
            continue
        text, children = block, block.children or []
        written = block.content or "["  # what was cut out of a paragraph has no text of its own
        if "[" not in written or not any("target" in token.meta for token in children):
            continue
        before = ""
        for sentence in map(Sentence, sentences(children)):
            for place, token in enumerate(sentence.tokens):
                inside = token.children or [] if token.type == "wikilink" else []
                for each in (token, *inside):
                    if "target" in each.meta:
                        yield _link(each, before, line(each), here, sentence.around(place))
                before = (before + _said(token))[-LOOKED_AT:]


def _right_before(embed: Token, text: Token | None) -> str:
    """Return the end of the text that an embed was lifted out of, if it stood right after it."""
    if not text or not text.map or not embed.map or embed.map[0] >= text.map[1]:
        return ""
    return "".join(map(_said, (text.children or [])[-LOOKED_AT:]))[-LOOKED_AT:]


def _link(token: Token, before: str, line: int, block: int, sentence: bytes) -> Link:
    compared = bool(MERELY_COMPARED.search(before))
    where, embeds = (token.meta["target"], token.meta["part"]), token.type in {"embed", "image"}
    return Link(*where, embeds, compared, line, block, sentence)


def _said(token: Token) -> str:
    if token.type == "text":
        return token.content
    return " " if token.type in BREAKS else plain_text([token])


def _footnotes(tokens: list[Token]) -> dict[int, list[int]]:
    """Return the places of each footnote's blocks, by the number that the parser gives it."""
    found: dict[int, list[int]] = {}
    blocks: list[int] = []
    for place, token in enumerate(tokens):
        if token.type == "footnote_open":
            blocks = found[token.meta["id"]] = []
        blocks.append(place)
    return found
