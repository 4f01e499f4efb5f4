"""Does ProperDocs, the maintained fork of MkDocs, build the same site where there is no MkDocs?"""

import re
import shutil

import pytest

from tests.litmus.conftest import write_files
from tests.more.environments import ROOT, NotInstalledError, environment
from tests.needs import missing

HOST = "properdocs>=1.6.7,<2"
GENERATOR = re.compile(rb'<meta name="generator" content="([^"]*)">')
# `build` keeps the evidence, and what snippets and labs have said: none runs again.
OURS = ["docs", "snippets", "tests", "litmus", "build"]
OURS += ["mkdocs.yml", "pyproject.toml", "requirements.txt"]
SMALL = {
    "mkdocs.yml": "site_name: Small\nsite_url: https://example.org/\ntheme: {name: material}\n"
    "plugins: [search, litmus]\n",
    "docs/index.md": "# Home\n\n![[low]]\n\n$x^2$ and [[Second|there]]\n\n> [!tip] So\n> it is\n",
    "docs/Second.md": "---\ntags: [a/b]\n---\n# Second\n\n![[picture.svg]] [^1]\n\n[^1]: Below.\n",
    "docs/picture.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\n',
    "docs/claims/low.md": "---\nkind: lemma\n---\n# Low\n\nAn x. ^x\n\n## Proof\n\nx\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory, wheel):
    """Two environments, by their programs: one with MkDocs, and one with ProperDocs instead."""

    def with_host(name, also):
        return environment(tmp_path_factory.mktemp(name) / "environment", wheel, "run", also=also)

    labs = "scikit-learn"  # should there be nothing kept of a run
    try:
        properdocs = with_host("properdocs", [labs, HOST])
    except NotInstalledError as error:
        if "properdocs" not in str(error):
            raise
        missing(str(error), "`make integrations` brings it.")
    for mkdocs in [properdocs.packages / "mkdocs", *properdocs.packages.glob("mkdocs-*.dist-info")]:
        shutil.rmtree(mkdocs)
    assert properdocs.run("python", "-c", "import mkdocs").returncode
    return {"mkdocs": with_host("mkdocs", [labs]), "properdocs": properdocs}


@pytest.fixture(scope="module")
def sites(made, tmp_path_factory):
    """The small site and ours as each host has built them: a function of host and project."""
    root = tmp_path_factory.mktemp("projects")
    write_files(root / "small", SMALL)
    (root / "ours").mkdir()
    for name in OURS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / "ours" / name)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, root / "ours")

    def built(host, project, into):
        command = [host, "build", "--strict", "-f", "mkdocs.yml", "-d", into]
        ran = made[host].run(*command, cwd=root / project)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return root / project / into

    return built


def files(site):
    """What a site consists of, by path, each page without the word of who made it."""
    return {
        path.relative_to(site).as_posix(): GENERATOR.sub(b"", path.read_bytes(), count=1)
        for path in site.rglob("*")
        if path.is_file()
    }


def differing(one, other):
    """The files in which two sites differ, in order."""
    one, other = files(one), files(other)
    return sorted(path for path in {*one, *other} if one.get(path) != other.get(path))


def makers(site):
    """Who made the pages of a site, and how many there are."""
    said = [GENERATOR.findall(page.read_bytes()) for page in site.rglob("*.html")]
    assert all(len(on_page) == 1 for on_page in said)
    return {maker.decode().split(",")[0] for (maker,) in said}, len(said)


@pytest.mark.parametrize(("project", "least"), [("small", 8), ("ours", 200)])
def test_the_site_is_the_same_but_for_the_line_that_says_who_made_it(sites, project, least):
    by_mkdocs = sites("mkdocs", project, "by-mkdocs")
    by_properdocs = sites("properdocs", project, "by-properdocs")
    assert differing(by_mkdocs, by_properdocs) == []
    (mkdocs,), pages = makers(by_mkdocs)
    (properdocs,), _ = makers(by_properdocs)
    assert mkdocs.startswith("mkdocs-1.")
    assert properdocs.startswith("mkdocs-ProperDocs 1.")
    assert pages >= least


def test_a_site_that_the_other_has_made_is_made_anew(sites):
    for host in ["mkdocs", "properdocs", "mkdocs"]:
        site = sites(host, "small", "by-turns")
        assert len(makers(site)[0]) == 1
        assert ("ProperDocs" in str(makers(site)[0])) == (host == "properdocs")


def test_control_another_byte_and_a_file_more_are_seen(sites, tmp_path):
    site = sites("properdocs", "small", "by-properdocs")
    shutil.copytree(site, tmp_path / "changed")
    assert differing(site, tmp_path / "changed") == []
    page = tmp_path / "changed/Second/index.html"
    page.write_bytes(page.read_bytes().replace(b"Below.", b"Above.", 1))
    (tmp_path / "changed/more.txt").touch()
    assert differing(site, tmp_path / "changed") == ["Second/index.html", "more.txt"]
