"""The site that another process has built last, from which this one's build begins.

It holds as long as the same code makes pages, the same frame is around each, and nobody has touched
the site's files since.
"""

import pickle
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from litmus.files.digest import digest
from litmus.files.writing import stamp, write_whole
from litmus.site.build import Made

FILE = "made.pickle"
PACKAGE = Path(__file__).parents[1]


def recall(folder: Path, site: Path, frame: str) -> Made | None:
    """Return what was made of a site in a frame, None if it has to be made from nothing."""
    try:
        kept = pickle.loads((folder / FILE).read_bytes())
        if kept["site"] == (str(site), frame) and kept["files"] == _stamps(site, kept["made"]):
            made = kept["made"]
            assert isinstance(made, Made)
            return made
    except Exception:  # there is none, or another version's: no part of it may be there any more
        pass
    return None


def keep(folder: Path, site: Path, frame: str, made: Made) -> None:
    """Keep what was made of a site for the next process."""
    kept = {"site": (str(site), frame), "files": _stamps(site, made), "made": made}
    write_whole(folder / FILE, pickle.dumps(kept))


def frame(said: Iterable[str], themes: Iterable[str]) -> str:
    """Return a digest of what makes a page besides its note: settings, themes and code."""
    packages = Path(sysconfig.get_paths()["purelib"])  # changes with any that is installed
    folders = [PACKAGE, *(Path(theme) for theme in themes)]
    parts = [sys.version, str(stamp(packages)), *said]
    for folder in folders:
        if not folder.is_relative_to(packages):
            files = (file for file in sorted(folder.rglob("*")) if file.suffix != ".pyc")
            parts += [f"{file} {stamp(file)}" for file in files if file.is_file()]
    return digest(*parts)


def _stamps(site: Path, made: Made) -> dict[str, tuple[int, ...]]:
    return {path: stamp(site / path) for path in made.outputs}
