"""One process that has torch, for all snippets that one process of tests runs."""

import atexit
import tempfile
from functools import cache
from pathlib import Path

from litmus.python.runs import Runner


class SharedRunner(Runner):
    """A runner of the files of one project, in the process that all others share."""

    def _ask(self, request):
        return _server()._ask(request)

    def close(self):
        """Leave the process to the others: to start it takes longer than all that it runs."""


@cache
def _server():
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    server = Runner(Path(folder.name))
    atexit.register(server.close)
    return server
