"""The project that an author stands in, with its notes in docs/ or where its settings say."""

import os
from pathlib import Path

import click

from litmus.files import settings
from litmus.problems import RAISED
from litmus.site import collector
from litmus.site.project import Project


def read(root: Path) -> Project:
    """Read the project at a root; end the command where there is none, or a note cannot be read."""
    said = settings.read(root)
    where = seen_from(root, said.docs)
    if not said.docs.is_dir():
        what = f"there is no folder {where}/ here"
        raise click.ClickException(f"{what}; run from the project's root.")
    if not said.is_ours:
        where, file = seen_from(root.resolve(), said.docs.resolve()), settings.file_of(root).name
        what = f"the notes are in {where}, outside of this folder. If they are yours, say so in"
        raise click.ClickException(f"{what} {file}: plugins: {{litmus: {{ours: true}}}}")
    with collector.at_rest():
        project = Project.ours(root, said.docs)
    if raised := [str(problem) for problem in project.problems if problem.kind == RAISED]:
        raise click.ClickException("\n".join(raised))  # what depends on it would mislead
    return project


def seen_from(root: Path, path: Path) -> str:
    """Return a path as it is written from a root, which it need not lie below."""
    return Path(os.path.relpath(path, root)).as_posix()
