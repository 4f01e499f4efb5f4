"""Has every claim of ours a check, and a control for each assumption that one can do without?"""

import re
from pathlib import Path

import pytest

from litmus.claims import FOUNDATIONS, Claims
from litmus.recorder import marks_of
from litmus.vault import Vault

ROOT = Path(__file__).parents[1]
WHY = re.compile("^Why the assumptions matter$")


@pytest.fixture(scope="module")
def results():
    """The claims that say something which could be false."""
    vault, _ = Vault.read(ROOT / "docs")
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
        roles = {mark.role for mark in marks if mark.claim == claim.name}
        assert roles & {"claim", "counterexample"}, claim.name
        assert "control" in roles or claim.kind == "conjecture", claim.name


def test_where_no_control_drops_an_assumption_the_note_speaks_of_it(results, marks):
    unsaid = {}
    for claim in results:
        dropped = {mark.drops for mark in marks if mark.claim == claim.name}
        said = " ".join(
            token.content for section in claim.sections(WHY) for token in section if token.content
        )
        for name in claim.droppable - dropped:
            words = [word[:6] for word in re.split(r"\W", name) if len(word) > 3]
            if not any(re.search(word, said, re.IGNORECASE) for word in words):
                unsaid.setdefault(claim.name, []).append(name)
    assert unsaid == {}
