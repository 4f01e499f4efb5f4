"""Does the search find each section of a note by its title, its words and its tags?"""

import json

import pytest

from litmus.site.search import entries, entry, index


@pytest.fixture
def found(project):
    """A function that returns the entries of a note that has a text."""

    def entries_of(text, path="a.md"):
        vault = project({f"docs/{path}": text}).read().vault
        return json.loads(f"[{entries(vault.notes[path])}]")

    return entries_of


def test_each_section_is_found_as_itself_and_the_first_as_the_page(found):
    text = "# Title\n\nOne.\n\n## Part & *all*\n\nTwo.\n\n- Three\n\n### Inner\n\n```\nx < 1\n```\n"
    assert found(text) == [
        {"location": "a/", "title": "Title", "text": "<p>One.</p>"},
        {
            "location": "a/#part--all",
            "title": "Part &amp; all",
            "text": "<p>Two.</p><p>Three</p>",
        },
        {"location": "a/#inner", "title": "Inner", "text": "<p>x &lt; 1</p>"},
    ]


def test_a_formula_is_found_by_its_tex(found):
    assert [e["text"] for e in found("A $x < y$.\n\n$$\nz\n$$\n")] == ["<p>A x &lt; y.</p><p>z</p>"]


def test_every_section_is_found_by_all_tags_of_its_note(found):
    text = '---\ntags: [one, "<b>"]\n---\n# Title\n\nWords. #two/three\n\n## Part\n\nMore.\n'
    assert [e["tags"] for e in found(text)] == [["one", "&lt;b&gt;", "two/three"]] * 2


def test_control_a_note_without_tags_has_none(found):
    assert not any("tags" in e for e in found("# Title\n\nWords, and no. #1\n\n## Part\n\nMore.\n"))


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("", ["a"]),
        ("Words.\n", ["a"]),
        ("## Part\n", ["a", "Part"]),
        ("# Title\n", ["Title"]),
        ("Words.\n\n# Title\n\nMore.\n", ["Title", "Title"]),
        ("# Title\n\n## Part\n\n## Part\n", ["Title", "Part", "Part"]),
    ],
)
def test_a_note_is_found_once_as_itself_by_its_title_or_its_name(found, text, titles):
    entries = found(text)
    assert [e["title"] for e in entries] == titles
    assert [e["location"] for e in entries if "#" not in e["location"]] == ["a/"]
    assert len({e["location"] for e in entries}) == len(entries)


def test_the_index_has_what_was_begun_and_then_the_pages():
    begun = {"config": {"lang": ["en"]}, "docs": [{"location": "lab/"}]}
    whole = json.loads(index(begun, [entry("b/", "B", "x < 1"), "", entry("c/", "<C>", "")]))
    assert whole == {
        "config": {"lang": ["en"]},
        "docs": [
            {"location": "lab/"},
            {"location": "b/", "title": "B", "text": "<p>x &lt; 1</p>"},
            {"location": "c/", "title": "&lt;C&gt;", "text": ""},
        ],
    }
