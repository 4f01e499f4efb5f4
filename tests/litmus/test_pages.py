"""Do renamed claims keep their old addresses, and do the lists say what there is?"""

import json

import pytest
from bs4 import BeautifulSoup

from litmus.claims.evidence import Mark, Outcome, write_ledger
from litmus.site import claim_pages, open_ends, snippet_pages
from litmus.site.claims_json import claims_json
from litmus.site.redirects import redirects
from litmus.site.shelf import shelf

CLAIM = "---\nkind: lemma\naliases: [{}]\n---\n# Now\n\nx\n"


@pytest.mark.parametrize(
    ("alias", "addresses"),
    [
        ("the-old-name", ["claims/the-old-name/index.html"]),
        ("a synonym", []),  # was never an address
        ("../../escape-it", []),
        ("other-claim", []),  # has a page of its own
    ],
)
def test_a_claims_old_name_leads_to_the_new_one(project, alias, addresses):
    small = project(
        {
            "docs/claims/now.md": CLAIM.format(alias),
            "docs/claims/other-claim.md": "---\nkind: lemma\n---\n# O\n\nx\n",
        }
    )
    made = redirects(small.read())
    assert list(made) == addresses
    assert all('url=../now/"' in page for page in made.values())


def test_the_matrix_shows_what_each_claim_assumes_and_which_of_it_a_control_drops(project):
    claim = "---\nkind: lemma\n---\n# {}\n\nLet [[smooth]] and [[flat]].\n\n- Or so. ^or-so\n"
    files = {f"docs/claims/{name}.md": claim.format(name.title()) for name in ("one", "two")}
    for name in ("smooth", "flat"):
        files[f"docs/claims/{name}.md"] = f"---\nkind: assumption\n---\n# {name.title()}\n\nx\n"
    files["docs/claims/three.md"] = "---\nkind: lemma\n---\n# Three\n\nLet [[smooth]].\n"
    small = project(files)
    read = small.read()
    environment = {"seconds": 0.1, "date": "2026-01-01", "python": "3", "torch": "2"}
    drops = [("one", "smooth", 1), ("one", "^or-so", 1), ("two", "flat", 0), ("two", "smooth", 1)]
    for name, dropped, passed in drops:
        marks = (Mark("control", name, drops=dropped),)
        counts = {"passed": passed, "failed": 0, "skipped": 1 - passed}
        ran = Outcome(
            "tests/t.py::t", 1, marks, **counts, **environment, fingerprint="", statements=()
        )
        read.claims[name].outcomes.append(ran)
    made = claim_pages.assumptions(read, small.pages().renderer)
    page = BeautifulSoup(made.html, "html.parser")
    heads, *rows = ([cell.get_text() for cell in row(["th", "td"])] for row in page("tr"))
    yes, no = "●dropped by a control", "○assumed, no control"
    assert heads == ["Claim", "smooth", "flat", "Its own conditions"]
    assert rows == [
        ["One", yes, no, f"{yes} or-so "],
        ["Three", no, "", ""],
        ["Two", yes, no, f"{no} or-so "],
    ]
    assert "Of 7 assumptions and conditions, controls drop 3." in page.get_text()


def test_of_more_assumptions_than_a_table_can_hold_the_rarer_are_named_beside_the_claims(project):
    names = [f"as-{number}" for number in range(52)]
    files = {f"docs/claims/{n}.md": f"---\nkind: assumption\n---\n# {n}\n\nx\n" for n in names}
    for claim, assumed in {"all": names, "first": names[:50]}.items():
        links = " ".join(f"[[{name}]]" for name in assumed)
        files[f"docs/claims/{claim}.md"] = f"---\nkind: lemma\n---\n# {claim}\n\n{links}\n"
    small = project(files)
    made = claim_pages.assumptions(small.read(), small.pages().renderer)
    page = BeautifulSoup(made.html, "html.parser")
    heads, every, first = ([cell.get_text() for cell in row(["th", "td"])] for row in page("tr"))
    assert heads[1:-1] == [name.replace("-", " ") for name in names[:50]]
    assert [words for words in every[-1].split() if words.startswith("as-")] == names[50:]
    assert first[-1] == ""
    assert "what fewer claims assume" in page.get_text()


def test_of_a_long_chain_the_public_form_says_how_much_is_below_and_of_a_short_one_what(project):
    files = {
        f"docs/claims/c{n:03}.md": f"---\nkind: lemma\n---\n# C\n\n## Proof\n\n[[c{n - 1:03}]]\n"
        for n in range(1, 103)
    }
    small = project({**files, "docs/claims/c000.md": "---\nkind: lemma\n---\n# C\n\nx\n"})
    claims = json.loads(claims_json(small.read().claims))["claims"]
    below = {claim["name"]: claim["rests_on"] for claim in claims}
    assert below["c002"] == ["c000", "c001"]
    assert below["c100"] == [f"c{n:03}" for n in range(100)]
    assert below["c101"] == 101
    assert below["c102"] == 102


def test_the_page_of_a_snippet_names_the_tests_that_ran_it_and_no_file_without_any(project):
    test = "import snippets.a\n"
    files = {"snippets/a.py": "A = 1\n", "tests/test_a.py": test, "tests/test_b.py": test}
    small = project({**files, "docs/claims/c.md": "---\nkind: lemma\n---\n# C\n\nx\n"})
    ran = {"seconds": 0.1, "date": "2026-01-01", "python": "3", "torch": "2"}
    left = {"failed": 0, "skipped": 0, "fingerprint": "", "statements": ()}
    left |= {"measured": 0, "allowed": 0}
    marks = (Mark("claim", "c", by="exact"),)
    outcomes = [
        Outcome("tests/test_a.py::test_it_holds", 1, marks, passed=1, **left, **ran),
        Outcome("tests/test_b.py", 1, (), passed=0, **left, **ran),
    ]
    write_ledger(small.root, outcomes, ran=set())
    read = small.read()
    assert len(read.outcomes) == 2
    _, page = snippet_pages.pages(read, small.pages().renderer, shelf(read, ""), {}, {})
    assert ("it holds" in page.html, "test_b" in page.html) == (True, False)


WRONG = """---
related: "[[no such property]]"
---
# Wrong

[[no such note]]

[[right#No such heading]] and [[right#^no-such-block]] and [a](<no such file.md>)

[[twin]]

[@nobody]

[^1]

![[wrong]]
"""


def test_every_mistake_stands_on_the_page_of_open_ends_below_what_it_is(project):
    twins = dict.fromkeys(["docs/a/twin.md", "docs/b/twin.md"], "# Twin\n")
    cited = "@misc{ng, author = {A, B}, title = {T}, year = {2020}}"
    small = project(
        {
            "docs/wrong.md": WRONG,
            "docs/right.md": "# Right\n",
            "docs/references.bib": cited,
            **twins,
        }
    )
    read, pages = small.read(), small.pages()
    problems = pages.render(pages.library.notes["wrong.md"]).problems
    made = open_ends.page(read, pages.renderer, problems, {})
    page = BeautifulSoup(made.html, "html.parser")
    listed = {
        heading.get_text(): [item.get_text() for item in heading.find_next("ul")("li")]
        for heading in page("h2")
    }
    links = listed["Links that lead nowhere"]
    assert [said.partition(": ")[0] for said in links] == [
        *["wrong.md:6", "wrong.md:8", "wrong.md:8", "wrong.md:8", "wrong.md"]
    ]
    for said, what in zip(
        links,
        [
            "no note is called 'no such note'.",
            "right.md has no heading 'No such heading'.",
            "right.md has no block ^no-such-block. Write ^no-such-block at the end of that block.",
            "there is no file 'no such file.md'.",
            "no note is called 'no such property', to which the property 'related' links.",
        ],
        strict=True,
    ):
        assert what in said
    assert listed["Names that could mean several notes"] == [
        "wrong.md:10: 'twin' could be a/twin.md or b/twin.md. Write more of the path."
    ]
    assert listed["Citations without an entry"] == [
        "wrong.md:12: no reference has the key 'nobody'. Add it to references.bib."
    ]
    assert any("wrong.md:16" in said for said in listed["To be mended"])  # it embeds itself
