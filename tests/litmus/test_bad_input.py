"""Does what is broken stop the real build, say where, why and what to do, and harm nothing?"""

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from mkdocs.__main__ import cli

from litmus.claims.evidence import Mark, Outcome, write_ledger
from litmus.cli import main
from litmus.python.fingerprint import fingerprint
from litmus.render.page import RULES

GOOD = {
    "mkdocs.yml": """
site_name: Test
theme: {name: mkdocs}
plugins: [litmus]
""",
    "docs/index.md": "# Home\n\n![[lemma]] and $x^2$, [@ng]\n",
    "docs/claims/def.md": "---\nkind: definition\n---\n# D\n\nAn $x$.\n",
    "docs/claims/lemma.md": """---
kind: lemma
tags: [a]
---
# L

Let [[def]].

## Proof

By [[def]].

## Check

```quote
snippets/two.py double
```

```run
snippets/two.py
```
""",
    "docs/references.bib": "@misc{ng, author = {Ng, A}, title = {Four ways}, year = {2004}}",
    "snippets/two.py": "def double(x):\n    return 2 * x\n\n\nprint(double(1))\n",
    "tests/test_two.py": "",
}
LEMMA = GOOD["docs/claims/lemma.md"]


def proof(name):
    return f"---\nkind: lemma\n---\n# T\n\nx\n\n## Proof\n\nBy [[{name}]].\n"


# The file that is broken, its text, where that is reported, why, and what helps.
BROKEN = {
    "a link to no note": (
        {"docs/index.md": "# Home\n\ntext\n[[lema]]\n"},
        "index.md:4: no note is called 'lema'. Did you mean 'lemma'?",
    ),
    "a link to no heading": (
        {"docs/index.md": "# Home\n\n[[lemma#Prof]]\n"},
        "index.md:3: claims/lemma.md has no heading 'Prof'. Did you mean 'Proof'",
    ),
    "a Markdown link to no file": (
        {"docs/index.md": "# Home\n\n[x](claims/lema.md)\n"},
        "index.md:3: there is no file 'claims/lema.md'. ",
    ),
    "an unknown citation key": (
        {"docs/index.md": "# Home\n\n> [!note] T\n> so says [@nng]\n"},
        "index.md:4: no reference has the key 'nng'. Did you mean 'ng'?",
    ),
    "a TeX error": (
        {"docs/index.md": "---\ntags: a\n---\n# Home\n\n$$\nx\n\\frac{1\n$$\n"},
        r"index.md:8: the formula cannot be set: .*\. Write it another way; where a dollar",
    ),
    "an embed that contains itself": (
        {"docs/index.md": "# Home\n\n![[other]]\n", "docs/other.md": "# O\n\nx\n\n![[index]]\n"},
        "other.md:5: an embed contains itself: index.md embeds other.md embeds index.md. Link",
    ),
    "a proof that depends on itself through others": (
        {
            "docs/claims/a.md": proof("b"),
            "docs/claims/b.md": proof("c"),
            "docs/claims/c.md": proof("a"),
        },
        "claims/a.md:10: the proof depends on itself: a uses b uses c uses a. Prove one another",
    ),
    "a quote of a function that is not there": (
        {"docs/claims/lemma.md": LEMMA.replace("two.py double", "two.py duble")},
        r"claims/lemma.md:16: snippets/two.py cannot be quoted: it does not define 'duble'. "
        "Did you mean 'double'",
    ),
    "a quote of no function": (
        {"docs/claims/lemma.md": LEMMA.replace("two.py double", "two.py")},
        "claims/lemma.md:15: a quote names no function. It could quote double.",
    ),
    "a quote of a file that is not there": (
        {"docs/claims/lemma.md": LEMMA.replace("two.py double", "too.py double")},
        "claims/lemma.md:16: there is no snippet 'snippets/too.py'. Did you mean 'snippets/two.py'",
    ),
    "a quote of a file outside the snippets": (
        {"docs/claims/lemma.md": LEMMA.replace("snippets/two.py double", "tests/test_two.py f")},
        "claims/lemma.md:16: there is no snippet 'tests/test_two.py'. ",
    ),
    "a snippet that raises": (
        {"snippets/two.py": GOOD["snippets/two.py"] + "1 / 0\n"},
        "claims/lemma.md:20: snippets/two.py does not run: line 6: ZeroDivisionError: .*Run",
    ),
    "a snippet that hangs": (
        {"snippets/two.py": GOOD["snippets/two.py"] + "import time; time.sleep(60)\n"},
        "claims/lemma.md:20: snippets/two.py does not run: it did not end within 1 seconds. Run",
    ),
    "a snippet that writes outside of its folder": (
        {"snippets/two.py": GOOD["snippets/two.py"] + "open(__file__, 'w')\n"},
        "claims/lemma.md:20: snippets/two.py does not run: line 6: .*it writes outside",
    ),
    "a snippet that is not Python": (
        {"snippets/two.py": "def double(:\n"},
        "claims/lemma.md:16: snippets/two.py cannot be quoted: line 1: ",
    ),
    "two claims with one name": (
        {"docs/more/claims/Lemma.md": "# L\n\nx\n"},
        "more/claims/Lemma.md:1: two claims have the name 'Lemma', the other is claims/lemma.md.",
    ),
    "a note that is not UTF-8": (
        {"docs/index.md": b"# Home\n\nna\xefve\n"},
        "index.md:3: the file is not UTF-8: byte 0xef means nothing there. Save it as UTF-8.",
    ),
    "malformed properties": (
        {"docs/index.md": "---\ntags: [a]\nsource: @ng\n---\n# Home\n"},
        r"index.md:3: the properties cannot be read: .*quote a value that has a colon",
    ),
    "a bibliography that is not BibTeX": (
        {"docs/references.bib": GOOD["docs/references.bib"] + "\n@misc{a, title}\n"},
        "references.bib:2: the bibliography cannot be read: ",
    ),
}
# What a test says of a claim, with how it came out.
BROKEN_TESTS = {
    "a marker for no claim": (
        (Mark("claim", "lema", by="exact"), 1),
        "tests/test_two.py:7: a test marks the claim 'lema', which no note states. Did you mean",
    ),
    "a control that drops what the claim does not assume": (
        (Mark("control", "lemma", drops="deff"), 1),
        "tests/test_two.py:7: a control drops 'deff', which 'lemma' does not assume. It can",
    ),
    "a check that fails": (
        (Mark("claim", "lemma", by="exact"), 0),
        "tests/test_two.py:7: the check test_a fails. Run it with pytest.",
    ),
}


@pytest.fixture(scope="module")
def asked_once(runner_of):
    """As `runner_of`, but what a snippet does is asked once, and not again for each project."""
    answers = {}

    def make(root):
        runner = runner_of(root)
        ask = runner._ask

        def ask_once(request):
            text = Path(request[0]).read_bytes()
            if text not in answers:
                answers[text] = ask(request)
            return answers[text]

        runner._ask = ask_once
        return runner

    return make


@pytest.fixture
def build(project, monkeypatch, asked_once, font):
    """A function that builds a site with MkDocs' own command; returns its exit code and log."""
    monkeypatch.setattr("litmus.site.session.Runner", asked_once)

    def run(files, *options):
        root = project({**GOOD, **font, "site/index.html": "the previous site", **files}).root
        result = CliRunner().invoke(cli, ["build", "-f", str(root / "mkdocs.yml"), *options])
        log = logging.getLogger("mkdocs")
        for handler in list(log.handlers):
            log.removeHandler(handler)  # they write to what CliRunner has closed
        return result.exit_code, result.output

    return run


@pytest.fixture
def mark(tmp_path):
    """A function that writes a ledger in which one test passed or failed just now."""

    def write(mark, passed):
        file = tmp_path / "tests/test_two.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(GOOD["tests/test_two.py"])
        write_ledger(
            tmp_path,
            [
                Outcome(
                    *("tests/test_two.py::test_a", 7, (mark,), passed, 1 - passed, 0),
                    *(0.1, "2026-01-01", "3", "2", fingerprint(file, tmp_path), ()),
                    *((0, 0) if mark.role == "claim" else (1, 0)),
                )
            ],
            ran=set(),
        )

    return write


def assert_stopped(code, output, message, site):
    assert code == 1
    assert re.search(re.escape("WARNING") + r"\s+-\s+" + loosely(message), output), output
    assert {p.name: p.read_text() for p in site.iterdir()} == {"index.html": "the previous site"}


def loosely(message):
    """A pattern of which only `.*` is special."""
    return ".*".join(re.escape(part) for part in message.replace("\\", "").split(".*"))


def test_the_good_project_builds_and_replaces_the_site(build, tmp_path):
    code, output = build({}, "--strict")
    assert code == 0, output
    site = tmp_path / "site"
    assert (site / "claims/lemma/index.html").exists()
    assert "katex" in (site / "index.html").read_text()
    assert "the previous site" not in (site / "index.html").read_text()
    assert not list(tmp_path.glob(".site*"))


def test_good_evidence_builds(build, mark, tmp_path):
    mark(Mark("claim", "lemma", by="exact"), 1)
    assert build({}, "--strict")[0] == 0
    assert "checked" in (tmp_path / "site/claims/lemma/index.html").read_text()


@pytest.mark.parametrize(("files", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_stops_the_build_and_the_site_stays(build, tmp_path, files, message):
    assert_stopped(*build(files, "--strict"), message, tmp_path / "site")


@pytest.mark.parametrize(("marked", "message"), BROKEN_TESTS.values(), ids=BROKEN_TESTS)
def test_evidence_that_does_not_fit_stops_the_build(build, mark, tmp_path, marked, message):
    mark(*marked)
    assert_stopped(*build({}, "--strict"), message, tmp_path / "site")


def test_a_rule_that_raises_stops_the_build_with_its_line_and_words(build, monkeypatch, tmp_path):
    def raising(at):
        return str(1 // (at.token.content != "x^2")) and maths(at)

    maths = RULES["maths"]
    monkeypatch.setitem(RULES, "maths", raising)
    message = "index.md:3: this raises ZeroDivisionError: integer division or modulo by zero."
    assert_stopped(*build({}, "--strict"), message, tmp_path / "site")


def test_a_note_that_cannot_be_read_stops_what_would_depend_on_it(build, monkeypatch, tmp_path):
    def raising(written):
        return {}[written["kind"]] if "kind" in written else []

    monkeypatch.setattr("litmus.vault.properties.aliases", raising)
    message = "claims/lemma.md:1: this raises KeyError: 'lemma'."
    assert_stopped(*build({}, "--strict"), message, tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["why", "lemma"])
    assert (result.exit_code, message in result.output) == (1, True)


def test_a_warning_of_mkdocs_itself_stops_the_build_before_the_site_is_replaced(build, tmp_path):
    nav = GOOD["mkdocs.yml"] + "nav: [index.md, nowhere.md]\n"
    code, output = build({"mkdocs.yml": nav}, "--strict")
    assert_stopped(code, output, "A reference to 'nowhere.md'", tmp_path / "site")


@pytest.mark.parametrize(("files", "message"), BROKEN.values(), ids=BROKEN)
def test_in_a_vault_that_is_not_strict_it_stops_nothing_and_is_listed(
    build, tmp_path, files, message
):
    code, output = build(files)
    assert code == 0, output
    page = (tmp_path / "site/open-ends/index.html").read_text()
    assert message.partition(":")[0] in page


# Says when the build has come to a snippet, which goes on for ever.
BUILD_AND_HANG = """
import time
from mkdocs.__main__ import cli
from litmus.python.runs import Runner

def hang(runner, request):
    with open("reached", "r"):
        pass
    time.sleep(600)

Runner._ask = hang
cli(["build", "--strict"])
"""


def test_a_build_that_is_killed_leaves_the_previous_site_whole(project, font, tmp_path):
    os.mkfifo(tmp_path / "reached")
    root = project({**GOOD, **font, "site/index.html": "the previous site"}).root
    command = [sys.executable, "-c", BUILD_AND_HANG]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=root, start_new_session=True, **quiet)
    with open(tmp_path / "reached", "w"):  # returns when the build opens its end
        os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert list(root.glob(".site*"))  # so it had begun
    assert [p.name for p in (root / "site").iterdir()] == ["index.html"]
    assert (root / "site/index.html").read_text() == "the previous site"
