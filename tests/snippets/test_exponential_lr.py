"""Is weight decay really the same as a growing learning rate, and does it take all it says?"""

import functools
import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
import torch

from snippets.exponential_lr import (
    descend_with_decay,
    descend_with_growing_rate,
    growing_rate,
    growth_root,
    seeded_buffer,
    sgd_step,
)
from tests.snippets.rational_losses import completed_slope, ends, plain_slope, ratio_slope

THEOREM = "decay-is-growing-rate-with-momentum"
PLAIN = "decay-is-growing-rate"  # the one without momentum
MARGIN = Fraction(1, 100)  # of weights of size one: where the claim holds, they are not off at all

# ---------------------------------------------------------------------------------------------
# For all values: the induction step as an identity of polynomials.
#
# The claim: the run without decay holds φ = θ/αᵗ and the buffer αᵗ(b − λ/(α − γ)θ). That is true at
# the start. If one step keeps it true, whatever θ, b and the gradient are, it is true for ever.
# The algorithm treats each coordinate alike and by itself, so one coordinate is as good as many.

eta, decay, gamma, alpha, grown = sympy.symbols("eta lambda gamma alpha P", positive=True)
t = sympy.symbols("t", integer=True, nonnegative=True)
theta, buffer, *slopes = (np.array([s]) for s in sympy.symbols("theta b g0 g1 g2", real=True))
QUADRATIC = alpha**2 - (1 + gamma - eta * decay) * alpha + gamma


def remainder(vector, modulus=QUADRATIC):
    """What is left of the one entry of a vector, modulo the quadratic: 0 if it is 0 for all values.

    α is either root: the quadratic is all that is known of it. It is not γ, for γηλ is not 0.
    """
    (entry,) = vector
    powers = sympy.expand_power_exp(entry).subs(alpha**t, grown)
    numerator, denominator = sympy.fraction(sympy.together(powers))
    assert sympy.rem(denominator, modulus, alpha) != 0
    return sympy.expand(sympy.rem(sympy.expand(numerator), modulus, alpha))


# η = 1/3, λ = 2/15 and γ = 1/2, where 9/10 is a root, at the step t = 1.
PLACE = {
    symbol: sympy.Rational(value)
    for symbol, value in zip(
        [eta, decay, gamma, alpha, t, theta[0], buffer[0], slopes[0][0], slopes[1][0]],
        ["1/3", "2/15", "1/2", "9/10", "1", "3", "1/2", "-1", "2"],
        strict=True,
    )
}
PLAIN_PLACE = PLACE | {alpha: 1 - PLACE[eta] * PLACE[decay]}  # and the root without momentum


def size(vector, place=PLACE):
    """The absolute value of the one entry of a vector at one place, where α is a root."""
    (entry,) = vector
    return abs(entry.subs(place))


def without_decay(weights, buffer, grown, momentum=gamma):
    """The weights and the buffer of the run without decay, when the rate has grown by α^(−2t)."""
    return weights / grown, grown * seeded_buffer(weights, buffer, decay, momentum, alpha)


def one_step(slope_of_twin, rate_of_twin, momentum=gamma):
    """The weights and the buffer after step t, as the claim has them minus as they are."""
    after = sgd_step(theta, buffer, slopes[0], eta, decay, momentum)
    claimed = without_decay(*after, alpha * alpha**t, momentum)
    before = without_decay(theta, buffer, alpha**t, momentum)
    found = sgd_step(*before, slope_of_twin, rate_of_twin, 0, momentum)
    return [c - f for c, f in zip(claimed, found, strict=True)]


def not_zero(identities):
    """How many of these rational functions are not 0 for all values."""
    return sum(sympy.cancel(rest) != 0 for rest in identities)


@pytest.mark.claim(THEOREM, by="certificate")
def test_one_step_keeps_the_two_runs_together_for_all_values(measured):
    """Where the roots are real and positive, the start at t = 0, and from t to t + 1."""
    s, e, z = sympy.symbols("s e z", positive=True)  # √γ and ηλ
    p, mean = z**2 - (1 + s**2 - e) * z + s**2, (1 + s**2 - e) / 2
    identities = [
        # real up to (1 − √γ)² and from (1 + √γ)² on, where their sum is above 0, and below it
        (2 * mean) ** 2 - 4 * s**2 - ((1 - s) ** 2 - e) * ((1 + s) ** 2 - e),
        2 * mean - 2 * s - ((1 - s) ** 2 - e),
        2 * mean + 2 * s - ((1 + s) ** 2 - e),
        # where they are positive p > 0 at 1 and at γ, and between them lies the vertex, at √γ or
        # above it
        p.subs(z, 1) - e,
        p.subs(z, s**2) - s**2 * e,
        1 - mean - (1 - s**2 + e) / 2,
        # without momentum
        p.subs(s, 0).subs(z, 1 - e),
    ]
    measured(not_zero(identities), allowed=0)
    weights, started = without_decay(theta, buffer, sympy.Integer(1))
    claimed = buffer - decay / (alpha - gamma) * theta
    measured(not_zero([(weights - theta)[0], (started - claimed)[0]]), allowed=0)
    # the gradient at φ = θ/αᵗ is αᵗ times that at θ: this is where scale invariance enters
    gaps = one_step(alpha**t * slopes[0], growing_rate(eta, alpha, t))
    measured(sum(remainder(gap) != 0 for gap in gaps), allowed=0)
    # and with weights from before the step instead of after, the buffer is as the claim has it
    after, its_buffer = sgd_step(theta, buffer, slopes[0], eta, decay, gamma)
    _, claimed = without_decay(after, its_buffer, alpha * alpha**t)
    gap = claimed - alpha**t * (its_buffer - (1 - alpha) / eta * theta)
    measured(remainder(gap) != 0, allowed=0)


@pytest.mark.claim(THEOREM, by="certificate of a step")
def test_the_runs_start_together_and_stay_together_for_three_steps_for_all_values(measured):
    """The start of the induction, and three steps from there."""
    run = theta, buffer, eta, decay, gamma, 3
    decayed = descend_with_decay(lambda t, weights: slopes[t], *run)
    grown = descend_with_growing_rate(lambda t, weights: alpha**t * slopes[t], *run, alpha)
    assert len(decayed) == len(grown) == 4
    gaps = [alpha**t * grown[t] - decayed[t] for t in range(4)]
    measured(sum(remainder(gap) != 0 for gap in gaps), allowed=0)


@pytest.mark.control(
    THEOREM, drops="scale-invariant-loss", instead="a gradient that does not scale with the weights"
)
def test_control_with_a_gradient_that_does_not_scale_a_remainder_is_left(measured):
    for gap in one_step(slopes[0], growing_rate(eta, alpha, t)):  # as of a linear loss
        assert remainder(gap) != 0
        measured(size(gap), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^exponent", instead="the exponent −2t or −2t − 2")
@pytest.mark.parametrize("offset", [0, -2], ids="exponent=-2t{:+d}".format)
def test_control_with_another_exponent_a_remainder_is_left(measured, offset):
    weights, _ = one_step(alpha**t * slopes[0], eta * alpha ** (-2 * t + offset))
    assert remainder(weights) != 0
    measured(size(weights), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^seed", instead="the buffer as it was")
def test_control_without_the_seed_a_remainder_is_left(measured):
    after, _ = sgd_step(theta, buffer, slopes[0], eta, decay, gamma)
    unseeded, _ = sgd_step(theta, buffer, slopes[0], growing_rate(eta, alpha, 0), 0, gamma)
    gap = alpha * unseeded - after
    assert remainder(gap) != 0
    measured(size(gap), allowed=MARGIN)


@pytest.mark.claim(PLAIN, by="certificate")
def test_without_momentum_one_step_keeps_the_two_runs_together_for_all_values(measured):
    """The start at t = 0, from t to t + 1, and that no iterate is zero."""
    start, _ = without_decay(theta, buffer, sympy.Integer(1), 0)
    measured(not_zero((start - theta).tolist()), allowed=0)
    # in the plane of weights and gradient, which are orthogonal, neither run comes nearer to zero
    # than the factors α and 1 bring it
    r, h = sympy.symbols("r h", positive=True)
    along, across = np.array([r, 0]), np.array([0, h])
    nothing = 0 * along
    after, _ = sgd_step(along, nothing, across, eta, decay, 0)
    free, _ = sgd_step(along, nothing, across, eta, 0, 0)
    squares = after @ after - ((1 - eta * decay) * r) ** 2, free @ free - r**2
    measured(not_zero([square - (eta * h) ** 2 for square in squares]), allowed=0)
    weights, _ = one_step(alpha**t * slopes[0], growing_rate(eta, alpha, t), momentum=0)
    measured(remainder(weights, alpha - (1 - eta * decay)) != 0, allowed=0)
    # and the rate is the one of the claim
    kept = 1 - eta * decay
    assert growing_rate(eta, alpha, t).subs(alpha, kept) == eta * kept ** (-2 * t - 1)


@pytest.mark.control(
    PLAIN, drops="scale-invariant-loss", instead="a gradient that does not scale with the weights"
)
def test_control_without_momentum_a_gradient_that_does_not_scale_leaves_a_remainder(measured):
    weights, _ = one_step(slopes[0], growing_rate(eta, alpha, t), momentum=0)
    assert remainder(weights, alpha - (1 - eta * decay)) != 0
    measured(size(weights, PLAIN_PLACE), allowed=MARGIN)


@pytest.mark.control(PLAIN, drops="^exponent", instead="the exponent −2t or −2t − 2")
@pytest.mark.parametrize("offset", [0, -2], ids="exponent=-2t{:+d}".format)
def test_control_without_momentum_another_exponent_leaves_a_remainder(measured, offset):
    weights, _ = one_step(alpha**t * slopes[0], eta * alpha ** (-2 * t + offset), momentum=0)
    assert remainder(weights, alpha - (1 - eta * decay)) != 0
    measured(size(weights, PLAIN_PLACE), allowed=MARGIN)


# ---------------------------------------------------------------------------------------------
# Exactly: rational numbers, on Lₜ(x) = xᵀAₜx / xᵀx with another matrix at every step.

STEPS = 6
RATE, DECAY, MOMENTUM = Fraction(1, 3), Fraction(2, 15), Fraction(1, 2)
ROOTS = [Fraction(9, 10), Fraction(5, 9)]
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
ZERO = 0 * START
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])


def exact_gap(decayed, grown, root):
    """The largest share by which a coordinate of αᵗφₜ is off θₜ."""
    gaps = [
        root**t * phi - theta for t, (theta, phi) in enumerate(zip(decayed, grown, strict=True))
    ]
    assert len(gaps) == STEPS + 1
    return max(abs(gap).max() / abs(theta).max() for gap, theta in zip(gaps, decayed, strict=True))


def exact_runs(root, start_buffer, slope=ratio_slope, momentum=MOMENTUM):
    run = slope, START, start_buffer, RATE, DECAY, momentum, STEPS
    return descend_with_decay(*run), descend_with_growing_rate(*run, root)


both_roots = pytest.mark.parametrize("root", ROOTS, ids="root={}".format)
both_buffers = pytest.mark.parametrize("start_buffer", [ZERO, RUNNING], ids=["zero", "running"])


@pytest.mark.claim(THEOREM, by="exact")
@both_roots
@both_buffers
def test_in_rational_numbers_the_two_runs_agree_exactly_at_every_step(measured, root, start_buffer):
    measured(exact_gap(*exact_runs(root, start_buffer), root), allowed=0)


@pytest.mark.control(THEOREM, drops="scale-invariant-loss", instead="quadratic losses")
@both_roots
@both_buffers
def test_control_in_rational_numbers_a_loss_that_sees_the_length_parts_them(
    measured, root, start_buffer
):
    gap = exact_gap(*exact_runs(root, start_buffer, plain_slope), root)
    measured(gap, allowed=10 * MARGIN)


@pytest.mark.control(THEOREM, drops="^seed", instead="the buffer as it was")
@both_roots
@both_buffers
def test_control_in_rational_numbers_the_unseeded_run_parts(measured, root, start_buffer):
    decayed, _ = exact_runs(root, start_buffer)
    undone = start_buffer + DECAY / (root - MOMENTUM) * START  # which the seed cancels
    _, unseeded = exact_runs(root, undone)
    measured(exact_gap(decayed, unseeded, root), allowed=MARGIN)


@pytest.mark.control(THEOREM, drops="^exponent", instead="the exponent −2t or −2t − 2")
@both_roots
@both_buffers
@pytest.mark.parametrize("offset", [0, -2], ids="exponent=-2t{:+d}".format)
def test_control_in_rational_numbers_another_exponent_parts_them(
    measured, root, start_buffer, offset
):
    decayed, _ = exact_runs(root, start_buffer)
    weights, buffer = START, seeded_buffer(START, start_buffer, DECAY, MOMENTUM, root)
    grown = [weights]
    for t in range(STEPS):
        rate, slope = RATE * root ** (-2 * t + offset), ratio_slope(t, weights)
        weights, buffer = sgd_step(weights, buffer, slope, rate, 0, MOMENTUM)
        grown.append(weights)
    measured(exact_gap(decayed, grown, root), allowed=MARGIN)


@pytest.mark.control(
    THEOREM, drops="^real-roots", instead="the real part, or the modulus, of complex roots"
)
def test_control_no_real_root_makes_a_twin_when_the_discriminant_is_negative(measured):
    decay = Fraction(1, 2)  # ηλ = 1/6 is above (1 − √γ)²
    mean = (1 + MOMENTUM - RATE * decay) / 2
    assert mean**2 < MOMENTUM  # the roots are complex
    # with the real part as α, or the modulus, the runs part in the second step at the latest
    # (the modulus to six digits, for each step multiplies the length of the numbers by three)
    for root in (mean, Fraction(math.sqrt(MOMENTUM)).limit_denominator(1000)):
        run = ratio_slope, START, ZERO, RATE, decay, MOMENTUM, STEPS
        grown = descend_with_growing_rate(*run, root)
        measured(exact_gap(descend_with_decay(*run), grown, root), allowed=MARGIN)


@pytest.mark.control(
    THEOREM,
    drops="iterates-never-zero",
    instead="a run that meets zero, and goes on by some number as its gradient",
)
@both_roots
def test_control_a_start_buffer_that_leads_to_zero_parts_the_runs_there(measured, root):
    # b₋₁ such that θ₁ = θ₀ − η(γb₋₁ + ∇L₀(θ₀) + λθ₀) = 0
    aimed = (START / RATE - ratio_slope(0, START) - DECAY * START) / MOMENTUM
    assert ends(descend_with_decay, ratio_slope, START, aimed, RATE, DECAY, MOMENTUM, 2)
    run = completed_slope, START, aimed, RATE, DECAY, MOMENTUM, 2
    decayed, grown = descend_with_decay(*run), descend_with_growing_rate(*run, root)
    assert not decayed[1].any()
    assert not grown[1].any()
    gap = abs(root**2 * grown[2] - decayed[2]).max() / abs(decayed[2]).max()
    measured(gap, allowed=MARGIN)


def test_with_the_exponent_2t_it_is_a_twin_from_a_start_shorter_by_the_root_of_alpha():
    # γ = 1/2 and α = 16/25, so ηλ = (1 − α)(α − γ)/α; the weights √α θ₀, the seed divided by √α
    root, short = Fraction(16, 25), Fraction(4, 5)
    decay = (1 - root) * (root - MOMENTUM) / root / RATE
    decayed = descend_with_decay(ratio_slope, START, RUNNING, RATE, decay, MOMENTUM, STEPS)
    for start, exact in [(short, True), (Fraction(1), False)]:
        seed = seeded_buffer(START, RUNNING, decay, MOMENTUM, root) / start
        weights, buffer, grown = start * START, seed, [START]
        for t in range(STEPS):
            slope = ratio_slope(t, weights)
            rate = RATE * root ** (-2 * t)
            weights, buffer = sgd_step(weights, buffer, slope, rate, 0, MOMENTUM)
            grown.append(weights / start)
        assert (exact_gap(decayed, grown, root) == 0) == exact


def test_without_a_gradient_the_push_that_a_missing_seed_stands_for_shortens_by_its_share():
    larger, smaller = ROOTS
    unseeded = DECAY / (larger - MOMENTUM) * START  # the buffer of the run that needs no seed
    for steps in (1, 5, 60):
        run = RATE, DECAY, MOMENTUM, steps
        pushed, plain = (
            descend_with_decay(lambda t, weights: 0 * weights, START, buffer, *run)[-1]
            for buffer in (unseeded, ZERO)
        )
        assert (pushed == larger**steps * START).all()
        share = (smaller - MOMENTUM) / (larger - MOMENTUM)
        # what is left of it behind so many steps of the smaller root: (β/α)ᵗ of the difference
        assert abs(1 - pushed / plain - share).max() <= 2 * (smaller / larger) ** steps
    # and to first order in ηλ it is ηκγ/(1 − γ)
    rate, momentum = Fraction(1, 10**6), Fraction(4, 9)
    root = Fraction(999, 1000)
    decay = (1 - root) * (root - momentum) / root / rate
    exact = (momentum / root - momentum) / (root - momentum)
    first = rate * decay / (root - momentum) * momentum / (1 - momentum)
    assert abs(exact / first - 1) < Fraction(1, 100)  # ηλ/(1 − γ)² is 2 in a thousand


def test_where_decay_takes_more_than_everything_the_weights_change_sides_and_the_twins_do_not():
    for decay, turned in [(Fraction(9, 2), True), (Fraction(3, 2), False)]:
        theta = descend_with_decay(ratio_slope, START, ZERO, RATE, decay, 0, 2)
        for now, after in itertools.pairwise(theta):
            assert now @ after == (1 - RATE * decay) * (now @ now)
            assert (now @ after < 0) == turned
    free = descend_with_decay(ratio_slope, START, ZERO, RATE, 0, 0, 2)
    assert all(now @ after == now @ now for now, after in itertools.pairwise(free))


@pytest.mark.claim(PLAIN, by="exact")
def test_without_momentum_the_two_runs_agree_exactly_at_every_step(measured):
    root = 1 - RATE * DECAY
    measured(exact_gap(*exact_runs(root, ZERO, momentum=0), root), allowed=0)


@pytest.mark.control(PLAIN, drops="scale-invariant-loss", instead="quadratic losses")
def test_control_without_momentum_a_loss_that_sees_the_length_parts_them(measured):
    root = 1 - RATE * DECAY
    decayed, grown = exact_runs(root, ZERO, plain_slope, momentum=0)
    assert (root * grown[1] == decayed[1]).all()  # the first step is the same on any loss
    assert abs(root**2 * grown[2] - decayed[2]).max() > MARGIN
    measured(exact_gap(decayed, grown, root), allowed=10 * MARGIN)


@pytest.mark.control(PLAIN, drops="^exponent", instead="the exponent −2t or −2t − 2")
@pytest.mark.parametrize("offset", [0, -2], ids="exponent=-2t{:+d}".format)
def test_control_without_momentum_another_exponent_parts_them(measured, offset):
    root, grown = 1 - RATE * DECAY, [START]
    for t in range(STEPS):
        rate = RATE * root ** (-2 * t + offset)
        grown.append(grown[t] - rate * ratio_slope(t, grown[t]))
    decayed, _ = exact_runs(root, ZERO, momentum=0)
    measured(exact_gap(decayed, grown, root), allowed=MARGIN)


# ---------------------------------------------------------------------------------------------
# In floats: a thousand steps on batches that change, and torch's own optimizer.

LONG = 1000
# Rounding enters 1000 times at 1e-16, and α, rounded once, puts 2t·1e-16 into the rate of step t;
# both add up to about 1e-12 at worst, and at this rate the dynamics are stable and damp it. (Where
# they are chaotic they amplify it, and a long run shows the rounding instead of the theorem.)
DRIFT = 1e-11
VISIBLE = 1e-3  # between unit vectors: a hundred million times the drift
# A step has the same operations in the same order as torch's, but for fused multiply-adds.
ROUNDING = 1e-12


def batches(seed):
    """Four batches of a linear model's inputs and targets, and a start."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)
    noise = torch.randn(4, 16, generator=generator, dtype=torch.float64)
    return inputs, inputs[..., 0].tanh() + noise / 10, inputs[0, 0]


def float_slope(inputs, targets, plain=False):
    """The gradient of a model, or of several that are trained side by side.

    Several are one vector of all their weights, with inputs and targets of shape (models, 4, …).
    """
    inputs, targets = inputs.reshape(-1, 4, 16, 8), targets.reshape(-1, 4, 16)

    def slope(t, weights):
        weights = weights.detach().requires_grad_()
        each = weights.view(-1, 8, 1)
        length = 1 if plain else each.norm(dim=1)
        outputs = (inputs[:, t % 4] @ each)[..., 0] / length
        # no model's loss sees the weights of another, so the gradient of the sum is that of each
        loss = (outputs - targets[:, t % 4]).square().mean(dim=1).sum()
        return torch.autograd.grad(loss, weights)[0]

    return slope


def direction_gap(decayed, grown):
    """The largest distance between the directions of the two runs at the same step."""
    directions = [
        path / path.norm(dim=1, keepdim=True)
        for path in (torch.stack(list(path)) for path in (decayed, grown))
    ]
    return (directions[0] - directions[1]).norm(dim=1).max().item()


def float_runs(seed, momentum, decay, steps=LONG, plain=False):
    """Both runs at rate 0.1 from a buffer of zeros, and the root."""
    inputs, targets, start = batches(seed)
    root = growth_root(0.1, decay, momentum)
    run = float_slope(inputs, targets, plain), start, 0 * start, 0.1, decay, momentum, steps
    return descend_with_decay(*run), descend_with_growing_rate(*run, root), root


SEEDS = range(3)
SETTINGS = [(0.9, 5e-3), (0.5, 5e-2), (0.0, 2e-2)]  # momentum and decay


@functools.cache
def long_runs():
    """What float_runs returns after LONG steps, for all seeds and settings at once.

    A vector holds the weights of all the models, and their decays, momenta and roots are vectors
    too: steps of many small models, one by one, take as many times longer.
    """
    cases = list(itertools.product(SEEDS, SETTINGS))
    inputs, targets, starts = map(torch.stack, zip(*(batches(s) for s, _ in cases), strict=True))
    roots = [growth_root(0.1, decay, momentum) for _, (momentum, decay) in cases]
    momentum, decay, root = (
        torch.tensor(numbers, dtype=torch.float64).repeat_interleave(8)
        for numbers in ([m for _, (m, _) in cases], [d for _, (_, d) in cases], roots)
    )
    start = starts.flatten()
    run = float_slope(inputs, targets), start, 0 * start, 0.1, decay, momentum, LONG
    decayed, grown = descend_with_decay(*run), descend_with_growing_rate(*run, root)
    paths = (torch.stack(path).view(LONG + 1, -1, 8).unbind(1) for path in (decayed, grown))
    return {
        (s, *case): run
        for (s, case), run in zip(cases, zip(*paths, roots, strict=True), strict=True)
    }


seeds = pytest.mark.parametrize("seed", SEEDS, ids="seed={}".format)


@pytest.mark.claim(THEOREM, by="float64")
@pytest.mark.parametrize(("momentum", "decay"), SETTINGS[:2])
@seeds
def test_after_a_thousand_steps_the_two_runs_still_point_the_same_way(
    measured, seed, momentum, decay
):
    decayed, grown, root = long_runs()[seed, momentum, decay]
    measured(direction_gap(decayed, grown), allowed=DRIFT)
    measured(abs(root**LONG * grown[-1].norm() / decayed[-1].norm() - 1), allowed=DRIFT)
    assert grown[-1].norm() > 100 * decayed[-1].norm()


@pytest.mark.claim(THEOREM, by="float64")
def test_the_smaller_root_serves_as_well_while_its_rates_last(measured):
    inputs, targets, start = batches(0)
    run = float_slope(inputs, targets), start, 0 * start, 0.1, 0.02, 0.9, 50
    smaller = 0.9 / growth_root(0.1, 0.02, 0.9)  # the product of the roots is γ
    gap = direction_gap(descend_with_decay(*run), descend_with_growing_rate(*run, smaller))
    measured(gap, allowed=DRIFT)


@pytest.mark.control(
    THEOREM, drops="scale-invariant-loss", instead="the squared error of a linear model"
)
@seeds
def test_control_on_a_loss_that_sees_the_length_the_two_runs_part(measured, seed):
    decayed, grown, _ = float_runs(seed, 0.9, 5e-3, steps=10, plain=True)
    measured(direction_gap(decayed, grown), allowed=VISIBLE)


@pytest.mark.control(THEOREM, drops="^seed", instead="the buffer as it was")
@seeds
def test_control_without_the_seed_the_two_runs_part(measured, seed):
    inputs, targets, start = batches(seed)
    slope, zero, root = float_slope(inputs, targets), 0 * start, growth_root(0.1, 5e-3, 0.9)
    undone = -seeded_buffer(start, zero, 5e-3, 0.9, root)  # which the seed cancels
    decayed = descend_with_decay(slope, start, zero, 0.1, 5e-3, 0.9, 100)
    unseeded = descend_with_growing_rate(slope, start, undone, 0.1, 5e-3, 0.9, 100, root)
    measured(direction_gap(decayed, unseeded), allowed=VISIBLE)


@pytest.mark.control(THEOREM, drops="^exponent", instead="the exponent −2t")
@seeds
def test_control_with_the_exponent_2t_the_two_runs_part(measured, seed):
    inputs, targets, weights = batches(seed)
    slope, zero, root = float_slope(inputs, targets), 0 * weights, growth_root(0.1, 5e-2, 0.5)
    decayed = descend_with_decay(slope, weights, zero, 0.1, 5e-2, 0.5, 100)
    grown, buffer = [weights], seeded_buffer(weights, zero, 5e-2, 0.5, root)
    for t in range(100):
        rate = 0.1 * root ** (-2 * t)
        weights, buffer = sgd_step(weights, buffer, slope(t, weights), rate, 0, 0.5)
        grown.append(weights)
    measured(direction_gap(decayed, grown), allowed=VISIBLE)


@pytest.mark.claim(PLAIN, by="float64")
@seeds
def test_without_momentum_the_two_runs_still_point_the_same_way_after_a_thousand_steps(
    measured, seed
):
    decayed, grown, root = long_runs()[seed, 0.0, 2e-2]
    assert root == pytest.approx(1 - 0.1 * 2e-2, abs=1e-15)
    measured(direction_gap(decayed, grown), allowed=DRIFT)
    measured(abs(root**LONG * grown[-1].norm() / decayed[-1].norm() - 1), allowed=DRIFT)


@pytest.mark.control(
    PLAIN, drops="scale-invariant-loss", instead="the squared error of a linear model"
)
@seeds
def test_control_without_momentum_on_a_loss_that_sees_the_length_the_two_runs_part(measured, seed):
    decayed, grown, _ = float_runs(seed, 0.0, 2e-2, steps=100, plain=True)
    measured(direction_gap(decayed, grown), allowed=VISIBLE)


@pytest.mark.claim(THEOREM, by="float64")
@pytest.mark.parametrize(("decay", "momentum"), [(0.05, 0.9), (0.0, 0.5), (0.05, 0.0)])
def test_a_step_is_the_step_of_the_optimizer_of_torch(measured, decay, momentum):
    inputs, targets, weights = batches(0)
    slope, buffer = float_slope(inputs, targets), inputs[1, 1]
    parameter = torch.nn.Parameter(weights.clone())
    optimizer = torch.optim.SGD([parameter], lr=0.1, weight_decay=decay, momentum=momentum)
    optimizer.state[parameter]["momentum_buffer"] = buffer.clone()
    path = descend_with_decay(slope, weights, buffer, 0.1, decay, momentum, 200)
    for t in range(200):
        parameter.grad = slope(t, parameter.detach())
        optimizer.step()
        gap = (parameter.detach() - path[t + 1]).norm() / path[t + 1].norm()
        measured(gap, allowed=ROUNDING)


# ---------------------------------------------------------------------------------------------
# The functions themselves.


@pytest.mark.claim(THEOREM, by="exact")
def test_both_roots_lie_between_the_momentum_and_one_just_where_they_are_real_and_positive(
    measured,
):
    # On a grid of rational γ = s² and ηλ, the boundary ηλ = (1 − s)² included.
    exceptions = 0
    for s in (Fraction(k, 10) for k in range(1, 10)):
        for product in ((1 - s) ** 2 * Fraction(k, 4) for k in range(1, 8)):
            mean, discriminant = (1 + s**2 - product) / 2, ((1 + s**2 - product) / 2) ** 2 - s**2
            exceptions += (discriminant >= 0 and mean > 0) != (product <= (1 - s) ** 2)
            if product <= (1 - s) ** 2:  # mean ∓ √discriminant lies in (γ, 1): compared by squares
                exceptions += not s**2 < mean < 1
                exceptions += discriminant >= min(1 - mean, mean - s**2) ** 2
    measured(exceptions, allowed=0)


PRODUCTS = [1e-18, 1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-6, 1 - 1e-12]  # of (1 − √γ)²


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6])
@pytest.mark.parametrize("share", PRODUCTS)
def test_the_root_is_right_to_its_last_digits(momentum, share):
    product = share * (1 - math.sqrt(momentum)) ** 2
    with mpmath.workdps(60):
        gamma = mpmath.mpf(momentum)
        mean = (1 + gamma - mpmath.mpf(product)) / 2
        exact = mean + mpmath.sqrt(mean**2 - gamma)
        distance = 1 - mpmath.mpf(product) / (1 - mpmath.sqrt(gamma)) ** 2
        # α is next to 1, so half a digit of it is 1e-16; towards the double root, where dα/dη is
        # without bound, the rounding of (1 − √γ)² counts for 1/√distance as much.
        bound = 2e-16 * (1 + 4 * (1 - gamma) / mpmath.sqrt(abs(distance)))
        assert abs(growth_root(product, 1.0, momentum) - exact) <= bound


def test_control_the_textbook_formula_loses_the_digits_that_the_factors_keep():
    momentum, product = 1 - 1e-6, 0.9 * 2.5e-13
    mean = (1 + momentum - product) / 2
    textbook = mean + math.sqrt(max(mean**2 - momentum, 0))
    # with α at hand, ηλ = (1 − α)(α − γ)/α gives the product back
    back = [(1 - a) * (a - momentum) / a for a in (growth_root(product, 1.0, momentum), textbook)]
    assert abs(back[0] / product - 1) < 1e-8
    assert abs(back[1] / product - 1) > 1e-5


@pytest.mark.parametrize(
    ("rate", "decay", "momentum", "root"),
    [
        (1 / 3, 2 / 15, 0.5, 0.9),
        (Fraction(1, 3), Fraction(2, 15), Fraction(1, 2), 0.9),
        (0.1, 5e-4, 0.9, 0.999497728368),  # growth 1.48123 an epoch of 391 steps
        (0.1, 0.2, 0.0, 0.98),
        (0.1, 0.0, 0.9, 1.0),
        (0.0, 0.1, 0.9, 1.0),
        (1.0, (1 - math.sqrt(0.9)) ** 2, 0.9, math.sqrt(0.9)),  # the double root
        (0.5, 0.5, 0.25, 0.5),
    ],
)
def test_the_root_has_its_value(rate, decay, momentum, root):
    assert growth_root(rate, decay, momentum) == pytest.approx(root, abs=1e-8)
    assert growth_root(decay, rate, momentum) == pytest.approx(root, abs=1e-8)


def test_at_common_settings_an_epoch_multiplies_the_rate_by_almost_a_half_more():
    root = growth_root(0.1, 5e-4, 0.9)
    step = growing_rate(0.1, root, 1) / growing_rate(0.1, root, 0)
    assert step - 1 == pytest.approx(2 * 0.1 * 5e-4 / (1 - 0.9), rel=0.01)  # to first order, 0.001
    assert 1.45 < growing_rate(0.1, root, 391) / growing_rate(0.1, root, 0) < 1.5


def test_without_a_momentum_the_root_is_what_the_decay_leaves():
    assert growth_root(0.1, 0.2) == 1 - 0.1 * 0.2


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        ((1.0, 0.0026, 0.9), (1.0, 0.0027, 0.9), r"ηλ must be at most \(1 − √γ\)² = 0.00263"),
        ((0.5, 0.5, 0.25), (0.5, 0.5 + 1e-9, 0.25), "no real positive root"),
        ((1.0, 0.999, 0.0), (1.0, 1.0, 0.0), "less than 1"),
        ((1.0, 0.999, 0.0), (1.0, 1.5, 0.0), "less than 1"),
        ((1.0, 0.0, 0.9), (1.0, 5.0, 0.9), "no real positive root"),  # here both are negative
        ((0.1, 0.0, 0.0), (0.1, 0.0, -0.1), "momentum = -0.1"),
        ((0.1, 0.0, 0.999), (0.1, 0.0, 1.0), "momentum = 1 "),
        ((0.1, 0.0, 0.999), (0.1, 0.0, math.nan), "momentum = nan"),
        ((0.1, 0.0, 0.5), (0.1, math.nan, 0.5), "no real positive root"),
    ],
)
def test_what_has_no_real_positive_root_is_refused(accepted, refused, complaint):
    assert 0 < growth_root(*accepted) <= 1
    with pytest.raises(ValueError, match=complaint):
        growth_root(*refused)


def test_the_worked_example_has_its_rates_and_seeds():
    larger, smaller = ROOTS
    assert growing_rate(RATE, larger, 0) == Fraction(10, 27)
    assert growing_rate(RATE, larger, 1) == Fraction(1000, 2187)
    assert growing_rate(RATE, smaller, 1) == Fraction(243, 125)
    assert (seeded_buffer(START, RUNNING, DECAY, MOMENTUM, larger) == RUNNING - START / 3).all()
    seed = seeded_buffer(START, ZERO, DECAY, MOMENTUM, smaller)
    assert (seed == -Fraction(12, 5) * START).all()


ARGUMENTS = {
    "gradient": ratio_slope,
    "weights": START,
    "buffer": RUNNING,
    "rate": RATE,
    "decay": DECAY,
    "momentum": MOMENTUM,
    "steps": 3,
    "root": ROOTS[0],
}
CHANGED = {
    "gradient": plain_slope,
    "weights": START + 1,
    "buffer": ZERO,
    "rate": RATE / 2,
    "decay": DECAY / 2,
    "momentum": MOMENTUM / 2,
    "steps": 2,
    "root": ROOTS[1],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_argument_of_the_runs_counts(name):
    changed = {**ARGUMENTS, name: CHANGED[name]}
    assert (
        descend_with_growing_rate(**ARGUMENTS)[-1] != descend_with_growing_rate(**changed)[-1]
    ).any()
    if name != "root":
        given = {key: value for key, value in ARGUMENTS.items() if key != "root"}
        changed.pop("root")
        assert (descend_with_decay(**given)[-1] != descend_with_decay(**changed)[-1]).any()


def test_no_steps_leave_the_start_and_nothing_that_is_given_changes():
    weights, buffer = START.copy(), RUNNING.copy()
    run = {**ARGUMENTS, "weights": weights, "buffer": buffer}
    (only,) = descend_with_growing_rate(**{**run, "steps": 0})
    assert (only == START).all()
    assert len(descend_with_growing_rate(**run)) == 4
    assert (weights == START).all()
    assert (buffer == RUNNING).all()


@pytest.mark.shapes
def test_vectors_of_different_lengths_are_refused():
    with pytest.raises(TypeError, match="buffer"):
        sgd_step(START, START[:2], START, RATE, DECAY, MOMENTUM)


def test_at_no_decay_the_root_that_is_the_momentum_has_no_seed():
    momentum = root = 0.25
    assert root**2 - (1 + momentum) * root + momentum == 0
    weights = torch.ones(2, dtype=torch.float64)
    with pytest.raises(ZeroDivisionError):
        seeded_buffer(weights, 0 * weights, 0.0, momentum, root)
