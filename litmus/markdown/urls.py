"""Addresses as somebody writes them, whatever a browser would make of them."""

import re
from urllib.parse import SplitResult, urlsplit

PASSED_OVER = re.compile(r"[\x00-\x20\x7f]+")  # what a browser passes over in java\tscript:
RUNNING = re.compile(r"(?:javascript|vbscript|livescript|data|blob|filesystem):", re.IGNORECASE)


def runs_code(url: str) -> bool:
    """Could a browser that follows a link run what stands in it?"""
    return bool(RUNNING.match(PASSED_OVER.sub("", url)))


def address_parts(url: str) -> SplitResult:
    """Return the parts of an address; of what cannot be one, a path alone."""
    try:
        return urlsplit(url)
    except ValueError:  # https://[x]
        return SplitResult("", "", url, "", "")
