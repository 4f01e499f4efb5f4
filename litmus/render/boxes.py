"""What surrounds text on a page: callouts, embedded notes, and the box that shows a claim."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from litmus.claims.claim import Claim
from litmus.claims.claims import Support
from litmus.claims.evidence import Mark, Outcome
from litmus.claims.kinds import KINDS

if TYPE_CHECKING:
    from litmus.render.scope import At, Rule, Scope
    from litmus.render.site import Site

TEMPLATES = Environment(
    loader=PackageLoader("litmus.render"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
NOTHING = Markup("")
CHECK = re.compile(r"^check\b", re.IGNORECASE)
CALLOUTS = {  # Obsidian's types with their other names; Material draws the same ones
    "note": [],
    "abstract": ["summary", "tldr"],
    "info": ["todo"],
    "tip": ["hint", "important"],
    "success": ["check", "done"],
    "question": ["help", "faq"],
    "warning": ["caution", "attention"],
    "failure": ["fail", "missing"],
    "danger": ["error"],
    "bug": [],
    "example": [],
    "quote": ["cite"],
}


def claim_box(site: Site, claim: Claim, scope: Scope) -> str:
    """Return the box at the top of a claim's page: statement, both statuses, what it rests on."""
    return _claim(site, claim, scope, embedded=False, url="")


def embedded_claim(site: Site, claim: Claim, scope: Scope, url: str) -> str:
    """Return a claim as another note shows it: the same box, with proof and check folded."""
    return _claim(site, claim, scope, embedded=True, url=url)


def embed(body: str, url: str, title: str) -> str:
    """Return an embedded text with a link back to where it comes from."""
    template = TEMPLATES.get_template("embed.html")
    return template.render(body=Markup(body), url=url, title=Markup(title))


def callout_open(at: At) -> str:
    """A callout: an admonition of Material's, folded where its author folded it."""
    anchor = at.block_id()
    kind, fold = at.token.meta["kind"], at.token.meta["fold"]
    classes = f"admonition {html.escape(_drawn_as(kind))}"
    if not fold:
        return f'<div class="{classes}"{anchor}>\n'
    return f'<details class="{classes}"{anchor}{" open" if fold == "+" else ""}>\n'


def callout_title_open(at: At) -> str:
    """What precedes a callout's title: theorems and proofs keep their kind, said once."""
    kind = _full_kind(at.token.meta["kind"])
    name, title = kind.replace("-", " "), at.tokens[at.index + 1].content.strip()
    says_kind = re.match(rf"{re.escape(name)}\b", title, re.IGNORECASE)
    keeps_kind = (kind in KINDS or kind == "proof") and not says_kind
    shown = html.escape(name.capitalize()) if keeps_kind or not title else ""
    tag = "summary" if at.token.meta["fold"] else 'p class="admonition-title"'
    return f"<{tag}>{shown}{' · ' if shown and title else ''}"


def callout_title_close(at: At) -> str:
    """The end of a callout's title."""
    return "</summary>\n" if at.token.meta["fold"] else "</p>\n"


def callout_close(at: At) -> str:
    """The end of a callout."""
    return "</details>\n" if at.token.meta["fold"] else "</div>\n"


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in [callout_open, callout_title_open, callout_title_close, callout_close]
}


def _full_kind(kind: str) -> str:
    return next((long for long, short in KINDS.items() if kind == short), kind)


def _drawn_as(kind: str) -> str:
    full = _full_kind(kind)
    if full in KINDS and full != "example":
        return f"{full} theorem-like"
    if kind == "proof":
        return kind
    known = (name for name, others in CALLOUTS.items() if kind == name or kind in others)
    return next(known, "note")  # as Obsidian draws a kind that it does not know


def _claim(site: Site, claim: Claim, scope: Scope, embedded: bool, url: str) -> str:
    def link(name: str) -> Markup:
        return site.link(site.claims[name].note, scope.page)

    support = site.claims.support(claim.name)
    weakest = support.weakest
    folded = [("Proof", proof) for proof in claim.proofs] if embedded else []
    folded += [("Check", check) for check in claim.sections(CHECK)] if embedded else []
    return TEMPLATES.get_template("claim.html").render(
        claim=claim,
        url=url,
        embedded=embedded,
        title=Markup(site.title(claim.note)),
        statement=Markup(site.tokens(claim.statement, scope)),
        folded=[(name, Markup(site.tokens(tokens, scope))) for name, tokens in folded],
        source=Markup(site.property(claim.source, scope)),
        rows=[
            (label, [link(name) for name in names])
            for label, names in [
                ("Assumes", claim.assumes),
                ("Uses", claim.uses),
                ("Used by", claim.used_by),
            ]
            if names
        ],
        rests_on=_count(support),
        weakest=link(weakest) if weakest else "",
        weakest_argument=site.claims[weakest].argument if weakest else "",
        checks=[_test(site, claim, *pair) for pair in claim.marked("claim")],
        controls=[_test(site, claim, *pair) for pair in claim.marked("control")],
        counterexamples=[_test(site, claim, *pair) for pair in claim.marked("counterexample")],
        dropped=[
            _test(site, other, outcome, mark, fails=link(other.name))
            for other, outcome, mark in site.claims.dropping[claim.name]
        ],
        ran=_when(claim.outcomes),
    )


def _test(
    site: Site, claim: Claim, outcome: Outcome, mark: Mark, fails: Markup = NOTHING
) -> dict[str, object]:
    """Return what the box says about one test: its sentence, how it came out, what it is about."""
    ran = outcome.passed + outcome.failed
    dropped = site.claims.get(mark.drops)
    without = dropped.note.title if dropped else mark.drops.lstrip("^").replace("-", " ")
    return {
        "test": outcome.test,
        "sentence": outcome.sentence,
        "passed": bool(ran and not outcome.failed),
        "about": [
            mark.by,
            Markup("fails: {}").format(fails) if fails else without and f"without “{without}”",
            "skipped" if not ran else f"{outcome.passed} of {ran}" if ran > 1 else "",
            "changed since it ran" if outcome.test in claim.stale else "",
            Markup("<code>{}</code>").format(outcome.file),
        ],
    }


def _when(outcomes: list[Outcome]) -> str:
    """Return when the tests ran and with what: "2026-11-23, torch 2.13.0, Python 3.11.7"."""
    dates = sorted({outcome.date for outcome in outcomes})
    versions = sorted({f"torch {o.torch}, Python {o.python}" for o in outcomes})
    days = " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]]))
    return ", ".join([days, *versions]) if outcomes else ""


def _count(support: Support) -> str:
    """Return "4 claims: 2 argued, 2 by definition", or "" for none."""
    kinds = ", ".join(f"{count} {argument}" for argument, count in support.by_argument.items())
    number = support.claims
    return f"{number} claim{'s' * (number != 1)}: {kinds}" if number else ""
