"""Does SGD on pure noise have the norm, the angle and the memory that the claims give it?"""

import math

import pytest
import sympy
import torch

from snippets.gradients_with_memory import circle
from snippets.noise_model import autocorrelation, means, noise_gradient, simulate
from tests.confidence import students_t

SGD, MOMENTUM, SGDW = "equilibrium-of-sgd", "equilibrium-of-momentum-sgd", "equilibrium-of-sgdw"
DIRECTION = "direction-forgets-at-the-root"
RATE, DECAY, SIZE, RUNS = 0.5, 0.2, 6, 20_000
CONFIDENCE = 0.9999  # in a quotient of means of independent runs, by their own spread
TENFOLD = 9  # A H is ten times as large, where a simulation is off by 3 % at most
VISIBLE = 0.3  # of one minus the cosine, where a simulation is off by 6 % at most
SIGMAS = students_t(CONFIDENCE, RUNS - 1)  # standard errors


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def settings(momentum, decoupled, decay=DECAY):
    kept = 1 - RATE * decay
    if decoupled:
        return kept + momentum, kept * momentum
    return kept + momentum, momentum


def settled(momentum, decoupled, decay=DECAY, steps=50, last=20):
    """The last steps of many runs from near their equilibrium."""
    start = 1.5 * torch.randn(RUNS, SIZE, generator=generator(), dtype=torch.float64)
    path = simulate(start, RATE, decay, momentum, steps + last, generator(1), decoupled)
    return path[steps:]


@pytest.fixture(scope="module")
def paths():
    return {
        "plain": settled(0.0, False),
        "coupled": settled(0.5, False),
        "decoupled": settled(0.5, True),
    }


def quotient(above, below):
    """The quotient of two means over runs, and its standard error."""
    above, below = above.mean(dim=0), below.mean(dim=0)  # over time; the runs are independent
    value = above.mean() / below.mean()
    spread = (above - value * below).std() / below.mean() / math.sqrt(len(above))
    return value.item(), spread.item()


def product_of_means(path):
    x = path.square().sum(dim=2)
    return quotient(x, 1 / x)


def memory(path, lag):
    products = (path[: len(path) - lag] * path[lag:]).sum(dim=2)
    return quotient(products, path.square().sum(dim=2))


def formula(p, q):
    return RATE**2 * (SIZE - 1) * (1 + q) / ((1 - q) * ((1 + q) ** 2 - p**2))


def holds(measured, path, p, q):
    """Measure how far norm and angle are off the claims: 3 % and 5 ‰ would be seen.

    The runs are independent, and 20,000, so that a quotient of their means is normal nearly enough:
    in six dimensions weights are so seldom short that the square of 1/‖θ‖² has a mean.
    Of the start less than a ten-millionth is left after 50 steps.
    """
    value, error = product_of_means(path)
    assert error < 0.006 * value
    allowed = SIGMAS * error / formula(p, q)
    # by the spread of the runs
    measured(abs(value / formula(p, q) - 1), allowed=allowed, confidence=CONFIDENCE)
    arithmetic, harmonic = means(path)
    assert arithmetic * harmonic == pytest.approx(value)
    assert 1.005 * harmonic < math.sqrt(value) < arithmetic / 1.005
    value, error = memory(path, 1)
    assert error < 0.001
    measured(abs(value - p / (1 + q)), allowed=SIGMAS * error, confidence=CONFIDENCE)


@pytest.mark.claim(SGD, by="simulation")
def test_the_two_means_of_the_squared_norm_have_the_product_that_is_claimed(measured, paths):
    holds(measured, paths["plain"], *settings(0.0, False))


@pytest.mark.claim(MOMENTUM, by="simulation")
def test_with_momentum_the_two_means_have_another_product_that_is_claimed(measured, paths):
    holds(measured, paths["coupled"], *settings(0.5, False))


@pytest.mark.claim(SGDW, by="simulation")
def test_with_decoupled_decay_the_two_means_have_a_third_product(measured, paths):
    holds(measured, paths["decoupled"], *settings(0.5, True))


@pytest.mark.parametrize("wrong", ["plain", "coupled", "decoupled"])
def test_control_no_run_obeys_the_formula_of_another(paths, wrong):
    right = {"plain": (0.0, False), "coupled": (0.5, False), "decoupled": (0.5, True)}
    for kind, setting in right.items():
        value = product_of_means(paths[wrong])[0]
        assert (abs(value / formula(*settings(*setting)) - 1) > 0.3) is (kind != wrong)


@pytest.mark.control(SGD, drops="^no-momentum", instead="a momentum of ½")
def test_control_with_momentum_the_product_without_it_is_wrong(measured, paths):
    value, error = product_of_means(paths["coupled"])
    wrong = formula(*settings(0.0, False))
    # half as large again, and 20 standard errors
    measured(value / wrong - 1, allowed=0.5 + 20 * error / wrong)


def young(decoupled):
    """By what share A H of a young run is too large, and 1 − ρ₁."""
    p, q = settings(0.5, decoupled)
    start = 10 * torch.randn(2000, SIZE, generator=generator(), dtype=torch.float64)
    path = simulate(start, RATE, DECAY, 0.5, 3, generator(1), decoupled)
    kept = (path[0] * path[1]).sum() / path[0].square().sum()
    return product_of_means(path)[0] / formula(p, q) - 1, (1 - kept) / (1 - p / (1 + q)) - 1


YOUNG = {"drops": "^stationary", "instead": "the first steps from a start far outside"}


@pytest.mark.control(MOMENTUM, **YOUNG)
def test_control_a_young_run_has_neither_the_norm_nor_the_angle(measured):
    norm, angle = young(decoupled=False)
    measured(norm, allowed=TENFOLD)
    measured(angle, allowed=VISIBLE)


@pytest.mark.control(SGDW, **YOUNG)
def test_control_with_decoupled_decay_neither(measured):
    norm, angle = young(decoupled=True)
    measured(norm, allowed=TENFOLD)
    measured(angle, allowed=VISIBLE)


@pytest.mark.control(DIRECTION, **YOUNG)
def test_control_a_young_run_forgets_more_in_its_first_step(measured):
    measured(young(decoupled=False)[1], allowed=VISIBLE)


@pytest.mark.claim(DIRECTION, by="certificate of a step")
def test_the_memory_is_the_stated_mixture_of_powers_of_two_roots(measured):
    a, b = sympy.symbols("alpha beta", positive=True)  # the roots
    p, gamma = a + b, a * b
    first = p / (1 + gamma)

    def stated(above, below):
        """ρₖ from αᵏ and βᵏ."""
        return ((first - b) * above + (a - first) * below) / (a - b)

    above, below = sympy.symbols("above below")  # αᵏ⁻¹ and βᵏ⁻¹, whatever k is
    one, other, last = (stated(above * a**i, below * b**i) for i in range(3))
    induction = [stated(1, 1) - 1, stated(a, b) - first, last - (p * other - gamma * one)]
    measured(sum(sympy.cancel(gap) != 0 for gap in induction), allowed=0)
    eta_lambda = 1 + gamma - p
    zeros = [
        first - (1 - eta_lambda / (1 + gamma)),
        first - b - a * (1 - b**2) / (1 + a * b),  # positive: b < 1
        1 - first - (1 - a) * (1 - b) / (1 + a * b),
    ]
    measured(sum(sympy.cancel(zero) != 0 for zero in zeros), allowed=0)
    z = sympy.symbols("z")
    measured(sympy.expand(z**2 - p * z + gamma - (z - a) * (z - b)) != 0, allowed=0)


def correlations(p, q, count):
    rho = [1.0, p / (1 + q)]
    while len(rho) <= count:
        rho.append(p * rho[-1] - q * rho[-2])
    return rho


@pytest.mark.claim(DIRECTION, by="simulation")
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.2), (0.2, 0.3), (0.5, 0.2)])
def test_the_directions_of_noise_forget_as_the_recursion_says(measured, paths, momentum, decay):
    kinds = {0.0: "plain", 0.5: "coupled"}  # with complex roots, the latter
    path = paths[kinds[momentum]] if momentum in kinds else settled(momentum, False, decay)
    rho = correlations(*settings(momentum, False, decay), 8)
    for lag in range(1, 9):
        value, error = memory(path, lag)
        assert error < 0.006
        measured(abs(value - rho[lag]), allowed=SIGMAS * error, confidence=CONFIDENCE)
        assert autocorrelation(path, lag) == pytest.approx(value, abs=0.01)  # other boundary terms


def test_beside_the_buffer_the_memory_is_that_of_the_larger_of_decay_and_momentum():
    kept, gamma, z = sympy.symbols("a gamma z")
    equation = z**2 - (kept + gamma) * z + kept * gamma
    assert sympy.expand(equation - (z - kept) * (z - gamma)) == 0
    for product, momentum, slowest in [(0.1, 0.5, 0.9), (0.1, 0.95, 0.95)]:  # γ < a, and not
        rho = correlations(1 - product + momentum, (1 - product) * momentum, 400)
        assert rho[400] / rho[399] == pytest.approx(slowest, rel=1e-6)


@pytest.mark.control(
    DIRECTION, drops="fresh-gradient-noise", instead="gradients that lead around a circle"
)
def test_control_a_run_around_a_circle_does_not_forget(measured):
    p, q = settings(0.5, False)
    rho = correlations(p, q, 100)
    path = circle(rho[1], 400)[:, None, :]
    assert autocorrelation(path, 1) == pytest.approx(rho[1])
    period = round(2 * math.pi / math.acos(rho[1]))
    assert abs(rho[period]) < 0.1
    # all of it is there again, of which next to nothing was to be left
    measured(autocorrelation(path, period) - rho[period], allowed=0.9)


def directions_differ(slope, growth=2):
    """How far a decayed run and its twin, whose rate grows by a power of the root, are apart.

    Both have the gradients of the same fresh noise.
    """
    rate, decay = 0.4, 0.25  # without momentum, α = 1 − ηλ
    root = 1 - rate * decay
    theta = twin = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    noises = generator(2)
    for t in range(20):
        noise = torch.randn(3, generator=noises, dtype=torch.float64)
        theta = root * theta - rate * slope(theta, noise)
        twin = twin - rate * root ** -(growth * t + 1) * slope(twin, noise)
    return (theta / theta.norm() - twin / twin.norm()).norm().item()


@pytest.mark.control(
    DIRECTION, drops="scale-invariant-loss", instead="a loss ⟨ξ, θ⟩ of degree one, ξ fresh noise"
)
def test_control_without_scale_invariance_no_run_without_decay_is_equivalent(measured):
    assert directions_differ(lambda w, noise: noise_gradient(w[None], noise[None])[0]) < 1e-12
    # a tenth, where an invariant loss leaves less than 1e-12
    measured(directions_differ(lambda w, noise: noise), allowed=0.1)


def test_on_a_loss_of_degree_one_the_twins_rate_grows_by_the_root_itself():
    assert directions_differ(lambda w, noise: noise, growth=1) < 1e-12
    # which on an invariant loss will not do
    assert directions_differ(lambda w, n: noise_gradient(w[None], n[None])[0], growth=1) > 0.1


def test_of_batches_without_replacement_two_are_opposed_by_one_part_in_the_rest():
    batches = torch.randn(5, 3, generator=generator(), dtype=torch.float64)
    off = batches - batches.mean(dim=0)
    products = off @ off.T
    pairs = (products.sum() - products.trace()) / (5 * 4)  # the mean, in random order
    assert pairs.item() == pytest.approx(-products.trace().item() / 5 / 4)


def test_the_gradient_is_that_of_the_loss_and_orthogonal_to_the_weights():
    weights = torch.randn(5, 3, generator=generator(), dtype=torch.float64, requires_grad=True)
    noise = torch.randn(5, 3, generator=generator(1), dtype=torch.float64)
    ((noise * weights).sum(dim=1) / weights.norm(dim=1)).sum().backward()
    gradient = noise_gradient(weights.detach(), noise)
    assert torch.allclose(gradient, weights.grad, atol=1e-14)
    assert (gradient * weights.detach()).sum(dim=1).abs().max() < 1e-14


def test_the_mean_square_of_the_unit_gradient_is_the_dimension_less_one():
    weights = torch.tensor([[3.0, -1.0, 2.0, 5.0]], dtype=torch.float64).expand(4, 4)
    each = noise_gradient(weights, torch.eye(4, dtype=torch.float64))  # E of a square: their sum
    assert each.square().sum().item() * 39 == pytest.approx(3)


@pytest.mark.parametrize("decoupled", [False, True])
def test_a_simulation_is_what_torch_does_with_the_same_noise(decoupled):
    start = torch.randn(6, 3, generator=generator(), dtype=torch.float64)
    path = simulate(start, 0.3, 0.4, 0.7, 7, generator(5), decoupled)
    weights = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([weights], 0.3, 0.7, weight_decay=0 if decoupled else 0.4)
    noises = generator(5)
    assert len(path) == 8
    assert torch.equal(path[0], start)
    for after in path[1:]:
        noise = torch.randn(6, 3, generator=noises, dtype=torch.float64)
        weights.grad = noise_gradient(weights.detach(), noise)
        if decoupled:
            weights.data *= 1 - 0.3 * 0.4
        optimizer.step()
        assert torch.allclose(weights.detach(), after, atol=1e-12)


def test_a_simulation_is_of_coupled_decay_unless_told_otherwise():
    start = torch.ones(1, 2)
    coupled, default, decoupled = (
        simulate(start, 0.3, 0.4, 0.7, 3, generator(), *kind) for kind in ((False,), (), (True,))
    )
    assert torch.equal(coupled, default)
    assert not torch.allclose(coupled, decoupled)
    assert default.dtype == torch.float32


def test_means_and_correlations_of_a_small_path():
    path = torch.tensor([[[1.0, 0.0], [2.0, 0.0]], [[0.0, 2.0], [1.0, 1.0]], [[2.0, 0.0], [0, 4]]])
    assert means(path)[0] == pytest.approx((1 + 4 + 4 + 2 + 4 + 16) / 6)
    assert means(path)[1] == pytest.approx(6 / (1 + 1 / 4 + 1 / 4 + 1 / 2 + 1 / 4 + 1 / 16))
    assert autocorrelation(path, 0) == 1
    assert autocorrelation(path, 1) == pytest.approx((0 + 2 + 0 + 4) / ((5 + 6 + 6 + 20) / 2))
    assert autocorrelation(path, 2) == pytest.approx((2 + 0) / ((5 + 20) / 2))
