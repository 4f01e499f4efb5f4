"""Does the site look right and work in a real browser, on a phone and a desk, light and dark?"""

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

# A page of each kind, long ones among them.
ESSAY, CLAIM = "papers/exponential-learning-rates/", "claims/decay-is-growing-rate/"
SNIPPET, LAB = "snippets/scale_invariance/", "labs/explr-on-digits/"
LOOP = "snippets/in-your-training-loop/"
STILL = 0.01  # a tenth of what browsers call good
PHONE, DESK = (390, 844), (1366, 768)
LIGHT, DARK = "light", "dark"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# All shifts of the layout since the page began: 0 where nothing moved, 1 where everything did.
SHIFTS = """() => new Promise(resolve => {
    new PerformanceObserver(list => resolve(list.getEntries().reduce((sum, e) => sum + e.value, 0)))
        .observe({type: "layout-shift", buffered: true})
    requestAnimationFrame(() => setTimeout(() => resolve(0)))
})"""


def findings(page):
    """What axe finds: the rules that a page breaks, and where."""
    # What is in order need not be written down: that takes a third of the time.
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    broken = {
        rule["id"]: [
            node["html"][:200]
            for node in rule["nodes"]
            # A heading that is a formula is not empty, but axe reads no MathML.
            if not (rule["id"] == "empty-table-header" and "<math" in node["html"])
        ]
        for rule in found
    }
    return {rule: places for rule, places in broken.items() if places}


def switch_on_dark_mode(page):
    page.locator("form[data-md-component=palette] label:visible").click()
    page.wait_for_selector("body[data-md-color-scheme=slate]")


class Visit:
    """A page in a window of its own, with what it asked for and what went wrong."""

    def __init__(self, browser, size, scheme):
        width, height = size
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.context.set_default_timeout(30_000)  # a page takes a thirtieth of that
        self.page = self.context.new_page()
        self.asked, self.wrong = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self.hear)

    def hear(self, message):
        if message.type in {"error", "warning"}:
            self.wrong.append(message.text)

    def go(self, url):
        self.page.goto(url)
        self.page.evaluate("document.fonts.ready.then(() => true)")
        return self.page


@pytest.fixture
def desk(browser):
    """A window of one test's own, to change what it shows."""
    made = Visit(browser, DESK, LIGHT)
    yield made
    made.context.close()


@pytest.fixture(scope="module")
def seen(browser, url):
    """A function that opens a page in a window of a scheme and size, once for all who look at it.

    To open one takes a second or two. Who asks for one leaves it as it was found.
    """
    visits = {}

    def look(address, scheme, size):
        if (address, scheme, size) not in visits:
            visits[address, scheme, size] = made = Visit(browser, size, scheme)
            made.go(url + address)
        return visits[address, scheme, size]

    yield look
    for made in visits.values():
        made.context.close()


def shifts_of_a_visit(browser, url, scheme, size):
    visit = Visit(browser, size, scheme)
    shifts = visit.go(url).evaluate(SHIFTS)
    visit.context.close()
    return shifts


@pytest.mark.parametrize(
    ("address", "scheme", "size"),
    [(CLAIM, LIGHT, PHONE), (CLAIM, DARK, DESK), (ESSAY, DARK, PHONE), (ESSAY, LIGHT, DESK)],
)
def test_formulas_are_drawn_in_their_own_font_and_nothing_moves_meanwhile(
    seen, browser, url, address, scheme, size
):
    page = seen(address, scheme, size).page
    assert page.locator(".katex").count() > 10
    assert page.evaluate(
        "[...document.fonts].some(f => /KaTeX/.test(f.family) && f.status == 'loaded')"
    )
    text = page.locator("article").evaluate(
        """article => { const copy = article.cloneNode(true)
           copy.querySelectorAll(".katex, pre, code").forEach(part => part.remove())
           return copy.textContent }"""
    )
    assert "\\" not in text
    assert "$" not in text
    # On a machine with too much to do a font may be unpacked late, but not each time.
    assert page.evaluate(SHIFTS) < STILL or any(
        shifts_of_a_visit(browser, url + address, scheme, size) < STILL for _ in range(2)
    )


@pytest.mark.parametrize(
    ("address", "scheme", "size"),
    [
        ("", LIGHT, DESK),
        (ESSAY, DARK, PHONE),
        (CLAIM, LIGHT, PHONE),
        (CLAIM, DARK, DESK),
        ("claims/", DARK, PHONE),
        (SNIPPET, LIGHT, PHONE),
        (LOOP, DARK, PHONE),
        (LOOP, LIGHT, DESK),
        (LAB, DARK, DESK),
    ],
)
def test_a_page_asks_no_other_host_is_quiet_fits_and_is_accessible(
    seen, url, address, scheme, size
):
    window = seen(address, scheme, size)
    page = window.page
    assert page.evaluate(TOO_WIDE) <= 0
    assert findings(page) == {}  # takes a while, in which the page has asked for all that it needs
    assert {urlsplit(asked).netloc for asked in window.asked} == {urlsplit(url).netloc}
    assert window.wrong == []


def test_control_a_foreign_request_a_wide_page_and_a_bad_contrast_are_noticed(desk, url):
    page = desk.go(url)
    page.evaluate(
        """document.querySelector("article").innerHTML =
           '<p style="width:3000px;color:#eee;background:#fff">pale</p><img src="http://[::1]:9/x">'"""
    )
    page.wait_for_load_state("networkidle")
    assert "http://[::1]:9/x" in desk.asked
    assert page.evaluate(TOO_WIDE) > 0
    assert {"color-contrast", "image-alt"} <= findings(page).keys()


def test_control_what_moves_the_page_is_noticed(desk, url):
    page = desk.go(url)
    page.evaluate("""() => new Promise(resolve => {
        document.querySelector("h1").style.paddingBottom = "300px"
        requestAnimationFrame(() => requestAnimationFrame(resolve))
    })""")
    assert page.evaluate(SHIFTS) > STILL


def test_a_link_shows_a_card_with_what_it_leads_to(seen):
    page = seen(ESSAY, LIGHT, DESK).page
    link = page.locator("article p > a[href*='/claims/gradient-is-orthogonal/']:visible").first
    link.hover()
    card = page.locator(".preview-card")
    card.wait_for()
    assert "orthogonal" in card.inner_text()
    assert card.locator(".katex").count() > 0
    page.mouse.move(0, 0)
    card.wait_for(state="detached")


def test_search_finds_a_claim_and_asks_for_its_index_only_then(desk, url):
    page = desk.go(url)
    page.wait_for_load_state("networkidle")
    assert not [asked for asked in desk.asked if "search_index" in asked]
    page.locator(".md-search__input").click()
    page.locator(".md-search__input").fill("orthogonal")
    found = page.locator(".md-search-result__link[href*='claims/gradient-is-orthogonal/']").first
    found.wait_for()
    assert [asked for asked in desk.asked if "search_index" in asked]


def test_code_is_copied_as_it_stands_there(seen):
    page = seen(SNIPPET, LIGHT, PHONE).page
    code = page.locator(".language-python code").first.inner_text()
    page.locator(".language-python").first.hover()
    page.locator(".language-python button").first.click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.length > 0)")
    assert page.evaluate("navigator.clipboard.readText()").strip() == code.strip()


def test_dark_mode_can_be_switched_on_and_stays_on(desk, url):
    page = desk.go(url)
    assert page.locator("body").get_attribute("data-md-color-scheme") == "default"
    switch_on_dark_mode(page)
    page.goto(url + "claims/")
    page.wait_for_selector("body[data-md-color-scheme=slate]")


def test_a_folded_part_of_a_claim_opens_with_the_keyboard(seen):
    page = seen(CLAIM, DARK, DESK).page
    part = page.locator("details.claim-part").first
    assert part.get_attribute("open") is None
    part.locator("summary").focus()
    page.keyboard.press("Enter")
    assert part.get_attribute("open") is not None
    assert part.locator("dd").first.is_visible()
    page.keyboard.press("Enter")
    assert part.get_attribute("open") is None
