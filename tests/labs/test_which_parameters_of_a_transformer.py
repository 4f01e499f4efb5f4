"""Are the parameters of a small transformer invariant that should be, and no others?"""

import pytest

ROUNDING = 1e-11  # losses of size one in float64, through some twenty layers
VISIBLE = 1e-4  # of the change of a loss of size one, by a factor of two or three
STEEP = 1e-6  # of a cosine that is rounded at 1e-16
QUERIES_AND_KEYS = {"query1", "key1", "query2", "key2"}
BLOCK = {f"{name}{k}" for name in ("query", "key", "value", "out", "up", "down") for k in (1, 2)}
EXPECTED = {
    "pre-norm": {"all writers"},
    "post-norm": set(),
    "QK-norm": QUERIES_AND_KEYS | {"all writers"},
    "branch norm": BLOCK,
}


@pytest.fixture(scope="module")
def lab(measured_by):
    return measured_by("docs/labs/which-parameters-of-a-transformer.py")


@pytest.mark.claim("residual-writers-are-one-block", by="experiment")
@pytest.mark.claim("degree-calculus", by="experiment")
@pytest.mark.parametrize("arrangement", EXPECTED)
def test_the_tensors_that_should_be_are_invariant_before_and_after_training(
    measured, lab, arrangement
):
    # how many are found that should not be, or the other way round
    measured(len(set(lab["invariant"][arrangement]) ^ EXPECTED[arrangement]), allowed=0)
    measured(len(set(lab["invariant_before"][arrangement]) ^ EXPECTED[arrangement]), allowed=0)
    for found in (lab["before"][arrangement], lab["after"][arrangement]):
        for name in EXPECTED[arrangement]:
            change, cosine, turn = found[name]
            measured(change, allowed=ROUNDING)
            measured(cosine, allowed=ROUNDING)
            assert turn > VISIBLE  # the loss does see the tensor


def test_in_a_post_norm_network_the_writers_are_no_block(lab):
    change, cosine, _ = lab["after"]["post-norm"]["all writers"]
    assert change > VISIBLE
    assert cosine > STEEP


@pytest.mark.parametrize("arrangement", EXPECTED)
def test_all_other_tensors_show_their_length(lab, arrangement):
    others = set(lab["names"]) - EXPECTED[arrangement]
    assert len(others) >= 5
    for name in others:
        assert lab["after"][arrangement][name][0] > VISIBLE, name
        assert lab["after"][arrangement][name][1] > 1e-6, name


@pytest.mark.control(
    "residual-writers-are-one-block",
    drops="normalisation-layer",
    instead="layer norm with torch's eps",
)
def test_control_with_the_default_eps_the_invariance_is_near_and_not_exact(measured, lab):
    for arrangement in ("pre-norm", "QK-norm"):
        change, _, _ = lab["default_eps"][arrangement]["all writers"]
        measured(change, allowed=1e3 * ROUNDING)
    for arrangement, worst in lab["worst"].items():
        assert worst < 1e-2, arrangement
    assert len(lab["worst"]) == 3


def test_with_the_default_eps_the_loss_sees_the_length_of_each(lab):
    assert len(lab["least"]) == 3
    assert min(lab["least"].values()) > 10 * ROUNDING


def test_the_networks_have_learnt_something(lab):
    assert min(lab["right"].values()) > 0.7  # chance is 0.1
