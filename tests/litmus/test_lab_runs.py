"""Does a lab run once, and again only when something that it depends on has changed?"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock, Timeout

from litmus.python import lab_runs
from litmus.python.lab_runs import executed, key, measured
from litmus.python.runs import RunError

COUNTS = """# %%
from pathlib import Path
runs = Path({file!r})
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
measured = {{"runs": len(runs.read_text())}}
"""


@pytest.fixture
def lab(tmp_path, tmp_path_factory):
    counted = tmp_path_factory.mktemp("apart") / "runs"  # in the project the lab would rest on it
    file = tmp_path / "docs/labs/a-lab.py"
    file.parent.mkdir(parents=True)
    file.write_text(COUNTS.format(file=str(counted)), encoding="utf-8")
    return file


def test_a_lab_runs_once_for_its_page_and_its_tests_and_again_when_it_changes(lab, tmp_path):
    kept = tmp_path / "build"
    assert executed(lab, tmp_path, kept)["metadata"]["measured"] == {"runs": 1}
    (first,) = kept.glob("labs/*.ipynb")
    assert measured(lab, tmp_path, kept) == {"runs": 1}
    with lab.open("a") as file:
        file.write("print(1)\n")
    assert measured(lab, tmp_path, kept) == {"runs": 2}
    assert not first.exists()


@pytest.mark.parametrize(
    ("file", "reruns"),
    [
        ("docs/labs/a-lab.py", True),
        ("requirements.txt", True),
        ("snippets/used.py", True),
        ("snippets/other.py", False),
        ("docs/note.md", False),
    ],
)
def test_a_lab_runs_again_when_it_or_what_it_imports_or_a_pin_changes(project, file, reruns):
    names = ["requirements.txt", "snippets/used.py", "snippets/other.py", "docs/note.md"]
    texts = dict.fromkeys(names, "1")
    root = project({**texts, "docs/labs/a-lab.py": "import snippets.used"}).root
    lab = root / "docs/labs/a-lab.py"
    before = key(lab, root)
    (root / file).write_text((root / file).read_text() + "\n")
    assert (key(lab, root) != before) == reruns


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 / 0", "does not run to its end. ZeroDivisionError: division by zero"),
        ("measured = {1: open}", "measured what is no plain number. TypeError"),
    ],
)
def test_a_lab_that_raises_or_measures_what_is_no_number_stops_and_says_why(
    lab, tmp_path, code, reason
):
    lab.write_text(f"# %%\n{code}\n", encoding="utf-8")
    with pytest.raises(RunError, match=f"a-lab.py {reason}"):
        measured(lab, tmp_path, tmp_path / "build")
    assert not list((tmp_path / "build/labs").glob("*.ipynb"))


def test_while_one_process_reads_a_run_no_other_one_removes_it(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(lab_runs, "_run", lambda _: '{"metadata": {"measured": {"x": 1}}}')
    read, refused = json.loads, []

    def read_beside_another(run):
        (lock,) = (tmp_path / "build/labs").glob("a-lab-*.lock")
        with pytest.raises(Timeout):
            FileLock(lock, timeout=0).acquire()
        refused.append(run)
        return read(run)

    monkeypatch.setattr(lab_runs.json, "loads", read_beside_another)
    assert measured(lab, tmp_path, tmp_path / "build") == {"x": 1}
    assert refused


def test_two_labs_of_one_name_each_run_once(lab, tmp_path, monkeypatch):
    other = tmp_path / "docs/more/a-lab.py"
    other.parent.mkdir()
    other.write_text("# %%\n1\n", encoding="utf-8")
    ran, run = [], '{"metadata": {"measured": {}}}'
    monkeypatch.setattr(lab_runs, "_run", lambda which: ran.append(which) or run)
    for _ in range(2):
        for each in (lab, other):
            measured(each, tmp_path, tmp_path / "build")
    assert ran == [lab, other]


def test_a_run_that_cannot_be_read_is_none(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(lab_runs, "_run", lambda _: '{"metadata": {"measured": {"x": 1}}}')
    measured(lab, tmp_path, tmp_path / "build")
    (kept,) = (tmp_path / "build/labs").glob("*.ipynb")
    kept.write_text("{half")
    assert measured(lab, tmp_path, tmp_path / "build") == {"x": 1}


ASKS = """
import sys
from pathlib import Path
from litmus.python.lab_runs import measured
print("ready", flush=True)
input()
print(measured(*map(Path, sys.argv[1:])))
"""


def test_who_asks_at_once_in_one_process_or_another_gets_one_run(lab, tmp_path):
    asked = lab, tmp_path, tmp_path / "build"
    other = subprocess.Popen(
        [sys.executable, "-c", ASKS, *map(str, asked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other, ThreadPoolExecutor(2) as pool:
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("ask\n")
        other.stdin.flush()
        here = list(pool.map(lambda _: measured(*asked), range(2)))
        there, _ = other.communicate()
    assert here == [{"runs": 1}] * 2
    assert there == "{'runs': 1}\n"
