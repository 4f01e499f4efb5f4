"""Is a note taken from another process's reading only where this one would read the same?"""

import os

import pytest

from litmus.files import pickled
from litmus.site.project import BUILD
from litmus.vault import last_reading, vault
from litmus.vault.packed import unpacked

PATHS = ["a.md", "b.md", "broken.md"]
NOTES = {
    "docs/a.md": "---\ntags: [x]\n---\n# A\n\n[[b#^there|b]][^1] and [[nowhere]].\n\n[^1]: foot\n",
    "docs/b.md": "# B\n\nOne\nline. ^there\n",
    "docs/broken.md": "---\na: [b\n---\n# C\n",
}


@pytest.fixture
def small(project):
    """A project whose notes another process has read and kept."""
    small = project(NOTES)
    small.read().save_cache()
    return small


def read_by(small, monkeypatch):
    """Read a project as a new process does; return it with the notes that were read anew."""
    read, anew = vault.read_note, []
    with monkeypatch.context() as patch:
        patch.setattr(
            vault, "read_note", lambda raw, path, *how: anew.append(path) or read(raw, path, *how)
        )
        return small.read(), anew


def said(found):
    """All that is asked of the notes of a project."""
    return [
        (
            *(note.path, note.properties, note.tokens, note.title, note.tags, note.problems),
            *((x.target, x.line, unpacked(x.sentence)) for x in note.links_in(note.tokens)),
        )
        for note in found.vault.notes.values()
    ]


def touch(root):
    os.utime(root / "docs/a.md", ns=(0, 0))


def write_another(root):
    (root / "docs/new.md").write_text("# New\n")


def change_a_letter_and_no_stamp(root):
    file = root / "docs/b.md"
    before = file.stat()
    file.write_text(NOTES["docs/b.md"].replace("One", "Two"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def rename(root):
    (root / "docs/b.md").rename(root / "docs/c.md")


def break_lines_strictly(root):
    (root / "docs/.obsidian").mkdir()
    (root / "docs/.obsidian/app.json").write_text('{"strictLineBreaks": true}')


def spoil(root):
    file = root / BUILD / last_reading.FILE
    file.write_bytes(file.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda _: None, []),
        (touch, []),
        (write_another, ["new.md"]),
        (change_a_letter_and_no_stamp, ["b.md"]),
        (rename, ["c.md"]),
        (break_lines_strictly, PATHS),
        (spoil, PATHS),
    ],
)
def test_what_would_be_read_as_before_is_not_read_again_and_all_else_is(
    small, monkeypatch, change, wanted
):
    change(small.root)
    found, anew = read_by(small, monkeypatch)
    assert anew == wanted
    kept_file = small.root / BUILD / last_reading.FILE
    found.save_cache()
    again, anew = read_by(small, monkeypatch)
    assert anew == []
    kept_file.unlink()
    whole, anew = read_by(small, monkeypatch)
    assert anew == [*whole.vault.notes]
    assert said(again) == said(whole)
    assert again.problems == whole.problems


def test_other_code_reads_every_note_again(small, monkeypatch, tmp_path):
    (tmp_path / "code").mkdir()
    monkeypatch.setattr(pickled, "PACKAGE", tmp_path / "code")
    assert read_by(small, monkeypatch)[1] == PATHS


def test_what_was_read_is_kept_though_it_was_read_again_meanwhile(small, monkeypatch):
    write_another(small.root)
    small.read().again().save_cache()
    assert read_by(small, monkeypatch)[1] == []


def test_control_where_nothing_is_new_nothing_is_kept_again(small):
    file = small.root / BUILD / last_reading.FILE
    before = file.stat().st_ino
    small.read().save_cache()
    assert file.stat().st_ino == before
    write_another(small.root)
    small.read().save_cache()
    assert file.stat().st_ino != before
