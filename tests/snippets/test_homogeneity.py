"""Do second derivatives obey what homogeneity says of them?"""

from random import Random

import numpy as np
import pytest
import sympy
import torch

from snippets.homogeneity import euler_gaps, newton_step

HESSIAN, NEWTON = "hessian-is-inverse-square-homogeneous", "newton-step-doubles-the-weights"
EULER, BLOCKS = "euler-identities", "each-block-obeys-the-lemma"
ACROSS = "hessian-forgets-every-other-block"
W = torch.tensor([0.6, -0.7, 1.1], dtype=torch.float64)
ROUNDING = 1e-12  # a few operations on numbers of order one
CLEAR = 1  # at one point, of integers below ten: where the claim holds, nothing is left there
MARGIN = sympy.Rational(1, 4)  # of the weights: where the claim holds, the step is not off at all
CURVED = 1e-3  # of order ‖∇L‖/‖θ‖; eigenvalues are rounded at 1e-16 times the largest

# ---------------------------------------------------------------------------------------------
# For all values, on the half space x > 0, where a function is invariant just if it is some f(y/x,
# z/x). The identities are linear in the loss and know only its derivatives at a point, up to the
# second; all values that these can take there are taken by sums of products f(y/x) g(z/x). Three
# coordinates are enough for all dimensions: an identity of vectors or matrices is tried on at most
# two vectors beside the weights, and to the space that these span, turned so that the weights lie
# in the half space, the loss may be restricted.

x, c = sympy.symbols("x c", positive=True)
y, z, k, s, p, q, r = sympy.symbols("y z k s p q r", real=True)
u = sympy.symbols("u", positive=True)
w = sympy.symbols("w", real=True)
POINT = sympy.Matrix([x, y, z])
INVARIANT = sympy.Function("f")(y / x) * sympy.Function("g")(z / x)


def derivatives(f, point=POINT):
    slope = sympy.Matrix([f]).jacobian(point).T
    return slope, slope.jacobian(point)


def stretched(thing):
    return thing.subs({v: c * v for v in POINT}, simultaneous=True).doit()


def left(*rests):
    """How many of them do not vanish for all values."""
    rests = [sympy.expand(rest) for rest in rests]
    return sum((rest and sympy.simplify(rest)) != 0 for rest in rests)


# For the controls one example is enough.
EXAMPLE = (1 + y / x + (y / x) ** 3) * (2 - (z / x) ** 2)


def size(*rests):
    """The largest of them at one point."""
    numbers = dict(zip((x, y, z, c, u, w), map(sympy.Integer, (1, 2, 3, 2, 2, 5)), strict=True))
    return max(abs(rest.xreplace(numbers)) for rest in rests)


def euler_rests(f, degree):
    slope, hessian = derivatives(f)
    rest = hessian * POINT - (degree - 1) * slope
    return [POINT.dot(slope) - degree * f, *rest, POINT.dot(rest)]


@pytest.mark.claim(HESSIAN, by="certificate")
def test_the_hessian_of_any_invariant_loss_is_as_the_corollary_says(measured):
    slope, hessian = derivatives(INVARIANT)
    measured(left(*(c**2 * stretched(hessian) - hessian)), allowed=0)
    # Hθ = −∇L, so H is singular where ∇L = 0; and θᵀHθ = 0
    measured(left(*(hessian * POINT + slope), POINT.dot(hessian * POINT)), allowed=0)
    # Elsewhere ∇L + sθ has the curvature ∇LᵀH∇L − 2s‖∇L‖², of either sign: it is what one likes.
    vector = sympy.Matrix([p, q, r])
    tilted = vector + s * POINT
    expected = vector.dot(hessian * vector) - 2 * s * vector.dot(slope)
    measured(left(tilted.dot(hessian * tilted) - expected), allowed=0)
    own = sympy.Symbol("own", real=True)  # ∇LᵀH∇L, which may be anything
    square = sympy.Symbol("square", positive=True)  # ‖∇L‖², which is not zero
    for wish in (-1, 1):
        far = (own - wish) / (2 * square)
        measured(left(own - 2 * far * square - wish), allowed=0)


@pytest.mark.control(HESSIAN, drops="scale-invariant-loss", instead="a function of degree two")
def test_control_a_function_of_degree_two_has_one_curvature_at_all_lengths(measured):
    slope, hessian = derivatives(x**2 * EXAMPLE)
    assert size(*(stretched(hessian) - hessian)) == 0
    measured(size(*(c**2 * stretched(hessian) - hessian)), allowed=CLEAR)
    measured(size(*(hessian * POINT + slope)), allowed=CLEAR)


@pytest.mark.claim(EULER, by="certificate")
def test_a_function_of_any_degree_obeys_the_identities_and_its_derivatives_lose_a_degree_each(
    measured,
):
    rests = euler_rests(x**k * INVARIANT, k)
    measured(left(*(rest / x**k for rest in rests)), allowed=0)
    for degree, thing in enumerate(derivatives(x**k * INVARIANT), start=1):
        rests = (stretched(thing) / c ** (k - degree) - thing) / x**k
        measured(left(*rests), allowed=0)


@pytest.mark.control(
    EULER, drops="homogeneous-function", instead="the sum of a function of degree 0 and one of 1"
)
def test_control_a_sum_of_two_degrees_obeys_them_for_neither(measured):
    for degree in (0, 1):
        rests = euler_rests(EXAMPLE + 2 * x, degree)
        measured(size(rests[0]), allowed=CLEAR)
        measured(size(*rests[1:4]), allowed=CLEAR)


# ---------------------------------------------------------------------------------------------
# Exactly: an undamped Newton step.


def random_ratio(seed):
    """A quotient of random quadratic forms, the one below positive, and a rational point."""
    random = Random(seed)
    above = sum(random.randint(-9, 9) * a * b for a in POINT for b in POINT)
    below = sum(random.randint(1, 9) * a**2 for a in POINT)
    place = [sympy.Rational(random.randint(1, 9), random.randint(1, 9)) for _ in POINT]
    return above / below, dict(zip(POINT, place, strict=True))


def exact_newton(f, place):
    slope, hessian = (thing.xreplace(place) for thing in derivatives(f))
    assert hessian.det() != 0
    return sympy.Matrix([place[v] for v in POINT]) - hessian.LUsolve(slope)


def off_twice(after, place):
    """How far a step ends from twice the weights, over the largest of them."""
    gaps = [abs(a - 2 * place[v]) for a, v in zip(after, POINT, strict=True)]
    return max(gaps) / max(place.values())


@pytest.mark.claim(NEWTON, by="certificate")
def test_minus_the_weights_solve_the_newton_equation_of_any_loss(measured):
    slope, hessian = derivatives(INVARIANT)
    # So where H has an inverse, H⁻¹∇L is −θ, and θ − H⁻¹∇L is 2θ, the direction of θ.
    measured(left(*(hessian * -POINT - slope)), allowed=0)


def test_in_the_plane_the_hessian_is_invertible_just_where_the_gradient_is_not_zero():
    plane = sympy.Matrix([x, y])
    slope, hessian = derivatives(sympy.Function("f")(y / x), plane)
    assert left(hessian.det() + slope.dot(slope) / plane.dot(plane)) == 0
    slope, hessian = derivatives(y / x + z / x)
    assert hessian.det() == 0  # with three weights it may be singular elsewhere,
    assert slope[1] == 1 / x  # where the gradient is not zero


@pytest.mark.claim(NEWTON, by="exact")
@pytest.mark.parametrize("seed", range(4), ids="seed={}".format)
def test_in_rational_numbers_a_newton_step_doubles_the_weights(measured, seed):
    ratio, place = random_ratio(seed)
    measured(off_twice(exact_newton(ratio, place), place), allowed=0)


@pytest.mark.control(
    NEWTON, drops="scale-invariant-loss", instead="a function of degree −1, 2 or 3"
)
@pytest.mark.parametrize("degree", [-1, 2, 3])
def test_control_in_another_degree_the_step_ends_on_another_multiple(measured, degree):
    ratio, place = random_ratio(0)
    after = exact_newton(x**degree * ratio, place)
    share = 1 - sympy.Rational(1, degree - 1)
    assert list(after) == [share * place[v] for v in POINT]
    measured(off_twice(after, place), allowed=MARGIN)


@pytest.mark.control(
    NEWTON, drops="scale-invariant-loss", instead="a sum of functions of degree 0, 1 and 2"
)
def test_control_on_a_loss_of_no_degree_the_step_turns_the_weights(measured):
    ratio, place = random_ratio(0)
    after = exact_newton(ratio + x**2 + y**2 + z, place)
    shares = [a / place[v] for a, v in zip(after, POINT, strict=True)]
    assert max(shares) - min(shares) > sympy.Rational(1, 10)
    measured(off_twice(after, place), allowed=MARGIN)


def test_on_another_loss_of_no_degree_the_step_goes_along_the_ray():
    square = x**2 + y**2 + z**2
    place = {x: sympy.Integer(1), y: sympy.Integer(2), z: sympy.Rational(1, 2)}
    after = exact_newton(square + square**2, place)
    shares = {a / place[v] for a, v in zip(after, POINT, strict=True)}
    assert len(shares) == 1
    assert shares != {2}


@pytest.mark.control(NEWTON, drops="^invertible", instead="a singular Hessian, the shortest step")
def test_control_where_the_hessian_is_singular_the_shortest_step_turns_and_changes_the_loss(
    measured,
):
    loss = z / x + y * z / x**2 + (y / x) ** 3
    place = {x: 1, y: 0, z: 0}
    slope, hessian = (thing.subs(place) for thing in derivatives(loss))
    assert hessian.det() == 0
    assert any(slope)
    after = sympy.Matrix([1, 0, 0]) - hessian.pinv() * slope
    assert list(after) == [sympy.Rational(3, 2), -sympy.Rational(1, 2), 0]
    values = [loss.subs(place), loss.subs(dict(zip(POINT, after, strict=True)))]
    assert values == [0, -sympy.Rational(1, 27)]
    measured(off_twice(after, place), allowed=MARGIN)


def test_where_the_weights_lie_in_the_range_of_a_singular_hessian_the_shortest_step_doubles_them():
    # x/‖θ‖ at (0, 1, 0)
    place = {x: 0, y: 1, z: 0}
    slope, hessian = (
        thing.xreplace(place) for thing in derivatives(x / sympy.sqrt(x**2 + y**2 + z**2))
    )
    assert hessian.rank() == 2
    assert list(slope) == [1, 0, 0]
    assert list(sympy.Matrix([0, 1, 0]) - hessian.pinv() * slope) == [0, 2, 0]


# ---------------------------------------------------------------------------------------------
# Block by block: (x, y, z) beside (u, w) and (a, b), of which the third may be all other blocks.
# Two coordinates hold any vector beside the weights of a block, three hold two of them.

a, b = sympy.symbols("a b", positive=True)
ONE, TWO, THREE = POINT, sympy.Matrix([u, w]), sympy.Matrix([a, b])
BOTH = INVARIANT * sympy.Function("h")(w / u) * sympy.Function("l")(b / a)
# (‖θ₂‖/‖θ₁‖)⁴, as smooth as can be where neither block is zero
COMMON = (TWO.dot(TWO) / ONE.dot(ONE)) ** 2


def across(f):
    """H₁₁θ₁ + ∇₁L and H₁₂θ₂."""
    slope = sympy.Matrix([f]).jacobian(ONE).T
    return slope.jacobian(ONE) * ONE + slope, slope.jacobian(TWO) * TWO


def lengthened(thing, *factors):
    """With a factor for each block."""
    blocks = zip((ONE, TWO, THREE), factors, strict=True)
    longer = {v: factor * v for block, factor in blocks for v in block}
    return thing.subs(longer, simultaneous=True).doit()


FACTORS = sympy.symbols("c1:4", positive=True)


@pytest.mark.claim(BLOCKS, by="certificate")
def test_the_gradient_in_a_block_is_orthogonal_to_it_and_scales_with_it_alone(measured):
    slope = sympy.Matrix([BOTH]).jacobian(ONE).T
    measured(left(ONE.dot(slope)), allowed=0)
    measured(left(*(FACTORS[0] * lengthened(slope, *FACTORS) - slope)), allowed=0)


@pytest.mark.control(
    BLOCKS,
    drops="block-scale-invariant-loss",
    instead="a loss that is invariant under a common factor only",
)
def test_control_under_a_common_factor_only_it_does_neither(measured):
    slope = sympy.Matrix([COMMON]).jacobian(ONE).T
    measured(size(ONE.dot(slope)), allowed=CLEAR)
    measured(size(*(c * stretched(slope) - slope)), allowed=CLEAR)
    # all blocks together do
    whole = sympy.Matrix([x, y, z, u, w])
    assert left(whole.dot(sympy.Matrix([COMMON]).jacobian(whole).T)) == 0


@pytest.mark.claim(ACROSS, by="certificate")
def test_the_hessian_maps_a_block_to_minus_its_gradient_and_to_nothing_elsewhere(measured):
    own, other = across(BOTH)
    measured(left(*own, *other), allowed=0)
    slope = sympy.Matrix([BOTH]).jacobian(ONE)
    for block, factor in ((ONE, FACTORS[0]), (TWO, FACTORS[1])):
        part = slope.jacobian(block)
        rests = FACTORS[0] * factor * lengthened(part, *FACTORS) - part
        measured(left(*rests), allowed=0)
    mixed = slope.jacobian(TWO)
    assert any(sympy.expand(entry) != 0 for entry in mixed)  # the blocks do interact


@pytest.mark.control(
    ACROSS,
    drops="block-scale-invariant-loss",
    instead="a loss that is invariant under a common factor only",
)
def test_control_under_a_common_factor_only_the_other_block_is_seen(measured):
    own, other = across(COMMON)
    measured(size(*own), allowed=CLEAR)
    measured(size(*other), allowed=CLEAR)
    assert left(*(own + other)) == 0  # only the sum vanishes
    # H₁₂θ₂ is what lengthening block 2 does to the gradient in block 1: c₂ ≠ 1 is seen
    slope = sympy.Matrix([COMMON]).jacobian(ONE).T
    mixed = slope.jacobian(TWO)
    measured(size(*(lengthened(mixed, 1, c, 1) * c - mixed)), allowed=CLEAR)


def test_under_a_common_factor_only_the_other_block_may_stay_unseen():
    # ln(‖θ₁‖/‖θ₂‖): neither block is invariant, and yet H₁₂ = 0
    quotient = sympy.log(ONE.dot(ONE) / TWO.dot(TWO)) / 2
    slope = sympy.Matrix([quotient]).jacobian(ONE).T
    assert left(*slope.jacobian(TWO)) == 0
    assert sympy.simplify(ONE.dot(slope)) == 1
    other = sympy.Matrix([quotient]).jacobian(TWO).T
    assert sympy.simplify(TWO.dot(other)) == -1  # so in the flow the one grows as the other falls


# ---------------------------------------------------------------------------------------------
# In floats: the snippet.


def skew(weights):
    direction = weights / weights.norm()
    return direction[0] + direction[0] * direction[1] ** 2


@pytest.mark.claim(HESSIAN, by="float64")
@pytest.mark.parametrize("seed", range(5), ids="seed={}".format)
def test_a_normalised_network_is_curved_both_ways_off_its_stationary_points(measured, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(32, 6, generator=generator, dtype=torch.float64)
    weights = torch.randn(6, generator=generator, dtype=torch.float64)

    def loss(weights):
        outputs = inputs @ weights
        normal = (outputs - outputs.mean()) / outputs.std()
        return (normal.tanh() - inputs[:, 0]).square().mean()

    short, long = (torch.func.hessian(loss)(scale * weights) for scale in (1.0, 3.0))
    eigenvalues = torch.linalg.eigvalsh(short)
    measured((9 * long - short).norm(), allowed=ROUNDING)
    assert eigenvalues.abs().max() > 100 * ROUNDING
    either = min(-eigenvalues[0], eigenvalues[-1])
    measured(max(CURVED - either, 0), allowed=0)  # by how much a sign is missed
    measured(np.abs(euler_gaps(loss, weights, 0.0)).max(), allowed=ROUNDING)


@pytest.mark.claim(NEWTON, by="float64")
def test_a_newton_step_doubles_the_weights(measured):
    assert torch.linalg.cond(torch.func.hessian(skew)(W)) < 1e3
    # rounding times the condition
    measured((newton_step(skew, W) - 2 * W).norm(), allowed=10 * ROUNDING)


@pytest.mark.control(NEWTON, drops="scale-invariant-loss", instead="a quadratic form")
def test_control_on_a_quadratic_form_it_lands_on_zero(measured):
    after = newton_step(lambda v: v @ v, W)
    assert after.norm() < ROUNDING
    measured((after - 2 * W).norm(), allowed=MARGIN)


def test_at_a_stationary_point_there_is_no_step():
    pole = torch.tensor([2.0, 0.0], dtype=torch.float64)
    with pytest.raises(RuntimeError, match="singular"):
        newton_step(lambda v: v[0] ** 2 / (v @ v), pole)


def test_the_condition_shows_a_singular_hessian_that_rounding_may_hide_from_the_solver():
    def loss(v):  # that of the control where the Hessian is singular, in other coordinates
        a, b, c = turn @ v
        return c / a + b * c / a**2 + (b / a) ** 3

    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    # whether rounding leaves a pivot at zero, for torch to raise at, depends on the machine
    assert torch.linalg.cond(torch.func.hessian(loss)(turn[0])) > 1e12
    assert torch.linalg.cond(torch.func.hessian(loss)(turn[0] + turn[1])) < 1e3


@pytest.mark.claim(EULER, by="float64")
def test_the_gaps_of_a_cubic_vanish_in_degree_three(measured):
    measured(np.abs(euler_gaps(lambda v: (v**3).sum(), W, 3.0)).max(), allowed=ROUNDING)
    # in degree two: one more f, and one more gradient
    first, second = euler_gaps(lambda v: (v**3).sum(), W, 2.0)
    assert first == pytest.approx((W**3).sum().item())
    assert second == pytest.approx((3 * W**2).norm().item())
