"""Does each construct of the vault's language come out on the page as Obsidian shows it?"""

import gc
import re
import time
import unicodedata

import pytest
from bs4 import BeautifulSoup

from litmus.markdown import parser
from litmus.vault.note_reading import read_note

MARKDOWN = parser(strict_line_breaks=False)
BATCH_NORM = r"""---
aliases: BN, normalisation
---
# Batch norm $\gamma$

A paragraph. ^para

- an item ^Item
- another

1. a list

^list

$$
x
$$
^formula

> [!note] A callout
> body

^callout

| a |
|---|
| 1 |

^table

## The *loss* $L(c\theta)$ of `it` ^heading

### Below

first

## Other

### Below

second
"""
VAULT = {
    "docs/ideas/Batch Norm.md": BATCH_NORM,
    "docs/café.md": "# Café",
    "docs/a/twin.md": "# A's twin",
    "docs/b/twin.md": "# B's twin",
    "docs/papers/li.md": "---\ncitekey: Li:2019tn\n---\n# Li and Arora",
    "docs/p/plot.png": b"a picture",
    "docs/m.mp3": b"a sound",
    "docs/film.mp4": b"a film",
    "docs/paper.pdf": b"a paper",
    "docs/references.bib": """
        @misc{Li:2019tn, author = {Li, Zhiyuan and Arora, Sanjeev}, title = {Exp}, year = {2019}}
        @misc{ng, author = {Ng, Andrew}, title = {Four ways}, year = {2004}}
        @misc{many, author = {A, A and B, B and C, C}, title = {Together}, year = {2020}}
        """,
}
BN = '<a href="../ideas/Batch%20Norm/{}">{}</a>'


def link(shown, fragment=""):
    return BN.format(f"#{fragment}" if fragment else "", shown)


@pytest.fixture(scope="module")
def shown(project_in, tmp_path_factory):
    """A function that returns the HTML of a note in the vault above, and what is wrong with it."""
    vault = project_in(tmp_path_factory.mktemp("vault"), VAULT)

    def render(text):
        vault.write({"docs/note.md": text})
        html, problems = vault.render("note.md")
        # How a preview is asked for is the theme's business.
        return re.sub(r" data-[a-z]+(?=[ >])", "", html), problems

    return render


def squeezed(html):
    """Without the line breaks between tags, which no reader sees."""
    return re.sub(r">\s+|\s+<", lambda m: m[0].strip(), html)


LINKS = [
    ("[[batch norm]]", link("batch norm")),
    ("[[BATCH NORM]]", link("BATCH NORM")),
    ("[[Batch Norm.md]]", link("Batch Norm.md")),
    ("[[ideas/batch norm]]", link("ideas/batch norm")),
    ("[[./ideas/batch norm]]", link("./ideas/batch norm")),
    ("[[bn]]", link("bn")),
    ("[[Normalisation]]", link("Normalisation")),
    ("[[bn|the *label*]]", link("the <em>label</em>")),
    ("[[bn|a [b] c]]", link("a [b] c")),
    ("[[bn|$x_1$]]", link('<span class="tex">x_1</span>')),
    ("| a |\n|---|\n| [[bn\\|in a table]] |", link("in a table")),
    (f"[[{unicodedata.normalize('NFD', 'café')}]]", 'href="../caf%C3%A9/"'),
    (f"[[{unicodedata.normalize('NFC', 'CAFÉ')}]]", 'href="../caf%C3%A9/"'),
    ("[[a/twin]]", '<a href="../a/twin/">a/twin</a>'),
    ("[[b/twin]]", '<a href="../b/twin/">b/twin</a>'),
    ("[[bn#Other]]", link("bn &gt; Other", "other")),
    ("[[bn#other#below]]", link("bn &gt; other &gt; below", "below-1")),
    ("[[bn#below]]", link("bn &gt; below", "below")),
    (r"[[bn#The loss $L(c\theta)$ of it|x]]", link("x", "the-loss-lctheta-of-it")),
    (r"[[bn#The *loss* $L(c\theta)$ of `it`|x]]", link("x", "the-loss-lctheta-of-it")),
    ("[[bn#^para|x]]", link("x", "^para")),
    ("[[bn#^item|x]]", link("x", "^Item")),
    ("[[bn#^list|x]]", link("x", "^list")),
    ("[[bn#^formula|x]]", link("x", "^formula")),
    ("[[bn#^callout|x]]", link("x", "^callout")),
    ("[[bn#^table|x]]", link("x", "^table")),
    ("[[bn#^heading|x]]", link("x", "^heading")),
    ("[[#Here]]\n\n# Here", '<a href="#here">Here</a>'),
    ("[[#^b]]\n\nblock ^b", '<a href="#^b">^b</a></p>\n<p id="^b">block</p>'),
    ("[x](ideas/Batch%20Norm.md)", link("x")),
    ("[x](<ideas/Batch Norm.md>)", link("x")),
    ("[x](ideas/Batch%20Norm.md#Other)", link("x", "other")),
    ("[x](#Two%20words)\n\n## Two words", '<a href="#two-words">x</a>'),
    ("[x](https://example.org/#a)", '<a href="https://example.org/#a">x</a>'),
    ("https://example.org", '<a href="https://example.org">https://example.org</a>'),
    ("`[[bn]]`", "<code>[[bn]]</code>"),
]
BLOCKS = [
    ("text ^id", '<p id="^id">text</p>'),
    ("text\n^id", '<p id="^id">text</p>'),
    ("- a ^id\n- b", '<ul><li id="^id">a</li><li>b</li></ul>'),
    ("- a\n- b\n\n^id", '<ul id="^id"><li>a</li><li>b</li></ul>'),
    ("> q\n\n^id", '<blockquote id="^id"><p>q</p></blockquote>'),
    ("$$\nx\n$$\n^id", '<div class="formula" id="^id">'),
    ("> [!note]- T\n> b\n\n^id", '<details class="admonition note" id="^id">'),
    ("text ^id and more", "<p>text ^id and more</p>"),
    ("x^2", "<p>x^2</p>"),
    ("# H ^id", '<h1 id="h"><span id="^id"></span>H<a'),
]
EMBEDS = [
    ("![[plot.png]]", '<img src="../p/plot.png" alt="plot" loading="lazy">'),
    ("![[plot.png|300]]", 'alt="plot" width="300" loading'),
    ("![[plot.png|300x200]]", 'alt="plot" width="300" height="200" loading'),
    ("![[plot.png|a curve]]", 'alt="a curve" loading'),
    ("![a curve|300](p/plot.png)", 'alt="a curve" width="300" loading'),
    ("![[m.mp3]]", '<audio controls src="../m.mp3" aria-label="m">'),
    ("![[film.mp4|320]]", '<video controls src="../film.mp4" aria-label="film" width="320">'),
    ("![[paper.pdf]]", '<object class="pdf" data="../paper.pdf"'),
    ("![[bn#Other]]", '<p class="embedded-heading h2">Other</p>'),
    ("![[bn#Other]]", "<p>second</p>"),
    ("![[bn#Other#Below]]", 'class="embedded-heading h3">Below</p><p>second</p>'),
    ("![[bn#^para]]", "<p>A paragraph.</p>"),
    ("![[bn#^item]]", "<ul><li>an item</li></ul>"),
    ("![[bn#^formula]]", '<div class="formula"><span class="tex display">x</span></div>'),
    ("![[bn#^table]]", "<td>1</td>"),
    ("![[bn#^callout]]", '<p class="admonition-title">A callout</p>'),
    ("![[bn]]", r'<p class="embed-source"><a href="../ideas/Batch%20Norm/">Batch norm <span'),
    ("![[bn#^para]]", '<a href="../ideas/Batch%20Norm/#^para">'),
    ("before ![[café]] after", '<p>before</p><div class="embed">'),
    ("before ![[café]] after", "</div><p>after</p>"),
]
CALLOUTS = [
    ("> [!note]\n> b", '<div class="admonition note"><p class="admonition-title">Note</p><p>b</p>'),
    ("> [!NOTE] T", '<div class="admonition note"><p class="admonition-title">T</p></div>'),
    ("> [!note|wide] T\n> b", '<div class="admonition note">'),
    ("> [!tip]- T\n> b", '<details class="admonition tip"><summary>T</summary>'),
    ("> [!tip]+ T\n> b", '<details class="admonition tip" open><summary>T</summary>'),
    ("> [!faq]\n> b", '<div class="admonition question"><p class="admonition-title">Faq</p>'),
    ("> [!tldr] T\n> b", '<div class="admonition abstract">'),
    ("> [!error] T\n> b", '<div class="admonition danger">'),
    ("> [!note] *T* [[bn]]\n> b", f"<em>T</em> {link('bn')}</p>"),
    ("> [!note] T\n> > [!tip] In\n> > b", 'T</p><div class="admonition tip">'),
    ("> [!note] T\n> - a", "T</p><ul><li>a</li></ul></div>"),
    ("> [!note] T\n> ```\n> c\n> ```", "T</p><div class"),
    ("> [!note] T\n> | a |\n> |---|\n> | 1 |", "T</p><table>"),
    ("> [!note] T\n> ---", "T</p><hr /></div>"),
    ("> [!lemma] Orthogonality\n> b", ">Lemma · Orthogonality</p>"),
    ("> [!proof]\n> b", ">Proof</p>"),
    ("> [!proof]- of it\n> b", "<summary>Proof · of it</summary>"),
    ("> [!proof]- Proof\n> b", "<summary>Proof</summary>"),
    ("> [!thm] Theorem 2.1: Gauß\n> b", ">Theorem 2.1: Gauß</p>"),
    ("> [!proof] Proofs\n> b", ">Proof · Proofs</p>"),
    ("> a quote", "<blockquote><p>a quote</p></blockquote>"),
    (">      [!note] code\n- a", "<ul><li>a</li></ul>"),
]
THEOREMS = [
    *[("axiom", "axm"), ("definition", "def"), ("lemma", "lem"), ("proposition", "prp")],
    *[("theorem", "thm"), ("corollary", "cor"), ("claim", "clm"), ("assumption", "asm")],
    *[("example", "exm"), ("exercise", "exr"), ("conjecture", "cnj"), ("hypothesis", "hyp")],
    ("remark", "rmk"),
]
LINE, DISPLAY = '<span class="tex">{}</span>', '<span class="tex display">{}</span>'
BLOCK = f'<div class="formula">{DISPLAY}</div>'
MATHS = [
    ("a $x_1*y*z$ b", f"<p>a {LINE.format('x_1*y*z')} b</p>"),
    ("$$x$$", BLOCK.format("x")),
    ("text\n$$\nx+y\n$$\nafter", f"<p>text</p>{BLOCK.format('x+y')}<p>after</p>"),
    ("text\n$$x$$\nafter", f"<p>text</p>{BLOCK.format('x')}<p>after</p>"),
    ("$$x$$ after", f"<p>{DISPLAY.format('x')} after</p>"),
    ("$$\nx\n$$ after", f"{BLOCK.format('x')}<p>after</p>"),
    ("text $$x$$ text", f"<p>text {DISPLAY.format('x')} text</p>"),
    ("$$\na\n\nb\n$$", BLOCK.format("a\n\nb")),
    ("- a\n  $$\n  x\n  $$\n- b", f"<li>a{BLOCK.format('x')}</li><li>b</li>"),
    ("> $$\n> x\n> $$", f"<blockquote>{BLOCK.format('x')}</blockquote>"),
    ("> [!note] T\n> $$\n> x\n> $$", f"T</p>{BLOCK.format('x')}</div>"),
    (r"$a<b$", LINE.format("a&lt;b")),
    ("\\begin{align}\na&=b\n\\end{align}", BLOCK.format("\\begin{align}\na&amp;=b\n\\end{align}")),
    ("text\n\\begin{align}\na\n\\end{align}", "<p>text</p><div class"),
    ("It costs $5 and $6.", "<p>It costs $5 and $6.</p>"),
    ("$x$5", "<p>$x$5</p>"),
    ("$ x $", "<p>$ x $</p>"),
    (r"\$x\$", "<p>$x$</p>"),
    ("`$x$`", "<code>$x$</code>"),
    ("    $$\n    x\n    $$", "<code>$$\nx\n$$"),
]
LI, NG = "../papers/li/", "../references/#ref-ng"
CITATIONS = [
    ("[@Li:2019tn]", f'<p>(<a class="citation" href="{LI}">Li &amp; Arora, 2019</a>)</p>'),
    ("[@ng]", f'(<a class="citation" href="{NG}">Ng, 2004</a>)'),
    ("[@Li:2019tn, p. 3; @ng]", '2019</a>, p. 3; <a class="citation"'),
    ("[see @ng, ch. 2]", f'(see <a class="citation" href="{NG}">Ng, 2004</a>, ch. 2)'),
    ("[@many]", ">A et al., 2020</a>"),
    ("@ng says", f'<p><a class="citation" href="{NG}">Ng (2004)</a> says</p>'),
    ("So says @Li:2019tn.", f'<a class="citation" href="{LI}">Li &amp; Arora (2019)</a>.</p>'),
    ("me@example.org", "<p>me@example.org</p>"),
    ("`[@ng]`", "<code>[@ng]</code>"),
]
SMALL_THINGS = [
    ("==a *b*==", "<mark>a <em>b</em></mark>"),
    ("a == b == c", "<p>a == b == c</p>"),
    ("`==a==`", "<code>==a==</code>"),
    ("a %%secret%% b", "<p>a  b</p>"),
    ("%%\nsecret\n\nsecret\n%%\n\nkept", "<p>kept</p>"),
    ("> %%\n> secret\n> %%\n> kept", "<blockquote><p>kept</p></blockquote>"),
    ("%%secret%% kept", "<p> kept</p>"),
    ("`%%code%%`", "<code>%%code%%</code>"),
    ("```\n%%code%%\n```", "%%code%%"),
    ("a %%unclosed", "a %%unclosed"),
    ("~~x~~", "<s>x</s>"),
    ("- [ ] a", 'disabled="disabled" type="checkbox" aria-label="to do"> a'),
    ("- [x] a", 'checked="checked"'),
    ("a^[a *note*]", "<p>a <em>note</em> <a"),
    ("a[^1]\n\n[^1]: foot", 'class="footnote-item"><p>foot <a'),
    ("#tag and #a/b", ">#tag</a> and <a"),
    ("#tag and #a/b", ">#a/b</a>"),
    ("#y2019 and #2019", ">#y2019</a> and #2019</p>"),
    ("`#tag`", "<code>#tag</code>"),
    ("a#b", "<p>a#b</p>"),
    ("[x](#h)\n\n# H", '<a href="#h">x</a>'),
    ("```python\nx = 1\n```", '<div class="language-python highlight">'),
    ("```nolanguage\nx = 1\n```", "<code>x = 1\n</code>"),
    ("<b>raw</b>", "<b>raw</b>"),
]


def cases(*tables):
    rows = [row for table in tables for row in table]
    return pytest.mark.parametrize(("text", "wanted"), rows, ids=[repr(r[0]) for r in rows])


@cases(LINKS, BLOCKS, EMBEDS, CALLOUTS, MATHS, CITATIONS, SMALL_THINGS)
def test_what_is_written_becomes_what_obsidian_shows(shown, text, wanted):
    html, problems = shown(text)
    # Blocks are compared without the white space between tags, text with all of it.
    assert wanted in html or wanted in squeezed(html)
    assert not problems


@pytest.mark.parametrize("kind", [name for names in THEOREMS for name in names])
def test_theorem_kinds_keep_their_kind_in_the_title_under_both_names(shown, kind):
    long = next(names[0] for names in THEOREMS if kind in names)
    html, _ = shown(f"> [!{kind}] Title\n> body")
    assert f">{long.capitalize()} · Title</p>" in html


def test_control_other_callouts_do_not(shown):
    html, _ = shown("> [!warning] Title\n> body")
    assert ">Title</p>" in html


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a\n\n[[btch norm]]",
            "note.md:3: no note is called 'btch norm'. Did you mean 'batch norm",
        ),
        ("a\nb [[nothing like it]]", "note.md:2: no note is called 'nothing like it'. Write"),
        ("[[twin]]", "note.md:1: 'twin' could be a/twin.md or b/twin.md. Write more of the path."),
        ("[[bn#Otter]]", "ideas/Batch Norm.md has no heading 'Otter'. Did you mean 'Other'?"),
        ("[[bn#Below#Other]]", "ideas/Batch Norm.md has no heading 'Below#Other'."),
        ("[[bn#^nope]]", "ideas/Batch Norm.md has no block ^nope."),
        ("![[bn#^nope]]", "ideas/Batch Norm.md has no block ^nope."),
        ("a\n\nb\n![[nope]]", "note.md:4: no note is called 'nope'."),
        ("![[nope.png]]", "no note is called 'nope.png'."),
        ("[x](nope.md)", "there is no file 'nope.md'."),
        ("[x](ideas/Batch%20Norm.md#Otter)", "has no heading 'Otter'."),
        (
            "a\n\n> [!note] T\n> [@nng]",
            "note.md:4: no reference has the key 'nng'. Did you mean 'ng",
        ),
        ("a\n$$\nx\n\\frac{\n$$", "note.md:4: the formula cannot be set: "),
        ("$$\\nope$$", "note.md:1: the formula cannot be set: Undefined control sequence: \\nope."),
        ("- a\n- $\\nope$", "note.md:2: the formula cannot be set"),
        ("\\begin{align}\na\n\\nope\n\\end{align}", "note.md:3: the formula cannot be set"),
        ("---\ntags: a\n---\n\n[[nope]]", "note.md:5: no note is called 'nope'."),
        ("| a |\n|---|\n| b |\n| [[nope]] |", "note.md:4: no note is called 'nope'."),
    ],
    ids=repr,
)
def test_what_leads_nowhere_is_reported_with_its_line_and_what_is_near(shown, text, problem):
    _, problems = shown(text)
    assert len(problems) == 1
    # Names are suggested as their authors wrote them, so without regard to case here.
    assert problem.casefold() in problems[0].casefold()


def test_an_unresolved_link_keeps_its_text_and_has_no_address(shown):
    html, _ = shown("[[nothing like it|the *label*]]")
    assert html == '<p><span class="unresolved">the <em>label</em></span></p>\n'


EVERYTHING = r"""
A [[bn|link]], ![[plot.png|20]], $x^2$, [@ng], ==mark==, ~~gone~~, ^[a note] and #tag. ^p

%%secret%%

> [!lemma]- Title ^not-here
> $$
> y
> $$
> ^formula

![[bn]]

![[#Section]]

## Section

- item ^item

again ![[bn#^para]]
"""


def test_no_markup_of_the_vault_is_left_on_the_page(shown):
    html, problems = shown(EVERYTHING)
    text = BeautifulSoup(html, "html.parser").get_text()
    assert not problems
    # The title of a callout is not a block of its own; what looks like an id there is text.
    text = text.replace("^not-here", "")
    assert not re.search(r"\[\[|\]\]|%%|\$\$|==|~~|\^[a-z]+|\[@|\[!", text), text


def test_ids_are_unique_on_a_page_that_embeds_notes_and_itself(shown):
    html, _ = shown(EVERYTHING)
    ids = [tag["id"] for tag in BeautifulSoup(html, "html.parser").select("[id]")]
    assert {"^p", "^formula", "^item", "section"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_footnotes_of_an_embedded_note_have_ids_of_their_own(project):
    notes = {"docs/a.md": "a^[one]\n\n![[b]]", "docs/b.md": "b^[two]"}
    html, _ = project(notes).render("a.md")
    page = BeautifulSoup(html, "html.parser")
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids)) == 4  # two references, two notes
    assert all(a["href"][1:] in ids for a in page.select('a[href^="#"]'))


@pytest.mark.parametrize(
    ("strict", "wanted"), [("true", "<p>a\nb</p>\n"), ("false", "<p>a<br />\nb</p>\n")]
)
def test_a_single_newline_is_what_obsidian_is_set_to(project, strict, wanted):
    settings = {"docs/.obsidian/app.json": f'{{"strictLineBreaks": {strict}}}'}
    assert project({"docs/n.md": "a\nb", **settings}).render("n.md") == (wanted, [])


@pytest.mark.parametrize(
    ("properties", "tags"),
    [
        ("tags: [a, b]", ["a", "b"]),
        ("tags:\n  - a\n  - b", ["a", "b"]),
        ("tags: a, b", ["a", "b"]),
        ("tags: '#a'", ["a"]),
        ("tags: 2019", ["2019"]),
        ("tags:", []),
        ("unknown: {x: 1}", []),
    ],
)
def test_tags_may_be_a_list_a_string_or_nothing(project, properties, tags):
    vault = project({"docs/n.md": f"---\n{properties}\n---\ntext #inline"}).read().vault
    assert vault.notes["n.md"].tags == [*tags, "inline"]


def test_tags_in_code_are_none(project):
    vault = project({"docs/n.md": "`#no` and\n\n```\n#no\n```\n\n#yes"}).read().vault
    assert vault.notes["n.md"].tags == ["yes"]


def test_a_note_that_is_not_published_is_not_there_and_links_to_it_are_unresolved(project):
    small = project({"docs/n.md": "[[other]]", "docs/other.md": "---\npublish: false\n---\n"})
    assert "no note is called 'other'" in small.render("n.md")[1][0]
    small.write({"docs/other.md": "---\npublish: true\n---\n"})
    assert small.render("n.md")[1] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("---\na: b: c\n---\n", "n.md:2: the properties cannot be read: "),
        ("---\nok: 1\nsource: @key\n---\n", "n.md:3: the properties cannot be read: "),
        ("---\n- a\n- b\n---\n", "n.md:2: the properties are not names with values."),
        (b"---\nok: 1\n---\n\nna\xefve", "n.md:5: the file is not UTF-8: byte 0xef"),
    ],
)
def test_a_note_that_cannot_be_read_is_reported_with_its_line(project, text, problem):
    found = project({"docs/n.md": text, "docs/good.md": ""}).read()
    assert [str(p).startswith(problem) for p in found.problems] == [True]
    assert [len(note.problems) for note in found.vault.notes.values()] == [0, 1]


@pytest.mark.parametrize(
    "opening",
    [
        *[
            "==a ",
            "[[",
            "[[a|",
            "[[a|[b ",
            "$a ",
            "$\\$",
            "%%a ",
            "[@a ",
            "[@a;",
            "@a[",
            "^[a",
            "[^",
            "#a/b ",
        ],
        *[
            "#1",
            "![[",
            "$$\n",
            "\\begin{align}\n",
            "text $$\n",
            "%%\na",
            "a ^x\n\n",
            "# A\n",
            "- [ ] ",
        ],
    ],
    ids=repr,
)
def test_what_is_opened_again_and_again_takes_time_in_proportion(opening):
    def seconds(length):
        text = ("[^1]: x\n\n" + opening * (length // len(opening))).encode()
        begin = time.process_time()
        read_note(text, "n.md", MARKDOWN)
        return time.process_time() - begin

    def is_in_proportion():
        # Eight times the text: in proportion eight times as long, if quadratic 64 times.
        return seconds(4_000) < 14 * seconds(500) + 0.01

    gc.disable()  # as a build does; so what other tests have left is not counted
    try:
        # A busy machine may disturb one time that is so short, but hardly three.
        assert any(is_in_proportion() for _ in range(3))
    finally:
        gc.enable()
