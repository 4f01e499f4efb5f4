"""Does a project stand at once for who has the wheel with its extras, and nothing else?"""

import json
from pathlib import Path

import pytest

from litmus.author import new_project
from tests.litmus.conftest import write_files
from tests.litmus.test_init import TEST
from tests.more.environments import environment

NOTES = {
    ".obsidian/app.json": "{}",
    "index.md": "# Index\n\n![[low]]\n",
    "claims/low.md": "---\nkind: lemma\n---\n# Low\n\nAn x. ^x\n\n## Proof\n\nx\n\n"
    "```run\nsnippets/one.py\n```\n",
}
PROJECT = {
    "snippets/one.py": "def f():\n    return 1\n\n\nprint(f())\n",
    "tests/test_one.py": TEST.replace('drops="d"', 'drops="^x"'),
}


@pytest.fixture(scope="module")
def full(tmp_path_factory, wheel):
    """An environment of the wheel with its extras for authors."""
    return environment(tmp_path_factory.mktemp("full") / "environment", wheel, "run", "author")


def must(environment, folder, *command):
    """Run a program in a folder; it must end well. Return what it printed."""
    ran = environment.run(*command, cwd=folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def evidence(root):
    """The evidence of the claims on a site, by name."""
    claims = json.loads((root / "site/claims.json").read_text(encoding="utf-8"))["claims"]
    return {claim["name"]: claim["evidence"] for claim in claims}


def test_a_new_project_builds_and_passes(full, tmp_path):
    must(full, tmp_path, "litmus", "init", "kb")
    root = tmp_path / "kb"
    written = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert written == {*new_project._all()}  # all that lies in the checkout is in the wheel
    must(full, root, "litmus", "build")
    assert evidence(root)["average-stays-in-range"] == "checked with control"
    ends = (root / "site/open-ends/index.html").read_text(encoding="utf-8")
    assert "every claim has a proof and a check" in ends
    assert "42 passed" in must(full, root, "pytest", "-q")
    must(full, root, "mkdocs", "build", "--strict")
    said = must(full, root, "litmus", "new", "lemma", "another")
    assert said.startswith("Wrote docs/claims/another.md.")


def test_control_a_snippet_that_is_wrong_fails_there(full, tmp_path):
    must(full, tmp_path, "litmus", "init", "kb")
    snippet = Path(tmp_path / "kb/snippets/weighted_average.py")
    text = snippet.read_text(encoding="utf-8")
    snippet.write_text(text.replace("weight * number", "2 * number"), encoding="utf-8")
    ran = full.run("litmus", "build", cwd=tmp_path / "kb")
    assert ran.returncode == 1
    assert "test_a_weighted_average_stays_among_its_numbers" in ran.stdout


def test_a_project_around_a_vault_builds_and_passes(full, tmp_path):
    vault, root = tmp_path / "notes", tmp_path / "notes-litmus"
    write_files(vault, NOTES)
    must(full, vault, "litmus", "init", "--here")
    write_files(root, PROJECT)
    must(full, root, "litmus", "build")
    assert evidence(root) == {"low": "checked with control"}
    assert "2 passed" in must(full, root, "pytest", "-q")
    assert "low (lemma; argued; checked with control)" in must(full, root, "litmus", "why", "low")
    there = {path.relative_to(vault).as_posix() for path in vault.rglob("*") if path.is_file()}
    assert there == {*NOTES}


def test_the_wheel_alone_begins_a_project(tmp_path_factory, tmp_path, wheel):
    bare = environment(tmp_path_factory.mktemp("bare") / "environment", wheel)
    must(bare, tmp_path, "litmus", "init", "kb")
    assert must(bare, tmp_path / "kb", "litmus", "why", "average-stays-in-range").startswith(
        "average-stays-in-range (lemma; argued; none)"
    )
