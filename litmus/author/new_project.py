"""Begins a project: all of a new one, or what one lacks around notes that are there already.

The files are those of `starter` beside this module, as they are. Nothing that exists is ever
written to, and what cannot be finished leaves nothing behind.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from litmus.author.begun import TESTS, Begun, typed
from litmus.author.own_project import seen_from
from litmus.files import settings
from litmus.files.reading import everything
from litmus.problems import file_of, words_of

STARTER = Path(__file__).with_name("starter")
NOTES, EXAMPLE = f"{settings.DOCS}/", ("snippets/", "tests/test_")  # what its notes show, and tests
README = "README.md"
# Where the settings of tests may stand, with the words that begin them there.
OF_TESTS = {
    "pytest.toml": b"",
    ".pytest.toml": b"",
    ".pytest.ini": b"",
    "pyproject.toml": b"[tool.pytest",
    "tox.ini": b"[pytest]",
    "setup.cfg": b"[tool:pytest]",
}
SITE_NAME, PLUGIN = "site_name: Notes", "  litmus: {}"  # lines of the settings


def anew(folder: Path) -> str:
    """Begin a project with an example in a new folder; return what to say of it.

    Ends the command where the folder is not new, or cannot be made.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise click.ClickException(f"{folder} is a file, and no folder. Name another place.")
    with _in_words():
        _refuse_what_is_no_unicode(folder.resolve())
        if folder.is_dir() and any(folder.iterdir()):
            what = f"{folder} is not empty, and nothing was written. To add to what is there"
            raise click.ClickException(f"{what}: litmus init --here {typed(folder)}")
        files = {path: _content(path, folder.resolve().name) for path in _all()}
        _write(folder, files)
    return "\n".join(Begun(folder, folder / settings.DOCS, [*files], is_new=True).words())


def around(folder: Path) -> str:
    """Add what a project lacks around the notes in a folder; return what to say of it.

    Ends the command where there is no such folder, or where nothing can be added.
    """
    if not folder.is_dir():
        raise click.ClickException(f"there is no folder {folder}. Name that of your notes.")
    with _in_words():
        folder = folder.resolve()
        _refuse_what_is_no_unicode(folder)
        root = _beside(folder) if _is_vault(folder) else folder
        docs = settings.read(root).docs if root == folder else folder
        _refuse_what_mkdocs_does(root, docs)
        wanted = _wanted(root, docs)
        kept = [path for path in wanted if _is_taken(root, path)]
        where, is_ours = seen_from(root, docs), settings.Settings(root, docs).is_ours
        files = {p: _content(p, folder.name, where, is_ours) for p in wanted if p not in kept}
        _write(root, files)
    kept = [settings.file_of(root).name if path == settings.FILE else path for path in kept]
    return "\n".join(Begun(root, docs, [*files], kept).words())


def _all() -> list[str]:
    """Return the files of a new project by their paths."""
    made = (path for path in STARTER.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted(path.relative_to(STARTER).as_posix() for path in made)


def _content(path: str, name: str, docs: str = settings.DOCS, is_ours: bool = True) -> bytes:
    """Return a file of a project of that name: where are its notes, and is that in its folder?"""
    content = (STARTER / path).read_bytes()
    if path == README:
        return content.replace(NOTES.encode(), os.fsencode(f"{docs}/"))
    if path != settings.FILE:
        return content
    lines, said = content.decode(), [f"site_name: {json.dumps(name, ensure_ascii=False)}"]
    if docs != settings.DOCS:
        said.append(f"docs_dir: {json.dumps(docs, ensure_ascii=False)}")
    if not is_ours:
        ours = "{ours: true}  # they lie elsewhere; what is in this folder is run for them"
        lines = lines.replace(PLUGIN, f"  litmus: {ours}")
    return lines.replace(SITE_NAME, "\n".join(said)).encode()


def _wanted(root: Path, docs: Path) -> list[str]:
    """Return what is to be in a project around some notes: the example only where there are none.

    Among other notes its names could mean theirs, and its claim would be one of theirs.
    """
    files, has_notes = _all(), _has_notes(docs if docs.is_dir() else root)
    example = [path for path in files if path.startswith((NOTES, *EXAMPLE))]
    if has_notes or docs != root / settings.DOCS or any(_is_taken(root, p) for p in example):
        files = [path for path in files if path not in example]
    if any(_says(root / name, words) for name, words in OF_TESTS.items()):
        files.remove(TESTS)  # it would take the place of what they say
    return files


def _says(file: Path, words: bytes) -> bool:
    return file.is_file() and words in file.read_bytes()


def _is_vault(folder: Path) -> bool:
    """Are the notes in the folder itself, rather than in docs/ or wherever its settings say?"""
    if settings.file_of(folder).exists():
        return False
    if (folder / ".obsidian").is_dir():
        return True
    return not (folder / settings.DOCS).is_dir() and _has_notes(folder)


def _has_notes(folder: Path) -> bool:
    """Is there a note below a folder? README.md and the like, in capitals, are about a folder."""
    files = everything(folder, []) if folder.is_dir() else ()
    return any(f.suffix.lower() == ".md" and not f.stem.isupper() for f in files)


def _beside(vault: Path) -> Path:
    """Return the folder of the project around a vault; end the command if something is there."""
    root = vault.parent / f"{vault.name}-litmus"
    if root.is_relative_to(vault):
        what = f"the notes lie in {vault} itself, and nothing can be beside it."
        raise click.ClickException(f"{what} Put them into a folder. Nothing was written.")
    is_empty = not os.path.lexists(root) or (root.is_dir() and not any(root.iterdir()))
    if not is_empty and settings.read(root).docs.resolve() != vault:
        what = f"the project's files would go to {root}, and something else is there."
        raise click.ClickException(f"{what} Move it away. Nothing was written.")
    return root


def _refuse_what_is_no_unicode(folder: Path) -> None:
    """End the command where settings could not say what a folder is called."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        name = os.fsencode(folder).decode(errors="replace")
        raise click.ClickException(f"the name of {name} is not UTF-8. Name another.") from None


def _refuse_what_mkdocs_does(root: Path, docs: Path) -> None:
    """End the command where the settings lie among the notes, which would be ours, too, then."""
    if (root / docs).resolve() in [root, *root.parents]:
        what = f"{settings.file_of(root)} lies in the folder of its notes, and MkDocs refuses that."
        remedy = "Move it beside that folder, or the notes into one below. Nothing was written."
        raise click.ClickException(f"{what} {remedy}")


def _is_taken(root: Path, path: str) -> bool:
    """Is there something at a place, or something that is no folder of the project above it?"""
    file = settings.file_of(root) if path == settings.FILE else root / path
    above = (place for place in file.parents if place.is_relative_to(root) and place != root)
    blocked = any(os.path.lexists(place) and _leads_away(place) for place in above)
    return blocked or os.path.lexists(file)


def _leads_away(place: Path) -> bool:
    return place.is_symlink() or not place.is_dir()


def _write(root: Path, files: dict[str, bytes]) -> None:
    """Write files that are not there; if one cannot be written, leave none of them."""
    made: list[Path] = []
    try:
        for path, content in files.items():
            file = root / path
            for folder in reversed(file.parents):
                if not folder.exists():
                    folder.mkdir()
                    made.append(folder)
            with file.open("xb") as opened:
                made.append(file)
                opened.write(content)
    except BaseException:  # an interrupt, too
        for path_made in reversed(made):
            with suppress(OSError):  # somebody has put something there meanwhile
                path_made.rmdir() if path_made.is_dir() else path_made.unlink()
        raise


@contextmanager
def _in_words() -> Iterator[None]:
    """End the command for what the system could not do."""
    try:
        yield
    except OSError as error:
        where = f"{file}: " if (file := file_of(error)) else ""
        raise click.ClickException(f"{where}{words_of(error)}. Nothing was written.") from None
