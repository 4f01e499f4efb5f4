"""A project as it lies on disk: the vault, its claims with their evidence, its references."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from platformdirs import user_cache_path

from litmus.cache import Cache
from litmus.claims import markers
from litmus.claims.claims import Claims
from litmus.claims.evidence import Outcome, read_ledger
from litmus.claims.records import Record, read_records
from litmus.files.reading import not_utf8
from litmus.files.snippets import SNIPPETS, snippets_of
from litmus.problems import Problem
from litmus.python.fingerprint import IMPORTS, LEDGER
from litmus.python.labs import IsLab, Labs
from litmus.render.code import CODE
from litmus.tex.katex import FORMULAS
from litmus.vault import attachments, bibliography, last_reading
from litmus.vault.bibliography import REFERENCES, Reference, read_bibliography
from litmus.vault.vault import LeftOut, Vault

ENGINE = Path(__file__).resolve().parents[1]
BUILD = "build"  # below the root
BIBLIOGRAPHY = "references.bib"  # in the vault
STORES = (FORMULAS, CODE, IMPORTS, REFERENCES)  # of the cache


@dataclass(frozen=True)
class Project:
    """A folder of notes, read: `vault`, `claims`, `references`, and what is wrong in `problems`.

    A folder is foreign unless one says otherwise: text by somebody whom nobody knows. Nothing of it
    is run or written to, and nothing beside it is read. A project of ours has snippets, labs and
    tests beside its vault, which are run when they are asked for. So there are two ways to read
    one, and no third that guesses:

        project = Project.foreign(Path("notes"))
        project = Project.ours(Path("."), Path("docs"))
    """

    root: Path
    docs: Path
    is_ours: bool
    vault: Vault
    claims: Claims
    references: dict[str, Reference]
    outcomes: list[Outcome]
    records: list[Record]  # of tests that run elsewhere
    told: list[tuple[Outcome, bool]]  # of each test once, by either, and whether that is stale
    problems: list[Problem]
    cache: Cache  # its own, in whatever process and however often it is read
    is_lab: IsLab | None = None  # says which files are run and become pages; none does
    excludes: LeftOut | None = None  # says which files the settings keep from the site

    @classmethod
    def open(
        cls,
        docs: Path,
        settings: Path,
        is_lab: IsLab | None = None,
        is_called_ours: bool = False,
        excludes: LeftOut | None = None,
    ) -> "Project":
        """Read the vault in `docs`, ours if it is in the folder of the settings or they say so.

        The settings that come with the engine are nobody's: they are for any folder.
        """
        folder = settings.resolve()
        is_ours = is_called_ours or docs.resolve().is_relative_to(folder)
        if is_ours and not folder.is_relative_to(ENGINE):
            return cls.ours(settings, docs, is_lab, excludes)
        return cls.foreign(docs, excludes)

    @classmethod
    def ours(
        cls,
        root: Path | str,
        docs: Path | str,
        is_lab: IsLab | None = None,
        excludes: LeftOut | None = None,
    ) -> "Project":
        """Read the vault in `docs`, and what the tests below `root` found, which is trusted.

        What took long to make is kept in `root/build`. Raises Problem if one of the folders is not
        there.
        """
        root, docs = _there(root), _there(docs)
        cache = Cache()
        cache.recall(root / BUILD, STORES)
        before = last_reading.recall(root / BUILD)
        return cls._read(root, docs, True, cache, before, is_lab, excludes)

    @classmethod
    def foreign(cls, docs: Path | str, excludes: LeftOut | None = None) -> "Project":
        """Read the vault in `docs`, and nothing else. Raises Problem if there is no such folder."""
        docs = _there(docs)
        return cls._read(docs, docs, False, Cache(), excludes=excludes)  # in memory alone

    def again(self, left_out: Collection[str] = ()) -> "Project":
        """Read again what has changed since; all other notes are taken from here."""
        self.cache.look_again()
        as_before = self.root, self.docs, self.is_ours, self.cache, self.vault
        return self._read(*as_before, self.is_lab, self.excludes, left_out)

    def without(self, problems: list[Problem]) -> "Project":
        """Read again as if the notes that have these problems were not there; keep the problems."""
        project = self.again({problem.file for problem in problems})
        project.problems.extend(problems)
        return project

    @classmethod
    def _read(
        cls,
        root: Path,
        docs: Path,
        is_ours: bool,
        cache: Cache,
        before: Vault | None = None,
        is_lab: IsLab | None = None,
        excludes: LeftOut | None = None,
        left_out: Collection[str] = (),
    ) -> "Project":
        def is_left_out(path: str) -> bool:
            return path in left_out or bool(excludes and excludes(path))

        labs = Labs(is_lab, docs, root, root / BUILD, cache) if is_lab else None
        vault, problems = Vault.read(docs, before, is_left_out, labs)
        if not is_ours:
            run = list(attachments.withheld(docs, vault.files))
            vault.withheld = {problem.file for problem in run}
            problems += run
        outcomes = read_ledger(root) if is_ours else []
        records, unread = read_records(root) if is_ours else ([], [])
        claims = Claims.read(vault)
        references = {}
        try:
            if BIBLIOGRAPHY in vault.files:
                references = read_bibliography(docs / BIBLIOGRAPHY, BIBLIOGRAPHY, cache)
                raw = vault.raw(BIBLIOGRAPHY, bibliography.LONGEST)
                problems += not_utf8(raw, BIBLIOGRAPHY)
        except Problem as problem:
            problems.append(problem)
        problems += [p for note in vault.as_written for p in note.problems if p not in problems]
        told = [*markers.told(outcomes, records, claims, root, cache)]
        evidence = markers.attach(told, claims)
        problems += [*claims.problems, *unread, *evidence]
        found = vault, claims, references, outcomes, records, told
        return cls(root, docs, is_ours, *found, problems, cache, is_lab, excludes)

    @property
    def cache_folder(self) -> Path:
        """Where to keep what takes long to make: beside the notes, if they are ours and one may."""
        own = self.root / BUILD
        return own if self.is_ours and _may_hold_files(own) else user_cache_path("litmus")

    def save_cache(self) -> None:
        """Keep what took long to make for the next process that reads the project."""
        if self.cache_folder == self.root / BUILD:
            self.cache.keep(self.cache_folder)
            last_reading.keep(self.cache_folder, self.vault)

    @property
    def made_of(self) -> list[Path]:
        """What the site is made of besides the vault, as far as it is there."""
        if not self.is_ours:
            return []
        folder = self.root / SNIPPETS
        beside = [self.root / LEDGER, *([] if folder.is_symlink() else [folder])]
        return [path for path in beside if path.exists()]

    @cached_property
    def snippets(self) -> dict[str, Path]:
        """The files in snippets/ by paths from the root, in order; a foreign vault has none."""
        return snippets_of(self.root) if self.is_ours else {}


def _may_hold_files(folder: Path) -> bool:
    """May this process write into a folder, or make it? Projects may be mounted to be read only."""
    there = folder if os.path.lexists(folder) else folder.parent
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _there(folder: Path | str) -> Path:
    """Return a folder that is there; raise Problem if it is not."""
    if not Path(folder).is_dir():
        raise Problem(str(folder), None, "there is no such folder.")
    return Path(folder)
