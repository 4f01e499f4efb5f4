r"""Formulas: with the definitions that they use, the numbers they have, and references to those."""

import html
import re
from collections.abc import Sequence

from litmus.cache import Cache
from litmus.markdown import Token
from litmus.markdown.equations import NOTHING
from litmus.problems import Problem, nearest
from litmus.render.draft import Scope
from litmus.render.renderer import At, named
from litmus.tex import katex, macros
from litmus.vault.addresses import address, relative_url

PUNCTUATION = re.compile(r"[.,;:!?)\]’”]+|-\w+")
SHORT = 45  # letters of TeX in a formula that fits on a line of a phone
REFERENCE = re.compile(r"\\(eq)?ref\s*\{([^{}]*)\}")
PROPERTIES = ["macros", "mathMacros"]


def maths(at: At) -> str:
    """A formula in a line, which no line break may part from the punctuation that follows."""
    formula = _formula(at, display=bool(at.token.meta["display"]))
    end = punctuation_after(at.tokens, at.index)
    return f'<span class="unbroken">{formula}{html.escape(end)}</span>' if end else formula


def maths_block(at: At) -> str:
    """A formula that is a block of its own; one that only defines others is not to be seen."""
    hidden = " hidden" if at.token.meta.get("set") == NOTHING else ""
    return f'<div class="formula"{at.block_id()}{hidden}>{_formula(at, display=True)}</div>\n'


RULES = named(maths, maths_block)


def punctuation_after(tokens: Sequence[Token], index: int) -> str:
    """Return what must not be parted from the token at an index, if that is a short formula."""
    token = tokens[index]
    if token.type != "maths" or token.meta["display"] or len(token.content) > SHORT:
        return ""
    after = next(iter(tokens[index + 1 : index + 2]), None)
    found = PUNCTUATION.match(after.content) if after and after.type == "text" else None
    return found[0] if found else ""


def checked(body: str, scope: Scope, cache: Cache) -> str:
    """Have all formulas of a page set at once; mark and report those that are not TeX."""
    formulas = scope.draft.formulas
    shown = katex.set_all((held for held, _ in formulas), cache)
    for held, place in formulas:
        error = shown[held]
        if isinstance(error, katex.TexError):
            what = f"the formula cannot be set: {error}."
            remedy = r"Write it another way; where a dollar sign is meant, write \$."
            line = (place.line or 0) + error.line
            scope.draft.problems.append(Problem(place.file, line, what, remedy))
            body = body.replace(held, katex.as_written(held, error))
    return body


def _formula(at: At, display: bool) -> str:
    token, scope = at.token, at.scope
    written, set_as = token.content, str(token.meta.get("set", ""))
    if "ref" in written and REFERENCE.search(written):
        alone = REFERENCE.fullmatch(written.strip())
        if alone:
            return _reference(at, alone)
        set_as = REFERENCE.sub(lambda found: _in_formula(at, found), set_as or written)
    used = macros.needed(set_as or written, _defined(at))
    held = katex.placeholder(written, display, set_as, used)
    place = Problem(scope.note.path, scope.note.line(token) + token.meta.get("above", 0), "")
    scope.draft.formulas.append((held, place))
    return _anchors(at) + held


def _defined(at: At) -> Sequence[macros.Definition]:
    """Return what a formula may use: of the vault, its note's properties, and formulas above it."""
    note, defined = at.scope.note, at.library.macros
    for name in PROPERTIES:
        if name in note.properties:
            defined = [*defined, *macros.from_property(note.properties[name])]
    return (
        [*defined, *note.text.macros[: at.token.meta.get("defined")]]
        if note.text.macros
        else defined
    )


def _anchors(at: At) -> str:
    """Return the ids of a formula's labels, which only the page of its own note has."""
    if at.scope.is_embedded or at.scope.is_aside:
        return ""
    return "".join(
        f'<span id="{html.escape(_id(name))}"></span>' for name in at.token.meta.get("labels", [])
    )


def _reference(at: At, found: re.Match[str]) -> str:
    r"""Return `\eqref{name}` as a link to the formula, on the page of the note that has it."""
    shown = _shown(at, found)
    if shown is None:
        return f'<code class="unresolved">{html.escape(found[0])}</code>'
    if at.scope.is_aside:
        return html.escape(shown)
    url = relative_url(address(at.scope.note.path), at.scope.here, _id(found[2]))
    return f'<a class="equation" href="{html.escape(url)}">{html.escape(shown)}</a>'


def _in_formula(at: At, found: re.Match[str]) -> str:
    shown = _shown(at, found)
    return rf"\text{{{'???' if shown is None else shown}}}"


def _shown(at: At, found: re.Match[str]) -> str | None:
    """Return the number that a reference shows; report a label that the note does not have."""
    labels = at.scope.note.text.labels
    number = labels.get(found[2].strip())
    if number is None:
        there = nearest(found[2], labels) or r"Write \label{…} into that formula."
        at.report(f"no formula of this note has the label '{found[2]}'.", there)
        return None
    return f"({number})" if found[1] else number


def _id(label: str) -> str:
    return f"eq:{'-'.join(label.split())}"
