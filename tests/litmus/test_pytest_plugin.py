"""Is the evidence of any project recorded where it is read, and are all others left alone?"""

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, entry_points

import pytest
from click.testing import CliRunner

from litmus import cli, installed
from litmus.author import checks
from litmus.claims import pytest_plugin
from litmus.claims.evidence import due, read_ledger
from litmus.claims.pytest_plugin import _has_claims
from litmus.material import commands
from litmus.python.fingerprint import LEDGER, torch_version
from litmus.site.project import Project
from tests.litmus.conftest import write_files

PLUGIN = "litmus.claims.pytest_plugin"
NOTES = {
    "docs/claims/d.md": "---\nkind: definition\n---\n# D\n\nAn x.\n",
    "docs/claims/c.md": "---\nkind: lemma\n---\n# C\n\nLet [[d]].\n\n## Proof\n\nx\n",
}
SNIPPET = {"snippets/used.py": "ONE = 1\n"}
TEST = """
import pytest
from pytest import mark
from snippets.used import ONE

@pytest.mark.claim("c", by="exact")
def test_it_holds(measured):
    measured(abs(ONE - 1), allowed=0)

@mark.control("c", drops="d")
def test_control_it_does_not_hold_without(measured):
    measured(abs(ONE - 3), allowed=0.5)
"""
SAYS = """
import sys
import pytest

@pytest.mark.claim(7, whatever="their own")
def test_what_is_there(request):
    names = [name for name, _ in request.config.pluginmanager.list_name_plugin()]
    print("PLUGINS", [name for name in names if name and "litmus" in name])
    heavy = {"markdown_it", "torch", "yaml", "mkdocs", "py_mini_racer"}
    print("OURS", sorted(n for n in sys.modules if n in heavy or n.startswith("litmus")))
    print("MARKERS", [m for m in request.config.getini("markers") if m.startswith("claim")])
"""


def python(root, *arguments, **variables):
    """Run Python in a folder as somebody does who has installed Litmus and nothing else of ours."""
    lean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=root, env={**lean, **variables}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def check(monkeypatch):
    """A function that checks a project's claims, where plugins of others do not take their time."""

    def run(root, **variables):
        for name, value in {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(root)
        return CliRunner().invoke(cli.main, ["check"])

    return run


@pytest.fixture
def written(tmp_path):
    """A function that writes a project, given its files, and returns its root."""

    def write(*parts):
        for files in parts:
            write_files(tmp_path / "stranger", files)
        return tmp_path / "stranger"

    return write


def test_in_this_checkout_it_is_found_by_its_entry_point_and_registered_once(request):
    found = {e.value for e in entry_points(group="pytest11") if e.value.startswith("litmus")}
    assert found == {PLUGIN}
    manager = request.config.pluginmanager
    assert [name for name, one in manager.list_name_plugin() if one is pytest_plugin] == [PLUGIN]
    kinds = [type(plugin).__name__ for plugin in manager.get_plugins()]
    assert kinds.count("Recorder") == 1
    assert len([m for m in request.config.getini("markers") if m.startswith("claim(")]) == 1


@pytest.mark.parametrize(
    "notes",
    [
        {},
        {"docs/index.md": "# Of something else\n\nkind: lemma\n"},
        {"docs/a.md": "---\nkind: page\n---\n# A page\n", "docs/.claims/b.md": "x"},
        {"claims/a.md": "---\nkind: lemma\n---\n"},
    ],
    ids=["no notes", "other notes", "notes of other kinds", "notes elsewhere"],
)
def test_in_a_project_without_claims_nothing_happens(written, notes):
    settings = '[tool.pytest.ini_options]\nmarkers = ["claim: their own"]\naddopts = "{}"\n'
    addopts = "--strict-markers -p no:cacheprovider -p no:xdist"
    root = written(notes, {"test_a.py": SAYS, "pyproject.toml": settings.format(addopts)})
    ran = python(root, "-m", "pytest", "-s", PYTHONDONTWRITEBYTECODE="1")
    assert ran.returncode == 0, ran.stdout
    assert f"PLUGINS ['{PLUGIN}']" in ran.stdout
    light = {"litmus", "litmus.claims", "litmus.claims.kinds", "litmus.files", PLUGIN}
    assert {*re.findall(r"'(.*?)'", ran.stdout.partition("OURS ")[2].partition("\n")[0])} <= (
        light | {"litmus.files.settings"}
    )
    assert "MARKERS ['claim: their own']" in ran.stdout
    made = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert made == {*notes, "test_a.py", "pyproject.toml"}
    assert not (root / "build").exists()


def test_control_the_same_with_a_claim_is_seen(written):
    settings = '[tool.pytest.ini_options]\nmarkers = ["claim: their own"]\n'
    root = written(NOTES, {"test_a.py": SAYS, "pyproject.toml": settings})
    ran = python(root, "-m", "pytest", "-s")
    assert "the marker is claim(name, by)" in ran.stdout + ran.stderr
    assert ran.returncode != 0


@pytest.mark.parametrize(
    "again", [["-p", PLUGIN], ["-p", "plug"]], ids=["as an option", "from a plugin of theirs"]
)
def test_who_asks_for_it_once_more_has_it_once(written, again):
    plug = f"pytest_plugins = ['{PLUGIN}']\n"
    root = written(
        NOTES, SNIPPET, {"tests/test_c.py": TEST, "plug.py": plug, "pytest.ini": "[pytest]"}
    )
    ran = python(root, "-m", "pytest", "-q", *again, "--strict-markers")
    assert "2 passed" in ran.stdout
    assert len(read_ledger(root)) == 2


def test_an_older_distribution_that_was_left_behind_registers_nothing_twice(written):
    older = {
        "METADATA": "Metadata-Version: 2.1\nName: litmus-older\nVersion: 0.1.0\n",
        "entry_points.txt": f"[pytest11]\n{PLUGIN} = {PLUGIN}\n",
    }
    left = {f"litmus_older-0.1.0.dist-info/{name}": text for name, text in older.items()}
    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST, "pytest.ini": "[pytest]"}, left)
    found = "from importlib.metadata import entry_points as e; print(len(e(group='pytest11', name="
    assert int(python(root, "-c", f"{found}'{PLUGIN}')))").stdout) == 2
    ran = python(root, "-m", "pytest", "-q", "--strict-markers")
    assert "2 passed" in ran.stdout
    assert len(read_ledger(root)) == 2


# What a stranger's project may say about its tests.
SETTINGS = {
    "nothing": {},
    "its own folder of tests": {
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["checks"]\npythonpath = ["."]\n'
        'addopts = ["--strict-markers", "--import-mode=importlib", "-p", "no:cacheprovider"]\n'
    },
    "other markers and no processes": {
        "pytest.ini": "[pytest]\naddopts = -m 'not slow' -p no:xdist -q --strict-markers\n"
        "markers = slow: takes long\n"
    },
    "a file above it": {"../pytest.ini": "[pytest]\naddopts = --strict-markers\n"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_check_records_the_evidence_of_any_project_and_is_not_due_again(written, check, settings):
    file = "checks/c_test.py" if "pyproject.toml" in settings else "tests/test_c.py"
    root = written(NOTES, SNIPPET, settings, {file: TEST})
    first = check(root)
    assert first.exit_code == 0, first.output
    assert f"Checking claims: {file}" in first.output
    assert [o.test for o in read_ledger(root)] == [
        f"{file}::test_control_it_does_not_hold_without",
        f"{file}::test_it_holds",
    ]
    assert not (root / file).with_name("build").exists()
    assert check(root).output == "The evidence of every claim is up to date.\n"


@pytest.mark.parametrize(
    ("settings", "file", "line"),
    [
        ('[tool.pytest.ini_options]\npythonpath = ["src"]\n', "src/pkg/__init__.py", "import pkg"),
        ("", "tests/pkg.py", "from .. import pkg"),
    ],
    ids=["src", "relative"],
)
def test_a_check_is_due_again_when_code_has_changed_wherever_it_lies(
    written, check, settings, file, line
):
    test = f"import pytest\n{line}\n\n@pytest.mark.claim('c', by='exact')\ndef test_v(measured):\n"
    packages = {f"{folder}/__init__.py": "" for folder in ["tests", "tests/sub"]}
    files = {**packages, "pyproject.toml": settings, file: "V = 1\n"}
    root = written(
        NOTES, files, {"tests/sub/test_c.py": f"{test}    measured(pkg.V - 1, allowed=0)\n"}
    )
    assert check(root).exit_code == 0
    assert check(root).output == "The evidence of every claim is up to date.\n"
    (root / file).write_text("V = 20\n")  # not of the same length: Python compares no more
    again = check(root)
    assert (again.exit_code, "Checking claims: tests/sub/test_c.py" in again.output) == (1, True)


def test_check_is_a_command_that_finds_the_plugin_as_it_is_installed(written):
    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST})
    ran = python(root, "-m", "litmus.cli", "check")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout
    assert len(read_ledger(root)) == 2


def test_a_build_begins_with_what_the_check_before_it_found(written, monkeypatch):
    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST})
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(root)
    built = []
    monkeypatch.setattr(commands, "build_project", built.append)
    for _ in range(2):  # for the second there is nothing to do
        assert CliRunner().invoke(cli.main, ["build"]).exit_code == 0
    assert [project.claims["c"].evidence for project in built] == ["checked with control"] * 2
    (root / LEDGER).unlink()
    assert Project.ours(root, root / "docs").claims["c"].evidence == "none"


def test_a_check_that_fails_fails_the_command_and_is_due_again(written, check):
    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST.replace("ONE - 1", "ONE - 3")})
    assert check(root).exit_code == 1
    assert [o.failed for o in read_ledger(root)] == [0, 1]
    assert due(root, Project.ours(root, root / "docs").claims.statements) == ["tests/test_c.py"]


def test_pytest_by_itself_records_the_same_from_wherever_it_takes_its_root(written):
    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST})
    ran = python(root, "-m", "pytest", "-q", "tests/test_c.py")  # which makes tests/ the root
    assert "2 passed" in ran.stdout
    assert {o.file for o in read_ledger(root)} == {"tests/test_c.py"}
    assert not (root / "tests/build").exists()


def test_tests_of_another_project_leave_no_evidence_in_this_one(written, tmp_path):
    root = written(NOTES)
    write_files(tmp_path, {**SNIPPET, "test_elsewhere.py": TEST})
    ran = python(tmp_path, "-m", "pytest", "-q", f"--rootdir={root}", "test_elsewhere.py")
    assert "2 passed" in ran.stdout
    assert not (root / LEDGER).exists()


def test_check_looks_for_tests_where_pytest_does(tmp_path):
    there = ["tests/test_a.py", "tests/a/b_test.py", "src/x/tests/test_x.py", "test_top.py"]
    others = ["build/test_a.py", ".hidden/test_a.py", "env/lib/test_a.py", "tests/a.py"]
    others += ["node_modules/test_a.py", "mutants/tests/test_a.py"]
    write_files(
        tmp_path, {file: "from pytest import mark\nmark.claim\n" for file in there + others}
    )
    write_files(tmp_path, {"env/pyvenv.cfg": ""})
    assert due(tmp_path, {}) == sorted(there)


def test_without_pytest_check_says_in_one_sentence_what_is_missing(written, monkeypatch):
    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST})
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    monkeypatch.chdir(root)
    result = CliRunner().invoke(cli.main, ["check"])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == (
        "Error: pytest is not installed; "
        'what checks claims comes with pip install "litmus-notes[author]".'
    )


def test_without_xdist_the_tests_run_in_one_process(written, monkeypatch):
    said = []
    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST})
    there = checks.find_spec
    monkeypatch.setattr(checks, "find_spec", lambda name: name != "xdist" and there(name))
    monkeypatch.setattr(checks.subprocess, "run", lambda command, **_: said.append(command) or DONE)
    monkeypatch.chdir(root)
    assert CliRunner().invoke(cli.main, ["check"]).exit_code == 0
    assert not {"xdist", "-n", "--dist"} & {*said[0]}
    monkeypatch.undo()
    (root / LEDGER).unlink()
    monkeypatch.setattr(checks.subprocess, "run", lambda command, **_: said.append(command) or DONE)
    monkeypatch.chdir(root)
    assert CliRunner().invoke(cli.main, ["check"]).exit_code == 0
    assert {"xdist", "-n", "--dist"} <= {*said[1]}


DONE = type("Process", (), {"returncode": 0})

# Python, with one package as if it were not installed.
WITHOUT = """
import importlib.abc, importlib.metadata, runpy, sys
version = importlib.metadata.version
def missing(name):
    if name == "torch":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = missing
"""


def test_without_torch_a_check_is_recorded_as_made_without(written, check, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    root = written(NOTES, SNIPPET, {"tests/test_c.py": TEST, "without/sitecustomize.py": WITHOUT})
    path = os.pathsep.join([str(root / "without"), os.environ.get("PYTHONPATH", "")])
    assert check(root, PYTHONPATH=path).exit_code == 0
    assert {o.torch for o in read_ledger(root)} == {"none"} != {torch_version()}
    statements = Project.ours(root, root / "docs").claims.statements
    assert due(root, statements) == ["tests/test_c.py"]  # with torch it is another matter
    torch_version.cache_clear()
    monkeypatch.setattr("litmus.python.fingerprint.version", missing)
    assert due(root, statements) == []
    torch_version.cache_clear()


@pytest.mark.parametrize(
    ("files", "has"),
    [
        ({"docs/claims/a.md": "# A"}, True),
        ({"docs/maths/claims/sub/a.md": ""}, True),
        ({"docs/a/b.md": "---\ntags: [x]\nkind: thm\n---\n"}, True),
        ({"docs/a.md": "---\n'kind' : \"Lemma\"\n---\n"}, True),
        ({"docs/a.md": "\ufeff---\nkind: lemma\n---\n"}, True),
        ({"docs/a.md": "\ufeff---\r\nkind: lemma\r\n---\r\n"}, True),
        ({"docs/a.md": "---\nkind: !!str lemma\n---\n"}, True),
        ({"docs/a.md": "---\n{kind: lemma}\n---\n"}, True),
        ({"docs/a.md": "---\nkind: >-\n  lemma\n---\n"}, True),
        ({"docs/a.md": "---\n? kind\n: Thm  # a theorem\n---\n"}, True),
        ({"docs/a.md": f"---\nx: {'y' * 20_000}\nkind: lemma\n...\n"}, True),
        ({"docs/a.md": "---\nx:\n  kind: lemma\n---\n"}, False),
        ({"docs/a.md": "---\nx: 'kind: lemma'\n---\n"}, False),
        ({"docs/a.md": "---\nkind: lemma\n"}, False),
        ({"docs/a.md": "---\nkind: [lemma\n---\n"}, False),
        ({"docs/a.md": "---\nkind:\nx: lemma\n---\n"}, False),
        ({"docs/a.md": "---\ntags: x\n---\nkind: lemma\n"}, False),
        ({"docs/a.md": "---\nkinds: lemma\n---\n"}, False),
        ({"docs/a.md": "---\nkind: recipe\n---\n"}, False),
        ({"docs/claims/a.txt": "", "docs/.x/claims/a.md": ""}, False),
        ({"docs": "no folder"}, False),
        ({}, False),
    ],
)
def test_a_project_has_claims_where_a_note_is_one(tmp_path, files, has):
    write_files(tmp_path, files)
    if (tmp_path / "docs").is_dir():
        assert bool(Project.ours(tmp_path, tmp_path / "docs").claims) is has
    assert _has_claims(tmp_path / "docs") is has
