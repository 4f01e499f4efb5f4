"""TeX -> HTML with MathML inside, when the site is built, so that no reader's browser has to.

KaTeX runs in V8. Notes carry a formula through rendering as `placeholder(tex)`, so that search
and previews see its TeX; `typeset` puts the formulas in at the very end.
"""

import html
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from multiprocessing.util import Finalize
from typing import Any

from py_mini_racer import JSOOMException, JSTimeoutException, MiniRacer

from litmus.cache import Cache, Store
from litmus.tex.compact_tex import compact
from litmus.tex.mathjax import COMMANDS, REQUIRED, rewritten

THEME = files("shadcn")  # a theme whose wheel carries all of KaTeX: script, style and fonts
PLACEHOLDER = re.compile(
    r'<span class="tex(?P<display> display)?"(?: data-set="(?P<set>[^"]*)")?'
    r'(?: data-macros="(?P<macros>[^"]*)")?>(?P<tex>[^<]*)</span>'
)
AT_ONCE = 100  # formulas in one call of V8: a call costs as much as a short formula
LONGEST = 20_000  # letters of a formula; the longest that people write have about 2,000
SET_BY = [THEME.joinpath(name) for name in ("js/katex.min.js", "css/katex.min.css")]
SET_BY += [file for file in sorted(files("litmus.tex").iterdir(), key=str) if file.is_file()]
SECONDS, MEMORY = 10.0, 500_000_000  # of a call; a formula of a thousand letters takes 0.01 seconds


class TexError(ValueError):
    """KaTeX does not understand a formula; `line` counts from the formula's first."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


FORMULAS: Store[str | TexError] = Store("formulas", tuple(SET_BY))  # by their placeholders


def set_all(placeholders: Iterable[str], cache: Cache | None = None) -> dict[str, str | TexError]:
    """Return what each placeholder stands for as HTML, or KaTeX's error if it is not TeX.

    What has been set before is in the `cache` of its project.
    """
    known = (cache or Cache())[FORMULAS]
    found = {held: known.get(held) for held in placeholders}
    missing = [held for held, shown in found.items() if shown is None]
    for begin in range(0, len(missing), AT_ONCE):
        some = missing[begin : begin + AT_ONCE]
        for held, shown in zip(some, _set(some), strict=True):
            found[held] = known[held] = shown
    return {held: shown for held, shown in found.items() if shown is not None}


def placeholder(tex: str, display: bool, set_as: str = "", macros: str = "") -> str:
    """Return what stands for a formula until `typeset`: its TeX as plain text.

    Beside it stands what is set instead where that differs, and the definitions that it uses.
    """
    about = f' data-set="{html.escape(set_as)}"' if set_as else ""
    about += f' data-macros="{html.escape(macros)}"' if macros else ""
    kind = "tex display" if display else "tex"
    return f'<span class="{kind}"{about}>{html.escape(tex, quote=False)}</span>'


def as_written(held: str, error: TexError) -> str:
    """Return a formula that is not TeX, marked, with the reason to be read when asked for."""
    tex = PLACEHOLDER.sub(r"\g<tex>", held)
    return f'<code class="unresolved" title="{html.escape(str(error))}">{tex}</code>'


def typeset(html: str, cache: Cache | None = None) -> str:
    """Return a page of HTML with every placeholder replaced by its formula."""
    shown = set_all((found[0] for found in PLACEHOLDER.finditer(html)), cache)

    def replaced(found: re.Match[str]) -> str:
        formula = shown[found[0]]
        return as_written(found[0], formula) if isinstance(formula, TexError) else formula

    return PLACEHOLDER.sub(replaced, html) if shown else html


def _set(placeholders: Sequence[str]) -> list[str | TexError]:
    """Set formulas together; where one raises, each by itself."""
    try:
        return _set_together(placeholders)
    except MemoryError:
        raise
    except Exception as error:
        _engine.cache_clear()
        if len(placeholders) > 1:
            return [shown for held in placeholders for shown in _set([held])]
        return [TexError(f"{type(error).__name__}: {error}", 0)]


def _set_together(placeholders: Iterable[str]) -> list[str | TexError]:
    formulas = [found for held in placeholders for found in PLACEHOLDER.finditer(held)]
    short = [found for found in formulas if len(found[0]) <= LONGEST]
    given = [
        {
            "tex": rewritten(html.unescape(found["set"] or found["tex"]), bool(found["display"])),
            "display": bool(found["display"]),
            "definitions": html.unescape(found["macros"] or ""),
        }
        for found in short
    ]
    shown = {
        found[0]: _read(found, result) for found, result in zip(short, _results(given), strict=True)
    }
    too_long = TexError(f"it is longer than {LONGEST} letters", 0)
    return [shown.get(found[0], too_long) for found in formulas]


def _results(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set formulas in one call; where that takes too long, each in one of its own."""
    call = f"JSON.stringify({json.dumps(given)}.map(set))"
    try:
        results = _engine().eval(call, timeout_sec=SECONDS, max_memory=MEMORY)
        return list(json.loads(str(results)))
    except (JSTimeoutException, JSOOMException):
        _close()  # what is left of the engine may be of no use
    if len(given) > 1:
        return [result for one in given for result in _results([one])]
    return [{"error": "it takes too long or too much memory to set"}]


def _read(formula: re.Match[str], result: dict[str, Any]) -> str | TexError:
    if "error" in result:
        source = html.unescape(formula["set"] or formula["tex"])
        return TexError(result["error"], source.count("\n", 0, int(result.get("position") or 0)))
    try:
        return compact(result["html"], html.unescape(formula["tex"]))
    except RecursionError:
        return TexError("it is nested too deeply", 0)


@cache
def _engine() -> MiniRacer:
    engine = MiniRacer()
    Finalize(None, _close, exitpriority=0)  # unlike atexit, in a process that shares our cache, too
    engine.eval(THEME.joinpath("js/katex.min.js").read_text(encoding="utf-8"))
    for name in ("fonts.js", "tex.js"):
        engine.eval(files("litmus.tex").joinpath(name).read_text(encoding="utf-8"))
    engine.eval(f"defineFonts(); know({json.dumps(COMMANDS)}, {json.dumps(REQUIRED)})")
    return engine


def _close() -> None:
    """End V8 if it has begun: left to the interpreter, it often keeps the process from ending."""
    if _engine.cache_info().currsize:
        with suppress(JSTimeoutException, JSOOMException):
            _engine().eval("0", timeout_sec=1.0)  # when this has an answer, all before it has one
        _engine().close()
        _engine.cache_clear()
