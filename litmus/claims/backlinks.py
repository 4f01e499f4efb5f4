"""Which notes link to a note, in which sentence: in a proof, by embedding or by mentioning it."""

from collections import defaultdict
from functools import partial
from typing import NamedTuple

from litmus.claims.claims import Claims
from litmus.problems import tried
from litmus.vault.links import Link
from litmus.vault.notes import Note
from litmus.vault.vault import Vault

RELATIONS = ["used in proofs", "embedded", "mentioned"]  # the strongest first


class Backlink(NamedTuple):
    """A link from one note to another, with the sentence that it stands in."""

    source: str
    digest: str  # of the source
    relation: str
    place: int  # among the links of its source
    sentence: bytes  # packed


def backlinks(vault: Vault, claims: Claims) -> dict[str, list[Backlink]]:
    """Return for each note the links to it from others, by relation, each source once."""
    found: dict[str, dict[str, Backlink]] = defaultdict(dict)
    for note in vault.notes.values():
        claim = claims.get(note.name)
        used, proofs = set(), set()
        if claim and claim.note is note:
            used = {claims[name].note.path for name in claim.uses}
            proofs = {*map(id, claim.said.in_proofs)}
        links = tried(partial(_led, note, vault), note.path, vault.show_as_written)
        for place, (link, target) in enumerate(links or []):
            if not target or target == note.path:
                continue
            in_proof = target in used and id(link) in proofs
            relation = RELATIONS[0 if in_proof else 1 if link.embeds else 2]
            known = found[target].get(note.path)
            if not known or RELATIONS.index(relation) < RELATIONS.index(known.relation):
                about = note.path, note.digest, relation, place
                found[target][note.path] = Backlink(*about, link.sentence)
    return {
        target: sorted(
            links.values(), key=lambda link: (RELATIONS.index(link.relation), link.source)
        )
        for target, links in found.items()
    }


def _led(note: Note, vault: Vault) -> list[tuple[Link, str | None]]:
    """Return the links of a note, each with where it leads."""
    return [(link, vault.resolve(link.target, note.path)) for link in note.links]
