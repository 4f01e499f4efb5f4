"""Is a page with a claim's box made again when what the box says has changed, and only then?"""

import pytest

from litmus.claims.claims import Claims
from litmus.claims.evidence import Mark, Outcome, write_ledger
from litmus.python.fingerprint import fingerprint
from litmus.vault.vault import Vault
from tests.litmus.conftest import write_files
from tests.litmus.test_last_build import Ours

RESULT = "---\nkind: theorem\n---\n# Result\n\nFrom [[given]].\n\n## Proof\n\nBy [[middle]].\n"
MIDDLE = "---\nkind: lemma\n---\n# Middle\n\nSo.\n\n## Proof\n\nBy [[bottom]].\n"
BOTTOM = "---\nkind: lemma\n---\n# Bottom\n\nIt is.\n\n## Proof\n\nClear.\n"
GIVEN = "---\nkind: assumption\n---\n# Given\n\nAn $x$.\n"
NOTES = {"result": RESULT, "middle": MIDDLE, "bottom": BOTTOM, "given": GIVEN}
TESTS = {
    "tests/test_check.py": [("test_it_holds", Mark("claim", "result", by="exact"))],
    "tests/test_control.py": [
        ("test_control_it_fails_without", Mark("control", "result", "", "given", "a $y$ & more"))
    ],
    "tests/test_other.py": [("test_of_the_lemma", Mark("claim", "bottom", by="float64"))],
}


class Proved(Ours):
    """A project whose tests have run, as far as its ledger tells; essays show its claims."""

    def __init__(self, folder):
        self.root = folder
        write_files(folder, dict.fromkeys(TESTS, ""))
        for name, text in NOTES.items():
            write_files(folder / "vault/claims", {f"{name}.md": text})
        essays = {"essay": "![[result]]", "low": "![[bottom]]\n\n![[given]]"}
        for name, text in essays.items():
            write_files(folder / "vault", {f"{name}.md": f"# Essay\n\n{text}\n"})
        self.run()
        super().__init__(folder)

    def run(self, **counts):
        """Write down how the tests came out, as they are now."""
        claims = Claims.read(Vault.read(self.root / "vault")[0])
        counts = {"passed": 1, "failed": 0, "skipped": 0} | counts
        ran = {"seconds": 0.1, "date": "2026-01-01", "python": "3", "torch": "2", **counts}
        outcomes = [
            Outcome(
                *(f"{file}::{test}", 1, (said,)),
                **ran,
                fingerprint=fingerprint(self.root / file, self.root),
                statements=((said.claim, claims[said.claim].said.statement_hash),),
                measured=float(said.role != "claim"),
                allowed=0.0,
            )
            for file, tests in TESTS.items()
            for test, said in tests  # not `mark`, or this file would look like one with markers
        ]
        write_ledger(self.root, outcomes, ran=set())

    def rewrite(self, name, old, new):
        assert old in NOTES[name]
        self.write(f"claims/{name}.md", NOTES[name].replace(old, new))

    def page(self, name):
        return (self.site / name / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def tested(tmp_path, font):
    write_files(tmp_path, font)
    return Proved(tmp_path)


def made(tested):
    """The pages of claims and the essay that were made again; the site is as if built anew."""
    again = {name.removeprefix("claims/").strip("/") for name in tested.update()}
    assert tested.differences() == []
    return again & {*NOTES, "essay", "low"}


def test_a_page_is_made_again_when_one_more_of_its_tests_is_stale(tested):
    changed, dated = "changed since it ran", '"claim-status evidence stale"'
    assert changed not in tested.page("essay")
    write_files(tested.root, {"tests/test_check.py": "# other"})
    assert made(tested) == {"result", "essay"}
    assert tested.page("claims/result").count(changed) == tested.page("essay").count(changed) == 1
    assert dated in tested.page("essay")
    # The evidence is in the same word as before; that the control has changed, too, is news,
    # also on the page of what it drops.
    write_files(tested.root, {"tests/test_control.py": "# other"})
    assert made(tested) == {"result", "essay", "given", "low"}
    assert tested.page("claims/result").count(changed) == tested.page("essay").count(changed) == 2
    assert tested.page("claims/given").count(changed) == 1
    tested.run()
    assert made(tested) == {"result", "essay", "given", "low"}
    assert changed not in tested.page("claims/result") + tested.page("claims/given")


def test_a_box_says_what_stands_instead_how_sure_random_runs_are_and_how_much_was_searched(tested):
    assert "without “Given”: a $y$ &amp; more ·" in tested.page("essay")
    assert "exact</span>" in tested.page("essay")
    tested.run(confidence=0.999, among=1200)
    assert made(tested) >= {"result", "essay"}
    assert "exact, confidence 99.9 %, among 1,200</span>" in tested.page("essay")


def test_a_page_is_made_again_when_a_claim_that_it_rests_on_is_no_longer_argued(tested):
    assert "3 claims: 2 argued, 1 by definition" in tested.page("essay")
    tested.rewrite("bottom", "## Proof\n\nClear.\n", "")
    assert made(tested) >= {"result", "middle", "essay"}  # none of them links it, but for one
    for page in ["claims/result", "essay"]:
        assert "3 claims: 1 argued, 1 by definition, 1 open; the weakest" in tested.page(page)
    assert "<dt>Source</dt>" not in tested.page("claims/bottom")
    tested.rewrite("bottom", "kind: lemma", "kind: lemma\nsource: a book")
    assert made(tested) >= {"result", "middle", "essay"}
    assert "<dt>Source</dt>\n<dd>a book</dd>" in tested.page("claims/bottom")
    assert "the weakest" not in tested.page("essay")


def test_a_page_is_made_again_when_the_weakest_that_it_rests_on_is_titled_otherwise(tested):
    tested.rewrite("bottom", "## Proof\n\nClear.\n", "")
    made(tested)
    bottom = NOTES["bottom"].replace("## Proof\n\nClear.\n", "")
    tested.write("claims/bottom.md", bottom.replace("# Bottom", "# The *bottom*"))
    assert made(tested) >= {"result", "essay"}
    assert "The <em>bottom</em></a> (open)" in tested.page("essay")
    tested.write("claims/bottom.md", bottom.replace("# Bottom", "# The **bottom**"))
    assert made(tested) >= {"result", "essay"}
    assert "The <strong>bottom</strong></a> (open)" in tested.page("essay")


def test_control_another_proof_of_what_it_rests_on_makes_no_page_again_but_who_links_it(tested):
    tested.rewrite("bottom", "Clear.", "Also clear.")
    assert {"bottom"} <= made(tested) <= {"bottom", "middle", "low"}


@pytest.mark.parametrize(
    ("name", "old", "new", "again"),
    [
        ("result", "By [[middle]].", "Clear.", {"result", "middle", "essay"}),
        ("middle", "# Middle", "# Between", {"middle", "result", "essay", "bottom"}),
        ("middle", "# Middle", "# *Middle*", {"middle", "result", "essay", "bottom", "low"}),
        ("bottom", "# Bottom", "# Below", {"bottom", "middle", "low"}),
        ("result", "# Result", "# Outcome", {"result", "essay", "middle", "given", "low"}),
        ("result", "From [[given]].", "From nothing.", {"result", "essay", "given"}),
        ("given", "kind: assumption", "kind: lemma", {"given", "result", "essay"}),
        ("middle", "By [[bottom]].", "Clear.", {"middle", "bottom", "result", "essay"}),
    ],
)
def test_a_page_is_made_again_when_a_neighbour_is_another_or_called_otherwise(
    tested, name, old, new, again
):
    tested.rewrite(name, old, new)
    assert made(tested) >= again


def test_a_page_is_made_again_when_a_test_comes_out_otherwise(tested):
    tested.run(passed=0, skipped=1)
    assert made(tested) == {"result", "essay", "bottom", "given", "low"}
    assert "no evidence" in tested.page("essay")
