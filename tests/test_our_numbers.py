"""Has everything that a test of ours allows a reason beside it?"""

import ast
import io
import tokenize
from pathlib import Path

import pytest

from litmus.claims.measured import BREAKS

ROOT = Path(__file__).parents[1]
FOLDERS = ["tests/snippets", "tests/labs", "tests/recorded", "litmus/author/starter/tests"]
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).glob("test_*.py"))


def comments(source):
    """The lines on which a comment stands, and those that hold nothing else."""
    found, alone = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            found.add(token.start[0])
            if token.line.lstrip().startswith("#"):
                alone.add(token.start[0])
    return found, alone


def without_reason(source):
    """The lines of `measured(…, allowed=…)` where nobody says why so much is allowed.

    Nothing that is allowed needs no reason. Everything else is a constant of the file with a
    comment, or there is a comment at the call: on its lines or right above. So it is with what
    loosens a constant: more of it in a check, less of it where a claim must break.
    """
    tree = ast.parse(source)
    found, alone = comments(source)

    def is_explained(node):
        lines = range(node.lineno, node.end_lineno + 1)
        return not found.isdisjoint(lines) or node.lineno - 1 in alone

    explained = {
        name.id
        for node in tree.body
        if isinstance(node, ast.Assign) and is_explained(node)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }
    for node, breaks in calls(tree, BREAKS):
        (allowed,) = (word.value for word in node.keywords if word.arg == "allowed")
        names = {name.id for name in ast.walk(allowed) if isinstance(name, ast.Name)}
        is_nothing = isinstance(allowed, ast.Constant) and not allowed.value
        is_constant = names & explained and not is_looser(allowed, breaks)
        if not (is_nothing or is_constant or is_explained(node)):
            yield node.lineno


def calls(tree, roles):
    """The calls of `measured`, each with whether its test has one of some roles."""
    for part in tree.body:
        marks = {mark.attr for mark in ast.walk(part) if isinstance(mark, ast.Attribute)}
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "measured":
                yield node, not roles.isdisjoint(marks)


def hiding(source):
    """The lines of checks where what is no number (NaN) would count as a small one.

    Nothing is above it, and nothing below: it is not among what is too large, and Python's maximum
    is whatever stands beside it. So what is counted is what is not as it should be, and the
    maximum is NumPy's; but `max(x, 0)` is x where x is none.
    """
    for part in ast.parse(source).body:
        is_exact = {"exact", "certificate", "certificate of a step"} & {
            node.value
            for mark in getattr(part, "decorator_list", [])
            for node in ast.walk(mark)
            if isinstance(node, ast.Constant)
        }
        for node, is_check in calls(ast.Module([part]), {"claim"}):
            if is_check and not is_exact and any(map(is_hiding, parts(node.args[0]))):
                yield node.lineno


def parts(node):
    """All of an expression but what it denies or tells apart: there the missing number shows."""
    yield node
    denies = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert)
    if not (denies or isinstance(node, ast.Compare)):
        for part in ast.iter_child_nodes(node):
            yield from parts(part)


def is_hiding(node):
    match node:
        case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()]):
            return True
        case ast.Call(func=ast.Name("max"), args=[first, *_, ast.Constant()]):
            return isinstance(first, ast.Constant)
        case ast.Call(func=ast.Name("max" | "min")):
            return True
    return False


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_what_is_no_number_is_no_small_one(file):
    assert [*hiding(file.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("abs(x)", []),
        ("max(gaps)", [3]),
        ("max(abs(x) for x in gaps) / 2", [3]),
        ("max(0, x)", [3]),
        ("max(x, 0)", []),
        ("max(abs(x), abs(y))", [3]),
        ("np.max(gaps)", []),
        ("abs(gaps).max()", []),
        ("(gaps >= 1).sum()", [3]),
        ("(~(gaps < 1)).sum()", []),
        ("sum(x >= 1 for x in gaps)", [3]),
        ("sum(not x < 1 for x in gaps)", []),
        ("sum(x != y for x, y in gaps)", []),
        ("(x > 1) != (y > 1)", []),
    ],
)
def test_control_where_it_would_hide_is_seen(value, lines):
    test = f"def test_it(measured):\n    measured({value}, allowed=0)\n"
    assert [*hiding(f"@pytest.mark.claim('c', by='float64')\n{test}")] == lines
    for other in ["claim('c', by='exact')", "control('c', drops='d')"]:
        assert [*hiding(f"@pytest.mark.{other}\n{test}")] == []


def is_looser(allowed, breaks):
    """Is there a number in it that allows more than what it is multiplied with, or divided by?"""
    for node in ast.walk(allowed):
        match node:
            case ast.BinOp(ast.Constant(value=factor), ast.Mult(), _):
                pass
            case ast.BinOp(_, ast.Mult(), ast.Constant(value=factor)):
                pass
            case ast.BinOp(_, ast.Div(), ast.Constant(value=divisor)):
                factor = 1 / divisor
            case _:
                continue
        if factor < 1 if breaks else factor > 1:
            return True
    return False


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_what_is_allowed_has_its_reason(file):
    assert [*without_reason(file.read_text("utf-8"))] == []


CONTROL = "@pytest.mark.control('c', drops='d')\ndef test_it():\n"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("measured(x, allowed=0)", []),
        ("measured(x, allowed=1e-9)", [1]),
        ("measured(x, allowed=1e-9)  # sums of a thousand terms", []),
        ("# sums of a thousand terms\nmeasured(x, allowed=1e-9)", []),
        ("y = 1  # of something else\nmeasured(x, allowed=1e-9)", [2]),
        ("ROUNDING = 1e-9  # sums\nmeasured(x, allowed=ROUNDING / 2)", []),
        ("ROUNDING = 1e-9  # sums\nmeasured(x, allowed=2 * ROUNDING)", [2]),
        ("ROUNDING = 1e-9  # sums\nmeasured(x, allowed=1 + ROUNDING * 2)", [2]),
        ("ROUNDING = 1e-9  # sums\nmeasured(x, allowed=ROUNDING / 0.5)", [2]),
        ("ROUNDING = 1e-9  # sums\nmeasured(x, allowed=2 * ROUNDING)  # two of them", []),
        (f"CLEAR = 1  # all\n{CONTROL}    measured(x, allowed=2 * CLEAR)", []),
        (f"CLEAR = 1  # all\n{CONTROL}    measured(x, allowed=CLEAR / 2)", [4]),
        ("# sums\nROUNDING = 1e-9\nmeasured(x, allowed=ROUNDING)", []),
        ("ROUNDING = 1e-9\nmeasured(x, allowed=ROUNDING)", [2]),
        ("A, B = 1, 2  # sums\n\n\nmeasured(x, allowed=B)", []),
        ("def f():\n    A = 1  # local\n    measured(x, allowed=A + 0)", [3]),
    ],
)
def test_control_a_number_without_a_reason_is_seen(source, lines):
    assert [*without_reason(source)] == lines
