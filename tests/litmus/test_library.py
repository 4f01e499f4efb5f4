"""Would a page be told the same again where nothing has changed, and otherwise where it has?"""

import json
import pickle

import pytest

from litmus.render import library
from litmus.render.library import Question

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
    "docs/linked.md": "# Another\n",
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
        pages = small.pages()
        pages.render(pages.library.notes["page.md"])
        self.asked = dict(pages.library.asked)

    def library(self, withheld=()):
        library = self.small.pages().library
        library.vault.withheld |= set(withheld)
        return library

    def answered_otherwise(self, **how):
        library = self.library(**how)
        return {question for question, mark in self.asked.items() if question.mark(library) != mark}


@pytest.fixture
def asking(project):
    return Asking(project(FILES))


def test_each_kind_of_question_is_asked(asking):
    kinds = {question.tell for question in asking.asked}
    assert kinds == {
        *(library._one, library._has, library._keys, library._means, library._missing),
        *(library._text, library._withheld, library._snippet, library._title),
        *(library._standing, library._macros),
    }
    watched = {question.about[0] for question in asking.asked if question.tell is library._one}
    assert watched == {"notes", "claims", "references", "literature"}


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
    assert asking.answered_otherwise(withheld=["p.png"]) == {
        Question(library._withheld, ("p.png",))
    }
    assert asking.answered_otherwise(withheld=["more.png"]) == set()


def test_who_asks_for_all_of_something_asks_for_its_keys(asking):
    library_ = asking.library()
    for each in library_.watched.values():
        for ask in [list, len]:
            library_.asked.clear()
            assert ask(each) == ask(each.inner)
            [(question, mark)] = library_.asked.items()
            assert question == Question(library._keys, (each.name,))
        assert question.mark(library_) == mark


def test_who_asks_whether_something_is_there_asks_no_more(asking):
    library_ = asking.library()
    assert "linked.md" in library_.notes
    assert "gone.md" not in library_.notes
    there, gone = (Question(library._has, ("notes", path)) for path in ("linked.md", "gone.md"))
    assert library_.asked == {there: True, gone: False}
    assert [question.mark(library_) for question in library_.asked] == [True, False]
    assert Question(library._one, ("notes", "gone.md")).mark(library_) is None


def test_what_is_published_is_there_and_not_withheld(asking):
    library_ = asking.library(withheld=["p.png"])
    assert not library_.publishes("p.png")
    assert not library_.publishes("gone.png")
    assert library_.publishes("map.canvas")


def test_two_questions_about_the_same_are_not_one():
    """As tuples alone they would be, and one answer would take the place of the other."""
    about = ("a.md",)
    assert Question(library._title, about) != Question(library._standing, about)


def test_a_question_is_the_same_one_in_another_process(asking):
    again = pickle.loads(pickle.dumps(asking.asked))
    assert again == asking.asked
    assert asking.library().would_tell(again)
