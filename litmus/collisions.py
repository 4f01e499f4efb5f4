"""Notes and files that would take each other's place on the site, and what becomes of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from litmus.addresses import address
from litmus.problems import Problem

OURS = {"claims.json", "sitemap.xml", "search/search_index.json"}  # files that every site has
REMEDY = "Rename one of them."


def of_notes(notes: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each note that shares its address with another, or but for its case."""
    there: dict[str, list[str]] = defaultdict(list)
    for path in sorted(notes):
        there[address(path).casefold()].append(path)
    for paths in there.values():
        for before, path in pairwise(paths):
            if address(before) == address(path):
                what = f"{before} has the same address, {address(path)}; this one alone is shown."
            else:
                what = f"{before} has the same address but for its case; some hosts show one alone."
            yield Problem(path, None, what, REMEDY)


def of_files(
    files: Iterable[str], pages: Iterable[str], others: Iterable[str]
) -> Iterator[Problem]:
    """Yield a problem for each file of a vault where there is a page, or another file of the site.

    Those cannot be published.
    """
    taken = {*OURS, *others, *(f"{page}index.html" for page in pages)}
    folders = {path[:end] for path in taken for end, letter in enumerate(path) if letter == "/"}
    for path in sorted(files):
        above = {path[:end] for end, letter in enumerate(path) if letter == "/"}
        if path in taken or path in folders or above & taken:
            what = "at this address the site has something else; the file is left out."
            yield Problem(path, None, what, "Rename it.")
