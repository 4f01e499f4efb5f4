"""claims.json, the public form of all claims: what they say, rest on and how they stand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from litmus.claims.claim import Claim
from litmus.claims.claims import Claims
from litmus.claims.measured import ROLES
from litmus.vault.addresses import address

VERSION = 1  # another where a field means something else; that there are more is no change
SCHEMA = Path(__file__).with_name("claims.schema.json")  # of the file, and its neighbour on a site
MOST_NAMED = 100  # claims below one that are named


def claims_json(claims: Claims, loops: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the file; `loops` is what tests say of snippets in training loops."""
    entries = [_as_json(claim, _all_below(claims, claim.name)) for claim in claims.values()]
    said = {"version": VERSION, "$schema": SCHEMA.name, "claims": entries}
    said |= {"in_training_loops": [*loops]}
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def _all_below(claims: Claims, name: str) -> list[str] | int:
    """Return what a claim rests on, by name; only how many there are where nobody would read them.

    Who needs them follows `assumes` and `uses`: with all names, the file of a chain of claims would
    grow with the square of its length.
    """
    number = claims.support(name).claims
    return claims.rests_on(name) if number <= MOST_NAMED else number


def _as_json(claim: Claim, rests_on: list[str] | int) -> dict[str, Any]:
    return {
        "name": claim.name,
        "kind": claim.kind,
        "title": claim.note.title,
        "address": address(claim.note.path),
        "statement": claim.said.statement_tex,
        "assumes": claim.assumes,
        "uses": claim.uses,
        "used_by": claim.used_by,
        "rests_on": rests_on,
        "source": claim.source,
        "argument": claim.argument,
        "evidence": claim.evidence,
        "tests": [
            {
                "test": outcome.test,
                "role": mark.role,
                **_told(by=mark.by, drops=mark.drops, instead=mark.instead),
                "passed": outcome.passed,
                "failed": outcome.failed,
                "skipped": outcome.skipped,
                "stale": outcome.test in claim.stale,
                "measured": outcome.measured,
                "allowed": outcome.allowed,
                **_told(confidence=outcome.confidence, among=outcome.among),
                "seconds": outcome.seconds,
                "date": outcome.date,
                "python": outcome.python,
                "torch": outcome.torch,
                **_told(record=outcome.record, device=outcome.device),
            }
            for role in ROLES
            for outcome, mark in claim.marked(role)
        ],
    }


def _told(**fields: object) -> dict[str, Any]:
    """Return those of some fields that the test has."""
    return {name: value for name, value in fields.items() if value not in (None, "")}
