"""The MathML of a formula, which is what screen readers speak: without what nobody hears."""

import re
from html import escape
from xml.etree.ElementTree import Element

# What MathML says of its looks alone, and what holds of these signs without being said.
LOOKS = {"stretchy", "lspace", "rspace", "rowspacing", "columnspacing", "minsize", "maxsize"}
# What a browser would slant, and give a reader as another sign.
SLANTED = re.compile(r"[^\W\d_]|[∇∂]")
FENCES, SEPARATORS = set("()[]{}⟨⟩⌈⌉⌊⌋"), set(",;")


def mathml(node: Element) -> str:
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
    inner = escape(text, quote=False) + "".join(map(mathml, parts))
    if node.tag == "mstyle" and len(node) == 1 and {*said} <= {"scriptlevel", "displaystyle"}:
        return inner
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in said.items())
    return f"<{node.tag}{attributes}>{inner}</{node.tag}>"
