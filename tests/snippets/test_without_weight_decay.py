"""Does the optimizer without decay make the same functions, and refuse what it could not?"""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import StepLR

from snippets.exponential_lr import growing_rate, growth_root
from snippets.without_weight_decay import without_weight_decay

THEOREM = "decay-is-growing-rate-with-momentum"
STEPS = 300
FEW = 50  # for what shows at once or never: kinds of steps, and the gaps of controls
# Rounding enters at 1e-16 at every step, and α, rounded once, puts 2t·1e-16 into the rate of step
# t; the dynamics are stable at these rates, and do not amplify it.
DRIFT = 1e-11
VISIBLE = 1e-3  # of losses of size one: a hundred million times that


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
            {"params": [self.second], "lr": 0.05, "momentum": 0.5, "weight_decay": 0.05},
            {"params": [self.third], "weight_decay": 0.02, "dampening": 0.3},  # which does nothing
            {"params": [self.plain], "lr": 0.02, "momentum": 0.8, "nesterov": True},
        ]
        return SGD(groups, lr=0.1, **common)

    def decayed(self):
        return [torch.cat(list(self.halves)), self.second, self.third]


def train(model, optimizer, steps, start=0, scheduler=None):
    losses = []
    for step in range(start, start + steps):
        optimizer.zero_grad()
        loss = model.loss(step)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
        if scheduler:
            scheduler.step()
    return torch.tensor(losses, dtype=torch.float64)


def gap_of_losses(warm_up, steps, convert=without_weight_decay, **common):
    """The largest difference of the losses, after a start with decay for both."""
    model, other = Directions(), Directions()
    optimizer, others = model.optimizer(**common), other.optimizer(**common)
    train(model, optimizer, warm_up)
    train(other, others, warm_up)
    twin, scheduler = convert(others)
    expected = train(model, optimizer, steps, warm_up)
    found = train(other, twin, steps, warm_up, scheduler)
    return (expected - found).abs().max().item(), model, other


@pytest.mark.claim(THEOREM, by="float64")
@pytest.mark.parametrize("warm_up", [0, 20], ids="from_step={}".format)
def test_groups_of_all_kinds_make_the_same_losses_with_and_without_decay(measured, warm_up):
    gap, model, other = gap_of_losses(warm_up, STEPS)
    measured(gap, allowed=DRIFT)
    # the plain group is the same itself; the others are longer, and point the same way
    measured((model.plain - other.plain).norm(), allowed=DRIFT)
    for short, long in zip(model.decayed(), other.decayed(), strict=True):
        measured((short / short.norm() - long / long.norm()).norm(), allowed=DRIFT)
        assert long.norm() > 1.5 * short.norm()


@pytest.mark.control(THEOREM, drops="^seed")
@pytest.mark.parametrize("warm_up", [0, 20], ids="from_step={}".format)
def test_control_with_the_old_buffers_the_losses_part(measured, warm_up):
    def unseeded(optimizer):
        twin, scheduler = without_weight_decay(optimizer)
        for parameter in optimizer.param_groups[0]["params"]:
            buffer = optimizer.state.get(parameter, {}).get("momentum_buffer")
            start = torch.zeros_like(parameter) if buffer is None else buffer.clone()
            twin.state[parameter]["momentum_buffer"] = start
        return twin, scheduler

    measured(gap_of_losses(warm_up, FEW, unseeded)[0], allowed=VISIBLE)


@pytest.mark.control(THEOREM, drops="scale-invariant-loss")
def test_control_with_decay_on_the_group_that_is_plain_the_losses_part(measured):
    def decayed(self, **common):
        optimizer = Directions.optimizer(self, **common)
        optimizer.param_groups[3].update(weight_decay=0.1, nesterov=False)
        return optimizer

    model, other = Directions(), Directions()
    twin, scheduler = without_weight_decay(decayed(other))
    expected = train(model, decayed(model), FEW)
    found = train(other, twin, FEW, scheduler=scheduler)
    measured((expected - found).abs().max(), allowed=VISIBLE)


def test_maximize_and_foreach_are_carried_over():
    for common in ({"maximize": True}, {"foreach": True}, {"foreach": False}):
        gap, _, _ = gap_of_losses(5, FEW, **common)
        assert gap < DRIFT
    up, down = Directions(), Directions()
    train(up, without_weight_decay(up.optimizer(maximize=True))[0], 20)
    train(down, without_weight_decay(down.optimizer())[0], 20)
    assert up.loss(0) > down.loss(0) + 0.1


def test_the_rates_are_those_of_the_theorem_in_each_group():
    model = Directions()
    optimizer = model.optimizer()
    twin, scheduler = without_weight_decay(optimizer)
    for t in range(50):
        for old, new in zip(optimizer.param_groups, twin.param_groups, strict=True):
            root = growth_root(old["lr"], old["weight_decay"], old["momentum"])
            expected = growing_rate(old["lr"], root, t) if old["weight_decay"] else old["lr"]
            assert new["lr"] == pytest.approx(expected, rel=1e-15)
        train(model, twin, 1, scheduler=scheduler)


def test_the_root_is_that_of_the_other_snippet():
    for lr, decay, momentum in [
        (0.1, 5e-4, 0.9),
        (0.1, 0.0263, 0.9),
        (0.5, 0.5, 0.25),
        (1, 0.3, 0),
    ]:
        twin, _ = without_weight_decay(
            SGD([torch.ones(1)], lr=lr, weight_decay=decay, momentum=momentum)
        )
        root = growth_root(lr, decay, momentum)
        assert twin.param_groups[0]["lr"] == lr * root**-1


def test_the_old_optimizer_stays_as_it_is():
    for steps in (0, 3):
        model = Directions()
        optimizer = model.optimizer()
        train(model, optimizer, steps)
        before, known = deepcopy(optimizer.state_dict()), set(optimizer.state)
        twin, scheduler = without_weight_decay(optimizer)
        train(model, twin, 5, scheduler=scheduler)
        assert set(optimizer.state) == known
        after = optimizer.state_dict()
        assert after["param_groups"] == before["param_groups"]
        assert after["state"].keys() == before["state"].keys()
        for key, state in before["state"].items():
            if state["momentum_buffer"] is not None:
                assert after["state"][key]["momentum_buffer"].equal(state["momentum_buffer"])


def test_a_group_without_decay_passes_through_with_its_buffers_cloned():
    model = Directions()
    groups = [
        {"params": [model.second], "momentum": 0.9, "nesterov": True, "name": "kept"},
        {"params": [model.third], "momentum": 0.5, "dampening": 0.3, "lr": 0.01},
        {"params": [model.plain]},
    ]
    optimizer = SGD(groups, lr=0.1)
    train(model, optimizer, 3)
    twin, scheduler = without_weight_decay(optimizer)
    for old, new in zip(optimizer.param_groups, twin.param_groups, strict=True):
        assert {**new, "initial_lr": None} == {**old, "initial_lr": None}
        assert new["params"][0] is old["params"][0]
        buffer = optimizer.state.get(old["params"][0], {}).get("momentum_buffer")
        if buffer is not None:
            copied = twin.state[new["params"][0]]["momentum_buffer"]
            assert copied.equal(buffer)
            assert copied.data_ptr() != buffer.data_ptr()
    assert len(twin.state) == 2  # none without momentum
    twin.step()
    scheduler.step()
    assert [group["lr"] for group in twin.param_groups] == [0.1, 0.01, 0.1]


def test_a_first_step_of_a_group_with_dampening_and_no_decay_stays_undampened():
    weights = nn.Parameter(torch.ones(2))
    twin, _ = without_weight_decay(SGD([weights], lr=1.0, momentum=0.9, dampening=0.5))
    weights.grad = torch.ones(2)
    twin.step()
    assert weights.equal(torch.zeros(2))


def test_the_rate_is_the_present_one_whatever_a_scheduler_left_behind():
    model = Directions()
    optimizer = model.optimizer()
    scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    train(model, optimizer, 2, scheduler=scheduler)
    assert optimizer.param_groups[0]["initial_lr"] == 0.1
    twin, _ = without_weight_decay(optimizer)
    root = growth_root(0.025, 0.01, 0.9)
    assert twin.param_groups[0]["lr"] == pytest.approx(growing_rate(0.025, root, 0), rel=1e-15)
    assert twin.param_groups[3]["lr"] == pytest.approx(0.02 / 4, rel=1e-15)
    assert optimizer.param_groups[0]["initial_lr"] == 0.1


def test_rate_and_decay_may_be_tensors_and_are_neither_shared_nor_rounded():
    rate, decay = torch.tensor(0.25), torch.tensor(0.03125)
    weights = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = SGD([weights], lr=rate, momentum=0.5, weight_decay=decay, foreach=False)
    twin, scheduler = without_weight_decay(optimizer)
    root = growth_root(0.25, 0.03125, 0.5)
    for t in range(5):
        assert twin.param_groups[0]["lr"] == pytest.approx(growing_rate(0.25, root, t), rel=1e-15)
        weights.grad = torch.zeros_like(weights)
        twin.step()
        scheduler.step()
    assert rate == optimizer.param_groups[0]["lr"] == 0.25
    assert decay == 0.03125


@pytest.mark.parametrize("state", [{}, {"momentum_buffer": None}], ids=["missing", "none"])
def test_a_buffer_that_does_not_run_yet_counts_as_zero(state):
    weights = nn.Parameter(torch.tensor([3.0, -1.0], dtype=torch.float64))
    optimizer = SGD([weights], lr=1 / 3, momentum=0.5, weight_decay=2 / 15)
    if state:
        optimizer.state[weights] = state
    twin, _ = without_weight_decay(optimizer)
    # α = 9/10, and λ/(α − γ) = 1/3
    seed = twin.state[weights]["momentum_buffer"]
    assert (seed + weights / 3).norm() < 1e-15
    assert not seed.requires_grad


def test_without_momentum_there_is_no_buffer_to_seed():
    weights = nn.Parameter(torch.ones(2))
    twin, _ = without_weight_decay(SGD([weights], lr=0.1, weight_decay=0.1))
    assert not twin.state
    assert twin.param_groups[0]["lr"] == pytest.approx(0.1 / 0.99, rel=1e-15)


def test_names_of_parameters_are_kept_and_later_groups_have_no_decay():
    model = nn.Linear(2, 2)
    optimizer = SGD(model.named_parameters(), lr=0.1, weight_decay=0.01, momentum=0.9)
    twin, _ = without_weight_decay(optimizer)
    assert twin.param_groups[0]["param_names"] == ["weight", "bias"]
    twin.add_param_group({"params": [("later", nn.Parameter(torch.ones(1)))]})
    assert [group["weight_decay"] for group in twin.param_groups] == [0, 0]


def test_a_run_resumes_from_its_state_dicts():
    model, resumed = Directions(), Directions()
    twin, scheduler = without_weight_decay(model.optimizer())
    train(model, twin, 10, scheduler=scheduler)
    other, its_scheduler = without_weight_decay(resumed.optimizer())
    resumed.load_state_dict(deepcopy(model.state_dict()))
    other.load_state_dict(deepcopy(twin.state_dict()))
    its_scheduler.load_state_dict(scheduler.state_dict())
    expected = train(model, twin, 10, 10, scheduler)
    assert train(resumed, other, 10, 10, its_scheduler).equal(expected)


DECAYED = {"lr": 0.1, "weight_decay": 0.01}


class Signed(SGD):
    """An optimizer of one's own, whose step may be anything."""


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        (SGD, Adam, "Adam is not torch.optim.SGD itself"),
        (SGD, Signed, "Signed is not torch.optim.SGD itself"),
    ],
)
def test_another_optimizer_is_refused(accepted, refused, complaint):
    without_weight_decay(accepted([torch.ones(1)], **DECAYED))
    with pytest.raises(ValueError, match=complaint):
        without_weight_decay(refused([torch.ones(1)], **DECAYED))


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        (
            {"momentum": 0.9, "nesterov": True, "weight_decay": 0.0},
            {"momentum": 0.9, "nesterov": True},
            "parameter group 1: nesterov momentum with weight decay",
        ),
        (
            {"dampening": 0.1},
            {"dampening": 0.1, "momentum": 0.9},
            "parameter group 1: dampening",
        ),
        (
            {"dampening": 0.1, "momentum": 0.9, "weight_decay": 0.0},
            {"dampening": 0.1, "momentum": 0.9},
            "parameter group 1: dampening",
        ),
        (
            {"weight_decay": 0.026, "momentum": 0.9},
            {"weight_decay": 0.027, "momentum": 0.9},
            r"parameter group 1: z² .* no real positive root at ηλ = 0.0027, γ = 0.9",
        ),
        ({"weight_decay": 9.9}, {"weight_decay": 10.0}, "parameter group 1: .* less than 1"),
        (
            {"momentum": 1.0, "weight_decay": 0.0},
            {"momentum": 1.0},
            r"parameter group 1: momentum = 1 is not in \[0, 1\)",
        ),
    ],
)
def test_a_group_that_has_no_exact_twin_is_refused_by_its_number(accepted, refused, complaint):
    def optimizer(group):
        first, second = torch.ones(1), torch.ones(1)
        return SGD([{"params": [first]}, {"params": [second], **group}], **DECAYED)

    without_weight_decay(optimizer(accepted))
    with pytest.raises(ValueError, match=complaint):
        without_weight_decay(optimizer(refused))
