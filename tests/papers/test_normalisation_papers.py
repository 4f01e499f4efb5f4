"""Are the formulas right that the notes on papers about normalisation derive beside the claims?

Each test stands for a sentence of a note, and is told with what it would be mistaken for.
"""

from fractions import Fraction

import numpy as np
import pytest
import sympy

from snippets.ratio_completion import squared_ratio
from snippets.scalar_run import scalar_step

F = Fraction
ROUNDING = 1e-12  # of numbers of size one, after a few steps of float64


# path-sgd


def loss_slopes(w, v):
    """The gradients of a squared error of a network with one hidden layer of ReLU units."""
    data = [((F(1), F(2)), F(1)), ((F(-1), F(1)), F(2)), ((F(2), F(-1)), F(-1))]
    of_w, of_v = [[F(0), F(0)] for _ in w], [F(0) for _ in v]
    for x, y in data:
        z = [sum(a * b for a, b in zip(row, x, strict=True)) for row in w]
        error = sum(out * max(one, F(0)) for out, one in zip(v, z, strict=True)) - y
        for j, one in enumerate(z):
            if one > 0:
                of_v[j] += error * one
                of_w[j] = [s + error * v[j] * b for s, b in zip(of_w[j], x, strict=True)]
    return of_w, of_v


def step(w, v, rate, path):
    """A step of Path-SGD, as the note has it, or of gradient descent."""
    of_w, of_v = loss_slopes(w, v)
    sizes = [sum(a * a for a in row) if path else 1 for row in w]
    scales = [out * out if path else 1 for out in v]
    return (
        [
            [a - rate * s / scale for a, s in zip(row, slope, strict=True)]
            for row, slope, scale in zip(w, of_w, scales, strict=True)
        ],
        [out - rate * s / size for out, s, size in zip(v, of_v, sizes, strict=True)],
    )


def rescaled(w, v, factors):
    return (
        [[c * a for a in row] for row, c in zip(w, factors, strict=True)],
        [out / c for out, c in zip(v, factors, strict=True)],
    )


@pytest.mark.parametrize("path", [True, False])
def test_the_rescaled_network_takes_the_rescaled_step_of_path_sgd_and_not_of_descent(path):
    start, factors = ([[F(1), F(1)], [F(1), F(-2)]], [F(1, 2), F(-1)]), (F(3), F(1, 2))
    one, other = start, rescaled(*start, factors)
    for _ in range(3):
        one, other = (step(*weights, F(1, 20), path) for weights in (one, other))
        assert (rescaled(*one, factors) == other) == path
    # what is orthogonal to what: ⟨∇w, w⟩ = v ∂v, which makes the flow keep ‖w‖² − v²
    of_w, of_v = loss_slopes(*start)
    for row, out, slope, pull in zip(*start, of_w, of_v, strict=True):
        assert sum(a * s for a, s in zip(row, slope, strict=True)) == out * pull
    assert any(out * pull for out, pull in zip(start[1], of_v, strict=True))


# data-dependent-path-normalization


def test_divided_by_the_length_in_any_metric_the_gradient_is_orthogonal_and_as_the_note_has_it():
    w = sympy.Matrix(sympy.symbols("w:2", positive=True))
    a, b, c = sympy.symbols("a b c", positive=True)
    metric, g = sympy.Matrix([[a, b], [b, c]]), sympy.Matrix(sympy.symbols("g:2", real=True))
    square = (w.T * metric * w)[0]
    # a gradient depends on the loss through g alone, so that a linear one will do
    total = (g.T * w)[0] / sympy.sqrt(square)
    slope = sympy.Matrix([sympy.diff(total, x) for x in w])
    formula = (g - metric * w * (w.T * g)[0] / square) / sympy.sqrt(square)
    assert sympy.simplify(slope - formula) == sympy.zeros(2, 1)
    assert sympy.simplify((w.T * slope)[0]) == 0
    # symmetric, and so an orthogonal projection, if and only if A w is a multiple of w
    projection = sympy.eye(2) - metric * w * w.T / square
    across = w[0] * (metric * w)[1] - w[1] * (metric * w)[0]
    assert sympy.simplify((projection - projection.T)[0, 1] * square - across) == 0


@pytest.mark.parametrize("more", [False, True])
def test_inputs_in_a_hyperplane_may_span_the_space_and_leave_a_variance_of_zero(more):
    inputs = np.array([[1, 0], [0, 1]] + [[2, 1]] * more, dtype=float)
    assert np.linalg.matrix_rank(inputs) == 2
    variance = (inputs @ np.ones(2)).var()
    assert (variance > 0.1) == more
    assert (np.linalg.eigvalsh(np.cov(inputs.T, bias=True)).min() > 0.01) == more


# weight-normalization


@pytest.mark.parametrize("whitened", [True, False])
def test_on_whitened_data_batch_norm_is_weight_norm(whitened):
    x = np.random.default_rng(0).standard_normal((20, 3))
    if whitened:
        x = x - x.mean(axis=0)
        x = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / 20)).T
    weights = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, 4.0]])
    z = x @ weights.T
    batch = (z - z.mean(axis=0)) / z.std(axis=0)
    gap = abs(batch - z / np.linalg.norm(weights, axis=1)).max()
    assert gap < ROUNDING if whitened else gap > 0.05


# layer-normalization


@pytest.mark.parametrize("momentum", [F(0), F(1, 2), F(-1, 4)])
@pytest.mark.parametrize("share", [F(1, 100), F(1, 2), F(99, 100), F(101, 100)])
def test_column_sums_shrink_to_nothing_as_long_as_decay_is_below_the_bound(momentum, share):
    """The characteristic polynomial z² − (1 + γ − ηλ)z + γ has its roots within the circle."""
    decay = float(share * 2 * (1 + momentum))
    roots = np.roots([1, -(1 + float(momentum) - decay), float(momentum)])
    shrinks = share < 1
    assert (abs(roots).max() < 1) == shrinks
    scalar, buffer = 1.0, 0.0
    for _ in range(3000):
        scalar, buffer = scalar_step(scalar, buffer, 1.0, decay, float(momentum))
    assert abs(scalar) < 1e-6 if shrinks else abs(scalar) > 1e6


# implicit-regularization


def test_descent_in_a_metric_from_zero_ends_at_the_solution_that_is_shortest_in_it():
    data, targets = np.array([[1.0, 2.0, -1.0]]), np.array([3.0])
    metric = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 1.0]])
    inverse, x = np.linalg.inv(metric), np.zeros(3)
    for _ in range(2000):
        x = x - 0.05 * inverse @ data.T @ (data @ x - targets)
    assert abs(data @ x - targets).max() < ROUNDING
    # orthogonal in the metric to whatever the data do not see
    unseen = np.array([[2.0, -1.0, 0.0], [1.0, 0.0, 1.0]])
    assert abs(unseen @ data[0]).max() == 0
    assert abs(unseen @ metric @ x).max() < ROUNDING
    assert abs(unseen @ x).max() > 0.1  # and so not the one of least Euclidean norm


# not-explainable-by-norms


@pytest.mark.parametrize("last", [0.0, 0.5])
def test_far_away_the_ratio_falls_towards_one_with_any_last_entry_and_nearby_to_rank_one(last):
    def squared(x):  # of [[x, 1], [1, d]]: the squared sum of singular values is ‖W‖² + 2|det W|
        return 1 + 2 * abs(x * last - 1) / (x**2 + 2 + last**2)

    if not last:
        assert squared(3.0) == squared_ratio(3.0, 1.0, 1.0)
    for side in (1, -1):
        far = [squared(side * x) for x in (10.0, 100.0, 1e4, 1e6)]
        assert (np.diff(far) < 0).all()
        assert far[-1] < 1 + 1e-5
    near = [squared(2 + gap) for gap in (0.1, 0.01, 0.0)]
    assert (np.diff(near) < 0).all() == bool(last)
    assert (near[-1] == 1) == bool(last)
