"""Is setting the norm a decay made for the step, and a run with decay one of fixed norm?"""

import math
from copy import deepcopy

import pytest
import sympy
import torch
from torch.optim import SGD, AdamW

from snippets.fixed_norm import (
    clamped_step,
    decay_of_the_step,
    fixed_norm_rate,
    fixed_norm_step,
    norms,
    set_norms_,
    settled_rate,
)
from snippets.homogeneous_twin import DEGREES

STEP = "setting-the-norm-is-a-decay-made-for-the-step"
RUN = "a-decayed-run-is-a-run-of-fixed-norm"
CLAMP = "clamping-is-setting-the-norm-of-sgd"
ROUNDING = 1e-12  # sixty steps of a dozen numbers, each rounded at 1e-16
PARTED = 1e-2  # of a unit vector: ten thousand million times what rounding does
GENERATOR = torch.Generator().manual_seed(5)
INPUTS = torch.randn(4, 16, 3, 4, generator=GENERATOR, dtype=torch.float64)
START = torch.randn(3, 4, generator=GENERATOR, dtype=torch.float64)
STEPS, RADIUS = 60, 1.7


def leave_gradient(weights, step, sees_length=False):
    """Put the gradient of another loss at every step into weights.grad."""
    seen = weights if sees_length else weights / weights.norm()
    model = (INPUTS[step % 4] * seen).sum((1, 2))
    loss = (model - INPUTS[step % 4, :, 0, 0].tanh()).square().mean()
    (weights.grad,) = torch.autograd.grad(loss, weights)


def momentum(w):
    return SGD([w], 0.05, 0.8)


def adam(w):
    return AdamW([w], 0.02, (0.8, 0.95), 1e-3, weight_decay=0.0)


def on_the_sphere(make, sees_length):
    """θ₀ …, and the share by which each step's weights were multiplied."""
    weights = (RADIUS * START / START.norm()).requires_grad_()
    optimizer, (radius,) = make(weights), norms([weights])
    path, shares = [weights.detach().clone()], []
    for t in range(STEPS):
        leave_gradient(weights, t, sees_length)
        optimizer.step()
        shares.append(radius / weights.norm().item())
        set_norms_([weights], [radius])
        path.append(weights.detach().clone())
    return path, shares


def with_the_decay_of_the_steps(make, sees_length, shares, coupled=False):
    """θ₀ … of the optimizer with decay, its rate and decay from the shares."""
    weights = (RADIUS * START / START.norm()).requires_grad_()
    optimizer, path = make(weights), [weights.detach().clone()]
    plain = optimizer.param_groups[0]["lr"]
    for t, share in enumerate(shares):
        rate, decay = decay_of_the_step(share, plain)
        optimizer.param_groups[0].update(lr=rate, weight_decay=decay if coupled else 0.0)
        leave_gradient(weights, t, sees_length)
        optimizer.step()
        if not coupled:
            with torch.no_grad():
                weights.sub_(path[-1], alpha=rate * decay)
        path.append(weights.detach().clone())
    return path


def gap(one, other):
    gaps = [(a - b).norm() / a.norm() for a, b in zip(one, other, strict=True)]
    return torch.stack(gaps).max().item()


@pytest.mark.claim(STEP, by="float64")
@pytest.mark.parametrize("sees_length", [False, True])
@pytest.mark.parametrize("make", [momentum, adam])
def test_a_run_whose_norm_is_set_is_one_with_the_decay_of_its_steps(measured, make, sees_length):
    path, shares = on_the_sphere(make, sees_length)
    assert max(abs(w.norm().item() / RADIUS - 1) for w in path) < 1e-15
    assert (path[-1] - path[0]).norm() > 0.1
    measured(gap(path, with_the_decay_of_the_steps(make, sees_length, shares)), allowed=ROUNDING)


@pytest.mark.control(STEP, drops="^beside", instead="a decay that goes through the buffer")
def test_control_a_decay_that_goes_through_the_buffer_is_another_one(measured):
    path, shares = on_the_sphere(momentum, True)
    coupled = with_the_decay_of_the_steps(momentum, True, shares, coupled=True)
    measured(gap(path, coupled), allowed=PARTED)


def held(make, radius=RADIUS, **settings):
    """Where a run of fixed norm ends, in units of its radius."""
    weights = (radius * START / START.norm()).requires_grad_()
    optimizer = make(weights)
    optimizer.param_groups[0].update(settings)
    for t in range(STEPS):
        leave_gradient(weights, t)
        optimizer.step()
        set_norms_([weights], [radius])
    return weights.detach() / radius


def test_beside_a_norm_that_is_set_a_decay_raises_the_rate_and_does_no_more():
    decayed, plain = held(adam, weight_decay=5.0), held(adam)  # a is 0.9
    assert (decayed - held(adam, lr=0.02 / 0.9)).norm() < ROUNDING
    assert (decayed - plain).norm() > 1e-3


@pytest.mark.parametrize(("make", "degree"), [(momentum, 1), (adam, 0)])
def test_any_radius_will_do_if_the_rate_goes_with_it(make, degree):
    rate = {momentum: 0.05, adam: 0.02}[make]
    scaled = {"lr": rate * 3 ** (1 + degree)} | ({"eps": 1e-3 / 3} if make is adam else {})
    assert (held(make) - held(make, 3 * RADIUS, **scaled)).norm() < ROUNDING
    assert (held(make) - held(make, 3 * RADIUS)).norm() > PARTED


def test_without_a_buffer_a_decay_in_the_gradient_is_the_same():
    def plain(w):
        return SGD([w], 0.05)

    path, shares = on_the_sphere(plain, True)
    coupled = with_the_decay_of_the_steps(plain, True, shares, coupled=True)
    assert gap(path, coupled) < ROUNDING


@pytest.mark.claim(STEP, by="certificate of a step")
def test_the_step_is_that_of_the_decay_and_its_share_is_that_of_pythagoras(measured):
    """The weights after one step, coordinate by coordinate, and the share if u is tangent."""
    theta, u, share, rate, radius = sympy.symbols("theta u s eta R", positive=True)
    now, decay = decay_of_the_step(share, rate)
    measured(
        sympy.expand((1 - now * decay) * theta - now * u - share * (theta - rate * u)) != 0,
        allowed=0,
    )
    length = sympy.sqrt(radius**2 + rate**2 * u**2)
    claimed = 1 - (1 + rate**2 * u**2 / radius**2) ** sympy.Rational(-1, 2)
    measured(sympy.simplify(1 - radius / length - claimed) != 0, allowed=0)
    measured(sympy.series(claimed, u, 0, 4).removeO() != rate**2 * u**2 / radius**2 / 2, allowed=0)


def decayed(make, rates, decays, **loss):
    """θ₀ … of a run with decoupled decay."""
    weights = START.clone().requires_grad_()
    optimizer, path = make(weights), [START]
    for t, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        optimizer.param_groups[0]["lr"] = rate
        leave_gradient(weights, t, **loss)
        optimizer.step()
        with torch.no_grad():
            weights.sub_(path[-1], alpha=rate * decay)
        path.append(weights.detach().clone())
    return path


def fixed(make, path, rates, decays, extra=0, carry=True, **loss):
    """ψ₀ … of the run of fixed norm that it should be."""
    weights = (RADIUS * START / START.norm()).requires_grad_()
    optimizer, found = make(weights), [weights.detach().clone()]
    degree, memory = DEGREES[type(optimizer)]
    group = optimizer.param_groups[0]
    if "eps" in group:
        group["eps"] *= START.norm().item() / RADIUS
    for t, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        stretch = RADIUS / path[t].norm().item()
        group["lr"] = fixed_norm_rate(rate, 1 - rate * decay, stretch, degree + extra)
        leave_gradient(weights, t, **loss)
        optimizer.step()
        set_norms_([weights], [RADIUS])
        growth = (path[t + 1].norm() / path[t].norm()).item()
        for name, power in memory.items():
            if carry and name in optimizer.state[weights]:
                optimizer.state[weights][name].mul_(growth**power)
        if "eps" in group:
            group["eps"] *= growth
        found.append(weights.detach().clone())
    return found


def angles(path, other):
    return gap([w / w.norm() for w in path], [w / w.norm() for w in other])


RATES = [0.03 + 0.01 * (t % 3) for t in range(STEPS)]
DECAYS = [2.0 - t % 2 for t in range(STEPS)]


@pytest.mark.claim(RUN, by="float64")
@pytest.mark.parametrize("make", [momentum, adam])
def test_a_run_with_decay_has_the_directions_of_one_of_fixed_norm(measured, make):
    path = decayed(make, RATES, DECAYS)
    found = fixed(make, path, RATES, DECAYS)
    assert max(abs(w.norm().item() / RADIUS - 1) for w in found) < 1e-15
    assert max(w.norm() for w in path) > 1.2 * min(w.norm() for w in path)  # its norm has moved
    measured(angles(path, found), allowed=ROUNDING)


@pytest.mark.control(RUN, drops="scale-invariant-loss", instead="plain least squares")
@pytest.mark.parametrize("make", [momentum, adam])
def test_control_on_a_loss_that_sees_the_length_it_has_not(measured, make):
    path = decayed(make, RATES, DECAYS, sees_length=True)
    measured(angles(path, fixed(make, path, RATES, DECAYS, sees_length=True)), allowed=PARTED)


@pytest.mark.control(RUN, drops="^rates", instead="rates of a degree one too low or too high")
@pytest.mark.parametrize("make", [momentum, adam])
@pytest.mark.parametrize("extra", [-1, 1])
def test_control_at_rates_of_another_degree_it_has_not(measured, make, extra):
    path = decayed(make, RATES, DECAYS)
    measured(angles(path, fixed(make, path, RATES, DECAYS, extra=extra)), allowed=PARTED)


@pytest.mark.control(RUN, drops="^memory", instead="a memory that is left as it is")
@pytest.mark.parametrize("make", [momentum, adam])
def test_control_with_a_memory_that_is_left_alone_while_the_norm_moves(measured, make):
    path = decayed(make, RATES, DECAYS)
    measured(angles(path, fixed(make, path, RATES, DECAYS, carry=False)), allowed=PARTED)


@pytest.mark.control(RUN, drops="^positive", instead="ηλ = 1.5 at the first step")
def test_control_where_decay_turns_the_weights_round_the_directions_are_opposite(measured):
    rates, decays = [0.1] * 2, [15.0, 0.0]
    path = decayed(momentum, rates, decays)
    measured(angles(path, fixed(momentum, path, rates, decays)), allowed=PARTED)


def normalised(weights, step):
    """The direction of the gradient."""
    w = weights.clone().requires_grad_()
    leave_gradient(w, step)
    return w.grad / w.grad.norm()


@pytest.mark.claim(RUN, by="float64")
@pytest.mark.parametrize("kept", [0.9, 0.99])
def test_normalised_descent_with_decay_settles_at_a_constant_rate_of_fixed_norm(measured, kept):
    rate, length = 0.3, 1.5
    norm = rate * length / math.sqrt(1 - kept**2)
    theta = norm * START / START.norm()
    psi = RADIUS * START / START.norm()
    constant = settled_rate(kept, RADIUS, length)
    measured(abs(fixed_norm_rate(rate, kept, RADIUS / norm, 0) / constant - 1), allowed=ROUNDING)
    for t in range(STEPS):
        theta = kept * theta - rate * length * normalised(theta, t)
        psi = fixed_norm_step(
            psi.flatten(), length * normalised(psi, t).flatten(), constant, RADIUS
        )
        psi = psi.view(3, 4)
        measured(abs(theta.norm().item() / norm - 1), allowed=ROUNDING)
        measured((theta / norm - psi / RADIUS).norm().item(), allowed=ROUNDING)


@pytest.mark.claim(RUN, by="certificate of a step")
def test_one_step_of_fixed_norm_is_along_the_decayed_one_for_every_degree(measured):
    """The step of the induction for the weights, from the lemma on the gradient."""
    theta, u, a, rate, k = sympy.symbols("theta u a eta k", positive=True)
    nu = sympy.symbols("nu", real=True)
    step = k * theta - fixed_norm_rate(rate, a, k, nu) * k**-nu * u
    measured(sympy.simplify(step - k / a * (a * theta - rate * u)) != 0, allowed=0)


def clamp_and_set(update, start, rates, radius):
    """The largest gap of the clamped run and the one whose norm is set, and the shortest step."""
    clamped = held = start
    memory = {"clamped": None, "held": None}
    apart, lengths = [], []
    for t, rate in enumerate(rates):
        u, memory["held"] = update(held, memory["held"], t)
        v, memory["clamped"] = update(clamped, memory["clamped"], t)
        lengths.append((held - rate * u).norm() / radius)
        held = fixed_norm_step(held, u, rate, radius)
        clamped = clamped_step(clamped, v, rate, radius)
        apart.append((clamped - held).norm() / radius)
    return torch.stack(apart).max().item(), torch.stack(lengths).min().item()


def sgd(gamma, buffer=0.0, sees_length=False, decay=0.0):
    def update(weights, memory, t):
        w = weights.view(3, 4).clone().requires_grad_()
        leave_gradient(w, t, sees_length)
        b = gamma * (memory if memory is not None else buffer * weights)
        b = b + w.grad.flatten() + decay * weights
        return b, b

    return update


UNIT = RADIUS * (START / START.norm()).flatten()


@pytest.mark.claim(CLAMP, by="float64")
@pytest.mark.parametrize("buffer", [0.0, -0.5])
@pytest.mark.parametrize("gamma", [0.0, 0.9])
def test_a_step_of_sgd_never_ends_within_the_radius(measured, gamma, buffer):
    gaps, shortest = clamp_and_set(sgd(gamma, buffer), UNIT, RATES, RADIUS)
    measured(max(1 - shortest, 0), allowed=ROUNDING)
    measured(gaps, allowed=ROUNDING)


def test_at_a_large_rate_even_a_buffer_that_points_outwards_takes_no_weights_in():
    gaps, shortest = clamp_and_set(sgd(0.9, 2.0), UNIT, [5.0], RADIUS)
    assert shortest > 1
    assert gaps < ROUNDING


@pytest.mark.control(CLAMP, drops="^buffer", instead="a buffer that points outwards")
def test_control_a_buffer_that_points_outwards_takes_the_weights_in(measured):
    gaps, shortest = clamp_and_set(sgd(0.9, 2.0), UNIT, RATES, RADIUS)
    measured(1 - shortest, allowed=PARTED)
    measured(gaps, allowed=PARTED)


@pytest.mark.control(
    CLAMP, drops="scale-invariant-loss", instead="least squares with shorter solutions"
)
def test_control_a_loss_with_a_minimum_inside_takes_them_in(measured):
    gaps, shortest = clamp_and_set(sgd(0.9, sees_length=True), UNIT, RATES, RADIUS)
    measured(1 - shortest, allowed=PARTED)
    measured(gaps, allowed=PARTED)


@pytest.mark.control(CLAMP, drops="^sgd", instead="a decay of 0.5, or the sign of the gradient")
@pytest.mark.parametrize(
    "update",
    [sgd(0.9, decay=0.5), lambda w, memory, t: (sgd(0.0)(w, None, t)[0].sign(), None)],
    ids=["with decay", "the sign"],
)
def test_control_so_may_decay_and_so_may_the_sign(measured, update):
    gaps, shortest = clamp_and_set(update, UNIT, RATES, RADIUS)
    measured(1 - shortest, allowed=PARTED)
    measured(gaps, allowed=PARTED)


def test_a_clamp_leaves_what_is_within_and_shortens_the_rest():
    weights, update = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 4.0])
    assert clamped_step(weights, update, 1.0, 3.5).tolist() == [3.0, 0.0]
    assert clamped_step(weights, update, 0.0, 2.5).tolist() == [1.5, 2.0]
    assert fixed_norm_step(weights, update, 1.0, 6.0).tolist() == [6.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_norms_are_set_in_every_type_and_the_weights_keep_theirs(dtype):
    weights = [torch.full((300, 300), 30.0, dtype=dtype), torch.tensor([3.0, 4.0], dtype=dtype)]
    weights = [w.requires_grad_() for w in weights]
    found = norms(weights)
    assert found == [9000.0, 5.0]  # the sum of squares is beyond float16
    set_norms_(weights, [4500.0, 10.0])
    assert norms(weights) == [4500.0, 10.0]
    assert weights[1].tolist() == [6.0, 8.0]
    set_norms_(weights[1:], [0.5])
    set_norms_(weights[1:], [10.0])  # from a norm below one
    assert norms(weights[1:]) == pytest.approx([10.0], rel=2e-3)
    assert {w.dtype for w in weights} == {dtype}
    assert all(w.requires_grad and w.grad_fn is None for w in weights)


def test_norms_of_float64_are_as_exact():
    weights = [torch.tensor([1.0, 1e-9], dtype=torch.float64), torch.tensor([1.0 + 1e-12]).double()]
    assert norms([torch.tensor([1 + 1e-12], dtype=torch.float64)]) == [1 + 1e-12]
    assert norms(weights)[0] == 1.0


@pytest.mark.parametrize(
    ("bad", "radii", "message"),
    [
        (torch.zeros(2), [1.0, 1.0], "tensor 1 has the norm 0, which nothing brings to 1"),
        (torch.tensor([math.nan, 1.0]), [1.0, 1.0], "tensor 1 has the norm nan"),
        (torch.tensor([math.inf, 1.0]), [1.0, 1.0], "tensor 1 has the norm inf"),
        (torch.ones(2), [1.0, 0.0], "radius 1 is 0: it must be positive"),
        (torch.ones(2), [1.0, math.inf], "radius 1 is inf"),
        (torch.ones(2), [1.0, math.nan], "radius 1 is nan"),
        (torch.ones(2), [1.0], "2 tensors and 1 radii"),
    ],
)
def test_what_has_no_direction_or_no_radius_is_refused_and_nothing_is_changed(bad, radii, message):
    good = torch.tensor([3.0, 4.0])
    with pytest.raises(ValueError, match=message):
        set_norms_([good, bad], radii)
    assert good.tolist() == [3.0, 4.0]


def test_resuming_with_the_radii_of_a_checkpoint_is_bit_for_bit():
    def train(weights, optimizer, radii, steps):
        for t in steps:
            leave_gradient(weights, t)
            optimizer.step()
            set_norms_([weights], radii)

    whole = START.clone().requires_grad_()
    optimizer, radii = adam(whole), norms([whole])
    train(whole, optimizer, radii, range(10))
    saved = {
        "weights": whole.detach().clone(),
        "optimizer": deepcopy(optimizer.state_dict()),
        "radii": radii,
    }
    half = saved["weights"].clone().requires_grad_()
    other = adam(half)
    other.load_state_dict(saved["optimizer"])
    train(half, other, saved["radii"], range(10, 20))
    train(whole, optimizer, radii, range(10, 20))
    assert half.equal(whole)


def test_parameters_may_come_from_a_generator_and_not_twice():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    radii = norms(model.parameters())
    for p in model.parameters():
        p.data *= 3
    set_norms_(model.parameters(), radii)
    assert norms(model.parameters()) == pytest.approx(radii, rel=1e-6)
    model[1].weight = model[0].weight
    tied = [model[0].weight, model[1].weight]
    with pytest.raises(ValueError, match="comes twice, and would be multiplied twice"):
        set_norms_(tied, [9.0, 9.0])
    assert norms(model.parameters())[0] == pytest.approx(radii[0], rel=1e-6)


def test_a_tensor_by_itself_is_not_taken_for_its_rows():
    weight = torch.ones(2, 3)
    for misused in (lambda: norms(weight), lambda: set_norms_(weight, [1.0, 2.0])):
        with pytest.raises(ValueError, match=r"one tensor, and not several: give \[weight\]"):
            misused()
    assert weight.equal(torch.ones(2, 3))
