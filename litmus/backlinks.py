"""Which notes link to a note, in which sentence: in a proof, by embedding or by mentioning it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

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


def backlinks(vault: Vault, claims: Claims) -> dict[str, list[Backlink]]:
    """Return for each note the links to it from others, by relation, each source once."""
    found: dict[str, dict[str, Backlink]] = defaultdict(dict)
    for note in vault.notes.values():
        claim = claims.get(note.name)
        used, proofs = set(), set()
        if claim and claim.note is note:
            used = {claims[name].note.path for name in claim.uses}
            proofs = {id(token) for proof in claim.proofs for token in proof}
        for block, token, sentence in _links(note):
            target = vault.resolve(token.meta["target"], note.path)
            if not target or target == note.path:
                continue
            in_proof = target in used and id(block) in proofs
            relation = RELATIONS[0 if in_proof else 1 if token.type == "embed" else 2]
            link = Backlink(note.path, relation, tuple(sentence))
            known = found[target].get(note.path)
            if not known or RELATIONS.index(relation) < RELATIONS.index(known.relation):
                found[target][note.path] = link
    return {
        target: sorted(
            links.values(), key=lambda link: (RELATIONS.index(link.relation), link.source)
        )
        for target, links in found.items()
    }


def _links(note: Note) -> Iterator[tuple[Token, Token, list[Token]]]:
    """Yield the blocks with links, the links, and the sentences that they stand in."""
    for block in note.tokens:
        if block.type == "embed":
            yield block, block, []
        for part in _sentences(block.children or []) if block.type == "inline" else []:
            for token in walk(part):
                if token.type in {"wikilink", "embed"}:
                    yield block, token, part


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
            yield [*sentence, token.copy(content=text)]
            sentence = []
        if rest:
            sentence.append(token.copy(content=rest))
    if sentence:
        yield sentence
