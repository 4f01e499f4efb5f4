"""Pages at the old names of claims, their aliases, that lead to the present one."""

import re

from litmus.site.page import TEMPLATES
from litmus.site.project import Project
from litmus.vault.addresses import address, relative_url

FILE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")  # an alias that was a claim's name, not a synonym


def redirects(project: Project) -> dict[str, str]:
    """Return the pages by their files on the site."""
    pages = {}
    for claim in project.claims.values():
        here = address(claim.note.path)
        folder = here.removesuffix(f"{claim.name}/")
        for alias in claim.note.aliases:
            taken = f"{folder}{alias}.md" in project.vault.notes
            if FILE_NAME.fullmatch(alias) and not taken:
                url = relative_url(here, f"{folder}{alias}/")
                page = TEMPLATES.get_template("redirect.html").render(url=url, claim=claim)
                pages[f"{folder}{alias}/index.html"] = page
    return pages
