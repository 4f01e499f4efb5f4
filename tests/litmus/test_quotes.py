"""Does a quoted function bring along all that it needs to run, and nothing else?"""

import ast
import json
from pathlib import Path

import pytest

from litmus.python.quotes import QuoteError, definitions, docstring, quote

ROOT = Path(__file__).parents[2]
SNIPPETS = sorted((ROOT / "snippets").glob("*.py"))
SOURCE = '''\
"""About something.

More of it."""

import math
import os.path as path
from collections.abc import Callable, Iterable
from functools import cache, partial

Loss = Callable[[float], float]
# How far.
STEP = 0.5
LIMIT: int = 3
a, b = 1, 2


@cache
def half(x):
    return x * STEP


# A comment that belongs to it.
def quarter(x: float, loss: Loss | None = None) -> float:
    return half(half(x))


class Shape:
    sides: Iterable[int] = (LIMIT,)


def unrelated():
    return partial(math.sqrt, a)


def _hidden():
    return path.sep


if __name__ == "__main__":
    print(quarter(1))
'''


def test_a_quote_has_the_helpers_constants_and_imports_that_it_needs_in_the_files_order():
    assert (
        quote(SOURCE, ["quarter"])
        == """\
from collections.abc import Callable
from functools import cache

Loss = Callable[[float], float]
# How far.
STEP = 0.5


@cache
def half(x):
    return x * STEP


# A comment that belongs to it.
def quarter(x: float, loss: Loss | None = None) -> float:
    return half(half(x))
"""
    )


@pytest.mark.parametrize(
    ("names", "has", "lacks"),
    [
        (["Shape"], ["LIMIT: int = 3", "import Iterable", "class Shape"], ["Callable", "cache"]),
        (["unrelated"], ["import math", "a, b = 1, 2", "import partial"], ["os.path", "half"]),
        (["_hidden"], ["import os.path as path"], ["math"]),
        (["STEP"], ["# How far.\nSTEP = 0.5"], ["import", "LIMIT"]),
        (["Shape", "half"], ["@cache\ndef half", "class Shape"], ["quarter", "__main__"]),
    ],
)
def test_a_quote_has_what_it_mentions_and_lacks_the_rest(names, has, lacks):
    quoted = quote(SOURCE, names)
    assert [part for part in has if part not in quoted] == []
    assert [part for part in lacks if part in quoted] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("quater", "it does not define 'quater'. Did you mean 'quarter'?"),
        ("nothing_like_it", "it does not define 'nothing_like_it'."),
        ("math", "it does not define 'math'."),
    ],
)
def test_a_name_that_the_file_does_not_define_is_refused_with_the_nearest(name, reason):
    with pytest.raises(QuoteError) as error:
        quote(SOURCE, [name])
    assert str(error.value).startswith(reason)


def test_a_file_says_what_it_defines_and_what_it_is_about():
    assert definitions(SOURCE) == ["half", "quarter", "Shape", "unrelated"]
    assert docstring(SOURCE).startswith("About something.")


# Each quote is the only code of a module object of its own; torch is there already.
RUN_EACH = """
import json, sys, types
failed = {}
sources, names = json.loads(%r)
for name, source in sources.items():
    module = types.ModuleType("pasted")
    sys.modules["pasted"] = module
    try:
        exec(compile(source, name, "exec"), vars(module))
    except BaseException as error:
        failed[name] = repr(error)
    loose = {
        word for function in vars(module).values() if isinstance(function, types.FunctionType)
        and function.__module__ == "pasted" for word in function.__code__.co_names
        if word in names and word not in vars(module)
    }
    if loose:
        failed[name] = f"it lacks {sorted(loose)}"
print()
print(json.dumps(failed))
"""


@pytest.fixture
def run_each(runner_of, tmp_path):
    """A function that runs quotes, by name, and says which fail, and why."""

    def run(sources, names):
        file = tmp_path / "run_each.py"
        file.write_text(RUN_EACH % json.dumps([sources, names]), encoding="utf-8")
        answer = runner_of(tmp_path)._ask([str(file), 60])
        assert not answer["problem"]
        return json.loads(answer["printed"].splitlines()[-1])

    return run


def test_every_function_of_every_snippet_can_be_quoted_and_runs_alone(run_each):
    sources, defined = {}, set()
    for file in SNIPPETS:
        source = file.read_text(encoding="utf-8")
        defined |= set(named_at_the_top(source))
        for name in definitions(source):
            sources[f"{file.name} {name}"] = quote(source, [name])
    sources["control: an annotation"] = "def f(x: Loss): return x"
    sources["control: a call"] = f"def f(x): return {sorted(defined)[0]}(x)"
    failed = run_each(sources, sorted(defined))
    assert sorted(failed) == ["control: a call", "control: an annotation"]


def named_at_the_top(source):
    """The names of the functions, classes and constants of a file."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (n.id for n in statement.targets if isinstance(n, ast.Name))
