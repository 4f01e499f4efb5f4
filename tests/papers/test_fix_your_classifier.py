"""Which rotations go unseen, and who reaches the limit where classes outnumber features?"""

import math

import pytest
import torch
from torch.nn import functional

from snippets.frozen_classifier import best_features, least_cross_entropy
from snippets.normalisers import batch_norm, layer_norm, rms_norm

ROUNDING = 1e-12  # float64, sums of a few numbers
CLEAR = 1e-2


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(0)


def rows(classes, features, generator):
    """Orthonormal rows, or, if there are more classes than features, what is left of them."""
    square = torch.randn(max(classes, features), max(classes, features), generator=generator)
    return torch.linalg.qr(square.double()).Q[:classes, :features]


def test_fixed_matrices_with_orthogonal_rows_differ_by_a_rotation_of_the_features(draw):
    one, other = rows(3, 5, draw), rows(3, 5, draw)
    left, _, right = torch.linalg.svd(one.T @ other, full_matrices=True)
    turn = left @ right  # orthogonal; VQ = V′, as the first three columns carry one to the other
    assert (one @ turn - other).abs().max() < ROUNDING * 10
    drawn = torch.randn(3, 5, generator=draw).double()  # the control: rows that are not orthogonal
    left, _, right = torch.linalg.svd(one.T @ drawn, full_matrices=True)
    assert (one @ (left @ right) - drawn).abs().max() > CLEAR


@pytest.mark.parametrize(("norm", "minds"), [(rms_norm, 0), (layer_norm, 1), (batch_norm, 1)])
def test_rms_norm_alone_does_not_mind_a_rotation_of_the_features(draw, norm, minds):
    z = torch.randn(6, 4, 1, generator=draw).double()  # samples, units, one position
    turn = rows(4, 4, draw)

    def turned(x):
        return torch.einsum("ij,njp->nip", turn, x)

    gap = (norm(turned(z)) - turned(norm(z))).abs().max()
    assert gap > CLEAR if minds else gap < ROUNDING


@pytest.mark.parametrize("classes", [5, 6], ids=["C = k + 1", "control: C = k + 2"])
def test_the_corners_of_a_simplex_reach_the_limit_with_one_class_more_than_features(classes):
    """Of spectral norm α, in four dimensions."""
    features, alpha, rho = 4, 1.5, 2.0
    centred = torch.eye(classes).double() - 1 / classes
    basis = torch.linalg.svd(centred).U[:, : classes - 1]  # orthonormal, of what sums to zero
    v = alpha * basis[:, :features]
    assert torch.linalg.matrix_norm(v, ord=2).item() == pytest.approx(alpha)
    limit = least_cross_entropy(alpha, rho, classes)
    reached = [
        functional.cross_entropy(v @ best_features(v, c, rho), torch.tensor(c)).item()
        for c in range(classes)
    ]
    assert min(reached) > limit - ROUNDING
    assert (max(reached) < limit + ROUNDING) == (classes == 5)
    assert classes == 5 or max(reached) > limit + CLEAR


@pytest.mark.parametrize("right", [True, False], ids=["right", "control: wrong"])
def test_a_longer_scale_takes_the_loss_of_a_sample_that_is_right_to_zero(right):
    logits = torch.tensor([2.0, 1.0, -1.0]).double()
    target = torch.tensor(0 if right else 1)
    losses = [functional.cross_entropy(a * logits, target).item() for a in (1, 2, 4, 40)]
    assert (losses == sorted(losses, reverse=True)) == right
    assert (losses[-1] < 1e-16 + math.exp(-39)) == right
