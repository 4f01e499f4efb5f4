"""The command line: build a site, check what has changed, begin a claim, ask what rests on what."""

import logging
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import click

from litmus.author import note_names, support_tree
from litmus.claims.claim import Claim
from litmus.claims.evidence import ROLES, due, read_ledger, settle
from litmus.claims.kinds import KINDS
from litmus.markdown.headings import folded
from litmus.problems import RAISED, Problem, nearest
from litmus.site import collector
from litmus.site.project import Project
from litmus.vault.addresses import address

DOCS = "docs"
NO_TESTS = 5  # how pytest ends when there was nothing to run
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(help=__doc__)
def main() -> None:
    """Say what happens on the standard error, where the output is not asked for."""
    logging.basicConfig(format="%(levelname)-7s %(message)s", level=logging.INFO)


@main.command()
def check() -> None:
    """Run the tests of claims whose evidence is missing, failing or stale."""
    _checked(Path.cwd())


@main.command()
def build() -> None:
    """Check the claims as `check` does, then build the project's site, strictly.

    One process does both: each has to read all notes and all that the tests import.
    """
    from litmus.material.commands import build_project  # MkDocs takes long to import

    build_project(_checked(Path.cwd()))


@main.command()
@click.argument("vault", type=FOLDER)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="where the site goes")
@click.option("--strict", is_flag=True, help="fail if anything in the notes does not fit")
def site(vault: Path, out: Path, strict: bool) -> None:
    """Build VAULT, any folder of notes, into a site; nothing in it is run or changed."""
    from litmus.material.commands import build_folder

    try:
        build_folder(vault, out, strict)
    except Problem as problem:
        raise click.ClickException(str(problem)) from None


@main.command()
@click.argument("vault", type=FOLDER)
def serve(vault: Path) -> None:
    """Build VAULT, serve it on http://127.0.0.1:8000, and show each change at once."""
    from litmus.material.commands import serve_folder

    serve_folder(vault)


@main.command(context_settings={"ignore_unknown_options": True})  # a name may look like one
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
def new(kind: str, name: str) -> None:
    """Begin a claim: KIND is lemma, definition, conjecture …; NAME is its name, for good."""
    root, name = Path.cwd(), unicodedata.normalize("NFC", name)
    vault, folder = _project(root).vault, root / DOCS / "claims"

    def is_taken(name: str) -> bool:
        there = {address(path).casefold() for path in vault.notes}
        files = folder.iterdir() if folder.is_dir() else ()  # some may not be published
        return (
            bool(vault.resolve(name, ""))
            or address(f"claims/{name}.md").casefold() in there
            or folded(f"{name}.md") in {folded(file.name) for file in files}
        )

    if wrong := note_names.wrong_with(name):
        good = note_names.nearest_good(name)
        others = chain([good], (f"{good}-{n}" for n in range(2, 1_000)))
        free = next((n for n in others if not (note_names.wrong_with(n) or is_taken(n))), "")
        instead = f"How about '{free}'?" if free else "Write some words of what it claims."
        raise click.ClickException(f"the name {name!r} {wrong}. {instead}")
    if is_taken(name):
        raise click.ClickException(f"'{name}' is taken. Names are for good: choose another.")
    if not folder.resolve().is_relative_to((root / DOCS).resolve()):
        raise click.ClickException(f"{DOCS}/claims is a link to elsewhere, where no note is read.")
    try:
        note = _begun(root, kind, name)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the claim cannot be begun: {error}") from None
    click.echo(f"Wrote {note.relative_to(root).as_posix()}. Show it in an essay with ![[{name}]].")


@main.command()
@click.argument("name")
def why(name: str) -> None:
    """Print what a claim rests on, as a tree, with how each part stands."""
    _show_tree(name, lambda claim: [*claim.assumes, *claim.uses])


@main.command()
@click.argument("name")
def impact(name: str) -> None:
    """Print what would have to be argued again if a claim fell, as a tree."""
    _show_tree(name, lambda claim: claim.used_by, upwards=True)


def _begun(root: Path, kind: str, name: str) -> Path:
    """Write the note of a claim as the template says; raise OSError or ValueError if it cannot."""
    template = f"{DOCS}/templates/{'definition' if kind == 'definition' else 'claim'}.md"
    if not (root / template).is_file():
        raise FileNotFoundError(f"there is no {template} to begin from.")
    text = (root / template).read_text(encoding="utf-8")
    text = text.replace("{{date}}", date.today().isoformat()).replace("{{title}}", name)
    lines = [f"kind: {kind}" if line.startswith("kind:") else line for line in text.split("\n")]
    note = root / DOCS / "claims" / f"{name}.md"
    note.parent.mkdir(parents=True, exist_ok=True)
    with note.open("x", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return note


def _checked(root: Path) -> Project:
    """Run the tests whose evidence does not hold; end the process if one of them fails.

    Returns the project with what they have found.
    """
    project = _project(root)
    files = due(root, project.claims.statements, project.cache)
    if not files:
        click.echo("The evidence of every claim is up to date.")
        return project
    click.echo(f"Checking claims: {', '.join(files)}")
    if not find_spec("pytest"):
        raise click.ClickException("claims are checked by pytest, which is not installed here.")
    # Whatever the project's own settings load and leave out.
    command = [sys.executable, "-m", "pytest", f"--rootdir={root}"]
    command += ["-p", "litmus.claims.pytest_plugin", "-q", "-m", " or ".join(ROLES)]
    if find_spec("xdist"):
        command += ["-p", "xdist", "-n", "logical", "--dist", "loadfile"]
    before, statements = read_ledger(root), project.claims.statements
    code = subprocess.run([*command, *files], cwd=root).returncode
    if code not in {0, NO_TESTS}:
        sys.exit(code)
    if without := settle(root, files, before, statements, project.cache):
        click.echo(
            f"No test of a claim ran in {', '.join(without)}: it is left out or skips itself. "
            "That is no evidence. The next check comes when the file, or what it needs, changes."
        )
    return project.again()


def _project(root: Path) -> Project:
    if not (root / DOCS).is_dir():
        raise click.ClickException(f"there is no folder {DOCS}/ here; run from the project's root.")
    with collector.at_rest():
        project = Project.ours(root, root / DOCS)
    if raised := [str(problem) for problem in project.problems if problem.kind == RAISED]:
        raise click.ClickException("\n".join(raised))  # what depends on it would mislead
    return project


def _show_tree(name: str, beyond: Callable[[Claim], list[str]], upwards: bool = False) -> None:
    claims = _project(Path.cwd()).claims
    if name not in claims:
        raise click.ClickException(f"no claim is called '{name}'. {nearest(name, claims)}".strip())
    click.echo("\n".join(support_tree.lines(claims, name, beyond, upwards)))


if __name__ == "__main__":
    main()
