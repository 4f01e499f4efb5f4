"""What pytest is told of marked tests: their markers, and the fixture that takes their numbers."""

from collections.abc import Callable, Generator

import pytest

from litmus.claims.entries import is_mark
from litmus.claims.evidence import TRAVELS, Mark
from litmus.claims.measured import BREAKS, ROLES, Measured, compare, refuse_half_told
from litmus.claims.ways import WAYS

MARKERS = [
    f"claim(name, by): the test checks a claim; by is one of {', '.join(WAYS)}",
    "control(name, drops, instead): the claim without one assumption, which must fail by a clear "
    "margin; instead says in words what stands in its place",
    "counterexample(name): the test refutes a conjecture",
    f"{TRAVELS}: on a whole file, whose tests run where somebody has what they need",
]
MARKS = pytest.StashKey[list[Mark]]()
# Where a test keeps its numbers: not among its properties, which it could write by itself.
MEASURED = pytest.StashKey[list[Measured]]()
MISSED = pytest.StashKey[str]()  # how a number does not fit, which a test cannot catch and go on
UNMEASURED = (
    "the test marks a claim and has measured nothing. Ask for the fixture `measured`, and call "
    "measured(value, allowed=…): in a check how far the claim is missed, in a control by how much "
    "it breaks; where nothing may differ, measured(found != expected, allowed=0)."
)


class Measuring:
    """Lends tests the fixture `measured`, and fails each marked test that has not used it."""

    @pytest.fixture
    def measured(self, request: pytest.FixtureRequest) -> Callable[..., None]:
        """Record what a test measures, and fail it where that is not as it must be.

        `measured(value, allowed=limit)`: a check fails if the value, how far the claim is missed,
        exceeds the limit; a control or a counterexample fails unless the value, by how much the
        claim breaks, exceeds it. A test without a marker is a check of what is no claim. Both are
        finite sizes, never negative: numbers, or tensors and arrays of one element. A truth is a
        size as well, 1 where something differs.

        A check by simulation says its `confidence`, the probability that the random runs of a claim
        that is true keep within the limit; a check by search says `among` how many candidates.
        """
        item = request.node
        roles = {mark.role for mark in marks_of(item)}
        ways = {mark.by for mark in marks_of(item)}

        def measured(
            value: object,
            *,
            allowed: object,
            confidence: float | None = None,
            among: int | None = None,
        ) -> None:
            __tracebackhide__ = True
            try:
                refuse_half_told(ways, confidence, among)
                found, holds = compare(roles, value, allowed, confidence, among)
            except ValueError as error:
                pytest.fail(item.stash.setdefault(MISSED, str(error)))
            item.stash.setdefault(MEASURED, []).append(found)
            if not holds:
                must = "more than" if roles & BREAKS else "at most"
                missed = f"measured {found.value:.6g}, must be {must} {found.allowed:.6g}"
                pytest.fail(item.stash.setdefault(MISSED, missed))

        return measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        yield
        if marks_of(item) and not measured_by(item):
            pytest.fail(UNMEASURED, pytrace=False)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a test that has caught what its numbers say, and went on, skipped or ended."""
        report = yield
        if missed := item.stash.get(MISSED, ""):
            if report.outcome != "failed" and not hasattr(report, "wasxfail"):
                report.outcome, report.longrepr = "failed", missed
            del item.stash[MISSED]  # once said is enough: what follows it is taken down
        return report


def measured_by(item: pytest.Item) -> list[Measured]:
    """Return what a test has measured so far."""
    return item.stash.get(MEASURED, [])


def has_missed(item: pytest.Item) -> bool:
    """Say whether a number of a test did not fit, and no report has said so."""
    return MISSED in item.stash


def marks_of(item: pytest.Item) -> list[Mark]:
    """Return what a test says about claims: what it said first, for none are added as it runs."""
    if MARKS not in item.stash:
        item.stash[MARKS] = _marks_of(item)
    return item.stash[MARKS]


def _marks_of(item: pytest.Item) -> list[Mark]:
    marks = []
    for role in ROLES:
        for mark in item.iter_markers(role):
            try:
                said = Mark(role, *mark.args, **mark.kwargs)
                if not is_mark(vars(said)):
                    raise TypeError
                marks.append(said)
            except TypeError:
                usage = next(line for line in MARKERS if line.startswith(role))
                raise pytest.UsageError(f"{place(item)}: the marker is {usage}") from None
    return marks


def place(item: pytest.Item) -> str:
    """Return where a test begins, as file:line."""
    file, line, _ = item.location
    return f"{file}:{(line or 0) + 1}"
