"""Code on a page: highlighted blocks, quoted functions, and what a file prints and draws."""

import html
import re
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from litmus.cache import Cache, Store
from litmus.files.digest import digest
from litmus.problems import nearest
from litmus.python import quotes
from litmus.python.runs import NotInstalledError, Run, RunError
from litmus.render import obsidian_plugins
from litmus.render.diagrams import diagram
from litmus.render.renderer import At, Rules
from litmus.vault.addresses import address, relative_url

LANGUAGE = re.compile(r"[{.\s]*([\w+#/-]+)")  # in "python", "{.python}", "js {1,3}", "{r, echo=F}"
PLAIN = {"w", "err"}  # white space, and what is no error where code is an excerpt
LONGEST, WIDEST = 200_000, 10_000  # letters of a block and of a line that are highlighted
LONGEST_NAME = 200  # letters of a snippet's path
CODE: Store[str] = Store("code", (files("litmus.render").joinpath("code.py"), version("pygments")))


def fence(at: At) -> str:
    """A block of code; ```quote and ```run are ours."""
    language = _language(at.token.info)
    if language == "quote":
        return _quote(at)
    if language == "run":
        return _run(at)
    if language == "mermaid":
        return diagram(at)
    return obsidian_plugins.fence(at, language) or code_block(
        at.token.content, language, at.library.cache
    )


def indented_code(at: At) -> str:
    """A block of code that is indented by four spaces."""
    return code_block(at.token.content, "", at.library.cache)


def too_deep(at: At) -> str:
    """What stands within more quotes and lists than are read: as it is written."""
    at.report("quotes and lists are too deep in one another; this is shown as text.")
    return as_written(at)


def as_written(at: At) -> str:
    """What could not be read as it is meant, or made a rule raise."""
    return f'<pre class="unresolved">{html.escape(at.token.content)}</pre>\n'


RULES: Rules = {
    "fence": fence,
    "code_block": indented_code,
    "too_deep": too_deep,
    "too_long": as_written,
    "as_written": as_written,
    "unread_properties": as_written,
}


def code_block(source: str, language: str, cache: Cache | None = None) -> str:
    """Return source as a highlighted block, plain if the language is not known."""
    if len(source) > LONGEST or max(map(len, source.split("\n"))) > WIDEST:
        language = ""  # some lexers take the square of the length
    kind = f"language-{html.escape(language or 'text')} highlight"
    button = '<button class="copy" type="button">copy</button>' if language == "python" else ""
    known = (cache or Cache())[CODE]
    code = known.of(f"{language}\n{source}", lambda: _highlighted(source, language))
    return f'<div class="{kind}">{button}<pre><span></span><code>{code}</code></pre></div>\n'


def _language(info: str) -> str:
    """Return the language that stands behind the opening of a fence, "" for none."""
    found = LANGUAGE.match(info)
    return found[1].lower() if found else ""


def _highlighted(source: str, language: str) -> str:
    """Return source with a class for each kind of word, those of Pygments and of Material.

    Neighbours of one kind share an element: Pygments' own formatter takes twice the space.
    """
    parts: list[str] = []
    before = ""
    for kind, text in _lexer(language).get_tokens(source):
        name = _class(kind)
        if name != before:
            parts.append("</span>" * bool(before) + (f'<span class="{name}">' if name else ""))
            before = name
        parts.append(html.escape(text, quote=False))
    return "".join(parts) + "</span>" * bool(before)


@lru_cache(maxsize=100)
def _lexer(language: str) -> Any:
    try:
        return get_lexer_by_name(language, stripnl=False) if language else TextLexer(stripnl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False)


@cache
def _class(kind: Any) -> str:
    """Return the class of a kind of token; the kinds that a lexer adds have their parent's."""
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    name = str(STANDARD_TYPES[kind])
    return "" if name in PLAIN else name


def _quote(at: At) -> str:
    """Some functions of a snippet, with a link to the whole file and its tests."""
    file, *names = at.token.content.split() or [""]
    file = file.removeprefix("./")
    source = _snippet(at, file)
    if source is None:
        return as_written(at)
    if not names:
        could = ", ".join(quotes.definitions(source))
        at.report("a quote names no function.", f"It could quote {could}.")
        return as_written(at)
    try:
        quoted = quotes.quote(source, names)
    except quotes.QuoteError as error:
        at.report(f"{file} cannot be quoted: {error}", line=1)
        return as_written(at)
    at.scope.draft.quoted.append(file)
    caption = f"{_link(at, file)}, with its tests"
    shown = code_block(quoted, "python", at.library.cache)
    return f'<figure class="quote">{shown}<figcaption>{caption}</figcaption></figure>\n'


def _run(at: At) -> str:
    """What a snippet prints and draws."""
    file = at.token.content.strip().removeprefix("./")
    source = _snippet(at, file)
    if source is None:
        return as_written(at)
    try:
        run = at.library.runner.run(file)
    except RunError as error:
        by_hand = f"Run `python {file}` by hand, in an empty folder."
        remedy = "" if isinstance(error, NotInstalledError) else by_hand
        at.report(f"{file} does not run: {error}.", remedy, line=1)
        return as_written(at)
    at.scope.draft.quoted.append(file)
    return _shown(run, _link(at, file), quotes.summary(source), at)


def _shown(run: Run, link: str, about: str, at: At) -> str:
    """Return a run's figures, which are `about` something, and what it printed."""
    figures = {f"assets/figures/{digest(svg)}.svg": svg for svg in run.figures}
    at.scope.draft.figures |= figures
    images = "".join(
        f'<img src="{relative_url(path, at.scope.here)}" alt="{html.escape(about)}" loading="lazy">'
        for path in figures
    )
    printed = code_block(run.printed, "text", at.library.cache) if run.printed.strip() else ""
    verbs = " and ".join(["draws"] * bool(images) + ["prints"] * bool(printed))
    caption = f"What {link} {verbs}" if verbs else f"{link} says nothing"
    return f'<figure class="run">{images}{printed}<figcaption>{caption}</figcaption></figure>\n'


def _snippet(at: At, file: str) -> str | None:
    """Return the source of a file in snippets/, None if there is no such file there."""
    there = at.library.snippets
    if there is None:
        remedy = "Snippets belong to a project of one's own, beside its mkdocs.yml."
        at.report("a vault by itself has no snippets; this is shown as text.", remedy)
        return None
    if (file in there or len(file) < LONGEST_NAME) and at.library.has_snippet(file):
        return there[file].read_text(encoding="utf-8", errors="replace")
    remedy = nearest(file, there) or "The first word is a file below snippets/."
    at.report(f"there is no snippet '{file}'.", remedy, line=1)
    return None


def _link(at: At, file: str) -> str:
    url = relative_url(address(file), at.scope.here)
    return f'<a href="{html.escape(url)}">{html.escape(file)}</a>'
