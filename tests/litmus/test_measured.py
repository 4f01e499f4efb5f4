"""Do the numbers of a marked test decide how it comes out, and is the closest call recorded?"""

import math
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
import torch

from litmus.claims.evidence import read_ledger
from litmus.claims.measured import (
    Measured,
    all_candidates,
    closest,
    compare,
    confidence_of_all,
    refuse_half_told,
)
from tests.litmus.conftest import write_files
from tests.litmus.test_evidence import DOCS, OPTIONS

CHECK, CONTROL, COUNTEREXAMPLE = {"claim"}, {"control"}, {"counterexample"}
TINY = 5e-324  # the smallest float that is not zero


@pytest.mark.parametrize(
    ("value", "allowed", "holds"),
    [
        (0, 0, True),
        (1e-13, 1e-12, True),
        (1e-12, 1e-12, True),
        (2e-12, 1e-12, False),
        (TINY, 0, False),
        (False, 0, True),
        (True, 0, False),
        (Fraction(1, 3), Fraction(1, 3), True),
        (Fraction(1, 10**400), 0, False),  # less than any float, and not zero
        (Fraction(1, 3) + Fraction(1, 10**30), Fraction(1, 3), False),  # the same as floats
        (Decimal("0.1"), 1, True),
        (sympy.Rational(1, 3), sympy.Rational(1, 3), True),
        (sympy.sqrt(2), sympy.Rational(141, 100), False),
        (mpmath.mpf(1) / 3, 1, True),
        (torch.tensor(0.5), 0.5, True),
        (torch.tensor([[0.5]], requires_grad=True), 0.4, False),
        (torch.tensor(0.1, dtype=torch.float64), 0.1, True),
        (torch.tensor(0.1), 0.1, False),  # in single precision it is more than a tenth
        (torch.tensor(True), 0, False),
        (np.float32(0.25), 0.25, True),
        (np.array([3]), 2, False),
    ],
)
def test_a_check_holds_up_to_what_it_allows_and_what_breaks_a_claim_beyond_it(
    value, allowed, holds
):
    found, check_holds = compare(CHECK, value, allowed)
    assert check_holds is holds
    assert compare(CONTROL, value, allowed) == compare(COUNTEREXAMPLE, value, allowed)
    assert compare(CONTROL, value, allowed) == (found, not holds)
    assert type(found.value) is type(found.allowed) is float
    assert found.value > 0 or value == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "no finite number"),
        (math.inf, "no finite number"),
        (torch.tensor(math.nan), "no finite number"),
        (10**400, "too large for a float"),
        (-1e-30, "never negative"),
        (torch.tensor(-1), "never negative"),
        (1 + 1j, "no number, but of the type complex"),
        (torch.zeros(2), "no number, but of the type Tensor"),
        (np.zeros(0), "no number, but of the type ndarray"),
        (sympy.Symbol("x"), "no number, but of the type Symbol"),
        ("1", "no number, but of the type str"),
        (b"1", "no number, but of the type bytes"),
        (None, "no number, but of the type NoneType"),
        ([1], "no number, but of the type list"),
    ],
)
@pytest.mark.parametrize("roles", [CHECK, CONTROL], ids=["check", "control"])
def test_what_is_no_finite_size_is_refused_on_either_side(roles, value, said):
    with pytest.raises(ValueError, match=f"what is measured is .*{said}"):
        compare(roles, value, 1)
    with pytest.raises(ValueError, match=f"what is allowed is .*{said}"):
        compare(roles, 1, value)


@pytest.mark.parametrize(
    ("ways", "confidence", "among", "said"),
    [
        ({"exact"}, None, None, ""),
        ({""}, None, None, ""),
        ({"simulation"}, 0.999, None, ""),
        ({"search"}, None, 40, ""),
        ({"simulation", "search"}, 0.999, 40, ""),
        ({"simulation"}, None, None, 'by "simulation" says its confidence'),
        ({"exact"}, 0.999, None, "no other does"),
        ({""}, 0.999, None, "no other does"),
        ({"search"}, None, None, 'by "search" says among'),
        ({"experiment"}, None, 40, "no other does"),
        ({"simulation"}, 1.0, None, "between 0 and 1, unlike 1.0"),
        ({"simulation"}, -0.1, None, "between 0 and 1"),
        ({"simulation"}, math.nan, None, "between 0 and 1"),
        ({"simulation"}, True, None, "between 0 and 1"),
        ({"simulation"}, "99 %", None, "between 0 and 1"),
        ({"search"}, None, 0, "a number of candidates, unlike 0"),
        ({"search"}, None, 2.5, "a number of candidates"),
        ({"search"}, None, True, "a number of candidates"),
    ],
)
def test_random_runs_tell_their_confidence_and_a_search_its_size(ways, confidence, among, said):
    if not said:
        return refuse_half_told(ways, confidence, among)
    with pytest.raises(ValueError, match=said):
        refuse_half_told(ways, confidence, among)


def test_several_random_runs_are_as_sure_together_as_what_each_may_miss_leaves():
    found = [Measured(0, 1, confidence=c) for c in (0.99, 0.98)] + [Measured(0, 1)]
    assert confidence_of_all(found) == pytest.approx(0.97, abs=1e-12)
    assert confidence_of_all(found[2:]) is None
    assert confidence_of_all([Measured(0, 1, confidence=0.4)] * 2) == 0
    assert all_candidates([Measured(0, 1, among=3), Measured(0, 1, among=4)]) == 7
    assert all_candidates(found) is None


def test_an_interval_that_cannot_be_compared_holds_for_neither():
    interval = mpmath.iv.mpf([0, 1])
    for roles in (CHECK, CONTROL):
        with pytest.raises(ValueError, match="no number"):
            compare(roles, interval, 0.5)


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (CHECK | CONTROL, "Part it in two"),
        (CHECK | COUNTEREXAMPLE, "Part it in two"),
    ],
)
def test_a_number_is_for_one_side_alone(roles, said):
    with pytest.raises(ValueError, match=said):
        compare(roles, 0, 0)


def test_the_closest_call_is_the_largest_share_of_a_check_and_the_smallest_of_a_control():
    found = [Measured(1.0, 4.0), Measured(1e-13, 1e-12), Measured(3.0, 4.0), Measured(0.0, 0.0)]
    assert closest(CHECK, found) == Measured(3.0, 4.0)
    assert closest(CONTROL, found[:3]) == Measured(1e-13, 1e-12)
    assert closest(CHECK, [*found, Measured(1e-300, 0.0)]) == Measured(1e-300, 0.0)
    assert closest(CONTROL, [Measured(1e-300, 0.0), Measured(5.0, 4.0)]) == Measured(5.0, 4.0)
    assert closest(CONTROL, [Measured(2.0, 0.0), Measured(1.0, 0.0)]) == Measured(1.0, 0.0)


TEST = """
import pytest

@pytest.mark.claim("c", by="float64")
@pytest.mark.parametrize("i", [1, 3, 2])
def test_check(measured, i):
    measured(i / 100, allowed=1)
    measured(i / 10, allowed=1)

@pytest.mark.control("c", drops="d")
@pytest.mark.parametrize("i", [4, 2, 3])
def test_control(measured, i):
    measured(i, allowed=1)
    measured(i, allowed=0)

@pytest.mark.claim("c", by="exact")
def test_skipped(measured):
    pytest.skip("not here")
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """A function that runs tests of a small vault; it returns what it printed and the ledger."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(text, *options):
        write_files(pytester.path, {**DOCS, "tests/test_c.py": text})
        result = pytester.runpytest_inprocess(*OPTIONS, *options)
        said = "\n".join([*result.outlines, *result.errlines])
        return said, {outcome.name: outcome for outcome in read_ledger(pytester.path)}

    return run


@pytest.mark.parametrize("options", [[], ["-p", "xdist", "-n", "1"]], ids=["one", "apart"])
def test_the_ledger_has_the_closest_call_of_all_parameters(run, options):
    _, ledger = run(TEST, *options)
    numbers = {name: (outcome.measured, outcome.allowed) for name, outcome in ledger.items()}
    assert numbers == {
        "test_check": (0.3, 1.0),
        "test_control": (2.0, 1.0),
        "test_skipped": (None, None),
    }
    assert [outcome.failed for outcome in ledger.values()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("old", "new", "name", "failed", "said", "numbers"),
    [
        (
            "i / 10,",
            "i / 2,",
            "test_check",
            1,
            "measured 1.5, must be at most 1",
            (1.5, 1),
        ),
        (
            *("measured(i, allowed=1)", "measured(i - 1, allowed=1)", "test_control", 1),
            *("measured 1, must be more than 1", (1, 1)),
        ),
        ("i / 10,", "i / 0,", "test_check", 3, "ZeroDivisionError", (0.03, 1)),
        ("i / 10,", "float('nan'),", "test_check", 3, "measured is nan, which is no", (0.03, 1)),
        ("i / 10, allowed=1", "0, allowed=2 - i", "test_check", 1, "is never negative", (0.03, 1)),
    ],
)
def test_a_number_that_does_not_fit_fails_the_test(run, old, new, name, failed, said, numbers):
    assert old in TEST
    printed, ledger = run(TEST.replace(old, new))
    assert said in printed
    assert ledger[name].failed == failed
    assert (ledger[name].measured, ledger[name].allowed) == numbers


TOLD = """
import pytest

@pytest.mark.claim("c", by="simulation")
@pytest.mark.parametrize("i", [1, 2])
def test_runs(measured, i):
    measured(0, allowed=1, confidence=0.999)

@pytest.mark.claim("c", by="search")
@pytest.mark.parametrize("i", [1, 2])
def test_candidates(measured, i):
    measured(0, allowed=1, among=20 + i)
"""


@pytest.mark.parametrize("options", [[], ["-p", "xdist", "-n", "1"]], ids=["one", "apart"])
def test_the_ledger_has_the_confidence_and_the_size_of_all_parameters(run, options):
    _, ledger = run(TOLD, *options)
    runs, candidates = ledger["test_runs"], ledger["test_candidates"]
    assert (runs.confidence, runs.among) == (pytest.approx(0.998), None)
    assert (candidates.confidence, candidates.among) == (None, 43)


@pytest.mark.parametrize("old", [", confidence=0.999", ", among=20 + i"])
def test_a_check_that_keeps_back_what_its_way_calls_for_fails(run, old):
    assert old in TOLD
    said, ledger = run(TOLD.replace(old, ""))
    assert "and no other does." in said
    assert sorted(outcome.failed for outcome in ledger.values()) == [0, 2]


@pytest.mark.parametrize("mark", ['claim("c", by="exact")', 'control("c", drops="d")'])
@pytest.mark.parametrize(
    ("asks", "does"),
    [
        ("", "pass"),
        ("measured", "pass"),
        ("request", "request.node.user_properties.append(('measured', [0.0, 1.0]))"),
    ],
)
def test_a_marked_test_that_measures_nothing_fails(run, mark, asks, does):
    test = f"def test_it({asks}):\n    {does}\n"
    said, ledger = run(f"import pytest\n@pytest.mark.{mark}\n{test}")
    assert "has measured nothing. Ask for the fixture `measured`" in said
    assert (ledger["test_it"].passed, ledger["test_it"].failed) == (0, 1)


@pytest.mark.parametrize("value", ["2", "float('nan')"])
def test_a_test_that_catches_its_failure_fails_all_the_same(run, value):
    caught = (
        f"    with pytest.raises(pytest.fail.Exception):\n        measured({value}, allowed=1)\n"
    )
    mark = '@pytest.mark.claim("c", by="exact")'
    test = f"import pytest\n{mark}\ndef test_it(measured):\n    measured(0, allowed=1)\n{caught}"
    said, ledger = run(test)
    assert f"measured {value}" in said.replace("what is measured is nan", "measured float('nan')")
    assert ledger["test_it"].failed == 1


CAUGHT = {
    "and skips": "keep_quiet([lambda: measured(2, allowed=1)])\n    pytest.skip()",
    "while it is taken down": "late.append(lambda: measured(2, allowed=1))",
    "in the next test": "KEPT.append(lambda: measured(2, allowed=1))",
}


@pytest.mark.parametrize("does", CAUGHT.values(), ids=CAUGHT)
def test_a_number_that_does_not_fit_is_a_failure_wherever_it_is_caught(run, does):
    late = """
import contextlib
import pytest
KEPT = []

def keep_quiet(functions):
    with contextlib.suppress(BaseException):
        functions and functions.pop()()

@pytest.fixture
def late(measured):
    yield (functions := [])
    keep_quiet(functions)

@pytest.mark.claim("c", by="exact")
def test_it(measured, late):
    measured(0, allowed=1)
    DOES

def test_next():
    keep_quiet(KEPT)
"""
    said, ledger = run(late.replace("DOES", does))
    if does != CAUGHT["in the next test"]:  # where it has been told already how it came out
        assert "measured 2, must be at most 1" in said
    assert (ledger["test_it"].passed, ledger["test_it"].failed) == (0, 1)


def test_a_miss_that_is_expected_is_reported_as_that_and_no_evidence(run):
    body = "try:\n        measured(2, allowed=1)\n    except BaseException:\n        1 / 0"
    marks = '@pytest.mark.claim("c", by="exact")\n@pytest.mark.xfail'
    said, ledger = run(f"import pytest\n{marks}\ndef test_it(measured):\n    {body}\n")
    assert "1 xfailed" in said
    assert (ledger["test_it"].passed, ledger["test_it"].failed) == (0, 1)


def test_what_a_test_marks_as_it_runs_is_no_evidence(run):
    late = "request.applymarker(pytest.mark.control('c', drops='d'))"
    mark = '@pytest.mark.claim("c", by="exact")'
    test = f"def test_it(measured, request):\n    {late}\n    measured(0, allowed=1)\n"
    said, ledger = run(f"import pytest\n{mark}\n{test}\n{test.replace('it', 'unmarked')}")
    assert "2 passed" in said
    assert [mark.role for mark in ledger["test_it"].marks] == ["claim"]
    assert [*ledger] == ["test_it"]


def test_a_test_that_ran_twice_has_not_passed(run, pytester):
    """As a plugin does that runs again what has failed: it calls the first try a rerun."""
    again = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item):
    for i in range(2):
        for report in runtestprotocol(item, log=False):
            if report.failed and not i:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
    write_files(pytester.path, {"conftest.py": again})
    test = """
import pytest
TRIES = []

@pytest.mark.claim("c", by="exact")
def test_it(measured):
    TRIES.append(1)
    measured(0, allowed=0)
    assert TRIES[1:]
"""
    _, ledger = run(test)
    assert (ledger["test_it"].passed, ledger["test_it"].failed) == (0, 1)


def test_a_test_without_a_claim_may_measure_as_a_check_does_and_leaves_nothing(run):
    tests = [f"def test_{v}(measured):\n    measured({v}, allowed=1)\n" for v in range(3)]
    said, ledger = run("\n".join(tests) + "\ndef test_b(): pass\n")
    assert "measured 2, must be at most 1" in said
    assert "1 failed, 3 passed" in said
    assert ledger == {}
