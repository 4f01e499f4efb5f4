"""Does the shelf say of each snippet what it is for, what it needs and who has checked it?"""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from litmus.claims.evidence import Mark, Outcome, write_ledger
from litmus.python import headers
from litmus.python.fingerprint import fingerprint
from litmus.python.uses import use
from litmus.site.build import Build
from litmus.site.project import Project
from litmus.site.shelf import Snippet, shelf
from tests.html import parsed

PASSED = Outcome(
    *("tests/test_a.py::test_a", 1, (Mark("claim", "c", by="exact"),), 1, 0, 0, 0.1),
    *("2026-12-01", "3.11.7", "2.13.0", "", (), 0.5, 1.0),
)
FAILED = replace(PASSED, test="tests/test_a.py::test_b", passed=0, failed=1)
SKIPPED = replace(PASSED, passed=0, skipped=1)
LATER = replace(PASSED, date="2026-12-03")
NEWEST = replace(PASSED, torch="2.14.1", date="2026-12-02")
WITHOUT = replace(PASSED, torch="none")
FRESH, STALE = False, True


@pytest.mark.parametrize(
    ("told", "checked", "failing"),
    [
        ([], "", ""),
        ([(PASSED, FRESH)], "Checked with torch 2.13.0 on 2026-12-01.", ""),
        ([(PASSED, STALE)], "", ""),
        ([(SKIPPED, FRESH)], "", ""),
        ([(FAILED, FRESH)], "", "A test of it failed with torch 2.13.0 on 2026-12-01."),
        ([(FAILED, STALE)], "", ""),
        (
            [(PASSED, FRESH), (FAILED, FRESH)],
            "",
            "A test of it failed with torch 2.13.0 on 2026-12-01.",
        ),
        ([(PASSED, FRESH), (FAILED, STALE)], "", ""),  # nobody knows how it would come out now
        ([(PASSED, FRESH), (SKIPPED, FRESH)], "Checked with torch 2.13.0 on 2026-12-01.", ""),
        (
            [(LATER, FRESH), (PASSED, FRESH)],
            "Checked with torch 2.13.0 from 2026-12-01 to 2026-12-03.",
            "",
        ),
        (
            [(PASSED, FRESH), (LATER, STALE)],
            "Checked with torch 2.13.0 on 2026-12-01.",
            "",
        ),
        (
            [(PASSED, FRESH), (NEWEST, FRESH)],
            "Checked with torch 2.13.0 on 2026-12-01, and with torch 2.14.1 on 2026-12-02.",
            "",
        ),
        (
            [(NEWEST, FRESH), (FAILED, FRESH)],
            "Checked with torch 2.14.1 on 2026-12-02.",
            "A test of it failed with torch 2.13.0 on 2026-12-01.",
        ),
        ([(WITHOUT, FRESH)], "Checked with Python 3.11.7 on 2026-12-01.", ""),
    ],
)
def test_a_version_is_named_only_where_all_that_is_known_of_it_holds(told, checked, failing):
    snippet = Snippet("snippets/a.py", Path(), "", "", tuple(told[:1]), tuple(told[1:]))
    assert (snippet.checked, snippet.failing) == (checked, failing)


LINES = ["Checked with torch 2.13.0 on 2026-12-01.", "From https://x.org/snippets/a.py"]
ADDED = "".join(f"# {line}\n" for line in LINES)
HEADER = '# /// script\n# dependencies = ["torch"]\n# ///\n'


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ('"""A."""\n\n# SPDX-License-Identifier: MIT\n', f"{HEADER}\nimport torch\n"),
        ('"""A."""\n\n', f"{HEADER}\nimport torch\n"),
        (f"{HEADER}# SPDX-License-Identifier: MIT\n", "\nimport torch\n"),
        ('#!/usr/bin/env python\n"""A.\n\nMore."""\n', "\nx = 1\n"),
        ("#!/usr/bin/env python\n# coding: utf-8\n", "\nx = 1\n"),
        ("", "\nx = 1\n"),
        ("", ""),
        ("# A comment.\n", ""),
    ],
)
def test_comments_stand_beside_the_licence_and_change_nothing(above, below):
    with_them = headers.with_comments(above + below, LINES)
    assert with_them == above + ADDED + below
    assert headers.requirements(with_them) == headers.requirements(above + below)
    assert ast.dump(ast.parse(with_them)) == ast.dump(ast.parse(above + below))


def test_comments_stand_apart_from_code_that_would_come_right_below():
    assert headers.with_comments('"""A."""\nx = 1\n', LINES) == f'"""A."""\n{ADDED}\nx = 1\n'
    assert headers.with_comments("no Python\n", LINES) == f"{ADDED}\nno Python\n"
    assert headers.with_comments("x = 1\n", []) == "x = 1\n"


USE = """What it is about.

A formula, indented:

    x = 1

Use. Take the decay
out of my SGD.

    new = without_weight_decay(old)
    new.step()

Source. None.
"""


def test_a_question_and_the_call_that_answers_it_are_read_from_the_docstring():
    found = use(USE)
    assert found.question == "Take the decay out of my SGD."
    assert found.call == "new = without_weight_decay(old)\nnew.step()"


@pytest.mark.parametrize(
    "text",
    ["", "Use.\n\n    f()", "Use. A question.", "Use. A question.\n\nf()", "Uses. A\n\n    f()"],
)
def test_control_without_both_there_is_no_use(text):
    assert use(text) is None


TOOL = f'''"""A tool.

Use. Double it.

    double(1)
"""

{HEADER}

def double(x):
    return 2 * x
'''
FILES = {
    "docs/index.md": "# Home\n\n![[essay]]\n",
    "docs/essay.md": "# On showing\n\n![[c]] ![[d]]\n",
    "docs/another.md": "# Another\n\n![[c]]\n\n```quote\nsnippets/direct.py f\n```\n",
    "docs/claims/c.md": "---\nkind: lemma\n---\n# C\n\nx\n\n```quote\nsnippets/shown.py f\n```\n",
    "docs/claims/d.md": "---\nkind: lemma\n---\n# D\n\nx\n\n```quote\nsnippets/shown.py f\n```\n",
    "snippets/tool.py": TOOL,
    "snippets/shown.py": '"""It shows."""\n\n\ndef f():\n    return 1\n',
    "snippets/direct.py": '"""It shows, too."""\n\n\ndef f():\n    return 1\n',
    "snippets/unshown.py": "",
    "tests/test_a.py": "from snippets.shown import f\n",
}


@pytest.fixture
def built(project, runner_of):
    """A function that builds some files and returns the files of their site."""

    def build(files, site_url=""):
        root = project(files).root
        (root / "build").mkdir()
        mark = fingerprint(root / "tests/test_a.py", root)
        outcome = replace(PASSED, fingerprint=mark)
        write_ledger(root, [outcome], {outcome.file})
        made = {}
        read = Project.ours(root, root / "docs")
        dress = lambda page: page.html  # noqa: E731
        Build(read, runner_of(root), dress, made.__setitem__, site_url=site_url).run()
        return made

    return build


def listed(made):
    """What the list of snippets says: its headings, and below each the files that it links."""
    found = {"": []}
    for node in parsed(made["snippets/index.html"]).css("h2, h3, a"):
        if node.tag in {"h2", "h3"}:
            found[node.text().strip()] = []
        elif node.text().startswith("snippets/"):
            found[[*found][-1]].append(node.text())
    return found


def test_tools_come_first_by_their_question_and_all_else_below_the_essay_that_shows_it(built):
    made = built(FILES)
    assert listed(made) == {
        "": [],
        "Tools to use": [],
        "Double it.": ["snippets/tool.py"],
        "Demonstrations": [],
        "Another": ["snippets/direct.py"],
        "On showing": ["snippets/shown.py"],  # two claims, and one in the other
        "Elsewhere": ["snippets/unshown.py"],
    }
    page = parsed(made["snippets/index.html"])
    assert [code.text().strip() for code in page.css("pre code")] == ["double(1)"]
    assert "needs torch" in page.text()


def test_without_tools_there_is_the_plain_list_of_files(built):
    made = built({name: text for name, text in FILES.items() if name != "snippets/tool.py"})
    files = ["snippets/direct.py", "snippets/shown.py", "snippets/unshown.py"]
    assert listed(made) == {"": files}
    assert "needs" not in parsed(made["snippets/index.html"]).text()


@pytest.mark.parametrize(
    ("site_url", "at"),
    [
        ("https://x.org/notes/", "https://x.org/notes/snippets/"),
        *[
            (url, "")
            for url in ["", "http://127.0.0.1:8000/", "http://localhost/", "http://[::1]/"]
        ],
        ("http://0.0.0.0:8000/", ""),
    ],
)
def test_what_is_downloaded_and_copied_says_who_checked_it_and_where_it_is_from(
    built, site_url, at
):
    made = built(FILES, site_url)
    added = "# Checked with torch 2.13.0 on 2026-12-01.\n"
    added += f"# From {at}shown.py\n" if at else ""
    source = FILES["snippets/shown.py"]
    assert made["snippets/shown.py"].decode() == source.replace('."""\n', f'."""\n{added}', 1)
    page = parsed(made["snippets/shown/index.html"])
    assert page.css_first("pre code").text() == made["snippets/shown.py"].decode()
    assert "Checked with torch 2.13.0 on 2026-12-01." in page.css_first("p.checked").text()
    assert not page.css("p.needs")  # it does not say
    if at:
        assert made["snippets/unshown.py"].decode() == f"# From {at}unshown.py\n"
    else:
        assert made["snippets/unshown.py"].name == "unshown.py"  # a control: it is as it was
    assert not parsed(made["snippets/unshown/index.html"]).css("p.checked")
    said = parsed(made["snippets/tool/index.html"]).css_first("p.needs").text()
    assert f"uv run {at}tool.py" in said
    assert "pip install torch" in said


def test_a_change_since_the_run_takes_the_word_back(built, project):
    made = built(FILES)
    assert b"Checked" in made["snippets/shown.py"]
    root = made["snippets/unshown.py"].parents[1]
    (root / "snippets/shown.py").write_text(FILES["snippets/shown.py"] + "# changed\n")
    changed = Project.ours(root, root / "docs")
    assert [snippet.checked for snippet in shelf(changed, "").values()] == [""] * 4
