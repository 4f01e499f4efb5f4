"""Runs of labs, kept as notebooks until the lab, what it imports or the pins change.

A lab takes long, and is needed twice: its page shows what it prints and draws, its tests look at
what it measured. So it runs once, here, and both read the notebook. A lab says what it measured in
a dictionary of that name, of plain numbers, lists and dictionaries.
"""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from filelock import FileLock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from litmus.cache import Cache
from litmus.files.digest import digest
from litmus.files.writing import write_whole
from litmus.python.fingerprint import fingerprint
from litmus.python.runs import RunError

FOLDER = "labs"  # below what a project keeps
SECONDS = 600  # for one cell; the longest trains networks for some ten
REPORT = "import json; print(json.dumps(globals().get('measured', {}), allow_nan=False))"


def key(lab: Path, root: Path, cache: Cache | None = None) -> str:
    """Return a hash of a lab, of what it imports of the project, and of the project's pins."""
    pins = root / "requirements.txt"
    return digest(fingerprint(lab, root, cache), pins.read_bytes() if pins.exists() else b"")


def executed(lab: Path, root: Path, kept: Path, cache: Cache | None = None) -> Path:
    """Return a lab as a notebook that has run; raise RunError with what stopped it."""
    with _alone_with(lab, kept):
        return _executed(lab, root, kept, cache)


def all_executed(
    labs: Iterable[Path], root: Path, kept: Path, cache: Cache | None = None
) -> list[Path]:
    """Return several labs as notebooks that have run, a few of them at a time."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(lambda lab: executed(lab, root, kept, cache), labs))


def measured(lab: Path, root: Path, kept: Path) -> dict[str, Any]:
    """Return what a lab says that it measured."""
    with _alone_with(lab, kept):  # or else a process for which it has changed could remove it
        notebook = nbformat.read(_executed(lab, root, kept), as_version=4)
    found: dict[str, Any] = notebook.metadata["measured"]
    return found


def _alone_with(lab: Path, kept: Path) -> FileLock:
    """Return a lock of a lab: who comes second reads what the first has made."""
    (kept / FOLDER).mkdir(parents=True, exist_ok=True)
    return FileLock(kept / FOLDER / f"{lab.stem}.lock")


def _executed(lab: Path, root: Path, kept: Path, cache: Cache | None = None) -> Path:
    """Return a lab as a notebook that has run, and remove those of it as it was before."""
    folder = kept / FOLDER
    notebook = folder / f"{lab.stem}-{key(lab, root, cache)}.ipynb"
    if not notebook.exists():
        write_whole(notebook, nbformat.writes(_run(lab)))
        for old in folder.glob(f"{escape(lab.stem)}-{'?' * 16}.ipynb"):
            if old != notebook:
                old.unlink()
    return notebook


def _run(lab: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = jupytext.read(lab)
    notebook.cells.append(nbformat.v4.new_code_cell(REPORT))
    with TemporaryDirectory() as empty:
        here = {"metadata": {"path": empty}}
        try:
            NotebookClient(notebook, timeout=SECONDS, resources=here).execute()
        except CellExecutionError as error:
            reason = f"{error.ename}: {error.evalue}"
            raise RunError(f"{lab.name} does not run to its end. {reason}") from error
    report = notebook.cells.pop()
    notebook.metadata["measured"] = json.loads(report.outputs[0].text)
    return notebook
