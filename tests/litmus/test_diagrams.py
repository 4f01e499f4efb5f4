"""Is a diagram of Mermaid on the page as text, and drawn by a script from our own site?"""

import re

import pytest

from litmus.site import stylesheets
from tests.litmus.wellformed import misplaced


@pytest.fixture
def rendered(project):
    """A function that returns a note as it stands on its page."""

    def render(text, **more):
        notes = {f"docs/{name}.md": note for name, note in more.items()}
        pages = project({"docs/n.md": text, **notes}).pages()
        return pages.render(pages.library.notes["n.md"])

    return render


@pytest.mark.parametrize("info", ["mermaid", "Mermaid", "{mermaid}"])
def test_the_source_of_a_diagram_is_there_to_be_read(rendered, info):
    page = rendered(f"```{info}\nflowchart LR\n  A[<b>] --> B\n```")
    assert page.has_diagram
    assert "<code>flowchart LR\n  A[&lt;b&gt;] --&gt; B\n</code>" in page.html
    assert 'class="mermaid"' not in page.html  # the theme would ask another host
    assert not misplaced(page.html)


def test_a_diagram_in_an_embed_needs_the_script_too(rendered):
    assert rendered("![[m]]", m="```mermaid\npie\n```").has_diagram


def test_control_a_page_without_a_diagram_does_not(rendered):
    assert not rendered("mermaid `mermaid`\n\n```python\nmermaid\n```").has_diagram


def test_the_script_is_all_of_the_library_at_the_version_that_is_pinned():
    script = stylesheets.mermaid().decode()
    assert re.search(r'version:"11\.\d+\.\d+"', script)
    assert "securityLevel" in script
