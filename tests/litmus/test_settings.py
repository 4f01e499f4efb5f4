"""Are a project's notes looked for where its settings say, and trusted only where they say so?"""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from litmus.cli import main
from litmus.files import settings
from litmus.python.fingerprint import fingerprint
from litmus.site.project import ENGINE, Project
from tests.litmus.conftest import write_files


@pytest.mark.parametrize(
    ("written", "docs", "is_ours", "has_plugin"),
    [
        ("", "docs", True, False),
        ("docs_dir: notes\nplugins: [search, litmus]\n", "notes", True, True),
        ("docs_dir: ../notes\nplugins: [litmus]\n", "../notes", False, True),
        ("docs_dir: ../notes\nplugins:\n  - litmus: {ours: true}\n", "../notes", True, True),
        ("docs_dir: ../notes\nplugins: {litmus: {ours: true}}\n", "../notes", True, True),
        ("docs_dir: ../notes\nplugins: {litmus: {ours: yes please}}\n", "../notes", False, True),
        ("docs_dir: ../notes\nplugins: {other: {ours: true}}\n", "../notes", False, False),
        ("site_url: !ENV X\nx: !!python/name:os.system\ndocs_dir: notes\n", "notes", True, False),
        ("INHERIT: base.yml\nplugins: {search: {}}\n", "inherited", True, True),
        ("INHERIT: base.yml\ndocs_dir: notes\nplugins: [search]\n", "notes", True, True),
        ("INHERIT: mkdocs.yml\ndocs_dir: notes\n", "notes", True, False),
        ("docs_dir: [", "docs", True, False),
        ("docs_dir: !ENV DOCS\n", "docs", True, False),
        ("- a\n", "docs", True, False),
    ],
)
def test_settings_say_where_the_notes_are(tmp_path, written, docs, is_ours, has_plugin):
    base = "docs_dir: inherited\nplugins: {litmus: {}}\n"
    write_files(tmp_path, {"kb/mkdocs.yml": written, "kb/base.yml": base})
    said, place = settings.read(tmp_path / "kb"), Path(os.path.normpath(tmp_path / "kb" / docs))
    assert (said.docs, said.is_ours, said.has_plugin) == (place, is_ours, has_plugin)
    assert settings.docs_of(tmp_path / "kb") == (place if is_ours else None)


def test_notes_elsewhere_are_a_strangers_unless_the_settings_call_them_ours(tmp_path, monkeypatch):
    theirs = "docs_dir: ../notes\nplugins: [litmus]\n"
    write_files(tmp_path, {"notes/claims/low.md": "# Low\n", "kb/mkdocs.yml": theirs})
    vault = tmp_path / "notes"
    assert not Project.open(vault, tmp_path / "kb").is_ours
    assert not Project.open(vault, ENGINE, is_called_ours=True).is_ours
    ours = Project.open(vault, tmp_path / "kb", is_called_ours=True)
    assert (ours.is_ours, ours.root, ours.docs) == (True, tmp_path / "kb", vault)
    monkeypatch.chdir(tmp_path / "kb")
    for command in [["why", "low"], ["check"], ["new", "lemma", "x"]]:
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 1
        assert "the notes are in ../notes, outside of this folder" in result.output


def test_notes_behind_a_link_are_elsewhere_for_every_command(tmp_path, monkeypatch):
    write_files(tmp_path, {"notes/claims/low.md": "# Low\n", "kb/mkdocs.yml": ""})
    (tmp_path / "kb/docs").symlink_to(tmp_path / "notes", target_is_directory=True)
    assert not settings.read(tmp_path / "kb").is_ours
    assert settings.docs_of(tmp_path / "kb") is None
    assert not Project.open(tmp_path / "kb/docs", tmp_path / "kb").is_ours
    monkeypatch.chdir(tmp_path / "kb")
    said = CliRunner().invoke(main, ["why", "low"]).output
    assert "the notes are in ../notes, outside of this folder" in said
    (tmp_path / "by-link").symlink_to(tmp_path / "kb", target_is_directory=True)
    (tmp_path / "kb/docs").unlink()
    write_files(tmp_path / "kb/docs", {"a.md": ""})
    assert settings.read(tmp_path / "by-link").is_ours  # a link to all of it changes nothing


def test_the_first_name_that_mkdocs_reads_settings_by_is_theirs(tmp_path):
    write_files(tmp_path, {"mkdocs.yaml": "docs_dir: second\n"})
    assert settings.read(tmp_path).docs == tmp_path / "second"
    write_files(tmp_path, {"mkdocs.yml": "docs_dir: first\n"})
    assert settings.read(tmp_path).docs == tmp_path / "first"


def test_a_lab_among_notes_elsewhere_has_a_fingerprint_that_changes_with_it(tmp_path):
    write_files(tmp_path, {"notes/labs/a.py": "x = 1\n", "kb/mkdocs.yml": ""})
    first = fingerprint(tmp_path / "notes/labs/a.py", tmp_path / "kb")
    write_files(tmp_path, {"notes/labs/a.py": "x = 2\n"})
    assert fingerprint(tmp_path / "notes/labs/a.py", tmp_path / "kb") != first
