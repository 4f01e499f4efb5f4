"""Is what another process made of a site taken only where this one would make the same?"""

import os
import pickle
import sys

import pytest

from litmus.files import pickled
from litmus.files.pickled import makers
from litmus.site.build import Made
from litmus.site.resume import FILE, keep, recall
from tests.litmus.conftest import write_files


@pytest.fixture
def kept(tmp_path):
    """A folder with what was kept of a site, and the site, which has two files."""
    site, kept = tmp_path / "site", tmp_path / "kept"
    write_files(site, {"a/b.css": "x", "c.json": "y", "of nobody": "z"})
    keep(kept, site, "a frame", Made(names="of notes", files={"a/b.css": 1, "c.json": 2}))
    return kept, site


def test_what_was_made_of_a_site_comes_back_whole(kept):
    assert recall(*kept, "a frame") == Made("of notes", files={"a/b.css": 1, "c.json": 2})
    (kept[1] / "of nobody").write_text("changed")
    assert recall(*kept, "a frame")


def another_frame(kept, site):
    return kept, site, "another frame"


def another_site(kept, site):
    other = site.rename(site.with_name("other"))
    return kept, other, "a frame"


def touched(kept, site):
    (site / "c.json").write_text("y")
    os.utime(site / "c.json", ns=(0, 0))
    return kept, site, "a frame"


def replaced(kept, site):
    stamps = (site / "c.json").stat()
    (site / "new").write_text("z")
    os.utime(site / "new", ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    (site / "new").replace(site / "c.json")
    return kept, site, "a frame"


def lost(kept, site):
    (site / "a/b.css").unlink()
    return kept, site, "a frame"


def nothing_kept(kept, site):
    (kept / FILE).unlink()
    return kept, site, "a frame"


def other_things_kept(kept, site):
    made_by, (stamps, made) = pickle.loads((kept / FILE).read_bytes())
    (kept / FILE).write_bytes(pickle.dumps((made_by, (stamps, made.files))))
    return kept, site, "a frame"


def of_another_version(kept, site):
    (kept / FILE).write_bytes(pickle.dumps(Made()).replace(b"litmus.site.build", b"litmus.built"))
    return kept, site, "a frame"


@pytest.mark.parametrize(
    "change",
    [
        *(another_frame, another_site, touched, replaced, lost),
        *(nothing_kept, other_things_kept, of_another_version),
    ],
)
def test_it_does_not_come_back_where_it_no_longer_holds(kept, change):
    assert recall(*change(*kept)) is None


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package and a theme that frame pages."""
    files = {"package/a.py": "1", "package/in/b.html": "1", "theme/main.html": "1"}
    write_files(tmp_path, files)
    monkeypatch.setattr(pickled, "PACKAGE", tmp_path / "package")
    return tmp_path


def framed(package, *said):
    return makers(["a setting", *said], [str(package / "theme")])


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("package/a.py", True),
        ("package/in/b.html", True),
        ("package/new.py", True),
        ("theme/main.html", True),
        ("package/__pycache__/a.cpython-311.pyc", False),
        ("elsewhere.py", False),
    ],
)
def test_a_frame_is_another_one_with_each_file_of_the_package_or_a_theme(package, file, changes):
    before = framed(package)
    assert framed(package) == before
    write_files(package, {file: "another"})
    assert (framed(package) != before) is changes


def test_a_frame_is_another_one_with_each_setting_theme_and_version(package, monkeypatch):
    before = framed(package)
    assert before != framed(package, "another setting")
    assert before != makers(["a setting"], [])
    monkeypatch.setattr(sys, "version", "4.0")
    assert before != framed(package)


def test_what_is_installed_counts_as_a_whole(package, monkeypatch):
    places = {"purelib": str(package)}
    monkeypatch.setattr(pickled.sysconfig, "get_paths", lambda: places)
    before = framed(package)
    write_files(package, {"package/a.py": "another"})
    assert framed(package) == before  # an installer would have made a folder beside it
    write_files(package, {"of another-1.0.dist-info/METADATA": ""})
    assert framed(package) != before
