"""Tokens -> HTML: how a rule looks, and what it may ask and do.

The renderer knows no rule. It is given all of them, so that one rule may have any token rendered
without knowing by which other.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markdown_it.renderer import RendererHTML
from markupsafe import Markup

from litmus.claims.backlinks import Backlink
from litmus.markdown import Token, parser
from litmus.markdown.headings import shown_name
from litmus.problems import Problem, as_problem, tried
from litmus.render.allowed_html import balanced
from litmus.render.draft import Draft, Scope
from litmus.render.library import Library
from litmus.render.phrases import Phrases
from litmus.vault.addresses import address, relative_url
from litmus.vault.notes import Note
from litmus.vault.packed import Text, unpacked

BREAKS = {"softbreak", "hardbreak"}
USUAL = RendererHTML()  # for what we have no rule


@dataclass(slots=True)
class At:
    """A token among its neighbours, in its scope, with the renderer that renders all others."""

    tokens: Sequence[Token]
    index: int
    scope: Scope
    renderer: Renderer

    @property
    def token(self) -> Token:
        """The token itself."""
        return self.tokens[self.index]

    @property
    def library(self) -> Library:
        """What the page may ask."""
        return self.renderer.library

    def children(self) -> str:
        """Return the token's children as HTML."""
        return self.renderer.tokens(self.token.children or [], self.scope)

    def block_id(self) -> str:
        """Return a block's id as an attribute, "" in embedded text: its own page has the id."""
        id = self.token.attrGet("id")
        return f' id="{html.escape(str(id))}"' if id and not self.scope.is_embedded else ""

    def report(self, what: str, remedy: str = "", line: int = 0, kind: str = "") -> None:
        """Report a problem on the token's line, or `line` lines below."""
        place = self.scope.note.line(self.token) + line
        problem = Problem(self.scope.note.path, place, what, remedy, kind)
        self.scope.draft.problems.append(problem)


Rule = Callable[[At], str]
Rules = dict[str, Rule]  # by the type of the tokens that they render


def named(*rules: Rule) -> Rules:
    """Return rules that are called as the tokens are that they render."""
    return {rule.__name__: rule for rule in rules}


class Renderer:
    """Renders tokens by some rules, which may ask a library."""

    def __init__(
        self, rules: Rules, library: Library, phrases: Phrases, raw_html: bool = False
    ) -> None:
        self.rules = rules
        self.library = library
        self.phrases = phrases
        self.raw_html = raw_html  # are the notes trusted with any HTML?
        self._markdown = parser(library.vault.strict_line_breaks)

    def tokens(self, tokens: Sequence[Token], scope: Scope) -> str:
        """Return tokens as HTML, without the footnotes that the parser puts at their end."""
        before = scope.draft.raw_html
        if tokens and tokens[-1].type == "footnote_block_close":
            types = [token.type for token in tokens]
            tokens = tokens[: types.index("footnote_block_open")]
        body = self._rendered(tokens, scope)
        return balanced(body) if scope.draft.raw_html > before else body

    def markdown(self, source: str, name: str, scope: Scope) -> str:
        """Return Markdown that stands in no note, such as a card of a canvas, as HTML."""
        environment: dict[str, Any] = {}
        tokens = self._markdown.parse(source, environment)
        note = Note(name, {}, 1, Text(tokens, environment))
        return self.tokens(tokens, replace(scope, note=note, within=(*scope.within, (name, ""))))

    def property(self, value: str, scope: Scope) -> str:
        """Return one line of text from a note's properties as HTML."""
        tokens = self._markdown.parseInline(value)
        for line in tokens:
            line.children = [t for t in line.children or [] if t.type != "footnote_ref"]
        return self.tokens(tokens, scope)

    def aside(self, tokens: Sequence[Token], scope: Scope) -> str:
        """Return tokens once more, for a title or a menu, without links and footnotes.

        What is wrong with them is reported where they stand.
        """
        return self.tokens(tokens, replace(scope, draft=Draft(), is_aside=True))

    def title(self, note: Note) -> str:
        """Return a note's title as HTML, formulas and all, without links."""
        plain, scope = html.escape(note.title), Scope(note, "", Draft(), within=())
        if not note.title_heading:
            return plain
        key, words = (note.path, note.digest), note.title_words
        return self.phrases.once(key, lambda: self.aside(unpacked(words), scope), plain)

    def link(self, note: Note, here: str) -> Markup:
        """Return a link from a page to a note, by its title."""
        url = html.escape(relative_url(address(note.path), here))
        return Markup(f'<a href="{url}" data-card>{self.title(note)}</a>')

    def sentence(self, link: Backlink) -> str:
        """Return the sentence of a link as HTML, without links, as the page linked to quotes it."""
        note = self.library.vault.notes[link.source]
        key = (note.path, note.digest, str(link.place))
        return self.phrases.once(key, lambda: self._words(unpacked(link.sentence), note), "")

    def embedded(self, scope: Scope, show: Callable[[], str]) -> str:
        """Return what is shown of an embedded text; note what raises, which the page then links."""
        files = (path for path, _ in reversed(scope.within) if self.library.vault.has(path))
        path = next(files, "") if scope.is_embedded else ""

        def instead(problem: Problem) -> str:
            scope.draft.broken.setdefault(path, problem)
            return ""

        return tried(show, path, instead, "It is linked instead.") if path else show()

    def _words(self, tokens: Iterable[Token], note: Note) -> str:
        """Return inline tokens without their links."""
        words = []
        for token in tokens:
            if token.type == "wikilink":
                shown = token.children or [Token("text", "", 0, content=shown_name(token))]
                words += [Token("strong_open", "strong", 1), *shown]
                words.append(Token("strong_close", "strong", -1))
            elif token.type not in {"link_open", "link_close", "footnote_ref", "embed", "image"}:
                words.append(token)
        within = (note.path, ""), (note.path, "")
        scope = Scope(note, "", Draft(), within, is_aside=True)
        return self.tokens(words, scope)

    def _rendered(self, tokens: Sequence[Token], scope: Scope) -> str:
        """Return tokens as HTML; raise Problem, with the line, for whatever a rule raises."""
        parts: list[str] = []
        index = 0
        try:
            for index, token in enumerate(tokens):
                if token.type == "inline":
                    parts.append(self._rendered(token.children or [], scope))
                elif rule := self.rules.get(token.type):
                    parts.append(rule(At(tokens, index, scope, self)))
                else:
                    parts.append(self._plain(tokens, index, scope))
        except MemoryError:
            raise
        except Exception as error:
            problem = as_problem(error, scope.note.path)
            if problem.file == scope.note.path:
                problem.line = problem.line or _line(scope.note, tokens, index)
            raise problem from error
        return "".join(parts)

    def _plain(self, tokens: Sequence[Token], index: int, scope: Scope) -> str:
        """Return what no rule is for, as markdown-it has it.

        Blocks have no ids in an embedded text: the page that it comes from has them.
        """
        token = tokens[index]
        if scope.is_embedded and token.attrGet("id"):
            attributes = {k: v for k, v in token.attrs.items() if k != "id"}
            tokens, index = [token.copy(attrs=attributes), *tokens[index + 1 : index + 2]], 0
        rule = USUAL.rules.get(token.type, USUAL.renderToken)
        return rule(tokens, index, self._markdown.options, {})


def _line(note: Note, tokens: Sequence[Token], index: int) -> int | None:
    """Return the line of one of some tokens that stand side by side, None if none knows it."""
    for place in range(index, -1, -1):
        token = tokens[place]
        if token.map or "line" in token.meta:
            return note.line(token) + (place < index and token.type in BREAKS)
    return None
