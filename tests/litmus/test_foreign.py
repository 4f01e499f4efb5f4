"""Is a folder that nobody calls ours only read, with nothing beside it?"""

# ruff: noqa: SIM905  # a list of words

import os

import pytest
from click.testing import CliRunner

from litmus.claims.evidence import Mark, Outcome, write_ledger
from litmus.cli import main
from litmus.python import fingerprint
from litmus.python.fingerprint import LEDGER
from litmus.render import library
from litmus.site.project import ENGINE, Project
from tests.litmus.conftest import write_files

KINDS = {"quote": " f", "run": ""}
NAMED = (
    "snippets/one.py ./snippets/one.py snippets/../../secret.py ../secret.py /dev/zero fifo".split()
)
NAMED += ["snippets/out/leak.py", "snippets/leak.py", "snippets/beside.py", "tests/test_one.py"]
FENCES = [f"```{kind}\n{file}{part}\n```" for file in NAMED for kind, part in KINDS.items()]
TEXT = "\n\n".join(FENCES)
VAULT = {
    "index.md": f"# Home\n\n{TEXT}\n\n![[lemma]] [[snippets/inner]]\n",
    "claims/lemma.md": "---\nkind: lemma\n---\n# L\n\nAn $x$.\n",
    "snippets/one.py": "def f():\n    return 'INSIDE'\n",
    "snippets/inner.md": "# Inner\n",
    "build/evidence.json": "[]",
    "tests/test_one.py": "",
    "picture.png": "a picture",
}
BESIDE = {
    "secret.py": "def f():\n    return 'SECRET'\n",
    "snippets/beside.py": "def f():\n    return 'SECRET'\n",
    "tests/test_one.py": "SECRET = 1\n",
}


@pytest.fixture
def vault(tmp_path):
    """A vault with snippets and a ledger in it and beside it, and links that lead out."""
    write_files(tmp_path, {**BESIDE, **{f"vault/{name}": text for name, text in VAULT.items()}})
    folder = tmp_path / "vault"
    (folder / "snippets/leak.py").symlink_to(tmp_path / "secret.py")
    (folder / "snippets/out").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "fifo")
    marks = (Mark("claim", "lemma", by="exact"),)
    for root in (tmp_path, folder):
        outcome = Outcome(
            *("tests/test_one.py::test_a", 1, marks, 1, 0, 0, 0.1, "2026-01-01", "3", "2", "", ()),
            *(0, 0),
        )
        write_ledger(root, [outcome], ran=set())
    return folder


def contents(folder):
    """All that lies in a folder, with times: links and what is no file by what they are."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else path.lstat().st_mode,
        )
        for path in folder.rglob("*")
    }


@pytest.mark.timeout(60)
def test_nothing_beside_a_vault_is_read_and_nothing_in_it_changed(vault, warned, monkeypatch):
    def asked(*_):
        raise AssertionError("a file was asked about")

    monkeypatch.setattr(fingerprint, "imports", asked)
    before, out = contents(vault.parent), vault.parent.parent / f"{vault.parent.name}-site"
    result = CliRunner().invoke(main, ["site", str(vault), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert contents(vault.parent) == before
    published = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    found = [name for name, path in published.items() if b"SECRET" in path.read_bytes()]
    assert found == []
    assert '"tests": []' in published["claims.json"].read_text()
    page = published["index.html"].read_text()
    assert page.count('<pre class="unresolved">') == len(FENCES)
    assert sum("Snippets belong to a project of one's own" in text for text in warned) == (
        len(FENCES)
    )
    # Inside the vault, a folder of that name is like any other.
    assert {"snippets/one.py", "snippets/inner/index.html", "picture.png"} <= set(published)
    assert not {"snippets/index.html", "snippets/leak.py", "fifo"} & set(published)
    assert not [name for name in published if name.startswith(("snippets/one/", "snippets/out"))]


def test_a_folder_is_foreign_unless_it_lies_by_its_settings(vault, tmp_path):
    assert Project.open(vault, tmp_path).is_ours
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/docs").symlink_to(vault, target_is_directory=True)
    for docs, settings in [
        (vault, tmp_path / "beside"),
        (tmp_path / "beside/docs", tmp_path / "beside"),
        (ENGINE / "site/templates", ENGINE),
    ]:
        assert not Project.open(docs, settings).is_ours
    theirs = Project.foreign(vault)
    assert (theirs.snippets, theirs.outcomes, theirs.made_of) == ({}, [], [])
    assert (theirs.root, theirs.again().root, theirs.again().is_ours) == (vault, vault, False)


def test_control_a_project_of_ours_has_its_snippets_and_its_ledger(vault):
    ours = Project.ours(vault.parent, vault)
    assert list(ours.snippets) == ["snippets/beside.py"]
    assert len(ours.outcomes) == 1
    assert {path.name for path in ours.made_of} == {"snippets", LEDGER.name}
    assert ours.again().is_ours


def test_snippets_of_ours_are_files_that_lie_there(project, tmp_path):
    made = project(
        {
            "docs/n.md": f"# N\n\n{TEXT}\n",
            "snippets/one.py": "def f():\n    return 'INSIDE'\n",
            "snippets/folder.py/x.txt": "",
            "secret.py": "def f():\n    return 'SECRET'\n",
            "elsewhere/leak.py": "SECRET = 1\n",
        }
    )
    os.mkfifo(tmp_path / "snippets/fifo.py")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "snippets/leak.py").symlink_to(tmp_path / "secret.py")
    (tmp_path / "snippets/gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "snippets/same.py").symlink_to(tmp_path / "snippets/one.py")
    (tmp_path / "snippets/out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert list(made.read().snippets) == ["snippets/one.py", "snippets/same.py"]
    asked = []
    pages = made.pages()
    pages.library.fingerprint = lambda file: asked.append(file) or ""
    html = pages.render(pages.library.notes["n.md"]).html
    assert set(asked) == {"snippets/one.py"}
    assert "INSIDE" in html
    assert "SECRET" not in html


def test_snippets_that_are_a_link_to_elsewhere_are_none(project, tmp_path):
    made = project({"docs/n.md": "", "elsewhere/one.py": "SECRET = 1\n"})
    (tmp_path / "snippets").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert made.read().snippets == {}


def test_a_page_is_made_again_when_its_snippet_comes(project):
    made = project({"docs/n.md": "```quote\nsnippets/one.py f\n```\n", "snippets/two.py": ""})
    pages = made.pages()
    pages.render(pages.library.notes["n.md"])
    asked = {q: mark for q, mark in pages.library.asked.items() if q.tell is library._snippet}
    assert asked
    assert made.pages().library.would_tell(asked)
    made.write({"snippets/one.py": "def f(): pass\n"})
    assert not made.pages().library.would_tell(asked)
