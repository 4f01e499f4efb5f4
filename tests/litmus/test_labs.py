"""Is a lab that has run a note like any other, with all that it printed and drew?"""

import base64
import os
from io import BytesIO
from zipfile import ZipFile

import jupytext
import pytest
from mkdocs.commands.build import build
from PIL import Image

from litmus.markdown import parser
from litmus.markdown.headings import plain_text
from litmus.material.commands import BASE
from litmus.problems import RAISED, Problem
from litmus.python import labs
from litmus.python.labs import as_note
from litmus.python.runs import RunError
from litmus.site.build import Build
from litmus.site.project import Project
from tests.html import parsed
from tests.litmus.test_incremental import configured

SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


def code(source, *outputs):
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def words(source):
    return {"cell_type": "markdown", "source": source}


def printed(text):
    return {"output_type": "stream", "text": text}


def shown(**data):
    kinds = {"png": "image/png", "svg": "image/svg+xml", "plain": "text/plain"}
    return {"output_type": "display_data", "data": {kinds.get(k, k): v for k, v in data.items()}}


def png(width=3, height=2):
    picture = BytesIO()
    Image.new("RGB", (width, height)).save(picture, "png")
    return picture.getvalue()


@pytest.fixture
def note_of(tmp_path):
    """A function that returns a lab of some cells as a note, and the tokens of its text."""

    def make(*cells, written=""):
        (tmp_path / "x.py").write_text(written, encoding="utf-8")
        lab = as_note({"cells": cells}, tmp_path / "x.py", "labs/x.py")
        return lab, parser(strict_line_breaks=True).parse(lab.text)

    return make


def fences(tokens):
    return [(token.info, token.content) for token in tokens if token.type == "fence"]


def test_code_is_a_block_of_python_and_what_it_prints_one_below(note_of):
    _, tokens = note_of(code("print(1 < 2)", printed(["True\n", "\n"]), shown(plain="4")), code(""))
    printed_below = [("printed", "True\n"), ("printed", "4\n")]
    assert fences(tokens) == [("python", "print(1 < 2)\n"), *printed_below]


@pytest.mark.parametrize("source", ["x", "```", "a = '''\n````md\n```\n'''", "    ~~~"])
def test_no_fence_in_a_cell_ends_its_block(note_of, source):
    _, tokens = note_of(code(source, printed(source)))
    assert fences(tokens) == [("python", f"{source}\n"), ("printed", f"{source}\n")]


def test_an_error_is_text_without_the_colours_of_a_terminal(note_of):
    error = {"output_type": "error", "traceback": ["\x1b[0;31mZeroDivisionError\x1b[0m: by zero"]}
    _, tokens = note_of(code("1 / 0", error))
    assert fences(tokens)[1] == ("printed", "ZeroDivisionError: by zero\n")


def test_what_a_cell_makes_of_markdown_is_text_of_the_note(note_of):
    _, tokens = note_of(code("display(Markdown(x))", shown(**{"text/markdown": "A *word*."})))
    assert "em_open" in {child.type for token in tokens for child in token.children or []}


def test_figures_are_files_with_their_size_and_say_what_they_belong_to(note_of):
    drawn = base64.b64encode(png()).decode()
    lab, tokens = note_of(
        words("# Rates $\\eta_t$ in [0, 1), ]*\n\n```\n# no heading\n```"),
        code("plot()", shown(png=drawn, plain="<Figure>"), shown(svg=SVG)),
    )
    images = [child for token in tokens for child in token.children or [] if child.type == "image"]
    about = "to “Rates \\eta_t in [0, 1), ]*”"
    assert [plain_text(image.children) for image in images] == [
        f"Figure 1, {about}|3x2",
        f"Figure 2, {about}",
    ]
    drawn_files = [path for path in lab.files if path.startswith("assets/figures/")]
    assert [lab.files[path] for path in drawn_files] == [png(), SVG.encode()]
    assert [image.attrs["src"] for image in images] == [f"/{path}" for path in drawn_files]
    assert "<Figure>" not in lab.text


LAB = """# ---
# title: In short
# ---

# %% [markdown]
# # A lab
#
# See [[c]].

# %%
x = 1


def f():
    return x


# %% [markdown]
# The [[end]].
"""


HEADER = """# %% [raw]
# /// script
# dependencies = ["torch>=2.13", "numpy"]
# ///

"""


def test_a_header_for_scripts_is_not_shown_but_said_in_a_sentence(note_of):
    written = LAB.replace("# %% [markdown]\n# # A lab", f"{HEADER}# %% [markdown]\n# # A lab")
    run = jupytext.reads(written, "py:percent").cells
    run[3]["outputs"] = []
    assert [cell.cell_type for cell in run[:4]] == ["raw", "raw", "markdown", "code"]
    lab, _ = note_of(*run, written=written)
    assert "///" not in lab.text
    assert lab.text.startswith("---\ntitle: In short\n---\n")
    assert lab.text.endswith(
        "runs by itself. `uv run x.py` installs what it needs and runs it; by hand, "
        '`pip install "torch>=2.13" numpy` and `python x.py`.'
    )
    place = dict(zip(lab.text.split("\n"), lab.lines, strict=True))
    assert written.split("\n")[place["# A lab"] - 1] == "# # A lab"
    assert written.split("\n")[place["The [[end]]."] - 1] == "# The [[end]]."


NEEDS = """# %%
import snippets.one
RECORD, NOTE, SECRET = "tests/kept.json", "docs/claims/c.md", ".secret"
"""
OTHERS = {
    "docs/labs/first.py": HEADER + NEEDS,
    "snippets/one.py": "import snippets.two\n",
    "snippets/two.py": "",
    "snippets/three.py": "",
    "tests/kept.json": "{}",
    ".secret": "SECRET",
}


def unpacked(files):
    (path,) = [path for path in files if path.endswith(".zip")]
    with ZipFile(BytesIO(files[path])) as zipped:
        return path, {name: zipped.read(name).decode() for name in zipped.namelist()}


def test_a_lab_that_needs_other_files_is_downloaded_with_them_but_for_notes_and_hidden_ones(
    read, runner_of
):
    project = read(FILES | OTHERS)
    made, files = built(project, runner_of)
    path, found = unpacked(files)
    assert path == "labs/first/first.zip"
    assert found == {
        "first/first.py": OTHERS["docs/labs/first.py"],
        "first/snippets/one.py": "import snippets.two\n",
        "first/snippets/two.py": "",
        "first/tests/kept.json": "{}",
    }
    link = parsed(files["labs/first/index.html"]).css_first(DOWNLOAD)
    assert link.attributes["href"] == "first.zip"
    _, raw = built(project, runner_of, raw_html=True)  # where a note's own HTML is left as it is
    assert raw["labs/first/index.html"] == files["labs/first/index.html"]
    other = parsed(files["labs/figure-less/index.html"]).css_first(DOWNLOAD)
    assert other.attributes["href"] == "figure-less.py"  # a control: it needs no others
    _, again = built(project.again(), runner_of, made)
    assert not [path for path in again if path.endswith(".zip")]


def test_what_is_downloaded_is_the_same_whenever_it_is_made_and_another_with_what_it_needs(
    read, runner_of
):
    project = read(FILES | OTHERS)
    _, files = built(project, runner_of)
    for path in project.root.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o600)
    _, later = built(project.again(), runner_of)
    assert later["labs/first/first.zip"] == files["labs/first/first.zip"]
    (project.root / "snippets/two.py").write_text("TWO = 2\n")
    _, changed = built(project.again(), runner_of)
    assert unpacked(changed)[1]["first/snippets/two.py"] == "TWO = 2\n"


def test_each_line_of_the_note_is_one_of_the_lab(note_of):
    run = [dict(cell) for cell in jupytext.reads(LAB, "py:percent").cells]
    run[2]["outputs"] = [printed("a\nb\n")]
    lab, _ = note_of(*run, written=LAB)
    place = dict(zip(lab.text.split("\n"), lab.lines, strict=True))
    written = LAB.split("\n")
    for line in ["title: In short", "# A lab", "See [[c]].", "The [[end]]."]:
        assert written[place[line] - 1] == f"# {line}"
    for line in ["x = 1", "def f():", "    return x"]:
        assert written[place[line] - 1] == line
    assert place["a"] == place["b"] == place["    return x"]


FILES = {
    "docs/index.md": "# Home\n\nA [[first]] lab, and [x](labs/first.py). ![[figure-less]]\n",
    "docs/labs/first.py": LAB.replace("[[end]]", "end of [[labs/figure-less|it]], #tried"),
    "docs/labs/figure-less.py": "# %% [markdown]\n# # No figure\n#\n# Words.\n",
    "docs/claims/c.md": "---\nkind: lemma\n---\n# The $c$\n\nx\n\n## Proof\n\nx\n",
}


@pytest.fixture
def ran(monkeypatch):
    """The labs that have run, by name; in place of running, each cell prints how often it did."""
    ran = []

    def executed(lab, *_):
        if "1 / 0" in lab.read_text("utf-8"):
            raise RunError("it divides by zero")
        ran.append(lab.stem)
        run = jupytext.read(lab)
        for cell in run.cells:
            if cell.cell_type == "code":
                drawn = shown(png=base64.b64encode(png()).decode())
                cell["outputs"] = [printed(f"run {ran.count(lab.stem)}"), drawn]
        return run

    monkeypatch.setattr(labs, "executed", executed)
    return ran


@pytest.fixture
def read(project, ran):
    """A function that writes files and reads the project with its labs."""

    def make(files):
        root = project(files).root
        return Project.ours(root, root / "docs", is_lab=lambda path: path.startswith("labs/"))

    return make


DOWNLOAD = "a[href$='.py'], a[href$='.zip']"


def built(project, runner_of, previous=None, raw_html=False):
    """Return what was made, and the files that were written."""
    files = {}
    dress = lambda page: "".join([page.html, *(str(link.note) for link in page.linked_from)])  # noqa: E731
    made = Build(
        project, runner_of(project.root), dress, files.__setitem__, previous, raw_html
    ).run()
    return made, files


def test_a_lab_links_and_is_linked_as_notes_are(read, runner_of):
    made, files = built(read(FILES), runner_of)
    assert made.problems == []
    home, lab = (parsed(files[f"{page}index.html"]) for page in ["", "labs/first/"])
    assert [a.attributes["href"] for a in home.css("p a")][:2] == ["labs/first/"] * 2
    assert home.css_first(".embed-source").text() == "No figure"
    hrefs = [a.attributes["href"] for a in lab.css("a[data-card]")]
    assert hrefs == ["../../claims/c/", "../figure-less/", "../../"]  # and who links to it
    assert "A lab" in parsed(files["claims/c/index.html"]).text()
    assert lab.css_first("a.tag").text() == "#tried"
    picture = lab.css_first("img").attributes
    assert picture["src"].startswith("../../assets/figures/")
    assert files[picture["src"].removeprefix("../../")] == png()
    assert lab.css_first(DOWNLOAD).attributes == {"href": "first.py", "download": None}
    assert files["labs/first/first.py"].name == "first.py"
    assert "labs/first.py" not in files
    everything = files["notes/index.html"].decode()
    assert everything.count('href="../labs/first/"') == 1
    assert '"location":"labs/first/"' in "".join(made.search)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[[c]] and $x$", []),
        ("[[figure-les]]", ["19: no note is called 'figure-les'. Did you mean 'figure-less'?"]),
        ("$\\nope$", ["19: the formula cannot be set: Undefined control sequence: \\nope."]),
        ("[[first/first.py]]", ["19: no note is called 'first/first.py'."]),
        ("[x](../../claims/c/)", ["19: there is no file '../../claims/c/'."]),
    ],
)
def test_what_is_wrong_with_a_lab_is_said_with_its_line(read, runner_of, written, said):
    made, _ = built(
        read(FILES | {"docs/labs/first.py": LAB.replace("[[end]]", written)}), runner_of
    )
    found = [str(problem) for problem in made.problems]
    assert len(found) == len(said), found
    for problem, words in zip(found, said, strict=True):
        assert problem.startswith(f"labs/first.py:{words}"), problem


def test_a_lab_that_does_not_run_is_a_problem_and_nothing_else(read):
    project = read(FILES | {"docs/labs/first.py": "# %%\n1 / 0\n"})
    problem = Problem("labs/first.py", None, "it divides by zero.", "It has no page.")
    assert project.problems == [problem]
    assert "labs/first.py" not in project.vault.files
    assert "labs/figure-less.py" in project.vault.notes


def test_of_a_lab_that_is_not_published_there_is_nothing(read, runner_of):
    hidden = LAB.replace("title: In short", "publish: false")
    made, files = built(read({"docs/labs/first.py": hidden}), runner_of)
    assert not [path for path in files if path.startswith(("labs/", "assets/"))]
    assert made.problems == []


def test_who_needs_no_labs_runs_none(read, ran):
    project = read(FILES)
    assert ran
    ran.clear()
    read_without = Project.ours(project.root, project.docs)
    assert "labs/first.py" in read_without.vault.files
    assert read_without.vault.resolve("first", "index.md") is None
    assert Project.foreign(project.docs).vault.files == read_without.vault.files
    assert ran == []


@pytest.mark.parametrize(
    ("file", "text", "pages"),
    [
        ("docs/labs/first.py", LAB.replace("end", "c"), {"labs/first/", "labs/figure-less/"}),
        ("docs/claims/c.md", FILES["docs/claims/c.md"].replace("$c$", "d"), {"claims/c/"}),
        ("docs/index.md", "# Home\n", {"", "labs/first/", "labs/figure-less/"}),
    ],
)
def test_a_change_makes_the_pages_anew_that_it_touches(read, runner_of, file, text, pages):
    before = read(FILES)
    made, _ = built(before, runner_of)
    (before.root / file).write_text(text, encoding="utf-8")
    now = before.again()
    _, files = built(now, runner_of, made)
    written = {path.removesuffix("index.html") for path in files if path.endswith("index.html")}
    assert {page for page in written if f"{page}index.html" in made.outputs} >= pages
    _, anew = built(now, runner_of)
    assert {path: files[path] for path in files} == {path: anew[path] for path in files}


@pytest.mark.parametrize("nav", ["", "nav: [index.md, labs/hidden.py]\n"])
def test_mkdocs_makes_no_page_of_a_lab_that_is_not_published_or_breaks(project, ran, font, nav):
    private = "# ---\n# publish: false\n# ---\n# %%\n'SECRET'\n"
    root = project(
        {
            **font,
            "docs/index.md": "# Home\n",
            "docs/labs/hidden.py": private,
            "docs/labs/both.py": private + "1 / 0\n",
            "docs/labs/shown.py": "# %% [markdown]\n# # Shown\n",
            "mkdocs.yml": f"INHERIT: {BASE}\nsite_name: V\n{nav}"
            f"theme: {{custom_dir: {BASE.with_name('theme')}}}\n"
            "plugins: {mkdocs-jupyter: {include: [labs/*.py], execute: true, ignore: ['*.md']}}\n",
        }
    ).root
    config = configured(root / "mkdocs.yml")
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    assert (root / "site/labs/shown/index.html").exists()
    assert [path.name for path in (root / "site/labs").iterdir()] == ["shown"]
    texts = [path.read_bytes() for path in (root / "site").rglob("*") if path.is_file()]
    assert not [text for text in texts if b"SECRET" in text]


def test_a_line_that_was_written_over_is_shown_as_it_stands_at_the_end(note_of):
    bar = "".join(f"\r{n} %" for n in range(50)) + "\x1b[K\r\nall\rend\n"
    lab, tokens = note_of(code("run()", printed(bar)), words("Last [[x]].\r\n"))
    assert fences(tokens)[1] == ("printed", "49 %\nend\n")
    assert len(lab.lines) == lab.text.count("\n") + 1


def test_lines_of_a_traceback_are_lines_and_an_output_without_words_is_none(note_of):
    error = {"output_type": "error", "traceback": ["Traceback", "ValueError"]}
    _, tokens = note_of(code("f()", error, shown(**{"text/html": "<b>x</b>"})))
    assert fences(tokens)[1:] == [("printed", "Traceback\nValueError\n")]


def test_a_name_that_no_address_can_have_as_it_is_is_quoted_in_the_download(tmp_path):
    (tmp_path / "c#d.py").write_text("")
    lab = as_note({"cells": []}, tmp_path / "c#d.py", "labs/c#d.py")
    assert "[Download this lab](/labs/c%23d/c%23d.py)" in lab.text


@pytest.mark.parametrize("error", [RuntimeError("Kernel died"), UnicodeError("no UTF-8")])
def test_whatever_stops_a_lab_is_a_problem_of_that_lab(read, monkeypatch, error):
    executed = labs.executed

    def break_the_first(lab, *about):
        if lab.stem == "first":
            raise error
        return executed(lab, *about)

    monkeypatch.setattr(labs, "executed", break_the_first)
    project = read(FILES)
    (problem,) = (p for p in project.problems if p.file == "labs/first.py" and p.kind == RAISED)
    assert str(error) in problem.what
    assert "labs/figure-less.py" in project.vault.notes


def test_a_proof_by_a_lab_stands_whether_or_not_the_lab_is_read(read):
    lemma = "---\nkind: lemma\n---\n# L\n\nIt is.\n\n## Proof\n\nBy [[{}]].\n"
    files = {name: lemma.format(link) for name, link in [("l", "first"), ("m", "gone")]}
    project = read(FILES | {f"docs/claims/{name}.md": text for name, text in files.items()})
    for each in (project, Project.ours(project.root, project.docs)):
        assert [each.claims[name].argument for name in "lm"] == ["argued", "open"]
