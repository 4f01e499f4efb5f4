"""Does every snippet run alone, anywhere, and print a table of numbers without writing a file?"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from litmus.python.runs import RunError, Runner

ROOT = Path(__file__).parents[2]
SNIPPETS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("snippets/*.py"))


@pytest.fixture(scope="module")
def runner():
    """Runs files in empty folders, out of which they may not write; the site shows the same run."""
    runner = Runner(ROOT)
    yield runner
    runner.close()


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_runs_in_an_empty_folder_and_prints_a_small_table(snippet, runner):
    printed = runner.run(snippet).printed
    assert "Warning" not in printed
    lines = printed.splitlines()
    assert 4 <= len(lines) <= 12
    assert max(map(len, lines)) <= 80
    assert len(set(re.findall(r"\d+\.\d+", printed))) >= 5


def test_control_what_a_snippet_warns_of_is_seen_and_what_it_writes_is_refused(tmp_path):
    warns, writes = tmp_path / "warns.py", tmp_path / "writes.py"
    warns.write_text("import warnings\nwarnings.warn('careful')\n", encoding="utf-8")
    writes.write_text(f"open({str(tmp_path / 'file')!r}, 'w')\n", encoding="utf-8")
    elsewhere = Runner(tmp_path)
    elsewhere._ask = fork_without_torch
    assert "Warning: careful" in elsewhere.run("warns.py").printed
    with pytest.raises(RunError, match="writes outside"):
        elsewhere.run("writes.py")


def fork_without_torch(request):
    """Return what the fork server answers, from a process that does not import torch first.

    These files need none. The server takes seconds to start, and with all other runs kept from last
    time it would start for them alone.
    """
    code = "import json, litmus.python.fork_server as f"
    code += f"; print(json.dumps(f._answer(f._run_in_fork, *{request!r})))"
    answer = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)
