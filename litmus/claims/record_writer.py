"""Writes what a run of tests has found into a record, for whoever cannot run them."""

import json
import platform
import shlex
import sys
from collections import defaultdict
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest

from litmus.cache import Cache
from litmus.claims.evidence import Circumstances
from litmus.claims.recorder import Recorder, is_of_failures, outcome_of, test_of
from litmus.claims.records import ENDING, Record, digests_of, write_record
from litmus.files.project_files import is_elsewhere
from litmus.python.fingerprint import imported_packages

ENDED = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}  # how a run ends that came to its end


class RecordWriter:
    """Writes how all tests of a run come out, marked or not, when it ends."""

    def __init__(self, config: pytest.Config, recorder: Recorder, file: str) -> None:
        """Raises UsageError where the file can be no record, or processes share the run."""
        self.recorder, self.root = recorder, recorder.root
        path, base = Path(config.invocation_params.dir, file).resolve(), self.root.resolve()
        is_below = path.is_relative_to(base) and path.name.endswith(ENDING)
        if not is_below or any(map(is_elsewhere, path.relative_to(base).parts[:-1])):
            what = f"a record lies beside the tests and is called NAME{ENDING}, unlike {file}"
            raise pytest.UsageError(what)
        if config.getoption("numprocesses", None):
            raise pytest.UsageError("a record is written by one process: leave out -n.")
        self.file = path.relative_to(base).as_posix()
        # As it was typed, but for where Python is.
        self.command = shlex.join(["pytest", *map(str, config.invocation_params.args)])
        self.items: dict[str, list[pytest.Item]] = defaultdict(list)
        self.is_part = ""  # why this run is not one of whole files

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if item.path.is_relative_to(self.root):
                self.items[test_of(item, self.root)].append(item)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.is_part = f"{len(items)} tests were left out" if items else self.is_part

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record; a run that came to no end, or of which nothing ran, leaves none."""
        if why := self._is_less(session, exitstatus):
            self._refuse(session, why)
            return
        under = Circumstances(date="", python="", torch="", fingerprint="")  # the record says it
        seen = self.recorder.reports, self.recorder.statements, under
        every = [outcome_of(test, items, *seen) for test, items in self.items.items()]
        outcomes = tuple(outcome for outcome in every if outcome.passed or outcome.failed)
        if not outcomes:
            self._refuse(session, "none of the tests could run here")
            return
        files, cache = {outcome.file for outcome in outcomes}, Cache()
        packages = {p for f in files for p in imported_packages(self.root / f, self.root, cache)}
        record = Record(
            file=self.file,
            command=self.command,
            date=datetime.now(UTC).date().isoformat(),
            device=_device(),
            versions=_versions(packages),
            outcomes=outcomes,
            properties={outcome.test: self._properties(outcome.test) for outcome in outcomes},
            digests=digests_of(files, self.root, cache),
        )
        write_record(self.root, record)
        self._say(session, f"Wrote {self.file}. Commit it with what it was made from.")

    def _is_less(self, session: pytest.Session, exitstatus: int) -> str:
        """Return why a run is not one of whole files to their end, "" if it is."""
        if any("::" in argument for argument in session.config.args):
            return "tests were named, and not files"
        if is_of_failures(session.config):
            return "what passed before was left out"
        items = (item for items in self.items.values() for item in items)
        is_whole = exitstatus in ENDED and all(
            item.nodeid in self.recorder.reports for item in items
        )
        return self.is_part or ("" if is_whole else "the run did not come to its end")

    def _properties(self, test: str) -> dict[str, Any]:
        """Return what a test has told by pytest's own `record_property`."""
        return {n: _plain(v) for item in self.items[test] for n, v in item.user_properties}

    def _refuse(self, session: pytest.Session, why: str) -> None:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        self._say(session, f"No record was written: {why}. {self.file} is as it was.")

    def _say(self, session: pytest.Session, what: str) -> None:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(what)


def _plain(value: object) -> Any:
    """Return a value as JSON has it, or as text: it is not worth the run, which may be long."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return ascii(value)


def _device() -> str:
    """Return what computes: the GPU that torch has, or the kind of this machine's processor."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return platform.machine() or "unknown"


def _versions(packages: set[str]) -> dict[str, str]:
    """Return the versions of Python and of the distributions that some packages come from."""
    distributions = packages_distributions()
    names = {name.lower() for package in packages for name in distributions.get(package, [])}
    return {"Python": platform.python_version(), **{name: version(name) for name in sorted(names)}}
