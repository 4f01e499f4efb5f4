"""KaTeX's formulas, made a quarter of their size without moving a pixel.

KaTeX writes a formula of ten letters in two thousand characters, and a page has dozens of them.
Here it is written again: spans that no rule of the stylesheet looks at go, props that stand in
every row become pseudo-elements, and the declarations that KaTeX repeats become classes of one or
two letters. What is not recognised stays as KaTeX wrote it, and all of its rules stay, too.
"""

import re
from functools import lru_cache
from html import escape
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from litmus.tex.compact_mathml import mathml
from litmus.tex.compact_style import AFTER, AROUND, CLASS_OF, PROPS, STACKS, declarations, looks

NAMESPACE = re.compile(r' xmlns="[^"]*"')
SAFE = re.compile(r"[^\s\"'`=<>]+(?<!/)")  # HTML lets such a value stand without quotes


class UnfamiliarError(Exception):
    """KaTeX has built something otherwise than we know it."""


def compact(formula: str, tex: str = "") -> str:
    """Return a formula as KaTeX writes it, its HTML, in few characters that show the same.

    The TeX that it was written as stands in `data-tex`; in KaTeX's annotation stands what was set.
    """
    plain = NAMESPACE.sub("", formula)
    try:
        tree = ElementTree.fromstring(plain)
        for math in tree.iter("math"):
            math.set("data-tex", tex)
        return _element(tree)
    except (ElementTree.ParseError, UnfamiliarError):
        return plain


def _element(node: Element, keep: str = "") -> str:
    """Return an element; `keep` is the name of its tag where a rule looks for an element there."""
    classes = node.get("class", "").split()
    if node.tag == "math":
        return mathml(node)
    if node.tag != "span":
        inner = "".join(map(_element, node))
        return _tag(node.tag, dict(node.attrib), escape(node.text or "", quote=False) + inner)
    if classes == ["katex-mathml"] and len(node) == 1:
        return mathml(node[0])
    if any(name.startswith("katex") for name in classes):  # others look for these names
        return _tag("span", dict(node.attrib), _row(node))
    if stack := _stack(node, classes):
        return f"<{keep}>{stack}</{keep}>" if keep and "vlist-t" not in classes else stack
    return _base(node, classes) or _styled_span(node, classes, keep)


def _styled_span(node: Element, classes: list[str], keep: str) -> str:
    kept, said = _kept(classes), _declarations(node)
    name = keep or "b"
    if "nulldelimiter" in kept:
        kept = ["n", *(name for name in kept if name != "nulldelimiter")]
    elif "frac-line" in kept:
        kept = ["f"]
        said = [one for one in said if one != "border-bottom-width:.04em"]
    elif kept == ["mspace"]:
        kept = ["m"]
    elif kept == ["mathnormal"] and keep != "span":
        kept, name = [], "i"
    inner = _row(node, "span" if {"inner", "delim-size1", "delim-size4"} & {*classes} else "")
    if not (kept or said or keep) and name == "b":
        return inner
    return _span(name, kept, said, inner)


def _base(node: Element, classes: list[str]) -> str:
    if "base" not in classes or not len(node) or node[0].get("class") != "strut":
        return ""
    strut = {
        one.replace("height:", "--h:").replace("vertical-align:", "--d:")
        for one in _declarations(node[0])
    }
    node.remove(node[0])
    said = [*sorted(strut, reverse=True), *_declarations(node)]
    others = [name for name in _kept(classes) if name != "base"]
    return _span("b", ["b", *others], said, _row(node))


def _stack(node: Element, classes: list[str]) -> str:
    """Return a vertical list, or what only holds one; nothing where it is built otherwise."""
    if "vlist-t" in classes:
        return _bare_stack(node, "")
    kinds = [name for name in classes if name in STACKS]
    only = node[0] if len(node) == 1 and not node.text else None
    if only is None or len(kinds) != 1 or "vlist-t" not in only.get("class", "").split():
        return ""
    stack = _bare_stack(only, kinds[0])
    kept, said = [name for name in _kept(classes) if name != kinds[0]], _declarations(node)
    return _span("b", kept, said, stack) if kept or said else stack


def _is_bare_fraction(nodes: list[Element]) -> bool:
    """Return whether this is a fraction that has no delimiters, but the places of two."""
    classes = ["mopen nulldelimiter", "mfrac", "mclose nulldelimiter"]
    return (
        [node.get("class") for node in nodes] == classes
        and not any(node.get("style") or node.text or node.tail for node in nodes)
        and [inner.get("class") for inner in nodes[1]] == ["vlist-t vlist-t2"]
    )


def _bare_stack(node: Element, kind: str, others: list[str] | None = None) -> str:
    if not _is_familiar(node):
        raise UnfamiliarError
    rows = list(node)
    above, below = tuple(STACKS[kind])
    inner = _cell(rows[0][0])
    if len(rows) == 1:
        return _span("b", [above], [], inner)
    depth = [one.replace("height:", "--D:") for one in _declarations(rows[1][0])]
    return _span("b", [below, *(others or [])], depth, _tag("b", {"class": "r"}, inner))


def _is_familiar(stack: Element) -> bool:
    """Return whether a stack is built as all were that KaTeX has made so far."""
    shape = [[cell.get("class") for cell in row] for row in stack]
    if shape not in ([["vlist"]], [["vlist", "vlist-s"], ["vlist"]]):
        return False
    return all(len(row) and row[0].get("class") == "pstrut" for row in stack[0][0])


def _cell(cell: Element) -> str:
    props = {";".join(_declarations(row[0])) for row in cell if len(row)}
    prop = props.pop() if len(props) == 1 else ""
    known = PROPS.get(prop)
    inner = []
    for row in cell:
        said = _declarations(row)
        if not known:
            said += [one.replace("height:", "--p:") for one in _declarations(row[0])]
        row.remove(row[0])
        inner.append(_span("b", _kept(row.get("class", "").split()), said, _row(row, "b")))
    return _span("b", [known or "u"], _declarations(cell), "".join(inner))


def _row(parent: Element, keep: str = "") -> str:
    """Return what is in an element; spaces beside a sign become a part of it."""
    out, nodes, at = escape(parent.text or "", quote=False), list(parent), 0
    spaces = ["" if keep else _space(node) for node in nodes] + [""] * 3
    while at < len(nodes):
        if not keep and _is_bare_fraction(nodes[at : at + 3]):
            out += _bare_stack(nodes[at + 1][0], "mfrac", ["F"])
            at += 3
            continue
        here, first, second, third = spaces[at : at + 4]
        if here == second and here in AROUND and _is_sign(nodes[at + 1]):
            out += _spaced(nodes[at + 1], AROUND[here])
            at += 3
        elif first in AFTER and first != third and _is_sign(nodes[at]):
            out += _spaced(nodes[at], AFTER[first])
            at += 2
        else:
            inner = _element(nodes[at], keep)
            # Text beside text would be one text, a hundredth of a pixel shorter or longer.
            apart = out and out[-1] != ">" and inner and inner[0] != "<"
            out += f"<b>{inner}</b>" if apart else inner
            at += 1
        out += escape(nodes[at - 1].tail or "", quote=False)
    return out


def _space(node: Element) -> str:
    """Return how wide a space is; nothing if this is no plain space."""
    if node.get("class") != "mspace" or node.text or node.tail:
        return ""
    said = _declarations(node)
    return said[0].removeprefix("margin-right:") if len(said) == 1 and "right" in said[0] else ""


def _is_sign(node: Element) -> bool:
    """Return whether this is text and nothing else, or a letter of a variable."""
    plain = node.tag == "span" and bool(node.text) and not len(node) and not node.get("style")
    return plain and not node.tail and _kept(node.get("class", "").split()) in ([], ["mathnormal"])


def _spaced(sign: Element, name: str) -> str:
    is_letter = "mathnormal" in sign.get("class", "").split()
    return _span("i" if is_letter else "b", [name], [], escape(sign.text or "", quote=False))


def _declarations(node: Element) -> list[str]:
    return [*declarations(node.get("style", ""))]


def _kept(classes: list[str]) -> list[str]:
    return [*looks(tuple(classes))]


def _span(name: str, classes: list[str], said: list[str], inner: str) -> str:
    """Return an element with its classes and declarations, those that are frequent as classes."""
    return f"{_begun(name, tuple(classes), tuple(said))}{inner}</{name}>"


@lru_cache(maxsize=20_000)
def _begun(name: str, classes: tuple[str, ...], said: tuple[str, ...]) -> str:
    names = [*classes, *(CLASS_OF[one] for one in said if one in CLASS_OF)]
    style = ";".join(one for one in said if one not in CLASS_OF)
    attributes = {"class": " ".join(names), "style": style}
    return _opening(name, {key: value for key, value in attributes.items() if value})


def _tag(name: str, attributes: dict[str, str], inner: str) -> str:
    return f"{_opening(name, attributes)}{inner}</{name}>"


def _opening(name: str, attributes: dict[str, str]) -> str:
    said = "".join(
        f" {key}={value}" if SAFE.fullmatch(value) else f' {key}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{said}>"
