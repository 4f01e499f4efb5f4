"""Whatever a vault is made of: every link, formula and word of it is on the site, and no markup."""

import re
import tempfile
from collections import Counter
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litmus.vault.addresses import address
from tests.ground_truth import render
from tests.html import left_raw, parsed, repeated_ids, unbalanced
from tests.litmus.conftest import write_files

NAMES = [
    *("Plain", "Two words", "Grüße & Co", "it's (2)", "emoji 🎉 note", "a.b v1.2", "C++"),
    *("100% sure", "日本語", "2024-01-05", "α–β", "semi;colon, comma", "plus+sign", "me@home"),
    *("a=b", "US$ or $x", "_under_ score_", "~tilde~", "“quoted”", "Question!", "e\u0301tude"),
    *("UPPER lower", "10^3"),
]
FOLDERS = ["", "", "deep/er/", "📁 files/", "A & B/", "1. Maths (old)/"]
LITERALS = ["[[x]]", "%%no%%", "==no==", "$no$", "[^1]", "#no", "![[x]]", "[@no]", "^no", "> [!no]"]


@dataclass
class Block:
    """A part of a note that links can name: written after #, and a word that only it says."""

    part: str
    word: str
    id: str = ""


@dataclass
class Written:
    """A note as it is written, and what its page must show."""

    path: str
    alias: str
    blocks: list[Block] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    literals: list[str] = field(default_factory=list)
    links: list[tuple[str, str, str]] = field(default_factory=list)  # label, address, part's word
    embeds: list[str] = field(default_factory=list)  # a word of what each shows

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2].removesuffix(".md")


class Author:
    """Writes notes out of constructs in contexts, and remembers what was written."""

    def __init__(self, draw) -> None:
        self.draw = draw
        self.said = 0
        self.notes: list[Written] = []

    def one_of(self, *choices):
        return self.draw(st.sampled_from(choices))

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def word(self) -> str:
        self.said += 1
        word = f"w{self.said}w"
        self.note.words.append(word)
        return word

    def vault(self) -> list[Written]:
        names = self.draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True))
        for number, name in enumerate(names):
            folder = self.one_of(*FOLDERS)
            self.notes.append(Written(f"{folder}{name}.md", f"alias {number}"))
        for note in self.notes:  # later notes link to the parts of earlier ones, and their own
            self.note = note
            self.note.text.append(f"---\naliases: [{self.note.alias}]\n---\n")
            for _ in range(self.draw(st.integers(1, 4))):
                self.note.text.append(self.block(2) + "\n")
        return self.notes

    # Blocks

    def block(self, depth: int) -> str:
        kinds = [self.paragraph, self.heading, self.table, self.display, self.code, self.lists]
        kinds += [self.footnote, self.embed, self.comment]
        if depth:
            kinds += [self.quoted, self.callout, self.item]
        kind = self.one_of(*kinds)
        if depth < 2 and kind in {self.heading, self.footnote, self.embed}:
            kind = self.paragraph
        return kind(depth)

    def paragraph(self, depth: int) -> str:
        text, word = self.text(), self.word()
        return f"{word} {text}{self.named(word, at_end=True)}\n"

    def heading(self, depth: int) -> str:
        word, level = self.word(), "#" * self.draw(st.integers(1, 4))
        form = self.one_of("{} two", "*{}*", "`{}`", "**a {}**, b", "{}: (c/d) & e?", "1. {} – 2.0")
        if self.maybe():
            form += f" ${self.formula()}$"
        text = form.replace("{}", word)
        part = re.sub(r"[#^|\[\]:%\\]", " ", text)
        self.note.blocks.append(Block(self.one_of(part, part.lower()), word))
        return f"{level} {text}\n"

    def table(self, depth: int) -> str:
        word = self.word()
        rows = [f"| {word} | {self.text(bar=True)} |", "| --- | :-: |"]
        rows += [f"| {self.text(bar=True)} | {self.text(bar=True)} |" for _ in range(2)]
        return "\n".join(rows) + f"\n{self.named(word)}"

    def display(self, depth: int) -> str:
        tex = self.formula()
        before = f"{self.word()}\n" if self.maybe() else ""
        after = f"\n{self.word()}" if self.maybe() else ""
        formula = self.one_of(f"$$\n{tex}\n$$", f"$${tex}$$", f"$$\n{tex}$$", f"$${tex}\n$$")
        return f"{before}{formula}{after}\n"

    def code(self, depth: int) -> str:
        literal = f"{self.one_of(*LITERALS)} {self.one_of(*LITERALS)}"
        self.note.literals.append(literal)
        fence = self.one_of("```", "~~~", "````")
        return f"{fence}{self.one_of('', 'python', 'c++', 'nope')}\n{literal}\n{fence}\n"

    def lists(self, depth: int) -> str:
        sign, indent = self.one_of(("-", "  "), ("*", "    "), ("1.", "   "), ("+", "\t"))
        lines = []
        for _ in range(self.draw(st.integers(1, 3))):
            box = self.one_of("", "", "[ ] ", "[x] ")
            word = self.word()
            lines.append(f"{sign} {box}{word} {self.text()}{self.named(word, at_end=True)}")
            if self.maybe():
                word = self.word()
                lines.append(f"{indent}- {word} {self.text()}{self.named(word, at_end=True)}")
        return "\n".join(lines) + "\n"

    def item(self, depth: int) -> str:
        """A list item with other blocks inside."""
        inner = f"{self.word()}\n\n{self.block(depth - 1)}"
        return "- " + inner.strip("\n").replace("\n", "\n  ") + "\n"

    def quoted(self, depth: int) -> str:
        word = self.word()
        text = f"{word}\n\n{self.block(depth - 1)}".strip("\n")
        return "> " + text.replace("\n", "\n> ") + f"\n{self.named_once(text, word)}"

    def callout(self, depth: int) -> str:
        kind, fold = self.one_of("note", "TIP", "custom-kind", "faq"), self.one_of("", "-", "+")
        word = self.word()
        text = f"[!{kind}]{fold} {word} {self.text()}\n{self.block(depth - 1)}".strip("\n")
        return "> " + text.replace("\n", "\n> ") + f"\n{self.named_once(text, word)}"

    def footnote(self, depth: int) -> str:
        label = f"n{self.said}"
        return f"{self.word()}[^{label}]\n\n[^{label}]: {self.word()} {self.text()}\n"

    def comment(self, depth: int) -> str:
        return self.one_of("%%SECRET%%\n", "%%\nSECRET\n\nSECRET\n%%\n", "%% SECRET [[x]] %%\n")

    def embed(self, depth: int) -> str:
        earlier = self.notes[: self.notes.index(self.note)]
        known = [(note, block) for note in earlier for block in note.blocks]
        if not known:
            return self.paragraph(depth)
        note, block = self.one_of(*known)
        self.note.embeds.append(block.word)
        return f"![[{self.target(note)}#{block.part}]]\n"

    def named(self, word: str, at_end: bool = False) -> str:
        """A block id, or nothing."""
        if not self.maybe():
            return ""
        self.said += 1
        id = f"^id-{self.said}"
        self.note.blocks.append(Block(id, word, id))
        return f" {id}" if at_end else f"\n{id}\n"

    def named_once(self, text: str, word: str) -> str:
        """A block id for a quote, unless one at its very end names it already."""
        return "" if re.search(r"\^id-\d+$", text) else self.named(word)

    # Text

    def text(self, depth: int = 2, bar: bool = False) -> str:
        return " ".join(self.inline(depth, bar) for _ in range(self.draw(st.integers(1, 3))))

    def inline(self, depth: int, bar: bool) -> str:
        kinds = ["word", "formula", "code", "link", "comment", "tag", "in Markdown", "display"]
        kind = self.one_of(*kinds, *["emphasis", "inline note"] * bool(depth))
        if kind == "formula":
            return f"${self.formula()}$"
        if kind == "display":
            return f"$${self.formula()}$$"
        if kind == "code":
            literal = self.one_of(*LITERALS)
            self.note.literals.append(literal)
            return f"`{literal}`"
        if kind == "link":
            return self.link(bar)
        if kind == "in Markdown":
            return self.markdown_link()
        if kind == "comment":
            return "%%SECRET%%"
        if kind == "tag":
            return f"#{self.word()}/{self.word()}"
        if kind == "emphasis":
            mark = self.one_of("*", "**", "_", "==", "~~", "***")
            return f"{mark}{self.word()} {self.inline(depth - 1, bar)} {self.word()}{mark}"
        if kind == "inline note":
            return f"{self.word()}^[{self.word()} {self.inline(0, bar)}]"
        return self.word()

    def formula(self) -> str:
        self.said += 1
        form = self.one_of("x_{%d}", "a_1*b_{%d}*c_2", r"\frac{%d}{2}", "[[%d]]", "a<%d", r"\{%d\}")
        tex = form.replace("%d", str(self.said))
        self.note.formulas.append(tex)
        return tex

    def target(self, note: Written) -> str:
        full = note.path.removesuffix(".md")
        return self.one_of(note.name, note.name.upper(), full, note.path, note.alias)

    def goal(self) -> tuple[Written, Block | None]:
        note = self.one_of(*self.notes)
        block = self.one_of(None, *note.blocks)
        return note, block

    def link(self, bar: bool) -> str:
        note, block = self.goal()
        target = self.target(note)
        if note is self.note and block and self.maybe():
            target = ""
        part = f"#{block.part}" if block else ""
        word = self.word() if self.maybe() or (block and not block.id) else ""
        shown = " > ".join(filter(None, [target, part[1:]]))
        self.note.links.append((word or shown, address(note.path), block.word if block else ""))
        form = self.one_of("{}", "*{}*", "`{}`") if word else "{}"
        label = (r"\|" if bar else "|") + form.replace("{}", word) if word else ""
        return f"[[{target}{part}{label}]]"

    def markdown_link(self) -> str:
        note, block = self.goal()
        word = self.word()
        self.note.links.append((word, address(note.path), block.word if block else ""))
        part = f"#{quote(block.part, safe='$^')}" if block else ""
        return f"[{word}]({quote(note.path, safe='/&$')}{part})"


@st.composite
def vaults(draw):
    return Author(draw).vault()


def wrong(notes: list[Written]) -> list[str]:
    """Return what the site of a vault lacks, or has and should not."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), {note.path: "\n".join(note.text) for note in notes})
        site = render(Path(folder))
    pages = {address(path): BeautifulSoup(b, "html.parser") for path, b in site.bodies.items()}
    blocks = [block for note in notes for block in note.blocks if block.id]
    found = list(site.problems)
    for note in notes:
        body, here = site.bodies[note.path], address(note.path)
        found += [f"not balanced: {fault}" for fault in unbalanced(body)]
        found += [f"id twice: {id}" for id in repeated_ids(parsed(body))]
        found += ["a comment is shown"] * ("SECRET" in body)
        own = copy(pages[here])
        embedded = [embed.extract().get_text() for embed in own.find_all(class_="embed")]
        found += [f"not embedded: {w}" for w in note.embeds if not any(w in e for e in embedded)]
        code = [tag.get_text() for tag in own.find_all("code")]
        found += [f"code lost: {c}" for c in note.literals if not any(c in shown for shown in code)]
        others = [other for other in notes if other is not note]  # their footnotes, where embedded
        foreign = {x for other in others for x in [*other.words, *other.formulas, *other.links]}
        formulas = [tag.get_text() for tag in own.find_all(class_="tex")]
        found += lost("formula", note.formulas, formulas, foreign)
        found += lost("link", note.links, links(own, here, pages, blocks), foreign)
        for tag in own.find_all(["a", "span", "pre"]):
            if tag.name != "a" and "tex" in tag.get("class", []):
                tag.extract()
        found += lost("word", note.words, re.findall(r"w\d+w", own.get_text(" ")), foreign)
        for link in own.find_all("a"):
            link.extract()  # without a label a link to a block does say ^id
        found += [f"left raw: {text}" for text in left_raw(str(own))]
    return found


def lost(what: str, written: list, shown: list, foreign: set) -> list[str]:
    """Return what is not shown as often as it is written, or more often."""
    wanted, there = Counter(written), Counter(shown)
    gone, new = wanted - there, (x for x in there - wanted if x not in foreign)
    return [*(f"{what} lost: {x}" for x in gone), *(f"{what} not written: {x}" for x in new)]


def links(
    page: BeautifulSoup, here: str, pages: dict, blocks: list[Block]
) -> list[tuple[str, str, str]]:
    """Return each link's label, the address it leads to, and the word that stands there."""
    found = []
    for tag in page.find_all("a", href=True):
        others = {"tag", "footnote-backref", "headerlink", "citation"}
        if others & set(tag.get("class", [])) or tag.find_parent(class_="footnote-ref"):
            continue
        url = urlsplit(urljoin(f"http://site/{here}", tag["href"]))
        to, fragment = unquote(url.path)[1:], unquote(url.fragment)
        part = pages[to].find(id=fragment) if fragment else None
        part = part.parent if part and part.name == "span" else part
        said = re.findall(r"w\d+w", part.get_text(" ")) if part else []
        # A block's id may stand at what is around it, a heading's never.
        known = [block.word for block in blocks if block.id == fragment and block.word in said]
        found.append((tag.get_text(), to, [*known, *said, fragment][0]))
    return found


@given(vaults())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_of_a_vault_is_lost_and_nothing_raw_is_left(notes):
    assert wrong(notes) == [], "\n\n".join(f"{n.path}\n" + "\n".join(n.text) for n in notes)
