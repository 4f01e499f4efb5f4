"""Pages that no note stands for: all notes, tags, claims, references, open ends; claims.json."""

import json
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from litmus.claims.backlinks import RELATIONS, Backlink
from litmus.claims.claim import Claim
from litmus.claims.claims import Claims
from litmus.claims.evidence import ROLES, Outcome
from litmus.claims.kinds import FOUNDATIONS, KINDS
from litmus.problems import KINDS as KINDS_OF_PROBLEMS
from litmus.problems import Problem
from litmus.python import quotes
from litmus.python.fingerprint import imports
from litmus.render import Rendered, Site, TocEntry
from litmus.render.code import code_block
from litmus.render.links import REFERENCES, TAGS
from litmus.site.project import Project
from litmus.vault.addresses import address, relative_url, tag_anchor
from litmus.vault.notes import Note

HOME, NOTES, CLAIMS, SNIPPETS = "", "notes/", "claims/", "snippets/"
ASSUMPTIONS = "assumptions/"
MOST_COLUMNS = 50  # of a table; what fewer claims assume is named beside them
MOST_NAMED = 100  # claims below one that claims.json names
FILE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")  # an alias that was a claim's name, not a synonym

TEMPLATES = Environment(
    loader=PackageLoader("litmus.site"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Page:
    """A page of the site, ready for the theme to be put around it."""

    address: str
    title: str  # as plain text
    html: str
    words: str = ""  # what the search finds, besides the title, on a page that is no note's
    toc: tuple[TocEntry, ...] = ()
    tags: tuple[str, ...] = ()
    linked_from: Sequence[Mapping[str, Any]] = ()


class Pages:
    """Makes the pages of a project that no note stands for."""

    def __init__(self, project: Project, site: Site) -> None:
        self.project = project
        self.site = site

    @cached_property
    def _needs(self) -> dict[str, set[Path]]:
        """What of the project each file of tests depends on."""
        root = self.project.root.resolve()
        return {
            file: imports(root / file, root, self.project.cache)
            for file in {o.file for o in self.project.outcomes}
        }

    @cached_property
    def open_ends_at(self) -> str:
        """Where the page of open ends is: no note takes its place, or nobody would hear of them."""
        own = {address(path).casefold() for path in self.project.vault.notes}
        others = (f"open-ends-{number}/" for number in count(2))
        return next(name for name in chain(["open-ends/"], others) if name not in own)

    def titles(self) -> dict[str, str]:
        """Return the generated pages by address, with their titles, before they are made."""
        own = {address(path) for path in self.project.vault.notes}
        snippets, notes = self.project.snippets, self.project.vault.notes.values()
        wanted = {
            HOME: "All notes",
            NOTES: "All notes",
            **({CLAIMS: "All claims"} if self.project.claims else {}),
            **({ASSUMPTIONS: "Assumptions and controls"} if self.project.claims else {}),
            **({TAGS: "Tags"} if any(note.tags for note in notes) else {}),
            **({REFERENCES: "References"} if self.project.references else {}),
            **({SNIPPETS: "Snippets"} if snippets else {}),
            **{address(snippet): snippet for snippet in snippets},
            self.open_ends_at: "Open ends",
        }
        return {page: title for page, title in wanted.items() if page not in own}

    def menu(self) -> list[dict[str, str]]:
        """Return a menu of the generated pages, for a site that has none of its own."""
        pages = {HOME: "Home"} | {
            page: title for page, title in self.titles().items() if page.count("/") == 1
        }
        return [{title: f"{page}index.md"} for page, title in pages.items()]

    def all(
        self,
        rendered: Mapping[str, Rendered],
        linked: Mapping[str, list[Backlink]],
        problems: Iterable[Problem],
    ) -> list[Page]:
        """Return the generated pages, given the notes as rendered and who links to whom."""
        cited: dict[str, list[Note]] = defaultdict(list)
        shown: dict[str, list[Note]] = defaultdict(list)
        for path, page in rendered.items():
            for key in dict.fromkeys(page.cited):
                cited[key].append(self.project.vault.notes[path])
            for file in dict.fromkeys(page.quoted):
                shown[file].append(self.project.vault.notes[path])
        wanted = self.titles()
        pages = [
            *(self.all_notes(here) for here in (HOME, NOTES) if here in wanted),
            self.tags(),
            self.all_claims(),
            self.assumptions(),
            self.references(cited),
            self.snippets(),
            *(self.snippet(file, shown[file]) for file in self.project.snippets),
            self.open_ends(problems, linked),
        ]
        return [page for page in pages if page.address in wanted]

    def all_notes(self, here: str) -> Page:
        """Every note, by the folder that it is in."""
        folders: dict[str, list[Note]] = defaultdict(list)
        for note in self.project.vault.notes.values():
            folders[posixpath.dirname(note.path)].append(note)
        groups = [
            (folder, [self.site.link(note, here) for note in sorted(notes, key=_by_title)])
            for folder, notes in sorted(folders.items())
        ]
        return self._page("all_notes.html", here, "All notes", groups=groups)

    def tags(self) -> Page:
        """Every tag with the notes that carry it; nested tags stand below the one they nest in."""
        carried: dict[str, list[Note]] = defaultdict(list)
        shown: dict[str, str] = {}
        for note in self.project.vault.notes.values():
            for tag in note.tags:
                *above, _ = parts = tag.split("/")
                for depth in range(len(above)):
                    upper = "/".join(parts[: depth + 1])
                    carried.setdefault(shown.setdefault(tag_anchor(upper), upper), [])
                carried[shown.setdefault(tag_anchor(tag), tag)].append(note)
        rows = [
            {
                "name": tag,
                "anchor": tag_anchor(tag),
                "level": min(tag.count("/") + 2, 6),
                "notes": [self.site.link(note, TAGS) for note in sorted(notes, key=_by_title)],
            }
            for tag, notes in sorted(carried.items(), key=lambda item: tag_anchor(item[0]))
        ]
        return self._page("tags.html", TAGS, "Tags", tags=rows)

    def all_claims(self) -> Page:
        """Every claim with its kind, both statuses and how many claims it rests on."""
        rows = [
            {
                "claim": claim,
                "link": self.site.link(claim.note, CLAIMS),
                "rests_on": self.project.claims.support(claim.name).claims,
                "checks": len(claim.marked("claim")),
                "controls": len(claim.marked("control")),
            }
            for claim in self._claims_by_kind()
        ]
        return self._page("all_claims.html", CLAIMS, "All claims", rows=rows)

    def assumptions(self) -> Page:
        """Every result with what it assumes, and which of it a control drops."""
        results = [claim for claim in self._claims_by_kind() if claim.kind not in FOUNDATIONS]
        shared = Counter(name for claim in results for name in claim.assumes)
        columns = [name for name, _ in shared.most_common(MOST_COLUMNS)]
        controls = {claim.name: claim.controls for claim in results}
        rows = [
            {
                "link": self.site.link(claim.note, ASSUMPTIONS),
                "cells": [controls[claim.name].get(name) for name in columns],
                "own": [
                    (name.removeprefix("^"), control)
                    for name, control in controls[claim.name].items()
                    if name not in columns
                ],
            }
            for claim in results
        ]
        cells = [control for found in controls.values() for control in found.values()]
        # by their names: their titles are sentences, too long to stand over a column
        headings = [
            Markup('<a href="{}" data-card>{}</a>').format(
                relative_url(address(self.project.claims[name].note.path), ASSUMPTIONS),
                name.replace("-", " "),
            )
            for name in columns
        ]
        return self._page(
            "assumptions.html",
            ASSUMPTIONS,
            "Assumptions and controls",
            columns=headings,
            has_more=len(shared) > len(columns),
            rows=rows,
            assumed=len(cells),
            controlled=sum(cells),
        )

    def references(self, cited: Mapping[str, list[Note]]) -> Page:
        """Every entry of the bibliography, with the notes that cite it."""
        entries = [
            {
                "reference": reference,
                "html": Markup(reference.html),
                "notes": [
                    self.site.link(note, REFERENCES) for note in cited.get(reference.key, [])
                ],
            }
            for reference in sorted(
                self.project.references.values(), key=lambda r: (r.authors.casefold(), r.year)
            )
        ]
        return self._page("references.html", REFERENCES, "References", entries=entries)

    def snippets(self) -> Page:
        """A list of the snippets, with what each is about."""
        rows = [
            {
                "file": file,
                "url": relative_url(address(file), SNIPPETS),
                "about": quotes.summary(self._source(file)),
            }
            for file in self.project.snippets
        ]
        return self._page("snippets.html", SNIPPETS, "Snippets", rows=rows)

    def snippet(self, file: str, shown: Iterable[Note]) -> Page:
        """A whole file to read and copy, the tests that run it, and the notes that show it."""
        here = address(file)
        whole = self.project.root.resolve() / file
        tests = [o for o in self.project.outcomes if o.marks and whole in self._needs[o.file]]
        return self._page(
            "snippet.html",
            here,
            file,
            words=self._source(file),
            source=Markup(code_block(self._source(file), "python", self.project.cache)),
            about=quotes.summary(self._source(file)),
            download=relative_url(file, here),
            tests=tests,
            claims=lambda outcome: self._claims_of(outcome, here),
            notes=[self.site.link(note, here) for note in shown],
        )

    def open_ends(self, problems: Iterable[Problem], linked: Mapping[str, list[Backlink]]) -> Page:
        """What is not finished or does not fit: for the author, and for who wants to help."""
        claims = self.project.claims.values()
        found = list(problems)
        groups: list[tuple[str, Sequence[Markup]]] = [
            *(
                (title, [self._problem(problem) for problem in found if problem.kind == kind])
                for kind, title in KINDS_OF_PROBLEMS.items()
            ),
            ("Claims without a proof", self._names(c for c in claims if c.argument == "open")),
            (
                "Claims without a check",
                self._names(c for c in claims if c.evidence == "none" and c.shows_evidence),
            ),
            (
                "Claims whose checks have changed since they ran",
                self._names(c for c in claims if c.evidence == "stale"),
            ),
            (
                "Claims that no essay shows",
                self._names(
                    c
                    for c in claims
                    if not any(b.relation == "embedded" for b in linked.get(c.note.path, []))
                ),
            ),
            (
                "Notes that nothing links to",
                [
                    self.site.link(note, self.open_ends_at)
                    for note in self.project.vault.notes.values()
                    if not linked.get(note.path) and address(note.path)
                ],
            ),
        ]
        filled = [(title, items) for title, items in groups if items]
        return self._page("open_ends.html", self.open_ends_at, "Open ends", groups=filled)

    def redirects(self) -> dict[str, str]:
        """Return pages at the old names of claims, their aliases, that lead to the present one."""
        pages = {}
        for claim in self.project.claims.values():
            here = address(claim.note.path)
            folder = here.removesuffix(f"{claim.name}/")
            for alias in claim.note.aliases:
                taken = f"{folder}{alias}.md" in self.project.vault.notes
                if FILE_NAME.fullmatch(alias) and not taken:
                    url = relative_url(here, f"{folder}{alias}/")
                    page = TEMPLATES.get_template("redirect.html").render(url=url, claim=claim)
                    pages[f"{folder}{alias}/index.html"] = page
        return pages

    def linked_from(self, links: Iterable[Backlink], page: str) -> list[dict[str, Any]]:
        """Return links to a page as its "Linked from" shows them: relation, note, sentence."""
        return [
            {
                "relation": link.relation,
                "place": RELATIONS.index(link.relation),
                "note": self.site.link(self.project.vault.notes[link.source], page),
                "sentence": Markup(self.site.sentence(link)),
            }
            for link in links
        ]

    def claims_json(self) -> str:
        """Return the public form of all claims: what they say, rest on and how they stand."""
        claims = self.project.claims
        entries = [_as_json(claim, _all_below(claims, claim.name)) for claim in claims.values()]
        return json.dumps({"claims": entries}, indent=1, ensure_ascii=False) + "\n"

    def _page(
        self, template: str, here: str, title: str, words: str = "", **values: object
    ) -> Page:
        body = TEMPLATES.get_template(template).render(title=title, **values)
        return Page(here, title, body, words)

    def _problem(self, problem: Problem) -> Markup:
        """Return a problem as a page shows it: the place leads to the note."""
        place = f"{problem.file}:{problem.line}" if problem.line else problem.file
        if problem.file in self.project.vault.notes:
            url = relative_url(address(problem.file), self.open_ends_at)
            place = Markup('<a href="{}">{}</a>').format(url, place)
        return Markup("{}: {} {}").format(place, problem.what, problem.remedy)

    def _source(self, file: str) -> str:
        return self.project.snippets[file].read_text(encoding="utf-8", errors="replace")

    def _claims_by_kind(self) -> list[Claim]:
        """Return the claims, theorems first and what they are built on last."""
        order = ["theorem", "proposition", "lemma", "corollary"]
        order += [kind for kind in KINDS if kind not in {*order, *FOUNDATIONS}]
        order += [kind for kind in KINDS if kind in FOUNDATIONS]
        return sorted(
            self.project.claims.values(), key=lambda claim: (order.index(claim.kind), claim.name)
        )

    def _names(self, claims: Iterable[Claim]) -> list[Markup]:
        return [self.site.link(claim.note, self.open_ends_at) for claim in claims]

    def _claims_of(self, outcome: Outcome, here: str) -> list[Markup]:
        claims = self.project.claims
        names = dict.fromkeys(mark.claim for mark in outcome.marks if mark.claim in claims)
        return [self.site.link(claims[name].note, here) for name in names]


def _all_below(claims: Claims, name: str) -> list[str] | int:
    """Return what a claim rests on, by name; only how many there are where nobody would read them.

    Who needs them follows `assumes` and `uses`: with all names, the file of a chain of claims would
    grow with the square of its length.
    """
    number = claims.support(name).claims
    return claims.rests_on(name) if number <= MOST_NAMED else number


def _as_json(claim: Claim, rests_on: list[str] | int) -> dict[str, Any]:
    return {
        "name": claim.name,
        "kind": claim.kind,
        "title": claim.note.title,
        "address": address(claim.note.path),
        "statement": claim.statement_tex,
        "assumes": claim.assumes,
        "uses": claim.uses,
        "used_by": claim.used_by,
        "rests_on": rests_on,
        "source": claim.source,
        "argument": claim.argument,
        "evidence": claim.evidence,
        "tests": [
            {
                "test": outcome.test,
                "role": mark.role,
                **({"by": mark.by} if mark.by else {}),
                **({"drops": mark.drops} if mark.drops else {}),
                "passed": outcome.passed,
                "failed": outcome.failed,
                "skipped": outcome.skipped,
                "stale": outcome.test in claim.stale,
                "seconds": outcome.seconds,
                "date": outcome.date,
                "python": outcome.python,
                "torch": outcome.torch,
            }
            for role in ROLES
            for outcome, mark in claim.marked(role)
        ],
    }


def _by_title(note: Note) -> tuple[str, str]:
    return note.title.casefold(), note.path


def nested(toc: Iterable[TocEntry]) -> list[dict[str, Any]]:
    """Return a table of contents as a tree of dictionaries, deeper headings inside others."""
    root: list[dict[str, Any]] = []
    above: list[dict[str, Any]] = []
    for entry in toc:
        node = {"level": entry.level, "id": entry.id, "name": entry.html, "children": []}
        while above and above[-1]["level"] >= entry.level:
            above.pop()
        (above[-1]["children"] if above else root).append(node)
        above.append(node)
    return root
