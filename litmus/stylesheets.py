"""Style and fonts that are served from our own site, taken from an installed package."""

from functools import cache
from importlib.resources import as_file
from io import BytesIO

from fontTools import subset

from litmus.tex import THEME

KATEX = "assets/katex"
FONT = "assets/fonts/Geist.woff2"
LETTERS = [*range(0x20, 0x180), *range(0x2010, 0x2040)]  # Latin with accents, and punctuation
SIGNS = map(ord, "€←↑→↓−≈≠≤≥✓✗")


@cache
def files() -> dict[str, bytes]:
    """Return KaTeX's style and fonts and the text font, by their path on the site."""
    style = THEME.joinpath("css/katex.min.css").read_bytes()
    fonts = THEME.joinpath("fonts/katex").iterdir()
    return {
        f"{KATEX}/katex.css": style.replace(b"url(../fonts/katex/", b"url(fonts/"),
        **{f"{KATEX}/fonts/{font.name}": font.read_bytes() for font in fonts},
        FONT: _text_font(),
    }


def _text_font() -> bytes:
    """Return the text font without the letters that no note has: half its weight."""
    options = subset.Options(flavor="woff2", drop_tables=["meta"])
    with as_file(THEME.joinpath("fonts/Geist.woff2")) as file:
        font = subset.load_font(str(file), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[*LETTERS, *SIGNS])
    subsetter.subset(font)
    packed = BytesIO()
    subset.save_font(font, packed, options)
    return packed.getvalue()
