"""Does dividing by the scalar run take the decay out of any schedule?"""

import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
import sympy
import torch

from snippets.exponential_lr import growth_root, sgd_step
from snippets.scalar_run import decay_free_rate, descend, scalar_run, scalar_step
from tests.snippets.rational_losses import completed_slope, ends, plain_slope, ratio_slope

THEOREM = "any-schedule-has-a-decay-free-twin"
LEFT = 0.01  # at one place, where rational numbers leave 0 of what the claim says
MARGIN = Fraction(1, 100)  # of the weights, of which rational numbers lose nothing
F = Fraction
ROUNDING = 1e-12  # some hundred steps, each rounded at 1e-16, in dynamics that are stable
VISIBLE = 0.01  # of the weights: ten billion times what rounding does

# ---------------------------------------------------------------------------------------------
# For all values: one step, whatever the rate, the decay, the momentum and the gradient are. The
# start is c₀ = 1 and d₋₁ = 0, where the two runs are the same.

eta, decay, gamma, c = sympy.symbols("eta lambda gamma c", positive=True)
d, *entries = sympy.symbols("d theta b g", real=True)
theta, buffer, slope = (np.array([s]) for s in entries)


def twin(weights, buffer, scalar, scalar_buffer):
    """The weights and the buffer that the claim gives to the run without decay."""
    return weights / scalar, scalar * buffer - scalar_buffer * weights


def one_step(slope_of_twin, rate_of_twin=decay_free_rate):
    """The weights and the buffer after a step, as the claim has them minus as they are."""
    after = sgd_step(theta, buffer, slope, eta, decay, gamma)
    scalar, scalar_buffer = scalar_step(c, d, eta, decay, gamma)
    claimed = twin(*after, scalar, scalar_buffer)
    found = sgd_step(
        *twin(theta, buffer, c, d), slope_of_twin, rate_of_twin(eta, c, scalar), 0, gamma
    )
    return [a[0] - b[0] for a, b in zip(claimed, found, strict=True)]


def size(rest):
    """A rest at one place. Where it is not 0 there, it is not 0 for all values."""
    values = {eta: 3, decay: sympy.Rational(1, 7), gamma: sympy.Rational(1, 2), c: 5, d: 7}
    values |= dict(zip(entries, (11, 13, 17), strict=True))
    return abs(float(sympy.sympify(rest).subs(values)))


@pytest.mark.claim(THEOREM, by="certificate")
def test_one_step_keeps_the_two_runs_together_for_all_values(measured):
    """The induction step for weights and buffer, and below it the start, c₀ = 1 and d₋₁ = 0."""
    rests = one_step(c * slope)  # by scale invariance ∇L(θ/c) = c∇L(θ)
    # rational functions: cancelled, they are 0 just if they are for all values
    measured(sum(sympy.cancel(rest) != 0 for rest in rests), allowed=0)
    start = [pair[0] for pair in twin(theta, buffer, 1, 0)]
    measured(start != [theta[0], buffer[0]], allowed=0)
    # and b̃ₜ = cₜbₜ − dₜθₜ, with the weights from before the step
    _, after = sgd_step(theta, buffer, slope, eta, decay, gamma)
    _, pushed = scalar_step(c, d, eta, decay, gamma)
    _, found = sgd_step(*twin(theta, buffer, c, d), c * slope, eta, 0, gamma)
    measured(sympy.cancel((found - (c * after - pushed * theta))[0]) != 0, allowed=0)


@pytest.mark.control(
    THEOREM, drops="scale-invariant-loss", instead="a gradient that does not scale with the weights"
)
def test_control_with_a_gradient_that_does_not_scale_something_is_left(measured):
    weights, buffers = one_step(slope)  # as of a linear loss
    measured(size(weights), allowed=10 * LEFT)
    measured(size(buffers), allowed=10 * LEFT)


@pytest.mark.control(
    THEOREM, drops="^rates", instead="rates divided by the square of one of the two scalars"
)
@pytest.mark.parametrize(
    "rate",
    [lambda eta, c, after: eta / c**2, lambda eta, c, after: eta / after**2],
    ids=["before", "after"],
)
def test_control_with_the_rate_divided_by_one_square_something_is_left(measured, rate):
    weights, _ = one_step(c * slope, rate)
    measured(size(weights), allowed=LEFT)


# ---------------------------------------------------------------------------------------------
# Exactly: rational schedules without any order, on losses that change at every step.

STEPS = 6
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
ZERO = 0 * START
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])


@pytest.fixture(params=range(4), ids="seed={}".format)
def schedule(request):
    """Rates, decays, some of them 0, and momenta, for six steps."""
    random = Random(request.param)
    rates = [Fraction(random.randint(1, 9), 20) for _ in range(STEPS)]
    decays = [Fraction(random.randint(0, 4), 20) for _ in range(STEPS)]
    momenta = [Fraction(random.randint(0, 9), 10) for _ in range(STEPS)]
    return rates, decays, momenta


def gap(decayed, scalars, twin):
    """The largest share by which a coordinate of cₜφₜ is off θₜ."""
    triples = list(zip(decayed, scalars, twin, strict=True))
    return max(abs(c * phi - theta).max() / abs(theta).max() for theta, c, phi in triples)


both_buffers = pytest.mark.parametrize("start_buffer", [ZERO, RUNNING], ids=["zero", "running"])


def exact_gap(schedule, start_buffer, slope=ratio_slope, rate=None):
    rates, decays, momenta = schedule
    scalars, decay_free = scalar_run(rates, decays, momenta)
    if rate:
        decay_free = list(map(rate, rates, scalars[:-1], scalars[1:]))
    decayed = descend(slope, START, start_buffer, rates, decays, momenta)
    twin = descend(slope, START, start_buffer, decay_free, [0] * STEPS, momenta)
    assert len(twin) == STEPS + 1
    return gap(decayed, scalars, twin)


@pytest.mark.claim(THEOREM, by="exact")
@both_buffers
def test_in_rational_numbers_the_two_runs_agree_exactly_at_every_step(
    measured, schedule, start_buffer
):
    measured(exact_gap(schedule, start_buffer), allowed=0)


@pytest.mark.claim(THEOREM, by="exact")
def test_they_agree_exactly_too_where_no_root_of_the_constant_schedule_is_real(measured):
    momentum, product = Fraction(1, 2), Fraction(1, 6)  # ηλ above (1 − √γ)²
    assert product > (1 - math.sqrt(momentum)) ** 2
    schedule = [Fraction(1, 3)] * 4, [3 * product] * 4, [momentum] * 4
    scalars, decay_free = scalar_run(*schedule)
    decayed = descend(ratio_slope, START, RUNNING, *schedule)
    twin = descend(ratio_slope, START, RUNNING, decay_free, [0] * 4, schedule[2])
    measured(gap(decayed, scalars, twin), allowed=0)


@pytest.mark.control(THEOREM, drops="scale-invariant-loss", instead="quadratic losses")
@both_buffers
def test_control_in_rational_numbers_a_loss_that_sees_the_length_parts_them(
    measured, schedule, start_buffer
):
    measured(exact_gap(schedule, start_buffer, plain_slope), allowed=MARGIN)


@pytest.mark.control(
    THEOREM, drops="^rates", instead="rates divided by the square of one of the two scalars"
)
@both_buffers
@pytest.mark.parametrize(
    "rate",
    [lambda eta, c, after: eta / c**2, lambda eta, c, after: eta / after**2],
    ids=["before", "after"],
)
def test_control_in_rational_numbers_other_rates_part_them(measured, schedule, start_buffer, rate):
    measured(exact_gap(schedule, start_buffer, rate=rate), allowed=MARGIN)


@pytest.mark.control(
    THEOREM,
    drops="iterates-never-zero",
    instead="a run that meets zero, and goes on by some number as its gradient",
)
def test_control_a_start_buffer_that_leads_to_zero_parts_the_runs_there(measured):
    rates, decays, momenta = [Fraction(1, 3)] * 2, [Fraction(1, 5)] * 2, [Fraction(1, 2)] * 2
    scalars, decay_free = scalar_run(rates, decays, momenta)
    aimed = (START / rates[0] - ratio_slope(0, START) - decays[0] * START) / momenta[0]
    assert ends(descend, ratio_slope, START, aimed, rates, decays, momenta)
    theta, phi = (
        descend(completed_slope, START, aimed, *schedule, momenta)
        for schedule in [(rates, decays), (decay_free, [0, 0])]
    )
    assert not theta[1].any()
    assert not phi[1].any()
    measured(abs(scalars[2] * phi[2] - theta[2]).max() / abs(theta[2]).max(), allowed=MARGIN)


@pytest.mark.parametrize("v", [0, 1], ids="v={}".format)
def test_from_zero_the_runs_go_on_together_if_zero_is_the_gradient_there(v):
    # and by another v the twin's next weights are off by −η̃(1 − c)v
    rates, decays, momenta = [Fraction(1, 3)] * 3, [Fraction(1, 5)] * 3, [Fraction(1, 2)] * 3
    scalars, decay_free = scalar_run(rates, decays, momenta)
    aimed = (START / rates[0] - ratio_slope(0, START) - decays[0] * START) / momenta[0]

    def slope(t, weights):
        return ratio_slope(t, weights) if weights.any() else v + 0 * weights

    theta, phi = (
        descend(slope, START, aimed, *schedule, momenta)
        for schedule in [(rates, decays), (decay_free, [0, 0, 0])]
    )
    assert not theta[1].any()
    assert theta[2].all()
    assert (phi[2] - theta[2] / scalars[2] == -decay_free[1] * (1 - scalars[1]) * v).all()
    assert (scalars[3] * phi[3] == theta[3]).all() == (v == 0)


# ---------------------------------------------------------------------------------------------
# In floats.


def beyond_zero(loss, steps):
    """The gap of the two runs when the scalar run is followed through zero, as nobody should."""
    gradient = torch.func.grad(loss)
    rate, decay, momentum, zero = 0.5, 0.9, 0.5, torch.zeros(3, dtype=torch.float64)
    theta = phi = torch.tensor([0.9, -0.3, 0.6], dtype=torch.float64)
    b, b_twin, c, d = zero, zero, 1.0, 0.0
    for _ in range(steps):
        theta, b = sgd_step(theta, b, gradient(theta), rate, decay, momentum)
        before, (c, d) = c, scalar_step(c, d, rate, decay, momentum)
        phi, b_twin = sgd_step(
            phi, b_twin, gradient(phi), decay_free_rate(rate, before, c), 0, momentum
        )
    return c, ((c * phi - theta).norm() / theta.norm()).item()


def odd_loss(weights):
    return weights[0] / weights.norm()


def even_loss(weights):
    return odd_loss(weights) ** 2


@pytest.mark.control(
    THEOREM, drops="^positive-scalar", instead="a scalar that becomes negative, on an odd loss"
)
def test_control_beyond_a_scalar_that_is_not_positive_the_two_runs_part(measured):
    assert beyond_zero(odd_loss, 2)[0] > 0 > beyond_zero(odd_loss, 3)[0]
    assert beyond_zero(odd_loss, 3)[1] < ROUNDING  # the first negative scalar is only divided by
    measured(beyond_zero(odd_loss, 4)[1], allowed=VISIBLE)
    # a loss that takes no notice of the sign either would go on
    assert beyond_zero(even_loss, 4)[1] < ROUNDING
    with pytest.raises(ValueError, match=r"step 2 takes c to c_3 = -0\.\d+, which is not positive"):
        scalar_run([0.5] * 4, [0.9] * 4, [0.5] * 4)


@pytest.mark.claim(THEOREM, by="float64")
@pytest.mark.parametrize("seed", range(3), ids="seed={}".format)
def test_two_optimizers_of_torch_on_a_changing_schedule_point_the_same_way(measured, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)
    targets, start = inputs[..., 0].tanh(), inputs[0, 0]
    steps = 400
    rates = [0.1 * (1 + math.cos(math.pi * t / steps)) for t in range(steps)]
    decays = [0.02 if t % 100 < 50 else 0.0 for t in range(steps)]
    momenta = [0.5 + 0.4 * t / steps for t in range(steps)]
    scalars, decay_free = scalar_run(rates, decays, momenta)
    runs = []
    for schedule in [(rates, decays, momenta), (decay_free, [0.0] * steps, momenta)]:
        weights = torch.nn.Parameter(start.clone())
        optimizer = torch.optim.SGD([weights], lr=0.0, momentum=0.5)
        path = [start]
        for t, (rate, decay, momentum) in enumerate(zip(*schedule, strict=True)):
            optimizer.param_groups[0].update(lr=rate, weight_decay=decay, momentum=momentum)
            optimizer.zero_grad()
            outputs = inputs[t % 4] @ weights / weights.norm()
            (outputs - targets[t % 4]).square().mean().backward()
            optimizer.step()
            path.append(weights.detach().clone())
        runs.append(path)
    decayed, twin = runs
    measured(gap(decayed, scalars, twin), allowed=ROUNDING)
    assert twin[-1].isfinite().all()
    assert scalars[-1] < 0.5


def test_descend_is_the_optimizer_of_torch():
    slope = torch.func.grad(odd_loss)
    start, buffer = torch.tensor([[3.0, -1.0, 2.0], [0.1, 0.2, 0.3]], dtype=torch.float64)
    schedule = [0.1, 0.3, 0.2], [0.1, 0.0, 0.2], [0.9, 0.5, 0.0]
    weights = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([weights], momentum=0.9)
    optimizer.state[weights]["momentum_buffer"] = buffer.clone()
    for rate, decay, momentum in zip(*schedule, strict=True):
        optimizer.param_groups[0].update(lr=rate, weight_decay=decay, momentum=momentum)
        weights.grad = slope(weights.detach())
        optimizer.step()
    path = descend(lambda t, weights: slope(weights), start, buffer, *schedule)
    assert (path[-1] - weights.detach()).norm() < ROUNDING


# ---------------------------------------------------------------------------------------------
# The functions themselves.


def test_with_a_constant_schedule_the_rates_soon_grow_by_the_same_factor():
    _, rates = scalar_run([0.1] * 300, [0.02] * 300, [0.9] * 300)
    # the share of the smaller root has died out like (γ/α²)ᵗ = 0.95ᵗ
    assert rates[-1] / rates[-2] == pytest.approx(growth_root(0.1, 0.02, 0.9) ** -2, rel=1e-5)


@pytest.mark.parametrize("tenths", range(1, 10))
@pytest.mark.parametrize("share", [F(1, 3), F(1), F(11, 10), F(3, 2), F(500)], ids=str)
def test_within_the_bound_the_scalars_ratios_fall_to_the_root_and_beyond_it_c_turns(tenths, share):
    momentum = F(tenths, 10) ** 2
    product = share * (1 - F(tenths, 10)) ** 2
    (c, d), ratios = (F(1), F(0)), [F(1)]
    for t in range(120):  # more than the angle of the roots takes to a half-turn
        ratio = 1 + momentum - product - momentum / ratios[-1]
        if t < 8:
            before, (c, d) = c, scalar_step(c, d, 1, product, momentum)
            assert ratio == c / before
        if ratio <= 0:
            break
        assert ratio < ratios[-1]
        ratios.append(ratio)
    assert (ratio <= 0) == (share > 1)
    if share < 1:
        root = growth_root(1, product, momentum)
        assert root < ratios[-1] + ROUNDING
        # what separates them shrinks by γ/α² < 0.86 a step
        assert ratios[-1] - root < 1e-6


def test_without_momentum_the_scalars_are_what_the_decays_leave():
    scalars, rates = scalar_run([0.5, 0.1], [0.2, 0.3], [0.0, 0.0])
    assert scalars == pytest.approx([1, 0.9, 0.9 * 0.97], rel=1e-15)
    assert rates == pytest.approx([0.5 / 0.9, 0.1 / (0.9 * 0.9 * 0.97)], rel=1e-15)


def test_momentum_repeats_the_decay_of_the_steps_before():
    half = Fraction(1, 2)
    scalars, rates = scalar_run([half] * 2, [Fraction(1, 5)] * 2, [half] * 2)
    # d₀ = 1/5, c₁ = 9/10, d₁ = 1/10 + 9/50 = 7/25, c₂ = 9/10 − 7/50
    assert scalars == [1, Fraction(9, 10), Fraction(19, 25)]
    assert rates == [Fraction(5, 9), half / Fraction(9, 10) / Fraction(19, 25)]


def test_no_steps_leave_one():
    assert scalar_run([], [], []) == ([1], [])


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        (([0.1], [0.9], [0.0]), ([0.1], [10.0], [0.0]), "step 0 takes c to c_1 = 0, "),
        (([0.1], [9.0], [0.0]), ([0.1], [11.0], [0.0]), "step 0 takes c to c_1 = -0.1"),
        (([1, 0.1], [0, 9], [0, 0]), ([1, 0.1], [0, 11], [0, 0]), "step 1 takes c to c_2 = -0.1"),
        (([1, 1], [0.5, 0], [0, 0.5]), ([1, 1], [0.5, 0], [0, 2]), "step 1 takes c to c_2 = -0.5"),
        (([0.1], [0.1], [0.0]), ([math.nan], [0.1], [0.0]), "step 0 takes c to c_1 = nan"),
        (([0.1], [0.1], [0.0]), ([0.1] * 2, [0.1], [0.0]), "2 rates, 1 decays and 1 momenta"),
        (([0.1], [0.1], [0.0]), ([0.1], [], [0.0]), "1 rates, 0 decays and 1 momenta"),
        (([0.1], [0.1], [0.0]), ([0.1], [0.1], [0.0, 0.0]), "1 rates, 1 decays and 2 momenta"),
    ],
)
def test_what_has_no_positive_scalar_at_every_step_is_refused(accepted, refused, complaint):
    assert all(c > 0 for c in scalar_run(*accepted)[0])
    with pytest.raises(ValueError, match=complaint):
        scalar_run(*refused)


def test_schedules_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        descend(ratio_slope, START, ZERO, [1, 1], [0], [0, 0])


@pytest.mark.parametrize("name", ["gradient", "weights", "buffer", "rates", "decays", "momenta"])
def test_every_argument_of_descend_counts(name):
    given = {
        "gradient": ratio_slope,
        "weights": START,
        "buffer": RUNNING,
        "rates": [Fraction(1, 3)] * 2,
        "decays": [Fraction(1, 5)] * 2,
        "momenta": [Fraction(1, 2)] * 2,
    }
    changed = {
        "gradient": plain_slope,
        "weights": START + 1,
        "buffer": ZERO,
        "rates": [Fraction(1, 3), Fraction(1, 4)],
        "decays": [Fraction(1, 5), Fraction(1, 6)],
        "momenta": [Fraction(1, 2), Fraction(1, 3)],
    }
    assert (descend(**given)[-1] != descend(**{**given, name: changed[name]})[-1]).any()
