"""Does a note know who links to it, how, and in which sentence?"""

import pytest
from bs4 import BeautifulSoup

from litmus.claims.backlinks import backlinks
from litmus.site.page import linked_from


@pytest.fixture
def linked(project):
    """A function that returns who links to docs/claims/c.md: source, relation and sentence."""

    def find(notes):
        small = project({"docs/claims/c.md": "---\nkind: lemma\n---\n# C\n\nx", **notes})
        found = small.read()
        renderer = small.pages().renderer
        links = backlinks(found.vault, found.claims).get("claims/c.md", [])
        return [
            (
                link.source,
                link.relation,
                str(linked_from([link], renderer, "claims/c/")[0].sentence),
            )
            for link in links
        ]

    return find


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. Two [[c]] here. Three.", "Two <strong>c</strong> here."),
        ("One [[c|label]].\nTwo.", "One <strong>label</strong>."),
        ("One? See [[c]]! Two.", "See <strong>c</strong>!"),
        ("See cf. [[c]], e.g. now. Two.", "See cf. <strong>c</strong>, e.g. now."),
        ("*One. Two [[c]]. Three.*", "<em>One. Two <strong>c</strong>. Three.</em>"),
        ("If $x. y$ then [[c]]. Two.", 'If <span class="tex">x. y</span> then <strong>c</strong>.'),
        ("- One.\n- Two [[c]]", "Two <strong>c</strong>"),
        ("| a. b |\n|---|\n| [[c]] |", "<strong>c</strong>"),
        ("See [[c]][^1]. Two.\n\n[^1]: foot", "See <strong>c</strong>."),
        ("[[other]] and [[c]].", "<strong>other</strong> and <strong>c</strong>."),
        ("One. Two [a label](claims/c.md) here. Three.", "Two a label here."),
        ("One.\nTwo\n[[c]].\nThree.", "Two<br />\n<strong>c</strong>."),
    ],
)
def test_a_mention_comes_with_its_sentence_and_no_more(linked, text, sentence):
    assert linked({"docs/n.md": text}) == [("n.md", "mentioned", sentence)]


CLAIM = "---\nkind: lemma\n---\n# N\n\n{}\n\n## Proof\n\n{}\n"


@pytest.mark.parametrize(
    ("text", "relations"),
    [
        ("[[c]]", ["mentioned"]),
        ("![[c]]", ["embedded"]),
        ("![[c]]\n\n[[c]]", ["embedded"]),
        ("[[c]] and again [[c]]", ["mentioned"]),
        (CLAIM.format("x", "By [[c]]."), ["used in proofs"]),
        (CLAIM.format("x", "Cf. [[c]]."), ["mentioned"]),
        ("`[[c]]` and [[other]]", []),
        ("> [!note] T\n> [[c]]", ["mentioned"]),
        ("As in ![[c]] here.", ["embedded"]),
        ("As in ![a label](c) and ![a label](c.md).", ["embedded"]),
        ("![a label](c)", ["embedded"]),
        ("[a label](c.md)", ["mentioned"]),
        ("[a label](<c.md#C>)", ["mentioned"]),
        ("**[a label](../claims/c)**", ["mentioned"]),
        ("[a label](%63.md)", ["mentioned"]),
        ("[a label](https://e.org/c.md)", []),
        ("[a label](//e.org/c.md)", []),
        ("[a label](#c)", []),
        ("[a label](c%20c.md)", []),
    ],
)
def test_a_link_is_used_in_a_proof_or_embeds_or_mentions_each_once(linked, text, relations):
    found = linked({"docs/claims/n.md": text})
    assert [relation for _, relation, _ in found] == relations


def test_a_use_in_a_proof_comes_with_the_sentence_of_the_proof(linked):
    found = linked({"docs/claims/n.md": CLAIM.format("Let [[c]] hold.", "By [[c]], done.")})
    assert found == [("claims/n.md", "used in proofs", "By <strong>c</strong>, done.")]


def test_a_note_does_not_link_to_itself(linked):
    assert linked({"docs/claims/c.md": "---\nkind: lemma\n---\n# C\n\n[[c]] [[#C]]"}) == []


def test_proofs_come_first_then_embeds_then_mentions(linked):
    notes = {
        "docs/a.md": "[[c]]",
        "docs/claims/z.md": CLAIM.format("x", "By [[c]]."),
        "docs/b.md": "![[c]]",
    }
    assert [source for source, _, _ in linked(notes)] == ["claims/z.md", "b.md", "a.md"]


LONG = "word " * 400


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG}[[c]] {LONG}",
        f"*{LONG}[[c]] {LONG}*",
        f"{'*word* **other** ' * 200}[[c]]{' ==word== $x$' * 200}",
        f"{'word' * 500}[[c]]{'word' * 500}",
        f"{LONG}**[a *b* c](claims/c.md) {LONG}x**",
        f"{LONG}<b>[[c]]</b> {LONG}",
        "\n".join([*(f"[[x{n}]]" for n in range(300)), "[[c]]", *["[[y]]"] * 300]),
        f"{'`code` ' * 300}[[c]]\n{'word ' * 300}",
    ],
)
def test_of_a_long_sentence_what_is_near_the_link_is_quoted(linked, text):
    [(_, _, sentence)] = linked({"docs/n.md": text})
    said = BeautifulSoup(sentence, "html.parser")
    assert str(said).count("</") == sentence.count("</")  # whatever is opened is closed
    words = said.get_text()
    assert words.startswith("…")
    assert words.endswith("…")
    assert "c" in words
    assert len(words) < 700
    assert len(sentence) < 6_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[[c]] {LONG}", ("c word", "…")),
        (f"{LONG}[[c]]", ("…", "word c")),
        (f"{'word ' * 180}[[c]].", ("word", "c.")),
    ],
)
def test_control_a_sentence_is_cut_where_it_is_too_long_alone(linked, text, words):
    [(_, _, sentence)] = linked({"docs/n.md": text})
    said = BeautifulSoup(sentence, "html.parser").get_text()
    assert said.startswith(words[0])
    assert said.endswith(words[1])


def test_a_list_of_many_notes_is_not_quoted_whole_on_each_of_them(project):
    def size(number):
        names = [f"n{n}" for n in range(number)]
        notes = {f"docs/{name}.md": "x" for name in names}
        small = project({"docs/index.md": "\n".join(f"[[{name}]]" for name in names), **notes})
        found = small.read()
        renderer, links = small.pages().renderer, backlinks(found.vault, found.claims)
        middle = f"n{number // 2}"
        return len(linked_from(links[f"{middle}.md"], renderer, f"{middle}/")[0].sentence)

    assert size(60) > 60 * 10  # short enough to be shown whole
    assert size(400) < 5_000
    assert size(800) < 1.2 * size(400)
