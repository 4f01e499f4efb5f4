"""Writes notes that nobody would write, and looks at what the renderer makes of them.

`python -m tests.fuzz --inputs 100000` goes on until so many notes are rendered and prints what it
found. Half of the notes are put together from the constructs of the language, nested in one another;
half are real ones (golden cases, the project's own notes, attacks) cut, spliced and misspelt. Each
goes the whole way from bytes to typeset HTML, in a small vault that it can link to and embed.
"""

# ruff: noqa: E501, SIM905  # texts to break things with, and long lists of words
import random
import tempfile
import time
import traceback
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import click

from litmus.markdown import parser
from litmus.problems import RAISED
from litmus.python.runs import Runner
from litmus.render.library import Library
from litmus.render.page import NotePages
from litmus.site.project import Project
from litmus.tex import katex
from litmus.vault.note_reading import read_note
from tests.active import runs
from tests.html import unbalanced

ROOT = Path(__file__).parents[1]
SECONDS = 2.0  # of one note; most take a millisecond
VAULT = {
    "other.md": "---\naliases: [Second, Ωmega]\n---\n# Other *note*\n\ntext ^id\n\n## A\n\n- x ^item\n"
    "\n## A\n\n[^1] ![[fuzz]]\n\n[^1]: note\n",
    "folder/deep note.md": "# Deep\n\n![[other]] and ![[other#^item]]\n\n<details>\n\nx\n",
    "claims/lemma.md": "---\nkind: lemma\nsource: '@key'\n---\n# L $x$\n\nBy [[def]].\n\n## Proof\n\nx\n",
    "claims/def.md": "---\nkind: definition\n---\n# D\n\n$x$ ^d\n",
    "pic.png": "",
    "sound.mp3": "",
    "paper.pdf": "",
    "references.bib": "@misc{key, author={Ng, A}, title={T}, year={2004}}",
}
WORDS = (
    "a the word Ωmega žluťoučký 数学 emoji🙂 e\u0301 \u00a0 \u200b \u2028 x^2 $5 5$ 1. - + * > | # "
    "a_b_c **x __y ~~ == %% ^ ^id ![ [[ ]] ]( $$ $ \\ \\\\ ` ``` ~~~ <b> </div> <br/> <!-- --> & &amp; "
    "&#0; &#x110000; @key #tag #a/b [^1] [^1]: ^[x] https://a.example/x?y=1&z \t \x00 \ufffd :--- --- "
    "=== \\begin{align} \\end{align} \\( http:// www.a.b a@b.example [!note] {} {{x}} <script> javascript: "
    "\U0010ffff \u202e \ufeff [x]: \\frac{1 \\def\\a{\\a} } { \\$ <a href= onclick=x '\" <% %> \r \x0b \x1c"
).split(" ")
TARGETS = (
    "other Other second fuzz fuzz#A other#A other#A#A other#^id other#^item #A #^id nothing pic.png "
    "sound.mp3 paper.pdf folder/deep lemma def ../x /etc/passwd other.md %2e%2e/x"
).split(" ")


class Writer:
    """Writes notes; the same seed, the same notes."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.corpus = corpus()

    def note(self) -> bytes:
        """One note, as bytes in a file."""
        chance = self.random.random()
        if chance < 0.5:
            text = self.blocks(self.random.randint(1, 4))
        else:
            text = self.random.choice(self.corpus)
            begin = self.random.randint(0, max(0, len(text) - 1200))
            text = text[begin : begin + self.random.randint(1, 1200)]
        for _ in range(self.random.choice([0, 0, 1, 2, 5])):
            text = self.misspelt(text)
        raw = text.encode("utf-8", "surrogatepass")
        return raw[: self.random.randint(0, len(raw))] if self.random.random() < 0.05 else raw

    def misspelt(self, text: str) -> str:
        """A text with one part taken out, doubled, moved or put in."""
        a, b = sorted(self.random.randint(0, len(text)) for _ in range(2))
        b = min(b, a + self.random.choice([1, 2, 10, 100]))
        match self.random.randint(0, 5):
            case 0:
                return text[:a] + text[b:]
            case 1:
                return text[:b] + text[a:]
            case 2:
                return text[:a] + text[a:b] * self.random.randint(2, 20) + text[b:]
            case 3:
                c = self.random.randint(0, len(text))
                return text[:c] + text[a:b] + text[c:]
            case 4:
                return text[:a] + self.random.choice(WORDS) + text[a:]
            case _:
                return text[:a] + self.inline(2) + text[b:]

    def pick(self, *kinds: object) -> str:
        kind = self.random.choice(kinds)
        return str(kind() if callable(kind) else kind)

    def word(self) -> str:
        return self.random.choice(WORDS)

    def inline(self, depth: int) -> str:
        """Words and what may stand in a line among them."""
        return self.random.choice([" ", " ", " ", ""]).join(
            self.span(depth) for _ in range(self.random.randint(0, 4))
        )

    def span(self, depth: int) -> str:
        if depth <= 0 or self.random.random() < 0.4:
            return self.word()
        mark = self.random.choice(["*", "**", "_", "~~", "==", "`", "%%", "$", "$$", "***"])
        target = self.random.choice(TARGETS)
        label = self.inline(depth - 1)
        tag = self.random.choice(["b", "u", "div", "T", "script", "a", "p", "svg", "td", "span"])
        return self.pick(
            f"{mark}{label}{mark}",
            f"[[{target}]]",
            f"[[{target}|{label}]]",
            f"![[{target}]]",
            f"![[{target}|{label}]]",
            f"[{label}]({target})",
            f"![{label}]({target})",
            f'[{label}](<{target}> "{label}")',
            f"[@key, {label}; @{self.word()}]",
            f"^[{label}]",
            f"[^{self.random.randint(1, 3)}]",
            f"[{label}][{self.word()}]",
            f"<{tag} title='{label}'>{label}</{tag}>",
            f"<{tag} {self.word()}>{label}",
            f"#{self.word()}",
            f"\\{self.word()}",
            f"${self.tex(depth)}$",
            f"{label}\n{label}",
        )

    def tex(self, depth: int) -> str:
        inner = self.tex(depth - 1) if depth > 0 else "x"
        return self.pick(
            "x", f"\\frac{{{inner}}}2", f"{inner}^{inner}", f"\\text{{{self.word()}}}", inner
        )

    def blocks(self, depth: int) -> str:
        """Blocks, some within others."""
        gap = self.random.choice(["\n\n", "\n\n", "\n"])
        return gap.join(self.block(depth) for _ in range(self.random.randint(1, 3)))

    def block(self, depth: int) -> str:
        line = self.inline(3)
        inner = self.blocks(depth - 1) if depth > 0 else line
        quoted = "> " + inner.replace("\n", "\n> ")
        indent = self.random.choice(["  ", "   ", "\t", "    "])
        kind = self.random.choice(["note", "lemma", "proof", "faq", "x y", self.word()])
        fence = self.random.choice(["```", "~~~", "````"])
        language = self.random.choice(
            ["python", "quote", "run", "mermaid", "dataview", self.word()]
        )
        tag = self.random.choice(["div", "details", "table", "script", "center", "pre", "svg", "p"])
        return self.pick(
            line,
            f"{'#' * self.random.randint(1, 7)} {line}",
            f"{line}\n{self.random.choice(['===', '---'])}",
            f"- {inner}".replace("\n", f"\n{indent}"),
            f"{self.random.randint(0, 99)}. {inner}".replace("\n", f"\n{indent}"),
            f"- [{self.random.choice('x ?->')}] {line}",
            quoted,
            f"> [!{kind}]{self.random.choice(['', '-', '+'])} {line}\n{quoted}",
            f"{fence}{language}\n{inner}\n{fence}",
            f"$$\n{self.tex(3)}\n$$",
            f"$${self.tex(2)}$$ {line}",
            f"\\begin{{align}}\n{self.tex(2)}\n\\end{{align}}",
            f"| a | {line} |\n|---|:-:|\n| {line} | {line} |",
            f"[^{self.random.randint(1, 3)}]: {inner}".replace("\n", f"\n{indent}"),
            f"[{self.word()}]: {self.random.choice(TARGETS)}",
            f"<{tag}>\n{inner}\n</{tag}>",
            f"<{tag}>\n\n{inner}",
            f"%%\n{inner}\n%%",
            f"{line} ^{self.word()}",
            f"---\n{self.word()}: {line}\n---\n{inner}",
            "    " + inner.replace("\n", "\n    "),
            "---",
        )


@cache
def corpus() -> list[str]:
    """Texts to begin from: the golden pages, the project's own notes, and attacks."""
    from tests.litmus.test_hostile import ATTACKS, LINKS, everywhere

    files = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md"), ROOT / "README.md"])
    texts = [file.read_text(encoding="utf-8") for file in files]
    return [*texts, *map(everywhere, ATTACKS), *LINKS]


class Fuzz:
    """A small vault in which one note is whatever the writer writes."""

    def __init__(self, folder: Path) -> None:
        for name, text in VAULT.items():
            file = folder / "docs" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        (folder / "docs/fuzz.md").write_text("# A\n", encoding="utf-8")
        (folder / "snippets").mkdir()
        project = Project.ours(folder, folder / "docs")
        vault = project.vault, project.claims, project.references
        library = Library(folder, *vault, Runner(folder), snippets=project.snippets)
        self.pages = NotePages(library)
        self.vault = project.vault
        self.markdown = parser(strict_line_breaks=False)

    def wrong(self, raw: bytes) -> str:
        """What is wrong with the page that a note becomes, "" if nothing is."""
        begun = time.process_time()
        try:
            note = read_note(raw, "fuzz.md", self.markdown)
            self.vault.notes["fuzz.md"] = note
            rendered = self.pages.render(note)
            menu = "".join(entry.html for entry in rendered.toc)
            page = katex.typeset(rendered.html)
        except Exception:
            return traceback.format_exc()
        for problem in [*note.problems, *rendered.problems]:
            if problem.kind == RAISED:
                return str(problem)
        seconds = time.process_time() - begun
        if seconds > SECONDS:
            return f"it takes {seconds:.1f} seconds"
        return "; ".join([*_faults(page), *_faults(menu)])


class _Faults(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.found += runs(tag, attributes)
        for name, value in attributes:
            if name == "id":
                if value in self.ids:
                    self.found.append(f"id {value} twice")
                self.ids.add(value)


def _faults(page: str) -> list[str]:
    faults = _Faults()
    faults.feed(page)
    faults.close()
    return [f"not balanced: {wrong}" for wrong in unbalanced(page)[:3]] + faults.found


@click.command()
@click.option("--inputs", default=100_000, show_default=True)
@click.option("--seed", default="", help="To write the notes of an earlier run again.")
def main(inputs: int, seed: str) -> None:
    """Render notes until there were so many; say what went wrong, and end with 1 if anything did."""
    seed = seed or str(random.SystemRandom().randrange(10**9))
    writer, failures, size = Writer(seed), 0, 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(Path(folder))
        for count in range(1, inputs + 1):
            raw = writer.note()
            size += len(raw)
            if wrong := fuzz.wrong(raw):
                failures += 1
                click.echo(f"note {count} of seed {seed}: {wrong}\n{raw!r}\n")
            if count % 10_000 == 0:
                click.echo(f"{count} notes, {failures} failures")
    seconds = time.monotonic() - begun
    click.echo(
        f"seed {seed}: {inputs} notes of {size / inputs:.0f} bytes on average, {failures} failures, "
        f"{inputs / seconds:.0f} a second"
    )
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
