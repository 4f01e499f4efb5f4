"""What pytest finds of Litmus wherever it is installed: nothing, until a project has claims.

It is loaded in every project of an environment, so it imports, registers and writes nothing before
it has seen a note that states a claim. Its entry point has the name of this module: pytest then
takes it for one and the same where somebody asks for it by `-p litmus.pytest_plugin`, too.
"""

import os
import re
from pathlib import Path

import pytest

DOCS, CLAIMS = "docs", "claims"
READ = 10_000  # letters of a note, which begins with its properties
KIND = re.compile(r"""\A---[ \t]*\n(?:(?!---).*\n)*?["']?kind["']?[ \t]*:[ \t]*["']?(\w+)""")


def pytest_configure(config: pytest.Config) -> None:
    if root := _root(config):
        from litmus.recorder import MARKERS, Recorder

        for marker in MARKERS:
            config.addinivalue_line("markers", marker)
        config.pluginmanager.register(Recorder(config, root), "litmus-recorder")


def _root(config: pytest.Config) -> Path | None:
    """Return the root of the project with claims to which the tests belong, if there is one.

    Without a file of settings pytest takes the folder of the tests for its root.
    """
    places = [config.rootpath]
    if config.invocation_params.dir in config.rootpath.parents:
        places.append(config.invocation_params.dir)
    return next((place for place in places if _has_claims(place / DOCS)), None)


def _has_claims(docs: Path) -> bool:
    """Say whether any note is a claim, as litmus.claims has it, at a glance."""
    notes = []
    for folder, folders, files in os.walk(docs):
        folders[:] = [name for name in folders if not name.startswith(".")]
        some = [Path(folder, name) for name in files if name.lower().endswith(".md")]
        if some and CLAIMS in Path(folder).relative_to(docs).parts:
            return True
        notes += some
    return any(_is_of_a_kind(note) for note in notes)


def _is_of_a_kind(note: Path) -> bool:
    try:
        with note.open(encoding="utf-8", errors="replace") as file:
            found = KIND.match(file.read(READ))
    except OSError:
        return False
    from litmus.kinds import KINDS

    return found is not None and found[1].lower() in {*KINDS, *KINDS.values()}
