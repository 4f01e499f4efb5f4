"""Builds a site beside the one that is there, and swaps the two when all is well.

Whatever stops a build, an error or a pulled plug, the previous site stays whole.
"""

import shutil
from pathlib import Path


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
