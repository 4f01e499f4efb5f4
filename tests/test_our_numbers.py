"""Has everything that a test of ours allows a reason beside it?"""

import ast
import io
import tokenize
from pathlib import Path

import pytest

from litmus.claims.measured import BREAKS

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("tests/snippets/test_*.py"), *ROOT.glob("tests/labs/test_*.py")])


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
    for node, breaks in calls(tree):
        (allowed,) = (word.value for word in node.keywords if word.arg == "allowed")
        names = {name.id for name in ast.walk(allowed) if isinstance(name, ast.Name)}
        is_nothing = isinstance(allowed, ast.Constant) and not allowed.value
        is_constant = names & explained and not is_looser(allowed, breaks)
        if not (is_nothing or is_constant or is_explained(node)):
            yield node.lineno


def calls(tree):
    """The calls of `measured`, each with whether its test is to break a claim."""
    for part in tree.body:
        marks = {mark.attr for mark in ast.walk(part) if isinstance(mark, ast.Attribute)}
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "measured":
                yield node, not BREAKS.isdisjoint(marks)


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
