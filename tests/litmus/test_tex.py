"""Does KaTeX set formulas when the site is built, and say what is wrong with those it cannot?"""

import re

import pytest

from litmus.tex import TexError, placeholder, to_html, typeset


@pytest.mark.parametrize(
    "tex",
    [
        r"\nabla L(\theta)",
        r"\mathcal{L} \in \mathbb{R}^d",
        r"\begin{aligned}a&=b\\c&=d\end{aligned}",
    ],
)
def test_a_formula_becomes_html_with_mathml_inside(tex):
    html = to_html(tex, display=True)
    assert "class=katex-display" in html
    assert "<math" in html


def test_a_formula_in_a_line_is_not_displayed():
    assert "katex-display" not in to_html("x", display=False)


@pytest.mark.parametrize(
    ("tex", "reason", "line"),
    [
        (r"\nope", r"Undefined control sequence: \nope", 0),
        ("a\n+b\n" + r"\nope", r"Undefined control sequence: \nope", 2),
        (r"\frac{1}{", "Unexpected end of input", 0),
        (r"\begin{aligned} x", "Expected", 0),
        ("x^2^3", "Double superscript", 0),
    ],
)
def test_what_is_not_tex_is_refused_with_the_reason_and_the_line(tex, reason, line):
    with pytest.raises(TexError, match=re.escape(reason)) as error:
        to_html(tex, display=True)
    assert error.value.line == line


@pytest.mark.parametrize("tex", [r"a < b \& c > d", 'f"g', r"\text{é}", "x\ny"])
def test_a_placeholder_is_the_tex_as_text_until_it_is_set(tex):
    page = f"<p>{placeholder(tex, False)} and {placeholder(tex, True)}</p>"
    before, after = to_html(tex, False), to_html(tex, True)
    assert typeset(page) == f"<p>{before} and {after}</p>"


def test_what_is_not_a_placeholder_stays():
    page = '<span class="text">x</span> <code>$x$</code>'
    assert typeset(page) == page
