"""Code that comes with notes: what a browser would run is not published, the rest never run."""

import pytest
from click.testing import CliRunner
from mkdocs.__main__ import cli

from litmus.cli import main
from litmus.site.project import Project
from litmus.vault.attachments import runs
from tests.litmus.conftest import write_files

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"%s</svg>'
HTML = "http://www.w3.org/1999/xhtml"
RUN = {
    "a script": "><script>alert(1)</script>",
    "a script by prefix": ' xmlns:x="http://www.w3.org/2000/svg"><x:script>alert(1)</x:script>',
    "a handler": ' onload="alert(1)">',
    "a handler inside": '><g><rect onclick="alert(1)"/></g>',
    "an address": '><a href="javascript:alert(1)"><text>x</text></a>',
    "an old address": '><a xlink:href=" java&#10;script:alert(1)"><text>x</text></a>',
    "an address that comes": '><a><set attributeName="href" to="javascript:alert(1)"/></a>',
    "one of several": '><a><animate attributeName="href" values="x; javascript:alert(1)"/></a>',
    "a use of data": '><use href="data:image/svg+xml,&lt;svg/>"/>',
    "a page": f'><foreignObject><iframe xmlns="{HTML}" src="x"/></foreignObject>',
    "a form": f'><foreignObject><button xmlns="{HTML}">x</button></foreignObject>',
    "an unknown element": f'><foreignObject><x-y xmlns="{HTML}">x</x-y></foreignObject>',
    "no XML": "><rect",
    "what follows": "></svg><svg>",
}
CLEAN = {
    "shapes": '><style>a { fill: red }</style><path d="M0 0"/><a href="https://x.example/">x</a>',
    "labels": f'><switch><foreignObject><div xmlns="{HTML}">x</div></foreignObject></switch>',
    "a picture": '><image xlink:href="data:image/png;base64,AAAA"/><use href="#a"/>',
    "words about it": ' aria-label="javascript:alert(1)"><text>onload="alert(1)"</text>',
    "animation": '><animate attributeName="x" values="0; 1; 2" from="0" to="2"/>',
}
DOCTYPE = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd" %s>'
BOMB = '[<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)  # ten to the tenth letters


@pytest.fixture
def drawing(tmp_path):
    def write(text, name="x.svg"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize("inside", RUN.values(), ids=RUN)
def test_a_drawing_that_runs_code_is_noticed(drawing, inside):
    assert runs(drawing(SVG % inside))
    assert runs(drawing(SVG % inside, "X.XML"))


@pytest.mark.parametrize("inside", CLEAN.values(), ids=CLEAN)
def test_control_a_clean_drawing_is_not(drawing, inside):
    assert not runs(drawing(SVG % inside))
    assert not runs(drawing(DOCTYPE % "" + SVG % inside))


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "before",
    [
        DOCTYPE % (BOMB + "]"),
        DOCTYPE % '[<!ENTITY x SYSTEM "file:///etc/passwd">]',
        DOCTYPE % '[<!ATTLIST svg onload CDATA "alert(1)">]',
        '<?xml-stylesheet type="text/xsl" href="x.xsl"?>',
    ],
)
def test_entities_and_styles_that_write_code_are_noticed(drawing, before):
    assert runs(drawing(before + SVG % ">&j;&x;"))
    assert runs(drawing(before + SVG % ">"))


FILES = {
    "index.md": "![[evil.svg|drawn]] [[page.html]] [c](app.js) ![](evil.svg) ![[good.svg]]\n",
    "evil.svg": SVG % RUN["a script"],
    "good.svg": SVG % CLEAN["shapes"],
    "page.html": "<script>alert(1)</script>",
    "app.js": "alert(1)",
    "data.csv": "a,b\n",
}


def test_what_runs_is_not_published_and_links_to_it_are_text(tmp_path, warned):
    write_files(tmp_path / "vault", FILES)
    site = tmp_path / "site"
    CliRunner().invoke(main, ["site", str(tmp_path / "vault"), "--out", str(site)])
    published = {file.name for file in site.iterdir()}
    assert {"good.svg", "data.csv"} <= published
    assert not {"evil.svg", "page.html", "app.js"} & published
    page = (site / "index.html").read_text(encoding="utf-8")
    assert page.count('class="unresolved"') == 4
    assert 'src="good.svg"' in page
    for name in ["evil.svg", "page.html", "app.js"]:
        assert f'"{name}"' not in page
        assert sum(f"{name}: the file could run code" in text for text in warned) == 1
    assert not [text for text in warned if "there is no file" in text]


def test_control_our_own_files_are_published(tmp_path):
    write_files(tmp_path / "docs", FILES)
    assert Project.ours(tmp_path, tmp_path / "docs").vault.withheld == set()
    theirs = Project.foreign(tmp_path / "docs").vault.withheld
    assert theirs == {"evil.svg", "page.html", "app.js"}


OUR_SETTINGS = """
site_name: Test
theme: material
plugins: {litmus: {}, mkdocs-jupyter: {include: [labs/*.py], execute: true, ignore: ["*.md"]}}
"""


def with_code(root):
    """A vault with code in it, which leaves a mark beside the vault where it is run."""
    mark = f"from pathlib import Path\n\nPath(r'{root}/the-lab-ran').touch()\n"
    notes = "# Home\n\n```run\nsnippets/s.py\n```\n\n[[labs/lab.py]] [x](labs/lab.py) [y](https://a.test/b.py)\n"
    write_files(root, {"docs/index.md": notes, "docs/labs/lab.py": f"# %%\n{mark}"})
    write_files(root, {"snippets/s.py": "print('it ' + 'ran')\n"})
    write_files(root, {"docs/conftest.py": mark, "docs/mkdocs.yml": "hooks: [conftest.py]\n"})
    return root / "docs", root / "the-lab-ran"


def test_code_of_a_vault_that_is_not_ours_never_runs(tmp_path, warned):
    vault, mark = with_code(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(main, ["site", str(vault), "--out", str(tmp_path / "out/site")])
    assert result.exit_code == 0
    page = (tmp_path / "out/site/index.html").read_text(encoding="utf-8")
    assert not mark.exists()
    assert [path for path in sorted(tmp_path.rglob("*")) if "out" not in path.parts] == before
    assert "it ran" not in page
    assert page.count('<a href="labs/lab.py" download>') == 2  # there is no page of it
    assert '<a href="https://a.test/b.py">' in page  # a control: that one is not of the site
    assert not [text for text in warned if "by hand" in text]


def test_control_our_own_code_does(tmp_path, monkeypatch, runner_of, font):
    monkeypatch.setattr("litmus.site.session.Runner", runner_of)
    _, mark = with_code(tmp_path)
    write_files(tmp_path, {"mkdocs.yml": OUR_SETTINGS, **font})
    result = CliRunner().invoke(cli, ["build", "-f", str(tmp_path / "mkdocs.yml")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert mark.exists()
    assert "it ran" in page
    assert page.count('<a href="labs/lab/"') == 2
    assert (tmp_path / "site/labs/lab/lab.py").exists()
    assert not (tmp_path / "site/labs/lab.py").exists()
