r"""What MathJax, which Obsidian uses, reads and KaTeX does not: rewritten or defined for it.

A command is set in those of its forms alone that come out as MathJax sets them; any other form of
it is refused, never set as another formula. What neither helps (`\ce`, `\SI`, `\toggle`, `tikzcd`,
`multline` …) stays as it was written.
"""

import re
from collections import Counter
from collections.abc import Mapping

# A command -> what must follow it, and what it then stands for: None is KaTeX's own command, whose
# further forms only MathJax has. What follows, word by word, as tex.js reads it:
#   {}      an argument in braces             .      one in braces or without
#   letters one of letters and digits alone   >\x    an argument that ends with \x
#   !x      anything but x                    end    the end of the group
#   -       one in braces, of no account      never   nothing: no form of it can be set
Forms = Mapping[str, tuple[str, str | None]]
COMMANDS: Forms = {
    # of all packages
    r"\require": ("-", ""),  # what it brings is below
    r"\bbox": ("{}", r"\@whole{#1}"),
    **dict.fromkeys([r"\class", r"\cssId", r"\data"], ("- {}", r"\@whole{#1}")),
    r"\href": ("never", ""),
    r"\Bbb": (".", r"\mathbb{#1}"),
    r"\mathds": ("letters", r"\mathbb{#1}"),
    r"\mathbbm": ("letters", r"\mathbb{#1}"),
    r"\scr": (". end", r"\mathscr{#1}"),
    r"\frak": (". end", r"\mathfrak{#1}"),
    r"\mit": (". end", r"\mathnormal{#1}"),
    r"\mbox": ("{}", r"{\textstyle\text{#1}}"),
    r"\euro": ("", r"\text{€}"),
    r"\buildrel": (r">\over .", r"\mathrel{\overset{#1}{#2}}"),
    r"\root": (r">\of .", r"\sqrt[{#1}]{#2}"),
    r"\overunderset": (". . .", r"\overset{#1}{\underset{#2}{#3}}"),
    r"\prescript": ("{} {} {}", r"{}^{#1}_{#2}{#3}"),
    r"\hdots": ("", r"\ldots"),
    r"\iddots": ("", r"\mathinner{⋰}"),
    r"\mspace": ("{}", r"\hspace{#1}"),
    r"\strut": ("", r"\rule[-3pt]{0pt}{11.6pt}"),
    r"\iiiint": (r"!\limits", r"\int\!\!\!\iiint"),
    r"\idotsint": (r"!\limits", r"\int\cdots\int"),
    r"\Tiny": ("", r"\sixptsize"),
    r"\llap": (".", r"\mathllap{#1}"),
    r"\rlap": (".", r"\mathrlap{#1}"),
    **dict.fromkeys([r"\mathllap", r"\mathrlap", r"\mathclap"], (".", None)),
    **dict.fromkeys([r"\cancel", r"\bcancel", r"\xcancel"], (".", None)),
    r"\cfrac": (". .", None),
    # of plain TeX
    r"\eqalign": ("{}", r"\begin{aligned}#1\end{aligned}"),
    r"\displaylines": ("{}", r"\begin{gathered}#1\end{gathered}"),
    r"\matrix": ("{}", r"\begin{matrix}#1\end{matrix}"),
    r"\pmatrix": ("{}", r"\begin{pmatrix}#1\end{pmatrix}"),
    # of the package physics
    r"\abs": ("{}", r"\left|#1\right|"),
    r"\norm": ("{}", r"\left\|#1\right\|"),
    r"\dv": (". {} !(", r"\frac{\mathrm{d}#1}{\mathrm{d}#2}"),
    r"\pdv": (". {} !{ !(", r"\frac{\partial#1}{\partial#2}"),
    r"\vb": ("letters", r"\mathbf{#1}"),
    r"\grad": ("!( ![", r"\mathbf{\nabla}"),
    r"\Tr": ("!(", r"\operatorname{Tr}"),
    r"\tr": ("!(", r"\operatorname{tr}"),
    r"\braket": ("{} !{", r"\mathinner{\langle{#1}\rangle}"),
}

# What `\require{…}` makes of commands that are something else before it.
FUNCTIONS = [
    *("sin", "sinh", "arcsin", "cos", "cosh", "arccos", "tan", "tanh", "arctan"),
    *("csc", "sec", "cot", "coth", "exp", "log", "ln"),
]
REQUIRED: Mapping[str, Forms] = {
    "physics": {
        **{rf"\{name}": ("!( ![", None) for name in FUNCTIONS},
        **{rf"\{name}": ("!( !_ !^", None) for name in ["det", "Pr"]},
        **{rf"\{name}": ("never", "") for name in ["div", "Re", "Im", "bra", "ket", "braket"]},
    },
    "colorv2": {r"\color": ("never", "")},
}

UNICODE = re.compile(r"\\unicode\s*\{\s*(?:x([0-9A-Fa-f]{2,4})|([0-9]{2,5}))\s*\}")
ENCLOSED = re.compile(r"\\enclose\s*\{([^{}]*)\}(?!\s*\[)")
WORDS = re.compile(r"\\text(?:tt|bf|it|rm|sf|normal)?\s*\{[^{}$]*\}")
IN_WORDS = re.compile(r"\\.|[_#&^]")  # signs that are themselves in words, as is the second of \\
ENVIRONMENT = re.compile(  # no end of a row, which may have a word behind it
    r"(?<!\\)(?P<rows>(?:\\\\)*)\\(?P<part>begin|end)\s*\{(?P<name>[a-z]+)(?P<star>\*?)\}"
)
NO_BREAK = re.compile(r"(?<!\\)((?:\\\\)+)\*")  # of pages, after this row: there are no pages
# [t] on a line
PLACED = re.compile(r"(\\begin\s*\{(?:aligned|alignedat|gathered))\}\s*\[([^\]]*)\]")
TAG = re.compile(r"\\tag\*?\s*\{([^{}]*)\}")

# An environment -> the one that KaTeX has, "" for none. It numbers those without a star.
DISPLAYED = {
    **{name: f"{name}*" for name in ["align", "alignat", "equation", "gather"]},
    **dict.fromkeys(["displaymath", "math", "subequations"], ""),
    "eqnarray": "darray",
}
IN_A_LINE = DISPLAYED | {
    "align": "aligned",
    "alignat": "alignedat",
    "equation": "",
    "gather": "gathered",
    "split": "aligned",
}
ENCLOSING = {
    "horizontalstrike": r"\sout",
    "updiagonalstrike": r"\cancel",
    "downdiagonalstrike": r"\bcancel",
    "updiagonalstrike downdiagonalstrike": r"\xcancel",
    "top": r"\overline",
    "bottom": r"\underline",
}


def rewritten(tex: str, display: bool) -> str:
    """Return a formula as KaTeX reads it. Lines stay where they are, for the place of an error."""
    if "\\" not in tex:
        return tex
    tex = WORDS.sub(lambda found: IN_WORDS.sub(_literal, found[0]), tex)
    tex = UNICODE.sub(_character, tex)
    tex = ENCLOSED.sub(lambda found: ENCLOSING.get(found[1].strip(), found[0]), tex)
    tex = NO_BREAK.sub(r"\1", tex)
    if not display:
        tex = TAG.sub("", tex)  # nothing in a line has a number
    tex = PLACED.sub(lambda found: found[1] + ("}" if found[2] == "c" else f"[{found[2]}]}}"), tex)
    known = DISPLAYED if display else IN_A_LINE
    counts = Counter((found["part"], found["name"]) for found in ENVIRONMENT.finditer(tex))
    alone = {name for _, name in counts if counts["begin", name] != counts["end", name]}
    return ENVIRONMENT.sub(lambda found: _environment(found, known, alone), tex)


def _environment(found: re.Match[str], known: dict[str, str], alone: set[str]) -> str:
    rows, part, written = found["rows"], found["part"], found["name"]
    if written in alone:  # which KaTeX says better
        return found[0]
    name = known.get(written, written + found["star"])
    columns = "{rcl}" if written == "eqnarray" and part == "begin" else ""
    return rf"{rows}\{part}{{{name}}}{columns}" if name else rows


def _literal(found: re.Match[str]) -> str:
    if found[0] == r"\\":
        return r"\textbackslash{}"
    if found[0][0] == "\\":
        return found[0]
    return r"\text{\textasciicircum}" if found[0] == "^" else rf"\{found[0]}"


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16) if found[1] else int(found[2])
    is_plain = 0xA0 <= code < 0xD800 or chr(code).isalnum()
    return rf"\text{{{chr(code)}}}" if is_plain else found[0]
