"""Does the likeness of updates decide norm and angle, and is Lion's the sum of arcsines?"""

import math
from fractions import Fraction
from functools import partial
from itertools import pairwise

import pytest
import sympy
import torch

from snippets import equilibrium
from snippets.update_likeness import (
    cosine,
    gain,
    likeness,
    linear_angle,
    lion_correlation,
    lion_variance,
    signs_of_noise,
)

GENERAL, LION = "norm-follows-from-the-likeness-of-updates", "equilibrium-of-lion"
F = Fraction
ROUNDING = 1e-12  # sums of a few thousand terms of falling size, each rounded at 1e-16
VISIBLE = 0.1  # a share: ten times what the simulations below err
ERRORS = 0.03  # five standard errors of 10,000 numbers over ten memories or more are below it
NUMBERS = 10_000  # the squared norm of as many numbers fluctuates by 2 % a step


def moving_average(kept, weights):
    """E‖θ‖², E⟨θₜ, θₜ₊₁⟩, U² and σ, of uₜ = Σ wⱼnₜ₋ⱼ with fresh n of variance 1, at η = 1.

    θₜ = −Σ hⱼ nₜ₋₁₋ⱼ with h = w at first, and what is remembered after: exact but for a tail.
    """
    response, last = [], 0
    for j in range(400):
        last = kept * last + (weights[j] if j < len(weights) else 0)
        response.append(last)
    square = sum(h * h for h in response)
    product = sum(h * g for h, g in pairwise(response))
    size = sum(w * w for w in weights)
    lags = range(1, len(weights))
    covariances = [sum(w * v for w, v in zip(weights, weights[k:], strict=False)) for k in lags]
    alike = sum(kept**k * c for k, c in zip(lags, covariances, strict=True)) / size
    return square, product, size, alike


@pytest.mark.claim(GENERAL, by="float64")
@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.5], [1.0, -0.9], [0.5, 1.0, 0.3, -0.4]])
@pytest.mark.parametrize("kept", [0.9, 0.3])
def test_norm_and_cosine_are_those_of_the_updates_that_are_remembered(measured, weights, kept):
    square, product, size, alike = moving_average(kept, weights)
    measured(abs(gain(kept, alike) * size / square - 1), allowed=ROUNDING)
    measured(abs(cosine(kept, alike) - product / square), allowed=ROUNDING)
    assert 1 / (1 + kept) ** 2 <= square / size <= 1 / (1 - kept) ** 2


@pytest.mark.claim(GENERAL, by="certificate")
def test_an_average_of_noise_has_the_equilibrium_that_is_proved_for_adamw(measured):
    a, beta, eta, lam = sympy.symbols("a beta eta lambda", positive=True)
    alike = a * beta / (1 - a * beta)  # Σ aᵏβᵏ
    p, q = a + beta, a * beta
    size = (1 - beta) / (1 + beta)  # of the average, in that of the noise
    pushed = equilibrium.gain(p, q) * (1 - beta) ** 2
    measured(sympy.simplify(gain(a, alike) * size - pushed) != 0, allowed=0)
    measured(sympy.simplify(cosine(a, alike) - equilibrium.cosine(p, q)) != 0, allowed=0)
    small = gain(1 - eta * lam, beta) * eta**2  # any σ
    measured(sympy.limit(small * lam / eta, lam, 0) != (1 + 2 * beta) / 2, allowed=0)
    turned = (1 - cosine(1 - eta * lam, beta)) / (eta * lam)
    measured(sympy.simplify(sympy.limit(turned, lam, 0) - 1 / (1 + 2 * beta)) != 0, allowed=0)


@pytest.mark.claim(GENERAL, by="exact")
@pytest.mark.parametrize("rho", [F(1, 3), F(-1, 3), F(9, 10)])
@pytest.mark.parametrize("kept", [F(1, 2), F(99, 100)])
def test_an_average_of_noise_with_a_memory_has_the_factor_that_is_said_of_adamw(
    measured, kept, rho
):
    beta = F(4, 5)
    size = (1 - beta) ** 2 * (1 + beta * rho) / ((1 - beta**2) * (1 - beta * rho))
    # The covariance of lag k goes like w(β) βᵏ − w(ρ) ρᵏ.
    w, v = beta / (1 - beta**2), rho / (1 - rho**2)
    both = w * kept * beta / (1 - kept * beta) - v * kept * rho / (1 - kept * rho)
    alike = both / (w - v)
    p, q = kept + beta, kept * beta
    fresh = equilibrium.gain(p, q) * (1 - beta) ** 2
    measured(
        abs(gain(kept, alike) * size - equilibrium.memory_factor(p, q, rho) * fresh), allowed=0
    )
    turned = (1 - cosine(kept, alike)) / (1 - equilibrium.cosine(p, q))
    assert (turned < 1) == (rho > 0)


@pytest.mark.claim(GENERAL, by="exact")
@pytest.mark.parametrize("sign", [1, -1])
def test_the_bounds_are_met_by_updates_that_are_all_alike_or_all_opposed(measured, sign):
    a = F(9, 10)
    alike = sign * a / (1 - sign * a)  # ρₖ = (±1)ᵏ
    measured(abs(gain(a, alike) - 1 / (1 - sign * a) ** 2), allowed=0)
    measured(abs(cosine(a, alike) - sign), allowed=0)


@pytest.mark.control(GENERAL, drops="^stationary")
def test_control_updates_that_grow_make_another_norm(measured):
    square, size = 0.0, 1.0
    for _ in range(400):
        square, size = 0.81 * square + size, 1.05 * size  # fresh, of growing variance
    measured(abs(square / size / gain(0.9, 0.0) - 1), allowed=VISIBLE)


@pytest.mark.claim(GENERAL, by="float64")
def test_a_likeness_that_holds_only_in_the_end_will_do(measured):
    square, product, size = 100.0, 0.0, 1.0
    for t in range(400):
        size = 1 + 0.8**t  # fresh, of a variance that settles
        product, square = 0.9 * square, 0.81 * square + size
    measured(abs(square / gain(0.9, 0.0) - 1), allowed=ROUNDING)
    measured(abs(product / square - cosine(0.9, 0.0)), allowed=ROUNDING)


def test_the_short_formula_of_the_angle_needs_a_likeness_that_ends():
    short = lambda kept, alike: math.sqrt(2 * (1 - kept) / (1 + 2 * alike))  # noqa: E731
    exact = lambda kept, alike: math.acos(min(1.0, cosine(kept, alike)))  # noqa: E731
    kept = 1 - 1e-4
    assert exact(kept, 3.0) == pytest.approx(short(kept, 3.0), rel=1e-3)  # ηλσ is 3e-4
    for_ever = kept / (1 - kept)  # ρₖ = 1: the weights do not turn at all
    assert exact(kept, for_ever) < 1e-2 * short(kept, for_ever)


def test_the_likeness_is_summed_until_nothing_is_left():
    assert likeness(0.9, lambda k: 0.5**k) == pytest.approx(0.45 / 0.55, rel=1e-14)
    assert likeness(0.999, lambda k: 1.0) == pytest.approx(999, rel=1e-14)
    asked = []
    likeness(0.5, lambda k: asked.append(k) or 1.0)
    assert asked == list(range(1, 59))  # 2⁻⁵⁸ is below 1e-17 / 2


@pytest.mark.claim(LION, by="exact")
@pytest.mark.parametrize(("first", "second"), [(F(9, 10), F(99, 100)), (F(1, 2), F(1, 3))])
def test_variance_and_correlation_are_those_of_what_lion_takes_the_sign_of(measured, first, second):
    # What lag k has in common, summed by hand, with the geometric tails in closed form.
    keep = first * (1 - second)
    tail = keep**2 / (1 - second**2)
    measured(abs(lion_variance(first, second) - ((1 - first) ** 2 + tail)), allowed=0)
    for lag in (1, 2, 7):
        common = (1 - first) * keep * second ** (lag - 1) + tail * second**lag
        r = math.sin(math.pi / 2 * lion_correlation(float(first), float(second), lag))
        measured(abs(r - float(common / lion_variance(first, second))), allowed=ROUNDING)


@pytest.mark.claim(LION, by="float64")
@pytest.mark.parametrize("correlation", [0.0, 0.35, 0.9])
def test_the_product_of_two_signs_is_the_arcsine_of_the_correlation(measured, correlation):
    # A Gaussian vector in the plane has a uniform direction; count where the signs differ.
    turns = torch.linspace(0, 2 * math.pi, 1_000_001, dtype=torch.float64)[:-1] + 1e-7
    omega = math.acos(correlation)
    product = (turns.cos().sign() * (turns - omega).cos().sign()).mean().item()
    measured(abs(product - 2 / math.pi * math.asin(correlation)), allowed=1e-5)  # ten of a million


def settled(update, kept, steps=2000, start=1.0, numbers=NUMBERS):
    """The mean of θᵢ², in η², and 1 minus the cosine of a step, in the second half of a run."""
    theta = start * torch.randn(numbers, generator=torch.Generator().manual_seed(8))
    squares = chords = 0.0
    for t in range(steps):
        after = kept * theta - update(t)
        if t >= steps // 2:
            squares += theta.square().sum().item()
            chords += (theta - after).square().sum().item()
        theta = after
    return squares / (steps - steps // 2) / numbers, chords / squares / 2


def noise(first, second, kept):
    alike = likeness(kept, partial(lion_correlation, first, second))
    update = signs_of_noise(first, second, NUMBERS, torch.Generator().manual_seed(7))
    return lambda t: update(), alike


@pytest.mark.claim(LION, by="simulation")
@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [(0.0, 0.9, 0.95), (0.5, 0.9, 0.95), (0.9, 0.99, 0.98), (0.95, 0.98, 0.95), (0.9, 0.0, 0.9)],
)
def test_lion_settles_where_it_should(measured, first, second, kept):
    update, alike = noise(first, second, kept)
    square, turned = settled(update, kept, start=math.sqrt(gain(kept, alike)))
    measured(abs(square / gain(kept, alike) - 1), allowed=ERRORS)
    measured(abs(turned / (1 - cosine(kept, alike)) - 1), allowed=ERRORS)


def lion(gradients, first=0.9, second=0.9):
    """Lion's update on gradients that are given step by step."""
    average = torch.zeros(NUMBERS)

    def update(t):
        g = gradients(t)
        found = (first * average + (1 - first) * g).sign()
        average.mul_(second).add_(g, alpha=1 - second)
        return found

    return update


def drift():
    constant = torch.randn(NUMBERS, generator=torch.Generator().manual_seed(9))
    return lambda t: constant


def heavy_tails():
    generator = torch.Generator().manual_seed(9)
    draw = partial(torch.rand, NUMBERS, generator=generator)
    return lambda t: (draw() - 0.5).sign() / draw() ** 2


def growing():
    generator = torch.Generator().manual_seed(9)
    return lambda t: 1.05**t * torch.randn(NUMBERS, generator=generator)


@pytest.mark.control(LION, drops="^independent")
@pytest.mark.parametrize("gradients", [drift()])
def test_control_gradients_that_persist_make_longer_weights(measured, gradients):
    check_off(measured, gradients)


@pytest.mark.control(LION, drops="^gaussian")
def test_control_heavy_tails_make_updates_more_alike(measured):
    check_off(measured, heavy_tails())


@pytest.mark.control(LION, drops="^steady")
def test_control_gradients_that_grow_make_them_less_alike(measured):
    check_off(measured, growing())


def check_off(measured, gradients):
    alike = likeness(0.95, partial(lion_correlation, 0.9, 0.9))
    square, _ = settled(lion(gradients), 0.95, steps=1000)
    measured(abs(square / gain(0.95, alike) - 1), allowed=VISIBLE)


def test_the_linear_angle_is_that_of_small_correlations_and_small_decay():
    first, second, product = 0.95, 0.98, 2e-3
    alike = likeness(1 - product, partial(lion_correlation, first, second))
    exact = math.acos(cosine(1 - product, alike))
    assert linear_angle(first, second, product) == pytest.approx(exact, rel=0.05)
    far = math.acos(1 - product) * math.sqrt(math.pi / 2)  # at β₁ = 0 it is √(π/2) too much
    assert linear_angle(0.0, second, product) == pytest.approx(far, rel=1e-3)


def test_signs_of_noise_are_lions():
    update = signs_of_noise(0.9, 0.5, 1000, torch.Generator().manual_seed(1))
    draws = torch.Generator().manual_seed(1)
    average = torch.zeros(1000)
    for _ in range(4):
        n = torch.randn(1000, generator=draws)
        assert update().equal((0.9 * average + (1 - 0.9) * n).sign())
        average = average * 0.5 + n * 0.5
