"""What MkDocs and Material put around a page: the menu, the styles, and the theme's templates."""

import html
from collections.abc import Iterator
from pathlib import Path

import mkdocs
from jinja2 import Environment
from markdown.extensions.toc import nest_toc_tokens
from mkdocs.commands.build import get_context
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page as ThemedPage
from mkdocs.structure.toc import get_toc
from mkdocs.utils.yaml import yaml_load

from litmus.files import pickled
from litmus.material import compiled_templates, look
from litmus.material.blocks import KeptBlocks
from litmus.site import generated, stylesheets
from litmus.site.build import Build
from litmus.site.page import Page
from litmus.site.project import Project
from litmus.tex import katex
from litmus.vault.addresses import TAGS, address, tag_anchor


class Frame:
    """The frame of the pages of one build, which MkDocs tells of one thing after another."""

    def take_theme(self, config: MkDocsConfig, project: Project) -> None:
        """Add what is ours to the theme, and keep its templates compiled."""
        self.config, self.cache = config, project.cache
        look.add_to(config)
        compiled, environment = project.cache_folder / "templates", config.theme.get_env
        config.theme.get_env = lambda: compiled_templates.prepared(  # type: ignore[method-assign]
            environment(), compiled
        )

    def take_settings(self, config: MkDocsConfig, project: Project) -> None:
        """Add to the settings what our pages need, and a menu where there is none."""
        self.styles = stylesheets.files(project.cache_folder / "fonts")
        config.theme.static_templates -= {"sitemap.xml"}  # it would list no page
        if not config.site_url and "features" in config.theme:  # it asks for a sitemap
            kept = [name for name in config.theme["features"] if name != "navigation.instant"]
            config.theme["features"] = kept
        self.has_own_menu = config.nav is not None
        if not self.has_own_menu:  # MkDocs would put every note into it, on every page
            config.nav = generated.menu(project)

    def taken(self, files: Files) -> set[str]:
        """Return the places on the site that are no note's: the theme's files, and ours beside."""
        others = {file.src_uri for file in files if file.src_dir != self.config.docs_dir}
        return {*others, *self.styles, stylesheets.MERMAID, *self.config.theme.static_templates}

    def take_files(self, files: Files, build: Build) -> None:
        """Leave among MkDocs' files what is not the vault's, and what its menu shows."""
        config, vault, titles = self.config, build.vault, build.titles()
        if not self.has_own_menu:  # it is shorter without a note that is left out
            config.nav = generated.menu(build.project)
        in_menu = set(_leaves(config.nav))
        for file in list(files):
            if _is_page(file, build):
                stays = file.src_uri in in_menu
            elif file.src_dir == config.docs_dir:
                # mkdocs-jupyter would make a page of a lab that is not to be published, too.
                stays = file.src_uri not in vault.files and not file.is_documentation_page()
            else:
                stays = file.src_uri != "sitemap.xml"
            if not stays:
                files.remove(file)
        for source in sorted(in_menu):
            if address(source) in titles and not files.get_file_from_path(source):
                files.append(File.generated(config, source, content=" "))
        for path, style in self.styles.items():
            files.append(File.generated(config, path, content=style))

    def take_menu(self, nav: Navigation, files: Files, build: Build) -> None:
        """Take from MkDocs the pages of the menu that come from the vault, but for their places."""
        self.nav = nav
        pages = [page for page in nav.pages if _is_page(page.file, build)]
        self.in_menu = {address(page.file.src_uri): page for page in pages}
        self.named = {p.file.src_uri: vars(p)["title"] for p in nav.pages if vars(p).get("title")}
        self.menu = self._titles_in_menu(build)
        for here, page in self.in_menu.items():
            page.file.dest_uri = f"{here}index.html"
            page.title = self.menu[here]
            files.remove(page.file)

    def take_templates(self, env: Environment) -> None:
        """Take the templates as every other plugin has left them."""
        self.env = env
        env.auto_reload = False  # it looks at the file of each part on each page
        env.globals["kept"] = KeptBlocks(page.url for page in self.nav.pages)

    def mark(self) -> str:
        """Return what changes when the frame does: settings, host, menu, theme and code."""
        with Path(self.config.config_file_path).open("rb") as settings:
            said = [repr(yaml_load(settings))]
        said += [str(self.config.site_url), str(self.config.theme.name)]
        said += [mkdocs.__name__, mkdocs.__version__]  # which each page says; or it is ProperDocs
        said += [f"{here} {title}" for here, title in self.menu.items()]
        return pickled.makers(said, self.config.theme.dirs)

    def fits(self, build: Build) -> bool:
        """Does the menu, which stands on every page, say the same of a build?"""
        has_same = self.has_own_menu or generated.menu(build.project) == self.config.nav
        return has_same and self._titles_in_menu(build) == self.menu

    def around(self, page: Page) -> str:
        """Return a page with the theme around it."""
        themed = self.in_menu.get(page.address)
        if not themed:
            file = File.generated(self.config, f"{page.address}index.md", content="")
            file.dest_uri = f"{page.address}index.html"
            themed = ThemedPage(html.escape(page.title), file, self.config)
        toc = [{"level": entry.level, "id": entry.id, "name": entry.html} for entry in page.toc]
        themed.content, themed.toc = page.html, get_toc(nest_toc_tokens(toc))
        context = get_context(self.nav, [], self.config, themed)
        tags = [{"name": tag, "url": f"{TAGS}#{tag_anchor(tag)}"} for tag in page.tags]
        themed.active = True
        try:
            template = self.env.select_template(["litmus.html", "main.html"])
            shown = template.render(context, linked_from=page.linked_from, tags=tags)
            return katex.typeset(shown, self.cache)
        finally:
            themed.active = False
            themed.content = None

    def _titles_in_menu(self, build: Build) -> dict[str, str]:
        """Return the titles in the menu by address, those of MkDocs' settings first."""
        own = build.titles()
        return {
            here: self.named.get(page.file.src_uri) or html.escape(own.get(here, here))
            for here, page in self.in_menu.items()
        }


def _is_page(file: File, build: Build) -> bool:
    return file.src_uri.lower().endswith(".md") or file.src_uri in build.vault.notes


def _leaves(nav: object) -> Iterator[str]:
    """Yield the files that a menu names, whatever its sections."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        yield from (leaf for inner in nav.values() for leaf in _leaves(inner))
    elif isinstance(nav, list):
        yield from (leaf for inner in nav for leaf in _leaves(inner))
