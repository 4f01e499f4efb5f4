"""Prints what the project promises to hold: seconds, megabytes, requests, findings.

    python -m tests.bench

A benchmark, not a test: it never fails. Times are of one run each, on the machine as it is.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.site.browser import browser, served

ROOT = Path(__file__).parents[1]
GENERATOR = ROOT.parent / "shared/tools/gen_vault.py"  # where it exists
NOTE, LAB = "claims/decay-is-growing-rate-with-momentum/", "labs/explr-on-digits/"
VAULT = """
site_name: Vault
nav: [tags.md]
theme: {{name: material, custom_dir: {theme}, font: false, features: [navigation.instant]}}
plugins: [search, tags, litmus]
extra_css: [assets/litmus.css]
"""


def main() -> None:
    """Print one line a number."""
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    for_people("make site, nothing kept", "90 s", *timed(["make", "site"]))
    for_people("make site, nothing changed", "5 s", *timed(["make", "site"]))
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
    for count, limit in [(1000, "6 s, 300 MB"), (5000, "5.5 times that")]:
        if GENERATOR.exists():
            for_people(f"{count} generated notes", limit, *generated(count))


def for_people(what: str, limit: str, seconds: float, megabytes: float) -> None:
    """Print one measured build."""
    print(f"{what:44} {seconds:8.1f} s  {megabytes:6.0f} MB   (≤ {limit})", flush=True)


def timed(command: list[str], cwd: Path = ROOT) -> tuple[float, float]:
    """Return the seconds that a command took, and the most memory that one process had, in MB."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)  # of this process and its own children
        seconds = time.perf_counter() - begin
        if status:
            output.seek(0)
            sys.exit(output.read().decode())
    return seconds, usage.ru_maxrss / 1024


def generated(count: int) -> tuple[float, float]:
    """Build a generated vault of so many notes; return seconds and megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        vault = Path(folder)
        arguments = ["--notes", str(count), "--seed", "7", "--out", str(vault / "docs")]
        subprocess.run([sys.executable, GENERATOR, *arguments], check=True, capture_output=True)
        (vault / "mkdocs.yml").write_text(VAULT.format(theme=ROOT / "litmus/theme"))
        return timed([sys.executable, "-m", "mkdocs", "build"], cwd=vault)


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
    return len(Axe().run(page).response["violations"])


if __name__ == "__main__":
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    main()
