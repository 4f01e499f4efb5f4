"""A guard against accidents: a run of a file may write into some folders and nowhere else.

It is no sandbox: it sees what Python opens, not what a C library does.
"""

import os
from pathlib import Path
from typing import Any

WRITING = {  # the events that Python reports before it changes the file system, with their paths
    **dict.fromkeys(["os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"], (0,)),
    **dict.fromkeys(["os.truncate", "os.chmod", "os.utime"], (0,)),
    **{"os.rename": (0, 1), "os.link": (1,), "os.symlink": (1,)},
}


class Guard:
    """Refuses every change to the file system outside of some folders, as an audit hook."""

    def __init__(self, allowed: list[Path]) -> None:
        self.allowed = [*allowed, Path(os.path.realpath(os.devnull))]

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = any(c in (mode or "") for c in "wax+") or (
                isinstance(flags, int)
                and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            )
            if writes:
                self.check(path)
        for index in WRITING.get(event, ()):
            self.check(arguments[index])

    def check(self, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor that is open already
        real = Path(os.path.realpath(os.fsdecode(path)))
        if not any(real.is_relative_to(folder) for folder in self.allowed):
            raise PermissionError(f"it writes outside of its temporary folder: {os.fsdecode(path)}")
