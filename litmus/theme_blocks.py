"""Blocks of the theme that differ from page to page in nothing but a title, rendered once.

Most of the work of a theme is its header, its menu and its scripts, which are the same on all pages
of one depth. Templates ask for them with `{{ kept("header", page, base_url, super) }}`.
"""

from collections.abc import Callable
from typing import Any

TITLE = "\uf8ff"  # of no script: stands for the title of a page, which no title contains


class KeptBlocks:
    """What blocks came out as, by name and by how far their page is from the root."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[str, str], str] = {}

    def __call__(self, name: str, page: Any, base_url: str, block: Callable[[], str]) -> str:
        """Return a block for a page; a page of the menu has blocks of its own."""
        if not page or page.parent or page.previous_page or page.next_page or page.is_homepage:
            return block()
        if (name, base_url) not in self._blocks:
            title, page.title = page.title, TITLE
            self._blocks[name, base_url] = block()
            page.title = title
        return self._blocks[name, base_url].replace(TITLE, page.title)
