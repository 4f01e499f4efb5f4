"""The properties of a note: YAML between two lines of ---, at the very beginning of the file."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from litmus.problems import Problem

FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?P<yaml>.*?)(?:^(?:---|\.\.\.)[ \t]*(?:\n|\Z))", re.DOTALL | re.MULTILINE
)
TAGS, ALIASES = re.compile(r"tags?", re.IGNORECASE), re.compile(r"alias(?:es)?", re.IGNORECASE)
PRIVATE = re.compile(r"""^["']?publish["']?\s*:\s*["']?\s*false\b""", re.IGNORECASE | re.MULTILINE)
DEEPEST = 100  # lists in lists; who reads them recurses, and who sends them to another process
LONG = 2_000  # letters; with fewer, names nest no deeper than that
OPENING = re.compile(r"[\[{-]")  # may begin a list or names in one line
MOST_ALIASES = 10  # each may double what the one before it stands for
OF_VALUES = AttributeError, LookupError, TypeError, ArithmeticError  # of !!bool maybe
LINK = re.compile(r"\[\[(?P<target>[^\[\]|#\n]*)(?P<part>#[^\[\]|\n]*)?(?:\|[^\[\]\n]*)?\]\]")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Obsidian reads it: no, on and 12:30 are words, and an impossible date is one, too."""


def _date(loader: Any, node: Any) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)
del _Loader.yaml_constructors[None]  # which refuses a value that has an unknown ! before it
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":int"))]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})$"), list("-+0123456789")
)


def split(text: str, path: str) -> tuple[str, dict[str, Any], int, str, list[Problem]]:
    """Return a file's text below its properties, the properties, and the text's first line.

    After these the properties as written where they cannot be read, and why they cannot.
    """
    front = FRONT_MATTER.match(text)
    if not front:
        return text, {}, 1, "", []
    below, first_line = text[front.end() :], front[0].count("\n") + 1
    try:
        return below, _read(front["yaml"], path), first_line, "", []
    except Problem as problem:
        return below, private(text), first_line, front[0].rstrip("\n"), [problem]


def private(text: str) -> dict[str, Any]:
    """Return of a note's properties that alone which hides it, also where they cannot be read."""
    front = FRONT_MATTER.match(text)
    return {"publish": False} if front and PRIVATE.search(front["yaml"]) else {}


def is_private(properties: Mapping[str, Any]) -> bool:
    """Do properties hide their note? They do with any case and quotes: rather once too often."""
    return any(PRIVATE.match(f"{name}: {value}") for name, value in properties.items())


def lines(text: str) -> int:
    """Return how many lines of a file its properties take, with those around them."""
    front = FRONT_MATTER.match(text)
    return front[0].count("\n") if front else 0


def tags(properties: Mapping[str, Any]) -> list[str]:
    """Return a note's tags without #; in a string commas or spaces stand between them."""
    found = [
        as_list(value, r"[,\s]+") for name, value in properties.items() if TAGS.fullmatch(name)
    ]
    return [tag.lstrip("#") for tags in found for tag in tags if tag.strip("#")]


def aliases(properties: Mapping[str, Any]) -> list[str]:
    """Return a note's other names."""
    return [
        alias.strip()
        for name, value in properties.items()
        if ALIASES.fullmatch(name)
        for alias in as_list(value)
    ]


def links(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what properties link, each with the property: values that are a wikilink, quoted."""
    return [
        (found["target"].strip(), name)
        for name, value in properties.items()
        for word in _words(value)
        if (found := LINK.fullmatch(word.strip()))
    ]


def as_list(value: object, between: str = r"[,\n]\s*") -> list[str]:
    """Return a property as list of words, however it was written: list, one string, or nothing."""
    if isinstance(value, str):
        return [word for word in re.split(between, value) if word.strip()]
    return [] if isinstance(value, dict) else list(_words(value))


def _words(value: object) -> Iterator[str]:
    """Yield the single values in a property, also from lists in lists."""
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _words(item)
    elif value is not None:
        yield str(value)


def _read(written: str, path: str) -> dict[str, Any]:
    """Return properties; raise Problem, with the line, if they are not YAML or not properties."""
    try:
        properties = _load(written)
    except (yaml.YAMLError, ValueError, RecursionError, *OF_VALUES) as error:
        mark = getattr(error, "problem_mark", None)
        line = 2 + (mark.line if mark else 0)
        said = "a value is not what its ! says" if isinstance(error, OF_VALUES) else str(error)
        why = getattr(error, "problem", None) or said or "not YAML"
        what = f"the properties cannot be read: {why}."
        remedy = "They are YAML: quote a value that has a colon in it or starts with @."
        raise Problem(path, line, what, remedy) from None
    if properties is not None and not isinstance(properties, dict):
        what = "the properties are not names with values."
        raise Problem(path, 2, what, "Write one `name: value` a line.")
    return {str(name): value for name, value in (properties or {}).items()}


def _load(written: str) -> object:
    if "&" in written or len(written) > LONG or len(OPENING.findall(written)) > DEEPEST:
        _refuse_bombs(written)
    try:
        return yaml.load(written, _Loader)
    except yaml.YAMLError:
        if "\t" not in written:
            raise
        return yaml.load(written.expandtabs(2), _Loader)  # YAML forbids what many editors insert


def _refuse_bombs(written: str) -> None:
    """Raise ValueError for what would outgrow the memory: lists in lists, or in themselves."""
    within: list[str | None] = []  # the names of the lists that an event stands in
    aliases = 0
    for event in yaml.parse(written, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            within.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            within.pop()
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if event.anchor in within:
                raise ValueError(f"*{event.anchor} stands within itself")
        if len(within) > DEEPEST or aliases > MOST_ALIASES:
            raise ValueError("they hold one another too deep")
