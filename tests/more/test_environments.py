"""Does an environment hold what is required, and nothing else that is installed here?"""

from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement

from tests.more.environments import NotInstalledError, closure, environment


def test_a_closure_has_what_is_required_through_others():
    found = closure([Requirement("mdit-py-plugins")])
    assert {"mdit-py-plugins", "markdown-it-py", "mdurl"} == found.keys()


def test_a_closure_follows_the_extras_that_are_asked_for():
    assert "linkify-it-py" not in closure([Requirement("markdown-it-py")])
    assert "linkify-it-py" in closure([Requirement("markdown-it-py[linkify]")])


@pytest.mark.parametrize(
    ("required", "said"),
    [
        ("no-such-distribution", "no-such-distribution is not installed"),
        ("click<1", "click<1 is required, and"),
    ],
)
def test_what_is_missing_or_of_another_version_is_said(required, said):
    with pytest.raises(NotInstalledError, match=said):
        closure([Requirement("click"), Requirement(required)])


def test_what_is_required_is_imported_from_the_environment(bare):
    for module in ["litmus.cli", "mkdocs", "yaml"]:
        ran = bare.run("python", "-c", f"import {module} as m; print(m.__file__)")
        assert ran.stdout.startswith(str(bare.packages)), ran.stderr


@pytest.mark.parametrize("module", ["torch", "pytest", "jupytext", "matplotlib", "pip"])
def test_what_is_not_required_cannot_be_imported_although_it_is_installed_here(bare, module):
    assert find_spec(module)
    ran = bare.run("python", "-c", f"import {module}")
    assert f"No module named '{module}'" in ran.stderr


def test_an_extra_and_another_requirement_come_with_what_they_require(tmp_path, wheel):
    made = environment(tmp_path / "environment", wheel, "author", also=["libcst"])
    assert {"pytest", "pluggy", "sympy", "libcst"} <= made.linked.keys()
    assert made.run("python", "-c", "import pytest, sympy, libcst").returncode == 0
    assert not made.linked.keys() & {"torch", "mutmut"}


def test_programs_begin_with_the_interpreter_of_the_environment(bare):
    for program in ["litmus", "mkdocs"]:
        first = (bare.folder / "bin" / program).read_text(encoding="utf-8").partition("\n")[0]
        assert first == f"#!{bare.python}"
        assert bare.run(program, "--help").stdout.startswith(f"Usage: {program}")
