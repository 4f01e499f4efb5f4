"""Litmus as a plugin of MkDocs: events in, events out. Nothing is decided here.

MkDocs brings the theme and its files. What comes from the vault is written by a session, since
MkDocs would make every page anew whenever one has changed.
"""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment
from mkdocs.config import config_options
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation

from litmus.material.frame import Frame
from litmus.material.look import THEME
from litmus.material.reports import Reports, told
from litmus.material.server import Rebuilds, interrupt_when_told_to_end
from litmus.python.labs import IsLab
from litmus.site import mark
from litmus.site.folder import SiteFolder
from litmus.site.session import Session
from litmus.vault.vault import LeftOut


class LitmusConfig(Config):  # type: ignore[no-untyped-call]
    """What may be set below `litmus` among the plugins of mkdocs.yml."""

    raw_html = config_options.Type(bool, default=False)
    """Let notes' HTML through untouched, scripts and all: for who wrote every note of the vault."""
    ours = config_options.Type(bool, default=False)
    """The notes are the author's though they lie outside of the settings' folder: what is in that
    folder is run for them, and so are their labs."""


class LitmusPlugin(BasePlugin[LitmusConfig]):  # type: ignore[no-untyped-call]
    """One build after another; under `serve` the object lives through all of them."""

    def __init__(self) -> None:
        self.reports = Reports()
        self.frame = Frame()
        self.session = Session(self.frame.around, self.reports.stop_for)
        self.serves = False  # into a folder of MkDocs' own

    def on_startup(self, *, command: str, dirty: bool) -> None:
        """That this event exists makes MkDocs keep this object for all builds of one `serve`."""
        self.serves = command == "serve"
        if self.serves:
            interrupt_when_told_to_end()

    @event_priority(100)  # before the search asks the theme how words of its language are parted
    def _open(self, config: MkDocsConfig) -> MkDocsConfig:
        self.reports.begin(config.strict)
        docs, settings = Path(config.docs_dir), Path(config.config_file_path)
        # Who calls our theme his own, as our settings do, lets us look after the site's folder, and
        # so does who has let us before.
        was_ours = mark.read(Path(config.site_dir)) is not None
        is_ours = bool(self.session.read_before or config.theme.custom_dir == str(THEME))
        site = SiteFolder(Path(config.site_dir), docs, (is_ours or was_ours) and not self.serves)
        with told():
            trust = self.config.raw_html, self.config.ours
            left_out = _excludes(config, with_drafts=self.serves)
            about = _is_lab(config), *trust, left_out, config.site_url
            built = self.session.open(docs, settings, site, *about)
        config.site_dir = str(built)
        self.frame.take_theme(config, self.session.project)
        return config

    def _prepare(self, config: MkDocsConfig) -> MkDocsConfig:
        if not self.session.project.is_ours:  # nothing in it is MkDocs', which follows links
            config.docs_dir = config.site_dir
        self.frame.take_settings(config, self.session.project)
        return config

    on_config = CombinedEvent(_open, _prepare)

    @event_priority(-50)  # after mkdocs-jupyter, which would make pages of labs
    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        self.session.withhold(self.frame.taken(files))
        self.frame.take_files(files, self.session.build)
        return files

    @event_priority(-100)  # when every other plugin has seen the menu
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
        self.frame.take_menu(nav, files, self.session.build)
        return nav

    @event_priority(-100)  # when every other plugin has changed the theme as it likes
    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:
        self.frame.take_templates(env)
        self.session.make(self.frame.mark)
        return env

    @event_priority(-100)  # when every other plugin has written what it writes
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        with told():
            self.session.finish(is_wanted=not self.reports.stop_the_build)
        if not self.reports.stop_the_build:
            config.site_dir = str(self.session.folder)  # who publishes it looks there

    def on_build_error(self, *, error: Exception) -> None:
        self.session.abandon()

    def on_serve(
        self, server: LiveReloadServer, *, config: MkDocsConfig, builder: Callable[..., Any]
    ) -> LiveReloadServer:
        """Watch what notes are made of, and survive a broken one."""
        rebuilds = Rebuilds(self.session, self.reports, self.frame.fits, builder)
        return rebuilds.on(server, without=config.docs_dir)  # which was where we built

    def on_shutdown(self) -> None:
        self.session.close()
        self.reports.end()


def _excludes(config: MkDocsConfig, with_drafts: bool) -> LeftOut | None:
    """Return what says which files the settings keep from the site, None if they keep none."""
    kept = [config.exclude_docs, None if with_drafts else config.draft_docs]
    specs = [spec for spec in kept if spec]
    return (lambda path: any(spec.match_file(path) for spec in specs)) if specs else None


def _is_lab(config: MkDocsConfig) -> IsLab | None:
    """Return what says which files mkdocs-jupyter would run, None if it would run none."""
    jupyter = config.plugins.get("mkdocs-jupyter")
    if not jupyter or not jupyter.config["execute"]:
        return None
    return lambda path: bool(jupyter.should_include(SimpleNamespace(abs_src_path=path)))
