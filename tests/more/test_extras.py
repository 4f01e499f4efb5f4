"""Does what needs no extra work where none is installed, and does the rest say which it needs?"""

import re
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from mkdocs.exceptions import Abort

from litmus import installed
from litmus.author import checks
from litmus.cli import main
from litmus.installed import lacking
from litmus.material import commands
from litmus.python import lab_runs
from litmus.python.runs import NotInstalledError, RunError, Runner
from litmus.site.project import Project
from tests.litmus.conftest import write_files
from tests.systems import environment

# What extras and groups bring, as modules.
EXTRAS = "torch numpy matplotlib jaxtyping mkdocs_jupyter jupytext nbclient nbformat ipykernel"
EXTRAS += " pytest hypothesis sympy mpmath beartype sklearn bs4 selectolax PIL playwright mutmut"
WITHOUT = f"""
from importlib import machinery, metadata
find, distributions = machinery.PathFinder.find_spec, metadata.distributions
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in {EXTRAS.split()} else find(name, path, target)
def others(**options):
    return (d for d in distributions(**options) if d.name.replace("-", "_") not in {EXTRAS.split()})
machinery.PathFinder.find_spec, metadata.distributions = staticmethod(find_spec), others
"""
QUOTED = "```quote\nsnippets/s.py f\n```\n"
FILES = {
    "docs/index.md": f"# Home\n\n![[low]]\n\n$x^2$\n\n{QUOTED}",
    "docs/claims/d.md": "---\nkind: definition\n---\n# D\n\nAn x.\n",
    "docs/claims/low.md": "---\nkind: lemma\n---\n# Low\n\nLet [[d]].\n\n## Proof\n\nx\n",
    "docs/labs/lab.py": "# %% [markdown]\n# # A lab\n",
    "docs/templates/claim.md": "---\nkind: lemma\n---\n# {{title}}\n",
    "docs/.obsidian/templates.json": '{"folder": "templates"}',
    "snippets/s.py": '"""S."""\n\n\ndef f():\n    return 1\n\n\nprint(f())\n',
}
SETTINGS = "site_name: A\nplugins: [litmus{}]\ntheme: material\n"
TEST = "import pytest\n\n@pytest.mark.claim('low', by='exact')\ndef test_a():\n    pass\n"


@pytest.fixture
def bare(tmp_path):
    """A function that runs Python in a small project, as if no extra were installed."""
    write_files(tmp_path / "project", FILES)
    variables = environment(tmp_path / "without", sitecustomize=WITHOUT)

    def run(*arguments, without=True):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path / "project",
            env=variables if without else None,
            capture_output=True,
            text=True,
        )

    return run


IMPORT_EACH = f"""
from importlib.util import find_spec
for module in {EXTRAS.split()}:
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        print(error, find_spec(module))
"""


def test_control_what_extras_bring_is_here_and_cannot_be_imported_there(bare):
    assert all(map(find_spec, EXTRAS.split()))
    said = bare("-c", IMPORT_EACH).stdout.splitlines()
    assert said == [f"No module named '{module}' None" for module in EXTRAS.split()]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["--help"], "Usage: "),
        (["site", "docs", "--out", "../site"], "3 notes are in ../site"),
        (["why", "low"], "low (lemma; argued; none)\n  d (definition; by definition; none)"),
        (["impact", "d"], "d (definition; by definition; none)\n  low (lemma; argued; none)"),
        (["new", "lemma", "high"], "Wrote docs/claims/high.md."),
        (["check"], "The evidence of every claim is up to date."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_needs_no_extra_works_without_any(bare, tmp_path, command, said):
    ran = bare("-m", "litmus.cli", *command)
    assert ran.returncode == 0, ran.stderr
    assert said in ran.stdout + ran.stderr
    assert command[0] != "site" or "<mi>x</mi>" in (tmp_path / "site/index.html").read_text("utf-8")


SEEN = "import sys\nfrom litmus.cli import main\nmain(standalone_mode=False)\nprint(*sys.modules)"


@pytest.mark.parametrize("command", [["--help"], ["why", "low"], ["new", "lemma", "high"]])
def test_it_imports_none_where_they_are_installed_nor_the_host(bare, command):
    modules = bare("-c", SEEN, *command, without=False).stdout.split()
    assert "litmus.cli" in modules
    assert not {*modules} & {*EXTRAS.split(), "mkdocs"}
    assert ("markdown_it" in modules) == (command != ["--help"])


NO_PYTEST = (
    'pytest is not installed; what checks claims comes with pip install "litmus-notes[author]".'
)
NO_TORCH = "torch and matplotlib are not installed; "
NO_TORCH += 'what runs snippets comes with pip install "litmus-notes[run]".'
NO_JUPYTER = "mkdocs_jupyter is not installed; "
NO_JUPYTER += 'what runs labs comes with pip install "litmus-notes[run]".'
NOTEBOOKS = ", mkdocs-jupyter: {include: [labs/*.py]}"


@pytest.mark.parametrize(
    ("command", "files", "said"),
    [
        ("check", {"tests/test_a.py": TEST}, f"Error: {NO_PYTEST}"),
        ("build", {"tests/test_a.py": TEST}, f"Error: {NO_PYTEST}"),
        (
            "build",
            {"docs/a.md": "# A\n\n```run\nsnippets/s.py\n```\n"},
            f"WARNING a.md:4: snippets/s.py does not run: {NO_TORCH}",
        ),
        ("build", {"mkdocs.yml": SETTINGS.format(NOTEBOOKS)}, NO_JUPYTER),
        ("build", {"mkdocs.yml": SETTINGS.format(", no-such")}, "Aborted with a configuration"),
    ],
    ids=["check", "check of a build", "snippet", "plugin that knows labs", "any other plugin"],
)
def test_what_needs_one_says_in_a_sentence_which_to_install(bare, tmp_path, command, files, said):
    write_files(tmp_path / "project", {"mkdocs.yml": SETTINGS.format(""), **files})
    ran = bare("-m", "litmus.cli", command)
    assert ran.returncode == 1
    lines = [line for line in f"{ran.stdout}\n{ran.stderr}".splitlines() if said in line]
    assert len(lines) == 1
    assert lines[0].startswith(said)


def test_a_plugin_that_cannot_be_imported_says_what_brings_what_it_lacks(tmp_path, monkeypatch):
    write_files(tmp_path, {**FILES, "mkdocs.yml": SETTINGS.format(NOTEBOOKS)})

    def fails(*_, **options):
        raise ModuleNotFoundError("No module named 'jupytext'")

    monkeypatch.setattr(commands, "load_config", fails)
    project = Project.ours(tmp_path, tmp_path / "docs")
    with pytest.raises(ModuleNotFoundError):  # of no extra
        commands.build_project(project)
    monkeypatch.setattr(installed, "find_spec", lambda module: module != "jupytext")
    with pytest.raises(Abort, match=r"jupytext is not installed; .*litmus-notes\[run\]"):
        commands.build_project(project)


def test_without_what_runs_labs_a_lab_says_what_to_install(tmp_path, monkeypatch):
    write_files(tmp_path, FILES)
    monkeypatch.setattr(installed, "find_spec", {"nbformat", "ipykernel"}.__contains__)
    said = 'jupytext and nbclient are not installed; what runs labs comes with pip install "litmus'
    with pytest.raises(NotInstalledError, match=said):
        lab_runs.executed(tmp_path / "docs/labs/lab.py", tmp_path, tmp_path / "build")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (
            "torch",
            r"lab\.py does not run to its end\. torch is not installed; what runs labs comes",
        ),
        ("no_such", r"lab\.py does not run to its end\. ModuleNotFoundError: No module named 'no_"),
    ],
)
def test_a_lab_that_imports_what_an_extra_brings_says_which(tmp_path, monkeypatch, module, said):
    missing = f"raise ModuleNotFoundError(\"No module named '{module}'\")\n"
    write_files(tmp_path, {**FILES, "docs/labs/lab.py": f"# %%\n{missing}"})
    there = installed.find_spec
    monkeypatch.setattr(installed, "find_spec", lambda name: name != module and there(name))
    with pytest.raises(RunError, match=said):
        lab_runs.executed(tmp_path / "docs/labs/lab.py", tmp_path, tmp_path / "build")


@pytest.mark.parametrize(
    ("imports", "code", "said"),
    [
        ("import torch, sympy", 2, ["torch", "sympy"]),
        ("from snippets import t", 1, ["torch"]),
        ("import torch", 0, []),
        ("import numpy", 2, []),  # is there
    ],
)
def test_where_tests_fail_for_want_of_an_extra_check_says_which(
    tmp_path, monkeypatch, imports, code, said
):
    files = {"tests/test_a.py": f"{imports}\n{TEST}", "snippets/t.py": "import torch\n"}
    write_files(tmp_path, {**FILES, **files})
    there = installed.find_spec
    without = {"torch", "sympy"}
    monkeypatch.setattr(installed, "find_spec", lambda name: name not in without and there(name))
    ended = SimpleNamespace(returncode=code)
    monkeypatch.setattr(checks.subprocess, "run", lambda *arguments, **options: ended)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["check"])
    assert result.exit_code == code
    assert (
        re.findall(r"^(\w+) is not installed; what runs these tests", result.output, re.M) == said
    )


def test_a_snippet_that_has_run_is_shown_without_what_would_run_it(tmp_path, monkeypatch):
    write_files(tmp_path, FILES)
    runner = Runner(tmp_path)
    run = runner.run("snippets/s.py")
    runner.close()
    monkeypatch.setattr(installed, "find_spec", lambda module: None)
    assert Runner(tmp_path).run("snippets/s.py") == run
    (tmp_path / "snippets/s.py").write_text("print(2)\n", encoding="utf-8")
    with pytest.raises(NotInstalledError, match="torch and matplotlib are not"):
        Runner(tmp_path).run("snippets/s.py")


def test_where_nothing_is_missing_nothing_is_said(monkeypatch):
    assert lacking("run", "runs snippets", "torch", "pytest") == ""
    assert lacking("run", "runs snippets") == ""
    assert lacking("run", "is done", "no_such", "torch").startswith("no_such is not installed; ")
