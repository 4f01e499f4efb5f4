"""Is each snippet on the shelf once, and is what is copied there the file of the repository?"""

import ast
from collections import Counter
from pathlib import Path

from litmus.python.headers import requirements
from litmus.python.uses import use

ROOT = Path(__file__).parents[2]
SNIPPETS = {path.relative_to(ROOT).as_posix(): path for path in ROOT.glob("snippets/*.py")}
PUT_IN = ("# Checked with ", "# A test of it failed with ", "# From ")  # when the site is built


def without_what_is_put_in(text):
    return "".join(line for line in text.splitlines(True) if not line.startswith(PUT_IN))


def test_what_is_downloaded_and_copied_is_the_file_but_for_what_is_known_at_build(site, pages):
    added = Counter()
    for file, path in SNIPPETS.items():
        source, published = path.read_text("utf-8"), (site / file).read_text("utf-8")
        assert without_what_is_put_in(source) == source, file  # none of it is typed
        assert without_what_is_put_in(published) == source, file
        assert requirements(published) == requirements(source) is not None, file
        assert ast.dump(ast.parse(published)) == ast.dump(ast.parse(source)), file
        shown = [code.text() for code in pages[f"{file[:-3]}/"].css("article pre code")]
        assert shown.count(published) == 1, file
        added.update(
            line[: line.find(" with")] for line in published.splitlines() if line not in source
        )
    assert not added["# A test of it failed"]


def test_control_what_is_not_put_in_is_noticed():
    assert without_what_is_put_in("# Checked with torch 2.13.0\nx = 1\n") == "x = 1\n"
    assert without_what_is_put_in("# Checked\nx = 1\n") != "x = 1\n"


def test_each_page_says_what_to_install_and_how_to_run_it(pages):
    for file, path in SNIPPETS.items():
        said = pages[f"{file[:-3]}/"].css_first("p.needs").text()
        assert f"uv run {path.name}" in said, file  # this site is for nobody else
        installed = said.partition("pip install ")[2].partition(" and python ")[0]
        assert installed.replace('"', "").split() == requirements(path.read_text("utf-8")), file


def tools():
    return {file for file, path in SNIPPETS.items() if use(ast.get_docstring(parsed(path)) or "")}


def parsed(path):
    return ast.parse(path.read_text("utf-8"))


def test_each_snippet_is_on_the_shelf_once_tools_first_and_the_others_below_an_essay(pages):
    page, found, part, essay = pages["snippets/"], {}, "", ""
    for node in page.css("article h2, article h3, article a"):
        if node.tag == "h2":
            part, essay = node.attributes["id"], ""
        elif node.tag == "h3":
            essay = node.text().strip()
        elif (file := node.text()) in SNIPPETS:
            assert file not in found, file
            found[file] = part, essay
    assert {*found} == {*SNIPPETS}
    assert {file for file, (part, _) in found.items() if part == "tools"} == tools()
    assert {part for part, _ in found.values()} == {"tools", "demonstrations"}
    assert "Elsewhere" not in {essay for _, essay in found.values()}
    assert len(tools()) >= 12  # a dozen, as the page promises
