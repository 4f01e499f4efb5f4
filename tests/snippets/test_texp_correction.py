"""Is TEXP without its correction the exact rate times a known factor, and how far is that off 1?"""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy

from snippets.exponential_lr import growth_root, sgd_step
from snippets.texp import decay_share
from snippets.texp_correction import (
    larger_root,
    leading_order,
    rate_factor,
    uncorrected_drop,
    uncorrected_share,
)
from tests.snippets.rational_losses import completed_slope, plain_slope, ratio_slope

CLAIM = "texp-correction-is-small"
MARGIN = Fraction(1, 1000)  # of a sine, a scalar or weights, of which rational numbers lose nothing
MOMENTUM, DECAY = Fraction(1, 2), Fraction(2, 15)
BEFORE, ROOT = Fraction(9, 10), Fraction(19, 20)  # larger roots of two phases
STEPS = 5
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])
ZERO = 0 * START


def rate_of(root, decay=DECAY, momentum=MOMENTUM):
    return (1 - root) * (root - momentum) / root / decay


def run(rates, decay, buffer, slope):
    weights, path = START, [START]
    for t, rate in enumerate(rates):
        weights, buffer = sgd_step(weights, buffer, slope(t, weights), rate, decay, MOMENTUM)
        path.append(weights)
    return path


def share_for(missing):
    """κ̄ for which B is this."""
    share = decay_share(DECAY, MOMENTUM, ROOT)
    return share + missing * (ROOT - MOMENTUM / ROOT) / (rate_of(ROOT) * MOMENTUM)


SHARES_BEFORE = {  # κ̄: of the phase before, where a seed was left out, and any other
    "drop": decay_share(DECAY, MOMENTUM, BEFORE),
    "seed": Fraction(0),
    "other": Fraction(-3, 7),
    "last": share_for(1),  # the largest B for which the factor is positive at every step
}
every_share = pytest.mark.parametrize("before", SHARES_BEFORE.values(), ids=SHARES_BEFORE)


def grid(momentum):
    """Products ηλ below the bound, close to it and close to zero, with their larger roots."""
    bound = (1 - math.sqrt(momentum)) ** 2
    products = [bound * (1 - 10.0**-k) for k in range(1, 12)]
    products += [bound * 10.0**-k for k in range(1, 8)]
    return {product: larger_root(product, momentum) for product in sorted(products)}


def both_runs(before, factor=rate_factor, slope=ratio_slope, buffer=RUNNING):
    """The run with decay, and the one that starts from κ̄, at η α^(−2s−1) / factor."""
    rate, share = rate_of(ROOT), decay_share(DECAY, MOMENTUM, ROOT)
    missing = uncorrected_share(rate, before, share, MOMENTUM, ROOT)
    rates = [rate / ROOT ** (2 * s + 1) / factor(missing, MOMENTUM, ROOT, s) for s in range(STEPS)]
    decayed = run([rate] * STEPS, DECAY, buffer, slope)
    return decayed, run(rates, 0, buffer - before * START, slope), missing


def exact_gap(before, *others, **named):
    """How far the run that starts from κ̄ is off the direction of θ."""
    decayed, twin, _ = both_runs(before, *others, **named)
    return max(
        abs(np.cross(one, other)).max() / (abs(one).max() * abs(other).max() or 1)
        for one, other in zip(decayed, twin, strict=True)
    )


def scalar(missing, step):
    """c_s = α^s (1 − B (1 − q^s)) of the proof."""
    return ROOT**step * (1 - missing * (1 - (MOMENTUM / ROOT**2) ** step))


@pytest.mark.claim(CLAIM, by="exact")
@every_share
def test_divided_by_the_factor_the_rates_are_exact_in_rational_numbers(measured, before):
    measured(exact_gap(before), allowed=0)
    decayed, twin, missing = both_runs(before)
    for step, (theta, phi) in enumerate(zip(decayed, twin, strict=True)):
        assert scalar(missing, step) > 0
        measured(abs(scalar(missing, step) * phi - theta).max(), allowed=0)


@pytest.mark.control(
    CLAIM, drops="^factor", instead="the factor 1, its limit from the start, or that of −B"
)
@pytest.mark.parametrize("before", [*SHARES_BEFORE.values()][:3], ids=[*SHARES_BEFORE][:3])
@pytest.mark.parametrize(
    "factor",
    [
        lambda share, *_: 1,
        lambda share, *_: (1 - share) ** 2,
        lambda share, momentum, root, s: rate_factor(-share, momentum, root, s),
    ],
    ids=["none", "its limit", "of the other sign"],
)
def test_control_with_another_factor_the_directions_part(measured, before, factor):
    measured(exact_gap(before, factor), allowed=MARGIN)


@pytest.mark.control(CLAIM, drops="scale-invariant-loss", instead="a loss of degree two")
@every_share
def test_control_on_a_loss_that_sees_the_length_the_directions_part(measured, before):
    measured(exact_gap(before, slope=plain_slope), allowed=MARGIN)


@pytest.mark.control(
    CLAIM,
    drops="iterates-never-zero",
    instead="weights of zero after one step, and one vector for a gradient there",
)
@every_share
def test_control_runs_that_come_to_zero_part_there(measured, before):
    rate = rate_of(ROOT)
    aimed = (START / rate - ratio_slope(0, START) - DECAY * START) / MOMENTUM
    assert not both_runs(before, slope=completed_slope, buffer=aimed)[0][1].any()
    assert exact_gap(before, slope=completed_slope) == 0  # where no iterate is zero
    measured(exact_gap(before, slope=completed_slope, buffer=aimed), allowed=MARGIN)


@pytest.mark.control(
    CLAIM, drops="^distinct-roots", instead="a double root: B is infinite, and the scalar linear"
)
def test_control_at_a_double_root_the_share_is_infinite_and_the_scalar_linear(measured):
    momentum, root, decay = Fraction(1, 4), Fraction(1, 2), Fraction(1, 5)
    rate = rate_of(root, decay, momentum)
    assert rate * decay == (1 - root) ** 2  # (1 − √γ)²
    share = decay_share(decay, momentum, root)
    with pytest.raises(ZeroDivisionError):
        uncorrected_share(rate, 0 * share, share, momentum, root)
    scalars, buffer = [Fraction(1)], 0 * share
    for _ in range(6):
        buffer = momentum * buffer + decay * scalars[-1]
        scalars.append(scalars[-1] - rate * buffer)
    relative = [scalar / root**s for s, scalar in enumerate(scalars)]
    slopes = {after - now for now, after in pairwise(relative)}
    assert len(slopes) == 1
    # With q = 1 the claim's scalar over the power of the root is 1, whatever B is.
    measured(relative[-1] - 1, allowed=MARGIN)


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_the_closed_form_for_a_change_of_the_rate_holds_for_all_roots(measured):
    """B from the two roots alone, and B without the seed, for all values."""
    gamma, alpha, before, decay = sympy.symbols("gamma alpha beta lambda", positive=True)
    rate = (1 - alpha) * (alpha - gamma) / alpha / decay
    shares = [decay_share(decay, gamma, root) for root in (before, alpha)]
    general = uncorrected_share(rate, *shares, gamma, alpha)
    measured(sympy.simplify(general - uncorrected_drop(before, alpha, gamma)) != 0, allowed=0)
    # without the seed
    unseeded = uncorrected_share(rate, 0, shares[1], gamma, alpha)
    rest = sympy.simplify(unseeded + gamma * (1 - alpha) / (alpha**2 - gamma))
    measured(rest != 0, allowed=0)


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_to_leading_order_the_closed_form_is_the_product_over_the_fourth_power(measured):
    """The quotient of the two is 1 where both roots are; the same without the seed."""
    gamma, alpha, before = sympy.symbols("gamma alpha beta", positive=True)
    products = [rate_of(root, 1, gamma) for root in (before, alpha)]  # η_before λ and ηλ
    share = uncorrected_drop(before, alpha, gamma) / leading_order(*products, gamma)
    # both roots go to 1 with the products, and the quotient is continuous there
    quotient = sympy.cancel(share)
    measured(sympy.simplify(quotient.subs({alpha: 1, before: 1}) - 1) != 0, allowed=0)
    # without the seed, and with a decay of 1
    rate = rate_of(alpha, 1, gamma)
    unseeded = uncorrected_share(rate, 0, decay_share(1, gamma, alpha), gamma, alpha)
    quotient = sympy.cancel(unseeded / (-gamma * rate / (1 - gamma) ** 2))
    measured(sympy.simplify(quotient.subs(alpha, 1) - 1) != 0, allowed=0)


@pytest.mark.control(CLAIM, drops="^same-decay", instead="a decay that is divided at one rate")
def test_control_where_the_decay_is_divided_the_share_is_of_first_order(measured):
    # the rate stays, and the decay falls tenfold, so that the roots are those of a tenfold drop
    for product in (1e-4, 1e-5):
        roots = [larger_root(product, 0.9), larger_root(product / 10, 0.9)]
        shares = [decay_share(lam, 0.9, root) for lam, root in zip((1, 0.1), roots, strict=True)]
        share = uncorrected_share(product, *shares, 0.9, roots[1])
        assert share == pytest.approx(0.9 * 0.9 * product / 0.1**2, rel=0.02)
        # how many times as large as the claim has it where only the rate is divided
        measured(share / uncorrected_drop(*roots, 0.9), allowed=100)


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("momentum", [0.01, 0.25, 0.5, 0.9, 0.99])
def test_after_a_drop_the_share_lies_between_zero_and_a_half(measured, momentum):
    roots = grid(momentum)
    for product, root in roots.items():
        befores = [r for p, r in roots.items() if p > product] + [math.sqrt(momentum)]
        shares = [uncorrected_drop(before, root, momentum) for before in befores]
        assert min(shares) > 0
        measured(np.max(shares), allowed=0.5)  # the claim's own bound
    # near the double root the bound is all but reached
    assert max(shares) > 0.45


@pytest.mark.parametrize("momentum", [0.01, 0.25, 0.5, 0.9, 0.99])
def test_a_drop_of_the_decay_alone_has_a_share_below_a_half_as_well(momentum):
    largest = 0.0
    roots = grid(momentum)
    for after, root in roots.items():
        for product, before in roots.items():
            # the rate is 1, so that the products are the decays
            shares = product / (before - momentum), after / (root - momentum)
            share = uncorrected_share(1.0, *shares, momentum, root)
            closed = momentum * (root - before) / (before * (root**2 - momentum))
            # near a double root the denominators lose half the digits
            assert share == pytest.approx(closed, rel=1e-4, abs=1e-9)
            assert (closed > 0) is (product > after)
            largest = max(largest, closed)
    assert 0.45 < largest < 0.5


@pytest.mark.parametrize("momentum", [0.01, 0.25, 0.5, 0.9, 0.99])
def test_a_drop_has_less_than_half_the_share_of_a_seed_that_is_left_out(momentum):
    roots = sorted(grid(momentum).values())
    pairs = [(before, root) for root in roots for before in roots if before < root]
    for before, root in pairs:
        unseeded = momentum * (1 - before) / (before**2 - momentum)  # −B at the rate before
        share = uncorrected_drop(before, root, momentum)
        assert 0 < share < unseeded * before / (before + root) * (1 + 1e-9) < unseeded / 2


@pytest.mark.parametrize("missing", [Fraction(5, 644), Fraction(1, 2), Fraction(-3, 7)], ids=str)
def test_where_no_gradient_turns_them_the_pushes_add_up_to_the_share(missing):
    """At rates that are left as they were: θ₀ (1 + B (1 − qˢ)), and not θ₀/(1 − B) in the end."""
    share, ratio = decay_share(DECAY, MOMENTUM, ROOT), MOMENTUM / ROOT**2
    rates = [rate_of(ROOT) / ROOT ** (2 * s + 1) for s in range(12)]
    buffer = (share - share_for(missing)) * START  # the corrected twin rests
    path = run(rates, 0, buffer, lambda t, weights: ZERO)
    for step, weights in enumerate(path):
        assert (weights == (1 + missing * (1 - ratio**step)) * START).all()
    # those of the exact twin, whose rates are higher, are longer by more than a tenth of B²
    exact = START / (1 - missing * (1 - ratio**12))
    assert (abs(exact) - abs(path[-1]) > missing**2 / 10 * abs(START)).all()
    assert (run(rates, 0, 0 * buffer, lambda t, weights: ZERO)[-1] == START).all()


@pytest.mark.parametrize("missing", [Fraction(5, 644), Fraction(1), Fraction(11, 10)], ids=str)
def test_up_to_a_share_of_one_the_scalar_stays_positive_and_above_it_falls_below_zero(missing):
    scalars, buffer = [Fraction(1)], share_for(missing)
    for _ in range(8):
        buffer = MOMENTUM * buffer + DECAY * scalars[-1]
        scalars.append(scalars[-1] - rate_of(ROOT) * buffer)
    assert scalars == [scalar(missing, step) for step in range(9)]
    assert (min(scalars) > 0) is (missing <= 1)
    # at one it is the power of the other root
    assert (scalars == [(MOMENTUM / ROOT) ** step for step in range(9)]) is (missing == 1)


@pytest.mark.claim(CLAIM, by="exact")
def test_the_factor_falls_from_its_first_value_to_the_square(measured):
    share = uncorrected_drop(BEFORE, ROOT, MOMENTUM)
    ratio = MOMENTUM / ROOT**2
    factors = [rate_factor(share, MOMENTUM, ROOT, s) for s in range(12)]
    measured(abs(factors[0] - (1 - share * (1 - ratio))), allowed=0)
    measured(sum(not late < early for early, late in pairwise(factors)), allowed=0)
    rest = factors[-1] - (1 - share) ** 2
    assert rest > 0
    measured(rest, allowed=3 * share * ratio**11)  # B(1 − B)(qˢ + qˢ⁺¹) + B²q²ˢ⁺¹


def test_a_share_in_numbers():
    # γ = 1/2 and roots 9/10, 19/20: B = γ(1 − α)(α − ᾱ)/((ᾱ − γ)(α² − γ))
    assert uncorrected_drop(BEFORE, ROOT, MOMENTUM) == Fraction(5, 644)
    assert leading_order(Fraction(1, 5), Fraction(1, 10), MOMENTUM) == Fraction(2, 25)


def test_the_larger_root_is_that_of_the_other_snippet():
    for product, momentum in [(5e-5, 0.9), (0.2, 0.25), (0.0, 0.5), (0.3, 0.0)]:
        assert larger_root(product, momentum) == growth_root(product, 1.0, momentum)


@pytest.mark.parametrize(
    ("accepted", "refused"),
    [((0.24, 0.25), (0.25, 0.25)), ((0.0, 0.9), (-1e-9, 0.9)), ((0.9, 0.0), (1.0, 0.0))],
)
def test_a_product_without_two_distinct_roots_is_refused(accepted, refused):
    larger_root(*accepted)
    with pytest.raises(ValueError, match=f"ηλ = {refused[0]:g} is not from 0 to below"):
        larger_root(*refused)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 1.5])
def test_a_momentum_that_no_run_has_is_refused(momentum):
    with pytest.raises(ValueError, match=f"momentum = {momentum:g} is not in"):
        larger_root(0.0, momentum)
    assert larger_root(0.0, 0.0) == 1.0
