"""Does a lab that reads a file of ours run by itself, as it is downloaded?"""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from litmus.python.bundles import beside, bundle

ROOT = Path(__file__).parents[2]
LAB = "preresnet-on-digits"  # which reads a file of ours
SHORT = ["--epochs", "0.02"]  # a step


def run(folder):
    """Run the lab in its folder as whoever downloads it does, with nothing of ours on the path."""
    env = {name: os.environ[name] for name in ["PATH", "OMP_NUM_THREADS"] if name in os.environ}
    env |= {"HOME": str(folder), "MPLBACKEND": "agg", "MPLCONFIGDIR": str(folder.parent)}
    command = [sys.executable, f"{LAB}.py", *SHORT]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_lab_runs_where_it_is_unpacked_and_finds_what_came_with_it(tmp_path):
    lab = ROOT / f"docs/labs/{LAB}.py"
    others = beside(lab, ROOT)
    with ZipFile(BytesIO(bundle(lab, others, ROOT))) as zipped:
        zipped.extractall(tmp_path)
    ran = run(tmp_path / LAB)
    assert ran.returncode == 0, ran.stderr
    assert "recorded on 20" in ran.stdout
    (tmp_path / LAB / others[0].relative_to(ROOT)).unlink()  # a control
    assert "record.json is not there" in run(tmp_path / LAB).stdout
