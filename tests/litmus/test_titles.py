"""Which words are the title of a note, and do they stand once above it, and in every list?"""

import json
import re

import pytest
from bs4 import BeautifulSoup

from litmus.material.commands import build_folder
from tests.litmus.conftest import write_files

TWO = "# One\n\n## Below\n\n# Two\n"
TITLES = {  # of a note that is called "note"
    "# Alone\n\n## Below\n": "Alone",
    "words\n\n# Alone\n": "Alone",
    "# Alone\n\n#\n": "Alone",  # a heading without words divides nothing
    TWO: "note",
    "# Note\n\n# Two\n": "Note",  # says the name itself
    f"---\naliases: one\n---\n{TWO}": "One",
    f"---\ntitle: Property\n---\n{TWO}": "Property",
    f"---\ntitle: one\n---\n{TWO}": "One",  # says the property
    "## Below\n\n# Alone\n": "note",
    "#\n": "note",
    "- # In a list\n": "note",
    "": "note",
}
IN_MENU = re.compile(r'<span class="md-ellipsis">\s*([^<]*?)\s*</span>')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    vault = tmp_path_factory.mktemp("vault")
    write_files(vault, {f"{i}/note.md": text for i, text in enumerate(TITLES)})
    build_folder(vault, vault.parent / "titles", strict=False)
    return vault.parent / "titles"


@pytest.fixture
def page_of(site):
    return lambda text: (site / f"{list(TITLES).index(text)}/note/index.html").read_text()


@pytest.mark.parametrize("text", TITLES)
def test_the_title_is_the_only_heading_of_its_level_or_the_name(site, page_of, text):
    title, page = TITLES[text], page_of(text)
    assert f"<title>{title} - " in page
    headings = re.findall(r"<h1[^>]*>([^<]*)", page)
    assert (headings[0], headings.count(title)) == (title, 1)
    here = f"{list(TITLES).index(text)}/note/"
    listed = (site / "notes/index.html").read_text()
    assert f'<a href="../{here}" data-card>{title}</a>' in listed
    found = json.loads((site / "search/search_index.json").read_text())["docs"]
    assert [entry["title"] for entry in found if entry["location"] == here] == [title]


def test_the_menu_has_every_heading_but_the_title(page_of):
    assert IN_MENU.findall(page_of(TWO))[-3:] == ["One", "Below", "Two"]
    assert IN_MENU.findall(page_of("# Alone\n\n## Below\n"))[-2:] == ["Open ends", "Below"]


def test_a_site_that_does_not_know_its_address_asks_for_no_sitemap(site, page_of):
    assert not (site / "sitemap.xml").exists()
    assert "navigation.instant" not in page_of("")
    assert "navigation.tracking" in page_of("")  # control: the others are still there


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "R&D \"now\" &amp; 'then'"])
def test_the_name_of_the_vault_is_words_on_every_page_and_no_html(tmp_path, name):
    write_files(tmp_path / name, {"a.md": "# A <b>c</b> & d\n\n#R&D\n", "index.md": "[[a]]\n"})
    build_folder(tmp_path / name, tmp_path / "site", strict=False)
    for file in ["index.html", "a/index.html", "404.html"]:
        page = BeautifulSoup((tmp_path / "site" / file).read_text(), "html.parser")
        assert page.title.get_text().endswith(name)
        assert page.select_one(".md-header__topic .md-ellipsis").get_text().strip() == name
        for link in page.select(".md-logo"):
            assert link["title"] == link["aria-label"] == name
        assert not page.select("[onerror]")
    assert name in page.select_one(".md-nav--primary > .md-nav__title").get_text()
