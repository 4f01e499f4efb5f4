"""Does `litmus site --out` write where it was told, and harm nothing that was there?"""

import os

import pytest
from click.testing import CliRunner
from mkdocs.__main__ import cli as mkdocs
from mkdocs.commands.build import build
from mkdocs.config import load_config

from litmus.cli import main
from litmus.material.commands import BASE
from litmus.material.plugin import _excludes
from litmus.site import project
from tests.litmus.conftest import write_files
from tests.litmus.test_incremental import configured
from tests.litmus.test_swap import content

NOTES = {"index.md": "# Home\n\n[[a]]\n", "a.md": "# A\n\nWords.\n"}


@pytest.fixture
def litmus(tmp_path, monkeypatch):
    """A function that runs `litmus site notes --out …` where there are notes; its code and text."""
    write_files(tmp_path / "notes", NOTES)
    monkeypatch.chdir(tmp_path)

    def run(out, *options):
        result = CliRunner().invoke(main, ["site", "notes", "--out", str(out), *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, result.output

    return run


def absent(there):
    pass


def empty(there):
    there.mkdir()


def linked(there):
    (there.parent / "real").mkdir()
    there.symlink_to("real")


def half_written(there):
    write_files(there.with_name(f".{there.name}.new"), {".litmus-in-passing": "", "x": "half"})


def older(there):
    write_files(there, {"claims.json": "{}", "assets/litmus.css": "", "CNAME": "x.org"})


@pytest.mark.parametrize("prepare", [absent, empty, linked, half_written, older])
def test_a_relative_path_begins_where_one_stands(litmus, tmp_path, prepare):
    prepare(tmp_path / "site")
    theirs = {"CNAME": "x.org"} if prepare is older else {}
    code, said = litmus("site")
    assert code == 0, said
    assert "Words." in (tmp_path / "site/a/index.html").read_text(encoding="utf-8")
    assert theirs.items() <= content(tmp_path / "site").items()
    names = {"notes", "site"} | ({"real"} if prepare is linked else set())
    assert set(os.listdir(tmp_path)) == names
    assert not list(BASE.parent.glob("*site*"))  # where a path of MkDocs' settings begins


def a_file(there):
    there.write_text("a letter")


def full(there):
    write_files(there, {".git/config": "[core]", "CNAME": "x.org", "photograph.png": "of a"})


def hidden(there):
    write_files(there, {".nojekyll": ""})


def dangling(there):
    there.symlink_to("nothing")


def to_the_notes(there):
    there.symlink_to("notes")


def to_a_full_folder(there):
    write_files(there.parent / "real", {"x": "x"})
    there.symlink_to("real")


@pytest.mark.parametrize(
    "prepare", [a_file, full, hidden, dangling, to_the_notes, to_a_full_folder]
)
def test_what_is_not_ours_is_refused_and_untouched(litmus, tmp_path, prepare):
    prepare(tmp_path / "site")
    before = content(tmp_path)
    code, said = litmus("site")
    assert code == 1
    assert f"{tmp_path / 'site'}: " in said
    assert content(tmp_path) == before


@pytest.mark.parametrize("out", ["notes", "notes/site", ".", "", "..", "notes/../notes/a.md"])
def test_the_notes_are_no_place_for_a_site(litmus, tmp_path, out):
    before = content(tmp_path)
    code, _ = litmus(out)
    assert code == 1
    assert content(tmp_path) == before


def test_a_page_that_was_changed_by_hand_is_named_and_nothing_is_written(litmus, tmp_path):
    assert litmus("site")[0] == 0
    (tmp_path / "site/a/index.html").write_text("mine")
    (tmp_path / "notes/a.md").write_text("# A\n\nOther words.\n")
    before = content(tmp_path)
    code, said = litmus("site")
    assert code == 1
    assert "somebody has changed a/index.html" in said
    assert content(tmp_path) == before
    (tmp_path / "site/a/index.html").unlink()
    assert litmus("site")[0] == 0
    assert "Other words." in (tmp_path / "site/a/index.html").read_text(encoding="utf-8")


def test_a_build_that_fails_leaves_the_old_site_and_nothing_beside_it(litmus, tmp_path):
    assert litmus("site")[0] == 0
    (tmp_path / "notes/a.md").write_text("# A\n\n[[nowhere]]\n")
    before = content(tmp_path)
    assert litmus("site", "--strict")[0] == 1
    assert content(tmp_path) == before
    assert litmus("new", "--strict")[0] == 1
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("files", "where"),
    [
        (("x.css",), "x.css: "),
        (("from.css", None, "to.css"), "to.css: "),  # a copy: what it is of is not full
        ((), ""),
        ((3,), ""),  # a file that is open already
    ],
)
def test_a_disk_that_is_full_is_told_in_a_sentence(litmus, tmp_path, monkeypatch, files, where):
    def fail(*_):
        raise OSError(28, "No space left on device", *files)

    before = content(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("litmus.site.session.search.index", fail)
        code, said = litmus("site")
    assert code == 1
    wanted = f"{where}No space left on device; the site is left as it was"
    assert wanted in [line.removeprefix("Error: ") for line in said.splitlines()]
    assert content(tmp_path) == before


def test_a_site_that_was_cut_off_is_mended_by_the_next_build(litmus, tmp_path):
    assert litmus("site")[0] == 0
    write_files(tmp_path / "site", {"CNAME": "x.org", ".litmus-in-passing": ""})
    (tmp_path / "site").rename(tmp_path / ".site.old")
    assert litmus("site")[0] == 0
    assert content(tmp_path / "site")["CNAME"] == "x.org"
    assert set(os.listdir(tmp_path)) == {"notes", "site"}


def test_who_publishes_a_site_finds_it_where_it_is(litmus, tmp_path):
    site = tmp_path / "site"
    config = configured(BASE, docs_dir=str(tmp_path / "notes"), site_name="V", site_dir=str(site))
    build(config)
    assert config.site_dir == str(site)


@pytest.mark.parametrize("first", [True, False])
def test_mkdocs_keeps_what_is_beside_a_site_of_ours_and_removes_it_as_ever_elsewhere(
    tmp_path, monkeypatch, first
):
    settings = {"mkdocs.yml": "site_name: A\ntheme: material\nplugins: [search, litmus]\n"}
    write_files(tmp_path, {**settings, **{f"docs/{path}": text for path, text in NOTES.items()}})
    monkeypatch.chdir(tmp_path)
    if first:
        assert CliRunner().invoke(main, ["build"]).exit_code == 0
    write_files(tmp_path, {"site/CNAME": "x.org", "docs/new.md": "# New\n"})
    for _ in range(2):
        ran = CliRunner().invoke(mkdocs, ["build"])
        assert ran.exit_code == 0, ran.output
        assert (tmp_path / "site/new/index.html").exists()
        assert (tmp_path / "site/CNAME").exists() == first


HELD_BACK = "exclude_docs: |\n  secret.md\n  held/\ndraft_docs: draft.md\n"


@pytest.mark.parametrize("said", [HELD_BACK, ""])
@pytest.mark.parametrize("command", [main, mkdocs], ids=["ours", "theirs"])
def test_what_the_settings_of_mkdocs_hold_back_is_on_no_page(tmp_path, monkeypatch, command, said):
    settings = "site_name: A\ntheme: material\nplugins: [search, litmus]\n"
    hidden = ["secret.md", "held/a.md", "held/b.txt", "draft.md"]
    write_files(tmp_path, {"mkdocs.yml": settings + said, "docs/index.md": "# Home\n"})
    write_files(tmp_path / "docs", dict.fromkeys(hidden, "# Held-back words\n"))
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(command, ["build"])
    assert ran.exit_code == 0, ran.output
    found = [path for path, text in content(tmp_path / "site").items() if "Held-back" in text]
    assert bool(found) != bool(said)
    places = ["secret", "held", "draft"]
    assert [(tmp_path / "site" / place).exists() for place in places] == [not said] * 3


def test_a_draft_is_served_and_what_is_excluded_is_not(tmp_path):
    held = {"exclude_docs": "secret.md", "draft_docs": "draft.md"}
    config = load_config(str(BASE), docs_dir=str(tmp_path), site_dir="/nowhere", **held)
    served, built = (_excludes(config, with_drafts) for with_drafts in (True, False))
    assert (served("secret.md"), served("draft.md"), served("a.md")) == (True, False, False)
    assert (built("secret.md"), built("draft.md"), built("a.md")) == (True, True, False)
    config.exclude_docs = config.draft_docs = None
    assert _excludes(config, with_drafts=False) is None


def test_where_nothing_can_be_kept_a_project_is_built_all_the_same(tmp_path, monkeypatch):
    settings = {"mkdocs.yml": "site_name: A\ntheme: material\nplugins: [search, litmus]\n"}
    write_files(tmp_path, {**settings, "docs/index.md": "# Home\n", "build": "mine"})
    monkeypatch.chdir(tmp_path)
    for command in [mkdocs, main]:
        ran = CliRunner().invoke(command, ["build"])
        assert ran.exit_code == 0, ran.output
    assert (tmp_path / "build").read_text() == "mine"
    (tmp_path / "build").unlink()
    with monkeypatch.context() as patch:  # as where the project is mounted to be read only
        patch.setattr(project, "_may_hold_files", lambda folder: False)
        assert CliRunner().invoke(mkdocs, ["build"]).exit_code == 0
    assert not (tmp_path / "build").exists()
    assert CliRunner().invoke(mkdocs, ["build"]).exit_code == 0
    assert (tmp_path / "build").is_dir()


def test_a_build_shows_the_notes_that_mkdocs_finds_where_only_it_knows(tmp_path, monkeypatch):
    settings = "site_name: A\ntheme: material\nplugins: [search, litmus]\n"
    elsewhere = settings + "docs_dir: !ENV [NOT_SET_ANYWHERE, content]\n"
    notes = {"docs/index.md": "# One\n", "content/index.md": "# Two\n"}
    monkeypatch.chdir(tmp_path)
    for said, title in [(settings, "one"), (elsewhere, "two")]:
        write_files(tmp_path, {"mkdocs.yml": said, **notes})
        assert CliRunner().invoke(main, ["build"]).exit_code == 0
        assert f'<h1 id="{title}"' in (tmp_path / "site/index.html").read_text(encoding="utf-8")
