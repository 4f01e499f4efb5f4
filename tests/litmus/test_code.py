"""Is code shown with every letter of it, in whatever language, however the fence names it?"""

import pytest
from bs4 import BeautifulSoup

from litmus.render.code import code_block

SOURCE = 'def f(x):\n\treturn "<&>" + x  # why\n\n\nf(1)\n'


def text_of(html):
    return BeautifulSoup(html, "html.parser").code.text


@pytest.mark.parametrize("language", ["python", "", "nolanguage", "bash", "html", "text", "latex"])
def test_no_letter_of_a_block_is_lost(language):
    assert text_of(code_block(SOURCE, language)) == SOURCE


@pytest.mark.parametrize(
    "info",
    ["python", "PYTHON", "{python}", "{.python .numberLines}", "python {1,3-5}", "python{1}",
     'python title="a.py"', "python:a.py", "{python, echo=FALSE}", " python"],
)  # fmt: skip
def test_the_language_is_found_in_what_stands_behind_the_fence(project, info):
    html, problems = project({"docs/n.md": f"```{info}\n{SOURCE}```"}).render("n.md")
    assert '<div class="language-python highlight">' in html
    assert '<span class="k">def</span>' in html
    assert not problems


@pytest.mark.parametrize("info", ["", "nolanguage", "{1}", '"><b>'])
def test_control_what_is_no_language_is_plain(project, info):
    html, _ = project({"docs/n.md": f"```{info}\n{SOURCE}```"}).render("n.md")
    assert '<span class="k">' not in html
    assert text_of(html) == SOURCE
    assert "<b>" not in html


@pytest.mark.parametrize("name", ["c++", "c#", "objective-c", "f#"])
def test_signs_belong_to_the_name_of_a_language(project, name):
    html, _ = project({"docs/n.md": f"```{name}\nreturn 1;\n```"}).render("n.md")
    assert f"language-{name} highlight" in html


def test_code_in_a_list_keeps_its_indentation(project):
    html, _ = project({"docs/n.md": "- item\n\n  ```python\n  if x:\n      y\n  ```\n"}).render(
        "n.md"
    )
    assert text_of(html) == "if x:\n    y\n"
