"""Are the formulas for norm, angle and relaxation right, for torch's own optimisers too?"""

import math
import runpy

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from snippets import equilibrium as snippet
from snippets.equilibrium import (
    balance,
    cosine,
    coupled,
    decoupled,
    gain,
    memory_factor,
    predict,
    relaxation,
    turn,
)
from snippets.moment_map import moment_path, moment_step
from tests.confidence import students_t

SGD, MOMENTUM, SGDW = "equilibrium-of-sgd", "equilibrium-of-momentum-sgd", "equilibrium-of-sgdw"
ADAMW = "equilibrium-of-adamw"
CONFIDENCE = 0.9999  # in a mean of independent runs, or numbers, by their own spread
FLUCTUATION = 0.004  # of the squared norm: what a second moment of memory 0.999 adds at most
VISIBLE = 0.1  # a share: a run that has settled is within a millionth of its balance
ETA, LAM, GAMMA = sympy.symbols("eta lambda gamma", positive=True)


def vector(name):
    """Any vector, as far as a linear recursion is concerned."""
    return sympy.symbols(name)


@pytest.mark.claim(MOMENTUM, by="certificate of a step")
@pytest.mark.claim(SGDW, by="certificate of a step")
def test_both_momenta_are_one_recursion_with_their_p_and_q(measured):
    before, buffer, g0, g1 = map(vector, ("theta", "b", "g0", "g1"))
    b0 = GAMMA * buffer + g0 + LAM * before
    now = before - ETA * b0
    after = now - ETA * (GAMMA * b0 + g1 + LAM * now)
    p, q = coupled(ETA, LAM, GAMMA)
    rests = [after - (p * now - q * before - ETA * g1)]
    b0 = GAMMA * buffer + g0
    now = (1 - ETA * LAM) * before - ETA * b0
    after = (1 - ETA * LAM) * now - ETA * (GAMMA * b0 + g1)
    p, q = decoupled(ETA, LAM, GAMMA)
    rests.append(after - (p * now - q * before - ETA * g1))
    measured(sum(sympy.expand(rest) != 0 for rest in rests), allowed=0)


def unsettled(p, q):
    """What A = gain · push² and R = cosine · A leave of the two equations for the second moments.

    Each is linear in the number that it is read for, R or A, so there is no other solution.
    """
    r = cosine(p, q)  # at A = 1
    first = p - q * r - r
    second = p**2 - 2 * p * q * r + q**2 + 1 / gain(p, q) - 1
    return [first, second]


def nonzero(rests):
    """How many of these do not vanish for all values."""
    return sum(sympy.cancel(rest) != 0 for rest in rests)


@pytest.mark.claim(MOMENTUM, by="certificate of a step")
def test_the_two_equations_have_the_norm_and_the_angle_of_coupled_decay_as_their_solution(measured):
    rests = unsettled(*sympy.symbols("p q"))
    p, q = coupled(ETA, LAM, GAMMA)
    turned = ETA * LAM / (1 + GAMMA)
    claimed = ETA / (LAM * (1 - GAMMA) * (2 - turned))  # A H/G²
    rests += [cosine(p, q) - (1 - turned), gain(p, q) * ETA**2 - claimed]
    alone = gain(*coupled(ETA, LAM, 0))
    gained = sympy.cancel(gain(p, q) / alone).subs(LAM, 0)  # what momentum does to A H, at ηλ → 0
    rests.append(gained - 1 / (1 - GAMMA))
    measured(nonzero(rests), allowed=0)


def test_the_norm_itself_does_not_gain_as_much_as_its_fourth_power():
    plain, momentum = (balance(*coupled(0.1, 1e-6, g), 1.0, True) for g in (0.0, 0.9))
    assert (momentum.norm / plain.norm) ** 4 == pytest.approx(10, rel=1e-4)
    assert momentum.norm < 1.8 * plain.norm
    assert momentum.angle < plain.angle


def test_the_same_decay_beside_the_buffer_makes_another_equilibrium():
    e, a = sympy.symbols("e a", positive=True)
    through, beside = (1 - cosine(*f(1, e, GAMMA)) for f in (coupled, decoupled))
    rests = [through - e / (1 + GAMMA), beside - e * (1 - GAMMA) / (1 + (1 - e) * GAMMA)]
    assert nonzero(rests) == 0
    assert nonzero([1 + a * GAMMA - (1 + GAMMA) * (1 - GAMMA) - GAMMA * (a + GAMMA)]) == 0
    # the buffer by itself, b = γ b + g, is the recursion at a = 0
    assert nonzero([cosine(*decoupled(1, 1, GAMMA)) - GAMMA]) == 0


@pytest.mark.claim(SGDW, by="certificate of a step")
def test_the_two_equations_have_those_of_decoupled_decay_as_their_solution(measured):
    kept = sympy.symbols("a")
    rests = unsettled(kept + GAMMA, kept * GAMMA)
    p, q = decoupled(1, 1 - kept, GAMMA)
    claimed = (1 + kept * GAMMA) / ((1 - kept**2) * (1 - GAMMA**2) * (1 - kept * GAMMA))
    rests += [gain(p, q) - claimed, cosine(p, q) - (kept + GAMMA) / (1 + kept * GAMMA)]
    measured(nonzero(rests), allowed=0)


@pytest.mark.claim(ADAMW, by="certificate of a step")
def test_adamw_with_a_settled_second_moment_is_that_recursion_and_solves_its_equations(measured):
    kept = sympy.symbols("a")
    before, buffer, n0, n1 = map(vector, ("theta", "u", "n0", "n1"))
    u0 = GAMMA * buffer + (1 - GAMMA) * n0
    now = (1 - ETA * LAM) * before - ETA * u0
    after = (1 - ETA * LAM) * now - ETA * (GAMMA * u0 + (1 - GAMMA) * n1)
    p, q = decoupled(ETA, LAM, GAMMA)
    rests = [after - (p * now - q * before - ETA * (1 - GAMMA) * n1)]
    p, q = kept + GAMMA, kept * GAMMA
    claimed = (1 - GAMMA) / (1 + GAMMA) * (1 + q) / ((1 - kept**2) * (1 - q))  # over η²d
    small = sympy.cancel(claimed * (1 - kept)).subs(kept, 1)
    rests += unsettled(p, q)
    rests += [gain(p, q) * (1 - GAMMA) ** 2 - claimed, cosine(p, q) - p / (1 + q)]
    rests.append(small - sympy.Rational(1, 2))  # ηd/2λ, whatever β₁
    measured(nonzero(rests), allowed=0)


@pytest.mark.claim(SGD, by="certificate of a step")
def test_a_mean_that_settles_without_momentum_gives_the_product_of_two_means(measured):
    x, kept, push, mean, harmonic = sympy.symbols("x a push A H", positive=True)
    after = sympy.expand(moment_step((x, 0, 0), kept, 0, push)[0])
    straight, inverse = after.coeff(x, 1), after.coeff(x, -1)
    rests = [after - straight * x - inverse / x]  # linear in x and 1/x, and so is its mean
    moved = straight * mean + inverse / harmonic - mean
    claimed = gain(kept, 0) * push**2  # η²G²/(1 − a²)
    rests.append(moved * harmonic - (1 - kept**2) * (claimed - mean * harmonic))
    measured(nonzero(rests), allowed=0)


def sure_run(p, q, kept, lean, steps=400):
    """‖θ‖⁴ over the formula, and ⟨θₜ, θₜ₊₁⟩/‖θₜ‖², of one run in space with G = η = 1.

    Every gradient is orthogonal to the buffer, which is along θₜ − kept θₜ₋₁, and leans on the
    weights by an angle, of which a scale-invariant loss allows none.
    """
    old, new = np.array([1.0, 2.0, 0.0]), np.array([0.0, 2.0, 0.0])
    for _ in range(steps):
        buffer = new - kept * old
        along = new - (new @ buffer) / (buffer @ buffer) * buffer
        normal = np.cross(new, buffer)
        g = math.cos(lean) * normal / np.linalg.norm(normal)
        g += math.sin(lean) * along / np.linalg.norm(along)
        old, new = new, p * new - q * old - g / np.linalg.norm(new)
    return (new @ new) ** 2 / gain(p, q), (new @ old) / (old @ old)


def off_where_gradients_lean(setting):
    """By what shares ‖θ‖⁴ and one minus the cosine are off."""
    p, q = setting(1.0, 0.1, 0.5)
    kept = 1.0 if setting is coupled else 0.9
    assert sure_run(p, q, kept, 0.0) == pytest.approx((1, cosine(p, q)), rel=1e-6)
    product, turned = sure_run(p, q, kept, -0.5)
    return abs(product - 1), abs((1 - turned) / (1 - cosine(p, q)) - 1)


LEANING = {
    "drops": "scale-invariant-loss",
    "instead": "gradients that lean on the weights by half a radian",
}


@pytest.mark.control(MOMENTUM, **LEANING)
def test_control_gradients_that_lean_on_the_weights_balance_elsewhere(measured):
    for off in off_where_gradients_lean(coupled):
        measured(off, allowed=VISIBLE)


@pytest.mark.control(SGDW, **LEANING)
def test_control_under_decoupled_decay_they_do_too(measured):
    for off in off_where_gradients_lean(decoupled):
        measured(off, allowed=VISIBLE)


def off_where_gradients_persist(setting):
    """By what share ‖θ‖⁴ is off."""
    p, q = setting(1.0, 0.1, 0.5)
    old, new = np.array([1.0, 0.0]), np.array([2.0, 0.0])
    for _ in range(600):
        old, new = new, p * new - q * old - np.array([-new[1], new[0]]) / (new @ new)
    product = (new @ new) ** 2 / gain(p, q)
    assert product == pytest.approx((1 + q) / (1 - q), rel=1e-6)
    return abs(product - 1)


PERSISTING = {
    "drops": "^memoryless",
    "instead": "the slope of the angle, the same way at every step",
}


@pytest.mark.control(MOMENTUM, **PERSISTING)
def test_control_gradients_that_persist_make_the_norm_longer(measured):
    measured(off_where_gradients_persist(coupled), allowed=VISIBLE)


@pytest.mark.control(SGDW, **PERSISTING)
def test_control_under_decoupled_decay_they_make_it_longer_too(measured):
    measured(off_where_gradients_persist(decoupled), allowed=VISIBLE)


def off_where_unit_gradients_take_turns(setting):
    """By what share A H is off."""
    p, q = setting(1.0, 0.9, 0.5)
    run = [(1.0, 0.0, 1.0)]
    for t in range(1000):
        run.append(moment_step(run[-1], p, q, 3.0 if t % 2 else 0.5))
    x = np.array([m[0] for m in run[-2:]])  # with a random phase, its means are steady
    assert run[-1][0] == pytest.approx(run[-3][0])
    found = x.mean() / (1 / x).mean()
    return abs(found / (gain(p, q) * (3.0**2 + 0.5**2) / 2) - 1)


BY_TURNS = {
    "drops": "constant-unit-gradient-norm",
    "instead": "unit gradient norms of ½ and 3 by turns",
}


@pytest.mark.control(MOMENTUM, **BY_TURNS)
def test_control_with_two_unit_gradients_by_turns_the_product_is_another(measured):
    measured(off_where_unit_gradients_take_turns(coupled), allowed=1.5 * VISIBLE)


@pytest.mark.control(SGDW, **BY_TURNS)
def test_control_under_decoupled_decay_it_is_another_too(measured):
    measured(off_where_unit_gradients_take_turns(decoupled), allowed=1.5 * VISIBLE)


def test_relaxation_is_that_of_the_map():
    at = sympy.symbols("x r y")
    for p, q in [(1.7, 0.8), (-1.2, 0.5), (1.2, 0.3), decoupled(0.5, 0.1, 0.3)]:
        for feedback in (False, True):
            mapped = moment_step(at, p, q, 1.0)
            if not feedback:
                mapped = mapped[0] - 1 / at[0], *mapped[1:]
            slopes = sympy.Matrix(mapped).jacobian(at).subs(at[0], math.sqrt(gain(p, q)))
            largest = max(abs(np.linalg.eigvals(np.array(slopes, dtype=float))))
            assert relaxation(p, q, feedback) == pytest.approx(-1 / math.log(largest))
    for product in (0.02, 0.7):
        rate = abs(1 - 4 * product + 2 * product**2)
        assert relaxation(1 - product, 0.0, True) == pytest.approx(-1 / math.log(rate))
        assert relaxation(1 - product, 0.0, False) == pytest.approx(-0.5 / math.log(1 - product))
    assert relaxation(1.01, 0.0, False) == relaxation(0.0, 0.0, True) == math.inf
    assert relaxation(0.0, 0.0, False) == 0  # all is forgotten at once


def test_relaxation_with_real_roots_and_with_little_decay():
    kept, gamma = 0.95, 0.6
    p, q = decoupled(0.5, 0.1, gamma)
    assert relaxation(p, q, False) == pytest.approx(-0.5 / math.log(kept))  # the larger root
    p, q = coupled(0.5, 1e-4, 0.9)
    assert relaxation(p, q, True) == pytest.approx((1 - 0.9) / (4 * 0.5e-4), rel=0.02)
    fixed = math.sqrt(gain(p, q))
    path = moment_path((fixed * 1.001, cosine(p, q) * fixed, fixed), p, q, 1.0, 3000)
    rate = math.log((path[2000][0] - fixed) / (path[3000][0] - fixed)) / 1000
    assert relaxation(p, q, True) == pytest.approx(1 / rate, rel=1e-3)


def test_momentum_divides_the_time_of_the_norm_by_one_over_one_minus_gamma_for_small_decay():
    e, z = sympy.symbols("e z")  # ηλ, and an eigenvalue that is 1 without decay
    at = sympy.symbols("x r y", positive=True)
    p, q = 1 + GAMMA - e, GAMMA
    moved = moment_step(at, p, q, sympy.sqrt(1 / gain(p, q)))  # with its fixed point at 1
    slopes = sympy.Matrix(moved).jacobian(at).subs(at[0], 1)
    equation = (slopes - z * sympy.eye(3)).det()
    rate = -(sympy.diff(equation, e) / sympy.diff(equation, z)).subs({z: 1, e: 0})
    assert sympy.cancel(equation.subs({z: 1, e: 0})) == 0
    assert sympy.cancel(rate + 4 / (1 - GAMMA)) == 0  # and −4 without momentum


def test_a_balance_has_the_norm_of_its_push_with_and_without_feedback():
    p, q = 1.4, 0.5
    free, fed = (balance(p, q, 3.0, feedback) for feedback in (False, True))
    assert free.norm == pytest.approx(3 * math.sqrt(gain(p, q)))
    assert fed.norm == pytest.approx(math.sqrt(free.norm))
    assert free.angle == fed.angle == pytest.approx(math.acos(cosine(p, q)))
    assert free.steps == relaxation(p, q, False)
    assert fed.steps == relaxation(p, q, True)
    assert balance(0.9, 0.0, 1.0, True).angle == pytest.approx(math.acos(0.9))
    assert balance(-0.9, 0.0, 1.0, True).angle == pytest.approx(math.acos(-0.9))


def test_what_has_no_balance_is_refused():
    for p, q in [(1.5, 0.5), (-1.5, 0.5), (1.0, 0.0), (0.5, 1.0), (0.5, -0.1), (2.0, 1.2)]:
        with pytest.raises(ValueError, match="no equilibrium at p"):
            balance(p, q, 1.0, True)
    for push in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="without gradients the weights just decay"):
            balance(0.9, 0.5, push, True)


def weight(size=50):
    return nn.Parameter(torch.randn(size, generator=torch.Generator().manual_seed(0)))


def test_a_prediction_reads_the_group_that_the_weight_is_in():
    first, other = weight(), weight()  # equal, but not the same
    groups = [{"params": [first]}, {"params": [other], "lr": 0.4, "momentum": 0.3}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.5, weight_decay=0.2)
    assert predict(optimizer, first, 7.0) == pytest.approx(
        balance(*coupled(0.1, 0.2, 0.5), 0.7, True)
    )
    assert predict(optimizer, other, 7.0) == pytest.approx(
        balance(*coupled(0.4, 0.2, 0.3), 2.8, True)
    )
    with pytest.raises(ValueError, match="does not train this weight"):
        predict(optimizer, weight(), 7.0)
    matrix = nn.Parameter(torch.ones(3, 4))
    optimizer = torch.optim.AdamW([matrix], lr=0.1, betas=(0.7, 0.9), weight_decay=0.2)
    push = 0.1 * (1 - 0.7) * math.sqrt(12)
    assert predict(optimizer, matrix) == pytest.approx(
        balance(*decoupled(0.1, 0.2, 0.7), push, False)
    )


def test_adam_with_decoupled_decay_is_adamw():
    w = weight()
    settings = {"lr": 0.1, "betas": (0.7, 0.9), "weight_decay": 0.2}
    adam = torch.optim.Adam([w], decoupled_weight_decay=True, **settings)
    assert predict(adam, w) == predict(torch.optim.AdamW([w], **settings), w)


def test_what_has_no_formula_is_refused():
    w, one = weight(), nn.Parameter(torch.ones(1))
    half = nn.Parameter(torch.ones(2, dtype=torch.bfloat16))

    class Own(torch.optim.SGD):
        pass

    optim = torch.optim
    refused = [
        (optim.SGD([w], 0.1, 0.9, weight_decay=0.1, nesterov=True), "set nesterov=False"),
        (optim.SGD([w], 0.1, 0.9, dampening=0.9, weight_decay=0.1), "dampening=0 instead"),
        (optim.AdamW([w], weight_decay=0.1, amsgrad=True), "set amsgrad=False"),
        (optim.Adam([w], weight_decay=0.1), "no formula for Adam with L2"),
        (optim.RMSprop([w], weight_decay=0.1), "no formula for RMSprop: "),
        (optim.NAdam([w], weight_decay=0.1, decoupled_weight_decay=True), "no formula for NAdam"),
        (Own([w], 0.1, weight_decay=0.1), "no formula for Own: .*out of a wrapper"),
        (optim.SGD([w], 0.1), "no equilibrium: without decay in its group"),
        (optim.AdamW([w], weight_decay=0.0), "no equilibrium: without decay in its group"),
        (optim.SGD([w], 1.0, weight_decay=2.0), "no equilibrium at p"),
        (optim.SGD([one], 0.1, weight_decay=0.1), "a single number has no direction"),
        (optim.AdamW([half], 0.1, weight_decay=0.01), "= 0.001 is rounded away in torch.bfloat16"),
    ]
    for optimizer, reason in refused:
        with pytest.raises(ValueError, match=reason):
            predict(optimizer, optimizer.param_groups[0]["params"][0], 1.0)
    with pytest.raises(ValueError, match="give their unit_gradient"):
        predict(torch.optim.SGD([w], 0.1, weight_decay=0.1), w)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_decay_is_rounded_away_below_half_the_spacing_of_floats(dtype):
    spacing = torch.finfo(dtype).eps
    w = nn.Parameter(torch.ones(2, dtype=dtype))
    for share, stays in [(0.49, True), (0.5, False), (0.51, False)]:
        optimizer = torch.optim.AdamW([w], 1.0, weight_decay=share * spacing)
        if stays:
            with pytest.raises(ValueError, match="is rounded away in"):
                predict(optimizer, w)
        else:
            assert predict(optimizer, w).norm > 1


def test_the_angle_between_two_weights_is_accurate_for_small_angles_too():
    a = torch.tensor([3.0, 4.0])
    assert turn(a, torch.tensor([-8.0, 6.0])).item() == pytest.approx(math.pi / 2)
    assert turn(a, 5 * a).item() == pytest.approx(0, abs=1e-7)
    assert turn(a, -a).item() == pytest.approx(math.pi)
    assert turn(torch.ones(2, 2), torch.tensor([[1.0, 1], [1, 0]])).item() == pytest.approx(
        math.acos(3 / math.sqrt(12)), rel=1e-6
    )
    b = torch.tensor([3.0, 4.0005])  # single precision has 0.9999999… for the cosine
    assert turn(a, b).item() == pytest.approx(math.atan2(4.0005, 3) - math.atan2(4, 3), rel=5e-3)


def errors(above, below):
    """The quotient of the sums of two quantities of independent rows, and its standard error."""
    value = above.mean() / below.mean()
    spread = (above - value * below).std() / below.mean() / math.sqrt(len(above))
    return value.item(), spread.item()


def by_chance(error, runs):
    """How far a quotient of means of so many runs is off its limit, in all but 1 of 10,000 draws.

    Of thousands of runs a quotient is normal nearly enough: what is left of second order in the
    spread is a thousandth of it.
    """
    return students_t(CONFIDENCE, runs - 1) * error


@pytest.mark.claim(MOMENTUM, by="simulation")
def test_torch_sgd_on_a_loss_that_is_noise_has_the_predicted_norm_and_angle(measured):
    runs, size = 4000, 8
    noises = torch.Generator().manual_seed(0)
    rows = nn.Parameter(torch.randn(runs, size, generator=noises))
    optimizer = torch.optim.SGD([rows], 0.5, 0.5, weight_decay=0.2)
    for _ in range(50):  # the optimiser acts on every number alone, so each row is a run
        optimizer.zero_grad()
        noise = torch.randn(runs, size, generator=noises)
        ((noise * rows).sum(dim=1) / rows.norm(dim=1)).sum().backward()
        before = rows.detach().clone()
        optimizer.step()
    after = rows.detach().square().sum(dim=1)
    expected = predict(optimizer, rows, math.sqrt(size - 1))
    product, error = errors(after, 1 / after)
    assert error < 0.012 * product  # of ‖θ‖⁴; of ‖θ‖ a quarter, 3 ‰
    product, error = product / expected.norm**4, error / expected.norm**4
    assert expected.steps < 3
    # 50 steps leave less than a millionth of the start: it fades by e in less than three
    measured(abs(product - 1), allowed=by_chance(error, runs), confidence=CONFIDENCE)
    # where the norm is steady ‖θ − θ′‖² is 2‖θ‖² − 2⟨θ, θ′⟩ in the mean, and varies less than that
    chords = (before - rows.detach()).square().sum(dim=1)
    missing, error = errors(chords / 2, before.square().sum(dim=1))
    claimed = 1 - math.cos(expected.angle)
    assert error < 0.02 * claimed
    # by the spread of the runs
    allowed = by_chance(error, runs) / claimed
    measured(abs(missing / claimed - 1), allowed=allowed, confidence=CONFIDENCE)  # as said above


def adamw(gradients, steps, start=0.0, lr=0.2, beta=0.8, second=0.999, size=40_000):
    """One weight under torch.optim.AdamW, the step before the last, and what is predicted."""
    w = nn.Parameter(torch.full((size,), start))
    optimizer = torch.optim.AdamW([w], lr, betas=(beta, second), weight_decay=0.25, eps=0)
    for t in range(steps):
        w.grad = gradients(t)
        before = w.detach().clone()
        optimizer.step()
    return w.detach(), before, predict(optimizer, w)


def fresh(seed=0, size=40_000):
    noises = torch.Generator().manual_seed(seed)
    sigma = torch.logspace(-3, 3, size)
    return lambda t: sigma * torch.randn(size, generator=noises)


@pytest.mark.claim(ADAMW, by="simulation")
def test_torch_adamw_on_noise_has_the_predicted_norm_and_angle_whatever_the_scale(measured):
    now, before, expected = adamw(fresh(), 250)
    found, error = errors(now.square(), torch.ones_like(now))
    squared = expected.norm**2 / len(now)
    found, error = found / squared, error / squared
    assert error < 0.009
    allowed = by_chance(error, len(now)) + FLUCTUATION
    # each number of the weight is a run by itself; a second moment that is not σ² comes on top
    measured(abs(found - 1), allowed=allowed, confidence=CONFIDENCE)
    missing, error = errors((now - before).square() / 2, before.square())  # as with SGD
    claimed = 1 - math.cos(expected.angle)
    assert error < 0.02 * claimed
    allowed = by_chance(error, len(now)) / claimed + 2 * FLUCTUATION
    # by the spread of the numbers, and a second moment that is not σ² in steps and weights
    measured(abs(missing / claimed - 1), allowed=allowed, confidence=CONFIDENCE)


def stray(now, expected):
    """How far the squared norm is from the prediction, as a share of it."""
    return abs(now.square().sum() / expected.norm**2 - 1)


@pytest.mark.control(ADAMW, drops="fresh-gradient-noise", instead="the same gradient at every step")
def test_control_a_gradient_that_stays_makes_longer_weights_that_do_not_rotate(measured):
    now, before, expected = adamw(lambda t: torch.full((400,), -3.0), 400, size=400)
    assert now.numpy() == pytest.approx(np.full(400, 1 / 0.25), rel=1e-4)  # 1/λ
    kept, beta = 0.95, 0.8
    ratio = (1 + kept) / (1 - kept) * (1 + beta) * (1 - kept * beta)
    ratio /= (1 - beta) * (1 + kept * beta)  # as the note has it
    assert (now.norm() / expected.norm).item() ** 2 == pytest.approx(ratio, rel=1e-3)
    assert ratio > 2 / 0.05 - 1
    measured(stray(now, expected), allowed=3)  # twice as long as predicted
    assert turn(before, now) < 0.01 * expected.angle


def test_correlated_pushes_make_the_squared_norm_larger_by_the_factor():
    # θₜ is a sum of pushes, and so its square one of products of two, k steps apart: the mean is
    # Σ ρᵏ times the means ⟨θₜ, θₜ₊ₖ⟩ that fresh ones make, which obey the recursion
    p, q, rho = sympy.symbols("p q rho")
    c = cosine(p, q)
    generating = (1 - rho * (p - c)) / (1 - rho * p + rho**2 * q)  # Σ over k ≥ 0
    series = [sympy.diff(generating, rho, k).subs(rho, 0) / sympy.factorial(k) for k in range(5)]
    rests = [series[0] - 1, series[1] - c]
    rests += [series[k + 2] - (p * series[k + 1] - q * series[k]) for k in range(3)]
    rests.append(memory_factor(p, q, rho) - (2 * generating - 1))
    small = memory_factor(1 + GAMMA, GAMMA, rho)  # ηλ → 0, whatever β₁
    rests.append(small - (1 + rho) / (1 - rho))
    assert nonzero(rests) == 0


def remembered(correlation, size=40_000, seed=0):
    """Gradients of steady size, each of which keeps a share of the one before."""
    noises = torch.Generator().manual_seed(seed)
    state = [torch.randn(size, generator=noises)]

    def gradient(t):
        fresh = torch.randn(size, generator=noises)
        state[0] = correlation * state[0] + math.sqrt(1 - correlation**2) * fresh
        return state[0]

    return gradient


CORRELATED = pytest.mark.parametrize("correlation", [1 / 3, -1 / 3])


@CORRELATED
def test_torch_adamw_on_correlated_gradients_has_the_norm_with_the_factor(correlation):
    now, _, expected = adamw(remembered(correlation), 250)
    factor = memory_factor(*decoupled(0.2, 0.25, 0.8), correlation)
    found, error = errors(now.square(), torch.ones_like(now))
    squared = factor * expected.norm**2 / len(now)
    assert abs(found / squared - 1) < by_chance(error, len(now)) / squared + FLUCTUATION
    assert abs(factor - 1) > 0.4


@pytest.mark.control(
    ADAMW, drops="fresh-gradient-noise", instead="gradients that keep ±⅓ of the one before"
)
@CORRELATED
def test_control_correlated_gradients_make_the_norm_longer_or_shorter(measured, correlation):
    now, _, expected = adamw(remembered(correlation, 4000), 250, size=4000)
    measured(stray(now, expected), allowed=0.4)  # nearly doubled, or nearly halved


def growing(size, growth=1.05, steps=200, kept=0.95, beta=0.8, rate=0.2):
    """Weights whose gradients grow by a factor per step, and whose v is right at each."""
    noises = torch.Generator().manual_seed(0)
    w, average = torch.zeros(size), torch.zeros(size)
    for t in range(steps):
        sigma = growth**t
        average = beta * average + (1 - beta) * sigma * torch.randn(size, generator=noises)
        w = kept * w - rate * average / sigma
    return w


@pytest.mark.control(
    ADAMW,
    drops="^steady-noise",
    instead="noise that grows by a twentieth a step, each v what it estimates",
)
def test_control_while_the_noise_grows_the_weights_are_shorter(measured):
    w = growing(40_000)
    optimizer = torch.optim.AdamW([nn.Parameter(w)], 0.2, betas=(0.8, 0.999), weight_decay=0.25)
    expected = predict(optimizer, optimizer.param_groups[0]["params"][0])
    # the note: β₁/r for β₁ but in the push
    p, q = decoupled(0.2, 0.25, 0.8 / 1.05)
    told = gain(p, q) / gain(*decoupled(0.2, 0.25, 0.8))
    assert math.sqrt(told) == pytest.approx(0.855, abs=5e-4)
    found, error = errors(w.square(), torch.ones_like(w))
    squared = expected.norm**2 / len(w)
    assert abs(found / squared - told) < by_chance(error, len(w)) / squared
    measured(stray(w, expected), allowed=2.5 * VISIBLE)  # a fourth of the squared norm is missing
    steady = growing(40_000, growth=1.0)  # nothing else is wrong with these weights
    assert stray(steady, expected) < VISIBLE / 2


def test_where_v_lags_behind_noise_that_grows_the_weights_are_longer():
    draw = fresh(size=4000)
    now, _, expected = adamw(lambda t: 1.05**t * draw(t), 400, size=4000)
    assert now.norm() > 1.5 * expected.norm


@pytest.mark.control(
    ADAMW, drops="^second-moment", instead="a second moment of two steps, on noise of heavy tails"
)
def test_control_a_second_moment_of_short_memory_makes_other_weights(measured):
    draw = fresh(size=4000)
    now, _, expected = adamw(lambda t: draw(t) ** 3, 150, second=0.5, size=4000)
    measured(stray(now, expected), allowed=0.44)  # a fifth longer than predicted


@pytest.mark.control(ADAMW, drops="^stationary", instead="ten steps from a start far outside")
def test_control_young_weights_have_not_forgotten_their_start(measured):
    now, _, expected = adamw(fresh(size=4000), 10, start=20.0, size=4000)
    measured(stray(now, expected), allowed=8)  # three times as long as predicted


def test_shapes_that_torch_would_spread_are_one_weight_all_the_same():
    before, after = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    copied = runpy.run_path(snippet.__file__)["turn"]  # where nothing checks shapes
    assert copied(before[:, None], after) == copied(before, after)


def test_a_complex_weight_is_refused():
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.cfloat))
    with pytest.raises(ValueError, match="no formula for a complex weight"):
        predict(torch.optim.AdamW([weight]), weight)
