"""Do claims, backlinks and the page see the same links, in whatever form they are written?"""

import pickle
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup

from litmus.claims.backlinks import backlinks
from litmus.vault.packed import unpacked

OTHER = "---\nkind: definition\n---\n# Other\n\nx\n\n## Part\n\ny\n"
FILES = {
    "docs/claims/b.md": OTHER,
    "docs/claims/with space.md": OTHER,
    "docs/claims/ü.md": OTHER,
    "docs/p.png": b"a picture",
    "docs/b.png": b"a picture",
}
LINKS = {  # by their lines in the text
    "[[b]]": 0,
    "[[b.md#Part|so]]": 0,
    "![[b]]": 0,
    "[b](b.md)": 0,
    "[b](<b.md>)": 0,
    "[b](b)": 0,
    "[b](B.md)": 0,
    "[b](./b.md)": 0,
    "[b](/claims/b.md)": 0,
    "[b](claims/b.md)": 0,
    "[b](../claims/b.md#part)": 0,
    '[b](b.md "title")': 0,
    "[b](%62.md)": 0,
    "[b](with%20space.md)": 0,
    "[b](<with space.md>)": 0,
    "[b](ü.md)": 0,
    "[b](%C3%BC.md)": 0,
    "[b][1]\n\n[1]: b.md": 0,
    "[b][]\n\n[b]: b.md": 0,
    "[b]\n\n[b]: <b.md>": 0,
    "![b](b.md)": 0,
    "![b](b)": 0,
    "![b][1]\n\n[1]: b.md": 0,
    "**By ==[b](b.md)==**": 0,
    "~~*[[b]]*~~": 0,
    "[![a](../p.png)](b.md)": 0,
    "x\ny\n[b](b.md)": 2,
    "$x\ny$ and\n[b](b.md)": 2,
    "x\n![[b]]\nand [b](with%20space.md)": 1,
    "x\ny ![b](b.md) z": 1,
    "> [!note] T\n> in [b](b.md)": 1,
    "> [!note] By [b](b.md)\n> x": 0,
    "> [!note]- By ![b](b.md)": 0,
    "```ad-note\nBy [b](b.md)\n```": 1,
    "| a |\n|---|\n| [b](b.md) |": 2,
    "| [[b]] |\n|---|\n| x |": 0,
    "| a |\n|---|\n| ![b](b.md) |": 2,
    "- x\n  1. [b](b.md)": 1,
    "- [ ] ![b](b.md)": 0,
    "### By [b](b.md)": 0,
    "### See\n![[b]]": 1,  # a heading ends with its line
    "x[^f].\n\n[^f]: By [b](b.md).": 2,
    "x[^f].\n\n[^f]: By\n    ![b](b.md)": 3,
    "x[^f].\n\n[^f]: x[^g].\n[^g]: By [[b]].": 3,
    "x\ny^[By [b](b.md).]": 1,
    "x\ny^[By ^[[[b]]].]": 1,
    "We see *that* [b](b.md)": 0,
    "See it.\n[b](b.md)": 1,
    "Cf. [x](x.md), by [b](b.md)": 0,
    "Cf. [x](x.md).\n\n![b](b.md)": 2,
}
NAMED = {  # others than b
    "[b](with%20space.md)": ["with space"],
    "[b](<with space.md>)": ["with space"],
    "[b](ü.md)": ["ü"],
    "[b](%C3%BC.md)": ["ü"],
    "x\n![[b]]\nand [b](with%20space.md)": ["b", "with space"],
}
COMPARED = [
    "cf. [[b]]",
    "Cf. [b](b.md)",
    "see also [b](<b.md>)",
    "(compare [b][1])\n\n[1]: b.md",
    "see\n[b](b.md)",
    "*cf.* **[b](b.md)**",
    "See *also* [b](b.md)",
    "See ![b](b.md)",
    "Clear. Cf. ![[b]]",
    "- compare with\n  ![[b]]",
    "| a |\n|---|\n| cf. [b](b.md) |",
    "> [!note] See [b](b.md)\n> x",
    "x[^f].\n\n[^f]: Cf. [b](b.md).",
    "x^[See [b](b.md).]",
]
NONE = [
    "[b](https://e.org/b.md)",
    "[b](//e.org/b.md)",
    "[b](mailto:b.md)",
    "[b](file:b.md)",
    "<https://e.org/b.md>",
    "https://e.org/b.md",
    "`[b](b.md)`",
    "%%[b](b.md)%%",
    "$[b](b.md)$",
    "[b]()",
    "[b](#proof)",
    "[[#Proof]]",
    "[b](nothing.md)",
    "![b](../b.png)",
    "![see [[b]]](../p.png)",
    "![see [b](b.md)](../p.png)",
]
CLAIM = "---\nkind: lemma\n---\n# C\n\n{}\n\n## Proof\n\n{}\n\n## After\n\nx\n"
IN_STATEMENT = CLAIM.partition("{}")[0].count("\n") + 1
IN_PROOF = CLAIM.rpartition("{}")[0].count("\n") + 1


@pytest.fixture(scope="module")
def seen(project_in, tmp_path_factory):
    """A function that returns what is seen of a text in the proof, or the statement, of a claim.

    That is what it uses and assumes, which notes it is known to link and how, where the links on
    its page lead, and on which line the first link to a note of the vault stands.
    """
    texts = [*LINKS, *COMPARED, *NONE]
    files = {f"docs/claims/proof-{n}.md": CLAIM.format("x", text) for n, text in enumerate(texts)}
    files |= {f"docs/claims/stated-{n}.md": CLAIM.format(t, "x") for n, t in enumerate(texts)}
    small = project_in(tmp_path_factory.mktemp("links"), {**FILES, **files})
    found, site = small.read(), small.pages()
    known = {
        target: {link.source: link.relation for link in links}
        for target, links in backlinks(found.vault, found.claims).items()
        if target.endswith(".md")
    }

    def look(where, text):
        claim = found.claims[f"{where}-{texts.index(text)}"]
        note = claim.note
        page = BeautifulSoup(site.render(note).html, "html.parser")
        for facts in page.select(".claim-facts"):
            facts.decompose()  # they name what the claims are said to use
        hrefs = {unquote(a["href"]).partition("#")[0] for a in page.find_all("a", href=True)}
        lines = [
            x.line
            for x in note.links
            if x.target and found.vault.resolve(x.target, note.path) in known
        ]
        return (
            claim.uses,
            claim.assumes,
            {target: links[note.path] for target, links in known.items() if note.path in links},
            {href[3:-1] for href in hrefs if href.startswith("../")},
            lines[:1],
        )

    return look


@pytest.mark.parametrize(("text", "line"), LINKS.items(), ids=map(repr, LINKS))
def test_a_link_is_a_dependency_for_all_who_read_it(seen, text, line):
    names = [name for name in ("b", "with space", "ü") if name in NAMED.get(text, ["b"])]
    known = {f"claims/{name}.md" for name in names}
    used = dict.fromkeys(known, "used in proofs")
    assert seen("proof", text) == (names, [], used, {*names}, [IN_PROOF + line])
    *lists, linked, shown, lines = seen("stated", text)
    assert (lists, {*linked}) == ([[], names], known)
    assert (shown, lines) == ({*names}, [IN_STATEMENT + line])


@pytest.mark.parametrize("text", COMPARED, ids=map(repr, COMPARED))
def test_what_is_merely_compared_is_linked_and_not_used(seen, text):
    uses, _, known, shown, _ = seen("proof", text)
    assert uses == []
    assert {*known} == {"claims/b.md"}
    assert known["claims/b.md"] in {"mentioned", "embedded"}
    assert shown == {"b"}


@pytest.mark.parametrize("text", NONE, ids=map(repr, NONE))
def test_what_leads_away_or_nowhere_is_no_link_to_a_note(seen, text):
    for where in ("proof", "stated"):
        assert seen(where, text) == ([], [], {}, set(), [])


def test_a_footnote_counts_where_it_is_referred_to(claims_of):
    def links(statement, proof):
        claim = claims_of({"b": OTHER, "c": CLAIM.format(statement, proof)})["c"]
        return claim.uses, claim.assumes

    note = "\n\n[^f]: By [[b]]."
    assert links("x", f"x[^f]{note}") == (["b"], [])
    assert links(f"x[^f]{note}", "x") == ([], ["b"])
    assert links("x[^f]", f"y[^f]{note}") == (["b"], ["b"])
    assert links("x", f"x{note}") == ([], [])


def test_a_link_to_a_part_of_the_same_proof_is_no_circle(claims_of):
    for link in ("[[#^eq]]", "[so](#^eq)"):
        text = CLAIM.format("x", f"$$\ny\n$$\n\n^eq\n\nBy {link}.")
        claims = claims_of({"c": text})
        assert (claims["c"].uses, claims.problems) == ([], [])
    for link in ("[[c]]", "[so](c.md)"):
        claims = claims_of({"c": CLAIM.format("x", f"By {link}.")})
        assert [str(problem).partition(" ")[0] for problem in claims.problems] == [
            "claims/c.md:10:"
        ]


def test_a_note_that_another_process_has_read_has_its_links_where_they_were(claims_of):
    text = CLAIM.format("Let [[b]].", "By [[b]] and a note[^f].\n\n[^f]: By [[d]].")
    claim = claims_of({"b": OTHER, "d": OTHER, "c": text})["c"]
    sent = pickle.dumps(claim)
    elsewhere = claim.note.tokens  # so that no token there has the identity of one here
    came = pickle.loads(sent)
    assert came.note.tokens is not elsewhere

    def led(one):
        parts = one.statement, *one.proofs
        return [[link.target for link in one.note.links_in(part)] for part in parts]

    assert led(came) == led(claim) == [["b"], ["b", "d"]]


@pytest.mark.parametrize("line", ["word [[x]]", "*word* [x](x.md)", "[[x]] [[y]] ![z](z.md)"])
def test_what_is_held_grows_with_a_note_no_faster_than_its_links(project, line):
    def held(number):
        small = project({"docs/n.md": f"{line}\n" * number})
        links = small.read().vault.notes["n.md"].links
        assert len(links) >= number
        tuples = {id(link.sentence): len(unpacked(link.sentence)) for link in links}
        return sum(tuples.values())

    assert held(20) < 20 * 8  # one tuple for all
    assert held(1600) < 2.2 * held(800)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[[nowhere]]", "link"),
        ("[x](nowhere.md)", "link"),
        ("[[b#Nowhere]]", "link"),
        ("[[b#^nowhere]]", "link"),
        ("![[b#^nowhere]]", "link"),
        ("[[twin]]", "name"),
        ("[@nobody]", "citation"),
    ],
)
def test_what_is_wrong_with_a_link_stands_below_its_own_heading_of_the_open_ends(
    project, text, kind
):
    files = {"docs/a.md": text, "docs/b.md": "B", "docs/x/twin.md": "", "docs/y/twin.md": ""}
    pages = project(files).pages()
    assert [problem.kind for problem in pages.render(pages.library.notes["a.md"]).problems] == [
        kind
    ]


@pytest.mark.parametrize("end", ["\n", "  \n", "\\\n"], ids=["soft", "hard", "hard by its sign"])
def test_a_word_that_compares_may_be_the_first_of_its_line(claims_of, end):
    for text, used in [("see [[b]]", []), ("seen in [[b]]", ["b"])]:
        claims = claims_of({"b": OTHER, "c": CLAIM.format("x", f"It holds{end}{text}.")})
        assert claims["c"].uses == used
