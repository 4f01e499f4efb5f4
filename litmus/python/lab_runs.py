"""Runs of labs, kept as notebooks until the lab, what it imports or the pins change.

A lab takes long, and is needed twice: its page shows what it prints and draws, its tests look at
what it measured. So it runs once, here, and both read the notebook. A lab says what it measured in
a dictionary of that name, of plain numbers, lists and dictionaries.
"""

import json
import os
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from litmus.cache import Cache
from litmus.files.digest import digest
from litmus.files.writing import write_whole
from litmus.installed import IN_CODE, lacking
from litmus.python.fingerprint import fingerprint
from litmus.python.runs import NotInstalledError, RunError

FOLDER = "labs"  # below what a project keeps
SECONDS = 600  # for one cell; the longest trains networks for some ten
REPORT = "import json; print(json.dumps(globals().get('measured', {}), allow_nan=False))"


def key(lab: Path, root: Path, cache: Cache | None = None) -> str:
    """Return a hash of a lab, of what it imports of the project, and of the project's pins."""
    pins = root / "requirements.txt"
    return digest(fingerprint(lab, root, cache), pins.read_bytes() if pins.exists() else b"")


def executed(lab: Path, root: Path, kept: Path, cache: Cache | None = None) -> dict[str, Any]:
    """Return a lab as a notebook that has run; raise RunError with what stopped it.

    Who comes second reads what the first has made. Those of the lab as it was before are removed.
    """
    folder, name = kept / FOLDER, f"{lab.stem}-{digest(os.path.relpath(lab, root))}"
    with FileLock(folder / f"{name}.lock"):  # until it is read, or another might remove it
        notebook = folder / f"{name}-{key(lab, root, cache)}.ipynb"
        run = _kept(notebook)
        if run is None:
            write_whole(notebook, _run(lab))
            for old in folder.glob(f"{escape(name)}-*.ipynb"):
                if old != notebook:
                    old.unlink()
            run = json.loads(notebook.read_bytes())
        return run


def _kept(notebook: Path) -> dict[str, Any] | None:
    """Return a run that was kept, None if there is none that can be read."""
    try:
        run: dict[str, Any] = json.loads(notebook.read_bytes())
        return run
    except (OSError, ValueError):
        return None


def measured(lab: Path, root: Path, kept: Path) -> dict[str, Any]:
    """Return what a lab says that it measured."""
    found: dict[str, Any] = executed(lab, root, kept)["metadata"]["measured"]
    return found


def _run(lab: Path) -> str:
    """Return the notebook of a run. What it needs takes long to import, and few builds run any."""
    if missing := lacking("run", "runs labs", "jupytext", "nbformat", "nbclient", "ipykernel"):
        raise NotInstalledError(missing)
    import jupytext
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = jupytext.read(lab)
    notebook.cells.append(nbformat.v4.new_code_cell(REPORT))
    with TemporaryDirectory() as empty:
        here = {"metadata": {"path": empty}}
        try:
            # As Jupyter tells a notebook where it lies: it may show what is kept beside it.
            where = {**os.environ, "JPY_SESSION_NAME": str(lab.resolve())}
            NotebookClient(notebook, timeout=SECONDS, resources=here).execute(env=where)
        except CellExecutionError as error:
            needed = [name for name in IN_CODE["run"] if f"'{name}'" in error.evalue]
            is_missing = error.ename == "ModuleNotFoundError" and lacking(
                "run", "runs labs", *needed
            )
            reason = is_missing or f"{error.ename}: {error.evalue}"
            is_report = bool(notebook.cells[-1].outputs)
            what = "measured what is no plain number" if is_report else "does not run to its end"
            raise RunError(f"{lab.name} {what}. {reason}") from error
    report = notebook.cells.pop()
    notebook.metadata["measured"] = json.loads(report.outputs[0].text)
    return str(nbformat.writes(notebook))
