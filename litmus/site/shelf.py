"""The snippets of a project as its site has them: what each is for and needs, who has checked it.

What is known of a file when the site is built, such as with which torch its tests ran, stands in
the copies that are read there, and not in the file: it would be forgotten there, and go stale.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from litmus.claims.evidence import Outcome, stale_tests
from litmus.files.reading import as_text
from litmus.python import headers, quotes, uses
from litmus.python.fingerprint import imports
from litmus.python.uses import Use
from litmus.site.project import Project

Told = tuple[Outcome, bool]  # how a test came out, and whether that is stale


@dataclass(frozen=True)
class Recorded:
    """What one record tells of the tests of a snippet."""

    told: list[Told]

    @property
    def date(self) -> str:
        """When they ran."""
        return self.told[0][0].date

    @property
    def ran_with(self) -> str:
        """With what they ran."""
        return self.told[0][0].ran_with

    @property
    def passed(self) -> int:
        """How many passed."""
        return sum(not outcome.failed for outcome, _ in self.told)

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.told) - self.passed

    @property
    def stale(self) -> int:
        """How many are no longer as they were, or rest on what is not."""
        return sum(is_stale for _, is_stale in self.told)


@dataclass(frozen=True)
class Snippet:
    """A file of snippets, and what is known of it."""

    file: str  # from the project's root
    path: Path
    source: str
    url: str  # where it is, "" if nobody else could reach that
    here: tuple[Told, ...]  # tests of claims that run it
    elsewhere: tuple[Told, ...]  # those of which records tell

    @property
    def name(self) -> str:
        """What it is called where it is downloaded to."""
        return self.file.rpartition("/")[2]

    @property
    def about(self) -> str:
        """What it is about, in a line."""
        return quotes.summary(self.source)

    @cached_property
    def use(self) -> Use | None:
        """What it is used for, None if it shows something."""
        return uses.use(quotes.docstring(self.source))

    @cached_property
    def needs(self) -> list[str] | None:
        """The names of what has to be installed, None where it does not say."""
        needed = headers.requirements(self.source)
        return None if needed is None else [headers.name(one) for one in needed]

    @property
    def installation(self) -> str:
        """The command that installs what it needs."""
        return headers.installation(headers.requirements(self.source) or [])

    @property
    def checked(self) -> str:
        """With what its tests passed, and when; "" where nobody can say so."""
        found = [
            f"with {under} {_when(holding)}"
            for under, told in self._by_version.items()
            if (holding := [o for o, is_stale in told if not is_stale])
            and not any(outcome.failed for outcome, _ in told)
        ]
        return f"Checked {', and '.join(found)}." if found else ""

    @property
    def failing(self) -> str:
        """With what tests of it failed, as it is now, and when; "" where none did."""
        found = [
            f"with {under} {_when(failed)}"
            for under, told in self._by_version.items()
            if (failed := [o for o, is_stale in told if o.failed and not is_stale])
        ]
        return f"A test of it failed {', and '.join(found)}." if found else ""

    @property
    def records(self) -> list[Recorded]:
        """What each record tells of its tests."""
        files = dict.fromkeys(outcome.record for outcome, _ in self.elsewhere)
        return [
            Recorded([one for one in self.elsewhere if one[0].record == file]) for file in files
        ]

    @cached_property
    def published(self) -> str:
        """The file as it is read and copied on the site."""
        lines = [self.checked, self.failing, f"From {self.url}" if self.url else ""]
        return headers.with_comments(self.source, [line for line in lines if line])

    @cached_property
    def _by_version(self) -> dict[str, list[Told]]:
        found: dict[str, list[Told]] = defaultdict(list)
        for outcome, is_stale in [*self.here, *self.elsewhere]:
            if outcome.passed or outcome.failed:
                under = f"torch {outcome.torch}"
                if outcome.torch == "none":
                    under = f"Python {outcome.python}"
                found[under].append((outcome, is_stale))
        return found


def shelf(project: Project, site_url: str) -> dict[str, Snippet]:
    """Return the snippets of a project, by file, for a site with an address, or with none: ""."""
    root, statements = project.root.resolve(), project.claims.statements
    marked = [outcome for outcome in project.outcomes if outcome.marks or outcome.cells]
    stale = stale_tests(marked, statements, project.root, project.cache)
    here = [(outcome, outcome.test in stale) for outcome in marked]
    elsewhere = [*_recorded(project)]
    needs = {
        file: imports(root / file, root, project.cache)
        for file in dict.fromkeys(outcome.file for outcome, _ in [*here, *elsewhere])
    }

    def of(file: str, told: Sequence[Told]) -> tuple[Told, ...]:
        return tuple(one for one in told if root / file in needs[one[0].file])

    base = site_url if _is_for_others(site_url) else ""
    return {
        file: Snippet(
            file,
            path,
            as_text(path.read_bytes()),
            urljoin(base, quote(file)) if base else "",
            of(file, here),
            of(file, elsewhere),
        )
        for file, path in project.snippets.items()
    }


def _recorded(project: Project) -> Iterator[Told]:
    """Yield what records tell of tests, and whether it is stale."""
    for record in project.records:
        stale = record.stale(project.claims.statements, project.root, project.cache)
        yield from ((outcome, outcome.test in stale) for outcome in record.outcomes)


def _when(outcomes: Sequence[Outcome]) -> str:
    days = sorted({outcome.date for outcome in outcomes})
    return f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}"


def _is_for_others(site_url: str) -> bool:
    """Say whether an address leads there from other machines, too."""
    host = urlsplit(site_url).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host != "localhost"
    return not (address.is_loopback or address.is_unspecified)
