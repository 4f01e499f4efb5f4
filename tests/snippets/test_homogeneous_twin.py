"""Is every homogeneous optimizer with decay one without, whose memory fades along?"""

import inspect
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)

from snippets.expulsion import sine_squared_slope
from snippets.homogeneous_twin import DEGREES, Lion, twin_step

CLAIM = "any-homogeneous-optimiser-has-a-twin"
F = Fraction
ROUNDING = 1e-12  # sixty steps of a few dozen numbers, each rounded at 1e-16
PARTED = 1e-2  # of a unit vector: ten thousand million times what rounding does
RATE, STEPS = 0.02, 60
CASES = {
    "SGDW": (SGD, {"momentum": 0.9}),
    "SGDW, nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
    "SGDW, dampened": (SGD, {"momentum": 0.9, "dampening": 0.5}),
    "AdamW": (AdamW, {"eps": 1e-2}),
    "Adam without decay": (Adam, {"betas": (0.8, 0.9)}),
    "AMSGrad": (AdamW, {"amsgrad": True, "betas": (0.9, 0.9)}),
    "NAdam": (NAdam, {"eps": 1e-3}),
    "Lion": (Lion, {"betas": (0.8, 0.95)}),
    "Muon": (Muon, {"nesterov": False}),
    "Muon, nesterov": (Muon, {}),
}
SMOOTH = [name for name, (kind, _) in CASES.items() if kind is not Muon]
GENERATOR = torch.Generator().manual_seed(3)
INPUTS = torch.randn(4, 16, 3, 4, generator=GENERATOR, dtype=torch.float64)
START = torch.randn(3, 4, generator=GENERATOR, dtype=torch.float64)


def constant(t):
    return 1.5  # ηλ = 0.03


def changing(t):
    return 0.5 + t % 3


def halving(t):
    return 25.0 if t % 7 == 3 else 0.0  # half of the weights, exactly, or nothing


def leave_gradient(weights, step, sees_length=False):
    """Put the gradient of another loss at every step into weights.grad."""
    with torch.enable_grad():
        seen = weights if sees_length else weights / weights.norm()
        model = (INPUTS[step % 4] * seen).sum((1, 2))
        loss = (model - INPUTS[step % 4, :, 0, 0].tanh()).square().mean()
        (weights.grad,) = torch.autograd.grad(loss, weights)


def with_decay(name, decays, steps=STEPS, **loss):
    """θ₀ … with decoupled decay by hand, the update made by the optimizer at θₜ."""
    kind, settings = CASES[name]
    weights = START.clone().requires_grad_()
    optimizer = kind([weights], lr=RATE, weight_decay=0.0, **settings)
    path = [START]
    for t in range(steps):
        leave_gradient(weights, t, **loss)
        optimizer.step()
        with torch.no_grad():
            weights.sub_(path[-1], alpha=RATE * decays(t))
        path.append(weights.detach().clone())
    return path


def without(name, decays, steps=STEPS, step=twin_step, **loss):
    """c₀φ₀ …, of the twin."""
    kind, settings = CASES[name]
    weights, scalar = START.clone().requires_grad_(), 1.0
    optimizer = kind([weights], lr=7.0, weight_decay=0.0, **settings)
    path = [START]
    for t in range(steps):
        leave_gradient(weights, t, **loss)
        scalar = step(optimizer, scalar, RATE, decays(t))
        path.append(scalar * weights.detach())
    return path


def gap(one, other):
    """The largest distance of θₜ and cₜφₜ, in lengths of θₜ."""
    gaps = [(a - b).norm() / a.norm() for a, b in zip(one, other, strict=True)]
    return torch.stack(gaps).max().item()


def without_fading(optimizer, scalar, rate, decay):
    """A step at the twin's rate, after which the memory is left as it is."""
    kept, (degree, _) = 1 - rate * decay, DEGREES[type(optimizer)]
    for group in optimizer.param_groups:
        group["lr"] = rate / scalar**degree / (scalar * kept)
    optimizer.step()
    return scalar * kept


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("decays", [constant, changing])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_weights_are_the_scalar_times_the_twins_at_every_step(measured, name, decays):
    theta = with_decay(name, decays)
    assert (theta[-1] / theta[-1].norm() - START / START.norm()).norm() > 0.1  # it has moved
    measured(gap(theta, without(name, decays)), allowed=ROUNDING)


@pytest.mark.claim(CLAIM, by="float64")
@pytest.mark.parametrize("name", CASES)
def test_where_half_of_the_weights_goes_now_and_then_not_even_muon_rounds(measured, name):
    measured(gap(with_decay(name, halving), without(name, halving)), allowed=ROUNDING)


@pytest.mark.parametrize("name", ["AdamW", "AMSGrad", "NAdam", "Lion", "Muon"])
def test_the_decay_by_hand_is_that_of_the_optimizer(name):
    kind, settings = CASES[name]
    extra = {"decoupled_weight_decay": True} if kind is NAdam else {}
    weights = START.clone().requires_grad_()
    optimizer = kind([weights], lr=RATE, weight_decay=1.5, **settings, **extra)
    path = [START]
    for t in range(3 if kind is Muon else STEPS):  # Muon soon makes rounding visible
        leave_gradient(weights, t)
        optimizer.step()
        path.append(weights.detach().clone())
    assert gap(path, with_decay(name, constant, len(path) - 1)) < ROUNDING


def test_lion_by_hand():
    weights, average = [F(1), F(-1)], [F(0), F(0)]
    optimizer = Lion([w := torch.tensor([1.0, -1.0], requires_grad=True)], 0.25, (0.5, 0.75), 0.5)
    for gradient in ([4.0, -2.0], [-2.0, 1.0], [-16.0, 0.0]):
        w.grad = torch.tensor(gradient)
        optimizer.step()
        for i, g in enumerate(gradient):
            u = average[i] / 2 + F(g) / 2
            weights[i] = F(7, 8) * weights[i] - F(1, 4) * ((u > 0) - (u < 0))
            average[i] = F(3, 4) * average[i] + F(g) / 4
    assert w.tolist() == [float(x) for x in weights]
    assert optimizer.state[w]["exp_avg"].tolist() == [float(x) for x in average]
    assert Lion([w]).defaults == {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0}
    w.grad = None
    Lion([w]).step()  # passes over what has no gradient


def exact_run(decays, clip=None, degree=0, fade=True):
    """max |θ_T − c_Tφ_T| of an optimizer in fractions, with an average and a running maximum."""

    def step(phi, memory, t, rate, kept):
        def gradient(w):
            g = sine_squared_slope(w) * (t + 2) - sine_squared_slope(w[::-1])[::-1]
            return g / max(1, max(abs(g)) / clip) if clip else g

        g = gradient(phi)
        average = memory[0] * F(1, 2) + g / 3
        most = np.maximum(memory[1] * F(3, 4), g * g)
        update = average * abs(average) / most  # of degree 0
        return kept * phi - rate * update, (average, most)

    start, zero = np.array([F(2), F(-3)]), np.array([F(1, 9), F(1, 7)])
    theta, phi, s, twin, c = start, start, (zero, zero), (zero, zero), F(1)
    for t, decay in enumerate(decays):
        kept = 1 - F(1, 3) * decay
        theta, s = step(theta, s, t, F(1, 3), kept)
        phi, twin = step(phi, twin, t, F(1, 3) / (c**degree * (c * kept)), 1)
        if fade:
            twin = twin[0] * kept, twin[1] * kept**2
        c *= kept
    return max(abs(theta - c * phi))


DECAYS = [F(1, 2), F(3, 2), F(-1), F(2)]


@pytest.mark.claim(CLAIM, by="exact")
def test_with_a_memory_that_is_no_average_the_twin_is_exact(measured):
    measured(exact_run(DECAYS), allowed=0)


@pytest.mark.control(
    CLAIM, drops="homogeneous-optimiser", instead="an optimiser of clipped gradients"
)
def test_control_a_clipped_gradient_is_not_homogeneous(measured):
    measured(float(exact_run(DECAYS, clip=F(1, 9))), allowed=PARTED)


@pytest.mark.control(CLAIM, drops="^positive", instead="a step that multiplies the weights by −1/2")
def test_control_where_decay_turns_the_weights_round_there_is_no_twin(measured):
    assert exact_run([F(3, 2), F(2)]) == 0
    measured(float(exact_run([F(9, 2), F(2)])), allowed=PARTED)


@pytest.mark.control(CLAIM, drops="^rates", instead="the rates of a degree that is off by one")
@pytest.mark.parametrize("degree", [-1, 1])
def test_control_at_rates_of_another_degree_the_runs_part(measured, degree):
    measured(float(exact_run(DECAYS, degree=degree)), allowed=PARTED)


@pytest.mark.control(CLAIM, drops="^fade", instead="a memory that is left as it is")
def test_control_a_memory_that_is_left_as_it_is_parts_them(measured):
    measured(float(exact_run(DECAYS, fade=False)), allowed=PARTED)


@pytest.mark.control(
    CLAIM, drops="^fade", instead="the memory of torch's optimizers, left as it is"
)
@pytest.mark.parametrize("name", [name for name in CASES if name != "Adam without decay"])
def test_control_so_does_it_in_torch(measured, name):
    left = without(name, halving, step=without_fading)
    measured(gap(with_decay(name, halving), left), allowed=PARTED)


@pytest.mark.control(
    CLAIM, drops="scale-invariant-loss", instead="the squared error of a linear model"
)
@pytest.mark.parametrize("name", CASES)
def test_control_on_a_loss_that_sees_the_length_there_is_no_twin(measured, name):
    runs = [f(name, halving, sees_length=True) for f in (with_decay, without)]
    measured(gap(*runs), allowed=PARTED)


def test_muon_without_nesterov_is_stock_muon_at_a_shorter_momentum():
    # What the note says besides, at μ = 2/3 and a = 1/2, where the buffers differ by a factor of
    # 2 = (1 − μa)/(1 − μ), so that bfloat16 rounds them alike.
    gaps, fading = [], START.clone().requires_grad_()
    decayed = START.clone().requires_grad_()
    old = Muon([decayed], RATE, weight_decay=25.0, momentum=2 / 3, nesterov=False)
    new = Muon([fading], momentum=1 / 3, nesterov=False, weight_decay=0.0)
    for t in range(12):
        leave_gradient(decayed, t)
        old.step()
        leave_gradient(fading, t)
        new.param_groups[0]["lr"] = RATE * 2 ** (t + 1)
        new.step()
        theta = decayed.detach()
        gaps.append(((theta - fading.detach() / 2 ** (t + 1)).norm() / theta.norm()).item())
    assert max(gaps) < ROUNDING


def muons_update(gradient):
    """What torch's Muon adds to a matrix in its first step, at a rate of −1, and its buffer."""
    matrix = torch.zeros_like(gradient, requires_grad=True)
    optimizer = Muon([matrix], lr=1.0, weight_decay=0.0, momentum=0.75)
    matrix.grad = gradient
    optimizer.step()
    return -matrix.detach(), optimizer.state[matrix]["momentum_buffer"]


def test_muon_in_torch_is_what_the_essay_says():
    with pytest.raises(ValueError, match="2D"):
        Muon([torch.zeros(3, requires_grad=True)])
    assert inspect.signature(Muon).parameters["nesterov"].default is True
    gradient = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    tall, buffer = muons_update(gradient)
    assert (buffer - gradient / 4).abs().max() < 1e-6  # an average, in float32
    wide, _ = muons_update(gradient.T.contiguous())
    assert wide.equal(wide.bfloat16().float())
    assert tall.norm() / wide.norm() == pytest.approx(2, rel=0.05)  # √(8/2), up to bfloat16
    values = torch.linalg.svdvals(wide)
    assert 0.5 < values.min() < values.max() < 1.5
    assert (values - 1).abs().max() > 0.01
    matrix = torch.ones(2, 2, requires_grad=True)
    optimizer = Muon([matrix], lr=0.5, weight_decay=0.25)
    matrix.grad = torch.zeros(2, 2)
    optimizer.step()
    assert matrix.detach().equal(torch.full((2, 2), 1 - 0.5 * 0.25))


@pytest.mark.parametrize("kind", [Adagrad, Adadelta, RMSprop, Adamax])
def test_the_decay_of_the_others_goes_into_the_gradient_and_rprop_has_none(kind):
    assert "decoupled_weight_decay" not in inspect.signature(kind).parameters
    assert "weight_decay" not in inspect.signature(Rprop).parameters
    decayed, plain = (START.clone().requires_grad_() for _ in range(2))
    old, new = kind([decayed], lr=RATE, weight_decay=0.5), kind([plain], lr=RATE)
    for t in range(5):
        leave_gradient(decayed, t)
        plain.grad = decayed.grad + 0.5 * plain.detach()
        old.step()
        new.step()
        assert (decayed - plain).abs().max() < ROUNDING
    assert (decayed - START).abs().max() > ROUNDING


def updates(kind, factor, steps=12):
    """What an optimizer adds to the weights at each step, of gradients that are so much longer."""
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer, found = kind([weights], lr=1.0, eps=0.0), []
    for t in range(steps):
        before = weights.detach().clone()
        weights.grad = factor * torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64).add(t).sin()
        optimizer.step()
        found.append(weights.detach() - before)
    return torch.stack(found)


def test_radam_is_of_degree_one_at_first_and_of_degree_zero_later_as_adam_is_always():
    ratios = updates(RAdam, 4.0) / updates(RAdam, 1.0)
    assert (ratios[:5] - 4).abs().max() < ROUNDING  # while the length of its average is up to 5
    assert (ratios[5:] - 1).abs().max() < ROUNDING
    assert (updates(Adam, 4.0) / updates(Adam, 1.0) - 1).abs().max() < ROUNDING


@pytest.mark.parametrize(
    ("make", "decay", "message"),
    [
        (lambda w: Adagrad([w]), 0.0, "nothing is known of Adagrad"),
        (lambda w: AdamW([w]), 0.0, "make it with weight_decay=0"),
        (lambda w: SGD([w], 0.1), 50.0, "a step keeps 0 of the weights"),
    ],
)
def test_what_has_no_twin_is_refused_before_the_step(make, decay, message):
    weights = START.clone().requires_grad_()
    leave_gradient(weights, 0)
    with pytest.raises(ValueError, match=message):
        twin_step(make(weights), 1.0, RATE, decay)
    assert weights.equal(START)


def test_a_weight_without_a_gradient_does_not_decay_in_torch_and_is_refused():
    weights, spare = START.clone().requires_grad_(), torch.ones(2, requires_grad=True)
    decayed = AdamW([weights, spare], RATE, weight_decay=25.0)
    leave_gradient(weights, 0)
    decayed.step()
    assert spare.tolist() == [1, 1]  # half of it would be gone
    plain = AdamW([weights, spare], RATE, weight_decay=0.0)
    before = weights.detach().clone()
    with pytest.raises(ValueError, match="a weight has no gradient"):
        twin_step(plain, 1.0, RATE, 25.0)
    assert weights.equal(before)
    assert twin_step(plain, 0.5, RATE, 0.0) == 0.5  # without decay nothing depends on it
    assert spare.tolist() == [1, 1]
    assert not weights.equal(before)


def test_it_returns_the_scalar_and_fades_what_the_table_says():
    weights = START.clone().requires_grad_()
    optimizer = AdamW([weights], weight_decay=0.0, eps=1.0, amsgrad=True)
    leave_gradient(weights, 0)
    g = weights.grad.clone()
    assert twin_step(optimizer, 0.5, RATE, 25.0) == 0.25
    assert optimizer.param_groups[0]["lr"] == RATE / 0.25
    assert optimizer.param_groups[0]["eps"] == 0.5
    state = optimizer.state[weights]
    torch.testing.assert_close(state["exp_avg"], g * 0.1 / 2)
    torch.testing.assert_close(state["exp_avg_sq"], g * g * 0.001 / 4)
    torch.testing.assert_close(state["max_exp_avg_sq"], g * g * 0.001 / 4)
    assert state["step"] == 1
    plain = SGD([weights], 0.1)  # keeps no buffer
    assert twin_step(plain, 0.5, RATE, 25.0) == 0.25
    assert plain.param_groups[0]["lr"] == RATE / (0.5 * 0.25)
