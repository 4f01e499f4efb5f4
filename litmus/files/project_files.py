"""The files of a project, from its root: where pytest looks for tests, and no other project's."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from litmus.files import settings

# Folders in which pytest does not look for tests either, and copies that are built or changed.
ELSEWHERE = {"build", "dist", "node_modules", "venv", "site", "mutants", "__pycache__"}


def project_files(root: Path, is_wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the files with a name that is wanted, where pytest looks for tests; from the root."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not is_elsewhere(name)]
        is_installed = {"pyvenv.cfg", "conda-meta"} & {*files, *folders}
        is_another = not {*settings.FILES}.isdisjoint(files) and Path(folder) != root
        if is_installed or is_another:
            folders.clear()  # packages or a project, with tests of their own
        else:
            wanted = (Path(folder, name) for name in files if is_wanted(name))
            yield from (path.relative_to(root).as_posix() for path in wanted)


def is_elsewhere(folder: str) -> bool:
    """Say whether nobody looks for tests and records in folders of that name."""
    return folder in ELSEWHERE or folder.startswith(".")
