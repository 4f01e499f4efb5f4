"""Files that are written whole: who reads one meanwhile finds it as it was or as it is.

Each is written under a name of its own in the same folder, which no other thread, process or
program uses, and then put in its place in one step.
"""

import secrets
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

BESIDE = ".writing-"  # and a number: a name that only adds to the file's own may be too long


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file, and the folders above it, such that nobody ever reads half of it.

    Raises OSError where that cannot be done; the file is then as it was, and nothing beside it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    _put(file, content.encode() if isinstance(content, str) else content)


def writer(folder: Path, is_read: bool = False) -> Callable[[str, bytes | Path], None]:
    """Return a function that writes a file below a folder: some bytes, or a copy of another file.

    Who reads the folder meanwhile finds each file as it was or as it is, if it `is_read`.
    """

    put = _put if is_read else _fill

    def write(path: str, content: bytes | Path) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, content)

    return write


def remove(folder: Path, paths: Iterable[str]) -> None:
    """Remove files below a folder, and the folders that they leave empty; follow no link."""
    levels: dict[int, set[Path]] = defaultdict(set)  # the folders around them, by depth
    for path in paths:
        around = list(takewhile(lambda above: above != folder, (folder / path).parents))
        if not any(above.is_symlink() for above in around):
            (folder / path).unlink(missing_ok=True)
            for above in around:
                levels[len(above.parts)].add(above)
    with ThreadPoolExecutor() as pool:  # a disk may let each wait a moment: they wait together
        for depth in sorted(levels, reverse=True):
            list(pool.map(_remove_if_empty, levels[depth]))


def stamp(file: Path) -> tuple[int, ...]:
    """Return what changes when a file is written, or another one takes its place."""
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # something is in it, perhaps since a moment ago
        folder.rmdir()


def _put(file: Path, content: bytes | Path) -> None:
    """Write a file beside its place, and put it there; leave nothing beside it if that fails."""
    beside = file.with_name(f"{BESIDE}{secrets.token_hex(8)}")
    beside.open("x").close()  # so it is no other's, and has the mode of any new file
    try:
        _fill(beside, content)
        beside.replace(file)
    except BaseException:  # an interrupt, too
        beside.unlink(missing_ok=True)
        raise


def _fill(file: Path, content: bytes | Path) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, file)
    else:
        file.write_bytes(content)
