"""Is a lab shown as notes are, without what its executor brings along?"""

import pytest
from bs4 import BeautifulSoup

from litmus.python.labs import contents, dead_links, own_page
from litmus.tex.katex import typeset

PAGE = """
<style>body { color: red }</style>
<script src="https://unpkg.com/mathjax"></script>
<div class="jp-Cell"><div class="jp-RenderedMarkdown">
<h1 id="A-lab">A lab<a class="anchor-link" href="#A-lab">¶</a></h1>
<p>Let $x < 1$ cost $5 &amp; <code>$code$</code>, see <a href="../../claims/c/">c</a>.</p>
<p>$$
y
$$</p></div></div>
<div class="jp-Cell">
<div class="highlight"><pre>print(1 &lt; 2)</pre></div>
<div class="clipboard-copy-txt">print(1 &lt; 2)</div>
<div class="jp-OutputArea-output"><pre>True</pre></div>
<div class="jp-RenderedImage"><img src="data:image/png;base64,AA=="></div></div>
<script>alert(1)</script>
"""


@pytest.fixture
def page():
    return BeautifulSoup(own_page(PAGE, "labs/a-lab.py"), "html.parser")


def test_no_style_or_script_of_another_is_left(page):
    assert page.select("style, script, link, [style]") == []
    assert "unpkg" not in str(page)


def test_code_stands_there_once(page):
    assert [code.get_text() for code in page.select(".language-python code")] == ["print(1 < 2)\n"]
    assert page.get_text().count("print(") == 1


def test_what_a_cell_prints_and_draws_stays_and_figures_say_what_they_belong_to(page):
    assert page.select_one(".run code").get_text() == "True\n"
    (image,) = page.select("img")
    assert image["src"] == "data:image/png;base64,AA=="
    assert image["alt"] == "Figure 1, to “A lab”"


def test_formulas_are_set_and_money_and_code_are_left(page):
    assert [span.get_text() for span in page.select(".tex")] == ["x < 1", "y"]
    assert page.select_one("p > code").get_text() == "$code$"
    assert "cost $5 &" in page.get_text()
    assert typeset(str(page)).count("class=katex>") == 2


def test_headings_have_their_links_and_the_file_can_be_downloaded(page):
    assert page.select_one("h1#A-lab > a.headerlink")["href"] == "#A-lab"
    assert page.select_one("a[download]")["href"] == "a-lab.py"


def test_the_list_of_contents_has_the_headings_that_are_there(page):
    assert [(entry.level, entry.id, entry.html) for entry in contents(str(page))] == [
        (1, "A-lab", "A lab")
    ]


@pytest.mark.parametrize(
    ("href", "dead"),
    [
        ("../../claims/c/", False),
        ("../../claims/c/#part", False),
        ("#A-lab", False),
        ("https://example.org/", False),
        ("../../claims/d/", True),
        ("../claims/c/", True),
        ("claims/c.md", True),
    ],
)
def test_a_link_to_no_page_is_reported(href, dead):
    body = f'<a href="{href}">x</a>'
    problems = dead_links(body, "labs/a.py", "labs/a/", ["labs/a/", "claims/c/"])
    assert [f"the link to {href} leads nowhere." in str(p) for p in problems] == [True] * dead
