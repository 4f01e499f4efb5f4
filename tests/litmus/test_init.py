"""Does a new project stand at once, and does what is added to notes leave them as they are?"""

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from mkdocs.__main__ import cli as mkdocs

from litmus.author import new_project
from litmus.claims.evidence import due
from litmus.cli import main
from litmus.files import settings
from tests.litmus.conftest import write_files

ROOT = Path(__file__).parents[2]
ALL = new_project._all()
AROUND = {".gitignore", "README.md", "mkdocs.yml", "pytest.ini", "tests/README.md"}
LEMMA = "average-stays-in-range"
NO_OPEN_ENDS = "Every link leads somewhere, every claim has a proof and a check"
VAULT = {
    ".obsidian/app.json": "{}",
    "index.md": "# Home\n\n![[low]]\n\n![[d]]\n",
    "claims/d.md": "---\nkind: definition\n---\n# D\n\nAn x.\n",
    "claims/low.md": "---\nkind: lemma\n---\n# Low\n\nLet [[d]].\n\n## Proof\n\nx\n\n"
    "```quote\nsnippets/one.py f\n```\n",
}
TEST = """
import pytest
from snippets.one import f

@pytest.mark.claim("low", by="exact")
def test_it_holds(measured):
    measured(f() - 1, allowed=0)

@pytest.mark.control("low", drops="d")
def test_control_it_breaks(measured):
    measured(f(), allowed=0)
"""


def run(*arguments):
    """Run a command of ours; return how it ended and what it said."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def state(folder):
    """All below a folder by path: what it says, and when it was written last."""
    return {
        path.relative_to(folder).as_posix(): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted([folder, *folder.rglob("*")])
    }


def files_in(folder):
    """The paths of the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def open_ends(root):
    """Say whether the built site has none."""
    return NO_OPEN_ENDS not in (root / "site/open-ends/index.html").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _plugins_of_others_take_no_time(monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def begun(tmp_path, monkeypatch, font):
    """A new project, where one is."""
    assert run("init", tmp_path / "kb")[0] == 0
    write_files(tmp_path / "kb", font)
    monkeypatch.chdir(tmp_path / "kb")
    return tmp_path / "kb"


def test_a_new_project_builds_and_passes_at_once(begun):
    code, said = run("build")
    assert code == 0, said
    claims = {c["name"]: c for c in json.loads((begun / "site/claims.json").read_text())["claims"]}
    lemma = claims[LEMMA]
    assert (lemma["argument"], lemma["evidence"]) == ("argued", "checked with control")
    assert not open_ends(begun)
    assert run("check")[1] == "The evidence of every claim is up to date.\n"
    # Without its essay the claim is an open end, and a link that leads nowhere stops the build.
    (begun / "docs/ideas/averages.md").write_text("# Averages\n", encoding="utf-8")
    assert run("build")[0] == 0
    assert open_ends(begun)
    (begun / "docs/ideas/averages.md").unlink()
    assert run("build")[0] != 0


@pytest.mark.parametrize(
    ("right", "wrong", "fails"),
    [
        ("weight * number", "2 * weight * number", "stays_among_its_numbers"),
        ("value - max(numbers), 0)", "value - max(numbers), 0) * 0", "test_control"),
    ],
    ids=["an average that leaves", "a measure that sees nothing"],
)
def test_its_check_and_its_control_can_fail(begun, right, wrong, fails, capfd):
    snippet = begun / "snippets/weighted_average.py"
    text = snippet.read_text(encoding="utf-8")
    assert text.count(right) == 1
    snippet.write_text(text.replace(right, wrong), encoding="utf-8")
    assert run("check")[0] == 1
    assert fails in capfd.readouterr().out


def test_its_files_are_those_of_the_package_but_for_its_name(tmp_path):
    name = 'ein "Garten": ✿ #1'
    assert run("init", tmp_path / name)[0] == 0
    assert files_in(tmp_path / name) == {*ALL}
    for path in {*ALL} - {settings.FILE}:
        assert (tmp_path / name / path).read_bytes() == (new_project.STARTER / path).read_bytes()
    assert yaml.safe_load((tmp_path / name / settings.FILE).read_bytes()) == {
        **yaml.safe_load((new_project.STARTER / settings.FILE).read_bytes()),
        "site_name": name,
    }


def test_its_words_are_true_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (new_project.STARTER / "README.md").read_text(encoding="utf-8")
    assert f'pip install "{project["name"]}[run,author]"' in readme
    assert {"run", "author"} <= project["optional-dependencies"].keys()
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in readme
    for template in ["claim.md", "definition.md"]:
        ours = (ROOT / "docs/templates" / template).read_bytes()
        assert (new_project.STARTER / "docs/templates" / template).read_bytes() == ours


def test_tests_of_a_project_within_another_are_not_its_own(tmp_path):
    write_files(tmp_path, {"docs/a.md": "", "tests/test_one.py": TEST})
    assert run("init", tmp_path / "inner/kb")[0] == 0
    assert due(tmp_path, {}) == ["tests/test_one.py"]
    assert due(tmp_path / "inner/kb", {}) == ["tests/test_weighted_average.py"]


def test_init_says_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run("init", "kb")[1].splitlines()
    assert said[0] == f"A new knowledge base is in kb: {len(ALL)} files."
    assert [line.split("#")[0].strip() for line in said[1:]] == [
        "Next:",
        "cd kb",
        "litmus build",
        "mkdocs serve",
    ]


def test_an_empty_folder_is_as_good_as_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = run("init", ".")
    assert code == 0
    assert "cd " not in said
    assert files_in(tmp_path) == {*ALL}


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            {"kb/x.md": "x"},
            "is not empty, and nothing was written. To add to what is there",
        ),
        ({"kb/.git/config": "x"}, "is not empty"),
        ({"kb": "x"}, "is a file"),
    ],
    ids=["notes", "hidden", "file"],
)
def test_what_is_there_is_never_written_into(tmp_path, there, said):
    write_files(tmp_path, there)
    before = state(tmp_path)
    code, words = run("init", tmp_path / "kb")
    assert (code, said in words) == (1, True)
    assert state(tmp_path) == before


def test_without_a_folder_init_asks_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = run("init")
    assert code == 2
    assert "--here" in said
    assert not files_in(tmp_path)


@pytest.mark.parametrize("wrong", [{"n" * 300: b""}, {"late.txt": None}], ids=["name", "content"])
def test_what_cannot_be_finished_leaves_nothing(tmp_path, wrong):
    write_files(tmp_path, {"new/kept.txt": "kept"})
    before = files_in(tmp_path)
    with pytest.raises((OSError, TypeError)):
        new_project._write(tmp_path / "new/kb", {"tests/a.py": b"a", "b.txt": b"b", **wrong})
    assert files_in(tmp_path) == before
    assert not (tmp_path / "new/kb").exists()


def test_what_comes_to_be_there_meanwhile_is_kept(tmp_path):
    write_files(tmp_path, {"b.txt": "theirs"})
    before = state(tmp_path)["b.txt"]
    with pytest.raises(FileExistsError):
        new_project._write(tmp_path, {"a/a.txt": b"ours", "b.txt": b"ours"})
    assert files_in(tmp_path) == {"b.txt"}
    assert state(tmp_path)["b.txt"] == before


@pytest.fixture
def vault(tmp_path):
    """A vault whose notes lie in the folder itself, as Obsidian begins one."""
    write_files(tmp_path / "notes", VAULT)
    return tmp_path / "notes"


def test_around_a_vault_the_project_goes_beside_it_and_everything_works(vault, monkeypatch, font):
    before, root = state(vault), vault.with_name("notes-litmus")
    code, said = run("init", "--here", vault)
    assert code == 0
    assert f"The notes lie in {vault} itself" in said
    assert state(vault) == before
    assert files_in(root) == AROUND

    monkeypatch.chdir(root)
    write_files(root, {"snippets/one.py": "def f():\n    return 1\n", "tests/test_one.py": TEST})
    write_files(root, font)
    code, said = run("build")
    assert code == 0, said
    assert run("why", "low")[1].startswith("low (lemma; argued; checked with control)\n")
    assert not open_ends(root)
    assert "return" in (root / "site/claims/low/index.html").read_text(encoding="utf-8")
    # MkDocs by itself reads the settings for whose the notes are, as under `mkdocs serve`.
    assert CliRunner().invoke(mkdocs, ["build", "--strict", "-d", "by-mkdocs"]).exit_code == 0
    assert '"checked with control"' in (root / "by-mkdocs/claims.json").read_text()
    settings_of = root / settings.FILE
    settings_of.write_text(settings_of.read_text().replace("{ours: true}", "{}"))
    assert CliRunner().invoke(mkdocs, ["build", "-d", "by-mkdocs"]).exit_code == 0
    assert '"checked with control"' not in (root / "by-mkdocs/claims.json").read_text()
    assert state(vault) == before


def test_around_a_vault_a_claim_is_begun_in_it(vault, monkeypatch):
    run("init", "--here", vault)
    monkeypatch.chdir(vault.with_name("notes-litmus"))
    assert run("new", "lemma", "high")[1].startswith("Wrote ../notes/claims/high.md.")
    assert files_in(vault) == {*VAULT, "claims/high.md"}


def test_a_second_time_nothing_is_written(vault, tmp_path, monkeypatch):
    monkeypatch.chdir(vault)
    assert run("init", "--here")[0] == 0
    before = state(tmp_path)
    code, said = run("init", "--here")
    assert code == 0
    assert "nothing: all of it was there" in said
    assert state(tmp_path) == before


def test_a_folder_of_something_else_beside_a_vault_is_left_alone(vault, tmp_path):
    write_files(tmp_path, {"notes-litmus/mkdocs.yml": "site_name: x\n"})
    before = state(tmp_path)
    code, said = run("init", "--here", vault)
    assert code == 1
    assert "something else is there" in said
    assert state(tmp_path) == before


OTHERS = {
    "docs/index.md": "# Ours\n",
    "README.md": "mine",
    "mkdocs.yml": "site_name: Mine\nplugins: [search]\n",
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    ".gitignore": "x\n",
}


def test_around_notes_in_docs_what_is_missing_is_added_and_what_is_there_kept(tmp_path):
    write_files(tmp_path, OTHERS)
    before = {path: said for path, said in state(tmp_path).items() if path in OTHERS}
    code, said = run("init", "--here", tmp_path)
    assert code == 0
    after = state(tmp_path)
    assert {path: after[path] for path in before} == before
    assert files_in(tmp_path) == {*OTHERS, "tests/README.md"}
    assert f"Wrote into {tmp_path}: tests/README.md." in said
    assert "Left as they are: .gitignore, README.md, mkdocs.yml." in said
    assert "  plugins:\n    - search\n    - litmus\n" in said
    assert 'pythonpath = ["."]' in said
    assert ".gitignore should have /build/ and /site/" in said


def test_nothing_is_asked_for_that_the_settings_have(tmp_path):
    write_files(tmp_path, {**OTHERS, "mkdocs.yml": "site_name: x\nplugins: [search, litmus]\n"})
    (tmp_path / "pyproject.toml").unlink()
    write_files(tmp_path, {".gitignore": "/site/\n**/build\n"})
    said = run("init", "--here", tmp_path)[1]
    assert "plugins" not in said
    assert ".gitignore should" not in said
    assert "pythonpath" not in said
    assert (tmp_path / "pytest.ini").exists()


def test_among_other_notes_there_is_no_example(tmp_path):
    write_files(tmp_path, {"docs/deep/averages.md": "# Mine\n"})
    assert run("init", "--here", tmp_path)[0] == 0
    assert files_in(tmp_path) == {*AROUND, "docs/deep/averages.md"}


def test_where_there_are_no_notes_the_example_comes_too(tmp_path):
    write_files(tmp_path, {"src/mine.py": "", "CHANGELOG.md": "x"})
    assert run("init", "--here", tmp_path)[0] == 0
    assert files_in(tmp_path) == {*ALL, "src/mine.py", "CHANGELOG.md"}


def test_settings_by_their_other_name_are_those_of_the_project(tmp_path):
    written = {"mkdocs.yaml": "site_name: x\ndocs_dir: notes\n", "notes/a.md": "# A\n"}
    write_files(tmp_path, written)
    code, said = run("init", "--here", tmp_path)
    assert code == 0
    assert "mkdocs.yaml does not name Litmus yet" in said
    assert files_in(tmp_path) == {*written, *AROUND} - {settings.FILE}  # which would hide it
    assert "Write `notes/ideas/my-idea.md`" in (tmp_path / "README.md").read_text("utf-8")


def test_notes_beside_settings_that_look_elsewhere_get_no_example(tmp_path):
    write_files(tmp_path, {"mkdocs.yml": "site_name: x\n", "mine.md": "# Mine\n"})
    code, said = run("init", "--here", tmp_path)
    assert code == 0
    assert "mkdocs.yml looks for notes in docs/, and there is no such folder." in said
    assert files_in(tmp_path) == {*AROUND, "mine.md"}


@pytest.mark.parametrize("docs", [".", "..", "../notes"])
def test_settings_among_their_notes_are_refused_as_mkdocs_does(tmp_path, docs):
    write_files(tmp_path / "notes", {"mkdocs.yml": f"docs_dir: {docs}\n", "a.md": "# A\n"})
    before = state(tmp_path)
    code, said = run("init", "--here", tmp_path / "notes")
    assert code == 1
    assert "mkdocs.yml lies in the folder of its notes" in said
    assert state(tmp_path) == before


def test_what_a_link_in_a_project_leads_to_is_called_ours(tmp_path, monkeypatch):
    write_files(tmp_path / "notes", VAULT)
    write_files(tmp_path / "kb", {"snippets/one.py": "def f():\n    return 1\n"})
    (tmp_path / "kb/docs").symlink_to(tmp_path / "notes", target_is_directory=True)
    assert run("init", "--here", tmp_path / "kb")[0] == 0
    said = settings.read(tmp_path / "kb")
    assert (said.docs, said.is_called_ours) == (tmp_path / "kb/docs", True)
    monkeypatch.chdir(tmp_path / "kb")
    ran = CliRunner().invoke(mkdocs, ["build"])
    assert ran.exit_code == 0
    assert "return" in (tmp_path / "kb/site/claims/low/index.html").read_text(encoding="utf-8")


def test_notes_elsewhere_that_nobody_calls_ours_are_told_of(tmp_path):
    theirs = "docs_dir: ../notes\nplugins: [litmus]\n"
    write_files(tmp_path, {"notes/a.md": "# A\n", "kb/mkdocs.yml": theirs})
    said = run("init", "--here", tmp_path / "kb")[1]
    assert "mkdocs.yml should say that the notes are yours" in said
    assert "    - litmus: {ours: true}\n" in said


def test_nothing_can_be_beside_the_top_of_a_disk(monkeypatch):
    monkeypatch.setattr(new_project, "_is_vault", lambda folder: True)
    monkeypatch.setattr(new_project, "_write", lambda root, files: pytest.fail(f"wrote in {root}"))
    code, said = run("init", "--here", Path("/"))
    assert code == 1
    assert "nothing can be beside it" in said


@pytest.mark.parametrize("options", [[], ["--here"]])
def test_a_name_that_no_settings_hold_is_refused(tmp_path, options):
    folder = tmp_path / "\udcff"
    if options:
        write_files(folder, {"docs/a.md": "# A\n"})
    before = state(tmp_path)
    code, said = run("init", *options, folder)
    assert code == 1
    assert "is not UTF-8" in said
    assert state(tmp_path) == before


def test_a_folder_that_looks_like_an_option_is_named_as_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "  cd ./-x\n" in run("init", "--", "-x")[1]
    assert "litmus init --here ./-x\n" in run("init", "--", "-x")[1]


def test_the_example_comes_whole_or_not_at_all(tmp_path):
    write_files(tmp_path, {"snippets/weighted_average.py": "mine"})
    assert run("init", "--here", tmp_path)[0] == 0
    assert files_in(tmp_path) == {*AROUND, "snippets/weighted_average.py"}


def test_nothing_is_written_through_a_link(tmp_path):
    write_files(tmp_path, {"kb/docs/a.md": "", "elsewhere/x.txt": ""})
    (tmp_path / "kb/tests").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "kb/README.md").symlink_to(tmp_path / "nowhere")
    code, said = run("init", "--here", tmp_path / "kb")
    assert code == 0
    assert "Left as they are: README.md, tests/README.md." in said
    assert files_in(tmp_path / "elsewhere") == {"x.txt"}
    assert not (tmp_path / "nowhere").exists()
