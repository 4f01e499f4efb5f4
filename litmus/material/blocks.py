"""Blocks of the theme that differ from page to page in nothing but a title, rendered once.

Most of the work of a theme is its header, its menu and its scripts, which are the same on all pages
of one folder. Templates ask for them with `{{ kept("header", page, base_url, super) }}`.
"""

import posixpath
from collections.abc import Callable, Iterable
from typing import Any

TITLE = "\uf8ff"  # of no script: stands for the title of a page, which no title contains


class KeptBlocks:
    """What blocks came out as, by name and by the folder of their page.

    Links are as short as can be, so that they depend on the folder, not on its depth alone.
    """

    def __init__(self, menu: Iterable[str]) -> None:
        self._menu = list(menu)  # addresses
        self._blocks: dict[tuple[str, str, str], str] = {}

    def __call__(self, name: str, page: Any, base_url: str, block: Callable[[], str]) -> str:
        """Return a block for a page; a page of the menu, or above one, has blocks of its own."""
        if not page or any(here.startswith(page.url) for here in self._menu):
            return block()
        key = name, base_url, posixpath.dirname(page.url.rstrip("/"))
        if key not in self._blocks:
            title, page.title = page.title, TITLE
            self._blocks[key] = block()
            page.title = title
        return self._blocks[key].replace(TITLE, page.title)
