"""Does the optimizer without decay make the same functions, and refuse what it could not?"""

from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from snippets import without_weight_decay as snippet
from snippets.scalar_run import scalar_run
from snippets.scalar_run import scalar_step as plain_scalar_step
from snippets.without_weight_decay import fresh_state, scalar_step, twin_settings
from snippets.without_weight_decay import without_weight_decay as converted

THEOREM = "any-schedule-has-a-decay-free-twin"
STEPS = 150
FEW = 50  # for what shows at once or never: kinds of steps, and the gaps of controls
# Rounding enters at 1e-16 at every step; the dynamics are stable at these rates, and do not amplify
# it.
DRIFT = 1e-12
VISIBLE = 1e-3  # of losses of size one: a thousand million times that


class Directions(nn.Module):
    """Linear maps that see of their weights only the direction, and one that is plain.

    The first map looks at the direction of its two halves together: each half alone is not scale
    invariant, the pair is.
    """

    def __init__(self, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.halves = nn.ParameterList(
            torch.randn(4, generator=generator, dtype=torch.float64) for _ in range(2)
        )
        self.second, self.third, self.plain = (
            nn.Parameter(torch.randn(8, generator=generator, dtype=torch.float64)) for _ in range(3)
        )
        self.inputs = torch.randn(5, 3, 16, 8, generator=generator, dtype=torch.float64)
        self.targets = torch.randn(5, 16, generator=generator, dtype=torch.float64)

    def loss(self, step):
        batch = step % 5
        outputs = self.inputs[batch, 2] @ self.plain / 10
        weights = torch.cat(list(self.halves)), self.second, self.third
        for inputs, weight in zip(self.inputs[batch].roll(1, dims=0), weights, strict=True):
            outputs = outputs + inputs @ weight / weight.norm()
        return (outputs - self.targets[batch]).square().mean()

    def optimizer(self, **common):
        groups = [
            {"params": list(self.halves), "momentum": 0.9, "weight_decay": 0.01},
            {"params": [self.second], "lr": 0.05, "momentum": 0.5, "dampening": 0.3},
            {"params": [self.third], "weight_decay": 0.02, "dampening": 0.3},  # which does nothing
            {"params": [self.plain], "lr": 0.02, "momentum": 0.8, "nesterov": True},
        ]
        optimizer = SGD(groups, lr=0.1, **common)
        optimizer.param_groups[1]["weight_decay"] = 0.05
        return optimizer

    def decayed(self):
        return [torch.cat(list(self.halves)), self.second, self.third]


def train(model, optimizer, steps, start=0, rule=None):
    """Losses; the rule's rates fall and rise, and its decay goes off and on."""
    losses = []
    rates = [group["lr"] for group in rule.param_groups] if rule else []
    decays = [group["weight_decay"] for group in rule.param_groups] if rule else []
    for step in range(start, start + steps):
        for group, rate, decay in zip(
            rule.param_groups if rule else (), rates, decays, strict=True
        ):
            group["lr"] = rate * (1 - step % 40 / 50)
            group["weight_decay"] = decay * (step % 30 < 20)
        optimizer.zero_grad()
        loss = model.loss(step)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return torch.tensor(losses, dtype=torch.float64)


def gap_of_losses(warm_up, steps, schedule=True, spoil=lambda optimizer: None, **common):
    """The largest difference of the losses, after a start with decay for both."""
    model, other = Directions(), Directions()
    optimizer, rule = model.optimizer(**common), other.optimizer(**common)
    for one in (optimizer, rule):
        spoil(one)
    train(model, optimizer, warm_up)
    train(other, rule, warm_up)
    twin = converted(rule)
    expected = train(model, optimizer, steps, warm_up, optimizer if schedule else None)
    found = train(other, twin, steps, warm_up, rule if schedule else None)
    scales = [group["twin"]["scale"] for group in twin.param_groups]
    return (expected - found).abs().max().item(), model, other, scales


@pytest.mark.claim(THEOREM, by="float64")
@pytest.mark.parametrize("schedule", [False, True], ids=["constant", "schedule"])
@pytest.mark.parametrize("warm_up", [0, 20], ids="from_step={}".format)
def test_groups_of_all_kinds_make_the_same_losses_with_and_without_decay(
    measured, warm_up, schedule
):
    gap, model, other, scales = gap_of_losses(warm_up, STEPS, schedule)
    measured(gap, allowed=DRIFT)
    assert scales[3] == 1
    # the plain group is the same itself, and the others are by their c
    measured((model.plain - other.plain).norm(), allowed=DRIFT)
    for weights, theirs, scale in zip(model.decayed(), other.decayed(), scales, strict=False):
        measured((weights - scale * theirs).norm(), allowed=DRIFT)
        assert 0.5 <= scale < 0.99


@pytest.mark.control(
    THEOREM, drops="^rates", instead="rates divided by the square of one of the two scalars"
)
@pytest.mark.parametrize("square", ["old", "new"])
def test_control_at_rates_with_a_square_of_one_scalar_the_losses_part(
    measured, square, monkeypatch
):
    def squared(group, state, running):
        settings, after = twin_settings(group, state, running)
        scale = (state if square == "old" else after)["scale"]
        return settings | {"lr": group["lr"] / scale**2}, after

    monkeypatch.setattr(snippet, "twin_settings", squared)
    measured(gap_of_losses(5, FEW)[0], allowed=VISIBLE)


@pytest.mark.control(
    THEOREM, drops="scale-invariant-loss", instead="decay on a layer whose length the loss sees"
)
def test_control_with_decay_on_the_group_that_is_plain_the_losses_part(measured):
    def decayed(optimizer):
        optimizer.param_groups[3].update(weight_decay=0.1, nesterov=False)

    measured(gap_of_losses(0, FEW, spoil=decayed)[0], allowed=VISIBLE)


def test_foreach_or_not_the_losses_are_the_same():
    for common in ({"foreach": True}, {"foreach": False}):
        assert gap_of_losses(5, FEW, **common)[0] < DRIFT


def test_the_scalar_run_is_that_of_the_other_snippet():
    scale, push, rate, decay, momentum = (Fraction(1, n) for n in (2, 3, 5, 7, 11))
    found = scalar_step(scale, push, rate, decay, momentum, 1)
    assert found == plain_scalar_step(scale, push, rate, decay, momentum)
    dampened = scalar_step(scale, push, rate, decay, momentum, Fraction(2, 3))
    assert dampened == plain_scalar_step(scale, push, rate, decay * Fraction(2, 3), momentum)


def test_the_rates_are_those_of_the_scalar_run_times_powers_of_four():
    weights = nn.Parameter(torch.ones(3))
    old = SGD([weights], lr=0.1, momentum=0.5, weight_decay=0.3)
    new = converted(old)
    rates, decays, momenta = [], [], []
    for step in range(60):
        rates.append(0.1 + step / 600)
        decays.append(0.3 * (step % 3))
        momenta.append(0.5 - step / 200)
        old.param_groups[0].update(lr=rates[-1], weight_decay=decays[-1], momentum=momenta[-1])
        weights.grad = torch.zeros(3)
        new.step()
        scalars, decay_free = scalar_run(rates, decays, momenta)
        group = new.param_groups[0]
        power = round(group["twin"]["scale"] / scalars[-1])
        assert power in (2**k for k in range(20))
        assert group["twin"]["scale"] == pytest.approx(power * scalars[-1], rel=1e-13)
        found = group["lr"] / decay_free[-1]
        assert found in (pytest.approx(1 / power**2), pytest.approx(4 / power**2))
        assert group["momentum"] == momenta[-1]
    assert power > 8


def settings_at(state=None, running=frozenset({True}), **options):
    group = {"lr": 0.5, "weight_decay": 0.25, "momentum": 0.5, "dampening": 0.0}
    group |= {"nesterov": False, "maximize": True} | options
    return twin_settings(group, fresh_state() | (state or {}), set(running))


def test_settings_of_a_step():
    settings, state = settings_at({"scale": 0.5, "push": 0.25})
    assert state == {"scale": 0.5 - 0.5 * 0.25, "push": 0.25}
    assert settings == {
        **{"lr": 0.5 / (0.5 * 0.375), "momentum": 0.5, "dampening": 0.0, "weight_decay": 0.0},
        **{"nesterov": False, "maximize": True},
    }
    # nothing is dampened before a buffer runs, nor without momentum, and then no d is kept
    assert settings_at(running={False}, dampening=0.5)[1] == {"scale": 0.875, "push": 0.25}
    # buffers that were cleared took d along
    cleared = settings_at({"push": 0.5}, running={False})
    assert cleared == settings_at(running={False})
    assert cleared != settings_at({"push": 0.5})
    assert settings_at(running={True}, dampening=0.5)[1] == {"scale": 0.9375, "push": 0.125}
    assert settings_at(running={False}, dampening=0.5, momentum=0.0)[1] == {
        **{"scale": 0.875, "push": 0.0}
    }
    # without decay so far, all is as it was
    same, state = settings_at(weight_decay=0.0, nesterov=True, dampening=3.0)
    assert state == {"scale": 1.0, "push": 0.0}
    assert (same["lr"], same["nesterov"], same["dampening"]) == (0.5, True, 3.0)
    # but not once there was some
    assert settings_at({"push": 0.5}, weight_decay=0.0)[1] == {"scale": 0.875, "push": 0.25}
    assert settings_at({"scale": 0.5}, weight_decay=0.0)[0]["lr"] == 2
    assert settings_at(lr=0.0)[0]["lr"] == 0


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        ({"lr": 0.0}, {"lr": -0.1}, "lr = -0.1 and .* not be negative"),
        ({"weight_decay": 0.0}, {"weight_decay": -0.1}, "weight_decay = -0.1 must"),
        ({}, {"lr": float("nan")}, "lr = nan"),
        ({}, {"nesterov": True}, "nesterov momentum with weight decay"),
        (
            {"momentum": 0.0, "running": {False}},
            {"momentum": 0.0, "running": {True, False}},
            "momentum = 0 leaves torch's buffers",
        ),
        (
            {"running": {True, False}},
            {"running": {True, False}, "dampening": 0.1},
            "some of its parameters have a momentum buffer",
        ),
        (
            {"running": {True, False}, "dampening": 0.1, "weight_decay": 0.0},
            {"running": {True, False}, "dampening": 0.1},
            "set dampening=0",
        ),
        (
            {"momentum": 0.0, "running": {False}, "dampening": 0.1},
            {"running": {True, False}, "dampening": 0.1},
            "set dampening=0",
        ),
        (
            {"state": {"push": 0.0}, "running": {True, False}},
            {"state": {"push": 0.1}, "running": {True, False}},
            "have lost their momentum buffer: clear all of a group",
        ),
        ({"weight_decay": 1.9}, {"weight_decay": 2.0}, "take c from 1 to 0, which is not positive"),
    ],
)
def test_what_has_no_twin_of_this_form_is_refused_at_the_step(accepted, refused, complaint):
    settings_at(**accepted)
    with pytest.raises(ValueError, match=complaint):
        settings_at(**refused)


def test_beyond_the_bound_it_refuses_at_the_step_where_c_would_change_its_sign():
    weights = nn.Parameter(torch.ones(3, dtype=torch.float64))
    new = converted(SGD([weights], lr=1.0, momentum=0.81, weight_decay=0.02))
    steps = 0
    while steps < 100:
        weights.grad = torch.zeros_like(weights)
        before = weights.detach().clone()
        try:
            new.step()
        except ValueError:
            break
        steps += 1
    assert weights.equal(before)
    with pytest.raises(ValueError, match=r"group 0: .* to -.* which is not positive"):
        new.step()
    with pytest.raises(ValueError, match=f"step {steps} takes c"):
        scalar_run([1.0] * 100, [0.02] * 100, [0.81] * 100)


def test_a_first_step_of_a_group_with_dampening_stays_undampened():
    for decay in (0.0, 0.5):
        weights = nn.Parameter(torch.ones(2))
        old = SGD([weights], lr=1.0, momentum=0.9, dampening=0.5, weight_decay=decay)
        new = converted(old)
        weights.grad = torch.full((2,), 0.5)
        new.step()
        scale = new.param_groups[0]["twin"]["scale"]
        assert (scale * weights).equal(torch.full((2,), 0.5 - decay))


def test_momentum_may_begin_later():
    """Torch's first buffer is then the gradient, and holds nothing of the steps before."""

    def run(convert):
        weights = nn.Parameter(torch.tensor([3.0, 4.0], dtype=torch.float64))
        new = old = SGD([weights], lr=0.1, weight_decay=0.5)
        if convert:
            new = converted(old)
        for step in range(12):
            old.param_groups[0]["momentum"] = 0.8 * (step > 5)
            new.zero_grad()
            (weights[0] / weights.norm() + 1).square().backward()
            new.step()
        return (new.param_groups[0]["twin"]["scale"] if convert else 1) * weights.detach()

    assert (run(convert=True) - run(convert=False)).norm() < DRIFT


class Signed(SGD):
    """An optimizer of one's own, whose step may be anything."""


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda p, **o: SGD(p, **o), None),
        (lambda p, **o: Adam(p, **o), "Adam is not torch.optim.SGD itself"),
        (lambda p, **o: Signed(p, **o), "Signed is not torch.optim.SGD itself"),
        (lambda p, **o: SGD(p, differentiable=True, **o), "group 0 is differentiable"),
    ],
)
def test_another_optimizer_is_refused(make, complaint):
    optimizer = make([nn.Parameter(torch.ones(1))], lr=0.1, weight_decay=0.01)
    if complaint:
        with pytest.raises(ValueError, match=complaint):
            converted(optimizer)
    else:
        assert isinstance(converted(optimizer), SGD)
