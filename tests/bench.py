"""Prints what the project promises to hold: seconds, megabytes, requests, findings.

    python -m tests.bench

A benchmark, not a test: it never fails. Times are of one run each, on the machine as it is, but for
what is compared with another: that is the median of five pairs, in turn, or of fifty where the
spread (quartiles) is printed. Memory is the sum over the processes of a command, what they share
counted once.
"""

import gzip
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

from playwright.sync_api import Page

from litmus.material import commands
from tests import steps_of_twins
from tests.more import environments
from tests.site.browser import browser, served
from tests.site.test_browser import findings

ROOT = Path(__file__).parents[1]
GENERATOR = ROOT.parent / "shared/tools/gen_vault.py"  # where it exists
NOTE, LAB = "claims/decay-is-growing-rate-with-momentum/", "labs/explr-on-digits/"
LITMUS = str(Path(sys.executable).with_name("litmus"))
# What Material builds by itself of the same notes, with a menu as short as ours: with a menu of all
# notes, which is its default, it takes ten times as long.
BARE = """
site_name: Vault
nav: [index.md]
docs_dir: {vault}
site_dir: {site}
theme: {{name: material, font: false, features: [navigation.instant]}}
plugins: [search]
validation: {{links: {{not_found: ignore}}, nav: {{omitted_files: ignore}}}}
"""


def main() -> None:
    """Print one line a number."""
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    for_people("make site, nothing kept", "300 s", *timed(["make", "site"]))
    for_people("make site, nothing changed", "3 s", *timed(["make", "site"]))
    with served(ROOT / "site") as url, browser() as chromium:
        for name, path, limit in [("a claim", NOTE, "200 KB"), ("a lab", LAB, "350 KB")]:
            size, foreign = first_view(chromium.new_page(), url, path)
            print(f"{f'first view of {name}, gzipped':44} {size / 1024:8.0f} KB   (≤ {limit})")
            print(f"{'  requests to other hosts':44} {foreign:8d}      (0)")
        for scheme in ("light", "dark"):
            for width in (390, 1366):
                context = chromium.new_context(
                    color_scheme=scheme, viewport={"width": width, "height": 900}
                )
                found = accessibility(context.new_page(), url + NOTE)
                print(f"{f'accessibility findings, {scheme}, {width} px':44} {found:8d}      (0)")
    commands_of_an_author()
    the_wheel_alone()
    steps_of_twins.main()
    with_formulas()
    if GENERATOR.exists():
        seconds = {count: generated(count) for count in (1000, 5000)}
        print(f"{'5,000 notes to 1,000':44} {seconds[5000] / seconds[1000]:8.1f} x      (≤ 5)")


def commands_of_an_author() -> None:
    """Print how long one waits for a command about our own notes: of five calls the median."""
    for arguments, limit in [(["--help"], 0.2), (["why", "gradient-is-orthogonal"], 0.6)]:
        took = []
        for _ in range(6):
            begin = time.perf_counter()
            subprocess.run([LITMUS, *arguments], cwd=ROOT, check=True, capture_output=True)
            took.append(time.perf_counter() - begin)
        seconds = sorted(took[1:])[2]  # the first has kept what it read
        what = f"litmus {' '.join(arguments)}, second call"
        print(f"{what:44} {seconds:8.2f} s    (≤ {limit})", flush=True)


def the_wheel_alone() -> None:
    """Print how much is installed with the wheel of Litmus, and what of it is the largest."""
    with tempfile.TemporaryDirectory() as folder:
        built = environments.wheel(Path(folder))
        made = environments.environment(Path(folder) / "environment", built)
        direct = len(environments.PROJECT["dependencies"])
        print(f"{'the wheel requires, directly':44} {direct:8d}      (≤ 26)")
        total = environments.megabytes(made.packages.rglob("*"))
        print(f"{'an environment of the wheel alone':44} {total:8.0f} MB   (≤ 330)")
        sizes = {name: environments.megabytes(made.files_of(name)) for name in made.linked}
        for name in sorted(sizes, key=sizes.__getitem__, reverse=True)[:10]:
            print(f"{f'  {name}':44} {sizes[name]:8.1f} MB")


def for_people(what: str, limit: str, seconds: float, megabytes: float) -> None:
    """Print one measured build."""
    within = f"   (≤ {limit})" if limit else ""
    print(f"{what:44} {seconds:8.1f} s  {megabytes:6.0f} MB{within}", flush=True)


def timed(command: list[str], cwd: Path = ROOT) -> tuple[float, float]:
    """Return the seconds that a command took, and the most memory that its processes had, in MB."""
    begin, most = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=output)
        while process.poll() is None:
            most = max(most, memory(process.pid))
            time.sleep(0.05)
        seconds = time.perf_counter() - begin
        if process.returncode:
            output.seek(0)
            sys.exit(output.read().decode())
    return seconds, most


def memory(process: int) -> float:
    """Return the memory of a process and of those that it began, in MB, as Linux shares it out."""
    try:
        shares = Path(f"/proc/{process}/smaps_rollup").read_text()
        begun = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended meanwhile
        return 0
    found = re.search(r"^Pss: +(\d+)", shares, re.MULTILINE)
    return (int(found[1]) if found else 0) / 1024 + sum(memory(int(other)) for other in begun)


def generated(count: int) -> float:
    """Print how a generated vault of so many notes is built; return the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        vault, site, bare = (Path(folder) / name for name in ("vault", "site", "bare"))
        arguments = ["--notes", str(count), "--seed", "7", "--out", str(vault)]
        subprocess.run([sys.executable, GENERATOR, *arguments], check=True, capture_output=True)
        settings = Path(folder) / "mkdocs.yml"
        settings.write_text(BARE.format(vault=vault, site=bare), encoding="utf-8")
        ours = [LITMUS, "site", str(vault), "--out", str(site)]
        others = [sys.executable, "-m", "mkdocs", "build", "-f", str(settings)]
        pairs = [(timed(ours), timed(others)) for _ in range(5 if count == 1000 else 1)]
        (seconds, megabytes), other = sorted(pairs, key=lambda pair: pair[0][0] / pair[1][0])[
            len(pairs) // 2
        ]
        limit = ".75 of bare Material, 300 MB" if count == 1000 else "5 times that, 800 MB"
        for_people(f"{count} generated notes", limit, seconds, megabytes)
        print(f"{'  HTML of a page on average':44} {page_size(site):8.1f} KB   (≤ 40 KB)")
        for_people("  bare Material, links and formulas as written", "", *other)
        print(f"{'    HTML of a page on average':44} {page_size(bare):8.1f} KB")
        print(f"{'  beside bare Material':44} {seconds / other[0]:8.2f} x")
        limit = "0.6 s" if count == 1000 else "1.5 s"
        print(f"{'  an edit of one of them under serve':44} {edit(vault):8.2f} s    (≤ {limit})")
        return seconds


def with_formulas(notes: int = 435, each: int = 85) -> None:
    """Print how a project is built whose notes have many formulas, half of which are repeated."""
    draw = random.Random(7)
    letters = [
        *"abcdxyz",
        *(rf"\{name}" for name in ("alpha", "theta", "eta", "lambda", "nabla L")),
    ]
    shapes = ["{}_{{{}}}", r"\frac{{{}}}{{{}}}", "{} + {}", r"\|{} - {}\|^2", r"\sum_{{i}} {}_i {}"]

    def formula() -> str:
        parts = [
            draw.choice(shapes).format(*draw.choices(letters, k=2))
            for _ in range(draw.choice((1, 1, 1, 2, 3)))
        ]
        return f"{' = '.join(parts)} + {draw.randrange(10**6)}"

    distinct = [formula() for _ in range(notes * each // 2)]
    every = draw.sample(distinct * 2, notes * each - notes * each % 2)
    with tempfile.TemporaryDirectory() as folder:
        docs, settings = Path(folder) / "docs", Path(folder) / "mkdocs.yml"
        docs.mkdir()
        for number in range(notes):
            shown = every[number * each : (number + 1) * each]
            words = " and then ".join(f"${formula}$" for formula in shown)
            (docs / f"n{number}.md").write_text(f"# N{number}\n\n{words}\n", encoding="utf-8")
        theme = Path(commands.__file__).with_name("theme")
        settings.write_text(
            f"INHERIT: {commands.BASE}\nsite_name: V\ntheme: {{custom_dir: {theme}}}\n"
        )
        build = [LITMUS, "build"]
        what = f"{notes} notes with {notes * each} formulas"
        for_people(what, "9 s", *timed(build, Path(folder)))
        (Path(folder) / "build/made.pickle").unlink()
        for_people("  all pages anew, formulas kept", "3 s", *timed(build, Path(folder)))


def page_size(site: Path) -> float:
    """Return the average size of a site's pages in KB."""
    sizes = [file.stat().st_size for file in site.rglob("*.html")]
    return sum(sizes) / len(sizes) / 1024


def edit(vault: Path) -> float:
    """Return the seconds from an edit of a note until the server shows it, the median of five."""
    server = subprocess.Popen(
        [LITMUS, "serve", str(vault)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert server.stderr
        said = (re.search(r"Serving on (\S+)", line) for line in server.stderr)
        url = next(found[1] for found in said if found)
        threading.Thread(target=server.stderr.read, daemon=True).start()
        note = sorted(vault.glob("papers/*.md"))[1]
        page = url + quote(f"papers/{note.stem}/")
        took = []
        for turn in range(5):
            time.sleep(1)
            begin = time.perf_counter()
            with note.open("a", encoding="utf-8") as file:
                file.write(f"\n\nEdited for the {turn}th time.\n")
            while f"for the {turn}th time" not in urlopen(page).read().decode():
                time.sleep(0.01)
            took.append(time.perf_counter() - begin)
        return sorted(took)[2]
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def first_view(page: Page, url: str, path: str) -> tuple[int, int]:
    """Return the bytes of all that a page asks for, text gzipped, and requests to other hosts."""
    sizes: dict[str, int] = {}
    foreign: list[str] = []

    def count(response) -> None:  # type: ignore[no-untyped-def]
        if response.url.startswith("data:"):
            return
        if not response.url.startswith(url):
            foreign.append(response.url)
        body = response.body()
        packed = response.url.endswith((".woff2", ".png", ".webp"))
        sizes[response.url] = len(body if packed else gzip.compress(body))

    page.on("response", count)
    page.goto(url + path, wait_until="networkidle")
    return sum(sizes.values()), len(foreign)


def accessibility(page: Page, url: str) -> int:
    """Return how many rules of axe a page breaks."""
    page.goto(url, wait_until="networkidle")
    return len(findings(page))


if __name__ == "__main__":
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    main()
