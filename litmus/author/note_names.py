"""What a note may be called: a name that every file system holds, every link can say, for good."""

import re
import unicodedata
from pathlib import PurePosixPath

from litmus.markdown.wikilinks import medium
from litmus.vault.addresses import PAGES

SEPARATORS = re.compile(r"[/\\]")
NOT_IN_LINKS = re.compile(r"[\[\]|#^]|%%")
NOT_ON_WINDOWS = re.compile(r'[:*?"<>]')
RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.I)
JOINERS = "\u200c\u200d"  # not seen either, but some languages are written with them
LONGEST = 240  # bytes; file systems hold 255, of which the ending takes some


def wrong_with(name: str) -> str:
    """Return why a note cannot have a name, as the end of a sentence, "" if it can."""
    composed, ending = unicodedata.normalize("NFC", name), PurePosixPath(name).suffix.lower()
    bytes_of_name = composed.encode(errors="replace")
    if not name.strip():
        return "is empty"
    if SEPARATORS.search(name):
        return "has a slash, which would make a folder"
    if found := NOT_IN_LINKS.search(name):
        return f"has {found[0]}, which means something else in a link"
    if found := NOT_ON_WINDOWS.search(name):
        return f"has {found[0]}, which no file has on Windows"
    if any(map(_is_unseen, name)):
        return "has a sign that nobody sees or types"
    if name != name.strip():
        return "begins or ends with a space"
    if name.startswith("."):
        return "begins with a dot, and hidden files are not read"
    if name.startswith("-"):
        return "begins with a hyphen, which commands take for an option"
    if name.endswith("."):
        return "ends with a dot, which Windows leaves out"
    if RESERVED.match(name):
        return "belongs to a device on Windows"
    if name.casefold() == "index":
        return "is the page of its folder"
    if ending in PAGES or medium(name) or ending in {".base", ".canvas", ".excalidraw"}:
        return f"ends as a file does: {ending}"
    if len(bytes_of_name) > LONGEST or len(unicodedata.normalize("NFD", composed)) > LONGEST:
        return f"has more than {LONGEST} bytes, too many for some file systems"
    return ""


def nearest_good(name: str) -> str:
    """Return the most similar name that a note can have, "" if nothing of it can stay."""
    good = unicodedata.normalize("NFC", name)
    good = "".join(" " if _is_unseen(letter) else letter for letter in good)
    if not wrong_with(good):
        return good
    for signs in (SEPARATORS, NOT_IN_LINKS, NOT_ON_WINDOWS):
        good = signs.sub("\n", good)
    good = re.sub(r"\s*\n\s*", "-", good.strip())
    while PurePosixPath(good).suffix and "ends as a file" in wrong_with(good):
        good = good.removesuffix(PurePosixPath(good).suffix)
    good = _shortened(re.sub(r"^[-.\s]+|[-.\s]+$", "", good))
    if RESERVED.match(good):
        good = good.replace(".", "-")
    if good and wrong_with(good):
        good = f"{good}-claim"
    return "" if wrong_with(good) else good


def _is_unseen(letter: str) -> bool:
    kind = unicodedata.category(letter)
    return kind in {"Cc", "Cf", "Cs", "Zl", "Zp"} and letter not in JOINERS


def _shortened(name: str) -> str:
    """Return as many letters from the beginning as fit, whole words if there are several."""
    kept = name
    while len(kept.encode()) > LONGEST or len(unicodedata.normalize("NFD", kept)) > LONGEST:
        kept = kept[:-1]
    if kept != name:
        kept = re.sub(r"(?<=.)[-\s]+[^-\s]*$", "", kept)
    return kept.rstrip("-. ")
