"""How a claim stands: all that a box about it says besides its own text."""

import math
from collections.abc import Iterable
from typing import Any

from litmus.claims.claim import Claim
from litmus.claims.claims import Claims, Support
from litmus.claims.evidence import Mark, Outcome
from litmus.claims.ways import WAYS

ROUNDING = 1e-6  # of a share that has few digits: .9999 is no whisker below itself
Shown = dict[str, Any]  # what a template shows, by the names that it has for it


def standing(claims: Claims, claim: Claim) -> Shown:
    """Return how a claim stands among the others, which are named by the paths of their notes."""

    def paths(names: Iterable[str]) -> list[str]:
        return [claims[name].note.path for name in names]

    def tests(role: str) -> list[Shown]:
        return [_tested(claims, claim, *pair) for pair in claim.marked(role)]

    support = claims.support(claim.name)
    weakest = claims[support.weakest] if support.weakest else None
    return {
        "kind": claim.kind,
        "argument": claim.argument,
        "evidence": claim.evidence,
        "evidence_shown": claim.evidence_shown,
        "shows_evidence": claim.shows_evidence,
        "source": claim.source,
        "assumes": paths(claim.assumes),
        "uses": paths(claim.uses),
        "used_by": paths(claim.used_by),
        "rests_on": _count(support),
        "weakest": weakest.note.path if weakest else "",
        "weakest_argument": weakest.argument if weakest else "",
        "ran": _when([outcome for outcome in claim.outcomes if not outcome.record]),
        "checks": tests("claim"),
        "controls": tests("control"),
        "counterexamples": tests("counterexample"),
        "dropped": [
            _tested(claims, other, outcome, mark, fails=other.note.path)
            for other, outcome, mark in claims.dropping[claim.name]
        ],
    }


def _tested(claims: Claims, claim: Claim, outcome: Outcome, mark: Mark, fails: str = "") -> Shown:
    """Return one test as the box of a claim tells of it.

    `fails` is the note of the claim that fails without this one, where it is another's control.
    """
    ran = outcome.passed + outcome.failed
    dropped = claims.get(mark.drops)
    return {
        "test": outcome.test,
        "file": outcome.file,
        "sentence": outcome.sentence,
        "passed": bool(ran and not outcome.failed),
        "by": mark.by,
        "by_means": WAYS.get(mark.by, ""),
        "confidence": _percent(outcome.confidence),
        "among": f"{outcome.among:,}" if outcome.among else "",
        "without": dropped.note.title if dropped else mark.drops.lstrip("^").replace("-", " "),
        "instead": mark.instead,
        "fails": fails,
        "came_out": "skipped" if not ran else f"{outcome.passed} of {ran}" if ran > 1 else "",
        "is_stale": outcome.test in claim.stale,
        "recorded": f"{outcome.date}, {outcome.ran_with}" if outcome.record else "",
    }


def _percent(confidence: float | None) -> str:
    """Return a confidence as "99.99 %", rounded down, with as many nines as it has."""
    if confidence is None:
        return ""
    decimals = max(0, math.ceil(-math.log10(1 - confidence) - ROUNDING) - 2)
    percent = math.floor(confidence * 10 ** (decimals + 2) + ROUNDING) / 10**decimals
    return f"{percent:.{decimals}f} %"


def _when(outcomes: list[Outcome]) -> str:
    """Return when the tests ran and with what: "2026-11-23, torch 2.13.0, Python 3.11.7"."""
    dates = sorted({outcome.date for outcome in outcomes})
    versions = sorted({outcome.ran_with for outcome in outcomes})
    days = " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]]))
    return ", ".join([days, *versions]) if outcomes else ""


def _count(support: Support) -> str:
    """Return "4 claims: 2 argued, 2 by definition", or "" for none."""
    kinds = ", ".join(f"{count} {argument}" for argument, count in support.by_argument.items())
    number = support.claims
    return f"{number} claim{'s' * (number != 1)}: {kinds}" if number else ""
