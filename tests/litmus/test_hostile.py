"""Can a note from anybody run code on a page, or pretend to be a part of the site?"""

# ruff: noqa: E501, SIM905  # texts to break things with, and long lists of words
import json
import logging
import re
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from mkdocs.__main__ import cli

from litmus.material.look import THEME
from tests import html
from tests.active import active, parsed, runs
from tests.html import unbalanced
from tests.litmus.conftest import write_files

ASK_FOR_FONTS = [
    script.split()
    for script in re.findall(
        r"<script>(.*?)</script>", (THEME / "litmus.html").read_text("utf-8"), re.DOTALL
    )
]
CONFIG = """
site_name: Test
theme: {name: material, features: [search.highlight]}
plugins: [search, tags, {litmus: {raw_html: %s}}]
"""

SCRIPT = "<script>alert(1)</script>"
ATTACKS = [
    SCRIPT,
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "<SvG/oNloAd=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='java&#9;script:alert(1)'>x</a>",
    "<a href=' &#1;javascript:alert(1)'>x</a>",
    "<a href='&#x6A;avascript&colon;alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='data:text/html,x'></object>",
    "<embed src=x.swf>",
    "<form action=https://evil.example><input name=a><button formaction=javascript:x>b</button>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>* {display: none}</style>",
    "<p style='position: fixed; inset: 0; background: url(https://evil.example)'>x</p>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video poster=javascript:alert(1) onerror=alert(1)><source onerror=alert(1)></video>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<svg><foreignObject><iframe src=javascript:alert(1)></iframe></foreignObject></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[><img src=x onerror=alert(1)>]]>",
    "<?xml ?><img src=x onerror=alert(1)?>",
    "<<script>script>alert(1)<</script>/script>",
    "<template><script>alert(1)</script></template>",
    "</article></main></body><script>alert(1)</script>",
    "<img src='x' alt='`><script>alert(1)</script>'>",
    "<img src=x: onerror\n=\nalert(1)>",
    "<a title='x\" onclick=\"alert(1)'>x</a>",
    '<b title="&quot; onclick=&quot;alert(1)">x</b>',
]
LINKS = [
    "[x](javascript:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "[x](JAVASCRIPT&colon;alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](javascript:alert(1))",
    '![" onerror="alert(1)](x.png)',
    '[x](y "\\" onclick=\\"alert(1)")',
    '[x](https://a.example/"onclick="alert(1))',
    "<javascript:alert(1)>",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "[[javascript:alert(1)]]",
    "[[javascript:alert(1)|<script>alert(1)</script>]]",
    '[[x" onclick="alert(1)]]',
    '![[x.png|" onerror="alert(1)]]',
    "![[javascript:alert(1).png]]",
    "[[#<script>alert(1)</script>]]",
    "[@\"><script>alert(1)</script>]",
    "[see <script>alert(1)</script> @a, <img src=x onerror=alert(1)>]",
    '```"><script>alert(1)</script>\ncode\n```',
    "```mermaid\ngraph TD; A[<img src=x onerror=alert(1)>] --> B\nclick A \"javascript:alert(1)\"\n```",
    "```quote\n<script>alert(1)</script>\n```",
    "```run\n<script>alert(1)</script>\n```",
    '> [!"><script>alert(1)</script>] t\n> x',
    "> [!note onclick=alert(1)]\n> x",
    r"$\href{javascript:alert(1)}{x}$ $\url{javascript:alert(1)}$",
    r"$\htmlData{x=1}{x} \includegraphics{javascript:alert(1)}$",
    r"$\text{<script>alert(1)</script>}$",
    "$<img src=x onerror=alert(1)>$",
    "#tag<script>alert(1)</script>",
    "a ^\"><script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "- [<script>] x",
]  # fmt: skip


def everywhere(attack):
    """A note with an attack in each of its parts."""
    line = attack.replace("\n", " ")
    cell = line.replace("|", "\\|")
    return f"""# Title {line}

{attack}

text {line} text ^[note {line}] and [^1] ==mark {line}== **b {line}** [label {line}](https://a.example)

[^1]: foot {line}

## Heading {line}

> [!warning] callout {line}
> {line}

> [!lemma]- {line}
> - item {line}
>   - {line}

| a {cell} | b |
|---|---|
| {cell} | [[index\\|{cell}]] |

[[index|label {line}]] ends. A sentence {line} with [[other {line}]] and [[index]].

![[index#Words]]
"""


def hostile_vault():
    """A vault with every attack in every place that a page may show."""
    quoted = json.dumps(f'"><img src=x onerror=alert(1)>{SCRIPT}')
    files = {f"a{i}.md": everywhere(attack) for i, attack in enumerate(ATTACKS)}
    files |= {f"l{i}.md": f"# T\n\n{link}\n\n- {link}\n" for i, link in enumerate(LINKS)}
    names = "title description author icon template status source citekey kind hide search".split()
    for name in names:
        files[f"p-{name}.md"] = f"---\n{name}: {quoted}\n---\ntext [[index]]\n"
    files |= {
        "index.md": f"# Home\n\n## Words\n\nwords {SCRIPT} <img src=x onerror=alert(1)>\n",
        "tags.in.properties.md": f"---\ntags: [{quoted}, 'R&D']\naliases: [{quoted}]\n---\n# T\n",
        "<img src=x onerror=alert(1)>.md": "no heading, see [[index]]\n",
        'it\'s "a" & <b>.md': "no heading, see [[index]]\n",
        "code.md": f"# About `{SCRIPT}` and \\</title>\\{SCRIPT}\n\nsee [[index]]\n",
        "about-titles.md": f"# About `</title>{SCRIPT}`\n\n![[code]] [[code]]\n",
        "claims/c.md": f"---\nkind: lemma\nsource: {quoted}\n---\n# C {SCRIPT}\n\nx {SCRIPT}\n",
        "shows.md": "![[claims/c]] [@evil; @evil2]\n",
        "references.bib": """
@misc{evil, title={<script>alert(1)</script>}, author={<img src=x onerror=alert(1)>, A},
  url={javascript:alert(1)}, year={"><script>alert(1)</script>}}
@article{evil2, title={T}, journal={J <script>alert(1)</script>}, author={B, B}, year={2000},
  url={https://a.example/" onclick="alert(1)}, doi={"><script>alert(1)</script>}}
""",
    }
    return files


def build(root, raw_html):
    files = {f"docs/{name}": text for name, text in hostile_vault().items()}
    write_files(root, {"mkdocs.yml": CONFIG % raw_html, **files})
    result = CliRunner().invoke(cli, ["build", "-f", str(root / "mkdocs.yml")])
    log = logging.getLogger("mkdocs")
    for handler in list(log.handlers):
        log.removeHandler(handler)  # they write to what CliRunner has closed
    assert result.exit_code == 0, result.output + str(result.exception)
    return root / "site", result.output


@pytest.fixture(scope="module")
def sites(tmp_path_factory, font):
    """The hostile vault as a site, not trusted and trusted, with what the builds said."""
    built = {}
    for trusted in ["false", "true"]:
        root = tmp_path_factory.mktemp(f"trusted-{trusted}")
        write_files(root, font)
        built[trusted] = build(root, trusted)
    return built


class Looked(HTMLParser):
    """Goes through a page once, and notes what is active and which tags are not balanced.

    The theme's own scripts and forms, which are alike on every page, are not counted.
    """

    def __init__(self, page):
        super().__init__()
        self.active, self.script, self.in_own_form = [], None, False
        self.unbalanced = html.unbalanced(page)
        self.feed(page)
        self.close()
        self.end_script()

    def handle_starttag(self, tag, attributes):
        known = {name: value or "" for name, value in attributes}
        if tag == "form" and is_own_form(known):
            self.in_own_form = True
        if self.in_own_form:
            return
        # Each attribute counts, also one that is given twice.
        found = runs(tag, [(name, value or "") for name, value in attributes])
        if tag == "script":
            self.script = (known, found, [])
        else:
            self.active += found

    def handle_data(self, text):
        if self.script:
            self.script[2].append(text)

    def handle_endtag(self, tag):
        self.in_own_form &= tag != "form"
        self.end_script()

    def end_script(self):
        if self.script and not is_own_script(self.script[0], "".join(self.script[2])):
            self.active += self.script[1]
        self.script = None


def is_own_form(attributes):
    return (
        "md-search__form" in attributes.get("class", "").split()
        or attributes.get("data-md-component") == "palette"
    )


def is_own_script(attributes, text):
    return bool(
        re.fullmatch(r"[./]*assets/[\w./-]+\.js", attributes.get("src", ""))
        or (attributes.get("id") == "__config" and json.loads(text))
        or re.match(r"__md_scope=|var palette|var target=document|var \w+=__md_get\(", text)
        or text.split() in ASK_FOR_FONTS
    )


@pytest.fixture(scope="module")
def looked(sites):
    """What was seen on each page of each site, by its path."""
    return {
        trusted: {
            file.relative_to(site).as_posix(): Looked(file.read_text(encoding="utf-8"))
            for file in sorted(site.rglob("*.html"))
        }
        for trusted, (site, _) in sites.items()
    }


def found_in(pages):
    """What is active on the pages of a site, by page."""
    return {path: page.active for path, page in pages.items() if page.active}


def test_nothing_of_a_hostile_vault_runs_on_any_page(looked):
    assert len(looked["false"]) > len(ATTACKS) + len(LINKS)
    assert found_in(looked["false"]) == {}


def test_control_where_the_author_trusts_the_notes_the_same_vault_runs(looked):
    found = found_in(looked["true"])
    active_alone = {f"a{i}/index.html" for i in range(len(ATTACKS))} & set(found)
    assert len(active_alone) > len(ATTACKS) * 0.8


def test_every_page_of_a_hostile_vault_is_balanced(looked):
    wrong = {path: page.unbalanced for path, page in looked["false"].items()}
    assert {path: tags for path, tags in wrong.items() if tags} == {}


def test_a_note_cannot_close_what_stands_around_it(sites):
    site, _ = sites["false"]
    for file in site.glob("a[0-9]*/index.html"):
        page = html.parsed(file.read_text(encoding="utf-8"))
        assert len(page.css("article")) == 1, file
        assert page.css_first("article [id^=heading]"), file


def test_the_search_index_has_no_markup_that_the_search_would_run(sites):
    site, _ = sites["false"]
    for entry in json.loads((site / "search/search_index.json").read_text())["docs"]:
        for part in [entry["title"], entry["text"], *entry.get("tags", [])]:
            assert active(parsed(part)) == [], entry["location"]


def test_what_is_left_out_is_reported_once_for_each_note(sites):
    _, said = sites["false"]
    assert said.count("a0.md:1: the note's HTML has <script>") == 1


CONTROLS = [
    "<script>x</script>",
    "<b onclick=x>",
    "<a href=javascript:x>",
    "<a href=' java\tscript:x'>",
    "<img src=data:text/html,x>",
    "<iframe></iframe>",
    "<form></form>",
    "<object data=x></object>",
    "<style></style>",
    "<meta http-equiv=refresh content=0>",
    "<b style='position:fixed'>",
    "<base href=x>",
]


@pytest.mark.parametrize("html", CONTROLS)
def test_control_what_is_active_is_noticed(html):
    assert active(parsed(f"<p>{html}</p>"))
    assert Looked(f"<p>{html}</p>").active
    assert Looked(f'<form class="md-search__form"><script>x</script></form>{html}').active


HARMLESS = {
    "x<br>y <sub>2</sub> <kbd>Ctrl</kbd>": "x<br>y <sub>2</sub> <kbd>Ctrl</kbd>",
    '<mark style="background: #FFF3A3A6;">m</mark>': '<mark style="background:#FFF3A3A6">m</mark>',
    '<span style="color:rgb(255, 0, 0)">r</span>': '<span style="color:rgb(255, 0, 0)">r</span>',
    '<font color="red">r</font>': '<font color="red">r</font>',
    '<img src="pic.png" width="100">': '<img src="../pic.png" width="100">',
    '<a href="b.md">b</a>': '<a href="../b/">b</a>',
    "<ruby>a<rt>b</rt></ruby>": "<ruby>a<rt>b</rt></ruby>",
    "<details>\n<summary>s</summary>\n\n*x*\n\n</details>": "<p><em>x</em></p>\n</details>",
    '<div align="center">\n\nmid\n\n</div>': '<div align="center">\n\n<p>mid</p>\n</div>',
    '<iframe src="https://v.example/1"></iframe>': '<a href="https://v.example/1">https://v.e',
    "a List<String> b": "a List&lt;String&gt; b",
    '<b class="claim-status" id="x" data-card>b</b>': "<b>b</b>",
    "an <b>open tag\n\nends with its paragraph": "ends with its paragraph</p>",
    "<%* tp.file.title %>": "&lt;%* tp.file.title %&gt;",
    "a <!-- said to nobody --> b": "<p>a  b</p>",
    "<a href='https://[x'>z</a> <a href='//[x]'>y</a>": "<a>z</a> <a>y</a>",
    "<a href='zotero://select/1'>z</a>": '<a href="zotero://select/1">z</a>',
}


@pytest.mark.parametrize(("written", "expected"), HARMLESS.items())
def test_what_is_harmless_stays(project, written, expected):
    made = project({"docs/n.md": written + "\n", "docs/b.md": "# B\n", "docs/pic.png": b""})
    html, _ = made.render("n.md")
    assert expected in html
    assert not unbalanced(html)


def test_a_link_that_leads_out_of_the_vault_is_left_out(project, tmp_path):
    made = project({"docs/n.md": "![[secret]] ![[key.txt]] ![[same]]\n", "outside.md": "SECRET\n"})
    (tmp_path / "docs/secret.md").symlink_to(tmp_path / "outside.md")
    (tmp_path / "docs/key.txt").symlink_to("/etc/hostname")
    (tmp_path / "docs/folder").symlink_to(tmp_path, target_is_directory=True)
    made.write({"docs/real.md": "INSIDE\n"})
    (tmp_path / "docs/same.md").symlink_to(tmp_path / "docs/real.md")
    html, _ = made.render("n.md")
    assert "SECRET" not in html
    assert "INSIDE" in html
    vault = made.read().vault
    assert {*vault.notes, *vault.files} == {"n.md", "real.md", "same.md"}
    assert [p.file for p in made.read().problems if "outside" in p.what] == ["key.txt", "secret.md"]


BOMBS = {
    "quotes in one another": (">" * 10_000 + " last", "too deep", "last"),
    "lists in one another": ("- " * 10_000 + "last", "too deep", "last"),
    "a note of 50 MB": ("word " * 10_000_000, "too many to read", "word"),
    "tags in one another": ("<div>" * 50_000 + "last", "HTML tags", "last"),
    "a macro that calls itself": (r"$\def\a{\a\a}\a$ last", "Too many expansions", "last"),
    "a last line without end": ("$$\n\\text{__y}\n$$\n\n> 7. <pre>\n>    \n>    ", "", "<pre>"),
    "addresses that begin": ("<http://" * 4_000, "", "http://"),
    "commands that begin": ("<%\n" * 4_000 + "a %> b", "", "<%".replace("<", "&lt;")),
    "definitions that begin": ("$" + "\\def\\a{" * 1_200 + "$", "cannot be set", "def"),
    "a formula of 100 KB": ("$" + "x" * 100_000 + "$", "longer than", "xxx"),
    "open brackets": ("[" * 10_000, "", "[[["),
    "stars": ("*a " * 10_000, "", "*a *a"),
    "code of one line": ("```python\n" + "(" * 100_000 + "\n```", "", "((("),
}


# Most take a tenth of a second: what takes time in proportion to the square of a text takes longer.
@pytest.mark.timeout(15)
@pytest.mark.parametrize(("text", "why", "kept"), BOMBS.values(), ids=BOMBS)
def test_what_would_take_for_ever_is_bounded_and_shown(project, text, why, kept):
    made = project({"docs/n.md": text})
    html, problems = made.render("n.md")
    assert why in " ".join([*problems, *map(str, made.read().problems)])
    assert kept in html
    assert not unbalanced(html)


@pytest.mark.timeout(60)
def test_embeds_that_multiply_are_linked_instead(project):
    notes = {f"docs/n{i}.md": f"![[n{i + 1}]]\n\n" * 10 for i in range(12)}
    html, problems = project({**notes, "docs/n12.md": "end\n"}).render("n0.md")
    assert sum("embeds" in problem for problem in problems) == 1
    assert len(html) < 50_000_000
