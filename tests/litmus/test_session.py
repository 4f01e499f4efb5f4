"""Does a session build, take what is as it was, update and fail, with nothing of MkDocs around?"""

from types import SimpleNamespace

import pytest

from litmus.problems import Problem
from litmus.site import session
from litmus.site.folder import SiteFolder
from litmus.site.session import Session
from tests.litmus.conftest import write_files

NOTES = {
    "mkdocs.yml": "site_name: V\n",
    "docs/index.md": "# Home\n\n[[a]]\n",
    "docs/a.md": "# A\n\nWords. #tag\n",
    "docs/b.md": "# B\n\n[[a]]\n",
}


class Broken(Exception):  # noqa: N818
    """What a strict build ends with."""


class Command:
    """One command of somebody whose frame is two words, who takes each problem for an end."""

    def __init__(self, root, strict=False):
        self.root, self.strict, self.dressed, self.told = root, strict, [], []
        self.session = Session(self.dress, self.report)

    def dress(self, page):
        self.dressed.append(page.address)
        return f"above {page.title} {page.html} below"

    def report(self, problems):
        self.told += map(str, problems)
        if problems and self.strict:
            raise Broken

    def build(self, frame="a frame", is_wanted=True, taken=(), docs=None, **options):
        """Build; return the pages that were made."""
        self.dressed.clear()
        docs = docs or self.root / "docs"
        site = SiteFolder(self.root / "site", docs, is_ours=True)
        options = {"is_lab": None, "raw_html": False, **options}
        self.session.open(
            docs, self.root / "mkdocs.yml", site, **options, site_url="https://x.org/"
        )
        try:
            self.session.withhold(taken)
            self.session.make(lambda: frame)
            self.session.finish(is_wanted)
        except Broken:
            self.session.abandon()
            raise
        return sorted(self.dressed)

    def update(self, fits=lambda build: True):
        """Update; return the pages that were made, None if the change goes further."""
        self.dressed.clear()
        return sorted(self.dressed) if self.session.update(fits) else None

    def page(self, name):
        file = self.root / "site" / name / "index.html"
        return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.fixture
def root(tmp_path):
    write_files(tmp_path, NOTES)
    return tmp_path


@pytest.fixture
def command(root):
    command = Command(root)
    yield command
    command.session.close()


SAYS = "# A\n\n```run\nsnippets/a.py\n```\n"


def test_settings_that_call_the_notes_ours_or_no_longer_do_hold_at_the_next_build(root):
    files = {"snippets/a.py": "print('it ' + 'ran')\n", "mkdocs.yml": "", "docs/a.md": SAYS}
    write_files(root, {f"kb/{path}": text for path, text in files.items()})
    (root / "kb/docs").rename(root / "notes")
    command = Command(root / "kb")
    for is_called_ours in [False, True, True, False]:
        command.build(docs=root / "notes", is_called_ours=is_called_ours)
        assert ("it ran" in command.page("a")) == is_called_ours
        assert command.session.runner.root == (root / "kb" if is_called_ours else root / "notes")
    command.session.close()


def test_settings_that_name_other_labs_hold_at_the_next_build(command, root):
    write_files(root, {"docs/lab.py": "# %% [markdown]\n# # A lab\n"})
    for is_lab in [None, lambda path: True, None]:
        command.build(is_lab=is_lab)
        assert ("A lab" in command.page("lab")) == bool(is_lab)


def test_what_is_built_has_the_frame_of_who_asks(command, root):
    assert {"", "a/", "b/", "tags/", "notes/", "open-ends/"} <= set(command.build())
    assert command.page("a").startswith("above A <h1")
    assert "https://x.org/b/" in (root / "site/sitemap.xml").read_text()
    assert (root / "site/.litmus.json").exists()


def test_the_next_command_makes_nothing_and_one_with_another_frame_makes_all(command, root):
    every = command.build()
    command.session.close()
    assert Command(root).build() == []
    assert Command(root).build(frame="another") == every


def test_an_update_makes_what_a_change_touches(command, root):
    command.build()
    assert command.update() == []
    write_files(root, {"docs/a.md": "# Another\n\nWords. #tag\n"})
    assert command.update() == ["a/", "notes/", "tags/"]
    assert command.page("b").startswith("above B")
    assert ">Another</a>" not in command.page("b")  # the label is the author's
    (root / "docs/b.md").unlink()
    assert "b/" not in command.update()
    assert command.page("b") == ""


def test_what_goes_further_than_an_update_is_not_begun(command, root):
    assert command.update() is None  # nothing has been built
    command.build()
    write_files(root, {"docs/a.md": "# Another\n"})
    assert command.update(fits=lambda build: False) is None
    assert command.page("a").startswith("above A ")
    write_files(root, {"mkdocs.yml": "site_name: Another\n"})
    assert command.update() is None
    command.build()
    assert command.page("a").startswith("above Another ")
    assert command.update() == []


def test_a_build_that_is_not_wanted_leaves_the_site_as_it_was(command, root):
    command.build()
    write_files(root, {"docs/a.md": "# Another\n"})
    command.build(is_wanted=False)
    assert command.page("a").startswith("above A ")
    assert command.update() is None  # nobody knows what is whole


def test_a_strict_build_that_ends_leaves_nothing_and_the_next_one_does_all(command, root):
    command.build()
    write_files(root, {"docs/a.md": "# Another [[nowhere]]\n"})
    strict = Command(root, strict=True)
    with pytest.raises(Broken):
        strict.build()
    assert "a.md:1: no note is called 'nowhere'." in strict.told[-1]
    assert command.page("a").startswith("above A ")
    assert [path.name for path in root.iterdir() if path.name.startswith(".site")] == []
    write_files(root, {"docs/a.md": "# Another\n"})
    strict.build()
    assert command.page("a").startswith("above Another ")
    strict.session.close()


def test_a_note_where_a_part_of_the_site_is_has_no_page(command, root):
    write_files(root, {"docs/styles/index.md": "# Mine\n"})
    assert "styles/" in command.build()
    command.session.close()
    other = Command(root)
    assert "styles/" not in other.build(taken=["styles/index.html"])
    assert any("styles/index.md" in told for told in map(str, other.session.made.problems))
    other.session.close()


def test_a_site_is_refused_before_anything_is_read(root, monkeypatch):
    write_files(root, {"site/mine.txt": "of somebody"})
    monkeypatch.setattr(session, "Project", SimpleNamespace())
    with pytest.raises(Problem, match="the folder holds what Litmus did not write"):
        Command(root).build()
    assert (root / "site/mine.txt").read_text() == "of somebody"


def test_what_stopped_a_build_is_told_without_where_the_site_is(command, root):
    command.build()
    full = OSError(28, "No space left on device", str(root / "site/a/index.html"))
    assert command.session.words(full) == "a/index.html: No space left on device"
    elsewhere = OSError(13, "Permission denied", "/secret/place")
    assert command.session.words(elsewhere) == "Permission denied"
    assert command.session.words(ValueError()) == "ValueError"
