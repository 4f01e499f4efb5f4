"""Code on a page: highlighted blocks, quoted functions, and what a file prints and draws."""

import hashlib
import html

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

from litmus import quotes
from litmus.addresses import address, relative_url
from litmus.problems import nearest
from litmus.render import plugins
from litmus.render.scope import At, Rule
from litmus.runs import Run, RunError

FORMATTER = HtmlFormatter(nowrap=True)


def fence(at: At) -> str:
    """A block of code; ```quote and ```run are ours."""
    language = (at.token.info.split() or [""])[0]
    if language == "quote":
        return _quote(at)
    if language == "run":
        return _run(at)
    return plugins.fence(at, language.lower()) or code_block(at.token.content, language)


def indented_code(at: At) -> str:
    """A block of code that is indented by four spaces."""
    return code_block(at.token.content, "")


RULES: dict[str, Rule] = {"fence": fence, "code_block": indented_code}


def code_block(source: str, language: str) -> str:
    """Return source as a highlighted block, plain if the language is not known."""
    try:
        lexer = get_lexer_by_name(language) if language else TextLexer()
    except ClassNotFound:
        lexer = TextLexer()
    code = highlight(source, lexer, FORMATTER)
    kind = f"language-{html.escape(language or 'text')} highlight"
    button = '<button class="copy" type="button">copy</button>' if language == "python" else ""
    return f'<div class="{kind}">{button}<pre><span></span><code>{code}</code></pre></div>\n'


def _quote(at: At) -> str:
    """Some functions of a snippet, with a link to the whole file and its tests."""
    file, *names = at.token.content.split() or [""]
    source = _snippet(at, file)
    if source is None:
        return _as_written(at)
    if not names:
        could = ", ".join(quotes.definitions(source))
        at.report("a quote names no function.", f"It could quote {could}.")
        return _as_written(at)
    try:
        quoted = quotes.quote(source, names)
    except quotes.QuoteError as error:
        at.report(f"{file} cannot be quoted: {error}", line=1)
        return _as_written(at)
    at.scope.rendered.quoted.append(file)
    caption = f"{_link(at, file)}, with its tests"
    return f'<figure class="quote">{code_block(quoted, "python")}{_caption(caption)}</figure>\n'


def _run(at: At) -> str:
    """What a snippet prints and draws."""
    file = at.token.content.strip()
    source = _snippet(at, file)
    if source is None:
        return _as_written(at)
    try:
        run = at.site.runner.run(file)
    except RunError as error:
        remedy = f"Run `python {file}` by hand, in an empty folder."
        at.report(f"{file} does not run: {error}.", remedy, line=1)
        return _as_written(at)
    at.scope.rendered.quoted.append(file)
    return show_run(run, _link(at, file), quotes.summary(source), at)


def show_run(run: Run, link: str, about: str, at: At) -> str:
    """Return a run's figures, which are `about` something, and what it printed."""
    figures = {_figure_path(svg): svg for svg in run.figures}
    at.scope.rendered.figures |= figures
    images = "".join(
        f'<img src="{relative_url(path, at.scope.page)}" alt="{html.escape(about)}" loading="lazy">'
        for path in figures
    )
    printed = code_block(run.printed, "text") if run.printed.strip() else ""
    verbs = " and ".join(["draws"] * bool(images) + ["prints"] * bool(printed)) or "says nothing"
    caption = f"What {link} {verbs}" if verbs != "says nothing" else f"{link} {verbs}"
    return f'<figure class="run">{images}{printed}{_caption(caption)}</figure>\n'


def _figure_path(svg: str) -> str:
    """Return where on the site a figure stands: the same figure at the same place."""
    return f"assets/figures/{hashlib.sha256(svg.encode()).hexdigest()[:16]}.svg"


def _snippet(at: At, file: str) -> str | None:
    """Return the source of a file in snippets/, None if there is no such file there."""
    folder = (at.site.root / "snippets").resolve()
    path = (at.site.root / file).resolve()
    if path.is_relative_to(folder) and path.is_file() and path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    there = [f"snippets/{p.relative_to(folder).as_posix()}" for p in sorted(folder.rglob("*.py"))]
    remedy = nearest(file, there) or "The first word is a file below snippets/."
    at.report(f"there is no snippet '{file}'.", remedy, line=1)
    return None


def _link(at: At, file: str) -> str:
    url = relative_url(address(file), at.scope.page)
    return f'<a href="{html.escape(url)}">{html.escape(file)}</a>'


def _caption(text: str) -> str:
    return f"<figcaption>{text}</figcaption>"


def _as_written(at: At) -> str:
    return f'<pre class="unresolved">{html.escape(at.token.content)}</pre>\n'
