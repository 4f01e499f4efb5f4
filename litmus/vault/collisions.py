"""Notes and files that would take each other's place on the site, and what becomes of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from litmus.problems import Problem
from litmus.vault.addresses import address, folders_above

OURS = {  # of every site
    *("404.html", "claims.json", "claims.schema.json", "sitemap.xml", "search/search_index.json")
}
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


def with_the_site(
    notes: Iterable[str], pages: Iterable[str], others: Iterable[str]
) -> Iterator[Problem]:
    """Yield a problem for each note whose page would be where the site has a file, or below one.

    `pages` are all addresses, and `others` the files that come from no note. Such a note cannot be
    published: a.html.md would make a folder of a file.
    """
    own = {*OURS, *others}
    files, folders = {*own, *(f"{page}index.html" for page in pages)}, folders_above(own)
    for path in sorted(notes):
        page = f"{address(path)}index.html"
        if page in own or page in folders or folders_above([page]) & files:
            what = "where its page would be the site has something else; the note is left out."
            yield Problem(path, None, what, "Rename it.")


def of_files(
    files: Iterable[str], pages: Iterable[str], others: Iterable[str]
) -> Iterator[Problem]:
    """Yield a problem for each file of a vault where there is a page, or another file of the site.

    Those cannot be published.
    """
    taken = {*OURS, *others, *(f"{page}index.html" for page in pages)}
    folders = folders_above(taken)
    for path in sorted(files):
        if path in taken or path in folders or folders_above([path]) & taken:
            what = "at this address the site has something else; the file is left out."
            yield Problem(path, None, what, "Rename it.")
