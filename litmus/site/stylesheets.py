"""Style, fonts and a script that our own site serves, taken from installed packages."""

from base64 import b64encode
from importlib.metadata import distribution
from importlib.resources import as_file
from pathlib import Path
from tempfile import TemporaryDirectory

from litmus.files.writing import write_whole
from litmus.tex import compact_style
from litmus.tex.katex import THEME

KATEX = "assets/katex"
KATEX_STYLE = f"{KATEX}/katex.css"
IN_STYLE = ("KaTeX_Main-Regular", "KaTeX_Math-Italic", "KaTeX_Size1", "KaTeX_Size2")
MERMAID = "assets/mermaid/mermaid.min.js"
FONT = "assets/fonts/Geist.woff2"
LETTERS = "U+20-17F,U+2010-203F"  # Latin with accents, and punctuation
SIGNS = "€←↑→↓−≈≠≤≥✓✗"


def files(kept: Path) -> dict[str, bytes]:
    """Return KaTeX's style and fonts and the text font, by their path on the site.

    The fonts that most formulas need are a part of the style. A browser asks for others when it has
    laid out the page and found a letter of them, and then moves what is there already.

    The text font is cut down to the letters that notes are made of, half its weight, and is kept in
    a folder, since that takes half a second.
    """
    style = compact_style.stylesheet(THEME.joinpath("css/katex.min.css").read_text("utf-8"))
    fonts = {}
    for font in THEME.joinpath("fonts/katex").iterdir():
        there = f"url(../fonts/katex/{font.name})"
        if font.name.startswith(IN_STYLE):
            written = b64encode(font.read_bytes()).decode()
            style = style.replace(there, f"url(data:font/woff2;base64,{written})")
        else:
            style = style.replace(there, f"url(fonts/{font.name})")
            fonts[f"{KATEX}/fonts/{font.name}"] = font.read_bytes()
    return {KATEX_STYLE: style.encode(), **fonts, FONT: _text_font(kept / "Geist.woff2")}


def mermaid() -> bytes:
    """Return the script that draws diagrams, for a site that has some."""
    package = distribution("mermaidx")  # which takes long to import
    return Path(str(package.locate_file("mermaidx/assets/mermaid.js"))).read_bytes()


def _text_font(kept: Path) -> bytes:
    with as_file(THEME.joinpath("fonts/Geist.woff2")) as whole:
        newest = max(whole.stat().st_mtime, Path(__file__).stat().st_mtime)
        if not kept.exists() or kept.stat().st_mtime < newest:
            from fontTools import subset  # it takes long to import, and is rarely needed

            letters = [f"--unicodes={LETTERS}", f"--text={SIGNS}", "--drop-tables+=meta"]
            with TemporaryDirectory() as folder:
                cut = Path(folder, kept.name)
                subset.main([str(whole), *letters, "--flavor=woff2", f"--output-file={cut}"])
                write_whole(kept, cut.read_bytes())
    return kept.read_bytes()
