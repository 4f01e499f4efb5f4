"""The renderer of notes: all rules together, and what they may refer to."""

import html
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from markdown_it.renderer import RendererHTML
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from litmus.addresses import address, relative_url
from litmus.backlinks import Backlink
from litmus.bibliography import Reference
from litmus.claims import Claims
from litmus.digest import digest
from litmus.fingerprint import fingerprint
from litmus.markdown import Token, parser
from litmus.markdown.headings import shown_name
from litmus.notes import Note
from litmus.render import (
    boxes,
    code,
    embeds,
    footnotes,
    formulas,
    links,
    plugins,
    raw_html,
    text,
)
from litmus.render.asked import Asked, Question, Watched, WatchedVault
from litmus.render.scope import At, Rendered, Rule, Scope, TocEntry
from litmus.runs import Runner
from litmus.vault import Vault

PARTS = [text, formulas, links, embeds, footnotes, boxes, code, plugins, raw_html]
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
    ) -> None:
        self.root = root
        self._remembered = {} if remembered is None else remembered
        self._still_true: set[Key] = set()
        self.fresh: dict[Key, tuple[str, Asked]] = {}  # what was not remembered before
        self.claims = claims
        self.runner = runner
        self.raw_html = raw_html  # are the notes trusted with any HTML?
        self.labs: set[str] = set()  # files that somebody else makes pages of
        self.asked: Asked = {}  # since the page that is being rendered was begun
        self.fingerprint = cache(lambda file: fingerprint(root / file, root))  # at this build
        standing = cache(lambda path: digest(repr(claims.standing(claim_at[path].name))))
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
        self._markdown = parser(strict_line_breaks=vault.strict_line_breaks, renderer=_Renderer)
        for name, rule in RULES.items():  # in place of those that the parser's plugins brought
            self._markdown.add_render_rule(name, _adapted(rule))

    @cached_property
    def snippets(self) -> dict[str, Path]:
        """The files in snippets/ by their paths from the root, at this build."""
        folder = self.root.resolve() / "snippets"
        return {
            f"snippets/{path.relative_to(folder).as_posix()}": path
            for path in sorted(folder.rglob("*.py"))
            if path.resolve().is_relative_to(folder)  # no link leads out
        }

    def address(self, path: str) -> str:
        """Return where a file of the vault stands: notes and labs are pages, the others files."""
        is_page = path in self.labs or path.lower().endswith(".md")
        return address(path) if is_page else path

    def mark(self, question: Question) -> Hashable:
        """Return the mark of the answer that a page would be given now; compare `asked`."""
        kind, *about = question
        if kind in {"means", "missing", "text", "withheld", "macros"}:
            return self.vault.mark(question)
        if kind == "code":
            return self.fingerprint(about[0])
        watched: list[Watched[Any]] = [self.vault.notes, self.vault.files, self.references]
        watched += [self.claim_at, self.literature]
        by_name = {each.name: each for each in watched}
        if kind.startswith("in "):
            return about[0] in by_name[kind.removeprefix("in ")].inner
        return by_name[kind].mark(*about)

    def render(self, note: Note) -> Rendered:
        """Return a note as the body of its page; `asked` then has what it depends on."""
        self.asked.clear()
        scope = Scope(note, address(note.path), Rendered(), within=((note.path, ""),))
        claim = self.claim_at.get(note.path)
        drawing = plugins.drawing(self, note, scope)
        if drawing is not None:
            scope.rendered.html = drawing
        elif claim:
            head = self.tokens(claim.title_tokens, scope) + boxes.claim_box(self, claim, scope)
            scope.rendered.html = head + self.tokens(claim.rest, scope)
        else:
            scope.rendered.html = self.tokens(note.tokens, scope)
        scope.rendered.html += footnotes.footnotes(self, scope)
        formulas.check(scope)
        scope.rendered.problems += links.in_properties(self, note)
        below = 0 if note.title_heading else 1  # the name, which is not among the headings
        scope.rendered.toc = [
            TocEntry(h.level + below, h.id, self.aside([note.tokens[h.index + 1]], scope))
            for h in note.headings
            if h.text  # a line of # alone has no name that a menu could show
        ]
        return scope.rendered

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
        heading = note.title_heading
        if not heading:
            return html.escape(note.title)
        inline = note.tokens[heading.index + 1]
        scope = Scope(note, "", Rendered(), within=())
        return self._once((note.path, note.digest), lambda: self.aside([inline], scope))

    def link(self, note: Note, page: str) -> Markup:
        """Return a link from a page to a note, by its title."""
        url = html.escape(relative_url(address(note.path), page))
        return Markup(f'<a href="{url}" data-card>{self.title(note)}</a>')

    def sentence(self, link: Backlink) -> str:
        """Return the sentence of a link as HTML, without links, as the page linked to quotes it."""
        note = self.vault.inner.notes[link.source]
        key = (note.path, note.digest, str(link.place))
        return self._once(key, lambda: self._words(link.sentence, note))

    def _once(self, key: Key, make: Callable[[], str]) -> str:
        """Return what is the same on every page, made once for all, with what it depends on."""
        known = self._remembered.get(key)
        if known and key not in self._still_true:
            known = known if all(self.mark(q) == mark for q, mark in known[1].items()) else None
        if not known:
            of_the_page = dict(self.asked)
            self.asked.clear()
            known = self._remembered[key] = self.fresh[key] = make(), dict(self.asked)
            self.asked.update(of_the_page)
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


class _Renderer(RendererHTML):
    """markdown-it's renderer, which knows of embedded texts."""

    def renderToken(  # noqa: N802
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Leave out the ids of blocks in an embedded text: the page that it comes from has them."""
        if env["scope"].is_embedded and tokens[idx].attrGet("id"):
            attributes = {k: v for k, v in tokens[idx].attrs.items() if k != "id"}
            tokens = [tokens[idx].copy(attrs=attributes), *tokens[idx + 1 : idx + 2]]
            return super().renderToken(tokens, 0, options, env)
        return super().renderToken(tokens, idx, options, env)


def _adapted(rule: Rule) -> Any:
    def markdown_it_rule(
        renderer: object, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return rule(At(tokens, idx, env["scope"], env["site"]))

    return markdown_it_rule
