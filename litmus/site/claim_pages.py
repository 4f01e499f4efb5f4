"""Pages about all claims: how each stands, and what it assumes."""

from collections import Counter

from litmus.claims.claim import Claim
from litmus.claims.kinds import FOUNDATIONS, KINDS
from litmus.claims.ways import WAYS
from litmus.render.renderer import Renderer
from litmus.site.page import Page, filled
from litmus.site.project import Project

CLAIMS, ASSUMPTIONS = "claims/", "assumptions/"
MOST_COLUMNS = 50  # of a table; what fewer claims assume is named beside them


def all_claims(project: Project, renderer: Renderer) -> Page:
    """Every claim with its kind, both statuses and how many it rests on; what the words mean."""
    claims, support = _by_kind(project), project.claims.support
    return filled(
        *("all_claims.html", CLAIMS, "All claims", renderer),
        claims=claims,
        support=support,
        ways=WAYS,
    )


def assumptions(project: Project, renderer: Renderer) -> Page:
    """Every result with what it assumes, and which of it a control drops."""
    results = [claim for claim in _by_kind(project) if claim.kind not in FOUNDATIONS]
    shared = Counter(name for claim in results for name in claim.assumes)
    columns = [name for name, _ in shared.most_common(MOST_COLUMNS)]
    rows = [(claim.note, claim.controls) for claim in results]
    cells = [control for _, controls in rows for control in controls.values()]
    return filled(
        "assumptions.html",
        ASSUMPTIONS,
        "Assumptions and controls",
        renderer,
        claims=project.claims,
        columns=columns,
        has_more=len(shared) > len(columns),
        rows=rows,
        assumed=len(cells),
        controlled=sum(cells),
    )


def _by_kind(project: Project) -> list[Claim]:
    """Return the claims, theorems first and what they are built on last."""
    order = ["theorem", "proposition", "lemma", "corollary"]
    order += [kind for kind in KINDS if kind not in {*order, *FOUNDATIONS}]
    order += [kind for kind in KINDS if kind in FOUNDATIONS]
    return sorted(project.claims.values(), key=lambda c: (order.index(c.kind), c.name))
