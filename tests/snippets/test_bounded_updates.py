"""Do bounded updates and decoupled decay keep the weights in a ball, in every norm?"""

from fractions import Fraction

import pytest
import torch
from torch.optim import Muon

from snippets.bounded_updates import farthest
from snippets.homogeneous_twin import Lion

CLAIM = "bounded-updates-keep-the-weights-in-a-ball"
F = Fraction
ROUNDING = 1e-12  # two hundred steps, each rounded at 1e-16
BEYOND = 0.1  # of a bound of order one
STEPS = 200
RATES = [0.02 + 0.1 * (t % 7) for t in range(STEPS)]


def orthogonal(matrix):
    left, _, right = torch.linalg.svd(matrix)
    return left @ right


CASES = {
    "the largest coordinate": (torch.sign, lambda w: w.abs().max()),
    "the length": (lambda g: g / g.norm(), torch.Tensor.norm),
    "the largest singular value": (orthogonal, lambda w: torch.linalg.matrix_norm(w, 2)),
}


def excess(name, start, decay=1.5, rates=RATES, persistent=0.5, factor=1.0):
    """By how much the weights of some step are beyond the bound, at most; 0 if by nothing."""
    make, norm = CASES[name]
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    weights *= start / norm(weights)
    drift = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    beyond, began = [torch.zeros(()).double()], norm(weights).item()
    for t, rate in enumerate(rates):
        noise = torch.randn(4, 4, generator=generator, dtype=torch.float64)
        update = factor * make(noise + persistent * drift)
        weights = (1 - rate * decay) * weights - rate * update
        if all(r * decay <= 1 for r in rates):
            bound = farthest(began, 1.0, decay, rates[: t + 1])
        else:
            bound = max(began, 1 / decay)
        beyond.append(norm(weights) - bound)
    return torch.stack(beyond).max().item()


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("start", [0.1, 5.0])
@pytest.mark.parametrize("persistent", [0.0, 1e9])
def test_no_step_ends_beyond_the_bound(measured, name, start, persistent):
    measured(excess(name, start, persistent=persistent), allowed=ROUNDING)


@pytest.mark.claim(CLAIM, by="exact")
def test_a_constant_update_gets_as_far_as_the_bound(measured):
    rates, decay = [F(1, 2), F(1, 3), F(1)], F(2, 3)
    weights = F(2)
    for t, rate in enumerate(rates):
        weights = (1 - rate * decay) * weights + rate  # along −u, from beyond the bound
        measured(abs(weights - farthest(F(2), F(1), decay, rates[: t + 1])), allowed=0)
    assert farthest(F(1), F(1), decay, rates) == F(3, 2)  # within it, the bound is U/λ
    assert farthest(F(0), F(5), F(2), []) == F(5, 2)
    weights = F(0)
    for _ in range(60):
        weights = (1 - decay / 2) * weights + F(1, 2)
    # what is left to the bound is multiplied by 2/3 at every step
    bound = farthest(F(0), F(1), decay, [F(1, 2)] * 60)
    measured(abs(bound - weights - bound * F(2, 3) ** 60), allowed=0)


@pytest.mark.control(
    CLAIM, drops="^bounded", instead="the gradients of −½‖θ‖², as long as the weights"
)
def test_control_where_the_loss_falls_ever_more_steeply_gradient_descent_leaves_it(measured):
    weights, rates, decay = F(1), [F(1, 4)] * 20, F(1, 2)
    longest = abs(weights)  # of the updates, at first: U in the bound
    for t, rate in enumerate(rates):
        weights = (1 - rate * decay) * weights + rate * weights
        beyond = weights - farthest(F(1), longest, decay, rates[: t + 1])
    measured(max(beyond, 0), allowed=BEYOND)


def test_on_a_linear_loss_the_updates_of_gradient_descent_are_bounded_and_so_is_its_norm():
    weights, slope, decay = torch.zeros(3).double(), torch.tensor([3.0, -4.0, 0.0]).double(), 0.5
    for _ in range(200):  # a loss without a minimum
        weights = (1 - 0.3 * decay) * weights - 0.3 * slope
    assert weights.norm().item() == pytest.approx(5 / decay)


@pytest.mark.control(CLAIM, drops="^bounded", instead="unit updates times two, in a bound for one")
def test_control_longer_updates_lead_out_of_it(measured):
    measured(excess("the length", 0.1, persistent=1e9, factor=2.0), allowed=BEYOND)


@pytest.mark.control(CLAIM, drops="^small", instead="ηλ = 1.5")
def test_control_a_decay_that_overshoots_throws_the_weights_out(measured):
    # ηλ = 1.5: the sign flips with the weights.
    weights, worst = torch.tensor(0.1), 0.0
    for t in range(20):
        weights = (1 - 1.5) * weights - 0.3 * (-1.0) ** t
        worst = max(worst, abs(weights.item()) - 1 / 5.0)
    measured(worst, allowed=BEYOND)


@pytest.mark.control(CLAIM, drops="^beside", instead="a decay inside of the sign")
def test_control_decay_inside_of_the_sign_stops_where_it_outweighs_the_gradient(measured):
    weights, decay, gradient = 0.0, 0.5, -10.0
    for _ in range(STEPS * 5):
        update = gradient + decay * weights
        weights -= 0.1 * ((update > 0) - (update < 0))
    measured(weights - 1 / decay, allowed=BEYOND)


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("kind", [Lion, Muon])
def test_the_optimizers_themselves_stay_within(measured, kind):
    generator = torch.Generator().manual_seed(2)
    weights = torch.zeros(6, 6, requires_grad=True)
    optimizer = kind([weights], lr=0.2, weight_decay=0.5)
    drift = torch.randn(6, 6, generator=generator)
    for _ in range(STEPS):
        weights.grad = drift + 0.1 * torch.randn(6, 6, generator=generator)
        optimizer.step()
    if kind is Lion:
        size, bound = weights.abs().max().item(), 1 / 0.5
    else:  # torch's iteration leaves singular values below 1.3; its factor is 1 for a square one
        size, bound = torch.linalg.matrix_norm(weights, 2).item(), 1.3 / 0.5
    assert size > 0.5 * bound
    measured(max(size - bound, 0), allowed=1e-5)  # float32


@pytest.mark.parametrize("rate", [-0.1, 2.1])
def test_a_decay_that_overshoots_is_refused(rate):
    with pytest.raises(ValueError, match=r"step 1: ηλ = .* is not between 0 and 1"):
        farthest(1.0, 1.0, 0.5, [0.1, rate])
    with pytest.raises(ValueError, match="λ = 0: without decay nothing"):
        farthest(1.0, 1.0, 0.0, [0.1])
    assert farthest(1.0, 0.1, 0.5, [0.1, 2.0]) == 0.2
    assert farthest(1.0, 0.1, 0.5, [0.0]) == 1.0
