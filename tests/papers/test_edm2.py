"""What is a running average of directions, and what does its length tell?"""

from fractions import Fraction

import pytest
import torch

F = Fraction
UNITS = [(F(3, 5), F(4, 5)), (F(5, 13), F(12, 13)), (F(-8, 17), F(15, 17))]
WEIGHTS = [F(1, 2), F(1, 3), F(1, 6)]


def square(vector):
    return sum(x * x for x in vector)


@pytest.mark.parametrize("scale", [1, 2], ids=["unit vectors", "control: longer ones"])
def test_the_length_of_an_average_tells_how_far_its_directions_moved(scale):
    vectors = [tuple(scale * x for x in u) for u in UNITS]
    mean = [sum(w * u[i] for w, u in zip(WEIGHTS, vectors, strict=True)) for i in range(2)]
    pairs = [
        w * v * square([x - y for x, y in zip(u, t, strict=True)])
        for w, u in zip(WEIGHTS, vectors, strict=True)
        for v, t in zip(WEIGHTS, vectors, strict=True)
    ]
    assert (square(mean) == 1 - sum(pairs) / 2) == (scale == 1)
    assert square(mean) < scale**2


@pytest.mark.parametrize("growth", [F(1), F(11, 10), F(9, 10)])
def test_growing_weights_shorten_the_window_of_an_average(growth):
    """β^k‖θ_{t−k}‖ is the weight of the coefficient β/q, up to a constant."""
    beta, steps = F(4, 5), 20
    seen = [beta**k * growth ** (steps - k) for k in range(steps)]
    other = beta / growth
    assert [s / seen[0] for s in seen] == [other**k for k in range(steps)]
    assert (other < beta) == (growth > 1)
    # The control: the weights of β itself are those of a constant length only.
    assert ([s / seen[0] for s in seen] == [beta**k for k in range(steps)]) == (growth == 1)


@pytest.mark.parametrize("correlated", [False, True], ids=["uncorrelated", "control"])
def test_a_row_of_length_one_keeps_the_mean_square_of_uncorrelated_inputs(correlated):
    """E (w·x)² = wᵀ E[xxᵀ] w, which is ‖w‖² if E[xxᵀ] is the identity."""
    w = torch.tensor([0.6, 0.8], dtype=torch.float64)
    moments = torch.eye(2, dtype=torch.float64)
    if correlated:
        moments[0, 1] = moments[1, 0] = 0.5
    out = (w @ moments @ w).item()
    assert (abs(out - 1) < 1e-12) == (not correlated)  # float64, four products
    assert (2 * w @ moments @ (2 * w)).item() == pytest.approx(4 * out)
