"""Is the paper's architecture the same function with decay and with a growing rate?"""

import io
import json
import os
import pickle
import runpy
import sys
import types
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

LAB = Path(__file__).parents[2] / "docs/labs/preresnet-on-digits.py"
THEOREM = "decay-is-growing-rate-with-momentum"
INVARIANCE = "scale-invariant-loss"
# Thirty layers amplify rounding by 1e7 in these steps; the logits are of size 1. The gap jumps to
# that size only if a ReLU falls on another side in one run; so close together, that is one in 1e4.
ROUNDING = 1e-5
VISIBLE = 1e-2  # of logits of size 1: a thousand times what rounding does


@pytest.fixture(scope="module")
def lab(measured_by):
    return measured_by("docs/labs/preresnet-on-digits.py")


@pytest.mark.claim(THEOREM, by="experiment")
def test_a_preresnet_computes_the_same_logits_with_decay_and_with_a_growing_rate(measured, lab):
    assert lab["steps"] == len(lab["exact"]["gap"]) >= 40
    assert lab["convolutions"] == 31  # and one linear layer
    measured(np.max(lab["exact"]["gap"]), allowed=ROUNDING)
    assert lab["exact"]["rates"][-1] > 8 * lab["exact"]["rates"][0]
    one, other = lab["exact"]["losses"]
    measured(np.abs(np.subtract(one, other)).max(), allowed=ROUNDING)
    assert sum(one[-5:]) / 5 < sum(one[:5]) / 5 - 0.03  # it learns
    assert lab["exact"]["flips"] == [0] * lab["steps"]


def test_it_does_not_see_the_length_of_its_weights(lab):
    assert lab["change_when_rescaled"] < 1e-11


def test_the_norms_are_the_stated_factor_apart(lab):
    decayed, grown = lab["exact"]["norms"]
    for t in (0, 1, 20, 39):
        assert grown[t] * lab["alpha"] ** t == pytest.approx(decayed[t], rel=1e-6)


@pytest.mark.control(THEOREM, drops=INVARIANCE, instead="batch norm with PyTorch's default epsilon")
def test_control_with_the_default_eps_the_logits_part(measured, lab):
    measured(max(lab["default_eps"]), allowed=VISIBLE)


@pytest.mark.control(THEOREM, drops=INVARIANCE, instead="a last layer that is trained and decayed")
def test_control_with_a_trained_classifier_the_logits_part(measured, lab):
    measured(max(lab["trained_last"]), allowed=VISIBLE)


def test_statistics_collected_afresh_make_evaluation_the_same_function(lab):
    assert lab["stale"]["apart"] > VISIBLE
    assert lab["fresh"]["apart"] < ROUNDING
    assert lab["fresh"]["right"][0] == lab["fresh"]["right"][1] > 0.12


# On a GPU, as the page shows it.


def test_the_page_shows_the_recorded_runs_of_this_code(lab, trained):
    _, names, printed, _ = trained
    double, single = names["recorded"]
    assert [double["precision"], single["precision"]] == ["double", "single"]
    assert double["code"] == single["code"] == lab["code"], (
        "the lab trains otherwise than when its run on a GPU was recorded: write the record anew, "
        "or take that section out"
    )
    assert double["steps"] == single["steps"] == 880
    assert double["first_flip"] > 50 * single["first_flip"]
    assert f"recorded on {names['date']}" in printed
    for run in (double, single):
        gaps, flip = dict(run["gap"]), run["first_flip"]
        before = max(gap for step, gap in gaps.items() if step <= flip)
        assert gaps[flip + 1] > 50 * before  # it leaps
        assert max(gaps.values()) > 1  # and they end as two functions
        assert run["right"][0] == pytest.approx(run["right"][1], abs=0.01)
        one, other = (losses[-1] for losses in run["losses"])
        assert one == pytest.approx(other, rel=0.05)


def test_control_a_copy_without_the_record_says_so(tmp_path, monkeypatch, trained):
    copy = tmp_path / "lab.py"
    text = LAB.read_text("utf-8")
    copy.write_text(text[text.index("RECORD =") : text.index("date, recorded =")], "utf-8")
    names = runpy.run_path(str(copy), {"Path": Path, "json": json, "os": os})
    assert names["recorded_runs"]() == ("", [])
    monkeypatch.setitem(names["recorded_runs"].__globals__, "__file__", str(LAB))
    assert len(names["recorded_runs"]()[1]) == 2


# As a command.


def command(monkeypatch, *arguments):
    """Run the lab as a script with these arguments, and return its names."""
    monkeypatch.setattr(sys, "argv", ["", *map(str, arguments)])
    # With CIFAR no digit is read, and it takes seconds to import what would read them.
    digits = types.SimpleNamespace(load_digits=None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", digits)
    with matplotlib.rc_context({"backend": "agg"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive.*")
        try:
            return runpy.run_path(str(LAB), run_name="__main__")
        finally:
            plt.close("all")


def write_cifar(folder):
    """Fill a folder in the format of CIFAR-10, with four images of noise in each file."""
    random = np.random.default_rng(0)
    for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]:
        data = random.integers(0, 256, (4, 3072), dtype=np.uint8)
        batch = {b"data": data, b"labels": random.integers(0, 10, 4).tolist()}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=4))
    return folder


@pytest.fixture
def cifar(tmp_path):
    return write_cifar(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of CIFAR, the lab's names and words after a run on it, and what it recorded."""
    cifar, record = write_cifar(tmp_path_factory.mktemp("cifar")), tmp_path_factory.mktemp("run")
    small = "--epochs", 1, "--width", 2, "--batch", 8, "--record", record / "run.json"
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as printed:
        names = command(patch, "--cifar", cifar, *small)
    return cifar, names, printed.getvalue(), record / "run.json"


def test_the_command_reads_cifar_and_records_what_it_measured(trained):
    cifar, names, printed, record = trained
    assert "20 images to train on, 4 held out, 2 steps" in printed
    measured = names["measured"]
    assert measured["arguments"]["decay"] == 5e-4
    assert max(measured["exact"]["gap"]) < ROUNDING
    recorded = json.loads(record.read_text("utf-8"))
    assert recorded["device"] == "cpu"
    assert recorded["code"] == measured["code"]
    assert recorded["arguments"]["width"] == 2
    assert recorded["right"] == pytest.approx(measured["fresh"]["right"], abs=1e-4)
    assert recorded["losses"][1] == pytest.approx(measured["exact"]["losses"][1], abs=1e-3)
    images, labels = names["images"], names["labels"]
    assert images.shape == (20, 3, 32, 32)
    assert images.dtype == torch.float64
    with (cifar / "data_batch_2").open("rb") as file:
        second = pickle.load(file, encoding="bytes")
    assert labels[4:8].tolist() == second[b"labels"]
    # channel by channel, row by row
    pixel = second[b"data"][1, 2 * 1024 + 3 * 32 + 5] / 255 - 0.5
    assert images[5, 2, 3, 5].item() == pytest.approx(pixel, abs=1e-7)


def test_a_summary_keeps_when_the_gap_tripled_and_the_first_flip(trained):
    _, names, _, _ = trained
    exact = {
        "gap": [0.0, 1.0, 2.0, 3.5, 3.0, 20.0, 30.0],
        "flips": [0, 0, 0, 0, 7, 0, 1],
        "losses": [[float(t) for t in range(7)], [1 / 3] * 7],
    }
    kept = names["summary"]({**names["measured"], "steps": 7, "exact": exact})
    assert kept["gap"] == [[1, 1.0], [3, 3.5], [5, 20.0]]
    assert kept["first_flip"] == 4
    assert kept["losses"] == [[0, 1, 2, 3, 4, 5, 6], [0.333] * 7]
    still = names["summary"]({**names["measured"], "exact": {**exact, "flips": [0] * 7}})
    assert still["first_flip"] is None


def test_in_a_notebook_the_arguments_of_the_kernel_are_left_alone(monkeypatch, trained):
    _, names, _, _ = trained
    assert names["ARGUMENTS"].cifar
    kernel = {key: value for key, value in names.items() if key != "__file__"}
    function = types.FunctionType(names["given_arguments"].__code__, kernel)
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    given = function()
    assert (given.device, given.cifar, given.epochs, given.record) == ("cpu", None, None, None)
    assert (given.width, given.batch, given.decay) == (4, 16, 0.02)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda path: path.unlink(), "data_batch_3 is not there. --cifar needs the folder"),
        (lambda path: path.write_bytes(b"no pickle"), "data_batch_3 is not a batch of CIFAR-10"),
        (lambda path: path.write_bytes(pickle.dumps(print)), "print is no part of CIFAR-10"),
        (lambda path: path.write_bytes(pickle.dumps({})), "data_batch_3 is not a batch of CIFAR"),
    ],
    ids=["missing", "no pickle", "code", "no data"],
)
def test_a_folder_that_is_not_cifar_is_refused(monkeypatch, cifar, spoil, complaint):
    spoil(cifar / "data_batch_3")
    with pytest.raises(SystemExit, match=complaint):
        command(monkeypatch, "--cifar", cifar, "--width", 2)


def test_an_unknown_argument_is_refused(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        command(monkeypatch, "--cifra", "here")
    assert "unrecognized arguments: --cifra" in capsys.readouterr().err
