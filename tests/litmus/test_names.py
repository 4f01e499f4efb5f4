"""Any name that a file may have, links that lead out or round, and names that collide."""

import os

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner

from litmus.cli import main
from litmus.material import reports
from tests.litmus.conftest import write_files

STRANGE = [
    *("a" * 252, "ž" * 126, "ha#sh", "q?q", "100%", "%41", "it's", 'q"q', "<b>", "new\nline"),
    *("tab\t", "back\\slash", " ", "-", "x.", "[[x]]", "a|b", "a&b", "sp ace", "mañana 数学"),
]


@pytest.fixture
def site(tmp_path, warned):
    """A function that builds a folder of files as a site and returns what was said, and it."""

    def build(files, links=()):
        vault = tmp_path / "vault"
        write_files(vault, files)
        for name, target in dict(links).items():
            (vault / name).parent.mkdir(parents=True, exist_ok=True)
            (vault / name).symlink_to(target)
        result = CliRunner().invoke(main, ["site", str(vault), "--out", str(tmp_path / "out/site")])
        assert result.exit_code == 0, result.output + repr(result.exception)
        return warned, tmp_path / "out/site"

    return build


def page(file):
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser").article.get_text()


@pytest.mark.timeout(60)
def test_a_note_may_have_any_name(site):
    files = {f"{name}.md": f"text of {i}\n" for i, name in enumerate(STRANGE)}
    _, built = site({**files, "index.md": "# Home\n", "b" * 251 + ".png": b""})
    listed = BeautifulSoup((built / "notes/index.html").read_text("utf-8"), "html.parser")
    assert len(listed.article.select("a[data-card]")) == len(STRANGE) + 1
    for i, name in enumerate(STRANGE):
        assert f"text of {i}" in page(built / name / "index.html")
    assert (built / ("b" * 251 + ".png")).exists()


def test_a_name_that_is_no_text_is_reported(site, tmp_path):
    (tmp_path / "vault").mkdir()
    for name in [b"no\xff.md", b"pic\xfe.png"]:
        with open(os.path.join(os.fsencode(tmp_path / "vault"), name), "wb"):
            pass
    said, built = site({"index.md": "# Home\n"})
    assert sum("the name is not UTF-8" in line for line in said) == 2
    assert "Home" in page(built / "index.html")


SECRET = "\\newcommand{\\secret}{SECRET} @misc{secret, author={SECRET}, title={SECRET}}"


@pytest.mark.timeout(60)
def test_links_out_of_the_vault_are_not_read_and_links_round_end(site, tmp_path):
    (tmp_path / "outside").write_text(SECRET)
    (tmp_path / "app").write_text('{"strictLineBreaks": true}')
    names = ["references.bib", "preamble.sty", "note.md", "pic.svg"]
    links = {name: tmp_path / "outside" for name in names}
    links |= {"up": "..", "here": ".", "dead.md": "nothing", "self.md": "self.md"}
    links |= {".obsidian/app.json": tmp_path / "app"}
    said, built = site({"index.md": "a\nb $\\secret$ [@secret] ![[note]] ![[pic.svg]]\n"}, links)
    for name in ["up", "here", "dead.md", "self.md", *names]:
        assert sum(line.startswith(f"{name}: the f") for line in said) == 1
    html = (built / "index.html").read_text(encoding="utf-8")
    assert "SECRET" not in html
    assert "<br" in html
    assert not (built / "pic.svg").exists()


def test_control_links_within_the_vault_are_read(site):
    said, built = site({"index.md": "![[b]]\n", "a.md": "INSIDE\n"}, {"b.md": "a.md"})
    assert said == []
    assert "INSIDE" in page(built / "index.html")


def test_what_collides_is_reported_and_the_site_stays_whole(site):
    styles = {"assets/litmus.css": "* { display: none }", "search/search_index.json": "x"}
    files = {"c.md": "# One\n", "c/index.md": "# Two\n", "D.md": "# Big\n", "d.md": "# Small\n"}
    taken = {"g": "text", "g.md": "# G\n", "claims.json": "x", "sitemap.xml": "<x/>"}
    said, built = site({**styles, **files, **taken, "index.md": "# Home\n[[g]] [x](claims.json)\n"})
    assert sum("the same address, c/" in line for line in said) == 1
    assert sum("but for its case" in line for line in said) == 1
    for name in [*styles, "g", "claims.json", "sitemap.xml"]:
        assert sum(line.startswith(f"{name}: at this address") for line in said) == 1
    assert "display: none }" not in (built / "assets/litmus.css").read_text()[:30]
    assert (built / "claims.json").read_text() != "x"
    assert "G" in page(built / "g/index.html")
    assert len(said) == 7


AT_OURS = [
    *("index.html.md", "404.html.md", "claims.json.md", "claims.json/x.md", "sitemap.xml.md"),
    *("search/search_index.json.md", "search/search_index.json/x/y.md", "open-ends/index.html.md"),
    *("a/index.html/x.md", "a/index.html.md", "assets/katex/katex.css.md", "index.html/x/y.md"),
    *("assets/litmus.css.md", "assets/litmus.css/x.md", "assets/mermaid/mermaid.min.js.md"),
]


def test_a_note_at_a_file_of_the_site_is_left_out_and_all_others_are_there(site):
    files = {"a.md": "# A\n", "index.md": "# Home\n[[404.html]]\n", "assets/b.md": "# B\n"}
    said, built = site({**files, **dict.fromkeys(AT_OURS, "# Left out\nLEFT OUT\n")})
    for name in AT_OURS:
        [line] = [line for line in said if line.startswith(f"{name}: ")]
        assert "the note is left out. Rename it." in line
    assert [line for line in said if not line.startswith((*AT_OURS, "index.md:2"))] == []
    ours = ["assets/litmus.css", "assets/katex/katex.css", "claims.json", "404.html", "index.html"]
    for name in [*ours, "search/search_index.json", "a/index.html", "assets/b/index.html"]:
        assert "LEFT OUT" not in (built / name).read_text(encoding="utf-8")
    listed = page(built / "open-ends/index.html")
    assert all(name in listed for name in AT_OURS)
    assert page(built / "notes/index.html").count("Left out") == 0


def test_control_notes_with_almost_such_names_are_pages(site):
    names = ["b/index.html", "x/404.html", "claims.jsonl", "assets/x.css", "search", "assets"]
    said, built = site({f"{name}.md": f"# N\n{name}\n" for name in [*names, "index"]})
    assert said == []
    for name in names:
        assert name in page(built / name / "index.html")


def test_a_menu_has_no_page_that_only_a_note_left_out_would_need(site):
    said, built = site({"index.md": "# Home\n", "404.html.md": "---\ntags: [x]\n---\n# N\n"})
    assert len(said) == 1
    assert not (built / "tags").exists()
    assert "tags/" not in (built / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("note", ["open-ends.md", "open-ends/index.md", "Open-Ends.md"])
def test_a_note_does_not_take_the_place_of_the_open_ends(site, note):
    said, built = site({note: "# Mine\n[[nowhere]]\n", "index.md": "# Home\n"})
    assert any("nowhere" in line for line in said)
    assert "Mine" in page(built / note.removesuffix(".md").removesuffix("/index") / "index.html")
    assert "nowhere" in page(built / "open-ends-2/index.html")
    home = BeautifulSoup((built / "index.html").read_text("utf-8"), "html.parser")
    assert home.select('nav a[href="open-ends-2/"]')


def test_the_last_word_of_a_build_says_where_the_open_ends_are(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(reports.log, "info", said.append)
    write_files(tmp_path / "v", {"open-ends.md": "x", "open-ends-2.md": "[[nowhere]]"})
    CliRunner().invoke(main, ["site", str(tmp_path / "v"), "--out", str(tmp_path / "out")])
    assert said[-1].endswith(f"open ends: 1, see {tmp_path / 'out/open-ends-3'}")


def test_a_strict_build_stops_for_a_note_at_a_file_of_the_site(tmp_path, warned):
    write_files(tmp_path / "v", {"index.md": "# Home\n", "404.html.md": "x"})
    words = ["site", str(tmp_path / "v"), "--out", str(tmp_path / "out"), "--strict"]
    assert CliRunner().invoke(main, words).exit_code == 1
    assert any(line.startswith("404.html.md: where its page") for line in warned)
