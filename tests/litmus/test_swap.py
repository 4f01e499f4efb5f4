"""Is there a whole site at every moment, and is nothing lost that somebody else put beside it?"""

import os
import random
import shutil
from pathlib import Path

import pytest

from litmus.files.writing import BESIDE, remove
from litmus.problems import Problem
from litmus.site import mark, swap
from litmus.site.folder import SiteFolder
from litmus.site.swap import IN_PASSING
from tests.litmus.conftest import write_files

OLD = {"index.html": "old", "a/index.html": "old a", "assets/x.css": "x"}
NEW = {"index.html": "new", "b/index.html": "new b", "assets/x.css": "x"}
THEIRS = {
    "CNAME": "example.org",
    ".nojekyll": "",
    ".git/config": "[core]",
    "a/photograph.png": "of a",
    "assets/film/x.mp4": "a film",
}


@pytest.fixture
def folder(tmp_path):
    """Where a site goes, beside notes that are far away."""
    (tmp_path / "notes").mkdir()
    return tmp_path / "here" / "site"


def site_in(folder, is_ours=True):
    notes = next(above / "notes" for above in folder.parents if (above / "notes").exists())
    return SiteFolder(folder, notes, is_ours)


def build(folder, files, is_ours=True):
    site = site_in(folder, is_ours)
    write_files(site.begin(), files)
    site.finish()


def content(folder):
    """Return all below a folder but our marks: texts, targets of links, and empty folders."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            found[name] = path.read_text("utf-8", "surrogateescape")
        elif not any(path.iterdir()):
            found[name] = "an empty folder"
    return {name: text for name, text in found.items() if not name.endswith(mark.FILE)}


def refused(folder, files, match, is_ours=True):
    """See that a build is refused, for a reason, and that nothing is another than before."""
    around, site = content(folder.parent), site_in(folder, is_ours)
    with pytest.raises(Problem, match=match):  # noqa: PT012  # at the one step or at the other
        write_files(site.begin(), files)
        site.finish()
    site.abandon()
    assert content(folder.parent) == around


@pytest.mark.parametrize("there", ["absent", "empty", "linked"])
def test_a_folder_that_is_absent_or_empty_is_taken(folder, there):
    real = folder
    if there != "absent":
        real = folder if there == "empty" else folder.parent / "elsewhere"
        real.mkdir(parents=True)
    if there == "linked":
        folder.symlink_to(real)
    build(folder, OLD)
    assert content(real) == OLD
    assert folder.is_symlink() == (there == "linked")
    build(folder, NEW)
    assert content(real) == NEW
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, real.name}


def test_what_we_wrote_is_replaced_or_removed_and_all_else_stays(folder):
    build(folder, OLD)
    write_files(folder, THEIRS)
    (folder / "a" / "theirs").mkdir()
    (folder / "link").symlink_to("/nowhere")
    theirs = THEIRS | {"a/theirs": "an empty folder", "link": ("link", "/nowhere")}
    build(folder, NEW)
    assert content(folder) == NEW | theirs
    build(folder, OLD)
    assert content(folder) == OLD | theirs


def test_the_mark_is_a_hidden_file_whose_name_is_for_good(folder):
    build(folder, OLD)
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == [
        ".litmus.json"
    ]


def test_what_was_removed_of_ours_is_made_again(folder):
    build(folder, OLD)
    (folder / "a/index.html").unlink()
    build(folder, OLD)
    assert content(folder) == OLD


def test_a_build_from_which_somebody_has_removed_what_is_hidden_is_finished(folder):
    site = site_in(folder)
    built = site.begin()
    write_files(built, NEW)
    (built / IN_PASSING).unlink()
    site.finish()
    assert content(folder) == NEW


def test_the_mode_of_the_folder_stays(folder):
    build(folder, OLD)
    folder.chmod(0o750)
    build(folder, NEW)
    assert folder.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("name", THEIRS)
def test_a_folder_without_our_mark_is_refused(folder, name):
    write_files(folder, {name: "theirs"})
    refused(
        folder, NEW, f"the folder holds what Litmus did not write, such as {name.partition('/')[0]}"
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": [1]}', '{"files": {"a": 1}}', "[" * 9999]
)
def test_a_mark_that_cannot_be_read_is_none(folder, text):
    write_files(folder, OLD | {mark.FILE: text})
    refused(folder, NEW, "the folder holds what Litmus did not write")


def test_a_site_from_before_there_were_marks_is_taken_once(folder):
    older = OLD | dict.fromkeys(mark.OLDER_BUILD, "older")
    write_files(folder, older | THEIRS)
    newer = NEW | dict.fromkeys(mark.OLDER_BUILD, "newer")
    build(folder, newer)
    assert content(folder) == older | THEIRS | newer
    build(folder, NEW)
    left = {"a/index.html": "old a"}  # which may be ours or not: nothing says so
    assert content(folder) == THEIRS | NEW | left


@pytest.mark.parametrize("missing", mark.OLDER_BUILD)
def test_control_half_of_what_such_a_site_has_is_not_enough(folder, missing):
    write_files(folder, OLD | {path: "" for path in mark.OLDER_BUILD if path != missing})
    refused(folder, NEW, "did not write")


@pytest.mark.parametrize("path", OLD)
def test_a_file_of_ours_that_was_changed_stops_the_build(folder, path):
    build(folder, OLD)
    (folder / path).write_text("changed by hand")
    refused(folder, NEW, f"somebody has changed {path}")
    (folder / path).write_text(OLD[path])  # as it was, whatever its date
    build(folder, NEW)
    assert content(folder) == NEW


def test_a_file_of_ours_that_became_a_link_or_a_folder_was_changed(folder):
    build(folder, OLD)
    (folder / "index.html").rename(folder.parent / "elsewhere")
    (folder / "index.html").symlink_to(folder.parent / "elsewhere")
    refused(folder, NEW, "changed index.html")
    (folder / "index.html").unlink()
    (folder / "index.html").mkdir()
    refused(folder, NEW, "changed index.html")


def test_a_file_that_is_changed_while_the_next_site_is_built_is_not_lost(folder):
    build(folder, OLD)
    site = site_in(folder)
    write_files(site.begin(), NEW)
    (folder / "a/index.html").write_text("changed meanwhile")
    with pytest.raises(Problem, match=r"changed a/index\.html"):
        site.finish()
    assert content(folder.parent) == {f"site/{p}": t for p, t in OLD.items()} | {
        "site/a/index.html": "changed meanwhile"
    }


@pytest.mark.parametrize(
    ("theirs", "named"),
    [
        ({"b/index.html": "theirs"}, "b/index.html"),  # where a page must go
        ({"b": "theirs"}, "b"),  # where its folder must go
        ({"b/index.html/deep/x": "theirs"}, "b/index.html/deep"),
    ],
)
def test_a_foreign_file_where_a_page_must_go_stops_the_build(folder, theirs, named):
    build(folder, OLD)
    write_files(folder, theirs)
    refused(folder, NEW, f"stands what Litmus did not write: {named}\\.")


def test_a_foreign_link_where_a_folder_must_go_is_not_followed(folder, tmp_path):
    build(folder, OLD)
    (tmp_path / "elsewhere").mkdir()
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    refused(folder, NEW, "did not write: b")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_lies_behind_a_link_is_not_ours_whatever_it_is_called(folder, tmp_path):
    build(folder, OLD)
    elsewhere = tmp_path / "elsewhere"
    (folder / "a").rename(elsewhere)
    (folder / "a").symlink_to(elsewhere)
    build(folder, NEW)
    assert content(elsewhere) == {"index.html": OLD["a/index.html"]}
    assert content(folder) == NEW | {"a": ("link", str(elsewhere))}
    refused(folder, OLD, "did not write: a")
    assert content(elsewhere) == {"index.html": OLD["a/index.html"]}


@pytest.mark.parametrize("path", ["../diary", "a/../../diary", "/diary"])
def test_a_mark_that_names_what_is_not_in_the_folder_is_none(folder, tmp_path, path):
    build(folder, OLD)
    diary = folder.parent / "diary"
    diary.write_text("private")
    path = path if path != "/diary" else str(diary)
    mark.write(folder, mark.read(folder) | {path: mark.digest_of(diary)})
    refused(folder, NEW, "did not write")
    assert diary.read_text() == "private"


def test_what_cannot_be_moved_is_named_before_anything_is(folder, monkeypatch):
    build(folder, OLD)
    write_files(folder, {"photographs/x.png": "x", "a/mine": "y"})
    for stuck in ("photographs", "a"):
        with monkeypatch.context() as patch:
            patch.setattr(os.path, "ismount", lambda path, stuck=stuck: Path(path).name == stuck)
            refused(folder, NEW, f"let nothing be moved out of {stuck}\\.")
            patch.undo()
            patch.setattr(os, "access", lambda path, _, stuck=stuck: Path(path).name != stuck)
            refused(folder, NEW, f"let nothing be moved out of {stuck}\\.")
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "ismount", lambda path: Path(path) == folder)
        refused(folder, NEW, "a disk is mounted there")


def test_what_cannot_be_moved_all_the_same_is_named_and_not_lost(folder, monkeypatch):
    build(folder, OLD)
    write_files(folder, THEIRS)
    rename = Path.rename

    def stuck(self, target):
        if self.name == "CNAME":
            raise PermissionError(1, "Operation not permitted", str(self))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stuck)
        for _ in range(2):
            with pytest.raises(Problem, match=r"CNAME cannot be moved .* Move by hand"):
                build(folder, NEW)
    build(folder, NEW)
    assert content(folder) == NEW | THEIRS


def test_an_empty_folder_stays_empty_if_it_cannot_be_replaced(folder, monkeypatch):
    def busy(*_):
        raise OSError(16, "Device or resource busy")

    folder.mkdir(parents=True)
    monkeypatch.setattr(Path, "rename", busy)
    refused(folder, NEW, "Device or resource busy")
    assert list(folder.iterdir()) == []


def test_what_a_killed_build_has_left_in_the_folder_is_removed(folder):
    folder.mkdir(parents=True)
    (folder / f"{BESIDE}0123").write_text("half a mark")
    build(folder, NEW)
    assert content(folder) == NEW


def test_links_that_lead_to_one_another_are_no_place(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for where in ("loop", "loop/site"):
        site = SiteFolder(tmp_path / where, tmp_path / "notes", is_ours=True)
        with pytest.raises(Problem, match=r"link to nothing|no site can be written"):
            site.begin()


def test_many_files_are_not_all_named(folder):
    pages = {f"{number}/index.html": "x" for number in range(9)}
    build(folder, pages)
    write_files(folder, dict.fromkeys(pages, "changed"))
    refused(folder, NEW, "0/index.html, 1/index.html, 2/index.html and 6 more")


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("notes", r": it is the folder of the notes, or one in it or around it\. Name"),
        ("notes/site", "one in it"),
        ("", "around it"),
        ("file", "it is a file"),
        ("to-notes", "the folder of the notes"),
        ("dangling", "a link to nothing"),
        ("file/site", "no site can be written there"),
    ],
)
def test_there_are_places_where_no_site_goes(folder, tmp_path, where, why):
    (tmp_path / "file").write_text("x")
    (tmp_path / "to-notes").symlink_to("notes")
    (tmp_path / "dangling").symlink_to("nothing")
    before = content(tmp_path)
    site = SiteFolder(tmp_path / where, tmp_path / "notes", is_ours=True)
    with pytest.raises(Problem, match=why):
        site.begin()
    site.abandon()
    assert content(tmp_path) == before


def test_a_folder_in_which_nothing_can_be_written_is_refused(folder, monkeypatch):
    def fail(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    build(folder, OLD)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", fail)
        refused(folder, NEW, "no site can be written there: Permission denied")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)  # of a mounted disk, say
        refused(folder, NEW, "the site cannot be replaced: Permission denied")
    build(folder, NEW)
    assert content(folder) == NEW


@pytest.mark.parametrize("name", [".site.new", ".site.old"])
def test_what_only_looks_like_a_folder_of_ours_is_left_alone(folder, name):
    theirs = folder.with_name(name)
    write_files(theirs, {"diary": "private"})
    if name == ".site.new":  # there are other names
        build(folder, OLD)
        assert content(folder) == OLD
    else:
        refused(folder, NEW, "is in the way, which Litmus did not write")
    assert content(theirs) == {"diary": "private"}


def test_what_a_build_left_that_was_killed_is_no_obstacle(folder):
    build(folder, OLD)
    killed = site_in(folder)
    write_files(killed.begin(), {"half/index.html": "half"})
    killed._lock.release()  # as the system does
    build(folder, NEW)
    assert content(folder.parent) == {f"site/{path}": text for path, text in NEW.items()}


def test_two_builds_do_not_write_into_one_folder(folder):
    first = site_in(folder)
    write_files(first.begin(), NEW)
    second = site_in(folder)
    with pytest.raises(Problem, match="another build is writing there"):
        second.begin()
    second.abandon()
    first.finish()
    assert content(folder.parent) == {f"site/{path}": text for path, text in NEW.items()}


def test_who_has_no_home_builds_all_the_same_and_alone(folder, tmp_path, monkeypatch):
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setattr("litmus.site.folder.user_cache_path", lambda _: tmp_path / "home")
    test_two_builds_do_not_write_into_one_folder(folder)


def test_a_build_that_is_abandoned_leaves_nothing(folder):
    build(folder, OLD)
    site = site_in(folder)
    write_files(site.begin(), NEW)
    site.abandon()
    site.abandon()
    assert content(folder.parent) == {f"site/{path}": text for path, text in OLD.items()}


def test_in_somebody_elses_project_all_is_removed_but_what_is_hidden(folder):
    write_files(folder, OLD | THEIRS)
    build(folder, NEW, is_ours=False)
    hidden = {path: text for path, text in THEIRS.items() if path.startswith(".")}
    assert content(folder) == NEW | hidden
    assert not (folder / mark.FILE).exists()


def test_the_mark_follows_a_site_that_changes_where_it_stands(folder):
    build(folder, OLD)
    (folder / "index.html").write_text("newer")
    remove(folder, ["a/index.html"])
    site_in(folder).has_changed(["index.html"], ["a/index.html"])
    kept = OLD | {"index.html": "newer"}
    del kept["a/index.html"]
    assert mark.read(folder) == mark.of_these(folder, kept)
    build(folder, NEW)
    assert content(folder) == NEW


class CutOffError(BaseException):
    """The plug is pulled."""


def cut_off_after(patch, steps):
    """Let the file system stop after some changes to it; return a list of those that were made."""
    made = []

    def counted(name, change):
        def counting(*arguments, **options):
            if len(made) == steps:
                raise CutOffError
            made.append(name)
            return change(*arguments, **options)

        return counting

    for name in ["rename", "unlink", "rmdir", "mkdir", "touch", "write_bytes"]:
        patch.setattr(Path, name, counted(name, getattr(Path, name)))
    return made


@pytest.mark.parametrize("seed", range(8))
def test_wherever_the_plug_is_pulled_there_is_one_whole_site_and_nothing_is_lost(
    tmp_path, monkeypatch, seed
):
    draw = random.Random(seed)
    ours = [f"{top}/{inner}" for top in "abc" for inner in ("index.html", "x/y")]
    others = [f"{top}/d/e/f" for top in "abc"] + [".git/x/y", "z", "a/z"]
    old, new = ({path: f"{age} {path}" for path in draw.sample(ours, 4)} for age in "on")
    theirs = {path: f"theirs {path}" for path in draw.sample(others, 3)}
    finished = 0
    for steps in range(100):
        folder = tmp_path / str(steps) / "site"
        (tmp_path / str(steps) / "notes").mkdir(parents=True)
        build(folder, old)
        write_files(folder, theirs)
        site = site_in(folder)
        with monkeypatch.context() as patch:
            write_files(site.begin(), new)
            made = cut_off_after(patch, steps)
            try:
                site.finish()
            except CutOffError:
                pass
            else:
                finished += len(made) < steps
        if site._built:
            site._lock.release()
        again = site_in(folder)
        again.begin()
        again.abandon()
        assert content(folder) in (old | theirs, new | theirs), (steps, made)
        assert sorted(path.name for path in folder.parent.iterdir()) == ["notes", "site"]
        assert not (folder / IN_PASSING).exists()
        shutil.rmtree(folder.parent)
        if finished:
            break
    assert finished


def test_control_a_swap_that_removes_all_is_noticed(folder, monkeypatch):
    build(folder, OLD)
    write_files(folder, THEIRS)
    monkeypatch.setattr(swap, "_bring", lambda source, *_: shutil.rmtree(source))
    with pytest.raises(Problem):
        build(folder, NEW)
    assert not THEIRS.keys() & content(folder).keys()


def test_a_folder_of_theirs_keeps_its_mode(folder):
    build(folder, OLD)
    write_files(folder, {"private/inner/diary": "x"})
    for path in ["private/inner", "private"]:
        (folder / path).chmod(0o700)
    build(folder, NEW)
    for path in ["private/inner", "private"]:
        assert (folder / path).stat().st_mode & 0o777 == 0o700
    assert content(folder) == NEW | {"private/inner/diary": "x"}


def test_the_folders_above_a_site_are_made_where_there_are_none(folder):
    deeper = folder / "of" / "another" / "site"
    build(deeper, OLD)
    assert content(deeper) == OLD
    assert {path.name for path in deeper.parent.iterdir()} == {"site"}
