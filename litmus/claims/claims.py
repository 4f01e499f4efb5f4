"""All claims of a vault: which there are, what each rests on, and what is wrong with that."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from litmus.claims.claim import Claim, stated
from litmus.claims.evidence import Mark, Outcome
from litmus.claims.grounds import Grounds, circular, loops, told
from litmus.claims.kinds import FOUNDATIONS
from litmus.problems import Problem
from litmus.vault.links import Link
from litmus.vault.vault import Vault

WEAK = ["refuted", "open", "cited"]  # arguments, the weakest first


@dataclass(frozen=True)
class Support:
    """What a claim rests on, directly or through others, in numbers."""

    claims: int
    by_argument: dict[str, int]  # how many stand how, by the words of their argument
    weakest: str | None  # the first by name; none if all are argued or foundations


class Claims(dict[str, Claim]):
    """The claims of a vault by name: a dictionary of `Claim`, with what is wrong in `problems`.

    claims = project.claims
    for name in claims.rests_on("momentum-has-a-twin"):  # directly or through others
        print(name, claims[name].argument, claims[name].evidence)
    """

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
        every = (stated(note, vault) for note in [*vault.notes.values()])
        for claim in filter(None, every):
            other = by_name.setdefault(claim.name.casefold(), claim)
            if other is claim:
                claims[claim.name] = claim
            else:
                what = f"two claims have the name '{claim.name}', the other is {other.note.path}."
                remedy = "Rename one; an alias keeps its old name."
                problems.append(Problem(claim.note.path, 1, what, remedy))
        lines = claims._link(vault)
        for name in circular({name: claim.uses for name, claim in claims.items()}):
            claims[name].has_gap = True
        for loop in claims.cycles():
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
            for _, other in _to_claims(claim.said.in_statement, claim, by_path, vault):
                if other is not claim and other.kind in FOUNDATIONS:
                    assumes[other.name] = None
            steps = [link for link in claim.said.in_proofs if not link.compared]
            for link, other in _to_claims(steps, claim, by_path, vault):
                uses[other.name] = None
                lines.setdefault((claim.name, other.name), link.line)
            claim.has_gap = not all(_is_there(step, claim, vault) for step in steps)
            claim.assumes, claim.uses = list(assumes), list(uses)
            for name in assumes | uses:
                used_by[name][claim.name] = None
        for name, users in used_by.items():
            self[name].used_by = list(users)
        return lines

    @property
    def statements(self) -> dict[str, str]:
        """A hash of each claim's statement, by name."""
        return {name: claim.said.statement_hash for name, claim in self.items()}

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

    def cycles(self) -> Iterator[list[str]]:
        """Yield each loop among the proofs once, as names that end where they began."""
        return loops({name: claim.uses for name, claim in self.items()})


def _is_there(step: Link, claim: Claim, vault: Vault) -> bool:
    """Does a step of a proof lead anywhere? To a lab, too, which not everybody reads."""
    targets = step.target, f"{step.target}.py"
    return any(vault.resolve(target, claim.note.path) for target in targets)


def _to_claims(
    links: Iterable[Link], claim: Claim, by_path: Mapping[str, Claim], vault: Vault
) -> Iterator[tuple[Link, Claim]]:
    """Yield the links that lead to claims; one to a part of its own note leads nowhere else."""
    for link in links:
        other = by_path.get(vault.resolve(link.target, claim.note.path) or "")
        if other and link.target and not (other is claim and link.part):
            yield link, other
