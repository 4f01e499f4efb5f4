"""Labs: Python files in percent format that have run, as notes.

A lab's words are a note's text as they stand. Its code becomes blocks of Python, each with what it
printed below it, and what it drew becomes pictures beside the note.
"""

import base64
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from litmus.cache import Cache
from litmus.files.digest import digest
from litmus.files.reading import as_text
from litmus.markdown import parser
from litmus.problems import Problem, tried
from litmus.python.lab_runs import executed
from litmus.python.runs import RunError

IsLab = Callable[[str], bool]  # says whether a path is one of a lab
FIGURES = "assets/figures"  # on the site
# Colours, and what was written over.
FOR_A_TERMINAL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|^.*\r(?!$)|\r$", re.MULTILINE)
MARKS = re.compile(r"([!-/:-@\[-`{-~])")  # what may mean something in a text
NO_PAGE = "It has no page."
SOURCE = (
    '<a href="/{}" download>Download this lab</a>: one Python file that runs by itself, with '
    "nothing of this project."
)


@dataclass(frozen=True)
class Lab:
    """A lab that has run, as a note."""

    text: str
    lines: list[int]  # where each line of the text stands in the lab
    files: dict[str, bytes | Path]  # what the note shows and links to, by path on the site

    @property
    def stamp(self) -> tuple[int, ...]:
        """Changes within a process when the note does."""
        return (hash((self.text, *self.lines)),)


@dataclass(frozen=True)
class Labs:
    """Which files of a vault are labs, and where their runs are kept."""

    is_lab: IsLab
    docs: Path
    root: Path
    kept: Path
    cache: Cache

    def among(self, files: Iterable[str]) -> dict[str, Lab | Problem]:
        """Return those of some files that are labs as notes, or what stopped them."""

        def read(path: str) -> Lab | Problem:
            return tried(partial(self._read, path), path, lambda problem: problem, NO_PAGE)

        found = list(filter(self.is_lab, files))
        with ThreadPoolExecutor() as pool:
            return dict(zip(found, pool.map(read, found), strict=True))

    def _read(self, path: str) -> Lab:
        try:
            run = executed(self.docs / path, self.root, self.kept, self.cache)
        except RunError as error:
            raise Problem(path, None, f"{error}.", NO_PAGE) from error
        return as_note(run, self.docs / path, path)


def as_note(run: dict[str, Any], lab: Path, path: str) -> Lab:
    """Return a lab that has run, as a notebook, as a note with a link to its own file below."""
    file = f"{posixpath.splitext(path)[0]}/{posixpath.basename(path)}"
    files: dict[str, bytes | Path] = {file: lab}
    written = as_text(lab.read_bytes()).split("\n")
    text, lines, end = "", list[int](), -1
    for source, blocks in _cells(run["cells"], files):
        begin = _found(source, written, end + 1)
        end = begin + source.count("\n")
        for above, block in blocks:
            text += f"{block}\n\n"
            lines += [min(begin + above + n, end) + 1 for n in range(block.count("\n") + 2)]
    return Lab(text + SOURCE.format(quote(file)), [*lines, end + 1], files)


def _cells(
    cells: list[dict[str, Any]], files: dict[str, bytes | Path]
) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Yield the source of each cell, and it and what came of it as text.

    Each text comes with the line of the cell on which it begins: code below its fence.
    """
    markdown, heading, figures = parser(strict_line_breaks=True), "", 0
    for cell in cells:
        source = as_text("".join(cell["source"]).encode())
        if cell["cell_type"] != "code":
            yield source, [(0, source)]
            tokens = markdown.parse(source)
            texts = [token.meta["text"] for token in tokens if token.type == "heading_open"]
            heading = texts[-1] if texts else heading
            continue
        blocks, last = [(-1, _fence(source, "python"))], source.count("\n")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if data.keys() & {"image/svg+xml", "image/png"}:
                figures += 1
                about = f"Figure {figures}" + (f", to “{heading}”" if heading else "")
                blocks.append((last, _picture(data, about, files)))
            elif "text/markdown" in data:
                blocks.append((last, as_text("".join(data["text/markdown"]).encode())))
            elif said := _said(output):
                blocks.append((last, _fence(said, "printed")))
        yield source, blocks if source else []


def _said(output: dict[str, Any]) -> str:
    """Return what an output says in words, as it stands when all was printed."""
    said = output.get("text") or output.get("data", {}).get("text/plain")
    words = "".join(said) if said else "\n".join(output.get("traceback", []))
    return FOR_A_TERMINAL.sub("", words)


def _found(source: str, written: list[str], begin: int) -> int:
    """Return the line of a lab on which a cell begins, from 0: where its own first line stands."""
    first = source.partition("\n")[0]
    there = (n for n in range(begin, len(written)) if written[n] in {first, f"# {first}".rstrip()})
    return next(there, begin)


def _fence(text: str, language: str) -> str:
    """Return a text as a block of code, whatever fences it has itself."""
    marks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def _picture(data: dict[str, Any], about: str, files: dict[str, bytes | Path]) -> str:
    """Return the image of what a cell has drawn, whose file comes to the others.

    Inline it would have to arrive before the text does; apart, it loads when it comes in sight.
    """
    picture, kind, size = "".join(data.get("image/svg+xml", [])).encode(), "svg", ""
    if not picture:
        picture, kind = base64.b64decode("".join(data["image/png"])), "png"
        size = "|{}x{}".format(*(int.from_bytes(picture[at : at + 4]) for at in (16, 20)))
    place = f"{FIGURES}/{digest(picture)}.{kind}"
    files[place] = picture
    escaped = MARKS.sub(r"\\\1", about)
    return f"![{escaped}{size}](/{place})"
