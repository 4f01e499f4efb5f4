"""Does a link find the note that Obsidian would open, and does every note have its address?"""

import os
import unicodedata

import pytest

from litmus.files import reading
from litmus.vault.addresses import address, relative_url
from litmus.vault.properties import as_list
from litmus.vault.vault import Vault
from tests.litmus.conftest import write_files

NOTES = [
    *["index.md", "ideas/Batch Norm.md", "café.md", "a/twin.md", "b/twin.md", "b/deep/twin.md"],
    *["a/from.md", "b/from.md", "b/deep/from.md", "twins/other.md", "v1.2.md", "100% sure.md"],
    "readme.md",
]
FILES = ["p/plot.png", "a/plot.png", "snippets/x.py", "LICENSE", "readme"]


@pytest.fixture(scope="module")
def vault(project_in, tmp_path_factory):
    notes = {f"docs/{path}": "" for path in [*NOTES, *FILES]}
    aliased = {"docs/aliased.md": "---\naliases: [Other Name, twin]\n---\n"}
    return project_in(tmp_path_factory.mktemp("vault"), {**notes, **aliased}).read().vault


@pytest.mark.parametrize(
    ("target", "where", "found"),
    [
        ("index", "a/from.md", "index.md"),
        ("batch norm", "index.md", "ideas/Batch Norm.md"),
        ("batch norm.md", "index.md", "ideas/Batch Norm.md"),
        ("ideas/BATCH NORM", "index.md", "ideas/Batch Norm.md"),
        ("/ideas/batch norm", "a/from.md", "ideas/Batch Norm.md"),
        ("../ideas/batch norm", "a/from.md", "ideas/Batch Norm.md"),
        ("ideas/Batch%20Norm.md", "index.md", "ideas/Batch Norm.md"),
        (unicodedata.normalize("NFD", "café"), "index.md", "café.md"),
        ("v1.2", "index.md", "v1.2.md"),
        ("other name", "index.md", "aliased.md"),
        ("plot.png", "index.md", "a/plot.png"),
        ("p/plot.png", "a/from.md", "p/plot.png"),
        ("LICENSE", "index.md", "LICENSE"),
        ("readme", "index.md", "readme.md"),
        ("", "a/from.md", "a/from.md"),
        # Of several notes of that name the nearest: in the same folder, else the shallowest.
        ("twin", "a/from.md", "a/twin.md"),
        ("twin", "b/from.md", "b/twin.md"),
        ("twin", "b/deep/from.md", "b/deep/twin.md"),
        ("twin", "index.md", "a/twin.md"),
        ("deep/twin", "a/from.md", "b/deep/twin.md"),
        ("./twin", "b/from.md", "b/twin.md"),
        # And what is almost there is not there.
        ("win", "a/from.md", None),
        ("ns/other", "index.md", None),
        ("cafe", "index.md", None),
        ("plot", "index.md", None),
        ("v1", "index.md", None),
        ("ideas", "index.md", None),
    ],
)
def test_a_target_means_the_nearest_file_of_that_name_or_path(vault, target, where, found):
    assert vault.resolve(target, where) == found


@pytest.mark.parametrize("target", ["./twin", "../b/twin", "/b/twin", "././twin.md"])
def test_a_path_from_somewhere_means_the_file_at_its_end_alone(folder, target):
    vault, _ = Vault.read(folder({"b/twin.md": "", "b/from.md": "", "a/b/twin.md": ""}))
    assert vault.candidates(target, "b/from.md") == ["b/twin.md"]
    assert vault.candidates("b/twin", "b/from.md") == ["b/twin.md", "a/b/twin.md"]
    assert vault.candidates("../../b/twin", "b/from.md") == []


def test_a_name_comes_before_an_alias(vault):
    assert vault.candidates("twin", "index.md") == ["a/twin.md", "b/twin.md", "b/deep/twin.md"]


def test_hidden_files_and_templates_are_no_part_of_the_vault(project):
    files = {
        "docs/a.md": "",
        "docs/.trash/b.md": "",
        "docs/templates/c.md": "",
        "docs/drafts/d.md": "",
    }
    settings = {"docs/.obsidian/templates.json": '{"folder": "drafts"}'}
    assert list(project(files).read().vault.notes) == ["a.md", "drafts/d.md", "templates/c.md"]
    assert list(project(settings).read().vault.notes) == ["a.md", "templates/c.md"]


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("index.md", ""),
        ("ideas/index.md", "ideas/"),
        ("ideas/Batch Norm.md", "ideas/Batch Norm/"),
        ("my index.md", "my index/"),
        ("v1.2.md", "v1.2/"),
        ("labs/x.py", "labs/x/"),
        ("p/plot.png", "p/plot.png"),
    ],
)
def test_an_address_is_the_path_as_a_folder_and_unchanged_otherwise(path, where):
    assert address(path) == where


@pytest.mark.parametrize(
    ("to", "page", "fragment", "url"),
    [
        ("", "", "", "."),
        ("a/", "", "", "a/"),
        ("", "a/", "", "../"),
        ("a/", "b/", "", "../a/"),
        ("a/b/", "a/", "", "b/"),
        ("a/", "a/b/", "", "../"),
        ("a b/é/", "", "", "a%20b/%C3%A9/"),
        ("100% sure/", "", "", "100%25%20sure/"),
        ("a/", "a/", "x", "#x"),
        ("a/", "b/", "^id", "../a/#^id"),
        ("a/", "b/", "a b", "../a/#a%20b"),
        ("p.png", "a/b/", "", "../../p.png"),
    ],
)
def test_a_relative_url_leads_from_one_address_to_the_other(to, page, fragment, url):
    assert relative_url(to, page, fragment) == url


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (None, []),
        ("a", ["a"]),
        ("a, b", ["a", "b"]),
        (["a", None, 1], ["a", "1"]),
        (1.5, ["1.5"]),
        ({}, []),
    ],
)
def test_a_property_is_read_as_a_list_however_it_was_written(written, words):
    assert as_list(written) == words


@pytest.fixture
def folder(tmp_path):
    """A function that writes files and returns the folder that they are in."""

    def write(files):
        write_files(tmp_path / "vault", files)
        return tmp_path / "vault"

    return write


def test_the_text_of_a_file_is_read_whatever_its_bytes_and_that_of_a_note_is_not(folder, tmp_path):
    files = {"a.canvas": b"caf\xc3\xa9 \xff", "a.md": "text", "b.txt": "text"}
    vault, _ = Vault.read(folder(files))
    texts = [vault.text(path) for path in ["a.canvas", "b.txt", "a.md", "gone.txt", "../secret"]]
    assert texts == ["café \ufffd", "text", "", "", ""]
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "vault/b.txt").unlink()
    (tmp_path / "vault/b.txt").symlink_to(tmp_path / "secret")  # since it was read
    assert vault.text("b.txt") == ""


@pytest.mark.parametrize(
    ("settings", "strict"),
    [
        ('{"strictLineBreaks": true}', True),
        ('{"strictLineBreaks": false}', False),
        ('{"strictLineBreaks": "true"}', False),
        ('{"other": true}', False),
        ("[true]", False),
        ("{", False),
        ("[" * 100_000, False),
        (b"\xff", False),
    ],
)
def test_a_line_ends_where_obsidian_is_set_to_end_it(folder, settings, strict):
    vault, _ = Vault.read(folder({".obsidian/app.json": settings, "a.md": ""}))
    assert vault.strict_line_breaks is strict


def test_what_is_left_out_is_said_with_what_to_do(folder, tmp_path):
    vault = folder({"a.md": "", "inside/b.md": ""})
    (tmp_path / "outside.md").write_text("")
    (vault / "folder").symlink_to(vault / "inside")
    (vault / "out.md").symlink_to(tmp_path / "outside.md")
    (vault / "in.md").symlink_to(vault / "a.md")
    with open(os.path.join(os.fsencode(vault), b"no\xff.md"), "wb"):
        pass
    read, problems = Vault.read(vault)
    assert list(read.notes) == ["a.md", "in.md", "inside/b.md"]
    assert sorted(map(str, problems)) == [
        "folder: the folder is a link, and is left out. Put the folder itself into the vault.",
        "no?.md: the name is not UTF-8; the file is left out. Rename it.",
        "out.md: the file is a link to outside the vault, or to nothing, and is left out. "
        "Put the file itself into the vault.",
    ]


def test_a_note_that_has_not_been_touched_is_not_read_again(folder):
    place = folder(
        {"a.md": "one", "b.md": "---\na: [\n---\n", "c.md": "---\npublish: false\n---\n"}
    )
    first, problems = Vault.read(place)
    again, the_same = Vault.read(place, first)
    assert list(again.notes) == ["a.md", "b.md"]
    assert all(again.notes[path] is first.notes[path] for path in again.notes)
    assert [*map(str, the_same)] == [*map(str, problems)] != []
    folder({"a.md": "two"})
    changed, _ = Vault.read(place, again)
    assert changed.notes["a.md"].digest != first.notes["a.md"].digest
    assert changed.notes["b.md"] is first.notes["b.md"]
    folder({".obsidian/app.json": '{"strictLineBreaks": true}'})  # which changes every note
    anew, _ = Vault.read(place, changed)
    assert anew.notes["b.md"] is not first.notes["b.md"]


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        ({"new.md": ""}, True),
        ({"a.md": "---\naliases: other\n---\n"}, True),
        ({"new.png": ""}, True),
        ({"a.md": "---\naliases: [one, two]\n---\nAnother text\n"}, False),
        ({"a.png": "another"}, False),
    ],
)
def test_the_digest_of_names_changes_when_a_link_could_mean_something_else(folder, files, changes):
    place = folder({"a.md": "---\naliases: [one, two]\n---\n", "a.png": ""})
    before = Vault.read(place)[0].names_digest
    folder(files)
    assert (Vault.read(place)[0].names_digest != before) is changes


@pytest.mark.parametrize(
    ("target", "remedy"),
    [
        ("Batch Nrm", "Did you mean 'Batch Norm'?"),
        ("other nam", "Did you mean 'Other Name' or 'other'?"),
        ("LICENCE", "Did you mean 'LICENSE'?"),
        ("xyzzy", "Write the note, or link to one that exists."),
    ],
)
def test_what_is_missing_has_the_nearest_name_of_a_note_an_alias_or_a_file(vault, target, remedy):
    assert vault.missing(target) == remedy


def test_a_note_is_private_in_any_case_and_quotes(folder):
    private = ["publish: false", "Publish: False", 'publish: "false"', "Publish: false\na: b: c"]
    notes = {f"{n}.md": f"---\n{line}\n---\nx\n" for n, line in enumerate(private)}
    vault, problems = Vault.read(folder({**notes, "open.md": "---\npublish: true\n---\n"}))
    assert list(vault.notes) == ["open.md"]
    assert problems == []


def test_a_note_or_a_preamble_that_cannot_be_read_is_empty_and_said_to_be(folder, monkeypatch):
    place = folder({"a.md": "text", "b.md": "text", "preamble.sty": "\\newcommand{\\x}{y}"})
    read = reading.read

    def fail(file, *limit):
        if file.name == "a.md":
            raise PermissionError(13, "Permission denied")
        return read(file, *limit)

    def raising(text):
        raise ValueError("why")

    monkeypatch.setattr("litmus.vault.vault.read_bytes", fail)
    monkeypatch.setattr("litmus.vault.vault.macros.definitions", raising)
    vault, problems = Vault.read(place)
    assert "".join(token.content for token in vault.notes["a.md"].tokens) == ""
    assert [token.content for token in vault.notes["b.md"].tokens if token.content] == ["text"]
    assert sorted(map(str, problems)) == [
        "a.md: this raises PermissionError: Permission denied. Its page is empty.",
        "preamble.sty: this raises ValueError: why. None of it is used.",
    ]
    assert dict(vault.macros) == {}


def test_what_a_vault_has_are_its_notes_and_its_files(vault):
    assert vault.has("café.md")
    assert vault.has("p/plot.png")
    assert not vault.has("café")
    assert not vault.has("plot.png")


def test_a_folder_that_cannot_be_looked_into_is_left_out_and_named(tmp_path, monkeypatch):
    write_files(tmp_path, {"a.md": "x", "closed/b.md": "y"})
    walk = os.walk

    def closed(top, onerror):
        onerror(PermissionError(13, "Permission denied", str(tmp_path / "closed")))
        return walk(tmp_path)

    monkeypatch.setattr(reading.os, "walk", closed)
    problems = []
    list(reading.everything(tmp_path, problems))
    assert list(map(str, problems)) == [
        "closed: this raises PermissionError: Permission denied. It is left out."
    ]


def test_of_a_file_that_is_gone_or_leads_out_there_is_nothing(tmp_path):
    write_files(tmp_path, {"vault/a.txt": "a", "vault/b.txt": "b", "apart.txt": "private"})
    vault, _ = Vault.read(tmp_path / "vault")
    assert vault.raw("a.txt") == b"a"
    (tmp_path / "vault/a.txt").unlink()
    (tmp_path / "vault/a.txt").mkdir()
    (tmp_path / "vault/b.txt").unlink()
    (tmp_path / "vault/b.txt").symlink_to(tmp_path / "apart.txt")
    assert [vault.raw(path) for path in ("a.txt", "b.txt", "c.txt")] == [b"", b"", b""]
