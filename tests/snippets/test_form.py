"""Does every snippet say what it is, on which terms it is given away, and what it needs to run?"""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from litmus.python.headers import requirements

ROOT = Path(__file__).parents[2]
SNIPPETS = sorted(ROOT.glob("snippets/*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = [Requirement(one) for extra in PROJECT["optional-dependencies"].values() for one in extra]
LEAST = {  # the lower bound of each distribution, as the project has it
    canonicalize_name(one.name): bound.version
    for one in OURS
    for bound in one.specifier
    if bound.operator == ">="
}
LEAST_PYTHON = PROJECT["requires-python"].removeprefix(">=")
DISTRIBUTIONS = packages_distributions()

# After the docstring: an empty line, licence, header, an empty line, and the first import.
TOP = re.compile(
    r'\A"""[^\n]+\n\n(?:(?!""").)+\n"""\n\n'
    r"# SPDX-License-Identifier: MIT\n"
    r"# /// script\n"
    r'# requires-python = "(?P<python>[^"\n]+)"\n'
    r"# dependencies = \[[^\]\n]*\]\n"
    r"# ///\n\n"
    r"(?P<future>from __future__ import annotations\n\n)?(?=import|from)",
    re.DOTALL,
)


def imports(tree):
    """Yield the modules that a file imports where it runs: not for checkers of types alone."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        waiting += ast.iter_child_nodes(node)


def faults(source):
    """Say what is wrong with the form of a snippet, in words."""
    if not (top := TOP.match(source)):
        return ["docstring, licence line, header and imports do not follow each other"]
    found, said = [], requirements(source)
    if said is None:
        return ["the header is no TOML"]
    names = {module.partition(".")[0] or module for module in imports(ast.parse(source))}
    outside = names - {*sys.stdlib_module_names}
    needed = sorted(canonicalize_name(DISTRIBUTIONS.get(name, [name])[0]) for name in outside)
    if [canonicalize_name(Requirement(one).name) for one in said] != needed:
        found.append(f"it names {', '.join(said)} and imports {', '.join(needed)}")
    bounds = [f"{one.name}>={LEAST.get(one.name)}" for one in map(Requirement, said)]
    if said != bounds:
        found.append("a bound is not the one of pyproject.toml")
    if LEAST_PYTHON not in SpecifierSet(top["python"]):
        found.append("it asks for a later Python than this project")
    if "\nif TYPE_CHECKING:\n" in source and not top["future"]:
        found.append("without the import from __future__ its shapes are evaluated where it runs")
    return found


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.stem)
def test_a_snippet_has_docstring_licence_and_a_header_that_names_what_it_imports(snippet):
    assert faults(snippet.read_text(encoding="utf-8")) == []


GOOD = '''\
"""One line.

And more.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib>=3.11", "torch>=2.13"]
# ///

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float


def draw():
    from matplotlib import pyplot
'''
ORDER = "do not follow each other"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("import math", "import math", None),
        ("import math", "import math, json, re", None),
        ("\n\nAnd more.\n", "", ORDER),
        ("# SPDX-License-Identifier: MIT\n", "", ORDER),
        ("# ///\n\n", "# ///\n", ORDER),
        ('"torch>=2.13"', '"torch>=2.13', "no TOML"),
        ("import math", "import numpy", "imports matplotlib, numpy, torch"),
        ("import math", "from numpy.linalg import norm", "imports matplotlib, numpy, torch"),
        ("import math", "from .texp import run", "imports -texp, matplotlib, torch"),
        ("    from matplotlib import pyplot", "    pass", "imports torch"),
        ("import torch\n", "import torch, jaxtyping\n", "imports jaxtyping, matplotlib, torch"),
        ('["matplotlib>=3.11", "torch>=2.13"]', '["torch>=2.13"]', "it names torch>=2.13 and"),
        ("torch>=2.13", "torch>=2.12", "a bound is not"),
        ("torch>=2.13", "torch", "a bound is not"),
        ('>=3.11"\n', '>=3.12"\n', "a later Python"),
        ("from __future__ import annotations\n\n", "", "from __future__"),
    ],
)
def test_control_a_form_that_is_not_kept_is_found(old, new, fault):
    assert GOOD.count(old) == 1
    found = faults(GOOD.replace(old, new))
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]
