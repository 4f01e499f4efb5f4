"""Is each row of the language shown as Obsidian shows it, and what nearly looks like it left alone?

One file in language/ is one test, and its name says what holds. It begins with a word on the rule.
Then come the files of a small vault, each below a line `<!-- file: path -->`; then, below a line
`<!-- shown: path -->`, the page that one of them must become; last, if anything in it leads
nowhere, that below `<!-- open -->`. The pages are written by hand from what Obsidian does.

White space around blocks does not count. Formulas are written <tex> and <display>.
"""

import difflib
import re
from pathlib import Path

import pytest

CASES = sorted((Path(__file__).parent / "language").glob("*.md"))
SECTION = re.compile(r"^<!-- (file|shown|open)(?:: (.+?))? -->\n", re.MULTILINE)
BLOCK = (
    r"p|div|ul|ol|li|h[1-6]|blockquote|table|thead|tbody|tr|t[hd]|hr|br|pre|details|summary|section"
)


def plain(html):
    """A page line by line, without what the language does not decide."""
    html = re.sub(r' data-card|<a class="headerlink".*?</a>|<span></span>', "", html)
    html = re.sub(r'<span class="unbroken">(.*?)</span>(\S*?)</span>', r"\1</span>\2", html)
    html = re.sub(r'<span class="tex">(.*?)</span>', r"<tex>\1</tex>", html, flags=re.DOTALL)
    html = re.sub(
        r'<span class="tex display">(.*?)</span>', r"<display>\1</display>", html, flags=re.DOTALL
    )
    html = re.sub(rf"\s*(<(?:{BLOCK})\b[^>]*>)\s*", r"\n\1", html)
    html = re.sub(rf"\s*(</(?:{BLOCK})>)\s*", r"\1\n", html)
    return [line.strip() for line in html.split("\n") if line.strip()]


def read(case):
    """The files of a case, the path of the one shown, its page, and what is open."""
    _, *parts = SECTION.split(case.read_text(encoding="utf-8"))
    sections = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
    files = {f"docs/{path}": text for kind, path, text in sections if kind == "file"}
    shown = [(path, text) for kind, path, text in sections if kind == "shown"]
    opened = [text.strip().split("\n") for kind, _, text in sections if kind == "open"]
    assert len(shown) == 1
    return files, *shown[0], opened[0] if opened else []


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_the_language(project, case):
    files, path, page, opened = read(case)
    small = project(files)
    html, problems = small.render(path)
    problems += [str(problem) for problem in small.read().problems]
    wanted, found = [*plain(page), *opened], [*plain(html), *problems]
    difference = "\n".join(difflib.unified_diff(wanted, found, "wanted", "found", "", "", 2, ""))
    assert wanted == found, f"\n{difference}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<p>a</p>", "<p>b</p>"),
        ("<p>a</p>", "a"),
        ("<p>a b</p>", "<p>ab</p>"),
        ("<b>a</b> b", "<b>a</b>b"),
        ('<span class="tex">x</span>', "x"),
        ('<span class="tex">x</span>', '<span class="tex display">x</span>'),
        ('<p id="a">x</p>', "<p>x</p>"),
        ("<ul><li>a</li></ul>", "<ul><li><p>a</p></li></ul>"),
    ],
)
def test_control_pages_that_differ_are_not_taken_for_equal(one, other):
    assert plain(one) != plain(other)
    assert plain(one) == plain(one.replace("<p", "\n\n<p").replace("</li>", " </li>\n"))
