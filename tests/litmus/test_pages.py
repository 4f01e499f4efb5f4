"""Do renamed claims keep their old addresses, and figures of labs become files?"""

import base64
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from litmus.labs import figures_apart
from litmus.pages import Pages

CLAIM = "---\nkind: lemma\naliases: [{}]\n---\n# Now\n\nx\n"


@pytest.mark.parametrize(
    ("alias", "redirects"),
    [
        ("the-old-name", ["claims/the-old-name/index.html"]),
        ("a synonym", []),  # was never an address
        ("../../escape-it", []),
        ("other-claim", []),  # has a page of its own
    ],
)
def test_a_claims_old_name_leads_to_the_new_one(project, alias, redirects):
    small = project(
        {
            "docs/claims/now.md": CLAIM.format(alias),
            "docs/claims/other-claim.md": "---\nkind: lemma\n---\n# O\n\nx\n",
        }
    )
    made = Pages(small.read(), small.site()).redirects()
    assert list(made) == redirects
    assert all('url=../now/"' in page for page in made.values())


def test_a_labs_figures_are_files_of_their_own_and_keep_their_size():
    picture = BytesIO()
    Image.new("RGB", (3, 2)).save(picture, "png")
    inline = base64.b64encode(picture.getvalue()).decode()
    page, files = figures_apart(f'<img src="data:image/png;base64,{inline}" alt="a">', "labs/x/")
    image = BeautifulSoup(page, "html.parser").img
    ((path, content),) = files.items()
    assert content == picture.getvalue()
    assert image["src"] == f"../../{path}"
    assert (image["width"], image["height"], image["alt"]) == ("3", "2", "a")
    assert image["loading"] == "lazy"
