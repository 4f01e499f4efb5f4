"""The command line: build a site, check what has changed, begin a claim, ask what rests on what."""

from pathlib import Path

import click

from litmus.claims.kinds import KINDS

# Each command imports what it needs itself: nobody waits for what another one imports.
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    """Print what is installed and in which version, and end the command."""
    if is_asked:
        from litmus import __version__
        from litmus.installed import DISTRIBUTION

        click.echo(f"{DISTRIBUTION} {__version__}")
        context.exit()


@click.group(help=__doc__)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version that is installed.",
)
def main() -> None:
    """Say what happens on the standard error, where the output is not asked for."""
    import logging

    logging.basicConfig(format="%(levelname)-7s %(message)s", level=logging.INFO)


@main.command()
def check() -> None:
    """Run the tests of claims whose evidence is missing, failing or stale."""
    from litmus.author.checks import checked

    checked(Path.cwd())


@main.command()
def build() -> None:
    """Check the claims as `check` does, then build the project's site, strictly.

    One process does both: each has to read all notes and all that the tests import.
    """
    from litmus.author.checks import checked
    from litmus.material.commands import build_project

    build_project(checked(Path.cwd()))


@main.command()
@click.argument("vault", type=FOLDER)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="where the site goes")
@click.option("--strict", is_flag=True, help="fail if anything in the notes does not fit")
def site(vault: Path, out: Path, strict: bool) -> None:
    """Build VAULT, any folder of notes, into a site; nothing in it is run or changed."""
    from litmus.material.commands import build_folder
    from litmus.problems import Problem

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


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--here", is_flag=True, help="add what is missing around notes that exist")
def init(folder: Path | None, here: bool) -> None:
    """Begin a knowledge base in FOLDER, which is new or empty: an example to write on from.

    With --here, add what a project lacks around the notes in FOLDER, or where you are. No file that
    exists is changed. Notes belong into docs/; where they lie in the folder itself, as in a vault
    of Obsidian, the project's files go into a folder beside it.
    """
    from litmus.author import new_project

    if here:
        click.echo(new_project.around(folder or Path.cwd()))
    elif folder:
        click.echo(new_project.anew(folder))
    else:
        raise click.UsageError("name a new FOLDER, or add to the notes that are there with --here.")


@main.command(context_settings={"ignore_unknown_options": True})  # a name may look like one
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
def new(kind: str, name: str) -> None:
    """Begin a claim: KIND is lemma, definition, conjecture …; NAME is its name, for good."""
    from litmus.author.new_claim import begin

    click.echo(begin(Path.cwd(), kind, name))


@main.command()
@click.argument("name")
def why(name: str) -> None:
    """Print what a claim rests on, as a tree, with how each part stands."""
    from litmus.author.support_tree import below

    click.echo(below(Path.cwd(), name))


@main.command()
@click.argument("name")
def impact(name: str) -> None:
    """Print what would have to be argued again if a claim fell, as a tree."""
    from litmus.author.support_tree import above

    click.echo(above(Path.cwd(), name))


if __name__ == "__main__":
    main()
