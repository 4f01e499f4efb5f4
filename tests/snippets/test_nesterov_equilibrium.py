"""Does Nesterov's momentum settle at the norm and at the angle of the formulas?"""

import math

import pytest
import sympy
import torch

from snippets import equilibrium
from snippets.nesterov_equilibrium import nesterov_cosine, nesterov_gain, nesterov_norm
from tests.confidence import students_t

CLAIM = "equilibrium-of-nesterov"
CONFIDENCE = 0.9999  # in a quotient of means of independent runs, by their own spread
RUNS, SIZE = 500, 8  # independent runs side by side, of so many numbers each
ROUNDING = 1e-12  # float64, sums of some hundred numbers of size one
VISIBLE = 0.1  # a share: three times what the simulations may err
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


@pytest.mark.claim(CLAIM, by="certificate of a step")
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


def test_it_turns_further_at_every_decay_and_is_longer_or_shorter_as_the_note_says():
    e = sympy.symbols("e", positive=True)
    g = GAMMA
    top = 1 + g + e * g * (1 + 2 * g)
    short = top / (e * (1 - g + e * g) * (2 * (1 + g) - e * (1 + 2 * g)))
    assert sympy.cancel(nesterov_gain(e, g) - short) == 0
    further = e * g * (2 * (1 + g) * (1 - g**2) + e * g * (2 + 5 * g + 2 * g**2))
    further /= (1 + g) * top
    assert sympy.cancel(1 - nesterov_cosine(e, g) - e / (1 + g) - further) == 0
    longer = nesterov_gain(e, g) - equilibrium.gain(1 + g - e, g)
    sign = (1 + g) ** 2 * (1 - 2 * g) + e * g * (1 + 2 * g)
    others = (1 - g) * (2 * (1 + g) - e) * (1 - g + e * g) * (2 * (1 + g) - e * (1 + 2 * g))
    assert sympy.cancel(longer - 2 * g * sign / others) == 0  # others are positive for e < 1
    far = nesterov_gain(0.01, 0.99) / equilibrium.gain(1.98, 0.99)
    assert far == pytest.approx(0.51, abs=0.01)  # small, but not beside 1 − γ
    near = nesterov_gain(5e-5, 0.9) / equilibrium.gain(1.9 - 5e-5, 0.9)
    assert near == pytest.approx(1, abs=1e-3)


def test_torch_has_no_nesterov_without_momentum():
    with pytest.raises(ValueError, match="requires a momentum"):
        torch.optim.SGD([torch.ones(2, requires_grad=True)], 0.1, 0.0, nesterov=True)


def run(rate, decay, momentum, steps=300, lean=0.0, turns=(1.0, 1.0), burn=200, start=1.0):
    """(A H)/(η²G²) and E⟨θₜ, θₜ₊₁⟩/A of torch's own optimizer on noise across the weights.

    Each is a pair with its standard error, from the spread of independent runs. The noise leans on
    the weights by an angle and is multiplied by two numbers by turns. Runs start at a multiple of
    the norm that they are to have.
    """
    generator = torch.Generator().manual_seed(12)
    draw = lambda: torch.randn(RUNS, SIZE, generator=generator, dtype=torch.float64)  # noqa: E731
    settled = nesterov_norm(rate, decay, momentum, math.sqrt(SIZE - 1))
    weight = (draw() / math.sqrt(SIZE) * start * settled).requires_grad_()
    settings = {"momentum": momentum, "weight_decay": decay, "nesterov": momentum > 0}
    optimizer = torch.optim.SGD([weight], rate, **settings)
    squares = inverses = products = units = torch.zeros(RUNS, dtype=torch.float64)
    for t in range(steps):
        before = weight.detach().clone()
        norm = before.norm(dim=1, keepdim=True)
        noise = draw()
        across = noise - (noise * before).sum(dim=1, keepdim=True) / norm**2 * before
        along = across.norm(dim=1, keepdim=True) * before / norm
        weight.grad = turns[t % 2] * (math.cos(lean) * across + math.sin(lean) * along) / norm
        optimizer.step()  # acts on every number alone, so that each row is a run
        if t >= burn:
            squares = squares + norm[:, 0] ** 2
            inverses = inverses + norm[:, 0] ** -2
            products = products + (before * weight.detach()).sum(dim=1)
            units = units + (weight.grad.norm(dim=1) * norm[:, 0]) ** 2
    unit = (units / (steps - burn)).mean() if lean or turns[0] != turns[1] else SIZE - 1
    gained, error = quotient(squares, inverses)
    return (gained / (rate**2 * unit), error / (rate**2 * unit)), quotient(products, squares)


def quotient(above, below):
    """The quotient of two means over runs, and its standard error."""
    value = above.mean() / below.mean()
    return value, (above - value * below).std() / below.mean() / math.sqrt(len(above))


SETTINGS = [(0.2, 0.05, 0.0), (0.2, 0.05, 0.5), (0.2, 0.05, 0.9), (2.0, 0.1, 0.9), (3.0, 0.2, 0.3)]


@pytest.mark.claim(CLAIM, by="simulation")
@pytest.mark.parametrize(("rate", "decay", "momentum"), SETTINGS)
def test_torchs_optimizer_settles_there(measured, rate, decay, momentum):
    # A mean of hundreds of runs is normal nearly enough. They start near where they settle, and an
    # excess falls by e in at most 25 steps, of which 200 leave less than a thousandth.
    within = students_t(CONFIDENCE, RUNS - 1)
    norm, turned = run(rate, decay, momentum)
    for (found, error), told in [
        (norm, nesterov_gain(rate * decay, momentum)),
        (turned, nesterov_cosine(rate * decay, momentum)),
    ]:
        size = told if told > 1 else 1 - told  # of a cosine what is missing to one
        assert within * error < VISIBLE / 2 * size
        allowed = within * error / size + ROUNDING
        # without momentum the cosine is that of every run, up to rounding
        measured(abs(found - told) / size, allowed=allowed, confidence=CONFIDENCE)


def check_off(measured, **what):
    (gained, _), (turned, _) = run(0.2, 0.05, 0.9, **what)
    measured(abs(gained / nesterov_gain(0.01, 0.9) - 1), allowed=VISIBLE)
    measured(abs((1 - turned) / (1 - nesterov_cosine(0.01, 0.9)) - 1), allowed=VISIBLE)


@pytest.mark.control(
    CLAIM,
    drops="scale-invariant-loss",
    instead="gradients that lean on the weights by half a radian",
)
def test_control_gradients_that_lean_on_the_weights_balance_elsewhere(measured):
    check_off(measured, lean=-0.5)


@pytest.mark.control(
    CLAIM,
    drops="fresh-gradient-noise",
    instead="the slope of the angle, the same way at every step",
)
def test_control_a_gradient_that_persists_does_too(measured):
    weights = torch.tensor([4.0, 0.0], dtype=torch.float64).requires_grad_()
    settings = {"momentum": 0.9, "weight_decay": 0.05, "nesterov": True}
    optimizer = torch.optim.SGD([weights], 0.2, **settings)
    path = []
    for _ in range(600):  # the loss is the angle of the weights: its unit gradient norm is one
        path.append(weights.detach().clone())
        weights.grad = torch.stack([-path[-1][1], path[-1][0]]) / path[-1].square().sum()
        optimizer.step()
    # the norm and the product of neighbours, constant at the end, are their own means
    late = torch.stack(path[-5:])
    squares, products = late.square().sum(1), (late[1:] * late[:-1]).sum(1)
    assert squares.std() < ROUNDING * squares.mean()
    assert products.std() < ROUNDING * products.mean()
    gained, turned = squares[-1] ** 2 / 0.2**2, products[-1] / squares[-1]
    measured(gained / nesterov_gain(0.01, 0.9) - 1, allowed=VISIBLE)  # fifteen times as much
    measured(abs((1 - turned) / (1 - nesterov_cosine(0.01, 0.9)) - 1), allowed=VISIBLE)


@pytest.mark.control(
    CLAIM, drops="constant-unit-gradient-norm", instead="unit gradient norms of ½ and 3 by turns"
)
def test_control_with_two_unit_gradients_by_turns_the_product_is_another(measured):
    (gained, _), _ = run(1.0, 0.9, 0.5, turns=(0.5, 3.0))  # with a random phase, means are steady
    measured(abs(gained / nesterov_gain(0.9, 0.5) - 1), allowed=VISIBLE)


@pytest.mark.control(CLAIM, drops="^stationary", instead="the first hundred steps of a run")
def test_control_so_is_a_run_that_has_just_begun(measured):
    (gained, _), _ = run(0.2, 0.0005, 0.9, steps=100, burn=0, start=0.1)
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
