"""The folder of a site: what may be built there, and what in it is ours.

Whatever else lies in the folder stays where it is: only what we wrote ourselves is replaced or
removed, and only if nobody has changed it since.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from litmus.files.digest import digest
from litmus.problems import Problem, words_of
from litmus.site import mark
from litmus.site.swap import IN_PASSING, Swap

NAMED = 3  # files that a refusal names
CHANGED = "since Litmus wrote it, somebody has changed"
IN_THE_WAY = "where a page must go stands what Litmus did not write:"
IMMOVABLE = "rights or a mounted disk let nothing be moved out of"


class SiteFolder:
    """Where a site goes. One build begins, and either finishes or is abandoned.

    `is_ours` is false in somebody else's project: there it is done as MkDocs does it, which removes
    everything but what is hidden.
    """

    def __init__(self, folder: Path, vault: Path, is_ours: bool) -> None:
        self.asked = folder
        try:
            self.folder = folder.resolve()  # a link to a folder stays a link
        except (OSError, RuntimeError):  # links that lead to one another
            self.folder = folder.absolute()
        self.vault = vault.resolve()
        self.is_ours = is_ours
        self._built: Path | None = None
        self._lock: FileLock | None = None
        self._seen: mark.Seen = {}
        self._swap = Swap(self.folder, folder, is_ours, self._seen)

    def refuse_what_is_no_place(self) -> None:
        """Raise Problem where there can be no site, whatever is built."""
        with self._in_words("no site can be written there"):
            if os.path.lexists(self.asked) and not self.asked.exists():
                raise self._problem("it is a link to nothing.", "Remove it, or name a folder.")
            if self.folder.exists() and not self.folder.is_dir():
                raise self._problem("it is a file, and no folder.", "Name another place.")
            if _is_or_holds(self.vault, self.folder) or _is_or_holds(self.folder, self.vault):
                where = "is the folder of the notes, or one in it or around it"
                raise self._problem(f"it {where}.", "Name a folder beside the notes.")
            if os.path.ismount(self.folder):
                what = "a disk is mounted there, and what is mounted cannot be replaced."
                raise self._problem(what, "Name a folder in it.")

    def begin(self) -> Path:
        """Return the folder to build in; raise Problem where a site cannot or must not go there."""
        self.refuse_what_is_no_place()
        with self._in_words("no site can be written there"):
            self._hold()
            self._swap.mend()
            self._built = self._swap.new_folder_beside()
            if self.is_ours:
                self._refuse_to_lose(mark.changed(self.folder, self._ours(), self._seen), CHANGED)
        return self._built

    def finish(self) -> None:
        """Put what was built in the site's place; raise Problem, with nothing changed, if it can't.

        Whoever changed one of our files meanwhile, or put one where a page must go, loses nothing.
        """
        assert self._built
        try:
            with self._in_words("the site cannot be replaced"):
                if self.is_ours:
                    files = mark.of_all_in(self._built)
                    files.pop(IN_PASSING, None)
                    self._take(files)
                    mark.write(self._built, files)
                self._swap.put(self._built)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Remove what was built, if it is still there, and let others build."""
        if self._built:
            shutil.rmtree(self._built, ignore_errors=True)
            self._built = None
        if self._lock:
            self._lock.release()
            self._lock = None

    def has_changed(self, written: Iterable[str], removed: Iterable[str]) -> None:
        """Say in the mark what was written and removed in the site that stands there."""
        ours = mark.read(self.folder) if self.is_ours else None
        if ours is not None:
            ours |= {path: mark.digest_of(self.folder / path) for path in written}
            for path in removed:
                ours.pop(path, None)
            mark.write(self.folder, ours)

    def _hold(self) -> None:
        """Let no other build write there until this one ends, however it ends."""
        locks = user_cache_path("litmus") / "locks"  # beside the site one would be left behind
        try:
            locks.mkdir(parents=True, exist_ok=True)
        except OSError:  # whoever builds has no home, as in some containers
            locks = Path(tempfile.gettempdir())
        lock = FileLock(locks / f"{digest(os.fsencode(self.folder))}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise self._problem("another build is writing there.", "Wait until it ends.") from None
        self._lock = lock

    def _ours(self) -> mark.Files:
        """Return what we wrote into the folder; raise Problem if it is somebody else's."""
        ours = mark.read(self.folder)
        if ours is not None or not self.folder.exists():
            return ours or {}
        others = set(os.listdir(self.folder))
        if others and not mark.is_older_build(self.folder):
            what = f"the folder holds what Litmus did not write, such as {min(others)}."
            raise self._problem(what, "Nothing was written. Name an empty folder, or a new one.")
        return {}

    def _take(self, files: mark.Files) -> None:
        """Mark what is to be replaced; raise Problem if anything else would be lost."""
        ours = self._ours()
        if not self.folder.exists():
            return
        is_marked = mark.read(self.folder) is not None
        if not is_marked:  # of an older build, what the next one has, too
            ours = mark.of_these(self.folder, files)
        self._refuse_to_lose(mark.changed(self.folder, ours, self._seen), CHANGED)
        self._refuse_to_lose(mark.in_the_way(self.folder, ours, files), IN_THE_WAY)
        self._refuse_to_lose(mark.immovable(self.folder, ours, files), IMMOVABLE)
        if ours and not is_marked:
            mark.write(self.folder, ours)

    def _refuse_to_lose(self, paths: list[str], what: str) -> None:
        if paths:
            more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
            what = f"{what} {', '.join(paths[:NAMED])}{more}."
            raise self._problem(what, "Nothing was written. Move it away, and build again.")

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """Raise as a Problem what the system could not do."""
        try:
            yield
        except OSError as error:
            raise self._problem(f"{what}: {words_of(error)}.") from error

    def _problem(self, what: str, remedy: str = "") -> Problem:
        return Problem(str(self.asked), None, what, remedy)


def _is_or_holds(folder: Path, other: Path) -> bool:
    """Is a folder another one, or around it, whatever names the two go by?"""
    around = (above for above in (other, *other.parents) if above.exists())
    return folder.exists() and any(folder.samefile(above) for above in around)
