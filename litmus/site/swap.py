"""The folder of a site: the next site is built beside it, and takes its place when all is well.

Whatever stops a build, an error or a pulled plug, the previous site stays whole. And whatever else
lies in the folder stays where it is: only what we wrote ourselves is replaced or removed, and only
if nobody has changed it since.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from errno import EEXIST
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from litmus.files.digest import digest
from litmus.files.writing import BESIDE, remove
from litmus.problems import Problem
from litmus.site import mark
from litmus.site.mark import is_folder
from litmus.vault.addresses import folders_above

IN_PASSING = ".litmus-in-passing"  # in folders in which no site stays
TO_KNOW = (mark.FILE, IN_PASSING)  # what to do in a folder, as long as it is not done
NAMED = 3  # files that a refusal names


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

    def refuse_what_is_no_place(self) -> None:
        """Raise Problem where there can be no site, whatever is built."""
        try:
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
        except OSError as error:
            reason = error.strerror or error
            raise self._problem(f"no site can be written there: {reason}.") from error

    def begin(self) -> Path:
        """Return the folder to build in; raise Problem where a site cannot or must not go there."""
        self.refuse_what_is_no_place()
        try:
            self._hold()
            self._mend()
            self._built = self._new_folder_beside()
            if self.is_ours:
                self._refuse_to_lose(mark.changed(self.folder, self._ours(), self._seen), "changed")
        except OSError as error:
            raise self._problem(
                f"no site can be written there: {error.strerror or error}."
            ) from error
        return self._built

    def finish(self) -> None:
        """Put what was built in the site's place; raise Problem, with nothing changed, if it can't.

        Whoever changed one of our files meanwhile, or put one where a page must go, loses nothing.
        """
        assert self._built
        try:
            if self.is_ours:
                files = mark.of_all_in(self._built)
                files.pop(IN_PASSING, None)
                self._take(files)
                mark.write(self._built, files)
            self._swap(self._built)
        except OSError as error:
            raise self._problem(
                f"the site cannot be replaced: {error.strerror or error}."
            ) from error
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

    def _new_folder_beside(self) -> Path:
        """Make the folder to build in, in place of what a build has left that was cut off."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        name = self.folder.name
        every = (self.folder.with_name(f".{name}.new{number or ''}") for number in count())
        beside = next(f for f in every if _is_in_passing(f) or not os.path.lexists(f))
        if os.path.lexists(beside):
            shutil.rmtree(beside)
        beside.mkdir()
        (beside / IN_PASSING).touch()
        return beside

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
        self._refuse_to_lose(mark.changed(self.folder, ours, self._seen), "changed")
        self._refuse_to_lose(mark.in_the_way(self.folder, ours, files), "in the way")
        self._refuse_to_lose(mark.immovable(self.folder, ours, files), "immovable")
        if ours and not is_marked:
            mark.write(self.folder, ours)

    def _refuse_to_lose(self, paths: list[str], how: str) -> None:
        if not paths:
            return
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        named = ", ".join(paths[:NAMED]) + more
        what = {
            "changed": f"since Litmus wrote it, somebody has changed {named}.",
            "in the way": f"where a page must go stands what Litmus did not write: {named}.",
            "immovable": f"rights or a mounted disk let nothing be moved out of {named}.",
        }[how]
        raise self._problem(what, "Nothing was written. Move it away, and build again.")

    def _swap(self, built: Path) -> None:
        """Put what was built in the place of the folder, which then stands beside it."""
        try:
            if self.folder.exists():
                (self.folder / IN_PASSING).touch()
                shutil.copymode(self.folder, built)
                self.folder.rename(self._previous)
            built.rename(self.folder)
        except BaseException:
            self._mend()
            raise
        self._bring_over()

    def _mend(self) -> None:
        """Set right what a swap left that was cut off."""
        if os.path.lexists(self._previous):
            if not _is_in_passing(self._previous):
                what = f"{self._previous} is in the way, which Litmus did not write."
                raise self._problem(what, "Move it away, and build again.")
            if not self.folder.exists():
                self._previous.rename(self.folder)
        self._bring_over()
        for file in self.folder.glob(f"{BESIDE}*"):
            file.unlink()

    def _bring_over(self) -> None:
        """Bring what is not ours from the previous folder into the site; remove the rest."""
        previous = self._previous
        if previous.exists():
            ours = mark.read(previous) or {} if self.is_ours else {}
            for path in ours.keys() - set(mark.changed(previous, ours, self._seen)):
                remove(previous, path)
            for entry in list(previous.iterdir()) if not self.is_ours else []:
                if not entry.name.startswith(".") or os.path.lexists(self.folder / entry.name):
                    _remove(entry)
            try:
                _bring(previous, self.folder, "", folders_above(ours))
            except OSError as error:
                reason = error.strerror or error
                what = f"{error.filename} cannot be moved from {previous} into the site: {reason}."
                raise self._problem(what, "Move by hand what is in it, and remove it.") from error
            for name in TO_KNOW:
                (previous / name).unlink(missing_ok=True)
            previous.rmdir()
        (self.folder / IN_PASSING).unlink(missing_ok=True)

    @property
    def _previous(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.old")

    def _problem(self, what: str, remedy: str = "") -> Problem:
        return Problem(str(self.asked), None, what, remedy)


def _bring(source: Path, target: Path, at: str, ours: set[str]) -> None:
    """Move what is in a folder into another; of folders that were ours, only what is in them."""
    for entry in list(source.iterdir()):
        path, there = f"{at}{entry.name}", target / entry.name
        if path in TO_KNOW:
            continue
        if is_folder(entry) and (path in ours or there.is_dir()):
            there.mkdir(exist_ok=True)
            _bring(entry, there, f"{path}/", ours)
            entry.rmdir()
        elif os.path.lexists(there):
            raise FileExistsError(EEXIST, f"{there} is there already")
        else:
            entry.rename(there)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if is_folder(path) else path.unlink()


def _is_in_passing(folder: Path) -> bool:
    return is_folder(folder) and ((folder / IN_PASSING).is_file() or not any(folder.iterdir()))


def _is_or_holds(folder: Path, other: Path) -> bool:
    """Is a folder another one, or around it, whatever names the two go by?"""
    around = (above for above in (other, *other.parents) if above.exists())
    return folder.exists() and any(folder.samefile(above) for above in around)
