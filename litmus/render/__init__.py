"""One note -> HTML: its table of contents, citations, figures, and what is wrong with it."""

from litmus.render.scope import Rendered, TocEntry
from litmus.render.site import Site

__all__ = ["Rendered", "Site", "TocEntry"]
