"""Litmus as a plugin of MkDocs: events in, events out. Nothing is decided here.

The only module that imports mkdocs, so that the day MkDocs has a successor one file changes.
"""

import logging
import posixpath
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc
from mkdocs.utils.templates import TemplateContext

from litmus import labs, stylesheets, swap, tex
from litmus.addresses import address
from litmus.backlinks import backlinks
from litmus.notes import Note
from litmus.pages import FOLDERS, Pages, nested
from litmus.problems import in_order
from litmus.project import Project
from litmus.render import Rendered, Site, TocEntry
from litmus.runs import Runner
from litmus.serve import ErrorBanner, free_port

TAGS = "# Tags\n\n<!-- material/tags -->\n"  # Material fills this page
log = logging.getLogger("mkdocs.plugins.litmus")


class LitmusPlugin(BasePlugin):  # type: ignore[type-arg, no-untyped-call]  # no options
    """One build after another; under `serve` the runner of snippets lives through all of them."""

    def __init__(self) -> None:
        self.runner: Runner | None = None
        self.warnings = _Warnings(logging.WARNING)

    def on_startup(self, *, command: str, dirty: bool) -> None:
        """That this event exists makes MkDocs keep this object for all builds of one `serve`."""

    def on_shutdown(self) -> None:
        logging.getLogger("mkdocs").removeHandler(self.warnings)
        if self.runner:
            self.runner.close()
            self.runner = None  # MkDocs keeps this object for the next command of its process

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        self.warnings.said.clear()
        logging.getLogger("mkdocs").addHandler(self.warnings)
        self.root = Path(config.config_file_path).parent
        self.site_dir = Path(config.site_dir)
        swap.mend(self.site_dir)
        config.site_dir = str(swap.successor(self.site_dir))
        self.project = Project.read(self.root, Path(config.docs_dir))
        self.runner = self.runner or Runner(self.root)
        project = self.project
        self.site = Site(self.root, project.vault, project.claims, project.references, self.runner)
        self.pages = Pages(project, self.site)
        self.problems = list(project.problems)
        self._stop_for_problems(config)  # before what follows from them is reported, too
        self.rendered: dict[str, Rendered] = {}
        config.extra_css.append(stylesheets.KATEX_STYLE)
        if "mkdocs-jupyter" in config.plugins:
            kept = self.root / "build/labs" / labs.environment(self.root)
            config.plugins["mkdocs-jupyter"].config["cache_dir"] = str(kept)
        return config

    @event_priority(-50)  # after mkdocs-jupyter, which would take the download of a lab for a lab
    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        for file in [f for f in files if f.src_uri.lower().endswith(".md")]:
            if file.src_uri not in self.project.vault.notes:
                files.remove(file)  # not to be published, or not to be read
        for path, style in stylesheets.files(self.root / "build/fonts").items():
            files.append(File.generated(config, path, content=style))
        for snippet in self.project.snippets():
            source = str(self.root / snippet)
            files.append(File.generated(config, snippet, abs_src_path=source))
        for lab in [path for path in self.project.vault.files if path.endswith(".py")]:
            name, source = address(lab) + posixpath.basename(lab), str(Path(config.docs_dir) / lab)
            files.append(File.generated(config, name, abs_src_path=source))
        files.append(File.generated(config, "claims.json", content=self.pages.claims_json()))
        for path, redirect in self.pages.redirects().items():
            files.append(File.generated(config, path, content=redirect))
        for page in self.pages.addresses():
            files.append(File.generated(config, _source(page), content=" "))
        files.append(File.generated(config, "tags.md", content=TAGS))
        return files

    def on_page_markdown(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        note = self.project.vault.notes.get(page.file.src_uri)
        if note:
            page.meta["tags"] = note.tags
            page.render = lambda config, files: self._render(page, note)  # type: ignore[method-assign]
        return markdown

    def on_page_content(
        self, content: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        if not page.file.src_uri.endswith(".py"):
            return content
        path, here = page.file.src_uri, page.file.url
        body, figures = labs.figures_apart(labs.own_page(content, path), here)
        for name, picture in figures.items():
            files.append(File.generated(config, name, content=picture))
        page.toc = get_toc(nested(labs.contents(body)))  # type: ignore[arg-type]
        self.problems += labs.dead_links(body, path, here, (file.url for file in files))
        return body

    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:
        """All notes are rendered: now their problems are known, and who links to whom."""
        for rendered in self.rendered.values():
            self.problems += rendered.problems
            for path, svg in rendered.figures.items():
                if not files.get_file_from_path(path):
                    files.append(File.generated(config, path, content=svg))
        if any(rendered.has_diagram for rendered in self.rendered.values()):
            script = stylesheets.mermaid()
            files.append(File.generated(config, stylesheets.MERMAID, content=script))
        self._stop_for_problems(config)
        self.linked = backlinks(self.project.vault, self.project.claims)
        for made in self.pages.all(self.rendered, self.linked, in_order(self.problems)):
            file = files.get_file_from_path(_source(made.address))
            if file and file.page:
                _fill(file.page, made.title, made.html, toc=())
        return env

    def on_page_context(
        self, context: TemplateContext, *, page: Page, config: MkDocsConfig, nav: Navigation
    ) -> TemplateContext:
        links = self.linked.get(page.file.src_uri, [])
        linked_from = self.pages.linked_from(links, address(page.file.src_uri))
        return {**context, "linked_from": linked_from}  # type: ignore[typeddict-unknown-key]

    def on_post_page(self, output: str, *, page: Page, config: MkDocsConfig) -> str:
        return tex.typeset(output)

    @event_priority(-100)  # when every other plugin has written what it writes
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        if not (config.strict and self.warnings.said):  # else MkDocs stops the build next
            swap.swap(self.site_dir)

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
        for watched in ["snippets", "build/evidence.json"]:
            if (self.root / watched).exists():
                server.watch(str(self.root / watched))
        banner = ErrorBanner()
        server.set_app(banner.around(server.serve_request))

        def build_or_explain() -> None:
            try:
                builder()
                banner.error = ""
            except (Exception, SystemExit) as error:
                banner.error = "\n".join(self.warnings.said) or str(error)

        server.builder = build_or_explain
        return server

    def _stop_for_problems(self, config: MkDocsConfig) -> None:
        """Report what is wrong; where the build is strict, end it."""
        for problem in in_order(self.problems):
            if str(problem) not in self.warnings.said:
                log.warning(str(problem))
        if self.problems and config.strict:
            raise PluginError(f"{len(self.problems)} to mend; the site is left as it was")

    def _render(self, page: Page, note: Note) -> None:
        rendered = self.rendered[note.path] = self.site.render(note)
        _fill(page, note.title, rendered.html, rendered.toc)


class _Warnings(logging.Handler):
    """Remembers the warnings and errors of one build."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _source(page: str) -> str:
    """Return the file in the vault that would have become the page at an address."""
    return f"{page}index.md" if page in FOLDERS else f"{page.removesuffix('/')}.md"


def _fill(page: Page, title: str, body: str, toc: Iterable[TocEntry]) -> None:
    page.content, page.toc = body, get_toc(nested(toc))  # type: ignore[arg-type]
    if not vars(page).get("title"):  # unless the menu gives it another
        page.title = title
