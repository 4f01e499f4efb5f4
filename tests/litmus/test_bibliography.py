"""Are references cited and listed as their BibTeX says, accents, missing fields and all?"""

import pytest

from litmus.problems import Problem
from litmus.vault.bibliography import read_bibliography


@pytest.fixture
def references(tmp_path):
    """A function that returns the references of a BibTeX text, by key."""

    def read(text):
        file = tmp_path / "references.bib"
        file.write_text(text, encoding="utf-8")
        return read_bibliography(file, "references.bib")

    return read


@pytest.mark.parametrize(
    ("authors", "shown"),
    [
        ("Li, Zhiyuan", "Li"),
        ("Zhiyuan Li and Sanjeev Arora", "Li & Arora"),
        ("A, A and B, B and C, C", "A et al."),
        ("van Laarhoven, Twan", "van Laarhoven"),
        (r"Erd{\H o}s, Paul", "Erdős"),
        ("{The Team}", "The Team"),
        ("Müller, Ä", "Müller"),
    ],
)
def test_a_work_is_cited_by_the_family_names_of_its_authors(references, authors, shown):
    work = references(f"@misc{{k, author = {{{authors}}}, title = {{T}}, year = 2020}}")["k"]
    assert (work.authors, work.year, work.anchor) == (shown, "2020", "ref-k")


@pytest.mark.parametrize(
    ("entry", "authors", "year"),
    [
        ("@misc{k, title = {T}}", "k", "n.d."),
        ("@book{k, editor = {Ed, I}, title = {T}, publisher = {P}, year = 1999}", "Ed", "1999"),
        ("@article{k, author = {A, A}, title = {T}, year = 2020}", "A", "2020"),  # no journal
        ("@software{k, author = {A, A}, title = {T}}", "A", "n.d."),  # not BibTeX's own
    ],
)
def test_what_is_missing_or_unknown_does_not_keep_a_work_off_the_list(
    references, entry, authors, year
):
    work = references(entry)["k"]
    assert (work.authors, work.year) == (authors, year)
    assert "T" in work.html


def test_keys_keep_their_case_and_colons(references):
    assert list(references("@misc{Li:2019tn, title={T}} @misc{li:2019TN2, title={T}}")) == [
        "Li:2019tn",
        "li:2019TN2",
    ]


def test_html_in_a_title_is_text(references):
    assert "<script>" not in references("@misc{k, title = {<script>}}")["k"].html


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("@misc{a, title = {T}}\n\n@misc{b, title {T}}", 3),
        ("@misc{a, title = {T}} @misc{a, title = {T}}", None),
    ],
)
def test_what_is_not_bibtex_is_reported_with_its_line(references, text, line):
    with pytest.raises(Problem) as problem:
        references(text)
    assert (problem.value.file, problem.value.line) == ("references.bib", line)


def test_no_file_has_no_references(tmp_path):
    assert read_bibliography(tmp_path / "none.bib", "none.bib") == {}
