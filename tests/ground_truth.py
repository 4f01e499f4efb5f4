"""Holds a site against the vault it was made of, where a generator wrote down what is in it.

    python -m tests.ground_truth 1000 7 8 9

prints what is wrong with the site of 1,000 generated notes, for each of three seeds. Everything is
read from the notes' sources here with means of its own: nothing of the engine's parser is used.
"""

import html
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

from litmus.problems import in_order
from litmus.python.runs import Runner
from litmus.render.library import Library
from litmus.render.page import NotePages
from litmus.site.project import Project
from tests.html import RAW, parsed, repeated_ids, unbalanced

GENERATOR = Path(__file__).parents[2] / "shared/tools/gen_vault.py"  # where it exists
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"%%.*?%%", re.DOTALL)
FORMULA = re.compile(r"\$\$\n(?P<display>.*?)\n(?:> )*\$\$|\$(?P<inline>[^$\n]+)\$", re.DOTALL)
LINK = re.compile(r"(?P<embed>!?)\[\[(?P<raw>(?P<target>[^\]|#]*)(?:#(?P<part>[^\]|]*))?)"
                  r"(?:\|(?P<label>[^\]]*))?\]\]")  # fmt: skip
CITATION = re.compile(r"\[@(key\d+)\]")
OWN_WORK = re.compile(r"\(Author\d+ & Writer\d+, \d+\)")  # cited in the note about it: no link
CALLOUT = re.compile(r"^((?:> ?)+)\[!(\w+)\][+-]? ?(.*)$", re.MULTILINE)
KEEP_THEIR_KIND = {
    *("theorem", "lemma", "proposition", "corollary", "definition", "remark"),
    *("example", "conjecture", "proof"),
}
PROBLEM = re.compile(r".*\.md:\d+: ")
ARTICLE = re.compile(r"<article[^>]*>(.*)</article>", re.DOTALL)
# What the theme puts around a note that has no title of its own.
AROUND = re.compile(
    r'<nav class="md-tags".*?</nav>|<h1>.*?</h1>|<section class="linked-from.*', re.DOTALL
)
# What a page shows that is no text of the note's own, and what stands in the text apart from words.
APART = {
    "pre",
    "button",
    "script",
    ".embed",
    ".diagram",
    ".embedded",
    ".claim-head",
    ".claim-facts",
    ".headerlink",
}
INSERTED = {
    ".tex",
    ".katex",
    ".citation",
    ".footnote-ref",
    ".footnote-backref",
    ".headerlink",
    "button",
}


@dataclass
class Site:
    """What was built: the body of each note's page by the note's path, and what is reported."""

    bodies: dict[str, str]
    problems: list[str]
    indexed: str = ""  # all text that the search finds


def generate(folder: Path, notes: int, seed: int) -> dict:
    """Write a vault into a folder; return the generator's manifest of it."""
    command = [sys.executable, GENERATOR, "--notes", str(notes), "--seed", str(seed)]
    subprocess.run([*command, "--out", str(folder)], check=True, capture_output=True)
    return json.loads(Path(f"{folder}.manifest.json").read_text(encoding="utf-8"))


class Truth:
    """The sources of a vault, what its manifest says, and the site that is held against them."""

    def __init__(self, vault: Path, manifest: dict, site: Site) -> None:
        self.manifest, self.site = manifest, site
        self.sources = {
            file.relative_to(vault).as_posix(): file.read_text(encoding="utf-8")
            for file in sorted(vault.rglob("*.md"))
        }
        self.works = {
            key: path
            for path, source in self.sources.items()
            for key in re.findall(r"^citekey: (\w+)$", source, re.MULTILINE)
        }
        self.goals: dict[str, dict[str, str | None]] = defaultdict(dict)
        for link in manifest["links"]:
            self.goals[link["src"]][link["raw"]] = link["dst"]
        self.page = lru_cache(maxsize=100)(self._page)
        self.parts = cache(self._parts)

    def faults(self) -> Iterator[str]:
        """Yield everything about the site that is not as the vault says."""
        counted: Counter[str] = Counter()
        for path, source in self.sources.items():
            if path not in self.site.bodies:
                yield f"{path}: no page"
                continue
            note = Checked(path, source, self)
            yield from (f"{path}: {fault}" for fault in note.faults())
            counted += note.counted
        yield from _miscounted(self.manifest, counted)
        yield from self.misreported()
        if "SECRET" in self.site.indexed:
            yield "the search finds a comment"

    def misreported(self) -> Iterator[str]:
        """Every broken link is reported once, with its file and line, and nothing else is."""
        planted = Counter(
            f"{path}:{number}: no note is called '{raw}'"
            for path, source in self.sources.items()
            for number, line in enumerate(source.split("\n"), start=1)
            for raw in re.findall(r"\[\[(Missing note \d+)\]\]", line)
        )
        told = Counter(re.sub(r"('Missing note \d+').*", r"\1", p) for p in self.site.problems)
        yield from (f"not reported: {problem}" for problem in (planted - told).elements())
        yield from (f"reported for nothing: {problem}" for problem in (told - planted).elements())

    def _page(self, path: str) -> BeautifulSoup:
        return BeautifulSoup(self.site.bodies[path], "html.parser")

    def _parts(self, path: str) -> dict[str, str]:
        """Return the text of each part of a page that has an id."""
        return {tag["id"]: tag.get_text()[:200] for tag in self.page(path).find_all(id=True)}


class Checked:
    """One note beside its page."""

    def __init__(self, path: str, source: str, truth: Truth) -> None:
        self.path, self.truth, self.page = path, truth, truth.page(path)
        body = FRONT_MATTER.sub("", source)
        self.fences = FENCE.findall(body)
        self.text = COMMENT.sub("", FENCE.sub("", body))
        self.formulas = [
            (bool(found["display"]), _squeezed(found["display"] or found["inline"]))
            for found in FORMULA.finditer(self.text)
        ]
        self.embeds = [e for e in self.page.find_all(class_="embed") if not _is_embedded(e)]
        self.prose = _without(self.page, APART)
        self.shown = _by_name(self.prose)
        self.counted = Counter(
            {
                "display_math": sum(display for display, _ in self.formulas),
                "code": sum(language == "python" for language, _ in self.fences),
                "mermaid": sum(language == "mermaid" for language, _ in self.fences),
                "table": len(self.shown["table"]),
                "task": sum(tag.get("type") == "checkbox" for tag in self.shown["input"]),
                "callout": len(self.shown[".admonition"]),
                "footnote": len(self.shown[".footnote-item"]),
                "highlight": len(self.shown["mark"]),
                "image": len(self.shown["img"]),
                "inline_tag": len(self.shown[".tag"]) // 2,  # the generator writes two at a time
                "embed_block": sum("#^" in _source(embed) for embed in self.embeds),
                "embed_heading": sum("#setting" in _source(embed) for embed in self.embeds),
                "broken_links": len([s for s in self.shown["span"] if _is_unresolved(s)]),
            }
        )

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the page."""
        body = self.truth.site.bodies[self.path]
        yield from (f"not balanced: {wrong}" for wrong in unbalanced(body))
        yield from (f"id twice: {id}" for id in repeated_ids(parsed(body)))
        if "SECRET" in body:
            yield "a comment is shown"
        yield from self._headings()
        yield from self._blocks()
        yield from self._links()
        yield from self._images()
        yield from self._embeds()
        yield from self._formulas()
        yield from self._code()
        yield from self._citations()
        yield from self._words()

    def _headings(self) -> Iterator[str]:
        written = [line[3:] for line in self.text.split("\n") if line.startswith("## ")]
        shown = [h.get_text().strip() for h in self.shown["h2"]]
        if shown != written:
            yield f"headings {shown}, written {written}"
        yield from (
            f"heading without id: {h.get_text()}" for h in self.shown["h2"] if "id" not in h.attrs
        )

    def _blocks(self) -> Iterator[str]:
        ids = [tag["id"] for tag in self.page.find_all(id=True)]
        for id in re.findall(r"^(\^[\w-]+)$", self.text, re.MULTILINE):
            if ids.count(id) != 1:
                yield f"block {id} is there {ids.count(id)} times"

    def _links(self) -> Iterator[str]:
        """Every link in the order written: the right page, an existing part, the right label."""
        written = [link for link in LINK.finditer(self.text) if not link["embed"]]
        shown = [
            tag
            for tag in self.prose.find_all(["a", "span"])
            if _is_unresolved(tag) or (tag.name == "a" and not _is_another_link(tag))
        ]
        if len(shown) != len(written):
            yield f"{len(shown)} links shown, {len(written)} written"
        for link, tag in zip(written, shown, strict=False):
            label = link["label"] or link["raw"].replace("#", " > ")
            goals = self.truth.goals[self.path]
            goal = goals.get(link["raw"], goals.get(f"{link['raw']}|{label}", ""))
            if tag.get_text() != label:
                yield f"{link[0]} is labelled '{tag.get_text()}'"
            if goal == "":
                yield f"{link[0]} is not in the manifest"
            elif goal is None and tag.name == "a":
                yield f"{link[0]} is broken and leads to {tag['href']}"
            elif goal and tag.name != "a":
                yield f"{link[0]} is shown as unresolved"
            elif goal:
                yield from self._leads(tag["href"], goal, link["part"] or "", link[0])

    def _leads(self, href: str, goal: str, part: str, what: str) -> Iterator[str]:
        """Does a link lead to the page of a note, and to the part of it that it names?"""
        url = urlsplit(urljoin(f"http://site/{_address(self.path)}", href))
        fragment = unquote(url.fragment)
        there = self.truth.parts(goal).get(fragment) if fragment else None
        if unquote(url.path) != f"/{_address(goal)}":
            yield f"{what} leads to {href}"
        elif bool(part) != (there is not None):
            yield f"{what} leads to a part that is not there: {href}"
        elif part.startswith("^") and fragment != part:
            yield f"{what} leads to another block: {href}"
        elif not part.startswith("^") and part not in (there or ""):
            yield f"{what} leads to another heading: {href}"

    def _images(self) -> Iterator[str]:
        written = [
            e for e in LINK.finditer(self.text) if e["embed"] and e["target"].endswith(".svg")
        ]
        for image, tag in zip(written, self.shown["img"], strict=False):
            if not unquote(tag["src"]).endswith(f"assets/{image['target']}"):
                yield f"{image[0]} shows {tag['src']}"
            if tag.get("width") != image["label"]:
                yield f"{image[0]} is {tag.get('width')} wide"

    def _embeds(self) -> Iterator[str]:
        """Every embed shows the words of its block or section, and says where they come from."""
        written = [e for e in LINK.finditer(self.text) if e["embed"] and e["part"]]
        if len(self.embeds) != len(written):
            yield f"{len(self.embeds)} embeds shown, {len(written)} written"
        for link, tag in zip(written, self.embeds, strict=False):
            goal, source = self.truth.goals[self.path][link["raw"]], _source(tag)
            yield from self._leads(source, str(goal), link["part"], link[0])
            there = self.truth.page(str(goal)).find(id=unquote(urlsplit(source).fragment))
            inside = Counter(_words(_without(tag, {".embed-source", *INSERTED}).get_text(" ")))
            if not there or Counter(_words(_section(there))) - inside:
                yield f"{link[0]} lacks words of what it embeds"

    def _formulas(self) -> Iterator[str]:
        written = Counter(self.formulas)
        shown = Counter(map(_formula, [*self.shown[".tex"], *self.shown[".katex"]]))
        yield from (f"formula lost: {tex}" for _, tex in (written - shown).elements())
        yield from (f"formula not written: {tex}" for _, tex in (shown - written).elements())

    def _code(self) -> Iterator[str]:
        blocks = [p.get_text().strip() for p in self.page.find_all("pre") if not _is_embedded(p)]
        for _, code in self.fences:
            if code.strip() not in blocks:
                yield f"code lost: {code}"

    def _citations(self) -> Iterator[str]:
        """Every citation leads to the note about that work."""
        shown = self.shown[".citation"]
        written = [key for key in CITATION.findall(self.text) if self.truth.works[key] != self.path]
        if len(shown) != len(written):
            yield f"{len(shown)} citations shown, {len(written)} written"
        for key, tag in zip(written, shown, strict=False):
            yield from self._leads(tag["href"], self.truth.works[key], "", f"[@{key}]")

    def _words(self) -> Iterator[str]:
        """Every word of text is on the page, as often as it was written, and no other is.

        Nor is anything left there of the marks that made a text a link, a formula or a block.
        """
        text = FORMULA.sub(" ", self.text)
        text = LINK.sub(lambda m: " " if m["embed"] else m["label"] or m["raw"], text)
        text = CITATION.sub(" ", text)
        text = re.sub(r"^\^[\w-]+$", "", text, flags=re.MULTILINE)
        text = CALLOUT.sub(_title, text)
        text = re.sub(r"^- \[[ x]\]", "", text, flags=re.MULTILINE)
        text = re.sub(r"\[\^\d+\]:?", "", text)
        page = _without(self.prose, INSERTED)
        for left in page.find_all(string=RAW):
            if left.parent.name not in {"a", "code"}:  # a link without a label does say ^id
                yield f"left raw: {left.strip()}"
        written = Counter(_words(text))
        shown = Counter(_words(OWN_WORK.sub("", page.get_text(" "))))
        yield from (f"word lost: {word}" for word in (written - shown).elements())
        yield from (f"word not written: {word}" for word in (shown - written).elements())


def _miscounted(manifest: dict, counted: Counter[str]) -> Iterator[str]:
    for what, count in counted.items():
        if manifest["counts"].get(what, 0) != count:
            yield f"{count} of {what}, the manifest has {manifest['counts'].get(what, 0)}"


def _address(path: str) -> str:
    return "" if path == "index.md" else f"{path.removesuffix('.md')}/"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _title(callout: re.Match) -> str:
    """What a reader sees of a callout's first line: theorems keep their kind, said once."""
    quote, kind, title = callout.groups()
    if (kind in KEEP_THEIR_KIND or not title) and title.casefold() != kind:
        return f"{quote}{kind.capitalize()} {title}"
    return quote + title


def _squeezed(tex: str) -> str:
    """Return a formula without the marks of the quote that it stands in."""
    return re.sub(r"^>(?: ?>)* ?", "", tex, flags=re.MULTILINE).strip()


def _formula(tag: Tag) -> tuple[bool, str]:
    """Return whether a formula is displayed, and its TeX."""
    math = tag.select_one("math[data-tex]")
    displayed = "display" in tag.get("class", []) or bool(tag.find_parent(class_="katex-display"))
    return displayed, math["data-tex"].strip() if math else html.unescape(tag.get_text()).strip()


def _names(tag: Tag) -> set[str]:
    return {tag.name, *(f".{name}" for name in tag.get("class", []))}


def _by_name(page: BeautifulSoup) -> dict[str, list[Tag]]:
    """Return all tags by their name, and by ".class"."""
    found: dict[str, list[Tag]] = defaultdict(list)
    for tag in page.find_all(True):
        for name in _names(tag):
            found[name].append(tag)
    return found


def _without(page: Tag, apart: set[str]) -> Tag:
    """Return a copy without the tags that have one of those names or classes."""
    rest = copy(page)
    for tag in [tag for tag in rest.find_all(True) if apart & _names(tag)]:
        tag.extract()
    return rest


def _is_embedded(tag: Tag) -> bool:
    return bool(tag.find_parent(class_="embed"))


def _is_unresolved(tag: Tag) -> bool:
    return ".unresolved" in _names(tag)


def _is_another_link(tag: Tag) -> bool:
    """Is this a link that was not written as one in double brackets?"""
    others = {".tag", ".citation", ".footnote-backref"}
    return bool(others & _names(tag) or tag.find_parent(class_="footnote-ref"))


def _source(embed: Tag) -> str:
    """Return the address that an embed says it comes from."""
    return str(embed.find_all(class_="embed-source")[-1].a["href"])


def _section(start: Tag) -> str:
    """Return the words of a block, or of a heading and all that stands below it."""
    parts = [start]
    if start.name == "h2":
        for after in start.find_next_siblings():
            if after.name == "h2" or ".footnotes" in _names(after):
                break
            parts.append(after)
    parts = [part for part in parts if ".embed" not in _names(part)]
    return " ".join(_without(part, INSERTED).get_text(" ") for part in parts)


def render(vault: Path) -> Site:
    """Return a vault's notes as their pages show them."""
    project = Project.foreign(vault)
    runner = Runner(vault)
    pages = NotePages(Library(vault, project.vault, project.claims, project.references, runner))
    rendered = {path: pages.render(note) for path, note in project.vault.notes.items()}
    problems = [*project.problems, *(p for page in rendered.values() for p in page.problems)]
    told = [str(p) for p in in_order(problems)]
    return Site({path: page.html for path, page in rendered.items()}, told)


def built(vault: Path, out: Path) -> Site:
    """Return what `litmus site` makes of a vault: the pages as a browser gets them."""
    command = "from litmus.cli import main; main()"
    arguments = ["site", str(vault), "--out", str(out)]
    subprocess.run([sys.executable, "-c", command, *arguments], check=True, capture_output=True)
    bodies = {}
    for file in vault.rglob("*.md"):
        path = file.relative_to(vault).as_posix()
        page = (out / _address(path) / "index.html").read_text(encoding="utf-8")
        bodies[path] = AROUND.sub("", ARTICLE.search(page)[1])
    open_ends = (out / "open-ends/index.html").read_text(encoding="utf-8")
    listed = BeautifulSoup(ARTICLE.search(open_ends)[1], "html.parser").find_all("li")
    problems = [text for text in (li.get_text() for li in listed) if PROBLEM.match(text)]
    index = (out / "search/search_index.json").read_text(encoding="utf-8")
    return Site(bodies, problems, index)


def main(notes: int, *seeds: int) -> None:
    """Print what is wrong with the site of each vault, and how many."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            vault = Path(folder) / "vault"
            manifest = generate(vault, notes, seed)
            begin = time.perf_counter()
            site = built(vault, Path(folder) / "site")
            took = time.perf_counter() - begin
            found = list(Truth(vault, manifest, site).faults())
            for fault in found[:20]:
                print(fault)
            written = f"{notes} notes, seed {seed}, {manifest['links_total']} links"
            print(f"{written}: {len(found)} faults (built in {took:.0f} s)", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
