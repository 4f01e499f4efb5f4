"""Has every claim of ours a check, and a control for each assumption that one can do without?"""

import re
from pathlib import Path

import pytest

from litmus.claims.claims import Claims
from litmus.claims.kinds import FOUNDATIONS
from litmus.claims.recorder import marks_of
from litmus.claims.ways import WAYS
from litmus.vault.notes import walk
from litmus.vault.vault import Vault

ROOT = Path(__file__).parents[1]
WHY = re.compile("^Why the assumptions matter$")


@pytest.fixture(scope="module")
def vault():
    return Vault.read(ROOT / "docs")[0]


@pytest.fixture(scope="module")
def results(vault):
    """The claims that say something which could be false."""
    return [claim for claim in Claims.read(vault).values() if claim.kind not in FOUNDATIONS]


@pytest.fixture(scope="module")
def marks(request):
    """What the tests of this run say that they check; nothing is said by a run of a few of them."""
    files = {item.path for item in request.session.items}
    if not {*ROOT.glob("tests/snippets/test_*.py"), *ROOT.glob("tests/labs/test_*.py")} <= files:
        pytest.skip("only a run of all tests knows which claims have one")
    return {mark for item in request.session.items for mark in marks_of(item)}


def test_every_result_has_a_check_and_every_theorem_a_control(results, marks):
    for claim in results:
        roles = {said.role for said in marks if said.claim == claim.name}
        assert roles & {"claim", "counterexample"}, claim.name
        assert "control" in roles or claim.kind == "conjecture", claim.name


def spoken_of(claim, vault):
    """What a claim's note links where it says why the assumptions matter: names, blocks by ^id."""
    found = set()
    for section in claim.sections(WHY):
        for link in (token for token in walk(section) if token.type == "wikilink"):
            path = vault.resolve(link.meta["target"], claim.note.path)
            found.add(link.meta["part"] if path == claim.note.path else Path(path or "").stem)
    return found


def unsaid(claim, vault, dropped):
    """What a claim assumes that no control drops and its note does not speak of, either."""
    return claim.droppable - dropped - spoken_of(claim, vault)


def test_where_no_control_drops_an_assumption_the_note_says_why(results, vault, marks):
    dropped = {
        claim.name: {said.drops for said in marks if said.claim == claim.name} for claim in results
    }
    missing = {claim.name: unsaid(claim, vault, dropped[claim.name]) for claim in results}
    assert {name: what for name, what in missing.items() if what} == {}


@pytest.mark.parametrize(
    ("section", "left"),
    [
        ("## Why the assumptions matter\n\n**[[smooth|It]]**, [[#^part]], [[#^dropped]].", set()),
        ("## Why the assumptions matter\n\nWithout it, see [[Smooth]].", {"^part"}),
        ("## Why the assumptions matter\n\n[[#^part|This]].", {"smooth"}),
        ("## Why the assumptions matter\n\nSmoothness, and the part.", {"smooth", "^part"}),
        ("## Why the assumptions matter\n\n[[other]], `[[smooth]]`.", {"smooth", "^part"}),
        ("## Why the assumptions matter\n\n[[smooth#^part]].", {"^part"}),
        ("## Remark\n\n[[smooth]] and [[#^part]].", {"smooth", "^part"}),
        ("", {"smooth", "^part"}),
    ],
)
def test_control_a_note_that_links_no_assumption_does_not_speak_of_it(tmp_path, section, left):
    assumed = "---\nkind: assumption\n---\n# A\n\nIt is. ^part\n"
    parts = "- A part ^part\n- and one dropped ^dropped"
    lemma = f"---\nkind: lemma\n---\n# L\n\nLet [[smooth]], [[other]].\n\n{parts}\n\n{section}\n"
    notes = {"smooth": assumed, "other": assumed, "lemma": lemma}
    for name, text in notes.items():
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    vault, _ = Vault.read(tmp_path)
    claim = Claims.read(vault)["lemma"]
    assert unsaid(claim, vault, {"other", "^dropped"}) == left


def test_every_control_says_what_stands_in_the_place_of_what_it_drops(marks):
    controls = [said for said in marks if said.role == "control"]
    silent = {(said.claim, said.drops) for said in controls if not is_phrase(said.instead)}
    assert silent == set()


def is_phrase(instead):
    """Say whether a control tells, short and without an end, what it puts in."""
    return 4 <= len(instead) <= 100 and not instead.endswith(".") and instead == instead.strip()


@pytest.mark.parametrize("instead", ["", "no", "a loss of degree two.", " a plain loss", "a" * 101])
def test_control_what_is_no_phrase_is_told_from_one(instead):
    assert not is_phrase(instead)
    assert is_phrase("a loss of degree two")


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_ways_of_evidence_are_told_in_the_words_that_the_site_has(page):
    told = re.findall(r"^- [`*](.+)[`*]: (.+)$", (ROOT / page).read_text("utf-8"), re.M)
    assert dict(told) == WAYS
    assert [way for way, _ in told] == list(WAYS)
