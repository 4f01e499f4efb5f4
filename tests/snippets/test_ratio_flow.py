"""Does the flow on the ratio drop ranks in order, and do steps and depth keep it from that?"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from snippets.ratio_flow import (
    deep_velocities,
    descent_step,
    drop_times,
    flow_at,
    proximal_step,
    scaled_velocities,
    thresholded,
    time_between,
)
from snippets.ratio_penalty import ratio, ratio_gradient

SOFT = "ratio-flow-is-soft-thresholding"
ORDER = "ratio-flow-drops-ranks-in-order"
STEPS = "ratio-descent-overshoots"
DEPTH = "ratio-and-depth"
F = Fraction
START = [4.0, 3.0, 2.0, 1.0]
ROUNDING = 1e-12  # float64 carries 16 digits; these sums have fewer than 1000 terms
VISIBLE = 0.1  # a tenth: a hundred thousand million times what rounding does


def integrate(velocities, values, time, steps):
    """Runge and Kutta's fourth-order method, for a velocity that is smooth on the way."""
    values, step = np.array(values, dtype=float), time / steps
    for _ in range(steps):
        one = velocities(values)
        two = velocities(values + step / 2 * one)
        three = velocities(values + step / 2 * two)
        four = velocities(values + step * three)
        values = values + step / 6 * (one + 2 * two + 2 * three + four)
    return values


def flow_velocity(values):
    """σ̇ on the ratio, where zero stays zero."""
    positive = values > 0
    moved = np.zeros_like(values)
    moved[positive] = scaled_velocities(list(values[positive])) / np.linalg.norm(values)
    return moved


# The flow, solved.


@pytest.mark.claim(SOFT, by="certificate of a step")
@pytest.mark.parametrize("rank", [2, 3])
def test_a_rising_threshold_and_rescaling_move_the_values_as_the_flow_does(measured, rank):
    """The step "This is one" of the proof, for two and for three values."""
    values = sympy.symbols(f"s1:{rank + 1}", positive=True)
    threshold = sympy.Symbol("q", nonnegative=True)
    length = sympy.sqrt(sum(s**2 for s in values))
    left = [s - threshold for s in values]
    left_length = sympy.sqrt(sum(s**2 for s in left))
    path = [length * s / left_length for s in left]
    for moved, velocity in zip(path, scaled_velocities(path), strict=True):
        along = sympy.diff(moved, threshold) * left_length / length**2  # q̇
        rest, _ = sympy.fraction(sympy.together(along - velocity / length))
        # a polynomial in the values and two roots, of even powers
        measured(sympy.expand(rest) != 0, allowed=0)


@pytest.mark.claim(SOFT, by="certificate of a step")
def test_the_time_is_the_integral_of_the_inverse_speed_of_the_threshold(measured):
    """The step "The time" of the proof, for three values above the threshold."""
    values = sympy.symbols("s1:4", positive=True)
    threshold = sympy.Symbol("q", nonnegative=True)
    left = [s - threshold for s in values]
    length = sympy.sqrt(sum(s**2 for s in left))
    g = sum(left) / sympy.sqrt(3) + length
    rest = -sympy.diff(g, threshold) / g / sympy.sqrt(3) - 1 / length
    measured(sympy.simplify(rest) != 0, allowed=0)


@pytest.mark.claim(SOFT, by="float64")
@pytest.mark.parametrize("values", [START, [5.0, 5.0, 1.0], [1.0, 0.0, 0.3], [0.2, 0.1, 0.7]])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_the_solution_agrees_with_a_numerical_integration_between_drops(measured, values, share):
    drops = [0.0, *drop_times(values)]
    for last, following in itertools.pairwise(drops):
        if following == last:
            continue
        time = share * (following - last)
        begin = flow_at(values, last)
        expected = integrate(flow_velocity, begin, time, 100)
        # fourth order, with a hundred steps: far below the tolerance but next to a drop
        measured(abs(flow_at(values, last + time) - expected).max(), allowed=1e-8)


@pytest.mark.claim(SOFT, by="float64")
def test_a_matrix_follows_with_its_singular_vectors(measured):
    draw = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(5, 3, generator=draw, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(3, 3, generator=draw, dtype=torch.float64)).Q
    matrix = left @ torch.diag(torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)) @ right.T
    steps, time = 400, 0.5 * drop_times([3.0, 2.0, 1.0])[0]
    for _ in range(steps):
        matrix = matrix - time / steps * ratio_gradient(matrix)
    then = torch.tensor(flow_at([3.0, 2.0, 1.0], time), dtype=torch.float64)
    # Euler's method: an error of the order of the step
    measured((left.T @ matrix @ right - torch.diag(then)).abs().max(), allowed=3e-3)


@pytest.mark.control(
    SOFT, drops="ratio-penalty", instead="the nuclear norm, whose flow does not rescale"
)
def test_control_the_flow_of_the_nuclear_norm_takes_off_without_rescaling(measured):
    taken = np.array(START) - 0.5  # its flow at t = 1/2
    assert np.linalg.norm(flow_at(START, 0.5)) == pytest.approx(np.linalg.norm(START))
    measured(1 - np.linalg.norm(taken) / np.linalg.norm(START), allowed=VISIBLE)


def test_a_threshold_takes_the_same_off_and_stops_at_zero():
    assert thresholded([F(3), F(1), F(2)], F(2)) == [1, 0, 0]
    assert thresholded([F(3), F(1), F(2)], F(1, 2)) == [F(5, 2), F(1, 2), F(3, 2)]


# Ranks drop in order.


@pytest.mark.claim(ORDER, by="exact")
@pytest.mark.parametrize("values", [(F(4), F(3), F(2), F(1)), (F(7), F(1, 3)), (F(2), F(2), F(1))])
def test_values_grow_above_the_contraharmonic_mean_and_gaps_widen_in_proportion(measured, values):
    moved = scaled_velocities(values)  # Fσ̇
    nuclear, square = sum(values), sum(s * s for s in values)
    pairs = list(zip(values, moved, strict=True))
    measured(sum((v > 0) != (s > square / nuclear) for s, v in pairs), allowed=0)
    measured(abs(sum(s * v for s, v in pairs)), allowed=0)  # F is conserved
    for i, j in [(0, 1), (0, -1)]:
        widening = nuclear / square * (values[i] - values[j])
        measured(abs(moved[i] - moved[j] - widening), allowed=0)


@pytest.mark.claim(ORDER, by="exact")
def test_a_value_at_the_contraharmonic_mean_stands_still(measured):
    # of 3, 5, 5 ± … the mean is Σσ²/Σσ = 5 for 1, 2, 5, … only if Σσ(σ − 5) = 0, as for 2, 5, 6
    measured(abs(scaled_velocities([F(2), F(5), F(6)])[1]), allowed=0)
    measured(max(map(abs, scaled_velocities([F(3), F(3)]))), allowed=0)
    assert scaled_velocities([F(1), F(2)]) == [F(3, 5) - 1, F(6, 5) - 1]


@pytest.mark.claim(ORDER, by="float64")
def test_drops_are_where_a_numerical_integration_reaches_zero_and_within_the_bound(measured):
    drops = drop_times(START)
    assert drops == sorted(drops)
    assert len(drops) == 3
    for value, drop in zip(sorted(START), drops, strict=False):
        measured(drop, allowed=30 * math.log(4 / (4 - value)))  # the bound of the claim
    last = 0.0
    for index, drop in zip([3, 2, 1], drops, strict=True):
        near = flow_at(START, drop - 1e-3)
        # a value reaches zero at the speed 1/F, so that 1e-3 before it is 1e-3/F from it
        measured(abs(near[index] / (1e-3 / math.sqrt(30)) - 1), allowed=1e-2)
        for time in (drop, drop + 5):
            measured(flow_at(START, time)[index], allowed=0)
        begin = flow_at(START, last)
        expected = integrate(flow_velocity, begin, drop - last - 1e-2, 100)
        # the same, ten times as far away
        measured(abs(expected[index] / (1e-2 / math.sqrt(30)) - 1), allowed=3e-2)
        last = drop


@pytest.mark.claim(ORDER, by="float64")
def test_the_end_is_the_largest_value_with_its_ties(measured):
    ends = [
        ([3.0, 4.0], [0.0, 5.0]),
        ([2.0, 2.0, 1.0], [math.sqrt(4.5), math.sqrt(4.5), 0.0]),
        ([1.0, 1.0], [1.0, 1.0]),
        ([0.0, 2.0], [0.0, 2.0]),
        ([7.0], [7.0]),
    ]
    for values, end in ends:
        for time in ([*drop_times(values), 0.0][-1] + 1e-9, 1e6):
            if time > 1e-6 or values == end:
                found, left = np.array(flow_at(values, time)), np.array(end) > 0
                measured(found[~left].sum(), allowed=0)
                measured(abs(found[left] / np.array(end)[left] - 1).max(), allowed=ROUNDING)
    one, other = drop_times([3.0, 1.0, 1.0])
    measured(abs(one - other), allowed=0)
    assert drop_times([2.0, 2.0]) == []
    assert drop_times([0.0, 2.0]) == [0.0]


def test_the_time_for_two_values_is_known_in_closed_form():
    # 25 ∫ dq/√((3 − q)² + (4 − q)²) for q from 0 to 3 is 25/√2 (arsinh 7 − arsinh 1)
    expected = 25 / math.sqrt(2) * (math.asinh(7) - math.asinh(1))
    assert drop_times([3.0, 4.0]) == pytest.approx([expected], rel=1e-14)
    assert time_between([3.0, 4.0], 3.0, 3.5) == pytest.approx(25 * math.log(2), rel=1e-14)
    # a flow from cW takes c² times as long
    assert drop_times([30.0, 40.0]) == pytest.approx([100 * expected], rel=1e-14)


@pytest.mark.parametrize(
    "values", [[-1.0, 2.0], [0.0, 0.0], [], [1.0, math.nan], [math.nan, 1.0], [1.0, math.inf]]
)
def test_what_is_no_list_of_singular_values_of_a_matrix_off_zero_is_refused(values):
    with pytest.raises(ValueError, match=r"^\[.*\] are not the singular values of a matrix that"):
        drop_times(values)
    with pytest.raises(ValueError, match=r"svdvals\(W\.flatten\(1\)\)\.tolist"):
        flow_at(values, 1.0)


@pytest.mark.control(
    ORDER,
    drops="ratio-penalty",
    instead="the nuclear norm, under which gaps stay and all values fall",
)
def test_control_under_the_nuclear_norm_gaps_stay_and_nothing_is_left(measured):
    small = [value / 10 for value in START]  # F² = 0.3, and the first value is gone at t = 1/10
    gap, widened = (
        values[0] - values[1] for values in (thresholded(small, 0.09), flow_at(small, 0.09))
    )
    assert gap == pytest.approx(0.1, rel=1e-12)
    assert widened > 0.1 * math.exp(0.09 / 0.3)
    measured(widened / gap - 1, allowed=3 * VISIBLE)  # by what the gap should have grown by then
    taken = thresholded(START, 4.0)
    # what is missing at the end from the norm, which the claim has conserved: all of it
    measured(1 - np.linalg.norm(taken) / np.linalg.norm(START), allowed=VISIBLE)


# What descent does instead.


@pytest.mark.claim(STEPS, by="exact")
@pytest.mark.parametrize("values", [(F(3), F(4)), (F(3), F(4), F(12)), (F(2), F(3), F(6))])
@pytest.mark.parametrize("rate", [F(1, 10), F(9), F(40)])
def test_a_step_makes_the_norm_longer_by_what_is_claimed(measured, values, rate):
    rank, nuclear, square = len(values), sum(values), sum(s * s for s in values)
    length = F(math.isqrt(int(square)))
    assert length**2 == square
    after = descent_step(values, rate, length)
    growth = rate**2 * (rank - nuclear**2 / square) / square
    measured(abs(sum(s * s for s in after) - square - growth), allowed=0)
    fourth = 2 * rate**2 * (rank - 1) + rate**4 * (rank - 1) ** 2 / square**2
    measured(sum(s * s for s in after) ** 2 / (square**2 + fourth), allowed=1)  # point 5
    for s, t in zip(values, after, strict=True):
        a, b = rate * nuclear / length**3, rate / length
        if (1 + a) * s < b:
            measured(abs(s + t - (b - a * s)), allowed=0)
            assert s + t > b / (1 + a)
        measured(b / (1 + a) / 2 / max(s, t), allowed=1)  # one of the two is larger


@pytest.mark.claim(STEPS, by="float64")
def test_a_matrix_takes_the_step_of_its_singular_values_and_keeps_their_vectors(measured):
    matrix = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    for rate in (0.1, 1.0, 30.0):
        after = matrix - rate * ratio_gradient(matrix)
        seen = left.T @ after @ right.T
        # of exact numbers of this size there remain rounding errors
        measured((seen - torch.diag(seen.diag())).abs().max(), allowed=ROUNDING)
        expected = descent_step(values.tolist(), rate, matrix.norm().item())
        measured(abs(seen.diag().abs().numpy() - expected).max(), allowed=ROUNDING)


@pytest.mark.claim(STEPS, by="float64")
@pytest.mark.parametrize("rank", [2, 3, 5])
def test_a_value_that_is_once_small_stays_small_and_comes_back_from_zero(measured, rank):
    draw = np.random.default_rng(0)
    for _ in range(10):
        values = abs(draw.standard_normal(rank)).tolist()
        length = np.linalg.norm(values)
        rate = draw.uniform(0.05, 1) * length**2 / math.sqrt(rank)
        bound, path = rate / length, [values]
        for _ in range(300):
            path.append(descent_step(path[-1], rate, math.hypot(*path[-1])))
        path = np.array(path)
        small = np.maximum.accumulate(path <= bound, axis=0)
        measured(path[small].max() / bound, allowed=1 + ROUNDING)
        assert small[-1].sum() >= rank - 1  # all but the largest, and in long steps all
        pairs = path[-100:-1] + path[-99:]
        lowest = rate / np.linalg.norm(path[-1]) / 2
        measured(lowest / pairs[:, small[-1]].min(), allowed=1)  # so none is smaller


@pytest.mark.claim(STEPS, by="float64")
def test_the_larger_of_two_neighbours_falls_with_the_bound_and_never_below_it(measured):
    """From 2, 1 and 1/2 at the rate 1/2: the flicker that the page speaks of."""
    values, rate, seen = [2.0, 1.0, 0.5], 0.5, {}
    for step in range(10_001):
        length = math.hypot(*values)
        scale, pull = 1 + rate * sum(values) / length**3, rate / length
        after = descent_step(values, rate, length)
        larger = min(max(pair) for pair in zip(values[1:], after[1:], strict=True))
        measured(pull / scale / 2 / larger, allowed=1)  # point 4: larger than half of b/(1 + a)
        seen[step], values = larger, after
    assert seen[100] == pytest.approx(0.15, abs=0.005)
    assert seen[10_000] == pytest.approx(0.05, abs=0.0005)
    # it is nearly η/F; and F⁴, 27.6 at first, grows by nearly 2η²(r − 1) = 1 a step, up to the
    # excess of R over one, which is 5 % at a hundred steps
    grown = ((27.6 + 10_000) / (27.6 + 100)) ** (1 / 4)
    assert seen[100] / seen[10_000] == pytest.approx(grown, rel=0.05)


@pytest.mark.control(
    STEPS, drops="^short-steps", instead="the rate 5, where √2·5 is more than the squared norm 5"
)
def test_control_a_long_step_takes_a_small_value_above_the_bound(measured):
    rate, length = 5.0, math.sqrt(5)
    assert rate * math.sqrt(2) > 5
    assert rate / length > 2
    after = descent_step([2.0, 1.0], rate, length)
    assert after[0] == pytest.approx(2 + 1 / math.sqrt(5), rel=1e-14)
    measured(after[0] / (rate / length), allowed=1 + VISIBLE / 2)  # a twentieth above it


@pytest.mark.control(
    STEPS,
    drops="^full-rank",
    instead="a value that is zero, and the subgradient that leaves it there",
)
def test_control_a_subgradient_may_leave_a_zero_where_it_is(measured):
    # at diag(5, 0) one of them is ∇R along the matrices of rank one, which is zero
    (still,) = scaled_velocities([F(5)])
    claimed, stays = descent_step([F(5), F(0)], F(1), F(5)), [5 + still, 0]
    assert stays[0] == claimed[0] == 5
    measured(abs(claimed[1] - stays[1]), allowed=VISIBLE)


@pytest.mark.control(
    STEPS, drops="ratio-penalty", instead="the nuclear norm, at the same rate and of the same start"
)
def test_control_descent_on_the_nuclear_norm_shortens_and_its_flicker_lasts(measured):
    """At norm one the two gradients are equally long, up to the part along the matrix."""
    start = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    start, rate = start / start.norm(), 0.05
    nuclear = torch.func.grad(lambda w: torch.linalg.svdvals(w).sum())
    ends = {}
    for name, slope in [("ratio", ratio_gradient), ("nuclear norm", nuclear)]:
        path = [start]
        for _ in range(200):
            path.append(path[-1] - rate * slope(path[-1]))
        squares = [w.square().sum().item() for w in path]
        for before, after in zip(path[:3], squares[1:], strict=False):
            square = before.square().sum().item()
            growth = rate**2 * (3 - ratio(before).item() ** 2) / square
            if name == "ratio":
                # sums of fifteen squares of numbers below one
                assert after - square == pytest.approx(growth, abs=ROUNDING)
            else:
                # point 2 has it grow by this much, and it falls by nearly 2ηN, three times as much
                measured(square + growth - after, allowed=VISIBLE / 2)
        ends[name] = squares[-1], sum(torch.linalg.svdvals(w).sum().item() for w in path[-2:])
    assert ends["ratio"][0] > 1
    measured(1 - ends["nuclear norm"][0], allowed=0.9)  # of the squared norm, which is to grow
    # as the page says: σ + σ′ = η of each of the three values, up to rounding
    assert ends["nuclear norm"][1] == pytest.approx(3 * rate, rel=1e-9)


def test_the_proximal_step_lands_on_zero_and_agrees_with_descent_above_it():
    values = (F(3), F(4), F(1, 100))
    after, descent = proximal_step(values, F(1), F(5)), descent_step(values, F(1), F(5))
    assert (
        after[:2] == descent[:2] == [3 * (1 + F(701, 12500)) - F(1, 5), 4 + F(701, 3125) - F(1, 5)]
    )
    assert after[2] == 0 < descent[2]
    assert proximal_step(after, F(1), F(5))[2] == 0


@pytest.mark.parametrize("same", [True, False])
def test_next_to_a_loss_the_singular_vectors_stay_or_turn(same):
    left, right = orthogonal(3, 3), orthogonal(3, 4)
    sigma = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    weights = left @ torch.diag(sigma) @ right.T
    target = left @ torch.diag(sigma.flip(0) + 1) @ right.T if same else TARGET
    for _ in range(20):
        weights = weights - 0.01 * (weights - target + 0.5 * ratio_gradient(weights))
    seen = left.T @ weights @ right
    off = (seen - torch.diag(seen.diag())).abs().max()
    assert off < 1e-13 if same else off > 0.1
    assert (seen.diag() - sigma).abs().max() > 0.1


# Depth.


def layers_of(left, right, roots, depth, seed=0):
    """Balanced layers whose product is left · diag(roots)^depth · rightᵀ."""
    draw = torch.Generator().manual_seed(seed)
    size = len(roots)
    between = [
        torch.linalg.qr(torch.randn(size, size, generator=draw, dtype=torch.float64)).Q
        for _ in range(depth - 1)
    ]
    sides = [right, *between, left]
    return [a @ torch.diag(roots) @ b.T for b, a in itertools.pairwise(sides)]


def product(layers):
    result = layers[0]
    for layer in layers[1:]:
        result = layer @ result
    return result


def orthogonal(size, seed):
    draw = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=draw, dtype=torch.float64)).Q


TARGET = torch.randn(3, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def objective(layers, strength, weight):
    whole = product(layers)
    return strength * ratio(whole) + weight * (whole - TARGET).square().sum() / 2


@pytest.mark.claim(DEPTH, by="float64")
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_penalty_is_orthogonal_to_every_layer_and_keeps_what_balance_measures(measured, depth):
    draw = torch.Generator().manual_seed(2)
    layers = [torch.randn(3, 3, generator=draw, dtype=torch.float64) for _ in range(depth)]
    slopes = torch.func.grad(objective)(layers, 1.0, 0.0)
    for layer, slope in zip(layers, slopes, strict=True):
        measured(abs((layer * slope).sum()), allowed=ROUNDING)  # the slopes are of order one
    both = torch.func.grad(objective)(layers, 0.7, 1.0)
    for low, high, slope, slope_above in zip(layers, layers[1:], both, both[1:], strict=False):
        drift = high.T @ slope_above + slope_above.T @ high - low @ slope.T - slope @ low.T
        measured(drift.abs().max(), allowed=10 * ROUNDING)  # of products of order ten
        assert (low @ slope.T).abs().max() > 0.1


@pytest.mark.claim(DEPTH, by="float64")
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_singular_values_of_a_balanced_product_move_as_claimed(measured, depth):
    roots = torch.tensor([1.3, 1.0, 0.6], dtype=torch.float64)
    left, right = orthogonal(3, 3), orthogonal(3, 4)
    layers = layers_of(left, right, roots, depth)
    slopes = torch.func.grad(objective)(layers, 0.7, 1.0)

    def values(time):
        moved = [a - time * s for a, s in zip(layers, slopes, strict=True)]
        return torch.linalg.svdvals(product(moved))

    found = (values(1e-5) - values(-1e-5)) / 2e-5
    sigma = roots**depth
    pulls = torch.diag(left.T @ (product(layers) - TARGET) @ right)
    expected = deep_velocities(sigma.tolist(), depth, 0.7, pulls.tolist())
    # central differences: an error of about 1e-9
    measured(abs(found.numpy() - expected).max(), allowed=1e-7)


@pytest.mark.claim(DEPTH, by="float64")
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("last", [1.0, 0.3, 1e-2])
def test_the_logarithm_of_the_determinant_of_a_balanced_product_moves_as_claimed(
    measured, depth, last
):
    """Point 5, where two singular values are equal, too, and where one is small."""
    roots = torch.tensor([1.3, 1.0, last], dtype=torch.float64)
    left, right = orthogonal(3, 3), orthogonal(3, 4)
    layers = layers_of(left, right, roots, depth)
    slopes = torch.func.grad(objective)(layers, 0.7, 1.0)
    # ∇E by the product, a single layer
    slope = torch.func.grad(objective)([product(layers)], 0.7, 1.0)[0]
    moved = sum(
        product([*layers[:i], -s, *layers[i + 1 :]])
        for i, s in enumerate(slopes)  # Ẇ, by the product rule
    )
    found = (torch.linalg.inv(product(layers)) @ moved).trace()
    sigma = roots**depth
    pulls = torch.diag(left.T @ slope @ right)
    expected = -depth * (sigma ** (1 - 2 / depth) * pulls).sum()
    # rounding, enlarged by the inverse and by what the decomposition divides by
    measured(abs(found / expected - 1), allowed=ROUNDING / last**depth)
    bound = math.sqrt(3) / product(layers).norm()
    pulled = ratio_gradient(product(layers))
    measured(abs(torch.diag(left.T @ pulled @ right)).max() / bound, allowed=1)  # as in the proof


@pytest.mark.claim(DEPTH, by="certificate of a step")
@pytest.mark.parametrize("depth", [2, sympy.Symbol("D", positive=True)])
def test_a_power_or_logarithm_of_a_value_grows_at_a_bounded_speed(measured, depth):
    """The step "No value reaches zero" of the proof: ẏ = κγ for every depth."""
    s, pull = sympy.symbols("s p", positive=True)
    velocity = -depth * s ** (2 - sympy.Rational(2) / depth) * pull
    if depth == 2:
        rest = sympy.diff(-sympy.log(s), s) * velocity - 2 * pull
    else:
        power = s ** (sympy.Rational(2) / depth - 1)
        rest = sympy.diff(power, s) * velocity - (depth - 2) * pull
    measured(sympy.simplify(rest) != 0, allowed=0)


@pytest.mark.claim(DEPTH, by="float64")
def test_small_values_fall_exponentially_at_depth_two_and_like_a_power_beyond(measured):
    def late(depth, time, steps):
        return integrate(
            lambda v: np.array(deep_velocities(list(v), depth)), [1.5, 1.0], time, steps
        )

    two, twice = late(2, 10, 50), late(2, 20, 100)
    assert twice[1] > 0
    # an exponential would be squared at twice the time, but for what is before it
    measured(twice[1], allowed=two[1] ** 1.6)
    # Σσ^(2/D) is conserved, up to what fourth order makes of fifty steps
    measured(abs(twice.sum() / 2.5 - 1), allowed=1e-9)
    # of two that are equal at the top each ends at C/m, here (1.5 + 1.5 + 1)/2
    tied = integrate(lambda v: np.array(deep_velocities(list(v), 2)), [1.5, 1.5, 1.0], 40, 200)
    # the third falls like e^(−2t/F) with F near √8, to about 1e-12
    measured(abs(tied[:2] - 2).max() + tied[2], allowed=1e-10)
    three, later = late(3, 500, 300), late(3, 1000, 600)
    four, last = late(4, 200, 300), late(4, 400, 600)
    measured(abs(later[1] / three[1] * 8 - 1), allowed=VISIBLE)  # t^(−3), and later terms
    measured(abs(last[1] / four[1] * 4 - 1), allowed=VISIBLE)  # t^(−2), and later terms
    assert drop_times([1.5, 1.0])[0] < 5  # at depth one, in finite time


@pytest.mark.control(
    DEPTH,
    drops="^balanced",
    instead="a first layer with the value 0.1 before a second with the value 2",
)
def test_control_an_unbalanced_product_takes_a_value_to_zero_in_finite_time(measured):
    def velocities(factors):  # diag(1.5, ·) as a product of diag(√1.5, ·) twice; the rest as given
        big, small, other = factors
        sigma = [big * big, small * other]
        pull = [-v / math.hypot(*sigma) for v in scaled_velocities(sigma)]
        return np.array([-big * pull[0], -other * pull[1], -small * pull[1]])

    # At the zero the smooth velocities go on: that they arrive is the break, of points 4 and 5.
    unbalanced = integrate(velocities, [math.sqrt(1.5), 0.1, 2.0], 0.05, 200)
    assert unbalanced[1] > 0
    crossed = integrate(velocities, [math.sqrt(1.5), 0.1, 2.0], 0.2, 200)
    measured(-crossed[1], allowed=VISIBLE)  # how far beyond zero
    root = math.sqrt(0.2)
    balanced = integrate(velocities, [math.sqrt(1.5), root, root], 0.2, 200)
    assert balanced[1] > 0.3


@pytest.mark.control(DEPTH, drops="ratio-penalty", instead="the nuclear norm of the product")
def test_control_the_nuclear_norm_of_a_product_pulls_along_every_layer(measured):
    layers = [orthogonal(3, 5) * 2, orthogonal(3, 6)]
    slopes = torch.func.grad(lambda a: torch.linalg.svdvals(product(a)).sum())(layers)
    for layer, slope in zip(layers, slopes, strict=True):
        assert (layer * slope).sum().item() == pytest.approx(6)
        measured(abs((layer * slope).sum()), allowed=VISIBLE)


def test_deep_velocities_at_depth_one_are_those_of_the_flow_and_default_to_the_ratio_alone():
    flat = [v / 5 for v in scaled_velocities([3.0, 4.0])]
    assert deep_velocities([3.0, 4.0], 1) == pytest.approx(flat, rel=1e-14)
    assert deep_velocities([3.0, 4.0], 2) == pytest.approx([6 * flat[0], 8 * flat[1]], rel=1e-14)
    assert deep_velocities([3.0, 4.0], 1, 0.0, [1.0, 2.0]) == [-1.0, -2.0]


@pytest.mark.parametrize("value", [1e-2, 1e-4, 0.3])
def test_deeper_is_slower_up_to_twice_the_logarithm_of_a_small_value_and_faster_beyond(value):
    """The factor D σ^(2−2/D): everything else in the speed is the same at all depths."""
    speeds = [abs(deep_velocities([4.0, value], depth)[1]) for depth in range(1, 31)]
    turn = 2 * math.log(1 / value)
    for depth, (one, deeper) in enumerate(itertools.pairwise(speeds), start=1):
        if depth + 1 <= turn:
            assert deeper < one
        if depth >= turn:
            assert deeper > one
    assert (speeds.index(min(speeds)) + 1 == 9) == (value == 1e-2)  # as the page says of .01


def test_each_step_lowers_the_effective_rate_while_its_relative_length_may_rise_or_fall():
    for start, rises in [([1.0, 0.99], True), ([4.0, 1e-3], False)]:
        path, rate = [start], 0.05
        for _ in range(2):
            path.append(descent_step(path[-1], rate, math.hypot(*path[-1])))
        lengths = np.linalg.norm(path, axis=1)
        assert (np.diff(rate / lengths**2) < 0).all()
        # how far the gradient goes, beside the length: η √(r − R²)/F²
        moved = [
            rate * ratio_gradient(torch.diag(torch.tensor(v, dtype=torch.float64))).norm() / length
            for v, length in zip(path[:2], lengths[:2], strict=True)
        ]
        assert (moved[1] > moved[0]) == rises
    tied = descent_step([F(2), F(2), F(2), F(2)], F(1), F(4))
    assert tied == [2, 2, 2, 2]


def test_descent_on_the_nuclear_norm_may_lengthen_a_matrix_at_first_and_ends_with_a_shorter_one():
    for start, rate, lengthens in [
        ([3.1] + [0.01] * 8, 1.0, True),
        ([3.1] + [0.9] * 8, 1.0, False),
    ]:
        path = [np.array(start)]
        for _ in range(20):
            path.append(abs(path[-1] - rate))
        lengths = [np.linalg.norm(values) for values in path]
        assert lengths[0] > rate * math.sqrt(9)
        assert (lengths[1] > lengths[0]) == lengthens
        assert max(lengths[-2:]) <= rate * math.sqrt(9)


def test_a_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="a product of 0 layers: the depth is at least 1"):
        deep_velocities([1.0, 2.0], 0)


def test_a_slope_is_needed_for_every_value():
    for slopes in ([1.0], []):
        with pytest.raises(ValueError, match="shorter"):
            deep_velocities([1.0, 2.0], 2, 1.0, slopes)


def test_the_flow_has_no_past():
    assert flow_at([3.0, 4.0], 0.0) == pytest.approx([3.0, 4.0], rel=1e-15)
    with pytest.raises(ValueError, match="t = -1: the flow has no past that"):
        flow_at([3.0, 4.0], -1.0)


def test_a_step_of_descent_lands_on_zero_at_one_rate_and_jumps_over_it_at_greater_ones():
    values, length = [F(4), F(3)], F(5)
    landing = F(375, 4)  # 3/(1/5 − 3 · 7/125): there is such a rate for what is below 25/7
    assert descent_step(values, landing, length)[1] == 0
    for rate in (landing / 2, landing * 2):
        before = (1 + rate * 7 / length**3) * 3 - rate / length
        assert (before < 0) == (rate > landing)
        assert descent_step(values, rate, length)[1] == abs(before) > 0
