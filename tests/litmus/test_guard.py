"""Does a note that makes any rule raise cost its own page alone, told once, in its words?"""

import os
import re

import pytest

from litmus.claims import backlinks, claim
from litmus.files import reading
from litmus.files.writing import writer
from litmus.markdown import parser
from litmus.python.runs import Runner
from litmus.render import embeds, renderer
from litmus.render.page import RULES
from litmus.site import search
from litmus.site.build import Build
from litmus.site.project import Project
from litmus.tex import katex
from litmus.vault import bibliography, links, notes, properties, vault
from litmus.vault.first_to_raise import line_that_raises
from tests.litmus.conftest import write_files

# Every construct, so that every rule has something to do.
BAD = r"""---
tags: [boom]
aliases: [worse]
kind: lemma
link: "[[good]]"
---
# Boom *title* #tag ^top

Text `code` [[good]] [a](good.md) ![p](pic.png) ![[pic.png]] $x$ $$y$$ ==m== [@k] @k ~~s~~ **b**
<b>h</b> https://e.org ^[foot] [^1] <% t %> &amp; \* <https://e.org> } [[good|label]] #t *i*\
hard. Another sentence with [[good]] in it.

- [ ] task
- item ^item

1. one

![[good#Part]]

> [!note] Title
> x

> quote

| a | b |
|---|---|
| c | d | e |

```python
x
```

    indented

$$
z
$$

<div>block</div>

---

%% hidden %%

## Proof

By [[good]].

[^1]: Foot.

[r]: good.md
"""
VAULT = {
    "bad.md": BAD,
    "good.md": "# Good\n\n## Part\n\nFirst words.\n\n![[bad]]\n\nLast words, see [[bad]].\n",
    "other.md": "Words. ![[good]] And ![[bad#Proof]].\n\n[@k]\n",
    "claims/one.md": "---\nkind: theorem\n---\n# One\n\n[[bad]]\n\n## Proof\n\nBy [[bad]].\n",
    "references.bib": "@misc{k, author = {K, A}, title = {T}, year = {2020}}",
    "pic.png": "a picture",
}
NOWHERE = {"footnote_anchor", "unread_properties"}  # tokens that the parser puts in by itself
SPECIAL = {  # what no sound note has
    "too_deep": ">" * 120 + " x\n",
    "unread_properties": "---\na: b: c\n---\nx\n",
    "too_long": "x" * (reading.LONGEST + 1),
}


class BoomError(ValueError):
    """What a rule raises here, and nothing else does."""


ERROR = BoomError("no such luck")


def boom(*_, **__):
    raise ERROR


def built(folder):
    """The pages of a foreign folder by address, without a theme, and the problems of its notes."""
    pages = {}

    def write(path, content):
        pages[path] = content if isinstance(content, bytes) else content.read_bytes()

    project = Project.foreign(folder)
    made = Build(project, Runner(folder), lambda page: katex.typeset(page.html), write).run()
    return {
        path: content.decode(errors="replace") for path, content in pages.items()
    }, made.problems


@pytest.fixture
def folder(tmp_path):
    write_files(tmp_path / "vault", VAULT)
    return tmp_path / "vault"


def raised(problems):
    return [p for p in problems if p.kind == "raised"]


def assert_it_alone_is_as_written(folder, told="BoomError: no such luck", path="bad.md"):
    pages, problems = built(folder)
    assert [p.file for p in raised(problems)] == [path]
    (problem,) = raised(problems)
    assert told in problem.what
    assert pages["open-ends/index.html"].count(told) == 1
    assert '<pre class="unresolved">' in pages["bad/index.html"]
    for page in ("good", "other"):
        assert "First words." in pages[f"{page}/index.html"]
        assert "Last words" in pages[f"{page}/index.html"]
        assert 'href="../bad/' in pages[f"{page}/index.html"]
    assert "By " in pages["claims/one/index.html"]
    assert not re.search("notes?/index.html", " ".join(set(pages) ^ PAGES))
    return problem, pages


def test_control_the_vault_is_sound(folder):
    pages, problems = built(folder)
    assert not raised(problems)
    assert "<em>title</em>" in pages["bad/index.html"]
    assert pages["good/index.html"].count("<em>title</em>") == 1
    assert set(pages) == PAGES


PAGES = {
    *("pic.png", "references.bib"),
    *("index.html", "notes/index.html", "bad/index.html", "good/index.html", "other/index.html"),
    *("claims/one/index.html", "claims/index.html", "assumptions/index.html", "tags/index.html"),
    *("references/index.html", "open-ends/index.html"),
    *("claims.json", "claims.schema.json"),
}


def rules_of(md):
    """Each rule of a parser: its chain, its name."""
    chains = {"core": md.core.ruler, "block": md.block.ruler, "inline": md.inline.ruler}
    chains["inline2"] = md.inline.ruler2
    return {
        f"{chain} {rule.name}": rule
        for chain, ruler in chains.items()
        for rule in ruler.__rules__
        if rule.enabled
    }


@pytest.mark.parametrize("name", rules_of(parser(False)))
def test_a_rule_of_the_parser_raises(folder, monkeypatch, name):
    def patched(*arguments, **options):
        md = parser(*arguments, **options)
        rule = rules_of(md)[name]
        inner = rule.fn

        def raising(state, *rest):
            if "Boom" in state.src or "Text" in state.src:
                boom()
            return inner(state, *rest)

        rule.fn = raising
        return md

    monkeypatch.setattr(vault, "parser", patched)
    problem, pages = assert_it_alone_is_as_written(folder)
    assert problem.line in {7, 9, 10}  # the heading, or the text that has every sign
    assert "==m==" in pages["bad/index.html"]
    assert '<a class="embed" href="../bad/" data-card>bad</a>' in pages["good/index.html"]
    assert "no heading" not in pages["open-ends/index.html"]


def rendered_types():
    """Each type of token that the note above has."""
    md = parser(False)
    found = set()
    for text in (BAD.split("---\n", 2)[2], SPECIAL["too_deep"]):
        found |= {t.type for t in notes.walk(md.parse(text)) if not t.hidden}
    lists = {f"footnote_{part}" for part in ("block_open", "block_close", "open", "close")}
    return found - {"inline", "block_id", *lists}


@pytest.mark.parametrize("name", sorted({*RULES, *rendered_types()} - {"as_written"}))
def test_a_rule_of_the_renderer_raises(folder, monkeypatch, name):
    if name in SPECIAL:
        (folder / "bad.md").write_text(SPECIAL[name])
    one = renderer.Renderer.__init__

    def patched(self, *arguments):
        one(self, *arguments)
        rule = self.rules.get(name, lambda at: self._plain(at.tokens, at.index, at.scope))

        def raising(at):
            return (boom if at.scope.note.path == "bad.md" else rule)(at)

        self.rules = {**self.rules, name: raising}

    monkeypatch.setattr(renderer.Renderer, "__init__", patched)
    problem, _ = assert_it_alone_is_as_written(folder)
    assert problem.line or name in NOWHERE


def when(text, inner):
    """A function that raises where it is given something with a text in it."""

    def one(*arguments, **options):
        return (boom if text in repr(arguments) else inner)(*arguments, **options)

    return one


STAGES = {
    "the properties": (properties, "split", "worse", 1),
    "tags": (properties, "tags", "boom", 1),
    "aliases": (properties, "aliases", "worse", 1),
    "links in properties": (properties, "links", "[[good]]", 1),
    "headings": (notes, "comparable", "Boom", None),
    "the kind of a claim": (claim, "_kind", "bad.md", None),
    "the statement of a claim": (claim, "_in_dollars", "foot", None),
    "what of a note is searched": (search, "plain_text", "foot", None),
    "what a note links": (links, "sentences", "foot", None),
    "where its links lead": (backlinks, "_led", "bad.md", None),
}


@pytest.mark.parametrize(("where", "name", "text", "line"), STAGES.values(), ids=STAGES)
def test_a_stage_raises(folder, monkeypatch, where, name, text, line):
    monkeypatch.setattr(where, name, when(text, getattr(where, name)))
    assert_it_alone_is_as_written(folder)


def test_an_exception_as_such_has_no_line_if_no_text_is_needed_for_it():
    def lines(text):
        return line_that_raises(lambda part: 1 / ("x" not in part), text, known)

    known = 0
    assert lines("a\nb\nx\nc\nx") in {3, 5}
    assert lines("x\na") == 1
    assert line_that_raises(boom, "a\nb", 0) is None
    known = 2
    assert lines("---\nx\na\nx") == 1
    assert lines("---\na\na\nx") == 4


OTHER_FILES = {  # what lies in a vault beside its notes -> what is told of it
    "references.bib": {
        b"@misc{k, author = {K}, title = {T\xe9}, year = {2020}}": "not UTF-8: byte 0xe9",
        b"\xff\xfe\x00": "not UTF-8",
        b"@misc{k, author = {A, B, C, D}, title = {T}}": "Too many commas",
        b"@misc{k, title = " + b"{" * 5000: "references.bib:",
        b"\x00" * 1000: "",
        b" " * (reading.LONGEST - 1) + "ä".encode() * 9: "",
        b"%" * (bibliography.LONGEST + 1): "too many to read",
    },
    "preamble.sty": {b"\\newcommand": "", b"\xff": "", b"\\def\\a{" * 300: ""},
    ".obsidian/app.json": dict.fromkeys(
        [
            b"",
            b"[]",
            b"null",
            b"\xff",
            b"[" * 100_000,
            b'{"strictLineBreaks": {"a": [1]}}',
            b"9" * 9999,
        ],
        "",
    ),
    ".obsidian/templates.json": dict.fromkeys(
        [b'{"folder": %s}' % shape for shape in (b"null", b"3", b"[]", b"{}", b'""', b'"/"')], ""
    ),
    "map.canvas": dict.fromkeys(
        [
            b'{"nodes": %s}' % shape
            for shape in (
                b"3",
                b'{"a": 1}',
                b'[{"type": "text", "text": 3, "x": 1%s}]' % (b"0" * 400),
                b'[{"type": "file", "file": "\\ud800"}]',
                b'[{"type": "group", "label": {}}, [], null]',
            )
        ],
        "",
    ),
    "view.base": {b"\xff\x00": ""},
    "drawing.svg": {b"<svg" + b"<g>" * 50_000: "", b"": "", b"\xff\xfe<svg": ""},
}


@pytest.mark.parametrize(
    ("path", "raw", "told"),
    [(path, raw, told) for path, shapes in OTHER_FILES.items() for raw, told in shapes.items()],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_other_files_may_have_any_content(folder, path, raw, told):
    more = "\n![[map.canvas]] ![[view.base]] ![[drawing.svg]] $\\a$\n"
    write_files(folder, {path: raw, "None/n.md": "# N\n", "good.md": VAULT["good.md"] + more})
    pages, problems = built(folder)
    assert "First words." in pages["good/index.html"]
    assert "None/n/index.html" in pages
    assert told in " ".join(str(p) for p in problems if p.file == path)
    assert "<em>title</em>" in pages["bad/index.html"]
    assert told or not [p for p in problems if p.file == path and "UTF-8" in p.what]


def raise_at(monkeypatch, word, error=ERROR):
    """Let the rule of words raise where they have a word in them."""
    rule = RULES["text"]

    def raising(at):
        if word in at.token.content:
            raise error
        return rule(at)

    monkeypatch.setitem(RULES, "text", raising)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# A\n\nwords\nraise\n", 4),
        ("---\na: 1\n---\n# A\n\n> - words\n>   more raise\n", 7),
        ("words\n\n| a | b |\n|---|---|\n| c | d |\n| e | *raise* |\n", 6),
        ("# A\n\n> [!note] raise\n> x\n", 3),
        ("a[^1]\n\n[^1]: b\n    raise\n", 4),
    ],
)
def test_the_line_of_what_raises(folder, monkeypatch, text, line):
    raise_at(monkeypatch, "raise")
    write_files(folder, {"at.md": text, "shows.md": "![[at]]\n"})
    assert [(p.file, p.line) for p in raised(built(folder)[1])] == [("at.md", line)]


def test_what_is_embedded_and_raises_is_linked_and_all_around_it_stays(folder, monkeypatch):
    raise_at(monkeypatch, "Raise")
    more = {
        "a.md": "# A\n\nBefore[^1]. ![[b]] ![[map.canvas]] After.\n\n[^1]: Foot of A.\n",
        "b.md": "# B\n\nWords of B[^1]. ![[c]] Below.\n\n[^1]: Foot of B.\n",
        "c.md": "# C\n\nWords of C[^1] and $x_c$ [^2].\n\n[^1]: Raise.\n\n[^2]: Raise, too.\n",
        "d.md": "![[c]] D itself. ![[c]] ![[c#^1]]\n",
        "map.canvas": '{"nodes": [{"type": "text", "text": "Raise"}]}',
        "e.md": "# E\n\n![[b]] E itself.\n\nRaise\n",
    }
    write_files(folder, more)
    pages, problems = built(folder)
    assert [p.file for p in raised(problems)] == ["c.md", "e.md", "map.canvas#1"]
    page = pages["a/index.html"]
    for words in ("Before", "After", "Foot of A", "Words of B", "Below", "Foot of B"):
        assert words in page
    assert page.count("<li id=") == 2  # the footnotes, and none of C
    assert not {"Words of C", "x_c", "Raise"} & set(re.findall(r"Words of C|x_c|Raise", page))
    assert '<a class="embed" href="../c/" data-card>c</a>' in page
    assert '<a class="embed" href="../map.canvas">map.canvas</a>' in page
    assert "D itself" in pages["d/index.html"]
    assert pages["d/index.html"].count('href="../c/"') >= 2
    for path in ("c", "e"):
        assert pages[f"{path}/index.html"].startswith('<pre class="unresolved"># ')


def test_a_title_and_a_sentence_that_raise_are_plain_elsewhere(folder, monkeypatch):
    raise_at(monkeypatch, "Raise")
    write_files(folder, {"bad.md": "# Raise *it*\n\nRaise with [[other]] in it.\n"})
    _, pages = assert_it_alone_is_as_written(folder)
    assert ">Raise it</a>" in pages["notes/index.html"]


def test_a_note_of_which_even_what_is_written_cannot_be_shown_by_a_rule(folder, monkeypatch):
    monkeypatch.setattr(properties, "split", when("worse", properties.split))
    monkeypatch.setitem(RULES, "as_written", boom)
    assert_it_alone_is_as_written(folder)


def test_a_formula_that_raises_is_as_written_and_no_other(folder, monkeypatch):
    monkeypatch.setattr(katex, "compact", when("x_{raise}", katex.compact))
    more = "# $x_{raise}$\n\n$x_{raise}$ and $x_{good}$ in words.\n"
    write_files(folder, {"sums.md": more, "shows.md": "![[sums]] beside\n"})
    pages, problems = built(folder)
    told = [str(p) for p in problems if "no such luck" in p.what]
    assert [place.partition(": ")[0] for place in told] == ["sums.md:1", "sums.md:3"]
    for page in ("sums", "shows"):
        html = pages[f"{page}/index.html"]
        assert "in words" in html
        assert 'title="BoomError: no such luck">x_{raise}</code>' in html
        assert 'data-tex="x_{good}"' in html or "x_{good}" in html


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), SystemExit()], ids=repr)
@pytest.mark.parametrize(
    ("where", "name"),
    [(properties, "aliases"), (embeds, "_note"), (claim, "_kind"), (search, "_sections")],
)
def test_what_is_no_fault_of_a_note_passes_through(folder, monkeypatch, where, name, error):
    def raising(*_):
        raise error

    monkeypatch.setattr(where, name, raising)
    with pytest.raises(type(error)):
        built(folder)


def test_a_note_that_is_private_stays_so_whatever_raises(folder, monkeypatch):
    private = "---\npublish: false\nBoom: 1\n---\nSECRET\n"
    broken = "---\npublish: false\na: b: c\n---\nSECRET\n"
    huge = "---\npublish: false\n---\nSECRET\n" + "x" * reading.LONGEST
    write_files(folder, {"p.md": private, "q.md": broken, "r.md": huge})
    monkeypatch.setattr(properties, "tags", when("Boom", properties.tags))
    pages, problems = built(folder)
    assert not [path for path in pages if path[0] in "pqr" and path[1] == "/"]
    assert "SECRET" not in "".join(pages.values())
    assert not raised(problems)


def test_a_note_that_cannot_be_read_is_an_empty_page(folder, monkeypatch):
    def read(file, *rest):
        if file.name == "bad.md":
            raise PermissionError(13, "Permission denied", str(file))
        return reading.read(file, *rest)

    monkeypatch.setattr(vault, "read_bytes", read)
    _, pages = assert_it_alone_is_as_written(folder, "PermissionError: Permission denied")
    assert str(folder) not in pages["open-ends/index.html"]


def test_files_that_vanish_or_are_none_are_left_out(folder, monkeypatch):
    write_files(folder, {"gone.png": b"g", "gone.svg": b"<svg/>", "sub/x.png": b"x"})
    for name in ("fifo.md", "fifo.png", "preamble.sty", "sub/fifo.svg", ".obsidian/app.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        os.mkfifo(folder / name)
    (folder / "references.bib").unlink()
    (folder / "references.bib").mkdir()
    (folder / "folder.md").mkdir()
    read = Project.foreign

    def vanishing(docs):
        project = read(docs)
        (folder / "gone.png").unlink()
        (folder / "gone.svg").unlink()
        return project

    monkeypatch.setattr(Project, "foreign", vanishing)
    pages, problems = built(folder)
    assert [str(p).partition(". ")[0] for p in problems if "gone" in p.file] == [
        "gone.png: this raises FileNotFoundError: No such file or directory",
        "gone.svg: this raises FileNotFoundError: No such file or directory",
    ]
    assert "First words." in pages["good/index.html"]
    assert not [path for path in pages if "fifo" in path or "folder" in path]


def test_notes_that_several_processes_make(tmp_path, monkeypatch):
    raise_at(monkeypatch, "Raise")
    monkeypatch.setattr(properties, "tags", when("worse", properties.tags))
    many = {f"n{i}.md": f"# N{i}\n\nWords [[n{i + 1}]].\n" for i in range(300)}
    some = {f"n{i}.md": f"# N\n\nRaise [[n{i + 1}]].\n" for i in range(0, 300, 7)}
    write_files(tmp_path, {**many, **some, "z.md": "---\naliases: worse\n---\nx\n"})
    deep = {f"deep{n}.md": f"---\nx: {'[' * n}{']' * n}\n---\nx\n" for n in (99, 200, 490, 900)}
    write_files(tmp_path, deep | {name.replace("deep", "0"): text for name, text in deep.items()})
    project, out = Project.foreign(tmp_path), tmp_path / "site"
    runner, write = Runner(tmp_path), writer(out)
    made = Build(project, runner, lambda page: page.html, write).run()
    assert {p.file for p in raised(made.problems)} == {*some, "z.md"}
    pages = {path: (out / path / "index.html").read_text() for path in ("n1", "n7", "n294", "z")}
    assert "<p>Words " in pages["n1"]
    assert [path for path in pages if '<pre class="unresolved">' in pages[path]] == [
        "n7",
        "n294",
        "z",
    ]


def test_a_vault_of_which_every_note_raises(tmp_path, monkeypatch):
    monkeypatch.setattr(claim, "_kind", boom)
    some = {f"n{i}.md": f"# N{i}\n\n[[n{i + 1}]] ![[n{i + 2}]]\n" for i in range(99)}
    write_files(tmp_path, some)
    pages, problems = built(tmp_path)
    assert len(raised(problems)) == 99
    assert pages["n1/index.html"] == '<pre class="unresolved"># N1\n\n[[n2]] ![[n3]]\n</pre>\n'
