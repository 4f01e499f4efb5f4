"""Runs the tests that reach a change, in a copy of the project that is thrown away."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from tests.mutants.changes import Change, Function, functions

LONGEST = 900  # seconds for all tests of a change; one alone has 60
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=60"]
OTHER_PROCESSES = {  # files whose tests wait for others than their own process
    *("test_lab_runs", "test_layers", "test_processes", "test_pytest_plugin"),
    *("test_quotes", "test_quotes_run_alone", "test_runs", "test_parallel"),
}


@dataclass
class TestFile:
    """A file of tests: how long it takes, and which lines of the engine it runs."""

    path: str
    seconds: float
    lines: dict[str, set[int]]  # by file

    def reaches(self, change: Change, spans: dict[str, Function]) -> bool:
        """Does a test in it run the function that is changed, or one of the module's?"""
        inside = [spans[change.function]] if change.function else spans.values()
        ran = self.lines.get(change.file, set())
        return any(f.body <= line <= f.end for f in inside for line in ran)


class Copy:
    """A copy of the project in a folder, in which a file may be changed."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "project", folder / "home"
        self.home.mkdir()

    def again(self, folder: Path) -> "Copy":
        """Return a copy of the copy, compiled files and all."""
        shutil.copytree(self.root, folder / "project")
        return Copy(folder)

    def python(self, *arguments: str, **more: str) -> int | None:
        """Run Python in it, and return how it ended, None if it did not."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "HOME": str(self.home), **more}
        environment |= {"TMPDIR": str(self.home), "XDG_CACHE_HOME": str(self.home)}
        environment |= {"NO_MKDOCS_2_WARNING": "1"}
        command = [sys.executable, *arguments]
        try:
            return subprocess.run(
                command, cwd=self.root, env=environment, capture_output=True, timeout=LONGEST
            ).returncode
        except subprocess.TimeoutExpired:
            return None

    def passes(self, change: Change, files: list[str]) -> bool:
        """Do the tests of some files pass although the engine is changed?"""
        changed = self.root / change.file
        before, stamps = changed.read_bytes(), changed.stat()
        changed.write_text(change.source, encoding="utf-8")
        try:
            # A compiled file of the same size and second would stand for the one before.
            return self.python(*PYTEST, "-x", *files, PYTHONDONTWRITEBYTECODE="1") == 0
        finally:
            changed.write_bytes(before)
            os.utime(changed, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))


def copied(root: Path, folder: Path) -> Copy:
    """Return a copy of what git knows or might be told of."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():  # else it is deleted, and git does not know that yet
            (folder / "project" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / "project" / name)
    return Copy(folder)


def recorded(copy: Copy, processes: int) -> list[TestFile]:
    """Run all tests of the engine as it is; return what each file of them runs of it."""
    files = sorted((copy.root / "tests/litmus").glob("test_*.py"))
    with ThreadPoolExecutor(processes) as pool:
        found = pool.map(lambda file: _record(copy, file), files)
        return [file for file in found if file]


def _record(copy: Copy, file: Path) -> TestFile | None:
    if file.stem in OTHER_PROCESSES:
        return None
    path, data = file.relative_to(copy.root).as_posix(), copy.home / f"{file.stem}.coverage"
    begun = time.monotonic()
    ended = copy.python(
        "-m", "coverage", "run", f"--data-file={data}", "--source=litmus", *PYTEST, path
    )
    if ended != 0:
        raise RuntimeError(f"{path} fails as it is: mend that first")
    seconds, found = time.monotonic() - begun, CoverageData(str(data))
    found.read()
    lines = {
        Path(measured).relative_to(copy.root.resolve()).as_posix(): {*(found.lines(measured) or [])}
        for measured in found.measured_files()
    }
    return TestFile(path, seconds, lines)


def is_noticed(change: Change, copy: Copy, files: list[TestFile]) -> bool:
    """Does a test fail when the engine is changed? The nearest and the quickest run first."""
    spans = functions((copy.root / change.file).read_text(encoding="utf-8"))
    own = f"/test_{Path(change.file).stem}.py"
    in_order = sorted(files, key=lambda file: (not file.path.endswith(own), file.seconds))
    reaching = [file.path for file in in_order if file.reaches(change, spans)]
    half = len(reaching) // 2  # to collect the tests of all files takes a while
    return any(not copy.passes(change, some) for some in (reaching[:half], reaching[half:]) if some)
