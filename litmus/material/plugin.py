"""Litmus as a plugin of MkDocs: events in, events out. Nothing is decided here.

The only module that imports mkdocs, so that the day MkDocs has a successor one file changes. MkDocs
brings the theme and its files; what comes from the vault is written by `litmus.site.build`, since
MkDocs would make every page anew whenever one has changed.
"""

import html
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment
from markupsafe import escape
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.commands.build import get_context
from mkdocs.commands.serve import serve as mkdocs_serve
from mkdocs.config import config_options, load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page as ThemedPage
from mkdocs.structure.toc import get_toc
from mkdocs.utils.yaml import yaml_load

from litmus.files import pickled
from litmus.files.writing import remove, stamp, writer
from litmus.material import compiled_templates
from litmus.material.blocks import KeptBlocks
from litmus.material.serve import ErrorBanner, Observer, free_port, interrupt_when_told_to_end
from litmus.problems import Problem, file_of, in_order, words_of
from litmus.python.labs import IsLab
from litmus.python.runs import Runner
from litmus.site import collector, generated, open_ends, resume, search, stylesheets
from litmus.site.build import Build, Made, Write
from litmus.site.folder import SiteFolder
from litmus.site.page import Page, nested
from litmus.site.project import Project
from litmus.tex import katex
from litmus.vault import collisions
from litmus.vault.addresses import TAGS, address, sitemap, tag_anchor

BASE = Path(__file__).with_name("mkdocs.yml")  # how a site looks, whatever its vault
THEME = Path(__file__).with_name("theme")
log = logging.getLogger("mkdocs.plugins.litmus")


def build_project(project: Project) -> None:
    """Build the site of a project that has been read already, as its mkdocs.yml says, strictly."""
    config = load_config(str(project.root / "mkdocs.yml"), strict=True)
    _plugin(config).read_before = project
    _build(config)


def build_folder(vault: Path, site: Path, strict: bool) -> None:
    """Build any folder of notes into a site; ends the process with an error where it cannot."""
    there = site.absolute()  # or MkDocs would begin at the folder of its settings, our package
    with _told():  # here, since MkDocs knows no links
        SiteFolder(there, vault, is_ours=True).refuse_what_is_no_place()
    config = load_config(str(BASE), **_folder_options(vault), site_dir=str(there), strict=strict)
    _build(config)
    made, there = _plugin(config).made, site / open_ends.place(_plugin(config).project)
    ends = f"; open ends: {len(made.problems)}, see {there}" if made.problems else ""
    log.info(f"{len(made.notes)} notes are in {site}{ends}")


def serve_folder(vault: Path) -> None:
    """Build any folder of notes, serve the site, and build again what changes."""
    interrupt_when_told_to_end()
    mkdocs_serve(str(BASE), **_folder_options(vault))


class LitmusPlugin(BasePlugin):  # type: ignore[type-arg, no-untyped-call]
    """One build after another; under `serve` the object lives through all of them."""

    # Let notes' HTML through untouched, scripts and all: for who wrote every note of the vault.
    config_scheme = (("raw_html", config_options.Type(bool, default=False)),)

    runner: Runner | None = None
    read_before: Project | None = None  # by who asks for the build
    read_from: tuple[Path, Path] | None = None  # the notes and settings that `project` is of
    serves = False  # into a folder of MkDocs' own
    site: SiteFolder | None = None
    project: Project
    build: Build
    made: Made
    frame: list[object]

    def __init__(self) -> None:
        self.warnings = _Warnings(logging.WARNING)

    def on_startup(self, *, command: str, dirty: bool) -> None:
        """That this event exists makes MkDocs keep this object for all builds of one `serve`."""
        self.serves = command == "serve"
        if self.serves:
            interrupt_when_told_to_end()

    def on_build_error(self, *, error: Exception) -> None:
        """Leave nothing of a build that failed."""
        if self.site:
            self.site.abandon()

    def on_shutdown(self) -> None:
        if self.site:
            self.site.abandon()
        logging.getLogger("mkdocs").removeHandler(self.warnings)
        if self.runner:
            self.runner.close()
        self.runner = self.read_from = None  # the object may see another command

    @event_priority(100)  # before the search asks the theme how words of its language are parted
    def _open(self, config: MkDocsConfig) -> MkDocsConfig:
        self.frame = []  # until the site is whole: what a broken build has begun is begun anew
        self.warnings.said.clear()
        logging.getLogger("mkdocs").addHandler(self.warnings)
        self.config_of_build = config
        docs, settings = Path(config.docs_dir), Path(config.config_file_path).parent
        is_ours = bool(self.read_before or str(THEME) in config.theme.dirs) and not self.serves
        self.site = SiteFolder(Path(config.site_dir), docs, is_ours)
        with _told():
            config.site_dir = str(self.site.begin())
        with collector.at_rest():
            self.project = self._read(docs, settings, _is_lab(config))
        self.runner = self.runner or Runner(self.project.root)
        self.runner.may_run, self.runner.cache = self.project.is_ours, self.project.cache
        compiled, environment = self.project.cache_folder / "templates", config.theme.get_env
        config.theme.get_env = lambda: compiled_templates.prepared(  # type: ignore[method-assign]
            environment(), compiled
        )
        return config

    def _read(self, docs: Path, settings: Path, is_lab: IsLab | None) -> Project:
        """Read the project, or what has changed of it since this command has read it before."""
        if self.read_before:
            before = self.read_before
            return replace(before, is_lab=is_lab).again() if is_lab else before
        if self.read_from == (docs, settings):
            return self.project.again()
        project = Project.open(docs, settings, is_lab)
        self.read_from = docs, settings
        return project

    def _prepare(self, config: MkDocsConfig) -> MkDocsConfig:
        self._stop_for(self.project.problems)  # before what follows from them is reported, too
        self.build = self._build_of(self.project, writer(Path(config.site_dir)))
        if not self.project.is_ours:  # nothing in it is MkDocs', which follows links for ever
            config.docs_dir = config.site_dir
        config.extra_css.append(stylesheets.KATEX_STYLE)
        config.theme.static_templates -= {"sitemap.xml"}  # it would list no page
        if not config.site_url and "features" in config.theme:  # it asks for a sitemap
            kept = [name for name in config.theme["features"] if name != "navigation.instant"]
            config.theme["features"] = kept
        self.has_own_menu = config.nav is not None
        if not self.has_own_menu:  # MkDocs would put every note into it, on every page
            config.nav = generated.menu(self.build.project)
        return config

    on_config = CombinedEvent(_open, _prepare)

    @event_priority(-50)  # after mkdocs-jupyter, which would make pages of labs
    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Leave to MkDocs what is not the vault's, and what its menu shows."""
        styles = stylesheets.files(self.project.cache_folder / "fonts")
        self.taken = {file.src_uri for file in files if file.src_dir != config.docs_dir}
        self.taken |= {*styles, stylesheets.MERMAID, *config.theme.static_templates}
        self.build = self._withhold(self.build)
        self.project, vault = self.build.project, self.build.vault
        if not self.has_own_menu:  # it is shorter without a note that is left out
            config.nav = generated.menu(self.build.project)
        in_menu = set(_leaves(config.nav))
        for file in list(files):
            is_page = file.src_uri.lower().endswith(".md") or file.src_uri in vault.notes
            is_file = file.src_dir == config.docs_dir and file.src_uri in vault.files
            elsewhere = is_page and file.src_uri not in in_menu
            if elsewhere or is_file or file.src_uri == "sitemap.xml":
                files.remove(file)
        titles = self.build.titles()
        for source in sorted(in_menu):
            if address(source) in titles and not files.get_file_from_path(source):
                files.append(File.generated(config, source, content=" "))
        for path, style in styles.items():
            files.append(File.generated(config, path, content=style))
        return files

    def _is_kept(self) -> bool:
        """Is this the project's site, rather than one that somebody looks at elsewhere?"""
        root = self.project.root.resolve()
        return self.project.is_ours and self.site_dir.is_relative_to(root)

    @property
    def site_dir(self) -> Path:
        """Where the site stands when it is built."""
        assert self.site
        return self.site.folder

    def _withhold(self, build: Build) -> Build:
        """Return a build without what would take the place of a part of the site."""
        others = {*self.taken, *build.project.snippets}
        notes = [*collisions.with_the_site(build.vault.notes, build.titles(), others)]
        if notes:
            build = self._build_of(build.project.without(notes), build.write, build.was)
        project = build.project
        files = project.vault.files - project.vault.withheld
        for problem in collisions.of_files(files, build.titles(), others):
            project.vault.withheld.add(problem.file)
            project.problems.append(problem)
        return build

    @event_priority(-100)  # when every other plugin has seen the menu
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
        """Take from MkDocs the pages of the menu that come from the vault, but for their places."""
        self.nav, notes = nav, self.build.vault.notes
        self.in_menu = {
            address(page.file.src_uri): page
            for page in nav.pages
            if page.file.src_uri.lower().endswith(".md") or page.file.src_uri in notes
        }
        self.named = {p.file.src_uri: vars(p)["title"] for p in nav.pages if vars(p).get("title")}
        self.menu = self._titles_in_menu(self.build)
        for here, page in self.in_menu.items():
            page.file.dest_uri = f"{here}index.html"
            page.title = self.menu[here]
            files.remove(page.file)
        return nav

    @event_priority(-100)  # when every other plugin has changed the theme as it likes
    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:
        """Write what comes from the vault."""
        self.env = env
        env.auto_reload = False  # it looks at the file of each part on each page
        env.globals["kept"] = KeptBlocks(page.url for page in self.nav.pages)
        site, write = Path(config.site_dir), writer(Path(config.site_dir))
        if self._is_kept():
            self._begin_from_last_build(config, write)
        with collector.at_rest():
            self.made = self.build.run()
        self._stop_for(self.made.problems)
        for path in self.made.outputs:
            if not (site / path).exists():  # it is as it was
                write(path, self.site_dir / path)
        return env

    def _begin_from_last_build(self, config: MkDocsConfig, write: Write) -> None:
        """Let the build take from the last one what is as it was."""
        with Path(config.config_file_path).open("rb") as settings:
            said = [repr(yaml_load(settings)), str(config.site_url), str(config.theme.name)]
        said += [f"{here} {title}" for here, title in self.menu.items()]
        self.page_frame = pickled.makers(said, config.theme.dirs)
        if made := resume.recall(self.project.cache_folder, self.site_dir, self.page_frame):
            self.build = self._build_of(self.project, write, made)

    @event_priority(-100)  # when every other plugin has written what it writes
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        index = Path(config.site_dir) / search.INDEX
        self.search_begun = json.loads(index.read_text("utf-8")) if index.exists() else None
        self._write_lists(writer(Path(config.site_dir)))
        self.project.save_cache()
        if not (config.strict and self.warnings.said):  # else MkDocs stops the build next
            assert self.site
            with _told():
                self.site.finish()
            config.site_dir = str(self.site_dir)  # who publishes it looks there
            if self._is_kept():
                of = self.project.cache_folder, self.site_dir, self.page_frame
                resume.keep(*of, self.made)
            self.frame = self._frame()

    def on_serve(
        self, server: LiveReloadServer, *, config: MkDocsConfig, builder: Callable[..., Any]
    ) -> LiveReloadServer:
        """Take the next free port, watch what notes are made of, and survive a broken note."""
        host, port = server.server_address[:2]
        free = free_port(str(host), int(port))
        if free != port:
            log.info(f"Port {port} is taken, using {free}.")
            server.url = server.url.replace(f":{port}/", f":{free}/")
            server.server_address = (str(host), free)
        watched = {*server._watched_paths} - {config.docs_dir}  # which was where we built
        watched |= {str(path) for path in (self.project.docs, *self.project.made_of)}
        server._watched_paths.clear()
        server.observer = Observer()  # MkDocs' own looks at every file twice a second
        for path in watched:
            server.watch(path)
        banner = ErrorBanner()
        server.set_app(banner.around(server.serve_request))

        def build_or_explain() -> None:
            try:
                if self.frame != self._frame() or not self.update():
                    build_anew()
                banner.error = ""
            except (Exception, SystemExit) as error:
                log.error(self._words(error))
                banner.error = "\n".join(self.warnings.said)

        def build_anew() -> None:
            try:
                builder()
            finally:
                collector.gather()

        server.builder = build_or_explain
        return server

    def update(self) -> bool:
        """Write what a change in the vault touches; say False if the change goes further."""
        self.warnings.said.clear()
        staged: dict[str, Any] = {}
        build = self._build_of(self.project.again(), staged.__setitem__, self.made)
        build = self._withhold(build)
        project = build.project
        if self._titles_in_menu(build) != self.menu:
            return False
        made = build.run()
        self._stop_for(made.problems)
        outdated, frame = self.made.outputs - made.outputs, self.frame
        self.frame = []  # until all is written: else nobody would know what is
        self.project, self.build, self.made = project, build, made
        self._write_lists(staged.__setitem__)
        write = writer(self.site_dir, is_read=True)
        remove(self.site_dir, outdated)
        for path, content in staged.items():
            write(path, content)
        if self.site:
            self.site.has_changed(staged, outdated)
        self.frame = frame
        return True

    def _words(self, error: BaseException) -> str:
        """Return what stopped a build, for who looks at the site: its place is on this machine."""
        if not isinstance(error, OSError):
            place = f"{self.site.asked}: " if self.site else ""
            return str(error).removeprefix(place) or type(error).__name__
        file, site = Path(file_of(error)), self.site_dir
        where = f"{file.relative_to(site).as_posix()}: " if file.is_relative_to(site) else ""
        return f"{where}{words_of(error)}"

    def _frame(self) -> list[object]:
        """Return what changes when MkDocs itself has to build: its settings."""
        return [stamp(Path(self.config_of_build.config_file_path))]

    def _build_of(self, project: Project, write: Write, previous: Made | None = None) -> Build:
        assert self.runner
        trusted = self.config["raw_html"] and project.is_ours
        return Build(project, self.runner, self._dress, write, previous, trusted)

    def _titles_in_menu(self, build: Build) -> dict[str, str]:
        """Return the titles in the menu by address, MkDocs' settings first; none if it changes."""
        own = build.titles()
        if not self.has_own_menu and generated.menu(build.project) != self.config_of_build.nav:
            return {}
        return {
            here: self.named.get(page.file.src_uri) or html.escape(own.get(here, here))
            for here, page in self.in_menu.items()
        }

    def _dress(self, page: Page) -> str:
        """Return a page with the theme around it."""
        themed = self.in_menu.get(page.address)
        if not themed:
            file = File.generated(self.config_of_build, f"{page.address}index.md", content="")
            file.dest_uri = f"{page.address}index.html"
            themed = ThemedPage(html.escape(page.title), file, self.config_of_build)
        themed.content, themed.toc = page.html, get_toc(nested(page.toc))  # type: ignore[arg-type]
        context = get_context(self.nav, [], self.config_of_build, themed)
        tags = [{"name": tag, "url": f"{TAGS}#{tag_anchor(tag)}"} for tag in page.tags]
        themed.active = True
        try:
            template = self.env.get_template("main.html")
            shown = template.render(context, linked_from=page.linked_from, tags=tags)
            return katex.typeset(shown, self.project.cache)
        finally:
            themed.active = False
            themed.content = None

    def _write_lists(self, write: Callable[[str, bytes], None]) -> None:
        """Write what lists all pages: for the search, and for search engines."""
        if self.search_begun:
            write(search.INDEX, search.index(self.search_begun, self.made.search).encode())
        if url := self.config_of_build.site_url:
            write("sitemap.xml", sitemap(url, self.build.titles()))

    def _stop_for(self, problems: list[Problem]) -> None:
        """Report what is wrong; where the build is strict, end it."""
        for problem in in_order(problems):
            if str(problem) not in self.warnings.said:
                log.warning(str(problem))
        if problems and self.config_of_build.strict:
            raise PluginError(f"{len(problems)} to mend; the site is left as it was")


def _build(config: MkDocsConfig) -> None:
    config.plugins.on_startup(command="build", dirty=False)
    try:
        mkdocs_build(config)
    except OSError as error:  # the disk is full, or a file may not be read
        where = f"{file}: " if (file := file_of(error)) else ""
        raise Abort(f"{where}{words_of(error)}; the site is left as it was") from error
    finally:
        config.plugins.on_shutdown()


def _is_lab(config: MkDocsConfig) -> IsLab | None:
    """Return what says which files mkdocs-jupyter would run, None if it would run none."""
    jupyter = config.plugins.get("mkdocs-jupyter")
    if not jupyter or not jupyter.config["execute"]:
        return None
    return lambda path: bool(jupyter.should_include(SimpleNamespace(abs_src_path=path)))


def _plugin(config: MkDocsConfig) -> LitmusPlugin:
    plugin = config.plugins["litmus"]
    assert isinstance(plugin, LitmusPlugin)
    return plugin


@contextmanager
def _told() -> Iterator[None]:
    """End a build for what is wrong with the folder of its site, with that as the last word."""
    try:
        yield
    except Problem as problem:
        raise Abort(str(problem)) from None


class _Warnings(logging.Handler):
    """Remembers the warnings and errors of one build."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _leaves(nav: object) -> Iterator[str]:
    """Yield the files that a menu names, whatever its sections."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        yield from (leaf for inner in nav.values() for leaf in _leaves(inner))
    elif isinstance(nav, list):
        yield from (leaf for inner in nav for leaf in _leaves(inner))


def _folder_options(vault: Path) -> dict[str, Any]:
    # Material writes the name as it is in some places, and escapes it in others: this once in all.
    return {"docs_dir": str(vault.resolve()), "site_name": escape(vault.resolve().name)}
