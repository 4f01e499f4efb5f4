"""The links of a note, each with the sentence that it stands in: one list for all who ask.

Wikilinks, embeds, Markdown links and images are the same here. The parser has said of each where it
leads, and what leads out of the vault is none.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from litmus.markdown import Token
from litmus.markdown.headings import plain_text
from litmus.vault.sentences import Sentence, sentences

MERELY_COMPARED = re.compile(r"\b(?:cf\.?|see(?: also)?|compare(?: with)?)\s*$", re.IGNORECASE)
LOOKED_AT = 40  # letters before a link, in which there is room for spaces
BREAKS = {"softbreak", "hardbreak"}


@dataclass(frozen=True)
class Link:
    """A link as it stands in a note: where it leads, and what is around it."""

    target: str  # as it is written; the vault says which file it means
    part: str
    embeds: bool
    compared: bool  # after "cf.", "see" or "compare"
    line: int  # of the file
    block: Token
    sentence: tuple[Token, ...]


class Links(list[Link]):
    """The links of a note, in order."""

    def __init__(self, tokens: list[Token], line: Callable[[Token], int]) -> None:
        super().__init__(_found(tokens, line))
        self._footnotes = _footnotes(tokens)

    def of(self, blocks: Iterable[Token]) -> list[Link]:
        """Return the links in some blocks, and in the footnotes that these refer to.

        Found anew each time: a note may come from another process, where each block has another
        identity.
        """
        inside, reached = list(blocks), set[int]()
        for block in inside:
            for token in block.children or [] if self._footnotes else []:
                if token.type == "footnote_ref" and token.meta["id"] not in reached:
                    reached.add(token.meta["id"])
                    inside += self._footnotes.get(token.meta["id"], [])
        wanted = set(map(id, inside))
        return [link for link in self if id(link.block) in wanted]


def _found(tokens: Iterable[Token], line: Callable[[Token], int]) -> Iterator[Link]:
    text: Token | None = None  # what came last
    for block in tokens:
        if block.type == "embed":  # lifted out of a paragraph, perhaps out of the middle
            yield _link(block, _right_before(block, text), line(block), block, ())
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
                        yield _link(each, before, line(each), block, sentence.around(place))
                before = (before + _said(token))[-LOOKED_AT:]


def _right_before(embed: Token, text: Token | None) -> str:
    """Return the end of the text that an embed was lifted out of, if it stood right after it."""
    if not text or not text.map or not embed.map or embed.map[0] >= text.map[1]:
        return ""
    return "".join(map(_said, (text.children or [])[-LOOKED_AT:]))[-LOOKED_AT:]


def _link(token: Token, before: str, line: int, block: Token, sentence: tuple[Token, ...]) -> Link:
    compared = bool(MERELY_COMPARED.search(before))
    where, embeds = (token.meta["target"], token.meta["part"]), token.type in {"embed", "image"}
    return Link(*where, embeds, compared, line, block, sentence)


def _said(token: Token) -> str:
    if token.type == "text":
        return token.content
    return " " if token.type in BREAKS else plain_text([token])


def _footnotes(tokens: list[Token]) -> dict[int, list[Token]]:
    """Return the blocks of each footnote, by the number that the parser gives it."""
    found: dict[int, list[Token]] = {}
    blocks: list[Token] = []
    for token in tokens:
        if token.type == "footnote_open":
            blocks = found[token.meta["id"]] = []
        blocks.append(token)
    return found
