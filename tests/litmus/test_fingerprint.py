"""Does the fingerprint of a file change with all that it depends on, and with nothing else?"""

import pytest

from litmus.fingerprint import fingerprint, imports

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
    monkeypatch.setattr("litmus.fingerprint.torch_version", lambda: "0.0.1")
    assert taken(root) != before


@pytest.mark.parametrize("text", ["def (", b"\xff", 'X = "a\\0b"', f"X = {'x' * 300!r}"])
def test_a_file_that_cannot_be_read_has_a_fingerprint_still(project, text):
    root = project({"tests/test_a.py": text}).root
    assert taken(root)
