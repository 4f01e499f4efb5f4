"""Runs Python files in a process that finds Python's own modules, and some others by name, alone.

    python -I tests/alone.py torch,sympy,… FILE …

Prints one JSON line for each file: what it printed, its errors among it, and how it ended. Each
runs in a fork, in a folder of its own. Torch is imported once, under the same rule, if it is named:
what is not named is not there for torch either.
"""

import json
import os
import runpy
import sys
import tempfile
import traceback
import warnings
from importlib.abc import MetaPathFinder


class Only(MetaPathFinder):
    """Finds what is named, and what is Python's own, as other finders do; all else is not there."""

    def __init__(self, named, finders):
        self.named, self.finders = {*sys.stdlib_module_names, *named}, finders

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in self.named and not top.startswith("_sysconfigdata"):  # that of this system
            return None
        specs = (finder.find_spec(name, path, target) for finder in self.finders)
        return next(filter(None, specs), None)


def run(file):
    """Run a file as a script and end the process: 0 if it went well."""
    status = 1
    try:
        sys.argv = [file]
        runpy.run_path(file, run_name="__main__")
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main():
    named, files = sys.argv[1].split(","), sys.argv[2:]
    sys.meta_path[:] = [Only(named, sys.meta_path[:])]
    if "torch" in named:
        # Torch says this when it is imported without numpy, by anybody; nothing else may be said.
        warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
        import torch

        # Its first use imports a thousand modules, for a second: once here, not in each fork.
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    for file in files:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as printed:
            if not (child := os.fork()):
                os.chdir(folder)
                for descriptor in (1, 2):
                    os.dup2(printed.fileno(), descriptor)
                run(file)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            printed.seek(0)
            said = printed.read().decode("utf-8")
        print(json.dumps({"file": file, "printed": said, "status": status}), flush=True)


if __name__ == "__main__":
    main()
