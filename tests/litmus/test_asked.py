"""Would a page be told the same again where nothing has changed, and otherwise where it has?"""

import json

import pytest

FILES = {
    "docs/page.md": """---
related: "[[linked]]"
---
# Page

[[linked]], [[by another name]], [[sub/deep#Part]], [[nowhere]], [a](linked.md), [[p.png]].

![[embedded]] ![[claim]] ![[map.canvas]] ![[drawn]]

$\\own$ [@cited] @described and @unknown

```quote
snippets/used.py f
```
""",
    "docs/linked.md": "# Linked\n",
    "docs/named.md": "---\naliases: by another name\n---\n# Named\n",
    "docs/sub/deep.md": "# Deep\n\n## Part\n",
    "docs/embedded.md": "# Embedded\n\n[[inner]]\n",
    "docs/inner.md": "# Inner\n",
    "docs/claims/claim.md": "---\nkind: lemma\n---\n# C\n\nIt is.\n\n## Proof\n\nBy [[used]].\n",
    "docs/claims/used.md": "---\nkind: lemma\n---\n# U\n\nIt is.\n\n## Proof\n\nx\n",
    "docs/map.canvas": json.dumps({"nodes": [{"type": "file", "file": "linked.md"}]}),
    "docs/drawn.md": "---\nexcalidraw-plugin: parsed\n---\n# Text\n\nwords ^a\n",
    "docs/p.png": "a picture",
    "docs/work.md": "---\ncitekey: described\nauthors: [Ng]\nyear: 2004\n---\n# Work\n",
    "docs/references.bib": "@misc{cited, author = {A, B}, title = {T}, year = {2020}}",
    "docs/preamble.sty": "\\newcommand{\\own}{x}",
    "docs/apart.md": "# Apart\n\n[[linked]]\n",
    "snippets/used.py": "def f(): return 1\n",
    "snippets/apart.py": "",
}
CHANGES = {  # that the page can see
    "docs/linked.md": "# Another\n",
    "docs/named.md": "---\naliases: no other name\n---\n# Named\n",
    "docs/sub/deep.md": "# Deep\n\n## Section\n",
    "docs/embedded.md": "# Embedded\n",
    "docs/inner.md": "---\npublish: false\n---\n",
    "docs/claims/claim.md": "---\nkind: theorem\n---\n# C\n\nIt is.\n",
    "docs/claims/used.md": "---\nkind: lemma\n---\n# U\n\nIt is.\n",
    "docs/map.canvas": "{}",
    "docs/drawn.md": "---\nexcalidraw-plugin: parsed\n---\n# Text\n\nothers ^a\n",
    "docs/drawn.svg": "<svg/>",
    "docs/work.md": "---\ncitekey: described\nauthors: [Ng]\nyear: 2005\n---\n# Work\n",
    "docs/references.bib": "@misc{cited, author = {A, B}, title = {T}, year = {2021}}",
    "docs/preamble.sty": "\\newcommand{\\own}{y}",
    "docs/sub/linked.md": "# Another of that name\n",
    "docs/nowhere.md": "# Here now\n",
    "docs/nowhen.md": "# The nearest name to nowhere\n",
    "snippets/used.py": "def f(): return 2\n",
}
OTHERS = {  # that it cannot
    "docs/apart.md": "# Still apart\n",
    "docs/more.png": "a picture",
    "docs/p.png": "another picture",
    "docs/unlike.md": "# Unlike all others\n",
    "snippets/apart.py": "x = 1",
}


class Asking:
    """A page of a small project, and what it asked when it was rendered."""

    def __init__(self, small):
        self.small = small
        site = self.site()
        site.render(site.vault.notes["page.md"])
        self.asked = dict(site.asked)

    def site(self, withheld=()):
        site = self.small.site()
        site.vault.inner.withheld |= set(withheld)
        return site

    def answered_otherwise(self, **how):
        site = self.site(**how)
        return {question for question, mark in self.asked.items() if site.mark(question) != mark}


@pytest.fixture
def asking(project):
    return Asking(project(FILES))


def test_each_kind_of_question_is_asked(asking):
    kinds = {question[0] for question in asking.asked}
    assert kinds >= {"means", "missing", "text", "withheld", "macros", "code", "notes", "claims"}
    assert kinds >= {"references", "literature"}


def test_where_nothing_has_changed_each_answer_is_the_same(asking):
    assert asking.answered_otherwise() == set()


@pytest.mark.parametrize("file", OTHERS)
def test_where_something_else_has_changed_each_answer_is_the_same(asking, file):
    asking.small.write({file: OTHERS[file]})
    assert asking.answered_otherwise() == set()


@pytest.mark.parametrize("file", CHANGES)
def test_where_what_it_shows_has_changed_an_answer_is_another_one(asking, file):
    asking.small.write({file: CHANGES[file]})
    assert asking.answered_otherwise() != set()


@pytest.mark.parametrize("file", ["linked.md", "map.canvas", "p.png", "references.bib"])
def test_where_something_is_gone_an_answer_is_another_one(asking, file):
    (asking.small.root / "docs" / file).unlink()
    assert asking.answered_otherwise() != set()


def test_where_a_file_is_withheld_that_answer_alone_is_another_one(asking):
    assert asking.answered_otherwise(withheld=["p.png"]) == {("withheld", "p.png")}
    assert asking.answered_otherwise(withheld=["more.png"]) == set()


def test_who_asks_for_all_of_something_asks_for_its_keys(asking):
    site = asking.site()
    for each in [site.references, site.literature, site.claim_at, site.vault.notes]:
        for ask in [list, len]:
            site.asked.clear()
            assert ask(each) == ask(each.inner)
            assert list(site.asked) == [(each.name,)]
        assert site.mark((each.name,)) == site.asked[each.name,]


def test_who_asks_whether_something_is_there_asks_no_more(asking):
    site = asking.site()
    site.asked.clear()
    assert "linked.md" in site.vault.notes
    assert "gone.md" not in site.vault.notes
    assert site.asked == {("in notes", "linked.md"): True, ("in notes", "gone.md"): False}
    assert [site.mark(question) for question in site.asked] == [True, False]
    assert site.mark(("notes", "gone.md")) is None


def test_what_is_published_is_there_and_not_withheld(asking):
    vault = asking.site(withheld=["p.png"]).vault
    assert not vault.publishes("p.png")
    assert not vault.publishes("gone.png")
    assert vault.publishes("map.canvas")
