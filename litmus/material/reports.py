"""What is wrong, as MkDocs says it: warnings, and an end where the build is strict."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mkdocs.exceptions import Abort, PluginError

from litmus.problems import Problem, in_order

log = logging.getLogger("mkdocs.plugins.litmus")


class Reports(logging.Handler):
    """Says what is wrong, and remembers the warnings and errors of one build, whoever says them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self.strict = False

    def begin(self, strict: bool) -> None:
        """Listen to a build."""
        self.said.clear()
        self.strict = strict
        logging.getLogger("mkdocs").addHandler(self)

    def end(self) -> None:
        """Listen no more."""
        logging.getLogger("mkdocs").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one warning."""
        self.said.append(record.getMessage())

    @property
    def stop_the_build(self) -> bool:
        """Will MkDocs stop the build for what was said?"""
        return self.strict and bool(self.said)

    def stop_for(self, problems: list[Problem]) -> None:
        """Report what is wrong; where the build is strict, end it."""
        for problem in in_order(problems):
            if str(problem) not in self.said:
                log.warning(str(problem))
        if problems and self.strict:
            end = PluginError(f"{len(problems)} to mend; the site is left as it was")
            for problem in in_order(problems):
                end.add_note(str(problem))
            raise end


@contextmanager
def told() -> Iterator[None]:
    """End a build for what is wrong with the folder of its site, with that as its cause."""
    try:
        yield
    except Problem as problem:
        raise Abort(str(problem)) from problem
