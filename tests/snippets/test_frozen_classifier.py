"""How confident can a frozen classifier be, and do column sums that nobody sees stand still?"""

import math

import mpmath
import numpy as np
import pytest
import sympy
import torch
from torch.nn import functional

from snippets.frozen_classifier import best_features, least_cross_entropy, needed_scale
from snippets.normalisers import gradient_through, normalise
from snippets.scalar_run import scalar_step

ROUNDING = 1e-12  # float64, a few operations on numbers of size one
FEATURES, CLASSES, SCALE, NORM = 12, 5, 0.7, 3.0
CLAIM = "frozen-classifier-bounds-the-confidence"


@pytest.fixture(params=range(3), ids="seed={}".format)
def orthogonal(request):
    """A classifier with orthogonal rows of length SCALE."""
    generator = torch.Generator().manual_seed(request.param)
    square = torch.randn(FEATURES, CLASSES, dtype=torch.float64, generator=generator)
    return SCALE * torch.linalg.qr(square).Q.T


def loss(classifier, features, label):
    """The cross-entropy of each row of features."""
    logits = features @ classifier.T
    return functional.cross_entropy(logits, torch.full((len(features),), label), reduction="none")


def climb(classifier, label, norm, steps=300):
    """The least loss that projected descent finds on the ball ‖x‖ ≤ norm, from many starts."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, classifier.shape[1], dtype=torch.float64, generator=generator)
    for _ in range(steps):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(loss(classifier, x, label).sum(), x)
        x = (x - 3 * slope).detach()
        x *= (norm / x.norm(dim=1, keepdim=True)).clamp(max=1)
    return loss(classifier, x, label).min().item()


@pytest.mark.claim(CLAIM, by="certificate")
def test_the_contrast_has_the_length_that_the_bound_says():
    classes = sympy.Symbol("C", positive=True)
    assert sympy.simplify(1 + (classes - 1) / (classes - 1) ** 2 - classes / (classes - 1)) == 0


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("label", [0, 3])
def test_orthogonal_rows_reach_the_bound_and_no_search_gets_below(orthogonal, label):
    least = least_cross_entropy(SCALE, NORM, CLASSES)
    x = best_features(orthogonal, label, NORM)
    assert x.norm().item() == pytest.approx(NORM, rel=ROUNDING)
    assert loss(orthogonal, x[None], label).item() == pytest.approx(least, rel=ROUNDING)
    found = climb(orthogonal, label, NORM)
    assert least - ROUNDING < found < least * 1.001


@pytest.mark.claim(CLAIM, by="float64")
def test_a_classifier_of_another_shape_stays_above_the_bound():
    classifier = torch.randn(
        CLASSES, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    classifier *= SCALE / torch.linalg.matrix_norm(classifier, ord=2)
    assert climb(classifier, 1, NORM) > 1.01 * least_cross_entropy(SCALE, NORM, CLASSES)


@pytest.mark.control(CLAIM, drops="^frozen-scale")
def test_control_a_larger_scale_gets_below_the_bound(orthogonal):
    x = best_features(orthogonal, 0, NORM)
    larger = loss(2 * orthogonal, x[None], 0).item()
    assert larger < 0.5 * least_cross_entropy(SCALE, NORM, CLASSES)


@pytest.mark.control(CLAIM, drops="^bounded-features")
def test_control_longer_features_get_below_the_bound(orthogonal):
    x = best_features(orthogonal, 0, 2 * NORM)
    assert loss(orthogonal, x[None], 0).item() < 0.5 * least_cross_entropy(SCALE, NORM, CLASSES)


def test_two_classes_are_a_logistic_function():
    # f = ±αρ/√2 at best, so the gap is √2·αρ
    least = least_cross_entropy(0.5, 2.0, 2)
    assert least == pytest.approx(math.log(1 + math.exp(-math.sqrt(2))), rel=ROUNDING)


@pytest.mark.parametrize("wanted", [0.5, 1e-3])
def test_the_needed_scale_is_the_one_whose_bound_is_the_loss(wanted):
    scale = needed_scale(wanted, NORM, CLASSES)
    assert least_cross_entropy(scale, NORM, CLASSES) == pytest.approx(wanted, rel=ROUNDING)


def test_what_no_scale_can_do_is_refused():
    for wanted in (0.0, -1.0, math.log(CLASSES), 5.0):
        with pytest.raises(ValueError, match=r"log C = 1\.609, and a finite scale never 0; ask"):
            needed_scale(wanted, NORM, CLASSES)
    with pytest.raises(ValueError, match="1 class leaves nothing to tell apart; there must be two"):
        least_cross_entropy(SCALE, NORM, 1)


# Column sums. Exact arithmetic: roots by sympy, all the rest rational.

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
def test_under_layer_norm_the_columns_of_the_gradient_sum_to_zero():
    assert all(sympy.expand(total) == 0 for total in slope(W).sum(axis=0))
    assert any(sympy.expand(entry) != 0 for entry in slope(W).flat)


@pytest.mark.claim(SUMS, by="float64")
@pytest.mark.parametrize("steps", [1, 2, 6])
def test_the_column_sums_are_the_scalar_run_times_the_first(steps):
    # In 50 digits: exact surds within surds grow too fast.
    assert max(strays(steps)) < 1e-40


@pytest.mark.control(SUMS, drops="^common-shift")
def test_control_under_rms_norm_the_column_sums_train():
    assert max(strays(1, centred=False)) > 0.05


@pytest.mark.control(SUMS, drops="^zero-buffer")
def test_control_a_buffer_with_other_sums_pushes_them():
    assert max(strays(1, buffer=digits(W))) > 0.05


@pytest.mark.claim(SUMS, by="float64")
def test_a_softmax_classifier_keeps_its_column_sums_under_torchs_sgd():
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
    assert (layer.weight.detach().sum(dim=0) - before).abs().max() < ROUNDING * 100
    assert (layer.weight.detach() - start).abs().max() > 0.5
