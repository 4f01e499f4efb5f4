"""At the paper's width, do decay and a growing rate agree until a ReLU flips, and then part?

It takes minutes on a GPU. Who has one runs

    pytest tests/recorded/test_full_width_on_a_gpu.py \
        --litmus-record tests/recorded/full-width-on-a-gpu.record.json

and commits what that writes; the lab's page shows it.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.travels,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"),
]

ROOT = Path(__file__).parents[2]
LAB = "docs/labs/preresnet-on-digits.py"
FULL_WIDTH = ["--device", "cuda", "--width", "16", "--batch", "128", "--epochs", "80"]
LEAP = 1 / 30  # from one kept step to the next the gap grows threefold where nothing flips
WRONG = 0.05  # both learn: guessing is wrong nine times in ten
ONE_IN_50 = 0.02  # six of the 297 digits that neither run has seen


@pytest.fixture(scope="module", params=["double", "single"])
def precision(request):
    return request.param


@pytest.fixture(scope="module")
def run(precision, tmp_path_factory):
    """What the lab keeps of a run at full width."""
    kept = tmp_path_factory.mktemp(precision) / "run.json"
    options = [*FULL_WIDTH, "--record", str(kept), *(["--single"] if precision == "single" else [])]
    subprocess.run([sys.executable, LAB, *options], cwd=ROOT, check=True)
    return json.loads(kept.read_text("utf-8"))


def test_the_gap_of_the_logits_leaps_where_a_relu_lets_pass_in_one_run_only(
    measured, run, precision, record_property
):
    record_property(precision, run)
    gaps = dict(run["gap"])
    before = max(gap for t, gap in gaps.items() if t <= run["first_flip"])
    after = min(gap for t, gap in gaps.items() if t > run["first_flip"])
    measured(before / after, allowed=LEAP)
    assert max(gaps.values()) > 1  # of logits of size 1 to 10: the runs have nothing in common


def test_both_runs_learn_alike_although_they_part(measured, run):
    measured(1 - min(run["right"]), allowed=WRONG)
    measured(abs(run["right"][0] - run["right"][1]), allowed=ONE_IN_50)
