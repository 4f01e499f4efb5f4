"""What surrounds text on a page: callouts, embedded notes, and the box that shows a claim."""

import html
import re

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from litmus.claims.claim import Claim
from litmus.claims.kinds import KINDS
from litmus.render.draft import Scope
from litmus.render.renderer import At, Renderer, named

TEMPLATES = Environment(
    loader=PackageLoader("litmus.render"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
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


def claim_box(renderer: Renderer, claim: Claim, scope: Scope, url: str = "") -> str:
    """Return the box at the top of a claim's page: statement, both statuses, what it rests on.

    Another note shows the same box with a link to it, and with proof and check folded.
    """
    standing = renderer.library.standing(claim.note.path)
    folded = [("Proof", proof) for proof in claim.proofs]
    folded += [("Check", check) for check in claim.sections(CHECK)]
    return TEMPLATES.get_template("claim.html").render(
        claim=standing,
        url=url,
        title=Markup(renderer.title(claim.note)),
        statement=Markup(renderer.tokens(claim.statement, scope)),
        folded=[(name, Markup(renderer.tokens(part, scope))) for name, part in folded if url],
        source=Markup(renderer.property(standing["source"], scope)),
        link=lambda path: renderer.link(renderer.library.note_titled(path), scope.here),
    )


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


RULES = named(callout_open, callout_title_open, callout_title_close, callout_close)


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
