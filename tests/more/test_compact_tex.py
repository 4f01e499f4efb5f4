"""Does a formula look to the pixel as KaTeX draws it, when it has been made small?"""

import io
import itertools
import json

import pytest
from PIL import Image, ImageChops, ImageFilter
from py_mini_racer import MiniRacer

from litmus.tex.compact_style import OURS, stylesheet
from litmus.tex.compact_tex import compact
from litmus.tex.katex import THEME
from tests.site.browser import served

FORMULAS = r"""
x
xyz+2ab-c=(f(x))!
\nabla f(cw)=\tfrac1c\nabla f(w)
\hat\eta=\eta/\|w\|^2
\theta\in\mathbb{S}^{d-1}
\frac{a}{b}+\dfrac{1}{2}-\tfrac{x}{y}\cdot\cfrac{1}{1+\cfrac{2}{3}}
\frac{\frac{a}{b}}{\frac{c}{d+\frac{e}{f}}}
\binom{n}{k}+\dbinom{n}{k}+\tbinom{n}{k}
{a \atop b}+{a \above 2pt b}+{n \brack k}+{n \brace k}
\genfrac[]{1pt}{0}{a}{b}
\sqrt{x}+\sqrt[3]{x^2+1}+\sqrt{\frac{a}{b}}
\sqrt{\sqrt{\sqrt{x}}}
\sqrt[n]{\frac{\sum_i x_i^2}{\int_0^1 f}}
\hat a\bar b\tilde c\vec d\dot e\ddot f\acute g\grave h\check i\breve j\mathring k
\widehat{abc}+\widetilde{xyz}+\overline{a+b}+\underline{a+b}
\overrightarrow{AB}+\overleftarrow{AB}+\overleftrightarrow{AB}+\underrightarrow{AB}
\overbrace{a+b+c}^{n}+\underbrace{x+y}_{m}
\overset{!}{=}\underset{x}{\to}\stackrel{d}{=}
\overgroup{abc}+\undergroup{abc}+\overlinesegment{ab}+\overrightharpoon{ab}
\hat{f}\hat{A}\bar{\mathcal{L}}\tilde{\mathbf{x}}\hat{\imath}\vec{\jmath}
\big(\Big(\bigg(\Bigg( x \Bigg)\bigg)\Big)\big)
\bigl[\Bigl\{\biggl|\Biggl\| x \Biggr\rangle\biggr\rceil\Bigr\rfloor\bigr.
\left(\frac{a}{b}\right)\left[\frac{\frac{a}{b}}{c}\right]\left\{x\right\}
\left.\frac{df}{dx}\right|_{x=0}+\left\lfloor\frac{a}{b}\right\rfloor+\left\lceil x\right\rceil
\left(\begin{array}{c}a\\b\\c\\d\\e\\f\\g\end{array}\right]
\left\|\begin{array}{c}a\\b\\c\\d\\e\end{array}\right\}
\left\langle\frac{a}{b}\middle|\frac{c}{d}\right\rangle
\left\uparrow\frac{\frac{a}{b}}{\frac{c}{d}}\right\Downarrow
\begin{pmatrix}a&b\\c&d\end{pmatrix}\begin{bmatrix}1&0\\0&1\end{bmatrix}
\begin{vmatrix}a&b\\c&d\end{vmatrix}\begin{Vmatrix}a&b\\c&d\end{Vmatrix}\begin{Bmatrix}a\\b\end{Bmatrix}
\begin{matrix}a&b\\c&d\end{matrix}+\begin{smallmatrix}a&b\\c&d\end{smallmatrix}
\begin{array}{l|c||r}a&b&c\\\hline aaaa&bbbb&cccc\\\hdashline x&y&z\end{array}
\begin{array}{@{}l@{\quad}r@{}}a&b\\[1em]c&d\end{array}
f(x)=\begin{cases}x&x>0\\0&\text{otherwise}\end{cases}
\begin{rcases}a\\b\end{rcases}\Rightarrow c+\begin{dcases}\frac{a}{b}\\c\end{dcases}
\begin{aligned}a&=b+c\\&=\frac{d}{e}\\x&\le y\end{aligned}
\begin{gathered}a=b\\c=d+e\end{gathered}
\begin{alignedat}{2}a&=b&\quad c&=d\\e&=f&g&=hhh\end{alignedat}
\begin{split}a&=b\\&=c\end{split}
\sum_{i=1}^n x_i+\prod_{j}^{m}y_j+\int_0^\infty e^{-x}\,dx+\oint_C f
\textstyle\sum_{i=1}^n x_i+\displaystyle\sum_{i=1}^n x_i
\int\limits_a^b+\sum\nolimits_{i}^{n}+\iint_D+\iiint_V
\lim_{x\to0}f+\max_{i}a_i+\sup_{x\in X}+\operatorname*{argmin}_{\theta}L(\theta)
\operatorname{tr}A+\log x+\sin^2\theta+\det A+\Pr(X)
\bigcup_{i}A_i+\bigcap_{i}^{n}B_i+\bigoplus_{k}V_k+\bigotimes\bigvee\bigwedge\coprod
\sum_{\substack{0<i<m\\0<j<n}}P(i,j)
\tiny a\scriptsize b\footnotesize c\small d\normalsize e\large f\Large g\LARGE h\huge i\Huge j
\Large x^{y^z}+\frac{a}{b}\tiny x^2_i
{\small\sqrt{x}}+{\Huge\hat{x}}+x^{\Large y}
\color{red}x+\textcolor{blue}{y^2}+\colorbox{yellow}{$z$}+\textcolor{#0a0}{\frac{a}{b}}
\fcolorbox{red}{aqua}{$x+y$}+\boxed{E=mc^2}+\fbox{abc}
\cancel{x}+\bcancel{y}+\xcancel{z+w}+\sout{abc}
x\xrightarrow{f}y\xleftarrow[g]{f+h}z\xRightarrow{long label}w\xleftrightarrow{a}v\xmapsto{b}u
a\xhookrightarrow{x}b\xtofrom{abc}c\xrightleftharpoons{k}d\xlongequal{d}e\xtwoheadrightarrow{q}f
\mathbb{ABCRNZE}\mathcal{ABCLNO}\mathfrak{abcABC}\mathscr{ABC}\mathrm{abcABC}
\mathbf{abcABC}\mathit{abc}\mathsf{abcABC}\mathtt{abcABC}\boldsymbol{abc\alpha}\bm{x}
\text{plain text with spaces}+\textbf{bold}+\textit{it}+\texttt{tt}+\textsf{sf}+\textrm{rm}
\text{with $x^2$ in it and é ü ß}
\textbf{a\textit{b}}\text{\small c}\mathrm{d}x\mathbf{A}^{\mathsf{T}}
f'(x)+g''+h'''_i+x'^2+{x'}^{y'}
x^2+x_i+x_i^2+x^{y^{z^w}}+x_{i_{j_k}}+x^{a_b}_{c^d}
{}_a^b X_c^d+\sideset{}{'}\sum_{i}+\prescript{a}{b}{X}
E=mc^2\tag{1}
\begin{align}a&=b\tag{2}\\c&=d\tag{$*$}\end{align}
\begin{align*}a&=b\\c&=d\end{align*}
\begin{gather}a=b\\c=d\end{gather}
\begin{equation}x=y+\frac{1}{2}\end{equation}
a\,b\:c\;d\!e\quad f\qquad g\ h~i\enspace j\thinspace k
a\hspace{1em}b\hspace{-0.5em}c\kern3pt d\mkern-3mu e\mskip8mu f\hskip1cm g
a\phantom{bbb}c\hphantom{x}d\vphantom{\frac{a}{b}}e\smash{\frac{a}{b}}f
\rule{2em}{1em}+\rule[0.5em]{1em}{0.1em}+\rule{0.05em}{3em}
\raisebox{0.5em}{up}x\raisebox{-0.5em}{down}\vcenter{\frac{a}{b}}
\mathllap{abc}x\mathrlap{/}{=}\mathclap{xyz}q\llap{a}\rlap{b}c
\alpha\beta\gamma\delta\epsilon\varepsilon\zeta\eta\theta\vartheta\iota\kappa\lambda\mu\nu\xi
\pi\varpi\rho\varrho\sigma\varsigma\tau\upsilon\phi\varphi\chi\psi\omega
\Gamma\Delta\Theta\Lambda\Xi\Pi\Sigma\Upsilon\Phi\Psi\Omega\varGamma\varDelta
ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789
a\le b\ge c\ne d\equiv e\approx f\sim g\propto h\ll i\gg j\prec k\succ l
a\subset b\supseteq c\in d\notin e\ni f\perp g\parallel h\mid i\nmid j\vdash k\models l
a\pm b\mp c\times d\div e\ast f\star g\circ h\bullet i\oplus j\otimes k\wedge l\vee m\cap n\cup o
\to\leftarrow\Rightarrow\Leftrightarrow\mapsto\longrightarrow\hookrightarrow\rightleftharpoons\leadsto
\forall\exists\neg\infty\partial\nabla\emptyset\varnothing\aleph\hbar\ell\Re\Im\wp\angle\triangle
\cdots\ldots\vdots\ddots\dots x_1,\ldots,x_n
a<b>c\&d\%e\#f\$g\_h\{i\}
a \mathbin{R} b\mathrel{S}c\mathop{T}_i\mathopen{<}d\mathclose{>}\mathpunct{;}e
-x+(-y)\cdot{-z}=-1,\;|x|,\ x!
a\bmod b,\ c\pmod{n},\ d\mod m
\|w_{t+1}\|^2=\|w_t\|^2+\eta^2\|\nabla f(w_t)\|^2
\mathrm{BN}(x)=\gamma\,\frac{x-\mathbb{E}[x]}{\sqrt{\mathrm{Var}[x]+\varepsilon}}+\beta
\lim_{t\to\infty}\mathbb{E}\|w_t\|^4=\frac{\eta\,\mathbb{E}\|\tilde g\|^2}{2\lambda-\eta\lambda^2}
\eta_t=\eta_0(1-\lambda\eta)^{-2t}
\frac{\partial^2 f}{\partial x\,\partial y}=\frac{d}{dt}\Big|_{t=0}
P(A\mid B)=\frac{P(B\mid A)P(A)}{P(B)}
\hat\theta=\operatorname*{arg\,max}_{\theta\in\Theta}\prod_{i=1}^{n}p(x_i\mid\theta)
\left(\sum_{k=1}^n a_kb_k\right)^{\!\!2}\le\left(\sum_{k=1}^na_k^2\right)\left(\sum_{k}b_k^2\right)
\overline{\overline{x}+y}+\underline{\underline{x}}+\overline{x^{2}}
\underbrace{\overbrace{a+b}^{x}+c}_{y}
x^{\frac{a}{b}}+x_{\sqrt{y}}+x^{\hat{y}}+2^{\binom{n}{k}}+e^{\sum_i x_i}
\frac{\hat{a}}{\bar{b}}+\frac{\sqrt{a}}{\mathbb{R}}+\frac{x^2}{y_i}
\begin{pmatrix}\frac{a}{b}&x^2\\\sqrt{y}&\hat{z}\end{pmatrix}^{-1}
\begin{bmatrix}a_{11}&\cdots&a_{1n}\\\vdots&\ddots&\vdots\\a_{m1}&\cdots&a_{mn}\end{bmatrix}
\begin{array}{c}\begin{pmatrix}a\\b\end{pmatrix}\\[2em]\frac{x}{y}\end{array}
\begin{CD}A@>a>>B\\@VbVV@VVcV\\C@>>d>D\end{CD}
\def\arraystretch{1.5}\begin{array}{|c|c|}\hline a&b\\\hline c&d\\\hline\end{array}
\angl{n}+\phase{-78^\circ}+a_{\angl n}
\utilde{abc}+\underleftrightarrow{AB}+\underbar{x}
\oiint+\smallint+\int\!\!\!\int+\intop_a^b+\mathop{\overline{\lim}}_{n}
\text{a}\\\text{b}
a+b\newline c+d
a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+t+u+v+w+x+y+z+a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p
a\allowbreak b\nobreak c
\TeX+\LaTeX+\KaTeX
\not=\not\in x\not\subset y\neq z
\surd+\sqrt{\vphantom{b}a}\sqrt{b}+\sqrt{\mathstrut x}
\Biggm|\bigm/\Bigm\backslash x\middle
\overleftharpoon{AB}\Overrightarrow{AB}\overparen{AB}
\dot{x}=Ax+Bu,\quad y=Cx+Du
\underset{\text{long text}}{x}+\overset{\text{long text}}{y}
\mathring{A}\widecheck{xyz}\vec{AB}
\text{\textcircled{a}}+\copyright+\text{\AA}+\pounds+\S
\verb|a b|+\verb|x^2|
\hbox{a}+\mbox{b $c$}
\ce{H2O}
1{,}000+3.14+0.5\times10^{-3}
f\colon X\to Y,\ f:X\to Y,\ x:=y
\displaystyle\int_{-\infty}^{\infty}\frac{\sin x}{x}\,dx=\pi
\mathcal{F}_{\hat\theta}^{(k)}+\mathcal{L}'+\mathfrak{g}^*+\mathbb{R}^{n\times n}
V_f+\Gamma_i^j+T^a{}_b+f_f^f+P_\theta^Y+W_{ij}^{(l)}+j_i
""".strip().splitlines()
HEAD = """<!doctype html><meta charset=utf-8><link rel=stylesheet href=katex.css><style>
*, :after, :before { box-sizing: inherit }
html { box-sizing: border-box }
body { columns: 2; font: 16px/1.6 serif; margin: 0; width: 1400px }
div { break-inside: avoid; height: 160px; overflow: hidden; padding: 8px }
</style>"""
FEW = 20  # formulas, from the first ones on, that use each of the rules that controls drop
AT_ONCE = 100  # a taller picture than that of so many formulas is more than Chromium takes
# Where every piece of text of a formula stands, its lines' height apart: the MathML is not seen.
PLACES = """() => [...document.querySelectorAll("p")].map(p => {
  const texts = document.createTreeWalker(p, NodeFilter.SHOW_TEXT), from = p.getBoundingClientRect()
  const found = [from.height]
  for (let text; text = texts.nextNode();) {
    if (text.parentElement.closest(".katex math") || text.data == "\u200b") continue
    const range = document.createRange()
    range.selectNodeContents(text)
    const {left, top, width, height} = range.getBoundingClientRect()
    found.push([text.data, left - from.left, top - from.top, width, height])
  }
  return found
})"""


@pytest.fixture(scope="module")
def formulas():
    """Each formula, in the line and displayed, as KaTeX writes it."""
    options = "strict: 'ignore', throwOnError: false"
    with MiniRacer() as engine:
        engine.eval(THEME.joinpath("js/katex.min.js").read_text(encoding="utf-8"))
        written = {
            (tex, display): engine.eval(
                f"katex.renderToString({json.dumps(tex)}, {{displayMode: {display}, {options}}})"
            )
            for tex in FORMULAS
            for display in ("false", "true")
        }
    return {key: html for key, html in written.items() if "katex-error" not in html}


@pytest.fixture(scope="module")
def drawn(browser, tmp_path_factory):
    """A function that draws formulas with a stylesheet: a picture of each, and its places."""
    folder = tmp_path_factory.mktemp("formulas")
    (folder / "fonts").mkdir()
    for font in THEME.joinpath("fonts/katex").iterdir():
        (folder / "fonts" / font.name).write_bytes(font.read_bytes())
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    number = itertools.count()  # a file of its own each: of one, a browser may show the one before

    def draw(written, css):
        style = f"{next(number)}.css"
        (folder / style).write_text(css.replace("../fonts/katex/", "fonts/"), "utf-8")
        pictures = []
        for begin in range(0, len(written), AT_ONCE):
            some = "".join(
                f"<div><p>gap {html} gap</p></div>" for html in written[begin : begin + AT_ONCE]
            )
            name = f"{next(number)}.html"
            (folder / name).write_text(HEAD.replace("katex.css", style) + some, "utf-8")
            page.goto(url + name)
            page.evaluate("Promise.all([...document.fonts].map(font => font.load()))")
            whole = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
            boxes = page.evaluate(
                "[...document.querySelectorAll('div')].map(d => d.getBoundingClientRect())"
                ".map(d => [d.left, d.top, d.right, d.bottom])"
            )
            pictures += zip(map(whole.crop, boxes), page.evaluate(PLACES), strict=True)
        return pictures

    with served(folder) as url:
        yield draw
    page.close()


@pytest.fixture(scope="module")
def katex():
    return THEME.joinpath("css/katex.min.css").read_text(encoding="utf-8")


def differing(some, others):
    """The indices of what looks otherwise in two lists of pictures, or stands elsewhere."""
    return [
        index
        for index, ((one, there), (other, here)) in enumerate(zip(some, others, strict=True))
        if not (same(there, here) and near(one, other) and near(other, one))
    ]


def same(there, here):
    """Whether places are the same, to two of the 64 parts that Chromium counts a pixel in."""
    return pytest.approx(numbers(there), abs=1 / 32) == numbers(here) and texts(there) == texts(
        here
    )


def numbers(places):
    return [places[0], *(number for place in places[1:] for number in place[1:])]


def texts(places):
    return [place[0] for place in places[1:]]


def near(one, other):
    """Whether each pixel of a picture is like one that is at most a pixel away in another.

    Chromium paints a sign whose place lies between two rows of pixels now in one, now in the other,
    although its place is the same.
    """
    differs = ImageChops.difference(one, other).getbbox()
    if not differs:
        return True
    left, top, right, bottom = differs
    around = left - 1, top - 1, right + 1, bottom + 1  # with all that a pixel may be like
    around = (*(max(edge, 0) for edge in around[:2]), *map(min, around[2:], one.size))
    one, other = one.crop(around), other.crop(around)
    darkest, lightest = (other.filter(f(3)) for f in (ImageFilter.MinFilter, ImageFilter.MaxFilter))
    beyond = [ImageChops.subtract(darkest, one), ImageChops.subtract(one, lightest)]
    return not any(difference.getbbox() for difference in beyond)


@pytest.fixture(scope="module")
def as_katex_draws(formulas, drawn, katex):
    return drawn(list(formulas.values()), katex)


def test_a_small_formula_looks_as_katex_draws_it(formulas, drawn, katex, as_katex_draws):
    small = [compact(html) for html in formulas.values()]
    wrong = differing(as_katex_draws, drawn(small, stylesheet(katex)))
    assert [list(formulas)[place] for place in wrong] == []
    assert len(formulas) > 240


@pytest.mark.parametrize("selector", ["i", ".b:before", ".f"])
def test_control_without_a_rule_formulas_look_otherwise(
    formulas, drawn, katex, as_katex_draws, selector
):
    css = stylesheet(katex)
    rules = [rule for rule in OURS.splitlines() if f"{selector}{{" in rule]
    assert rules
    for rule in rules:
        css = css.replace(rule, "")
    some = [compact(html) for html in formulas.values()][:FEW]
    assert differing(as_katex_draws[:FEW], drawn(some, css))


def heard(browser, formulas):
    """What a screen reader is given for formulas: the kinds of things and their texts, in order."""
    page = browser.new_page()
    page.set_content("".join(f"<p>{html}</p>" for html in formulas))
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    page.close()
    nodes = {node["nodeId"]: node for node in tree}

    def inside(node):
        yield node["role"]["value"], node.get("name", {}).get("value")
        for child in node.get("childIds", []):
            yield from inside(nodes[child])

    groups = {"none", "generic", "InlineTextBox", "MathMLRow"}  # a row of one thing is that thing
    return [said for said in inside(tree[0]) if said[0] not in groups]


def test_a_screen_reader_is_given_what_katex_gives_it(browser, formulas):
    # Displayed they have the same MathML, but for the attribute that says so.
    in_line = [html for (_, display), html in formulas.items() if display == "false"]
    assert heard(browser, map(compact, in_line)) == heard(browser, in_line)


def test_control_it_hears_a_sign_that_is_no_longer_upright(browser):
    nabla = '<math><mi mathvariant="normal">∇</mi></math>'
    assert heard(browser, [nabla]) != heard(browser, ["<math><mi>∇</mi></math>"])
