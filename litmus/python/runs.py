"""What a snippet prints and draws, kept until the file, what it imports or torch changes."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litmus.cache import Cache
from litmus.files.digest import digest
from litmus.files.writing import write_whole
from litmus.installed import lacking
from litmus.python.fingerprint import fingerprint

CACHE = Path("build/runs")  # below the project's root
OUR_NAME = re.compile(r"[0-9a-f]{16}(-[0-9a-f]{16})?\.json")  # all else is somebody else's
SECONDS = 120.0  # a snippet takes about one, on a busy machine thirty; more than this hangs


class RunError(RuntimeError):
    """A file raised, hung, ended with an error or wrote outside of its temporary folder."""


class NotInstalledError(RunError):
    """What runs files is not installed; the words say how to get it."""


@dataclass(frozen=True)
class Run:
    """What a file printed, and its figures as SVG."""

    printed: str
    figures: tuple[str, ...]


class Runner:
    """Runs the files of a project in one fork server, which starts when it is first needed."""

    def __init__(self, root: Path, seconds: float = SECONDS, cache: Cache | None = None) -> None:
        self.root, self.cache = root, cache
        self.may_run = True
        self.seconds = seconds
        self._server: subprocess.Popen[str] | None = None

    def run(self, file: str) -> Run:
        """Return what a file below the root prints and draws; raise RunError with the reason.

        The result comes from the cache if nothing that the file depends on has changed. A failure
        is never kept.
        """
        if not self.may_run:
            raise RunError("code of a vault that is not ours is never run")
        path = self.root / file
        state = fingerprint(path, self.root, self.cache)  # of it and all that it needs
        kept = self.root / CACHE / f"{digest(file)}-{state}.json"
        try:
            found = json.loads(kept.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it has not run as it is now
            found = self._ask([str(path.resolve()), self.seconds])
            if found["problem"]:
                raise RunError(found["problem"]) from None
            write_whole(kept, json.dumps(found))
            self._prune(kept)
        return Run(found["printed"], tuple(found["figures"]))

    def close(self) -> None:
        """End the fork server, if it was started."""
        if self._server:
            self._server.communicate()
            self._server = None

    def _prune(self, newest: Path) -> None:
        """Remove older runs of the file that has just run, and those of files that are no more.

        Another process that would have read one runs the file again.
        """
        snippets = self.root.glob("snippets/**/*.py")
        files = {digest(path.relative_to(self.root).as_posix()) for path in snippets}
        for run in newest.parent.glob("*.json"):
            file = run.name.partition("-")[0]
            is_older = run != newest and (file not in files or newest.name.startswith(file))
            if is_older and OUR_NAME.fullmatch(run.name):
                run.unlink(missing_ok=True)

    def _ask(self, request: list[Any]) -> dict[str, Any]:
        if not self._server or self._server.poll() is not None:
            if missing := lacking("run", "runs snippets", "torch", "matplotlib"):
                raise NotInstalledError(missing)
            self._server = subprocess.Popen(
                [sys.executable, "-m", "litmus.python.fork_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._server.stdin
        assert self._server.stdout
        print(json.dumps(request), file=self._server.stdin, flush=True)
        answer = self._server.stdout.readline()
        if not answer:
            raise RunError("the process that runs snippets ended; its last words are above")
        result: dict[str, Any] = json.loads(answer)
        return result
