"""Does the page of snippets in training loops say what the tests found, and no more?"""

import json
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from litmus.claims.evidence import Outcome, write_ledger
from litmus.claims.loops import COLUMNS, Cell
from litmus.python.fingerprint import fingerprint
from litmus.site import generated, snippet_pages, training_loop
from litmus.site.claims_json import claims_json
from litmus.site.shelf import shelf
from tests.litmus.test_claims_json import WRITTEN

TEST = "import snippets.a\n"
FILES = {
    "docs/a.md": "# A\n",
    "snippets/a.py": "A = 1\n",
    "snippets/b.py": "B = 1\n",
    "tests/test_a.py": TEST,
}
PLACE = {"snippet": "snippets/a.py", "column": "EMA"}
EXACT = Cell("exact", 2e-13, 0.25, 1e-12, note="Of a & b.", **PLACE)
ROUNDED = Cell("up to rounding", 1e-9, 0.5, 1e-6, **PLACE)
REFUSED = Cell("refused", said="put it on the <old> one", **PLACE)
NOTHING = Cell("not covered", **PLACE)


@pytest.fixture
def page(project):
    """A function that makes a project with some cells, and returns it with the page as parsed."""

    def made(*cells, **changes):
        small = project(FILES)
        left = {"failed": 0, "skipped": 0, "seconds": 0.1, "statements": (), "torch": "2"}
        left |= {"date": "2026-01-01", "python": "3"}
        left["fingerprint"] = fingerprint(small.root / "tests/test_a.py", small.root)
        outcomes = [
            Outcome(f"tests/test_a.py::test_number_{n}", 1, (), passed=1, cells=(cell,), **left)
            for n, cell in enumerate(cells)
        ]
        write_ledger(small.root, [replace(one, **changes) for one in outcomes], ran=set())
        read = small.read()
        found = [*training_loop.pages(read, small.pages().renderer)]
        return read, BeautifulSoup(found[0].html, "html.parser") if found else None

    return made


def cell_of(soup, column):
    return " ".join(soup.table.find_all("td")[COLUMNS.index(column)].get_text().split())


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ([EXACT], "exact"),
        ([EXACT, ROUNDED, EXACT], "up to rounding"),
        ([REFUSED], "refused"),
        ([REFUSED, EXACT], "exact; refused"),
        ([REFUSED, ROUNDED, EXACT], "up to rounding; refused"),
        ([NOTHING], "not covered"),
        ([NOTHING, EXACT], "exact"),
    ],
)
def test_a_cell_reads_the_weakest_gap_and_whether_anything_is_refused(page, cells, word):
    _, soup = page(*cells)
    assert cell_of(soup, "EMA") == word
    assert {cell_of(soup, column) for column in COLUMNS if column != "EMA"} == {"not covered"}


def test_each_cell_leads_to_its_tests_which_it_names_with_their_numbers(page):
    _, soup = page(EXACT, REFUSED)
    (link,) = soup.select("td a")
    assert link["title"].split() == [f"tests/test_a.py::test_number_{n}" for n in range(2)]
    there = soup.find(id=link["href"][1:])
    exact, refused = there.find_next_sibling("dd").find_all("li")
    assert "exact: Of a & b." in exact.get_text()
    assert "gap 2e-13, allowed 1e-12, control 0.25" in exact.get_text()
    assert "“put it on the <old> one”" in refused.get_text()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"failed": 1}, "fails"),
        ({"skipped": 1}, "was skipped"),
        ({"passed": 0}, "was skipped"),
        ({"fingerprint": "another"}, "has changed since it ran"),
    ],
)
def test_control_a_test_that_does_not_hold_fills_no_cell_and_is_shown_with_the_reason(
    page, changes, why
):
    project, soup = page(EXACT, **changes)
    assert cell_of(soup, "EMA") == "not covered"
    assert f"not covered, since the test {why}" in soup.li.get_text()
    assert [entry["word"] for entry in training_loop.as_json(project)] == ["not covered"]


def test_only_snippets_that_are_there_and_of_which_a_test_speaks_have_a_row(page):
    _, soup = page(EXACT, replace(EXACT, snippet="snippets/gone.py"))
    assert [row.get_text() for row in soup.select("tbody th")] == ["a"]


@pytest.mark.parametrize("cells", [[], [replace(EXACT, snippet="snippets/gone.py")]])
def test_control_without_any_there_is_no_page_and_no_link_to_it(page, cells, project):
    read, soup = page(*cells)
    assert soup is None
    assert training_loop.LOOP not in generated.titles(read)
    assert training_loop.as_json(read) == []


def test_the_list_of_snippets_and_the_page_of_each_lead_to_it(page, project):
    read, _ = page(EXACT)
    assert generated.titles(read)[training_loop.LOOP] == training_loop.TITLE
    renderer = project(FILES).pages().renderer
    found = snippet_pages.pages(read, renderer, shelf(read, ""), {}, {})
    made = {page.address: page.html for page in found}
    links = {place for place, html in made.items() if "In your training loop</a>" in html}
    assert links == {"snippets/", "snippets/a/"}  # and not of b.py, of which no test speaks
    assert 'href="in-your-training-loop/"' in made["snippets/"]
    assert 'href="../in-your-training-loop/"' in made["snippets/a/"]


def test_the_public_form_has_every_cell_as_its_schema_says(page):
    read, _ = page(EXACT, REFUSED, NOTHING)
    said = json.loads(claims_json(read.claims, training_loop.as_json(read)))
    WRITTEN.validate(said)
    assert [one["word"] for one in said["in_training_loops"]] == ["exact", "refused", "not covered"]
