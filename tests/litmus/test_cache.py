"""Does the next process take what one has made, and only as long as the same code would make it?"""

import pickle

import pytest

from litmus.cache import MOST, Cache, Results, Store
from litmus.files.digest import digest
from litmus.python.fingerprint import fingerprint
from litmus.render.code import code_block
from litmus.site.project import STORES
from litmus.tex import katex
from litmus.vault.bibliography import read_bibliography


@pytest.fixture
def process(tmp_path):
    """A function that gives what a new process has of what others kept, and how it makes more."""
    part = tmp_path / "code.py"
    part.write_text("first")

    def begin():
        known = Results(Store("lengths", (part, "1.0")))
        known.recall(tmp_path)
        return known

    return begin


def broken():
    pytest.fail("made again")


def test_what_one_process_has_made_the_next_one_takes(process, tmp_path):
    first = process()
    assert first.of("abc", lambda: 3) == 3
    assert first.of("abc", broken) == 3
    first.keep(tmp_path)
    assert process().of("abc", broken) == 3


def test_control_what_other_code_has_made_is_made_again(process, tmp_path):
    first = process()
    first["abc"] = 3
    first.keep(tmp_path)
    (tmp_path / "code.py").write_text("second")
    assert process().get("abc") is None


def test_an_error_is_remembered_and_not_kept(process, tmp_path):
    first = process()
    first["abc"] = error = ValueError("why")
    assert first.get("abc") is error
    first.keep(tmp_path)
    assert process().get("abc") is None


@pytest.mark.parametrize("raw", [b"{", *map(pickle.dumps, ([], {}, "made by", ("other", {})))])
def test_a_file_that_cannot_be_read_is_as_good_as_none(process, tmp_path, raw):
    (tmp_path / "lengths.pickle").write_bytes(raw)
    assert process().of("abc", lambda: 3) == 3


def test_what_nobody_has_asked_for_the_longest_is_forgotten(process):
    known = process()
    for number in range(MOST):
        known[str(number)] = number
    assert known.get("0") == 0
    known["more"] = 1
    assert known.get("1") is None
    assert known.get("0") == 0


def test_what_is_known_already_is_not_written_again(process, tmp_path):
    first = process()
    first["abc"] = 3
    first.keep(tmp_path)
    (tmp_path / "lengths.pickle").unlink()
    first.keep(tmp_path)
    assert not (tmp_path / "lengths.pickle").exists()
    first["abcd"] = 4
    first.keep(tmp_path)
    assert process().get("abc") == 3


@pytest.fixture
def written(tmp_path):
    (tmp_path / "a.py").write_text("import b\n")
    (tmp_path / "b.py").write_text("")
    (tmp_path / "a.bib").write_text("@misc{a, title={T}, year={2020}, author={A. Bee}}")
    return tmp_path


MAKERS = {
    "formulas": lambda folder, cache: katex.set_all([katex.placeholder("x^2", False)], cache),
    "code": lambda folder, cache: code_block("def f(): pass\n", "python", cache),
    "imports": lambda folder, cache: fingerprint(folder / "a.py", folder, cache),
    "references": lambda folder, cache: read_bibliography(folder / "a.bib", "a.bib", cache),
}


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.name)
def test_what_is_kept_of_each_comes_back_as_it_was(store, written, tmp_path):
    make, first, second = MAKERS[store.name], Cache(), Cache()
    made = make(written, first)
    first.keep(tmp_path)
    second.recall(tmp_path, STORES)
    before = dict(second[store]._made)
    assert make(written, second) == made
    assert second[store]._made == before != {}


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.name)
def test_what_each_is_made_by_is_there_and_counts(store):
    whole = Results(store)._maker()
    for part in store.made_by:
        rest = tuple(other for other in store.made_by if other is not part)
        assert Results(Store(store.name, rest))._maker() != whole


def test_who_is_given_no_work_makes_everything_anew(written):
    cache = Cache()
    for make in MAKERS.values():
        assert make(written, cache) == make(written, None)


def test_a_name_that_no_text_could_be_has_a_digest_of_its_own():
    assert len({digest(name) for name in ("a\udcff", "a\udcfe", "a")}) == 3
