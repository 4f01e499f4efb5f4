"""Runs the tests of claims whose evidence does not hold any more."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from litmus.author import own_project
from litmus.claims.evidence import MARKED, due, read_ledger, settle
from litmus.installed import IN_CODE, lacking
from litmus.python.fingerprint import imported_packages
from litmus.site.project import Project

NO_TESTS = 5  # how pytest ends when there was nothing to run


def checked(root: Path) -> Project:
    """Run the tests whose evidence does not hold; end the process if one of them fails.

    Returns the project with what they have found.
    """
    project = own_project.read(root)
    files = due(root, project.claims.statements, project.cache)
    if not files:
        click.echo("The evidence of every claim is up to date.")
        return project
    click.echo(f"Checking claims: {', '.join(files)}")
    if missing := lacking("author", "checks claims", "pytest"):
        raise click.ClickException(f"{missing}.")
    # Whatever the project's own settings load and leave out.
    command = [sys.executable, "-m", "pytest", f"--rootdir={root}"]
    command += ["-p", "litmus.claims.pytest_plugin", "-q", "-m", " or ".join(MARKED)]
    if find_spec("xdist"):
        command += ["-p", "xdist", "-n", "logical", "--dist", "loadfile"]
    before, statements = read_ledger(root), project.claims.statements
    code = subprocess.run([*command, *files], cwd=root).returncode
    if code not in {0, NO_TESTS}:
        for missing in _missing(files, project):  # pytest names modules, and no extra
            click.echo(f"{missing}.", err=True)
        sys.exit(code)
    if without := settle(root, files, before, statements, project.cache):
        click.echo(
            f"No test of a claim ran in {', '.join(without)}: it is left out or skips itself. "
            "That is no evidence. The next check comes when the file, or what it needs, changes."
        )
    return project.again()


def _missing(files: Iterable[str], project: Project) -> Iterator[str]:
    """Yield which extras bring what test files import, or what they rest on, and is not there."""
    root, cache = project.root, project.cache
    imported = {name for file in files for name in imported_packages(root / file, root, cache)}
    for extra, modules in IN_CODE.items():
        if words := lacking(extra, "runs these tests", *(m for m in modules if m in imported)):
            yield words
