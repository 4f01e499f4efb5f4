"""The renderer of notes: all rules together, and what they may refer to."""

import functools
import html
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from markdown_it.utils import EnvType
from markupsafe import Markup

from litmus.cache import Cache
from litmus.claims.backlinks import Backlink
from litmus.claims.claims import Claims
from litmus.files.digest import digest
from litmus.files.reading import as_text
from litmus.markdown import Token, parser
from litmus.markdown.headings import shown_name
from litmus.problems import Problem, as_problem, tried
from litmus.python.fingerprint import fingerprint
from litmus.python.runs import Runner
from litmus.render import (
    boxes,
    code,
    embeds,
    footnotes,
    formulas,
    links,
    obsidian_plugins,
    raw_html,
    text,
)
from litmus.render.questions import Asked, Question, Watched, WatchedVault
from litmus.render.renderer import Renderer, adapted
from litmus.render.scope import Rendered, Scope, TocEntry
from litmus.vault.addresses import address, relative_url
from litmus.vault.bibliography import Reference
from litmus.vault.notes import Note
from litmus.vault.vault import Vault

PARTS = [text, formulas, links, embeds, footnotes, boxes, code, obsidian_plugins, raw_html]
Key = tuple[str, ...]  # of something that is the same on all pages: of which text, what
RULES = {name: rule for part in PARTS for name, rule in part.RULES.items()}


class Site:
    """Everything that a page may refer to, and the renderer of notes that refers to it."""

    def __init__(
        self,
        root: Path,
        vault: Vault,
        claims: Claims,
        references: dict[str, Reference],
        runner: Runner,
        remembered: dict[Key, tuple[str, Asked]] | None = None,  # from one build to the next
        raw_html: bool = False,
        snippets: Mapping[str, Path] | None = None,  # by their paths from the root; none: foreign
        cache: Cache | None = None,
    ) -> None:
        self.snippets = snippets
        self._remembered = {} if remembered is None else remembered
        self._still_true: set[Key] = set()
        self.fresh: dict[Key, tuple[str, Asked]] = {}  # what was not remembered before
        self.claims = claims
        self.runner = runner
        self.cache = cache or Cache()
        self.raw_html = raw_html  # are the notes trusted with any HTML?
        self.asked: Asked = {}  # since the page that is being rendered was begun
        self._fingerprint = functools.cache(  # at this build
            lambda file: fingerprint(root / file, root, self.cache)
        )
        self.unshown: list[Problem] = []  # what raised in lines about notes, on the page at hand
        standing = functools.cache(lambda path: digest(repr(claims.standing(claim_at[path].name))))
        claim_at = {claim.note.path: claim for claim in claims.values()}
        literature = {
            str(note.properties["citekey"]).strip().lstrip("@"): note.path
            for note in vault.notes.values()
            if note.properties.get("citekey")
        }
        self.vault = WatchedVault(vault, self.asked)
        self.references = Watched("references", references, lambda entry: entry, self.asked)
        self.claim_at = Watched("claims", claim_at, lambda c: standing(c.note.path), self.asked)
        self.literature = Watched("literature", literature, str, self.asked)
        self._markdown = parser(strict_line_breaks=vault.strict_line_breaks, renderer=Renderer)
        for name, rule in RULES.items():  # in place of those that the parser's plugins brought
            self._markdown.add_render_rule(name, adapted(rule))

    def address(self, path: str) -> str:
        """Return where a file of the vault stands: notes are pages, the others files."""
        return address(path) if path in self.vault.notes else path

    def mark(self, question: Question) -> Hashable:
        """Return the mark of the answer that a page would be given now; compare `asked`."""
        kind, *about = question
        if kind in {"means", "missing", "text", "withheld", "macros"}:
            return self.vault.mark(question)
        if kind == "code":
            return self._code(about[0])
        watched: list[Watched[Any]] = [self.vault.notes, self.vault.files, self.references]
        watched += [self.claim_at, self.literature]
        by_name = {each.name: each for each in watched}
        if kind.startswith("in "):
            return about[0] in by_name[kind.removeprefix("in ")].inner
        return by_name[kind].mark(*about)

    def _code(self, file: str) -> str:
        """Return what changes when a snippet does; of one that is not there, when any comes."""
        there = self.snippets or {}
        return str(self._fingerprint(file)) if file in there else digest(*there)

    def render(self, note: Note) -> Rendered:
        """Return a note as the body of its page; `asked` then has what it depends on.

        What is embedded and raises is linked instead. A note that raises itself is shown as it is
        written.
        """
        self.asked.clear()
        broken: dict[str, Problem] = {}
        while True:
            known, rendered = len(broken), Rendered(broken=broken)
            try:
                self._render(note, rendered)
            except MemoryError:
                raise
            except Exception as error:
                rendered = self.as_written(note, as_problem(error, note.path))
                break
            if len(broken) == known:
                break  # else once more, since what raised has left footnotes and formulas behind
        rendered.problems += [*broken.values(), *self.unshown]
        self.unshown.clear()
        return rendered

    def as_written(self, note: Note, problem: Problem) -> Rendered:
        """Return a note as it is written, by no rule that could raise, with the reason."""
        source = html.escape(as_text(self.vault.inner.raw(note.path)))
        return Rendered(f'<pre class="unresolved">{source}</pre>\n', problems=[problem])

    def _render(self, note: Note, rendered: Rendered) -> None:
        scope = Scope(note, address(note.path), rendered, within=((note.path, ""),))
        claim = self.claim_at.get(note.path)
        drawing = obsidian_plugins.drawing(self, note, scope)
        if drawing is not None:
            rendered.html = drawing
        elif claim and claim.note is note:
            head = self.tokens(claim.title_tokens, scope) + boxes.claim_box(self, claim, scope)
            rendered.html = head + self.tokens(claim.rest, scope)
        else:
            rendered.html = self.tokens(note.tokens, scope)
        rendered.html += footnotes.footnotes(self, scope)
        formulas.check(scope, self.cache)
        rendered.problems += links.in_properties(self, note)
        self.title(note)  # what raises in it is listed, wherever it is shown
        below = 0 if note.title_heading else 1  # the name, which is not among the headings
        rendered.toc = [
            TocEntry(h.level + below, h.id, self.aside([note.tokens[h.index + 1]], scope))
            for h in note.headings
            if h.text  # a line of # alone has no name that a menu could show
        ]

    def embedded(self, scope: Scope, show: Callable[[], str]) -> str:
        """Return what is shown of an embedded text; note what raises, which the page then links."""
        try:
            return show()
        except MemoryError:
            raise
        except Exception as error:
            files = (path for path, _ in reversed(scope.within) if self.vault.inner.has(path))
            path = next(files, "") if scope.is_embedded else ""
            if not path:
                raise
            problem = as_problem(error, path, remedy="It is linked instead.")
            scope.rendered.broken.setdefault(path, problem)
            return ""

    def tokens(self, tokens: Sequence[Token], scope: Scope) -> str:
        """Return tokens as HTML."""
        environment: EnvType = {**scope.note.environment, "site": self, "scope": scope}
        before = scope.rendered.raw_html
        shown = footnotes.without_footnotes(tokens)
        body = str(self._markdown.renderer.render(shown, self._markdown.options, environment))
        return raw_html.balanced(body) if scope.rendered.raw_html > before else body

    def markdown(self, source: str, name: str, scope: Scope) -> str:
        """Return Markdown that stands in no note, such as a card of a canvas, as HTML."""
        environment: dict[str, Any] = {}
        tokens = self._markdown.parse(source, environment)
        note = Note(name, {}, 1, tokens, environment)
        return self.tokens(tokens, replace(scope, note=note, within=(*scope.within, (name, ""))))

    def aside(self, tokens: Sequence[Token], scope: Scope) -> str:
        """Return tokens once more, for a title or a menu, without links and footnotes.

        What is wrong with them is reported where they stand.
        """
        aside = replace(scope, rendered=Rendered(), is_aside=True)
        return self.tokens(tokens, aside)

    def title(self, note: Note) -> str:
        """Return a note's title as HTML, formulas and all, without links."""
        heading, plain = note.title_heading, html.escape(note.title)
        if not heading:
            return plain
        inline = note.tokens[heading.index + 1]
        scope = Scope(note, "", Rendered(), within=())
        return self._once((note.path, note.digest), lambda: self.aside([inline], scope), plain)

    def link(self, note: Note, page: str) -> Markup:
        """Return a link from a page to a note, by its title."""
        url = html.escape(relative_url(address(note.path), page))
        return Markup(f'<a href="{url}" data-card>{self.title(note)}</a>')

    def sentence(self, link: Backlink) -> str:
        """Return the sentence of a link as HTML, without links, as the page linked to quotes it."""
        note = self.vault.inner.notes[link.source]
        key = (note.path, note.digest, str(link.place))
        return self._once(key, lambda: self._words(link.sentence, note), "")

    def _once(self, key: Key, make: Callable[[], str], otherwise: str) -> str:
        """Return what is the same on every page, made once for all, with what it depends on.

        The first part of the key is the note that it is about; where that raises, it is something
        else that is shown.
        """
        known = self._remembered.get(key)
        if known and key not in self._still_true:
            known = known if all(self.mark(q) == mark for q, mark in known[1].items()) else None
        if not known:
            of_the_page = dict(self.asked)
            self.asked.clear()
            made = tried(make, key[0])
            told = dict(self.asked)
            self.asked.update(of_the_page)
            if isinstance(made, Problem):
                self.unshown.append(made)
                return otherwise
            known = self._remembered[key] = self.fresh[key] = made, told
        self._still_true.add(key)
        self.asked.update(known[1])
        return known[0]

    def _words(self, tokens: Iterable[Token], note: Note) -> str:
        """Return inline tokens without their links."""
        kept = []
        for token in tokens:
            if token.type == "wikilink":
                shown = token.children or [Token("text", "", 0, content=shown_name(token))]
                kept += [Token("strong_open", "strong", 1), *shown]
                kept.append(Token("strong_close", "strong", -1))
            elif token.type not in {"link_open", "link_close", "footnote_ref", "embed", "image"}:
                kept.append(token)
        within = (note.path, ""), (note.path, "")
        scope = Scope(note, "", Rendered(), within, is_aside=True)
        return self.tokens([Token("inline", "", 0, children=kept)], scope)

    def property(self, value: str, scope: Scope) -> str:
        """Return one line of text from a note's properties as HTML."""
        tokens = self._markdown.parseInline(value)
        for line in tokens:
            line.children = [t for t in line.children or [] if t.type != "footnote_ref"]
        return self.tokens(tokens, scope)
