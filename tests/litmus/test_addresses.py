"""Is an address taken apart, however it is written, and does none run code unnoticed?"""

import pytest

from litmus.markdown.urls import address_parts, runs_code
from litmus.vault.addresses import address, sitemap, tag_anchor


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://e.org/a/b?c=d#f", ("https", "e.org", "/a/b", "c=d", "f")),
        ("a%20b.md#Part", ("", "", "a%20b.md", "", "Part")),
        ("//e.org/a", ("", "e.org", "/a", "", "")),
        ("https://[x]", ("", "", "https://[x]", "", "")),  # cannot be one
        ("", ("", "", "", "", "")),
    ],
)
def test_an_address_has_its_parts_and_what_cannot_be_one_is_a_path(url, parts):
    assert tuple(address_parts(url)) == parts


@pytest.mark.parametrize(
    ("url", "runs"),
    [
        ("javascript:x", True),
        ("JavaScript:x", True),
        (" java\tscr\nipt:x", True),
        ("\x00javascript:x", True),
        ("vbscript:x", True),
        ("livescript:x", True),
        ("data:text/html,x", True),
        ("blob:x", True),
        ("filesystem:x", True),
        ("https://e.org/javascript:x", False),
        ("javascript", False),
        ("javascripts:x", False),
        ("a/data:x", False),
        ("", False),
    ],
)
def test_an_address_that_a_browser_would_run_is_known(url, runs):
    assert runs_code(url) is runs


def test_a_tag_has_one_place_whatever_its_case():
    assert tag_anchor("One/Two") == tag_anchor("one/two") == "tag:one/two"


def test_the_list_for_search_engines_has_every_page_in_order():
    whole = sitemap("https://e.org/site/", ["b c/", "", "a&b/é/"]).decode()
    assert whole == (
        '<?xml version="1.0"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        "<url><loc>https://e.org/site/</loc></url>\n"
        "<url><loc>https://e.org/site/a%26b/%C3%A9/</loc></url>\n"
        "<url><loc>https://e.org/site/b%20c/</loc></url>\n</urlset>\n"
    )


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("a/b.md", "a/b/"),
        ("a/B.MD", "a/B/"),
        ("labs/x.py", "labs/x/"),
        ("labs/x.ipynb", "labs/x/"),
        ("index.md", ""),
        ("a/index.md", "a/"),
        ("a/my-index.md", "a/my-index/"),
        ("a/b.png", "a/b.png"),
        ("LICENSE", "LICENSE"),
    ],
)
def test_what_becomes_a_page_stands_in_a_folder_and_all_else_where_it_was(path, there):
    assert address(path) == there
