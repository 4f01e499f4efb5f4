"""Pages that no note stands for: all claims, references, snippets, open ends; and claims.json."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from litmus import quotes
from litmus.addresses import address, relative_url
from litmus.backlinks import RELATIONS, Backlink
from litmus.claims import FOUNDATIONS, KINDS, Claim
from litmus.evidence import ROLES, Outcome
from litmus.fingerprint import imports
from litmus.notes import Note
from litmus.problems import Problem
from litmus.project import Project
from litmus.render import Rendered, Site, TocEntry
from litmus.render.boxes import TEMPLATES
from litmus.render.code import code_block
from litmus.render.links import REFERENCES
from litmus.render.scope import Scope

CLAIMS, SNIPPETS, OPEN_ENDS = "claims/", "snippets/", "open-ends/"
FILE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")  # an alias that was a claim's name, not a synonym
FOLDERS = {CLAIMS, SNIPPETS}  # these have pages below them


@dataclass(frozen=True)
class GeneratedPage:
    """A page made from what others say: its address, title and body."""

    address: str
    title: str
    html: str


class Pages:
    """Makes the pages of a project that no note stands for."""

    def __init__(self, project: Project, site: Site) -> None:
        self.project = project
        self.site = site

    def addresses(self) -> list[str]:
        """Return where the generated pages stand, known before there is anything to say."""
        own = {address(path) for path in self.project.vault.notes}
        wanted = [CLAIMS, REFERENCES, SNIPPETS, OPEN_ENDS, *map(address, self.project.snippets())]
        return [page for page in wanted if page not in own]

    def all(
        self,
        rendered: Mapping[str, Rendered],
        linked: Mapping[str, list[Backlink]],
        problems: Iterable[Problem],
    ) -> list[GeneratedPage]:
        """Return the generated pages, given the notes as rendered and who links to whom."""
        cited: dict[str, list[Note]] = defaultdict(list)
        shown: dict[str, list[Note]] = defaultdict(list)
        for path, page in rendered.items():
            for key in dict.fromkeys(page.cited):
                cited[key].append(self.project.vault.notes[path])
            for file in dict.fromkeys(page.quoted):
                shown[file].append(self.project.vault.notes[path])
        pages = [
            self.all_claims(),
            self.references(cited),
            self.snippets(),
            *(self.snippet(file, shown[file]) for file in self.project.snippets()),
            self.open_ends(problems, linked),
        ]
        wanted = set(self.addresses())
        return [page for page in pages if page.address in wanted]

    def all_claims(self) -> GeneratedPage:
        """Every claim with its kind, both statuses and how many claims it rests on."""
        order = ["theorem", "proposition", "lemma", "corollary"]
        order += [kind for kind in KINDS if kind not in {*order, *FOUNDATIONS}]
        order += [kind for kind in KINDS if kind in FOUNDATIONS]
        claims = sorted(
            self.project.claims.values(), key=lambda claim: (order.index(claim.kind), claim.name)
        )
        rows = [
            {
                "claim": claim,
                "link": self.site.link(claim.note, CLAIMS),
                "rests_on": len(self.project.claims.rests_on(claim.name)),
                "checks": len(claim.marked("claim")),
                "controls": len(claim.marked("control")),
            }
            for claim in claims
        ]
        return self._page("all_claims.html", CLAIMS, "All claims", rows=rows)

    def references(self, cited: Mapping[str, list[Note]]) -> GeneratedPage:
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

    def snippets(self) -> GeneratedPage:
        """A list of the snippets, with what each is about."""
        rows = [
            {
                "file": file,
                "url": relative_url(address(file), SNIPPETS),
                "about": quotes.summary(self._source(file)),
            }
            for file in self.project.snippets()
        ]
        return self._page("snippets.html", SNIPPETS, "Snippets", rows=rows)

    def snippet(self, file: str, shown: Iterable[Note]) -> GeneratedPage:
        """A whole file to read and copy, the tests that run it, and the notes that show it."""
        here = address(file)
        root = self.project.root.resolve()
        tests = [o for o in self.project.outcomes if root / file in imports(root / o.file, root)]
        return self._page(
            "snippet.html",
            here,
            file,
            source=Markup(code_block(self._source(file), "python")),
            about=quotes.summary(self._source(file)),
            download=relative_url(file, here),
            tests=tests,
            claims=lambda outcome: self._claims_of(outcome, here),
            notes=[self.site.link(note, here) for note in shown],
        )

    def open_ends(
        self, problems: Iterable[Problem], linked: Mapping[str, list[Backlink]]
    ) -> GeneratedPage:
        """What is not finished or does not fit: for the author, and for who wants to help."""
        claims = self.project.claims.values()
        groups = [
            ("To be mended", [str(problem) for problem in problems]),
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
                    self.site.link(note, OPEN_ENDS)
                    for note in self.project.vault.notes.values()
                    if not linked.get(note.path) and address(note.path)
                ],
            ),
        ]
        filled = [(title, items) for title, items in groups if items]
        return self._page("open_ends.html", OPEN_ENDS, "Open ends", groups=filled)

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
                "sentence": self._sentence(link, page),
            }
            for link in links
        ]

    def claims_json(self) -> str:
        """Return the public form of all claims: what they say, rest on and how they stand."""
        claims = self.project.claims
        entries = [_as_json(claim, claims.rests_on(claim.name)) for claim in claims.values()]
        return json.dumps({"claims": entries}, indent=1, ensure_ascii=False) + "\n"

    def _page(self, template: str, here: str, title: str, **values: object) -> GeneratedPage:
        body = TEMPLATES.get_template(template).render(title=title, **values)
        return GeneratedPage(here, title, body)

    def _source(self, file: str) -> str:
        return (self.project.root / file).read_text(encoding="utf-8")

    def _names(self, claims: Iterable[Claim]) -> list[Markup]:
        return [self.site.link(claim.note, OPEN_ENDS) for claim in claims]

    def _claims_of(self, outcome: Outcome, here: str) -> list[Markup]:
        claims = self.project.claims
        names = dict.fromkeys(mark.claim for mark in outcome.marks if mark.claim in claims)
        return [self.site.link(claims[name].note, here) for name in names]

    def _sentence(self, link: Backlink, here: str) -> Markup:
        note = self.project.vault.notes[link.source]
        scope = Scope(note, here, Rendered(), within=((note.path, ""), (note.path, "")))
        return Markup(self.site.words(link.sentence, scope))


def _as_json(claim: Claim, rests_on: list[str]) -> dict[str, Any]:
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
