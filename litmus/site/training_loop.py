"""The page that says how each snippet behaves in a training loop, in the words of its tests."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litmus.claims.evidence import Outcome
from litmus.claims.loops import COLUMNS, EXACT, EXACTLY, LARGE, NOTHING, REFUSED, ROUNDED, Cell
from litmus.render.renderer import Renderer
from litmus.site.page import Page, filled
from litmus.site.project import Project

LOOP, TITLE = "snippets/in-your-training-loop/", "In your training loop"


@dataclass(frozen=True)
class Told:
    """What one test says in one cell of the table."""

    outcome: Outcome
    cell: Cell
    is_stale: bool

    @property
    def why_not(self) -> str:
        """Why this fills no cell, "" if it does."""
        if self.is_stale:
            return "has changed since it ran"
        if self.outcome.failed:
            return "fails"
        return "was skipped" if self.outcome.skipped or not self.outcome.passed else ""


Row = dict[str, list[Told]]  # by column


def rows(project: Project) -> dict[str, Row]:
    """Return what tests say of each snippet that any is about, in order, by column."""
    found: dict[str, Row] = {}
    for outcome, is_stale in project.told:
        for cell in outcome.cells:
            if cell.snippet in project.snippets:  # a record may tell of one that is no more
                row = found.setdefault(cell.snippet, {})
                row.setdefault(cell.column, []).append(Told(outcome, cell, is_stale))
    return {snippet: found[snippet] for snippet in project.snippets if snippet in found}


def words(told: list[Told]) -> list[str]:
    """Return what a cell reads: the weakest gap, and beside it whether something is refused."""
    said = {one.cell.word for one in told if not one.why_not}
    gap = next(([word] for word in (ROUNDED, EXACT) if word in said), [])
    return [*gap, *([REFUSED] if REFUSED in said else [])] or [NOTHING]


def pages(project: Project, renderer: Renderer) -> Iterator[Page]:
    """Yield the page, if any test is of a snippet in a training loop."""
    if table := rows(project):
        told = [one for row in table.values() for cell in row.values() for one in cell]
        yield filled(
            *("training_loop.html", LOOP, TITLE, renderer),
            words=" ".join(dict.fromkeys(one.cell.note for one in told)),
            columns=COLUMNS,
            rows=table,
            words_of=words,
            anchor=anchor,
            exactly=EXACTLY,
            large=LARGE,
            nothing=NOTHING,
        )


def anchor(snippet: str, column: str) -> str:
    """Return the id of what the tests say in one cell."""
    return re.sub(r"\W+", "-", f"{snippet} {column}").lower()


def as_json(project: Project) -> list[dict[str, Any]]:
    """Return what claims.json says of snippets in training loops: each test with its word."""
    return [
        {
            "snippet": snippet,
            "column": column,
            "word": NOTHING if one.why_not else one.cell.word,
            "test": one.outcome.test,
            "note": one.cell.note,
            "said": one.cell.said,
            "gap": one.cell.gap,
            "control": one.cell.control,
            "allowed": one.cell.allowed,
        }
        for snippet, row in rows(project).items()
        for column in COLUMNS
        for one in row.get(column, [])
    ]
