"""Do the commands say what rests on what, and begin a claim without harming one?"""

import gc
import re

import pytest
from click.testing import CliRunner

from litmus import __version__
from litmus.author import new_project
from litmus.cli import main
from litmus.installed import DISTRIBUTION
from tests.litmus.conftest import write_files
from tests.systems import ROOT

FILES = {
    "docs/claims/d.md": "---\nkind: definition\n---\n# D\n\nAn x.\n",
    "docs/claims/low.md": "---\nkind: lemma\n---\n# Low\n\nLet [[d]].\n\n## Proof\n\nx\n",
    "docs/claims/top.md": "---\nkind: theorem\n---\n# Top\n\nx\n\n## Proof\n\nBy [[low]].\n",
    "docs/templates/claim.md": "---\nkind: lemma\n---\n# {{title}}\n",
    "docs/.obsidian/templates.json": '{"folder": "templates"}',
}


@pytest.fixture
def litmus(project, tmp_path, monkeypatch):
    """A function that runs a command in a small project; it returns the exit code and the text."""
    project(FILES)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(main, arguments)
        return result.exit_code, result.output

    return run


def test_why_goes_down_to_what_a_claim_rests_on(litmus):
    assert litmus("why", "top") == (
        0,
        "top (theorem; argued; none)\n"
        "  low (lemma; argued; none)\n"
        "    d (definition; by definition; none)\n",
    )


def test_impact_goes_up_to_what_rests_on_a_claim(litmus):
    assert litmus("impact", "d") == (
        0,
        "d (definition; by definition; none)\n"
        "  low (lemma; argued; none)\n"
        "    top (theorem; argued; none)\n",
    )


PROOF = "---\nkind: lemma\n---\n# {}\n\nx\n\n## Proof\n\n{}\n"


@pytest.fixture
def proofs(project):
    """A function that adds claims to the small project, by what the proof of each links."""

    def write(**uses):
        texts = {name: " ".join(f"[[{other}]]" for other in links) for name, links in uses.items()}
        project({f"docs/claims/{n}.md": PROOF.format(n, text or "x") for n, text in texts.items()})

    return write


def test_what_is_shared_is_followed_once(litmus, proofs):
    proofs(end=["left", "right"], left=["shared"], right=["shared"], shared=["low"])
    assert litmus("why", "end")[1] == (
        "end (lemma; argued; none)\n"
        "  left (lemma; argued; none)\n"
        "    shared (lemma; argued; none)\n"
        "      low (lemma; argued; none)\n"
        "        d (definition; by definition; none)\n"
        "  right (lemma; argued; none)\n"
        "    shared (as above)\n"
    )
    assert litmus("impact", "shared")[1] == (
        "shared (lemma; argued; none)\n"
        "  left (lemma; argued; none)\n"
        "    end (lemma; argued; none)\n"
        "  right (lemma; argued; none)\n"
        "    end (as above)\n"
    )


def test_a_circular_proof_is_shown_as_the_loop_that_it_is(litmus, proofs):
    proofs(a=["b"], b=["c", "low"], c=["a"])
    assert litmus("why", "a")[1] == (
        "a (lemma; open; none)\n"
        "  b (lemma; open; none)\n"
        "    c (lemma; open; none)\n"
        "      a (a loop: a uses b uses c uses a)\n"
        "    low (lemma; argued; none)\n"
        "      d (definition; by definition; none)\n"
    )
    assert litmus("impact", "a")[1] == (
        "a (lemma; open; none)\n"
        "  c (lemma; open; none)\n"
        "    b (lemma; open; none)\n"
        "      a (a loop: a uses b uses c uses a)\n"
    )


def test_a_long_chain_is_not_indented_beyond_what_one_can_read(litmus, proofs):
    proofs(**{f"c{n}": [f"c{n - 1}"] if n else ["low"] for n in range(1_100)})  # beyond the stack
    code, said = litmus("why", "c1099")
    lines = said.splitlines()
    assert (code, len(lines)) == (0, 1102)
    assert lines[20] == f"{'  ' * 20}c1079 (lemma; argued; none)"
    assert lines[21] == f"{'  ' * 20}[21 steps] c1078 (lemma; argued; none)"
    assert lines[-1] == f"{'  ' * 20}[1101 steps] d (definition; by definition; none)"
    above = litmus("impact", "d")[1].splitlines()
    assert f"{'  ' * 20}[1101 steps] c1099 (lemma; argued; none)" in above


@pytest.mark.parametrize("command", ["why", "impact"])
def test_an_unknown_claim_is_told_with_the_nearest_name(litmus, command):
    code, said = litmus(command, "tpo")
    assert code == 1
    assert "no claim is called 'tpo'. Did you mean 'top'?" in said


def test_new_begins_a_claim_of_its_kind(litmus, tmp_path):
    code, said = litmus("new", "conjecture", "bold-guess")
    assert code == 0
    assert "![[bold-guess]]" in said
    note = (tmp_path / "docs/claims/bold-guess.md").read_text(encoding="utf-8")
    assert note == "---\nkind: conjecture\n---\n# bold-guess\n"


def test_new_knows_its_kinds(litmus, tmp_path):
    code, said = litmus("new", "lema", "bold-guess")
    assert code == 2
    assert "'lemma'" in said
    assert not (tmp_path / "docs/claims/bold-guess.md").exists()


def test_new_leaves_a_claim_alone_that_has_the_name(litmus, tmp_path):
    code, said = litmus("new", "lemma", "Top")
    assert code == 1
    assert "'Top' is taken" in said
    assert (tmp_path / "docs/claims/top.md").read_text() == FILES["docs/claims/top.md"]


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a / b", "the name 'a / b' has a slash, which would make a folder. How about 'a-b'?"),
        ("../../out", "How about 'out'?"),
        ("a:b", "How about 'a-b'?"),
        ("to:p", "How about 'to-p'?"),
        ("top.md", "How about 'top-2'?"),  # a nearer one is there
        ("low?", "How about 'low-4'?"),  # as are the next
        ("Con", "belongs to a device on Windows. How about 'Con-claim'?"),
        ("", "is empty. Write some words of what it claims."),
        ("..", "Write some words"),
        ("-x", "How about 'x'?"),
        ("--strict", "How about 'strict'?"),
        ("x" * 400, "How about 'xxx"),
        ("\udcff", "the name '\\udcff' has a sign that nobody sees"),
        ("TOP", "'TOP' is taken"),
        ("e\u0301tale", "'étale' is taken"),  # in another unicode form
        ("draft", "'draft' is taken"),  # which is not published
        ("folder", "'folder' is taken"),  # its page would be the same
    ],
)
def test_new_refuses_a_name_that_cannot_be_one_and_writes_nothing(litmus, tmp_path, name, said):
    files = ["étale.md", "draft.md", "folder/index.md", "low-2.md", "Low-3.md"]
    write_files(tmp_path / "docs/claims", dict.fromkeys(files, "---\npublish: true\n---\nx\n"))
    write_files(tmp_path, {"docs/claims/draft.md": "---\npublish: false\n---\n"})
    before = everything(tmp_path)
    code, told = litmus("new", "lemma", name)
    assert code == 1
    assert said in told
    assert everything(tmp_path) == before


def test_new_writes_a_name_in_one_unicode_form(litmus, tmp_path):
    assert litmus("new", "lemma", "e\u0301tale")[0] == 0
    assert (tmp_path / "docs/claims/étale.md").exists()


def test_new_begins_as_in_a_new_vault_where_there_is_no_template(litmus, tmp_path):
    assert litmus("new", "definition", "bold-guess")[0] == 0
    note = (tmp_path / "docs/claims/bold-guess.md").read_text(encoding="utf-8")
    template = (new_project.STARTER / "docs/templates/definition.md").read_text(encoding="utf-8")
    assert note == template.replace("{{title}}", "bold-guess")


def test_new_says_what_is_wrong_with_a_template_that_is_not_text(litmus, tmp_path):
    (tmp_path / "docs/templates/claim.md").write_bytes(b"\xff")
    code, said = litmus("new", "lemma", "bold-guess")
    assert code == 1
    assert "cannot be begun" in said
    assert not (tmp_path / "docs/claims/bold-guess.md").exists()


def test_new_follows_no_link_out_of_the_vault(litmus, tmp_path):
    (tmp_path / "docs/claims").rename(tmp_path / "elsewhere")
    (tmp_path / "docs/claims").symlink_to(tmp_path / "elsewhere")
    code, said = litmus("new", "lemma", "bold-guess")
    assert code == 1
    assert "docs/claims is a link to elsewhere" in said
    assert not (tmp_path / "elsewhere/bold-guess.md").exists()


@pytest.mark.parametrize("command", ["why", "impact"])
@pytest.mark.parametrize("name", ["", "..", "a/b", "\udcff", "[[top]]", "top.md", "x" * 9999, "\n"])
def test_odd_names_are_answered_in_a_sentence(litmus, command, name):
    code, said = litmus(command, name)
    assert (code, "no claim is called" in said) == (1, True)


def test_outside_of_a_project_a_command_says_where_to_run_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["why", "x"])
    assert result.exit_code == 1
    assert "run from the project's root" in result.output


VAULT = {"Home.md": "# Hello\n\n[[second|there]]\n", "sub/Second.md": "x ^id\n"}


@pytest.fixture
def vault(tmp_path):
    """A folder of notes that knows nothing of Litmus."""
    write_files(tmp_path / "vault", VAULT)
    return tmp_path / "vault"


def run_site(vault, *options):
    out = vault.parent / "out"
    return CliRunner().invoke(main, ["site", str(vault), "--out", str(out), *options]), out


def test_any_folder_of_notes_becomes_a_site_and_stays_as_it_is(vault):
    result, out = run_site(vault, "--strict")
    assert result.exit_code == 0, result.output
    assert 'href="../sub/Second/"' in (out / "Home/index.html").read_text(encoding="utf-8")
    assert (out / "index.html").exists()
    assert {p.relative_to(vault).as_posix() for p in vault.rglob("*.*")} == set(VAULT)
    assert {p.name for p in vault.parent.iterdir()} == {"vault", "out"}


def test_strict_fails_and_leaves_the_site_where_something_is_open(vault):
    (vault / "Home.md").write_text("[[nowhere]]", encoding="utf-8")
    result, out = run_site(vault, "--strict")
    assert result.exit_code == 1
    assert [p.name for p in out.parent.iterdir()] == ["vault"]
    result, out = run_site(vault)
    assert result.exit_code == 0
    assert "Home.md:1" in (out / "open-ends/index.html").read_text(encoding="utf-8")


def test_the_version_is_that_of_the_distribution():
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"{DISTRIBUTION} {__version__}\n")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "there is no mkdocs.yml here. Add what a project lacks by: litmus init --here"),
        ({"mkdocs.yml": "site_name: x\n"}, "mkdocs.yml does not name Litmus among its plugins."),
        ({"mkdocs.yaml": "site_name: x\n"}, "mkdocs.yaml does not name Litmus among its plugins."),
    ],
)
def test_a_build_says_what_its_settings_lack(litmus, tmp_path, written, said):
    write_files(tmp_path, written)
    result = CliRunner().invoke(main, ["build"])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    assert said in str(result.exception.__context__ or result.exception) + result.output


def test_a_command_leaves_the_collector_at_work(litmus):
    assert litmus("why", "top")[0] == 0
    assert gc.isenabled()


TEXTS = ["*.md", "Makefile", ".github/**/*.yml", "docs/*.md", "litmus/author/starter/**/*.md"]
COMMAND = re.compile(r"(?:^[ \t]*|`)litmus\s([\w-]+)", re.MULTILINE)  # of a line, or in code


def commands_in(root):
    """The first words after `litmus` in the texts that tell people what to type."""
    for text in (path.read_text(encoding="utf-8") for form in TEXTS for path in root.glob(form)):
        yield from COMMAND.findall(text)


def test_people_are_told_of_every_command_and_of_no_other():
    options = {name for option in main.params for name in option.opts}
    assert {*commands_in(ROOT)} - options == {*main.commands}


def test_control_a_command_that_is_not_there_is_found(tmp_path):
    told = {"README.md": "`litmus site`", ".github/a/b.yml": "- `litmus --gone`", "Makefile": ""}
    write_files(tmp_path, told)
    assert {*commands_in(tmp_path)} == {"site", "--gone"}
