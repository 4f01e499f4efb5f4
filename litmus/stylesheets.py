"""Style and fonts that are served from our own site, taken from an installed package."""

from importlib.resources.abc import Traversable

from litmus.tex import THEME

KATEX = "assets/katex"
FONT = "assets/fonts/Geist.woff2"


def files() -> dict[str, bytes]:
    """Return KaTeX's style and fonts and the text font, by their path on the site."""
    fonts: list[Traversable] = sorted(THEME.joinpath("fonts/katex").iterdir(), key=lambda f: f.name)
    style = THEME.joinpath("css/katex.min.css").read_bytes()
    return {
        f"{KATEX}/katex.css": style.replace(b"url(../fonts/katex/", b"url(fonts/"),
        **{f"{KATEX}/fonts/{font.name}": font.read_bytes() for font in fonts},
        FONT: THEME.joinpath("fonts/Geist.woff2").read_bytes(),
    }
