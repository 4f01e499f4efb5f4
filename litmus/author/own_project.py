"""The project that an author stands in: its notes are in docs/."""

from pathlib import Path

import click

from litmus.problems import RAISED
from litmus.site import collector
from litmus.site.project import Project

DOCS = "docs"


def read(root: Path) -> Project:
    """Read the project at a root; end the command where there is none, or a note cannot be read."""
    if not (root / DOCS).is_dir():
        raise click.ClickException(f"there is no folder {DOCS}/ here; run from the project's root.")
    with collector.at_rest():
        project = Project.ours(root, root / DOCS)
    if raised := [str(problem) for problem in project.problems if problem.kind == RAISED]:
        raise click.ClickException("\n".join(raised))  # what depends on it would mislead
    return project
