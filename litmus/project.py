"""A project as it lies on disk: the vault, its claims with their evidence, its references."""

from dataclasses import dataclass
from pathlib import Path

from litmus.bibliography import Reference, read_bibliography
from litmus.claims import Claims
from litmus.evidence import Outcome, read_ledger
from litmus.problems import Problem
from litmus.vault import Vault


@dataclass(frozen=True)
class Project:
    """All that is known before a single page is made, and what is wrong with it."""

    root: Path
    vault: Vault
    claims: Claims
    references: dict[str, Reference]
    outcomes: list[Outcome]
    problems: list[Problem]

    @classmethod
    def read(cls, root: Path, docs: Path) -> "Project":
        """Read the vault in `docs` and the ledger of the tests below `root`."""
        vault, problems = Vault.read(docs)
        claims = Claims.read(vault)
        try:
            references = read_bibliography(docs / "references.bib", "references.bib")
        except Problem as problem:
            references = {}
            problems.append(problem)
        outcomes = read_ledger(root)
        problems += [*claims.problems, *claims.attach(outcomes, root)]
        return cls(root, vault, claims, references, outcomes, problems)

    def snippets(self) -> list[str]:
        """Return the snippets as paths from the root, in order."""
        folder = self.root / "snippets"
        return [path.relative_to(self.root).as_posix() for path in sorted(folder.rglob("*.py"))]
