"""Begins a claim: a note under a name that can stay, written from the project's template."""

import unicodedata
from datetime import date
from itertools import chain
from pathlib import Path

import click

from litmus.author import note_names, own_project
from litmus.author.own_project import DOCS
from litmus.markdown.headings import folded
from litmus.vault.addresses import address
from litmus.vault.vault import Vault


def begin(root: Path, kind: str, name: str) -> str:
    """Write the note of a new claim; return what to say of it, or end the command with why not."""
    name = unicodedata.normalize("NFC", name)
    vault, folder = own_project.read(root).vault, root / DOCS / "claims"
    _refuse_the_name(name, vault, folder)
    if not folder.resolve().is_relative_to((root / DOCS).resolve()):
        raise click.ClickException(f"{DOCS}/claims is a link to elsewhere, where no note is read.")
    try:
        note = _begun(root, kind, name)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the claim cannot be begun: {error}") from None
    return f"Wrote {note.relative_to(root).as_posix()}. Show it in an essay with ![[{name}]]."


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
