"""The files of a vault as they lie on disk: read no further than needed, in whatever encoding."""

from pathlib import Path

from litmus.problems import Problem

LONGEST = 4_000_000  # bytes of a note: about three long novels, and four seconds of reading


def read(file: Path, longest: int = LONGEST) -> bytes:
    """Return the bytes of a file, one more than `longest` of one that is longer."""
    with file.open("rb") as opened:
        return opened.read(longest + 1)


def as_text(raw: bytes) -> str:
    """Return bytes as text, with a sign in place of what is not UTF-8."""
    text = raw.decode("utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def not_utf8(raw: bytes, path: str) -> list[Problem]:
    """Return the problem that some bytes are not UTF-8, if they are not."""
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} means nothing there."
        return [Problem(path, line, what, "Save it as UTF-8.")]
    return []
