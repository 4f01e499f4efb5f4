"""Runs Python files, each in a fork of one process that has imported torch already.

Started as a process of its own (`python -m litmus.fork_server`). Each line on its input is a JSON
list [file, seconds]; for each it writes one JSON line: what the file printed, the figures that it
left open as SVG, and, if it did not end well, why.

Every run has an empty temporary folder of its own as working directory and as HOME (torch and
matplotlib write caches there) and may write nowhere else. This is a guard against accidents in our
own snippets, not a sandbox: it sees what Python opens, not what a C library does.
"""

import json
import os
import runpy
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

WRITING = {  # the events that Python reports before it changes the file system, with their paths
    "os.mkdir": [0],
    "os.remove": [0],
    "os.rmdir": [0],
    "os.rename": [0, 1],
    "os.link": [1],
    "os.symlink": [1],
    "os.truncate": [0],
    "os.chmod": [0],
    "os.utime": [0],
    "shutil.rmtree": [0],
}


def main() -> None:
    """Answer requests until the input ends."""
    os.environ["MPLBACKEND"] = "agg"
    os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp()
    os.environ["OMP_NUM_THREADS"] = "1"  # on small tensors threads only wait for each other
    import jaxtyping  # noqa: F401
    import matplotlib.pyplot
    import torch

    matplotlib.rcParams["svg.hashsalt"] = "litmus"  # the same figure is the same file
    has_made_an_optimizer = False
    for request in sys.stdin:
        file, seconds = json.loads(request)
        # The first one imports a thousand modules, for two seconds: once here, not in each fork.
        if not has_made_an_optimizer and _makes_an_optimizer(Path(file)):
            torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
            has_made_an_optimizer = True
        print(json.dumps(_run_in_fork(file, seconds)), flush=True)


def _makes_an_optimizer(file: Path) -> bool:
    return file.is_file() and b"optim" in file.read_bytes()


def _run_in_fork(file: str, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        home, kept = folder / "home", folder / "kept"
        home.mkdir()
        kept.mkdir()
        child = os.fork()
        if not child:
            os.setsid()  # so that what it starts ends with it
            signal.alarm(int(seconds) + 2)  # and it ends by itself if nobody is left to end it
            _run(file, home, kept)
        ended = _wait(child, seconds)
        problem = kept / "problem"
        return {
            "printed": (kept / "printed").read_text("utf-8", "replace")
            if ended is not None
            else "",
            "figures": [f.read_text("utf-8") for f in sorted(kept.glob("*.svg"))],
            "problem": f"it did not end within {seconds:g} seconds"
            if ended is None
            else problem.read_text("utf-8")
            if problem.exists()
            else f"the process ended with status {ended}"
            if ended
            else "",
        }


def _wait(child: int, seconds: float) -> int | None:
    """Wait for a process; return its status, or None if it had to be killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run(file: str, home: Path, kept: Path) -> None:
    """Run a file as a script, in the forked process, and end the process."""
    status = 1
    try:
        output = os.open(kept / "printed", os.O_WRONLY | os.O_CREAT)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.chdir(home)
        os.environ["HOME"] = os.environ["TMPDIR"] = str(home)
        os.environ.pop("MPLCONFIGDIR", None)
        tempfile.tempdir = str(home)
        sys.dont_write_bytecode = True
        sys.argv = [file]
        sys.path[0] = str(Path(file).parent)
        guard = _Guard([home, kept])
        sys.addaudithook(guard)
        runpy.run_path(file, run_name="__main__")
        _keep_figures(kept)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if status:
            (kept / "problem").write_text(f"it ended with {end.code!r}", "utf-8")
    except BaseException as error:
        (kept / "problem").write_text(_reason(error, file), "utf-8")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _keep_figures(kept: Path) -> None:
    from matplotlib import pyplot

    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        figure.savefig(kept / f"{number:03}.svg", bbox_inches="tight", metadata={"Date": None})


def _reason(error: BaseException, file: str) -> str:
    """Return the last line of a traceback, with the place in the file that it comes from."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    what = traceback.format_exception_only(error)[-1].strip()
    return f"line {lines[-1]}: {what}" if lines else what


class _Guard:
    """Refuses every change to the file system outside of some folders."""

    def __init__(self, allowed: list[Path]) -> None:
        self.allowed = allowed

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = any(c in (mode or "") for c in "wax+") or (
                isinstance(flags, int)
                and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            )
            if writes:
                self.check(path)
        for index in WRITING.get(event, []):
            self.check(arguments[index])

    def check(self, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor that is open already
        real = Path(os.path.realpath(os.fsdecode(path)))
        if real != Path(os.devnull) and not any(real.is_relative_to(a) for a in self.allowed):
            raise PermissionError(f"it writes outside of its temporary folder: {os.fsdecode(path)}")


if __name__ == "__main__":
    main()
