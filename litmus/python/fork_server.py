"""Runs Python files, each in a fork of one process that has imported torch already.

Started as a process of its own (`python -m litmus.python.fork_server`). Each line on its input is a
JSON list [file, seconds]; for each it writes one JSON line: what the file printed, the figures that
it left open as SVG, and, if it did not end well, why. Where there are no forks, as on Windows, each
file has a new process, which imports torch again: slower, and the same in all else.

Every run has an empty temporary folder of its own as working directory and as HOME (torch and
matplotlib write caches there) and may write nowhere else.
"""

import json
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from litmus.python.write_guard import Guard

ENDS = [s for s in signal.Signals if s.name in {"SIGTERM", "SIGINT", "SIGHUP"}]
# Runs a file in a home, lets it leave things in another folder, and stops it after some seconds.
Way = Callable[[str, Path, Path, float], int | None]


def main() -> None:
    """Answer requests until the input ends, or run the one file that the command names."""
    os.environ["MPLBACKEND"] = "agg"
    os.environ["OMP_NUM_THREADS"] = "1"  # on small tensors threads only wait for each other
    if sys.argv[1:]:
        file, home, kept = sys.argv[1:]
        _import_torch()
        print(flush=True)  # the file's time begins
        _run(file, Path(home), Path(kept))
    for end in ENDS:
        signal.signal(end, lambda *_: sys.exit(1))  # and tidy up before
    with tempfile.TemporaryDirectory() as settings:
        os.environ["MPLCONFIGDIR"] = settings
        if hasattr(os, "fork"):
            _import_torch()
            _answer_all(_run_in_fork)
        else:
            _answer_all(_run_in_process)


def _import_torch() -> None:
    import matplotlib.pyplot
    import torch  # noqa: F401

    matplotlib.rcParams["svg.hashsalt"] = "litmus"  # the same figure is the same file


def _answer_all(run: Way) -> None:
    has_made_an_optimizer = run is not _run_in_fork
    for request in sys.stdin:
        file, seconds = json.loads(request)
        # The first one, like the first gradient of torch.func, imports a thousand modules, for
        # two seconds: once here, not in each fork.
        if not has_made_an_optimizer and re.search("optim|torch.func", _text(Path(file))):
            import torch

            torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
            has_made_an_optimizer = True
        print(json.dumps(_answer(run, file, seconds)), flush=True)


def _run_in_fork(file: str, home: Path, kept: Path, seconds: float) -> int | None:
    child = os.fork()
    if not child:
        for end in ENDS:
            signal.signal(end, signal.SIG_DFL)
        os.setsid()  # so that what it starts ends with it
        signal.alarm(int(seconds) + 2)  # and it ends by itself if nobody is left to end it
        _run(file, home, kept)
    return _wait(child, seconds)


def _run_in_process(file: str, home: Path, kept: Path, seconds: float) -> int | None:
    command = [sys.executable, "-m", "litmus.python.fork_server", file, str(home), str(kept)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout
    try:
        with process.stdout:
            process.stdout.readline()  # it has imported torch, which may take longer
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.terminate()
        process.wait()


def _answer(run: Way, file: str, seconds: float) -> dict[str, Any]:
    # Where a file that is open cannot be removed, what the run has started may still have one.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary).resolve()
        home, kept = folder / "home", folder / "kept"
        home.mkdir()
        kept.mkdir()
        ended = run(file, home, kept, seconds)
        printed, problem = _text(kept / "printed"), _text(kept / "problem")
        if ended is None:
            printed, problem = "", f"it did not end within {seconds:g} seconds"
        elif ended and not problem:
            problem = f"the process ended with status {ended}"
        figures = [f.read_text("utf-8") for f in sorted(kept.glob("*.svg"))]
        return {"printed": printed, "figures": figures, "problem": problem}


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.is_file() else ""


def _wait(child: int, seconds: float) -> int | None:
    """Wait for a process; return its status, or None if it had to be killed."""
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                child = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        return None
    finally:
        if child:  # also where this process has been told to end
            with suppress(ProcessLookupError):  # it has not come to be a group of its own
                os.killpg(child, signal.SIGKILL)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _run(file: str, home: Path, kept: Path) -> NoReturn:
    """Run a file as a script, in a process made for it, and end the process."""
    status = 1
    try:
        _redirect(kept / "printed")
        os.chdir(home)
        for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"):
            os.environ[name] = str(home)
        os.environ.pop("MPLCONFIGDIR", None)
        tempfile.tempdir = str(home)
        sys.dont_write_bytecode = True
        sys.argv = [file]
        sys.path[0] = str(Path(file).parent)
        sys.addaudithook(Guard([home, kept]))
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


def _redirect(printed: Path) -> None:
    """Let what is printed go into a file; there is nothing to be read: requests are not for it."""
    output, nothing = os.open(printed, os.O_WRONLY | os.O_CREAT), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", encoding="utf-8") for n in (1, 2))


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


if __name__ == "__main__":
    main()
