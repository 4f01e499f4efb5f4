"""How one folder takes the place of another: it is built beside it, and moved when it is whole.

Whatever stops a build, an error or a pulled plug, the previous site stays whole; the next build
sets right what is left. What is not ours is brought from the previous folder into the new one.
"""

import os
import shutil
from dataclasses import dataclass
from errno import EEXIST
from itertools import count
from pathlib import Path

from litmus.files.writing import BESIDE, remove
from litmus.problems import Problem, words_of
from litmus.site import mark
from litmus.site.mark import is_folder
from litmus.vault.addresses import folders_above

IN_PASSING = ".litmus-in-passing"  # in folders in which no site stays
TO_KNOW = (mark.FILE, IN_PASSING)  # what to do in a folder, as long as it is not done


@dataclass
class Swap:
    """Puts what is built beside a folder in its place."""

    folder: Path
    asked: Path  # the same as somebody named it
    is_ours: bool  # is there a mark of what is ours, or is all ours that is not hidden?
    seen: mark.Seen

    def new_folder_beside(self) -> Path:
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

    def put(self, built: Path) -> None:
        """Put what was built in the place of the folder, which then stands beside it."""
        try:
            if self.folder.exists():
                (self.folder / IN_PASSING).touch()
                shutil.copymode(self.folder, built)
                self.folder.rename(self._previous)
            built.rename(self.folder)
        except BaseException:
            self.mend()
            raise
        self._bring_over()

    def mend(self) -> None:
        """Set right what a swap left that was cut off."""
        if os.path.lexists(self._previous):
            if not _is_in_passing(self._previous):
                what = f"{self._previous} is in the way, which Litmus did not write."
                raise Problem(str(self.asked), None, what, "Move it away, and build again.")
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
            remove(previous, ours.keys() - set(mark.changed(previous, ours, self.seen)))
            for entry in list(previous.iterdir()) if not self.is_ours else []:
                if not entry.name.startswith(".") or os.path.lexists(self.folder / entry.name):
                    _remove(entry)
            try:
                _bring(previous, self.folder, "", folders_above(ours))
            except OSError as error:
                what = f"{error.filename} cannot be moved from {previous} into the site: "
                what, remedy = what + words_of(error), "Move by hand what is in it, and remove it."
                raise Problem(str(self.asked), None, f"{what}.", remedy) from error
            for name in TO_KNOW:
                (previous / name).unlink(missing_ok=True)
            previous.rmdir()
        (self.folder / IN_PASSING).unlink(missing_ok=True)

    @property
    def _previous(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.old")


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
