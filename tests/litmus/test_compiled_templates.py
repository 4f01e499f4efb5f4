"""Are templates taken as they were compiled only where this engine would compile them the same?"""

import pytest
from jinja2 import Environment, FileSystemLoader

from litmus.material import compiled_templates
from litmus.material.compiled_templates import WithoutIndentation, prepared


@pytest.fixture
def render(tmp_path):
    """A function that renders a template in an environment of its own, as a new process would."""
    (tmp_path / "page.html").write_text("<p>\n  words\n</p>")

    def make():
        environment = Environment(loader=FileSystemLoader(str(tmp_path)))
        return prepared(environment, tmp_path / "kept").get_template("page.html").render()

    return make


def spaced(self, source, name, filename=None):
    return source.replace("\n", "|")


def test_a_template_that_was_compiled_is_not_compiled_again(render, monkeypatch):
    assert render() == "<p>\nwords\n</p>"
    monkeypatch.setattr(WithoutIndentation, "preprocess", spaced)
    assert render() == "<p>\nwords\n</p>"


def test_another_engine_compiles_it_anew(render, monkeypatch):
    render()
    monkeypatch.setattr(WithoutIndentation, "preprocess", spaced)
    monkeypatch.setattr(compiled_templates, "digest", lambda code: "of another engine")
    assert render() == "<p>|  words|</p>"
