"""Is what plugins of Obsidian own shown as what it is, with a word, and never as garbage?"""

import json

import pytest

from tests.litmus.wellformed import misplaced, repeated_ids

CANVAS = {
    "nodes": [
        {"type": "text", "text": "below", "y": 9},
        {"type": "text", "text": "# Card\n\n- [[other]]^[foot]", "x": 0, "y": 1},
        {"type": "text", "text": "again^[foot two]", "x": 0, "y": 2},
        {"type": "file", "file": "other.md", "y": 3},
        {"type": "file", "file": "gone.md", "y": 4},
        {"type": "link", "url": "https://e.org", "y": 5},
        {"type": "link", "url": "javascript:alert(1)", "y": 5},
        {"type": "group", "label": "A group", "y": 0},
    ],
    "edges": [],
}
DRAWING = """---
excalidraw-plugin: parsed
---
==⚠  Switch to EXCALIDRAW VIEW ⚠==

# Text Elements
Words in a box ^abc

More words ^def

# Embedded Files
deadbeef: [[other]]

%%
# Drawing
```compressed-json
N4KAkARALgngDgUwgLgAQQQDwMYEMA2AlgCYBOuA7hADTgQ
```
%%
"""
BOARD = """---
kanban-plugin: board
---

## To do

- [ ] a card

%% kanban:settings
```
{"kanban-plugin":"board"}
```
%%
"""
FILES = {
    "docs/other.md": "# Other",
    "docs/map.canvas": json.dumps(CANVAS),
    "docs/broken.canvas": "{",
    "docs/odd.canvas": '{"nodes": [1, {"type": "text"}, {"type": "file", "file": 3}]}',
    "docs/view.base": "views: [{type: table}]",
    "docs/drawing.excalidraw.md": DRAWING,
    "docs/drawing.excalidraw.svg": "<svg/>",
    "docs/bare.md": "---\nexcalidraw-plugin: raw\n---\n# Drawing\n```json\n{}\n```",
    "docs/hidden.excalidraw.md": DRAWING.replace("==", "%%\n==", 1),
    "docs/old.excalidraw": "{}",
    "docs/board.md": BOARD,
}


@pytest.fixture
def shown(project):
    """A function that returns the HTML of a text in the vault above."""

    def render(text, path="n.md"):
        html, problems = project({**FILES, "docs/n.md": text}).render(path)
        assert not problems
        assert not misplaced(html)
        assert not repeated_ids(html)
        return html

    return render


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("```dataview\nTABLE a\n```", "A query of Dataview, which Obsidian alone shows"),
        ("```Dataview\nTABLE a\n```", "A query of Dataview, which Obsidian alone shows"),
        ("```dataview\nTABLE a < b\n```", "<pre><code>TABLE a &lt; b\n</code></pre>"),
        ("```dataviewjs\ndv.list()\n```", "A script of Dataview"),
        ("```tasks\nnot done\n```", "A query of the plugin Tasks"),
        ("```query\ntag:#a\n```", "A search of the vault"),
        ("```base\nviews: []\n```", "A view of Bases"),
        ("```button\nname x\n```", "A button of the plugin Buttons"),
        ("```chart\ntype: bar\n```", "A chart of the plugin Charts"),
        ("`= this.file.name`", ">= this.file.name</code>"),
        ("`= this.file.name`", 'title="An expression of Dataview, which Obsidian alone shows"'),
        ("`$= dv.current()`", 'title="An expression of Dataview'),
        ("<% tp.file.title %> x", "&lt;% tp.file.title %&gt;</code> x</p>"),
        ("<%*\nif (a) {\n\n  *b* ==c==\n}\n%>\n\nx", "  *b* ==c==\n}\n%&gt;</code></p>\n<p>x</p>"),
        (
            "```ad-note\ntext\n```",
            '<div class="admonition note">\n<p class="admonition-title">Note',
        ),
        ("```ad-tip\ntitle: *T*\n\n- [[other]]\n```", '<p class="admonition-title"><em>T</em></p>'),
        ("```ad-tip\ntitle: T\n\n- [[other]]\n```", '<li><a href="../other/" data-card>other</a>'),
        ("```ad-tip\ncollapse: open\ntext\n```", '<details class="admonition tip" open>'),
        ("```ad-tip\ncollapse: closed\ntext\n```", '<details class="admonition tip">'),
        ("![[map.canvas]]", 'A canvas, which Obsidian alone shows: <a href="../map.canvas"'),
        ("![[map.canvas]]", '<li><a href="../other/" data-card>other</a><sup'),
        ("![[map.canvas]]", '<li><a href="../other/">other</a></li>\n<li>gone</li>'),
        ("![[map.canvas]]", '<a href="https://e.org">https://e.org</a></li>\n<li><p>below</p>'),
        ("![[broken.canvas]]", "A canvas, which Obsidian alone shows"),
        ("![[odd.canvas]]", "A canvas, which Obsidian alone shows"),
        ("![[view.base]]", "<pre><code>views: [{type: table}]</code></pre>"),
        ("![[old.excalidraw]]", "A drawing of Excalidraw, which Obsidian alone shows: <a"),
        ("![[drawing.excalidraw]]", "<p>Words in a box</p>\n<p>More words</p>"),
        ("![[drawing.excalidraw]]", '<img src="../drawing.excalidraw.svg"'),
        ("![[bare]]", "A drawing of Excalidraw, which Obsidian alone shows"),
        ("![[hidden.excalidraw]]", "A drawing of Excalidraw, which Obsidian alone shows"),
    ],
)
def test_what_a_plugin_owns_is_shown_with_a_word(shown, text, wanted):
    assert wanted in shown(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("```python\nx = 1\n```", '<div class="language-python highlight">'),
        ("`x = this.y`", "<p><code>x = this.y</code></p>"),
        ("a <% b", "<p>a &lt;% b</p>"),
        ("```add\nx\n```", '<div class="language-add highlight">'),
        ("# Drawing\n\n```json\n{}\n```", '<div class="language-json highlight">'),
    ],
)
def test_control_what_no_plugin_owns_is_not(shown, text, wanted):
    html = shown(text)
    assert wanted in html
    assert "plugin" not in html


def test_the_page_of_a_drawing_shows_its_picture_and_words_and_none_of_its_data(shown):
    html = shown("", "drawing.excalidraw.md")
    assert "Words in a box" in html
    assert '<img src="../drawing.excalidraw.svg" alt="drawing"' in html
    assert not [raw for raw in ("N4KA", "deadbeef", "EXCALIDRAW VIEW", ">^") if raw in html]


def test_a_drawing_whose_whole_text_is_a_comment_is_a_picture_without_words(shown):
    html = shown("", "hidden.excalidraw.md")
    assert "A drawing of Excalidraw, which Obsidian alone shows" in html
    assert "Words in a box" not in html


def test_a_board_is_its_lists_without_the_settings(shown):
    html = shown("", "board.md")
    assert "a card" in html
    assert "kanban" not in html
