"""Writes beside what is there, and swaps the two when all is well.

Whatever stops a build, an error or a pulled plug, the previous site or file stays whole.
"""

import os
import shutil
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write a file, and the folders above it, such that nobody ever reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


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


def mend(site: Path) -> None:
    """Bring back the previous site if a swap was cut off between its two steps."""
    if _previous(site).exists() and not site.exists():
        _previous(site).rename(site)


def _previous(site: Path) -> Path:
    return site.with_name(f".{site.name}.old")
