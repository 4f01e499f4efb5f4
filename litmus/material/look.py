"""What Litmus adds to Material: templates, styles, a font and colours.

A project has to say nothing for it, and goes before in all that it says: its own templates stand
above ours, its style sheets come after ours, and a font or a palette that it names stays. So does
the request of that font to another host, which nothing else here asks.
"""

from importlib.util import find_spec
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.utils.yaml import yaml_load

from litmus.material.reports import log
from litmus.site.stylesheets import KATEX_STYLE

THEME = Path(__file__).with_name("theme")
STYLE = "assets/litmus.css"  # in it
COLOURS = {"primary": "custom", "accent": "custom"}  # as the style says
PALETTE = [
    {
        "media": "(prefers-color-scheme: light)",
        "scheme": "default",
        **COLOURS,
        "toggle": {"icon": "material/weather-night", "name": "Dark mode"},
    },
    {
        "media": "(prefers-color-scheme: dark)",
        "scheme": "slate",
        **COLOURS,
        "toggle": {"icon": "material/weather-sunny", "name": "Light mode"},
    },
]
PLAIN = (
    "The theme '%s' shows notes plainly: our styles and scripts, and below a note what links to "
    "it, come with `theme: material` alone."
)


def add_to(config: MkDocsConfig) -> None:
    """Add to the settings of a project what its pages look like; a theme not of Material is told.

    That stays as it is, but for the style of formulas.
    """
    theme, material = config.theme, _material()
    if material not in theme.dirs:
        log.info(PLAIN, theme.name)
        config.extra_css.insert(0, KATEX_STYLE)
        return
    if str(THEME) not in theme.dirs:
        theme.dirs.insert(theme.dirs.index(material), str(THEME))
    config.extra_css[:0] = [STYLE, KATEX_STYLE]
    said = _said_of_theme(config)
    if "font" not in said:
        theme["font"] = False  # Material's default would be asked from another host
    if "palette" not in said:
        theme["palette"] = PALETTE


def _material() -> str:
    """Return the folder of Material's templates, as MkDocs names it."""
    templates = find_spec("material.templates")
    assert templates
    assert templates.origin
    return str(Path(templates.origin).parent)


def _said_of_theme(config: MkDocsConfig) -> set[str]:
    """Return what a project itself says of its theme, without the theme's own defaults."""
    with Path(config.config_file_path).open("rb") as settings:
        theme = yaml_load(settings).get("theme")
    return {*theme} if isinstance(theme, dict) else set()
