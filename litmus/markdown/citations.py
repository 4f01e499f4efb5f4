"""`[@Li:2019tn]`, `[see @a, p. 3; -@b]`, and `@a` as a part of the sentence: pandoc's citations."""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from litmus.markdown.places import line_within

# Punctuation inside a key, never at its end, or anything between braces.
KEY = r"@(?:(?P<key>\w(?:\w|[:.#$%&+?<>~/-](?=\w))*)|\{(?P<braced>[^{}\s]+)\})"
LOCATOR = r"(?: \[(?P<after>(?:pp?\.|ch|sec|fig|eq|th|§|\d)[^\[\]@$]*)\](?![(\[:]))?"
IN_TEXT = re.compile(rf"(?<![\w@/.-])(?P<minus>-?){KEY}{LOCATOR}")
BRACKETED = re.compile(r"\[(?P<inside>[^\[\]]*)\](?![(\[:])")
PART = re.compile(rf"(?P<before>[^@]*?)(?P<minus>-?)(?<![\w@]){KEY},?(?P<after>.*)", re.DOTALL)


@dataclass(frozen=True)
class Cited:
    """One work in a citation, with what is written before and after its key."""

    key: str
    before: str = ""
    after: str = ""
    only_year: bool = False  # -@key: the sentence has named the author


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("link", "citation", _citation)


def _citation(state: StateInline, silent: bool) -> bool:
    first = state.src[state.pos]
    if first not in "[@-" or state.linkLevel:
        return False
    if first == "[":
        found = BRACKETED.match(state.src, state.pos, state.posMax)
        parts = found["inside"].split(";") if found and "@" in found["inside"] else []
        matches = [PART.fullmatch(part) for part in parts]
    else:
        found = IN_TEXT.match(state.src, state.pos, state.posMax)
        matches = [found]
    if not found or not matches or not all(matches):
        return False
    if not silent:
        token = state.push("citation", "", 0)
        token.content = found[0]
        works = [_cited(match.groupdict()) for match in matches if match]
        token.meta = {"works": works, "in_text": first != "[", "line": line_within(state)}
    state.pos = found.end()
    return True


def _cited(parts: dict[str, str | None]) -> Cited:
    return Cited(
        key=parts["key"] or parts["braced"] or "",
        before=(parts.get("before") or "").strip(),
        after=(parts["after"] or "").strip(),
        only_year=bool(parts["minus"]),
    )
