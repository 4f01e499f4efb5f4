"""How far do weights turn, and how long can gradients with a memory keep them?"""

import math
import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
import torch

from snippets.gradients_with_memory import circle, gain_with_memory, pushes, zigzag

ANGLE = "rotation-does-not-depend-on-the-gradients"
MEMORY = "gradients-with-memory-move-the-norm-by-a-bounded-factor"
SETTINGS = [(0.5, 0.1), (0.9, 0.02), (0.0, 0.3), (0.8, 1.5)]  # γ and ηλ
MARGIN = Fraction(1, 40)  # of a cosine: where the claim holds, it is not off at all
ROUNDING = 1e-9  # float64, but ‖ηg‖² is a difference of numbers near one, and down to 3e-5
CLEAR = 1  # beyond a bound, or off a value, by as much as it is itself


def dot(u, v):
    return sum(x * y for x, y in zip(u, v, strict=True))


def exact_run(gamma, products, pull, *, decoupled):
    """θ₀ … of SGD in rational numbers, on any gradients orthogonal to the weights, but for a pull.

    The rate is 1; `products` are the ηλ of the steps.
    """
    draw = random.Random(4)
    theta = [Fraction(draw.randint(-9, 9), 7) for _ in range(3)]
    buffer = [Fraction(draw.randint(-9, 9), 5) for _ in range(3)]
    path = [theta]
    for product in products:
        raw = [Fraction(draw.randint(-50, 50), 9) for _ in range(3)]
        along = dot(raw, theta) / dot(theta, theta) - pull
        g = [x - along * w for x, w in zip(raw, theta, strict=True)]
        if decoupled:
            buffer = [gamma * b + x for b, x in zip(buffer, g, strict=True)]
            theta = [(1 - product) * w - b for w, b in zip(theta, buffer, strict=True)]
        else:
            buffer = [gamma * b + x + product * w for b, x, w in zip(buffer, g, theta, strict=True)]
            theta = [w - b for w, b in zip(theta, buffer, strict=True)]
        path.append(theta)
    return path


def mean_cosine_gap(path, p, q):
    """The two sides of the identity for t = 1 … T, one minus the other."""
    last = len(path) - 2
    below = sum(dot(path[t], path[t]) for t in range(1, last + 1))
    above = sum(dot(path[t], path[t + 1]) for t in range(1, last + 1))
    boundary = dot(path[last + 1], path[last]) - dot(path[1], path[0])
    return above / below - p / (1 + q) - q / (1 + q) * boundary / below


def settings(gamma, product, decoupled):
    if decoupled:
        return 1 - product + gamma, (1 - product) * gamma
    return 1 + gamma - product, gamma


@pytest.mark.claim(ANGLE, by="exact")
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("gamma", [Fraction(0), Fraction(1, 2), Fraction(9, 10)])
def test_weights_turn_as_far_as_is_claimed_whatever_the_gradients(measured, gamma, decoupled):
    product = Fraction(1, 8)
    for steps in (2, 3, 6):
        path = exact_run(gamma, [product] * steps, 0, decoupled=decoupled)
        measured(abs(mean_cosine_gap(path, *settings(gamma, product, decoupled))), allowed=0)


def mean_cosine(norms, cosines, weights):
    """The mean of cosines with these weights."""
    assert len(norms) == len(cosines) + 1
    return (weights * cosines).sum() / weights.sum()


def lengths(path):
    """‖θ₁‖ … ‖θ_T+1‖, and the cosines and the products of the T steps between them."""
    theta = np.array(path, dtype=float)[1:]
    norms = np.linalg.norm(theta, axis=1)
    products = (theta[1:] * theta[:-1]).sum(axis=1)
    return norms, products / norms[1:] / norms[:-1], products


@pytest.mark.claim(ANGLE, by="float64")
@pytest.mark.parametrize("decoupled", [False, True])
def test_the_mean_cosine_is_the_quotient_over_a_number_that_a_moving_norm_makes(
    measured, decoupled
):
    for steps in (3, 8):
        path = exact_run(Fraction(1, 2), [Fraction(1, 8)] * steps, 0, decoupled=decoupled)
        norms, cosines, products = lengths(path)
        found = mean_cosine(norms, cosines, norms[1:] * norms[:-1])
        below = (norms[:-1] ** 2).sum()
        delta = (np.diff(norms) ** 2).sum() / (2 * below)
        assert delta > 0.01  # so that it counts
        ends = (norms[-1] ** 2 - norms[0] ** 2) / (2 * below)
        # a dozen numbers of size one, each rounded at 1e-16
        measured(abs(found * (1 - delta + ends) - products.sum() / below), allowed=1e-13)


def test_the_quotient_is_no_mean_of_cosines_where_the_norm_moves():
    kept, steps = 0.9, 20  # without momentum: twenty steps of decay, and one that restores the norm
    norms = np.array([kept**t for t in range(steps + 1)] + [1.0])
    cosines = np.ones(steps + 1)
    cosines[-1] = kept * norms[-2] / norms[-1]  # ⟨θₜ, θₜ₊₁⟩ = a‖θₜ‖²
    products = cosines * norms[1:] * norms[:-1]
    below = (norms[:-1] ** 2).sum()
    assert products.sum() / below == pytest.approx(kept)
    for weights, told in [
        (norms[1:] * norms[:-1], 0.977),
        (norms[:-1] ** 2, 0.997),
        (np.ones(steps + 1), 0.958),
    ]:
        assert mean_cosine(norms, cosines, weights) == pytest.approx(told, abs=5e-4)
    delta = (np.diff(norms) ** 2).sum() / (2 * below)
    assert delta == pytest.approx(0.079, abs=5e-4)
    assert kept / (1 - delta) == pytest.approx(0.977, abs=5e-4)
    steady = 1 + 0.01 * (-1.0) ** np.arange(50)  # norms that change by two per cent a step
    assert (np.diff(steady) ** 2).sum() / (2 * (steady**2).sum()) < 4 * 5e-5


def test_without_gradients_the_quotient_is_the_share_that_is_left_however_long_the_run():
    root, other = Fraction(9, 10), Fraction(1, 2)
    p, q = root + other, root * other
    for steps in (3, 40):
        path = [[root**t] for t in range(steps + 2)]  # θₜ₊₁ = p θₜ − q θₜ₋₁
        assert mean_cosine_gap(path, p, q) == 0
        below = sum(dot(w, w) for w in path[1:-1])
        above = sum(dot(w, v) for w, v in pairwise(path[1:]))
        assert above / below == root < p / (1 + q) - MARGIN


@pytest.mark.control(
    ANGLE, drops="scale-invariant-loss", instead="gradients with a fourth of the weights in them"
)
@pytest.mark.parametrize("decoupled", [False, True])
def test_control_with_a_pull_along_the_weights_they_turn_otherwise(measured, decoupled):
    gamma, product = Fraction(1, 2), Fraction(1, 8)
    path = exact_run(gamma, [product] * 6, Fraction(1, 4), decoupled=decoupled)
    gap = mean_cosine_gap(path, *settings(gamma, product, decoupled))
    measured(abs(gap), allowed=4 * MARGIN)


@pytest.mark.control(
    ANGLE, drops="^constant", instead="a decay that is five times as large from the middle on"
)
@pytest.mark.parametrize("decoupled", [False, True])
def test_control_where_decay_changes_on_the_way_they_turn_otherwise(measured, decoupled):
    gamma, product = Fraction(1, 2), Fraction(1, 8)
    path = exact_run(gamma, [product] * 3 + [5 * product] * 3, 0, decoupled=decoupled)
    for at in (product, 5 * product):
        measured(abs(mean_cosine_gap(path, *settings(gamma, at, decoupled))), allowed=MARGIN)


def test_where_decay_changes_the_sums_have_the_p_and_q_of_each_step():
    gamma, products = Fraction(1, 2), [Fraction(k, 16) for k in (2, 5, 1, 9, 4, 3)]
    for decoupled in (False, True):
        path = exact_run(gamma, products, 0, decoupled=decoupled)
        last = len(path) - 2
        if decoupled:  # ηb carries the decay of the step before
            settled = [
                (1 - e + gamma, (1 - b) * gamma)
                for b, e in zip([0, *products], products, strict=False)
            ]
        else:
            settled = [settings(gamma, e, False) for e in products]
        p, q = zip(*settled, strict=True)
        turns = [dot(path[t], path[t + 1]) for t in range(last + 1)]
        left = sum((1 + q[t + 1]) * turns[t] for t in range(1, last))
        left += turns[last]  # q of a step that is not taken cancels
        right = sum(p[t] * dot(path[t], path[t]) for t in range(1, last + 1))
        assert left == right - q[1] * turns[0]


@pytest.mark.claim(ANGLE, by="exact")
def test_the_rate_may_grow_if_decay_shrinks_by_as_much(measured):
    gamma, growth, product = Fraction(1, 2), Fraction(6, 5), Fraction(1, 8)
    p, q = 1 + gamma * growth - product, gamma * growth  # torch's, with ηλ kept
    draw = random.Random(1)
    theta, buffer, rate, path = [Fraction(3), Fraction(1)], [Fraction(1), Fraction(2)], 1, []
    for _ in range(7):
        path.append(theta)
        size = Fraction(draw.randint(-50, 50), 9)
        g = [-size * theta[1], size * theta[0]]
        decay = product / rate
        buffer = [gamma * b + x + decay * w for b, x, w in zip(buffer, g, theta, strict=True)]
        theta = [w - rate * b for w, b in zip(theta, buffer, strict=True)]
        rate *= growth
    measured(abs(mean_cosine_gap(path, p, q)), allowed=0)
    assert mean_cosine_gap(path, 1 + gamma - product, gamma) != 0


@pytest.mark.claim(MEMORY, by="certificate of a step")
def test_the_square_of_a_gradient_leaves_one_unknown_and_its_ends_are_the_bounds(measured):
    p, q, rho, c = sympy.symbols("p q rho c")
    lags = [1, c, rho]  # ⟨θₜ, θₜ₊ₖ⟩ over ‖θ‖²
    weights = {1: -1, 0: p, -1: -q}  # of θₜ₊₁, θₜ, θₜ₋₁ in ηgₜ
    square = sum(weights[i] * weights[j] * lags[abs(i - j)] for i in weights for j in weights)
    along = sum(weights[i] * lags[abs(i)] for i in weights)
    assert sympy.solve(along, c) == [p / (1 + q)]
    settled = square.subs(c, p / (1 + q))
    rests = [gain_with_memory(p, q, rho) * settled - 1]
    both = (1 + q) * c  # p
    ends = {1: (1 + q) ** 2, 2 * c**2 - 1: (1 - q) ** 2, both * c - q: 1 - q**2}
    for value, share in ends.items():  # zigzag, circle, fresh
        rests.append(gain_with_memory(both, q, value) * share * (1 - c**2) - 1)
    slope = sympy.diff(1 / gain_with_memory(p, q, rho), rho)
    rests.append(slope - 2 * q)  # so that nothing lies beyond the ends, if q ≥ 0
    second = 2 + 2 * rho - 4 * c**2  # ‖θₜ₊₂ + θₜ − 2cθₜ₊₁‖² over ‖θ‖²
    terms = {0: 1, 1: -2 * c, 2: 1}
    found = sum(terms[i] * terms[j] * lags[abs(i - j)] for i in terms for j in terms)
    rests.append(found - second)
    measured(sum(sympy.cancel(rest) != 0 for rest in rests), allowed=0)


@pytest.mark.claim(MEMORY, by="certificate of a step")
def test_the_norm_gains_what_a_gradient_has_of_the_weights_before(measured):
    p, q, along = sympy.symbols("p q along")  # η⟨gₜ, θₜ₋₁⟩/‖θ‖²
    c = p / (1 + q)
    rho = p * c - q - along  # the recursion times θₜ₋₁
    gain = gain_with_memory(p, q, rho)
    m = 2 * q * along * gain  # (2q/η) ⟨gₜ, θₜ₋₁⟩/‖g‖²
    rest = gain - (1 + m) / ((1 - q**2) * (1 - c**2))
    measured(sympy.cancel(rest) != 0, allowed=0)


@pytest.mark.claim(MEMORY, by="float64")
@pytest.mark.parametrize("motion", [circle, zigzag])
def test_the_two_extremes_gain_and_lose_by_the_product_with_the_buffer(measured, motion):
    gamma, product = 0.8, 0.1
    p, q = settings(gamma, product, False)
    path = motion(p / (1 + q), 50).numpy()
    push = pushes(torch.from_numpy(path), p, q).numpy()  # ηgₜ
    buffer = path[:-2] - path[1:-1]  # ηbₜ₋₁
    size = (push**2).sum(axis=1).mean()
    m = 2 * gamma * (push * buffer).sum(axis=1).mean() / size
    assert (m > 0.5) == (motion is circle)
    assert abs(m) > 0.4
    fresh = 1 / ((1 - q**2) * (1 - (p / (1 + q)) ** 2))
    measured(abs((1 + m) * fresh * size - 1), allowed=ROUNDING)


def helix(cosine, turn, steps):
    """Unit weights that turn by one angle per step, between a circle and a zigzag."""
    radius = math.sqrt((1 - cosine) / (1 - math.cos(turn)))
    t = turn * np.arange(steps)
    return np.stack([radius * np.cos(t), radius * np.sin(t), 0 * t + math.sqrt(1 - radius**2)], 1)


def found_gain(path, p, q):
    push = p * path[1:-1] - q * path[:-2] - path[2:]
    assert abs((push * path[1:-1]).sum(axis=1)).max() < 1e-12  # a gradient of an invariant loss
    return 1 / (push**2).sum(axis=1).mean()


@pytest.mark.claim(MEMORY, by="float64")
@pytest.mark.parametrize(("gamma", "product"), SETTINGS)
@pytest.mark.parametrize("decoupled", [False, True])
def test_runs_between_the_two_extremes_have_norms_between_the_bounds(
    measured, gamma, product, decoupled
):
    p, q = settings(gamma, min(product, 0.9) if decoupled else product, decoupled)
    c = p / (1 + q)
    low, high = (1 / ((1 + s * q) ** 2 * (1 - c**2)) for s in (1, -1))
    for turn in np.linspace(math.acos(c) * 1.001, math.pi, 7):
        path = helix(c, turn, 50)
        gain = found_gain(path, p, q)
        measured(max(low / gain - 1, gain / high - 1, 0), allowed=ROUNDING)
        measured(abs(gain / gain_with_memory(p, q, path[0] @ path[2]) - 1), allowed=ROUNDING)
    extremes = [1 / (pushes(f(c, 50), p, q) ** 2).sum(axis=1) for f in (zigzag, circle)]
    for values, bound in zip(extremes, (low, high), strict=True):
        assert values.shape == (48,)
        measured(abs(values / bound - 1).max(), allowed=ROUNDING)  # all have one length
    assert high / low == pytest.approx(((1 + q) / (1 - q)) ** 2)


@pytest.mark.control(
    MEMORY, drops="scale-invariant-loss", instead="gradients along the weights alone"
)
def test_control_gradients_along_the_weights_break_both_bounds(measured):
    p, q = settings(0.5, 0.1, False)
    c = p / (1 + q)
    low, high = (1 / ((1 + s * q) ** 2 * (1 - c**2)) for s in (1, -1))
    for turn, beyond in [(0.0, high), (math.pi, low)]:
        path = circle(math.cos(turn), 9)  # stays, or flips at every step
        push = p * path[1:-1] - q * path[:-2] - path[2:]
        gain = 1 / (push**2).sum(axis=1).mean()
        measured((gain / beyond if turn == 0 else beyond / gain) - 1, allowed=CLEAR)


@pytest.mark.control(
    MEMORY, drops="^stationary", instead="the first steps from a start far outside"
)
def test_control_a_run_on_its_way_has_any_norm(measured):
    p, q = settings(0.5, 0.1, False)
    high = 1 / ((1 - q) ** 2 * (1 - (p / (1 + q)) ** 2))
    old, new = np.array([1000.0, 0.0]), np.array([1000.0, 0.0])
    for _ in range(3):
        g = np.array([-new[1], new[0]]) / np.linalg.norm(new)
        old, new = new, p * new - q * old - g
        measured(new @ new / high - 1, allowed=1000 * CLEAR)


@pytest.mark.control(
    MEMORY,
    drops="fresh-gradient-noise",
    instead="gradients that lead around a circle, or to and fro",
)
def test_control_gradients_that_persist_have_not_the_norm_in_the_middle(measured):
    p, q = settings(0.5, 0.1, False)
    fresh = gain_with_memory(p, q, p * p / (1 + q) - q)
    for motion, share in [(circle, 3), (zigzag, 1 / 3)]:  # 3 is (1 + γ)/(1 − γ)
        found = found_gain(motion(p / (1 + q), 50), p, q) / fresh
        assert found == pytest.approx(share)
        measured(abs(found - 1), allowed=CLEAR / 2)  # a third of it is off by two thirds


@pytest.mark.control(
    MEMORY,
    drops="constant-unit-gradient-norm",
    instead="a run of three times the unit gradient norm",
)
def test_control_between_runs_of_two_unit_gradient_norms_the_factor_is_larger(measured):
    p, q = settings(0.5, 0.1, False)
    bound = ((1 + q) / (1 - q)) ** 0.25
    c = p / (1 + q)
    norms = []
    for motion, unit_gradient in [(zigzag, 1.0), (circle, 1.0), (circle, 3.0)]:
        push = np.linalg.norm(pushes(motion(c, 9), p, q), axis=1).max()  # at ‖θ‖ = 1
        norms.append((unit_gradient / push) ** 0.5)  # ‖ηg‖ = G/‖θ‖ and ‖ηg‖ = push ‖θ‖
    assert norms[1] / norms[0] == pytest.approx(bound**2)  # from one end to the other
    measured(norms[2] / norms[0] / bound**2 - 1, allowed=CLEAR / 2)  # half as large again


def test_a_circle_and_a_zigzag_are_what_they_are_called():
    c = 0.8
    rounds, fro = circle(c, 5), zigzag(c, 5)
    assert rounds.shape == fro.shape == (5, 2)
    assert np.allclose(rounds[:2], [[1, 0], [0.8, 0.6]])
    assert np.allclose(fro[0], fro[2], atol=1e-15)
    assert np.allclose(fro[0], [math.sqrt(0.9), math.sqrt(0.1)])  # half the angle either way
    assert np.allclose(fro[1], [math.sqrt(0.9), -math.sqrt(0.1)])
    for path in (rounds, fro):
        assert np.allclose((path**2).sum(axis=1), 1)
        assert np.allclose((path[1:] * path[:-1]).sum(axis=1), c)
    assert rounds[2] @ rounds[0] == pytest.approx(2 * c**2 - 1)


def test_pushes_make_the_path():
    path = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    push = pushes(path, 1.3, 0.4)
    assert push.shape == (2, 2)
    assert np.allclose(1.3 * path[1] - 0.4 * path[0] - push[0], path[2])
    assert np.allclose(1.3 * path[2] - 0.4 * path[1] - push[1], path[3])
