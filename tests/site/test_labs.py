"""Is everything that our labs say, print and draw on their pages, once, and linked as notes are?"""

import copy
import re
from pathlib import Path

import jupytext
import pytest

from litmus.python import lab_runs
from litmus.python.bundles import beside
from litmus.python.headers import requirements
from tests.html import parsed

ROOT = Path(__file__).parents[2]
LABS = {file.stem: file for file in sorted((ROOT / "docs/labs").glob("*.py"))}
WIKILINK = re.compile(r"\[\[([^\]|#]+)[^\]]*\]\]")
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.DOTALL)


def in_notebook(run):
    """What the notebook of a lab has, by kind."""
    code = [cell for cell in run["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    text = "\n\n".join(
        "".join(cell["source"]) for cell in run["cells"] if cell["cell_type"] == "markdown"
    )
    return {
        "code": len(code),
        "printed": len(outputs) - len(figures),
        "figures": len(figures),
        "formulas": len(FORMULA.findall(text)),
        "headings": len(re.findall(r"^#+ ", text, re.MULTILINE)),
        "wikilinks": len(WIKILINK.findall(text)),
    }


def on_page(page, site):
    """The same of its page, apart from what others say of it there."""
    article = parsed(page.html).css_first("article")
    for other in article.css(".linked-from"):
        other.decompose()
    images = [image.attributes["src"].removeprefix("../../") for image in article.css("img")]
    return {
        "code": len(article.css(".language-python")),
        "printed": len(article.css(".language-printed")),
        "figures": len([image for image in images if (site / image).is_file()]),
        "formulas": len(article.css(".katex-html")),
        "headings": len(article.css("h1, h2, h3, h4, h5, h6")),
        "wikilinks": len(article.css("a[data-card]")),
    }


@pytest.fixture(scope="module")
def runs():
    """The notebook of each lab as it has run, by the lab's name."""
    kept = ROOT / "build"
    return {name: lab_runs.executed(file, ROOT, kept) for name, file in LABS.items()}


def test_each_page_has_what_the_notebook_has(runs, pages, site):
    assert LABS
    shown = {name: on_page(pages[f"labs/{name}/"], site) for name in LABS}
    assert shown == {name: in_notebook(run) for name, run in runs.items()}
    kinds = {kind for counts in shown.values() for kind, number in counts.items() if number}
    assert kinds == {"code", "printed", "figures", "formulas", "headings", "wikilinks"}


@pytest.mark.parametrize("kind", ["code", "printed", "figures"])
def test_control_what_a_notebook_has_more_is_noticed(runs, pages, site, kind):
    name = "toy-non-convergence"
    more = copy.deepcopy(runs[name])
    cells = [cell for cell in more["cells"] if cell["cell_type"] == "code"]
    drawn = next(o for c in cells for o in c["outputs"] if "image/png" in o.get("data", {}))
    said = next(o for c in cells for o in c["outputs"] if o["output_type"] == "stream")
    if kind == "code":
        more["cells"].append({"cell_type": "code", "source": "x", "outputs": []})
    else:
        cells[0]["outputs"].append(drawn if kind == "figures" else said)
    shown = on_page(pages[f"labs/{name}/"], site)
    assert in_notebook(more) == shown | {kind: shown[kind] + 1}


def test_what_labs_link_to_says_so_and_each_lab_says_what_links_to_it(pages):
    for name, file in LABS.items():
        here = f"labs/{name}/"
        words = [c.source for c in jupytext.read(file).cells if c.cell_type == "markdown"]
        linked = {target for text in words for target in WIKILINK.findall(text)}
        assert linked, name
        for target in linked:
            there = [page for page in pages if page.split("/")[-2:-1] == [target]]
            links = [a for page in there for a in pages[page].css(".linked-from a")]
            assert [a for a in links if a.attributes["href"].endswith(f"/{name}/")], (name, target)
        assert pages[here].css(".linked-from a"), name


def test_each_lab_is_listed_once_and_can_be_downloaded(pages, site):
    listed = [a.attributes["href"] for a in pages["notes/"].css("article a")]
    for name, file in LABS.items():
        assert listed.count(f"../labs/{name}/") == 1
        (download,) = pages[f"labs/{name}/"].css("a[href$='.py'], a[href$='.zip']")
        assert "download" in download.attributes  # else a browser may show the text
        there = site / "labs" / name / download.attributes["href"]
        assert file.read_bytes() in there.read_bytes()  # in a zip file as it is
        assert (there.suffix == ".zip") is bool(beside(file, ROOT))
        assert requirements(file.read_text("utf-8")), name
        assert f"uv run {name}.py" in pages[f"labs/{name}/"].css_first("article").text()
    assert f"<loc>http://127.0.0.1:8000/labs/{name}/</loc>" in (site / "sitemap.xml").read_text()
