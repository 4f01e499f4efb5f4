"""Does each project keep its own cache, and nothing of another's, where one process reads both?"""

import json

import pytest

from litmus.cache import Cache
from litmus.render import code
from litmus.site.build import Build
from litmus.site.project import STORES, Project
from litmus.tex import katex
from tests.litmus.conftest import write_files

BIB = "@misc{{{0}, title={{On {0}}}, year={{2020}}, author={{A. {0}}}}}"
LAST_RUN = {
    **{"line": 3, "passed": 1, "failed": 0, "skipped": 0, "seconds": 0.1, "date": "2026-01-01"},
    **{"python": "3", "torch": "2", "fingerprint": "", "statements": []},
    **{"measured": 0, "allowed": 0},
    "marks": [{"role": "claim", "claim": "c", "by": "exact", "drops": ""}],
}


def files(word):
    """A project in which each store has something that no other project has."""
    test = f"tests/test_{word}.py"
    return {
        "docs/a.md": f"# A\n\n$x_{{{word}}}$ [@{word}]\n\n```python\n{word} = 1\n```\n\n"
        f"```quote\nsnippets/{word}.py f\n```\n",
        "docs/claims/c.md": "---\nkind: lemma\n---\n# C\n\nx\n\n## Proof\n\nx\n",
        "docs/references.bib": BIB.format(word),
        f"snippets/{word}.py": f"import math as {word}\n\n\ndef f():\n    return {word}\n",
        test: f"import snippets.{word}\n",
        "build/evidence.json": json.dumps([{"test": f"{test}::test_c", **LAST_RUN}]),
    }


@pytest.fixture
def roots(tmp_path):
    """Two projects, by the word that each has everywhere and the other nowhere."""
    for word in ["first", "second"]:
        write_files(tmp_path / word, files(word))
    return {word: tmp_path / word for word in ["first", "second"]}


def read(root):
    return Project.ours(root, root / "docs")


def built(project, runner_of):
    """Build a project, formulas and all, and keep what it took."""
    pages = {}
    runner = runner_of(project.root)
    runner.cache = project.cache
    dress = lambda page: katex.typeset(page.html, project.cache)  # noqa: E731
    Build(project, runner, dress, pages.__setitem__).run()
    project.save_cache()
    return pages


def kept(root):
    return {
        store.name: (root / f"build/{store.name}.pickle").read_text("utf-8", "replace")
        for store in STORES
    }


def test_projects_that_are_read_and_built_in_turn_keep_only_their_own(roots, runner_of):
    projects = {word: read(root) for word, root in roots.items()}
    for word in ["first", "second", "first"]:
        built(projects[word], runner_of)
        projects[word] = projects[word].again()
    for word, other in [("first", "second"), ("second", "first")]:
        for name, text in kept(roots[word]).items():
            assert word in text, name
            assert other not in text, name


def test_control_with_one_object_for_all_a_project_would_keep_anothers(
    roots, runner_of, monkeypatch
):
    one_for_all = Cache()
    monkeypatch.setattr("litmus.site.project.Cache", lambda: one_for_all)
    for root in roots.values():
        built(read(root), runner_of)
    assert [name for name, text in kept(roots["second"]).items() if "first" not in text] == []


@pytest.fixture
def making(monkeypatch):
    """What is set, highlighted and parsed anew, in the order in which it is."""
    made = []

    def spy(module, name, shown):
        make = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a: made.append(shown(*a)) or make(*a))

    spy(katex, "_set", lambda placeholders: [*placeholders])
    spy(code, "_highlighted", lambda source, language: source)
    return made


def test_the_same_project_makes_nothing_twice_in_one_process_or_the_next(roots, runner_of, making):
    project = read(roots["first"])
    pages = built(project, runner_of)
    assert making
    making.clear()
    assert built(project.again(), runner_of) == pages  # as after a change of its settings
    assert built(read(roots["first"]), runner_of) == pages  # as another process
    assert making == []
    built(read(roots["second"]), runner_of)
    assert making != []


def test_a_vault_that_is_not_ours_keeps_its_own_in_memory_alone(tmp_path, runner_of, making):
    write_files(tmp_path / "vault", {"a.md": "# A\n\n$x_{third}$\n\n```python\nthird = 1\n```\n"})
    project = Project.open(tmp_path / "vault", tmp_path / "elsewhere")
    built(project, runner_of)
    assert making
    making.clear()
    again = project.again()
    assert again.cache is project.cache
    built(again, runner_of)
    assert making == []
    assert [file.name for file in (tmp_path / "vault").iterdir()] == ["a.md"]
    built(Project.open(tmp_path / "vault", tmp_path / "elsewhere"), runner_of)
    assert making != []
