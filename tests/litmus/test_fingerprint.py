"""Does the fingerprint of a file change with all that it depends on, and with nothing else?"""

import os
from importlib.metadata import version

import pytest

from litmus.cache import Cache
from litmus.material.commands import build_project
from litmus.python.fingerprint import LEDGER, fingerprint, imports, torch_version
from litmus.site.project import Project

FILES = {
    "tests/test_a.py": """
from pathlib import Path
import snippets.direct
from snippets import by_name

DATA = Path("data/read.csv")
""",
    "tests/conftest.py": "",
    "conftest.py": "",
    "tests/other/conftest.py": "",
    "tests/test_b.py": "",
    "snippets/direct.py": "import snippets.indirect as other",
    "snippets/indirect.py": "import snippets.direct",  # a circle
    "snippets/by_name.py": "import neighbour\nfrom .relative import x",
    "snippets/neighbour.py": "",
    "snippets/relative.py": "",
    "snippets/apart.py": "",
    "data/read.csv": "1",
    "data/unread.csv": "1",
}
NEEDED = [
    *["tests/test_a.py", "tests/conftest.py", "conftest.py", "snippets/direct.py"],
    *["snippets/indirect.py", "snippets/by_name.py", "data/read.csv"],
    *["snippets/neighbour.py", "snippets/relative.py"],
]


def taken(root):
    return fingerprint(root / "tests/test_a.py", root)


@pytest.fixture
def root(project):
    return project(FILES).root


def test_a_file_depends_on_what_it_imports_and_names_and_on_its_conftests(root):
    found = imports(root / "tests/test_a.py", root)
    assert sorted(p.relative_to(root).as_posix() for p in found) == sorted(NEEDED)


@pytest.mark.parametrize("changed", NEEDED)
def test_the_fingerprint_changes_with_each_of_them(root, changed):
    before = taken(root)
    (root / changed).write_text((root / changed).read_text() + "\n# changed")
    assert taken(root) != before


@pytest.mark.parametrize("changed", sorted(FILES.keys() - set(NEEDED)))
def test_control_it_does_not_change_with_anything_else(root, changed):
    before = taken(root)
    (root / changed).write_text("# changed")
    assert taken(root) == before


def test_it_changes_when_an_import_is_new_or_gone(root):
    before = taken(root)
    (root / "snippets/by_name.py").write_text("import snippets.apart")
    with_one_more = taken(root)
    (root / "snippets/by_name.py").write_text(FILES["snippets/by_name.py"])
    assert with_one_more != before == taken(root)


def test_it_changes_with_the_version_of_torch(root, monkeypatch):
    before = taken(root)
    monkeypatch.setattr("litmus.python.fingerprint.torch_version", lambda: "0.0.1")
    assert taken(root) != before


@pytest.mark.parametrize("text", ["def (", b"\xff", 'X = "a\\0b"', f"X = {'x' * 300!r}"])
def test_a_file_that_cannot_be_read_has_a_fingerprint_still(project, text):
    root = project({"tests/test_a.py": text}).root
    assert taken(root)


# By how a project lays out its code: its files, and what tests/deep/test_a.py needs of them.
PATHS = {  # one way to say where a project has its code, in each file that may say it
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["lib"]\n',
    "pytest.toml": '[pytest]\npythonpath = ["lib"]\n',
    "pytest.ini": "[pytest]\npythonpath = lib\n",
    "tox.ini": "[pytest]\npythonpath = lib\n",
    "setup.cfg": "[tool:pytest]\npythonpath = lib\n",
    "setup.py": 'setup(package_dir={"": "lib"})\n',
}
LAYOUTS = {
    **{
        f"a path in {name}": ({name: text, "lib/a.py": ""}, "import a", ["lib/a.py"])
        for name, text in PATHS.items()
    },
    "src, as it is installed": (
        {"src/pkg/__init__.py": "", "src/pkg/part.py": "", "src/pkg/apart.py": ""},
        "from pkg import part",
        ["src/pkg/__init__.py", "src/pkg/part.py"],
    ),
    "pythonpath": (
        {"pytest.ini": "[pytest]\npythonpath = lib code/py\n", "lib/a.py": "", "code/py/b.py": ""},
        "import a, b",
        ["lib/a.py", "code/py/b.py"],
    ),
    "packages in the settings": (
        {"pyproject.toml": '[tool.x]\npackages = ["lib/pkg"]\n', "lib/pkg/__init__.py": ""},
        "import pkg",
        ["lib/pkg/__init__.py"],
    ),
    "a path that a conftest names": (
        {"tests/conftest.py": "import sys\nsys.path.insert(0, 'lib')\n", "lib/a.py": ""},
        "import a",
        ["tests/conftest.py", "lib/a.py"],
    ),
    "a path that the file names": (
        {"lib/a.py": "", "other/a.py": ""},
        "import sys\nsys.path.append('lib')\nimport a",
        ["lib/a.py"],
    ),
    "relative to the folder above": (
        {"tests/helpers.py": "", "tests/deep/helpers.py": ""},
        "from ..helpers import H",
        ["tests/helpers.py"],
    ),
    "a module of the folder above": (
        {"tests/helpers.py": "", "tests/__init__.py": "", "tests/deep/__init__.py": ""},
        "from .. import helpers",
        ["tests/helpers.py", "tests/__init__.py", "tests/deep/__init__.py"],
    ),
    "the package itself": (
        {"tests/deep/__init__.py": "", "tests/__init__.py": "", "tests/deep/b.py": ""},
        "from . import H",
        ["tests/deep/__init__.py", "tests/__init__.py"],
    ),
    "every package on the way": (
        {"a/__init__.py": "", "a/b/__init__.py": "", "a/b/c.py": "", "a/d.py": "", "b.py": ""},
        "import a.b.c",
        ["a/__init__.py", "a/b/__init__.py", "a/b/c.py"],
    ),
    "packages through others": (
        {"src/a/__init__.py": "from .b import c", "src/a/b.py": "import e", "src/e.py": ""},
        "import a",
        ["src/a/__init__.py", "src/a/b.py", "src/e.py"],
    ),
    "a folder above": ({"tests/helpers.py": ""}, "import helpers", ["tests/helpers.py"]),
    "several projects": (
        {"tests/src/pkg.py": "", "others/src/pkg.py": ""},
        "import pkg",
        ["tests/src/pkg.py"],
    ),
    "names in calls": (
        {"a.py": "", "b/__init__.py": "", "b/c.py": "", "d.py": "", "e.py": ""},
        "import pytest, importlib\npytest.importorskip('a')\nimportlib.import_module('b.c')\n"
        "__import__(name)\nprint('e')\n__import__('d', level=0)",
        ["a.py", "b/__init__.py", "b/c.py", "d.py"],
    ),
    "in a site that was built": (
        {
            **{"pytest.ini": "# what is in site/ is made\n[pytest]\npythonpath = . site\n"},
            **{"a.py": "", "site/a.py": "", "site/b/c.json": ""},
            **dict.fromkeys(["site/claims.json", "site/claims.schema.json"], ""),
        },
        "import a\nREAD = 'site/b/c.json'",
        ["a.py"],
    ),
    "control: in another folder of that name": (
        {
            **{"pytest.ini": "[pytest]\npythonpath = . site\n"},
            **{"a.py": "", "site/a.py": "", "site/b/c.json": ""},
            **dict.fromkeys(["claims.json", "claims.schema.json", "site/claims.schema.json"], ""),
        },
        "import a\nREAD = 'site/b/c.json'",
        ["a.py", "site/a.py", "site/b/c.json"],
    ),
    "for a checker of types": (
        {"a.py": "", "b.py": "", "c.py": "", "d.py": ""},
        "import typing\nif typing.TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "if not typing.TYPE_CHECKING:\n    import c\nif typing.CHECKING:\n    import d",
        ["b.py", "c.py", "d.py"],
    ),
    "out of the project": ({}, "from ..... import a\nfrom .. import b", []),
}


@pytest.mark.parametrize(("files", "source", "needed"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_file_depends_on_what_it_imports_wherever_a_project_has_it(
    project, files, source, needed
):
    root, file = project({**files, "tests/deep/test_a.py": source}).root, "tests/deep/test_a.py"
    found = imports(root / file, root)
    assert sorted(p.relative_to(root).as_posix() for p in found) == sorted([file, *needed])


def test_where_modules_are_is_read_again_when_the_settings_or_the_folders_change(project):
    files = {"tests/test_a.py": "import a", "pytest.ini": "", "lib/a.py": ""}
    root, cache = project(files).root, Cache()
    before = fingerprint(root / "tests/test_a.py", root, cache)
    (root / "pytest.ini").write_text("[pytest]\npythonpath = lib\n")
    (root / "tests/test_a.py").write_text("import  a")
    (root / "lib/a.py").write_text("1")
    first = imports(root / "tests/test_a.py", root, cache)
    assert root.resolve() / "lib/a.py" in first
    assert fingerprint(root / "tests/test_a.py", root, cache) != before


def test_what_the_tests_found_is_no_part_of_a_file_that_names_it_but_its_neighbours_are(
    project,
):
    ledger, beside = LEDGER.as_posix(), "build/other.json"
    test = f"READ = {ledger!r}, {beside!r}"
    root = project({"tests/test_a.py": test, ledger: "1", beside: "1"}).root
    before = taken(root)
    (root / ledger).write_text("2")
    assert taken(root) == before
    (root / beside).write_text("2")
    assert taken(root) != before


def test_the_torch_that_is_installed_counts():
    assert torch_version() == version("torch")


def test_a_module_that_comes_later_is_seen_at_the_next_look(project):
    root = project({"docs/n.md": "", "snippets/a.py": "import helper\n"}).root
    cache = Cache()
    before = fingerprint(root / "snippets/a.py", root, cache)
    (root / "snippets/helper.py").write_text("x = 1\n")
    os.utime(root / "snippets", ns=(1, 1))  # whatever the clock of the file system
    cache.look_again()
    assert fingerprint(root / "snippets/a.py", root, cache) != before
    seen = fingerprint(root / "snippets/a.py", root, cache)
    assert fingerprint(root / "snippets/a.py", root) == seen


def test_no_evidence_changes_with_the_site_that_is_built_of_it(project):
    files = {
        "docs/a.md": "# A\n",
        "mkdocs.yml": "site_name: S\ntheme: material\nplugins: [litmus]\n",
        "pytest.ini": "# the site is no place for modules\n[pytest]\npythonpath = .\n",
        "snippets/a.py": "A = 1\n",
        "tests/test_a.py": "from snippets.a import A\nREAD = 'site/snippets/a.py'\n",
    }
    root = project(files).root
    before = taken(root)
    build_project(Project.ours(root, root / "docs"))
    assert (root / "site/snippets/a.py").is_file()
    assert taken(root) == before
    (root / "site/claims.json").unlink()  # then it is a folder like any other
    assert taken(root) != before
