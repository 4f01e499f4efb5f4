"""markdown-it's renderer, with what it needs to know of embedded texts and of rules that raise."""

from collections.abc import Sequence
from typing import Any

from markdown_it.renderer import RendererHTML
from markdown_it.utils import EnvType, OptionsDict

from litmus.markdown import Token
from litmus.problems import as_problem
from litmus.render.scope import At, Rule
from litmus.vault.notes import Note

BREAKS = {"softbreak", "hardbreak"}


class Renderer(RendererHTML):
    """markdown-it's renderer, which knows of embedded texts, and where a rule raises."""

    def render(self, tokens: Sequence[Token], options: OptionsDict, env: EnvType) -> str:
        """Return tokens as HTML; raise Problem, with the line, for whatever a rule raises."""
        parts: list[str] = []
        index = 0
        try:
            for index, token in enumerate(tokens):
                if token.type == "inline":
                    parts.append(self.render(token.children or [], options, env))
                else:
                    rule = self.rules.get(token.type, self.renderToken)
                    parts.append(rule(tokens, index, options, env))
        except MemoryError:
            raise
        except Exception as error:
            note: Note = env["scope"].note
            problem = as_problem(error, note.path)
            if problem.file == note.path:
                problem.line = problem.line or _line(note, tokens, index)
            raise problem from error
        return "".join(parts)

    renderInline = render  # noqa: N815

    def renderToken(  # noqa: N802
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Leave out the ids of blocks in an embedded text: the page that it comes from has them."""
        if env["scope"].is_embedded and tokens[idx].attrGet("id"):
            attributes = {k: v for k, v in tokens[idx].attrs.items() if k != "id"}
            tokens = [tokens[idx].copy(attrs=attributes), *tokens[idx + 1 : idx + 2]]
            return super().renderToken(tokens, 0, options, env)
        return super().renderToken(tokens, idx, options, env)


def adapted(rule: Rule) -> Any:
    """Return a rule of ours as markdown-it calls it."""

    def markdown_it_rule(
        renderer: object, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return rule(At(tokens, idx, env["scope"], env["site"]))

    return markdown_it_rule


def _line(note: Note, tokens: Sequence[Token], index: int) -> int | None:
    """Return the line of one of some tokens that stand side by side, None if none knows it."""
    for place in range(index, -1, -1):
        token = tokens[place]
        if token.map or "line" in token.meta:
            return note.line(token) + (place < index and token.type in BREAKS)
    return None
