r"""`\newcommand` and its like: what a formula, a preamble or a property defines for other formulas.

MathJax keeps a definition for the formulas that follow, KaTeX for one. So definitions are read out
of what an author wrote, and given to each later formula that uses them, as TeX that KaTeX reads.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from litmus.tex.mathjax import REQUIRED

Definition = tuple[str, str]  # a command, and TeX that defines it
COMMAND = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
DEFINITION = re.compile(
    r"(?:\\(?:global|long)\s*)*"
    r"\\(?P<how>newcommand|renewcommand|providecommand|DeclareMathOperator|DeclarePairedDelimiter"
    r"|[egx]?def|let)(?![A-Za-z])(?P<star>\*?)"
    r"\s*\{?\s*(?P<name>\\(?:[A-Za-z@]+|.))\s*\}?\s*"
)
OPTIONS = re.compile(
    r"(?:\[\s*(?P<count>\d)\s*\]\s*(?:\[(?P<default>(?:[^\[\]{}]|\{[^{}]*\})*)\]\s*)?)?(?!\[)"
)
REQUIRE = re.compile(r"\\require\s*\{\s*(?:\[tex\]/)?(?P<package>[\w-]+)\s*\}")
DEFINES = re.compile(r"\\(?:new|renew|provide)command|\\Declare|\\[egx]?def|\\let|\\require")
READ = re.compile(rf"{DEFINITION.pattern}|{REQUIRE.pattern}|\\(?:[A-Za-z@]+|.)|%.*")
REQUIRES = {rf"\require{{{package}}}": commands for package, commands in REQUIRED.items()}
LONGEST = 2_000  # letters of a definition: many that do not end would be read to the end each
SIGN = re.compile(r"\\.|[{}]", re.DOTALL)  # what counts of braces
ARGUMENT = re.compile(r"\s*(\\(?:[A-Za-z@]+|.)|\S)", re.DOTALL)
LET = re.compile(r"=?\s*(?:\\(?:[A-Za-z@]+|.)|.)", re.DOTALL)


def definitions(tex: str) -> list[Definition]:
    r"""Return the definitions in some TeX, in order; each `\require{package}` as one of itself."""
    return [definition for definition, _, _ in _read(tex)]


def taken_out(tex: str) -> tuple[list[Definition], str]:
    r"""Return the definitions with which some TeX begins, and the rest of it.

    Those further down stay in their places, as `\gdef`: what stands before them does not know
    them. The rest has as many lines as before, so that an error in it is found where it was
    written; it is blank if the TeX does nothing but define.
    """
    read = list(_read(tex))
    ends = [0, *(end for _, _, end in read)]
    starts = [*(start for _, start, _ in read), len(tex)]
    between = [tex[end:start] for end, start in zip(ends, starts, strict=True)]
    is_blank = [not COMMENT.sub("", text).strip() for text in between]
    if read and all(is_blank):
        return [definition for definition, _, _ in read], "\n" * tex.count("\n")
    taken: list[Definition] = []
    rest = between[:1]
    for number, (definition, start, end) in enumerate(read):
        is_first = len(taken) == number and is_blank[number]
        if is_first and not definition[1].startswith(r"\require"):
            taken.append(definition)
        else:
            rest.append(definition[1])
        missing = tex.count("\n", start, end) - (0 if is_first else definition[1].count("\n"))
        rest += ["\n" * missing, between[number + 1]]
    return taken, "".join(rest)


def from_property(value: object) -> list[Definition]:
    r"""Return the definitions in a note's property: TeX, or names with what they stand for."""
    if isinstance(value, str):
        return definitions(value)
    if not isinstance(value, dict):
        return []
    names = {f"\\{str(name).lstrip(chr(92))}": str(body) for name, body in value.items()}
    return [
        (name, rf"\gdef{name}{_parameters(_highest(body))}{{{body}}}")
        for name, body in names.items()
        if COMMAND.fullmatch(name)
    ]


def needed(tex: str, defined: Sequence[Definition]) -> str:
    """Return those definitions that a formula uses, by itself or through others, in order."""
    if not defined or "\\" not in tex:
        return ""
    places: dict[str, list[int]] = {}
    for place, (name, _) in enumerate(defined):
        places.setdefault(name, []).append(place)
    required = [how for how in REQUIRES if how in places]
    used: set[int] = set()
    waiting, seen = [tex], set[str]()
    while waiting:
        commands = set(COMMAND.findall(waiting.pop())) - seen
        seen |= commands
        for command in commands:
            more = [places[how][0] for how in required if command in REQUIRES[how]]
            more += places.get(command, [])
            waiting += [defined[place][1] for place in more if place not in used]
            used.update(more)
    return "\n".join(_last([defined[place] for place in sorted(used)]))


def _last(used: Sequence[Definition]) -> Iterable[str]:
    r"""Return all that counts of some definitions: no \let may have read what came before."""
    if all(text.startswith((r"\gdef", r"\require")) for _, text in used):
        return dict(used).values()
    return [text for _, text in used]


def _read(tex: str) -> Iterator[tuple[Definition, int, int]]:
    """Yield each definition, with where it begins and ends; what is not complete is none."""
    position = 0 if DEFINES.search(tex) else len(tex)
    while found := READ.search(tex, position):
        position = found.end()
        if found["package"]:
            how = rf"\require{{{found['package']}}}"
            yield (how, how), found.start(), position
        elif found["name"]:
            read = _definition(tex, found)
            if read is not None:  # else left to KaTeX, which says what is missing
                position = read[1]
                yield (found["name"], read[0]), found.start(), position


def _definition(tex: str, found: re.Match[str]) -> tuple[str, int] | None:
    r"""Return a definition by \gdef and where it ends in the TeX."""
    how, name, position = found["how"], found["name"], found.end()
    if how == "let":
        other = LET.match(tex, position)
        return (rf"\global\let{name}{other[0]}", other.end()) if other else None
    if how.endswith("def"):
        begin = tex.find("{", position)
        body = _group(tex, begin) if begin >= 0 else None
        global_how = r"\xdef" if how in {"edef", "xdef"} else r"\gdef"
        return (f"{global_how}{name}{tex[position:begin]}{{{body[0]}}}", body[1]) if body else None
    if how == "DeclarePairedDelimiter":
        left = _group(tex, position)
        right = _group(tex, left[1]) if left else None
        if not left or not right:
            return None
        return _paired(name, left[0], right[0]), right[1]
    options = OPTIONS.match(tex, position)
    body = _group(tex, options.end()) if options else None
    if options is None or body is None:
        return None
    text, end = body
    if how == "DeclareMathOperator":
        return rf"\gdef{name}{{\operatorname{found['star']}{{{text}}}}}", end
    count, default = int(options["count"] or 0), options["default"]
    return _new(name, count, default, text, is_only_provided=how == "providecommand"), end


def _new(name: str, count: int, default: str | None, text: str, is_only_provided: bool) -> str:
    r"""Return the definition of a command whose first argument may have a default."""
    inner = rf"{name}@" if name[1:].isalpha() else r"\@"
    inner += "provided" if is_only_provided else "optional"
    first = rf"\@ifnextchar[{{{inner}}}{{{inner}[{default}]}}"
    more = "" if default is None else rf"\gdef{inner}[#1]{_parameters(count)[2:]}{{{text}}}"
    body, taken = (text, count) if default is None else (first, 0)
    if is_only_provided:
        return rf"\providecommand{{{name}}}[{taken}]{{{body}}}{more}"
    return rf"\gdef{name}{_parameters(taken)}{{{body}}}{more}"


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
    first = ARGUMENT.match(tex, position)
    if not first or first[1] != "{":
        return (first[1], first.end()) if first else None
    begin, depth = first.end(), 1
    for sign in SIGN.finditer(tex, begin, begin + LONGEST):
        depth += {"{": 1, "}": -1}.get(sign[0], 0)
        if not depth:
            return tex[begin : sign.start()], sign.end()
    return None


def _parameters(count: int) -> str:
    return "".join(f"#{number}" for number in range(1, count + 1))


def _highest(body: str) -> int:
    return max(map(int, re.findall(r"#(\d)", body)), default=0)
