"""Does the core work without MkDocs, and the site without torch, and a snippet without us?"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in (ROOT / "litmus").rglob("*.py")
    if "starter" not in path.parts  # what `litmus init` gives to an author
)

# Each module is imported in a fork of its own, of a process that has compiled what is ours once for
# all forks, but has imported nothing of it.
IMPORT_EACH = """
import os, pathlib, sys
import click, filelock, jinja2, linkify_it, markdown_it, mdit_py_plugins.footnote, nh3, pytest
import pybtex.database.input.bibtex, pybtex.style.formatting.unsrt, py_mini_racer, rapidfuzz.process
import concurrent.futures.process, pygments.formatters, pygments.lexers, shadcn, xml.sax, yaml
import defusedxml.ElementTree, http.server
from importlib.machinery import SourceFileLoader
ours = pathlib.Path.cwd().glob("litmus/**/*.py")
code = {str(path): compile(path.read_bytes(), path, "exec") for path in ours}
get_code = SourceFileLoader.get_code
SourceFileLoader.get_code = lambda self, name: code.get(self.path) or get_code(self, name)
for module in sys.argv[1:]:
    if not os.fork():
        __import__(module)
        print(module, *{name.partition(".")[0] for name in sys.modules}, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def brought():
    """The top-level packages that each of our modules brings along."""
    process = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH, *MODULES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split() for line in process.stdout.splitlines())
    return {module: set(packages) for module, *packages in lines}


def test_the_core_does_not_bring_mkdocs_and_the_plugin_does(brought):
    knowing = [module for module in MODULES if "mkdocs" in brought[module]]
    assert "litmus.material.plugin" in knowing
    assert [module for module in knowing if not module.startswith("litmus.material.")] == []


def test_only_the_process_that_runs_snippets_needs_torch(brought):
    assert [module for module in MODULES if "torch" in brought[module]] == []
    assert all("litmus" in brought[module] for module in MODULES)


def imported(file):
    """The top-level packages that a file imports when it runs; names of shapes are for checkers."""
    waiting = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0] if not node.level else "a neighbour"


def test_a_snippet_imports_what_most_projects_have_and_nothing_of_ours():
    usual = {"torch", "matplotlib", *sys.stdlib_module_names}
    snippets = sorted((ROOT / "snippets").rglob("*.py"))
    assert [file.name for file in snippets if set(imported(file)) - usual] == []
    tests = [ROOT / f"tests/snippets/test_{file.name}" for file in snippets]
    assert [file.name for file in tests if "snippets" not in set(imported(file))] == []
