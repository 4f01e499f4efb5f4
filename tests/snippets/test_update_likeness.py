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
from tests.confidence import students_t

GENERAL, LION = "norm-follows-from-the-likeness-of-updates", "equilibrium-of-lion"
F = Fraction
ROUNDING = 1e-12  # sums of a few thousand terms of falling size, each rounded at 1e-16
VISIBLE = 0.1  # a share: several times what the simulations below may err
CONFIDENCE = 0.9999  # in a quotient of means over independent numbers, by their own spread
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


@pytest.mark.claim(GENERAL, by="exact")
def test_an_average_of_noise_has_the_equilibrium_that_is_proved_for_adamw(measured):
    a, beta = sympy.symbols("a beta", positive=True)
    alike = a * beta / (1 - a * beta)  # Σ aᵏβᵏ
    p, q = a + beta, a * beta
    size = (1 - beta) / (1 + beta)  # of the average, in that of the noise
    pushed = equilibrium.gain(p, q) * (1 - beta) ** 2
    measured(sympy.simplify(gain(a, alike) * size - pushed) != 0, allowed=0)
    measured(sympy.simplify(cosine(a, alike) - equilibrium.cosine(p, q)) != 0, allowed=0)


@pytest.mark.claim(GENERAL, by="certificate of a step")
def test_norm_and_cosine_follow_from_the_two_sums_and_have_the_limits_for_small_decay(measured):
    a, beta, eta, lam = sympy.symbols("a beta eta lambda", positive=True)
    norm = (1 + 2 * beta) / (1 - a**2)  # Σ a²ⁱ is 1/(1 − a²); over η²U², and any σ
    measured(sympy.cancel(gain(a, beta) - norm) != 0, allowed=0)
    turned = a + beta / a / norm  # E⟨θ, aθ − ηu⟩ over E‖θ‖²
    measured(sympy.cancel(cosine(a, beta) - turned) != 0, allowed=0)
    missing = (1 - a) * (a - (1 - a) * beta) / (a * (1 + 2 * beta))
    measured(sympy.cancel(1 - cosine(a, beta) - missing) != 0, allowed=0)
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
    # as the note on AdamW has it, and with the sign of ρ since the bracket is positive
    bracket = (1 + q) * (1 - q * rho**2) + rho * (kept + beta) * (1 - q)
    more = rho * (1 - kept**2) * (1 - beta**2) * (1 - q) / ((1 + q) * bracket)
    measured(abs(cosine(kept, alike) - equilibrium.cosine(p, q) - more), allowed=0)
    assert bracket > 0
    assert abs(rho) * (1 - q) < 1 - q * rho**2


@pytest.mark.claim(GENERAL, by="exact")
@pytest.mark.parametrize("sign", [1, -1])
def test_the_bounds_are_met_by_updates_that_are_all_alike_or_all_opposed(measured, sign):
    a = F(9, 10)
    alike = sign * a / (1 - sign * a)  # ρₖ = (±1)ᵏ
    measured(abs(gain(a, alike) - 1 / (1 - sign * a) ** 2), allowed=0)
    measured(abs(cosine(a, alike) - sign), allowed=0)


@pytest.mark.control(
    GENERAL, drops="^stationary", instead="fresh updates whose variance grows by a twentieth a step"
)
def test_control_updates_that_grow_make_another_norm(measured):
    square, size = 0.0, 1.0
    for _ in range(400):
        square, size = 0.81 * square + size, 1.05 * size  # fresh, of growing variance
    assert square / size == pytest.approx(1 / (1.05 - 0.81))
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
    opposed = -kept / (1 + kept)  # ρₖ = (−1)ᵏ: they flip, and ηλσ is small all the same
    assert math.acos(max(-1.0, cosine(kept, opposed))) == pytest.approx(math.pi, abs=1e-5)
    assert abs((1 - kept) * opposed) < 1e-4
    assert short(kept, opposed) == pytest.approx(2, rel=1e-3)
    for_ever = kept / (1 - kept)  # ρₖ = 1: the weights do not turn at all
    assert exact(kept, for_ever) < 1e-2 * short(kept, for_ever)


def test_the_likeness_is_summed_until_nothing_is_left():
    assert likeness(0.9, lambda k: 0.5**k) == pytest.approx(0.45 / 0.55, rel=1e-14)
    assert likeness(0.999, lambda k: 1.0) == pytest.approx(999, rel=1e-14)
    asked = []
    likeness(0.5, lambda k: asked.append(k) or 1.0)
    assert asked == list(range(1, 59))  # 2⁻⁵⁸ is below 1e-17 / 2


@pytest.mark.claim(LION, by="float64")
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
    """The mean of θᵢ², in η², and 1 minus the cosine of a step, in the second half of a run.

    Each with its standard error, for numbers that are independent of each other. Where the norm is
    steady, ‖θ − θ′‖² is 2‖θ‖² − 2⟨θ, θ′⟩ in the mean, and varies less than that.
    """
    theta = start * torch.randn(numbers, generator=torch.Generator().manual_seed(8))
    squares, chords = (torch.zeros(numbers, dtype=torch.float64) for _ in range(2))
    for t in range(steps):
        after = kept * theta - update(t)
        if t >= steps // 2:
            squares += theta.square()
            chords += (theta - after).square()
        theta = after
    late = squares / (steps - steps // 2)
    return quotient(late, torch.ones_like(late)), quotient(chords / 2, squares)


def quotient(above, below):
    """The quotient of two means, and its standard error."""
    value = above.mean() / below.mean()
    spread = (above - value * below).std() / below.mean() / math.sqrt(len(above))
    return value.item(), spread.item()


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
    # A mean over so many numbers is normal nearly enough; of the start 1000 steps leave less than
    # a billionth, as kept² is at most .98².
    within = students_t(CONFIDENCE, NUMBERS - 1)
    found = settled(update, kept, start=math.sqrt(gain(kept, alike)))
    for (value, error), told in zip(
        found, (gain(kept, alike), 1 - cosine(kept, alike)), strict=True
    ):
        assert within * error < VISIBLE / 3 * told
        # by the spread of the numbers
        measured(abs(value / told - 1), allowed=within * error / told, confidence=CONFIDENCE)


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

    def gradient(t):
        rare = torch.rand(NUMBERS, generator=generator) < 0.02
        return torch.where(rare, 100, 1) * torch.randn(NUMBERS, generator=generator)

    return gradient


def growing():
    generator = torch.Generator().manual_seed(9)
    return lambda t: 1.05**t * torch.randn(NUMBERS, generator=generator)


@pytest.mark.control(LION, drops="^independent", instead="one Gaussian gradient for all steps")
@pytest.mark.parametrize("gradients", [drift()])
def test_control_gradients_that_persist_make_longer_weights(measured, gradients):
    check_off(measured, gradients)


@pytest.mark.control(
    LION,
    drops="^gaussian",
    instead="a Gaussian that is a hundred times as large every fiftieth time",
)
def test_control_heavy_tails_make_updates_more_alike(measured):
    check_off(measured, heavy_tails())


@pytest.mark.control(LION, drops="^steady", instead="a deviation that grows by a twentieth a step")
def test_control_gradients_that_grow_make_them_less_alike(measured):
    check_off(measured, growing())


def check_off(measured, gradients):
    alike = likeness(0.95, partial(lion_correlation, 0.9, 0.9))
    (square, _), _ = settled(lion(gradients), 0.95, steps=1000)
    measured(abs(square / gain(0.95, alike) - 1), allowed=VISIBLE)


def growing_correlation(first, second, growth, lag):
    """Of what Lion takes the sign of, where the deviation grows by a factor per step."""
    weights = [1 - first] + [first * (1 - second) * second**j for j in range(400)]
    z = [w / growth**j for j, w in enumerate(weights)]  # on noise of one variance
    return sum(a * b for a, b in zip(z, z[lag:], strict=False)) / sum(a * a for a in z)


def test_growing_gradients_make_signs_less_alike_or_more():
    for first, second, growth, lag in [
        (0.9, 0.9, 1.05, 1),
        (0.9, 0.9, 1.05, 4),
        (0.6, 0.3, 1.2, 2),
    ]:
        kappa, weight = second / growth, first * (1 - second) / growth  # as the note has it
        common = (1 - first) * weight * kappa ** (lag - 1)
        common += weight**2 * kappa**lag / (1 - kappa**2)
        variance = (1 - first) ** 2 + weight**2 / (1 - kappa**2)
        found = growing_correlation(first, second, growth, lag)
        assert found == pytest.approx(common / variance)
        assert found < growing_correlation(first, second, 1.0, lag)
    u = 0.9 / 0.1 / 1.05
    assert growing_correlation(0.9, 0.0, 1.05, 1) == pytest.approx(u / (1 + u**2))
    assert growing_correlation(0.9, 0.0, 1.05, 1) > growing_correlation(0.9, 0.0, 1.0, 1)


def test_on_signs_lion_with_a_short_average_sees_the_present_alone():
    generator = torch.Generator().manual_seed(3)
    average = torch.zeros(1000)
    for _ in range(5):
        g = torch.randn(1000, generator=generator).sign()
        assert (0.4 * average + 0.6 * g).sign().equal(g)  # β₁ = .4, β₂ = 0
        average = g
    assert lion_correlation(0.4, 0.0, 1) > 0.2  # of Gaussian gradients


def test_the_linear_part_of_a_sign_makes_the_short_formula():
    first, second = sympy.symbols("beta1 beta2", positive=True)
    variance = lion_variance(first, second)
    r = first * (1 - second) * (1 - first + first * second / (1 + second)) / variance
    # the weights add up 2/π (1 + 2Σ r β₂ᵏ⁻¹) of the linear parts, and √(2ηλ/that) is √(πηλV)
    assert sympy.cancel(1 + 2 * r / (1 - second) - 1 / variance) == 0
    for first, second, product, off in [(0.9, 0.99, 1e-4, 0.05), (0.95, 0.98, 1e-4, 0.05)]:
        # V and ηλ/(1 − β₂) are small
        exact = math.acos(cosine(1 - product, lions_likeness(first, second, product)))
        assert linear_angle(first, second, product) / exact < 1 + off
    assert linear_angle(0.9, 0.99, 1e-3) ** 2 == pytest.approx(
        2e-3 / (2 / math.pi / lion_variance(0.9, 0.99))
    )


def lions_likeness(first, second, product):
    """σ of Lion's updates, from the lags of which anything is left in its memory."""
    lags = math.ceil(math.log(1e-17) / math.log(second))
    return math.fsum(
        (1 - product) ** k * lion_correlation(first, second, k) for k in range(1, lags + 1)
    )


def test_of_lions_likeness_nothing_is_left_beyond_its_memory():
    found = likeness(0.99, partial(lion_correlation, 0.9, 0.95))
    assert lions_likeness(0.9, 0.95, 0.01) == pytest.approx(found, rel=1e-14)


@pytest.mark.parametrize("second", [0.95, 0.98, 0.99])
def test_the_linear_angle_is_right_to_a_few_per_cent_where_v_and_the_decay_are_small(second):
    near = [first for first in (0.8, 0.9, 0.98, 0.999) if lion_variance(first, second) < 0.05]
    assert len(near) > 1
    for first in near:
        product = (1 - second) / 100
        exact = math.acos(cosine(1 - product, lions_likeness(first, second, product)))
        assert 1 < linear_angle(first, second, product) / exact < 1.05


def test_the_mean_product_of_adamws_weights_is_larger_by_the_term_of_the_note():
    a, beta, rho = sympy.symbols("a beta rho")
    w, v, q = beta / (1 - beta**2), rho / (1 - rho**2), a * beta
    alike = (w * q / (1 - q) - v * a * rho / (1 - a * rho)) / (w - v)
    bracket = (1 + q) * (1 - q * rho**2) + rho * (a + beta) * (1 - q)
    more = rho * (1 - a**2) * (1 - beta**2) * (1 - q) / ((1 + q) * bracket)
    assert sympy.cancel(cosine(a, alike) - (a + beta) / (1 + q) - more) == 0


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
