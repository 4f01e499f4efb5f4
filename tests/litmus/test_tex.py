"""Does KaTeX set formulas when the site is built, and say what is wrong with those it cannot?"""

import re

import pytest

from litmus import tex
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


@pytest.fixture
def next_process(monkeypatch):
    """A function that forgets what this process has set, as the next one does not know it."""

    def begin():
        monkeypatch.setattr(tex, "_known", {})
        monkeypatch.setattr(tex, "_earlier", {})

    begin()
    return begin


@pytest.fixture
def no_engine(monkeypatch):
    """A function after which no formula can be set."""

    def end():
        monkeypatch.setattr(tex, "_set", lambda some: pytest.fail(f"set again: {some}"))

    return end


def test_what_one_process_has_set_the_next_one_takes(next_process, no_engine, tmp_path):
    shown, wrong = tex.to_html("x^2", False), tex.placeholder("\\nope", False)
    assert isinstance(tex.set_all([wrong])[wrong], TexError)
    tex.keep(tmp_path / "kept")
    next_process()
    tex.recall(tmp_path / "kept")
    assert isinstance(tex.set_all([wrong])[wrong], TexError)  # set again, with its reason
    no_engine()
    assert tex.to_html("x^2", False) == shown
    tex.keep(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "kept").read_bytes()


def test_what_is_no_longer_needed_is_not_kept(next_process, tmp_path):
    tex.to_html("x", False)
    tex.keep(tmp_path / "kept")
    next_process()
    tex.recall(tmp_path / "kept")
    tex.keep(tmp_path / "kept")
    assert "<math" not in (tmp_path / "kept").read_text(encoding="utf-8")


@pytest.mark.parametrize("changed", tex.SET_BY, ids=lambda part: part.name)
def test_control_what_other_code_has_set_is_set_again(
    next_process, no_engine, tmp_path, monkeypatch, changed
):
    tex.to_html("x^2", False)
    tex.keep(tmp_path / "kept")
    next_process()
    (tmp_path / "other").write_bytes(changed.read_bytes() + b" ")
    parts = [tmp_path / "other" if part is changed else part for part in tex.SET_BY]
    monkeypatch.setattr(tex, "SET_BY", parts)
    monkeypatch.setattr(tex, "_setter", tex._setter.__wrapped__)
    tex.recall(tmp_path / "kept")
    no_engine()
    with pytest.raises(pytest.fail.Exception, match="set again"):
        tex.to_html("x^2", False)


def test_a_kept_file_that_cannot_be_read_is_as_good_as_none(next_process, tmp_path):
    (tmp_path / "kept").write_text("{", encoding="utf-8")
    tex.recall(tmp_path / "kept")
    tex.recall(tmp_path / "none")
    assert "<math" in tex.to_html("x^2", False)
