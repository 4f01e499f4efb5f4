"""How confident can a frozen classifier be?"""

import math

import pytest
import sympy
import torch
from torch.nn import functional

from snippets.frozen_classifier import best_features, least_cross_entropy, needed_scale

ROUNDING = 1e-12  # float64, a few operations on numbers of size one
FEATURES, CLASSES, SCALE, NORM = 12, 5, 0.7, 3.0
CLAIM = "frozen-classifier-bounds-the-confidence"
CLEAR = 2  # times the loss is below its bound, where the claim allows no more than a rounding
STARTS = 50  # of a search


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
    x = torch.randn(STARTS, classifier.shape[1], dtype=torch.float64, generator=generator)
    for _ in range(steps):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(loss(classifier, x, label).sum(), x)
        x = (x - 3 * slope).detach()
        x *= (norm / x.norm(dim=1, keepdim=True)).clamp(max=1)
    return loss(classifier, x, label).min().item()


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_the_contrast_has_the_length_that_the_bound_says(measured):
    """One step: ‖w‖² = C/(C − 1). The two inequalities are argued on the page."""
    classes = sympy.Symbol("C", positive=True)
    rest = 1 + (classes - 1) / (classes - 1) ** 2 - classes / (classes - 1)
    measured(sympy.simplify(rest) != 0, allowed=0)


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("label", [0, 3])
def test_orthogonal_rows_reach_the_bound(measured, orthogonal, label):
    least = least_cross_entropy(SCALE, NORM, CLASSES)
    x = best_features(orthogonal, label, NORM)
    assert x.norm().item() == pytest.approx(NORM, rel=ROUNDING)
    measured(abs(loss(orthogonal, x[None], label) / least - 1), allowed=ROUNDING)


@pytest.mark.claim(CLAIM, by="search")
@pytest.mark.parametrize("label", [0, 3])
def test_descent_on_the_features_comes_near_the_bound_and_not_below(measured, orthogonal, label):
    least = least_cross_entropy(SCALE, NORM, CLASSES)
    found = climb(orthogonal, label, NORM)
    assert found < least * 1.001  # the search comes near
    measured(max(1 - found / least, 0), allowed=ROUNDING, among=STARTS)


def simplex():
    """A classifier whose rows are the corners of a regular simplex, one more than features."""
    centred = SCALE * (torch.eye(CLASSES, dtype=torch.float64) - 1 / CLASSES)
    vectors, values, _ = torch.linalg.svd(centred)
    return vectors[:, :-1] * values[:-1]


def test_the_corners_of_a_simplex_reach_the_bound_in_one_feature_less_than_classes():
    classifier, least = simplex(), least_cross_entropy(SCALE, NORM, CLASSES)
    assert classifier.shape == (CLASSES, CLASSES - 1)
    assert torch.linalg.matrix_norm(classifier, ord=2).item() == pytest.approx(SCALE)
    for label in range(CLASSES):
        x = best_features(classifier, label, NORM)
        assert loss(classifier, x[None], label).item() == pytest.approx(least, rel=ROUNDING)
    # with one feature less it is reached for some class no more
    fewer = classifier[:, :-1] / torch.linalg.matrix_norm(classifier[:, :-1], ord=2) * SCALE
    found = [climb(fewer, label, NORM) for label in range(CLASSES)]
    assert max(found) > 1.01 * least


@pytest.mark.claim(CLAIM, by="search")
def test_a_classifier_of_another_shape_stays_above_the_bound(measured):
    classifier = torch.randn(
        CLASSES, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    classifier *= SCALE / torch.linalg.matrix_norm(classifier, ord=2)
    found, least = climb(classifier, 1, NORM), least_cross_entropy(SCALE, NORM, CLASSES)
    measured(least / found, allowed=1, among=STARTS)  # the bound
    assert found > 1.01 * least  # another shape does not even reach it


@pytest.mark.control(CLAIM, drops="^frozen-scale", instead="a classifier of twice the scale")
def test_control_a_larger_scale_gets_below_the_bound(measured, orthogonal):
    x = best_features(orthogonal, 0, NORM)
    larger = loss(2 * orthogonal, x[None], 0)
    measured(least_cross_entropy(SCALE, NORM, CLASSES) / larger, allowed=CLEAR)


@pytest.mark.control(CLAIM, drops="^bounded-features", instead="features twice as long")
def test_control_longer_features_get_below_the_bound(measured, orthogonal):
    x = best_features(orthogonal, 0, 2 * NORM)
    longer = loss(orthogonal, x[None], 0)
    measured(least_cross_entropy(SCALE, NORM, CLASSES) / longer, allowed=CLEAR)


def test_the_bound_is_zero_to_all_digits_where_the_exponential_underflows():
    gap = math.sqrt(2)  # of two classes, for αρ = 1
    assert least_cross_entropy(1.0, 740 / gap, 2) > 0
    assert least_cross_entropy(1.0, 750 / gap, 2) == 0


def test_behind_batch_norm_one_sample_may_be_longer_than_the_mean():
    column = torch.tensor([[-1.0], [-1.0], [2.0]], dtype=torch.float64)
    normal = torch.nn.BatchNorm1d(1, 1e-60, affine=False, dtype=torch.float64)(column)
    assert normal.square().mean().item() == pytest.approx(1)
    assert normal[2].item() == pytest.approx(math.sqrt(2))


def test_behind_layer_and_rms_norm_no_sample_is_longer_than_the_root_of_the_units():
    generator = torch.Generator().manual_seed(0)
    x = 10 ** torch.linspace(-4, 4, 9, dtype=torch.float64)[:, None] * torch.randn(
        9, FEATURES, dtype=torch.float64, generator=generator
    )
    for normal in (functional.layer_norm, functional.rms_norm):
        lengths = normal(x, (FEATURES,), eps=1e-5).norm(dim=1) / math.sqrt(FEATURES)
        assert lengths.max() <= 1 + ROUNDING
        assert lengths[0] < 0.1 < 0.999 < lengths[-1]  # what epsilon takes of a short one
    assert not functional.layer_norm(torch.ones(1, FEATURES), (FEATURES,)).any()  # has no spread


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
