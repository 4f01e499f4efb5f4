"""Is all that we import declared, all that is declared used, and every pin within its range?"""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from litmus.installed import DISTRIBUTION, IN_CODE

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
EXTRAS = {**PROJECT["optional-dependencies"], **SETTINGS["dependency-groups"]}
MOST = 26  # distributions that the wheel alone requires
# Only pytest imports these modules, which therefore import it.
OF_PYTEST = {"beside.py", "measuring.py", "pytest_plugin.py", "record_writer.py", "recorder.py"}
# What is declared and never imported: where it is named instead.
NAMED = {
    "brotli": ("litmus/site/stylesheets.py", "woff2"),  # fontTools imports it to pack a font
    "mkdocs-shadcn": ("litmus/tex/katex.py", 'files("shadcn")'),
    "mermaidx": ("litmus/site/stylesheets.py", 'distribution("mermaidx")'),
    "mkdocs-material": ("litmus/material/mkdocs.yml", "name: material"),
    "mkdocs-jupyter": ("mkdocs.yml", "mkdocs-jupyter:"),
    "ipykernel": ("litmus/python/lab_runs.py", '"ipykernel"'),  # the process in which labs run
    "beartype": ("pyproject.toml", "beartype.beartype"),
    "pytest-timeout": ("pyproject.toml", "timeout = "),
    "pytest-xdist": ("Makefile", "-n logical"),
    "setuptools": ("pyproject.toml", "setuptools.build_meta"),
    "properdocs": ("tests/more", "properdocs"),  # has an environment of its own
    "mypy": ("Makefile", "\tmypy\n"),
    "ruff": ("Makefile", "\truff check"),
    "types-pyyaml": ("pyproject.toml", "strict = true"),  # what mypy knows of yaml
}


distributions = cache(packages_distributions)  # of modules; it reads what each has installed


def names_of(requirements):
    """The distributions that some requirements name."""
    return {canonicalize_name(Requirement(one).name) for one in requirements}


def declared(*extras):
    """The distributions that are declared: those of the wheel alone, and of some extras."""
    return names_of([*PROJECT["dependencies"], *(one for name in extras for one in EXTRAS[name])])


def imports(source):
    """Yield each module that a source imports by name, and whether whoever imports it does so."""
    waiting = [(node, True) for node in ast.parse(source).body]
    while waiting:
        node, at_once = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0], at_once
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        later |= isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        waiting += [(child, at_once and not later) for child in ast.iter_child_nodes(node)]


def imported(files, at_once=None):
    """The distributions that files import, at once, later, or ever; ours and Python's own apart."""
    names = {
        module
        for file in files
        for module, is_at_once in imports(file.read_text(encoding="utf-8"))
        if at_once in {None, is_at_once}
    }
    names -= {*sys.stdlib_module_names, "litmus", "snippets", "tests"}
    return {canonicalize_name((distributions().get(name) or [name])[0]) for name in names}


def python(*folders):
    """The Python files below some folders, but for those that `litmus init` gives to an author."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    assert files
    return [file for file in files if "starter" not in file.parts]


def test_what_the_engine_imports_at_once_comes_with_the_wheel_alone():
    files = [file for file in python("litmus") if file.name not in OF_PYTEST]
    assert imported(files, at_once=True) - declared() == set()


def test_the_modules_that_pytest_alone_imports_import_it():
    files = [file for file in python("litmus") if file.name in OF_PYTEST]
    assert imported(files) - declared() == {"pytest", "torch"}  # who hands tensors over has it
    assert {f.name for f in files if "pytest" in imported([f], at_once=True)} == OF_PYTEST


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (["litmus"], ["run", "author"]),
        (["snippets"], ["run", "author"]),
        (["docs/labs"], ["run", "labs"]),
        (["tests/snippets"], ["run", "author", "tests"]),
        (["tests/labs"], ["run", "author", "labs"]),
        (["tests"], EXTRAS),
    ],
    ids=lambda value: "+".join(value),
)
def test_everything_imported_is_declared(folders, extras):
    assert imported(python(*folders)) - declared(*extras) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import libcst.matchers", {"libcst"}),
        ("def f():\n    from PIL import Image", {"pillow"}),
        ("import os, no_such_module", {"no-such-module"}),
        ("import json\nfrom . import beside\nfrom litmus import cli", set()),
    ],
)
def test_control_what_is_not_declared_is_found(tmp_path, source, found):
    (file := tmp_path / "a.py").write_text(source, encoding="utf-8")
    assert imported([file]) - declared() == found


@pytest.mark.parametrize(
    ("source", "at_once"),
    [
        ("import torch", True),
        ("try:\n    import torch\nexcept ImportError:\n    pass", True),
        ("class A:\n    import torch", True),
        ("def f():\n    import torch", False),
        ("if TYPE_CHECKING:\n    import torch", False),
    ],
)
def test_an_import_is_at_once_unless_a_call_or_a_checker_of_types_makes_it(source, at_once):
    assert [*imports(source)] == [("torch", at_once)]


def test_everything_declared_is_imported_or_named_where_it_is_used():
    used = imported(python("litmus", "tests", "snippets", "docs/labs"))
    assert declared(*EXTRAS) - used == NAMED.keys()
    for place, name in NAMED.values():
        there = ROOT / place
        files = there.rglob("*.py") if there.is_dir() else [there]
        assert any(name in file.read_text(encoding="utf-8") for file in files), (place, name)


def test_the_wheel_alone_requires_few_distributions_and_none_that_is_heavy():
    assert len(PROJECT["dependencies"]) == len(declared()) <= MOST
    assert not declared() & {"torch", "numpy", "pytest", "playwright", "mutmut"}


def test_every_pin_is_exact_and_within_the_range_that_is_declared():
    pins, integrations = (
        [
            Requirement(line)
            for line in (ROOT / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
        ]
        for name in ("requirements", "requirements-integration")
    )
    assert not [
        pin for pin in pins + integrations if not re.fullmatch(r"==[\w.]+", f"{pin.specifier}")
    ]
    exact = {canonicalize_name(p.name): str(p.specifier)[2:] for p in pins + integrations}
    assert len(exact) == len(pins) + len(integrations)
    for one in [*PROJECT["dependencies"], *(one for each in EXTRAS.values() for one in each)]:
        requirement = Requirement(one)
        assert exact[canonicalize_name(requirement.name)] in requirement.specifier, one
    assert names_of(map(str, integrations)) == names_of(EXTRAS["integrations"])


def test_every_range_has_a_lower_bound():
    for one in [*PROJECT["dependencies"], *(one for each in EXTRAS.values() for one in each)]:
        assert {bound.operator for bound in Requirement(one).specifier} & {">=", "=="}, one


def test_the_engine_names_its_distribution_in_one_place():
    assert PROJECT["name"] == DISTRIBUTION
    said = [file.name for file in python("litmus") if DISTRIBUTION in file.read_text("utf-8")]
    assert said == ["installed.py"]


def test_what_code_imports_of_an_extra_is_in_it():
    for extra, modules in IN_CODE.items():
        assert {*modules} <= names_of(EXTRAS[extra])


def test_who_cites_us_names_the_version_that_is_released():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == PROJECT["version"]
