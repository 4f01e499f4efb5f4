"""Does a network with batch norm on real digits do what the theorem says, to the last digits?"""

import runpy
import warnings
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from snippets.exponential_lr import growing_rate, growth_root, seeded_buffer

LAB = Path(__file__).parents[2] / "docs/labs/explr-on-digits.py"
THEOREM = "decay-is-growing-rate-with-momentum"
# The logits are of size 1 to 10, and rounding at 1e-16 of them is amplified a thousandfold or so.
# Only when a unit falls on another side of its kink in one run, by chance once in some 1e5 such
# runs, does the gap jump to the size of the logits.
ROUNDING = 1e-10
VISIBLE = 1e-2


@pytest.fixture(scope="session")
def lab():
    """What the lab computes, by the names that it uses."""
    with matplotlib.rc_context({"backend": "agg"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive.*")
        names = runpy.run_path(str(LAB))
        plt.close("all")
    return names


@pytest.mark.claim(THEOREM, by="experiment")
def test_a_batch_norm_net_computes_the_same_logits_for_a_thousand_steps(lab):
    assert len(lab["exact"]) >= 1000
    assert lab["exact"].max() < ROUNDING
    assert lab["grown"].rates[-1] > 1e4 * lab["grown"].rates[0]
    # the run is not one that has stopped, or never moved
    assert lab["grown"].norms[-1] > 100 * lab["decayed"].norms[-1]
    assert lab["decayed"].losses[-1] < lab["decayed"].losses[0] / 3
    assert lab["decayed"].rates[-1] == lab["decayed"].rates[0]


@pytest.mark.control(THEOREM, drops="scale-invariant-loss")
def test_control_with_the_default_eps_the_logits_part(lab):
    assert lab["default_eps"][:300].max() > VISIBLE


@pytest.mark.control(THEOREM, drops="^seed")
def test_control_without_the_seed_the_logits_part(lab):
    assert lab["unseeded"][:100].max() > VISIBLE


@pytest.mark.control(THEOREM, drops="^exponent")
def test_control_with_the_exponent_2t_the_logits_part(lab):
    assert lab["shifted"][:100].max() > VISIBLE


def test_in_float32_the_logits_part_in_some_order_of_the_batches_and_not_without_kinks(lab):
    # Chance decides when a unit falls on the other side of its kink: here in about six of ten
    # orders within 300 steps, so that none of eight does is one in a thousand.
    assert max(gap[:300].max() for gap in lab["float32s"]) > VISIBLE
    assert lab["smooth32"][:300].max() < VISIBLE


def test_two_runs_that_part_have_losses_that_look_alike(lab):
    for runs in (lab["default_runs"], lab["float32_runs"]):
        one, other = (sum(run.losses[-100:]) for run in runs)
        assert one == pytest.approx(other, rel=0.1)


def test_running_variances_lag_by_the_predicted_factor(lab):
    # A median over few channels of a variance that fluctuates from batch to batch by some percent.
    assert len(lab["measured"]) == 3
    assert lab["measured"] == pytest.approx([lab["predicted"]] * 3, rel=0.02)
    assert lab["predicted"] < 0.95


def test_statistics_collected_afresh_make_the_two_networks_one_function_again(lab):
    assert lab["stale_gap"] > VISIBLE
    assert lab["fresh_gap"] < ROUNDING


@pytest.mark.parametrize(
    ("rate", "decay", "momentum"), [(0.1, 5e-3, 0.9), (0.1, 5e-4, 0.9), (0.5, 0.1, 0.2)]
)
def test_the_lab_has_the_root_of_the_snippet(lab, rate, decay, momentum):
    assert lab["growth_root"](rate, decay, momentum) == pytest.approx(
        growth_root(rate, decay, momentum), rel=1e-14
    )


def test_the_lab_has_the_rates_and_the_seed_of_the_snippet(lab):
    rate, decay, momentum, alpha = lab["RATE"], lab["DECAY"], lab["MOMENTUM"], lab["alpha"]
    for t in (0, 1, 999):
        assert lab["growing_rate"](t) == pytest.approx(growing_rate(rate, alpha, t), rel=1e-15)
    weights = lab["images"][0].flatten()
    seeded = seeded_buffer(weights, 0 * weights, decay, momentum, alpha)
    assert (seeded + lab["seed"] * weights).norm() < 1e-15
