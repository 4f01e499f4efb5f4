"""Does KaTeX set formulas when the site is built, and say what is wrong with those it cannot?"""

import re
import subprocess
import sys
from collections import Counter

import pytest

from litmus.tex.katex import TexError, placeholder, set_all, typeset


def to_html(tex, display):
    held = placeholder(tex, display)
    shown = set_all([held])[held]
    if isinstance(shown, TexError):
        raise shown
    return shown


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
        (r"\begin{matrix}" * 150 + "x" + r"\end{matrix}" * 150, "nested too deeply", 0),
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


# Writes down which process begins V8 and which one ends it, and how.
ENGINES = """
import os, sys
from py_mini_racer import MiniRacer
from litmus import parallel
from litmus.tex import katex

def noting(what, done):
    def noted(self, *rest):
        with open(sys.argv[1], "a") as notes:
            print(what, "in another process" * (os.getpid() != me), file=notes)
        return done(self, *rest)
    return noted

me = os.getpid()
MiniRacer.__init__ = noting("begun", MiniRacer.__init__)
MiniRacer.close, MiniRacer.__del__ = noting("ended", MiniRacer.close), lambda _: None
"""
IN_ALL = """
os.sched_getaffinity = lambda _: {0, 1}

def set_formula(number):
    while number and os.getpid() == me and not os.path.getsize(sys.argv[1]):
        pass  # until the other one has begun
    return number and katex.typeset(katex.placeholder(f"x_{number}", False))

parallel.in_parallel("Formulas", range(parallel.WORTH_IT), set_formula)
"""
TOO_LONG = r"""
katex.SECONDS = 0.3
assert "katex" in katex.typeset(katex.placeholder("x", False))
katex._engine().eval("katex.renderToString = () => { for (;;); }")
assert "too long" in katex.typeset(katex.placeholder("y", False))
assert "katex" in katex.typeset(katex.placeholder("z", False))
"""


@pytest.mark.parametrize(
    ("script", "engines"),
    [
        ("katex.typeset(katex.placeholder('x', False))", {"": 1}),
        ("", {}),
        pytest.param(
            IN_ALL,
            {"": 1, "in another process": 1},
            marks=pytest.mark.skipif(sys.platform != "linux", reason="nothing is shared there"),
        ),
        (TOO_LONG, {"": 2}),
    ],
    ids=["one formula", "none", "formulas in two processes", "a formula that takes too long"],
)
def test_v8_is_ended_by_each_process_that_begins_it(tmp_path, script, engines):
    notes = tmp_path / "notes"
    notes.write_text("")
    command = [sys.executable, "-c", ENGINES + script, notes]
    subprocess.run(command, check=True, timeout=60)
    expected = {f"{what} {where}": n for where, n in engines.items() for what in ("begun", "ended")}
    assert Counter(notes.read_text().splitlines()) == expected
