"""Does each lab say exactly what it needs?"""

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from litmus.cache import Cache
from litmus.python.fingerprint import imported_packages
from litmus.python.headers import name, requirements

ROOT = Path(__file__).parents[2]
LABS = {file.stem: file for file in sorted((ROOT / "docs/labs").glob("*.py"))}


def needed(lab):
    """The distributions of what a lab and the files of ours that it needs import."""
    given = packages_distributions()
    packages = imported_packages(lab, ROOT, Cache()) - sys.stdlib_module_names - {"snippets"}
    return {distribution for package in packages for distribution in given[package]}


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_names_exactly_what_it_imports_in_its_header(lab):
    said = requirements(LABS[lab].read_text("utf-8"))
    assert said == sorted(said)
    assert {name(one) for one in said} == needed(LABS[lab])


def test_control_an_import_that_no_header_names_is_noticed(tmp_path):
    file = tmp_path / "lab.py"
    file.write_text(LABS["matrix-completion"].read_text("utf-8") + "\nimport torch\n", "utf-8")
    assert needed(file) - {name(one) for one in requirements(file.read_text("utf-8"))} == {"torch"}
