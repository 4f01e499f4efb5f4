"""Processes that find other modules than this one, or a system that lacks what this one has."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Run by Python when it starts. Windows has none of these; where one is missing, none is used.
WITHOUT_FORKS = """
import os, signal
for name in ["fork", "forkpty", "sched_getaffinity", "setsid", "killpg"]:
    delattr(os, name)
for name in ["alarm", "SIGKILL", "SIGHUP"]:
    delattr(signal, name)
"""


def environment(folder, **modules):
    """Return the environment of processes in which these sources are modules, written there."""
    folder.mkdir()
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
