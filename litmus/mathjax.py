r"""What MathJax, which Obsidian uses, reads and KaTeX does not: rewritten or defined for it.

What neither helps (`\ce`, `\SI`, `\toggle`, `tikzcd` …) stays as it was written.
"""

import re

# Commands that KaTeX can define. Optional arguments in brackets are read and left out.
COMMANDS = r"""
\gdef\require#1{}
\gdef\bbox{\@ifnextchar[{\bbox@options}{\bbox@options[]}}
\gdef\bbox@options[#1]#2{\boxed{#2}}
\gdef\mathds#1{\mathbb{#1}}
\gdef\mathbbm#1{\mathbb{#1}}
\gdef\scr{\mathscr}
\gdef\mit#1{\mathit{#1}}
\gdef\mbox#1{\text{#1}}
\gdef\textsc#1{\text{#1}}
\gdef\euro{\text{€}}
\gdef\buildrel#1\over#2{\overset{#1}{#2}}
\gdef\overunderset#1#2#3{\overset{#1}{\underset{#2}{#3}}}
\gdef\overbracket#1{\overbrace{#1}}
\gdef\underbracket#1{\underbrace{#1}}
\gdef\prescript#1#2#3{{}^{#1}_{#2}#3}
\gdef\sideset#1#2#3{\mathop{{}#1#3#2}}
\gdef\hdots{\ldots}
\gdef\iddots{\mathinner{⋰}}
\gdef\Rule#1#2#3{\rule{#1}{#2}}
\gdef\Space#1#2#3{\hspace{#1}}
\gdef\mspace#1{\hspace{#1}}
\gdef\class#1#2{#2}
\gdef\cssId#1#2{#2}
\gdef\style#1#2{#2}
\gdef\data#1#2{#2}
\gdef\href#1#2{#2}
\gdef\texttip#1#2{#1}
\gdef\mathtip#1#2{#1}
\gdef\mmlToken#1#2{\mathrm{#2}}
\gdef\root#1\of#2{\sqrt[#1]{#2}}
\gdef\hfil{}
\gdef\hfill{}
\gdef\strut{\vphantom{(}}
\gdef\iiiint{\int\!\!\!\iiint}
\gdef\idotsint{\int\!\cdots\!\int}
\gdef\negthickspace{\!\!}
\gdef\negmedspace{\!\!}
\gdef\Tiny{\tiny}
\gdef\llap#1{\mathllap{#1}}
\gdef\rlap#1{\mathrlap{#1}}
\gdef\overparen#1{\overgroup{#1}}
\gdef\underparen#1{\undergroup{#1}}
\gdef\intertext#1{\text{#1}\\}
\gdef\shortintertext#1{\text{#1}\\}
\gdef\abs#1{\left|#1\right|}
\gdef\norm#1{\left\|#1\right\|}
\gdef\dv#1#2{\frac{\mathrm{d}#1}{\mathrm{d}#2}}
\gdef\pdv#1#2{\frac{\partial#1}{\partial#2}}
\gdef\vb#1{\mathbf{#1}}
\gdef\grad{\nabla}
\gdef\Tr{\operatorname{Tr}}
\gdef\tr{\operatorname{tr}}
"""
UNICODE = re.compile(r"\\unicode(?:\[[^\]]*\])*\{\s*(x?)([0-9A-Fa-f]+)\s*\}")
ENCLOSED = re.compile(r"\\enclose\s*\{([a-z]+)[^{}]*\}(?:\[[^\]]*\])?")
PLAIN = re.compile(r"\\(eqalign|cases|matrix|pmatrix|displaylines)\s*\{")
WORDS = re.compile(r"\\text(?:tt|bf|it|rm|sf|normal)?\s*\{[^{}$]*\}")
IN_WORDS = re.compile(r"(?<!\\)[_#&^]")  # signs that are themselves in words, and none in KaTeX
ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([a-z]+)(\*?)\}")
TAG = re.compile(r"\\tag\*?\s*\{[^{}]*\}")

# An environment -> the one that KaTeX has, "" for none. It numbers those without a star.
DISPLAYED = {
    "align": "align*",
    "alignat": "alignat*",
    "displaymath": "",
    "eqnarray": "array",
    "equation": "equation*",
    "flalign": "align*",
    "gather": "gather*",
    "math": "",
    "multline": "gather*",
    "subequations": "",
}
IN_A_LINE = DISPLAYED | {
    "align": "aligned",
    "alignat": "alignedat",
    "equation": "",
    "flalign": "aligned",
    "gather": "gathered",
    "multline": "gathered",
    "split": "aligned",
}
ENCLOSING = {
    "horizontalstrike": r"\sout",
    "updiagonalstrike": r"\cancel",
    "downdiagonalstrike": r"\bcancel",
    "box": r"\boxed",
    "roundedbox": r"\boxed",
    "circle": r"\boxed",
    "top": r"\overline",
    "bottom": r"\underline",
}
ENVIRONMENT_OF = {"eqalign": "aligned", "displaylines": "gathered"}


def rewritten(tex: str, display: bool) -> str:
    """Return a formula as KaTeX reads it. Lines stay where they are, for the place of an error."""
    if "\\" not in tex:
        return tex
    if "\\text" in tex:
        tex = WORDS.sub(lambda found: IN_WORDS.sub(_literal, found[0]), tex)
    if "\\unicode" in tex:
        tex = UNICODE.sub(_character, tex)
    if "\\enclose" in tex:
        tex = ENCLOSED.sub(lambda found: ENCLOSING.get(found[1], found[0]), tex)
    while found := PLAIN.search(tex):
        tex = _with_environment(tex, found)
    if not display and "\\tag" in tex:
        tex = TAG.sub("", tex)  # nothing in a line has a number
    if "\\begin" not in tex:
        return tex
    known = DISPLAYED if display else IN_A_LINE
    return ENVIRONMENT.sub(lambda found: _environment(found, known), tex)


def _environment(found: re.Match[str], known: dict[str, str]) -> str:
    name = known.get(found[2], found[2] + found[3])
    columns = "{rcl}" if found[2] == "eqnarray" and found[1] == "begin" else ""
    return rf"\{found[1]}{{{name}}}{columns}" if name else ""


def _literal(found: re.Match[str]) -> str:
    return r"\text{\textasciicircum}" if found[0] == "^" else rf"\{found[0]}"


def _character(found: re.Match[str]) -> str:
    code = int(found[2], 16 if found[1] else 10)
    return rf"\text{{{chr(code)}}}" if 0x20 <= code < 0xD800 else found[0]


def _with_environment(tex: str, found: re.Match[str]) -> str:
    r"""Return a formula with one `\matrix{a & b \cr c & d}` of plain TeX as an environment."""
    begin, depth = found.end(), 1
    end = begin
    while end < len(tex) and depth:
        if tex[end] == "\\":
            end += 1
        else:
            depth += {"{": 1, "}": -1}.get(tex[end], 0)
        end += 1
    name = ENVIRONMENT_OF.get(found[1], found[1])
    inside = tex[begin : end - 1]
    return rf"{tex[: found.start()]}\begin{{{name}}}{inside}\end{{{name}}}{tex[end:]}"
