"""Changes every formula of the snippets, one place at a time, and asks whether a test notices.

A sign, an exponent, a factor, a bound: mutmut makes the change in a copy and runs the tests that
reach it. What draws is left out, for there is no right and wrong to a line's width, and so are the
words of error messages. Prints the share that was noticed and shows each change that was not.

    python -m tests.mutants.snippets              all snippets
    python -m tests.mutants.snippets texp adamw   those whose name holds one of the words
"""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

DRAWS = ("draw", "_draw", "_arrow")


def mutated(snippet: Path) -> list[str]:
    """Return patterns for the mutants of a snippet's formulas, as mutmut names them."""
    patterns = []
    for node in ast.parse(snippet.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith(DRAWS):
            patterns.append(f"snippets.{snippet.stem}.x_{node.name}__mutmut_*")
        elif isinstance(node, ast.ClassDef):
            patterns.append(f"snippets.{snippet.stem}.xǁ{node.name}ǁ*")
    return patterns


def mutmut(*arguments: str) -> str:
    return subprocess.run(["mutmut", *arguments], check=True, capture_output=True, text=True).stdout


def main(words: list[str]) -> None:
    snippets = [
        snippet
        for snippet in sorted(Path("snippets").glob("*.py"))
        if not words or any(word in snippet.stem for word in words)
    ]
    found: dict[str, Counter[str]] = {}
    patterns = [pattern for snippet in snippets for pattern in mutated(snippet)]
    subprocess.run(["mutmut", "run", *patterns], check=True)
    for line in mutmut("results", "--all", "true").splitlines():
        name, _, outcome = line.strip().partition(": ")
        if outcome and outcome != "not checked":
            found.setdefault(name.split(".")[1], Counter())[outcome] += 1
            if outcome not in {"killed", "timeout"}:
                print(f"\n{name}: {outcome}")
                print(*(li for li in mutmut("show", name).splitlines() if li[:1] in "+-"), sep="\n")
    print(f"\n{'snippet':32}{'mutants':>8}{'noticed':>9}{'share':>8}")
    for snippet, outcomes in [*found.items(), ("all", sum(found.values(), Counter()))]:
        noticed = outcomes["killed"] + outcomes["timeout"]
        share = noticed / outcomes.total()
        print(f"{snippet:32}{outcomes.total():8}{noticed:9}{share:8.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
