"""Is the note from which the project comes shown as its author saw it, and what it lacks named?"""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner

from litmus.cli import main
from tests.litmus.conftest import write_files

NAME = "exponential-learning-rates"
SEED = Path(__file__).parents[3] / f"shared/seed/{NAME}.md"
LINKS = ["explicit-regularization", "batch-norm", "effectiveness-of-normalised-quantities"]
STUBS = {f"{name}.md": f"# About {name}\n" for name in LINKS}

pytestmark = pytest.mark.skipif(not SEED.exists(), reason="the note is not here")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A function that builds the site of the note and of others, and returns a page of it."""

    def build(others):
        root = tmp_path_factory.mktemp("seed")
        write_files(root / "vault", {f"{NAME}.md": SEED.read_bytes(), **others})
        result = CliRunner().invoke(main, ["site", str(root / "vault"), "--out", f"{root}/site"])
        assert result.exit_code == 0, result.output + repr(result.exception)
        return lambda page: read(root / f"site/{page}/index.html")

    return build


@pytest.fixture(scope="module")
def alone(site):
    return site({})


@pytest.fixture(scope="module")
def with_stubs(site):
    return site(STUBS)


def read(file):
    page = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser").article
    for drawn in page.select(".katex-html"):
        drawn.extract()  # what the reader of the MathML has already
    return page


def listed(page):
    """What is listed below each heading of the page of open ends."""
    return {
        heading.text: [item.text for item in heading.find_next("ul").select("li")]
        for heading in page("open-ends").select("h2")
    }


CITATION = [f"{NAME}.md:12: no reference has the key 'Li:2019tn'. Add it to references.bib."]
MISSING = "no note is called '{}'. Write the note, or link to one that exists."
UNLINKED = {"Notes that nothing links to": ["Exponential Learning Rates"]}


def test_alone_three_links_and_a_citation_are_open(alone):
    assert listed(alone) == {
        "Links that lead nowhere": [f"{NAME}.md:14: {MISSING.format(name)}" for name in LINKS],
        "Citations without an entry": CITATION,
        **UNLINKED,
    }
    marked = [mark.text for mark in alone(NAME).select(".unresolved")]
    assert marked == ["[@Li:2019tn]", *LINKS]


def test_with_its_links_the_citation_alone_is_open(with_stubs):
    assert listed(with_stubs) == {"Citations without an entry": CITATION, **UNLINKED}
    page = with_stubs(NAME)
    assert [mark.text for mark in page.select(".unresolved")] == ["[@Li:2019tn]"]
    links = {link.text: link["href"] for link in page.select('a[href^="../"]:not(.md-tag)')}
    assert links == {name: f"../{name}/" for name in LINKS}


@pytest.mark.parametrize("built", ["alone", "with_stubs"])
def test_the_page_is_the_one_that_obsidian_shows(request, built):
    page = request.getfixturevalue(built)(NAME)
    blocks = [child.name for child in page.find_all(recursive=False)]
    assert blocks == [
        *("nav", "h1", "p", "p", "p", "blockquote", "p", "blockquote"),
        *("p", "div", "p", "p", "div", "p", "p", "p", "h2", "p", "p"),
    ]
    first, second = page.select("div.formula")
    assert first.math["data-tex"] == r"L(c \cdot \theta) = L(\theta)"
    assert (
        first.find_previous("p").text
        == "The proof holds for any loss function satisfying scale invariance:"
    )
    assert first.find_next("p").text == "Here's an important Lemma:"
    assert len(second.select("mtr")) == 2
    assert [len(row.select("mtd")) for row in second.select("mtr")] == [2, 2]
    assert [img.attrs for img in page.select("img")] == [
        {
            "src": "https://www.offconvex.org/assets/inv_lemma.png",
            "alt": "Illustration of Lemma",
            "referrerpolicy": "no-referrer",
            "loading": "lazy",
        }
    ]
    tags = ["from_paper", "lit_review", "gradient_descent", "optimisation", "regularization"]
    assert [tag.text for tag in page.select(".md-tag")] == tags
    assert page.h1.contents[0] == "Exponential Learning Rates"
    assert page.h2.contents[0] == "Thoughts"
    assert "much easier to analyze â€“ unlike Adam" in page.text
    assert [link["href"] for link in page.select("blockquote a")] == [
        "https://arxiv.org/abs/1706.05350",
        "https://arxiv.org/abs/1803.01814",
        "https://openreview.net/forum?id=B1lz-3Rct7",
    ]
    assert page.text.count("$") == 0
    assert len(page.select("math")) == 9


def test_control_a_note_without_the_closing_signs_is_not_the_same(site):
    text = SEED.read_text(encoding="utf-8").replace("= L(\\theta)\n$$", "= L(\\theta)", 1)
    page = site({f"{NAME}.md": text})(NAME)
    assert len(page.select("div.formula")) != 2 or page.text.count("$")
