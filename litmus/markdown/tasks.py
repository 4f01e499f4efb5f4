"""`- [ ] task`, `- [x] done`, and every other mark that a theme or a plugin gives a meaning to."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

ANYWHERE = re.compile(r"[-+*.)][ \t]+\[[^\]\n]\](?:\s|$)")
MARK = re.compile(r"\[(?P<mark>[^\]\n])\](?=[ \t\n]|$)")


def plugin(md: MarkdownIt) -> None:
    # Before inline parsing, in which [*] would begin an emphasis and [x] could be a link.
    md.core.ruler.after("block", "tasks", _tasks)


def _tasks(state: StateCore) -> None:
    if not ANYWHERE.search(state.src):
        return
    lists: list[Token] = []
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            lists.append(token)
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            lists.pop()
        elif token.type == "list_item_open" and tokens[index + 1].type == "paragraph_open":
            inline = tokens[index + 2]
            found = MARK.match(inline.content)
            if found:
                inline.content = inline.content[found.end() :]
                # What inline parsing finds comes after it.
                inline.children = [Token("task", "input", 0, content=found["mark"])]
                token.attrs |= {"class": "task-list-item", "data-task": found["mark"]}
                lists[-1].attrSet("class", "contains-task-list")
