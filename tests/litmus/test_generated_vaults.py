"""Does the site of a generated vault show all that the generator wrote down, and nothing else?"""

import re
from functools import cache

import pytest

from tests.ground_truth import GENERATOR, Checked, Truth, generate, render

pytestmark = pytest.mark.skipif(not GENERATOR.exists(), reason=f"there is no {GENERATOR}")


NOTES, FEWER = 100, 60  # each construct that the generator knows is in them


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function that returns the vault of a seed with its manifest and its site, made once."""

    @cache
    def of(seed, notes=NOTES):
        folder = tmp_path_factory.mktemp("generated") / "vault"
        manifest = generate(folder, notes, seed)
        return folder, manifest, render(folder)

    return of


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_generated_vault_comes_out_as_its_manifest_says(made, seed):
    folder, manifest, site = made(seed)
    assert list(Truth(folder, manifest, site).faults()) == []
    assert manifest["counts"]["broken_links"] > 5  # so there was something to report
    assert all(manifest["counts"].values())


@pytest.fixture(scope="module")
def vault(made):
    """A smaller vault with its manifest and its site, to be spoilt."""
    return made(7, FEWER)


SPOILT = {
    "a link is gone": (r"<a href=[^>]* data-card>(\w+)</a>", r"\1", "links shown"),
    "a link leads elsewhere": (r'<a href="\.\./[^"#]+', '<a href="../nowhere/', "leads to"),
    "a link has no fragment": (r'(<a href="\.\./\.\./[^"#]+)#[^"]+', r"\1", "part that is not"),
    "a fragment is not there": (r'(<a href="\.\./[^"#]+)#[^"]+', r"\1#nope", "part that is not"),
    "a link leads to another block": (
        r'(<a href="\.\./[^"#]+)#\^[^"]+',
        r"\1#main-result",
        "another block",
    ),
    "a link leads to another heading": (r"#main-result", "#setting", "another heading"),
    "a label is wrong": (r"(<a href=[^>]* data-card>)\w+", r"\1other", "is labelled"),
    "a broken link is shown as text": (r'<span class="unresolved">(M.*?)</span>', r"\1", "links"),
    "a word is lost": (r" gradient ", " ", "word lost: gradient"),
    "a word is added": (r" gradient ", " gradient or ", "word not written: or"),
    "a formula is lost": (r'<span class="tex">.*?</span>', "", "formula lost"),
    "a formula is text": (r'<span class="tex">(.*?)</span>', r"$\1$", "formula lost"),
    "a formula is not displayed": (r"tex display", "tex", "formula lost"),
    "a comment is shown": (r"</p>", " SECRET0001</p>", "a comment is shown"),
    "a comment's marks are left": (r" gradient ", " gradient %% ", "left raw"),
    "a link is left as written": (r" gradient ", " [[gradient]] ", "left raw"),
    "a heading has no id": (r'<h2 id="[^"]*"', "<h2", "heading without id"),
    "a heading is text": (r"<(/?)h2", r"<\1p", "headings"),
    "a block has no id": (r' id="\^thm[^"]*"', "", "is there 0 times"),
    "an id is there twice": (r"</h2>", '</h2><p id="setting"></p>', "id twice"),
    "a tag is left open": (r"</p>", "", "not balanced"),
    "code is lost": (r"manual_seed", "", "code lost"),
    "an image is another": (r"fig\d", "fig11", "shows"),
    "an embed is gone": (r'class="embed"', "", "embeds shown"),
    "an embed lacks a word": (
        r'(<div class="embed">.*?<p>.*?) \w+',
        r"\1",
        "lacks words of what it embeds",
    ),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_control_what_is_wrong_with_a_page_is_noticed(vault, spoilt):
    folder, manifest, site = vault
    wrong, instead, fault = SPOILT[spoilt]
    path = next(p for p, body in site.bodies.items() if re.search(wrong, body, re.DOTALL))
    body = re.sub(wrong, instead, site.bodies[path], count=1, flags=re.DOTALL)
    truth = Truth(folder, manifest, type(site)({**site.bodies, path: body}, site.problems))
    found = list(Checked(path, truth.sources[path], truth).faults())
    assert any(fault in line for line in found), found


COUNTED = {
    "a mark": r"</?mark>",
    "a checkbox": r'<input[^>]*type="checkbox"[^>]*>',
    "a table": r"</?table>",
    "a footnote": "footnote-item",
    "a callout": "admonition",
    "a tag": 'class="tag"',
}


@pytest.mark.parametrize("lost", COUNTED)
def test_control_what_the_manifest_counts_is_missed(vault, lost):
    folder, manifest, site = vault
    path = next(p for p, body in site.bodies.items() if re.search(COUNTED[lost], body))
    truth = Truth(folder, manifest, site)
    before = Checked(path, truth.sources[path], truth).counted
    body = re.sub(COUNTED[lost], "", site.bodies[path])
    truth = Truth(folder, manifest, type(site)({**site.bodies, path: body}, site.problems))
    assert Checked(path, truth.sources[path], truth).counted != before


def test_control_a_report_that_is_missing_too_much_or_elsewhere_is_noticed(vault):
    folder, manifest, site = vault

    def reported(problems):
        small = Truth(folder, manifest, type(site)(dict(site.bodies), problems))
        return [line for line in small.misreported()]

    assert reported(site.problems) == []
    first, *others = site.problems
    assert reported(others) == [f"not reported: {first.partition('. ')[0].removesuffix('.')}"]
    assert len(reported([*site.problems, first])) == 1
    assert len(reported([*site.problems, "x.md:1: no note is called 'x'."])) == 1
    assert len(reported([re.sub(r":\d+:", ":1:", first), *others])) == 2
