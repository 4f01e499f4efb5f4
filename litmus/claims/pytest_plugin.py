"""What pytest finds of Litmus wherever it is installed: nothing, until a project has claims.

It is loaded in every project of an environment, so it imports, registers and writes nothing before
it has seen a note that states a claim. Its entry point has the name of this module: pytest then
takes it for one and the same where somebody asks for it by `-p litmus.claims.pytest_plugin`, too.
"""

import os
import re
from pathlib import Path

import pytest

CLAIMS = "claims"
RECORD = "--litmus-record"
READ = 4_000_000  # bytes of a note: what is longer is left out
OPENING = re.compile(rb"(?:\xef\xbb\xbf)?---")  # of properties, below a byte order mark or not


def pytest_addoption(parser: pytest.Parser) -> None:
    what = "write how these tests come out into FILE, NAME.record.json beside them"
    parser.getgroup("litmus").addoption(RECORD, metavar="FILE", help=what)


def pytest_configure(config: pytest.Config) -> None:
    record = config.getoption(RECORD)
    if found := _project(config):
        from litmus.claims.beside import MARKER, InLoops
        from litmus.claims.measuring import MARKERS, Measuring
        from litmus.claims.recorder import Recorder

        for marker in [*MARKERS, MARKER]:
            config.addinivalue_line("markers", marker)
        recorder = Recorder(config, *found)
        config.pluginmanager.register(Measuring(), "litmus-measuring")
        config.pluginmanager.register(InLoops(), "litmus-in-loops")
        config.pluginmanager.register(recorder, "litmus-recorder")
        if record:
            from litmus.claims.record_writer import RecordWriter

            config.pluginmanager.register(RecordWriter(config, recorder, record), "litmus-record")
    elif record:
        raise pytest.UsageError(f"{RECORD} is for a project with claims, and there is none here.")


def _project(config: pytest.Config) -> tuple[Path, Path] | None:
    """Return the root and the notes of the project with claims to which the tests belong, if any.

    Without a file of settings pytest takes the folder of the tests for its root.
    """
    from litmus.files import settings

    places = [config.rootpath]
    if config.invocation_params.dir in config.rootpath.parents:
        places.append(config.invocation_params.dir)
    with_notes = ((place, docs) for place in places if (docs := settings.docs_of(place)))
    return next((found for found in with_notes if _has_claims(found[1])), None)


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
    """Say whether the properties of a note make it a claim; YAML is imported where they may."""
    from litmus.claims.kinds import KINDS

    try:
        with note.open("rb") as file:
            raw = file.read(6)
            raw += file.read(READ) if OPENING.match(raw) else b""
    except OSError:
        return False
    text, kinds = raw.lower(), {*KINDS, *KINDS.values()}
    if b"kind" not in text or not any(kind.encode() in text for kind in kinds):
        return False
    from litmus.files import reading
    from litmus.vault import properties

    found = properties.split(reading.as_text(raw), note.name)[1]
    return str(found.get("kind") or "").strip().lower() in kinds
