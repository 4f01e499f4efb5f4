"""When can momentum take the weights to zero, and how rare is it?"""

from fractions import Fraction
from itertools import pairwise
from random import Random

import numpy as np
import pytest
import sympy
import torch

from snippets.avoiding_zero import (
    closest_approach,
    landing_gradient,
    random_slope,
    scalar_path,
    share_within,
)
from snippets.exponential_lr import sgd_step
from snippets.scalar_run import scalar_run
from tests.snippets.rational_losses import matrix, slope_of_ratio

NEVER = "from-a-zero-buffer-no-iterate-is-zero"
ALMOST = "almost-every-weights-and-buffer-avoid-zero"
CONJECTURE = "almost-every-start-avoids-zero"

START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
STEPS = 5
ROUNDING = 1e-12  # sixty steps in float64
TENTH = Fraction(1, 10)  # of the squared length; most runs here are in fractions


MATRICES = [matrix(t) for t in range(STEPS)]


# ---------------------------------------------------------------------------------------------
# From a zero buffer, or one that points inwards.


def lengths_over_scalars(buffer, seed, slope=slope_of_ratio):
    """‖θₜ‖²/cₜ² along a run with a schedule without any order."""
    random = Random(seed)
    rates = [Fraction(random.randint(1, 9), 20) for _ in range(STEPS)]
    decays = [Fraction(random.randint(0, 4), 20) for _ in range(STEPS)]
    momenta = [Fraction(random.randint(0, 9), 10) for _ in range(STEPS)]
    scalars, _ = scalar_run(rates, decays, momenta)
    assert min(scalars) > 0
    weights, lengths = START, [START @ START]
    for t, settings in enumerate(zip(rates, decays, momenta, strict=True)):
        weights, buffer = sgd_step(weights, buffer, slope(MATRICES[t], weights), *settings)
        lengths.append(weights @ weights / scalars[t + 1] ** 2)
    return lengths


def lost(before, after):
    """The share of the squared length that is gone: all of it at zero, none if it has grown."""
    return max(1 - (after @ after) / (before @ before), 0)


@pytest.mark.claim(NEVER, by="exact")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("inwards", [0, 1])
def test_the_length_over_the_scalar_never_falls(measured, seed, inwards):
    buffer = inwards * np.array([Fraction(-1), Fraction(2), Fraction(1, 2)])
    assert buffer @ START <= 0
    lengths = lengths_over_scalars(buffer, seed)
    measured(max(0, *(1 - b / a for a, b in pairwise(lengths))), allowed=0)
    assert lengths[-1] > lengths[0] > 0


@pytest.mark.control(NEVER, drops="^buffer", instead="a buffer along the weights")
@pytest.mark.parametrize("seed", [0, 1, 3])  # 2 starts with the momentum 0
def test_control_a_buffer_along_the_weights_shortens_them(measured, seed):
    lengths = lengths_over_scalars(2 * START, seed)
    measured(1 - min(lengths) / lengths[0], allowed=TENTH)
    # and one that is made for it ends on zero in a step
    rate, decay, momentum = Fraction(1, 3), Fraction(1, 5), Fraction(1, 2)
    slope = slope_of_ratio(MATRICES[0], START)
    aimed = (START / rate - decay * START - slope) / momentum
    assert (landing_gradient(START, aimed, rate, decay, momentum) == slope).all()
    after, _ = sgd_step(START, aimed, slope, rate, decay, momentum)
    assert not after.any()
    measured(lost(START, after), allowed=TENTH)


@pytest.mark.control(NEVER, drops="scale-invariant-loss", instead="half the squared length")
def test_control_a_loss_that_sees_the_length_can_be_at_zero_in_one_step(measured):
    half, nothing = Fraction(1, 2), 0 * START
    after, _ = sgd_step(START, nothing, START, half, Fraction(1), half)  # L = ‖θ‖²/2
    assert not after.any()
    measured(lost(START, after), allowed=TENTH)
    assert min(scalar_path(half, Fraction(1), half, 1)) > 0


@pytest.mark.control(
    NEVER,
    drops="differentiable-away-from-zero",
    instead="partial derivatives that are no gradient",
)
def test_control_partial_derivatives_that_are_no_gradient_may_point_at_zero(measured):
    def loss(x, y, z):  # scale invariant and continuous, and not differentiable at (1, 1, 1)
        p = (2 * x - y - z) * (2 * y - z - x) * (2 * z - x - y)
        q = (x - y) ** 2 + (y - z) ** 2 + (z - x) ** 2
        return p / (q * (x * x + y * y + z * z) ** 0.5) if q else 0.0

    start, h = np.ones(3), 1e-6
    slope = np.array(
        [(loss(*(start + h * e)) - loss(*(start - h * e))) / (2 * h) for e in np.eye(3)]
    )
    after, _ = sgd_step(start, 0 * start, slope, 3**0.5, 0, 0.9)
    assert np.linalg.norm(after) < 1e-5
    measured(lost(start, after), allowed=TENTH)


P, Q = Fraction(-43, 96), Fraction(1, 4)
ETA, LAMBDA, GAMMA = Fraction(1, 2), Fraction(1), Fraction(5, 6)


def example(scale=1):
    """θ₀, θ₁, θ₂ of the run in the module's text, or from another length."""
    weights = scale * np.array([Fraction(1), Fraction(0)])
    path, buffer = [weights], 0 * weights
    for _ in range(2):
        slope = slope_of_ratio(np.array([[P, Q], [Q, -P]]), path[-1])
        weights, buffer = sgd_step(path[-1], buffer, slope, ETA, LAMBDA, GAMMA)
        path.append(weights)
    return path


@pytest.mark.control(NEVER, drops="^positive-scalar", instead="so much decay that c₂ is negative")
def test_control_where_the_scalar_turns_negative_a_run_ends_on_zero(measured):
    path = example()
    assert (path[1] == np.array([Fraction(1, 2), Fraction(-1, 4)])).all()
    assert not path[2].any()
    measured(lost(path[0], path[2]), allowed=TENTH)
    c = scalar_path(ETA, LAMBDA, GAMMA, 2)
    assert c[1] > 0 > c[2]
    assert c == [1, Fraction(1, 2), Fraction(-1, 6)]
    assert example(Fraction(11, 10))[2].any()  # from another length it does not
    e = ETA * LAMBDA
    ratio = (1 - e) * (e * (2 + GAMMA) - e**2 - 1) / (1 + GAMMA - e)
    slope = slope_of_ratio(np.array([[P, Q], [Q, -P]]), path[0])
    assert ETA**2 * (slope @ slope) == ratio * (path[0] @ path[0])


@pytest.mark.parametrize("momentum", [Fraction(1, 5), Fraction(4, 5)])
@pytest.mark.parametrize("product", [Fraction(n, 10) for n in (4, 8, 13, 17, 18, 22)])
def test_two_steps_end_on_zero_from_the_length_that_the_formula_gives(momentum, product):
    """(1 + γ − e)x² = −c₁c₂, with the gradient at θ₁ that the landing needs: it is orthogonal."""
    c = scalar_path(Fraction(1), product, momentum, 2)
    left, right = 1 + momentum - product, -c[1] * c[2]
    assert right == (1 - product) * (product * (2 + momentum) - product**2 - 1)
    if left == 0:
        assert right == -(momentum**2)  # there is no such x
        return
    square = right / left  # x², as ‖θ₀‖ = η = 1; none of the cases is on the edge
    assert square != 0
    if square < 0:
        return
    x, y = np.array([1.0, 0.0]), np.array([0.0, float(square) ** 0.5])
    weights, buffer = sgd_step(x, 0 * x, y, 1.0, float(product), float(momentum))
    needed = landing_gradient(weights, buffer, 1.0, float(product), float(momentum))
    assert abs(needed @ weights) < ROUNDING
    # and from another length it is not
    longer, other = sgd_step(1.1 * x, 0 * x, y / 1.1, 1.0, float(product), float(momentum))
    missed = landing_gradient(longer, other, 1.0, float(product), float(momentum))
    assert abs(missed @ longer) > 1e-3


def test_what_decay_keeps_the_scalar_positive():
    products = [(1 - momentum**0.5) ** 2 for momentum in (0.5, 0.9, 0.99)]
    for momentum, product in zip((0.5, 0.9, 0.99), products, strict=True):
        assert min(scalar_path(1.0, product, momentum, 2000)) > 0
        assert min(scalar_path(1.0, 1.1 * product, momentum, 2000)) < 0
    assert products[1] > 0.0026


def test_within_the_bound_a_momentum_above_one_can_make_the_scalar_negative():
    momentum, product = Fraction(4), Fraction(1, 2)
    assert product <= (1 - 2) ** 2  # (1 − √γ)²
    assert scalar_path(Fraction(1), product, momentum, 2)[2] == Fraction(-7, 4)
    small = Fraction(1, 4)
    assert min(scalar_path(Fraction(1), (1 - small) ** 2, small**2, 50)) > 0


def test_the_scalar_is_that_of_the_other_snippet():
    rate, decay, momentum = Fraction(1, 9), Fraction(1, 4), Fraction(1, 2)
    lists = [[x] * 4 for x in (rate, decay, momentum)]
    assert scalar_path(rate, decay, momentum, 4) == scalar_run(*lists)[0]


def test_landing_needs_a_buffer_along_the_weights():
    rate, decay, momentum = sympy.symbols("eta lambda gamma", positive=True)
    x, y, u, v = sympy.symbols("x y u v", real=True)
    weights, buffer = np.array([x, y]), np.array([u, v])
    needed = landing_gradient(weights, buffer, rate, decay, momentum)
    after, _ = sgd_step(weights, buffer, needed, rate, decay, momentum)
    assert [sympy.cancel(z) for z in after] == [0, 0]
    radial = rate * (needed @ weights)
    claimed = (1 - rate * decay) * (weights @ weights) - rate * momentum * (buffer @ weights)
    assert sympy.cancel(radial - claimed) == 0


# ---------------------------------------------------------------------------------------------
# Weights and buffer together.


def undone(weights, buffer, slope, rate, decay, momentum):
    """The weights and the buffer before a step."""
    weights = weights + rate * buffer
    return weights, (buffer - slope(weights) - decay * weights) / momentum


@pytest.mark.claim(ALMOST, by="exact")
@pytest.mark.parametrize("seed", range(3))
def test_a_step_with_momentum_can_be_undone(measured, seed):
    def slope(weights):
        return slope_of_ratio(matrix(seed), weights)

    settings = Fraction(1, 3), Fraction(1, 5), Fraction(seed + 1, 7)
    buffer = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])
    after = sgd_step(START, buffer, slope(START), *settings)
    before = undone(*after, slope, *settings)
    measured(abs(before[0] - START).max(), allowed=0)
    measured(abs(before[1] - buffer).max(), allowed=0)


@pytest.mark.claim(ALMOST, by="certificate of a step")
def test_of_the_two_moves_one_stretches_by_the_momentum_and_one_keeps_volumes(measured):
    """In any dimension, as each coordinate moves like this, with its own part of the gradient."""
    rate, decay, momentum = sympy.symbols("eta lambda gamma", positive=True)
    x, b, moved, slope = sympy.symbols("x b c g", real=True)  # g is one of θ, and not of b
    one = [np.array([part]) for part in (x, b, slope)]
    (after,), (buffer,) = sgd_step(*one, rate, decay, momentum)
    measured(sympy.expand(buffer.diff(b) - momentum) != 0, allowed=0)  # (θ, b) ↦ (θ, b′)
    second = sympy.Matrix([x - rate * moved, moved])  # (θ, b′) ↦ (θ − ηb′, b′)
    assert sympy.expand(second[0].subs(moved, buffer) - after) == 0
    measured(second.jacobian([x, moved]).det() != 1, allowed=0)


def test_a_step_in_the_plane_multiplies_volumes_by_a_power_of_the_momentum():
    """Both moves at once, for a loss with two derivatives, which the claim does not ask for."""
    rate, decay, momentum = sympy.symbols("eta lambda gamma", positive=True)
    x, y, u, v = sympy.symbols("x y u v", real=True)
    loss = sympy.Function("L")(x, y)  # any loss at all
    slope = np.array([sympy.diff(loss, z) for z in (x, y)])
    after = sgd_step(np.array([x, y]), np.array([u, v]), slope, rate, decay, momentum)
    jacobian = sympy.Matrix([*after[0], *after[1]]).jacobian([x, y, u, v])
    assert sympy.expand(jacobian.det(method="berkowitz") - momentum**2) == 0


def share_of_zeros(ends):
    """The share of the runs that end on zero, where almost none may."""
    return Fraction(sum(not end.any() for end in ends), len(ends))


@pytest.mark.control(ALMOST, drops="^momentum", instead="no momentum, ηλ = 1 and a constant loss")
def test_control_without_momentum_every_pair_of_weights_and_buffer_may_lead_to_zero(measured):
    random = Random(0)
    ends = []
    for _ in range(20):
        weights, buffer = np.array([[Fraction(random.randint(-9, 9), 7)] * 2 for _ in "xyz"]).T
        ends.append(sgd_step(weights, buffer, 0 * START, Fraction(1, 2), Fraction(2), 0)[0])
    measured(share_of_zeros(ends), allowed=0)


@pytest.mark.control(CONJECTURE, drops="^scalar", instead="settings at which c₂ is zero")
def test_control_where_the_scalar_is_zero_a_constant_loss_takes_every_start_there(measured):
    rate, decay, momentum = Fraction(1, 2), Fraction(1), Fraction(1, 2)
    scalars = scalar_path(rate, decay, momentum, 2)
    assert scalars[2] == 0 < min(scalars[:2])
    ends = []
    for seed in range(3):
        weights, buffer = (seed + 1) * START, 0 * START
        for _ in range(2):
            weights, buffer = sgd_step(weights, buffer, 0 * START, rate, decay, momentum)
        ends.append(weights)
    measured(share_of_zeros(ends), allowed=0)


@pytest.mark.control(CONJECTURE, drops="scale-invariant-loss", instead="half the squared length")
def test_control_a_quadratic_loss_takes_every_start_to_zero(measured):
    settings = Fraction(1, 2), Fraction(1), Fraction(5, 6)
    starts = [(seed + 1) * START for seed in range(3)]
    ends = [sgd_step(start, 0 * start, start, *settings)[0] for start in starts]
    assert not np.any(ends)
    measured(share_of_zeros(ends), allowed=0)
    # nₜ = 6ᵗcₜ has nₜ₊₁ = 8nₜ − 30nₜ₋₁ and n₁ = 3: modulo 5 it is tripled, and never zero
    scaled = [6**t * c for t, c in enumerate(scalar_path(*settings, 10))]
    assert all(n.denominator == 1 for n in map(Fraction, scaled))
    assert [n % 5 for n in scaled[1:]] == [3 ** (t + 1) % 5 for t in range(10)]


# ---------------------------------------------------------------------------------------------
# The search. The seeds are the first that were tried.

SETTINGS = [(0.5, 1.0, 5 / 6), (1.0, 0.9, 0.5), (0.3, 1.5, 0.95)]


def starts(size, count):
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, count, generator=generator, dtype=torch.float64)


@pytest.mark.claim(CONJECTURE, by="search")
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("settings", SETTINGS)
def test_starts_that_come_near_to_zero_get_rare_at_least_as_isolated_points_would(
    measured, size, settings
):
    assert min(scalar_path(*settings, 8)) < 0
    ratios = torch.cat(
        [
            closest_approach(random_slope(size, seed), starts(size, 40_000), *settings, 8)
            for seed in range(3)
        ]
    )
    wide, narrow = share_within(ratios, 0.1), share_within(ratios, 0.02)
    assert wide > 1e-3
    rarer = wide / 5**size
    # a ratio of 5^size up to the noise of counting, and half as much again, since 0.1 is not yet
    # small; a region of zeros would make the ratio 1
    by_chance = 4 * (rarer / len(ratios)) ** 0.5
    measured(narrow, allowed=rarer * 1.5 + by_chance, among=len(ratios))  # starts, by losses


@pytest.mark.claim(NEVER, by="float64")
@pytest.mark.parametrize("size", [2, 5])
def test_with_mild_decay_no_start_comes_near(measured, size):
    rate, decay, momentum, steps = 0.1, 0.02, 0.9, 60
    weights = starts(size, 2000)
    c = scalar_path(rate, decay, momentum, steps)
    assert min(c) > 0
    least = closest_approach(random_slope(size, 0), weights, rate, decay, momentum, steps)
    bound = min(b / a for a, b in pairwise(c))
    measured(max(bound / least.min() - 1, 0), allowed=ROUNDING)
    assert least.min() < 1


def test_the_closest_approach_is_the_least_ratio_of_two_steps():
    slope = random_slope(2, 3)
    weights, buffer, least = starts(2, 5), torch.zeros(2, 5, dtype=torch.float64), []
    found = closest_approach(slope, weights, 0.3, 0.5, 0.5, 4)
    for _ in range(4):
        buffer = 0.5 * buffer + slope(weights) + 0.5 * weights
        after = weights - 0.3 * buffer
        least.append(after.norm(dim=0) / weights.norm(dim=0))
        weights = after
    assert (found - torch.stack(least).min(0).values).abs().max() < 1e-14
    assert share_within(found, found.median().item()) == 0.4
    assert share_within(found, 10.0) == 1


@pytest.mark.parametrize("size", [2, 4])
def test_the_random_loss_has_the_slope_that_is_written(size):
    generator = torch.Generator().manual_seed(7)
    linear, square, cubic = (
        torch.randn(size, n, generator=generator, dtype=torch.float64) for n in (1, size, size)
    )

    def loss(weights):
        u = weights / weights.norm()
        return linear[:, 0] @ u + (square.T @ u).square().sum() / 2 + ((cubic.T @ u) ** 3).sum() / 3

    weights = starts(size, 3)
    for column in range(3):
        expected = torch.func.grad(loss)(weights[:, column])
        assert (random_slope(size, 7)(weights)[:, column] - expected).abs().max() < 1e-12
