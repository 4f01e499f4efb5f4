"""What a Python file says that it needs to run: its header, as PEP 723 has it."""

import re
import tomllib

# As the PEP gives it.
BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
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
