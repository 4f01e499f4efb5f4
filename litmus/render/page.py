"""A note -> its page: here all rules are known together."""

import html
from dataclasses import replace
from functools import partial

from litmus.files.reading import as_text
from litmus.problems import Problem, tried
from litmus.render import (
    boxes,
    citations,
    code,
    embeds,
    footnotes,
    formulas,
    links,
    obsidian_plugins,
    raw_html,
    text,
)
from litmus.render.draft import Draft, Rendered, Scope, TocEntry
from litmus.render.library import Library
from litmus.render.phrases import Key, Phrase, Phrases
from litmus.render.renderer import Renderer
from litmus.vault.addresses import address
from litmus.vault.notes import Note

PARTS = text, formulas, links, citations, embeds, footnotes, boxes, code, obsidian_plugins, raw_html
RULES = {name: rule for part in PARTS for name, rule in part.RULES.items()}


class NotePages:
    """Makes the pages of notes; what each asks is added to `library.asked`."""

    def __init__(
        self,
        library: Library,
        known_phrases: dict[Key, Phrase] | None = None,
        raw_html: bool = False,
    ) -> None:
        self.library = library
        self.phrases = Phrases(library, known_phrases)
        self.renderer = Renderer(RULES, library, self.phrases, raw_html)

    def render(self, note: Note) -> Rendered:
        """Return a note as the body of its page.

        What is embedded and raises is linked instead. A note that raises itself is shown as it is
        written.
        """
        broken: dict[str, Problem] = {}
        while True:
            known = len(broken)
            rendered = tried(
                lambda: self._rendered(note, Draft(broken=broken)),
                note.path,
                partial(self.as_written, note),
            )
            if len(broken) == known:
                break  # else once more, since what raised has left footnotes and formulas behind
        problems = (*rendered.problems, *broken.values(), *self.phrases.unshown)
        self.phrases.unshown.clear()
        return replace(rendered, problems=problems)

    def as_written(self, note: Note, problem: Problem) -> Rendered:
        """Return a note as it is written, by no rule that could raise, with the reason."""
        source = html.escape(as_text(self.library.vault.raw(note.path)))
        return Rendered(f'<pre class="unresolved">{source}</pre>\n', problems=(problem,))

    def _rendered(self, note: Note, draft: Draft) -> Rendered:
        scope = Scope(note, address(note.path), draft, within=((note.path, ""),))
        body = self._body(note, scope) + footnotes.footnotes(self.renderer, scope)
        body = formulas.checked(body, scope, self.library.cache)
        draft.problems += links.in_properties(self.library, note)
        self.renderer.title(note)  # what raises in it is listed, wherever it is shown
        below = 0 if note.title_heading else 1  # the name, which is not among the headings
        return Rendered(
            body,
            toc=tuple(
                TocEntry(
                    h.level + below, h.id, self.renderer.aside([note.tokens[h.index + 1]], scope)
                )
                for h in note.headings
                if h.text  # a line of # alone has no name that a menu could show
            ),
            problems=tuple(draft.problems),
            cited=tuple(draft.cited),
            quoted=tuple(draft.quoted),
            figures=tuple(draft.figures.items()),
            has_diagram=draft.has_diagram,
        )

    def _body(self, note: Note, scope: Scope) -> str:
        drawing = obsidian_plugins.drawing(self.renderer, note, scope)
        if drawing is not None:
            return drawing
        claim = self.library.claim_at.get(note.path)
        if not claim or claim.note is not note:
            return self.renderer.tokens(note.tokens, scope)
        head = self.renderer.tokens(claim.title_tokens, scope)
        box = boxes.claim_box(self.renderer, claim, scope)
        return head + box + self.renderer.tokens(claim.rest, scope)
