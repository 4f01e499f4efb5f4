"""What the command line asks of MkDocs: the site of a project, or of any folder of notes."""

from pathlib import Path
from typing import Any

from markupsafe import escape
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.commands.serve import serve as mkdocs_serve
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, PluginError

from litmus.files.settings import file_of as settings_of
from litmus.installed import lacking
from litmus.material.plugin import LitmusPlugin
from litmus.material.reports import log, told
from litmus.material.server import interrupt_when_told_to_end
from litmus.problems import Problem, file_of, words_of
from litmus.site import open_ends
from litmus.site.folder import SiteFolder
from litmus.site.project import Project

KNOWS_LABS, BELOW = "mkdocs_jupyter", ("jupytext", "nbformat", "nbclient")  # which it imports
BASE = Path(__file__).with_name("mkdocs.yml")  # how a site looks, whatever its vault


def build_project(project: Project) -> None:
    """Build the site of a project that has been read already, as its mkdocs.yml says, strictly."""
    settings = settings_of(project.root)
    if not settings.exists():
        remedy = "Add what a project lacks by: litmus init --here"
        raise Abort(f"there is no {settings.name} here. {remedy}")
    try:
        config = load_config(str(settings), strict=True)
    except (Abort, ImportError) as error:  # MkDocs has said of what, but not how to get it
        missing = lacking("run", "runs labs", KNOWS_LABS) or lacking("run", "runs labs", *BELOW)
        if missing and b"mkdocs-jupyter" in settings.read_bytes():
            raise Abort(f"{missing}.") from error
        raise
    if "litmus" not in config.plugins:
        remedy = "Let them begin so: plugins: [search, litmus]"
        raise Abort(f"{settings.name} does not name Litmus among its plugins. {remedy}")
    _plugin(config).session.read_before = project
    with told():
        _build(config)


def build_folder(vault: Path | str, out: Path | str, strict: bool = False) -> list[Problem]:
    """Build a folder of notes into a site in the folder `out`, as `litmus site` does.

    Nothing in `vault` is run or changed, and nothing beside it is read. `out` is a new folder, an
    empty one, or one that was built so before; what else lies there stays. Returns what is wrong
    with the notes, which the site shows as they are written, marked.

    Raises Problem, and leaves `out` as it was, where there are no notes to read or no site to
    write; with `strict`, also where anything in the notes is wrong: its `__notes__` say what.

        for problem in build_folder(Path("notes"), Path("site")):
            print(problem)
    """
    vault, out = Path(vault), Path(out)
    if not vault.is_dir():
        raise Problem(str(vault), None, "there is no such folder.")
    there = out.absolute()  # or MkDocs would begin at the folder of its settings, our package
    SiteFolder(there, vault, is_ours=True).refuse_what_is_no_place()  # MkDocs knows no links
    try:
        options = _folder_options(vault)
        config = load_config(str(BASE), **options, site_dir=str(there), strict=strict)
        session = _plugin(config).session
        _build(config)
    except Abort as end:  # which would end the process
        raise _reason(end, out) from None
    wrong, ends = session.made.problems, out / open_ends.place(session.project)
    more = f"; open ends: {len(wrong)}, see {ends}" if wrong else ""
    log.info(f"{len(session.made.notes)} notes are in {out}{more}")
    return wrong


def serve_folder(vault: Path) -> None:
    """Build any folder of notes, serve the site, and build again what changes."""
    interrupt_when_told_to_end()
    mkdocs_serve(str(BASE), **_folder_options(vault))


def _build(config: MkDocsConfig) -> None:
    config.plugins.on_startup(command="build", dirty=False)
    try:
        mkdocs_build(config)
    except OSError as error:  # the disk is full, or a file may not be read
        what = f"{words_of(error)}; the site is left as it was"
        raise Problem(file_of(error), None, what) from error
    finally:
        config.plugins.on_shutdown()


def _reason(end: Abort, out: Path) -> Problem:
    """Return why MkDocs ends a build; where it is strict, with all that is wrong as notes."""
    if isinstance(end.__cause__, Problem):
        return end.__cause__
    why = end.__context__ if isinstance(end.__context__, PluginError) else end
    problem = Problem(str(out), None, str(why))
    for note in getattr(why, "__notes__", ()):
        problem.add_note(note)
    return problem


def _plugin(config: MkDocsConfig) -> LitmusPlugin:
    plugin = config.plugins["litmus"]
    assert isinstance(plugin, LitmusPlugin)
    return plugin


def _folder_options(vault: Path) -> dict[str, Any]:
    # Material writes the name as it is in some places, and escapes it in others: this once in all.
    return {"docs_dir": str(vault.resolve()), "site_name": escape(vault.resolve().name)}
