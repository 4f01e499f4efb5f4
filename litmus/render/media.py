"""Images, sounds, films and PDFs, in the size that their author wants."""

import html
import re
from urllib.parse import parse_qsl

from litmus.markdown.urls import address_parts
from litmus.markdown.wikilinks import medium

SIZE = re.compile(r"\d+(x\d+)?")


def alt_and_size(label: str) -> tuple[str, str]:
    """Return what "a curve|300x200" describes and how large it is; either may be missing."""
    alt, _, size = label.rpartition("|")
    return (alt.strip(), size.strip()) if SIZE.fullmatch(size.strip()) else (label.strip(), "")


def show_medium(url: str, alt: str, size: str, part: str = "", title: str = "") -> str:
    """Return an image, a sound, a film or a PDF, so large as its author wants it.

    The part is a page of a PDF or a moment of a film: "page=3", "t=20", "height=400".
    """
    kind, away = medium(address_parts(url).path), bool(address_parts(url).netloc)
    url, alt = html.escape(f"{url}#{part}" if part else url), html.escape(alt)
    width, _, height = size.partition("x")
    sizes = [("width", width), ("height", height or dict(parse_qsl(part)).get("height", ""))]
    attributes = "".join(f' {name}="{value}"' for name, value in sizes if value.isdigit())
    if kind == "audio":
        return f'<audio controls src="{url}" aria-label="{alt}"></audio>'
    if kind == "video":
        return f'<video controls src="{url}" aria-label="{alt}"{attributes}></video>'
    if kind == "pdf":
        instead = f'<a href="{url}">{alt}</a>'
        return (
            f'<object class="pdf" data="{url}" type="application/pdf" aria-label="{alt}"'
            f"{attributes}>{instead}</object>"
        )
    attributes += f' title="{html.escape(title)}"' if title else ""
    attributes += ' referrerpolicy="no-referrer"' if away else ""
    shape = f' style="aspect-ratio: {width}/{height}"' if height.isdigit() else ""
    return f'<img src="{url}" alt="{alt}"{attributes} loading="lazy"{shape}>'
