"""Carries what the tests of claims find into the ledger, and refuses markers that mark nothing."""

from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from litmus.cache import Cache
from litmus.claims.evidence import ROLES, Mark, Outcome, circumstances, write_ledger
from litmus.claims.measured import BREAKS, Measured, closest, compare
from litmus.claims.ways import WAYS
from litmus.python.fingerprint import LEDGER

MARKERS = [
    f"claim(name, by): the test checks a claim; by is one of {', '.join(WAYS)}",
    "control(name, drops): the claim without one assumption, which must fail by a clear margin",
    "counterexample(name): the test refutes a conjecture",
]
MEASURED = "measured"  # among the properties of a test, which pytest hands on with its report
UNMEASURED = (
    "the test marks a claim and has measured nothing. Ask for the fixture `measured`, and call "
    "measured(value, allowed=…): in a check how far the claim is missed, in a control by how much "
    "it breaks; where nothing may differ, measured(found != expected, allowed=0)."
)


class Recorder:
    """Collects the outcomes of tests that mark claims, and writes them when the session ends."""

    def __init__(self, config: pytest.Config, root: Path) -> None:
        self.config, self.root = config, root
        self.wrong: dict[str, None] = {}  # markers, as told by processes that run side by side
        self.cache = Cache()
        self.statements: dict[str, str] = {}  # by claim, once there is a marked test
        self.items: dict[str, list[pytest.Item]] = defaultdict(list)  # by test, all parameters
        self.reports: dict[str, list[pytest.TestReport]] = defaultdict(list)
        self.deselected: set[str] = set()  # tests of which not all parameters run

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        marked = [item for item in items if self._is_ours(item)]
        if not marked:
            return
        from litmus.claims import markers
        from litmus.claims.claims import Claims
        from litmus.vault.vault import Vault

        vault, _ = Vault.read(self.root / "docs")  # what is wrong with notes, the build reports
        claims = Claims.read(vault)
        self.statements = claims.statements
        wrong = [
            f"{_place(item)}: {reason}"
            for item in marked
            for mark in marks_of(item)
            if (reason := markers.wrong_with(mark, claims))
        ]
        if wrong and hasattr(self.config, "workeroutput"):
            self.config.workeroutput["wrong"] = wrong  # to the process that all others report to
            items.clear()
        elif wrong:
            raise pytest.UsageError(*dict.fromkeys(wrong))
        for item in marked:
            self.items[self._test(item)].append(item)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.wrong |= dict.fromkeys(node.workeroutput.get("wrong", []))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason in self.wrong:
            terminalreporter.write_line(f"ERROR: {reason}", red=True)

    @pytest.fixture
    def measured(self, request: pytest.FixtureRequest) -> Callable[..., None]:
        """Record what a marked test measures, and fail it where that is not as it must be.

        `measured(value, allowed=limit)`: a check fails if the value, how far the claim is missed,
        exceeds the limit; a control or a counterexample fails unless the value, by how much the
        claim breaks, exceeds it. Both are finite sizes, never negative: numbers, or tensors and
        arrays of one element. A truth is a size as well, 1 where something differs.
        """
        item = request.node
        roles = {mark.role for mark in marks_of(item)}

        def measured(value: object, *, allowed: object) -> None:
            __tracebackhide__ = True
            try:
                found, holds = compare(roles, value, allowed)
            except ValueError as error:
                pytest.fail(str(error))
            item.user_properties.append((MEASURED, [*found]))  # plain: xdist sends it on
            if not holds:
                must = "more than" if roles & BREAKS else "at most"
                pytest.fail(
                    f"measured {found.value:.6g}, where it must be {must} {found.allowed:.6g}"
                )

        return measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        yield
        if self._is_ours(item) and not _measured_by(item):
            pytest.fail(UNMEASURED, pytrace=False)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected |= {self._test(item) for item in items if self._is_ours(item)}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.reports[report.nodeid].append(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.wrong:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        asked = session.config.args
        if session.config.option.collectonly or any("[" in argument for argument in asked):
            return  # some parameters of a test are not the test
        partial = self.deselected | {
            test
            for test, items in self.items.items()
            if any(item.nodeid not in self.reports for item in items)
        }
        complete = self.items.keys() - partial
        outcomes = [self._outcome(test, self.items[test]) for test in complete]
        whole = {_file(test) for test in complete} - {_file(test) for test in partial}
        if any("::" in argument for argument in asked):
            whole.clear()
        if outcomes:
            # Where tests run side by side, each process knows of its own.
            with FileLock(self.root / LEDGER.with_suffix(".lock")):
                write_ledger(self.root, outcomes, ran=whole)

    def _is_ours(self, item: pytest.Item) -> bool:
        """Say whether a test says something about claims of this project."""
        return item.path.is_relative_to(self.root) and bool(marks_of(item))

    def _test(self, item: pytest.Item) -> str:
        """Return the node id without parameters, from the project's root."""
        _, mark, name = item.nodeid.partition("::")
        return item.path.relative_to(self.root).as_posix() + mark + name.partition("[")[0]

    def _outcome(self, test: str, items: list[pytest.Item]) -> Outcome:
        per_item = [_worst(self.reports[item.nodeid]) for item in items]
        marks = tuple(dict.fromkeys(mark for item in items for mark in marks_of(item)))
        found = [
            m for i in items for report in self.reports[i.nodeid] for m in _measured_by(report)
        ]
        near = closest({mark.role for mark in marks}, found) if found else None
        return Outcome(
            test=test,
            line=(items[0].location[1] or 0) + 1,
            marks=marks,
            passed=per_item.count("passed"),
            failed=per_item.count("failed"),
            skipped=per_item.count("skipped"),
            seconds=round(sum(r.duration for i in items for r in self.reports[i.nodeid]), 3),
            statements=tuple(
                (name, self.statements[name]) for name in dict.fromkeys(m.claim for m in marks)
            ),
            measured=near.value if near else None,
            allowed=near.allowed if near else None,
            **circumstances(_file(test), self.root, self.cache),
        )


def marks_of(item: pytest.Item) -> list[Mark]:
    """Return what a test says about claims."""
    marks = []
    for role in ROLES:
        for mark in item.iter_markers(role):
            try:
                marks.append(Mark(role, *mark.args, **mark.kwargs))
            except TypeError:
                usage = next(line for line in MARKERS if line.startswith(role))
                raise pytest.UsageError(f"{_place(item)}: the marker is {usage}") from None
    return marks


def _measured_by(test: pytest.Item | pytest.TestReport) -> list[Measured]:
    properties: list[tuple[str, Any]] = test.user_properties
    return [Measured(*found) for name, found in properties if name == MEASURED]


def _place(item: pytest.Item) -> str:
    file, line, _ = item.location
    return f"{file}:{(line or 0) + 1}"


def _file(test: str) -> str:
    return test.partition("::")[0]


def _worst(reports: list[pytest.TestReport]) -> str:
    outcomes = {"failed" if hasattr(r, "wasxfail") else r.outcome for r in reports}
    return next(outcome for outcome in ["failed", "skipped", "passed"] if outcome in outcomes)
