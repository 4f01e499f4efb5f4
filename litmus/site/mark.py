"""The mark in the folder of a site: each file that we wrote there, so that nothing else is touched.

A folder without one may hold anything: a repository, photographs. One that an older version of us
built has no mark, and is known by two files that no other program writes.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from litmus.files.writing import stamp, write_whole
from litmus.vault.addresses import folders_above

FILE = ".litmus.json"
OLDER_BUILD = ("claims.json", "assets/litmus.css")
Files = dict[str, str]  # paths below the folder, each with a digest of what we wrote
Seen = dict[str, tuple[int, ...]]  # paths with the stamps that their files then had


def read(folder: Path) -> Files | None:
    """Return what we wrote into a folder; None where there is no mark, or none that can be read."""
    try:
        files = json.loads((folder / FILE).read_text(encoding="ascii"))["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    is_mark = isinstance(files, dict) and all(isinstance(one, str) for one in files.values())
    return files if is_mark and all(map(_leads_nowhere_else, files)) else None


def write(folder: Path, files: Files) -> None:
    """Say in a folder which of its files are ours."""
    said = {"about": "What Litmus wrote here; all else stays.", "files": files}
    text = json.dumps(said, indent=0, sort_keys=True)  # ASCII, whatever names there are
    write_whole(folder / FILE, text + "\n")


def of_all_in(folder: Path) -> Files:
    """Return every file below a folder with its digest."""
    files = (file for file in folder.rglob("*") if not file.is_dir())
    return {file.relative_to(folder).as_posix(): digest_of(file) for file in files}


def digest_of(file: Path) -> str:
    """Return the digest of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def is_older_build(folder: Path) -> bool:
    """Is a folder without a mark plainly a site of ours, built before there were marks?"""
    return all((folder / path).is_file() for path in OLDER_BUILD)


def of_these(folder: Path, paths: Iterable[str]) -> Files:
    """Return those of some paths that are files below a folder, each with its digest."""
    there = (path for path in _within(folder, [*paths]) if _is_plain(folder / path))
    return {path: digest_of(folder / path) for path in there}


def changed(folder: Path, ours: Files, seen: Seen) -> list[str]:
    """Return which of our files somebody has changed; those that were removed are made again.

    What stands behind a link is none of them, wherever it leads. A file that was `seen` to be as we
    wrote it is not read again until it is touched.
    """
    found = []
    for path in _within(folder, sorted(ours)):
        now = stamp(folder / path)
        if not os.path.lexists(folder / path) or (now and seen.get(path) == now):
            continue
        if _is_plain(folder / path) and digest_of(folder / path) == ours[path]:
            seen[path] = now
        else:
            found.append(path)
    return found


def in_the_way(folder: Path, ours: Iterable[str], next_files: Iterable[str]) -> list[str]:
    """Return what is not ours and stands where a file of the next site, or its folder, must go."""
    files, kept = set(next_files), set(ours) | {FILE}
    folders = folders_above(files)
    walked = _others(folder, "", kept, known=files | folders | folders_above(kept))
    return sorted(
        path
        for path, is_folder in walked
        if path in files or folders_above([path]) & files or (path in folders and not is_folder)
    )


def immovable(folder: Path, ours: Iterable[str], next_files: Iterable[str]) -> list[str]:
    """Return the folders that hold what is not ours and cannot be moved, or be moved out of."""
    kept = set(ours) | {FILE}
    known = folders_above([*kept, *next_files])
    walked = [path for path, is_folder in _others(folder, "", kept, known) if is_folder]
    around = {above for above in known if is_folder(folder / above)}
    return sorted(
        path
        for path in {*walked, *around}
        if os.path.ismount(folder / path) or not os.access(folder / path, os.W_OK | os.X_OK)
    )


def _others(folder: Path, at: str, ours: set[str], known: set[str]) -> Iterator[tuple[str, bool]]:
    """Yield what is not ours, and whether it is a folder; what is known to be ours is gone into."""
    for entry in os.scandir(folder / at):
        path = f"{at}{entry.name}"
        if not entry.is_dir(follow_symlinks=False):
            if path not in ours:
                yield path, False
        elif path in known and any(os.scandir(folder / path)):
            yield from _others(folder, f"{path}/", ours, known)
        else:
            yield path, True


def _leads_nowhere_else(path: str) -> bool:
    """Is a path one below its folder? Anybody may have written a mark."""
    return not Path(path).anchor and ".." not in Path(path).parts


def _is_plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _within(folder: Path, paths: list[str]) -> list[str]:
    """Return some paths without those that lead out of a folder, to wherever, by a link."""
    linked = {above for above in folders_above(paths) if (folder / above).is_symlink()}
    return [path for path in paths if not (linked and folders_above([path]) & linked)]
