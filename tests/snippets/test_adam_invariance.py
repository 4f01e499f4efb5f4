"""Which changes of unit does Adam not see, and how fast do its tangent cousins grow?"""

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
import sympy
import torch

from snippets.adam_invariance import (
    adam_run,
    descend_along,
    normalised,
    settings_for_loss_times,
    settings_for_weights_times,
    squared_norm,
)
from snippets.adamw_twin import adam_step

SCALE, SYMMETRY = "adam-ignores-constant-gradient-scale", "adam-rescaling-symmetry"
ROOT, NO_TWIN = "degree-zero-updates-grow-like-a-square-root", "adam-with-l2-has-no-twin"
ROUNDING = 1e-12  # fewer than a hundred steps in float64
SUMS = 1e-13  # of thirty squares, each rounded at 1e-16
VISIBLE = 1e-3  # a billion times what rounding does
CLEAR = 0.1  # a share, or a difference of small numbers that are not rounded before they differ
STEPS, RATE, BETAS, EPS, DECAY = 30, 0.05, (0.9, 0.99), 1e-2, 0.3
DATA = torch.randn(4, 16, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
START = DATA[0, 0]


def ratio(t, factor=1.0, plain=False):
    def loss(weights):
        direction = weights if plain else weights / weights.norm()
        return factor * (DATA[t % 4] @ direction - DATA[t % 4, :, 0].tanh()).square().mean()

    return torch.func.grad(loss)


def ratios(factor=lambda t: 1.0, plain=False):
    return [ratio(t, factor(t), plain) for t in range(STEPS)]


def end(slopes, start=START, rate=RATE, eps=EPS, decay=DECAY, coupled=False):
    return adam_run(slopes, start, rate, BETAS, eps, decay, coupled=coupled)[-1]


def apart(one, other):
    return ((one - other).norm() / one.norm()).item()


k, m, g, v, x, eta, eps, b1, b2, lam = sympy.symbols("k m g v x eta eps b1 b2 lam", positive=True)


def rests(weights_factor, gradient_factor, settings, coupled=False, moments=None):
    """One step from scaled weights and moments minus the scaled step; decay as asked."""

    def step(weights, first, second, slope, rate, small, decay):
        slope = slope + (decay * weights if coupled else 0)
        keep, add = (b1, b2), (1 - b1, 1 - b2)
        decay = 0 if coupled else decay
        return adam_step(
            weights, (first, second), slope, rate, decay, keep, add, (1, 1), small, sympy.sqrt
        )

    f = gradient_factor if moments is None else moments
    before = step(x, m, v, g, eta, eps, lam)
    after = step(weights_factor * x, f * m, f**2 * v, gradient_factor * g, *settings)
    return [
        after[0] - weights_factor * before[0],
        after[1][0] - gradient_factor * before[1][0],
        after[1][1] - gradient_factor**2 * before[1][1],
    ]


def certificate(*given):
    """The rests, as simple as they get: 0 if they are 0 for all values."""
    return [sympy.simplify(rest) for rest in rests(*given)]


def gap(*given, **moments):
    """The first rest at one place. Where it is not 0 there, it is not 0 for all values."""
    values = {k: 3, m: 2, g: 5, v: 7, x: 11, eta: 13, eps: 17, lam: 19}
    betas = {b1: sympy.Rational(1, 2), b2: sympy.Rational(1, 3)}
    return abs(float(rests(*given, **moments)[0].subs(values | betas)))


@pytest.mark.claim(SCALE, by="certificate")
def test_the_loss_times_k_is_the_same_step_for_all_values(measured):
    given = 1, k, (*settings_for_loss_times(k, eta, eps), lam)
    measured(sum(rest != 0 for rest in certificate(*given)), allowed=0)


@pytest.mark.control(SCALE, drops="^eps")
def test_control_an_epsilon_that_stays_shows_the_unit(measured):
    measured(gap(1, k, (eta, eps, lam)), allowed=CLEAR)
    measured(apart(end(ratios()), end(ratios(lambda t: 7.0))), allowed=VISIBLE)


@pytest.mark.control(SCALE, drops="^moments")
def test_control_moments_in_the_old_unit_show(measured):
    measured(gap(1, k, (eta, k * eps, lam), moments=1), allowed=CLEAR)


@pytest.mark.control(SCALE, drops="^one-factor")
def test_control_factors_that_change_show_and_so_does_a_negative_one(measured):
    for factor in (lambda t: 1.0 + t % 4, lambda t: -1.0):
        measured(apart(end(ratios(), eps=0), end(ratios(factor), eps=0)), allowed=VISIBLE)


@pytest.mark.claim(SCALE, by="float64")
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW])
def test_the_adam_of_torch_agrees_to_the_last_bit_for_a_power_of_two(measured, optimizer):
    ends = []
    for factor in (1.0, 2.0**20, 3.0):
        weights = torch.nn.Parameter(START.clone())
        stepped = optimizer([weights], RATE, BETAS, factor * EPS)
        for t in range(STEPS):
            weights.grad = ratio(t, factor)(weights.detach())
            stepped.step()
        ends.append(weights.detach())
    measured((ends[0] != ends[1]).sum(), allowed=0)
    measured(apart(ends[0], ends[2]), allowed=ROUNDING)


@pytest.mark.parametrize("coupled", [False, True])
def test_adam_run_is_the_optimizer_of_torch(coupled):
    weights = torch.nn.Parameter(START.clone())
    optimizer = (torch.optim.Adam if coupled else torch.optim.AdamW)(
        [weights], RATE, BETAS, EPS, DECAY
    )
    for t in range(STEPS):
        weights.grad = ratio(t)(weights.detach())
        optimizer.step()
    assert apart(weights.detach(), end(ratios(), coupled=coupled)) < ROUNDING
    first = adam_run([ratio(0)], START, RATE, BETAS, EPS)
    assert torch.equal(first[0], START)
    assert torch.equal(first[1], adam_run([ratio(0)], START, RATE, BETAS, EPS, 0.0)[1])
    assert apart(end(ratios()), end(ratios(), coupled=True)) > 1e-3


def test_decay_is_decoupled_unless_one_asks_otherwise():
    given = [ratio(0)], START, RATE, BETAS, EPS, DECAY
    last, decoupled, coupled = (
        adam_run(*given, **how)[-1] for how in ({}, {"coupled": False}, {"coupled": True})
    )
    assert torch.equal(last, decoupled)
    assert (last - coupled).norm() > 1e-3


@pytest.mark.claim(SYMMETRY, by="certificate")
@pytest.mark.parametrize("coupled", [False, True])
def test_longer_weights_with_a_longer_rate_are_the_same_step_for_all_values(measured, coupled):
    settings = settings_for_weights_times(k, eta, eps, lam, coupled=coupled)
    measured(sum(rest != 0 for rest in certificate(k, 1 / k, settings, coupled)), allowed=0)


@pytest.mark.claim(SYMMETRY, by="float64")
@pytest.mark.parametrize("coupled", [False, True])
def test_runs_from_longer_weights_agree(measured, coupled):
    rate, small, decay = settings_for_weights_times(7.0, RATE, EPS, DECAY, coupled=coupled)
    before, after = (
        end(ratios(), coupled=coupled),
        end(ratios(), 7 * START, rate, small, decay, coupled),
    )
    measured(apart(7 * before, after), allowed=ROUNDING)


@pytest.mark.claim(SYMMETRY, by="float64")
@pytest.mark.parametrize("coupled", [False, True])
def test_the_adam_of_torch_has_the_symmetry_and_to_the_last_bit_for_a_power_of_two(
    measured, coupled
):
    ends = []
    for factor in (1.0, 2.0**20, 7.0):
        rate, small, decay = settings_for_weights_times(factor, RATE, EPS, DECAY, coupled=coupled)
        weights = torch.nn.Parameter(factor * START)
        optimizer = torch.optim.Adam if coupled else torch.optim.AdamW
        stepped = optimizer([weights], rate, BETAS, small, decay)
        for t in range(STEPS):
            weights.grad = ratio(t)(weights.detach())
            stepped.step()
        ends.append(weights.detach() / factor)
    measured((ends[0] != ends[1]).sum(), allowed=0)
    measured(apart(ends[0], ends[2]), allowed=ROUNDING)


@pytest.mark.control(SYMMETRY, drops="scale-invariant-loss")
def test_control_a_loss_that_sees_the_length_parts_them(measured):
    rate, small, decay = settings_for_weights_times(7.0, RATE, EPS, DECAY)
    longer = end(ratios(plain=True), 7 * START, rate, small, decay)
    measured(apart(7 * end(ratios(plain=True)), longer), allowed=VISIBLE)
    measured(gap(k, k, (k * eta, eps / k, lam / k)), allowed=CLEAR)


@pytest.mark.control(SYMMETRY, drops="^rate")
def test_control_the_rate_of_gradient_descent_is_wrong(measured):
    measured(gap(k, 1 / k, (k**2 * eta, eps / k, lam / k**2)), allowed=CLEAR)


@pytest.mark.control(SYMMETRY, drops="^eps")
def test_control_an_epsilon_that_stays_is_wrong(measured):
    measured(gap(k, 1 / k, (k * eta, eps, lam / k)), allowed=CLEAR)


@pytest.mark.control(SYMMETRY, drops="^decay")
@pytest.mark.parametrize("coupled", [False, True])
def test_control_the_decay_of_the_other_kind_is_wrong(measured, coupled):
    settings = settings_for_weights_times(k, eta, eps, lam, coupled=not coupled)
    measured(gap(k, 1 / k, settings, coupled), allowed=CLEAR)


def test_settings_and_refusals():
    assert settings_for_loss_times(2, 3, 5) == (3, 10)
    assert settings_for_weights_times(2, 3, 8) == (6, 4, 0)
    assert settings_for_weights_times(2, 3, 8, 4) == (6, 4, 2)
    assert settings_for_weights_times(2, 3, 8, 4, coupled=True) == (6, 4, 1)
    for factor in (0, -1):
        with pytest.raises(ValueError, match=f"the factor is {factor}; only positive ones leave"):
            settings_for_loss_times(factor, 3, 5)
        with pytest.raises(ValueError, match=f"the factor is {factor}; only"):
            settings_for_weights_times(factor, 3, 8)


# Adam with L2: one step, in fractions. With β = 0 a root of a square is an absolute value.


def root(squares):
    return np.array([Fraction(isqrt(s.numerator), isqrt(s.denominator)) for s in squares])


def still_then(start, coupled, eps=Fraction(1, 7)):
    nothing, betas = [lambda w: 0 * w], (Fraction(0), Fraction(0))
    rate, decay = Fraction(1, 5), Fraction(1, 2)
    path = adam_run(nothing, start, rate, betas, eps, decay, coupled=coupled, sqrt=root)
    return [after / before for before, after in zip(*path, strict=True)]


def in_common(shares):
    """How many coordinates have a share that one before has: none, if they all differ."""
    return len(shares) - len(set(shares))


@pytest.mark.claim(NO_TWIN, by="exact")
@pytest.mark.parametrize("eps", [Fraction(0), Fraction(1, 7)])
def test_without_a_gradient_decay_in_the_moments_shortens_each_coordinate_by_its_own_share(
    measured, eps
):
    start = np.array([Fraction(2), Fraction(-6), Fraction(4)])
    shares = still_then(start, True, eps)
    measured(in_common(shares), allowed=0)
    assert shares == [1 - Fraction(1, 10) / (abs(w) / 2 + eps) for w in start]


@pytest.mark.control(NO_TWIN, drops="^coupled")
def test_control_decoupled_decay_shortens_all_alike(measured):
    shares = still_then(np.array([Fraction(2), Fraction(-6)]), False)
    assert set(shares) == {Fraction(9, 10)}
    measured(in_common(shares), allowed=0)


@pytest.mark.control(NO_TWIN, drops="^unequal")
def test_control_coordinates_of_one_length_are_shortened_alike(measured):
    measured(in_common(still_then(np.array([Fraction(4), Fraction(-4)]), True)), allowed=0)


@pytest.mark.control(NO_TWIN, drops="^still")
def test_control_an_optimiser_that_moves_without_a_gradient_can_follow(measured):
    start = np.array([Fraction(2), Fraction(-6)])
    followed = start * still_then(start, True, Fraction(0))
    sign = descend_along([np.sign], start, [Fraction(1, 5)])[-1]  # no gradient needed
    assert (followed == sign).all()
    measured(in_common(followed / sign), allowed=0)


# Steps along tangents.


@pytest.mark.claim(ROOT, by="certificate")
def test_a_unit_step_along_any_tangent_adds_the_square_of_the_rate(measured):
    weights, free = (
        sympy.Matrix(sympy.symbols("x:3", real=True)),
        sympy.Matrix(sympy.symbols("q:3", real=True)),
    )
    tangent = weights.cross(free)
    unit = tangent / sympy.sqrt(tangent.dot(tangent))
    path = descend_along([lambda w: unit], weights, [eta])
    length = sympy.sqrt(weights.dot(weights))
    rest = sympy.simplify(path[1].dot(path[1]) - squared_norm(length, [eta]))
    measured(rest != 0, allowed=0)


def shortfall(path, rates):
    """How far ‖θ‖² is from what unit steps along tangents make it, as a share of that."""
    start, end = path[0] @ path[0], path[-1] @ path[-1]
    return abs(float(end / squared_norm(start**0.5, rates)) - 1)


@pytest.mark.claim(ROOT, by="float64")
def test_normalised_descent_grows_as_predicted(measured):
    rates = [0.1 * (1 + t % 3) for t in range(STEPS)]
    path = descend_along([normalised(s) for s in ratios()], START, rates)
    assert len(path) == STEPS + 1
    measured(shortfall(path, rates), allowed=SUMS)
    path = descend_along([normalised(s) for s in ratios()], START, [0.2] * STEPS)
    rate = 0.2 / path[-1].norm().item()
    expected = (STEPS + (START.norm().item() / 0.2) ** 2) ** -0.5
    measured(abs(rate / expected - 1), allowed=SUMS)
    with pytest.raises(ValueError, match="longer"):
        descend_along([torch.sign], START, [1.0, 1.0])


@pytest.mark.control(ROOT, drops="scale-invariant-loss")
def test_control_on_a_plain_loss_normalised_descent_walks_to_zero(measured):
    path = descend_along([normalised(lambda w: w)] * 20, START, [0.1] * 20)
    assert path[-1].norm().item() == pytest.approx(START.norm().item() - 2, rel=1e-12)
    measured(shortfall(path, [0.1] * 20), allowed=CLEAR)


@pytest.mark.control(ROOT, drops="differentiable-away-from-zero")
def test_control_partial_derivatives_along_the_weights_shorten_them(measured):
    # those at (1, 1, 1) of a scale-invariant loss that is continuous and has no gradient there
    start = torch.ones(3, dtype=torch.float64)
    path = descend_along([normalised(lambda w: w / 3**0.5)], start, [0.1])
    assert path[-1].norm() < start.norm() - 0.09
    measured(shortfall(path, [0.1]), allowed=CLEAR)


@pytest.mark.control(ROOT, drops="^unit")
def test_control_steps_of_another_length_add_another_square(measured):
    path = descend_along(
        [lambda w, s=s: 3 * normalised(s)(w) for s in ratios()], START, [0.2] * STEPS
    )
    measured(shortfall(path, [0.2] * STEPS), allowed=CLEAR)
    assert shortfall(path, [0.6] * STEPS) < ROUNDING


@pytest.mark.control(ROOT, drops="^no-decay")
def test_control_with_decay_the_weights_are_shorter(measured):
    path = descend_along(
        [lambda w, s=s: normalised(s)(w) + 0.1 * w for s in ratios()], START, [0.2] * STEPS
    )
    measured(shortfall(path, [0.2] * STEPS), allowed=CLEAR)


@pytest.mark.control(ROOT, drops="^tangent")
def test_control_sign_descent_in_the_plane_keeps_the_sum_of_the_lengths(measured):
    def sign(weights):  # of the tangent (y, −x), in fractions
        return np.array([Fraction(1), Fraction(-1)])

    rates = [Fraction(1, 10)] * 20
    path = descend_along([sign] * 20, np.array([Fraction(5), Fraction(3)]), rates)
    assert all(abs(w).sum() == 8 for w in path)
    assert path[5] @ path[5] < path[0] @ path[0]
    measured(shortfall(path[:6], rates[:5]), allowed=VISIBLE)


@pytest.mark.control(ROOT, drops="^tangent")
def test_control_sign_descent_can_shorten_the_weights_to_a_few_steps(measured):
    def sign(w):  # of ∇(Σθ − 3 min θ)/‖θ‖, times ‖θ‖³
        slope = (w @ w) * np.array([1 - 3 * (i == w.argmin()) for i in range(3)])
        return np.sign(slope - (w.sum() - 3 * w.min()) * w)

    start = np.array([1000, 1001, 1002])  # in units of the rate
    path = descend_along([sign] * 2995, start, [1] * 2995)
    norms = [int(w @ w) for w in path]
    assert min(norms) < 100 < 3 * 10**6 < norms[0]
    shortest = norms.index(min(norms))
    measured(shortfall(path[: shortest + 1], [1] * shortest), allowed=CLEAR)
