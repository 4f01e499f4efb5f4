"""One claim: what its note states, its proofs and its tests, and how well it stands.

Nothing here is typed by the author. What a claim assumes are the definitions and assumptions that
its statement links; what it uses are the claims that its proofs link; both statuses follow from
those, from its properties and from the tests.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from litmus.claims.evidence import Mark, Outcome
from litmus.claims.kinds import FOUNDATIONS, KINDS
from litmus.claims.statuses import Argument, Evidence
from litmus.claims.ways import WAYS
from litmus.files.digest import digest
from litmus.markdown import Token
from litmus.markdown.headings import plain_text
from litmus.problems import tried
from litmus.vault.links import Link
from litmus.vault.notes import Note
from litmus.vault.vault import Vault

PROOF = re.compile(r"\bproof\b", re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """What a claim's note says by itself. It is found once of a note, whose text stays packed."""

    statement_hash: str  # changes when the statement does, and with nothing else
    statement_tex: str  # the statement as text, formulas in dollar signs
    blocks: frozenset[str]  # of the statement that have a name, as ^id
    has_proof: bool
    in_statement: list[Link]
    in_proofs: list[Link]


@dataclass
class Claim:
    """One claim: its `note` and `kind`, what it rests on, and how well it stands.

    `assumes`, `uses` and `used_by` name other claims, `outcomes` are the tests that mark this one,
    and `argument` and `evidence` are its two statuses in words.

        open_ends = [c.name for c in project.claims.values() if c.argument == "open"]
    """

    note: Note
    kind: str
    assumes: list[str] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    used_by: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)  # the tests among the outcomes that are stale
    has_gap: bool = False  # does its proof use itself, or a note that is not there?

    @property
    def name(self) -> str:
        """The file name without .md: the claim's name, for good."""
        return self.note.name

    @property
    def title_tokens(self) -> list[Token]:
        """The heading of the first level that the note begins with, if it does."""
        title = self.note.title_heading
        return self.note.tokens[:3] if title and title.index == 0 else []

    @property
    def statement(self) -> list[Token]:
        """What stands before the first second-level heading, without the title."""
        return self.note.tokens[len(self.title_tokens) : self._statement_end]

    @property
    def rest(self) -> list[Token]:
        """What stands below the statement: proofs, checks, remarks."""
        return self.note.tokens[self._statement_end :]

    @cached_property
    def _statement_end(self) -> int:
        sections = (h.index for h in self.note.headings if h.level == 2)
        return next(sections, self.note.footnotes_begin)

    @cached_property
    def said(self) -> Said:
        """What the note says by itself."""
        if "claim" not in self.note.worked_out:
            self.note.worked_out["claim"] = _said(self)
        said: Said = self.note.worked_out["claim"]
        return said

    def sections(self, title: re.Pattern[str]) -> list[list[Token]]:
        """Return the contents of the second-level sections whose heading matches."""
        found = (h for h in self.note.headings if h.level == 2 and title.search(h.text))
        return [self.note.section(heading)[3:] for heading in found]

    @property
    def proofs(self) -> list[list[Token]]:
        """The contents of the sections "Proof", "Second proof" and so on that say something."""
        return [proof for proof in self.sections(PROOF) if proof]

    @property
    def droppable(self) -> set[str]:
        """What a control may drop: assumptions by name, blocks of the statement by ^id."""
        return {*self.assumes, *self.said.blocks}

    @property
    def controls(self) -> dict[str, bool]:
        """What a control may drop, assumptions first, with whether a passing one does."""
        dropped = {mark.drops for outcome, mark in self.marked("control") if self._holds(outcome)}
        names = [*self.assumes, *sorted(self.droppable - {*self.assumes})]
        return {name: name in dropped for name in names}

    @property
    def source(self) -> str:
        """Where the claim comes from, as the author wrote it."""
        return str(self.note.properties.get("source") or "")

    def marked(self, role: str) -> list[tuple[Outcome, Mark]]:
        """Return the tests with a marker of that role for this claim, strongest way first."""
        found = [
            (o, m) for o in self.outcomes for m in o.marks if (m.role, m.claim) == (role, self.name)
        ]
        return sorted(found, key=lambda pair: (["", *WAYS].index(pair[1].by), pair[0].test))

    @property
    def evidence(self) -> Evidence:
        """The evidence in words: failing, stale, none, checked, or checked with control."""
        ran = [o for o in self.outcomes if o.passed or o.failed]
        if any(o.failed and o.test not in self.stale for o in ran):
            return "failing"
        # A record that is out of date takes nothing from what was found here.
        holds = [o for o in ran if not (o.record and o.test in self.stale)]
        if any(o.test in self.stale for o in holds) or (ran and not holds):
            return "stale"
        checked = any(o.passed for o, _ in self.marked("claim") if o in holds)
        controlled = any(o.passed for o, _ in self.marked("control") if o in holds)
        if not checked:
            return "none"
        return "checked with control" if controlled else "checked"

    @property
    def evidence_shown(self) -> str:
        """The evidence as a page words it."""
        return "no evidence" if self.evidence == "none" else self.evidence

    @property
    def shows_evidence(self) -> bool:
        """Is there something to say? Nobody misses a test of a definition or an assumption."""
        return self.evidence != "none" or self.kind not in FOUNDATIONS

    def _holds(self, outcome: Outcome) -> bool:
        """Say whether a test passed, and nothing that it rests on has changed since."""
        return bool(outcome.passed and not outcome.failed and outcome.test not in self.stale)

    @property
    def argument(self) -> Argument:
        """The argument in words: by definition, argued, cited, open, or refuted."""
        if any(self._holds(outcome) for outcome, _ in self.marked("counterexample")):
            return "refuted"
        if self.kind in FOUNDATIONS:
            return "by definition"
        if self.said.has_proof and not self.has_gap:
            return "argued"
        return "cited" if self.source else "open"


def stated(note: Note, vault: Vault) -> Claim | None:
    """Return the claim that a note states, if it states one; a note that raises is none."""

    def derived() -> Claim | None:
        kind = _kind(note)
        if not kind or note.is_as_written:
            return None
        claim = Claim(note, kind)
        claim.said  # noqa: B018  # what raises in it does so here
        return claim

    return tried(derived, note.path, vault.show_as_written)


def _said(claim: Claim) -> Said:
    ids = (token.attrGet("id") for token in claim.statement)
    return Said(
        digest(*(token.content for token in claim.statement if token.content)),
        _as_tex(claim.statement),
        frozenset(id for id in map(str, ids) if id.startswith("^")),
        bool(claim.proofs),
        claim.note.links_in(claim.statement),
        [link for proof in claim.proofs for link in claim.note.links_in(proof)],
    )


def _as_tex(statement: list[Token]) -> str:
    blocks: list[str] = []
    for token in statement:
        if token.type == "maths_block":
            blocks.append(f"$$ {token.content} $$")
        elif token.type == "inline":
            blocks.append(plain_text(map(_in_dollars, token.children or [])))
    return "\n\n".join(filter(None, blocks))


def _kind(note: Note) -> str | None:
    kind = str(note.properties.get("kind") or "").strip().lower()
    kind = next((long for long, short in KINDS.items() if kind == short), kind)
    if kind in KINDS:
        return kind
    return "claim" if "claims" in note.path.split("/")[:-1] else None


def _in_dollars(token: Token) -> Token:
    if token.type != "maths":
        return token
    fence = "$$" if token.meta["display"] else "$"
    return token.copy(content=f"{fence}{token.content}{fence}")
