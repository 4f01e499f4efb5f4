"""A few hundred notes that nobody would write; `python -m tests.fuzz` writes as many as wanted."""

import random

import pytest

from tests.fuzz import Fuzz, Writer

# Not in the id of its test, which has to be the same in processes that run side by side; what fails
# says it.
FRESH = str(random.SystemRandom().randrange(10**9))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", ["one", FRESH], ids=["one", "fresh"])
def test_any_note_becomes_a_whole_page_on_which_nothing_runs(tmp_path, seed):
    writer, fuzz = Writer(seed), Fuzz(tmp_path)
    for count in range(150):
        raw = writer.note()
        assert fuzz.wrong(raw) == "", f"note {count + 1} of seed {seed}: {raw!r}"


def test_control_what_goes_wrong_is_noticed(tmp_path):
    fuzz = Fuzz(tmp_path)
    fuzz.site.raw_html = True
    assert "not balanced: div" in fuzz.wrong(b"<div>")
    assert "<script>" in fuzz.wrong(b"<script></script>")
    assert "twice" in fuzz.wrong(b"<b id=a></b><b id=a></b>")
    fuzz.site.vault.notes = None
    assert "this raises AttributeError: " in fuzz.wrong(b"![[other]]")
