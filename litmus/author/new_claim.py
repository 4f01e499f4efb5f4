"""Begins a claim: a note under a name that can stay, written from the project's template."""

import unicodedata
from datetime import date
from itertools import chain
from pathlib import Path

import click

from litmus.author import note_names, own_project
from litmus.author.new_project import STARTER
from litmus.author.own_project import seen_from
from litmus.files import settings
from litmus.markdown.headings import folded
from litmus.vault.addresses import address
from litmus.vault.vault import Vault


def begin(root: Path, kind: str, name: str) -> str:
    """Write the note of a new claim; return what to say of it, or end the command with why not."""
    name = unicodedata.normalize("NFC", name)
    project = own_project.read(root)
    folder = project.docs / "claims"
    _refuse_the_name(name, project.vault, folder)
    if not folder.resolve().is_relative_to(project.docs.resolve()):
        where = seen_from(root, folder)
        raise click.ClickException(f"{where} is a link to elsewhere, where no note is read.")
    try:
        note = _begun(project.docs, kind, name)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the claim cannot be begun: {error}") from None
    return f"Wrote {seen_from(root, note)}. Show it in an essay with ![[{name}]]."


def _refuse_the_name(name: str, vault: Vault, folder: Path) -> None:
    """End the command with another name where no claim can have this one."""

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


def _begun(docs: Path, kind: str, name: str) -> Path:
    """Write the note of a claim as the template says, the vault's own or else that of new vaults.

    Raises OSError or ValueError if it cannot.
    """
    template = f"templates/{'definition' if kind == 'definition' else 'claim'}.md"
    own, ours = docs / template, STARTER / settings.DOCS / template
    text = (own if own.is_file() else ours).read_text(encoding="utf-8")
    text = text.replace("{{date}}", date.today().isoformat()).replace("{{title}}", name)
    lines = [f"kind: {kind}" if line.startswith("kind:") else line for line in text.split("\n")]
    note = docs / "claims" / f"{name}.md"
    note.parent.mkdir(parents=True, exist_ok=True)
    with note.open("x", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return note
