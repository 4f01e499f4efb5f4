r"""Whatever is opened and not closed, a formula or a comment: is the rest of the page intact?

An opener stands in a container, and below it, right below or after more text, stands the rest of a
page. The rest must be read as it is without the opener. (At the top level a comment that nobody
closes goes on to the end of the note, as in Obsidian.)
"""

import re
from functools import cache

import pytest

from litmus.markdown import parser

SIGN = re.compile(r"\$\$|%%|\\begin\{align\*?\}")
ENDLESS = re.compile(r"^(?:text )?%%", re.MULTILINE)  # a comment at the top level
MARKDOWN = parser(strict_line_breaks=False)


def each(sign):
    return lambda text: sign + text.replace("\n", f"\n{sign}")


def first(sign, then=""):
    return lambda text: sign + text.replace("\n", f"\n{then}")


CONTAINERS = {
    "none": str,
    "an item": first("- ", "  "),
    "an item that goes on at the margin": first("- "),
    "an item within an item": first("- a\n  - ", "    "),
    "an item within an item, at the margin": first("- a\n  - "),
    "a numbered item": first("1. ", "   "),
    "a task": first("- [ ] ", "  "),
    "below an item": first("- a\n"),
    "a quote": each("> "),
    "a quote that goes on without its sign": first("> "),
    "a callout": first("> [!note] A\n> ", "> "),
    "a callout that goes on without its sign": first("> [!note] A\n> "),
    "a title": first("> [!note] ", "> "),
    "a title above lines without a sign": first("> [!note] "),
    "a callout in a callout": first("> [!note] A\n> > [!tip] B\n> > ", "> > "),
    "a callout in a callout, with one sign": first("> [!note] A\n> > [!tip] B\n> > ", "> "),
    "a callout in a callout, without a sign": first("> [!note] A\n> > [!tip] B\n> > "),
    "an item in a quote": first("> - ", ">   "),
    "a cell": lambda text: f"| a | b |\n|---|---|\n| {text.splitlines()[0]} | c |",
}
OPENERS = [
    *("$$\nx", "$$x", "text $$\nx", "text\n$$\nx", "$$\n\nx", "x $$ y $$\nz", "$$a$$ $$\nb"),
    *(
        "\\begin{align}\nx &= y",
        "\\begin{align} x",
        "text\n\\begin{align*}\nx",
        "$$\n\\begin{align}",
    ),
    *("%%\nx", "text %%\nx", "text\n%%\nx"),
]
BETWEEN = ["\n\n", "\n", "\nmore [[link]]\n"]
BODIES = [
    "# Heading\n\nA [[link]], [one](note.md) and $z$.\n\n> [!note] Call\n> body\n\n```\ncode\n```",
    "```\n# code\n```\n\n[[link]]",
    "> [!note] Call\n> $$x$$",
    "***\n\n[[link]]\n\n- item\n  [[link]]",
    "## Heading\n[[link]]",
]
LATER = [
    *("$$\ngood\n$$", "\\begin{align}\ngood\n\\end{align}\n\n\\begin{align*} good \\end{align*}"),
    *("%%\nhidden\n%%\n\na %%b%%", "text $$y$$", "- item\n  $$\n  x\n  $$", "> [!tip] B\n> $$x$$"),
    "> \\begin{align}\n> x\n> \\end{align}\n\n$$y$$",
]


def read(text):
    """What a text says, block by block, without what differs with the level."""
    said = []
    for token in MARKDOWN.parse(text):
        inner = [(child.type, child.content) for child in token.children or []]
        said.append((token.type, token.tag, token.meta if token.nesting else None, inner))
        said[-1] += (token.content,) if token.type != "inline" else ()
    return said


RESTS = [f"{BODIES[0]}\n\n{later}\n\nend\n" for later in LATER]
RESTS += [f"{body}\n\n{later}\n\nend\n" for body in BODIES[1:] for later in LATER[:1]]
ALONE = {rest: read(rest) for rest in RESTS}


@cache
def is_intact(text, rest):
    return read(text)[-len(ALONE[rest]) :] == ALONE[rest]


def broken(container, opener):
    """The texts whose rest is read as it is alone if nothing is opened above, and else is not."""
    opened = CONTAINERS[container](opener)
    plain = CONTAINERS[container](SIGN.sub("x", opener))  # some ends join: a quote below a quote
    ends = [(between + rest, rest) for between in BETWEEN for rest in RESTS]
    apart = [(end, rest) for end, rest in ends if is_intact(plain + end, rest)]
    assert len(apart) > 20
    return [opened + end for end, rest in apart if not is_intact(opened + end, rest)]


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_is_opened_in_a_container_leaves_the_rest_intact(container):
    for opener in OPENERS:
        if not ENDLESS.search(CONTAINERS[container](opener)):
            assert broken(container, opener) == []


def test_control_what_swallows_the_rest_is_noticed():
    assert broken("none", "%%\nx")
    assert not is_intact(f"```\nx\n\n{RESTS[0]}", RESTS[0])
    assert is_intact(f"x\n\n{RESTS[0]}", RESTS[0])


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("$$\na\n\nb\n$$\n\n# H", ["a\n\nb"]),
        ("$$\na\n\n\\text{if $b$}\n$$", ["a\n\n\\text{if $b$}"]),
        ("$$\n[[a]]\n$$", ["[[a]]"]),
        ("$$\na\n- b\n> c\n=\n+ d\n$$", ["a\n- b\n> c\n=\n+ d"]),
        ("- $$\n  a\n\n  b\n  $$\n- c", ["a\n\nb"]),
        ("> $$\n> a\n>\n> b\n> $$\nc", ["a\n\nb"]),
        ("\\begin{align}\na\n\nb\n\\end{align}", ["\\begin{align}\na\n\nb\n\\end{align}"]),
        ("> \\begin{align}\n> a\n> \\end{align}", ["\\begin{align}\na\n\\end{align}"]),
        ("- \\begin{align}\n  a\n  \\end{align}\n  b", ["\\begin{align}\na\n\\end{align}"]),
        ("- a\n\\begin{align}\nb\n\\end{align}", ["\\begin{align}\nb\n\\end{align}"]),
        ("- \\begin{align}\n  a\n\n\\end{align}", []),
        ("> \\begin{align}\n> a\n\n\\end{align}", []),
        ("> \\begin{align}\na\n\\end{align}", []),
        (
            "\\begin{align} a\n\n\\begin{align}\nb\n\\end{align}",
            ["\\begin{align}\nb\n\\end{align}"],
        ),
    ],
)
def test_what_is_closed_in_its_container_stays_a_formula(text, formulas):
    assert [t.content for t in MARKDOWN.parse(text) if t.type == "maths_block"] == formulas
