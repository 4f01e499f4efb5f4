"""Is Python's garbage collector on again whatever becomes of a build, and memory free again?"""

import gc

import pytest
from mkdocs.commands.build import build

from litmus.material.commands import BASE
from litmus.site import collector
from litmus.site.build import Build
from litmus.vault.vault import Vault
from tests.litmus.conftest import write_files
from tests.litmus.test_incremental import configured


@pytest.fixture
def config(tmp_path):
    """What MkDocs knows of a strict build of one note."""
    write_files(tmp_path, {"vault/index.md": "# Home\n"})
    options = {"docs_dir": str(tmp_path / "vault"), "site_dir": str(tmp_path / "site")}
    config = configured(BASE, **options, site_name="V", strict=True)
    config.plugins.on_startup(command="serve", dirty=False)
    return config


@pytest.fixture
def was_on(monkeypatch):
    """Whether the collector was on when notes were read, and when pages were made."""
    seen, read, run = {}, Vault.read.__func__, Build.run
    note = lambda name: seen.update({name: gc.isenabled()})  # noqa: E731
    monkeypatch.setattr(Vault, "read", classmethod(lambda *a, **k: note("read") or read(*a, **k)))
    monkeypatch.setattr(Build, "run", lambda *a: note("run") or run(*a))
    return seen


def test_control_while_notes_are_read_and_pages_made_the_collector_is_at_rest(config, was_on):
    build(config)
    assert was_on == {"read": False, "run": False}
    assert gc.isenabled()


@pytest.mark.parametrize("where", ["read", "run", "note", "formula"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_a_build_that_failed_it_is_on(config, tmp_path, monkeypatch, where, error):
    def fail(*_, **__):
        raise error

    if where == "read":
        monkeypatch.setattr(Vault, "read", fail)
    elif where == "run":
        monkeypatch.setattr(Build, "run", fail)
    else:
        error, text = SystemExit, {"note": "[[nowhere]]", "formula": r"$\frac{1$"}[where]
        write_files(tmp_path, {"vault/index.md": text})
    with pytest.raises(error):
        build(config)
    assert gc.isenabled()


def test_a_collector_that_somebody_has_turned_off_stays_off():
    gc.disable()
    try:
        with collector.at_rest():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_made_is_passed_over_and_then_gathered():
    class Link:
        """A thing that knows itself."""

    with collector.at_rest():
        for _ in range(1000):
            link = Link()
            link.itself = link
    gc.collect()
    count = lambda: sum(type(one) is Link for one in gc.get_objects())  # noqa: E731
    gc.unfreeze()
    assert count() == 1000
    gc.freeze()
    collector.gather()
    gc.unfreeze()
    assert count() == 1
    gc.freeze()
