"""The links of a note, each with the sentence that it stands in: one list for all who ask.

Wikilinks, embeds, Markdown links and images are the same here. The parser has said of each where it
leads, and what leads out of the vault is none.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from litmus.markdown import Token
from litmus.markdown.headings import plain_text

SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\bcf\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bal\.)\s+")
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
            yield _link(block, _right_before(block, text), line(block), block, [])
            text = None
        if block.type != "inline":
            continue
        text, children = block, block.children or []
        written = block.content or "["  # what was cut out of a paragraph has no text of its own
        if "[" not in written or not any("target" in token.meta for token in children):
            continue
        before = ""
        for sentence in _sentences(children):
            for token in sentence:
                inside = token.children or [] if token.type == "wikilink" else []
                for each in (token, *inside):
                    if "target" in each.meta:
                        yield _link(each, before, line(each), block, sentence)
                before = (before + _said(token))[-LOOKED_AT:]


def _right_before(embed: Token, text: Token | None) -> str:
    """Return the end of the text that an embed was lifted out of, if it stood right after it."""
    if not text or not text.map or not embed.map or embed.map[0] >= text.map[1]:
        return ""
    return "".join(map(_said, (text.children or [])[-LOOKED_AT:]))[-LOOKED_AT:]


def _link(token: Token, before: str, line: int, block: Token, sentence: Iterable[Token]) -> Link:
    compared = bool(MERELY_COMPARED.search(before))
    where, embeds = (token.meta["target"], token.meta["part"]), token.type in {"embed", "image"}
    return Link(*where, embeds, compared, line, block, tuple(sentence))


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


def _sentences(tokens: list[Token]) -> Iterator[list[Token]]:
    """Yield inline tokens sentence by sentence; emphasis and links are never cut in two."""
    sentence: list[Token] = []
    depth = 0
    for token in tokens:
        depth += token.nesting
        ended = (
            sentence
            and sentence[-1].type == "text"
            and sentence[-1].content[-1:] in {".", "!", "?"}
        )
        if not depth and token.type == "softbreak" and ended:
            yield sentence
            sentence = []
            continue
        if depth or token.type != "text":
            sentence.append(token)
            continue
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
