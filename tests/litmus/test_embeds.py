"""Do embeds show what they name, where they may stand, without repeating an id or losing a note?"""

import re

import pytest
from bs4 import BeautifulSoup

from tests.litmus.wellformed import dead_fragments, misplaced, repeated_ids

OTHER = """# Other[^title]

First[^a] and ^[in line]. ^first

## Part

Second[^b] and first again[^a].

1. one
2. two ^two
   - child

- [ ] to do ^task

## Named ^named

Below.

[^a]: Note *a*, see [^c].
[^b]: Note b
[^c]: Note c, with ![[picture.png|20]]
[^title]: On the title
"""
FILES = {
    "docs/other.md": OTHER,
    "docs/deep.md": "deep ![[other#Part]]",
    "docs/picture.png": b"a picture",
    "docs/a.svg": "<svg/>",
    "docs/a.webp": b"w",
    "docs/a.avif": b"a",
    "docs/a.mp3": b"m",
    "docs/a.mp4": b"v",
    "docs/a.pdf": b"p",
    "docs/data.zip": b"z",
}


@pytest.fixture
def shown(project):
    """A function that returns the HTML of a note in the vault above, and what is wrong with it."""

    def render(text, **more):
        notes = {f"docs/{name}.md": note for name, note in more.items()}
        return project({**FILES, "docs/n.md": text, **notes}).render("n.md")

    return render


EMBEDDED = [
    ("![[picture.png|300]]", 'alt="picture" width="300" loading="lazy">'),
    ("![[picture.png|300x200]]", 'alt="picture" width="300" height="200" loading'),
    ("![[picture.png|a curve|300]]", 'alt="a curve" width="300" loading'),
    ("![[picture.png|2019 results]]", 'alt="2019 results" loading'),
    ("![a *curve*|30x20](picture.png)", 'alt="a curve" width="30" height="20" loading'),
    ("![300](picture.png)", 'alt="" width="300" loading'),
    ('![a](picture.png "Title")', 'alt="a" title="Title" loading'),
    ("![a|100](https://e.org/x.png)", 'alt="a" width="100" referrerpolicy="no-referrer" loading'),
    ("![[a.svg]]", '<img src="../a.svg" alt="a"'),
    ("![[a.webp]]", '<img src="../a.webp" alt="a"'),
    ("![[a.avif]]", '<img src="../a.avif" alt="a"'),
    ("text ![[picture.png]] text", '<p>text <img src="../picture.png"'),
    ("![[a.mp3]]", '<audio controls src="../a.mp3"'),
    ("![[a.mp4#t=20]]", '<video controls src="../a.mp4#t=20"'),
    ("![[a.pdf#page=3]]", '<object class="pdf" data="../a.pdf#page=3"'),
    ("![[a.pdf#height=400]]", ' height="400"><a href="../a.pdf#height=400">'),
    ("[[a.pdf#page=3]]", '<a href="../a.pdf#page=3">'),
    ("![[data.zip]]", '<p><a class="embed" href="../data.zip">data.zip</a></p>'),
    ("![a film](https://youtu.be/x)", '<a class="embed" href="https://youtu.be/x">a film</a>'),
    ("![[other#^two]]", '<ol start="2"><li>two\n<ul>\n<li>child</li>'),
    ("![[other#^task]]", '<ul class="contains-task-list"><li class="task-list-item"'),
    ("![[other#^named]]", "<p>Below.</p>"),
    ("![[deep]]", '<p class="embedded-heading h2">Part</p>'),
    ("- item\n  ![[other#^two]]", '<li>item<div class="embed">'),
    ("| a |\n|---|\n| ![[other#^two]] |", '<td><div class="embed">'),
    ("> [!note] T\n> ![[other#^two]]", 'T</p>\n<div class="embed">'),
    ("> [!note] ![[other]]", '<a class="embed" href="../other/" data-card>other</a></p>'),
    ("# ![[other]]", '<a class="embed" href="../other/" data-card>other</a><a class="headerlink"'),
    ("**a ![[other#^two]] b**", '<p><strong>a </strong></p>\n<div class="embed">'),
    ("**a ![[other#^two]] b**", "</div><p><strong> b</strong></p>"),
    ("![so](other.md#^two)", '<ol start="2"><li>two\n<ul>\n<li>child</li>'),
    ("a ![so](<other.md#^two>) b", '<p>a </p>\n<div class="embed">'),
    ("> [!note] ![so](other.md)", '<a class="embed" href="../other/" data-card>so</a></p>'),
    ("![so](data.zip)", '<p><a class="embed" href="../data.zip">so</a></p>'),
    ("![](picture.png) ![[other#^two]]", '<p><img src="../picture.png"'),
]


@pytest.mark.parametrize(("text", "wanted"), EMBEDDED, ids=[repr(row[0]) for row in EMBEDDED])
def test_an_embed_shows_what_obsidian_shows(shown, text, wanted):
    html, problems = shown(text)
    assert wanted in html
    assert not problems
    assert not misplaced(html)


MISSING = [
    ("![[nope.png]]", '<span class="unresolved">nope.png</span>', "no note is called 'nope.png'"),
    ("![[nope]]", '<p><span class="unresolved">nope</span></p>', "no note is called 'nope'"),
    ("![x](nope.png)", '<span class="unresolved">x</span>', "there is no file 'nope.png'"),
    ("![x](nope.md)", '<p><span class="unresolved">x</span></p>', "no note is called 'nope.md'"),
    ("![x](n.md)", '<code class="unresolved">![x](n.md)</code>', "an embed contains itself"),
    ("[x](nope.md)", '<a class="unresolved">x</a>', "there is no file 'nope.md'"),
    ("![[other#No]]", '<code class="unresolved">![[other#No]]</code>', "no heading 'No'"),
    ("![[other#^no]]", '<code class="unresolved">![[other#^no]]</code>', "no block ^no"),
    ("![[n]]", '<code class="unresolved">![[n]]</code>', "an embed contains itself"),
]


@pytest.mark.parametrize(("text", "wanted", "problem"), MISSING, ids=[row[0] for row in MISSING])
def test_what_cannot_be_embedded_is_marked_and_reported(shown, text, wanted, problem):
    html, problems = shown(text)
    assert wanted in html
    assert [problem in line for line in problems] == [True]
    assert not misplaced(html)


def test_a_loop_through_other_notes_is_marked_where_it_closes(shown):
    html, problems = shown("n ![[x]]", x="x ![[y]]", y="y ![[n]]")
    assert '<code class="unresolved">![[n]]</code>' in html
    assert problems == [
        "y.md:1: an embed contains itself: n.md embeds x.md embeds y.md embeds n.md."
        " Link to one of them instead."
    ]


def test_a_chain_of_embeds_ends_in_a_link_when_it_is_too_deep(shown):
    notes = {f"x{i}": f"text {i} ![[x{i + 1}]]" for i in range(200)}
    html, problems = shown("![[x0]]", **notes)
    assert "text 10" in html
    assert '<a class="embed"' in html
    assert len(problems) == 1


def test_embeds_that_multiply_end_in_links(shown):
    notes = {f"x{i}": f"![[x{i + 1}]]\n\n" * 10 for i in range(9)}
    html, problems = shown("![[x0]]", **notes, x9="end")
    assert 500 < html.count('<div class="embed">') <= 2000
    assert len(problems) == 1


PAGE = """# Page[^p]

Own[^p] ^[line] ^block

![[other]]

![[other#Part]]

![[other]]

![[#Section]]

## Section

Here[^q] ^here

| a |
|---|
| ![[other#^first]] |

[^p]: Page's, with ![[other#^first]]
[^q]: Other
"""


def test_no_id_occurs_twice_and_every_footnote_leads_there_and_back(shown):
    html, problems = shown(PAGE)
    assert not problems
    assert not repeated_ids(html)
    assert not misplaced(html)
    assert not dead_fragments(html)
    page = BeautifulSoup(html, "html.parser")
    numbers = [int(a.text.strip("[]")) for a in page.select(".footnote-ref a")]
    assert list(dict.fromkeys(numbers)) == list(range(1, max(numbers) + 1))  # as they come
    assert len(page.select(".footnote-item")) == max(numbers)
    for text in ["Note a, see", "Note b", "Note c", "in line", "On the title", "Page's, with"]:
        assert [text in item.text for item in page.select(".footnote-item")].count(True) == 1


@pytest.mark.parametrize(
    "broken",
    [
        '<p id="a">x</p><p id="a">y</p>',
        '<p id="a">x</p><p id="b"></p></div>',
        "<p><div>x</div></p>",
        '<a href="#x"><a>x</a></a>',
        "<ul><li>x",
    ],
)
def test_control_what_is_wrong_with_html_is_found(broken):
    assert repeated_ids(broken) or misplaced(broken)


def test_control_a_link_to_nothing_on_the_page_is_found():
    assert dead_fragments('<a href="#here">x</a>') == ["#here"]


def test_a_section_brings_only_the_footnotes_that_it_uses(shown):
    html, _ = shown("![[other#^first]]")
    assert "Note <em>a</em>" in html
    assert "Note c" in html  # of which note a speaks
    assert "Note b" not in html


def test_a_claim_shown_by_another_note_keeps_the_footnotes_of_its_proof(project):
    claim = "# C\n\nSays[^s].\n\n## Proof\n\nBecause[^p].\n\n[^s]: statement\n[^p]: proof\n"
    small = project({"docs/claims/c.md": claim, "docs/n.md": "own^[mine]\n\n![[c]]"})
    for path, order in [("n.md", ["mine", "statement", "proof"]), ("claims/c.md", None)]:
        html, _ = small.render(path)
        items = BeautifulSoup(html, "html.parser").select(".footnote-item p")
        said = [re.sub(r"\W", "", item.text) for item in items]
        assert said == (order or ["statement", "proof"])
        assert not repeated_ids(html)
        assert not dead_fragments(html)


def test_a_menu_has_the_text_of_a_heading_without_its_links_and_footnotes(project):
    note = "# On [[m|the *m*]] and [x](https://e.org)[^f] #tag $x$\n\n[^f]: foot"
    pages = project({"docs/n.md": note, "docs/m.md": ""}).pages()
    entry = pages.render(pages.library.notes["n.md"]).toc[0]
    assert entry.html == 'On the <em>m</em> and x #tag <span class="tex">x</span>'
