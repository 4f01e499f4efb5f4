"""Does the ratio measure rank, and is its gradient what it should be, where there is one?"""

from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from snippets.ratio_penalty import (
    as_matrix,
    ratio,
    ratio_gradient,
    scaled_gradient,
    twin_strength,
)
from snippets.scalar_run import descend, scalar_run

RANK = "ratio-measures-rank"
GRADIENT = "ratio-penalty-gradient"
STATIONARY = "ratio-stationary-points"
F = Fraction
LAST = 1e-14  # singular values of such small matrices are right to a few units in the last place
PARTED = F(1, 50)  # of numbers of size one; in exact arithmetic any gap is a break


def rotation(*slopes):
    """A rational rotation of the 3-space: products of turns with cosine (1 − t²)/(1 + t²)."""
    product = np.array([[F(i == j) for j in range(3)] for i in range(3)])
    for axis, slope in enumerate(slopes):
        cos, sin = (1 - slope**2) / (1 + slope**2), 2 * slope / (1 + slope**2)
        turn = np.array([[F(i == j) for j in range(3)] for i in range(3)])
        i, j = [k for k in range(3) if k != axis]
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = cos, -sin, sin, cos
        product = product.dot(turn)
    return product


LEFT, RIGHT = rotation(F(1, 2), F(2, 3), F(-1, 3)), rotation(F(3, 4), F(-1, 5), F(1, 7))


def with_values(*values):
    """An exact matrix with these singular values, and its UVᵀ."""
    return LEFT.dot(np.diag(values)).dot(RIGHT.T), LEFT.dot(RIGHT.T)


def diagonal(*values):
    return torch.diag(torch.tensor(values, dtype=torch.float64))


def random(rows, columns, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=draw, dtype=torch.float64)


# The ratio, and what it measures.


@pytest.mark.claim(RANK, by="certificate of a step")
@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_the_two_bounds_are_sums_over_pairs(measured, rank):
    """The two identities of the proof, up to rank four."""
    values = sympy.symbols(f"s1:{rank + 1}", positive=True)
    nuclear, square = sum(values), sum(s**2 for s in values)
    pairs = [(s, t) for i, s in enumerate(values) for t in values[:i]]
    below = nuclear**2 - square - sum(2 * s * t for s, t in pairs)
    above = rank * square - nuclear**2 - sum((s - t) ** 2 for s, t in pairs)
    measured(sympy.expand(below) != 0, allowed=0)
    measured(sympy.expand(above) != 0, allowed=0)


@pytest.mark.claim(RANK, by="float64")
def test_the_ratio_is_seven_fifths_for_three_and_four_one_at_rank_one_root_r_for_equal_values(
    measured,
):
    for matrix, expected in [
        (diagonal(3, 4), 1.4),
        (diagonal(0.03, 0.04), 1.4),
        (diagonal(3, 4, 12), 19 / 13),
        (diagonal(-5, 0, 0), 1),
        (7 * torch.linalg.qr(random(6, 3)).Q, 3**0.5),
    ]:
        measured(abs(ratio(matrix) / expected - 1), allowed=LAST)
    between = [ratio(random(5, 4, seed)).item() for seed in range(20)]
    assert min(between) > 1.3
    assert max(between) < 1.99
    measured(1 / np.min(between), allowed=1)  # as the claim has it
    measured(np.max(between) / 4**0.5, allowed=1)  # as the claim has it at rank four


@pytest.mark.control(RANK, drops="ratio-penalty", instead="the nuclear norm alone")
def test_control_the_nuclear_norm_alone_obeys_neither_bound(measured):
    small, large = torch.linalg.svdvals(diagonal(0.1, 0.2)), torch.linalg.svdvals(diagonal(5, 0))
    measured(1 / small.sum(), allowed=2)  # rank two: half the lower bound
    measured(large.sum(), allowed=2)  # rank one: twice the upper bound, √1


def test_zero_has_no_ratio_and_the_refusal_says_what_to_do():
    with pytest.raises(ValueError, match="W = 0 has no ratio: leave the penalty out"):
        ratio(torch.zeros(2, 3))


# Its gradient.


@pytest.mark.claim(GRADIENT, by="exact")
@pytest.mark.parametrize("values", [(F(2), F(3), F(6)), (F(1), F(12), F(12)), (F(5), F(5), F(5))])
def test_the_gradient_is_orthogonal_to_the_matrix_and_as_long_as_claimed(measured, values):
    matrix, polar = with_values(*values)
    assert (LEFT.dot(LEFT.T) == np.eye(3, dtype=int)).all()
    slope = scaled_gradient(matrix, polar)  # F∇R
    nuclear, square = sum(values), sum(s**2 for s in values)
    measured(abs((slope * matrix).sum()), allowed=0)
    measured(abs((slope * slope).sum() - (3 - nuclear**2 / square)), allowed=0)
    for factor in (F(7, 3), F(1, 5)):  # F is multiplied by the factor, and so ∇R divided by it
        measured(abs(scaled_gradient(factor * matrix, polar) - slope).max(), allowed=0)


@pytest.mark.claim(GRADIENT, by="certificate of a step")
def test_along_singular_vectors_the_gradient_is_the_derivative_of_the_quotient(measured):
    """The step "The ratio" of the proof, the quotient rule, for three values."""
    values = sympy.symbols("s1:4", positive=True)
    length = sympy.sqrt(sum(s**2 for s in values))
    quotient = sum(values) / length
    slope = scaled_gradient(np.diag(values), np.diag([sympy.Integer(1)] * 3)) / length
    for i, s in enumerate(values):
        measured(sympy.simplify(slope[i, i] - sympy.diff(quotient, s)) != 0, allowed=0)


@pytest.mark.claim(GRADIENT, by="float64")
@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (1, 5)])
def test_the_gradient_is_that_of_automatic_differentiation(measured, shape):
    matrix = random(*shape, seed=3)
    automatic = torch.func.grad(ratio)(matrix)
    # the decomposition divides by gaps between singular values, here above 1e-2
    measured((ratio_gradient(matrix) - automatic).abs().max(), allowed=100 * LAST)
    shorter = ratio_gradient(5 * matrix)
    measured((shorter - ratio_gradient(matrix) / 5).abs().max(), allowed=LAST)


@pytest.mark.control(GRADIENT, drops="ratio-penalty", instead="the nuclear norm alone")
def test_control_the_gradient_of_the_nuclear_norm_points_along_the_matrix_and_keeps_its_length(
    measured,
):
    matrix, polar = with_values(F(2), F(3), F(6))
    assert (polar * matrix).sum() == 11
    measured(abs((polar * matrix).sum()), allowed=10)  # it is N = 11
    measured(abs((polar * polar).sum() - (3 - F(11, 7) ** 2)), allowed=PARTED)


@pytest.mark.control(GRADIENT, drops="^full-rank", instead="rank two of three")
def test_control_where_a_value_is_zero_the_slopes_on_the_two_sides_differ(measured):
    step = 1e-6
    right = (ratio(diagonal(3, 4, step)) - ratio(diagonal(3, 4, 0))) / step
    left = (ratio(diagonal(3, 4, 0)) - ratio(diagonal(3, 4, -step))) / step
    assert right.item() == pytest.approx(1 / 5, rel=1e-4)  # 1/F
    assert left.item() == pytest.approx(-1 / 5, rel=1e-4)
    measured(right - left, allowed=PARTED)


@pytest.mark.parametrize("keeps_rank", [True, False])
def test_along_matrices_of_its_rank_the_formulas_hold_and_off_them_there_is_a_kink(keeps_rank):
    left, right = random(4, 2, 1), random(2, 3, 2)
    matrix = left @ right
    basis, _, rows = torch.linalg.svd(matrix, full_matrices=False)
    polar = basis[:, :2] @ rows[:2]
    slope = scaled_gradient(matrix, polar) / matrix.norm()
    assert (slope * matrix).sum().abs() < 1e-13
    length = (2 - ratio(matrix) ** 2) / matrix.norm() ** 2
    assert slope.square().sum().item() == pytest.approx(length.item(), rel=1e-12)
    moves = random(4, 2, 3), random(2, 3, 4)
    off = torch.zeros(4, 3, dtype=torch.float64) if keeps_rank else random(4, 3, 5)

    def ratio_at(time):
        return ratio((left + time * moves[0]) @ (right + time * moves[1]) + time * off)

    step = 1e-5
    one_sided = [(ratio_at(side * step) - ratio(matrix)) / (side * step) for side in (1, -1)]
    expected = (slope * (moves[0] @ right + left @ moves[1] + off)).sum()
    # a second derivative of order one leaves an error of the order of the step
    gaps = [abs(seen.item() - expected.item()) for seen in one_sided]
    assert max(gaps) < 1e-3 if keeps_rank else min(gaps) > 0.02


def test_automatic_differentiation_is_silent_where_there_is_no_gradient():
    for matrix in (diagonal(3, 4, 0), torch.ones(3, 3, dtype=torch.float64)):
        with pytest.raises(ValueError, match="has a kink and no gradient"):
            ratio_gradient(matrix)
        slope, length = torch.func.grad(ratio)(matrix), matrix.norm()
        nuclear = ratio(matrix) * length
        chosen = length * slope + nuclear / length**2 * matrix  # the G of the page
        # an element of the subdifferential: no longer than one, and N along the matrix
        assert torch.linalg.matrix_norm(chosen, 2) < 1 + LAST
        assert ((chosen * matrix).sum() - nuclear).abs() < 10 * LAST
        # and it is none of the rank of the matrix: some of it lies where the matrix is zero
        within = chosen @ torch.linalg.pinv(matrix) @ matrix
        assert (chosen - within).abs().max().item() > PARTED


def test_just_above_the_tolerance_the_gradient_is_as_long_as_ever_and_points_to_either_side():
    last = 4e-15  # what rounding leaves of a zero beside a four, and more than the tolerance
    slopes = [ratio_gradient(diagonal(3, 4, side * last)) for side in (1, -1)]
    assert [slope[2, 2].item() for slope in slopes] == pytest.approx([1 / 5, -1 / 5])
    for slope in slopes:
        assert slope.norm().item() == pytest.approx((3 - F(7, 5) ** 2) ** 0.5 / 5, rel=1e-13)


def test_where_there_is_no_gradient_it_is_refused_with_the_rank():
    rank_one = torch.outer(random(4, 1)[:, 0], random(3, 1)[:, 0])
    with pytest.raises(ValueError, match=r"rank 1 and sides \(4, 3\).*proximal step, or factors"):
        ratio_gradient(rank_one)
    with pytest.raises(ValueError, match="rank 2 and sides"):
        ratio_gradient(diagonal(1, 2, 0))
    with pytest.raises(ValueError, match="rank 0 and sides"):
        ratio_gradient(torch.zeros(2, 2))


def test_the_tolerance_is_relative_to_the_largest_value_and_belongs_to_the_refusal():
    assert ratio_gradient(diagonal(8, 1.01), tolerance=1 / 8).shape == (2, 2)
    with pytest.raises(ValueError, match="rank 1"):
        ratio_gradient(diagonal(8, 1), tolerance=1 / 8)
    with pytest.raises(ValueError, match="rank 0"):
        ratio_gradient(diagonal(8, 8), tolerance=1.0)


def test_without_a_tolerance_it_is_the_larger_side_times_the_spacing_of_floats():
    thin = torch.zeros(16, 2, dtype=torch.float64)
    thin[0, 0], thin[1, 1] = 1, 16 * 2.0**-52
    with pytest.raises(ValueError, match="rank 1"):
        ratio_gradient(thin)
    thin[1, 1] *= 1.01
    assert ratio_gradient(thin)[1, 1].item() == pytest.approx(1)
    with pytest.raises(ValueError, match="rank 1"):
        ratio_gradient(thin.T.float())


# Its stationary points.


@pytest.mark.claim(STATIONARY, by="exact")
def test_the_gradient_is_zero_exactly_if_all_values_are_equal(measured):
    measured(abs(scaled_gradient(*with_values(F(5), F(5), F(5)))).max(), allowed=0)
    other = abs(scaled_gradient(*with_values(F(5), F(5), F(4)))).max()
    measured(PARTED / other, allowed=1)  # so it is no smaller


@pytest.mark.claim(STATIONARY, by="certificate of a step")
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_taking_the_same_off_every_value_or_parting_two_equal_ones_lowers_the_ratio(measured, rank):
    """The slope of step 2 and the parting of step 3 of the proof, up to rank four."""
    values, step = sympy.symbols(f"s1:{rank + 1}", positive=True), sympy.Symbol("t", real=True)

    def value(values):
        return sum(values) / sympy.sqrt(sum(s**2 for s in values))

    down = sympy.diff(value([s - step for s in values]), step).subs(step, 0)
    length = sympy.sqrt(sum(s**2 for s in values))
    measured(sympy.simplify(down + (rank - value(values) ** 2) / length) != 0, allowed=0)
    # all are one: the sum stays, the sum of squares grows
    parted = [1 + step, 1 - step, *[1] * (rank - 2)]
    rest = value(parted) ** 2 - rank**2 / (rank + 2 * step**2)
    measured(sympy.simplify(rest) != 0, allowed=0)


@pytest.mark.claim(STATIONARY, by="float64")
def test_from_every_matrix_of_higher_rank_a_nearby_one_has_a_smaller_ratio(measured):
    for rank in (2, 3, 4):
        for seed in range(10):
            matrix = random(5, rank, seed) @ random(rank, 4, seed + 100)
            left, values, right = torch.linalg.svd(matrix, full_matrices=False)
            values[:rank] -= 1e-3 * values[rank - 1]
            nearby = left @ torch.diag(values) @ right
            fall = ratio(matrix) - ratio(nearby)
            # in proportion to what was taken off, and far above rounding
            measured(1e-6 * values[rank - 1] / values[0] / fall, allowed=1)


@pytest.mark.control(STATIONARY, drops="ratio-penalty", instead="the nuclear norm alone")
def test_control_the_nuclear_norm_is_not_stationary_where_the_values_are_equal(measured):
    _, polar = with_values(F(5), F(5), F(5))
    measured(abs(polar).max(), allowed=PARTED)  # of the gradient, where the claim has it zero

    def nuclear(*values):
        return torch.linalg.svdvals(diagonal(*values)).sum()

    equal = nuclear(5, 5, 5)
    # the claim has it the largest value, and of a tenth more it is a tenth larger
    measured(nuclear(5.5, 5.5, 5.5) / equal - 1, allowed=1 / 15)


@pytest.mark.parametrize(("strength", "is_minimum"), [(0.3, True), (0.0, True), (300.0, False)])
def test_next_to_a_loss_a_minimum_may_have_any_full_rank_and_unequal_values(strength, is_minimum):
    """L(X) = ‖X − Y‖²/2 with Y = W + μ∇R(W): for small μ a minimum at W, for a large one none."""
    matrix = random(5, 3, 2)
    target = matrix + strength * ratio_gradient(matrix)

    def objective(weights):
        return (weights - target).square().sum() / 2 + strength * ratio(weights)

    assert torch.func.grad(objective)(matrix).abs().max() < 1e-11
    curvature = torch.func.jacrev(torch.func.grad(objective))(matrix).reshape(15, 15)
    assert (torch.linalg.eigvalsh(curvature).min() > 0.5) == is_minimum


def test_the_ratio_is_not_convex():
    halves = [diagonal(1, 0), diagonal(0, 1)]
    assert [ratio(one).item() for one in halves] == [1, 1]
    assert ratio(sum(halves) / 2).item() == pytest.approx(2**0.5, rel=1e-15)
    row = torch.tensor([[3.0, -4.0, 1.0]], dtype=torch.float64)  # and of a single row it is one
    assert ratio(row).item() == pytest.approx(1, rel=1e-15)


@pytest.mark.parametrize("kept", range(1, 5))
def test_the_ratio_bounds_how_far_a_matrix_is_from_lower_rank(kept):
    for seed in range(5):
        matrix = random(6, 5, seed) @ torch.diag(0.3 ** torch.arange(5.0).double())
        missed = torch.linalg.svdvals(matrix)[kept:].norm() / matrix.norm()
        assert missed <= ratio(matrix) / (kept + 1) ** 0.5
        # near a ratio of one there is a better bound of the distance to rank one
        beyond = torch.linalg.svdvals(matrix)[1:].norm() / matrix.norm()
        assert beyond <= ratio(matrix) * (ratio(matrix) ** 2 - 1) / 2
    near = diagonal(1, 0.01)
    bounds = ratio(near) * (ratio(near) ** 2 - 1) / 2, ratio(near) / 2**0.5
    assert 0.01 / near.norm() < bounds[0] < 0.0102 < 0.7 < bounds[1]
    flat = diagonal(1, 1e-3, 1e-3)  # of full rank, and as near to one as one likes
    assert ratio(flat).item() == pytest.approx(1.002, abs=1e-5)


# Strengths in a twin.


def test_the_strength_of_a_twin_is_unchanged_at_degree_zero_and_a_power_at_others():
    assert [twin_strength(F(3), F(1, 2), degree) for degree in (0, 1, 2)] == [3, F(3, 2), F(3, 4)]
    for scalar in (0, -1):
        with pytest.raises(ValueError, match=f"the scalar is {scalar}; a twin exists only as"):
            twin_strength(1, scalar, 2)


# Next to a loss.

TWIN = "invariant-penalties-keep-the-twin"
RADIAL = "ratio-exerts-no-radial-force"


@pytest.mark.claim(RADIAL, by="exact")
@pytest.mark.parametrize("strength", [F(0), F(1, 3), F(50)])
def test_the_norm_changes_as_the_loss_alone_would_have_it(measured, strength):
    matrix, polar = with_values(F(2), F(3), F(6))
    loss_slope = matrix.T - 2 * LEFT  # of anything
    both = loss_slope + strength * scaled_gradient(matrix, polar) / 7  # F = 7
    assert (loss_slope * matrix).sum() != 0
    measured(abs((both * matrix).sum() - (loss_slope * matrix).sum()), allowed=0)


@pytest.mark.claim(RADIAL, by="exact")
def test_data_that_are_larger_need_a_strength_that_is_larger_by_the_square(measured):
    (matrix, polar), scale, strength = with_values(F(2), F(3), F(6)), F(5, 2), F(1, 3)
    known = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]])

    def velocity(weights, targets, strength, length):
        return -known * (weights - targets) - strength * scaled_gradient(weights, polar) / length

    one = velocity(matrix, RIGHT, strength, F(7))
    larger = velocity(scale * matrix, scale * RIGHT, scale**2 * strength, scale * 7)
    measured(abs(larger - scale * one).max(), allowed=0)
    assert (velocity(scale * matrix, scale * RIGHT, strength, scale * 7) != scale * one).any()


@pytest.mark.claim(RADIAL, by="exact")
@pytest.mark.parametrize("strength", [F(0), F(1, 3), F(50)])
def test_at_a_stationary_point_the_loss_is_stationary_along_the_ray(measured, strength):
    matrix, polar = with_values(F(2), F(3), F(6))
    slope = scaled_gradient(matrix, polar) / 7  # F = 7
    weights = np.array([[F(1), F(2), F(5)], [F(1, 2), F(3), F(1)], [F(4), F(1, 3), F(2)]])
    # A squared error of all entries with these weights, whose targets make W a stationary point.
    targets = matrix + strength * slope / weights

    def loss(x):
        return (weights * (x - targets) ** 2).sum() / 2

    loss_slope = weights * (matrix - targets)
    assert (loss_slope + strength * slope == 0).all()
    assert strength == 0 or abs(loss_slope).max() > PARTED * strength
    measured(abs((loss_slope * matrix).sum()), allowed=0)
    scale = sympy.Symbol("c")
    along = sympy.diff(loss(scale * matrix), scale).subs(scale, 1)
    measured(abs(F(along.p, along.q)), allowed=0)


@pytest.mark.claim(RADIAL, by="float64")
@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_a_descent_on_any_loss_ends_where_the_loss_is_stationary_along_the_ray(measured, strength):
    target = random(4, 3, 7)

    def loss(weights):
        return torch.cosh(weights - target).sum() + (weights[0] * weights[1]).sum() / 4

    def both(weights):
        return loss(weights) + strength * ratio(weights)

    matrix = random(4, 3, 8)
    for _ in range(3000):
        matrix = matrix - 0.2 * torch.func.grad(both)(matrix)
    # so near to a stationary point that rounding is all that is left, of sums of size ten
    assert torch.func.grad(both)(matrix).abs().max() < 1e-13
    slope = torch.func.grad(loss)(matrix)
    assert slope.norm() > 0.1 * strength
    assert torch.linalg.svdvals(matrix)[-1] > 0.1
    # a sum of twelve products of numbers below ten, each slope off by what is asserted above
    measured((slope * matrix).sum().abs(), allowed=1e-11)


@pytest.mark.control(
    RADIAL, drops="ratio-penalty", instead="the nuclear norm next to the same loss"
)
def test_control_the_nuclear_norm_pulls_along_the_matrix(measured):
    (matrix, polar), strength = with_values(F(2), F(3), F(6)), F(1, 3)
    measured(abs((polar * matrix).sum()), allowed=10)  # N = 11: what 1. has as zero
    # W is stationary for ‖X − Y‖²/2 next to the nuclear norm, with Y = W + μUVᵀ.
    loss_slope = matrix - (matrix + strength * polar)
    measured(-(loss_slope * matrix).sum(), allowed=3)  # μN: what 2. has as zero
    for column in range(3):  # the slope in every singular value is −μ
        along = LEFT[:, column].dot(loss_slope).dot(RIGHT[:, column])
        assert along == -strength


def test_a_step_lengthens_the_matrix_by_more_than_the_flow_and_by_what_depends_on_the_strength():
    (matrix, polar), rate = with_values(F(2), F(3), F(6)), F(1, 10)
    loss_slope = matrix.T - 2 * LEFT
    grown = []
    for strength in (F(0), F(1), F(5)):
        both = loss_slope + strength * scaled_gradient(matrix, polar) / 7
        after = matrix - rate * both
        besides = rate**2 * (both * both).sum()
        flow = -2 * rate * (loss_slope * matrix).sum()
        assert (after * after).sum() - 49 == flow + besides
        grown.append(besides)
    assert len(set(grown)) == 3


# Twins, exactly: the gradients are rational.

X, Y = sympy.symbols("x y")
DIRECTION = X**2 / (X**2 + Y**2)
PENALTIES = {
    0: X * Y / (X**2 + Y**2),
    1: (X**3 + Y**3) / (X**2 + Y**2),
    2: X**2 + 3 * Y**2 - X * Y,
    -1: Y / (X**2 + Y**2),
}


def slope_of(function):
    """The exact gradient of a rational function, for arrays of Fractions."""
    parts = [sympy.lambdify((X, Y), sympy.diff(function, v), "math") for v in (X, Y)]
    return lambda w: np.array([F(part(*w)) for part in parts])


RATES, DECAYS, MOMENTA = [F(1, 5), F(1, 3), F(1, 4)], [F(1, 2), F(1), F(1, 7)], [F(1, 3)] * 3
STRENGTHS = [F(1, 2), F(2), F(1, 3)]


def twin_gap(loss, penalty, exponent, shaped=False):
    """The largest difference of θ/c and φ along a run and the one that should be its twin.

    The penalty of the second has its strength times a power of c, or the shape ψ(cφ).
    """
    loss_slope, penalty_slope = slope_of(loss), slope_of(penalty)
    scalars, rates = scalar_run(RATES, DECAYS, MOMENTA)
    start, buffer = np.array([F(2), F(1)]), np.array([F(1, 3), F(-1, 2)])
    carried = [twin_strength(m, F(c), exponent) for m, c in zip(STRENGTHS, scalars, strict=False)]

    def gradient(strengths):
        return lambda t, w: loss_slope(w) + strengths[t] * penalty_slope(w)

    theta = descend(gradient(STRENGTHS), start, buffer, RATES, DECAYS, MOMENTA)

    def with_shape(t, w):
        return loss_slope(w) + STRENGTHS[t] * scalars[t] * penalty_slope(scalars[t] * w)

    twin = with_shape if shaped else gradient(carried)
    phi = descend(twin, start, buffer, rates, [F(0)] * 3, MOMENTA)
    gaps = [abs(a / c - b).max() for a, b, c in zip(theta, phi, scalars, strict=True)]
    return max(gaps)


@pytest.mark.claim(TWIN, by="exact")
@pytest.mark.parametrize("degree", PENALTIES)
def test_the_twin_with_the_strength_carried_along_is_exact(measured, degree):
    measured(twin_gap(DIRECTION, PENALTIES[degree], degree), allowed=0)


@pytest.mark.control(TWIN, drops="^strength", instead="another exponent of the scalar")
@pytest.mark.parametrize(("degree", "wrong"), [(0, 1), (1, 0), (1, 2), (2, 0)])
def test_control_with_another_exponent_the_twin_is_another_run(measured, degree, wrong):
    measured(twin_gap(DIRECTION, PENALTIES[degree], wrong), allowed=PARTED)


@pytest.mark.control(
    TWIN, drops="homogeneous-function", instead="a sum of penalties of the degrees 0 and 2"
)
@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_control_a_penalty_of_two_degrees_has_no_twin_with_one_power(measured, exponent):
    measured(twin_gap(DIRECTION, PENALTIES[0] + PENALTIES[2], exponent), allowed=PARTED)


@pytest.mark.control(
    TWIN,
    drops="scale-invariant-loss",
    instead="a squared error, next to an invariant penalty or none",
)
@pytest.mark.parametrize("penalty", [PENALTIES[0], sympy.Integer(0)], ids=["invariant", "none"])
def test_control_a_squared_error_has_no_such_twin_with_an_invariant_penalty(measured, penalty):
    measured(twin_gap((X - 1) ** 2 + Y**2, penalty, 0), allowed=PARTED)


@pytest.mark.parametrize("penalty", [X**2 / (1 + X**2), PENALTIES[0] + PENALTIES[2]], ids=str)
def test_a_penalty_of_no_degree_is_carried_along_with_another_shape(penalty):
    assert twin_gap(DIRECTION, penalty, 0, shaped=True) == 0
    assert twin_gap(DIRECTION, penalty, 0) > PARTED


def test_a_penalty_of_degree_one_may_pull_the_weights_to_zero_and_an_invariant_one_may_not():
    start, rate = np.array([F(3), F(4)]), F(1, 2)

    def after(slope, strength):  # one step of a constant loss, without momentum and decay
        none = np.array([F(0), F(0)])
        path = descend(lambda t, w: strength * slope(w), start, none, [rate], [F(0)], [F(0)])
        return path[1]

    # ψ = ‖θ‖ with ημ = ‖θ₀‖ = 5
    assert (after(lambda w: w / F(5), F(10)) == 0).all()
    assert (after(lambda w: w / F(5), F(9)) != 0).any()
    invariant = slope_of(PENALTIES[0])
    for strength in (F(1, 3), F(10), F(1000)):
        step = rate * strength * invariant(start)
        assert (after(invariant, strength) ** 2).sum() == 25 + (step**2).sum() > 25


@pytest.mark.control(
    TWIN, drops="differentiable-away-from-zero", instead="a kink whose side is chosen by the length"
)
def test_control_at_a_kink_whose_side_is_chosen_by_length_the_twin_goes_to_the_other_side(measured):
    # ψ = |xy|/(x² + y²), of degree 0, at x = 0: the slope by x may be 1/y or −1/y
    def slope(t, w):
        side = 1 if w[1] < F(3, 2) else -1
        return np.array([t * side / w[1], F(0)])  # the strengths are 0 and 1

    rates, decays, momenta = [F(1), F(1, 10)], [F(1, 2), F(0)], [F(0)] * 2
    scalars, twin_rates = scalar_run(rates, decays, momenta)
    start, buffer = np.array([F(0), F(2)]), np.array([F(0), F(0)])
    theta = descend(slope, start, buffer, rates, decays, momenta)
    phi = descend(slope, start, buffer, twin_rates, [F(0)] * 2, momenta)
    assert (theta[1] / scalars[1] == phi[1]).all()
    assert theta[2][0] / scalars[2] == -phi[2][0] != 0
    measured(abs(theta[2] / scalars[2] - phi[2]).max(), allowed=PARTED)


# Weights of other shapes and types.


def test_a_kernel_is_its_outputs_by_all_the_rest():
    kernel = torch.randn(4, 3, 2, 5, generator=torch.Generator().manual_seed(0)).double()
    flat = torch.stack([part.flatten() for part in kernel])
    assert ratio(kernel) == ratio(flat)
    assert ratio(kernel) != pytest.approx(ratio(kernel.transpose(0, 1)).item(), rel=1e-2)
    assert ratio_gradient(kernel).equal(ratio_gradient(flat).reshape(4, 3, 2, 5))
    automatic = torch.func.grad(ratio)(kernel)
    assert (ratio_gradient(kernel) - automatic).abs().max() < 100 * LAST
    assert as_matrix(flat) is not None
    assert as_matrix(flat).equal(flat)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    weight = random(6, 4).to(dtype).requires_grad_()
    value = ratio(weight)
    assert value.dtype == torch.float32
    assert value.equal(ratio(weight.float()))
    value.backward()
    assert weight.grad.dtype == dtype
    slope = ratio_gradient(weight.detach())
    assert slope.dtype == torch.float32
    assert slope.equal(ratio_gradient(weight.detach().float()))
    assert (weight.grad.float() - slope).abs().max() < torch.finfo(dtype).eps


@pytest.mark.parametrize(
    ("weight", "complaint"),
    [
        (torch.ones(3), r"the shape \(3,\) is no matrix with entries: the penalty is for"),
        (torch.ones(()), r"the shape \(\) is no matrix"),
        (torch.ones(0, 3), r"the shape \(0, 3\) is no matrix with entries"),
        (torch.ones(2, 3, 0), r"the shape \(2, 3, 0\) is no matrix with entries"),
        (torch.ones(2, 3, dtype=torch.int64), r"torch.int64 is not .* give weight.float\(\)"),
        (torch.ones(2, 3, dtype=torch.bool), r"torch.bool is not .* give weight.float\(\)"),
        (torch.ones(2, 3, dtype=torch.complex64), "torch.complex64 is not a type of real floats"),
        (torch.tensor([[1.0, torch.nan]]), "some entries are not finite numbers"),
        (torch.tensor([[1.0, -torch.inf]]), "some entries are not finite numbers"),
    ],
)
def test_what_has_no_ratio_is_refused_with_the_reason(weight, complaint):
    for function in (ratio, ratio_gradient):
        with pytest.raises(ValueError, match=complaint):
            function(weight)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_tiny_and_huge_weights_whose_squares_leave_the_range_have_the_same_ratio(size):
    matrix = random(5, 3).float()
    assert (size * matrix).square().sum() in (0, torch.inf)
    assert ratio(size * matrix).item() == pytest.approx(ratio(matrix).item(), rel=1e-5)
    slope = ratio_gradient(size * matrix) * size
    assert (slope - ratio_gradient(matrix)).abs().max() < 1e-5
    automatic = torch.func.grad(ratio)(size * matrix) * size
    assert (automatic - ratio_gradient(matrix)).abs().max() < 1e-5
