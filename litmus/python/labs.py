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
from litmus.python.bundles import beside, bundle
from litmus.python.headers import installation, requirements
from litmus.python.lab_runs import executed
from litmus.python.runs import RunError

IsLab = Callable[[str], bool]  # says whether a path is one of a lab
FIGURES = "assets/figures"  # on the site
# Colours, and what was written over.
FOR_A_TERMINAL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|^.*\r(?!$)|\r$", re.MULTILINE)
MARKS = re.compile(r"([!-/:-@\[-`{-~])")  # what may mean something in a text
NO_PAGE = "It has no page."
DOWNLOAD = "[Download this lab](/{}){}"
ALONE = ": one Python file that runs by itself."
WITH_OTHERS = ", with the files of this project that it needs, and unpack it."


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
        lab = self.docs / path
        others = beside(lab, self.root, self.cache)
        return as_note(run, lab, path, bundle(lab, others, self.root) if others else b"")


def as_note(run: dict[str, Any], lab: Path, path: str, bundled: bytes = b"") -> Lab:
    """Return a lab that has run, as a notebook, as a note that ends with how to run it.

    Where it needs other files, `bundled` is the zip file of all of them.
    """
    file = f"{posixpath.splitext(path)[0]}/{posixpath.basename(path)}"
    files: dict[str, bytes | Path] = {file: lab}
    if bundled:
        files[_zipped(file)] = bundled
    written = as_text(lab.read_bytes()).split("\n")
    text, lines, end = "", list[int](), -1
    for source, blocks in _cells(run["cells"], files):
        begin = _found(source, written, end + 1)
        end = begin + source.count("\n")
        for above, block in blocks:
            text += f"{block}\n\n"
            lines += [min(begin + above + n, end) + 1 for n in range(block.count("\n") + 2)]
    how = _how_to_run(lab.name, "\n".join(written))
    return Lab(text + _download(file, bool(bundled)) + how, [*lines, end + 1], files)


def _download(file: str, is_bundled: bool) -> str:
    """Return the sentence with the link to a lab, or to it and what it needs."""
    place, words = (_zipped(file), WITH_OTHERS) if is_bundled else (file, ALONE)
    return DOWNLOAD.format(quote(place), words)


def _zipped(file: str) -> str:
    return f"{posixpath.splitext(file)[0]}.zip"


def _how_to_run(name: str, source: str) -> str:
    """Return the sentence that says how to run a lab, "" where it does not say what it needs."""
    needed = requirements(source)
    if needed is None:
        return ""
    by_hand = [f"`{line}`" for line in (installation(needed), f"python {name}") if line]
    return f" `uv run {name}` installs what it needs and runs it; by hand, {' and '.join(by_hand)}."


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
            # Of raw ones only the properties are for this page; such is a lab's header for scripts.
            is_shown = cell["cell_type"] != "raw" or source.startswith("---")
            yield source, [(0, source)] if is_shown else []
            if not is_shown:
                continue
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
