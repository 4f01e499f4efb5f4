"""Does each step of the twins of SGD and AdamW happen whole, or not at all?"""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import LambdaLR

from tests.snippets.twin_runs import (
    BOTH,
    STEPS,
    apart,
    loss_of,
    net,
    optimizer_of,
    pair,
    scales,
    train,
)

EXACT = 1e-12  # each step rounds at 1e-16, and sixty at these rates amplify that to some 1e-15
VISIBLE = 1e-3

pytestmark = pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.name)


def touched(model, new):
    """All that a step may change, as a copy."""
    return deepcopy((new.state_dict(), [*model.parameters()]))


def same(one, other):
    flat = torch.utils._pytree.tree_leaves
    pairs = zip(flat(one), flat(other), strict=True)
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_control_changes_to_the_new_optimizer_are_refused_and_to_the_old_one_not(kind):
    for name in kind.options:
        model = net()
        old = optimizer_of(kind, model)
        new = kind.convert(old)
        train(model, new, 3)
        value = new.param_groups[1][name]
        old.param_groups[1][name] = deepcopy(old.param_groups[1][name])
        train(model, new, 1)
        new.param_groups[1][name] = (0.7, 0.9) if isinstance(value, tuple) else value + 0.01
        with pytest.raises(ValueError, match=f"parameter group 1: {name} of the new"):
            new.step()


def closures(model, step):
    def closure():
        assert torch.is_grad_enabled()
        model.zero_grad()
        loss = loss_of(model, step)
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("way", ["positional", "keyword", "none", "none by name"])
def test_a_closure_is_followed_once(kind, way):
    expected = train(*pair(kind)[0])
    model, new = pair(kind)[1]
    losses = []
    for step in range(STEPS):
        closure = closures(model, step)
        if way.startswith("none"):
            losses.append(closure())
            assert (new.step(None) if way == "none" else new.step(closure=None)) is None
        else:
            losses.append(new.step(closure) if way == "positional" else new.step(closure=closure))
    assert apart(torch.stack(losses).detach(), expected) < 1e-12


def test_hooks_of_others_run_once_and_around_the_whole_step(kind):
    (_, old), (model, new) = pair(kind)
    seen = []

    def scaled():
        return [p.detach() * scales(new).get(p, 1) for p in model.parameters()]

    new.register_step_pre_hook(lambda *_: seen.append(scaled()))
    new.register_step_post_hook(lambda *_: seen.append(scaled()))
    train(model, new, 40)
    assert len(seen) == 80
    for after, before in zip(seen[1::2], seen[2::2], strict=False):
        assert all(a.equal(b) for a, b in zip(after, before, strict=True))
    assert isinstance(new, SGD if kind.name == "sgd" else Adam)
    assert type(new) is not type(old)


def test_a_step_that_fails_half_way_is_no_step(kind):
    model, new = pair(kind)[1]
    train(model, new, 3)
    before = deepcopy(new.param_groups)

    def fail(*_):
        raise RuntimeError("stop")

    handle = new.register_step_pre_hook(fail)
    with pytest.raises(RuntimeError, match="stop"):
        new.step()
    handle.remove()
    for group, same in zip(new.param_groups, before, strict=True):
        assert {**group, "params": 0} == {**same, "params": 0}
    expected = train(*pair(kind)[0])
    assert apart(train(model, new, range(3, STEPS)), expected[3:]) < 1e-12


def test_the_old_optimizer_is_never_stepped(kind):
    model, new = pair(kind)[1]
    loss_of(model, 0).backward()
    before = deepcopy(model.state_dict())
    for step in (new.rule.step, lambda: new.rule.step(closures(model, 0))):
        with pytest.raises(RuntimeError, match="only rules another now; step the new one"):
            step()
    assert all(model.state_dict()[name].equal(value) for name, value in before.items())


def test_groups_that_come_later_are_refused(kind):
    for which in ("old", "new", "both"):
        model, new = pair(kind)[1]
        train(model, new, 2)
        for optimizer in {"old": [new.rule], "new": [new], "both": [new, new.rule]}[which]:
            optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))]})
        before = [p.detach().clone() for p in model.parameters()]
        with pytest.raises(ValueError, match="other parameters than at the conversion"):
            train(model, new, 1)
        assert all(p.equal(b) for p, b in zip(model.parameters(), before, strict=True))


def test_a_step_that_is_refused_changes_nothing_and_the_next_one_goes_on(kind):
    model, new = pair(kind)[1]
    train(model, new, 5)
    decay = new.rule.param_groups[1]["weight_decay"]
    for wrong in (-decay, 1e4):
        new.rule.param_groups[1]["weight_decay"] = wrong
        loss_of(model, 5).backward()
        before = touched(model, new)
        with pytest.raises(ValueError, match="parameter group 1: lr"):
            new.step()
        assert same(touched(model, new), before)
        assert not same(touched(model, new), deepcopy((new.state_dict(), [*net().parameters()])))
    new.rule.param_groups[1]["weight_decay"] = decay
    expected = train(*pair(kind)[0])
    assert apart(train(model, new, range(5, STEPS)), expected[5:]) < EXACT


def two_weights(kind, convert, taking, steps=12, **options):
    """Sums of two invariant weights, in one group; taking says which have a gradient at a step."""
    data = torch.randn(4, 2, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = [nn.Parameter(data[3, i].clone()) for i in range(2)]
    new = old = kind.cls(weights, **kind.options | {"lr": 0.01} | options)
    if convert:
        new = kind.convert(old)
    for step in range(steps):
        new.zero_grad()
        for i in taking(step):
            outputs = data[step % 3, i] @ weights[i] / weights[i].norm()
            (outputs - 1).square().backward()
        new.step()
    return weights, new


def test_a_group_without_a_gradient_is_left_out_as_torch_leaves_it_out(kind):
    def taking(step):
        return (0, 1) if step % 3 else ()

    weights, _ = two_weights(kind, False, taking)
    others, new = two_weights(kind, True, taking)
    always, _ = two_weights(kind, False, lambda step: (0, 1))
    scale = new.param_groups[0]["twin"]["scale"]
    for one, other, steady in zip(weights, others, always, strict=True):
        assert apart(scale * other.detach(), one.detach()) < EXACT
        assert apart(steady.detach(), one.detach()) > VISIBLE


def test_a_parameter_that_never_has_a_gradient_stays_as_it_is(kind):
    weights, _ = two_weights(kind, False, lambda step: (1,), steps=90)
    others, new = two_weights(kind, True, lambda step: (1,), steps=90)
    (group,) = new.param_groups
    assert others[0].equal(weights[0])
    assert apart(group["twin"]["scale"] * others[1].detach(), weights[1].detach()) < EXACT
    assert others[1].norm() > 1.05 * weights[1].norm()


def test_parameters_that_take_turns_are_refused_while_there_is_decay(kind):
    for turns in ({6: (0,)}, {0: (1,), 1: (1,)}):
        two_weights(kind, True, lambda step, t=turns: t.get(step, (0, 1)), weight_decay=0.0)
        with pytest.raises(
            ValueError, match=r"group 0: \d of its 2 parameters have a gradient, and not"
        ):
            two_weights(kind, True, lambda step, t=turns: t.get(step, (0, 1)))


def test_a_group_that_never_decayed_is_that_of_torch_whoever_takes_part(kind):
    def taking(step):
        return ((0, 1), (0,), (1,), ())[step % 4]

    weights, _ = two_weights(kind, False, taking, weight_decay=0.0)
    others, new = two_weights(kind, True, taking, weight_decay=0.0)
    assert all(a.equal(b) for a, b in zip(weights, others, strict=True))
    assert not new.param_groups[0]["twin"]["scale"] - 1


def test_renormalising_changes_no_bit(kind, monkeypatch):
    def run(renormalise):
        model = net(eps=1e-30).float()  # which no variance sees
        options = {"weight_decay": 0.2 if kind.name == "sgd" else 5.0, "lr": 0.02}
        new = kind.convert(optimizer_of(kind, model, **options))
        if not renormalise:
            monkeypatch.setattr(type(new), "_renormalise", lambda self, group: None)
        losses, inputs = [], torch.randn(40, 24, 8, generator=torch.Generator().manual_seed(0))
        for step in range(40):
            new.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[step]), inputs[step, :, 0].gt(0).long())
            loss.backward()
            new.step()
            losses.append(loss.detach())
        return torch.stack(losses), new

    divided, new = run(renormalise=True)
    plain, other = run(renormalise=False)
    assert divided.equal(plain)
    exponents = set()
    for group, same in zip(new.param_groups, other.param_groups, strict=True):
        power = group["twin"]["scale"] / same["twin"]["scale"]
        exponents.add(power)
        assert group["twin"]["scale"] >= 0.5
        for parameter, long in zip(group["params"], same["params"], strict=True):
            assert (parameter * power).equal(long)
            state, its = new.state[parameter], other.state[long]
            degrees = {"momentum_buffer": 1, "exp_avg": 1, "exp_avg_sq": 2, "step": 0}
            assert all((its[n] * power ** degrees[n]).equal(state[n]) for n in its)
    assert len(exponents) == 3
    assert min(exponents) == 1
    assert max(exponents) >= 4


def test_settings_are_carried_over_and_a_fused_optimizer_gets_a_twin_that_is_not(kind):
    model = net()
    for name, value in [("foreach", True), ("foreach", False), ("maximize", True)]:
        new = kind.convert(optimizer_of(kind, model, **{name: value}))
        assert {group[name] for group in new.param_groups} == {new.defaults[name]} == {value}
    old = optimizer_of(kind, model, fused=True)
    train(model, old, 2)
    new = kind.convert(old)
    assert {group["fused"] for group in new.param_groups} == {None}
    assert not hasattr(new, "_step_supports_amp_scaling")
    old = optimizer_of(kind, model, fused=False)
    assert kind.convert(old).param_groups[0]["fused"] is False


def test_the_twin_has_no_decay_and_takes_over_the_state(kind):
    model = net()
    old = optimizer_of(kind, model)
    train(model, old, 3)
    states = {p: dict(state) for p, state in old.state.items()}
    new = kind.convert(old)
    assert not old.state
    assert new.state.keys() == states.keys()
    for parameter, state in states.items():
        assert all(new.state[parameter][name].equal(value) for name, value in state.items())
    for _ in range(2):
        assert {group["weight_decay"] for group in new.param_groups} == {0.0}
        assert new.defaults["weight_decay"] == 0.0
        train(model, new, 1)
    assert [g["weight_decay"] for g in old.param_groups][1] == kind.options["weight_decay"]
    assert isinstance(new, SGD if kind.name == "sgd" else Adam)


def test_before_its_first_step_the_twin_shows_the_settings_of_the_old_one(kind):
    model = net()
    old = optimizer_of(kind, model)
    LambdaLR(old, lambda step: 0.5)
    new = kind.convert(old)
    rates = [group["lr"] for group in old.param_groups]
    assert [group["lr"] for group in new.param_groups] == rates
    for group, rule in zip(new.param_groups, old.param_groups, strict=True):
        assert group["params"] == rule["params"]
        assert group["params"] is not rule["params"]
        assert ("initial_lr" in group, "initial_lr" in rule) == (False, True)
        assert group["twin"]["scale"] == 1
        for name in set(kind.options) - {"lr", "weight_decay"}:
            assert group[name] == rule[name] == group["twin"]["written"][name]
    assert new.defaults["lr"] == kind.options["lr"]


def test_directions_are_the_same_under_maximize(kind):
    def run(convert):
        model = net()
        optimizer = optimizer_of(kind, model, maximize=True)
        return train(model, kind.convert(optimizer) if convert else optimizer, 20)

    assert apart(run(convert=True), run(convert=False)) < EXACT
    assert apart(train(*pair(kind)[1], 20), run(convert=False)) > VISIBLE


def test_names_and_tensors_as_settings(kind):
    model = net()
    lr, decay = torch.tensor(0.0625), torch.tensor(0.125)
    options = kind.options | {"lr": lr, "weight_decay": decay, "foreach": False}
    old = kind.cls([*model.named_parameters()][:1], **options)
    new = kind.convert(old)
    assert new.param_groups[0]["param_names"] == ["0.weight"]
    train(model, new, 3)
    assert all(type(group["lr"]) is float for group in new.param_groups)
    assert old.param_groups[0]["lr"] is lr
    assert (lr.item(), decay.item()) == (0.0625, 0.125)
    scale = new.param_groups[0]["twin"]["scale"]
    if kind.name == "adam":
        assert scale == (1 - 0.0625 * 0.125) ** 3
    before = deepcopy(new.state_dict())
    lr.fill_(0.5)
    assert before["param_groups"][0]["twin"]["rule"]["lr"] == 0.0625
    new.load_state_dict(before)
    assert new.rule.param_groups[0]["lr"] == 0.0625
    assert "rule" not in new.param_groups[0]["twin"]


def test_one_step_may_take_more_than_one_power_of_two(kind):
    weights = nn.Parameter(torch.ones(2))
    new = kind.convert(kind.cls([weights], lr=0.5, weight_decay=1.9))
    weights.grad = torch.zeros(2)
    new.step()
    scale = new.param_groups[0]["twin"]["scale"]
    assert scale == pytest.approx(16 * 0.05)
    assert scale * weights.detach() == pytest.approx([0.05, 0.05], rel=1e-6)


def test_hooks_that_were_put_on_the_old_optimizer_go_on(kind):
    model = net()
    old, seen = optimizer_of(kind, model), []
    handles = [
        old.register_step_pre_hook(lambda *given: seen.append(given[0])),
        old.register_step_post_hook(lambda *given: seen.append(given[0])),
    ]
    new = kind.convert(old)
    train(model, new, 3)
    assert [one is new for one in seen] == [True] * 6
    for handle in handles:
        handle.remove()
    train(model, new, 1)
    assert len(seen) == 6


def test_a_compiled_step_is_computed_as_exactly(kind):
    (model, old), (other, new) = pair(kind)
    expected = train(model, old, 12)
    step = torch.compile(new.step, backend="eager")
    losses = []
    for t in range(12):
        new.zero_grad()
        loss = loss_of(other, t)
        loss.backward()
        step()
        losses.append(loss.detach())
    assert apart(torch.stack(losses), expected) < EXACT  # compiled scalars are 1e-7 off
    bare = net()
    assert apart(train(bare, optimizer_of(kind, bare, weight_decay=0.0), 12), expected) > VISIBLE


def test_a_state_that_is_cleared_in_both_runs_is_as_clear(kind):
    losses = []
    for convert, clear in [(False, True), (True, True), (True, False)]:
        model = net()
        optimizer = optimizer_of(kind, model)
        optimizer = kind.convert(optimizer) if convert else optimizer
        train(model, optimizer, 10)
        if clear:
            optimizer.state.clear()
        losses.append(train(model, optimizer, range(10, 40)))
    expected, found, kept = losses
    assert apart(found, expected) < EXACT
    assert apart(kept, expected) > VISIBLE  # what was cleared matters


def test_a_parameter_that_is_listed_twice_is_refused(kind):
    one, two = (nn.Parameter(torch.ones(2)) for _ in "ab")
    with pytest.warns(UserWarning, match="duplicate parameters"):
        old = kind.cls([{"params": [two]}, {"params": [one, one]}], **kind.options)
    with pytest.raises(ValueError, match="group 1 lists a parameter twice"):
        kind.convert(old)
    assert kind.convert(kind.cls([one, two], **kind.options))


def sharpness_aware(model, optimizer, radii):
    """Losses of steps along the gradients that are found a radius uphill (SAM)."""
    losses = []
    for step in range(30):
        model.zero_grad()
        loss = loss_of(model, step)
        loss.backward()
        radius = radii(optimizer)
        uphill = {
            p: 0.05 / radius.get(p, 1) * p.grad / p.grad.norm()
            for p in model.parameters()
            if p.grad.norm() > 0
        }
        with torch.no_grad():
            for p, way in uphill.items():
                p += way
        model.zero_grad()
        loss_of(model, step).backward()
        with torch.no_grad():
            for p, way in uphill.items():
                p -= way
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def test_what_has_the_length_of_weights_is_divided_by_the_scale(kind):
    expected = sharpness_aware(*pair(kind)[0], lambda _: {})
    found, control = (sharpness_aware(*pair(kind)[1], radii) for radii in (scales, lambda _: {}))
    assert apart(found, expected) < EXACT
    assert apart(control, expected) > VISIBLE


def test_gradients_that_are_kept_over_a_step_are_of_another_scale(kind):
    def run(model, optimizer, every):
        losses = []
        for step in range(STEPS):
            if step % every == 0:
                optimizer.zero_grad()
            loss = loss_of(model, step)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses)

    gaps = [apart(*(run(*one, every) for one in pair(kind))) for every in (1, 3)]
    assert gaps[0] < EXACT
    assert gaps[1] > VISIBLE  # which its docstring says
