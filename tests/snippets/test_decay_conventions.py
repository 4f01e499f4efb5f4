"""Do the conventions of weight decay convert into each other, in torch's own optimisers too?"""

import copy
import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from snippets.decay_conventions import (
    CONVENTIONS,
    convert,
    coupled_schedule,
    decoupled_schedule,
    settled,
)
from snippets.equilibrium import balance, decoupled, gain, relaxation, turn
from snippets.exponential_lr import sgd_step
from snippets.momentum_conventions import decoupled_step, larger_root
from snippets.scalar_run import scalar_run
from tests.confidence import off
from tests.snippets.rational_losses import plain_slope, ratio_slope

SHARE, COUPLED = "decoupled-decay-is-one-share", "coupled-schedules-are-decoupled-schedules"
FORGETS = "equilibrium-at-a-fixed-share-forgets-the-rate"
ROUNDING = 1e-12  # float64 carries 16 digits; a hundred steps of a loss without chaos
SURE = 0.9999
HALF = 0.5  # torch's convention turns less than half as far after a fall to a tenth: √.1
VISIBLE = 1e-2  # a share of a coordinate, where conversions keep 14 digits
F = Fraction
STEPS = 6
START = np.array([F(3), F(-1), F(2)])
RUNNING = np.array([F(1, 2), F(-2), F(1, 3)])
SLOPES = pytest.mark.parametrize("slope", [ratio_slope, plain_slope])


@pytest.fixture(params=range(4), ids="seed={}".format)
def schedule(request):
    """Rates, decays and momenta without any order."""
    random = Random(request.param)
    return (
        [F(random.randint(1, 9), 20) for _ in range(STEPS)],
        [F(random.randint(0, 4), 20) for _ in range(STEPS)],
        [F(random.randint(1, 9), 10) for _ in range(STEPS)],
    )


def run(step, slope, rates, decays, momenta):
    """θ₀ … θ_T and b₋₁ … b_T₋₁."""
    weights, buffers = [START], [RUNNING]
    for t, settings in enumerate(zip(rates, decays, momenta, strict=True)):
        new, buffer = step(weights[t], buffers[t], slope(t, weights[t]), *settings)
        weights.append(new)
        buffers.append(buffer)
    return weights, buffers


def apart(theta, other):
    """The largest share by which a coordinate is off."""
    return max(abs(x - y).max() / abs(x).max() for x, y in zip(theta, other, strict=True))


# ---------------------------------------------------------------------------------------------
# One share


def taken(decay, convention, rate, peak):
    """The share as the claim's table has it."""
    return {"torch": decay * rate, "scheduled": decay * rate / peak, "fixed": decay}[convention]


@pytest.mark.claim(SHARE, by="exact")
@pytest.mark.parametrize("old", CONVENTIONS)
@pytest.mark.parametrize("new", CONVENTIONS)
def test_a_converted_decay_takes_off_the_same_share(measured, old, new):
    for rate, peak in [(F(1, 7), F(1, 3)), (F(1, 3), F(1, 3)), (F(2), F(5))]:
        for decay in (F(0), F(1, 9), F(3)):
            other = convert(decay, old, new, rate, peak)
            gap = taken(decay, old, rate, peak) - taken(other, new, rate, peak)
            measured(abs(gap), allowed=0)


def of_convention(convention, peak, reads_its_number=False):
    """A step of momentum whose decay stands for a share as the claim's table has it.

    If it reads its number, it adds that to the gradient, too, times the weights.
    """

    def step(weights, buffer, slope, rate, decay, momentum):
        buffer = momentum * buffer + slope + (decay * weights if reads_its_number else 0)
        share = taken(decay, convention, rate, peak)
        return weights - share * weights - rate * buffer, buffer

    return step


def converted_gap(schedule, slope, convention, change=lambda decays: decays, **step):
    """How far a run with converted decays is from the one with torch's."""
    rates, decays, momenta = schedule
    peak = max(rates)
    others = [convert(d, "torch", convention, r, peak) for d, r in zip(decays, rates, strict=True)]
    theta, _ = run(of_convention("torch", peak, **step), slope, *schedule)
    other = run(of_convention(convention, peak, **step), slope, rates, change(others), momenta)
    return apart(theta, other[0])


@pytest.mark.claim(SHARE, by="exact")
@SLOPES
@pytest.mark.parametrize("convention", ["scheduled", "fixed"])
def test_runs_with_converted_decays_are_the_same_on_any_losses(
    measured, schedule, slope, convention
):
    measured(converted_gap(schedule, slope, convention), allowed=0)
    # and torch's is the decoupled step of the other snippet
    theta, _ = run(of_convention("torch", max(schedule[0])), slope, *schedule)
    measured(apart(theta, run(decoupled_step, slope, *schedule)[0]), allowed=0)


@pytest.mark.control(
    SHARE, drops="^share", instead="the numbers of torch's convention, as they are"
)
@SLOPES
@pytest.mark.parametrize("convention", ["scheduled", "fixed"])
def test_control_runs_with_the_same_numbers_in_another_convention_part(
    measured, schedule, slope, convention
):
    gap = converted_gap(schedule, slope, convention, change=lambda _: schedule[1])
    measured(gap, allowed=VISIBLE)


@pytest.mark.control(
    SHARE, drops="^update", instead="an update that adds its number times the weights"
)
@SLOPES
@pytest.mark.parametrize("convention", ["scheduled", "fixed"])
def test_control_an_update_that_reads_the_number_parts_runs_of_the_same_shares(
    measured, schedule, slope, convention
):
    gap = converted_gap(schedule, slope, convention, reads_its_number=True)
    measured(gap, allowed=VISIBLE)


def test_a_decay_that_goes_with_the_schedule_is_one_number_for_torch_at_a_rate_of_0_too():
    assert {convert(F(1, 5), "scheduled", "torch", F(r), F(3)) for r in range(4)} == {F(1, 15)}
    assert {convert(F(1, 15), "torch", "scheduled", F(r), F(3)) for r in range(4)} == {F(1, 5)}
    assert convert(0.0, "fixed", "torch", 0.0, 1.0) == 0
    assert convert(0.3, "fixed", "fixed", 0.0, 1.0) == 0.3


def model_and_data():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    inputs = torch.randn(20, 6, dtype=torch.float64)
    return model, inputs, inputs[:, :1] * inputs[:, 1:2]


PEAK, LAST, LENGTH = 0.03, 0.001, 60


def cosine(optimizer):
    """A warm-up and a cosine that ends above 0."""

    def share(t):
        if t < 10:
            return (t + 1) / 10
        return (1 + math.cos(math.pi * (t - 9) / (LENGTH - 9))) / 2 * (1 - LAST) + LAST

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def trained(make, follow, closure=False, resume=None):
    """Weights after a schedule; `follow` is called with the optimizer before each of its steps."""
    model, inputs, targets = model_and_data()
    optimizer = make(model.parameters())
    scheduler = cosine(optimizer)

    def loss():
        optimizer.zero_grad()
        value = (model(inputs) - targets).square().mean()
        value.backward()
        return value

    for t in range(LENGTH):
        if t == resume:
            kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
            old = scheduler.state_dict()
            model = model_and_data()[0]
            optimizer = make(model.parameters())
            scheduler = cosine(optimizer)
            scheduler.load_state_dict(old)
            model.load_state_dict(kept[0])
            optimizer.load_state_dict(kept[1])
        if not closure:
            loss()  # at the weights that are not decayed yet
        follow(optimizer)
        optimizer.step(loss if closure else None)
        scheduler.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def adamw(parameters):
    return torch.optim.AdamW(parameters, PEAK, weight_decay=0)


def by_hand(convention, decay):
    def take(optimizer):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.data *= 1 - taken(decay, convention, group["lr"], PEAK)

    return take


def converted(convention, decay):
    def set_it(optimizer):
        for group in optimizer.param_groups:
            group["weight_decay"] = convert(decay, convention, "torch", group["lr"], PEAK)

    return set_it


def kept_from_the_peak(convention, decay):
    def set_it(optimizer):
        for group in optimizer.param_groups:
            group["weight_decay"] = convert(decay, convention, "torch", PEAK, PEAK)

    return set_it


def gap(first, second):
    return ((first - second).abs().max() / first.abs().max()).item()


@pytest.mark.claim(SHARE, by="float64")
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_torchs_adamw_follows_each_convention_through_a_schedule(measured, convention):
    decay = 1.0 if convention == "torch" else 0.03
    truth = trained(adamw, by_hand(convention, decay))
    measured(gap(truth, trained(adamw, converted(convention, decay))), allowed=ROUNDING)


def test_a_closure_and_a_checkpoint_change_nothing_of_it():
    truth = trained(adamw, by_hand("fixed", 0.03))
    assert gap(truth, trained(adamw, converted("fixed", 0.03), closure=True)) < ROUNDING
    assert gap(truth, trained(adamw, converted("fixed", 0.03), resume=25)) < ROUNDING


@pytest.mark.control(SHARE, drops="^share", instead="a fixed share, by torch's number at the peak")
def test_control_the_decay_that_is_right_at_the_peak_is_wrong_below_it(measured):
    truth = trained(adamw, by_hand("fixed", 0.03))
    measured(gap(truth, trained(adamw, kept_from_the_peak("fixed", 0.03))), allowed=VISIBLE)


@pytest.mark.control(SHARE, drops="^share", instead="the same number in another convention")
def test_control_the_same_number_in_another_convention_is_another_decay(measured):
    truth = trained(adamw, by_hand("scheduled", 0.03))
    measured(gap(truth, trained(adamw, converted("torch", 0.03))), allowed=VISIBLE)


def test_what_cannot_be_converted_is_refused():
    for pair in [("coupled", "torch"), ("torch", "independent")]:
        with pytest.raises(ValueError, match="is no convention of decoupled decay"):
            convert(0.1, *pair, 0.1, 0.1)
    for pair in [("fixed", "torch"), ("fixed", "scheduled"), ("torch", "fixed")]:
        with pytest.raises(ValueError, match="end the schedule above 0"):
            convert(0.1, *pair, 0.0, 0.1)
    numbers = [(-0.1, 0.1, 0.1), (math.nan, 0.1, 0.1), (math.inf, 0.1, 0.1), (0.1, -0.1, 0.1)]
    numbers += [(0.1, 0.2, 0.1), (0.1, 0.0, 0.0), (0.1, math.nan, 0.1), (0.1, 0.1, math.inf)]
    numbers += [(0.1, 0.1, math.nan)]
    for decay, rate, peak in numbers:
        with pytest.raises(ValueError, match="the largest rate of the whole schedule"):
            convert(decay, "fixed", "torch", rate, peak)


# ---------------------------------------------------------------------------------------------
# Coupled and decoupled


@pytest.mark.claim(COUPLED, by="exact")
@SLOPES
def test_coupled_decay_under_any_schedule_is_decoupled_decay(measured, schedule, slope):
    rates = schedule[0]
    others, turned = decoupled_schedule(*schedule)
    theta, buffers = run(sgd_step, slope, *schedule)
    same, new_buffers = run(decoupled_step, slope, rates, others, turned)
    measured(apart(theta, same), allowed=0)
    for t in range(STEPS):
        rest = new_buffers[t + 1] - (buffers[t + 1] - others[t] * theta[t])
        measured(abs(rest).max(), allowed=0)


@pytest.mark.claim(COUPLED, by="exact")
@SLOPES
def test_decoupled_decay_under_any_schedule_is_coupled_decay(measured, schedule, slope):
    theta, _ = run(decoupled_step, slope, *schedule)
    others, turned = coupled_schedule(*schedule)
    measured(apart(theta, run(sgd_step, slope, schedule[0], others, turned)[0]), allowed=0)
    assert decoupled_schedule(schedule[0], others, turned) == (schedule[1], schedule[2])


@pytest.mark.claim(COUPLED, by="certificate of a step")
def test_the_induction_step_holds_for_all_values(measured):
    rate, lam, before, gamma, theta, b, h = sympy.symbols("eta lambda1 mu gamma1 theta b h")
    # θ and b of step t, and b′ = b − λ′θ with λ′ = mu; then θ and both buffers of the next
    kept = 1 - rate * before
    after = theta - rate * b
    coupled_buffer = gamma * b + h + lam * after
    turned = gamma / kept
    decay = lam + turned * before
    other_buffer = turned * (b - before * theta) + h
    rests = [
        kept * theta - rate * (b - before * theta) - after,
        other_buffer - (coupled_buffer - decay * after),
    ]
    measured(sum(sympy.cancel(rest) != 0 for rest in rests), allowed=0)


@pytest.mark.control(COUPLED, drops="^settings", instead="decays and momenta as they were")
@SLOPES
def test_control_the_same_numbers_in_the_other_form_are_another_run(measured, schedule, slope):
    theta, _ = run(sgd_step, slope, *schedule)
    other, _ = run(decoupled_step, slope, *schedule)
    assert (theta[1] == other[1]).all()  # they part at the second step
    measured(apart(theta, other), allowed=VISIBLE)


@pytest.mark.control(COUPLED, drops="^settings", instead="momenta as they were")
@SLOPES
def test_control_so_is_one_whose_momenta_are_kept(measured, schedule, slope):
    rates, _, momenta = schedule
    theta, _ = run(sgd_step, slope, *schedule)
    others, _ = decoupled_schedule(*schedule)
    measured(apart(theta, run(decoupled_step, slope, rates, others, momenta)[0]), allowed=VISIBLE)


@pytest.mark.control(COUPLED, drops="^kept", instead="a step that takes all of the weights off")
def test_control_after_a_step_that_takes_all_off_the_weights_go_on_by_a_buffer(measured):
    rates, decays, momenta = [F(1, 2)] * 3, [F(2), F(0), F(0)], [F(1, 2)] * 3
    with pytest.raises(ValueError, match="step 0 takes off all of the weights"):
        decoupled_schedule(rates, decays, momenta)
    # θ₁ = −ηb′₀, so that every decoupled second step is along θ₁ beside the gradient; this is not.
    theta, _ = run(sgd_step, plain_slope, rates, decays, momenta)
    step = theta[2] + rates[1] * plain_slope(1, theta[1])
    across = step - (step @ theta[1]) / (theta[1] @ theta[1]) * theta[1]
    measured(math.sqrt((across @ across) / (step @ step)), allowed=VISIBLE)


def test_a_step_that_turns_the_weights_is_no_obstacle_and_neither_is_a_negative_decay():
    rates, decays, momenta = [F(1, 2)] * 4, [F(5), F(1), F(1, 2), F(3)], [F(1, 3)] * 4
    others, turned = decoupled_schedule(rates, decays, momenta)
    assert 1 - rates[0] * others[0] < 0
    theta, _ = run(sgd_step, ratio_slope, rates, decays, momenta)
    assert apart(theta, run(decoupled_step, ratio_slope, rates, others, turned)[0]) == 0
    negative, _ = coupled_schedule(rates, [F(1), F(1, 9), F(1), F(1)], momenta)
    assert negative[1] < 0
    weight = nn.Parameter(torch.ones(1))
    with pytest.raises(ValueError, match="Invalid weight_decay"):
        torch.optim.SGD([weight], 0.1, weight_decay=-0.1)
    optimizer = torch.optim.SGD([weight], 0.5)
    optimizer.param_groups[0]["weight_decay"] = -1.0
    weight.grad = torch.zeros(1)
    optimizer.step()
    assert weight.item() == 1.5


def test_a_last_step_may_take_everything_off():
    assert decoupled_schedule([F(1, 2)], [F(2)], [F(0)]) == ([2], [0])


def sgd(parameters):
    return torch.optim.SGD(parameters, PEAK, momentum=0.9)


def sgdw(decay, momentum):
    """SGDW by torch's SGD, the decay and the momentum set before each step."""
    before = [0.0, 0.0]  # rate and decay of the step before

    def set_it(optimizer):
        (group,) = optimizer.param_groups
        rates, decays = [before[0], group["lr"]], [before[1], decay]
        (_, lam), (_, gamma) = coupled_schedule(rates, decays, [momentum] * 2)
        before[:] = group["lr"], decay
        group.update(weight_decay=lam, momentum=gamma)

    return set_it


def sgdw_by_hand(decay):
    def take(optimizer):
        (group,) = optimizer.param_groups
        for parameter in group["params"]:
            parameter.data *= 1 - group["lr"] * decay

    return take


@pytest.mark.claim(COUPLED, by="float64")
def test_torchs_sgd_is_sgdw_with_two_numbers_a_step(measured):
    truth = trained(sgd, sgdw_by_hand(2.0))
    measured(gap(truth, trained(sgd, sgdw(2.0, 0.9))), allowed=ROUNDING)


@pytest.mark.control(COUPLED, drops="^settings", instead="SGDW's own numbers in torch's SGD")
def test_control_torchs_sgd_with_sgdws_numbers_is_another_run(measured):
    def same_numbers(optimizer):
        optimizer.param_groups[0].update(weight_decay=2.0)

    truth = trained(sgd, sgdw_by_hand(2.0))
    measured(gap(truth, trained(sgd, same_numbers)), allowed=VISIBLE)


def torchs(momenta):
    """The weights of torch's SGD, and of the recursion, from a buffer at zero."""
    rate, decay = 0.1, 0.5
    weight = nn.Parameter(torch.tensor([3.0, -1.0, 2.0], dtype=torch.float64))
    theta, buffer = weight.detach().clone(), torch.zeros(3, dtype=torch.float64)
    optimizer = torch.optim.SGD([weight], rate, weight_decay=decay)
    for t, momentum in enumerate(momenta):
        optimizer.param_groups[0]["momentum"] = momentum
        weight.grad = (weight.detach() - t).sin()
        optimizer.step()
        buffer = momentum * buffer + (theta - t).sin() + decay * theta
        theta = theta - rate * buffer
    return weight.detach(), theta


@pytest.mark.claim(COUPLED, by="float64")
@pytest.mark.parametrize("momenta", [[0.9] * 5, [0.0] * 5, [0.9, -0.4, 0.9, 0.0, 0.0]])
def test_torchs_program_is_the_recursion(measured, momenta):
    measured(gap(*torchs(momenta)), allowed=ROUNDING)


@pytest.mark.parametrize("momenta", [[0.9, 0.9, 0.0, 0.9, 0.9], [0.0, 0.9, 0.9, 0.9, 0.9]])
def test_control_a_momentum_of_zero_leaves_torchs_buffer_as_it_was_and_is_refused(momenta):
    assert gap(*torchs(momenta)) > VISIBLE
    with pytest.raises(ValueError, match="would have torch's momentum 0"):
        decoupled_schedule([0.1] * 5, [0.5] * 5, momenta)
    with pytest.raises(ValueError, match="would have torch's momentum 0"):
        coupled_schedule([0.1] * 5, [0.5] * 5, momenta)
    with pytest.raises(ValueError, match="step 1 would have torch's momentum 0"):
        coupled_schedule([F(1, 2)] * 3, [F(2), F(0), F(0)], [F(1, 2)] * 3)  # takes all off at 0


def test_what_decay_leaves_is_the_ratio_of_the_scalar_run(schedule):
    scalars, _ = scalar_run(*schedule)
    others, _ = decoupled_schedule(*schedule)
    for t in range(STEPS):
        assert scalars[t + 1] / scalars[t] == 1 - schedule[0][t] * others[t]


def test_with_constant_settings_the_decay_rises_to_that_of_the_larger_root():
    rate, decay, momentum = 0.1, 0.02, 0.9
    others, turned = decoupled_schedule(*([x] * 3000 for x in (rate, decay, momentum)))
    root = larger_root(rate * decay, momentum)
    assert others[0] == decay
    assert others[-1] == pytest.approx((1 - root) / rate, rel=1e-9)
    assert turned[-1] == pytest.approx(momentum / root, rel=1e-9)


def test_lists_of_different_lengths_are_refused():
    for function in (decoupled_schedule, coupled_schedule):
        for lengths in [(2, 2, 3), (2, 3, 2), (3, 2, 2)]:
            with pytest.raises(ValueError, match="argument"):
                function(*([0.1] * n for n in lengths))


# ---------------------------------------------------------------------------------------------
# Equilibrium


@pytest.mark.claim(FORGETS, by="certificate")
def test_at_a_fixed_share_the_cosine_stays_and_the_norm_goes_with_the_rate(measured):
    """Given the formulas of the two theorems: what is said of a fixed share, and the table."""
    eta, rho, s, beta, size = sympy.symbols("eta rho s beta G", positive=True)

    def settled_at(rate, share):
        """E‖θ‖² of AdamW, A H of SGDW, and 1 − cosine, which is the same of both."""
        p, q = decoupled(rate, share / rate, beta)
        norm = (rate * (1 - beta)) ** 2 * gain(p, q)
        return norm, rate**2 * size**2 * gain(p, q), 1 - p / (1 + q)

    before, wrong = settled_at(eta, s), 0
    for power in (0, 1, 2):
        after = settled_at(rho * eta, rho**power * s)
        ratios = [sympy.cancel(new / old) for new, old in zip(after, before, strict=True)]
        if power == 0:
            wrong += ratios != [rho**2, rho**2, 1]  # whatever the share is
            # and the effective rates, η over the norm of AdamW or over √(A H), stay
            wrong += [rho / sympy.sqrt(ratio) for ratio in ratios[:2]] != [1, 1]
        # to leading order: of ‖θ‖² or ‖θ‖⁴, and of the squared angle
        expected = [rho ** (2 - power), rho ** (2 - power), rho**power]
        limits = [sympy.limit(ratio, s, 0) for ratio in ratios]
        wrong += sum(sympy.simplify(a - b) != 0 for a, b in zip(limits, expected, strict=True))
    measured(wrong, allowed=0)


def test_what_is_settled_is_what_equilibrium_predicts():
    for share in (1e-6, 1e-3, 0.2, 0.9):
        for rate, beta in [(0.1, 0.9), (3.0, 0.0), (1e-4, 0.5)]:
            p, q = decoupled(rate, share / rate, beta)
            push = rate * (1 - beta)
            expected = balance(p, q, push, feedback=False)
            norm, angle = settled(share, rate, beta)
            assert norm == pytest.approx(expected.norm, rel=1e-9)  # 1 − a², with a in 16 digits
            assert angle == pytest.approx(expected.angle, rel=1e-9)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_after_a_drop_adamw_climbs_back_in_so_many_steps_and_sgdw_in_half_of_them(beta):
    for share in (1e-4, 1e-5):  # times 1/(1 − β), this is a thousandth at most
        p, q = decoupled(1.0, share, beta)
        assert relaxation(p, q, feedback=False) == pytest.approx(1 / (2 * share), rel=0.02)
        assert relaxation(p, q, feedback=True) == pytest.approx(1 / (4 * share), rel=0.02)


def around_a_fall(convention, size):
    """The weights before and after a step in equilibrium, at the peak and at a tenth of it.

    Each weight is a run of its own. The gradients are ±1, so that the second moment is 1 at once.
    """
    noise = torch.Generator().manual_seed(0)
    share, peak = 0.02, 0.1
    weight = nn.Parameter(torch.zeros(size, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weight], peak, betas=(0.8, 0.999), eps=0)
    # of what the weights were, e^(−8) is left, and after the fall they were ten times as long; at a
    # tenth of the share this takes ten times as long
    for rate, steps in [(peak, 400), (peak / 10, 4000 if convention == "torch" else 400)]:
        for group in optimizer.param_groups:
            group["lr"] = rate
            lam = share / peak if convention == "torch" else share
            group["weight_decay"] = convert(lam, convention, "torch", rate, peak)
        for _ in range(steps):
            weight.grad = torch.randint(2, (size,), generator=noise).double() * 2 - 1
            before = weight.detach().clone()
            optimizer.step()
        yield before, weight.detach().clone()


@pytest.mark.claim(FORGETS, by="simulation")
def test_torchs_adamw_at_a_fixed_share_turns_as_before_after_the_rate_has_fallen(measured):
    (old, older), (new, newer) = around_a_fall("fixed", 100_000)
    norm, angle = settled(0.02, 0.1, 0.8)
    # in equilibrium the mean squared step over the mean squared norm is 2(1 − cos): both means go
    # with the square of the rate, of which 1e-5 is what the steps before leave
    for mean, before, after in [
        (norm**2, old**2, new**2),
        (2 * (1 - math.cos(angle)) * norm**2, (older - old) ** 2, (newer - new) ** 2),
    ]:
        gap, by_chance = off((after * 100 - before) / mean, 0, SURE)
        # sampling error, and what the steps before leave
        measured(gap, allowed=by_chance + 1e-5, confidence=SURE)
        gap, by_chance = off(before / mean, 1, SURE)
        assert gap < by_chance + 1e-5 < 0.03  # which is how well this test can tell


@pytest.mark.control(
    FORGETS, drops="^share", instead="a share that falls with the rate, as torch's does"
)
def test_control_with_torchs_convention_it_turns_three_times_as_slowly(measured):
    old, new = (turn(*pair).item() for pair in around_a_fall("torch", 5_000))
    assert new / old == pytest.approx(math.sqrt(0.1), rel=0.1)
    measured(abs(new / old - 1), allowed=HALF)


def test_without_an_equilibrium_none_is_returned():
    assert settled(1.0, 0.1, 0.9)[0] > 0
    for share, beta in [(0.0, 0.9), (-0.1, 0.9), (1.1, 0.9), (math.nan, 0.9), (0.1, 1.0)]:
        with pytest.raises(ValueError, match=r"it takes a share in \(0, 1\]"):
            settled(share, 0.1, beta)
