"""What a project's settings say of its notes: where they lie, and whether they are the author's.

MkDocs knows all of mkdocs.yml; who reads a claim or runs a test asks for this much of it alone, and
does not wait for MkDocs.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE, DOCS = "mkdocs.yml", "docs"
FILES = (FILE, "mkdocs.yaml")  # MkDocs takes the first that is there
ELSEWHERE = (b"docs_dir", b"INHERIT")  # without these words the notes are in docs/


@dataclass(frozen=True)
class Settings:
    """The settings of the project in a folder, its root."""

    root: Path
    docs: Path
    is_called_ours: bool = False  # does the author say that the notes are, wherever they lie?
    has_plugin: bool = False

    @property
    def is_ours(self) -> bool:
        """Are the notes those of the project, by where they lie or because the settings say so?"""
        lies_within = self.docs.resolve().is_relative_to(self.root.resolve())
        return self.is_called_ours or lies_within  # what a link leads to lies elsewhere


def file_of(root: Path) -> Path:
    """Return the file of settings in a folder; where there is none, what it would be called."""
    return next((root / name for name in FILES if (root / name).exists()), root / FILE)


def read(root: Path) -> Settings:
    """Return what the settings in a folder say; where they cannot be read, they say nothing."""
    said = _said(file_of(root), set())
    docs, plugins = said.get("docs_dir"), _plugins(said)
    ours = plugins.get("litmus") or {}
    return Settings(
        root,
        Path(os.path.normpath(root / docs)) if isinstance(docs, str) else root / DOCS,
        isinstance(ours, dict) and ours.get("ours") is True,
        "litmus" in plugins,
    )


def docs_of(root: Path) -> Path | None:
    """Return the folder of the notes of the project in a folder, None if they are not its own."""
    said = b""
    with suppress(OSError):
        said = file_of(root).read_bytes()
    if (root / DOCS).is_symlink() or any(word in said for word in ELSEWHERE):
        settings = read(root)
        return settings.docs if settings.is_ours else None
    return root / DOCS


def _said(file: Path, below: set[Path]) -> dict[str, Any]:
    """Return what a file of settings says, and the one that it inherits, if it does."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Passes over what MkDocs has put in by tags: none of it says where the notes are."""

    Loader.add_multi_constructor("", lambda *_: None)
    try:
        said = yaml.load(file.read_bytes(), Loader)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    inherited = said.get("INHERIT")
    if not isinstance(inherited, str) or file in below:
        return said
    above = _said(Path(os.path.normpath(file.parent / inherited)), below | {file})
    both = {"plugins": {**_plugins(above), **_plugins(said)}}
    return {**above, **said, **both}


def _plugins(said: dict[str, Any]) -> dict[Any, Any]:
    """Return the plugins with what is set of each, however they are written down."""
    plugins = said.get("plugins")
    if isinstance(plugins, list):
        parts = [part if isinstance(part, dict) else {str(part): None} for part in plugins]
        plugins = {name: settings for part in parts for name, settings in part.items()}
    return plugins if isinstance(plugins, dict) else {}
