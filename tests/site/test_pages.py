"""Is every page of the built site whole: links, ids, markup, claims and search?"""

import json
import re
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.html import left_raw, parsed, repeated_ids, unbalanced

SURE = 0.99  # of all random runs of a test together


def ids(pages):
    """The ids on each page."""
    return {
        address: {tag.attributes["id"] for tag in page.css("[id]")}
        for address, page in pages.items()
    }


def dead(pages, parts, site, address):
    """The links of a page that lead to no file or to no part of a page."""
    for tag in pages[address].css("[href], [src]"):
        link = tag.attributes.get("href") or tag.attributes.get("src") or ""
        # Pages without an address of their own, such as 404, link from the root.
        to = urlsplit(urljoin(f"http://site/{address}", link))
        if to.netloc != "site" or to.scheme != "http":
            continue
        path = unquote(to.path).lstrip("/")
        fragment = unquote(to.fragment)
        if path in pages:
            if fragment and fragment not in parts[path]:
                yield link
        elif not (site / path).is_file():
            yield link


def test_every_link_and_fragment_leads_somewhere(pages, site):
    parts = ids(pages)
    found = {address: list(dead(pages, parts, site, address)) for address in pages}
    assert {address: links for address, links in found.items() if links} == {}


def test_control_a_dead_link_is_noticed(site):
    pages = {
        "": parsed(
            "<a href='nope/'>a</a><a href='#no'>b</a><img src='x.png'><a href='#yes' id='yes'>c</a>"
            "<a href='https://example.org/nope'>d</a>"
        )
    }
    assert list(dead(pages, ids(pages), site, "")) == ["nope/", "#no", "x.png"]


def test_html_is_balanced(site):
    found = {
        file: unbalanced(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))
    }
    assert {file: wrong for file, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("html", ["<p><b>x</p></b>", "<div>", "</div>", "<p>x<p>y</p>"])
def test_control_unbalanced_html_is_noticed(html):
    assert unbalanced(html)


def test_ids_are_unique_on_every_page(pages):
    for address, page in pages.items():
        assert repeated_ids(page) == [], address


def test_every_page_has_one_article_and_one_first_heading(pages):
    for address, page in pages.items():
        assert len(page.css("article.md-content__inner")) == 1, address
        assert len(page.css("h1")) == 1, address


def test_no_markup_of_the_vault_is_left_on_any_page(pages):
    found = {address: left_raw(page.css_first("article").html) for address, page in pages.items()}
    assert {address: texts for address, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    "text", ["[[x]]", "a %%b%%", "$$", "text ^id", "[@x]", "[!note]", "==x==", r"a $b \mid"]
)
def test_control_markup_that_is_left_is_noticed(text):
    assert left_raw(f"<article><p>{text}</p><p>x^2 a == b $5</p></article>") == [text]


def test_every_formula_is_set(pages):
    for address, page in pages.items():
        assert not page.css(".tex, .unresolved"), address
    assert pages["papers/exponential-learning-rates/"].css(".katex math")


@pytest.fixture(scope="module")
def claims(site):
    entries = json.loads((site / "claims.json").read_text(encoding="utf-8"))["claims"]
    return {claim["name"]: claim for claim in entries}


def test_claims_json_says_what_the_claims_pages_say(claims, pages):
    assert claims
    assert {c["address"] for c in claims.values()} == {
        address for address, page in pages.items() if page.css("section.claim:not(.embedded)")
    }
    for claim in claims.values():
        page = pages[claim["address"]]
        box = page.css_first("section.claim:not(.embedded)")
        argument, *evidence = [s.text() for s in box.css(".claim-head .claim-status")]
        assert argument == claim["argument"], claim["name"]
        # What there is nothing to prove of needs no evidence, and its page speaks of none.
        unsaid = claim["evidence"] == "none" and argument == "by definition"
        said = "no evidence" if claim["evidence"] == "none" else claim["evidence"]
        assert evidence == ([] if unsaid else [said]), claim["name"]
        assert box.css_first(".claim-kind").text() == claim["kind"].capitalize()
        shown = {test.attributes["title"] for test in box.css(".tests li > [title]")}
        own = {test["test"] for test in claim["tests"]}
        without = {
            test["test"]
            for other in claims.values()
            for test in other["tests"]
            if test.get("drops") == claim["name"]
        }
        assert shown == own | without, claim["name"]


def test_random_runs_of_ours_seldom_mislead_and_a_search_says_among_how_many(claims):
    tests = [test for claim in claims.values() for test in claim["tests"] if test["passed"]]
    random_runs = [test for test in tests if test.get("by") == "simulation"]
    searches = [test for test in tests if test.get("by") == "search"]
    assert random_runs
    assert searches
    assert [test["test"] for test in random_runs if test["confidence"] < SURE] == []
    assert [test["test"] for test in searches if not test.get("among")] == []


def test_what_a_claim_assumes_or_uses_is_used_by_it_and_by_nothing_else(claims):
    for name, claim in claims.items():
        below = {other for other in claims if name in claims[other]["used_by"]}
        assert below == {*claim["assumes"], *claim["uses"]}, name


def test_every_claim_of_ours_is_argued_and_only_conjectures_are_open(claims):
    for name, claim in claims.items():
        assert claim["evidence"] != "failing", name
        if claim["kind"] == "conjecture":
            assert claim["argument"] in {"open", "refuted"}, name
        else:
            assert claim["argument"] in {"argued", "by definition"}, name


def test_the_search_index_has_what_the_notes_say_and_no_names_of_tests(site, claims):
    entries = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    text = "\n".join(f"{entry['title']}\n{entry['text']}" for entry in entries)
    assert "weight decay" in text
    tests = [test["test"].partition("::") for claim in claims.values() for test in claim["tests"]]
    assert not {name for _, _, name in tests} & {*re.findall(r"\btest_\w+", text)}
    assert not [file for file in {file for file, _, _ in tests} if file in text]
    assert "katex" not in text
