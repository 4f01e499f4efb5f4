r"""Does a definition hold from where it stands on, as in MathJax, and change nothing above it?

What each formula below must look like was read off MathJax 3.2.2, one document a note.
"""

import re

import pytest
from bs4 import BeautifulSoup

from litmus.tex import macros
from litmus.tex.katex import typeset

REFUSED = "refused"
SPACES = re.compile(r"[\s\u200b]")


def shown(small):
    """What a reader sees of each formula of a note, without spaces."""
    html, problems = small.render("n.md")
    page = BeautifulSoup(typeset(html), "html.parser")
    found = page.select(".katex-html, code.unresolved")
    seen = [REFUSED if one.name == "code" else SPACES.sub("", one.get_text()) for one in found]
    assert seen.count(REFUSED) == len(problems)
    return [one for one in seen if one]


ONE_AFTER_ANOTHER = {
    "redefined": [(r"\newcommand{\x}{1}\x", "1"), (r"\x", "1"), (r"\renewcommand{\x}{2}\x", "2")],
    "ours before": [(r"\abs{a}", "∣a∣"), (r"\newcommand{\abs}[1]{\lfloor#1\rfloor}\abs a", "⌊a⌋")],
    "KaTeX's before": [(r"\phi", "ϕ"), (r"\def\phi{f}\phi", "f"), (r"\phi", "f")],
    "used above": [(r"\mine", REFUSED), (r"\def\mine{1}\mine", "1"), (r"\mine", "1")],
    "twice in one": [(r"\def\x{1}\x\def\x{2}\x", "12"), (r"\x", "2")],
    "after its use": [(r"\phi\def\phi{f}\phi", "ϕf"), (r"\phi", "f")],
    "after its use through another": [(r"\def\y{\phi}\y\def\phi{f}\y", "ϕf"), (r"\y", "f")],
    "after something else": [(r"a\def\x{1}\x", "a1"), (r"\x", "1")],
    "in a group": [(r"{\def\x{1}\x}\x", "11"), (r"\x", "1")],
    "in a cell": [(r"\begin{matrix}\def\x{1}\x\\ \def\x{2}\x\end{matrix}", "12"), (r"\x", "2")],
    "with an optional argument": [(r"a\newcommand{\x}[2][d]{#1#2}\x3\x[5]6", "ad356")],
    "let": [(r"\def\x{1}\let\y\x\def\x{2}\y\x", "12"), (r"\y\x", "12"), (r"\def\y{3}\y\x", "32")],
    "let above": [(r"\def\x{1}", ""), (r"\let\y=\x", ""), (r"\def\x{2}", ""), (r"\x\y", "21")],
    "let of ours": [(r"\let\old\phi\def\phi{f}\old\phi", "ϕf")],
    "in a comment": [("% \\newcommand{\\phi}{9}\ny", "y"), (r"\phi", "ϕ")],
    "behind a row's end": [("a\\\\% \\def\\phi{9}\nb", "ab"), (r"\phi", "ϕ")],
    "behind a percent sign": [("\\%\\def\\x{9}\\x\n", "%9"), (r"\x", "9")],
    "no definition": [(r"\begin{matrix}a\\let\phi\end{matrix}", "aletϕ"), (r"\phi", "ϕ")],
    "below a comment": [("% mine\n\\def\\x{1}", ""), (r"\x", "1")],
    "a comment within": [("\\newcommand{\\x}{%\n 1}\\x", "1")],
    "spaces within": [(r"\newcommand{\x}[ 1 ]{a#1}\x b", "ab")],
    "an argument's braces": [(r"\newcommand{\x}[2][{]}]{#1#2}\x b", "]b")],
    "provided": [(r"\newcommand{\x}{1}\providecommand{\x}{2}\x", "1")],
    "a package": [(r"\div", "÷"), (r"\require{physics}", ""), (r"\div", REFUSED)],
    "a package by its path": [(r"\require{[tex]/physics}", ""), (r"\div", REFUSED)],
    "a package with spaces": [(r"\require{ [tex]/physics }\sin x", "sinx"), (r"\div", REFUSED)],
    "a package in a comment": [("% \\require{physics}\na", "a"), (r"\div", "÷")],
    "a package within": [(r"\div\require{physics}a", "÷a"), (r"\div\require{physics}", REFUSED)],
    "a package read by let": [(r"\require{physics}\let\d\div", ""), (r"\d a", REFUSED)],
    "let before a package": [(r"\let\d\div\require{physics}", ""), (r"\d", "÷")],
}


@pytest.mark.parametrize("name", ONE_AFTER_ANOTHER)
def test_a_formula_knows_what_stands_above_it(project, name):
    formulas = ONE_AFTER_ANOTHER[name]
    text = "\n\n".join(f"$${tex}$$" for tex, _ in formulas)
    assert shown(project({"docs/n.md": text})) == [seen for _, seen in formulas if seen]


def test_control_the_other_order_is_another_page(project):
    above = shown(project({"docs/n.md": "$\\def\\phi{f}$ a\n\n$\\phi$"}))
    below = shown(project({"docs/n.md": "$\\phi$\n\n$\\def\\phi{f}$ a"}))
    assert (above, below) == (["f"], ["ϕ"])


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({"docs/preamble.sty": r"\def\x{1}\def\x{2}"}, ["2", "3"]),
        ({"docs/preamble.sty": r"\def\y{1}\let\x\y \def\y{2}"}, ["1", "3"]),
        ({"docs/preamble.sty": "\\def\\x{1} % \\def\\x{2}"}, ["1", "3"]),
        ({"docs/preamble.sty": "\\def\\x{\\%} % \\def\\x{2}"}, ["%", "3"]),
    ],
)
def test_a_preamble_stands_above_all(project, files, seen):
    assert shown(project({"docs/n.md": "$\\x$\n\n$\\def\\x{3}\\x$", **files})) == seen


def test_properties_stand_above_the_note_and_below_the_preamble(project):
    small = project(
        {
            "docs/preamble.sty": r"\def\x{0}\def\y{0}",
            "docs/n.md": "---\nmacros: \\def\\x{1}\n---\n$\\x\\y$\n\n$\\def\\x{2}\\x$",
        }
    )
    assert shown(small) == ["10", "2"]


def test_a_part_knows_what_stands_above_it_in_its_own_note(project):
    small = project(
        {
            "docs/m.md": "$\\def\\x{1}\\x$\n\n# A\n\n$\\x$\n\n# B\n\n$\\def\\x{2}\\x$",
            "docs/n.md": "$\\def\\x{0}\\x$\n\n![[m#B]]\n\n![[m#A]]\n\n$\\x$",
        }
    )
    assert shown(small) == ["0", "2", "1", "0"]


def test_the_place_of_an_error_is_found_below_definitions(project):
    _, problems = project(
        {"docs/n.md": "$$\na\\def\\x{\n1}\n\\newcommand{\\y}[1][\n2]{3}\n\\z\n$$"}
    ).render("n.md")
    assert [problem.partition(" ")[0] for problem in problems] == ["n.md:6:"]


def test_what_is_defined_again_and_again_is_given_once():
    defined = [(r"\x", rf"\gdef\x{{{number}}}") for number in range(1000)]
    assert macros.needed(r"\x", defined) == r"\gdef\x{999}"
    assert macros.needed(r"\x\y", [*defined[:3], (r"\y", r"\global\let\y\x")]).count("gdef") == 3
    assert macros.needed("x", defined) == ""
