"""Does the wheel, in an environment of its own, do what it promises without any extra?"""

import re
import zipfile
from email import message_from_bytes

import pytest
from packaging.requirements import Requirement

from tests.litmus.conftest import write_files
from tests.more.environments import NAME, PROJECT, ROOT, megabytes

MEGABYTES = 330  # on disk, with what pip compiles
HEAVY = {"torch", "numpy", "pytest", "playwright", "mutmut", "jupytext", "matplotlib", "scipy"}
# Run by Python when it starts: who asks another host is refused, and told of in a file.
OFFLINE = """
import os, sys
def guard(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        with open(os.environ["ASKED"], "a") as file:
            print(event, arguments[1:] if event != "socket.getaddrinfo" else arguments, file=file)
        raise OSError("the network is not for this process")
sys.addaudithook(guard)
"""
# A server that takes no port: it prints its first page instead.
SERVED = """
import sys
from mkdocs.livereload import LiveReloadServer
from litmus.cli import main
def serve(server, **_):
    print(b"".join(server.get_app()({"PATH_INFO": "/"}, lambda *_: None)).decode())
LiveReloadServer.serve = serve
main(["serve", sys.argv[1]])
"""
NOTE = """---
tags: [t{n}]
---
# Note {n}

The next is [[n{next}|number {next}]], cites [@Key:1], and ==marks== $\\theta_{{{n}}} + \\mathbb R$.

> [!tip]- Folded
> ![[n{next}#Below]]

## Below

```mermaid
graph TD; A --> B{n}
```

![[dot.svg]]
"""
DOT = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><circle r="1"/></svg>'
CLAIMS = {
    "claims/d.md": "---\nkind: definition\n---\n# D\n\nAn $x$.\n",
    "claims/low.md": "---\nkind: lemma\n---\n# Low\n\nLet [[d]].\n\n## Proof\n\nx\n",
    "templates/claim.md": "---\nkind: lemma\n---\n# {{title}}\n",
    ".obsidian/templates.json": '{"folder": "templates"}',
}


@pytest.fixture
def offline(tmp_path):
    """The variables of a process that reaches no other host, and the file that says if it tried."""
    write_files(tmp_path / "guard", {"sitecustomize.py": OFFLINE})
    asked = tmp_path / "asked"
    return {"PYTHONPATH": str(tmp_path / "guard"), "ASKED": str(asked)}, asked


def test_the_wheel_holds_all_of_the_package_and_nothing_beside_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (path for path in (ROOT / "litmus").rglob("*") if path.is_file())
    there = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
    assert names == there
    for needed in ["cli.py", "tex/tex.js", "material/mkdocs.yml", "site/templates/all_claims.html"]:
        assert f"litmus/{needed}" in names


def test_the_wheel_says_what_it_requires_and_which_extras_it_has(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        told = message_from_bytes(archive.read(metadata))
    assert told["Name"] == NAME
    required = [Requirement(one) for one in told.get_all("Requires-Dist")]
    assert len([one for one in required if not one.marker]) == len(PROJECT["dependencies"])
    assert {*told.get_all("Provides-Extra")} == {"run", "author"}
    assert wheel.name.endswith("-py3-none-any.whl")  # for any system, without a compiler


def test_the_environment_is_small_and_holds_nothing_heavy(bare):
    assert not bare.linked.keys() & HEAVY
    total = megabytes(bare.packages.rglob("*"))
    assert total <= MEGABYTES
    assert 0.8 * total < sum(megabytes(bare.files_of(name)) for name in bare.linked) < total


def test_a_hundred_notes_become_a_site_without_any_network(bare, tmp_path, offline):
    notes = {f"n{n}.md": NOTE.format(n=n, next=(n + 1) % 100) for n in range(100)}
    bib = "@misc{Key:1, title={T}, author={A B}, year={2020}}\n"
    write_files(tmp_path / "vault", {**notes, "dot.svg": DOT, "references.bib": bib})
    variables, asked = offline
    ran = bare.run("litmus", "site", tmp_path / "vault", "--out", tmp_path / "site", **variables)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"100 notes are in \S+/site\n", ran.stderr), ran.stderr  # and no open ends
    assert not asked.exists(), asked.read_text(encoding="utf-8")
    site = tmp_path / "site"
    for n in (0, 99):
        page = (site / f"n{n}/index.html").read_text(encoding="utf-8")
        assert f'data-tex="\\theta_{{{n}}} + \\mathbb R"' in page
        assert f"B{n}" in page
        assert f"number {(n + 1) % 100}</a>" in page
    made = {path.name for path in (site / "assets").rglob("*")}
    assert {"Geist.woff2", "litmus.css"} <= made
    assert any(name.startswith("mermaid") for name in made)


def test_control_who_asks_another_host_is_told_of(bare, offline):
    variables, asked = offline
    command = "from urllib.request import urlopen; urlopen('http://127.0.0.1:9')"
    ran = bare.run("python", "-c", command, **variables)
    assert "the network is not for this process" in ran.stderr
    assert "127.0.0.1" in asked.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["--help"], "Usage: litmus"),
        (["why", "low"], "low (lemma; argued; none)\n  d (definition; by definition; none)"),
        (["impact", "d"], "d (definition; by definition; none)\n  low (lemma; argued; none)"),
        (["new", "lemma", "high"], "Wrote docs/claims/high.md."),
        (["check"], "The evidence of every claim is up to date."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_each_command_works(bare, tmp_path, offline, command, said):
    write_files(tmp_path / "docs", CLAIMS)
    variables, asked = offline
    ran = bare.run("litmus", *command, cwd=tmp_path, **variables)
    assert ran.returncode == 0, ran.stderr
    assert said in ran.stdout
    assert not asked.exists()


def test_it_serves_a_folder(bare, tmp_path, offline):
    write_files(tmp_path / "vault", {"index.md": "# Served\n"})
    variables, asked = offline
    ran = bare.run("python", "-c", SERVED, tmp_path / "vault", **variables)
    assert ">Served<" in ran.stdout, ran.stderr
    assert not asked.exists()


def test_what_an_extra_brings_is_asked_for_in_a_sentence(bare, tmp_path):
    test = "import pytest\n\n@pytest.mark.claim('low', by='exact')\ndef test_a():\n    pass\n"
    write_files(tmp_path / "docs", CLAIMS)
    settings = "site_name: A\ntheme: material\nplugins: [litmus, mkdocs-jupyter]\n"
    write_files(tmp_path, {"mkdocs.yml": settings})
    ran = bare.run("litmus", "build", cwd=tmp_path)
    assert f'what runs labs comes with pip install "{NAME}[run]".' in ran.stdout
    write_files(tmp_path, {"tests/test_a.py": test})
    ran = bare.run("litmus", "check", cwd=tmp_path)
    assert f'what checks claims comes with pip install "{NAME}[author]".' in ran.stderr
