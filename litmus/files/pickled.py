"""What one process leaves for the next in a file, for as long as the same code would make it."""

import pickle
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from litmus.files.digest import digest
from litmus.files.writing import stamp, write_whole

PACKAGE = Path(__file__).parents[1]


def recall(file: Path, made_by: str) -> Any:
    """Return what was kept in a file, None where there is nothing or what others have made."""
    try:
        makers, kept = pickle.loads(file.read_bytes())
    except Exception:  # there is none, or another version's: no part of it may be there any more
        return None
    return kept if makers == made_by else None


def keep(file: Path, made_by: str, kept: object) -> None:
    """Keep what was made in a file for the next process."""
    write_whole(file, pickle.dumps((made_by, kept)))


def makers(said: Iterable[str] = (), themes: Iterable[str] = ()) -> str:
    """Return a digest of what makes something: code, themes, and settings that are said."""
    packages = Path(sysconfig.get_paths()["purelib"])  # changes with any that is installed
    folders = [PACKAGE, *(Path(theme) for theme in themes)]
    parts = [sys.version, str(stamp(packages)), *said]
    for folder in folders:
        if not folder.is_relative_to(packages):
            files = (file for file in sorted(folder.rglob("*")) if file.suffix != ".pyc")
            parts += [f"{file} {stamp(file)}" for file in files if file.is_file()]
    return digest(*parts)
