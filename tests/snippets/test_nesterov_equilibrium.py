"""Does Nesterov's momentum settle at the norm and at the angle of the formulas?"""

import math

import pytest
import sympy
import torch

from snippets import equilibrium
from snippets.nesterov_equilibrium import nesterov_cosine, nesterov_gain, nesterov_norm

CLAIM = "equilibrium-of-nesterov"
ERRORS = 0.02  # of the squared norm: five standard errors of 400 numbers over 3000 steps
VISIBLE = 0.1  # a share: five times what the simulations err
ETA, LAM, GAMMA, PUSH = sympy.symbols("eta lambda gamma Gamma", positive=True)


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_it_is_a_recursion_of_second_order_with_the_gradient_in_two_places(measured):
    before, buffer, h0, h1 = sympy.symbols("theta b h0 h1")

    def step(theta, b, h):
        g = h + LAM * theta
        b = GAMMA * b + g
        return theta - ETA * (g + GAMMA * b), b

    now, b = step(before, buffer, h0)
    after, _ = step(now, b, h1)
    s = 1 - ETA * LAM
    claimed = (1 + GAMMA) * s * now - GAMMA * s * before - ETA * ((1 + GAMMA) * h1 - GAMMA * h0)
    measured(sympy.expand(after - claimed) != 0, allowed=0)


@pytest.mark.claim(CLAIM, by="certificate")
def test_norm_and_cosine_solve_the_two_equations_for_the_second_moments(measured):
    e = sympy.symbols("e", positive=True)  # ηλ
    p, q = (1 + GAMMA) * (1 - e), GAMMA * (1 - e)
    # Not orthogonal on average: θₜ and θₜ, θₜ₊₁, and hₜ₋₁; ‖h‖² = 1, ⟨θₜ, hₜ₋₁⟩ = −(1 + γ).
    a = nesterov_gain(e, GAMMA)
    b = nesterov_cosine(e, GAMMA) * a
    lean = -(1 + GAMMA)
    first = p * a - q * b + GAMMA * lean - b
    second = p**2 * a + q**2 * a - 2 * p * q * b + (1 + GAMMA) ** 2 + GAMMA**2 - a
    second += 2 * p * GAMMA * lean
    measured(sympy.cancel(first) != 0, allowed=0)
    measured(sympy.cancel(second) != 0, allowed=0)


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_for_a_small_decay_it_is_the_norm_of_plain_momentum_at_a_wider_angle(measured):
    e = sympy.symbols("e", positive=True)
    norm = sympy.limit(nesterov_gain(e, GAMMA) * e, e, 0)
    measured(sympy.simplify(norm - 1 / (2 * (1 - GAMMA))) != 0, allowed=0)
    plain = sympy.limit(equilibrium.gain(1 + GAMMA - e, GAMMA) * e, e, 0)
    measured(sympy.simplify(norm - plain) != 0, allowed=0)
    turned = sympy.limit((1 - nesterov_cosine(e, GAMMA)) / e, e, 0)
    claimed = (1 + 2 * GAMMA * (1 - GAMMA**2)) / (1 + GAMMA)
    measured(sympy.simplify(turned - claimed) != 0, allowed=0)
    assert nesterov_gain(sympy.Rational(1, 7), 0) == equilibrium.gain(sympy.Rational(6, 7), 0)


def run(rate, decay, momentum, steps=3000, lean=0.0, fresh=True, growth=1.0, burn=1000):
    """(A H)/(η²G²) and E⟨θₜ, θₜ₊₁⟩/A of torch's own optimizer on noise across the weights.

    The noise leans on the weights by an angle, is the same at every step if not fresh, and grows.
    """
    generator = torch.Generator().manual_seed(12)
    weight = torch.randn(400, generator=generator, dtype=torch.float64)
    weight = (weight * rate**0.5).requires_grad_()
    settings = {"momentum": momentum, "weight_decay": decay, "nesterov": momentum > 0}
    optimizer = torch.optim.SGD([weight], rate, **settings)
    squares = inverses = products = units = 0.0
    first = torch.randn(400, generator=generator, dtype=torch.float64)
    for t in range(steps):
        before = weight.detach().clone()
        norm = before.norm()
        noise = torch.randn(400, generator=generator, dtype=torch.float64) if fresh else first
        across = noise - (noise @ before) / norm**2 * before
        tilted = math.cos(lean) * across + math.sin(lean) * across.norm() * before / norm
        weight.grad = growth**t * tilted / norm
        optimizer.step()
        if t >= burn:
            squares += norm.item() ** 2
            inverses += norm.item() ** -2
            products += (before @ weight.detach()).item()
            units += (weight.grad.norm() * norm).item() ** 2
    count = steps - burn
    gained = squares / inverses / (rate**2 * units / count)
    return gained, products / squares


SETTINGS = [(0.2, 0.05, 0.0), (0.2, 0.05, 0.5), (0.2, 0.05, 0.9), (2.0, 0.1, 0.9), (3.0, 0.2, 0.3)]


@pytest.mark.claim(CLAIM, by="simulation")
@pytest.mark.parametrize(("rate", "decay", "momentum"), SETTINGS)
def test_torchs_optimizer_settles_there(measured, rate, decay, momentum):
    gained, turned = run(rate, decay, momentum)
    measured(abs(gained / nesterov_gain(rate * decay, momentum) - 1), allowed=ERRORS)
    claimed = 1 - nesterov_cosine(rate * decay, momentum)
    measured(abs((1 - turned) / claimed - 1), allowed=ERRORS)


def check_off(measured, **what):
    gained, turned = run(0.2, 0.05, 0.9, **what)
    measured(abs(gained / nesterov_gain(0.01, 0.9) - 1), allowed=VISIBLE)
    measured(abs((1 - turned) / (1 - nesterov_cosine(0.01, 0.9)) - 1), allowed=VISIBLE)


@pytest.mark.control(CLAIM, drops="scale-invariant-loss")
def test_control_gradients_that_lean_on_the_weights_balance_elsewhere(measured):
    check_off(measured, lean=-0.5)


@pytest.mark.control(CLAIM, drops="fresh-gradient-noise")
def test_control_a_gradient_that_persists_does_too(measured):
    gained, _ = run(0.2, 0.05, 0.9, fresh=False, steps=300, burn=50)
    measured(abs(gained / nesterov_gain(0.01, 0.9) - 1), allowed=VISIBLE)


@pytest.mark.control(CLAIM, drops="constant-unit-gradient-norm")
def test_control_gradients_that_grow_are_ahead_of_the_norm(measured):
    gained, _ = run(0.2, 0.05, 0.9, growth=1.01)
    measured(abs(gained / nesterov_gain(0.01, 0.9) - 1), allowed=VISIBLE)


@pytest.mark.control(CLAIM, drops="^stationary")
def test_control_so_is_a_run_that_has_just_begun(measured):
    gained, _ = run(0.2, 0.0005, 0.9, steps=100, burn=0)
    measured(abs(gained / nesterov_gain(0.0001, 0.9) - 1), allowed=VISIBLE)


def test_the_norm_has_the_units_of_the_weights():
    norm = nesterov_norm(0.2, 0.05, 0.9, 3.0)
    assert norm**4 == pytest.approx(nesterov_gain(0.01, 0.9) * 0.2**2 * 3.0**2)
    assert nesterov_norm(0.2 * 49, 0.05 / 49, 0.9, 3.0) == pytest.approx(7 * norm)
    assert nesterov_norm(0.2, 0.05, 0.9, 0.5) == pytest.approx(norm / 6**0.5)
    assert nesterov_norm(0.2, 0.05, 0.0, 3.0) == pytest.approx((0.2 * 9 / (0.05 * 1.99)) ** 0.25)


@pytest.mark.parametrize(
    "bad",
    [
        (0.1, 0.0, 0.9, 1.0),
        (0.1, -1.0, 0.9, 1.0),
        (0.1, 10.0, 0.9, 1.0),
        (0.1, 0.1, 1.0, 1.0),
        (0.1, 0.1, -0.1, 1.0),
        (0.1, 0.1, 0.9, 0.0),
    ],
)
def test_where_nothing_balances_it_says_so(bad):
    with pytest.raises(ValueError, match="no equilibrium at ηλ"):
        nesterov_norm(*bad)
