"""TeX -> HTML with MathML inside, when the site is built, so that no reader's browser has to.

KaTeX runs in V8. Notes carry a formula through rendering as `placeholder(tex)`, so that search and
previews see its TeX; `typeset` puts the formulas in at the very end.
"""

import html
import json
import re
from functools import cache
from importlib.resources import files

from py_mini_racer import JSOOMException, JSTimeoutException, MiniRacer

THEME = files("shadcn")  # a theme whose wheel carries all of KaTeX: script, style and fonts
LONGEST = 20_000  # letters of a formula; the longest that people write have about 2,000
SECONDS, MEMORY = 10.0, 500_000_000  # of one formula; one of a thousand letters takes 0.01 seconds
PLACEHOLDER = re.compile(r'<span class="tex( display)?">([^<]*)</span>')
SCRIPT = """
function render(tex, display) {
  try {
    return {html: katex.renderToString(tex, {
      displayMode: display, strict: "ignore", maxSize: 100, maxExpand: 1000
    })};
  } catch (error) {
    return {error: error.rawMessage || error.message, position: error.position ?? null};
  }
}
"""


class TexError(ValueError):
    """KaTeX does not understand a formula; `line` counts from the formula's first."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


@cache
def to_html(tex: str, display: bool) -> str:
    """Return a formula as HTML; raise TexError with KaTeX's reason if it is not TeX."""
    if len(tex) > LONGEST:
        raise TexError(f"it is longer than {LONGEST} letters", 0)
    call = f"JSON.stringify(render({json.dumps(tex)}, {json.dumps(display)}))"
    try:
        result = json.loads(str(_engine().eval(call, timeout_sec=SECONDS, max_memory=MEMORY)))
    except (JSTimeoutException, JSOOMException):
        _engine.cache_clear()  # what is left of the engine may be of no use
        raise TexError("it takes too long or too much memory to set", 0) from None
    if "error" in result:
        raise TexError(result["error"], tex.count("\n", 0, result["position"] or 0))
    return str(result["html"])


def placeholder(tex: str, display: bool) -> str:
    """Return what stands for a formula until `typeset`: its TeX as plain text."""
    return (
        f'<span class="tex{" display" if display else ""}">{html.escape(tex, quote=False)}</span>'
    )


def typeset(page: str) -> str:
    """Return a page of HTML with every placeholder replaced by its formula."""
    return PLACEHOLDER.sub(_set, page)


def _set(found: re.Match[str]) -> str:
    try:
        return to_html(html.unescape(found[2]), bool(found[1]))
    except TexError:
        return found[0]  # no formula of ours: those have been set before


@cache
def _engine() -> MiniRacer:
    engine = MiniRacer()
    engine.eval(THEME.joinpath("js/katex.min.js").read_text(encoding="utf-8"))
    engine.eval(SCRIPT)
    return engine
