"""Does a link find the note that Obsidian would open, and does every note have its address?"""

import unicodedata

import pytest

from litmus.addresses import address, relative_url
from litmus.properties import as_list

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
