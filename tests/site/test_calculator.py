"""Does the calculator work on its page: in a window of any size and scheme, and without scripts?"""

from urllib.parse import urlsplit

import pytest

from snippets.calculator import adamw, sgd
from tests.site.test_browser import (
    DARK,
    DESK,
    LIGHT,
    PHONE,
    SHIFTS,
    STILL,
    TOO_WIDE,
    Visit,
    findings,
)

PLACE = "ideas/calculator/"
NORM = "Norm over √{} in equilibrium"


@pytest.fixture(params=[(LIGHT, PHONE), (DARK, PHONE), (LIGHT, DESK), (DARK, DESK)], ids=str)
def visit(browser, url, request):
    scheme, size = request.param
    made = Visit(browser, size, scheme)
    made.go(url + PLACE)
    yield made
    made.context.close()


def shown(page):
    """The rows of the table, by label; of two with one label the last."""
    rows = page.locator("rate-and-decay tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows}


def test_it_answers_fits_is_accessible_stays_in_place_and_asks_no_other_host(visit, url):
    page = visit.page
    assert shown(page)[NORM.format("G")] == f"{sgd(0.1, 5e-4, 0.9).norm:.3f}"
    assert page.evaluate(TOO_WIDE) <= 0
    assert page.evaluate(SHIFTS) < STILL
    page.get_by_label("Optimizer").select_option("AdamW")
    page.get_by_label("Rate η").fill("1e-3")
    page.get_by_label("Decay λ").fill(".1")
    assert shown(page)[NORM.format("d")] == f"{adamw(1e-3, 0.1, 0.9).norm:.5f}"
    assert findings(page) == {}
    page.get_by_label("Momentum").fill("1")
    assert page.get_by_role("status").inner_text().startswith("The momentum must be a number")
    assert shown(page) == {}
    assert "NaN" not in page.locator("article").inner_text()
    assert findings(page) == {}
    page.get_by_label("Momentum").fill("0")
    assert shown(page)[NORM.format("d")] == f"{adamw(1e-3, 0.1, 0.0).norm:.5f}"
    assert {urlsplit(asked).netloc for asked in visit.asked} == {urlsplit(url).netloc}
    assert visit.wrong == []


def test_the_enter_key_sends_nothing(visit):
    page = visit.page
    page.get_by_label("Steps").press("Enter")
    assert urlsplit(page.url).query == ""
    assert shown(page)


def test_it_is_there_again_after_leaving_the_page_and_coming_back(browser, url):
    made = Visit(browser, DESK, LIGHT)
    page = made.go(url + PLACE)
    page.locator("article a[href*='claims/equilibrium-of-adamw/']").first.click()
    page.wait_for_url("**/claims/equilibrium-of-adamw/**")
    assert page.locator("rate-and-decay").count() == 0
    page.go_back()
    page.locator("rate-and-decay td").first.wait_for()
    page.get_by_label("Rate η").fill("0.2")
    assert shown(page)[NORM.format("G")] == f"{sgd(0.2, 5e-4, 0.9).norm:.3f}"
    assert made.wrong == []
    made.context.close()


def test_where_scripts_are_off_a_table_of_values_stands_there(browser, url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url + PLACE)
    assert page.locator("rate-and-decay").inner_text() == ""
    printed = page.locator("article").inner_text()
    for found in (sgd(0.1, 5e-4, 0.9), adamw(1e-3, 0.1, 0.9)):
        assert f"{found.norm:.4f}" in printed
        assert f"{found.rate_float32:,}" in printed
    context.close()
