"""Is a name refused that some file system, link or reader could not hold, and a near one found?"""

import random
import unicodedata

import pytest

from litmus.author.note_names import LONGEST, nearest_good, wrong_with

BAD = [
    ("a / b", "slash", "a-b"),
    ("a/b", "slash", "a-b"),
    ("a\\b", "slash", "a-b"),
    ("../up", "slash", "up"),
    ("/", "slash", ""),
    ("C:\\x", "slash", "C-x"),
    ("a:b", "has :", "a-b"),
    ("why?", "has ?", "why"),
    ('a "b"', 'has "', "a-b"),
    ("a#b", "has #", "a-b"),
    ("a|b", "has |", "a-b"),
    ("a^b", "has ^", "a-b"),
    ("[[a]]", "has [", "a"),
    ("a %%b%%", "has %%", "a-b"),
    ("", "empty", ""),
    (" ", "empty", ""),
    (".", "dot", ""),
    ("..", "dot", ""),
    (".hidden", "begins with a dot", "hidden"),
    ("a.", "ends with a dot", "a"),
    ("a ", "space", "a"),
    (" a", "space", "a"),
    ("-x", "hyphen", "x"),
    ("--help-me", "hyphen", "help-me"),
    ("a\tb", "nobody sees", "a b"),
    ("a\nb", "nobody sees", "a b"),
    ("a\x00", "nobody sees", "a"),
    ("\u202eabc", "nobody sees", "abc"),
    ("\ufeffabc", "nobody sees", "abc"),
    ("\udcff", "nobody sees", ""),
    ("Con", "device", "Con-claim"),
    ("aux.txt", "device", "aux-txt"),
    ("LPT1", "device", "LPT1-claim"),
    ("nul .a", "device", "nul -a"),
    ("index", "page of its folder", "index-claim"),
    ("Index", "page of its folder", "Index-claim"),
    ("a.md", "as a file does: .md", "a"),
    ("a.md.MD", "as a file does: .md", "a"),
    ("index.md", "as a file does: .md", "index-claim"),
    ("curve.png", "as a file does: .png", "curve"),
    ("a.py", "as a file does: .py", "a"),
    ("x" * 300, "bytes", "x" * LONGEST),
    ("ü" * 200, "bytes", "ü" * (LONGEST // 2)),
    ("long " * 60 + "x", "bytes", ("long " * (LONGEST // 5))[:-1]),
]


@pytest.mark.parametrize(("name", "why", "good"), BAD, ids=[repr(row[0][:12]) for row in BAD])
def test_what_cannot_be_a_name_is_told_with_the_reason_and_the_nearest_that_can(name, why, good):
    assert why in wrong_with(name)
    assert nearest_good(name) == good
    assert wrong_with(good) == ("" if good else "is empty")


@pytest.mark.parametrize(
    "name",
    [
        *("gradient-is-orthogonal", "Lemma 1", "v1.2", "a_b", "é", "Ωmega", "引理", "1", "a & b"),
        *(
            "Euler's formula",
            "console",
            "contour",
            "aux-iliary",
            "com10",
            "index-set",
            "x-",
            "@key",
        ),
        *("می\u200cخواهم", "x" * LONGEST),
    ],
)
def test_any_other_name_is_as_good_as_it_is(name):
    assert wrong_with(name) == ""
    assert nearest_good(name) == name


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_proposed_can_be_a_name(seed):
    draw = random.Random(seed)
    pieces = [
        *" ./\\-:#|^[]%.\t\n\x7f\u2028\udcffaAß漢é",
        "con",
        "aux",
        "index",
        ".md",
        ".png",
        "e\u0301",
    ]
    for _ in range(200):
        name = "".join(draw.choices(pieces, k=draw.choice([1, 2, 4, 300])))
        good = nearest_good(name)
        assert good == "" or wrong_with(good) == "", name
        assert unicodedata.is_normalized("NFC", good)
