"""Literature notes whose claims are tested: what a program may import, documented in the notes.

Each name is imported when it is first asked for, so that who reads a project loads nothing of what
builds a site. All else in here may change from one version to the next.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litmus.claims.claim import Claim
    from litmus.claims.claims import Claims
    from litmus.material.commands import build_folder
    from litmus.problems import Problem
    from litmus.render.draft import Rendered
    from litmus.site.note_alone import render_note
    from litmus.site.project import Project
    from litmus.vault.notes import Note
    from litmus.vault.vault import Vault

    __version__: str

__all__ = [
    "Claim",
    "Claims",
    "Note",
    "Problem",
    "Project",
    "Rendered",
    "Vault",
    "__version__",
    "build_folder",
    "render_note",
]

_PLACES = {
    "Claim": "claims.claim",
    "Claims": "claims.claims",
    "Note": "vault.notes",
    "Problem": "problems",
    "Project": "site.project",
    "Rendered": "render.draft",
    "Vault": "vault.vault",
    "build_folder": "material.commands",
    "render_note": "site.note_alone",
}


if not TYPE_CHECKING:  # or every name would be known to be something

    def __getattr__(name):
        if name == "__version__":
            value = _version()
        elif name in _PLACES:
            value = getattr(import_module(f"litmus.{_PLACES[name]}"), name)
        else:
            raise AttributeError(f"module 'litmus' has no attribute '{name}'")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Return the version that is installed; of a checkout that is not, what it would be."""
    from importlib.metadata import PackageNotFoundError, version
    from pathlib import Path

    from litmus.installed import DISTRIBUTION

    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        import tomllib

        settings = Path(__file__).parents[1] / "pyproject.toml"
        said = tomllib.loads(settings.read_text("utf-8")) if settings.exists() else {}
        return str(said.get("project", {}).get("version", "unknown"))
