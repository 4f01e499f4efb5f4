"""The files of a vault as they lie on disk: which there are, and what each of them says."""

import os
from collections.abc import Iterator
from pathlib import Path

from litmus.problems import Problem, as_problem

LONGEST = 4_000_000  # bytes of a note: about three long novels, and four seconds of reading
LEFT_OUT = "It is left out."


def read(file: Path, longest: int = LONGEST) -> bytes:
    """Return the bytes of a file, one more than `longest` of one that is longer."""
    with file.open("rb") as opened:
        return opened.read(longest + 1)


def as_text(raw: bytes) -> str:
    """Return bytes as text, with a sign in place of what is not UTF-8."""
    text = raw.decode("utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def not_utf8(raw: bytes, path: str) -> list[Problem]:
    """Return the problem that some bytes are not UTF-8, if they are not."""
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} means nothing there."
        return [Problem(path, line, what, "Save it as UTF-8.")]
    return []


def everything(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    """Yield all below a folder that is not hidden; add to the problems what cannot be looked into.

    Links to folders are not followed.
    """

    def unreadable(error: OSError) -> None:
        path = Path(error.filename or folder).relative_to(folder).as_posix()
        problems.append(as_problem(error, path, remedy=LEFT_OUT))

    for where, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in [*folders, *names]:
            if not name.startswith("."):
                yield Path(where, name)


def is_to_be_read(file: Path, path: str, folder: Path) -> bool:
    """Is this a file of the vault? Raises Problem where a file or a folder is left out."""
    is_file, is_link = file.is_file(), file.is_symlink()
    if not is_file and not is_link:
        return False
    if "\udc80" <= max(path) <= "\udcff":
        shown = path.encode(errors="replace").decode()
        raise Problem(shown, None, "the name is not UTF-8; the file is left out.", "Rename it.")
    if file.is_dir():
        what = "the folder is a link, and is left out."
        raise Problem(path, None, what, "Put the folder itself into the vault.")
    if is_link and leads_out(file, folder):
        what = "the file is a link to outside the vault, or to nothing, and is left out."
        raise Problem(path, None, what, "Put the file itself into the vault.")
    return is_file


def leads_out(file: Path, folder: Path) -> bool:
    """Is a file somewhere else than in a folder, by a link, or nowhere?"""
    try:
        return not file.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to itself
        return True
