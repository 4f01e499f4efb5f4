"""Is the symmetry exact, and is what stands beside the optimizer rescaled along?"""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from snippets.exponential_lr import sgd_step
from snippets.momentum_conventions import averaged_step, classical_step, decoupled_step
from snippets.nesterov import nesterov_step
from snippets.rescaling import (
    average,
    carried_epsilon,
    carried_share,
    carried_strength,
    carried_threshold,
    clip,
    descend_twice,
    rescaled,
)
from snippets.scalar_run import scalar_run
from tests.snippets.rational_losses import completed_slope, ends, plain_slope, ratio_slope

SYMMETRY, ALONG = "rescaling-symmetry", "what-is-rescaled-along"

STEPS = 5
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])
MARGIN = Fraction(1, 1000)  # of the weights, of which rational numbers lose nothing
ROUNDING = 1e-12  # thirty steps, each rounded at 1e-16
VISIBLE = 1e-2  # of the weights: ten billion times what rounding does


# ---------------------------------------------------------------------------------------------
# The symmetry.

FACTORS = [Fraction(7, 3), Fraction(1, 5)]
SCHEDULE = [
    [Fraction(1, 3), Fraction(1, 7), Fraction(2, 5), Fraction(1, 2), Fraction(1, 9)],
    [Fraction(1, 4), Fraction(0), Fraction(2, 3), Fraction(1, 8), Fraction(1, 2)],
    [Fraction(1, 2), Fraction(9, 10), Fraction(0), Fraction(1, 3), Fraction(4, 5)],
]


def plain(weights, buffer, slope, rate, decay, momentum):
    return sgd_step(weights, buffer, slope, rate, decay, momentum)


def nesterov(weights, buffer, slope, rate, decay, momentum):
    return nesterov_step(weights, buffer, slope, rate, decay, momentum, momentum)


def dampened(weights, buffer, slope, rate, decay, momentum):
    return averaged_step(weights, buffer, slope, rate, decay, momentum, Fraction(2, 3))


def symmetry_gap(factor, step=plain, slope=ratio_slope, change=lambda *new: new):
    weights, buffer, *_ = START, RUNNING
    other, its_buffer, *_ = change(*rescaled(START, RUNNING, 1, 1, factor))
    worst = Fraction(0)
    for t, (rate, decay, momentum) in enumerate(zip(*SCHEDULE, strict=True)):
        weights, buffer = step(weights, buffer, slope(t, weights), rate, decay, momentum)
        *_, new_rate, new_decay = change(*rescaled(START, RUNNING, rate, decay, factor))
        settings = new_rate, new_decay, momentum
        other, its_buffer = step(other, its_buffer, slope(t, other), *settings)
        worst = max(worst, abs(other - factor * weights).max() / abs(factor * weights).max())
    return worst


def direction_gap(factor, change):
    """The largest sine, nearly, of the angle between the two runs."""
    weights, buffer, *_ = START, RUNNING
    other, its_buffer, *_ = change(*rescaled(START, RUNNING, 1, 1, factor))
    worst = Fraction(0)
    for t, (rate, decay, momentum) in enumerate(zip(*SCHEDULE, strict=True)):
        weights, buffer = plain(weights, buffer, ratio_slope(t, weights), rate, decay, momentum)
        *_, new_rate, new_decay = change(*rescaled(START, RUNNING, rate, decay, factor))
        slope = ratio_slope(t, other)
        other, its_buffer = plain(other, its_buffer, slope, new_rate, new_decay, momentum)
        cross = max(abs(weights[i] * other - other[i] * weights).max() for i in range(3))
        worst = max(worst, cross / (abs(weights).max() * abs(other).max()))
    return worst


each_factor = pytest.mark.parametrize("factor", FACTORS, ids=str)


@pytest.mark.claim(SYMMETRY, by="exact")
@each_factor
@pytest.mark.parametrize("step", [plain, dampened, nesterov, decoupled_step])
def test_a_rescaled_run_is_the_run_rescaled(measured, factor, step):
    measured(symmetry_gap(factor, step), allowed=0)


@pytest.mark.claim(SYMMETRY, by="certificate of a step")
def test_one_step_is_rescaled_for_all_values(measured):
    """The induction step of the symmetry."""
    k, rate, decay, gamma = sympy.symbols("k eta lambda gamma", positive=True)
    theta, b, g = (np.array([x]) for x in sympy.symbols("theta b g", real=True))
    x, v, new_rate, new_decay = rescaled(theta, b, rate, decay, k)
    for step in (plain, dampened, nesterov, decoupled_step):
        expected = rescaled(*step(theta, b, g, rate, decay, gamma), rate, decay, k)
        found = step(x, v, g / k, new_rate, new_decay, gamma)
        for left, right in zip(found, expected, strict=False):
            measured(sympy.cancel((left - right)[0]) != 0, allowed=0)


def test_a_velocity_goes_with_the_weights():
    k, rate, decay, gamma = sympy.symbols("k eta lambda gamma", positive=True)
    theta, v, g = (np.array([x]) for x in sympy.symbols("theta v g", real=True))
    x, _, new_rate, new_decay = rescaled(theta, v, rate, decay, k)
    expected = classical_step(theta, v, g, rate, decay, gamma)
    found = classical_step(x, k * v, g / k, new_rate, new_decay, gamma)
    for a, b in zip(found, expected, strict=True):
        assert sympy.cancel((a - k * b)[0]) == 0
    as_a_buffer = classical_step(x, v / k, g / k, new_rate, new_decay, gamma)
    assert sympy.cancel((as_a_buffer[0] - k * expected[0])[0]) != 0


@pytest.mark.control(SYMMETRY, drops="scale-invariant-loss", instead="quadratic losses")
@each_factor
def test_control_a_loss_that_sees_the_length_has_not_this_symmetry(measured, factor):
    measured(symmetry_gap(factor, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(
    SYMMETRY,
    drops="differentiable-away-from-zero",
    instead="a kink, whose side is picked by the length of the weights",
)
def test_control_a_gradient_that_picks_its_side_of_a_kink_by_the_length_is_not_rescaled(measured):
    def slope(weights):  # of |x₀|/‖x‖, on its kink
        return np.array([Fraction(1 if abs(weights[1]) < 3 else -1), 0]) / weights[1]

    start, nothing = np.array([Fraction(0), Fraction(2)]), np.array([Fraction(0)] * 2)
    weights, _ = plain(start, nothing, slope(start), Fraction(1, 3), Fraction(1, 4), 0)
    other, buffer, rate, decay = rescaled(start, nothing, Fraction(1, 3), Fraction(1, 4), 2)
    other, _ = plain(other, buffer, slope(other), rate, decay, 0)
    assert other[1] == 2 * weights[1]
    assert other[0] == -2 * weights[0] != 0
    measured(abs(other - 2 * weights).max() / abs(2 * weights).max(), allowed=MARGIN)


@pytest.mark.control(
    SYMMETRY,
    drops="iterates-never-zero",
    instead="a run that meets zero, and goes on by some number as its gradient",
)
@each_factor
def test_control_at_zero_the_symmetry_ends(measured, factor):
    rate, decay = Fraction(1, 3), Fraction(1, 5)
    aimed = START / rate - ratio_slope(0, START) - decay * START  # for the momentum 1
    found = []
    for k in (1, factor):
        weights, buffer, *settings = rescaled(START, aimed, rate, decay, k)
        weights, buffer = plain(weights, buffer, ratio_slope(0, weights), *settings, 1)
        assert not weights.any()
        assert ends(ratio_slope, 1, weights)
        found.append(plain(weights, buffer, completed_slope(1, weights), *settings, 1)[0])
    run, other = found
    measured(abs(other - factor * run).max() / abs(factor * run).max(), allowed=MARGIN)


@each_factor
def test_from_zero_the_symmetry_goes_on_if_zero_is_the_gradient_there(factor):
    settings, buffer = (Fraction(1, 3), Fraction(1, 5)), RUNNING
    found = []
    for k in (1, factor):
        weights, push, *rescaled_settings = rescaled(0 * START, buffer, *settings, k)
        found.append(plain(weights, push, 0 * START, *rescaled_settings, 1)[0])
    assert (found[1] == factor * found[0]).all()
    assert found[0].all()


@pytest.mark.control(
    SYMMETRY, drops="^all-four", instead="one of weights, buffer, rates and decays as it was"
)
@each_factor
def test_control_each_of_the_four_has_to_go_along(measured, factor):
    for change in [
        lambda x, b, rate, decay: (x / factor, b, rate, decay),
        lambda x, b, rate, decay: (x, factor * b, rate, decay),
        lambda x, b, rate, decay: (x, b, rate / factor**2, decay),
        lambda x, b, rate, decay: (x, b, rate, decay * factor**2),
        # and the powers count
        lambda x, b, rate, decay: (x, b, rate / factor, decay),
        lambda x, b, rate, decay: (x, b, rate, decay * factor),
    ]:
        measured(direction_gap(factor, change), allowed=MARGIN)
    assert direction_gap(factor, lambda *new: new) == 0


@pytest.mark.control(SYMMETRY, drops="^positive-factor", instead="the factor −1, on an odd loss")
def test_control_with_a_negative_factor_the_weights_see_another_loss(measured):
    with pytest.raises(ValueError, match="factor = -1 is not positive"):
        rescaled(START, RUNNING, 1, 1, -1)
    with pytest.raises(ValueError, match="factor = 0 is not positive"):
        rescaled(START, RUNNING, 1, 1, 0)

    def slope(weights):  # of x₀/‖x‖, which is not even
        square = (weights @ weights) ** 0.5
        return (np.array([1.0, 0, 0]) - weights[0] * weights / square**2) / square

    start, nothing = np.array([0.9, -0.3, 0.6]), np.zeros(3)
    ahead, _ = plain(start, nothing, slope(start), 0.5, 0.1, 0)
    behind, _ = plain(-start, nothing, slope(-start), 0.5, 0.1, 0)
    measured(abs(behind + ahead).max(), allowed=0.1)  # of weights of size one


# ---------------------------------------------------------------------------------------------
# What is carried along. Exactly; the time of a step is found by counting its calls.


def forced(kind):
    """A force (θ, c) ↦ G̃(θ), rational, on losses that change at every step."""

    def force(t, weights, c):
        slope = ratio_slope(t, weights)
        if kind == "epsilon":
            return ratio_slope(t, weights, carried_epsilon(Fraction(9), c))
        if kind == "threshold":  # for each coordinate, where the rule is rational
            size = carried_threshold(Fraction(1, 2), c)
            return np.array([min(max(x, -size), size) for x in slope])
        if kind == "degree 4":
            square = weights @ weights
            return slope + carried_strength(Fraction(1, 50), 4, c) * 4 * square * weights
        if kind == "degree 1":
            signs = np.array([Fraction((x > 0) - (x < 0)) for x in weights])
            return slope + carried_strength(Fraction(1, 2), 1, c) * signs
        return slope + carried_strength(Fraction(1, 2), 0, c) * plain_ratio(weights)

    return force


def plain_ratio(weights):
    """The gradient of a penalty of degree 0."""
    square = weights @ weights
    return np.array([square, 0, 0]) * 2 * weights[0] / square**2 - (
        2 * weights[0] ** 2 * weights / square**2
    )


def twice(force, carry=True, decay=Fraction(1, 4)):
    calls = iter([t for t in range(STEPS) for _ in range(2)])
    settings = Fraction(1, 3), decay, Fraction(1, 2), STEPS, carry
    return descend_twice(lambda w, c: force(next(calls), w, c), START, *settings)


def along_gap(kind, carry=True):
    theta, phi, scalars = twice(forced(kind), carry)
    triples = zip(theta, phi, scalars, strict=True)
    return max(abs(c * y - x).max() / abs(x).max() for x, y, c in triples)


KINDS = ["epsilon", "threshold", "degree 4", "degree 1"]


@pytest.mark.claim(ALONG, by="exact")
@pytest.mark.parametrize("kind", [*KINDS, "degree 0"])
def test_carried_along_the_runs_agree_exactly(measured, kind):
    measured(along_gap(kind), allowed=0)


@pytest.mark.control(ALONG, drops="^carried", instead="epsilon, threshold or strength as it was")
@pytest.mark.parametrize("kind", KINDS)
def test_control_left_as_it_is_the_runs_part(measured, kind):
    measured(along_gap(kind, carry=False), allowed=MARGIN)


def test_a_penalty_of_degree_zero_needs_nothing():
    assert along_gap("degree 0", carry=False) == 0


@pytest.mark.control(ALONG, drops="scale-invariant-loss", instead="quadratic losses")
def test_control_a_loss_that_sees_the_length_parts_them_whatever_is_carried(measured):
    theta, phi, scalars = twice(lambda t, w, c: plain_slope(t, w))
    gap = abs(scalars[-1] * phi[-1] - theta[-1]).max() / abs(theta[-1]).max()
    measured(gap, allowed=MARGIN)


def run_into_zero(decay):
    """θ₁, and how far c₂φ₂ is off θ₂, with a penalty of degree one that leads to zero."""
    start, rate = np.array([Fraction(3), Fraction(0), Fraction(0)]), Fraction(1, 3)
    strength = (1 - rate * decay) * 9  # so that η μ ∇ψ takes off what the decay leaves

    def force(t, weights, c):  # of a constant loss and of ψ = |θ₁| + |θ₂| + |θ₃|
        if not weights.any():
            return 9 + 0 * weights  # what a program may go on with, at any c
        signs = np.array([Fraction((x > 0) - (x < 0)) for x in weights])
        return carried_strength(strength, 1, c) * signs

    calls = iter([t for t in range(2) for _ in range(2)])
    theta, phi, scalars = descend_twice(
        lambda w, c: force(next(calls), w, c), start, rate, decay, Fraction(1, 2), 2
    )
    assert not phi[1].any()
    return theta[1], abs(scalars[2] * phi[2] - theta[2]).max() / abs(theta[2]).max()


@pytest.mark.control(
    ALONG,
    drops="differentiable-away-from-zero",
    instead="a kink, whose side is picked by the length of the weights",
)
def test_control_a_gradient_that_picks_its_side_of_a_kink_by_the_length_is_not_carried(measured):
    def force(t, weights, c):  # of a constant loss, then of |x₀|/‖x‖; between θ₁ and φ₁ it turns
        side = 1 if weights[1] < Fraction(19, 10) else -1
        return np.array([Fraction(side * t), 0]) / weights[1]

    calls = iter([t for t in range(2) for _ in range(2)])
    start, settings = np.array([Fraction(0), Fraction(2)]), [Fraction(1, 3), Fraction(1, 4)]
    theta, phi, scalars = descend_twice(
        lambda w, c: force(next(calls), w, c), start, *settings, Fraction(1, 2), 2
    )
    assert (scalars[1] * phi[1] == theta[1]).all()
    assert scalars[2] * phi[2][0] == -theta[2][0] != 0
    measured(abs(scalars[2] * phi[2] - theta[2]).max() / abs(theta[2]).max(), allowed=MARGIN)


@pytest.mark.control(
    ALONG,
    drops="iterates-never-zero",
    instead="a penalty that leads to zero, and some number as the gradient there",
)
def test_control_a_penalty_that_leads_to_zero_parts_the_runs_there(measured):
    at, gap = run_into_zero(Fraction(1, 4))
    assert not at.any()
    measured(gap, allowed=MARGIN)


def test_without_decay_the_run_into_zero_of_the_note_is_its_own_twin():
    at, gap = run_into_zero(Fraction(0))  # ημ = ‖θ₀‖
    assert not at.any()
    assert gap == 0


def test_a_running_variance_agrees_if_its_past_is_multiplied_along():
    theta, phi, scalars = twice(forced("degree 0"))
    share, ours, twins, without = Fraction(1, 10), Fraction(5), Fraction(5), Fraction(5)
    before = Fraction(1)
    for x, y, c in zip(theta, phi, scalars, strict=True):
        ours = (1 - share) * ours + share * (x @ x)
        twins = (1 - share) * (before / c) ** 2 * twins + share * (y @ y)
        without = (1 - share) * without + share * (y @ y)
        assert twins == ours / c**2
        before = c
    assert without != ours / before**2


@pytest.mark.control(
    ALONG,
    drops="^positive-scalar",
    instead="a scalar that becomes negative, with a clipped gradient",
)
def test_control_a_negative_scalar_turns_thresholds_around(measured):
    assert carried_threshold(Fraction(1, 2), Fraction(-1, 3)) < 0
    theta, phi, scalars = twice(forced("threshold"), decay=Fraction(4))
    assert scalars[1] == Fraction(-1, 3)
    assert (scalars[1] * phi[1] == theta[1]).all()
    gap = abs(scalars[2] * phi[2] - theta[2]).max() / abs(theta[2]).max()
    measured(gap, allowed=MARGIN)


def test_left_as_it_is_means_taken_at_a_scalar_of_one_and_to_carry_is_the_default():
    force = forced("degree 4")
    settings = START, Fraction(1, 3), Fraction(1, 4), Fraction(1, 2), 2
    _, phi, c = descend_twice(lambda w, scalar: force(0, w, scalar), *settings, False)
    weights, buffer = START, 0 * START
    for t in range(2):
        rate = Fraction(1, 3) / (c[t] * c[t + 1])
        weights, buffer = sgd_step(weights, buffer, force(0, weights, 1), rate, 0, Fraction(1, 2))
        assert (weights == phi[t + 1]).all()
    carried = descend_twice(lambda w, scalar: force(0, w, scalar), *settings)
    assert (carried[0][2] == c[2] * carried[1][2]).all()


def test_an_average_needs_a_share_for_each_of_the_weights():
    assert (average([START, 2 * START], [1, 3]) == 7 * START).all()
    for shares in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match="zip"):
            average([START, START], shares)


def test_the_scalars_are_those_of_the_scalar_run():
    _, _, scalars = twice(forced("degree 0"))
    ones = [1] * STEPS
    third, quarter, half = Fraction(1, 3), Fraction(1, 4), Fraction(1, 2)
    expected, _ = scalar_run([third * x for x in ones], [quarter] * STEPS, [half] * STEPS)
    assert scalars == expected
    assert scalars[-1] < 0.7


@pytest.mark.claim(ALONG, by="exact")
def test_averages_agree_if_their_shares_are_carried(measured):
    theta, phi, scalars = twice(forced("degree 0"))
    shares = [Fraction(t + 1, 21) for t in range(STEPS + 1)]
    carried = [carried_share(s, c) for s, c in zip(shares, scalars, strict=True)]
    measured(abs(average(phi, carried) - average(theta, shares)).max(), allowed=0)


@pytest.mark.claim(ALONG, by="exact")
def test_a_moving_average_agrees_if_what_comes_in_is_carried(measured):
    theta, phi, scalars = twice(forced("degree 0"))
    mean, other, keep = START, START, Fraction(9, 10)
    for x, y, c in zip(theta, phi, scalars, strict=True):
        mean = keep * mean + (1 - keep) * x
        other = keep * other + carried_share(1 - keep, c) * y
    measured(abs(mean - other).max(), allowed=0)


@pytest.mark.control(ALONG, drops="^averages", instead="the shares as they were")
def test_control_averages_of_the_growing_weights_point_elsewhere(measured):
    theta, phi, _ = twice(forced("degree 0"))
    shares = [Fraction(1, STEPS + 1)] * (STEPS + 1)
    mean, other = average(theta, shares), average(phi, shares)
    turn = abs(mean[0] * other - other[0] * mean).max() / abs(mean[0] * other).max()
    measured(turn, allowed=MARGIN)


@pytest.mark.claim(ALONG, by="exact")
def test_gradients_of_the_twin_are_longer_by_the_scalar(measured):
    theta, phi, scalars = twice(forced("degree 0"))
    for t in range(STEPS):
        longer = ratio_slope(t, phi[t]) - scalars[t] * ratio_slope(t, theta[t])
        measured(abs(longer).max(), allowed=0)


def clipped_gap(carry):
    """How far two runs with gradients clipped by their norm part, as a share of the weights."""
    a = torch.tensor([[2.0, 1.0, 0.0], [1.0, -1.0, 0.5], [0.0, 0.5, 3.0]], dtype=torch.float64)

    def force(weights, c):
        slope = torch.func.grad(lambda w: w @ a @ w / (w @ w))(weights)
        return clip(slope, carried_threshold(0.5, c))

    start = torch.tensor([0.5, 1.0, 0.2], dtype=torch.float64)
    theta, phi, scalars = descend_twice(force, start, 0.2, 0.1, 0.5, 30, carry)
    triples = zip(theta, phi, scalars, strict=True)
    return torch.stack([(c * y - x).norm() / x.norm() for x, y, c in triples]).max()


@pytest.mark.claim(ALONG, by="float64")
def test_clipping_by_the_norm_is_carried_by_the_threshold(measured):
    measured(clipped_gap(carry=True), allowed=ROUNDING)


@pytest.mark.control(ALONG, drops="^carried", instead="the threshold as it was")
def test_control_clipped_at_the_threshold_as_it_was_the_runs_part(measured):
    measured(clipped_gap(carry=False), allowed=VISIBLE)


def test_clipping_shortens_and_does_not_turn():
    vector = torch.tensor([3.0, -4.0])
    assert clip(vector, 10.0).equal(vector)
    assert clip(vector, 5.0).equal(vector)
    assert (clip(vector, 2.5) - vector / 2).norm() < 1e-6
    assert clip(0 * vector, 2.5).equal(0 * vector)


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_a_threshold_that_leaves_no_direction_is_refused(threshold):
    with pytest.raises(ValueError, match=f"threshold = {threshold:g} would turn or delete grad"):
        clip(torch.ones(2), threshold)


@pytest.mark.claim(ALONG, by="certificate of a step")
def test_each_rule_multiplies_the_force_by_the_scalar_for_all_values(measured):
    """The rows of the table on clipping and penalties, and one loss for that on epsilon."""
    c, mu, k, size, g = sympy.symbols("c mu k C g", positive=True)
    shorter = sympy.Min(1, carried_threshold(size, c) / (c * g)) * c * g  # a gradient of length cg
    measured(sympy.simplify(shorter - c * sympy.Min(1, size / g) * g) != 0, allowed=0)
    # ∇ψ is of degree k − 1, so at θ/c it is c^(1−k) times what it is at θ
    penalty = carried_strength(mu, k, c) * c ** (1 - k) * g
    measured(sympy.simplify(penalty - c * mu * g) != 0, allowed=0)
    x, y, epsilon = sympy.symbols("x y epsilon", positive=True)
    loss = (x + 2 * y) / sympy.sqrt(x**2 + y**2 + epsilon)
    slope = sympy.diff(loss, x)
    twin = slope.subs({x: x / c, y: y / c, epsilon: carried_epsilon(epsilon, c)}, simultaneous=True)
    measured(sympy.simplify(twin - c * slope) != 0, allowed=0)
