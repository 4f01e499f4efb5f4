"""The files of a site that come from a vault: all of them, or those that a change can touch.

A page is made anew if its note, who links to it, or anything that it asked of the library while it
was rendered is no longer as it was (render/library.py). Everything else stays. So a build that
begins from a previous one leaves the same files as one that begins from nothing.
"""

import html
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from litmus.cache import Fresh
from litmus.claims.backlinks import Backlink, backlinks
from litmus.files.digest import digest
from litmus.files.writing import stamp
from litmus.parallel import in_parallel
from litmus.problems import Problem, as_problem, in_order, tried
from litmus.python.runs import Runner
from litmus.render.draft import Rendered
from litmus.render.library import Asked, parted
from litmus.render.page import NotePages
from litmus.render.phrases import Key, Phrase
from litmus.site import generated, search, snippet_pages, stylesheets, training_loop
from litmus.site.claims_json import SCHEMA, claims_json
from litmus.site.note_alone import library_of
from litmus.site.page import LinkedFrom, Page, linked_from
from litmus.site.project import Project
from litmus.site.redirects import redirects
from litmus.site.shelf import Snippet, shelf
from litmus.vault.addresses import address
from litmus.vault.note_reading import as_written
from litmus.vault.notes import Note

Content = bytes | Path  # a file's own, or that of another file
Write = Callable[[str, Content], None]
Dress = Callable[[Page], str]  # puts the theme around a page
Sources = tuple[tuple[str, str, str, int], ...]


@dataclass(frozen=True)
class MadePage:
    """What is remembered of a note's page: all but its HTML."""

    digest: str  # of the note
    is_shown: bool  # another note may have the same address
    sources: Sources  # who links to it, with digests
    linked: str  # a digest of the same as the page says it
    asked_names: Asked  # of which each is answered as before as long as the names are the same
    asked: Asked  # all else
    rendered: Rendered
    search: str
    fresh: tuple[dict[Key, Phrase], Fresh]  # what the process that made it has learnt


@dataclass
class Made:
    """A site as it was last made, from which the next build begins."""

    names: str = ""
    settings: object = None
    phrases: dict[Key, Phrase] = field(default_factory=dict)
    notes: dict[str, MadePage] = field(default_factory=dict)  # by path
    files: dict[str, Hashable] = field(default_factory=dict)  # all else: marks, by path on site
    listed: list[str] = field(default_factory=list)  # search entries of the generated pages
    problems: list[Problem] = field(default_factory=list)

    @property
    def outputs(self) -> set[str]:
        """Every file of the site that comes from the vault."""
        return {*self.files, *(address(path) + "index.html" for path in self.notes)}

    @property
    def search(self) -> list[str]:
        """The entries of the search index, page by page."""
        return [*(page.search for page in self.notes.values()), *self.listed]


class Build:
    """One build of a project: what is written, and what is kept for the next."""

    def __init__(
        self,
        project: Project,
        runner: Runner,
        dress: Dress,
        write: Write,
        previous: Made | None = None,
        raw_html: bool = False,
        site_url: str = "",
    ) -> None:
        self.project = project
        self.site_url = site_url
        self.vault = project.vault
        self.dress = dress
        self.write = write
        settings = self.vault.strict_line_breaks, raw_html
        self.was = previous if previous and previous.settings == settings else Made()
        self.made = Made(self.vault.names_digest, settings)
        notes = self.vault.notes  # of what is no longer as it was, nothing needs to be remembered
        for key, words in self.was.phrases.items():
            if key[0] in notes and notes[key[0]].digest == key[1]:
                self.made.phrases[key] = words
        self.library = library_of(project, runner)
        # Of several notes of one address the last is shown.
        self.shown = {address(path): path for path in sorted(notes)}
        self.note_pages = NotePages(self.library, self.made.phrases, raw_html)

    @cached_property
    def shelf(self) -> dict[str, Snippet]:
        """The snippets, and what is known of each."""
        return shelf(self.project, self.site_url)

    def titles(self) -> dict[str, str]:
        """Return the title of every page that comes from the vault, by address."""
        notes = {address(note.path): note.title for note in self.vault.notes.values()}
        return notes | generated.titles(self.project)

    def run(self) -> Made:
        """Write what is new since the previous build, everything if there was none."""
        made, was = self.made, self.was
        linked = backlinks(self.vault, self.project.claims)
        pages = in_parallel(
            "Pages",
            self.vault.notes,
            lambda path: self._note(path, linked.get(path, [])),
            alone=bool(was.notes),
        )
        made.notes = dict(zip(self.vault.notes, pages, strict=True))
        for new in pages:
            phrases, results = new.fresh
            made.phrases.update(phrases)
            self.project.cache.learn(results)
            phrases.clear()
            results.clear()
        rendered = {path: page.rendered for path, page in made.notes.items()}
        found = [problem for page in rendered.values() for problem in page.problems]
        found += [problem for note in self.vault.as_written for problem in note.problems]
        found += self._write_files(rendered)
        made.problems = in_order([*self.project.problems, *found])
        about = rendered, linked, made.problems, self.shelf
        for page in generated.pages(self.project, self.note_pages.renderer, *about):
            made.listed.append(search.entry(page.address, page.title, page.words))
            path = f"{page.address}index.html"
            made.files[path] = digest(page.title, page.html)
            if was.files.get(path) != made.files[path]:
                self.write(path, self._dressed(page))
        return made

    def _write_files(self, rendered: dict[str, Rendered]) -> list[Problem]:
        """Write what is no page; return what is wrong with those that cannot be read."""
        made, unreadable = self.made.files, []
        for path, content in self._files(rendered):
            mark = stamp(content) if isinstance(content, Path) else digest(content)
            try:
                if self.was.files.get(path) != mark:
                    self.write(path, content)
                made[path] = mark
            except OSError as error:
                if error.filename != str(content):
                    raise  # it is the site that cannot be written
                unreadable.append(as_problem(error, path, remedy="It is left out."))
        return unreadable

    def _note(self, path: str, links: list[Backlink]) -> MadePage:
        """Return a note's page; where that raises, a page that shows the note as it is written."""

        def instead(problem: Problem) -> MadePage:
            note = as_written(self.vault.raw(path), path, problem)
            return self._written(note, self.note_pages.as_written(note, problem), (), [])

        return tried(lambda: self._page(path, links), path, instead)

    def _page(self, path: str, links: list[Backlink]) -> MadePage:
        note, known = self.vault.notes[path], self.was.notes.get(path)
        sources = tuple([link[:-1] for link in links])  # their sentences are those of the sources
        is_known = (
            known
            and known.digest == note.digest
            and known.is_shown == self._is_shown(note)
            and (self.made.names == self.was.names or self.library.would_tell(known.asked_names))
            and self.library.would_tell(known.asked)
        )
        if known and is_known and known.sources == sources:
            return known
        self.note_pages.phrases.fresh = {}
        self.library.asked.clear()
        self.note_pages.phrases.unshown.clear()
        linked = linked_from(links, self.note_pages.renderer, address(path))
        if known and is_known and known.linked == _digest(linked):  # a source has other words
            return replace(known, sources=sources, fresh=self._fresh())
        return self._written(note, self.note_pages.render(note), sources, linked)

    def _written(
        self, note: Note, rendered: Rendered, sources: Sources, linked: list[LinkedFrom]
    ) -> MadePage:
        """Write a note's page; return what is remembered of it."""
        title = f"<h1>{html.escape(note.title)}</h1>\n" if note.needs_title else ""
        page = Page(
            address(note.path),
            note.title,
            title + rendered.html,
            toc=rendered.toc,
            tags=tuple(note.tags),
            linked_from=linked,
        )
        if self._is_shown(note):
            self.write(f"{page.address}index.html", self._dressed(page))
        return MadePage(
            note.digest,
            self._is_shown(note),
            sources,
            _digest(linked),
            *parted(self.library.asked),
            replace(rendered, html="", toc=()),
            search.entries(note),
            self._fresh(),
        )

    def _fresh(self) -> tuple[dict[Key, Phrase], Fresh]:
        """Return what was learnt from this page that the next process should know, too."""
        results = self.project.cache.take_fresh()
        return self.note_pages.phrases.fresh, results if self.project.is_ours else {}

    def _is_shown(self, note: Note) -> bool:
        return self.shown.get(address(note.path)) == note.path

    def _dressed(self, page: Page) -> bytes:
        return self.dress(page).encode("utf-8", errors="replace")

    def _files(self, rendered: dict[str, Rendered]) -> Iterable[tuple[str, Content]]:
        """Yield what is no page: attachments, snippets, figures, redirects and claims as data."""
        for path in sorted(self.vault.files - self.vault.withheld):
            yield path, self.vault.made.get(path, self.project.docs / path)
        yield from snippet_pages.files(self.shelf)
        for page in rendered.values():
            for path, figure in page.figures:
                yield path, figure.encode()
        if any(page.has_diagram for page in rendered.values()):
            yield stylesheets.MERMAID, stylesheets.mermaid()
        for path, redirect in redirects(self.project).items():
            yield path, redirect.encode()
        loops = training_loop.as_json(self.project)
        yield "claims.json", claims_json(self.project.claims, loops).encode()
        yield SCHEMA.name, SCHEMA


def _digest(linked: list[LinkedFrom]) -> str:
    return digest(*(part for link in linked for part in link))
