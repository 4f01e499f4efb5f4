"""```` ```ad-note ````: a callout as the plugin Admonition writes it, with Markdown inside.

    ```ad-tip
    title: Mind the sign
    collapse: open
    Text of the callout, with [[links]].
    ```

It becomes the callout that `> [!tip]+ Mind the sign` would be.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from litmus.markdown.callouts import title

SETTING = re.compile(r"(title|collapse|icon|color):[ \t]*(.*)")
FOLDS = {"open": "+", "closed": "-", "close": "-", "true": "-"}


def plugin(md: MarkdownIt) -> None:
    md.core.ruler.after("block", "admonitions", _read_fences)


def _read_fences(state: StateCore) -> None:
    if "ad-" not in state.src:
        return
    tokens: list[Token] = []
    for token in state.tokens:
        if token.type == "fence" and token.info.startswith("ad-"):
            tokens += _callout(state, token)
        else:
            tokens.append(token)
    state.tokens = tokens


def _callout(state: StateCore, fence: Token) -> list[Token]:
    first = (fence.map or [0])[0]
    lines = fence.content.splitlines()
    settings = {}
    while lines and (found := SETTING.fullmatch(lines[0])):
        settings[found[1]] = found[2].strip()
        lines.pop(0)
        first += 1
    inside: list[Token] = []
    state.md.block.parse("".join(f"{line}\n" for line in lines), state.md, state.env, inside)
    for token in inside:
        token.level += fence.level + 1
        token.map = [line + first + 1 for line in token.map] if token.map else None
    kind = fence.info.split()[0].removeprefix("ad-").lower()
    meta = {"kind": kind, "fold": FOLDS.get(settings.get("collapse", ""), "")}
    opening = Token("callout_open", "", 1, map=fence.map, meta=meta, block=True, level=fence.level)
    closing = Token("callout_close", "", -1, meta=meta, block=True, level=fence.level)
    return [opening, *title(settings.get("title", ""), opening, fence.map), *inside, closing]
