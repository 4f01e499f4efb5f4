"""Is TEXP step decay on real digits, to rounding, and what happens where a part is left out?"""

from itertools import pairwise

import numpy as np
import pytest

from snippets.exponential_lr import growth_root
from snippets.texp import decay_share, texp_rate
from snippets.texp_correction import uncorrected_drop

THEOREM = "step-decay-is-tapered-exponential"
SIZE = "texp-correction-is-small"
COROLLARY = "texp-without-drops-divides-the-decay"
# Logits of size 1 to 10, rounded at 1e-16, amplified a thousandfold or so by training; no kinks.
ROUNDING = 1e-9
VISIBLE = 1e-5  # of such logits: ten thousand times that
LARGE = 1e-3  # of such logits: a million times that
RATES, DECAY, MOMENTUM = [0.1, 0.01, 0.001], 5e-3, 0.9


@pytest.fixture(scope="module")
def lab(measured_by):
    return measured_by("docs/labs/texp-against-step-decay.py")


@pytest.fixture(scope="module")
def first_drop(lab):
    return lab["starts"][1]


@pytest.mark.claim(THEOREM, by="experiment")
def test_texp_computes_the_logits_of_step_decay_through_three_phases(measured, lab):
    measured(np.max(lab["gaps"]["as stated"]), allowed=ROUNDING)
    assert len(lab["gaps"]["as stated"]) >= 300
    # it is training: the loss falls, and the rates differ
    losses = lab["losses"]["step decay"]
    assert sum(losses[-40:]) / 40 < losses[0] / 4
    assert lab["rates"]["texp"][-1] > 3 * lab["rates"]["step decay"][-1]


@pytest.mark.control(THEOREM, drops="^correction", instead="a buffer left alone at both boundaries")
def test_control_without_the_correction_they_part_at_the_first_drop(measured, lab, first_drop):
    assert max(lab["gaps"]["uncorrected"][: first_drop + 1]) < ROUNDING
    measured(max(lab["gaps"]["uncorrected"]), allowed=VISIBLE)


@pytest.mark.control(THEOREM, drops="^boundary", instead="the drop alone")
def test_control_with_the_drop_alone_they_part_at_the_first_drop(measured, lab, first_drop):
    assert max(lab["gaps"]["drop alone"][: first_drop + 1]) < ROUNDING
    measured(max(lab["gaps"]["drop alone"]), allowed=LARGE)


@pytest.mark.control(THEOREM, drops="^seed", instead="a buffer of zero, unseeded")
def test_control_without_the_seed_they_part_at_once(measured, lab):
    measured(lab["gaps"]["no seed"][1], allowed=LARGE)


@pytest.mark.claim(SIZE, by="experiment")
def test_the_rates_divided_by_the_factor_make_the_uncorrected_run_exact(measured, lab, first_drop):
    measured(np.max(lab["undone"]), allowed=ROUNDING)
    assert len(lab["undone"]) > first_drop + 50


@pytest.mark.control(SIZE, drops="^factor", instead="the growing rates, not divided by ρ")
def test_control_without_the_factor_it_is_not(measured, lab, first_drop):
    gap = max(lab["gaps"]["uncorrected"][first_drop : len(lab["undone"])])
    measured(gap, allowed=VISIBLE)


@pytest.mark.claim(COROLLARY, by="experiment")
def test_without_drops_the_logits_are_those_of_a_divided_decay(measured, lab):
    measured(np.max(lab["no_drop"]), allowed=ROUNDING)


@pytest.mark.control(
    COROLLARY, drops="^its-own-correction", instead="the corrections of step decay"
)
def test_control_with_the_corrections_of_step_decay_they_are_not(measured, lab):
    measured(max(lab["wrong_correction"]), allowed=LARGE)


def test_a_drop_lowers_the_effective_rate_at_once_and_a_divided_decay_slowly(lab, first_drop):
    dropped, divided = lab["effective"]["rate divided"], lab["effective"]["decay divided"]
    assert dropped[first_drop] < dropped[first_drop - 1] / 9
    assert divided[first_drop] > divided[first_drop - 1] / 1.1
    assert divided[-1] < divided[first_drop - 1] / 1.3


def test_a_part_left_out_at_the_drops_matters_less_than_the_seed(lab):
    for name in ("uncorrected", "drop alone"):
        assert max(lab["gaps"][name]) < max(lab["gaps"]["no seed"]) / 10


def test_the_lab_has_the_schedule_of_the_snippets(lab):
    roots = [growth_root(rate, DECAY, MOMENTUM) for rate in RATES]
    assert lab["roots"] == pytest.approx(roots, rel=1e-14)
    assert lab["shares"] == pytest.approx(
        [decay_share(DECAY, MOMENTUM, root) for root in roots], rel=1e-12
    )
    drops = [uncorrected_drop(*pair, MOMENTUM) for pair in pairwise(roots)]
    assert lab["B"] == pytest.approx(drops, rel=1e-9)
    for t in (0, 1, 99, 100, 101, 200, 299):
        rate = texp_rate(t, lab["starts"], RATES, roots)
        assert lab["rates"]["texp"][t] == pytest.approx(rate, rel=1e-12)
        rate = texp_rate(t, lab["starts"], [0.1] * 3, roots)
        assert lab["undropped_rates"][t] == pytest.approx(rate, rel=1e-12)
