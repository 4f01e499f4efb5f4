"""Does each lab say exactly what it needs, and does one run by itself as it is downloaded?"""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from litmus.cache import Cache
from litmus.python.bundles import beside, bundle
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


LAB = "preresnet-on-digits"  # which reads a file of ours
SHORT = ["--epochs", "0.02"]  # a step


def run(folder):
    """Run the lab in its folder as whoever downloads it does, with nothing of ours on the path."""
    env = {name: os.environ[name] for name in ["PATH", "OMP_NUM_THREADS"] if name in os.environ}
    env |= {"HOME": str(folder), "MPLBACKEND": "agg", "MPLCONFIGDIR": str(folder.parent)}
    command = [sys.executable, f"{LAB}.py", *SHORT]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_lab_runs_where_it_is_unpacked_and_finds_what_came_with_it(tmp_path):
    lab = LABS[LAB]
    others = beside(lab, ROOT)
    with ZipFile(BytesIO(bundle(lab, others, ROOT))) as zipped:
        zipped.extractall(tmp_path)
    ran = run(tmp_path / LAB)
    assert ran.returncode == 0, ran.stderr
    assert "recorded on 20" in ran.stdout
    (tmp_path / LAB / others[0].relative_to(ROOT)).unlink()  # a control
    assert "record.json is not there" in run(tmp_path / LAB).stdout
