"""The tests that mark claims: which claim each is given to, and what is wrong with a marker."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from litmus.cache import Cache
from litmus.claims.claims import Claims
from litmus.claims.evidence import Mark, Outcome, stale_tests
from litmus.claims.loops import COLUMNS, Place
from litmus.claims.records import Record
from litmus.claims.ways import WAYS
from litmus.problems import Problem, nearest


def attach(told: Iterable[tuple[Outcome, bool]], claims: Claims) -> list[Problem]:
    """Give each claim the tests that mark it; return what is wrong with the tests.

    `told` is how each came out, and whether that is stale.
    """
    problems = []
    for outcome, stale in told:
        for mark in outcome.marks:
            wrong = wrong_with(mark, claims)
            if wrong and not stale:
                problems.append(Problem(outcome.file, outcome.line, wrong))
            elif claim := claims.get(mark.claim):
                if outcome not in claim.outcomes:
                    claim.outcomes.append(outcome)
                if stale:
                    claim.stale.add(outcome.test)
        if outcome.failed and not stale:
            what = f"the check {outcome.name} fails."
            problems.append(Problem(outcome.file, outcome.line, what, "Run it with pytest."))
    return problems


def told(
    outcomes: Sequence[Outcome],
    records: Iterable[Record],
    claims: Claims,
    root: Path,
    cache: Cache | None = None,
) -> Iterator[tuple[Outcome, bool]]:
    """Yield how each test came out, and whether that is stale.

    Of a test that ran here no record is needed, and none that is stale where another tells of it.
    """
    here = {outcome.test for outcome in outcomes if outcome.passed or outcome.failed}
    holds: list[Outcome] = []
    outdated: list[Outcome] = []
    for record in records:
        stale_there = record.stale(claims.statements, root, cache)
        for outcome in record.outcomes:
            if outcome.test not in here:
                (outdated if outcome.test in stale_there else holds).append(outcome)
    held = {outcome.test for outcome in holds}
    outdated = [outcome for outcome in outdated if outcome.test not in held]
    # What was only skipped here is as if it were not there, if a record tells of it.
    elsewhere = held | {outcome.test for outcome in outdated}
    ran = [outcome for outcome in outcomes if outcome.test not in elsewhere]
    changed = stale_tests(ran, claims.statements, root, cache)
    yield from ((outcome, outcome.test in changed) for outcome in ran)
    yield from ((outcome, False) for outcome in holds)
    yield from ((outcome, True) for outcome in outdated)


def wrong_with(mark: Mark, claims: Claims) -> str:
    """Return what is wrong with a test's marker, "" if nothing is."""
    claim = claims.get(mark.claim)
    if not claim:
        close = nearest(mark.claim, claims)
        return f"a test marks the claim '{mark.claim}', which no note states. {close}"
    if mark.role == "claim" and mark.by not in WAYS:
        return f"a check of '{mark.claim}' needs by= one of {', '.join(WAYS)}, not '{mark.by}'."
    if mark.role == "control" and mark.drops not in claim.droppable:
        can = ", ".join(sorted(claim.droppable)) or "nothing"
        what = f"a control drops '{mark.drops}', which '{mark.claim}' does not assume."
        return f"{what} It can drop: {can}."
    return ""


def wrong_place(place: Place, snippets: Iterable[str]) -> str:
    """Return what is wrong with a marker of a test in a training loop, "" if nothing is."""
    if place.column not in COLUMNS:
        close = nearest(place.column, COLUMNS)
        return f"a test is of '{place.column}', which is no part of training loops. {close}"
    if place.snippet not in (names := [*snippets]):
        return (
            f"a test is of '{place.snippet}', which is no snippet. {nearest(place.snippet, names)}"
        )
    return ""
