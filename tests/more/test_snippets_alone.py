"""Does every snippet run the same with nothing installed but what its header names?"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from litmus.python.headers import requirements
from litmus.python.runs import Runner

ROOT = Path(__file__).parents[2]
SNIPPETS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("snippets/*.py"))


@pytest.fixture(scope="module")
def runner():
    """Runs files where all is installed; the site shows the same run."""
    runner = Runner(ROOT)
    yield runner
    runner.close()


distributions = cache(metadata.packages_distributions)  # of modules


def needed(names):
    """Return some distributions, and all that they require in turn and that is installed."""
    found, waiting = set(), [*names]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # not for this system
            continue
        found.add(name)
        every = map(Requirement, required)
        waiting += [r.name for r in every if not r.marker or r.marker.evaluate({"extra": ""})]
    return found


def alone(*files):
    """Return how each file ends, and what it prints, with nothing but what its header names.

    Files with the same header share a process, and the processes run side by side.
    """
    groups, environment = defaultdict(list), {**os.environ, "MPLBACKEND": "agg"}
    for file in files:
        said = requirements(Path(file).read_text(encoding="utf-8")) or []
        groups[frozenset(Requirement(one).name for one in said)].append(str(file))
    processes = []
    for names, group in groups.items():
        there = needed(names)
        modules = (m for m, of in distributions().items() if there & {*map(canonicalize_name, of)})
        command = [sys.executable, "-I", str(ROOT / "tests/alone.py"), ",".join(modules), *group]
        pipe = {"stdout": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        processes.append(subprocess.Popen(command, env=environment, **pipe))
    lines = [line for p in processes for line in p.communicate(timeout=200)[0].splitlines()]
    assert {process.returncode for process in processes} == {0}
    return {run.pop("file"): run for run in map(json.loads, lines)}


@pytest.fixture(scope="module")
def runs():
    """Return what each snippet prints alone."""
    return alone(*(ROOT / snippet for snippet in SNIPPETS))


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_runs_the_same_with_nothing_but_what_its_header_names(snippet, runs, runner):
    run = runs[str(ROOT / snippet)]
    assert run == {"printed": runner.run(snippet).printed, "status": 0}


HEADER = "# /// script\n# dependencies = {}\n# ///\n"


SOURCES = [  # what a header names, what the file does, and the words with which that fails
    ([], "import torch", "No module named 'torch'"),
    (["torch"], "import torch", None),
    (["torch"], "import sympy, markupsafe", None),  # torch brings one, and that brings the other
    (["torch"], "import numpy", "No module named 'numpy'"),
    (["torch"], "def f():\n    from numpy import linalg\nf()", "No module named 'numpy'"),
    (["torch"], "import torch\ntorch.ones(2).numpy()", "Numpy is not available"),
    (["torch", "numpy"], "import torch\ntorch.ones(2).numpy()", None),
    (["torch"], "import jaxtyping", "No module named 'jaxtyping'"),
    (["torch"], "import litmus", "No module named 'litmus'"),
    (["torch"], "import snippets.scale_invariance", "No module named 'snippets'"),
]


def test_control_what_a_header_does_not_name_is_not_there(tmp_path):
    files = {str(tmp_path / f"{n}.py"): source for n, source in enumerate(SOURCES)}
    for file, (dependencies, source, _) in files.items():
        Path(file).write_text(HEADER.format(json.dumps(dependencies)) + source, encoding="utf-8")
    runs = alone(*files)
    for file, (_, source, words) in files.items():
        assert (runs[file]["status"] == 0) == (words is None), source
        assert (words or "") in runs[file]["printed"], source


def test_a_published_file_runs_by_itself_where_what_it_names_is_installed(site, tmp_path):
    file = tmp_path / "alone.py"
    file.write_bytes((site / "snippets/scale_invariance.py").read_bytes())
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, file], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("\n") >= 4
