"""`[@Li:2019tn]`, `[see @a, p. 3; @b]`, and `@a` as a part of the sentence: pandoc's citations."""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

KEY = r"@(?P<key>\w(?:\w|[:.#$%&+?<>~/-](?=\w))*)"  # colons inside, punctuation never at the end
IN_TEXT = re.compile(r"(?<![\w@/.])" + KEY)
BRACKETED = re.compile(r"\[(?P<inside>[^\[\]]*(?<![\w@])@\w[^\[\]]*)\](?![(\[:])")
PART = re.compile(r"\s*(?P<before>[^@]*?)\s*-?(?<![\w@])" + KEY + r",?\s*(?P<after>.*?)\s*")


@dataclass(frozen=True)
class Cited:
    """One work in a citation, with what is written before and after its key."""

    key: str
    before: str = ""
    after: str = ""


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("link", "citation", _citation)


def _citation(state: StateInline, silent: bool) -> bool:
    works: list[Cited]
    if found := BRACKETED.match(state.src, state.pos, state.posMax):
        parts = [PART.fullmatch(part) for part in found["inside"].split(";")]
        if not all(parts):
            return False
        works = [Cited(part["key"], part["before"], part["after"]) for part in parts if part]
    elif found := IN_TEXT.match(state.src, state.pos, state.posMax):
        works = [Cited(found["key"])]
    else:
        return False
    if not silent:
        token = state.push("citation", "", 0)
        token.content = found[0]
        token.meta = {
            "works": works,
            "in_text": found.re is IN_TEXT,
            "line": state.src.count("\n", 0, state.pos),
        }
    state.pos = found.end()
    return True
