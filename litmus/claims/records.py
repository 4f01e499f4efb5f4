"""Records that travel: what tests found that a site's own checks do not run.

Some tests need what few machines have: a GPU, a heavy package, a proof assistant, a torch that is
not the one pinned. Whoever has it runs them with `--litmus-record`, and what they found is written
into a file beside them, which is committed. A record says under what it was made and carries the
digest of every file that it rests on, so that it can be seen whether it still holds; and a digest
of itself, for only a run writes it.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from os.path import isfile  # False also for a string that cannot be a path
from pathlib import Path
from typing import Any, NoReturn

from litmus.cache import Cache
from litmus.claims.evidence import MALFORMED, Outcome, outcome_from
from litmus.files.digest import digest
from litmus.files.project_files import project_files
from litmus.files.writing import write_whole
from litmus.problems import Problem
from litmus.python.fingerprint import imports

ENDING = ".record.json"
FORMAT = 1
OF_THE_RUN = {"date", "python", "torch", "fingerprint", "record", "device"}  # said once, if at all


@dataclass(frozen=True)
class Record:
    """What one run found, and on what."""

    file: str  # the record's, from the project's root
    command: str  # which writes it
    date: str
    device: str  # what computed: the name of a GPU, or of a machine's kind of processor
    versions: Mapping[str, str]  # of Python, and of every package that the tests import
    outcomes: tuple[Outcome, ...]
    properties: Mapping[str, Mapping[str, Any]]  # what tests said by record_property, by test
    digests: Mapping[str, str]  # of every file of the project that the tests rest on, by path

    def changed(self, root: Path, cache: Cache | None = None) -> dict[str, set[str]]:
        """Return, by test file, what it rests on that is no longer as it was when it ran."""
        # Nothing leads to a file that is gone any more, so nobody knows whose it was.
        gone = {path for path in self.digests if not isfile(root / path)}

        def differs(file: str) -> set[str]:
            now = digests_of([file], root, cache) or {file: "gone"}
            return {path for path in now if self.digests.get(path) != now[path]}

        return {file: gone | differs(file) for file in {o.file for o in self.outcomes}}

    def restated(self, statements: Mapping[str, str]) -> set[str]:
        """Return the claims whose statement is another than the tests have checked."""
        stated = (pair for outcome in self.outcomes for pair in outcome.statements)
        return {name for name, then in stated if statements.get(name) != then}

    def stale(
        self, statements: Mapping[str, str], root: Path, cache: Cache | None = None
    ) -> set[str]:
        """Return the tests that have changed since: themselves, or what they rest on."""
        changed, restated = self.changed(root, cache), self.restated(statements)
        return {
            outcome.test
            for outcome in self.outcomes
            if changed[outcome.file] or any(name in restated for name, _ in outcome.statements)
        }


def read_records(root: Path) -> tuple[list[Record], list[Problem]]:
    """Return all records below a project's root, and what is wrong with those that are none."""
    records, problems = [], []
    for path in sorted(project_files(root, lambda name: name.endswith(ENDING))):
        try:
            records.append(read_record(root, path))
        except Problem as problem:
            problems.append(problem)
    return records, problems


def read_record(root: Path, file: str) -> Record:
    """Return one record; raise Problem where it cannot be read or is not as a run has left it."""
    try:
        said = json.loads((root / file).read_text(encoding="utf-8"), parse_constant=_refuse)
        command = said["command"]
        if said.pop("digest") != _digest(said):
            what = "somebody has changed the record, which only a run writes."
            raise Problem(file, None, what, f"Write it anew: {command}")
        return _record(file, said)
    except (OSError, *MALFORMED) as error:
        what = "this is no record that this version of Litmus can read."
        raise Problem(file, None, what, f"Write it anew, or remove it. ({error!r})") from error


def write_record(root: Path, record: Record) -> None:
    """Write what a run found; whoever has no such run leaves the file as it is."""
    tests = [
        {name: value for name, value in asdict(outcome).items() if name not in _left_out(outcome)}
        | ({"properties": found} if (found := record.properties.get(outcome.test)) else {})
        for outcome in sorted(record.outcomes, key=lambda outcome: outcome.test)
    ]
    said = {
        "format": FORMAT,
        "command": record.command,
        "date": record.date,
        "device": record.device,
        "versions": dict(record.versions),
        "tests": tests,
        "digests": dict(sorted(record.digests.items())),
    }
    said = json.loads(json.dumps(said, allow_nan=False))  # as whoever reads it has it
    text = json.dumps({**said, "digest": _digest(said)}, indent=1, ensure_ascii=False)
    write_whole(root / record.file, text + "\n")


def _left_out(outcome: Outcome) -> set[str]:
    """Return what a record does not say of each test: of a claim's test, nothing about loops."""
    return OF_THE_RUN if outcome.cells else OF_THE_RUN | {"cells"}


def digests_of(test_files: Iterable[str], root: Path, cache: Cache | None = None) -> dict[str, str]:
    """Return the digest of every file of the project that some test files rest on, by path."""
    cache, base = cache or Cache(), root.resolve()
    paths = {path for file in test_files for path in imports(root / file, root, cache)}
    return {
        # A test may lie elsewhere, where a folder of the project is a link.
        Path(os.path.relpath(path, base)).as_posix(): cache.seen("digest", path, _digest_of)
        for path in paths
        if not path.name.endswith(ENDING)  # what a test compares with another's record
    }


def _digest_of(path: Path) -> str:
    """Return the digest of a file; line ends do not count: git writes them as a machine likes."""
    return digest(path.read_bytes().replace(b"\r\n", b"\n"))


def _digest(said: Mapping[str, Any]) -> str:
    return digest(json.dumps(said, sort_keys=True, ensure_ascii=False))


def _record(file: str, said: Mapping[str, Any]) -> Record:
    if said["format"] != FORMAT:
        raise ValueError(f"its format is {said['format']}")
    versions: dict[str, str] = said["versions"]
    texts = [said["command"], said["device"], *versions.values(), *said["digests"].values()]
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError("where a text belongs there is none")
    run = {"date": said["date"], "python": versions["Python"], "fingerprint": "", "record": file}
    run |= {"torch": versions.get("torch", "none"), "device": said["device"]}
    properties = {test["test"]: test.pop("properties", {}) for test in said["tests"]}
    outcomes = tuple(outcome_from({**test, **run}) for test in said["tests"])
    return Record(
        *(file, said["command"], said["date"], said["device"], versions),
        *(outcomes, properties, said["digests"]),
    )


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON has")
