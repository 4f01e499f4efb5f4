"""Does every snippet run alone, anywhere, and print a table of numbers without writing a file?"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SNIPPETS = sorted((Path(__file__).parents[2] / "snippets").glob("*.py"))
# Each file in a namespace of its own; one process for all, since torch takes seconds to import.
# -I leaves out the working directory and the environment, so nothing of ours can be imported.
RUN_ALL = """
import contextlib, io, json, runpy, sys
printed = {}
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(path, run_name="__main__")
    printed[path] = out.getvalue()
print(json.dumps(printed))
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each snippet prints, run from copies in an empty folder."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("empty")
    copies = [home / path.name for path in SNIPPETS]
    for path, copy in zip(SNIPPETS, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    caches = {"MPLBACKEND": "agg", "MPLCONFIGDIR": str(home), "HOME": str(home)}
    run = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", RUN_ALL, *copies],
        cwd=folder,
        env={**os.environ, **caches},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert not list(folder.iterdir())
    return {Path(path).name: text for path, text in json.loads(run.stdout).items()}


each = pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.name)


@each
def test_a_snippet_copied_into_an_empty_folder_runs_and_prints_a_small_table(path, printed):
    lines = printed[path.name].splitlines()
    assert 4 <= len(lines) <= 12
    assert max(map(len, lines)) <= 80
    assert len(set(re.findall(r"\d+\.\d+", printed[path.name]))) >= 5


@each
def test_a_snippet_imports_nothing_of_ours(path):
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE))
    assert imported <= {"torch", "numpy", "jaxtyping", "matplotlib", *sys.stdlib_module_names}
