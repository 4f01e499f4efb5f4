"""Carries what marked tests find into the ledger, and refuses markers that mark nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from litmus.cache import Cache
from litmus.claims.beside import found_by, note_of, places_of
from litmus.claims.evidence import TRAVELS, Circumstances, Outcome, circumstances, write_ledger
from litmus.claims.loops import cells_of
from litmus.claims.measured import all_candidates, closest, confidence_of_all
from litmus.claims.measuring import has_missed, marks_of, measured_by, place
from litmus.files.snippets import snippets_of
from litmus.python.fingerprint import LEDGER


class Recorder:
    """Collects the outcomes of tests with our markers, and writes them when the session ends."""

    def __init__(self, config: pytest.Config, root: Path, docs: Path) -> None:
        self.config, self.root, self.docs = config, root, docs
        self.wrong: dict[str, None] = {}  # markers, as told by processes that run side by side
        self.cache = Cache()
        self.statements: dict[str, str] = {}  # by claim, once there is a marked test
        self.items: dict[str, list[pytest.Item]] = defaultdict(list)  # by test, all parameters
        self.reports: dict[str, list[pytest.TestReport]] = defaultdict(list)  # of every test
        self.deselected: set[str] = set()  # tests of which not all parameters run

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        marked = [item for item in items if self._is_ours(item)]
        if not marked:
            return
        from litmus.claims import markers
        from litmus.claims.claims import Claims
        from litmus.vault.vault import Vault

        vault, _ = Vault.read(self.docs)  # what is wrong with notes, the build reports
        claims = Claims.read(vault)
        self.statements = claims.statements
        wrong = [
            f"{place(item)}: {reason}"
            for item in marked
            for mark in marks_of(item)
            if (reason := markers.wrong_with(mark, claims))
        ]
        snippets = snippets_of(self.root)
        wrong += [
            f"{place(item)}: {reason}"
            for item in marked
            for one in places_of(item)
            if (reason := markers.wrong_place(one, snippets))
        ]
        wrong += _unlike(items, self.root)
        if wrong and hasattr(self.config, "workeroutput"):
            self.config.workeroutput["wrong"] = wrong  # to the process that all others report to
            items.clear()
        elif wrong:
            raise pytest.UsageError(*dict.fromkeys(wrong))
        for item in marked:
            if not item.get_closest_marker(TRAVELS):  # its outcome is kept in a record
                self.items[test_of(item, self.root)].append(item)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.wrong |= dict.fromkeys(node.workeroutput.get("wrong", []))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason in self.wrong:
            terminalreporter.write_line(f"ERROR: {reason}", red=True)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected |= {test_of(item, self.root) for item in items if self._is_ours(item)}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.reports[report.nodeid].append(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.wrong:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        asked = session.config.args
        if session.config.option.collectonly or any("[" in argument for argument in asked):
            return  # some parameters of a test are not the test
        if session.config.getoption("litmus_record", None):
            return  # it tells of another environment, perhaps, than the ledger does
        if is_of_failures(session.config):
            return
        partial = self.deselected | {
            test
            for test, items in self.items.items()
            if any(item.nodeid not in self.reports for item in items)
        }
        complete = self.items.keys() - partial
        outcomes = [
            outcome_of(
                *(test, self.items[test], self.reports, self.statements),
                circumstances(_file(test), self.root, self.cache),
            )
            for test in complete
        ]
        whole = {_file(test) for test in complete} - {_file(test) for test in partial}
        if any("::" in argument for argument in asked):
            whole.clear()
        if outcomes:
            # Where tests run side by side, each process knows of its own.
            with FileLock(self.root / LEDGER.with_suffix(".lock")):
                write_ledger(self.root, outcomes, ran=whole)

    def _is_ours(self, item: pytest.Item) -> bool:
        """Say whether a test says something about claims or snippets of this project."""
        return item.path.is_relative_to(self.root) and bool(marks_of(item) or places_of(item))


def test_of(item: pytest.Item, root: Path) -> str:
    """Return the node id without parameters, from the project's root."""
    _, mark, name = item.nodeid.partition("::")
    return item.path.relative_to(root).as_posix() + mark + name.partition("[")[0]


def is_of_failures(config: pytest.Config) -> bool:
    """Say whether a run leaves out what passed before, which pytest then tells nobody."""
    return bool(config.getoption("lf", False))


def _unlike(items: Iterable[pytest.Item], root: Path) -> Iterator[str]:
    """Yield where the parameters of a test, or the tests of a file, do not go together.

    All parameters make one outcome; and a file either runs here or leaves a record.
    """
    first: dict[str, pytest.Item] = {}
    ours = [item for item in items if item.path.is_relative_to(root)]
    travel = {item.path for item in ours if item.get_closest_marker(TRAVELS)}
    for item in ours:
        marks = marks_of(item), places_of(item)
        alike = first.setdefault(test_of(item, root), item)
        if marks != (marks_of(alike), places_of(alike)):
            what = "some parameters of this test mark what others do not."
            yield f"{place(item)}: {what} Part it, one test for each."
        if item.path in travel and any(marks) and not item.get_closest_marker(TRAVELS):
            what = "other tests of this file travel, so nobody would run this one."
            yield f"{place(item)}: {what} Write pytestmark = pytest.mark.travels for the file."


def outcome_of(
    test: str,
    items: Sequence[pytest.Item],
    reports: Mapping[str, Sequence[pytest.TestReport]],
    statements: Mapping[str, str],
    under: Circumstances,
) -> Outcome:
    """Return how a test came out over all its parameters, whose reports are there by node id."""
    per_item = [
        "failed" if has_missed(item) else _worst(reports[item.nodeid])  # it may be told too late
        for item in items
    ]
    marks = tuple(dict.fromkeys(mark for item in items for mark in marks_of(item)))
    found = [one for item in items for one in measured_by(item)]
    near = closest({mark.role for mark in marks}, found) if found else None
    in_loops = [one for item in items for one in found_by(item)]
    return Outcome(
        test=test,
        line=(items[0].location[1] or 0) + 1,
        marks=marks,
        passed=per_item.count("passed"),
        failed=per_item.count("failed"),
        skipped=per_item.count("skipped"),
        seconds=round(sum(r.duration for i in items for r in reports[i.nodeid]), 3),
        statements=tuple(
            (name, statements[name]) for name in dict.fromkeys(m.claim for m in marks)
        ),
        measured=near.value if near else None,
        allowed=near.allowed if near else None,
        confidence=confidence_of_all(found),
        among=all_candidates(found),
        cells=cells_of(places_of(items[0]), in_loops, note_of(items[0])),
        **under,
    )


def _file(test: str) -> str:
    return test.partition("::")[0]


def _worst(reports: Sequence[pytest.TestReport]) -> str:
    """Return how one test came out; whatever else is reported, as that it ran again, is no pass."""
    outcomes = {"failed" if hasattr(r, "wasxfail") else r.outcome for r in reports}
    if outcomes - {"skipped", "passed"}:
        return "failed"
    return "skipped" if "skipped" in outcomes else "passed"
