"""Does a test that lacks something say so, and fail where all has to be installed?"""

import pytest

from tests.needs import missing

LINE = "There is no Rocq. `apt install rocq` brings it."


@pytest.mark.parametrize("value", [None, "", "false"])
def test_what_is_missing_skips_a_test_with_a_line_that_says_how_to_get_it(monkeypatch, value):
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.skip.Exception) as told:
        missing("There is no Rocq", "`apt install rocq` brings it.")
    assert told.value.msg == LINE


def test_control_where_everything_is_installed_the_test_fails_instead(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception) as told:
        missing("There is no Rocq", "`apt install rocq` brings it.")
    assert told.value.msg == LINE


def test_more_is_run_only_by_its_name(request):
    names = {item.path.parent.name for item in request.session.items}
    asked = [str(argument) for argument in request.config.args]
    for name in ("more", "integration"):
        assert (name in names) == any(f"tests/{name}" in argument for argument in asked)
