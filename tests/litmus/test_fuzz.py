"""A few hundred notes that nobody would write; `python -m tests.fuzz` writes as many as wanted."""

import random

import pytest

from litmus.files.writing import writer as writer_to
from litmus.problems import RAISED
from litmus.python.runs import Runner
from litmus.site.build import Build
from litmus.site.project import Project
from tests.fuzz import Fuzz, Writer

# Not in the id of its test, which has to be the same in processes that run side by side; what fails
# says it.
FRESH = str(random.SystemRandom().randrange(10**9))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", ["one", "two", FRESH], ids=["one", "two", "fresh"])
def test_any_note_becomes_a_whole_page_on_which_nothing_runs(tmp_path, seed):
    writer, fuzz = Writer(seed), Fuzz(tmp_path)
    for count in range(150):
        raw = writer.note()
        assert fuzz.wrong(raw) == "", f"note {count + 1} of seed {seed}: {raw!r}"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", ["one", FRESH], ids=["one", "fresh"])
def test_a_folder_of_any_notes_is_built_and_none_of_them_raises(tmp_path, seed):
    writer, folder = Writer(f"folder {seed}"), tmp_path / "vault"
    folder.mkdir()
    names = ["other.md", "claims/lemma.md", "claims/def.md", "folder/deep note.md", "fuzz.md"]
    names += [*(f"claims/n{count}.md" for count in range(40)), "map.canvas", "references.bib"]
    for name in [*names, "preamble.sty", "view.base", "x.svg", ".obsidian/app.json"]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(writer.note())
    project = Project.foreign(folder)
    made = Build(
        project, Runner(folder), lambda page: page.html, writer_to(tmp_path / "site")
    ).run()
    assert [str(p) for p in made.problems if p.kind == RAISED] == [], f"seed {seed}"
    assert (tmp_path / "site/open-ends/index.html").exists()


def test_control_what_goes_wrong_is_noticed(tmp_path):
    fuzz = Fuzz(tmp_path)
    fuzz.pages.renderer.raw_html = True
    assert "not balanced: div" in fuzz.wrong(b"<div>")
    assert "<script>" in fuzz.wrong(b"<script></script>")
    assert "twice" in fuzz.wrong(b"<b id=a></b><b id=a></b>")
    fuzz.pages.library.notes = None
    assert "this raises AttributeError: " in fuzz.wrong(b"![[other]]")
