r"""`\newcommand` and its like: what a formula, a preamble or a property defines for other formulas.

MathJax keeps a definition for the formulas that follow, KaTeX for one. So definitions are taken out
of what an author wrote, and given to each formula that uses them, as TeX that KaTeX reads.
"""

import re
from collections.abc import Mapping

COMMAND = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
COMMENT = re.compile(r"(?<!\\)%.*")
DEFINITION = re.compile(
    r"(?:\\(?:global|long)\s*)*"
    r"\\(?P<how>newcommand|renewcommand|providecommand|DeclareMathOperator|DeclarePairedDelimiter"
    r"|[egx]?def|let)(?![A-Za-z])(?P<star>\*?)"
    r"\s*\{?\s*(?P<name>\\(?:[A-Za-z@]+|.))\s*\}?\s*"
)
OPTIONS = re.compile(r"(?:\[(?P<count>\d)\]\s*(?:\[(?P<default>[^\]]*)\]\s*)?)?")
REQUIRE = re.compile(r"\\require\s*\{\s*(\w+)\s*\}")
LONGEST = 2_000  # letters of a definition: many that do not end would be read to the end each
LET = re.compile(r"=?\s*(?:\\(?:[A-Za-z@]+|.)|.)", re.DOTALL)


def taken_out(tex: str) -> tuple[dict[str, str], str]:
    """Return the definitions in some TeX, by the command that they define, and the rest of it.

    The rest has as many lines as before, so that an error in it is found where it was written.
    """
    if not DEFINITION.search(tex):
        return {}, tex
    defined: dict[str, str] = {}
    rest: list[str] = []
    position = 0
    while found := DEFINITION.search(tex, position):
        read = _definition(tex, found)
        rest.append(tex[position : found.start()])
        if read is None:  # not complete: left to KaTeX, which says what is missing
            rest.append(found[0])
            position = found.end()
            continue
        definition, end = read
        defined.pop(found["name"], None)  # what is defined again comes last
        defined[found["name"]] = definition
        rest.append("\n" * tex.count("\n", found.start(), end))
        position = end
    return defined, "".join([*rest, tex[position:]])


def required(tex: str) -> dict[str, str]:
    r"""Return each `\require{package}` in some TeX as if it were a definition of that name.

    It holds for all formulas that follow, as definitions do; what it redefines, whoever sets
    formulas knows.
    """
    return {name: name for name in (rf"\require{{{found}}}" for found in REQUIRE.findall(tex))}


def from_file(tex: str) -> dict[str, str]:
    """Return the definitions in a file of TeX, in which % begins a comment."""
    tex = COMMENT.sub("", tex)
    return required(tex) | taken_out(tex)[0]


def from_property(value: object) -> dict[str, str]:
    r"""Return the definitions in a note's property: TeX, or names with what they stand for."""
    if isinstance(value, str):
        return required(value) | taken_out(value)[0]
    if not isinstance(value, dict):
        return {}
    names = {f"\\{str(name).lstrip(chr(92))}": str(body) for name, body in value.items()}
    return {
        name: rf"\gdef{name}{_parameters(_highest(body))}{{{body}}}"
        for name, body in names.items()
        if COMMAND.fullmatch(name)
    }


def needed(tex: str, defined: Mapping[str, str]) -> str:
    """Return those definitions that a formula uses, by itself or through others, in order."""
    if not defined:
        return ""
    used: set[str] = set()
    waiting = [tex]
    while waiting:
        for command in COMMAND.findall(waiting.pop()):
            if command in defined and command not in used:
                used.add(command)
                waiting.append(defined[command])
    return "\n".join(definition for name, definition in defined.items() if name in used)


def _definition(tex: str, found: re.Match[str]) -> tuple[str, int] | None:
    r"""Return a definition by \gdef and where it ends in the TeX."""
    how, name, position = found["how"], found["name"], found.end()
    if how == "let":
        other = LET.match(tex, position)
        return (rf"\global\let{name}{other[0]}", other.end()) if other else None
    if how.endswith("def"):
        begin = tex.find("{", position)
        body = _group(tex, begin) if begin >= 0 else None
        return (rf"\gdef{name}{tex[position:begin]}{{{body[0]}}}", body[1]) if body else None
    if how == "DeclarePairedDelimiter":
        left = _group(tex, position)
        right = _group(tex, left[1]) if left else None
        if not left or not right:
            return None
        return _paired(name, left[0], right[0]), right[1]
    options = OPTIONS.match(tex, position)
    position = options.end() if options else position
    body = _group(tex, position)
    if body is None:
        return None
    text, end = body
    if how == "DeclareMathOperator":
        return rf"\gdef{name}{{\operatorname{found['star']}{{{text}}}}}", end
    count = int(options["count"] or 0) if options else 0
    default = options["default"] if options else None
    if default is None:
        return rf"\gdef{name}{_parameters(count)}{{{text}}}", end
    inner = rf"{name}@optional" if name[1:].isalpha() else r"\@optional"
    first = rf"\gdef{name}{{\@ifnextchar[{{{inner}}}{{{inner}[{default}]}}}}"
    return rf"{first}\gdef{inner}[#1]{_parameters(count)[2:]}{{{text}}}", end


def _paired(name: str, left: str, right: str) -> str:
    r"""Return the definition of delimiters: `\a{x}`, `\a*{x}` as high as x, `\a[\big]{x}`."""
    inner = f"{name}@" if name[1:].isalpha() else r"\@paired@"
    return (
        rf"\gdef{name}{{\@ifnextchar*{{{inner}star}}{{\@ifnextchar[{{{inner}size}}{{{inner}plain}}}}}}"
        rf"\gdef{inner}star*#1{{\left{left}#1\right{right}}}"
        rf"\gdef{inner}size[#1]#2{{\mathopen{{#1{left}}}#2\mathclose{{#1{right}}}}}"
        rf"\gdef{inner}plain#1{{\mathopen{{{left}}}#1\mathclose{{{right}}}}}"
    )


def _group(tex: str, position: int) -> tuple[str, int] | None:
    """Return what stands in the braces at a position, or the single command, and where it ends."""
    while position < len(tex) and tex[position].isspace():
        position += 1
    if position >= len(tex):
        return None
    if tex[position] != "{":
        one = COMMAND.match(tex, position)
        return (one[0], one.end()) if one else (tex[position], position + 1)
    depth, here = 0, position
    while here < min(len(tex), position + LONGEST):
        if tex[here] == "\\":
            here += 1
        elif tex[here] == "{":
            depth += 1
        elif tex[here] == "}":
            depth -= 1
            if not depth:
                return tex[position + 1 : here], here + 1
        here += 1
    return None


def _parameters(count: int) -> str:
    return "".join(f"#{number}" for number in range(1, count + 1))


def _highest(body: str) -> int:
    return max(map(int, re.findall(r"#(\d)", body)), default=0)
