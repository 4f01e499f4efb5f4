"""Do norm and angle of a small network's layers come out as predicted, and if not, why?

The bounds hold for each of the four seeds of weights and batches that were tried.
"""

import math

import pytest

CONVOLUTIONS = ("conv 1", "conv 2", "conv 3")
LEFT = 0.01  # of a norm, where nothing but a finite window and a G that varies is wrong


@pytest.fixture(scope="module")
def lab(measured_by):
    return measured_by("docs/labs/equilibrium-and-rotation.py")


@pytest.mark.claim("rotation-does-not-depend-on-the-gradients", by="experiment")
@pytest.mark.parametrize("name", ["SGD", "momentum"])
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_sgd_turns_every_convolution_by_the_formula(measured, lab, name, layer):
    # A mean of cosines in place of the quotient of two means, and the ends of the window: the norm
    # varies by some per cent.
    measured(abs(lab["angles"][f"{name}, {layer}"] - 1), allowed=0.02)
    # The weights are stored in single precision: 6e-8 of them, against a sine squared of 1e-3.
    measured(lab["identity"][f"{name}, {layer}"], allowed=1e-5)


@pytest.mark.claim("equilibrium-of-adamw", by="experiment")
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_adamw_turns_every_convolution_nearly_by_the_formula(measured, lab, layer):
    # Nothing makes this angle exact: steps are not tangent, and gradients are not fresh.
    measured(abs(lab["angles"][f"AdamW, {layer}"] - 1), allowed=0.08)


def test_the_angle_of_the_other_convention_is_off_by_a_factor(lab):
    assert lab["wrong_angle"]["momentum"] < 1 / 3
    assert lab["wrong_angle"]["AdamW"] > 3


@pytest.mark.control(
    "rotation-does-not-depend-on-the-gradients",
    drops="scale-invariant-loss",
    instead="the linear classifier, whose length the loss sees",
)
@pytest.mark.parametrize("name", ["SGD", "momentum"])
def test_a_classifier_that_is_not_invariant_turns_by_another_angle(measured, lab, name):
    measured(
        1 - lab["angles"][f"{name}, classifier"], allowed=1 / 2
    )  # a convolution's is off by 0.02
    measured(lab["identity"][f"{name}, classifier"], allowed=0.1)  # a convolution's is 1e-5 at most


@pytest.mark.claim("equilibrium-of-sgd", by="experiment")
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_without_momentum_the_norm_is_the_formulas_although_gradients_are_correlated(
    measured, lab, layer
):
    # What is left is the ends of the window, and a G that varies together with the norm. As A is
    # near H, a fourth root has less than a per cent to lose.
    measured(abs(lab["norms"][f"SGD, {layer}"]["quotient"] - 1), allowed=LEFT)
    assert lab["correlations"][f"SGD, {layer}"][1] < -0.05
    assert 1 < lab["norms"][f"SGD, {layer}"]["fluctuation"] < 1.02  # A over H


@pytest.mark.control(
    "equilibrium-of-momentum-sgd",
    drops="^memoryless",
    instead="gradients of a network on digits, which oppose what the buffer holds",
)
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_with_momentum_the_norm_is_shorter_by_what_the_gradients_remember(measured, lab, layer):
    norm = lab["norms"][f"momentum, {layer}"]
    assert norm["memory"] < -0.03
    measured(1 - norm["quotient"], allowed=LEFT)  # without momentum it is off by less
    assert 1 < norm["fluctuation"] < 1.03  # A over H: the norm hardly moves
    assert norm["quotient"] > 0.85  # SGDW's would be longer by (1 − γ)^(−1/4), plain SGD's shorter


@pytest.mark.claim("gradients-with-memory-move-the-norm-by-a-bounded-factor", by="experiment")
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_with_what_they_remember_in_the_formula_the_norm_is_right_again(measured, lab, layer):
    norm = lab["norms"][f"momentum, {layer}"]
    # The finite window costs more than without momentum: the buffer has its own ends.
    measured(abs(norm["with_memory"] - 1), allowed=1.5 * LEFT)
    assert abs(norm["with_memory"] - 1) < 1 - norm["quotient"]


@pytest.mark.claim("gradients-with-memory-move-the-norm-by-a-bounded-factor", by="experiment")
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_what_the_gradients_remember_moves_the_norm_by_no_more_than_the_bound(measured, lab, layer):
    norm = lab["norms"][f"momentum, {layer}"]
    assert norm["memory"] < -0.03
    # The claim's bound for the momentum 0.9, either way.
    measured(abs(math.log(norm["quotient"])), allowed=math.log(1.9 / 0.1) / 4)


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_gradients_agree_for_a_step_and_oppose_each_other_for_several(lab, layer):
    correlation = lab["correlations"][f"momentum, {layer}"]
    assert correlation[0] == pytest.approx(1)
    assert correlation[1] > 0.04
    assert min(correlation[3:12]) < -0.02
    assert all(abs(value) < 0.1 for value in correlation[30:])


@pytest.mark.claim("equilibrium-of-adamw", by="experiment")
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_adamws_norm_is_below_the_formula_as_its_steps_are(measured, lab, layer):
    row = lab["adamw"][layer]
    assert row["energy"] < 0.95
    # A second moment that fluctuates and gradients that cancel both shorten steps: their squares by
    # up to a fourth, and the norm by less than an eighth, as shorter steps are more alike.
    measured(1 - row["quotient"], allowed=0.12)
    # With the steps that were seen, what is left is the ends of the window.
    measured(abs(row["identity"] - 1), allowed=0.02)


def test_the_first_layer_is_off_by_the_most_and_of_adamws_reasons_has_the_second(lab):
    others = [lab["norms"][f"momentum, {layer}"]["quotient"] for layer in CONVOLUTIONS[1:]]
    assert lab["norms"]["momentum, conv 1"]["quotient"] < min(others) - 0.02
    rows = lab["adamw"]
    assert rows["conv 1"]["energy"] < min(rows[layer]["energy"] for layer in CONVOLUTIONS[1:])
    # were it the first reason, the share would be short of one by a fifth, as the energy is
    assert rows["conv 1"]["share"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("momentum", ["0.0", "0.5", "0.9"])
def test_without_perpendicular_steps_the_norm_is_short_by_what_is_predicted(lab, momentum):
    # Sixty runs, six memories each: the mean square is good to a per cent or two. For β₁ = 0 the
    # length is that of a single number, whose square fluctuates by √2 of itself.
    row = lab["without_perpendicular"][momentum]
    rel = 0.08 if momentum == "0.0" else 0.02
    assert row["quotient"] == pytest.approx(row["predicted"], rel=rel)


def test_the_perpendicular_step_is_everything_without_momentum_and_little_with_it(lab):
    rows = lab["without_perpendicular"]
    assert rows["0.0"]["quotient"] < 0.2 < 0.95 < rows["0.9"]["quotient"] < 0.985


@pytest.mark.claim("norm-relaxes-to-equilibrium", by="experiment")
def test_from_above_the_norm_comes_down_by_decay_and_from_below_in_one_step(measured, lab):
    seen, told = (lab["transient"][f"× 4, {kind}"] for kind in ("measured", "constant G"))
    assert seen[0] > 2.5
    off = max(abs(one / other - 1) for one, other in zip(seen[1:4], told[1:4], strict=True))
    measured(off, allowed=0.02)  # to step 20, where decay rules
    measured(abs(seen[-1] - 1), allowed=0.25)  # of an excess of 2, with a G that is not constant
    assert lab["own_g"] > 1.02
    assert seen[5] > 1.03 * told[5]  # late, nearer the equilibrium
    seen, told = (lab["transient"][f"× 0.25, {kind}"] for kind in ("measured", "Gₜ"))
    assert seen[0] < 0.25
    measured(abs(seen[1] / told[1] - 1), allowed=1e-3)  # one step, in single precision
    assert 0.6 < seen[1] < 2.5
    off = max(abs(value - 1) for value in seen[5:])
    measured(off, allowed=0.2)  # a norm varies by some per cent


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_the_unit_gradient_norm_is_steady_late(lab, layer):
    assert lab["drift"][f"SGD, {layer}"][3] == pytest.approx(1, abs=0.15)
    assert lab["drift"][f"momentum, {layer}"][3] == pytest.approx(1, abs=0.2)


def test_the_unit_gradient_norm_is_not_what_it_will_be_at_the_start(lab):
    assert lab["drift"]["SGD, conv 1"][0] < 0.9
    assert lab["drift"]["momentum, conv 3"][0] > 1.08
