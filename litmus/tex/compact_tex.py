# ruff: noqa: E501, SIM905 -- one rule of a stylesheet a line, and a table of words
"""KaTeX's formulas and its stylesheet, made a quarter of their size without moving a pixel.

KaTeX writes a formula of ten letters in two thousand characters, and a page has dozens of them. Here
it is written again: spans that no rule of the stylesheet looks at go, props that stand in every row
become pseudo-elements, and the declarations that KaTeX repeats become classes of one or two letters.
What is not recognised stays as KaTeX wrote it, and all of its rules stay, too. The MathML, which is
what screen readers speak, loses only what is about its looks, since nobody sees it.
"""

import re
from functools import cache
from html import escape
from importlib.resources import files
from itertools import product
from string import ascii_letters
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

NAMESPACE = re.compile(r' xmlns="[^"]*"')
CLASS = re.compile(r"\.([a-zA-Z][\w-]*)")
SIZING = re.compile(r"\.sizing\.reset-size(\d+)\.size(\d+)(\{[^}]*\})")
RESET = re.compile(r"reset-size(\d+)")
SIZE = re.compile(r"size(\d+)")
ZERO = re.compile(r"(?<![\d.])0(?=\.\d)|(?<=:)-?0em\b")  # 0.5em is .5em, and 0em nothing
SAFE = re.compile(r"[^\s\"'`=<>]+(?<!/)")  # HTML lets such a value stand without quotes

# Our classes. A stack of rows, one above another, is `t`, or `T` where it reaches below the line:
# then the rows are in `r`. With `c` and `C` they are centred, with `l` and `L` at the left, with `p` and `P` at the right. The rows
# themselves are in `v` where KaTeX props each of them up by 3em, in `w` where by 2.7em, and in `u`
# where by something else. `b` is a part of a line that is not broken, `n` the place of a delimiter
# that is not there, `F` a fraction between two such places, `m` a space and `f` its line.
CENTRED = ["mfrac", "op-limits", "accent", "mover", "munder", "x-arrow", "col-align-c"]
STACKS = {"": "tT", **dict.fromkeys(CENTRED, "cC")}
STACKS |= {"msupsub": "lL", "col-align-l": "lL", "col-align-r": "pP"}
AROUND = {".2778em": "x", ".2222em": "y"}  # a sign that has this space on both sides
AFTER = {".1667em": "z", ".2778em": "X", ".2222em": "Y"}  # a sign that has it on the right
PROPS = {"height:3em": "v", "height:2.7em": "w"}
OURS = """
.katex math{border:0;clip:rect(1px,1px,1px,1px);height:1px;overflow:hidden;padding:0;position:absolute;width:1px}
.katex b{font-weight:inherit}
.katex i{font-family:KaTeX_Math;font-style:italic}
.katex .b{display:inline-block;position:relative;white-space:nowrap;width:min-content}
.katex .b:before{content:"";display:inline-block;height:var(--h);vertical-align:var(--d,baseline)}
.katex :is(.t,.T,.c,.C,.l,.L,.p,.P){border-collapse:collapse;display:inline-table;table-layout:fixed}
.katex :is(.c,.C){text-align:center}
.katex :is(.l,.L){text-align:left}
.katex :is(.p,.P){text-align:right}
.katex :is(.T,.C,.L,.P){margin-right:-2px}
.katex :is(.T,.C,.L,.P):after{content:"";display:table-cell;height:var(--D);vertical-align:bottom}
.katex .r{display:table-row}
.katex .r:after{content:"\\200b";display:table-cell;font-size:1px;min-width:2px;vertical-align:bottom;width:2px}
.katex :is(.v,.w,.u){display:table-cell;position:relative;vertical-align:bottom}
.katex :is(.v,.w,.u)>b{display:block;height:0;position:relative}
.katex :is(.v,.w,.u)>b:before{content:"";display:inline-block;height:3em;overflow:hidden;width:0}
.katex .w>b:before{height:2.7em}
.katex .u>b:before{height:var(--p)}
.katex :is(.v,.w,.u)>b>:is(b,i,span){display:inline-block}
.katex .n{display:inline-block;width:.12em}
.katex .F{margin:0 calc(.12em - 2px) 0 .12em}
.katex .m{display:inline-block}
.katex :is(.x,.X):after,.katex .x:before{content:"";display:inline-block;margin-right:.2778em}
.katex :is(.y,.Y):after,.katex .y:before{content:"";display:inline-block;margin-right:.2222em}
.katex .z:after{content:"";display:inline-block;margin-right:.1667em}
.katex .f{border-bottom:.04em solid;display:inline-block;min-height:1px;width:100%}
.katex .accent-body{position:relative}
.katex .accent-body:not(.accent-full){width:0}
"""

# What KaTeX says most often, the most frequent first: each gets a class. `--h` and `--d` are the
# height and depth of a line, `--D` the depth of a stack.
FREQUENT = """
margin-right:.1667em margin-right:.2778em margin-right:.2222em margin-right:.02691em margin-right:.10764em margin-right:.03588em margin-right:.02778em
margin-right:.08125em margin-right:.13889em margin-right:.01968em margin-right:.03148em
margin-right:.04398em margin-right:.05764em margin-right:.07153em margin-right:.10903em
margin-right:.00773em margin-right:.05017em margin-right:.05278em margin-right:.03704em
margin-right:.09618em margin-right:.0785em margin-right:.07847em margin-right:.00421em
margin-right:.05556em margin-right:.22222em margin-right:.00502em margin-right:.02583em
margin-right:.03785em margin-right:.0037em margin-right:.05451em margin-right:.06366em
margin-right:.13472em margin-right:.01389em margin-right:.1em margin-right:1em margin-right:2em
margin-right:.3333em margin-right:.05em margin-right:-.1667em margin-right:-.05em margin-left:-.0278em
margin-left:-.0269em margin-left:-.0359em margin-left:-.1076em margin-left:-.0813em
margin-left:-.1389em margin-left:-.0197em margin-left:-.0315em margin-left:-.044em
margin-left:-.05em margin-left:-.0715em margin-left:-.109em margin-left:-.0528em
top:-3.063em top:-2.55em top:-3.113em top:-2.453em top:-2.7em top:-3.23em top:-3.677em top:-2.314em
top:-2.655em top:-3.394em top:-2.345em top:-2.4542em top:-2.989em top:-3em top:-2.5198em top:-3.41em
top:-2.9em top:-3.1809em top:-2.7em top:-3.05em top:-2.6519em top:-2.5em top:-2.4em top:-2.4413em
top:-1.8829em top:-4.3em top:-1.8723em top:-3.1473em top:-3.139em top:-2.4519em top:0 top:-.25em
left:-.25em left:-.2222em left:-.1944em left:-.1667em left:-.0833em left:-.1111em left:-.2355em
height:.8141em height:.8641em height:.8491em height:.8991em height:.9541em height:.3011em
height:.2806em height:.1514em height:1.3214em height:.8451em height:.3361em height:.6944em
height:.7384em height:.6679em height:.8444em height:.686em height:1.8em height:.9em height:.5em
--h:1em --d:-.25em --h:.6444em --h:.4306em --h:.6944em --d:-.1944em --h:.8889em --h:.6833em
--h:.8141em --h:.8641em --h:.8491em --h:1.0641em --h:1.1141em --h:.8333em --d:-.0833em --h:.5806em
--d:-.15em --h:.7335em --d:-.0391em --h:.6891em --h:.625em --h:.7778em --h:.8778em --h:.7651em
--h:1.1901em --d:-.345em --h:.9em --h:1.0991em --h:2.4em --d:-.95em --h:.7224em --h:.8778em
--D:.15em --D:.2861em --D:.247em --D:.2083em --D:.345em --D:.686em --D:.936em --D:.95em --D:.3013em
padding-left:.833em min-width:.853em height:1.08em text-align:right width:.5em --D:.8804em --d:-.8804em
height:1.45em top:-3.61em top:-2.41em height:1.69em top:-3.69em top:-2.25em --D:1.19em --d:-1.19em
height:1.4911em --p:3.05em --p:3.008em --p:3.2em --p:3.15em --p:3.4534em --h:.675em --D:1.2671em
--d:-1.2671em height:1.8283em --D:.2501em --D:.3831em --D:.1944em --D:.2em --D:.13em
""".split()
TAKEN = set("sFbtTcClLpPxyzXYrvwunmf")
NAMES = (
    name
    for length in (1, 2)
    for letters in product(ascii_letters, repeat=length)
    if (name := "".join(letters)) not in TAKEN
)
CLASS_OF = dict(zip(dict.fromkeys(FREQUENT), NAMES, strict=False))

# What MathML says of its looks alone, and what holds of these signs without being said.
LOOKS = {"stretchy", "lspace", "rspace", "rowspacing", "columnspacing", "minsize", "maxsize"}
# What a browser would slant, and give a reader as another sign.
SLANTED = re.compile(r"[^\W\d_]|[∇∂]")
FENCES, SEPARATORS = set("()[]{}⟨⟩⌈⌉⌊⌋"), set(",;")


def stylesheet(css: str) -> str:
    """Return KaTeX's stylesheet with what `compact` needs beside it."""
    sizes = [f".katex .{_size(old, new)}{rule}" for old, new, rule in SIZING.findall(css)]
    frequent = [f".katex .{name}{{{said}}}" for said, name in CLASS_OF.items()]
    return "\n".join([css, *sizes, OURS.strip(), *frequent, ""])


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


@cache
def _styled() -> set[str]:
    """Return the classes that KaTeX's stylesheet has a rule for."""
    css = files("shadcn").joinpath("css/katex.min.css").read_text(encoding="utf-8")
    return set(CLASS.findall(css)) - {"woff2"}


def _element(node: Element, keep: str = "") -> str:
    """Return an element; `keep` is the name of its tag where a rule looks for an element there."""
    classes = (node.get("class") or "").split()
    if node.tag == "math":
        return _mathml(node)
    if node.tag != "span":
        inner = "".join(map(_element, node))
        return _tag(node.tag, dict(node.attrib), escape(node.text or "", quote=False) + inner)
    if classes == ["katex-mathml"] and len(node) == 1:
        return _mathml(node[0])
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


def _kept(classes: list[str]) -> list[str]:
    """Return the classes that matter for looks, a change of size as one of our own."""
    styled = [name for name in classes if name in _styled()]
    if "sizing" in styled or "fontsize-ensurer" in styled:
        words = " ".join(styled)
        old, new = RESET.search(words), re.search(r"(?<!-)size(\d+)", words)
        others = [n for n in styled if not n.startswith(("reset-size", "size", "sizing", "fonts"))]
        return [*others, _size(old[1], new[1])] if old and new else styled
    if "delimsizing" not in styled:
        styled = [name for name in styled if not name.startswith(("size", "reset-size"))]
    return styled


def _size(old: str, new: str) -> str:
    """Return our class for letters of a new size among those of an old one."""
    return "s" if (old, new) == ("6", "3") else f"s{old}-{new}"  # the first is that of every index


def _base(node: Element, classes: list[str]) -> str:
    if "base" not in classes or not len(node) or node[0].get("class") != "strut":
        return ""
    said = {
        one.replace("height:", "--h:").replace("vertical-align:", "--d:")
        for one in _declarations(node[0])
    }
    strut = node[0]
    node.remove(strut)
    others = [name for name in _kept(classes) if name != "base"]
    return _span(
        "b", ["b", *others], [*sorted(said, reverse=True), *_declarations(node)], _row(node)
    )


def _stack(node: Element, classes: list[str]) -> str:
    """Return a vertical list, or what only holds one; nothing where it is built otherwise."""
    if "vlist-t" in classes:
        return _bare_stack(node, "")
    kinds = [name for name in classes if name in STACKS]
    only = node[0] if len(node) == 1 and not node.text else None
    if only is None or len(kinds) != 1 or "vlist-t" not in (only.get("class") or "").split():
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
    cell = rows[0][0]
    above, below = tuple(STACKS[kind])
    inner = _cell(cell)
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
        inner.append(_span("b", _kept((row.get("class") or "").split()), said, _row(row, "b")))
    return _span("b", [known or "u"], _declarations(cell), "".join(inner))


def _row(parent: Element, keep: str = "") -> str:
    """Return what is in an element; spaces beside a sign become a part of it."""
    out, nodes, at = escape(parent.text or "", quote=False), list(parent), 0
    while at < len(nodes):
        if not keep and _is_bare_fraction(nodes[at : at + 3]):
            out += _bare_stack(nodes[at + 1][0], "mfrac", ["F"])
            at += 3
            continue
        spaces = ["" if keep else _space(_at(nodes, at + ahead)) for ahead in range(4)]
        if spaces[0] == spaces[2] and spaces[0] in AROUND and _is_sign(nodes[at + 1]):
            out += _spaced(nodes[at + 1], AROUND[spaces[0]])
            at += 3
        elif spaces[1] in AFTER and spaces[1] != spaces[3] and _is_sign(nodes[at]):
            out += _spaced(nodes[at], AFTER[spaces[1]])
            at += 2
        else:
            inner = _element(nodes[at], keep)
            # Text beside text would be one text, a hundredth of a pixel shorter or longer.
            apart = out and out[-1] != ">" and inner and inner[0] != "<"
            out += f"<b>{inner}</b>" if apart else inner
            at += 1
        out += escape(nodes[at - 1].tail or "", quote=False)
    return out


def _at(nodes: list[Element], place: int) -> Element | None:
    return nodes[place] if place < len(nodes) else None


def _space(node: Element | None) -> str:
    """Return how wide a space is; nothing if this is no plain space."""
    if node is None or node.get("class") != "mspace" or node.text or node.tail:
        return ""
    said = _declarations(node)
    return said[0].removeprefix("margin-right:") if len(said) == 1 and "right" in said[0] else ""


def _is_sign(node: Element) -> bool:
    """Return whether this is text and nothing else, or a letter of a variable."""
    plain = node.tag == "span" and bool(node.text) and not len(node) and not node.get("style")
    return (
        plain and not node.tail and _kept((node.get("class") or "").split()) in ([], ["mathnormal"])
    )


def _spaced(sign: Element, name: str) -> str:
    is_letter = "mathnormal" in (sign.get("class") or "").split()
    return _span("i" if is_letter else "b", [name], [], escape(sign.text or "", quote=False))


def _declarations(node: Element) -> list[str]:
    return [
        ZERO.sub(lambda found: "" if found[0] == "0" else "0", one)
        for one in (node.get("style") or "").split(";")
        if one and one != "margin-left:0em"
    ]


def _span(name: str, classes: list[str], said: list[str], inner: str) -> str:
    """Return an element with its classes and declarations, those that are frequent as classes."""
    classes = classes + [CLASS_OF[one] for one in said if one in CLASS_OF]
    style = ";".join(one for one in said if one not in CLASS_OF)
    attributes = {"class": " ".join(classes), "style": style}
    return _tag(name, {key: value for key, value in attributes.items() if value}, inner)


def _tag(name: str, attributes: dict[str, str], inner: str, quoted: bool = False) -> str:
    said = "".join(
        f" {key}={value}" if not quoted and SAFE.fullmatch(value) else f' {key}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{said}>{inner}</{name}>"


def _mathml(node: Element) -> str:
    """Return MathML without what is about its looks alone."""
    text, parts = node.text or "", list(node)
    if node.tag == "math" and parts[0].tag == "semantics":  # which only ties an annotation to it
        parts = list(parts[0][0]) if parts[0][0].tag == "mrow" else [parts[0][0]]
    said = {
        key: value
        for key, value in node.attrib.items()
        if key not in LOOKS
        and not (key == "fence" and text in FENCES)
        and not (key == "separator" and text in SEPARATORS)
        and not (value == "normal" and node.tag == "mi" and not SLANTED.search(text))
    }
    inner = escape(text, quote=False) + "".join(map(_mathml, parts))
    if node.tag == "mstyle" and len(node) == 1 and {*said} <= {"scriptlevel", "displaystyle"}:
        return inner
    return _tag(node.tag, said, inner, quoted=True)
