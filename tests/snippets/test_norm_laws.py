"""Does the length of the weights change as the claims say?"""

import math
from fractions import Fraction
from random import Random

import mpmath
import numpy as np
import pytest
import sympy
import torch

from snippets.norm_laws import (
    effective_step,
    lower_bound,
    momentum_growth,
    next_square,
    upper_bound,
    without_radial_part,
)
from tests.snippets.rational_losses import slope_of_ratio

STEP, ROOT = "norm-step-with-decay", "norm-grows-like-a-fourth-root"
MOMENTUM, RADIAL = "momentum-multiplies-norm-growth", "dropping-the-radial-part-turns-further"
ETA, LAMBDA, GAMMA = Fraction(1, 3), Fraction(1, 5), Fraction(1, 2)
STEPS = 4
ROUNDING = 1e-12  # float64 carries 16 digits; these sums have fewer than 1000 terms
CLEAR = 1  # the numbers are squares and products of whole numbers, exactly


@pytest.fixture(params=range(4), ids="seed={}".format)
def problem(request):
    """Four symmetric 3×3 matrices, one for each step, and a vector, of small random integers."""
    random = Random(request.param)
    entries = [[[random.randint(-9, 9) for _ in range(3)] for _ in range(3)] for _ in range(STEPS)]
    halves = [np.array([[Fraction(e) for e in row] for row in half]) for half in entries]
    start = np.array([Fraction(random.randint(1, 9)) for _ in range(3)])
    return [half + half.T for half in halves], start


def plain_slope(matrix, w):
    return w


# ---------------------------------------------------------------------------------------------
# One step with decay.

# Where x > 0 an invariant function is some f(y/x, z/x); only its first derivatives enter, and any
# two of these are those of a sum f(y/x) + g(z/x).
x, eta, decay = sympy.symbols("x eta lambda", positive=True)
y, z = sympy.symbols("y z", real=True)
POINT = sympy.Matrix([x, y, z])
SLOPE = sympy.Matrix([sympy.Function("f")(y / x) + sympy.Function("g")(z / x)]).jacobian(POINT).T


@pytest.mark.claim(STEP, by="certificate")
def test_in_the_plane_of_weights_and_gradient_the_step_is_what_the_claim_says(measured):
    """For all values and in any dimension: by the lemmas ⟨θ, ∇L⟩ = 0 and ‖∇L(θ)‖ = G/‖θ‖."""
    norm, a = sympy.symbols("r a", positive=True)
    unit = sympy.Symbol("G", nonnegative=True)
    rate, shrunk = eta, (1 - a) / eta  # the rate and the decay, for 1 − ηλ = a > 0
    along, across = a * norm, -rate * unit / norm  # of θ′, where θ = (r, 0) and ∇L(θ) = (0, G/r)
    square = next_square(norm**2, (unit / norm) ** 2, rate, shrunk)
    step = effective_step(norm**2, rate, shrunk)
    gaps = [
        (1 - rate * shrunk) - a,
        along**2 + across**2 - square,
        across - a * norm * (-step * unit),  # θ′ = a r (θ̂ − Φ∇L(θ̂)), across and
        along - a * norm * 1,  # along
        -across / along - step * unit,  # the tangent
    ]
    measured(sum(sympy.simplify(gap) != 0 for gap in gaps), allowed=0)
    measured(int(not (along.is_positive and step.is_positive)), allowed=0)


@pytest.mark.claim(STEP, by="certificate of a step")
def test_a_step_on_any_invariant_loss_obeys_pythagoras(measured):
    """In space and from the invariance itself, as all others of these."""
    after = (1 - eta * decay) * POINT - eta * SLOPE
    claimed = next_square(POINT.dot(POINT), SLOPE.dot(SLOPE), eta, decay)
    measured(sympy.expand(after.dot(after) - claimed) != 0, allowed=0)


@pytest.mark.claim(STEP, by="certificate of a step")
def test_a_step_on_any_invariant_loss_moves_the_direction_by_the_effective_step(measured):
    square, a = POINT.dot(POINT), 1 - eta * decay
    # θ' = a‖θ‖ (θ̂ − Φ∇L(θ̂)), where ∇L(θ̂) = ‖θ‖∇L(θ), all divided by a
    step = eta / (a * square)
    rest = (a * POINT - eta * SLOPE) - a * (POINT - step * square * SLOPE)
    measured(sum(sympy.simplify(part) != 0 for part in rest), allowed=0)
    found = effective_step(Fraction(3, 2), ETA, LAMBDA)
    measured(abs(found - ETA / ((1 - ETA * LAMBDA) * Fraction(3, 2))), allowed=0)


def step_gap(matrices, w, slope):
    g = slope(matrices[0], w)
    after = (1 - ETA * LAMBDA) * w - ETA * g
    return after @ after - next_square(w @ w, g @ g, ETA, LAMBDA)


@pytest.mark.claim(STEP, by="exact")
def test_a_step_turns_by_the_angle_of_the_effective_step(measured, problem):
    matrices, w = problem
    measured(abs(step_gap(matrices, w, slope_of_ratio)), allowed=0)
    g, square = slope_of_ratio(matrices[0], w), w @ w
    after = (1 - ETA * LAMBDA) * w - ETA * g
    tangent_square = (after @ after) * square / (after @ w) ** 2 - 1
    claimed = effective_step(square, ETA, LAMBDA) ** 2 * square * (g @ g)
    measured(abs(tangent_square - claimed), allowed=0)
    assert after @ w > 0  # less than a right angle


@pytest.mark.control(STEP, drops="scale-invariant-loss", instead="half the squared length")
def test_control_on_a_quadratic_form_a_step_does_not(measured, problem):
    measured(abs(step_gap(*problem, plain_slope)), allowed=CLEAR)


@pytest.mark.control(STEP, drops="^positive-remainder", instead="a decay with ηλ = 2")
def test_control_with_too_much_decay_the_step_ends_on_the_opposite_side(measured, problem):
    matrices, w = problem
    g, square = slope_of_ratio(matrices[0], w), w @ w
    a = 1 - ETA * 6
    step = ETA / (a * square)  # as the formula would have it
    after, predicted = a * w - ETA * g, w - step * square * g
    assert after @ predicted < -1
    lengths = (after @ after) * (predicted @ predicted)
    measured(1 - after @ predicted / math.sqrt(lengths), allowed=1)  # more than a right angle
    for too_much in (3, 6):
        with pytest.raises(ValueError, match="keep ηλ below 1"):
            effective_step(1, ETA, too_much)


# ---------------------------------------------------------------------------------------------
# The fourth root.


@pytest.mark.claim(ROOT, by="certificate of a step")
def test_a_step_adds_to_the_fourth_power_what_the_proof_says(measured):
    r, g = sympy.symbols("r G", positive=True)
    after = next_square(r, g**2 / r, eta, 0) ** 2
    rest = after - r**2 - 2 * eta**2 * g**2 - eta**4 * g**4 / r**2
    measured(sympy.expand(rest) != 0, allowed=0)


def descend(matrices, w, slope):
    """The squared lengths of plain descent, and those of the unit gradients."""
    squares, units = [w @ w], []
    for matrix in matrices:
        g = slope(matrix, w)
        units.append((w @ w) * (g @ g))
        w = w - ETA * g
        squares.append(w @ w)
    return squares, units


@pytest.mark.claim(ROOT, by="exact")
def test_in_rational_numbers_descent_stays_above_the_lower_bound(measured, problem):
    squares, units = descend(*problem, slope_of_ratio)
    for t in range(1, STEPS + 1):
        start, below = squares[0] ** 2, lower_bound(squares[0], min(units), ETA, t)
        measured((below - start) / (squares[t] ** 2 - start), allowed=1)  # as the claim has it


@pytest.mark.claim(ROOT, by="float64")
def test_descent_on_ratios_stays_below_the_upper_bound(measured, problem):
    squares, units = descend(*problem, slope_of_ratio)
    start = float(squares[0] ** 2)
    for t in range(1, STEPS + 1):
        least, most = min(units[:t]), max(units[:t])  # at one step the two sides are equal
        above = upper_bound(*map(float, (squares[0], least, most, ETA)), t)
        # as shares of the growth, in which the rounding of the bound may show
        grown, room = float(squares[t] ** 2) - start, above - start
        measured(grown / room, allowed=1 + ROUNDING * above / room)


def interval_run(steps, slopes, rate=0.5, square=1.0):
    """‖θ_t‖² in interval arithmetic, from G_t; the numbers given are exact."""
    square, rate = mpmath.iv.mpf(square), mpmath.iv.mpf(rate)
    for t in range(steps):
        square = next_square(square, mpmath.iv.mpf(slopes(t)) ** 2 / square, rate, 0)
    return square


def ends(interval):
    """The two ends of an interval, which are floats, as exact numbers."""
    return [Fraction(float(mpmath.mpf(end))) for end in (interval.a, interval.b)]


@pytest.mark.parametrize("rate", [0.25, 1.0])
@pytest.mark.parametrize("square", [0.125, 1.0, 8.0])
@pytest.mark.parametrize("steps", [2, 30, 1000])
def test_beyond_the_straight_line_the_fourth_power_grows_by_a_logarithm(rate, square, steps):
    low, high = ends(interval_run(steps, lambda t: 1.0, rate, square) ** 2)
    line = Fraction(lower_bound(square, 1.0, rate, steps))
    least = rate**2 / 2 * math.log1p(2 * rate**2 * steps / square**2)
    assert low - line > Fraction(least)
    assert high < Fraction(upper_bound(square, 1.0, 1.0, rate, steps))
    # a logarithm has teeth: one of twice the size would not do in the end
    if steps == 1000 and square == 8.0:
        assert high - line < Fraction(2 * least)


@pytest.mark.claim(ROOT, by="float64")
@pytest.mark.parametrize("steps", [1, 2, 10, 300])
@pytest.mark.parametrize("least", [0.5, 1.0])
def test_in_intervals_the_fourth_power_stays_between_its_bounds(measured, steps, least):
    low, high = ends(interval_run(steps, lambda t: least if t % 2 else 1.0) ** 2)
    grown = Fraction(lower_bound(1.0, least**2, 0.5, steps)) - 1  # the numbers given are exact
    measured(grown / (low - 1), allowed=1)  # as the claim has it
    above = Fraction(upper_bound(1.0, least**2, 1.0, 0.5, steps))
    # equal at one step, and else apart by more than the bound's own rounding
    measured(high / above, allowed=1 if steps == 1 else 1 - 1e-4)


@pytest.mark.claim(ROOT, by="float64")
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_descent_on_changing_losses_forgets_its_rate(measured, rate):
    # Each loss is G = 2 times the cosine with a fresh direction across the present weights.
    generator = torch.Generator().manual_seed(0)
    w, steps = torch.tensor([0.5, -0.5, 0.5, 0.5], dtype=torch.float64), 4000
    for fresh in torch.randn(steps, 4, generator=generator, dtype=torch.float64):
        target = without_radial_part(fresh, w)
        unit, length = w / w.norm(), w.norm()
        cosine_slope = (target - (target @ unit) * unit) / (target.norm() * length)
        w = w - rate * 2 * cosine_slope
    shown = effective_step((w @ w).item(), rate, 0) * 2 * math.sqrt(2 * steps)
    # by the bounds ‖θ‖⁴ is above 2η²G²t by ‖θ_0‖⁴, and by a part of it of order ln(t)/t
    square, g2 = 1.0, 4.0
    low = lower_bound(square, g2, rate, steps) / (2 * rate**2 * g2 * steps)
    high = upper_bound(square, g2, g2, rate, steps) / (2 * rate**2 * g2 * steps)
    assert 1 < low < high < 1.015
    above = shown**-2 - 1
    measured(above, allowed=high - 1)  # by the bounds
    measured((low - 1) / above, allowed=1)  # by the bounds


@pytest.mark.claim(ROOT, by="float64")
def test_a_normalised_network_on_batches_stays_between_the_bounds_of_its_gradients(measured):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(8, 16, 5, generator=generator, dtype=torch.float64)
    targets = torch.randn(8, 16, generator=generator, dtype=torch.float64)
    w, rate = torch.ones(5, dtype=torch.float64), 3.0
    squares, units = [5.0], []
    for t in range(200):
        w = w.detach().requires_grad_()
        outputs = inputs[t % 8] @ w
        normal = (outputs - outputs.mean()) / outputs.std()
        (g,) = torch.autograd.grad((normal - targets[t % 8]).square().mean(), w)
        units.append(((w @ w) * (g @ g)).item())
        w = w.detach() - rate * g
        squares.append((w @ w).item())
    for t in range(1, 201):
        least, most = min(units[:t]), max(units[:t])
        # as shares of the bounds, both of which are attained at the first step
        low = lower_bound(5.0, least, rate, t) / squares[t] ** 2
        high = squares[t] ** 2 / upper_bound(5.0, least, most, rate, t)
        measured(np.max([0, low - 1, high - 1]), allowed=ROUNDING)
    assert squares[-1] > 2 * squares[0]


def test_the_bounds_are_the_formulas():
    assert lower_bound(3, 4, Fraction(1, 2), 5) == 9 + 2 * Fraction(1, 4) * 4 * 5
    terms = 9 + 2 * 0.25 * 25 * 4 + 0.0625 * 625 / 9 + 0.25 * 625 / 6 * math.log(1 + 4.5 / 9)
    assert upper_bound(3.0, 3.0, 25.0, 0.5, 4) == pytest.approx(terms, rel=1e-14)
    for least, steps in [(1.0, 0), (0.0, 1)]:
        with pytest.raises(ValueError, match="needs a step and a positive least gradient"):
            upper_bound(1.0, least, 1.0, 1.0, steps)


@pytest.mark.control(ROOT, drops="scale-invariant-loss", instead="half the squared length")
def test_control_on_a_quadratic_form_the_weights_shrink(measured, problem):
    squares, units = descend(*problem, plain_slope)
    assert squares[-1] < squares[0] / 20
    below = lower_bound(squares[0], min(units), ETA, STEPS)
    measured(below / squares[-1] ** 2, allowed=100)  # the bound holds up to 1


@pytest.mark.control(ROOT, drops="^bounded", instead="unit gradients that halve at each step")
def test_control_gradients_that_die_out_leave_the_norm_bounded(measured):
    _, high = ends(interval_run(300, lambda t: 0.5**t) ** 2)
    assert high < 2
    # ten times as large, where the bound holds if it is at most as large
    measured(Fraction(lower_bound(1.0, 0.25, 0.5, 300)) / high, allowed=10)


@pytest.mark.control(ROOT, drops="^bounded", instead="unit gradients that grow like the step")
def test_control_gradients_that_get_longer_leave_the_fourth_root_behind(measured):
    # G = t + 1 stays above 1; with any fixed G₊ the ratio to t would settle
    early, late = (ends(interval_run(t, lambda s: s + 1) ** 2) for t in (50, 200))
    measured((late[0] / 200) / (early[1] / 50), allowed=10)  # where a limit makes it one
    # a hundred times as large, where the bound holds if it is at most as large
    measured(late[0] / Fraction(upper_bound(1.0, 1.0, 1.0, 0.5, 200)), allowed=100)


# ---------------------------------------------------------------------------------------------
# Momentum.


def momentum_run(problem, slope, buffer, project=False):
    """For each step: weights, buffer, step taken; from the last weights on."""
    matrices, w = problem
    for matrix in matrices:
        buffer = GAMMA * buffer + slope(matrix, w)
        moved = without_radial_part(buffer, w) if project else buffer
        yield w, buffer, moved
        w = w - ETA * moved


def growth_gaps(problem, slope, buffer, project=False):
    """The growth of ‖θ‖² minus what the buffers, or the projected ones, make of it."""
    lengths, gaps = [], []
    for w, _, moved in momentum_run(problem, slope, buffer, project):
        lengths.append(moved @ moved)
        after = w - ETA * moved
        growth = ETA**2 * lengths[-1] if project else momentum_growth(lengths, ETA, GAMMA)
        gaps.append(abs(after @ after - w @ w - growth))
    return gaps


def product_gaps(problem, slope, buffer, project=False):
    """⟨θ_t, b_t⟩ + η Σ γᵏ‖step_{t−k}‖²."""
    lengths, gaps = [], []
    for w, b, moved in momentum_run(problem, slope, buffer, project):
        old = sum(GAMMA**k * square for k, square in enumerate(reversed(lengths), start=1))
        gaps.append(abs(w @ b + ETA * old))
        lengths.append(moved @ moved)
    return gaps


def zero(problem):
    return 0 * problem[1]


@pytest.mark.claim(MOMENTUM, by="exact")
def test_momentum_adds_the_old_buffers_to_the_growth(measured, problem):
    measured(max(growth_gaps(problem, slope_of_ratio, zero(problem))), allowed=0)
    measured(max(product_gaps(problem, slope_of_ratio, zero(problem))), allowed=0)


@pytest.mark.claim(MOMENTUM, by="certificate")
def test_by_induction_product_and_growth_are_what_the_claim_says_at_all_steps(measured):
    """For all values: only ⟨θ, θ⟩, ⟨θ, b⟩ and ⟨b, b⟩ enter, and ⟨θ, g⟩ = 0 by the lemma."""
    gamma, length, lasting = sympy.symbols("gamma b2 q", nonnegative=True)
    product = -eta * lasting  # ⟨θ, b⟩ at some step, with q = Σ γᵏ‖b_{t−k}‖², k from 1 to t
    # the sum is empty at the start, and there ⟨θ, b⟩ = γ⟨θ, 0⟩ + ⟨θ, g⟩ = 0
    measured(product.subs(lasting, 0), allowed=0)
    # the next sum is γ(q + ‖b‖²), and the next product ⟨θ − ηb, γb + g⟩ = γ(⟨θ, b⟩ − η‖b‖²)
    next_lasting = gamma * (lasting + length)
    rest = gamma * (product - eta * length) + eta * next_lasting
    measured(sympy.expand(rest) != 0, allowed=0)
    # ‖θ − ηb‖² − ‖θ‖² is what the claim says, and never negative: no iterate is zero
    growth = eta**2 * (length + 2 * lasting)
    measured(sympy.expand(-2 * eta * product + eta**2 * length - growth) != 0, allowed=0)
    measured(int(not growth.is_nonnegative), allowed=0)
    # buffers of one length: the sum in closed form, by the same recursion, and what follows
    t = sympy.Symbol("t", integer=True, nonnegative=True)
    less, beta = sympy.symbols("s beta", positive=True)  # γ = 1/(1 + s), between 0 and 1
    share = 1 / (1 + less)
    summed = (share - share ** (t + 1)) / (1 - share) * beta**2
    follows = summed.subs(t, t + 1) - share * (summed + beta**2)
    measured([summed.subs(t, 0), sympy.simplify(follows)].count(0) != 2, allowed=0)
    factor = (1 + share) / (1 - share) - 2 * share ** (t + 1) / (1 - share)
    claimed = eta**2 * beta**2 * factor
    found = growth.subs({length: beta**2, lasting: summed})
    measured(sympy.simplify(found - claimed) != 0, allowed=0)
    rise = sympy.simplify((factor.subs(t, t + 1) - factor) * (1 + less) ** (t + 2))
    measured([factor.subs(t, 0).simplify(), rise] != [1, 2 * (1 + less)], allowed=0)
    # and the part that is missing dies out, so that the rise is towards (1 + γ)/(1 − γ)
    measured(sympy.limit(share ** (t + 1), t, sympy.oo), allowed=0)
    # without momentum nothing is left of earlier steps
    measured(next_lasting.subs(gamma, 0), allowed=0)


@pytest.mark.control(MOMENTUM, drops="scale-invariant-loss", instead="half the squared length")
def test_control_on_a_quadratic_form_the_growth_is_another(measured, problem):
    measured(max(growth_gaps(problem, plain_slope, zero(problem))), allowed=CLEAR)


@pytest.mark.parametrize("project", [False, True])
def test_another_buffer_at_the_start_adds_a_term_that_dies_out(problem, project):
    _, w = problem
    buffer = np.array([Fraction(2), Fraction(-1), Fraction(3)])
    added = [GAMMA ** (t + 1) * (w @ buffer) for t in range(STEPS)]
    assert added[0]
    products = product_gaps(problem, slope_of_ratio, buffer, project)
    assert products == [abs(term) for term in added]
    if not project:
        grown = growth_gaps(problem, slope_of_ratio, buffer)
        assert grown == [abs(2 * ETA * term) for term in added]


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_with_momentum_the_norm_still_grows_like_a_fourth_root(momentum):
    # unit gradients of lengths between 1 and 2, along fresh directions and against the buffer
    draw, rate, steps = np.random.default_rng(5), 0.3, 3000
    w, buffer, inverse = np.array([0.8, 0.0, -0.6]), np.zeros(3), 0.0
    for t in range(1, steps + 1):
        aim = without_radial_part(draw.standard_normal(3) if t % 3 else -buffer, w)
        unit = aim / np.linalg.norm(aim) * draw.uniform(1, 2)
        inverse += 1 / (w @ w)
        buffer = momentum * buffer + unit / np.linalg.norm(w)
        w = w - rate * buffer
        # the sums of thousands of terms of one sign
        assert (w @ w) ** 2 >= (1 + 2 * rate**2 * t / (1 + momentum / 2)) * (1 - ROUNDING)
        most = rate**2 * (1 + momentum) / (1 - momentum) ** 3 * 4 * inverse
        assert w @ w <= (1 + most) * (1 + ROUNDING)
    assert inverse < math.sqrt(steps * (1 + momentum / 2) * 2) / rate  # of the order of √t


@pytest.mark.control(MOMENTUM, drops="^zero-start", instead="a buffer along the weights")
def test_control_a_buffer_along_the_weights_shortens_them(measured, problem):
    _, w = problem
    squares = [w @ w for w, _, _ in momentum_run(problem, slope_of_ratio, w)]
    assert squares[1] < squares[0] - 1
    measured(max(growth_gaps(problem, slope_of_ratio, w)), allowed=CLEAR)


@pytest.mark.claim(MOMENTUM, by="exact")
@pytest.mark.parametrize("t", [0, 1, 2, 9])
def test_buffers_of_one_length_multiply_the_growth(measured, t):
    g = Fraction(9, 10)
    growth = momentum_growth([Fraction(7)] * (t + 1), ETA, g)
    claimed = ETA**2 * 7 * ((1 + g) / (1 - g) - 2 * g ** (t + 1) / (1 - g))
    measured(abs(growth - claimed), allowed=0)


def test_without_momentum_the_growth_is_the_last_square():
    assert momentum_growth([5, 7], 2, 0) == 28


# ---------------------------------------------------------------------------------------------
# The update without its radial part.


def tangent_square(w, after):
    """The squared tangent of the angle from w to after, which must be on w's side."""
    assert after @ w > 0
    return (after @ after) * (w @ w) / (after @ w) ** 2 - 1


@pytest.mark.claim(RADIAL, by="exact")
def test_the_projected_run_grows_by_pythagoras_and_its_buffer_points_inwards(measured, problem):
    measured(max(growth_gaps(problem, slope_of_ratio, zero(problem), project=True)), allowed=0)
    measured(max(product_gaps(problem, slope_of_ratio, zero(problem), project=True)), allowed=0)


def turns(problem, slope, buffer):
    """Squared tangents of the projected step, and of the plain one from the same place."""
    for w, b, moved in momentum_run(problem, slope, buffer, project=True):
        assert moved @ w == 0
        yield tangent_square(w, w - ETA * moved), tangent_square(w, w - ETA * b)


@pytest.mark.claim(RADIAL, by="exact")
def test_the_projected_step_turns_further_and_lengthens_less(measured, problem):
    worse = [two - one for one, two in turns(problem, slope_of_ratio, zero(problem))]
    assert worse[0] == 0
    assert max(worse[1:]) < 0
    measured(max(0, *worse), allowed=0)
    for w, b, moved in momentum_run(problem, slope_of_ratio, zero(problem), project=True):
        plain, projected = w - ETA * b, w - ETA * moved
        measured(max(0, projected @ projected - plain @ plain), allowed=0)
        # in one plane, to one side: the parts across w are the same
        across = without_radial_part(plain, w) - without_radial_part(projected, w)
        measured(abs(across).max(), allowed=0)


@pytest.mark.claim(RADIAL, by="exact")
def test_the_two_steps_are_alike_where_the_claim_says_and_only_there(measured, problem):
    # no radial part yet: the first step
    (_, first, moved), (after, later, _), *_ = momentum_run(
        problem, slope_of_ratio, zero(problem), project=True
    )
    measured(abs(first - moved).max(), allowed=0)
    # a gradient across the weights that leaves of the buffer nothing but its radial part
    cancelling = -GAMMA * without_radial_part(later, after)
    assert cancelling @ after == 0
    buffer = GAMMA * later + cancelling
    left = without_radial_part(buffer, after)
    plain, projected = after - ETA * buffer, after - ETA * left
    measured(abs(left).max(), allowed=0)
    measured(tangent_square(after, plain), allowed=0)  # neither turns
    measured(projected @ projected / (plain @ plain), allowed=1)  # and the plain one is longer
    assert plain @ plain > projected @ projected


@pytest.mark.control(
    RADIAL, drops="scale-invariant-loss", instead="a loss that pulls the weights inwards"
)
def test_control_on_a_loss_that_pulls_inwards_the_plain_step_turns_further(measured, problem):
    def pulling(matrix, w):
        return slope_of_ratio(matrix, w) + w / 2

    worse = [two - one for one, two in turns(problem, pulling, zero(problem))]
    # a tenth of what the projected step turns in the loss that does not pull
    measured(worse[0], allowed=tangent_margin(problem))


def tangent_margin(problem):
    """A tenth of the squared tangent of the first step."""
    return next(turns(problem, slope_of_ratio, zero(problem)))[0] / 10


@pytest.mark.control(RADIAL, drops="^zero-start", instead="a buffer along the weights")
def test_control_from_a_buffer_along_the_weights_the_plain_step_turns_further(measured, problem):
    _, w = problem
    one, two = next(turns(problem, slope_of_ratio, w))
    # a tenth of what a step from no buffer turns
    measured(two - one, allowed=tangent_margin(problem))


def test_what_is_left_of_the_update_is_across_the_weights():
    update, weights = (np.array([Fraction(v) for v in vector]) for vector in [(3, 4), (2, 1)])
    assert list(without_radial_part(update, weights)) == [-1, 2]
