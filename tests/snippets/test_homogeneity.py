"""Do second derivatives obey what homogeneity says of them?"""

import pytest
import sympy
import torch

from snippets.homogeneity import euler_gaps, newton_step

HESSIAN, NEWTON = "hessian-is-inverse-square-homogeneous", "newton-step-doubles-the-weights"
EULER, BLOCKS = "euler-identities", "each-block-obeys-the-lemma"
W = torch.tensor([0.6, -0.7, 1.1], dtype=torch.float64)
ROUNDING = 1e-12  # a few operations on numbers of order one

x, y, z, w, k, m, n = sympy.symbols("x y z w k m n", positive=True)
POINT = sympy.Matrix([x, y, z])
INVARIANT = (y / x) ** m * (z / x) ** n  # the identities are linear: sums obey them too


def euler_rests(f, degree):
    slope, hessian = sympy.Matrix([f]).jacobian(POINT).T, sympy.hessian(f, (x, y, z))
    rests = [POINT.dot(slope) - degree * f, *(hessian * POINT - (degree - 1) * slope)]
    return [sympy.simplify(sympy.expand(rest / f)) for rest in rests]


@pytest.mark.claim(HESSIAN, by="certificate")
def test_an_invariant_loss_maps_the_weights_to_minus_the_gradient():
    assert euler_rests(INVARIANT, 0) == [0] * 4


def curvatures(loss):
    hessian = torch.func.hessian(loss)
    return hessian(2 * W), hessian(W)


def skew(weights):
    direction = weights / weights.norm()
    return direction[0] + direction[0] * direction[1] ** 2


@pytest.mark.claim(HESSIAN, by="float64")
def test_twice_the_weights_have_a_quarter_of_the_curvature():
    longer, shorter = curvatures(skew)
    assert (4 * longer - shorter).norm() < ROUNDING < shorter.norm()
    assert abs(W @ shorter @ W) < ROUNDING


@pytest.mark.control(HESSIAN, drops="scale-invariant-loss")
def test_control_a_quadratic_form_has_one_curvature():
    longer, shorter = curvatures(lambda v: v @ v)
    assert (4 * longer - shorter).norm() > 1
    assert W @ shorter @ W > 1


@pytest.mark.claim(NEWTON, by="float64")
def test_a_newton_step_doubles_the_weights():
    assert torch.linalg.cond(torch.func.hessian(skew)(W)) < 1e3
    assert (newton_step(skew, W) - 2 * W).norm() < 1e-11  # rounding times the condition


@pytest.mark.control(NEWTON, drops="scale-invariant-loss")
def test_control_on_a_quadratic_form_it_lands_on_zero():
    assert newton_step(lambda v: v @ v, W).norm() < ROUNDING


@pytest.mark.control(NEWTON, drops="^invertible")
def test_control_at_a_stationary_point_there_is_no_step():
    pole = torch.tensor([2.0, 0.0], dtype=torch.float64)
    with pytest.raises(RuntimeError, match="singular"):
        newton_step(lambda v: v[0] ** 2 / (v @ v), pole)


@pytest.mark.claim(EULER, by="certificate")
def test_a_homogeneous_monomial_of_any_degree_obeys_euler():
    assert euler_rests(x**k * INVARIANT, k) == [0] * 4


@pytest.mark.claim(EULER, by="float64")
def test_the_gaps_of_a_cubic_vanish_in_degree_three():
    assert max(map(abs, euler_gaps(lambda v: (v**3).sum(), W, 3.0))) < ROUNDING
    # in degree two: one more f, and one more gradient
    first, second = euler_gaps(lambda v: (v**3).sum(), W, 2.0)
    assert first == pytest.approx((W**3).sum().item())
    assert second == pytest.approx((3 * W**2).norm().item())


@pytest.mark.control(EULER, drops="homogeneous-function")
def test_control_a_sum_of_two_degrees_does_not():
    for degree in (1.0, 2.0):
        gaps = euler_gaps(lambda v: (v @ v) + v.sum(), W, degree)
        assert min(map(abs, gaps)) > 0.5


def block_rests(f):
    """The identities of the first block, (x, y), beside the second, (z, w)."""
    one, two = sympy.Matrix([x, y]), sympy.Matrix([z, w])
    slope = sympy.Matrix([f]).jacobian(one).T
    rests = [one.dot(slope), *(slope.jacobian(one) * one + slope), *(slope.jacobian(two) * two)]
    scaled = slope.subs({x: 2 * x, y: 2 * y, z: 3 * z, w: 3 * w}, simultaneous=True)
    return [sympy.simplify(rest.doit()) for rest in [*rests, *(2 * scaled - slope)]]


@pytest.mark.claim(BLOCKS, by="certificate")
def test_each_block_obeys_the_lemma():
    assert block_rests(x * z / ((x + 2 * y) * (z + 3 * w))) == [0] * 7


@pytest.mark.control(BLOCKS, drops="block-scale-invariant-loss")
def test_control_under_a_common_factor_only_no_block_does():
    rests = block_rests(x / (z + w) + y / (x + z))
    assert all(abs(rest.subs({x: 1, y: 2, z: 3, w: 5})) > 0.005 for rest in rests[:5])
