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


SHAPES = '''\
"""About shapes."""

# SPDX-License-Identifier: MIT
# /// script
# dependencies = ["torch"]
# ///

from __future__ import annotations

import math
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    # Of d weights.
    Vector = Float[Tensor, " d"]  # a copied file needs torch alone
    Matrix = Float[Tensor, "m n"]
    Loss = Callable[[Vector], Tensor]
if typing.TYPE_CHECKING: Count = Int[Tensor, ""]

LIMIT = 2


def norm(weights: Vector, loss: Loss | None = None) -> float:
    return LIMIT * math.sqrt(sum(weight**2 for weight in weights))


def count(number: Count) -> Any:
    return number


def plain(x: float) -> float:
    return math.sqrt(x)
'''


def test_of_what_is_for_types_alone_a_quote_has_what_it_needs_below_the_same_condition():
    assert (
        quote(SHAPES, ["norm"])
        == """\
from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    # Of d weights.
    Vector = Float[Tensor, " d"]  # a copied file needs torch alone
    Loss = Callable[[Vector], Tensor]

LIMIT = 2


def norm(weights: Vector, loss: Loss | None = None) -> float:
    return LIMIT * math.sqrt(sum(weight**2 for weight in weights))
"""
    )


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("count", ["if typing.TYPE_CHECKING:\n    Count = Int[Tensor, '']\n"], ["Float", "Loss"]),
        ("plain", ["import math"], ["TYPE_CHECKING", "Tensor", "Any"]),
        ("Matrix", ['    Matrix = Float[Tensor, "m n"]\n'], ["Vector", "LIMIT"]),
    ],
)
def test_what_is_for_types_alone_is_in_a_quote_that_mentions_it_and_in_no_other(name, has, lacks):
    quoted = quote(SHAPES, [name])
    assert [part for part in has if part not in quoted] == []
    assert [part for part in lacks if part in quoted] == []


ON_TENSORS = SHAPES.replace("from torch import Tensor", "Tensor = list")  # no torch is needed here


def test_a_quote_with_shapes_runs_without_what_checks_them_and_not_without_its_first_line():
    quoted = quote(ON_TENSORS, ["norm"])
    alone = {}
    exec(compile(quoted, "quoted", "exec", dont_inherit=True), alone)
    assert alone["norm"]([3, 4]) == 10
    first, _, rest = quoted.partition("\n")
    assert first == "from __future__ import annotations"
    with pytest.raises(NameError, match="Vector"):  # a control
        exec(compile(rest, "quoted", "exec", dont_inherit=True), {})


def test_a_file_says_what_it_defines_and_what_it_is_about():
    assert definitions(SOURCE) == ["half", "quarter", "Shape", "unrelated"]
    assert docstring(SOURCE).startswith("About something.")


# Each quote is the only code of a module object of its own; torch is there already.
RUN_EACH = """
import dis, json, sys, types
failed = {}
sources, names = json.loads(%r)

def loaded(code):  # names of the module that some code asks for, and not attributes of others
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    mine = {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}
    return mine.union(*map(loaded, inner))

for name, source in sources.items():
    module = types.ModuleType("pasted")
    sys.modules["pasted"] = module
    try:
        exec(compile(source, name, "exec"), vars(module))
    except BaseException as error:
        failed[name] = repr(error)
    loose = {
        word for function in vars(module).values() if isinstance(function, types.FunctionType)
        and function.__module__ == "pasted" for word in loaded(function.__code__)
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
    called = sorted(defined)[0]
    sources["control: a call"] = f"def f(x): return {called}(x)"
    sources["control: a call within"] = f"def f(x): return lambda: {called}(x)"
    sources["an attribute is no call"] = f"def f(x): return x.{called}()"
    failed = run_each(sources, sorted(defined))
    controls = {name for name in sources if name.startswith("control")}
    assert {name: why for name, why in failed.items() if name not in controls} == {}
    assert controls <= failed.keys()


def named_at_the_top(source):
    """The names of the functions, classes and constants of a file."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (n.id for n in statement.targets if isinstance(n, ast.Name))
