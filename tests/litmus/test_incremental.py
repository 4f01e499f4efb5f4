"""Does a build that begins from a previous one leave the very files of one that begins anew?"""

import gc
import random
import shutil

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig

from litmus.material.commands import BASE
from litmus.render.page import RULES
from litmus.site import mark
from litmus.vault import properties

VAULT = {
    "index.md": "# Home\n\n[[a]], [[b#Part]], [[nowhere]] and ![[sub/c#^block]] #tag/inner\n",
    "a.md": "---\naliases: first\n---\n# A $x$\n\n[[second]]. A note[^1]. #tag\n\n[^1]: Foot.\n",
    "b.md": "---\naliases: second\ntags: x\n---\n# B\n\n## Part\n\n![[a]] and [[sub/c]]. [@k]\n",
    "sub/c.md": "# C\n\nBlock with [[first|label]] and [a](../a.md#a-x). ^block\n\n![[p.png]]\n",
    "sub/k.md": "---\ncitekey: k\nauthors: [Ng]\nyear: 2004\n---\n# K\n\n[[c]] [[lemma]]\n",
    "claims/lemma.md": "---\nkind: lemma\n---\n# L\n\n[[def]]\n\n## Proof\n\nBy [[def]].\n",
    "claims/def.md": "---\nkind: definition\n---\n# D\n\nAn $x$.\n",
    "claims/top.md": "---\nkind: theorem\n---\n# T\n\n## Proof\n\nBy [[lemma]].\n\n![[lemma]]\n",
    "references.bib": "@misc{l, author = {L, A}, title = {T}, year = {2020}}",
    "p.png": "a picture",
}
TEXTS = [
    "Plain words.",
    "A [[{}]] in a sentence. And more.",
    "![[{}]]",
    "![[{}#Part]] beside",
    "[[{}#^block|there]]",
    "> [!note] With [[{}]]",
    "[@l] and [@k] and [[missing one]]",
    "$$\ny_{{{}}}\n$$",
    "#tag/other and ==marked==",
]


def configured(settings, **options):
    """Return a configuration with plugins of its own: MkDocs keeps one for all of a process."""
    kept = dict(MkDocsConfig._schema)["plugins"].plugin_cache
    kept.clear()
    config = load_config(str(settings), **options)
    kept.clear()
    return config


class Live:
    """A vault that is built once and then updated, as under `serve`."""

    def __init__(self, folder):
        self.vault, self.site = folder / "vault", folder / "site"
        for path, text in VAULT.items():
            self.write(path, text)
        self.plugin = self.build(self.site)

    def write(self, path, text):
        (self.vault / path).parent.mkdir(parents=True, exist_ok=True)
        (self.vault / path).write_text(text, encoding="utf-8")

    def build(self, site):
        config = configured(BASE, docs_dir=str(self.vault), site_name="V", site_dir=str(site))
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
        return config.plugins["litmus"]

    def update(self):
        """Return the pages that were made again."""
        made, session, dress = [], self.plugin.session, self.plugin.session.dress
        session.dress = lambda page: made.append(page.address) or dress(page)
        if not session.update(self.plugin.frame.fits):  # the menu, which stands on every page
            self.plugin = self.build(self.site)
        session.dress = dress
        return made

    def differences(self):
        """Return the files in which the site differs from one that is built from nothing."""
        anew = self.site.with_name("anew")
        shutil.rmtree(anew, ignore_errors=True)
        self.build(anew)
        found, wanted = contents(self.site), contents(anew)
        return sorted(p for p in found.keys() | wanted.keys() if found.get(p) != wanted.get(p))


def contents(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def live(tmp_path):
    return Live(tmp_path)


def change(live, draw):
    """Make one random change in a vault; return it in words."""
    notes = sorted(p.relative_to(live.vault).as_posix() for p in live.vault.rglob("*.md"))
    path = draw.choice([note for note in notes if note != "index.md"] or notes)
    note, other = live.vault / path, draw.choice(notes)
    name = other.removesuffix(".md").rpartition("/")[2]
    kind = draw.choice(
        ["write", "write", "write", "line", "rename", "delete", "new", "alias", "file"]
    )
    if kind == "write":
        text = note.read_text(encoding="utf-8")
        live.write(path, f"{text}\n\n{draw.choice(TEXTS).format(name)}\n")
    elif kind == "line":
        lines = note.read_text(encoding="utf-8").split("\n")
        del lines[draw.randrange(len(lines))]
        live.write(path, "\n".join(lines))
    elif kind == "rename":
        where = live.vault / draw.choice(["", "sub/", "other/"]) / f"{draw.choice('abcdef')}.md"
        where.parent.mkdir(exist_ok=True)
        note.rename(where)
    elif kind == "delete":
        note.unlink()
    elif kind == "new":
        live.write(f"sub/{draw.choice('abcxyz')}.md", f"# New\n\n## Part\n\n[[{name}]] ^block\n")
    elif kind == "alias":
        live.write(
            path, f"---\naliases: [{draw.choice(['first', 'second', 'nowhere'])}]\n---\n# X\n"
        )
    else:
        live.write(draw.choice(["p.png", "sub/q.png", "references.bib"]), f"{draw.random()}")
    return f"{kind} {path} with {other}"


@pytest.mark.parametrize("seed", range(4))
def test_after_random_changes_the_site_is_as_if_built_anew(live, seed):
    draw, done = random.Random(seed), []
    for _ in range(3):
        for _ in range(draw.choice([1, 1, 4])):
            done.append(change(live, draw))
        live.update()
        assert live.differences() == [], done


def test_control_a_page_that_is_not_made_again_is_noticed(live):
    live.write("claims/def.md", VAULT["claims/def.md"].replace("An", "Another"))
    found = [mark.FILE, "claims.json", "claims/def/index.html", "search/search_index.json"]
    assert live.differences() == found


def test_an_edit_makes_only_the_pages_again_that_it_can_touch(live):
    live.write("a.md", VAULT["a.md"].replace("A note", "Another note"))
    # The home page embeds the block of c that links to a part of it.
    assert sorted(live.update()) == ["", "a/", "b/", "sub/c/"]


def test_a_new_note_is_found_by_links_that_led_nowhere(live):
    live.write("sub/nowhere.md", "# There\n")
    assert "" in live.update()
    assert 'href="sub/nowhere/"' in (live.site / "index.html").read_text(encoding="utf-8")


def test_a_new_note_that_no_link_means_makes_no_other_page_again(live):
    live.write("sub/other.md", "---\naliases: another\n---\n# Other\n")
    made = live.update()
    assert "sub/other/" in made
    # The home page has a link to nowhere, with the nearest names.
    assert not {"a/", "b/", "sub/c/", "sub/k/", "claims/lemma/", "claims/top/"} & {*made}


def test_a_link_leads_to_a_new_note_that_is_nearer_than_the_one_before(live):
    page = live.site / "sub/k/index.html"
    assert 'href="../../claims/lemma/"' in page.read_text(encoding="utf-8")
    live.write("sub/lemma.md", "# Nearer\n")
    assert "sub/k/" in live.update()
    assert 'href="../lemma/"' in page.read_text(encoding="utf-8")
    assert live.differences() == []


def test_what_a_deleted_note_left_is_removed(live):
    (live.vault / "sub/k.md").unlink()
    live.update()
    assert not (live.site / "sub/k").exists()
    assert (live.site / "sub/c/index.html").exists()


@pytest.mark.parametrize("note", ["404.html.md", "open-ends.md", "a/index.html/x.md"])
def test_a_note_that_takes_a_place_of_the_site_and_goes_is_as_if_built_anew(live, note):
    live.write(note, "# New\n\n[[a]] [[nowhere]]\n")
    live.update()
    assert live.differences() == []
    (live.vault / note).unlink()
    live.update()
    assert live.differences() == []


def test_a_note_that_raises_and_is_mended_is_as_if_built_anew(live, monkeypatch):
    tags, rule = properties.tags, RULES["maths_block"]

    def raising(written):
        return {}["no such thing"] if written.get("tags") == "raise" else tags(written)

    monkeypatch.setattr(properties, "tags", raising)
    monkeypatch.setitem(
        RULES, "maths_block", lambda at: rule(at) if at.token.content != "0" else {}["zero"]
    )
    sound = {path: (live.vault / path).read_text(encoding="utf-8") for path in ("a.md", "sub/c.md")}
    live.write("a.md", sound["a.md"].replace("aliases: first", "tags: raise\naliases: first"))
    live.write("sub/c.md", sound["sub/c.md"] + "\n$$\n0\n$$\n")
    live.update()
    assert live.differences() == []
    for path in ("a", "sub/c"):
        page = (live.site / path / "index.html").read_text(encoding="utf-8")
        assert '<pre class="unresolved">' in page
    for path, text in sound.items():
        live.write(path, text)
    live.update()
    assert live.differences() == []
    assert "raises" not in (live.site / "open-ends/index.html").read_text(encoding="utf-8")


def test_nothing_is_made_again_where_nothing_has_changed(live):
    assert live.update() == []


def test_two_builds_of_the_same_vault_are_the_same(live):
    assert live.differences() == []


def remembered(plugin):
    """How many things are kept from one edit to the next, by kind."""
    made = plugin.session.made
    return {
        "phrases": len(made.phrases),
        "notes": len(made.notes),
        "files": len(made.files),
    }


def test_edits_leave_nothing_that_grows_with_their_number(live):
    def edit(number):
        live.write("a.md", VAULT["a.md"].replace("A note", f"Note {number} of [[b]] and [[c]]"))
        live.write("sub/c.md", VAULT["sub/c.md"] + f"\n\nBy [[a]], {number} times.\n")
        assert live.plugin.session.update(live.plugin.frame.fits)

    for number in range(1000, 1005):
        edit(number)
    (live.vault / "b.md").rename(live.vault / "d.md")
    live.plugin.session.update(live.plugin.frame.fits)
    before = remembered(live.plugin)
    for number in range(1005, 1030):
        edit(number)
    (live.vault / "d.md").rename(live.vault / "e.md")
    live.plugin.session.update(live.plugin.frame.fits)
    assert remembered(live.plugin) == before


HARMLESS = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>'
RUNS = HARMLESS.replace("<circle", "<script>x</script><circle")
SHOWS = {
    "embeds.md": "![[d.svg]]\n",
    "shows.md": "![a picture](d.svg)\n",
    "links.md": "[a link](d.svg)\n",
    "names.md": "[[d.svg]]\n",
    "sub/beside.md": "> [!note] [there](../d.svg)\n",
}


def test_a_page_is_made_again_when_a_file_that_it_shows_is_withheld_or_no_longer(live):
    for path, text in {"d.svg": HARMLESS, "apart.svg": HARMLESS, **SHOWS}.items():
        live.write(path, text)
    live.update()
    pages = {path: live.site / path.removesuffix(".md") / "index.html" for path in SHOWS}
    shown = {path: page.read_text(encoding="utf-8") for path, page in pages.items()}
    assert all('d.svg"' in html for html in shown.values())
    live.write("d.svg", RUNS)
    made_again = {f"{path.removesuffix('.md')}/" for path in SHOWS}
    assert made_again <= {*live.update()}
    assert live.differences() == []
    assert not (live.site / "d.svg").exists()
    for page in pages.values():
        html = page.read_text(encoding="utf-8")
        assert 'd.svg"' not in html
        assert 'class="unresolved"' in html
    live.write("d.svg", HARMLESS)
    assert made_again <= {*live.update()}
    assert live.differences() == []
    assert {path: page.read_text(encoding="utf-8") for path, page in pages.items()} == shown
    live.write("apart.svg", RUNS)  # which no page shows
    assert not made_again & {*live.update()}


def test_the_collector_is_on_again_after_a_build(tmp_path):
    before = gc.isenabled()
    gc.enable()
    try:
        live = Live(tmp_path)
        assert gc.isenabled()
        live.write("a.md", "# Another\n")
        live.update()
        assert gc.isenabled()
    finally:
        (gc.enable if before else gc.disable)()
