"""Changes a sample of the engine's places, one at a time, and asks whether a test notices.

    python -m tests.mutants.engine                     200 changes, drawn anew each time
    python -m tests.mutants.engine --seed 7            those that were drawn with this seed
    python -m tests.mutants.engine --count 20 claims   of the files whose path holds the word

Prints the seed, each change that nobody noticed and the share that somebody did. Why a change
cannot be noticed stands in explained.txt, below the change as it is printed here.
"""

import argparse
import random
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from queue import Queue

from tests.mutants.changes import Change, changes
from tests.mutants.trials import Copy, copied, is_noticed, recorded

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("explained.txt")
FILES = [  # what a site says depends on these, and a mistake in them is seen late
    *("files/reading.py", "files/writing.py", "files/digest.py", "files/pickled.py", "cache.py"),
    *("markdown/destinations.py", "python/fingerprint.py", "python/labs.py"),
    *("vault/vault.py", "vault/notes.py", "vault/note_reading.py", "vault/addresses.py"),
    *("vault/links.py", "vault/sentences.py", "vault/packed.py", "vault/last_reading.py"),
    *("claims/claim.py", "claims/claims.py", "claims/markers.py", "claims/grounds.py"),
    *("claims/evidence.py", "claims/standing.py", "claims/backlinks.py"),
    *("render/library.py", "render/phrases.py", "render/links.py", "render/citations.py"),
    *("site/session.py", "site/resume.py", "site/folder.py", "site/swap.py", "site/mark.py"),
]


def all_changes() -> list[Change]:
    """Return every change of every file."""
    return [change for name in FILES for change in changes(ROOT, f"litmus/{name}")]


def not_there(every: list[Change]) -> set[str]:
    """Return the changes that are explained, and are none of these."""
    return explained().keys() - {str(change) for change in every}


@cache
def explained() -> dict[str, list[str]]:
    """Return the lines that say why a change goes unnoticed, by the change."""
    reasons = {}
    for block in filter(None, EXPLAINED.read_text(encoding="utf-8").strip().split("\n\n")):
        lines = block.split("\n")
        end = max(index for index, line in enumerate(lines) if line[0] in "-+") + 1
        reasons["\n".join(lines[:end])] = lines[end:]
    return reasons


def drawn(every: list[Change], count: int, seed: int) -> list[Change]:
    """Return some of all changes, the same ones for the same seed."""
    return random.Random(seed).sample(every, min(count, len(every)))


def tried(some: list[Change], processes: int) -> list[Change]:
    """Return the changes that no test notices."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(processes) as pool:
        first = copied(ROOT, Path(folder))
        tests = recorded(first, processes)
        free: Queue[Copy] = Queue()
        for number in range(processes):
            free.put(first.again(Path(folder) / str(number)))

        def survives(change: Change) -> bool:
            copy = free.get()
            try:
                return not is_noticed(change, copy, tests)
            finally:
                free.put(copy)

        if not survives(unchanged("litmus/files/digest.py")):
            sys.exit("The tests fail where nothing is changed: mend that first.")
        print(f"{len(tests)} files of tests pass where nothing is changed", flush=True)
        unnoticed = []
        for change, is_unnoticed in zip(some, pool.map(survives, some), strict=True):
            if is_unnoticed:
                unnoticed.append(change)
                print(f"\n{change}", *explained().get(str(change), []), sep="\n", flush=True)
        return unnoticed


def unchanged(file: str) -> Change:
    """Return what no test may notice."""
    return Change(file, "", 1, "", "", (ROOT / file).read_text(encoding="utf-8"))


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.mutants.engine")
    arguments.add_argument("words", nargs="*")
    arguments.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--processes", type=int, default=2)
    asked = arguments.parse_args()
    every = all_changes()
    if stale := not_there(every):
        sys.exit("\n\n".join([f"{EXPLAINED.name} explains what is no change any more:", *stale]))
    wanted = [c for c in every if not asked.words or any(word in c.file for word in asked.words)]
    some = drawn(wanted, asked.count, asked.seed)
    print(f"seed {asked.seed}: {len(some)} of {len(wanted)} changes", flush=True)
    report(some, tried(some, asked.processes))


def report(some: list[Change], unnoticed: list[Change]) -> None:
    """Print for each file how many of its changes were noticed."""
    print(f"\n{'file':32}{'changes':>8}{'noticed':>9}{'share':>8}{'unexplained':>13}")
    for file in [*sorted({change.file for change in some}), "all"]:
        of_it = [change for change in some if file in {change.file, "all"}]
        missed = [change for change in unnoticed if change in of_it]
        noticed = len(of_it) - len(missed)
        open_ends = sum(str(change) not in explained() for change in missed)
        print(f"{file:32}{len(of_it):8}{noticed:9}{noticed / len(of_it):8.1%}{open_ends:13}")


if __name__ == "__main__":
    main()
