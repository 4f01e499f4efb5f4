"""Has everything that a test of ours allows a reason beside it?"""

import ast
import io
import tokenize
from pathlib import Path

import pytest

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
    comment, or there is a comment at the call: on its lines or right above.
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
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "measured":
            (allowed,) = (word.value for word in node.keywords if word.arg == "allowed")
            names = {name.id for name in ast.walk(allowed) if isinstance(name, ast.Name)}
            is_nothing = isinstance(allowed, ast.Constant) and not allowed.value
            if not (is_nothing or names & explained or is_explained(node)):
                yield node.lineno


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_what_is_allowed_has_its_reason(file):
    assert [*without_reason(file.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("measured(x, allowed=0)", []),
        ("measured(x, allowed=1e-9)", [1]),
        ("measured(x, allowed=1e-9)  # sums of a thousand terms", []),
        ("# sums of a thousand terms\nmeasured(x, allowed=1e-9)", []),
        ("y = 1  # of something else\nmeasured(x, allowed=1e-9)", [2]),
        ("ROUNDING = 1e-9  # sums\nmeasured(x, allowed=2 * ROUNDING)", []),
        ("# sums\nROUNDING = 1e-9\nmeasured(x, allowed=ROUNDING)", []),
        ("ROUNDING = 1e-9\nmeasured(x, allowed=ROUNDING)", [2]),
        ("A, B = 1, 2  # sums\n\n\nmeasured(x, allowed=B)", []),
        ("def f():\n    A = 1  # local\n    measured(x, allowed=A + 0)", [3]),
    ],
)
def test_control_a_number_without_a_reason_is_seen(source, lines):
    assert [*without_reason(source)] == lines
