"""A lab with what it imports and reads, as one file to download."""

import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from litmus.cache import Cache
from litmus.python.fingerprint import imports


def beside(lab: Path, root: Path, cache: Cache | None = None) -> list[Path]:
    """Return the files of its project that a lab needs, in order, but for notes and hidden ones.

    A text in the code that happens to be a path is taken for one that is read, too, and what is
    hidden or a note may not be published.
    """
    base = root.resolve()
    needs = sorted(imports(lab, root, cache) - {lab.resolve()})
    return [path for path in needs if path.suffix != ".md" and not _is_hidden(path, base)]


def bundle(lab: Path, others: Iterable[Path], root: Path) -> bytes:
    """Return a zip file of a folder with a lab and what it needs: the same for the same files.

    What lies beside the lab stays there, and all else lies as it does in the project.
    """
    here, base, held = lab.resolve().parent, root.resolve(), BytesIO()
    with ZipFile(held, "w") as zipped:  # not pressed: libraries differ in how
        for path in [lab.resolve(), *others]:
            place = path.relative_to(here if path.is_relative_to(here) else base)
            entry = ZipInfo(f"{lab.stem}/{place.as_posix()}")  # of 1980, whenever it is made
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # or it would say on which system it was made
            zipped.writestr(entry, path.read_bytes())
    return held.getvalue()


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in Path(os.path.relpath(path, root)).parts)
