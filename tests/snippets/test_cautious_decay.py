"""Does cautious decay pull by a share and turn, and is it half a decay where signs are coins?"""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import sympy
import torch

from snippets.cautious_decay import (
    agreeing,
    cautious_step,
    decaying_share,
    leaning_share,
    next_square,
    simulated,
    turn_of_decay,
)
from tests.confidence import off

BALANCE = "cautious-decay-pulls-by-a-share-and-turns"
HALF = "cautious-decay-is-half-a-decay-if-signs-are-coins"
TWIN = "cautious-decay-has-no-twin-by-scaling"
GUESS = "momentum-weakens-cautious-decay"
F = Fraction
ROUNDING = 1e-12  # a few operations on numbers of order one, each rounded at 1e-16
SURE = 0.9999
VISIBLE = 0.05  # of a share, or of a number of order one
THETA = np.array([F(3), F(-1), F(2), F(-5), F(1, 2), F(0)])
UPDATE = np.array([F(1), F(2), F(-1, 3), F(-2), F(0), F(4)])
RATE, DECAY = F(1, 4), F(2, 3)
SIZES, HALVES = np.array([F(1), F(2), F(1, 3), F(2), F(1, 5), F(4)]), F(1, 2)


def square(vector):
    return sum(vector * vector)


@pytest.mark.claim(BALANCE, by="exact")
@pytest.mark.parametrize("update", [UPDATE, -UPDATE, THETA, UPDATE[::-1]])
def test_the_squared_norm_is_that_of_the_balance(measured, update):
    after = cautious_step(THETA, update, RATE, DECAY)
    mask = agreeing(THETA, update)
    assert mask.tolist() == [int(u * w > 0) for u, w in zip(update, THETA, strict=True)]
    agreement = sum(mask * update * THETA)
    assert agreement >= 0
    claimed = next_square(
        square(THETA),
        decaying_share(THETA, update),
        RATE * sum(THETA * update),
        RATE**2 * square(update),
        RATE * agreement,
        RATE * DECAY,
    )
    measured(abs(square(after) - claimed), allowed=0)
    assert square(after) != square(THETA - RATE * update)


@pytest.mark.claim(BALANCE, by="exact")
def test_what_agrees_is_half_of_all_that_there_is_if_the_update_is_tangent(measured):
    tangent = UPDATE - sum(UPDATE * THETA) / square(THETA) * THETA
    agreement = sum(agreeing(THETA, tangent) * tangent * THETA)
    assert agreement > 0
    measured(abs(agreement - sum(abs(tangent * THETA)) / 2), allowed=0)


@pytest.mark.control(BALANCE, drops="^tangent", instead="an update that is not orthogonal")
def test_control_of_another_update_more_or_less_agrees(measured):
    agreement = sum(agreeing(THETA, UPDATE) * UPDATE * THETA)
    measured(float(abs(agreement - sum(abs(UPDATE * THETA)) / 2)), allowed=VISIBLE)


@pytest.mark.claim(BALANCE, by="float64")
@pytest.mark.parametrize("decay", [0.01, 0.5, 0.99])
def test_the_decay_alone_turns_by_that_angle_and_by_no_more_than_the_bound(measured, decay):
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        theta, update = torch.randn(2, 6, generator=generator, dtype=torch.float64)
        update[:2] = theta[:2] * torch.tensor([1, -1])  # else κ may be 1, where a root loses digits
        after = theta - decay * (agreeing(theta, update) * theta)
        share = decaying_share(theta, update).item()
        cosine = (after @ theta / after.norm() / theta.norm()).item()
        across = (after - (after @ theta) / (theta @ theta) * theta).norm()
        angle = math.atan2((across / after.norm()).item(), cosine)
        measured(abs(turn_of_decay(share, decay) - angle), allowed=ROUNDING)
        bound = decay / (2 * math.sqrt(1 - decay))
        measured(max(math.tan(angle) - bound, 0), allowed=ROUNDING)
    widest = turn_of_decay(1 / (2 - decay), decay)  # where the two means are the same
    measured(abs(math.tan(widest) / bound - 1), allowed=ROUNDING)
    assert turn_of_decay(0.0, decay) == turn_of_decay(1.0, decay) == 0


def test_beyond_one_the_decay_turns_by_less_or_more_than_a_right_angle():
    for share, is_wide in [(0.5, False), (0.9, True)]:
        theta = np.array([math.sqrt(share), math.sqrt(1 - share)])
        after = theta - 1.5 * theta * [1, 0]  # ηλ = 1.5
        assert (after @ theta < 0) == is_wide == (1.5 * share > 1)


def test_the_mean_turn_of_the_decay_is_none_if_signs_are_coins_and_adds_up_if_they_stay():
    weights, update = THETA[:4], UPDATE[:4]
    turns = []
    for signs in product([1, -1], repeat=4):
        decayed = weights - RATE * DECAY * agreeing(weights, update * signs) * weights
        turns.append(decayed - sum(decayed * weights) / square(weights) * weights)
    assert max(abs(sum(turns))) == 0
    assert max(square(turn) for turn in turns) > F(1, 100)
    once, often = weights, weights
    for _ in range(30):
        often = often - RATE * DECAY * agreeing(often, update) * often
    once = once - RATE * DECAY * agreeing(once, update) * once
    cosines = [
        float(sum(weights * w)) / float(square(weights) * square(w)) ** 0.5 for w in (once, often)
    ]
    assert cosines[1] < cosines[0] - VISIBLE < 1


def mean_over_signs(sizes, chance=HALVES):
    """The means of κ, θ' and ‖θ'‖² over all signs, each of them positive with this chance."""
    means = [0, 0 * THETA, 0]
    for signs in product([1, -1], repeat=len(sizes)):
        weight = math.prod(chance if sign > 0 else 1 - chance for sign in signs)
        update = sizes * np.array(signs)
        after = cautious_step(THETA, update, RATE, DECAY)
        found = decaying_share(THETA, update), after, square(after)
        means = [mean + weight * x for mean, x in zip(means, found, strict=True)]
    return means


def half_a_decay():
    e = RATE * DECAY
    push = RATE**2 * square(SIZES) + RATE**2 * DECAY * sum(abs(THETA) * SIZES)
    return (1 - e / 2) * THETA, (1 + (1 - e) ** 2) / 2 * square(THETA) + push


@pytest.mark.claim(HALF, by="exact")
def test_over_all_signs_half_decays_and_the_means_are_as_stated(measured):
    share, mean, squared = mean_over_signs(SIZES)
    expected, expected_square = half_a_decay()
    measured(abs(share - F(1, 2)), allowed=0)
    measured(max(abs(mean - expected)), allowed=0)
    measured(abs(squared - expected_square), allowed=0)


@pytest.mark.control(
    HALF, drops="^symmetric", instead="a sign that is positive three times in four"
)
def test_control_if_one_sign_is_more_likely_it_is_not_half(measured):
    share, mean, squared = mean_over_signs(SIZES, F(3, 4))
    measured(float(abs(share - F(1, 2))), allowed=VISIBLE)
    measured(float(max(abs(mean - half_a_decay()[0]))), allowed=VISIBLE)
    measured(float(abs(squared - half_a_decay()[1])), allowed=VISIBLE)


@pytest.mark.control(HALF, drops="^nonzero", instead="an update with two coordinates zero")
def test_control_where_the_update_is_zero_nothing_decays(measured):
    share, mean, _ = mean_over_signs(SIZES * np.array([F(0), 1, 1, 0, 1, 1]))
    measured(float(abs(share - F(1, 2))), allowed=VISIBLE)
    measured(float(max(abs(mean - half_a_decay()[0]))), allowed=VISIBLE)


def bounds(e):
    """What √A is not below and not above, at η = U = 1."""
    q = e * (2 - e)
    return math.sqrt(2 / q), (e + math.sqrt(e**2 + 2 * q)) / q


def share_of(decaying, squares):
    return (decaying.mean() / squares.mean()).item()


@pytest.mark.claim(HALF, by="simulation")
@pytest.mark.parametrize("e", [0.02, 0.2, 0.7, 1.5])
def test_the_settled_norm_is_within_the_bounds(measured, e):
    generator = torch.Generator().manual_seed(2)
    # each number is a run of its own; of where they began e⁻²⁰ is left when counting begins
    decaying, squares = simulated(0.0, e, 20_000, int(40 / e) + 40, generator)
    mean, (below, above) = squares.double().mean().item(), bounds(e)
    _, by_chance = off(squares.tolist(), mean, SURE)
    # from the spread of the numbers, in the unit of what is measured
    measured(max(1 - mean / below**2, 0), allowed=by_chance / below**2, confidence=SURE)
    # the same
    measured(max(mean / above**2 - 1, 0), allowed=by_chance / above**2, confidence=SURE)
    gap, by_chance = off((decaying - squares / 2).tolist(), 0, SURE)
    # from the spread of what decays beyond half of each number
    measured(gap / mean, allowed=by_chance / mean, confidence=SURE)


@pytest.mark.parametrize("start", [0.01, 100.0])
def test_the_bounds_are_reached_from_any_mean_of_squares(start):
    # A' = (1 − q/2) A + η²U² + η²λX with 0 ≤ X ≤ √A U, at η = U = 1
    for e in (0.1, 1.0, 1.9):
        q, below, above = e * (2 - e), start, start
        for _ in range(1000):
            below = (1 - q / 2) * below + 1
            above = (1 - q / 2) * above + 1 + e * math.sqrt(above)
        assert [math.sqrt(below), math.sqrt(above)] == pytest.approx(bounds(e), rel=ROUNDING)


@pytest.mark.control(HALF, drops="^symmetric", instead="an update that remembers nine tenths")
def test_control_with_a_memory_the_norm_is_beyond_the_bounds(measured):
    generator = torch.Generator().manual_seed(2)
    decaying, squares = simulated(0.9, 0.2, 20_000, 400, generator)
    measured(max(squares.mean().sqrt() / bounds(0.2)[1] - 1, 0), allowed=VISIBLE)
    measured(abs(share_of(decaying, squares) - 0.5), allowed=VISIBLE)


@pytest.mark.claim(HALF, by="certificate of a step")
def test_the_bounds_solve_the_two_equations_and_agree_to_leading_order(measured):
    """The positive root of the last line of the proof, and both bounds for small ηλ."""
    e, push = sympy.symbols("e U", positive=True)
    q = e * (2 - e)
    above = push / q * (e + sympy.sqrt(e**2 + 2 * q))
    rest = q * above**2 - 2 * e * push * above - 2 * push**2  # η²λ = ηe
    measured(sympy.simplify(rest) != 0, allowed=0)
    for bound in (above, sympy.sqrt(2) * push / sympy.sqrt(q)):
        measured(sympy.limit(bound / (push / sympy.sqrt(e)), e, 0) != 1, allowed=0)
    assert [float(above.subs({e: 0.3, push: 1}))] == pytest.approx([bounds(0.3)[1]])


def slope(theta):
    """The gradient of ⟨w, θ⟩/‖θ‖ where it is zero, at a θ of rational length."""
    w, length = np.array([F(2), F(-2), F(1)]), F(math.isqrt(int(sum(theta * theta) * 36)), 6)
    assert length**2 == sum(theta * theta)
    return w / length - sum(w * theta) / length**3 * theta


def determinant(*rows):
    return sympy.Matrix([list(map(sympy.Rational, row)) for row in rows]).det()


POINT = np.array([F(1), F(2), F(2)])


@pytest.mark.claim(TWIN, by="exact")
@pytest.mark.parametrize("k", [F(1, 2), F(5), F(2, 3)])
def test_a_step_from_scaled_weights_ends_at_the_scaled_weights(measured, k):
    for theta in (POINT, np.array([F(-2), F(1), F(-2)])):
        after = cautious_step(theta, slope(theta), RATE, DECAY)
        scaled = cautious_step(k * theta, slope(k * theta), k**2 * RATE, DECAY / k**2)
        measured(max(abs(scaled - k * after)), allowed=0)


@pytest.mark.control(TWIN, drops="scale-invariant-loss", instead="a linear loss")
def test_control_on_a_plain_loss_it_does_not(measured):
    w, k = np.array([F(2), F(-2), F(1)]), F(2)  # the gradient of ⟨w, θ⟩
    after = cautious_step(POINT, w, RATE, DECAY)
    scaled = cautious_step(k * POINT, w, k**2 * RATE, DECAY / k**2)
    measured(float(max(abs(scaled - k * after))), allowed=VISIBLE)


@pytest.mark.claim(TWIN, by="certificate of a step")
def test_no_step_without_decay_has_the_direction_at_any_rate_and_decay(measured):
    """The second part, for all values: θ, ∇L and the step are never in one plane."""
    rate, decay = sympy.symbols("eta lambda", positive=True)
    g = slope(POINT)
    assert sum(g * POINT) == 0
    theta = np.array([sympy.Rational(x) for x in POINT])
    update = np.array([sympy.Rational(x) for x in g])
    after = cautious_step(theta, update, rate, decay)
    volume = sympy.expand(sympy.Matrix([theta, update, after]).det())
    # The volume of θ, w/3 and −ηλ(1, 0, 2), which is never zero.
    measured(sympy.expand(volume - 2 * rate * decay) != 0, allowed=0)
    assert determinant(POINT, 3 * g, agreeing(POINT, g) * POINT) == -6


@pytest.mark.control(TWIN, drops="^masked", instead="a decay of all coordinates")
def test_control_a_decay_of_everything_stays_in_the_plane_of_the_weights_and_the_gradient(measured):
    after = POINT - RATE * slope(POINT) - RATE * DECAY * POINT
    e = RATE * DECAY
    # The conclusion is that there is no such step, and here is one: the gap is zero.
    same = (1 - e) * (POINT - RATE / (1 - e) * slope(POINT))
    measured(float(max(abs(same - after)) == 0), allowed=0)


@pytest.mark.claim(GUESS, by="search")
def test_no_memory_and_no_decay_are_found_where_half_or_more_decays(measured):
    for average, e in product([0.3, 0.9, 0.99], [0.01, 0.2, 0.9]):
        generator = torch.Generator().manual_seed(4)
        steps = int(20 / e + 20 / (1 - average))
        share = share_of(*simulated(average, e, 10_000, steps, generator))
        measured(max(share - 0.5, 0), allowed=0, among=1)  # 0.48 at most: chance is a thousandth


@pytest.mark.claim(GUESS, by="simulation")
@pytest.mark.parametrize("average", [0.5, 0.9])
def test_for_a_small_decay_the_share_is_the_guess(measured, average):
    generator = torch.Generator().manual_seed(5)
    decaying, squares = simulated(average, 0.002, 10_000, 6000, generator)
    share, guess = share_of(decaying, squares), 0.5 - leaning_share(average, 0.002)
    _, by_chance = off((decaying - share * squares).tolist(), 0, SURE)  # of independent numbers
    by_chance /= squares.mean().item() * guess
    # the guess is of leading order: what it leaves out is smaller by the factor √ηλ
    measured(abs((0.5 - share) / guess - 1), allowed=0.002**0.5 + by_chance, confidence=SURE)
    assert leaning_share(average, 0.008) == pytest.approx(2 * leaning_share(average, 0.002) - 0.5)


def test_a_run_on_noise_begins_where_plain_decay_would_settle_and_measures_its_second_half():
    decaying, squares = simulated(0.0, 1e-6, 100_000, 2, torch.Generator().manual_seed(6))
    assert squares.mean().item() == pytest.approx(1e6, rel=0.02)
    assert share_of(decaying, squares) == pytest.approx(0.5, abs=0.02)
    decaying, _ = simulated(1.0, 0.5, 1000, 3, torch.Generator().manual_seed(6))
    assert not decaying.any()  # an update that stays at zero lets nothing decay
