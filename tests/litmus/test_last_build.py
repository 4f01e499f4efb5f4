"""Does a build that begins from another process's leave the very files of one from nothing?"""

import pickle
import random
import shutil
import subprocess
import sys

import pytest
from mkdocs.commands.build import build

from litmus.files import pickled
from litmus.material.commands import BASE
from litmus.material.frame import Frame
from litmus.site import resume
from litmus.vault import last_reading
from tests.litmus.conftest import write_files
from tests.litmus.test_incremental import VAULT, Live, change, configured, contents
from tests.systems import ROOT


class Ours(Live):
    """A project that is built again and again, each time as by a new process."""

    def __init__(self, folder):
        self.settings, self.kept = folder / "mkdocs.yml", folder / "build" / resume.FILE
        self.kept_notes = self.kept.with_name(last_reading.FILE)
        self.settings.write_text(
            f"INHERIT: {BASE}\nsite_name: V\ndocs_dir: vault\n"
            f"theme: {{custom_dir: {BASE.with_name('theme')}}}\n"
        )
        super().__init__(folder)

    def build(self, site):
        config = configured(self.settings, site_dir=str(site))
        config.plugins.on_startup(command="build", dirty=False)
        build(config)

    def update(self):
        """Return the pages that were made again."""
        made = []
        with pytest.MonkeyPatch.context() as patch:
            dress = Frame.around
            patch.setattr(
                Frame, "around", lambda frame, page: made.append(page.address) or dress(frame, page)
            )
            self.build(self.site)
        return made

    def differences(self):
        files = self.kept, self.kept_notes
        kept = {file: file.read_bytes() for file in files}
        for file in files:
            file.unlink()
        found = super().differences()
        for file, content in kept.items():
            file.write_bytes(content)
        return found


@pytest.fixture
def ours(tmp_path, font):
    write_files(tmp_path, font)
    return Ours(tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_after_random_changes_the_site_is_as_if_built_from_nothing(ours, seed):
    draw, done = random.Random(seed), []
    for _ in range(3):
        done.append(change(ours, draw))
        ours.update()
        assert ours.differences() == [], done


def test_nothing_is_made_again_where_nothing_has_changed(ours):
    before = contents(ours.site)
    assert ours.update() == []
    assert ours.update() == []  # nor by the one that begins from this
    assert contents(ours.site) == before


def test_an_edit_makes_only_the_pages_again_that_it_can_touch(ours):
    ours.write("a.md", VAULT["a.md"].replace("A note", "Another note"))
    assert sorted(ours.update()) == ["", "a/", "b/", "sub/c/"]


def touch_a_page(ours):
    page = ours.site / "sub/c/index.html"
    page.write_bytes(page.read_bytes())  # with other words in it, no build would replace it


def lose_a_page(ours):
    (ours.site / "sub/c/index.html").unlink()


def lose_the_site(ours):
    shutil.rmtree(ours.site)


def spoil_what_is_kept(ours):
    ours.kept.write_bytes(ours.kept.read_bytes()[:-9])


def build_another_site(ours):
    ours.build(ours.site.with_name("other"))


def rename_the_site(ours):
    ours.settings.write_text(ours.settings.read_text().replace("site_name: V", "site_name: W"))


def put_a_page_into_the_menu(ours):
    ours.settings.write_text(f"{ours.settings.read_text()}nav: [index.md, a.md]\n")


def test_all_is_made_again_where_the_last_site_is_not_this_one(ours):
    for what in [
        touch_a_page,
        lose_a_page,
        lose_the_site,
        spoil_what_is_kept,
        build_another_site,
        rename_the_site,
        put_a_page_into_the_menu,
    ]:
        what(ours)
        notes = [path for path in VAULT if path.endswith(".md")]
        assert len(ours.update()) >= len(notes), what.__name__
        assert ours.differences() == [], what.__name__


# Two processes read the notes and two make the pages, by forks of one that has no threads; it says
# how many forks there were.
BUILD_SHARED = """
import os, sys
from mkdocs.commands.build import build
from mkdocs.config import load_config
from litmus import parallel

forks, fork = [], os.fork
os.fork = lambda: forks.append(1) or fork()
os.sched_getaffinity = lambda _: {0, 1}
parallel.WORTH_IT = 1
config = load_config(sys.argv[1], site_dir=sys.argv[2])
config.plugins.on_startup(command="build", dirty=False)
build(config)
print(len(forks))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is shared there")
def test_what_several_processes_make_again_is_not_taken_from_the_last_site(ours):
    command = [sys.executable, "-c", BUILD_SHARED, ours.settings, ours.site]
    for spoil in (rename_the_site, lose_the_site):
        spoil(ours)
        ours.kept_notes.unlink()
        assert subprocess.check_output(command, cwd=ROOT).split() == [b"2"]
        assert ours.differences() == []
    assert ours.update() == []


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is shared there")
def test_what_each_process_has_made_is_known_to_the_next_one(ours):
    """Whichever page it was on, but for what is no formula."""
    for number in range(8):
        ours.write(f"f{number}.md", f"# F\n\n$y_{{{number}}}$ and $\\no{number}$\n")
    rename_the_site(ours)
    ours.kept_notes.unlink()
    command = [sys.executable, "-c", BUILD_SHARED, ours.settings, ours.site]
    assert subprocess.check_output(command, cwd=ROOT).split() == [b"2"]
    _, known = pickle.loads(ours.kept.with_name("formulas.pickle").read_bytes())
    assert [sum(f"y_{{{n}}}" in text for text in known) for n in range(8)] == [1] * 8
    assert not any("no" in text for text in known)


def test_of_two_notes_at_one_address_the_same_one_is_shown_however_it_came(ours):
    ours.write("foo.md", "# The note\n")
    ours.write("foo/index.md", "# The folder\n")
    ours.update()
    page = ours.site / "foo/index.html"
    for text in ("# The note again\n", "# Once more\n"):
        ours.write("foo.md", text)
        ours.update()
        assert "The folder" in page.read_text(encoding="utf-8")
        assert ours.differences() == []
    (ours.vault / "foo/index.md").unlink()
    ours.update()
    assert "Once more" in page.read_text(encoding="utf-8")
    assert ours.differences() == []
    ours.write("foo/index.md", "# The folder\n")
    ours.update()
    assert "The folder" in page.read_text(encoding="utf-8")


def test_all_is_made_again_by_other_code(ours, tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/build.py").write_text("other")
    monkeypatch.setattr(pickled, "PACKAGE", tmp_path / "code")
    assert "sub/c/" in ours.update()
    assert ours.update() == []
    (tmp_path / "code/build.py").write_text("another")
    assert "sub/c/" in ours.update()


def test_control_a_page_that_is_not_made_again_is_noticed(ours, monkeypatch):
    monkeypatch.setattr("litmus.render.library.Library.would_tell", lambda *_: True)
    ours.write("claims/lemma.md", VAULT["claims/lemma.md"].replace("[[def]]", "A [[def]]"))
    ours.update()
    assert "claims/top/index.html" in ours.differences()
