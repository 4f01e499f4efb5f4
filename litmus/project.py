"""A project as it lies on disk: the vault, its claims with their evidence, its references."""

from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from litmus import attachments, bibliography, fingerprint, tex
from litmus.bibliography import Reference, read_bibliography
from litmus.claims import Claims
from litmus.evidence import LEDGER, Outcome, read_ledger
from litmus.problems import Problem
from litmus.render import code
from litmus.vault import Vault

BUILD = "build"  # below the root
KEPT = (tex.known, code.known, fingerprint.known, bibliography.known)


@dataclass(frozen=True)
class Project:
    """All that is known before a single page is made, and what is wrong with it.

    A vault beside its own mkdocs.yml is ours: its snippets and labs are run. Any other folder is
    text by somebody whom nobody knows, and nothing of it is run or written to.
    """

    root: Path
    docs: Path
    is_ours: bool
    vault: Vault
    claims: Claims
    references: dict[str, Reference]
    outcomes: list[Outcome]
    problems: list[Problem]  # those of labs come later

    @classmethod
    def open(cls, docs: Path, settings: Path) -> "Project":
        """Read the vault in `docs`, ours if it is in the folder that the settings are in."""
        if docs.resolve().is_relative_to(settings.resolve()):
            return cls.read(settings, docs)
        root = docs.parent if (docs.parent / "snippets").is_dir() else docs
        return cls.read(root, docs, is_ours=False)

    def again(self) -> "Project":
        """Read again what has changed."""
        return self.read(self.root, self.docs, self.is_ours, self)

    @classmethod
    def read(
        cls, root: Path, docs: Path, is_ours: bool = True, previous: "Project | None" = None
    ) -> "Project":
        """Read the vault in `docs` and the ledger of the tests below `root`.

        Notes that have not changed since a previous reading are taken from there.
        """
        if is_ours and not previous:
            for made in KEPT:
                made.recall(root / BUILD)
        vault, problems = Vault.read(docs, previous.vault if previous else None)
        if not is_ours:
            left_out = list(attachments.withheld(docs, vault.files))
            vault.withheld = {problem.file for problem in left_out}
            problems += left_out
        claims = Claims.read(vault)
        references = {}
        try:
            if "references.bib" in vault.files:
                references = read_bibliography(docs / "references.bib", "references.bib")
        except Problem as problem:
            problems.append(problem)
        outcomes = read_ledger(root)
        problems += [*claims.problems, *claims.attach(outcomes, root)]
        return cls(root, docs, is_ours, vault, claims, references, outcomes, problems)

    @property
    def kept(self) -> Path:
        """Where to keep what takes long to make."""
        return self.root / BUILD if self.is_ours else user_cache_path("litmus")

    def keep(self) -> None:
        """Keep what took long to make for the next process that reads the project."""
        if self.is_ours:
            for made in KEPT:
                made.keep(self.kept)

    @property
    def made_of(self) -> list[Path]:
        """What the site is made of besides the vault, as far as it is there."""
        return [path for path in (self.root / "snippets", self.root / LEDGER) if path.exists()]

    def snippets(self) -> list[str]:
        """Return the snippets as paths from the root, in order."""
        folder = self.root / "snippets"
        return [path.relative_to(self.root).as_posix() for path in sorted(folder.rglob("*.py"))]
