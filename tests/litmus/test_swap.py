"""Is there a whole site at every moment, whatever stops a build?"""

from pathlib import Path

import pytest

from litmus.swap import mend, successor, swap


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("old")
    successor(site).mkdir()
    (successor(site) / "index.html").write_text("new")
    return site


def content(site):
    return {path.name: path.read_text() for path in site.iterdir()} if site.exists() else None


def test_a_swap_puts_the_new_site_in_place_and_leaves_nothing_beside_it(site):
    swap(site)
    assert content(site) == {"index.html": "new"}
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_the_first_site_has_none_to_replace(site):
    (site / "index.html").unlink()
    site.rmdir()
    swap(site)
    assert content(site) == {"index.html": "new"}


@pytest.mark.parametrize("step", [1, 2])
def test_a_swap_that_is_cut_off_leaves_a_whole_site_once_it_is_mended(site, monkeypatch, step):
    rename, steps = Path.rename, []

    def cut_off(self, target):
        steps.append(target)
        if len(steps) == step:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut_off)
        with pytest.raises(KeyboardInterrupt):
            swap(site)
    assert content(site) == ({"index.html": "old"} if step == 1 else None)
    mend(site)
    assert content(site) == {"index.html": "old"}
    swap(site)
    assert content(site) == {"index.html": "new"}


def test_nothing_to_mend_changes_nothing(site):
    mend(site)
    assert content(site) == {"index.html": "old"}
    mend(site.parent / "no such site")
    assert not (site.parent / "no such site").exists()


def test_what_an_older_swap_left_behind_is_no_obstacle(site):
    left = site.with_name(".site.old")
    left.mkdir()
    (left / "index.html").write_text("oldest")
    mend(site)
    assert content(site) == {"index.html": "old"}
    swap(site)
    assert content(site) == {"index.html": "new"}
    assert not left.exists()
