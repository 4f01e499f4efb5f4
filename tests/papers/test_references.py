"""Does each work in the bibliography say where it was published, or that it is a preprint?"""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_string

BIB = Path("docs/references.bib")
ARXIV = re.compile(r"arXiv preprint arXiv:(\d\d)\d\d\.\d{4,5}")


def faults(text):
    """The keys of works without a place, or with a year that their preprint denies."""
    wrong = set()
    for key, entry in parse_string(text, "bibtex").entries.items():
        venue = {"article": "journal", "inproceedings": "booktitle", "misc": "howpublished"}
        where = entry.fields.get(venue[entry.type], "")
        if not where or (entry.type == "misc" and "url" not in entry.fields):
            wrong.add(key)
        preprint = ARXIV.fullmatch(where)
        if where.startswith("arXiv") and not (
            preprint and entry.fields["year"] == f"20{preprint[1]}"
        ):
            wrong.add(key)
        eprint = entry.fields.get("eprint")
        if eprint and not -1 <= int(entry.fields["year"]) - int(f"20{eprint[:2]}") <= 2:
            wrong.add(key)  # posted years after it was published, or the other way round
    return wrong


def test_every_work_has_a_place_and_a_year_that_can_be():
    assert faults(BIB.read_text(encoding="utf-8")) == set()


PREPRINT, TALK = "@article{k, title = {T}, ", "@inproceedings{k, title = {T}, booktitle = {B}, "


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("@misc{k, title = {T}, year = {2018}, eprint = {1805.11604}}", True),
        ("@misc{k, title = {T}, year = {2018}, url = {u}}", True),
        ("@inproceedings{k, title = {T}, year = {2018}}", True),
        ("@misc{k, title = {T}, year = {2018}, howpublished = {blog}}", True),
        ("@misc{k, title = {T}, year = {2018}, howpublished = {blog}, url = {u}}", False),
        (PREPRINT + "year = {2020}, journal = {arXiv preprint arXiv:1908.0}}", True),
        (PREPRINT + "year = {2020}, journal = {arXiv preprint arXiv:1908.01234}}", True),
        (PREPRINT + "year = {2019}, journal = {arXiv preprint arXiv:1908.01234}}", False),
        (TALK + "year = {2016}, eprint = {1805.11604}}", True),
        (TALK + "year = {2018}, eprint = {1805.11604}}", False),
    ],
)
def test_control_a_doctored_entry_is_found(entry, wrong):
    assert faults(entry) == ({"k"} if wrong else set())
