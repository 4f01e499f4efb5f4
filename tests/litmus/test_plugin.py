"""Does the plugin bring all that its pages need, whatever else a project says of its theme?"""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from mkdocs.commands.build import build

from litmus.material import look
from litmus.material.look import THEME
from tests.html import parsed
from tests.litmus.conftest import write_files
from tests.litmus.test_incremental import configured

NOTES = {
    "docs/index.md": "# Home\n\nA link to [[a]].\n",
    "docs/a.md": "---\ntags: [x]\n---\n# A\n\n$x$\n\n## Part\n\n```python\nprint(1)\n```\n",
    "docs/sub/b.md": "# B\n\n[[a#Part]] and [[index]] ![[a]]\n",
}
PLAIN, PLUGINS = "theme: material\n", "plugins: [search, litmus]\n"
# Where a browser asks for something by itself: elements with the relations that do, styles, fonts.
LOADING = "script[src], img[src], iframe[src], object[data], source[src], video[src], audio[src]"
RELATIONS = {"stylesheet", "preload", "preconnect", "icon", "modulepreload", "prefetch"}
IN_STYLE = re.compile(r"""(?:url\(|@import\s*)\s*["']?([^"')\s]+)""")


@pytest.fixture
def built(font, tmp_path, monkeypatch):
    """A function that builds a project with a `mkdocs.yml` of these lines, strictly.

    It returns where its pages are, and what we have said.
    """
    said = []
    monkeypatch.setattr(look.log, "info", lambda text, *about: said.append(text % about))

    def make(settings, files=()):
        write_files(tmp_path, {**font, **NOTES, **dict(files)})
        write_files(tmp_path, {"mkdocs.yml": f"site_name: S\nstrict: true\n{settings}"})
        config = configured(tmp_path / "mkdocs.yml")
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
        config.plugins.on_shutdown()
        site = tmp_path / "site"
        return SimpleNamespace(site=site, said=said, page=partial(page, site))

    return make


def page(site, address):
    return parsed((site / address / "index.html").read_text(encoding="utf-8"))


def asked_for(site):
    """Yield all that a browser asks for to show the pages: the file that asks, and the address."""
    for file in site.rglob("*.html"):
        tree = parsed(file.read_text(encoding="utf-8"))
        for tag in tree.css(LOADING):
            yield file, tag.attributes.get("src") or tag.attributes["data"]
        for tag in tree.css("link[rel]"):
            if RELATIONS & {*tag.attributes["rel"].split()}:
                yield file, tag.attributes["href"]
        for style in tree.css("style, [style]"):
            found = IN_STYLE.findall(f"{style.text()} {style.attributes.get('style') or ''}")
            yield from ((file, address) for address in found)
    for file in site.rglob("*.css"):
        for address in IN_STYLE.findall(file.read_text(encoding="utf-8")):
            if not address.startswith("data:"):
                yield file, address


def elsewhere(site):
    """What the pages ask other hosts for."""
    return {address for _, address in asked_for(site) if urlsplit(address).netloc}


def missing(site):
    """What the pages ask their own host for that is not there."""
    for file, address in asked_for(site):
        # 404.html may be shown at any address, and so asks from the root.
        at = f"http://site/{file.relative_to(site).as_posix()}"
        to = urlsplit(urljoin(at, address))
        if to.netloc == "site" and not (site / unquote(to.path).lstrip("/")).is_file():
            yield f"{file.relative_to(site)}: {address}"


def test_two_lines_bring_styles_scripts_fonts_and_backlinks(built):
    made = built(PLAIN + PLUGINS)
    shown = made.page("a")
    styles = [Path(tag.attributes["href"]).name for tag in shown.css("link[rel=stylesheet]")]
    assert styles[-2:] == ["litmus.css", "katex.css"]
    scripts = {Path(tag.attributes["src"]).stem for tag in shown.css("script[src]")}
    assert {"copy", "diagram", "preview", "scroll", "search"} <= scripts
    assert shown.css_first("link[as=font]").attributes["href"] == "../assets/fonts/Geist.woff2"
    assert all(shown.css(part) for part in (".katex", "button.copy", "nav.md-tags"))
    links = [tag.attributes["href"] for tag in shown.css(".linked-from li a")]
    assert links == ["../sub/b/", "../"]
    assert not made.page("sub/b").css(".linked-from")  # nothing links to it
    assert elsewhere(made.site) == set()
    assert [*missing(made.site)] == []
    assert len({address for _, address in asked_for(made.site)}) > 20
    assert not [said for said in made.said if "plainly" in said]


def test_control_material_alone_asks_another_host_and_links_nothing_back(built):
    made = built(PLAIN + "plugins: [search]\n", {"docs/index.md": "# Home\n"})
    assert {urlsplit(address).netloc for address in elsewhere(made.site)} == {
        "fonts.googleapis.com",
        "fonts.gstatic.com",
    }
    assert not made.page("a").css(".linked-from")


def test_control_a_file_that_is_asked_for_and_not_there_is_noticed(built):
    made = built(PLAIN + PLUGINS)
    (made.site / "assets/litmus.css").unlink()
    (made.site / "assets/katex/fonts/KaTeX_AMS-Regular.woff2").unlink()
    gone = {line.rpartition("/")[2] for line in missing(made.site)}
    assert gone == {"litmus.css", "KaTeX_AMS-Regular.woff2"}


@pytest.mark.parametrize("address", ["https://x.org/a.css", "//x.org/a.css"])
@pytest.mark.parametrize(
    "html",
    [
        '<link rel="stylesheet" href="{}">',
        '<script src="{}"></script>',
        "<style>@import '{}';</style>",
        '<p style="background: url({})">',
    ],
)
def test_control_what_asks_another_host_is_noticed(tmp_path, html, address):
    write_files(tmp_path, {"index.html": html.format(address), "b.html": f"<a href='{address}'>b"})
    assert elsewhere(tmp_path) == {address}


def test_none_of_our_own_scripts_names_another_host():
    scripts = {script.name: script.read_text("utf-8") for script in THEME.rglob("*.js")}
    assert len(scripts) > 4
    assert not [name for name, code in scripts.items() if "//" in re.sub(r"//\s.*", "", code)]


def test_a_font_and_colours_that_a_project_names_stay_its_own(built):
    theme = "theme: {name: material, font: {text: Inter}, palette: {primary: teal}}\n"
    made = built(theme + PLUGINS)
    assert {urlsplit(address).netloc for address in elsewhere(made.site)} == {
        "fonts.googleapis.com",
        "fonts.gstatic.com",
    }
    shown = made.page("a")
    assert not shown.css("link[as=font]")  # ours would be asked for in vain
    # Material names the font for :root, where ours, which comes later, must not win.
    assert '"Inter"' in shown.css_first("style").text()
    style = (made.site / "assets/litmus.css").read_text(encoding="utf-8")
    selectors = re.findall(r"([^{}]+)\{[^{}]*--md-(?:text|code)-font:", style)
    assert [selector.strip() for selector in selectors] == [":where(:root)"]
    assert shown.body.attributes["data-md-color-primary"] == "teal"
    assert not shown.css("[data-md-color-scheme=slate]")


def test_without_a_palette_there_are_our_colours_light_and_dark(built):
    shown = built(PLAIN + PLUGINS).page("a")
    options = [tag.attributes for tag in shown.css("input[name=__palette]")]
    assert [option["data-md-color-scheme"] for option in options] == ["default", "slate"]
    assert {option["data-md-color-primary"] for option in options} == {"custom"}


THEIRS = {
    "over/main.html": '{% extends "base.html" %}\n{% block announce %}A banner{% endblock %}\n',
    "over/partials/tags.html": "<i>their tags</i>",
    "docs/their.css": "a { color: red }",
}


def test_a_projects_own_templates_and_styles_go_before_ours(built):
    theme = "theme: {name: material, custom_dir: over}\nextra_css: [their.css]\n"
    made = built(theme + PLUGINS, THEIRS)
    shown = made.page("a")
    assert "A banner" in shown.css_first(".md-banner").text()
    assert "their tags" in shown.css_first("article").text()
    assert all(shown.css(part) for part in (".linked-from", "script[src$='preview.js']"))
    styles = [Path(tag.attributes["href"]).name for tag in shown.css("link[rel=stylesheet]")]
    assert styles[-3:] == ["litmus.css", "katex.css", "their.css"]
    missed = (made.site / "404.html").read_text(encoding="utf-8")
    assert all(words in missed for words in ("A banner", "404 - Not found"))


@pytest.mark.parametrize("choice", ["system", "none"])
def test_who_may_choose_colours_as_the_system_has_them_is_looked_up(built, choice):
    system = '{media: "(prefers-color-scheme)", toggle: {icon: material/check, name: A}}, '
    palette = f"[{system if choice == 'system' else ''}{{scheme: default}}, {{scheme: slate}}]"
    shown = built(f"theme: {{name: material, palette: {palette}}}\n{PLUGINS}").page("a")
    scripts = [tag.text() for tag in shown.css("header script")]
    assert any("matchMedia" in script for script in scripts) is (choice == "system")


def test_a_menu_of_headings_in_the_one_of_pages_does_not_come_twice(built):
    theme = "theme: {name: material, features: [%s]}\n"
    beside = built(theme % "" + PLUGINS).page("a")
    assert len(beside.css(".md-sidebar")) == 2
    within = built(theme % "toc.integrate" + PLUGINS).page("a")
    assert [tag.attributes["data-md-type"] for tag in within.css(".md-sidebar")] == ["navigation"]


@pytest.mark.parametrize("theme", ["mkdocs", "readthedocs"])
def test_another_theme_shows_notes_plainly_and_says_so_in_a_sentence(built, theme):
    made = built(f"theme: {{name: {theme}, highlightjs: false}}\n{PLUGINS}")
    shown = made.page("a")
    assert shown.css(".katex")
    assert shown.css_first("h1").text().startswith("A")
    styles = [tag.attributes["href"] for tag in shown.css("link[rel=stylesheet]")]
    assert "../assets/katex/katex.css" in styles
    assert not any("litmus.css" in style for style in styles)
    assert [*missing(made.site)] == []
    said = [line for line in made.said if f"The theme '{theme}' shows notes plainly" in line]
    assert len(said) == 1


OURS = f"theme: {{name: material, custom_dir: {THEME}}}\n"


@pytest.mark.parametrize(("theme", "stays"), [(PLAIN, False), (OURS, True)])
def test_the_folder_of_a_strangers_site_is_cleaned_as_mkdocs_does_it(built, theme, stays):
    site = built(theme + PLUGINS).site
    write_files(site, {"of-somebody.txt": "x"})
    built(theme + PLUGINS)
    assert (site / "of-somebody.txt").exists() is stays
    assert (site / ".litmus.json").exists() is stays
