"""What a run may have written about a test: ledgers and records are files that anybody can edit.

What is read from them goes into pages and claims.json, so nothing that no run writes may pass: no
number that is none, no way of evidence that nobody knows, no file outside of the project, and no
test that passed without a number which says so.
"""

import math
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from litmus.claims.loops import is_as_found
from litmus.claims.measured import BREAKS, ROLES, is_confidence, is_count, refuse_half_told
from litmus.claims.ways import WAYS

COUNTS = ["line", "passed", "failed", "skipped"]
TEXTS = ["test", "date", "python", "torch", "fingerprint"]
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST = 1000  # letters of a test with its file; a system refuses to look for much longer ones


def refuse_what_no_run_writes(entry: Mapping[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError where no run of tests has left an entry like that."""
    numbers, cells = [entry["measured"], entry["allowed"]], entry.get("cells", [])
    sureness, size = entry.get("confidence"), entry.get("among")
    seen = {
        "a text": all(isinstance(entry[name], str) for name in TEXTS),
        "a count": all(type(entry[name]) is int and entry[name] >= 0 for name in COUNTS),
        "its time": _is_size(entry["seconds"]),
        "its day": DAY.fullmatch(str(entry["date"])),
        "its name": _is_name(entry["test"], bool(entry["marks"] or cells)),
        "a marker": all(is_mark(m) and m.get("by", "") in {"", *WAYS} for m in entry["marks"]),
        "a statement": all(_are_texts(one) and len(one) == 2 for one in entry["statements"]),
        "a cell": all(map(is_as_found, cells)),
        "a number": all(map(_is_size, numbers)) or numbers == [None, None],
        "its confidence": sureness is None or is_confidence(sureness),
        "what it searched": size is None or is_count(size),
    }
    if wrong := [what for what, is_right in seen.items() if not is_right]:
        raise ValueError(f"{' and '.join(wrong)} of {entry['test']!r} is as no run writes it")
    if entry["marks"] and entry["passed"]:
        _refuse_what_did_not_decide(entry)


def _refuse_what_did_not_decide(entry: Mapping[str, Any]) -> None:
    roles = {mark["role"] for mark in entry["marks"]}
    value, allowed = entry["measured"], entry["allowed"]
    if value is None or (roles & BREAKS and roles - BREAKS):
        raise ValueError(f"{entry['test']} passed, and no number says so")
    holds = value > allowed if roles & BREAKS else value <= allowed
    # Two that differ by less than floats see were compared before they became floats.
    if not (holds or entry["failed"] or math.isclose(value, allowed)):
        raise ValueError(f"{entry['test']} passed, though {value} beside {allowed} denies it")
    ways = {mark.get("by", "") for mark in entry["marks"]}
    refuse_half_told(ways, entry.get("confidence"), entry.get("among"))


def _is_size(number: object) -> bool:
    return type(number) in {int, float} and 0 <= number < math.inf  # type: ignore[operator]


def _is_name(test: str, is_marked: bool) -> bool:
    """Say whether a test is one below a project's root, as pytest names it."""
    file, _, name = test.partition("::")
    path = PurePosixPath(file)
    is_below = file and not path.is_absolute() and ".." not in path.parts
    test.encode()  # a letter that is half a letter raises ValueError
    return bool(is_below and "\0" not in test and len(test) < LONGEST and (name or not is_marked))


def is_mark(mark: Mapping[str, Any]) -> bool:
    """Say whether a marker has what its role asks for: texts, and no others."""
    said = {"by": "", "drops": "", "instead": "", **mark}
    has_its_own = bool(said["by"]) == (said["role"] == "claim")
    has_its_own &= bool(said["drops"]) == (said["role"] == "control")
    has_its_own &= not said["instead"] or said["role"] == "control"
    return has_its_own and _are_texts([*said.values()]) and said["role"] in ROLES


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
