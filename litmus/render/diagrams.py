"""A diagram of Mermaid: its source on the page, which the reader's browser draws."""

import html

from litmus.render.renderer import At


def diagram(at: At) -> str:
    """Return a diagram's source, to be read until it is drawn, and where it cannot be.

    Not in the class `mermaid`, for which the theme would load a script from another host.
    """
    at.scope.draft.has_diagram = True
    source = html.escape(at.token.content)
    return f'<figure class="diagram"><pre><code>{source}</code></pre></figure>\n'
