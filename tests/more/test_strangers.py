"""Does a project with nothing but the plugin in its mkdocs.yml look and work as ours does?"""

import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.litmus.conftest import write_files
from tests.site.browser import served
from tests.site.test_browser import (
    DARK,
    DESK,
    LIGHT,
    PHONE,
    TOO_WIDE,
    Visit,
    findings,
    switch_on_dark_mode,
)

FILES = {
    "mkdocs.yml": "site_name: S\ntheme: material\nplugins: [search, litmus]\n",
    "docs/index.md": "# Home\n\nSee [[a]].\n",
    "docs/a.md": "---\ntags: [t]\n---\n# A note\n\nBack [[index|home]], $x^2$.\n\n## Part\n\n"
    "```python\nprint(1)\n```\n\n```mermaid\ngraph TD; A-->B\n```\n\n> [!lemma]\n> $$y$$\n",
    "docs/claims/small.md": "---\nkind: lemma\n---\n# A small lemma\n\nOf [[a]].\n",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Where a stranger's site is served that MkDocs' own command has built."""
    root = tmp_path_factory.mktemp("stranger")
    write_files(root, FILES)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with served(root / "site") as address:
        yield address


@pytest.fixture
def visit(browser):
    """A function that opens a page in a window of its own."""
    made = []

    def go(url, scheme, size):
        made.append(Visit(browser, size, scheme))
        made[-1].go(url)
        return made[-1]

    yield go
    for window in made:
        window.context.close()


@pytest.mark.parametrize(("scheme", "size"), [(LIGHT, PHONE), (DARK, DESK)])
def test_it_asks_no_other_host_is_quiet_fits_and_is_accessible(visit, url, scheme, size):
    window = visit(url + "a/", scheme, size)
    page = window.page
    page.locator(".diagram-drawn svg").wait_for()  # whose script comes when it is in sight
    drawn = page.evaluate(
        "[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)"
    )
    assert {"Geist", "KaTeX_Math"} <= {*drawn}
    assert page.locator("body").evaluate("b => getComputedStyle(b).fontFamily").startswith("Geist")
    paper = page.locator("body").evaluate("b => getComputedStyle(b).backgroundColor")
    assert paper == ("rgb(21, 22, 28)" if scheme == DARK else "rgb(255, 255, 255)")
    assert page.evaluate(TOO_WIDE) <= 0
    assert findings(page) == {}
    assert page.locator(".linked-from li a").all_inner_texts() == ["A small lemma", "Home"]
    assert {urlsplit(asked).netloc for asked in window.asked} == {urlsplit(url).netloc}
    assert window.wrong == []


def test_its_cards_search_and_dark_mode_work(visit, url):
    window = visit(url + "a/", LIGHT, DESK)
    page = window.page
    page.locator("article p > a").first.hover()
    card = page.locator(".preview-card")
    card.wait_for()
    assert card.inner_text().startswith("Home")
    assert not [asked for asked in window.asked if "search_index" in asked]
    page.locator(".md-search__input").click()
    page.keyboard.type("lemma", delay=30)  # letter by letter: Material hears keys
    page.locator(".md-search-result__link[href*='claims/small/']").first.wait_for()
    page.keyboard.press("Escape")
    switch_on_dark_mode(page)
    page.goto(url)
    page.wait_for_selector("body[data-md-color-scheme=slate]")
    assert window.wrong == []
