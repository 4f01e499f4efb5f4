"""What a Python file says that it needs to run: its header, as PEP 723 has it."""

import ast
import re
import tomllib

# As the PEP gives it.
BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
LICENCE = "# SPDX-License-Identifier:"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # which a requirement begins with


def requirements(source: str) -> list[str] | None:
    """Return what a file needs, as it says, such as "torch>=2.13"; None where it does not say."""
    blocks = [found for found in BLOCK.finditer(source) if found["type"] == "script"]
    if len(blocks) != 1:
        return None
    lines = blocks[0]["content"].splitlines()
    try:
        said = tomllib.loads("\n".join(line[2:] for line in lines)).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        return None
    return [str(one) for one in said] if isinstance(said, list) else None


def name(requirement: str) -> str:
    """Return what a requirement is of: "torch" of "torch>=2.13"."""
    found = NAME.match(requirement.strip())
    return found[0] if found else requirement


def installation(needed: list[str]) -> str:
    """Return the command that installs what is needed, for any shell; "" where it is nothing."""
    quoted = (one if NAME.fullmatch(one) else f'"{one}"' for one in needed)
    return f"pip install {' '.join(quoted)}" if needed else ""


def with_comments(source: str, lines: list[str]) -> str:
    """Return a file with lines of comment more: below its licence, or above what comes first.

    That is its header, or what comes below its docstring. It says and needs the same as before.
    """
    if not lines:
        return source
    written = source.splitlines(keepends=True)
    end = "\r\n" if written and written[0].endswith("\r\n") else "\n"
    at = _place(written, source)
    added = [f"# {line}{end}" for line in lines]
    is_apart = at < len(written) and not written[at].startswith("#") and written[at].strip()
    return "".join([*written[:at], *added, *([end] if is_apart else []), *written[at:]])


def _place(written: list[str], source: str) -> int:
    """Return the number of the line above which comments about a whole file belong."""
    for number, line in enumerate(written):
        if line.startswith(LICENCE):
            return number + 1
    if found := BLOCK.search(source):
        return len(source[: found.start()].splitlines())
    after = _below_docstring(source)
    while after < len(written) and written[after].startswith("#"):  # what runs it, how it is coded
        after += 1
    return after


def _below_docstring(source: str) -> int:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return 0
    return (tree.body[0].end_lineno or 0) if ast.get_docstring(tree) is not None else 0
