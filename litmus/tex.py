"""TeX -> HTML with MathML inside, when the site is built, so that no reader's browser has to.

KaTeX runs in V8. Notes carry a formula through rendering as `placeholder(tex)`, so that search
and previews see its TeX; `typeset` puts the formulas in at the very end.
"""

import atexit
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from py_mini_racer import MiniRacer

from litmus.mathjax import COMMANDS, rewritten

THEME = files("shadcn")  # a theme whose wheel carries all of KaTeX: script, style and fonts
PLACEHOLDER = re.compile(
    r'<span class="tex(?P<display> display)?"(?: data-set="(?P<set>[^"]*)")?'
    r'(?: data-macros="(?P<macros>[^"]*)")?>(?P<tex>[^<]*)</span>'
)
ANNOTATION = re.compile(r'(<annotation encoding="application/x-tex">).*?(</annotation>)', re.DOTALL)
NAMESPACES = re.compile(r' xmlns="http://www\.w3\.org/[^"]*"')  # HTML knows them without
AT_ONCE = 100  # formulas in one call of V8: a call costs as much as a short formula
KEPT = 10_000  # formulas, of about 2 KB each, that are remembered


class TexError(ValueError):
    """KaTeX does not understand a formula; `line` counts from the formula's first."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True)
class Formula:
    """A formula as written, as it is set where that differs, and the definitions that it uses."""

    tex: str
    display: bool
    set_as: str = ""
    macros: str = ""

    @property
    def parts(self) -> tuple[str, bool, str, str]:
        """What `placeholder` takes."""
        return self.tex, self.display, self.set_as, self.macros


def set_all(formulas: Iterable[Formula]) -> dict[Formula, str | TexError]:
    """Return each formula as HTML, or the error with KaTeX's reason if it is not TeX."""
    wanted = list(dict.fromkeys(formulas))
    missing = [formula for formula in wanted if formula not in _known]
    found: dict[Formula, str | TexError] = {f: _known[f] for f in wanted if f in _known}
    for begin in range(0, len(missing), AT_ONCE):
        some = missing[begin : begin + AT_ONCE]
        for formula, result in zip(some, _call(some), strict=True):
            found[formula] = _known[formula] = _read(formula, result)
    for formula in list(_known)[: max(0, len(_known) - KEPT)]:
        del _known[formula]
    return found


def to_html(tex: str, display: bool) -> str:
    """Return a formula as HTML; raise TexError with KaTeX's reason if it is not TeX."""
    formula = Formula(tex, display)
    result = set_all([formula])[formula]
    if isinstance(result, TexError):
        raise result
    return result


def placeholder(tex: str, display: bool, set_as: str = "", macros: str = "") -> str:
    """Return what stands for a formula until `typeset`: its TeX as plain text."""
    about = f' data-set="{html.escape(set_as)}"' if set_as else ""
    about += f' data-macros="{html.escape(macros)}"' if macros else ""
    kind = "tex display" if display else "tex"
    return f'<span class="{kind}"{about}>{html.escape(tex, quote=False)}</span>'


def as_written(formula: Formula, error: TexError) -> str:
    """Return a formula that is not TeX, marked, with the reason to be read when asked for."""
    reason = html.escape(str(error))
    return f'<code class="unresolved" title="{reason}">{html.escape(formula.tex)}</code>'


def typeset(page: str) -> str:
    """Return a page of HTML with every placeholder replaced by its formula."""
    formulas = [_formula(found) for found in PLACEHOLDER.finditer(page)]
    shown = set_all(formulas)

    def replaced(found: re.Match[str]) -> str:
        formula = _formula(found)
        result = shown[formula]
        return as_written(formula, result) if isinstance(result, TexError) else result

    return PLACEHOLDER.sub(replaced, page) if formulas else page


_known: dict[Formula, str | TexError] = {}


def _formula(found: re.Match[str]) -> Formula:
    tex, set_as, macros = (html.unescape(found[name] or "") for name in ("tex", "set", "macros"))
    return Formula(tex, bool(found["display"]), set_as, macros)


def _call(formulas: Iterable[Formula]) -> list[dict[str, str]]:
    given = [
        {
            "tex": rewritten(formula.set_as or formula.tex, formula.display),
            "display": formula.display,
            "definitions": formula.macros,
        }
        for formula in formulas
    ]
    results: list[dict[str, str]] = json.loads(
        str(_engine().eval(f"JSON.stringify({json.dumps(given)}.map(set))"))
    )
    return results


def _read(formula: Formula, result: dict[str, str]) -> str | TexError:
    if "error" in result:
        above = (formula.set_as or formula.tex).count("\n", 0, int(result["position"] or 0))
        return TexError(result["error"], above)
    written = html.escape(formula.tex, quote=False)
    shown = NAMESPACES.sub("", result["html"])
    return ANNOTATION.sub(lambda found: found[1] + written + found[2], shown, count=1)


@cache
def _engine() -> MiniRacer:
    engine = MiniRacer()
    atexit.register(engine.close)  # left to the interpreter, V8 often keeps the process from ending
    engine.eval(THEME.joinpath("js/katex.min.js").read_text(encoding="utf-8"))
    engine.eval(files("litmus").joinpath("tex.js").read_text(encoding="utf-8"))
    engine.eval(f"void define({json.dumps(COMMANDS)}, common)")
    return engine
