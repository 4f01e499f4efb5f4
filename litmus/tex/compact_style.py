# ruff: noqa: E501, SIM905 -- one rule of a stylesheet a line, and a table of words
"""The classes that formulas have beside KaTeX's own, and the rules of a stylesheet for them."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from itertools import product
from string import ascii_letters

CLASS = re.compile(r"\.([a-zA-Z][\w-]*)")
RESET = re.compile(r"reset-size(\d+)")
ZERO = re.compile(r"(?<![\d.])0(?=\.\d)|(?<=:)-?0em\b")  # 0.5em is .5em, and 0em nothing
SIZING = re.compile(r"\.sizing\.reset-size(\d+)\.size(\d+)(\{[^}]*\})")

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


def stylesheet(css: str) -> str:
    """Return KaTeX's stylesheet with the rules for our classes below it."""
    sizes = [f".katex .{size_class(old, new)}{rule}" for old, new, rule in SIZING.findall(css)]
    frequent = [f".katex .{name}{{{said}}}" for said, name in CLASS_OF.items()]
    return "\n".join([css, *sizes, OURS.strip(), *frequent, ""])


def size_class(old: str, new: str) -> str:
    """Return our class for letters of a new size among those of an old one."""
    return "s" if (old, new) == ("6", "3") else f"s{old}-{new}"  # the first is that of every index


@lru_cache(maxsize=20_000)  # a few thousand lengths stand in all formulas
def declarations(style: str) -> tuple[str, ...]:
    """Return the declarations of a style that matter, in few characters."""
    return tuple(
        ZERO.sub(lambda found: "" if found[0] == "0" else "0", one)
        for one in style.split(";")
        if one and one != "margin-left:0em"
    )


@lru_cache(maxsize=20_000)
def looks(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes that matter for looks, a change of size as one of our own."""
    styled = [name for name in classes if name in _styled()]
    if "sizing" in styled or "fontsize-ensurer" in styled:
        words = " ".join(styled)
        old, new = RESET.search(words), re.search(r"(?<!-)size(\d+)", words)
        others = [n for n in styled if not n.startswith(("reset-size", "size", "sizing", "fonts"))]
        return (*others, size_class(old[1], new[1])) if old and new else tuple(styled)
    if "delimsizing" not in styled:
        styled = [name for name in styled if not name.startswith(("size", "reset-size"))]
    return tuple(styled)


@cache
def _styled() -> set[str]:
    """Return the classes that KaTeX's stylesheet has a rule for."""
    css = files("shadcn").joinpath("css/katex.min.css").read_text(encoding="utf-8")
    return set(CLASS.findall(css)) - {"woff2"}
