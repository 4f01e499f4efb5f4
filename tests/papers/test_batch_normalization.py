"""What does batch norm see of its samples?"""

import pytest
import torch

from snippets.normalisers import batch_norm, layer_norm

ROUNDING = 1e-12  # float64, a few numbers


@pytest.fixture
def z():
    return torch.randn(3, 2, 1, generator=torch.Generator().manual_seed(0)).double()


def test_two_samples_come_out_as_one_and_minus_one(z):
    assert (batch_norm(z[:2]).abs() - 1).abs().max() < ROUNDING
    assert (batch_norm(z).abs() - 1).abs().max() > 1e-2  # the control: three samples


@pytest.mark.parametrize(("norm", "sees"), [(batch_norm, True), (layer_norm, False)])
def test_one_image_times_two_changes_the_outputs_of_the_others(z, norm, sees):
    other = z.clone()
    other[0] *= 2
    gap = (norm(other)[1:] - norm(z)[1:]).abs().max()
    assert gap > 1e-2 if sees else gap == 0
