"""What the command line asks of MkDocs: the site of a project, or of any folder of notes."""

from pathlib import Path
from typing import Any

from markupsafe import escape
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.commands.serve import serve as mkdocs_serve
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort

from litmus.installed import lacking
from litmus.material.plugin import LitmusPlugin
from litmus.material.reports import log, told
from litmus.material.server import interrupt_when_told_to_end
from litmus.problems import file_of, words_of
from litmus.site import open_ends
from litmus.site.folder import SiteFolder
from litmus.site.project import Project

BASE = Path(__file__).with_name("mkdocs.yml")  # how a site looks, whatever its vault


def build_project(project: Project) -> None:
    """Build the site of a project that has been read already, as its mkdocs.yml says, strictly."""
    settings = project.root / "mkdocs.yml"
    try:
        config = load_config(str(settings), strict=True)
    except Abort as error:  # MkDocs has said of what, but not how to get it
        missing = lacking("run", "runs labs", "mkdocs_jupyter")
        if missing and b"mkdocs-jupyter" in settings.read_bytes():
            raise Abort(f"{missing}.") from error
        raise
    _plugin(config).session.read_before = project
    _build(config)


def build_folder(vault: Path, site: Path, strict: bool) -> None:
    """Build any folder of notes into a site; ends the process with an error where it cannot."""
    there = site.absolute()  # or MkDocs would begin at the folder of its settings, our package
    with told():  # here, since MkDocs knows no links
        SiteFolder(there, vault, is_ours=True).refuse_what_is_no_place()
    config = load_config(str(BASE), **_folder_options(vault), site_dir=str(there), strict=strict)
    _build(config)
    session = _plugin(config).session
    wrong, there = session.made.problems, site / open_ends.place(session.project)
    ends = f"; open ends: {len(wrong)}, see {there}" if wrong else ""
    log.info(f"{len(session.made.notes)} notes are in {site}{ends}")


def serve_folder(vault: Path) -> None:
    """Build any folder of notes, serve the site, and build again what changes."""
    interrupt_when_told_to_end()
    mkdocs_serve(str(BASE), **_folder_options(vault))


def _build(config: MkDocsConfig) -> None:
    config.plugins.on_startup(command="build", dirty=False)
    try:
        mkdocs_build(config)
    except OSError as error:  # the disk is full, or a file may not be read
        where = f"{file}: " if (file := file_of(error)) else ""
        raise Abort(f"{where}{words_of(error)}; the site is left as it was") from error
    finally:
        config.plugins.on_shutdown()


def _plugin(config: MkDocsConfig) -> LitmusPlugin:
    plugin = config.plugins["litmus"]
    assert isinstance(plugin, LitmusPlugin)
    return plugin


def _folder_options(vault: Path) -> dict[str, Any]:
    # Material writes the name as it is in some places, and escapes it in others: this once in all.
    return {"docs_dir": str(vault.resolve()), "site_name": escape(vault.resolve().name)}
