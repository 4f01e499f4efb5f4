"""Claims: the notes that state something, what each rests on, and how well it stands.

Nothing here is typed by the author. What a claim assumes are the definitions and assumptions that
its statement links; what it uses are the claims that its proofs link; both statuses follow from
those, from its properties and from the tests.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from litmus.cache import Cache
from litmus.claims.evidence import WAYS, Mark, Outcome, stale_tests
from litmus.claims.grounds import Grounds, circular, loops, told
from litmus.claims.kinds import KINDS
from litmus.files.digest import digest
from litmus.markdown import Token
from litmus.markdown.headings import plain_text
from litmus.problems import Problem, nearest, tried
from litmus.vault.links import Link
from litmus.vault.notes import Note
from litmus.vault.vault import Vault

FOUNDATIONS = {"definition", "assumption", "axiom", "hypothesis"}  # nothing to prove
PROOF = re.compile(r"\bproof\b", re.IGNORECASE)
WEAK = ["refuted", "open", "cited"]  # arguments, the weakest first


@dataclass
class Claim:
    """One claim. The lists name other claims; `outcomes` are the tests that mark this one."""

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
    def statement_hash(self) -> str:
        """Changes when the statement does, and with nothing else."""
        return digest(*(token.content for token in self.statement if token.content))

    @cached_property
    def statement_tex(self) -> str:
        """The statement as text, formulas in dollar signs."""
        blocks: list[str] = []
        for token in self.statement:
            if token.type == "maths_block":
                blocks.append(f"$$ {token.content} $$")
            elif token.type == "inline":
                blocks.append(plain_text(map(_in_dollars, token.children or [])))
        return "\n\n".join(filter(None, blocks))

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
        blocks = {str(t.attrGet("id")) for t in self.statement if t.attrGet("id")}
        return {*self.assumes, *(block for block in blocks if block.startswith("^"))}

    @property
    def controls(self) -> dict[str, bool]:
        """What a control may drop, assumptions first, with whether a passing one does."""
        dropped = {mark.drops for outcome, mark in self.marked("control") if outcome.passed}
        return {
            name: name in dropped
            for name in [*self.assumes, *sorted(self.droppable - {*self.assumes})]
        }

    @property
    def source(self) -> str:
        """Where the claim comes from, as the author wrote it."""
        return str(self.note.properties.get("source") or "")

    def marked(self, role: str) -> list[tuple[Outcome, Mark]]:
        """Return the tests with a marker of that role for this claim, strongest way first."""
        found = [
            (o, m) for o in self.outcomes for m in o.marks if (m.role, m.claim) == (role, self.name)
        ]
        return sorted(
            found, key=lambda pair: (WAYS.index(pair[1].by) if pair[1].by else 0, pair[0].test)
        )

    @property
    def evidence(self) -> str:
        """The evidence in words: failing, stale, none, checked, or checked with control."""
        ran = [o for o in self.outcomes if o.passed or o.failed]
        if any(o.failed and o.test not in self.stale for o in ran):
            return "failing"
        if any(o.test in self.stale for o in ran):
            return "stale"
        checked = any(o.passed for o, _ in self.marked("claim"))
        controlled = any(o.passed for o, _ in self.marked("control"))
        return {
            (True, True): "checked with control",
            (True, False): "checked",
        }.get((checked, controlled), "none")

    @property
    def evidence_shown(self) -> str:
        """The evidence as a page words it."""
        return "no evidence" if self.evidence == "none" else self.evidence

    @property
    def shows_evidence(self) -> bool:
        """Is there something to say? Nobody misses a test of a definition or an assumption."""
        return self.evidence != "none" or self.kind not in FOUNDATIONS

    @property
    def argument(self) -> str:
        """The argument in words: by definition, argued, cited, open, or refuted."""
        if any(o.passed and not o.failed for o, _ in self.marked("counterexample")):
            return "refuted"
        if self.kind in FOUNDATIONS:
            return "by definition"
        if self.proofs and not self.has_gap:
            return "argued"
        return "cited" if self.source else "open"


@dataclass(frozen=True)
class Support:
    """What a claim rests on, directly or through others, in numbers."""

    claims: int
    by_argument: dict[str, int]  # how many stand how, by the words of their argument
    weakest: str | None  # the first by name; none if all are argued or foundations


class Claims(dict[str, Claim]):
    """The claims of a vault by name, with what is wrong with them."""

    problems: list[Problem]

    @cached_property
    def dropping(self) -> dict[str, list[tuple[Claim, Outcome, Mark]]]:
        """The controls that drop an assumption, each with the claim that then fails, by its name.

        Asked for when every test has been given to its claim.
        """
        dropping: dict[str, list[tuple[Claim, Outcome, Mark]]] = defaultdict(list)
        for claim in self.values():
            for outcome, mark in claim.marked("control"):
                dropping[mark.drops].append((claim, outcome, mark))
        return dropping

    @classmethod
    def read(cls, vault: Vault) -> "Claims":
        """Find the claims of a vault and what they rest on; `problems` says what is wrong."""
        claims, problems = cls(), []
        by_name: dict[str, Claim] = {}  # without case, as on some file systems
        for note in [*vault.notes.values()]:
            claim = _claim(note, vault)
            if not claim:
                continue
            other = by_name.get(note.name.casefold())
            if other:
                what = f"two claims have the name '{note.name}', the other is {other.note.path}."
                remedy = "Rename one; an alias keeps its old name."
                problems.append(Problem(note.path, 1, what, remedy))
                continue
            claims[note.name] = by_name[note.name.casefold()] = claim
        lines = claims._link(vault)
        for name in circular({name: claim.uses for name, claim in claims.items()}):
            claims[name].has_gap = True
        for loop in claims._loops():
            what = f"the proof depends on itself: {told(loop)}."
            remedy = 'Prove one another way; what is no step of the proof stands after "cf."'
            place = claims[loop[0]].note.path, lines[loop[0], loop[1]]
            problems.append(Problem(*place, what, remedy))
        claims.problems = problems
        return claims

    def _link(self, vault: Vault) -> dict[tuple[str, str], int]:
        """Let each claim know what it assumes, uses and is used by; return the lines of the uses.

        There are as many lists as claims, and one may name all of them: so each is made whole.
        """
        by_path = {claim.note.path: claim for claim in self.values()}
        used_by: dict[str, dict[str, None]] = defaultdict(dict)
        lines: dict[tuple[str, str], int] = {}
        for claim in self.values():
            assumes: dict[str, None] = {}
            uses: dict[str, None] = {}
            links = claim.note.links
            for _, other in _to_claims(links.of(claim.statement), claim, by_path, vault):
                if other is not claim and other.kind in FOUNDATIONS:
                    assumes[other.name] = None
            in_proofs = [link for proof in claim.proofs for link in links.of(proof)]
            steps = [link for link in in_proofs if not link.compared]
            for link, other in _to_claims(steps, claim, by_path, vault):
                uses[other.name] = None
                lines.setdefault((claim.name, other.name), link.line)
            claim.has_gap = any(not vault.resolve(s.target, claim.note.path) for s in steps)
            claim.assumes, claim.uses = list(assumes), list(uses)
            for name in assumes | uses:
                used_by[name][claim.name] = None
        for name, users in used_by.items():
            self[name].used_by = list(users)
        return lines

    @property
    def statements(self) -> dict[str, str]:
        """A hash of each claim's statement, by name."""
        return {name: claim.statement_hash for name, claim in self.items()}

    def attach(
        self, outcomes: Sequence[Outcome], root: Path, cache: Cache | None = None
    ) -> list[Problem]:
        """Give each claim the tests that mark it; return what is wrong with the tests."""
        problems = []
        changed = stale_tests(outcomes, self.statements, root, cache) if outcomes else set()
        for outcome in outcomes:
            stale = outcome.test in changed
            for mark in outcome.marks:
                wrong = self.wrong_mark(mark)
                if wrong and not stale:
                    problems.append(Problem(outcome.file, outcome.line, wrong))
                elif claim := self.get(mark.claim):
                    if outcome not in claim.outcomes:
                        claim.outcomes.append(outcome)
                    if stale:
                        claim.stale.add(outcome.test)
            if outcome.failed and not stale:
                problems.append(
                    Problem(
                        outcome.file,
                        outcome.line,
                        f"the check {outcome.name} fails.",
                        "Run it with pytest.",
                    )
                )
        return problems

    def wrong_mark(self, mark: Mark) -> str:
        """Return what is wrong with a test's marker, "" if nothing is."""
        claim = self.get(mark.claim)
        if not claim:
            close = nearest(mark.claim, self)
            return f"a test marks the claim '{mark.claim}', which no note states. {close}"
        if mark.role == "claim" and mark.by not in WAYS:
            return f"a check of '{mark.claim}' needs by= one of {', '.join(WAYS)}, not '{mark.by}'."
        if mark.role == "control" and mark.drops not in claim.droppable:
            can = ", ".join(sorted(claim.droppable)) or "nothing"
            what = f"a control drops '{mark.drops}', which '{mark.claim}' does not assume."
            return f"{what} It can drop: {can}."
        return ""

    @cached_property
    def _grounds(self) -> Grounds:
        return Grounds({name: [*c.assumes, *c.uses] for name, c in self.items()})

    @cached_property
    def _by_argument(self) -> dict[str, int]:
        """The claims of each argument, as the grounds number them.

        Asked for when every test has been given to its claim.
        """
        by_argument: dict[str, list[str]] = defaultdict(list)
        for name, claim in self.items():
            by_argument[claim.argument].append(name)
        return {words: self._grounds.holding(by_argument[words]) for words in sorted(by_argument)}

    def rests_on(self, name: str) -> list[str]:
        """Return every claim that one assumes or uses, directly or through others, by name."""
        return self._grounds.names(self._grounds.of(name))

    def support(self, name: str) -> Support:
        """Return what one rests on, directly or through others, in numbers."""
        below = self._grounds.of(name)
        shares = ((words, below & claims) for words, claims in self._by_argument.items())
        found = {words: claims for words, claims in shares if claims}
        weakest = next((found[words] for words in WEAK if words in found), 0)
        return Support(
            below.bit_count(),
            {words: claims.bit_count() for words, claims in found.items()},
            self._grounds.first(weakest) if weakest else None,
        )

    def cycles(self) -> list[list[str]]:
        """Return each loop among the proofs once, as names that end where they began."""
        return list(self._loops())

    def _loops(self) -> Iterator[list[str]]:
        return loops({name: claim.uses for name, claim in self.items()})


def _to_claims(
    links: Iterable[Link], claim: Claim, by_path: Mapping[str, Claim], vault: Vault
) -> Iterator[tuple[Link, Claim]]:
    """Yield the links that lead to claims; one to a part of its own note leads nowhere else."""
    for link in links:
        other = by_path.get(vault.resolve(link.target, claim.note.path) or "")
        if other and link.target and not (other is claim and link.part):
            yield link, other


def _claim(note: Note, vault: Vault) -> Claim | None:
    """Return the claim that a note states, if it states one; a note that raises is none."""

    def derived() -> Claim | None:
        kind = _kind(note)
        if not kind or note.is_as_written:
            return None
        claim = Claim(note, kind)
        claim.statement_hash, claim.statement_tex, claim.droppable  # noqa: B018
        for tokens in [claim.statement, *claim.proofs]:
            note.links.of(tokens)
        return claim

    claim = tried(derived, note.path)
    if not isinstance(claim, Problem):
        return claim
    vault.show_as_written(claim)
    return None


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
