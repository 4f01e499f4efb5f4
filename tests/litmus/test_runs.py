"""Is what a file prints and draws kept as it is, and does a file that misbehaves say how?"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from litmus.python.runs import RunError, Runner
from tests.systems import WITHOUT_FORKS, environment

GOOD = {
    "snippets/prints.py": "import sys\nprint('out ünd')\nprint('err', file=sys.stderr)",
    "snippets/draws.py": """
from matplotlib import pyplot
print(pyplot.figure().number, pyplot.get_backend())
pyplot.plot([1, 2])
pyplot.figure()
""",
    "snippets/says_nothing.py": "x = 1",
    "snippets/leaves.py": "import sys\nprint('done')\nsys.exit(0)",
    "snippets/imports.py": "import sibling\nprint(sibling.X)",
    "snippets/sibling.py": "X = 1",
    "snippets/writes_inside.py": """
import os, pathlib, tempfile
pathlib.Path("here.txt").write_text("x")
(pathlib.Path.home() / "there").mkdir()
with tempfile.TemporaryDirectory() as folder:
    (pathlib.Path(folder) / "x").write_text("x")
os.rename("here.txt", "moved.txt")
open(os.devnull, "w").write("x")
print(sorted(os.listdir()))
""",
}


def run(project, file, text=None):
    small = project({**GOOD, **({file: text} if text else {})})
    return small.runner.run(file)


@pytest.mark.parametrize(
    ("file", "printed"),
    [
        ("snippets/prints.py", {"out ünd", "err"}),
        ("snippets/draws.py", {"1 agg"}),
        ("snippets/says_nothing.py", set()),
        ("snippets/leaves.py", {"done"}),
        ("snippets/imports.py", {"1"}),
        ("snippets/writes_inside.py", {"['moved.txt', 'there']"}),
    ],
)
def test_what_a_file_prints_is_kept(project, file, printed):
    assert set(run(project, file).printed.splitlines()) == printed


def test_each_open_figure_is_kept_as_svg_and_the_same_one_is_the_same_file(project, tmp_path):
    figures = run(project, "snippets/draws.py").figures
    assert len(figures) == 2
    assert all("<svg" in figure for figure in figures)
    for kept in (tmp_path / "build/runs").iterdir():
        kept.unlink()
    assert run(project, "snippets/draws.py").figures == figures


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\n1 / 0", "line 2: ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError"),
        ("import no_such_module", "line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("while True: pass", "it did not end within 1 seconds"),
        ("import sys; sys.exit(3)", "it ended with 3"),
        ("import sys; sys.exit('no data')", "it ended with 'no data'"),
        ("import os; os._exit(4)", "the process ended with status 4"),
        ("import os, signal; os.kill(os.getpid(), 9)", "the process ended with status -9"),
        ("import subprocess as s; s.run(['sleep', '60'])", "it did not end within 1 seconds"),
    ],
)
def test_a_file_that_does_not_end_well_says_why_and_where(project, text, reason):
    with pytest.raises(RunError) as error:
        run(project, "snippets/bad.py", text)
    assert reason in str(error.value)


OUTSIDE = [
    "open({path!r}, 'w')",
    "open({path!r}, 'a')",
    "open({path!r}, 'r+')",
    "open({path!r}, 'xb')",
    "import os; os.open({path!r}, os.O_WRONLY | os.O_CREAT)",
    "import pathlib; pathlib.Path({path!r}).write_text('x')",
    "import pathlib; pathlib.Path({path!r}).touch()",
    "import os; os.mkdir({path!r})",
    "import os; os.remove({path!r})",
    "import os; open('x', 'w'); os.rename('x', {path!r})",
    "import os; open('x', 'w'); os.replace('x', {path!r})",
    "import os; os.rename({path!r}, 'x')",
    "import os; os.symlink('x', {path!r})",
    "import os; open('x', 'w'); os.link('x', {path!r})",
    "import os; os.chmod({path!r}, 0o777)",
    "import os; os.utime({path!r})",
    "import os; os.truncate({path!r}, 0)",
    "import shutil; shutil.rmtree({folder!r})",
    "import os; os.chdir({folder!r}); open('kept', 'w')",
    "import os; os.symlink({path!r}, 'link'); open('link', 'w')",
    "import numpy; numpy.save({path!r} + '.npy', [1])",
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_a_file_may_write_nowhere_but_in_its_temporary_folder(project, tmp_path, text):
    kept = tmp_path / "data/kept"
    kept.parent.mkdir()
    kept.write_text("as it was")
    before = os.stat(kept)
    with pytest.raises(RunError, match="it writes outside of its temporary folder"):
        run(project, "snippets/bad.py", text.format(path=str(kept), folder=str(kept.parent)))
    after = os.stat(kept)
    assert kept.read_text() == "as it was"
    assert (before.st_mode, before.st_mtime_ns) == (after.st_mode, after.st_mtime_ns)
    assert os.listdir(kept.parent) == ["kept"]


def test_control_it_may_read_there(project, tmp_path):
    (tmp_path / "data.txt").write_text("as it was")
    text = f"print(open({str(tmp_path / 'data.txt')!r}).read())"
    assert run(project, "snippets/reads.py", text).printed == "as it was\n"


def test_one_run_leaves_nothing_behind_for_the_next(project):
    text = (
        "import os, torch\nprint(os.listdir(), hasattr(torch, 'mine'))\ntorch.mine = open('x', 'w')"
    )
    first = run(project, "snippets/a.py", text)
    second = run(project, "snippets/b.py", text)
    assert first == second
    assert first.printed == "[] False\n"


@pytest.fixture
def asked(project, monkeypatch):
    """A project, and the files that its runner really ran."""
    small = project(GOOD)
    files = []
    ask = small.runner._ask
    monkeypatch.setattr(small.runner, "_ask", lambda r: files.append(r[0]) or ask(r))
    return small, files


def test_a_file_runs_once_until_it_or_what_it_imports_changes(asked):
    small, files = asked
    assert small.runner.run("snippets/imports.py").printed == "1\n"
    assert small.runner.run("snippets/imports.py").printed == "1\n"
    small.write({"snippets/says_nothing.py": "x = 2"})
    small.runner.run("snippets/imports.py")
    assert len(files) == 1
    small.write({"snippets/sibling.py": "X = 22"})
    assert small.runner.run("snippets/imports.py").printed == "22\n"
    small.write({"snippets/imports.py": "print(3)"})
    assert small.runner.run("snippets/imports.py").printed == "3\n"
    assert len(files) == 3


def test_a_failure_is_never_kept(asked):
    small, files = asked
    small.write({"snippets/bad.py": "1 / 0"})
    for _ in range(2):
        with pytest.raises(RunError, match="ZeroDivisionError"):
            small.runner.run("snippets/bad.py")
    assert len(files) == 2
    assert not (small.root / "build").exists()


def kept(small):
    return sorted(path.name for path in (small.root / "build/runs").iterdir())


def test_of_each_file_only_the_newest_run_is_kept_and_none_of_a_file_that_is_gone(project):
    small = project({"snippets/a.py": "print(0)", "snippets/b.py": "print(9)"})
    small.runner.run("snippets/b.py")
    of_b = kept(small)
    for number in range(3):
        small.write({"snippets/a.py": f"print({number})"})
        assert small.runner.run("snippets/a.py").printed == f"{number}\n"
    assert len(kept(small)) == 2
    assert set(of_b) < set(kept(small))
    (small.root / "snippets/b.py").unlink()
    small.write({"snippets/a.py": "print(3)", "build/runs/0123456789abcdef.json": "{}"})
    theirs = small.root / "build/runs/results.json"
    theirs.write_text("of a week")
    small.runner.run("snippets/a.py")
    assert theirs.read_text() == "of a week"
    theirs.unlink()
    assert len(kept(small)) == 1
    assert not set(of_b) & set(kept(small))


def test_a_run_that_another_process_removes_is_made_again(project, monkeypatch):
    small = project({"snippets/a.py": "print(1)"})
    small.runner.run("snippets/a.py")
    read_text = Path.read_text

    def removed_first(path, **how):
        if path.parent.name == "runs":
            path.unlink()
        return read_text(path, **how)

    monkeypatch.setattr(Path, "read_text", removed_first)
    assert small.runner.run("snippets/a.py").printed == "1\n"


SAYS = {
    "snippets/says.py": """import sys
print("out ünd", sys.stdin.read(), __name__, sys.argv[1:])
from matplotlib import pyplot
pyplot.plot([1, 2])
""",
    "snippets/writes.py": "x = 1\nopen(__file__, 'w')",
    "snippets/hangs.py": "import time\nprint('begun')\ntime.sleep(600)",
}


def begin_server(root, name, **modules):
    """Begin a server whose temporary files are in a folder of their own; return both.

    It finds an empty torch, which saves it two seconds.
    """
    temporary = root / name
    temporary.mkdir()
    about = environment(root / f"{name}-modules", torch="", **modules)
    server = subprocess.Popen(
        [sys.executable, "-m", "litmus.python.fork_server"],
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},
        env={**about, "TMPDIR": str(temporary)},
    )
    return server, temporary


def answers(root, name, **modules):
    """Return what a server answers for each file, and what it has left when its input ends."""
    server, temporary = begin_server(root, name, **modules)
    requests = [json.dumps([str(root / file), 1.0]) for file in SAYS]
    printed, _ = server.communicate("\n".join(requests), timeout=60)
    return [json.loads(line) for line in printed.splitlines()], list(temporary.iterdir())


def test_files_run_the_same_where_there_are_no_forks(project):
    root = project(SAYS).root
    usual, left = answers(root, "usual")
    assert left == []
    says, writes, hangs = usual
    assert says["printed"] == "out ünd  __main__ []\n"
    assert "<svg" in says["figures"][0]
    assert writes["problem"].startswith("line 2: PermissionError: it writes outside")
    assert hangs["problem"] == "it did not end within 1 seconds"
    assert answers(root, "no forks", sitecustomize=WITHOUT_FORKS) == (usual, [])


@pytest.mark.parametrize("modules", [{}, {"sitecustomize": WITHOUT_FORKS}])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_leaves_no_file_and_ends_what_it_runs(project, end, modules):
    says = "import os, time, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))\n"
    root = project({"snippets/hangs.py": f"{says}time.sleep(600)"}).root
    server, temporary = begin_server(root, "temporary", **modules)
    print(json.dumps([str(root / "snippets/hangs.py"), 60]), file=server.stdin, flush=True)
    while not (said := [pid.read_text() for pid in temporary.glob("*/home/pid")]) or not said[0]:
        assert server.poll() is None
        time.sleep(0.01)
    server.send_signal(end)
    server.communicate(timeout=60)
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(said[0]), 0)


def test_a_server_that_dies_is_reported_and_another_one_started(project, monkeypatch):
    small = project({"snippets/a.py": "print(1)"})
    alone = Runner(small.root)
    monkeypatch.setattr("litmus.python.runs.sys.executable", "/bin/false")
    with pytest.raises((RunError, BrokenPipeError)):
        alone.run("snippets/a.py")
    assert small.runner.run("snippets/a.py").printed == "1\n"
