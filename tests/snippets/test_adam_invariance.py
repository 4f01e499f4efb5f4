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


k, eta, bias1, bias2 = sympy.symbols("k eta bias1 bias2", positive=True)
v, eps = sympy.symbols("v eps", nonnegative=True)
m, g, x, b1, b2, lam = sympy.symbols("m g x b1 b2 lam", real=True)


def rests(weights_factor, gradient_factor, settings, coupled=False, moments=None):
    """One step from scaled weights and moments minus the scaled step; decay as asked.

    Each coordinate by itself, as Adam goes. The bias corrections are any.
    """

    def step(weights, first, second, slope, rate, small, decay):
        slope = slope + (decay * weights if coupled else 0)
        keep, add = (b1, b2), (1 - b1, 1 - b2)
        decay = 0 if coupled else decay
        bias = bias1, bias2
        return adam_step(
            weights, (first, second), slope, rate, decay, keep, add, bias, small, sympy.sqrt
        )

    f = gradient_factor if moments is None else moments
    before = step(x, m, v, g, eta, eps, lam)
    after = step(weights_factor * x, f * m, f**2 * v, gradient_factor * g, *settings)
    return [
        after[0] - weights_factor * before[0],
        after[1][0] - gradient_factor * before[1][0],
        after[1][1] - gradient_factor**2 * before[1][1],
    ]


def simplest(*given):
    """The rests, as simple as they get: 0 if they are 0 for all values."""
    return [sympy.simplify(rest) for rest in rests(*given)]


def gap(*given, **moments):
    """The first rest at one place. Where it is not 0 there, it is not 0 for all values."""
    values = {k: 3, m: 2, g: 5, v: 7, x: 11, eta: 13, eps: 17, lam: 19, bias1: 1, bias2: 1}
    betas = {b1: sympy.Rational(1, 2), b2: sympy.Rational(1, 3)}
    return abs(float(rests(*given, **moments)[0].subs(values | betas)))


@pytest.mark.claim(SCALE, by="certificate")
def test_the_loss_times_k_is_the_same_step_for_all_values(measured):
    """The induction of the proof: its start is what the claim assumes, and this is its step."""
    given = 1, k, (*settings_for_loss_times(k, eta, eps), lam)
    measured(sum(rest != 0 for rest in simplest(*given)), allowed=0)


@pytest.mark.control(SCALE, drops="^eps", instead="the same ε for gradients k times as long")
def test_control_an_epsilon_that_stays_shows_the_unit(measured):
    measured(gap(1, k, (eta, eps, lam)), allowed=CLEAR)
    measured(apart(end(ratios()), end(ratios(lambda t: 7.0))), allowed=VISIBLE)


@pytest.mark.control(SCALE, drops="^moments", instead="running moments in the old unit")
def test_control_moments_in_the_old_unit_show(measured):
    measured(gap(1, k, (eta, k * eps, lam), moments=1), allowed=CLEAR)


@pytest.mark.control(SCALE, drops="^one-factor", instead="the factors 1, 2, 3 and 4 in turn")
def test_control_factors_that_change_show(measured):
    changed = ratios(lambda t: 1.0 + t % 4)
    measured(apart(end(ratios(), eps=0), end(changed, eps=0)), allowed=VISIBLE)


@pytest.mark.control(SCALE, drops="^one-factor", instead="the factor −1 at all steps")
def test_control_a_negative_factor_shows(measured):
    measured(apart(end(ratios(), eps=0), end(ratios(lambda t: -1.0), eps=0)), allowed=VISIBLE)


def test_without_memory_and_epsilon_no_step_shows_factors_that_change():
    def ends(betas):
        changing = [ratios(lambda t, r=r: 1.0 + r * (t % 4)) for r in (0, 1)]
        return [adam_run(slopes, START, RATE, betas, 0, DECAY)[-1] for slopes in changing]

    assert apart(*ends((0, 0))) < ROUNDING
    assert apart(*ends((0.9, 0))) > VISIBLE
    paths = [
        descend_along([normalised(s) for s in slopes], START, [RATE] * STEPS)[-1]
        for slopes in (ratios(), ratios(lambda t: 1.0 + t % 4))
    ]
    assert apart(*paths) < ROUNDING


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


@pytest.mark.claim(SYMMETRY, by="certificate of a step")
@pytest.mark.parametrize("coupled", [False, True])
def test_longer_weights_with_a_longer_rate_are_the_same_step_for_all_values(measured, coupled):
    """The step of the induction, from the lemma that the gradient is divided by k."""
    settings = settings_for_weights_times(k, eta, eps, lam, coupled=coupled)
    measured(sum(rest != 0 for rest in simplest(k, 1 / k, settings, coupled)), allowed=0)


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


@pytest.mark.control(SYMMETRY, drops="scale-invariant-loss", instead="least squares, of degree two")
def test_control_a_loss_that_sees_the_length_parts_them(measured):
    rate, small, decay = settings_for_weights_times(7.0, RATE, EPS, DECAY)
    longer = end(ratios(plain=True), 7 * START, rate, small, decay)
    measured(apart(7 * end(ratios(plain=True)), longer), allowed=VISIBLE)
    measured(gap(k, k, (k * eta, eps / k, lam / k)), allowed=CLEAR)


@pytest.mark.control(SYMMETRY, drops="^rate", instead="k²η, as for gradient descent, or η itself")
@pytest.mark.parametrize("power", [0, 2])
def test_control_the_rate_of_gradient_descent_is_wrong(measured, power):
    measured(gap(k, 1 / k, (k**power * eta, eps / k, lam / k)), allowed=CLEAR)


@pytest.mark.control(SYMMETRY, drops="^eps", instead="the same ε for gradients of 1/k the length")
def test_control_an_epsilon_that_stays_is_wrong(measured):
    measured(gap(k, 1 / k, (k * eta, eps, lam / k)), allowed=CLEAR)


@pytest.mark.control(SYMMETRY, drops="^decay", instead="the power of k of the other kind of decay")
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


# Adam with L2: one step, in fractions. The first corrected second moment is a square.


def root(squares):
    return np.array([Fraction(isqrt(s.numerator), isqrt(s.denominator)) for s in squares])


def still_then(start, coupled, eps=Fraction(1, 7), slope=0, betas=(Fraction(1, 2), Fraction(3, 4))):
    """What a first step with this gradient multiplies the coordinates by."""
    rate, decay = Fraction(1, 5), Fraction(1, 2)
    path = adam_run(
        [lambda w: 0 * w + slope], start, rate, betas, eps, decay, coupled=coupled, sqrt=root
    )
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
    assert shares == still_then(start, True, eps, betas=(Fraction(0), Fraction(1, 9)))


@pytest.mark.claim(NO_TWIN, by="exact")
def test_two_coordinates_without_a_gradient_will_do(measured):
    start, w = (np.array([Fraction(n) for n in row]) for row in [(1, 2, 4, 2), (0, 0, 1, -2)])
    assert w @ start == 0  # so that this is the gradient of ⟨w, θ⟩/‖θ‖, as ‖θ‖ = 5:
    shares = still_then(start, True, slope=w / 5)
    # whatever the other optimiser does to the last two, the first two stay, and have the shares
    measured(in_common(shares[:2]), allowed=0)
    assert shares[2] != still_then(start, True)[2]


def test_where_every_gradient_outweighs_its_decay_the_first_step_has_a_twin():
    start, w = (np.array([Fraction(n) for n in row]) for row in [(1, 2, 4, 2), (6, 5, -6, 4)])
    assert w @ start == 0
    assert (abs(w) > abs(start) / 2).all()  # λ is one half
    both = [start * still_then(start, True, Fraction(0), slope, (0, 0)) for slope in (w, w / 20)]
    without = descend_along([lambda _: np.sign(w)], start, [Fraction(1, 5)])[-1]
    assert (both[0] == without).all()
    assert not (both[1] == without).all()  # of a gradient that does not outweigh it


@pytest.mark.control(NO_TWIN, drops="^coupled", instead="a decay beside the moments, as in AdamW")
def test_control_decoupled_decay_shortens_all_alike(measured):
    shares = still_then(np.array([Fraction(2), Fraction(-6)]), False)
    assert set(shares) == {Fraction(9, 10)}
    measured(in_common(shares), allowed=0)


@pytest.mark.control(NO_TWIN, drops="^unequal", instead="coordinates 4 and −4")
def test_control_coordinates_of_one_length_are_shortened_alike(measured):
    measured(in_common(still_then(np.array([Fraction(4), Fraction(-4)]), True)), allowed=0)


@pytest.mark.control(NO_TWIN, drops="^still", instead="a step along the signs of the weights")
def test_control_an_optimiser_that_moves_without_a_gradient_can_follow(measured):
    start = np.array([Fraction(2), Fraction(-6)])
    followed = start * still_then(start, True, Fraction(0))
    sign = descend_along([np.sign], start, [Fraction(1, 5)])[-1]  # no gradient needed
    assert (followed == sign).all()
    measured(in_common(followed / sign), allowed=0)


# Steps along tangents.


@pytest.mark.claim(ROOT, by="certificate of a step")
def test_a_unit_step_along_any_tangent_adds_the_square_of_the_rate(measured):
    """The step of the sum, and the angle, in any dimension: on the axes θ/‖θ‖ and u."""
    length = sympy.symbols("N", positive=True)
    path = descend_along([lambda w: sympy.Matrix([0, 1])], sympy.Matrix([length, 0]), [eta])
    rest = sympy.expand(path[1].dot(path[1]) - squared_norm(length, [eta]))
    measured(rest != 0, allowed=0)
    measured(sympy.simplify(sympy.Abs(path[1][1]) / path[1][0] - eta / length) != 0, allowed=0)


def shortfall(path, rates, length=1):
    """How far ‖θ‖² is from what tangent steps of one length make it, as a share of that."""
    start, end = path[0] @ path[0], path[-1] @ path[-1]
    return abs(float(end / squared_norm(start**0.5, [length * rate for rate in rates])) - 1)


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


@pytest.mark.control(ROOT, drops="scale-invariant-loss", instead="½‖θ‖²")
def test_control_on_a_plain_loss_normalised_descent_walks_to_zero(measured):
    path = descend_along([normalised(lambda w: w)] * 20, START, [0.1] * 20)
    assert path[-1].norm().item() == pytest.approx(START.norm().item() - 2, rel=1e-12)
    measured(shortfall(path, [0.1] * 20), allowed=CLEAR)


@pytest.mark.control(
    ROOT, drops="differentiable-away-from-zero", instead="partial derivatives along the weights"
)
def test_control_partial_derivatives_along_the_weights_shorten_them(measured):
    # those at (1, 1, 1) of a scale-invariant loss that is continuous and has no gradient there
    start = torch.ones(3, dtype=torch.float64)
    path = descend_along([normalised(lambda w: w / 3**0.5)], start, [0.1])
    assert path[-1].norm() < start.norm() - 0.09
    measured(shortfall(path, [0.1]), allowed=CLEAR)


@pytest.mark.control(ROOT, drops="^unit", instead="tangent updates of the length three")
def test_control_steps_of_another_length_add_another_square(measured):
    path = descend_along(
        [lambda w, s=s: 3 * normalised(s)(w) for s in ratios()], START, [0.2] * STEPS
    )
    measured(shortfall(path, [0.2] * STEPS), allowed=CLEAR)
    assert shortfall(path, [0.6] * STEPS) < ROUNDING


@pytest.mark.control(ROOT, drops="^no-decay", instead="a decay of 0.1 beside the update")
def test_control_with_decay_the_weights_are_shorter(measured):
    path = descend_along(
        [lambda w, s=s: normalised(s)(w) + 0.1 * w for s in ratios()], START, [0.2] * STEPS
    )
    measured(shortfall(path, [0.2] * STEPS), allowed=CLEAR)


@pytest.mark.control(ROOT, drops="^tangent", instead="the sign of a tangent of the plane, over √2")
def test_control_sign_descent_in_the_plane_keeps_the_sum_of_the_lengths(measured):
    def sign(weights):  # of the tangent (y, −x), in fractions
        return np.array([Fraction(1), Fraction(-1)])

    rates = [Fraction(1, 10)] * 20
    path = descend_along([sign] * 20, np.array([Fraction(5), Fraction(3)]), rates)
    assert all(abs(w).sum() == 8 for w in path)
    squares = [w @ w for w in path]
    assert squares[10] == min(squares) < squares[0] == squares[20]  # down to the middle, and up
    measured(shortfall(path[:6], rates[:5], 2**0.5), allowed=VISIBLE)  # a sign has the length √2


@pytest.mark.control(ROOT, drops="^tangent", instead="the sign of a tangent of space, over √3")
def test_control_sign_descent_can_shorten_the_weights_to_a_few_steps(measured):
    def sign(w):  # of ∇(Σθ − 3 min θ)/‖θ‖, times ‖θ‖³
        slope = (w @ w) * np.array([1 - 3 * (i == w.argmin()) for i in range(3)])
        return np.sign(slope - (w.sum() - 3 * w.min()) * w)

    start = np.array([1000, 1001, 1002])  # in units of the rate
    path = descend_along([sign] * 2995, start, [1] * 2995)
    norms = [int(w @ w) for w in path]
    assert min(norms) < 100 < 3 * 10**6 < norms[0]
    shortest = norms.index(min(norms))
    measured(shortfall(path[: shortest + 1], [1] * shortest, 3**0.5), allowed=CLEAR)
