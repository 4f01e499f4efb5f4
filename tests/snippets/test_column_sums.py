"""Do column sums that no loss sees follow the run of the optimizer on a single number?"""

import mpmath
import numpy as np
import pytest
import sympy
import torch
from torch.nn import functional

from snippets.normalisers import gradient_through, normalise
from snippets.scalar_run import scalar_step

ROUNDING = 1e-12  # float64, sums of a few numbers of size one
FINE_ROUNDING = 1e-40  # a few steps in 50 digits
VISIBLE = 0.05  # of sums of size one, in 50 digits

FINE = mpmath.MPContext()
FINE.dps = 50


def digits(numbers):
    """The numbers in 50 digits."""
    return np.vectorize(lambda x: FINE.mpf(int(x)), otypes=[object])(numbers)


SUMS = "column-sums-follow-the-scalar-run"
root = np.vectorize(sympy.sqrt, otypes=[object])
fine_root = np.vectorize(FINE.sqrt, otypes=[object])
NINTHS = [3, 2, 4, 1, 3, 2], [1, 4, 0, 2, 5, 1], [2, 5, 8, 0, 7, 6]
RATES, DECAYS, MOMENTA = ([FINE.mpf(k) / 9 for k in ks] for ks in NINTHS)


def exact(numbers):
    return np.vectorize(sympy.Rational, otypes=[object])(np.array(numbers))


W, X = (
    exact([[1, 2], [-3, 1], [4, 0]]),
    exact([[1, -2, 3], [2, 1, -1]]),
)  # (unit, input), (input, n)
TARGETS = exact([[1, 0, -1], [2, 1, 1], [0, 1, -2]])


def slope(weights, centred=True, root=root):
    """∇ of ½‖N(Wx) − targets‖² for layer norm, or RMS norm if not centred."""
    fine = digits if root is fine_root else np.asarray
    z = weights @ fine(X)
    upstream = normalise(z, (0,), centred, 0, root) - fine(TARGETS)
    return gradient_through(upstream, z, (0,), centred, root) @ fine(X).T


def strays(steps, centred=True, buffer=0):
    """How far each column sum of W_t is from c_t times the first, in 50 digits."""
    weights = digits(W)
    first, buffer = weights.sum(axis=0), buffer + 0 * weights
    scalar, scalar_buffer = 1, 0
    for rate, decay, momentum in list(zip(RATES, DECAYS, MOMENTA, strict=True))[:steps]:
        buffer = momentum * buffer + slope(weights, centred, fine_root) + decay * weights
        weights = weights - rate * buffer
        scalar, scalar_buffer = scalar_step(scalar, scalar_buffer, rate, decay, momentum)
    assert abs(scalar - 1) > 0.01
    return [abs(gap) for gap in weights.sum(axis=0) - scalar * first]


@pytest.mark.claim(SUMS, by="exact")
def test_under_layer_norm_the_columns_of_the_gradient_sum_to_zero(measured):
    totals = slope(W).sum(axis=0)
    measured(sum(sympy.expand(total) != 0 for total in totals), allowed=0)
    assert any(sympy.expand(entry) != 0 for entry in slope(W).flat)


@pytest.mark.claim(SUMS, by="float64")
@pytest.mark.parametrize("steps", [1, 2, 6])
def test_the_column_sums_are_the_scalar_run_times_the_first(measured, steps):
    # In 50 digits: exact surds within surds grow too fast.
    measured(np.max(strays(steps)), allowed=FINE_ROUNDING)


@pytest.mark.control(SUMS, drops="^common-shift", instead="RMS norm, which sees a common vector")
def test_control_under_rms_norm_the_column_sums_train(measured):
    measured(max(strays(1, centred=False)), allowed=VISIBLE)


@pytest.mark.control(SUMS, drops="^zero-buffer", instead="a buffer with the weights in it")
def test_control_a_buffer_with_other_sums_pushes_them(measured):
    measured(max(strays(1, buffer=digits(W))), allowed=VISIBLE)


@pytest.mark.claim(SUMS, by="float64")
def test_a_softmax_classifier_keeps_its_column_sums_under_torchs_sgd(measured):
    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 4, bias=False).double()
    before = layer.weight.detach().sum(dim=0).clone()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
    start = layer.weight.detach().clone()
    for _ in range(50):
        x, y = torch.randn(8, 6, dtype=torch.float64), torch.randint(4, (8,))
        optimizer.zero_grad()
        functional.cross_entropy(layer(x), y).backward()
        optimizer.step()
    measured((layer.weight.detach().sum(dim=0) - before).abs().max(), allowed=ROUNDING)
    assert (layer.weight.detach() - start).abs().max() > 0.5
