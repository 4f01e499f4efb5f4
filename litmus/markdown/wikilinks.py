"""`[[note#part|label]]` and its embedded form `![[note#part|label]]`.

Both become one token, `wikilink` or `embed`, whose children are the parsed label. An embed of
something other than a medium shows a block, which no paragraph may contain: it is lifted out of
the paragraph that it is written in.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from litmus.markdown.block_ids import named
from litmus.markdown.places import line_within

WIKILINK = re.compile(
    r"(?P<embed>!?)\[\["
    r"(?P<target>[^\[\]|#\n]*)(?P<part>\#[^\[\]|\n]*)?"
    # In a label single brackets are text: [[note|a [b] c]], [[note|x[i]]].
    r"(?:\|(?P<label>(?>[^\[\]\n]|\[[^\[\]\n]*\](?!\](?!\]))|\[(?!\[)|\](?!\]))*+))?\]\]"
)
MEDIA = {
    "image": {".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp", ".avif"},
    "audio": {".mp3", ".wav", ".ogg", ".m4a", ".flac", ".3gp"},
    "video": {".mp4", ".webm", ".ogv", ".mov", ".mkv"},
    "pdf": {".pdf"},
}
BREAKS = {"softbreak", "hardbreak"}


def medium(target: str) -> str | None:
    """Return "image", "audio", "video" or "pdf" for the name of such a file, else None."""
    suffix = PurePosixPath(target).suffix.lower()
    return next((kind for kind, suffixes in MEDIA.items() if suffix in suffixes), None)


def innermost(part: str) -> str:
    """Return what a link's part means; a block's name says it all, below any heading."""
    return part[part.find("#^") + 1 :]


def plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("link", "wikilink", _wikilink)
    md.core.ruler.after("inline", "lift_embeds", _lift_embeds)


def _wikilink(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "[!":
        return False
    found = WIKILINK.match(state.src, state.pos, state.posMax)
    if not found or not (found["target"].strip() or (found["part"] or "").strip("# ")):
        return False
    if not silent:
        token = state.push("embed" if found["embed"] else "wikilink", "", 0)
        # Inside a table the bar is written \|; the table has unescaped it, elsewhere it has not.
        target = found["target"].strip().removesuffix("\\")
        label = (found["label"] or "").strip()
        part = (found["part"] or "").lstrip("#").strip().removesuffix("\\")
        token.content = found[0]
        token.meta = {"target": target, "part": innermost(part), "label": label}
        token.meta["line"] = line_within(state)
        token.children = [] if found["embed"] else _read_label(state, label)
    state.pos = found.end()
    return True


def _read_label(state: StateInline, label: str) -> list[Token]:
    """Return a label's words as tokens; there are no links inside a link."""
    inline = state.md.inline
    if not inline.terminator_re.search(label):  # words alone, as in most labels
        return [Token("text", "", 0, content=label)] if label else []
    inner = StateInline(label, state.md, state.env, [])
    inner.linkLevel = 1
    inline.tokenize(inner)
    for rule in inline.ruler2.getRules(""):
        rule(inner)
    return [token for token in inner.tokens if token.type not in {"link_open", "link_close"}]


def _lift_embeds(state: StateCore) -> None:
    if "![" not in state.src:
        return
    lifted: list[Token] = []
    tokens = iter(state.tokens)
    for token in tokens:
        before = lifted[-1].type if lifted else ""
        if before in {"td_open", "th_open"}:
            for child in filter(_is_block, token.children or []):
                child.block = True  # a cell of a table may contain blocks
        if before != "paragraph_open" or not any(map(_is_block, token.children or [])):
            lifted.append(token)
            continue
        opening, closing = lifted.pop(), next(tokens)
        for part in _split(token):
            id = opening.attrs.pop("id", None)  # it belongs to the first part only
            if isinstance(part, Token):
                part.block, part.level = True, opening.level
                line = (token.map or [0])[0] + part.meta["line"]
                part.map = [line, line + 1]
                lifted += named([part], id) if id else [part]
            else:
                text = Token("inline", "", 0, map=token.map, children=part, level=token.level)
                begin = opening.copy(attrs={"id": id} if id else {})
                lifted += [begin, text, closing.copy()]
    state.tokens = lifted


def _is_block(token: Token) -> bool:
    return token.type == "embed" and medium(token.meta["target"]) is None


def _split(inline: Token) -> Iterator[Token | list[Token]]:
    """Yield the runs of text between the block embeds of a paragraph, and the embeds.

    Emphasis around an embed ends before it and begins again after it.
    """
    run: list[Token] = []
    around: list[Token] = []  # what is open here
    for token in inline.children or []:
        if _is_block(token):
            yield from _trimmed([*run, *map(_closing, reversed(around))])
            yield token
            run = list(around)
            continue
        run.append(token)
        if token.nesting > 0:
            around.append(token)
        elif token.nesting < 0 and around:
            around.pop()
    yield from _trimmed(run)


def _closing(opening: Token) -> Token:
    return Token(opening.type.replace("_open", "_close"), opening.tag, -1, markup=opening.markup)


def _trimmed(run: list[Token]) -> Iterator[list[Token]]:
    """Yield a run of text without line breaks at its ends, unless it says nothing."""
    if any(t.nesting == 0 and t.type not in BREAKS and _is_seen(t) for t in run):
        while run[0].type in BREAKS:
            run.pop(0)
        while run[-1].type in BREAKS:
            run.pop()
        yield run


def _is_seen(token: Token) -> bool:
    return token.type != "text" or bool(token.content.strip())
