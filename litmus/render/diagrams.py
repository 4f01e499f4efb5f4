"""A diagram of Mermaid: its source on the page, which the reader's browser draws."""

import html

from litmus.render.scope import At


def diagram(at: At) -> str:
    """Return a diagram's source, open to be read until it is drawn, and where it cannot be.

    Not in the class `mermaid`, for which the theme would load a script from another host.
    """
    at.scope.rendered.has_diagram = True
    source = f"<pre><code>{html.escape(at.token.content)}</code></pre>"
    return (
        '<figure class="diagram">\n<details open><summary>Source of the diagram</summary>\n'
        f"{source}</details>\n</figure>\n"
    )
