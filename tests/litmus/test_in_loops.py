"""Does the word for a snippet in a training loop follow from what its test asserts, alone?"""

import json
import math

import pytest
import torch

from litmus.claims.evidence import LEDGER, Mark, due, read_ledger
from litmus.claims.loops import COLUMNS, Found, Place, cells_of, compare
from litmus.claims.records import read_records
from litmus.site.project import Project
from tests.litmus.conftest import write_files
from tests.litmus.test_evidence import DOCS, OPTIONS

SNIPPET, HERE = "snippets/used.py", Place("snippets/used.py", "schedule")
FILES = {**DOCS, "pytest.ini": "[pytest]\npythonpath = .\n", SNIPPET: "ONE = 1\n"}
TEST = """
import pytest, torch
from torch.nn import Parameter

@pytest.mark.in_loop({where})
{more}def test_it(beside{given}):
    \"\"\"With all of it.

    Never shown.
    \"\"\"
    {body}
"""
WHERE = '"snippets/used.py", "schedule"'


@pytest.fixture
def run(pytester):
    """A function that runs a test with some body in a small project; returns what it has left."""

    def run(body, *options, where=WHERE, given="", more=""):
        text = TEST.format(body=body, where=where, given=given, more=more)
        write_files(pytester.path, {**FILES, "tests/test_it.py": text})
        ran = pytester.runpytest(*OPTIONS, *options)
        return ran, read_ledger(pytester.path)

    return run


def test_the_columns_are_those_of_loops_that_people_write():
    assert len(COLUMNS) == len({*COLUMNS}) == 13


@pytest.mark.parametrize(
    ("gap", "control", "allowed", "word"),
    [
        (0, 1, 1e-12, "exact"),
        (1e-12, 1.1e-3, 1e-12, "exact"),
        (torch.tensor(1e-13), torch.tensor([[2.0]]), 1e-12, "exact"),
        (0, 1, 0, "exact"),
        (0, 1, 1.1e-12, "up to rounding"),  # what was asserted counts, not what was found
        (2e-6, 1, 2e-6, "up to rounding"),
        (1e-2, 0.11, 1e-2, "up to rounding"),
    ],
)
def test_the_word_follows_from_what_is_allowed_for_the_gap(gap, control, allowed, word):
    found, amiss = compare(gap, control, allowed)
    assert (found.word, amiss) == (word, "")


@pytest.mark.parametrize(
    ("gap", "control", "allowed", "amiss"),
    [
        (1.1e-12, 1, 1e-12, "the gap is 1.1e-12, must be at most 1e-12"),
        (0, 1e-3, 1e-12, "the control is 0.001, must be more than 0.001"),
        (3e-6, 1, 2e-6, "the gap is 3e-06"),
        (0, 0.09, 1e-2, "the control is 0.09, must be more than 0.1"),
        (0, 10, 0.011, "more than 0.01 is no rounding"),
    ],
)
def test_control_no_word_follows_from_a_large_gap_or_a_control_that_shows_little(
    gap, control, allowed, amiss
):
    assert amiss in compare(gap, control, allowed)[1]


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0, "1", torch.zeros(2)])
def test_control_what_is_no_finite_size_never_passes(which, number):
    with pytest.raises(ValueError, match=["gap", "control", "allowed"][which]):
        compare(*(number if which == i else given for i, given in enumerate((0, 1, 1e-12))))


EXACT, CLOSE = Found("exact", 1e-15, 1, 1e-12), Found("exact", 9e-13, 2, 1e-12)
ROUNDED, REFUSED = Found("up to rounding", 1e-9, 1, 1e-6), Found("refused", said="no")


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ([], [Found("not covered")]),
        ([EXACT, CLOSE], [CLOSE]),
        ([EXACT, ROUNDED, CLOSE], [ROUNDED]),
        ([REFUSED, Found("refused", said="neither")], [REFUSED]),
        ([REFUSED, EXACT], [EXACT, REFUSED]),
    ],
)
def test_of_all_that_a_test_finds_the_weakest_gap_is_kept_and_a_refusal_beside_it(found, kept):
    cells = cells_of([HERE, HERE._replace(column="EMA")], found, "why")
    assert [(c.word, c.gap, c.said) for c in cells] == [(f.word, f.gap, f.said) for f in kept] * 2
    assert {c.column for c in cells} == {"schedule", "EMA"}


def test_the_ledger_says_what_a_test_found_with_its_first_line(run):
    ran, (outcome,) = run("beside.gap(2e-13, control=.5)")
    ran.assert_outcomes(passed=1)
    (cell,) = outcome.cells
    assert (cell.word, cell.gap, cell.control, cell.allowed) == ("exact", 2e-13, 0.5, 1e-12)
    assert (cell.snippet, cell.column, cell.note) == (*HERE, "With all of it.")


def test_what_a_test_found_is_due_again_when_the_snippet_changes(run, pytester):
    run("beside.gap(0, control=1)")
    assert due(pytester.path, {}) == []
    (pytester.path / SNIPPET).write_text("ONE = 2\n", encoding="utf-8")
    assert due(pytester.path, {}) == ["tests/test_it.py"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pass", "has found nothing"),
        ("beside.gap(1e-9, control=1)", "must be at most"),
        ("beside.gap(0, control=0)", "the control is 0"),
        ("beside.gap(float('nan'), control=1)", "no finite number"),
        ("beside.gap(0, control=float('inf'))", "no finite number"),
        (
            "try: beside.gap(1, control=1)\n    except BaseException: beside.gap(0, control=1)",
            "the gap is 1",
        ),
    ],
)
def test_control_a_test_that_finds_nothing_or_too_much_fails_and_cannot_help_it(run, body, said):
    ran, outcomes = run(body)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(f"*{said}*")
    assert [outcome.failed for outcome in outcomes] == [1]


WEIGHT = "w = Parameter(torch.tensor([1.0, float('nan')]))\n    "
RAISES = "raise RuntimeError('put it on the old one')"


@pytest.mark.parametrize(
    "weights",
    ["w", "[w]", "(p for p in [w, w[0], torch.zeros(0), w.bfloat16().T])", "{'a': w}.values()"],
)
def test_what_is_refused_with_all_weights_untouched_is_in_the_ledger_with_its_words(run, weights):
    body = f"{WEIGHT}with beside.refused({weights}, match='old one'):\n        {RAISES}"
    ran, (outcome,) = run(body)
    ran.assert_outcomes(passed=1)
    (cell,) = outcome.cells
    assert (cell.word, cell.said, cell.gap) == ("refused", "put it on the old one", None)


@pytest.mark.parametrize(
    ("weights", "match", "inside", "said"),
    [
        ("w", "old", "pass", "nothing was refused"),
        ("w", "new", RAISES, "with other words than"),
        ("w", "", RAISES, "hand over the weights"),
        ("[]", "old", RAISES, "hand over the weights"),
        ("'w'", "old", RAISES, "hand over the weights"),
        ("w", "old", f"w.data[0] += 1e-7; {RAISES}", "some weights have changed"),
        ("w", "old", f"w.data[1] = -w.data[1]; {RAISES}", "have changed"),
        ("[w, w * 1]", "old", f"w.data[0] = float('inf'); {RAISES}", "have changed"),
        ("w", "old", "raise KeyError('old one')", "KeyError"),
        ("w", "old", "import pytest; pytest.fail('old one')", "old one"),
    ],
)
def test_control_no_refusal_is_one_without_its_words_or_after_a_weight_has_changed(
    run, weights, match, inside, said
):
    block = f"with beside.refused({weights}, match={match!r}):\n        {inside}"
    ran, (outcome,) = run(WEIGHT + block)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(f"*{said}*")
    assert [cell.word for cell in outcome.cells] == ["not covered"]


PARAMETERS = "@pytest.mark.parametrize('i', range(3))\n"


def test_all_parameters_of_a_test_give_one_word_the_weakest(run):
    body = "beside.gap(i * 1e-7, control=1, allowed=[1e-12, 1e-3, 1e-6][i])"
    ran, (outcome,) = run(body, given=", i", more=PARAMETERS)
    ran.assert_outcomes(passed=3)
    assert [(cell.word, cell.allowed) for cell in outcome.cells] == [("up to rounding", 1e-6)]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ('"snippets/usd.py", "schedule"', "'snippets/usd.py', which is no snippet.*used.py"),
        (
            '"snippets/used.py", "shedule"',
            "'shedule', which is no part of training loops.*schedule",
        ),
        ('"snippets/used.py"', r"the marker is in_loop\(snippet, column\)"),
        ('"snippets/used.py", 3', r"the marker is in_loop\(snippet, column\)"),
        ('"snippets/used.py", "EMA", "AMP"', r"the marker is in_loop\(snippet, column\)"),
    ],
)
def test_a_marker_of_no_snippet_or_column_is_refused_with_the_nearest_names(run, where, said):
    ran, outcomes = run("beside.gap(0, control=1)", where=where)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.re_match_lines([f".*tests.test_it.py:5: .*{said}"])
    assert outcomes == []


def test_a_test_may_check_a_claim_and_stand_in_a_loop(run):
    more = (
        '@pytest.mark.claim("c", by="float64")\n@pytest.mark.in_loop("snippets/used.py", "EMA")\n'
    )
    body = "measured(0, allowed=1); beside.gap(0, control=1)"
    ran, (outcome,) = run(body, given=", measured", more=more)
    ran.assert_outcomes(passed=1)
    assert outcome.marks == (Mark("claim", "c", by="float64"),)
    assert {cell.column for cell in outcome.cells} == {"schedule", "EMA"}


def test_a_record_carries_what_its_tests_found_in_loops(run, pytester):
    travels = "@pytest.mark.travels\n"
    body = "beside.gap(1e-13, control=1)"
    ran, outcomes = run(body, "--litmus-record", "tests/a.record.json", more=travels)
    ran.assert_outcomes(passed=1)
    assert outcomes == []
    ((record,), problems) = read_records(pytester.path)
    assert problems == []
    (cell,) = record.outcomes[0].cells
    assert (cell.word, cell.gap, cell.column) == ("exact", 1e-13, "schedule")
    told = Project.ours(pytester.path, pytester.path / "docs").told
    assert [(outcome.cells, is_stale) for outcome, is_stale in told] == [((cell,), False)]


@pytest.mark.parametrize(
    "change",
    [
        {"word": "refused"},
        {"word": "verified"},
        {"gap": 1e-9},
        {"gap": None},
        {"gap": True},
        {"control": 1e-4},
        {"allowed": 1e-6},
        {"column": "rain"},
        {"snippet": ""},
        {"said": "no"},
        {"note": 3},
        {"unknown": ""},
    ],
    ids=str,
)
def test_what_no_run_writes_is_read_as_none(run, pytester, change):
    run("beside.gap(1e-13, control=1)")
    ledger = pytester.path / LEDGER
    entries = json.loads(ledger.read_text(encoding="utf-8"))
    entries[0]["cells"][0].update(change)
    ledger.write_text(json.dumps(entries), encoding="utf-8")
    assert read_ledger(pytester.path) == []


def test_what_an_older_version_has_written_says_nothing_of_loops(run, pytester):
    run("beside.gap(1e-13, control=1)")
    ledger = pytester.path / LEDGER
    entries = json.loads(ledger.read_text(encoding="utf-8"))
    del entries[0]["cells"]
    ledger.write_text(json.dumps(entries), encoding="utf-8")
    assert [outcome.cells for outcome in read_ledger(pytester.path)] == [()]
