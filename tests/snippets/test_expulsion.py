"""Does decay expel runs from sharp minima and narrow cones, and may a flat minimum hold them?"""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
import torch

from snippets.auto_rate import descend_in_plane
from snippets.expulsion import (
    decayed_step,
    descend,
    flat_slope,
    last_exit,
    sine_squared_slope,
    widest_expelling_angle,
)
from snippets.schedule_law import schedule_growth, unit_growth_rates

SHARP = "no-nondegenerate-minimum-is-stable"
CONE = "decay-expels-from-every-narrow-cone"
EITHER = "either-converges-and-both-do-not"
FLAT = "a-flat-minimum-can-hold-the-run"
CAUGHT = "a-flat-minimum-catches-almost-every-run"
ISOLATED = "isolated-minima-expel-almost-every-run"
RATE, DECAY = 0.1, 0.1
F = Fraction
HELD = 1e21  # times nearer than the cap that runs leave: far below the last digit of its angle
NEAR = 1e-6  # an angle, a millionth of those at the start
SWING = 0.1  # of an angle, half the cap at ηλ = 0.1; where a run settles there is none in the end


def cap(rate, decay):
    """An angle that the proof has every run leave."""
    return 0.9 * math.sqrt(rate * decay / 2)


def angles(path):
    """The angle from the axis x = 0 < y, in [0, π], of θ = (x, y) along the second last axes."""
    return np.abs(np.arctan2(path[:, 0], path[:, 1]))


def starts(count, longest=3.0, within=math.pi):
    """Starts (2, count) at all angles up to one, with norms over orders of magnitude."""
    draw = np.random.default_rng(0)
    angle, norm = draw.uniform(-within, within, count), 10 ** draw.uniform(-1, longest, count)
    return norm * np.array([np.sin(angle), np.cos(angle)])


def run(*arguments):
    """What descend returns, as one array."""
    return np.array(descend(*arguments))


def flat(weights):
    """flat_slope, which takes tensors, of an array."""
    return flat_slope(torch.from_numpy(weights)).numpy()


def cosine_slope(weights):
    """∇L of L(x, y) = −y/√(x² + y²)."""
    x, y = weights
    return x / np.sqrt(x * x + y * y) ** 3 * np.array([y, -x])


# The slopes are those of the losses.


@pytest.mark.parametrize(
    ("slope", "loss"),
    [
        (sine_squared_slope, lambda x, y: x**2 / (x**2 + y**2)),
        (flat, lambda x, y: (1 - y / np.sqrt(x**2 + y**2)) ** 2),
        (cosine_slope, lambda x, y: -y / np.sqrt(x**2 + y**2)),
    ],
)
@pytest.mark.parametrize("point", [(0.6, 0.8), (-1.5, 2.0), (0.7, -2.4), (-0.3, -0.4)])
def test_a_slope_is_the_gradient_of_its_loss(slope, loss, point):
    x, y = point
    step = 1e-5  # central differences: an error of the order of its square
    expected = [
        (loss(x + step, y) - loss(x - step, y)) / (2 * step),
        (loss(x, y + step) - loss(x, y - step)) / (2 * step),
    ]
    np.testing.assert_allclose(slope(np.array(point)), expected, atol=1e-8)


def test_the_flat_slope_has_no_cancellation_next_to_the_minimum_and_none_to_fear_at_the_antipode():
    # 2(1 − cos φ) sin φ is φ³ to rounding for tiny φ
    assert flat(np.array([1e-9, 1.0]))[0] == pytest.approx(1e-27, rel=1e-12)
    assert flat(np.array([0.0, -1.0])).tolist() == [0.0, 0.0]
    assert flat(np.array([1.0, 0.0])).tolist() == [0.0, -2.0]


def test_descent_takes_the_steps_of_gradient_descent_with_decay():
    weights, slope = np.array([F(3), F(5)]), np.array([F(1), F(-2)])
    assert decayed_step(weights, slope, F(1, 2), F(1, 3)).tolist() == [F(2), F(31, 6)]
    path = run(lambda w: 2 * w, weights, F(1, 2), F(1, 3), 2)
    assert path.tolist() == [[3, 5], [F(-1, 2), F(-5, 6)], [F(1, 12), F(5, 36)]]
    start = torch.tensor([3.0, 5.0], dtype=torch.float64)
    tensors = torch.stack(descend(lambda w: 2 * w, start, 0.5, 1 / 3, 2))
    np.testing.assert_allclose(tensors, path.astype(float), rtol=1e-14)
    start = torch.tensor([0.6, -0.8], dtype=torch.float64)
    assert sine_squared_slope(start).tolist() == sine_squared_slope(start.numpy()).tolist()


# No non-degenerate minimum is stable.


def test_at_a_minimum_the_slope_is_multiplied_by_one_minus_the_effective_step_times_the_hessian():
    # In the plane every loss is f(x/y) where y > 0, with its minimum, say, at x = 0.
    x = sympy.Symbol("x", real=True)
    y, eta, h = sympy.symbols("y eta h", positive=True)
    lam, cubic = sympy.symbols("lambda c", real=True)
    t = x / y
    loss = h * t**2 / 2 + cubic * t**3
    slope = np.array([sympy.diff(loss, x), sympy.diff(loss, y)])
    after = decayed_step(np.array([x, y]), slope, eta, lam)
    multiplier = sympy.diff(after[0] / after[1], x).subs(x, 0) * y
    effective = eta / ((1 - eta * lam) * y**2)
    assert sympy.cancel(multiplier - (1 - effective * h)) == 0


@pytest.mark.claim(SHARP, by="exact")
def test_a_run_on_the_minimum_stays_and_shrinks(measured):
    path = run(sine_squared_slope, np.array([F(0), F(3)]), F(1, 10), F(1, 10), 5)
    expected = np.array([[F(0), 3 * F(99, 100) ** t] for t in range(6)])
    assert path.shape == expected.shape
    measured(abs(path - expected).max(), allowed=0)


@pytest.mark.claim(SHARP, by="exact")
@pytest.mark.claim(EITHER, by="exact")
def test_a_start_elsewhere_may_land_on_the_minimum_in_one_step(measured):
    # it is of a null set: of a length that fits its direction
    start, rate, decay = np.array([F(3, 5), F(4, 5)]), F(5, 8), F(4, 5)
    x, y = start  # of length one
    after = decayed_step(start, x * np.array([y, -x]), rate, decay)
    measured(abs(after - np.array([F(0), F(5, 8)])).max(), allowed=0)
    assert decayed_step(2 * start, x / 4 * np.array([y, -x]), rate, decay)[0] != 0


LEVELS = np.array([0.0, 1.0, 2.0, 3.0])  # a minimum, two saddles and a maximum, in four dimensions


def level_slope(weights):
    """∇L of L(θ) = Σ level θᵢ²/‖θ‖²."""
    square = np.sum(weights**2, axis=0)
    levels = LEVELS[:, None]
    return 2 * (levels - np.sum(levels * weights**2, axis=0) / square) * weights / square


@pytest.mark.claim(SHARP, by="float64")
@pytest.mark.parametrize("point", range(4))
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_in_space_almost_every_run_leaves_the_caps_of_minima_saddles_and_maxima(
    measured, point, rate
):
    # At distance δ the gradient is at least 2(1 − 3δ²)√(1 − δ²/4)δ, which is at least δ = hδ/2 for
    # δ ≤ 0.4: the cap of the proof is here a matter of ηλ alone.
    decay, steps = 0.05 / rate, 2000
    within = cap(rate, decay)
    assert within < 0.4
    draw = np.random.default_rng(point)
    beside = 10 ** draw.uniform(-6, -1, 50) * draw.standard_normal((4, 50))
    weights = 10 ** draw.uniform(-1, 1, 50) * (np.eye(4)[:, [point]] + beside)
    anywhere = draw.standard_normal((4, 50))
    path = run(level_slope, np.hstack([weights, anywhere]), rate, decay, steps)
    units = path / np.linalg.norm(path, axis=1, keepdims=True)
    off = np.sqrt(2 - 2 * np.abs(units[:, point]))  # the distance from ±e
    farthest = min(late.max(axis=0).min() for late in np.array_split(off[steps // 4 :], 3))
    measured(within / farthest, allowed=1)  # from every start, in every third of the time
    # near to the minimum is where runs come back to; and there the claim has its teeth
    assert point or (off[steps // 4 :].min(axis=0) < within / 10).mean() > 0.5


@pytest.mark.claim(SHARP, by="certificate of a step")
@pytest.mark.parametrize("size", [2, 3, 4])
def test_on_a_ray_the_determinant_of_a_step_vanishes_at_finitely_many_lengths(measured, size):
    """For any Hessian of so many rows: a polynomial in 1/r² that is a power of a at zero."""
    kept, inverse = sympy.symbols("a s", positive=True)  # s = η/r²
    hessian = sympy.Matrix(size, size, lambda i, j: sympy.Symbol(f"h{min(i, j)}{max(i, j)}"))
    point = np.array(sympy.symbols(f"x:{size}"))
    slope = np.array(hessian) @ point  # that part of ∇L which the Hessian knows
    after = decayed_step(point, slope, inverse, (1 - kept) / inverse)
    determinant = sympy.Matrix(after).jacobian(list(point)).det(method="berkowitz")
    measured(sympy.expand(determinant.subs(inverse, 0) - kept**size) != 0, allowed=0)
    measured(max(sympy.Poly(determinant, inverse).degree() - size, 0), allowed=0)


def test_in_floating_point_a_run_may_land_by_underflow():
    path = run(sine_squared_slope, np.array([0.6, 0.8]), RATE, 0.01, 1000)
    assert path[-1, 0] == 0
    assert path[-1, 1] > 0
    # with more decay it comes less near and is thrown out
    path = run(sine_squared_slope, np.array([0.6, 0.8]), RATE, DECAY, 1000)
    assert path[:, 0].all()


@pytest.mark.claim(SHARP, by="float64")
@pytest.mark.parametrize("decay", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("slope", [sine_squared_slope, cosine_slope])
def test_every_run_leaves_the_cap_of_the_proof_again_and_again(measured, slope, decay):
    steps = round(400 / decay)
    path = run(slope, starts(60, longest=1.0, within=math.pi / 2), RATE, decay, steps)
    from_axis = np.abs(np.sin(angles(path)))  # both rays of the first loss
    quarters = np.array_split(from_axis[steps // 5 :], 4)
    farthest = min(quarter.max(axis=0).min() for quarter in quarters)
    measured(cap(RATE, decay) / farthest, allowed=1)  # the farthest is beyond the cap
    returned = from_axis[steps // 5 :].min(axis=0) < cap(RATE, decay) / 2
    assert returned.mean() > 0.5  # and come back between


@pytest.mark.parametrize("decay", [0.0, DECAY])
def test_with_decay_cycles_of_different_depth_follow_each_other(decay):
    angle = angles(run(sine_squared_slope, np.array([0.6, 0.8]), RATE, decay, 2500))
    out = np.flatnonzero(angle > cap(RATE, DECAY))
    depths = [np.log10(angle[i : j + 1].min()) for i, j in pairwise(out) if j > i + 1]
    if decay:
        assert len(depths) > 10
        assert max(depths) - min(depths) > 10  # in powers of ten
        assert np.abs(np.diff(depths)).max() > 3
    else:
        assert not depths  # it comes near once, and is never out again


@pytest.mark.control(SHARP, drops="^constant", instead="no decay")
def test_control_without_decay_the_minimum_holds(measured):
    path = run(cosine_slope, starts(60, longest=1.0), RATE, 0.0, 4000)
    near = angles(path)[:, np.linalg.norm(path[0], axis=0) < 2]
    near = near[:, near[-1] > 0]  # it has not landed, which the claim allows
    assert near.shape[1] > 10
    measured(cap(RATE, 1.0) / near[-1].max(), allowed=HELD)


@pytest.mark.control(
    SHARP, drops="^constant", instead="a rate that falls as fast as decay would raise it"
)
def test_control_with_a_rate_that_falls_against_the_decay_the_minimum_holds(measured):
    weights = np.array([0.6, 0.8])
    for rate in unit_growth_rates(RATE, [1.0] * 2000):
        weights = decayed_step(weights, cosine_slope(weights), rate, 1.0)
    assert weights[0] != 0  # it has not landed, which the claim allows
    measured(cap(RATE, 1.0) / abs(weights[0] / weights[1]), allowed=HELD)
    # and with the constant rate it does not
    path = run(cosine_slope, np.array([0.6, 0.8]), RATE, 1.0, 2000)
    assert angles(path)[-200:].max() > 0.1


@pytest.mark.control(SHARP, drops="^nondegenerate", instead="a minimum of order four")
def test_control_a_minimum_of_order_four_holds(measured):
    path = run(flat, np.array([0.6, 0.8]), RATE, 1.0, 1000)
    assert angles(path)[-1] > 0  # it has not landed, which the claim allows
    measured(cap(RATE, 1.0) / angles(path)[-1], allowed=HELD)


AIM = np.array([0.0, 1.0])
SQUARED = "the squared distance from e"


@pytest.mark.control(SHARP, drops="scale-invariant-loss", instead=SQUARED)
@pytest.mark.parametrize("rate", [0.1, 0.9])  # η(1 + λ) is below 2 for both
def test_control_on_a_squared_distance_descent_with_decay_settles(measured, rate):
    path = run(lambda w: w - AIM, np.array([0.01, 1.0]), rate, 1.0, 250)
    np.testing.assert_allclose(path[-1], AIM / 2, atol=1e-12)
    late = np.abs(path[-100:, 0] / path[-100:, 1])
    assert late.min() > 0  # it has not landed, which the claim allows
    measured(cap(rate, 1.0) / late.max(), allowed=1e6)  # nearer than a millionth of the cap


def test_on_a_squared_distance_too_large_a_rate_goes_to_infinity():
    path = run(lambda w: w - AIM, np.array([0.01, 1.0]), 1.01, 0.99, 2000)
    assert np.abs(path[-1]).max() > 1e3
    # 2 is where it turns
    path = run(lambda w: w - AIM, np.array([0.01, 1.0]), 1.0, 0.99, 2000)
    assert np.linalg.norm(path[-1] - AIM / 1.99) < 1e-6


@pytest.mark.control(CONE, drops="scale-invariant-loss", instead=SQUARED)
def test_control_on_a_squared_distance_descent_with_decay_stays_in_a_narrow_cone(measured):
    cone = 0.9 * widest_expelling_angle(RATE, 1.0)
    path = run(lambda w: w - AIM, np.array([0.01, 1.0]), RATE, 1.0, 3000)
    units = np.linalg.norm(path, axis=1) * np.linalg.norm(path - AIM, axis=1)
    # a bound on ‖θ‖‖∇L‖ at all steps and, from the limit AIM/2, for ever
    floor = units.min()
    assert floor > 0.009
    bound = last_exit(np.linalg.norm(path[0]), floor, cone, RATE, 1.0)
    left = [*(angles(path[1:]) > cone), True].index(True) + 1
    measured(left, allowed=bound)  # the first step outside, or the first not taken; and N


# Narrow cones.


def push(side):
    """∇L of the loss that pulls to one side of the axis x = 0 < y: L = −side · x/√(x² + y²)."""

    def slope(weights):
        x, y = weights
        return side * y / (x * x + y * y) ** 1.5 * np.array([-y, x])

    return slope


@pytest.mark.claim(CONE, by="float64")
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
@pytest.mark.parametrize(("rate", "decay"), [(0.1, 0.1), (1.0, 0.01), (0.5, 1.0), (0.02, 3.0)])
@pytest.mark.parametrize("norm", [0.05, 1.0, 30.0])
def test_noise_leaves_a_narrow_cone_no_later_than_the_bound(measured, norm, rate, decay, share):
    # A fair coin pulls to one side or the other; |g| = cos φ ≥ cos ε in the cone.
    cone = share * widest_expelling_angle(rate, decay)
    bound = last_exit(norm, math.cos(cone), cone, rate, decay)
    draw, runs = np.random.default_rng(1), 50
    weights, inside = norm * np.array([[0.0] * runs, [1.0] * runs]), np.ones(runs, dtype=bool)
    stayed = np.zeros(runs)
    for _ in range(bound):
        slope = push(draw.choice([-1, 1], runs))(weights.astype(float))
        weights = decayed_step(weights, slope, rate, decay)
        inside &= np.abs(np.arctan2(weights[0], weights[1])) <= cone
        stayed += inside
    measured(stayed.max() + 1, allowed=bound)  # the step at which the last is out, and N


@pytest.mark.claim(CONE, by="float64")
@pytest.mark.parametrize("size", [3, 6])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_in_space_noise_leaves_a_narrow_cone_no_later_than_the_bound(measured, size, share):
    # Linear scores along fresh unit vectors across the axis; |g| ≥ cos ε in the cone again.
    cone = share * widest_expelling_angle(RATE, DECAY)
    bound = last_exit(1.0, math.cos(cone), cone, RATE, DECAY)
    draw, runs = np.random.default_rng(4), 50
    weights, inside = np.eye(size)[:, [0]] * np.ones((1, runs)), np.ones(runs, dtype=bool)
    stayed = np.zeros(runs)
    for _ in range(bound):
        aim = draw.standard_normal((size, runs))
        aim[0] = 0
        aim /= np.linalg.norm(aim, axis=0)
        norm = np.linalg.norm(weights, axis=0)
        unit = weights / norm
        slope = (np.sum(aim * unit, axis=0) * unit - aim) / norm
        weights = decayed_step(weights, slope, RATE, DECAY)
        across = np.linalg.norm(weights[1:], axis=0)
        inside &= np.arctan2(across, weights[0]) <= cone
        stayed += inside
    measured(stayed.max() + 1, allowed=bound)  # the step at which the last is out, and N


@pytest.mark.claim(CONE, by="float64")
@pytest.mark.parametrize(("norm", "share"), [(1.0, 0.9), (10.0, 0.97), (3.0, 0.3), (0.1, 0.9)])
def test_a_run_from_edge_to_edge_leaves_at_the_last_step_that_the_bound_allows(
    measured, norm, share
):
    cone, kept, floor = share * widest_expelling_angle(RATE, DECAY), 1 - RATE * DECAY, 0.3
    weights, outside = norm * np.array([math.sin(cone), math.cos(cone)]), []
    bound = last_exit(norm, floor, cone, RATE, DECAY)
    for t in range(bound):
        square = weights @ weights
        size = max(floor, kept * square * math.tan(2 * cone) / RATE)  # of ‖θ‖∇L
        slope = size / square * (-1) ** t * np.array([weights[1], -weights[0]])
        weights = decayed_step(weights, slope, RATE, DECAY)
        # on the edge to rounding, which a thousand turns add up
        outside.append(abs(math.atan2(weights[0], weights[1])) > cone + 1e-9)
    left = [*outside, True].index(True) + 1  # the first step outside
    measured(abs(left - bound), allowed=0)


@pytest.mark.parametrize("apart", [0.5, 0.9])
def test_batches_that_disagree_within_a_narrow_cone_leave_it(apart):
    # Two cosines whose minima are in the cone: at either, the other has a gradient.
    cone = 0.9 * widest_expelling_angle(RATE, DECAY)
    draw, runs = np.random.default_rng(3), 50
    weights, left = np.array([[0.0] * runs, [1.0] * runs]), np.zeros(runs, dtype=bool)
    alone, together = np.array([0.0, 1.0]), np.zeros(1000)
    for t in range(3000):
        side = apart * cone * draw.choice([-1, 1], runs)
        x, y = weights
        slope = (x * np.cos(side) - y * np.sin(side)) / np.sqrt(x * x + y * y) ** 3
        weights = decayed_step(weights, slope * np.array([y, -x]), RATE, DECAY)
        left |= np.abs(np.arctan2(weights[0], weights[1])) > cone
        if t < len(together):  # and where they agree, on their minimum, it stays
            alone = decayed_step(alone, cosine_slope(alone), RATE, DECAY)
            together[t] = abs(alone[0])
    assert left.all()
    assert not together.any()


@pytest.mark.parametrize(("norm", "floor"), [(1.0, 1.0), (1.0, 0.1), (2.0, 0.1), (1e-3, 1.0)])
def test_the_bound_is_what_the_formula_says(norm, floor):
    cone = 0.9 * widest_expelling_angle(RATE, DECAY)
    x = math.log(0.99 * norm**2 * math.tan(2 * cone) / (0.1 * floor))
    x /= 2 * math.log(math.cos(2 * cone) / 0.99)
    assert last_exit(norm, floor, cone, RATE, DECAY) == max(math.floor(x) + 2, 1)


def rational_zigzag(kept):
    """A run that losses push to and fro between (4, 3)/5 and (4, −3)/5, in rationals."""
    weights, path = np.array([F(3, 5), F(4, 5)]), []
    for t in range(20):
        x, y = weights
        # pull with 6/5 towards the other side; ‖θ‖ is 1 for kept = 7/25, and rational
        root = F(math.isqrt((x * x + y * y).numerator), math.isqrt((x * x + y * y).denominator))
        assert root**2 == x * x + y * y
        slope = (-1) ** t * F(6, 5) * y / root**3 * np.array([y, -x])
        weights = decayed_step(weights, slope, F(1), 1 - kept)
        path.append(weights.tolist())
    return path


@pytest.mark.control(
    CONE, drops="^narrow", instead="a cone with cos 2ε = a, and pushes from edge to edge"
)
def test_control_a_cone_with_cos_2_eps_equal_to_a_holds_a_run_for_ever(measured):
    # cos ε = 4/5, so cos 2ε = 7/25, and a = 7/25
    path = rational_zigzag(F(7, 25))
    assert path[::2] == [[F(-3, 5), F(4, 5)]] * 10
    assert path[1::2] == [[F(3, 5), F(4, 5)]] * 10
    widest = widest_expelling_angle(1.0, 18 / 25)
    assert widest == pytest.approx(math.acos(4 / 5))
    stayed = sum(abs(x / y) <= F(3, 4) for x, y in path)  # all steps
    # a cone that is a tenth narrower would be left by this step, for ‖θ‖‖∇L‖ = 24/25
    measured(stayed, allowed=last_exit(1.0, 24 / 25, 0.9 * widest, 1.0, 18 / 25))


@pytest.mark.control(CONE, drops="^floor", instead="a start on a minimum")
def test_control_without_a_floor_a_run_on_the_minimum_stays_beyond_the_bound(measured):
    cone = 0.9 * widest_expelling_angle(RATE, DECAY)
    bound = last_exit(1.0, 0.5, cone, RATE, DECAY)
    path = run(cosine_slope, np.array([0.0, 1.0]), RATE, DECAY, 10 * bound)
    assert angles(path).max() == 0
    left = [*(angles(path[1:]) > cone), True].index(True) + 1
    measured(left, allowed=bound)  # the first step outside, or the first not taken; and N


def test_the_widest_angle_is_half_the_turn_at_balance():
    assert math.cos(2 * widest_expelling_angle(0.1, 2.0)) == pytest.approx(0.8, rel=1e-14)


@pytest.mark.parametrize(
    ("rate", "decay"), [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (2.0, 3.0), (-0.5, -0.5)]
)
def test_no_widest_angle_unless_decay_takes_some_and_leaves_some(rate, decay):
    with pytest.raises(ValueError, match=rf"η = {rate:g}, ηλ = {rate * decay:g}: need 0 < η and"):
        widest_expelling_angle(rate, decay)


def test_no_bound_for_a_cone_that_is_too_wide_or_for_no_floor():
    widest = widest_expelling_angle(RATE, DECAY)
    for angle in (widest, 0.0, -0.01, 1.0):
        with pytest.raises(ValueError, match=r"can hold a run for ever, or is none; take one"):
            last_exit(1.0, 1.0, angle, RATE, DECAY)
    for norm, floor in [(1.0, 0.0), (0.0, 1.0), (-1.0, 1.0), (1.0, -1.0)]:
        with pytest.raises(ValueError, match="must be positive"):
            last_exit(norm, floor, widest / 2, RATE, DECAY)


# Either, and both.


@pytest.mark.claim(EITHER, by="exact")
def test_decay_alone_goes_to_the_aim_over_lambda(measured):
    aim, start = np.array([F(0), F(1)]), np.array([F(3), F(-4)])
    path = run(lambda w: -aim, start, F(1, 10), F(1, 2), 30)
    for t, weights in enumerate(path):
        gap = (weights - 2 * aim) - F(19, 20) ** t * (start - 2 * aim)
        measured(abs(gap).max(), allowed=0)


def test_on_the_table_s_loss_normalisation_alone_goes_to_a_minimum_and_both_do_not():
    angle = np.array([0.01, 0.8, 1.5, 1.57])  # the last ones next to a maximum
    start = np.array([np.sin(angle), np.cos(angle)])
    alone, both = (run(sine_squared_slope, start, 0.5, decay, 4000) for decay in (0.0, 0.2))
    assert np.abs(alone[-1, 0] / alone[-1, 1]).max() < NEAR
    late = np.abs(np.sin(angles(both)))[1000:]
    assert min(part.max(axis=0).min() for part in np.array_split(late, 4)) > cap(0.5, 0.2)


@pytest.mark.claim(EITHER, by="float64")
def test_normalisation_alone_goes_to_the_aim_from_every_start_off_the_axis(measured):
    # rates over six orders of magnitude stand for norms over three: only η/‖θ‖² counts
    draw = np.random.default_rng(0)
    path_start = draw.uniform(0.01, 0.999, 300) * math.pi
    rate = 10 ** draw.uniform(-1, 5, 300)
    weights = np.array([np.sin(path_start), np.cos(path_start)])
    for _ in range(2000):
        weights = decayed_step(weights, cosine_slope(weights), rate, 0.0)
    late = np.abs(np.arctan2(weights[0], weights[1]))
    # Φ falls only as 1/√t at a steady slope, so the runs that began violently are still on the way
    measured(np.median(late), allowed=NEAR)
    for _ in range(2000):
        weights = decayed_step(weights, cosine_slope(weights), rate, 0.0)
    later = np.abs(np.arctan2(weights[0], weights[1]))
    stuck = (later >= late) & (later >= NEAR)
    measured(stuck.sum(), allowed=0)


@pytest.mark.claim(EITHER, by="float64")
def test_both_together_never_settle(measured):
    path = run(cosine_slope, starts(100, longest=1.0), RATE, 1.0, 2000)
    late = angles(path)[400:]
    for quarter in np.array_split(late, 4):
        measured(cap(RATE, 1.0) / quarter.max(axis=0).min(), allowed=1)  # all leave the cap
        measured(SWING / np.ptp(quarter, axis=0).min(), allowed=1)  # and none stays anywhere


@pytest.mark.control(EITHER, drops="^off-axis", instead="a start opposite to e")
@pytest.mark.parametrize("decay", [F(0), F(1, 2)])
def test_control_on_the_axis_a_run_settles_at_the_aim_or_opposite(measured, decay):
    for side in (1, -1):
        path = run(sine_squared_slope, np.array([F(0), F(side)]), F(1, 10), decay, 10)
        assert all(x == 0 and y * side > 0 for x, y in path)
    path = run(cosine_slope, np.array([0.0, -1.0]), RATE, float(decay), 300)
    assert angles(path).min() == math.pi  # never turns to the aim
    # without decay it is to come near, and with decay to swing for ever
    missed = SWING - np.ptp(angles(path)) if decay else angles(path)[-1]
    measured(missed, allowed=NEAR)


# What the essay says of schedules.


@pytest.mark.parametrize("steps", [20, 500])
def test_a_long_cosine_schedule_crosses_once_and_a_short_one_begins_beyond(steps):
    rates = [RATE / 2 * (1 + math.cos(math.pi * t / steps)) for t in range(steps)]
    growths = [schedule_growth(one, DECAY / 10, two, DECAY / 10) for one, two in pairwise(rates)]
    signs = [growth > 1 for growth in growths]
    assert signs == sorted(signs, reverse=True)
    fall = math.pi**2 / 4 / steps**2
    assert 1 - rates[1] / rates[0] == pytest.approx(fall, rel=0.01)
    assert signs[0] == (fall < 2 * RATE * DECAY / 10)
    assert not signs[-1]


# A flat minimum.

# An angle. Of 1, e⁻⁵ = 0.007 is left if it falls like the powers of a; the first steps are slower.
SMALL = 0.05


def trapped(count, kept):
    """Starts in the trap of the theorem, at η = 0.1: φ ≤ 1 and Φφ² ≤ 1/2."""
    draw = np.random.default_rng(2)
    angle, v = draw.uniform(0.001, 1.0, count), draw.uniform(0.001, 0.5, count)
    norm = np.sqrt(RATE * angle**2 / (kept * v))
    return norm * np.array([np.sin(angle), np.cos(angle)])


@pytest.mark.claim(FLAT, by="float64")
@pytest.mark.parametrize("kept", [0.71, 0.8, 0.9, 0.99])
def test_every_start_in_the_trap_goes_to_the_flat_minimum_like_the_powers_of_a(measured, kept):
    start, decay = trapped(200, kept), (1 - kept) / RATE
    path = run(flat, start, RATE, decay, 100 + round(5 / (1 - kept)))
    angle = angles(path)
    measured((~(np.diff(angle, axis=0) < 0)).sum(), allowed=0)
    measured(angle[-1].max(), allowed=SMALL)
    ratio = angle[-1] / angle[-2]
    assert np.abs(ratio - kept).max() < 0.02 * (1 - kept)
    squared = np.sum(path**2, axis=1)
    assert (RATE * angle**2 / (kept * squared)).max() <= 0.5 + 1e-12
    # the gradient falls like the powers of a², so that its squares have a finite sum
    slopes = np.linalg.norm(path[1:] - kept * path[:-1], axis=1) / RATE
    assert np.abs(slopes[-1] / slopes[-2] - kept**2).max() < 0.05 * (1 - kept)


@pytest.mark.parametrize("kept", [0.651, 0.7])
def test_below_the_bound_of_the_theorem_runs_from_the_trap_converge_as_well(kept):
    path = run(flat, trapped(200, kept), RATE, (1 - kept) / RATE, 400)
    assert angles(path)[-1].max() < SMALL
    # the proof closes where a² is above 80/189
    assert 2 * 40 / 189 / 0.651**2 < 1 < 2 * 40 / 189 / 0.650**2


@pytest.mark.parametrize("kept", [0.71, 0.8, 0.99])
def test_the_leading_map_has_the_fixed_point_that_is_written_and_tends_to_it(kept):
    def step(v):
        return v * (1 - v) ** 2 / kept**2

    assert step(1 - kept) == pytest.approx(1 - kept, rel=1e-12)
    slope = (step(1 - kept + 1e-6) - step(1 - kept - 1e-6)) / 2e-6
    assert slope == pytest.approx(3 - 2 / kept, abs=1e-8)
    assert step(1 / 3) <= 8 / 27 < 1 / 3
    at = np.linspace(0.01, 0.5, 50)
    for _ in range(2000):
        at = step(at)
    np.testing.assert_allclose(at, 1 - kept, atol=1e-9)
    assert kept != 0.71 or 1 / 3 / 0.3**2 * (2 / 3) ** 2 > 1.3  # for a = 0.3, beyond 1 + a


@pytest.mark.claim(FLAT, by="certificate of a step")
def test_the_trap_closes(measured):
    """The bounds on G, on the turn and on the next v that the proof puts together."""
    v, phi = sympy.symbols("v phi", positive=True)
    shrunk = v * (1 - sympy.Rational(7, 10) * v) ** 2
    top = sympy.Rational(10, 21)
    assert sympy.diff(shrunk, v).subs(v, top) == 0
    assert shrunk.subs(v, top) == sympy.Rational(40, 189)
    measured(2 * shrunk.subs(v, top), allowed=sympy.Rational(1, 2))  # the edge of the trap
    assert sympy.Rational(3, 4) * (1 - sympy.Rational(3, 8) ** 2 / 3) >= sympy.Rational(7, 10)
    slope = sympy.diff((1 - sympy.cos(phi)) ** 2, phi)
    assert sympy.expand(slope - 2 * (1 - sympy.cos(phi)) * sympy.sin(phi)) == 0
    lower = (1 - phi**2 / 12) * (1 - phi**2 / 6)  # of slope/φ³, which falls on [0, 1]
    assert lower.subs(phi, 1) >= sympy.Rational(3, 4)


@pytest.mark.claim(FLAT, by="float64")
def test_the_slope_is_between_three_quarters_of_the_cube_and_the_cube(measured):
    at = np.linspace(0.01, 1, 100)
    size = 2 * (1 - np.cos(at)) * np.sin(at)
    measured((0.75 * at**3 / size).max(), allowed=1)  # the lower bound
    measured((size / at**3).max(), allowed=1)  # the upper bound


@pytest.mark.control(FLAT, drops="^moderate", instead="a decay that leaves 0.3 of the weights")
def test_control_with_strong_decay_the_trap_opens(measured):
    path = run(flat, trapped(100, 0.3), RATE, 0.7 / RATE, 1000)
    measured(angles(path)[-300:].max(axis=0).min(), allowed=2 * SMALL)  # of all runs


@pytest.mark.control(FLAT, drops="^trap", instead="weights near e that are too short")
def test_control_short_weights_end_at_a_larger_angle_than_they_began_with(measured):
    path = run(flat, np.array([0.03, 0.04]), RATE, 1.0, 1)
    before, after = angles(path)
    assert before < 1
    assert path[1, 0] < 0  # past the minimum, on the other side
    measured(after / before, allowed=1)  # where the angle decreases, less than one


@pytest.mark.control(FLAT, drops="^trap", instead="long weights opposite to e")
def test_control_at_the_antipode_long_weights_stay(measured):
    stuck = run(flat, np.array([0.0, -10.0]), RATE, 1.0, 50)
    assert RATE * math.pi**2 <= 0.9 * 10**2 / 2  # the part of the condition that is kept
    assert angles(stuck).min() == math.pi
    measured(angles(stuck)[-1], allowed=SMALL)


@pytest.mark.counterexample(ISOLATED)
def test_an_isolated_minimum_holds_a_region_of_starts(measured):
    path = run(flat, trapped(200, 0.9), RATE, 1.0, 600)
    measured(cap(RATE, 1.0) / angles(path)[-1].max(), allowed=HELD)


@pytest.mark.parametrize("order", [3, 4, 6])
@pytest.mark.parametrize("share", [0.9, 1.1])
def test_which_orders_of_a_minimum_hold_is_what_the_multiplier_says(order, share):
    # at share = 1 the multiplier is −1
    kept = share * (order / (order - 2)) ** (1 - order / 2)
    fixed = 1 - kept ** (2 / (order - 2))
    assert ((order - 2) * (kept ** (-2 / (order - 2)) - 1) < 2) == (share > 1)

    def taken(angle, square):  # the share of the angle that the step takes off
        after = descend_in_plane(slope, angle, square, RATE, 1, (1 - kept) / RATE)
        return (angle - after[0]) / angle, *after[:2]

    def slope(t, angle):
        return order / 2 * (2 * math.sin(angle / 2) ** 2) ** (order / 2 - 1) * math.sin(angle)

    angle = 1e-6  # small, so that the leading order is what counts
    square = RATE * abs(slope(0, angle)) / (kept * 1.01 * fixed * angle)
    gaps = []
    for _ in range(9):
        found, angle, square = taken(angle, square)
        gaps.append(abs(found - fixed))
    assert (gaps[-1] < gaps[0]) == (share > 1)


@pytest.mark.claim(CAUGHT, by="search")
@pytest.mark.parametrize("kept", [0.7072, 0.8, 0.95])
def test_a_search_for_starts_that_the_flat_minimum_does_not_catch_finds_none(measured, kept):
    # Tried once, too, with 4000 starts from each of three seeds at seven decays. None is known.
    weights, decay = starts(400), (1 - kept) / RATE
    caught = np.zeros(400, dtype=bool)
    for _ in range(4000):
        weights = decayed_step(weights, flat(weights), RATE, decay)
        angle = np.abs(np.arctan2(weights[0], weights[1]))
        effective = RATE / (kept * np.sum(weights**2, axis=0))
        caught |= (angle <= 1) & (effective * angle**2 <= 0.5)
        if caught.all():
            break
    measured((~caught).sum(), allowed=0, among=400)
