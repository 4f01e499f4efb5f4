r"""Do formulas mean on the page what they mean in Obsidian: macros, numbers, references, errors?"""

import re
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

from litmus.tex import macros
from litmus.tex.katex import TexError, placeholder, set_all, typeset
from tests.litmus.wellformed import dead_fragments, misplaced, repeated_ids

BLACKBOARD = '<mi mathvariant="double-struck">R</mi>'


def seen(html):
    """What a reader sees of a page, and not what KaTeX adds for machines."""
    page = BeautifulSoup(typeset(html), "html.parser")
    for hidden in page.select(".katex math, [hidden]"):
        hidden.extract()
    return page.get_text()


@pytest.mark.parametrize(
    ("files", "formula"),
    [
        ({"docs/preamble.sty": "% R {\n\\newcommand{\\R}{\\mathbb{R}} % reals"}, r"\R"),
        ({"docs/preamble.sty": r"\def\set#1{\mathbb{#1}}"}, r"\set{R}"),
        ({"docs/preamble.sty": r"\newcommand\set[1]{\mathbb{#1}}\newcommand\R{\set R}"}, r"\R"),
        ({"docs/preamble.sty": r"\let\R\relax\renewcommand{\R}{\mathbb R}"}, r"\R"),
        ({"docs/preamble.sty": r"\newcommand{\set}[2][R]{\mathbb{#1}^{#2}}"}, r"\set{n}"),
        ({}, r"\newcommand{\R}{\mathbb R}\R"),
    ],
)
def test_a_formula_may_use_what_is_defined_for_it(project, files, formula):
    html, problems = project({"docs/n.md": f"${formula}$", **files}).render("n.md")
    assert not problems
    assert BLACKBOARD in typeset(html)


@pytest.mark.parametrize(
    "properties",
    [
        'macros: {"\\\\R": "\\\\mathbb{R}"}',
        'mathMacros: {R: "\\\\mathbb{R}"}',
        "macros: \\newcommand{\\R}{\\mathbb{R}}",
        "macros: |\n  \\def\\R{\\mathbb R}\n  \\def\\x{y}",
    ],
)
def test_a_note_may_define_in_its_properties(project, properties):
    notes = {"docs/n.md": f"---\n{properties}\n---\n$\\R$", "docs/m.md": "![[n]] $\\R$"}
    small = project(notes)
    html, problems = small.render("n.md")
    assert not problems
    assert BLACKBOARD in typeset(html)


DEFINES = "$$\\newcommand{\\mine}{\\mathbb R}$$\n\n$\\mine$"


@pytest.mark.parametrize("order", [["n.md", "m.md"], ["m.md", "n.md"]])
def test_what_a_note_defines_holds_in_it_and_nowhere_else(project, order):
    small = project({"docs/n.md": DEFINES, "docs/m.md": "$\\mine$ ![[n]]"})
    pages = small.pages()
    pages = {path: pages.render(pages.library.notes[path]) for path in order}
    assert not pages["n.md"].problems
    assert BLACKBOARD in typeset(pages["n.md"].html)
    assert "Undefined control sequence: \\mine" in str(pages["m.md"].problems[0])
    assert BLACKBOARD in typeset(pages["m.md"].html)  # in the embed
    assert '<div class="formula" hidden>' in pages["n.md"].html


def test_a_definition_by_a_formula_does_not_reach_another(project):
    pages = project({"docs/n.md": r"$\gdef\leak{x}\leak$", "docs/m.md": r"$\leak$"}).pages()
    assert not pages.render(pages.library.notes["n.md"]).problems
    assert pages.render(pages.library.notes["m.md"]).problems


@pytest.mark.parametrize(
    ("tex", "names", "rest"),
    [
        (r"\newcommand{\a}{b} x", [r"\a"], " x"),
        (r"\DeclareMathOperator*{\a}{arg\,min} x", [r"\a"], " x"),
        (r"\DeclarePairedDelimiter{\a}{\lvert}{\rvert} x", [r"\a"], " x"),
        (r"\def\a#1#2{#1{}#2} x", [r"\a"], " x"),
        ("\\newcommand{\\a}{\nb\n} x", [r"\a"], "\n\n x"),
        (r"\newcommand{\a}{b", [], r"\newcommand{\a}{b"),
        (r"\definecolor{a}", [], r"\definecolor{a}"),
        (r"\letter", [], r"\letter"),
        ("x", [], "x"),
    ],
)
def test_definitions_are_told_from_the_rest(tex, names, rest):
    defined, left = macros.taken_out(tex)
    assert ([name for name, _ in defined], left) == (names, rest)


NUMBERED = r"""
$$
a \label{one}
$$

\begin{align}
b &= c \label{two} \\
d &= e \\
f &= g \tag{F} \label{three}
\end{align}

- in a list $$h \label{four one}$$

See $\eqref{one}$, $\ref{two}$, $\eqref{three}$, $\eqref{four one}$ and $x \text{ by } \eqref{two}$.
"""


def test_displays_with_a_label_are_numbered_and_referred_to(project):
    html, problems = project({"docs/n.md": NUMBERED}).render("n.md")
    assert not problems
    assert not dead_fragments(html)
    assert not repeated_ids(html)
    links = BeautifulSoup(html, "html.parser").select("a.equation")
    assert [link.text for link in links] == ["(1)", "2", "(F)", "(3)"]
    text = re.sub(r"\s|\u200b", "", seen(html))
    assert text.count("(2)") == 2  # at the formula, and in the last one
    assert text.endswith("See(1),2,(F),(3)andxby(2).")
    assert "(2)(F)" in text  # a column of its own


def test_displays_without_a_label_have_no_number_as_in_obsidian(project):
    html, _ = project({"docs/n.md": "\\begin{align}\na &= b \\\\ c &= d\n\\end{align}"}).render(
        "n.md"
    )
    assert "eqn-num" not in typeset(html)


def test_references_of_an_embedded_part_lead_to_its_page(project):
    note = "# A\n\n$$x \\label{a}$$\n\n## B\n\nBy $\\eqref{a}$. $$y \\label{b}$$"
    small = project(
        {"docs/m.md": note, "docs/n.md": "![[m#B]] ![[m]] $$z \\label{a}$$ $\\eqref{a}$"}
    )
    html, problems = small.render("n.md")
    assert not problems
    assert not repeated_ids(html)
    links = [a["href"] for a in BeautifulSoup(html, "html.parser").select("a.equation")]
    assert links == ["../m/#eq:a", "../m/#eq:a", "#eq:a"]


def test_an_unknown_label_is_marked_and_reported_with_what_is_near(project):
    html, problems = project({"docs/n.md": "$$x \\label{mean}$$\n\n$\\eqref{maen}$"}).render("n.md")
    assert '<code class="unresolved">\\eqref{maen}</code>' in html
    assert problems == [
        "n.md:3: no formula of this note has the label 'maen'. Did you mean 'mean'?"
    ]


def test_what_is_not_tex_is_shown_as_written_with_its_reason(project):
    note = "# Bad $\\nope$\n\nok $a<b$\n\n> $$\n> x\n> \\nope{<}\n> $$\n"
    html, problems = project({"docs/n.md": note}).render("n.md")
    reason = 'title="Undefined control sequence: \\nope"'
    assert f'<code class="unresolved" {reason}>x\n\\nope{{&lt;}}</code>' in html
    assert [p.partition(" the ")[0] for p in problems] == ["n.md:1:", "n.md:7:"]
    assert not misplaced(typeset(html))


SUPPORTED = r"""
\require{cancel} \cancel{x}
x \nonumber
\eqalign{a &= b \cr c &= d}
\mathds{R}
\mathbbm{1}
\bm{x}
\begin{eqnarray} a &=& b \\ c &=& d \end{eqnarray}
\begin{eqnarray*} a &=& b \end{eqnarray*}
\begin{equation} \begin{split} a &= b \end{split} \end{equation}
{a \over b}
{n \choose k}
\unicode{x263A}
a \hskip 1em b
\mbox{where $x$}
\text{loss_train & more}
\root 3 \of {x}
\enclose{horizontalstrike}{x}
\class{a}{x} \cssId{a}{x}
\iiiint f
\prescript{14}{6}{C}
\DeclareMathOperator{\argmax}{arg\,max} \argmax_x f
\abs{x} + \norm{y} + \dv{f}{x} + \pdv{f}{x}
\begin{CD} A @>f>> B \end{CD}
"""
REFUSED = r"""
\ce{H2O}
\SI{1}{m}
\begin{tikzcd} a \end{tikzcd}
\begin{prooftree} a \end{prooftree}
\newenvironment{a}{b}{c}
\sideset{_a}{^b}\sum
\href{https://example.org}{x}
\begin{flalign} a &= b \end{flalign}
\begin{multline} a \\ b \end{multline}
\cases{a & b \cr c & d}
\bbox[yellow, 5px]{x}
"""


def error_of(tex, display=True):
    defined, rest = macros.taken_out(tex)
    formula = placeholder(tex, display, rest, macros.needed(rest, defined))
    result = set_all([formula])[formula]
    return str(result) if isinstance(result, TexError) else ""


@pytest.mark.parametrize("tex", SUPPORTED.strip().splitlines())
def test_commands_that_only_mathjax_has_are_set(tex):
    assert not error_of(tex)


@pytest.mark.parametrize("tex", REFUSED.strip().splitlines())
def test_control_those_that_cannot_be_are_refused(tex):
    assert error_of(tex)


@pytest.mark.parametrize("name", ["align", "gather", "equation", "eqnarray", "split"])
def test_an_environment_may_stand_in_a_line(name):
    assert not error_of(f"\\begin{{{name}}} a \\end{{{name}}}", display=False)


def test_the_source_of_a_formula_is_the_one_that_was_written(project):
    html, _ = project({"docs/n.md": "$$\\begin{eqnarray}a&<&b\\label{x}\\end{eqnarray}$$"}).render(
        "n.md"
    )
    source = BeautifulSoup(typeset(html), "html.parser").math["data-tex"]
    assert source == "\\begin{eqnarray}a&<&b\\label{x}\\end{eqnarray}"


def test_many_formulas_are_set_as_one_by_one():
    many = [
        placeholder(f"x_{{{i}}} + \\{'bad' if i % 7 == 3 else 'alpha'}", False) for i in range(300)
    ]
    together = set_all(many)
    assert [isinstance(together[f], TexError) for f in many] == [i % 7 == 3 for i in range(300)]
    assert all(f"<mn>{i}</mn>" in str(together[f]) for i, f in enumerate(many) if i % 7 != 3)


def test_a_process_that_has_set_a_formula_ends():
    program = "from litmus.tex import katex; katex.typeset(katex.placeholder('x', False))"
    for _ in range(4):  # it ended every other time before V8 was closed
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
