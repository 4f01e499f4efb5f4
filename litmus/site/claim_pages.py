"""Pages about all claims: how each stands, and what it assumes."""

from collections import Counter

from markupsafe import Markup

from litmus.claims.claim import Claim
from litmus.claims.kinds import FOUNDATIONS, KINDS
from litmus.render.renderer import Renderer
from litmus.site.page import Page, filled
from litmus.site.project import Project
from litmus.vault.addresses import address, relative_url

CLAIMS, ASSUMPTIONS = "claims/", "assumptions/"
MOST_COLUMNS = 50  # of a table; what fewer claims assume is named beside them


def all_claims(project: Project, renderer: Renderer) -> Page:
    """Every claim with its kind, both statuses and how many claims it rests on."""
    rows = [
        {
            "claim": claim,
            "link": renderer.link(claim.note, CLAIMS),
            "rests_on": project.claims.support(claim.name).claims,
            "checks": len(claim.marked("claim")),
            "controls": len(claim.marked("control")),
        }
        for claim in _by_kind(project)
    ]
    return filled("all_claims.html", CLAIMS, "All claims", rows=rows)


def assumptions(project: Project, renderer: Renderer) -> Page:
    """Every result with what it assumes, and which of it a control drops."""
    results = [claim for claim in _by_kind(project) if claim.kind not in FOUNDATIONS]
    shared = Counter(name for claim in results for name in claim.assumes)
    columns = [name for name, _ in shared.most_common(MOST_COLUMNS)]
    controls = {claim.name: claim.controls for claim in results}
    rows = [
        {
            "link": renderer.link(claim.note, ASSUMPTIONS),
            "cells": [controls[claim.name].get(name) for name in columns],
            "own": [
                (name.removeprefix("^"), control)
                for name, control in controls[claim.name].items()
                if name not in columns
            ],
        }
        for claim in results
    ]
    cells = [control for found in controls.values() for control in found.values()]
    return filled(
        "assumptions.html",
        ASSUMPTIONS,
        "Assumptions and controls",
        columns=[_heading(project.claims[name]) for name in columns],
        has_more=len(shared) > len(columns),
        rows=rows,
        assumed=len(cells),
        controlled=sum(cells),
    )


def _heading(claim: Claim) -> Markup:
    """Return a claim's name over a column; its title is a sentence, too long to stand there."""
    url = relative_url(address(claim.note.path), ASSUMPTIONS)
    return Markup('<a href="{}" data-card>{}</a>').format(url, claim.name.replace("-", " "))


def _by_kind(project: Project) -> list[Claim]:
    """Return the claims, theorems first and what they are built on last."""
    order = ["theorem", "proposition", "lemma", "corollary"]
    order += [kind for kind in KINDS if kind not in {*order, *FOUNDATIONS}]
    order += [kind for kind in KINDS if kind in FOUNDATIONS]
    return sorted(project.claims.values(), key=lambda c: (order.index(c.kind), c.name))
