"""Which notes link to a note, in which sentence: in a proof, by embedding or by mentioning it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from litmus.addresses import address_parts
from litmus.claims import Claims
from litmus.markdown import Token
from litmus.notes import Note, walk
from litmus.vault import Vault

SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\bcf\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bal\.)\s+")
RELATIONS = ["used in proofs", "embedded", "mentioned"]  # the strongest first


@dataclass(frozen=True)
class Backlink:
    """A link from one note to another, with the sentence that it stands in, as tokens."""

    source: str
    relation: str
    sentence: tuple[Token, ...]
    place: int  # among the links of its source


@dataclass(frozen=True)
class Link:
    """A link as it stands in a note: its target, the block and the sentence that it is in."""

    target: str
    embeds: bool
    block: Token
    sentence: tuple[Token, ...]


FoundLinks = dict[str, tuple[str, list[Link]]]  # by the path of a note, for a digest of it


def backlinks(
    vault: Vault, claims: Claims, kept: FoundLinks | None = None
) -> dict[str, list[Backlink]]:
    """Return for each note the links to it from others, by relation, each source once.

    What is kept from one call to the next spares looking through notes that have not changed.
    """
    kept = {} if kept is None else kept
    found: dict[str, dict[str, Backlink]] = defaultdict(dict)
    for note in vault.notes.values():
        claim = claims.get(note.name)
        used, proofs = set(), set()
        if claim and claim.note is note:
            used = {claims[name].note.path for name in claim.uses}
            proofs = {id(token) for proof in claim.proofs for token in proof}
        if note.path not in kept or kept[note.path][0] != note.digest:
            kept[note.path] = note.digest, list(_links(note))
        for place, link in enumerate(kept[note.path][1]):
            target = vault.resolve(link.target, note.path)
            if not target or target == note.path:
                continue
            in_proof = target in used and id(link.block) in proofs
            relation = RELATIONS[0 if in_proof else 1 if link.embeds else 2]
            known = found[target].get(note.path)
            if not known or RELATIONS.index(relation) < RELATIONS.index(known.relation):
                found[target][note.path] = Backlink(note.path, relation, link.sentence, place)
    return {
        target: sorted(
            links.values(), key=lambda link: (RELATIONS.index(link.relation), link.source)
        )
        for target, links in found.items()
    }


def _links(note: Note) -> Iterator[Link]:
    """Yield the links to notes and files, in order."""
    for block in note.tokens:
        if block.type == "embed":
            yield Link(block.meta["target"], True, block, ())
        written = block.content or "[["  # what was cut out of a paragraph has no text of its own
        if block.type != "inline" or not ("[[" in written or "](" in written):
            continue
        for part in _sentences(block.children or []):
            for token in walk(part):
                if token.type in {"wikilink", "embed"}:
                    yield Link(token.meta["target"], token.type == "embed", block, tuple(part))
                elif token.type == "link_open":
                    url = address_parts(str(token.attrGet("href") or ""))
                    if url.path and not url.scheme and not url.netloc:
                        yield Link(unquote(url.path), False, block, tuple(part))


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
