r"""Is what only MathJax has set as MathJax sets it, and in all other forms shown as written?

What each form below must look like was read off MathJax 3.2.2, with all packages and physics.
"""

import re

import pytest
from bs4 import BeautifulSoup

from litmus.cache import Cache
from litmus.tex import macros
from litmus.tex.katex import TexError, placeholder, set_all
from litmus.tex.mathjax import (
    COMMANDS,
    DISPLAYED,
    ENCLOSING,
    IN_A_LINE,
    REQUIRED,
    rewritten,
)


def shown(tex, display=False):
    """A formula as HTML without its source; where it cannot be set, the reason."""
    defined, rest = macros.taken_out(tex)
    held = placeholder(tex, display, rest, macros.needed(rest, defined))
    result = set_all([held])[held]
    return (
        result
        if isinstance(result, TexError)
        else re.sub(r'data-tex=("[^"]*"|\S+?)(?=>)', "", result)
    )


# A command -> (each form that is set -> the same without the command), and forms that are refused.
FORMS = {
    r"\require": (
        {r"\require{cancel} x": "x", r"\require {physics}x": "x"},
        [r"\require physics", r"\require"],
    ),
    r"\bbox": (
        {r"\bbox{x}": "x", r"\bbox{x+y}^2": "{x+y}^2", r"a\bbox{=}b": "a=b"},
        [r"\bbox[yellow]{x}", r"\bbox[5px, border: 2px solid red]{x}", r"\bbox [] {x}", r"\bbox x"],
    ),
    r"\class": (
        {
            r"\class{a}{x+y}^2": "{x+y}^2",
            r"a\class{b}{=}c": "a=c",
            r"\class{a b}{\class{c}{x}}": "x",
        },
        [r"\class{a}", r"\class a x"],
    ),
    r"\cssId": ({r"\cssId{a}{x}_1": "x_1"}, [r"\cssId{a}", r"\cssId a{x}"]),
    r"\data": ({r"\data{a=b}{x}": "x"}, [r"\data{a=b}", r"\data x{y}"]),
    r"\href": ({}, [r"\href{https://example.org}{x}", r"\href{a}x", r"\href"]),
    r"\Bbb": (
        {r"\Bbb{R}": r"\mathbb{R}", r"\Bbb R": r"\mathbb R", r"\Bbb1": r"\mathbb1"},
        [r"\Bbb"],
    ),
    r"\mathds": (
        {r"\mathds{R}": r"\mathbb{R}", r"\mathds R": r"\mathbb{R}", r"\mathds1": r"\mathbb{1}"},
        [r"\mathds{\alpha}", r"\mathds"],
    ),
    r"\mathbbm": ({r"\mathbbm{1}": r"\mathbb{1}"}, [r"\mathbbm{x+1}", r"\mathbbm[1]"]),
    r"\scr": (
        {r"\scr L": r"\mathscr L", r"{\scr L}+1": r"{\mathscr L}+1", r"\scr{LM}": r"\mathscr{LM}"},
        [r"\scr LM", r"{\scr L+M}", r"\scr", r"\scr *"],
    ),
    r"\frak": (
        {r"{\frak g}x": r"{\mathfrak g}x", r"\left(\frak g\right)": r"\left(\mathfrak g\right)"},
        [r"\frak gh", r"{\frak{g}h}"],
    ),
    r"\mit": ({r"{\mit x}": "x", r"\mit{\Gamma}": r"\mathnormal{\Gamma}"}, [r"\mit xy"]),
    r"\mbox": (
        {r"\mbox{a b}": r"{\textstyle\text{a b}}", r"x_{\mbox{a}}": r"x_{\textstyle\text{a}}"},
        [r"\mbox a", r"\mbox[1]{a}", r"\mbox"],
    ),
    r"\euro": ({r"5\euro": r"5\text{€}", r"\euro{}": r"\text{€}{}"}, []),
    r"\buildrel": (
        {r"x\buildrel a\over=y": r"x\mathrel{\overset{a}{=}}y"},
        [r"\buildrel{a}{b}", r"\buildrel a\over", r"\buildrel"],
    ),
    r"\root": (
        {r"\root 3\of x": r"\sqrt[3]{x}", r"\root{[n]}\of{x+y}": r"\sqrt[{[n]}]{x+y}"},
        [r"\root{3}{x}", r"\root 3 x", r"\root 3\of"],
    ),
    r"\overunderset": (
        {
            r"\overunderset{a}{b}{c}": r"\overset{a}{\underset{b}{c}}",
            r"\overunderset ab=": r"\overset a{\underset b{=}}",
        },
        [r"\overunderset{a}{b}", r"\overunderset[a]{b}{c}{d}"],
    ),
    r"\prescript": (
        {
            r"\prescript{14}{6}{C}": r"{}^{14}_{6}{C}",
            r"\prescript{a}{}{x+y}^2": r"{}^{a}_{}{x+y}^2",
        },
        [r"\prescript{a}{b}", r"\prescript a b c"],
    ),
    r"\hdots": ({r"a,\hdots,b": r"a,\ldots,b"}, []),
    r"\iddots": ({r"\iddots": r"\mathinner{⋰}"}, []),
    r"\mspace": ({r"a\mspace{18mu}b": r"a\hspace{18mu}b"}, [r"\mspace 18mu", r"\mspace"]),
    r"\strut": ({r"\strut x": r"\rule[-3pt]{0pt}{11.6pt} x"}, []),
    r"\iiiint": (
        {r"\iiiint f": r"\int\!\!\!\iiint f", r"\iiiint_V f": r"\int\!\!\!\iiint_V f"},
        [r"\iiiint\limits_V f"],
    ),
    r"\idotsint": ({r"\idotsint_V": r"\int\cdots\int_V"}, [r"\idotsint \limits_V"]),
    r"\Tiny": ({r"{\Tiny x}y": r"{\sixptsize x}y"}, []),
    r"\llap": (
        {r"\llap{x+y}": r"\mathllap{x+y}", r"\llap/": r"\mathllap/"},
        [r"\llap", r"\llap[a]{b}"],
    ),
    r"\rlap": ({r"\rlap{x+y}": r"\mathrlap{x+y}"}, [r"\rlap"]),
    r"\mathllap": ({r"\mathllap{x}": r"\llap{x}"}, [r"\mathllap[\scriptstyle]{x}", r"\mathllap"]),
    r"\mathrlap": ({r"\mathrlap x": r"\rlap{x}"}, [r"\mathrlap[\scriptstyle]{x}"]),
    r"\mathclap": (
        {r"\mathclap{x}": r"\mathclap x"},
        [r"\mathclap[\scriptstyle]{x}", r"\mathclap"],
    ),
    r"\cancel": (
        {r"\cancel{x}": r"\enclose{updiagonalstrike}{x}", r"\cancel x y": r"\cancel{x}y"},
        [r"\cancel[red]{x}", r"\cancel [] x", r"\cancel"],
    ),
    r"\bcancel": ({r"\bcancel x": r"\enclose{downdiagonalstrike}{x}"}, [r"\bcancel[red]{x}"]),
    r"\xcancel": ({r"\xcancel x": r"\xcancel{x}"}, [r"\xcancel[red]{x}"]),
    r"\cfrac": ({r"\cfrac12": r"\cfrac{1}{2}"}, [r"\cfrac[l]{1}{2}", r"\cfrac1"]),
    r"\eqalign": (
        {r"\eqalign{a&=b\cr c&=d}": r"\begin{aligned}a&=b\\c&=d\end{aligned}"},
        [r"\eqalign a", r"\eqalign"],
    ),
    r"\displaylines": (
        {r"\displaylines{a\cr b}": r"\begin{gathered}a\\b\end{gathered}"},
        [r"\displaylines a"],
    ),
    r"\matrix": (
        {r"\matrix{\matrix{b\cr c}}": r"\begin{matrix}\begin{matrix}b\\c\end{matrix}\end{matrix}"},
        [r"\matrix(a)", r"\matrix{a"],
    ),
    r"\pmatrix": ({r"\pmatrix {a&b}": r"\begin{pmatrix}a&b\end{pmatrix}"}, [r"\pmatrix x"]),
    r"\abs": (
        {r"\abs{x}": r"\left|x\right|", r"\abs {\abs{x}}^2": r"\left|\left|x\right|\right|^2"},
        [r"\abs*{x}", r"\abs x", r"\abs\big{x}", r"\abs(x)", r"\abs[x]", r"\abs", r"{\abs}{x}"],
    ),
    r"\norm": ({r"\norm{x}": r"\left\|x\right\|"}, [r"\norm*{x}", r"\norm x", r"\norm\Big{x}"]),
    r"\dv": (
        {
            r"\dv{f}{x}": r"\frac{\mathrm{d}f}{\mathrm{d}x}",
            r"\dv f{x}": r"\frac{\mathrm{d}f}{\mathrm{d}x}",
            r"\dv{\abs{f}}{x}{y}": r"\frac{\mathrm{d}\left|f\right|}{\mathrm{d}x}{y}",
        },
        [
            r"\dv[2]{f}{x}",
            r"\dv*{f}{x}",
            r"\dv{x}",
            r"\dv{x}f",
            r"\dv x y",
            r"\dv{f}{x}(y)",
            r"\dv",
        ],
    ),
    r"\pdv": (
        {
            r"\pdv{f}{x}": r"\frac{\partial f}{\partial x}",
            r"\pdv{f}{x}y": r"\frac{\partial f}{\partial x}y",
        },
        [
            *(r"\pdv{t}\psi", r"\pdv{f}{x}{y}", r"\pdv{f}{x} {y}", r"\pdv[2]{f}{x}", r"\pdv{f}"),
            *(r"\pdv*{f}{x}", r"\pdv{f}{x}(y)", r"\pdv{\pdv{f}{x}{y}}{z}", r"\frac{\pdv{t}}{x}"),
        ],
    ),
    r"\vb": (
        {r"\vb{x}": r"\mathbf{x}", r"\vb x y": r"\mathbf{x}y", r"\vb{AB1}": r"\mathbf{AB1}"},
        [r"\vb*{x}", r"\vb{\alpha}", r"\vb{x+y}", r"\vb\nabla", r"\vb"],
    ),
    r"\grad": (
        {r"\grad f": r"\mathbf{\nabla} f", r"\grad{f}": r"\mathbf{\nabla}{f}"},
        [r"\grad(f)", r"\grad [f]"],
    ),
    r"\Tr": (
        {r"\Tr\rho": r"\operatorname{Tr}\rho", r"\Tr_A{x}": r"\operatorname{Tr}_A{x}"},
        [r"\Tr(x)", r"\Tr (x)"],
    ),
    r"\tr": ({r"\tr A": r"\operatorname{tr}A", r"\tr[A]": r"\operatorname{tr}[A]"}, [r"\tr(A)"]),
    r"\braket": (
        {r"\braket{a|b}c": r"\mathinner{\langle{a|b}\rangle}c"},
        [r"\braket{a}{b}", r"\braket a b", r"\braket*{a}"],
    ),
}

FUNCTIONS = [
    *("sin", "sinh", "arcsin", "cos", "cosh", "arccos", "tan", "tanh", "arctan"),
    *("csc", "sec", "cot", "coth", "exp", "log", "ln"),
]
OTHERS = ["div", "Re", "Im", "bra", "ket", "braket"]

# The same of what is something else below a \require.
AFTER = {
    "physics": {
        **{rf"\{f}": ({rf"\{f} x": rf"\{f} x"}, [rf"\{f}(x)", rf"\{f}[2](x)"]) for f in FUNCTIONS},
        r"\det": ({r"\det A": r"\det A"}, [r"\det(A)", r"\det_A", r"\det^A"]),
        r"\Pr": ({r"\Pr A": r"\Pr A"}, [r"\Pr(A)", r"\Pr_A x"]),
        **{rf"\{f}": ({}, [rf"\{f} x", rf"\{f}{{x}}", rf"\{f}(x)"]) for f in OTHERS},
    },
    "colorv2": {r"\color": ({}, [r"\color{red}{x}", r"\color{red} x"])},
}
ALL = {**FORMS, **{f"{package} {c}": f for package, more in AFTER.items() for c, f in more.items()}}


def test_each_command_is_held_by_its_forms():
    assert FORMS.keys() == COMMANDS.keys()
    assert AFTER.keys() == REQUIRED.keys()
    assert all(AFTER[package].keys() == REQUIRED[package].keys() for package in AFTER)
    for name, (alike, refused) in ALL.items():
        assert alike or refused, name
        assert all(name.split()[-1] in form for form in [*alike, *refused])


@pytest.mark.parametrize("name", ALL)
def test_a_form_is_set_as_mathjax_sets_it_or_refused_by_name(name):
    package, _, command = name.rpartition(" ")
    before = rf"\require{{{package}}}" if package else ""
    for form, same in ALL[name][0].items():
        assert not isinstance(shown(before + form), TexError), form
        assert shown(before + form) == shown(same), form
    for form in ALL[name][1]:
        reason = str(shown(before + form))
        assert isinstance(shown(before + form), TexError), form
        assert command in reason or "macro argument" in reason or "end of input" in reason, reason


def test_control_what_a_package_changes_is_set_without_it():
    assert not any(isinstance(shown(rf"\{f}{{x}}"), TexError) for f in [*FUNCTIONS, *OTHERS])
    assert not isinstance(shown(r"\require{cancel}\sin(x)"), TexError)


def test_control_formulas_that_differ_are_not_taken_for_the_same():
    assert shown(r"\abs{x}") != shown(r"\left|y\right|")
    assert shown(r"\bbox{x+y}^2") != shown("x+y^2")
    assert shown(r"\mathbb{1}") != shown("1") != shown(r"\mathbb{I}")


def test_a_reason_says_what_can_be_set_and_what_is_there_instead():
    assert str(shown(r"\pdv{t}\psi")) == (
        r"\pdv is set in the form \pdv{…}{…} only, and here \psi follows"
    )
    assert str(shown(r"\abs")).endswith("and here the formula ends")
    assert str(shown(r"\url{https://example.org}")) == r"\url cannot be set"


@pytest.mark.parametrize(
    ("definition", "form", "same"),
    [
        (r"\newcommand{\abs}[1]{\lvert#1\rvert}", r"\abs x", r"\lvert x\rvert"),
        (r"\newcommand{\pdv}[3][]{#1#2#3}", r"\pdv[2]{f}{x}", "2fx"),
        (r"\def\vb*#1{b#1}", r"\vb*{x}", "bx"),
        (r"\DeclareMathOperator{\tr}{trace}", r"\tr(x)", r"\operatorname{trace}(x)"),
        (r"\newcommand{\div}{d}", r"\require{physics}\div x", "dx"),
        (r"\newcommand{\p}[2]{\pdv{#1}{#2}}", r"\p{f}{x}y", r"\frac{\partial f}{\partial x}y"),
        (
            r"\DeclarePairedDelimiter{\abs}{\lvert}{\rvert}",
            r"\abs*{x}",
            r"\left\lvert x\right\rvert",
        ),
        (
            r"\DeclarePairedDelimiter{\abs}{\lvert}{\rvert}",
            r"\abs{\sum}",
            r"\mathopen{\lvert}\sum\mathclose{\rvert}",
        ),
        (
            r"\DeclarePairedDelimiter\abs\lvert\rvert",
            r"\abs[\big]{x}",
            r"\mathopen{\big\lvert}x\mathclose{\big\rvert}",
        ),
    ],
)
def test_an_authors_own_definition_wins(definition, form, same):
    assert shown(definition + form) == shown(same)


def test_a_form_is_refused_also_within_a_definition():
    assert isinstance(shown(r"\newcommand{\p}{\pdv}\p{f}{x}{y}"), TexError)
    assert shown(r"\newcommand{\p}{\pdv}\p{f}{x}") == shown(r"\pdv{f}{x}")


REWRITTEN = {
    r"\enclose{horizontalstrike}{x}": r"\sout{x}",
    r"\enclose{updiagonalstrike}{x}": r"\cancel{x}",
    r"\enclose{ downdiagonalstrike }{x}": r"\bcancel{x}",
    r"\enclose{updiagonalstrike downdiagonalstrike}{x}": r"\xcancel{x}",
    r"\enclose{top}{x}": r"\overline{x}",
    r"\enclose{bottom}{x}": r"\underline{x}",
    r"\unicode{x263A}\unicode{ 9786 }": r"\text{☺}\text{☺}",
    r"\text{loss_train & more}": r"\text{loss\_train \& more}",
    r"\begin{matrix}a\\*b\end{matrix}": r"\begin{matrix}a\\b\end{matrix}",
    r"\begin{aligned}[c]a&=b\end{aligned}": r"\begin{aligned}a&=b\end{aligned}",
    r"\begin{eqnarray}a&=&b\end{eqnarray}": r"\begin{darray}{rcl}a&=&b\end{darray}",
    r"\begin{equation}a\end{equation}": "a",
    r"\begin{align*}a&=b\end{align*}": r"\begin{aligned}a&=b\end{aligned}",
    r"\begin{alignat}{1}a&=b\end{alignat}": r"\begin{alignedat}{1}a&=b\end{alignedat}",
    r"\begin{gather}a\end{gather}": r"\begin{gathered}a\end{gathered}",
    r"\begin{split}a&=b\end{split}": r"\begin{aligned}a&=b\end{aligned}",
    r"\begin{math}a\end{math}": "a",
    r"\begin{displaymath}a\end{displaymath}": "a",
    r"\begin{subequations}a\end{subequations}": "a",
    r"a\tag{1}": "a",
    r"\mathbb{1}": r"{\vphantom1\text{𝟙}}",
    r"\mathbb x": r"{\vphantom x\text{𝕩}}",
}
LEFT = r"""
\enclose{box}{x}
\enclose{circle}{x}
\enclose{updiagonalstrike, circle}{x}
\enclose{top}[mathcolor="red"]{x}
\unicode[STIX]{x263A}
\unicode{263A}
\unicode{x7B}
\unicode{57344}
\cases{a & b}
\begin{multline} a \\ b \end{multline}
\begin{flalign*} a &= b \end{flalign*}
\begin{aligned}[t] a \end{aligned}
\begin{gathered}[b] a \end{gathered}
\begin{array}[t]{c} a \end{array}
\hfil x
\overbracket{x}
\underbracket[1pt]{x}
\overparen{x}
\Rule{1em}{2em}{3em}
\Space{1em}{2em}{3em}
\style{color: red}{x}
\texttip{x}{y}
\mathtip{x}{y}
\mmlToken{mi}{x}
\mmlToken{mi}[mathvariant="bold"]{x}
\textsc{a}
\sideset{_a}{^b}\sum
\begin{align} a \\ \intertext{b} c \end{align}
\begin{align} a \\ \shortintertext{b} c \end{align}
\htmlClass{a}{x}
\includegraphics{a.png}
""".strip().splitlines()


def test_each_rewriting_is_held():
    written = " ".join([*REWRITTEN, *LEFT])
    assert all(f"{{{name}}}" in written.replace("*", "").replace(" ", "") for name in IN_A_LINE)
    assert all(name in written for name in ENCLOSING)
    assert DISPLAYED.keys() <= IN_A_LINE.keys()


@pytest.mark.parametrize("tex", REWRITTEN)
def test_what_is_rewritten_looks_as_in_mathjax(tex):
    assert not isinstance(shown(tex), TexError)
    assert shown(tex) == shown(REWRITTEN[tex])


@pytest.mark.parametrize("tex", LEFT)
def test_what_cannot_be_rewritten_exactly_is_left(tex):
    assert isinstance(shown(tex, display=True), TexError)


def test_a_refused_form_is_shown_as_written_and_listed(project):
    html, problems = project({"docs/n.md": "a\n\n$\\require{physics} \\pdv{t}\\psi$"}).render(
        "n.md"
    )
    assert r">\require{physics} \pdv{t}\psi</code>" in html
    assert problems == [
        "n.md:3: the formula cannot be set: \\pdv is set in the form \\pdv{…}{…} only, "
        "and here \\psi follows. Write it another way; where a dollar sign is meant, write \\$."
    ]


DIV = {"docs/n.md": "$\\div x$"}


@pytest.mark.parametrize(
    "files",
    [
        {"docs/n.md": "$\\require{physics}$\n\n$\\div x$"},
        {"docs/n.md": "$$\n\\require{physics}\n\\newcommand{\\d}{\\div}\n$$\n\n$\\d x$"},
        {"docs/n.md": '---\nmacros: "\\\\require{physics}"\n---\n$\\div x$'},
        {**DIV, "docs/preamble.sty": "\\require{physics}\n\\newcommand{\\R}{r}"},
    ],
)
def test_what_a_package_changes_it_changes_in_all_formulas_that_follow(project, files):
    _, problems = project(files).render("n.md")
    assert ["\\div cannot be set" in problem for problem in problems] == [True]


@pytest.mark.parametrize(
    "files",
    [
        DIV,
        {"docs/n.md": "$\\require{cancel}$ $\\div x$"},
        {**DIV, "docs/preamble.sty": "% \\require{physics}"},
        {**DIV, "docs/preamble.sty": "\\require{physics} \\renewcommand{\\div}{d}"},
        {"docs/n.md": "$\\require{physics} \\dv{f}{x}$ $\\sin x$"},
    ],
)
def test_control_and_nothing_else(project, files):
    assert project(files).render("n.md")[1] == []


def glyphs(tex):
    """What stands on the page, without what only holds the height of something else."""
    page = BeautifulSoup(shown(tex), "html.parser").select_one(".katex-html")
    return re.sub(r"[\s\u200b]|[0-9a-z](?=[𝟘-𝟡𝕒-𝕫])", "", page.get_text())


@pytest.mark.parametrize(
    ("tex", "seen"),
    [
        (r"\mathbb{12}", "𝟙𝟚"),
        (r"\mathbb 12", "𝟙2"),
        (r"\mathds{0a}", "𝟘𝕒"),
        (r"\mathbbm{ab}", "𝕒𝕓"),
        (r"\Bbb{z9}", "𝕫𝟡"),
        (r"\mathbb{1_A}", "𝟙A"),
        (r"\mathbb{R^n}", "R𝕟"),
        (r"\mathbb{\hat 1}", "𝟙^"),
        (r"\mathbb{\frac{1}{A}}", "A𝟙"),
        (r"\mathbb{\begin{matrix}1&\mathbf 1\end{matrix}}", "𝟙1"),
        (r"\mathbb{A\text{b}\mathrm{c}\operatorname{d}}", "Abcd"),
        (r"\newcommand{\one}[1][1]{\mathbb{#1}}\one", "𝟙"),
        (r"\newcommand{\n}{n}\mathbb{\n}", "𝕟"),
        (r"x_\mathbb1", "x𝟙"),
        (r"\mathcal{A\text{b}}_{1}", "Ab1"),
        (r"{\cal L}b", "Lb"),
        (r"\mathscr{A}", "A"),
        (r"\text{a\\b}", r"a\b"),
        (r"\text{a\_b\\_c}", r"a_b\_c"),
        (r"\Braket{a | b | c}", "⟨a∣b∣c⟩"),
        (r"\boldsymbol{\sin x}", "sinx"),
        (r"\boldsymbol{\mathbf x+\mathbb R}", "x+R"),
    ],
)
def test_a_letter_is_in_its_font_though_katex_lacks_it(tex, seen):
    assert glyphs(tex) == seen


@pytest.mark.parametrize("command", [r"\mathscr", r"\mathcal", r"\scr", r"\cal"])
@pytest.mark.parametrize("letters", [" a", "1", "{A_b}", r"{\hat a}", r"{A\frac{1}{2}}"])
def test_a_script_letter_that_katex_lacks_is_refused(command, letters):
    assert "is set of capital letters only" in str(shown(f"{{{command}{letters}}}"))


@pytest.mark.parametrize(
    "tex",
    [
        *(r"\boldsymbol{\mathrm{x}}", r"\boldsymbol{\mathcal L}", r"\bm{\frac{\mathfrak a}{b}}"),
        *(r"\boldsymbol{\sum}", r"\bm{\operatorname{a}}"),
        *(r"\Braket{a || b}", r"\Set{x || y}"),
    ],
)
def test_what_would_look_like_something_else_is_refused(tex):
    assert "cannot be set" in str(shown(tex))


def test_control_bold_letters_are_set_as_before():
    for same in [r"\boldsymbol{x}", r"\boldsymbol{\mathbf{x}}", r"a\bm{=}b", r"x^{\boldsymbol y}"]:
        assert not isinstance(shown(same), TexError)
    assert shown(r"\boldsymbol{x}") == shown(r"\bm x") != shown("x") != shown(r"\mathbf{x}")


@pytest.mark.parametrize(
    "tex", [r"x \end{equation}", r"\begin{equation} x", r"\begin{math}x\end{math} \end{math}"]
)
@pytest.mark.parametrize("display", [True, False])
def test_half_of_an_environment_is_an_error_and_not_left_out(tex, display):
    held = placeholder(tex, display)
    assert isinstance(set_all([held], Cache())[held], TexError)


@pytest.mark.parametrize("word", ["end", "begin"])
def test_what_follows_the_end_of_a_row_is_no_environment(word):
    tex = rf"\begin{{align}} a \\{word}{{gather}} b \end{{align}}"
    assert rf"\\{word}{{gather}}" in rewritten(tex, True)
    assert rewritten(rf"a \\{word}{{gather}} b", False) == rf"a \\{word}{{gather}} b"
    assert r"\\\begin{gather*}" in rewritten(r"a \\\begin{gather} b \end{gather}", True)
