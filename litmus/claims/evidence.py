"""Which test checks which claim, how it came out, and whether that still holds.

The tests write what they found into a ledger, one JSON file; a site reads it. A test that was
skipped is no evidence, and one that has changed since it ran is stale.
"""

import ast
import functools
import json
import platform
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from litmus.cache import Cache
from litmus.claims.entries import refuse_what_no_run_writes
from litmus.claims.loops import IN_LOOP, Cell
from litmus.claims.measured import ROLES
from litmus.files.project_files import project_files
from litmus.files.writing import write_whole
from litmus.python.fingerprint import LEDGER, fingerprint, is_test, torch_version
from litmus.python.touches import last_of

MARKED = [*ROLES, IN_LOOP]  # what makes a test one whose outcome is kept
TRAVELS = "travels"  # marks what runs only where somebody has what it needs, and leaves a record
# A marker, or pytest.mark by another name, perhaps.
USE = re.compile(
    rb"\bmark\.(?:claim|control|counterexample|in_loop|travels)\b|\bmark +as\b|\bmark\s*(?:[#;]|$)",
    re.M,
)
# What reading a file raises that no run has written, and the last where it is very deep.
MALFORMED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Mark:
    """What a test says about a claim: it checks it some way, or it shows that it fails without."""

    role: str  # one of ROLES
    claim: str
    by: str = ""  # one of ways.WAYS, for a claim
    drops: str = ""  # an assumption's name, or a block of the statement, for a control
    instead: str = ""  # what stands there in its place, in words


class Circumstances(TypedDict):
    """Under what a test ran."""

    date: str
    python: str
    torch: str
    fingerprint: str  # of the test's file


@dataclass(frozen=True)
class Outcome:
    """How one test function came out, over all its parameters."""

    test: str  # tests/snippets/test_x.py::test_name; the file alone if no test of a claim ran
    line: int
    marks: tuple[Mark, ...]
    passed: int
    failed: int
    skipped: int
    seconds: float
    date: str
    python: str
    torch: str
    fingerprint: str  # of the test's file when it ran
    statements: tuple[tuple[str, str], ...]  # each claim's name with a hash of its statement then
    measured: float | None = None  # what came closest to failing it; None if it got not that far
    allowed: float | None = None  # what that was held against
    confidence: float | None = None  # of random runs: how surely they do not mislead, all together
    among: int | None = None  # of a search: how many candidates it has tried
    cells: tuple[Cell, ...] = ()  # how snippets behave in a training loop
    record: str = ""  # the file of the record that tells of it, where the ledger does not
    device: str = ""  # what computed, as the record says

    @property
    def file(self) -> str:
        """The test's file."""
        return self.test.partition("::")[0]

    @property
    def name(self) -> str:
        """The test's name without its file."""
        return self.test.partition("::")[2]

    @property
    def ran_with(self) -> str:
        """What the test ran with: "torch 2.11.0, Python 3.11.7, NVIDIA H200"."""
        device = [self.device] if self.device else []
        return ", ".join([f"torch {self.torch}", f"Python {self.python}", *device])

    @property
    def sentence(self) -> str:
        """The test's name as the sentence that it is."""
        return self.name.removeprefix("test_").removeprefix("control_").replace("_", " ")


def read_ledger(root: Path) -> list[Outcome]:
    """Return what the tests of a project found when they last ran, nothing if they never did."""
    try:
        ledger = json.loads((root / LEDGER).read_text(encoding="utf-8"))
        return [outcome_from(entry) for entry in ledger]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except MALFORMED:
        return []  # written by another version: as good as none, the tests write it anew


def write_ledger(root: Path, outcomes: Iterable[Outcome], ran: set[str]) -> None:
    """Add outcomes to the ledger, in place of older ones of the same tests.

    `ran` names the test files that ran as a whole: tests that they no longer have are dropped.
    """
    known = {o.test: o for o in read_ledger(root) if o.file not in ran and (root / o.file).exists()}
    known |= {o.test: o for o in outcomes}
    entries = [asdict(known[test]) for test in sorted(known)]
    write_whole(root / LEDGER, json.dumps(entries, indent=1, ensure_ascii=False))


def stale_tests(
    outcomes: Iterable[Outcome], statements: dict[str, str], root: Path, cache: Cache | None = None
) -> set[str]:
    """Return the tests that have changed since they ran: themselves, or what they rest on.

    That is what they import, torch, or the statement of a claim.
    """
    now = functools.cache(lambda file: fingerprint(root / file, root, cache))  # of many tests
    return {
        outcome.test
        for outcome in outcomes
        if outcome.fingerprint != now(outcome.file)
        or any(statements.get(name) != then for name, then in outcome.statements)
    }


def due(root: Path, statements: dict[str, str], cache: Cache | None = None) -> list[str]:
    """Return the test files with markers whose outcomes are missing, failing or stale."""
    ledger = read_ledger(root)
    stale = stale_tests(ledger, statements, root, cache)
    known = {outcome.file for outcome in ledger}
    wrong = {outcome.file for outcome in ledger if outcome.failed or outcome.test in stale}
    return [
        file
        for file in sorted(project_files(root, is_test))
        if file in wrong or (file not in known and _is_checked_here(root / file))
    ]


def settle(
    root: Path,
    files: list[str],
    before: list[Outcome],
    statements: dict[str, str],
    cache: Cache | None = None,
) -> list[str]:
    """Bring the ledger up to what a run of whole test files has left; return those without tests.

    `before` is the ledger before the run. What was due in it and did not run again is no evidence:
    it was taken out of the file, or is left out by the project's settings. A file of which nothing
    ran, as where it skips itself, is noted without marks, so that it is due when it changes.
    """
    stale = stale_tests(before, statements, root, cache)
    old = [o for o in before if o.file in files and (o.failed or o.test in stale)]
    after = [o for o in read_ledger(root) if o.file in files]
    kept = [o for o in after if o not in old]
    without = [file for file in files if file not in {o.file for o in kept}]
    if without or kept != after:
        nothing = [
            Outcome(file, 1, (), 0, 0, 0, 0.0, statements=(), **circumstances(file, root, cache))
            for file in without
        ]
        write_ledger(root, kept + nothing, {*files})
    return without


def circumstances(file: str, root: Path, cache: Cache | None) -> Circumstances:
    """Return under what a test file runs now, as an outcome says it."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "torch": torch_version(),
        "fingerprint": fingerprint(root / file, root, cache),
    }


def _is_checked_here(file: Path) -> bool:
    """Say whether a file has tests with markers, and does not leave their outcome in a record."""
    marks = markers_in(file)
    return TRAVELS not in marks and not marks.isdisjoint(MARKED)


def markers_in(file: Path) -> set[str]:
    """Return the names of our markers that a file uses; a string that mentions one is none."""
    source = file.read_bytes()
    if not USE.search(source):
        return set()  # most files: to parse them all takes a fifth of a second
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {*ROLES}  # pytest says what is wrong with it
    nodes = [*ast.walk(tree)]
    ours = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr in {*MARKED, TRAVELS}]
    names = {"mark", *_other_names_of_mark(nodes)}
    return {node.attr for node in ours if last_of(node.value) in names}


def _other_names_of_mark(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.ImportFrom(module="pytest"):
                yield from (a.asname for a in node.names if a.name == "mark" and a.asname)
            case ast.Assign(value=value) if last_of(value) == "mark":
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def outcome_from(entry: dict[str, Any]) -> Outcome:
    """Return an outcome that was written into a ledger or a record.

    Raises one of MALFORMED where no run of this version wrote it: one that asked tests for no
    numbers had none to write.
    """
    refuse_what_no_run_writes(entry)
    marks = tuple(Mark(**mark) for mark in entry["marks"])
    cells = tuple(Cell(**cell) for cell in entry.get("cells", ()))
    statements = tuple((name, then) for name, then in entry["statements"])
    return Outcome(**{**entry, "marks": marks, "cells": cells, "statements": statements})
