"""Does the ratio send a free entry to infinity, and does Adam not see how strong a penalty is?"""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from snippets.ratio_completion import adam_step, complete, squared_ratio
from snippets.ratio_penalty import ratio, ratio_gradient

INFINITY = "ratio-drives-norms-to-infinity"
ADAM = "adam-ignores-the-strength-off-the-data"
F = Fraction
LAST = 1e-14  # a few dozen units in the last place of a float64
NOTICED = 0.05  # a twentieth: a million million times what rounding does


def apart(moves, others):
    """The largest relative difference."""
    return abs(np.divide(moves, others) - 1).max()


def matrix(x, b, c, d=0.0):
    return torch.tensor([[x, b], [c, d]], dtype=torch.float64)


# To infinity.


@pytest.mark.claim(INFINITY, by="certificate of a step")
def test_the_squared_ratio_is_one_plus_a_fraction_that_falls_in_the_square_of_the_free_entry(
    measured,
):
    """The formula and point 1 of three, for all x, b and c; the limit settles the infimum."""
    x = sympy.Symbol("x", real=True)
    b, c = sympy.symbols("b c", real=True, nonzero=True)
    whole = sympy.Matrix([[x, b], [c, 0]])
    square = (whole.T * whole).trace()
    nuclear_square = square + 2 * abs(whole.det())  # (σ₁ + σ₂)²
    measured(sympy.cancel(squared_ratio(x, b, c) - nuclear_square / square) != 0, allowed=0)
    slope = sympy.diff(squared_ratio(x, b, c), x)
    measured(sympy.simplify(slope + 4 * abs(b * c) * x / square**2) != 0, allowed=0)
    measured(abs(sympy.limit(squared_ratio(x, b, c), x, sympy.oo) - 1), allowed=0)


@pytest.mark.claim(INFINITY, by="float64")
@pytest.mark.parametrize(("b", "c"), [(1.0, 1.0), (-2.0, 3.0), (0.1, -5.0)])
def test_it_is_the_ratio_of_the_matrix_and_falls_as_norms_rise(measured, b, c):
    frees = [0.0, -0.5, 1.0, 3.0, -10.0, 100.0]
    seen = [ratio(matrix(x, b, c)).item() for x in frees]
    expected = [math.sqrt(squared_ratio(x, b, c)) for x in frees]
    measured(apart(seen, expected), allowed=LAST)
    measured((~(np.diff(seen) < 0)).sum(), allowed=0)
    for order in ("nuc", "fro", 2):
        norms = [torch.linalg.matrix_norm(matrix(x, b, c), order) for x in frees]
        measured((~(np.diff(norms) > 0)).sum(), allowed=0)


@pytest.mark.claim(INFINITY, by="float64")
def test_descent_on_the_free_entry_alone_goes_to_infinity_like_a_fourth_root(measured):
    x, rate = np.array([0.01, -0.3, 2.0]), 5.0
    for step in range(4_001):
        if step == 2_000:
            half = x.copy()
        slope = -2 * x / (x**2 + 2) ** 2 / np.sqrt(squared_ratio(x, 1.0, 1.0))
        x = x - rate * slope
    # f′ ≈ −2/x³, so x⁴ grows by 8η a step, up to terms of relative order x⁻²
    measured(apart((x**4 - half**4) / 2_000, 8 * rate), allowed=0.03)
    assert (np.sign(x) == [1, -1, 1]).all()


@pytest.mark.control(INFINITY, drops="^zero", instead="1 in that place, so that x = 6 has rank one")
def test_control_with_another_number_in_that_place_the_ratio_is_one_at_a_finite_entry(measured):
    assert ratio(matrix(6.0, 2.0, 3.0, 1.0)).item() == pytest.approx(1, rel=1e-14)
    # there it has risen again, where by the claim it falls
    measured(ratio(matrix(60.0, 2.0, 3.0, 1.0)) - 1, allowed=0.005)


@pytest.mark.parametrize(("start", "ends"), [(2.9, 1.0), (0.0, 1.0), (3.1, None), (-1.1, None)])
def test_without_the_zero_the_ratio_falls_to_rank_one_from_nearby_and_to_infinity_from_afar(
    start, ends
):
    def squared(x):  # of [[x, 1], [1, 1]]
        return 1 + 2 * abs(x - 1) / (x**2 + 3)

    for x in (-10.0, 0.3, 2.0, 7.0):
        assert squared(x) == pytest.approx(ratio(matrix(x, 1.0, 1.0, 1.0)).item() ** 2, rel=1e-14)
    x, path = start, [start]
    for step in range(20_000):
        # a step of length 1/10 at first, and shorter ones towards the kink at x = 1
        slope = (squared(x + 1e-6) - squared(x - 1e-6)) / 2e-6
        x -= 20 / (step + 20) * slope / (abs(slope) + 1e-2) / 10
        path.append(x)
    if ends is None:
        assert abs(path[-1]) > abs(path[100]) > abs(start)
        assert (np.sign(np.diff(np.abs(path))) > 0).all()
    else:
        assert path[-1] == pytest.approx(ends, abs=1e-3)


@pytest.mark.control(INFINITY, drops="ratio-penalty", instead="the nuclear norm, least at x = 0")
def test_control_the_nuclear_norm_picks_zero(measured):
    norms = [torch.linalg.svdvals(matrix(x, 1.0, 1.0)).sum().item() for x in (-1.0, 0.0, 1.0)]
    # it rises on both sides, where the claim has it fall
    measured(min(norms[0], norms[2]) - norms[1], allowed=4 * NOTICED)


def test_a_norm_of_another_kind_may_be_least_elsewhere():
    def sheared(x):  # |x − b| + |b| + |c| + |d| is a norm of [[x, b], [c, d]]
        return sum(map(abs, (x - 1, 1, 1, 0)))

    assert sheared(1) < sheared(0) < sheared(-1)
    for order in ("nuc", "fro", 2):  # and those of the singular values alone are least at zero
        least, *others = (torch.linalg.matrix_norm(matrix(x, 1.0, 1.0), order) for x in (0, 1, -1))
        assert least < min(others)


# Adam off the data.

SLOPES = [F(3, 7), F(-2), F(1, 5), F(1, 90)]
BETAS = (F(9, 10), F(99, 100))


def adam_moves(gradients, eps=0):
    moves, moments = [], (F(0), F(0))
    for step, gradient in enumerate(gradients, 1):
        move, moments = adam_step(moments, gradient, step, BETAS, eps)
        moves.append(move)
    return np.array(moves, dtype=float)


def test_a_step_is_that_of_torch():
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for eps in (0.0, 0.1):
        for options in ({}, {"betas": (0.8, 0.95)}):
            optimizer = torch.optim.Adam([weight], lr=1.0, eps=eps, **options)
            moments = (0.0, 0.0)
            for step, slope in enumerate(map(float, SLOPES), 1):
                before = weight.item()
                weight.grad = torch.full_like(weight, slope)
                optimizer.step()
                move, moments = adam_step(moments, slope, step, eps=eps, **options)
                # both round a handful of times, on numbers of order one
                assert before - weight.item() == pytest.approx(move, abs=1e-13)


@pytest.mark.claim(ADAM, by="certificate")
def test_the_step_for_any_strength_is_that_of_strength_one_with_epsilon_divided(measured):
    """By induction over the steps: for all slopes, betas, bias corrections and strengths."""
    strength, eps, rate = sympy.symbols("mu epsilon eta", positive=True)
    slope, first = sympy.symbols("p m", real=True)
    second = sympy.Symbol("v", nonnegative=True)  # with ε > 0 it may be zero
    size, *corrections = sympy.symbols("s k1 k2", positive=True)
    betas = sympy.symbols("beta1 beta2", positive=True)

    def after(moments, gradient):
        return (
            betas[0] * moments[0] + (1 - betas[0]) * gradient,
            betas[1] * moments[1] + (1 - betas[1]) * gradient**2,
        )

    def carried(moments):
        return strength * moments[0], strength**2 * moments[1]

    # At the start moments are zero, and carried along; and one step keeps them carried along.
    zero = (sympy.Integer(0),) * 2
    for begin in (zero, (first, second)):
        gap = zip(
            after(carried(begin), strength * slope), carried(after(begin, slope)), strict=True
        )
        measured(sum(sympy.expand(a - b) != 0 for a, b in gap), allowed=0)

    def step(moments, eps):
        return -rate * moments[0] / corrections[0] / (sympy.sqrt(moments[1] / corrections[1]) + eps)

    given = first, second
    measured(
        sympy.simplify(step(carried(given), eps) - step(given, eps / strength)) != 0, allowed=0
    )
    measured(sympy.simplify(step(carried(given), 0) - step(given, 0)) != 0, allowed=0)
    # The first step, with bias corrections, is the sign.
    for sign in (1, -1):
        top, below = after(zero, sign * size)
        corrected = sympy.cancel(top / (1 - betas[0])), sympy.cancel(below / (1 - betas[1]))
        measured(corrected[0] / sympy.sqrt(corrected[1]) - sign != 0, allowed=0)
    # A step of gradient descent, for an entry w of which the loss is no function.
    entry, others = sympy.symbols("w x", real=True)
    loss, penalty = sympy.Function("L")(others), sympy.Function("psi")(entry, others)
    descent = -rate * sympy.diff(loss + strength * penalty, entry)
    measured(descent + rate * strength * sympy.diff(penalty, entry) != 0, allowed=0)


@pytest.mark.claim(ADAM, by="float64")
def test_steps_off_the_data_agree_for_strengths_over_many_orders_of_magnitude(measured):
    expected = adam_moves(SLOPES)
    measured(abs(expected[0] - 1), allowed=LAST)  # the sign
    for strength in (F(1, 10**12), F(1, 7), F(1000)):
        moves = adam_moves([strength * slope for slope in SLOPES])
        measured(apart(moves, expected), allowed=LAST)  # exact but for the root


def test_a_stationary_point_misses_what_is_observed_by_the_strength_times_the_slope():
    draw = torch.Generator().manual_seed(3)
    observed, start = torch.randn(2, 4, 3, generator=draw, dtype=torch.float64)
    known = torch.ones(4, 3, dtype=torch.float64)  # then descent arrives at once
    missed = {}
    for strength in (0.01, 0.1):
        weights = complete(observed, known, start, strength, 0.5, 200, adam=False)
        missed[strength] = (weights - observed).abs().max().item()
        torch.testing.assert_close(
            weights - observed, -strength * ratio_gradient(weights), rtol=0, atol=1e-12
        )
    # of the order of μ: the slopes differ by what the two differ
    assert missed[0.1] / missed[0.01] == pytest.approx(10, rel=0.1)


@pytest.mark.claim(ADAM, by="float64")
def test_the_first_step_of_a_completion_is_the_same_off_the_data_and_not_on_it(measured):
    draw = torch.Generator().manual_seed(0)
    start, observed = torch.randn(2, 5, 4, generator=draw, dtype=torch.float64)
    known = (torch.rand(5, 4, generator=draw) < 0.5).double()
    assert 5 < known.sum() < 15
    after = [complete(observed, known, start, m, 0.01, 1) for m in (1e-6, 1e-2, 10.0)]
    for other in after[1:]:
        off = (other - after[0])[known == 0]
        measured(off.abs().max(), allowed=LAST / 10)  # of entries of order one
        measured(((after[0] - start)[known == 0].abs() - 0.01).abs().max(), allowed=LAST)
    assert (after[2] - after[0]).abs().max() > 0.01  # where the loss has another sign
    slow = [complete(observed, known, start, m, 0.01, 1, adam=False) for m in (1e-2, 2e-2)]
    moves = [(after - start)[known == 0].numpy() for after in slow]
    # small differences of entries of order one, relative to themselves
    measured(apart(moves[1], 2 * moves[0]), allowed=1e-9)


@pytest.mark.control(ADAM, drops="^one-strength", instead="a strength that doubles at each step")
def test_control_a_strength_that_changes_is_noticed(measured):
    growing = [2**t * slope for t, slope in enumerate(SLOPES)]
    measured(apart(adam_moves(growing), adam_moves(SLOPES)), allowed=2 * NOTICED)


def test_without_memory_a_strength_that_changes_is_not_noticed_as_the_step_is_the_sign():
    for strengths in ([1, 1, 1, 1], [1, 2, 4, 8]):
        for slope, strength in zip(SLOPES, strengths, strict=True):
            gradient = float(strength * slope)
            # at any step: with both betas zero the moments are of the last gradient alone
            move, _ = adam_step((5.0, 7.0), gradient, 3, betas=(0.0, 0.0))
            assert move == pytest.approx(math.copysign(1, slope), rel=LAST)
            with_memory, _ = adam_step((5.0, 7.0), gradient, 3)
            assert with_memory != pytest.approx(math.copysign(1, slope), rel=NOTICED)


@pytest.mark.control(
    ADAM,
    drops="^no-eps",
    instead="an epsilon a thousand times the strength, at this and at twice it",
)
def test_control_with_an_epsilon_a_tiny_strength_moves_in_proportion(measured):
    eps = F(1, 10**8)
    moves = [adam_moves([F(m) * s for s in SLOPES], eps) for m in (F(1, 10**11), F(2, 10**11))]
    np.testing.assert_allclose(moves[1], 2 * moves[0], rtol=0.01)
    np.testing.assert_allclose(
        moves[0], adam_moves(SLOPES, eps * 10**11), rtol=1e-12
    )  # strength one, ε/μ
    assert abs(moves[0]).max() < 0.01
    measured(apart(moves[1], moves[0]), allowed=NOTICED)


@pytest.mark.control(ADAM, drops="^unobserved", instead="an entry on which the loss has slopes")
def test_control_on_an_observed_entry_the_strength_counts(measured):
    loss = [F(1), F(1, 2), F(-1, 3), F(1, 5)]
    moves = [
        adam_moves([a + m * s for a, s in zip(loss, SLOPES, strict=True)]) for m in (F(1, 9), F(1))
    ]
    measured(apart(moves[1], moves[0]), allowed=10 * NOTICED)


def test_a_step_without_gradient_and_epsilon_is_refused():
    with pytest.raises(ValueError, match="a second moment is zero, and so is eps: give eps a"):
        adam_step((0.0, 0.0), 0.0, 1)
    with pytest.raises(ValueError, match="second moment is zero"):
        adam_step((torch.zeros(2), torch.zeros(2)), torch.tensor([1.0, 0.0]), 1)
    assert adam_step((0.0, 0.0), 0.0, 1, eps=1e-8)[0] == 0  # so at μ = 0, with an epsilon


@pytest.mark.parametrize("adam", [True, False])
def test_a_completion_takes_the_steps_of_torch_on_the_objective(adam):
    draw = torch.Generator().manual_seed(1)
    start, observed = torch.randn(2, 4, 3, generator=draw, dtype=torch.float64)
    known = (torch.rand(4, 3, generator=draw) < 0.6).double()
    weights = start.clone().requires_grad_()
    kind = torch.optim.Adam if adam else torch.optim.SGD
    optimizer = kind([weights], lr=0.02, **({"eps": 0.0} if adam else {}))
    for _ in range(5):
        optimizer.zero_grad()
        error = (known * (weights - observed)).square().sum() / 2
        (error + 0.3 * ratio(weights)).backward()
        optimizer.step()
    ours = complete(observed, known, start, 0.3, 0.02, 5, **({} if adam else {"adam": False}))
    torch.testing.assert_close(ours, weights.detach(), rtol=0, atol=1e-12)


def test_zero_has_no_ratio_and_a_completion_from_it_is_refused():
    zero = torch.zeros(2, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="W = 0 has no ratio: start somewhere else"):
        complete(zero, zero, zero, 1.0, 0.1, 1)
    assert complete(zero, zero, zero, 1.0, 0.1, 0).sum() == 0
    small = torch.diag(torch.tensor([0.3, 0.4], dtype=torch.float64))
    assert complete(small, zero, small, 1.0, 0.01, 1, adam=False)[1, 1] > 0.4
    rank_one = torch.diag(torch.tensor([0.3, 0.0], dtype=torch.float64))
    assert complete(rank_one, zero, rank_one, 1.0, 0.01, 1, adam=False)[0, 0] > 0


@pytest.mark.parametrize(
    ("observed", "start", "complaint"),
    [
        (torch.ones(2, 3), torch.ones(3, 2), r"have the shapes \[\(2, 3\), \(2, 3\), \(3, 2\)\]"),
        (torch.ones(2, 3, 1, 1), torch.ones(2, 3, 1, 1), r"observed has the shape \(2, 3, 1, 1\)"),
        (torch.ones(3), torch.ones(3), r"observed has the shape \(3,\)"),
        (torch.ones(2, 3), torch.ones(2, 3).bfloat16(), r"start has the .* torch.bfloat16: give a"),
        (torch.ones(2, 3).half(), torch.ones(2, 3), r"observed has the .* torch.float16: give a"),
        (torch.ones(2, 3).long(), torch.ones(2, 3), r"observed has the .* torch.int64: give a"),
        (torch.ones(0, 3), torch.ones(0, 3), "observed has no entries"),
        (torch.full((2, 3), torch.nan), torch.ones(2, 3), "where it is not known put 0"),
        (torch.ones(2, 3), torch.full((2, 3), torch.inf), "start has .* that are not finite"),
    ],
)
def test_what_is_no_matrix_of_finite_floats_is_refused(observed, start, complaint):
    if "shapes" in complaint:  # the fixtures of shapes refuse it first
        with pytest.raises((ValueError, TypeError), match="shape"):
            complete(observed, torch.ones_like(observed), start, 1.0, 0.1, 1)
        return
    with pytest.raises(ValueError, match=complaint):
        complete(observed, torch.ones_like(observed), start, 1.0, 0.1, 1)
    complete(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2, 3), 1.0, 0.1, 1)


def test_not_every_norm_is_least_at_x_zero():
    # The Frobenius norm of (x + b, x, b, c), which is linear in W and zero for W = 0 only.
    b, c = F(1), F(3)

    def square(x):
        return (x + b) ** 2 + x**2 + b**2 + c**2

    assert square(F(-1, 2)) < square(F(0))
    assert all(square(F(-1, 2)) < square(F(-1, 2) + step) for step in (F(1, 9), F(-1, 9), F(3)))
