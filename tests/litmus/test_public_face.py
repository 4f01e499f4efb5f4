"""May a program that knows nothing of us import what is promised, and is it told how to use it?"""

import ast
import inspect
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

import litmus
from litmus import Problem, Project, build_folder, installed, render_note
from litmus.material import commands
from litmus.site import note_alone
from litmus.site.build import Build
from tests.html import parsed
from tests.litmus.conftest import write_files
from tests.systems import ROOT

PAGE = ROOT / "docs/building-on-litmus.md"
NOTES = {
    "index.md": "# Home\n\nSee [[a|the lemma]], $x^2$ and ![[p.png]].\n",
    "claims/a.md": "---\nkind: lemma\n---\n# A $y$\n\nLet [[d]].\n\n## Proof\n\nBy [[d]].\n",
    "claims/d.md": "---\nkind: definition\n---\n# D\n\nWords to [[nowhere]].\n",
    "plain.md": "Words alone & more.\n",
    "p.png": b"a picture",
}


@pytest.fixture
def notes(tmp_path):
    """A folder of notes that knows nothing of Litmus."""
    write_files(tmp_path / "notes", NOTES)
    return tmp_path / "notes"


def first_column(section):
    """The names in code in the first column of the tables of a section of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_the_page_names_every_export_and_nothing_else():
    assert sorted(first_column("From Python")) == sorted(litmus.__all__)
    assert {*litmus.__all__} <= {*dir(litmus)}


def test_every_export_is_there_and_says_how_it_is_used():
    for name in {*litmus.__all__} - {"__version__"}:
        export = getattr(litmus, name)
        said = inspect.getdoc(export)
        assert export.__module__.startswith("litmus."), name
        assert len(said.splitlines()) > 2, name
        if callable(export) and not inspect.isclass(export):
            assert all(word in said for word in (*inspect.signature(export).parameters, "Raises"))
    with pytest.raises(AttributeError, match="no attribute 'Projekt'"):
        _ = litmus.Projekt


def test_what_is_imported_when_asked_for_is_what_types_are_known_of():
    tree = ast.parse(Path(litmus.__file__).read_text(encoding="utf-8"))
    of_types = next(node.body for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in of_types if isinstance(node, ast.ImportFrom)]
    known = {alias.name: node.module for node in imports for alias in node.names}
    places = {name: f"litmus.{place}" for name, place in litmus._PLACES.items()}
    assert known == places
    assert {*places} == {*litmus.__all__} - {"__version__"}
    assert (Path(litmus.__file__).with_name("py.typed")).exists()


LOADED = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
BUILDERS = {"mkdocs", "material", "torch", "pytest", "matplotlib", "jupytext"}
READS = """
from pathlib import Path
from litmus import Project
project = Project.foreign(Path("notes"))
"""
SHOWS = f"""{READS}
from litmus import render_note
assert "<math" in render_note(project, "index.md").html
"""
ASKS = "from litmus.cli import main; main(['why', 'a'], standalone_mode=False)"


@pytest.fixture
def loaded(notes):
    """A function that returns which packages a program has loaded that runs beside the notes."""
    (notes.parent / "docs").symlink_to("notes")

    def run(program):
        command = [sys.executable, "-c", f"{program}\n{LOADED}"]
        ran = subprocess.run(command, cwd=notes.parent, capture_output=True, text=True, check=True)
        return {*ran.stdout.splitlines()[-1].split()}

    return run


@pytest.mark.parametrize("program", [READS, SHOWS, ASKS])
def test_who_reads_notes_or_asks_what_rests_on_what_loads_nothing_that_builds(loaded, program):
    found = loaded(program)
    assert found & BUILDERS == set()
    assert "markdown_it" in found


def test_control_who_builds_loads_what_builds(loaded):
    assert "mkdocs" in loaded("from litmus import build_folder")


def test_the_package_alone_loads_nothing(loaded):
    assert loaded("import litmus") - loaded("import typing") == {"litmus"}


def test_the_version_is_the_one_that_is_installed_or_of_the_checkout(monkeypatch):
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    said = re.search(r'^version = "(.+)"$', settings, re.MULTILINE)[1]
    assert litmus._version() == said
    monkeypatch.setattr(installed, "DISTRIBUTION", "of nobody")
    assert litmus._version() == said
    monkeypatch.setattr(litmus, "__file__", "/nowhere/litmus/__init__.py")
    assert litmus._version() == "unknown"
    monkeypatch.setattr(installed, "DISTRIBUTION", "click")
    assert litmus._version() not in {said, "unknown"}


EXAMPLE = re.search(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


def test_the_example_of_the_page_runs_as_it_stands_there(notes):
    command = [sys.executable, "-c", EXAMPLE]
    ran = subprocess.run(command, cwd=notes.parent, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        "A y: 2 links, 0 to mend",
        "D: 1 links, 1 to mend",
        "Home: 2 links, 0 to mend",
        "plain: 0 links, 0 to mend",
        "a is argued, and rests on d",
        "d is by definition, and rests on nothing",
        "No site: site: 1 to mend; the site is left as it was",
    ]
    assert {path.name for path in notes.parent.iterdir()} == {"notes"}
    (notes / "claims/d.md").write_text(NOTES["claims/d.md"].replace("[[nowhere]]", "somewhere"))
    ran = subprocess.run(command, cwd=notes.parent, capture_output=True, text=True, check=True)
    assert "No site" not in ran.stdout
    assert (notes.parent / "site/claims/a/index.html").exists()


NOWHERE = "claims/d.md:6: no note is called 'nowhere'. Write the note, or link to one that exists."


def test_a_note_is_rendered_as_it_stands_on_its_page(notes, tmp_path):
    build_folder(notes, tmp_path / "site")
    project = Project.foreign(notes)
    for path, folder in [("index.md", ""), ("claims/a.md", "claims/a"), ("plain.md", "plain")]:
        rendered = render_note(project, path)
        page = (tmp_path / "site" / folder / "index.html").read_text(encoding="utf-8")
        article = parsed(page).css_first("article")
        for part in article.css(".linked-from, .md-tags"):
            part.decompose()
        assert parsed(rendered.html).body.text().split() == article.text().split(), path
        links = [tag.attributes["href"] for tag in parsed(rendered.html).css("a")]
        assert links == [tag.attributes["href"] for tag in article.css("a")], path
        assert 'class="tex' not in rendered.html
    assert "<math" in render_note(project, "claims/a.md").toc[0].html
    assert [str(p) for p in render_note(project, "claims/d.md").problems] == [NOWHERE]


def test_a_note_that_is_not_there_is_a_problem_with_the_nearest_names(notes):
    with pytest.raises(Problem, match=r"^plan.md: there is no such note. Did you mean 'plain.md'"):
        render_note(Project.foreign(notes), "plan.md")


SNIPPET = {
    "docs/n.md": "# N\n\n```run\nsnippets/s.py\n```\n",
    "snippets/s.py": "print('it ' + 'ran')",
}


def test_a_note_runs_a_snippet_only_if_its_project_is_ours(
    project, tmp_path, runner_of, monkeypatch
):
    monkeypatch.setattr(note_alone, "Runner", runner_of)
    project(SNIPPET)
    ours = render_note(Project.ours(tmp_path, tmp_path / "docs"), "n.md")
    assert ("it ran" in ours.html, ours.problems) == (True, ())
    foreign = render_note(Project.foreign(tmp_path / "docs"), "n.md")
    assert ("it ran" in foreign.html, len(foreign.problems)) == (False, 1)


@pytest.mark.parametrize("read", [Project.foreign, lambda docs: Project.ours(docs.parent, docs)])
@pytest.mark.parametrize("docs", ["nowhere", "notes/plain.md"])
def test_a_folder_that_is_not_there_is_a_problem(notes, read, docs):
    with pytest.raises(Problem, match="there is no such folder"):
        read(notes.parent / docs)


def test_a_project_whose_root_is_not_there_is_a_problem(notes):
    with pytest.raises(Problem, match=r"nowhere: there is no such folder"):
        Project.ours(notes.parent / "nowhere", notes)


def test_a_folder_may_be_named_by_a_text_as_well(notes, tmp_path):
    titles = [note.title for note in Project.foreign(notes).vault.notes.values()]
    for project in (Project.foreign(str(notes)), Project.ours(str(notes.parent), str(notes))):
        assert [note.title for note in project.vault.notes.values()] == titles
    build_folder(str(notes), str(tmp_path / "site"))
    assert (tmp_path / "site/claims/a/index.html").exists()


def test_a_site_is_built_and_what_is_wrong_is_returned(notes, tmp_path):
    problems = build_folder(notes, tmp_path / "site")
    assert [str(problem) for problem in problems] == [NOWHERE]
    assert (tmp_path / "site/claims/a/index.html").exists()


def full_disk(*_):
    raise OSError(28, "No space left on device", "x.css")


def not_there(notes, patch):
    return notes / "none", notes.parent / "site"


def in_the_notes(notes, patch):
    return notes, notes / "site"


def of_somebody(notes, patch):
    write_files(notes.parent / "site", {"letter.txt": "x"})
    return notes, notes.parent / "site"


def changed(notes, patch):
    build_folder(notes, notes.parent / "site")
    (notes.parent / "site/plain/index.html").write_text("mine")
    return notes, notes.parent / "site"


def no_room(notes, patch):
    patch.setattr("litmus.site.session.search.index", full_disk)
    return notes, notes.parent / "site"


def misconfigured(notes, patch):
    settings = notes.parent / "mkdocs.yml"
    settings.write_text("site_name: N\ntheme: nobodys\n")
    patch.setattr(commands, "BASE", settings)
    return notes, notes.parent / "site"


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (not_there, r"notes/none: there is no such folder\."),
        (in_the_notes, r"site: it is the folder of the notes, or one in it or around it\."),
        (of_somebody, r"site: the folder holds what Litmus did not write, such as letter\.txt\."),
        (changed, r"site: since Litmus wrote it, somebody has changed plain/index\.html\."),
        (no_room, r"^x\.css: No space left on device; the site is left as it was$"),
        (misconfigured, r"site: Aborted with a configuration error!"),
    ],
)
def test_a_site_that_cannot_be_is_a_problem_and_nothing_changes(notes, monkeypatch, prepare, said):
    vault, out = prepare(notes, monkeypatch)
    before = contents(notes.parent)
    with pytest.raises(Problem, match=said):
        build_folder(vault, out)
    assert contents(notes.parent) == before


def test_a_strict_build_says_all_that_is_wrong(notes, tmp_path):
    (notes / "b.md").write_text("[[none]] and $\\frac$\n")
    with pytest.raises(Problem, match=r"site: 3 to mend; the site is left as it was\n") as raised:
        build_folder(notes, tmp_path / "site", strict=True)
    assert [note.partition(": ")[0] for note in raised.value.__notes__] == [
        "b.md:1",
        "b.md:1",
        "claims/d.md:6",
    ]
    assert not (tmp_path / "site").exists()


def test_a_fault_of_ours_is_no_problem_of_the_notes(notes, tmp_path, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(Build, "run", fail)
    with pytest.raises(ZeroDivisionError):
        build_folder(notes, tmp_path / "site")


def test_a_strict_build_ends_for_a_warning_that_is_none_of_ours(notes, tmp_path, monkeypatch):
    (notes / "claims/d.md").unlink()
    (notes / "claims/a.md").unlink()
    (notes / "index.md").write_text("# Home\n")
    build_folder(notes, tmp_path / "well", strict=True)
    run = Build.run
    warn = logging.getLogger("mkdocs.others").warning
    monkeypatch.setattr(Build, "run", lambda self: warn("of others") or run(self))
    with pytest.raises(Problem, match="site: Aborted with 1 warnings in strict mode!"):
        build_folder(notes, tmp_path / "site", strict=True)


def test_a_folder_is_built_after_a_project_in_the_same_process(notes, project, tmp_path):
    project({"docs/of-the-project.md": "# P\n", "mkdocs.yml": "site_name: P\nplugins: [litmus]\n"})
    commands.build_project(Project.ours(tmp_path, tmp_path / "docs"))
    build_folder(notes, tmp_path / "of-notes")
    assert (tmp_path / "of-notes/plain/index.html").exists()
    assert not (tmp_path / "of-notes/of-the-project").exists()


def test_a_problem_of_no_file_says_what_it_is():
    assert str(Problem("", None, "it is late.", "Go to bed.")) == "it is late. Go to bed."
    assert str(Problem("a.md", None, "it is late.")) == "a.md: it is late."
    assert str(Problem("a.md", 3, "it is late.")) == "a.md:3: it is late."
