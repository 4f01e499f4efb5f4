"""Writes beside what is there, and swaps the two when all is well.

Whatever stops a build, an error or a pulled plug, the previous site or file stays whole.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

BESIDE = ".writing-"


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file, and the folders above it, such that nobody ever reads half of it."""
    whole = content.encode() if isinstance(content, str) else content
    writer(file.parent, is_read=True)(file.name, whole)


def writer(folder: Path, is_read: bool = False) -> Callable[[str, bytes | Path], None]:
    """Return a function that writes a file below a folder: some bytes, or a copy of another file.

    Who reads the folder meanwhile finds each file as it was or as it is, if it `is_read`.
    """

    def write(path: str, content: bytes | Path) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # A name that only adds to the file's own may be too long.
        beside = file.with_name(f"{BESIDE}{os.getpid()}") if is_read else file
        if isinstance(content, Path):
            shutil.copyfile(content, beside)
        else:
            beside.write_bytes(content)
        if is_read:
            beside.replace(file)

    return write


def remove(folder: Path, path: str) -> None:
    """Remove a file below a folder, and the folders that it leaves empty."""
    (folder / path).unlink(missing_ok=True)
    for above in (folder / path).parents:
        if above == folder or not above.is_dir() or any(above.iterdir()):
            break
        above.rmdir()


def stamp(file: Path) -> tuple[int, ...]:
    """Return what changes when a file is written, or another one takes its place."""
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def successor(site: Path) -> Path:
    """Return the folder beside a site in which to build the next one."""
    return site.with_name(f".{site.name}.new")


def swap(site: Path) -> None:
    """Put the successor of a site in its place."""
    previous = _previous(site)
    shutil.rmtree(previous, ignore_errors=True)
    if site.exists():
        site.rename(previous)
    successor(site).rename(site)
    shutil.rmtree(previous, ignore_errors=True)


def discard(site: Path) -> None:
    """Remove what is left of a successor that did not take the place of its site."""
    shutil.rmtree(successor(site), ignore_errors=True)


def mend(site: Path) -> None:
    """Bring back the previous site if a swap was cut off between its two steps."""
    if _previous(site).exists() and not site.exists():
        _previous(site).rename(site)


def _previous(site: Path) -> Path:
    return site.with_name(f".{site.name}.old")
