"""The site that another process has built last, from which this one's build begins.

It holds as long as the same code makes pages, the same frame is around each, and nobody has touched
the site's files since.
"""

from pathlib import Path

from litmus.files import pickled
from litmus.files.writing import stamp
from litmus.site.build import Made

FILE = "made.pickle"


def recall(folder: Path, site: Path, frame: str) -> Made | None:
    """Return what was made of a site in a frame, None if it has to be made from nothing."""
    match pickled.recall(folder / FILE, f"{frame} {site}"):
        case stamps, Made() as made if stamps == _stamps(site, made):
            return made
    return None


def keep(folder: Path, site: Path, frame: str, made: Made) -> None:
    """Keep what was made of a site for the next process."""
    pickled.keep(folder / FILE, f"{frame} {site}", (_stamps(site, made), made))


def _stamps(site: Path, made: Made) -> dict[str, tuple[int, ...]]:
    return {path: stamp(site / path) for path in made.outputs}
