"""Does Adam turn the weights by the angle of the note?"""

import math

import pytest
import torch

ETA = 0.05
ROUNDING = 1e-9  # float64; the angle is that of a small difference of vectors


def run(steps):
    """Torch's Adam on a ratio of forms: the weights before and after each step."""
    draw = torch.Generator().manual_seed(0)
    form = torch.randn(6, 6, generator=draw, dtype=torch.float64)
    theta = torch.randn(6, generator=draw, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.Adam([theta], lr=ETA)
    for _ in range(steps):
        before = theta.detach().clone()
        optimizer.zero_grad()
        (theta @ form @ theta / (theta @ theta)).backward()
        optimizer.step()
        yield before, theta.detach().clone()


def test_the_direction_turns_by_the_part_across_over_what_is_left_along():
    seen = 0
    for before, after in run(10):
        update = (before - after) / ETA
        unit = before / before.norm()
        along = update @ unit
        across = (update - along * unit).norm()
        beside = (after - (after @ unit) * unit).norm() / (after @ unit)
        left = before.norm() - ETA * along
        assert left > 0
        assert beside.item() == pytest.approx((ETA * across / left).item(), rel=ROUNDING)
        first_order = ETA * across / before.norm()  # the control: without the part along
        seen = max(seen, abs((beside - first_order) / first_order).item())
    assert seen > 1e-3


def test_to_first_order_the_part_along_does_not_count():
    """The angle over η‖u⊥‖/‖θ‖ tends to one like the rate, as the remark on second order says."""
    along, across, length = 0.7, 0.4, 2.0
    gaps = [
        math.atan2(eta * across, length - eta * along) / (eta * across / length) - 1
        for eta in (1e-2, 1e-3)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)
    assert gaps[1] == pytest.approx(1e-3 * along / length, rel=0.01)  # the second order
