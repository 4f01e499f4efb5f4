"""Do the twins of SGD and AdamW survive a training loop, or refuse with nothing touched?"""

import io
import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grads_with_norm_, get_total_norm
from torch.optim import lr_scheduler as lr
from torch.optim.swa_utils import AveragedModel

from snippets.running_statistics import recollect
from snippets.stock_adam import stock_adam
from snippets.without_weight_decay import without_weight_decay
from tests.snippets.twin_runs import (
    BOTH,
    DATA,
    LABELS,
    STEPS,
    apart,
    in_two_processes,
    loss_of,
    net,
    optimizer_of,
    pair,
    scales,
    train,
    without_decay,
)

SGD_TWIN, ADAM_TWIN = "snippets/without_weight_decay.py", "snippets/stock_adam.py"
HALF = STEPS // 2
# Rounding of the weights to 11 and 8 bits, with which half a loss is computed; found: 7e-4, 1.4e-3.
HALF_ROUNDS, BRAIN_ROUNDS = 2e-3, 4e-3

pytestmark = [
    pytest.mark.filterwarnings("error"),  # of the order of schedulers and optimizers
    pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.name),
]

SCHEDULES = {
    "step": lambda o: lr.StepLR(o, 7, gamma=0.7),
    "milestones": lambda o: lr.MultiStepLR(o, [10, 30], gamma=0.5),
    "exponential": lambda o: lr.ExponentialLR(o, 0.97),
    "cosine": lambda o: lr.CosineAnnealingLR(o, STEPS),
    "restarts": lambda o: lr.CosineAnnealingWarmRestarts(o, 13),
    "one cycle": lambda o: lr.OneCycleLR(o, 0.1 if "betas" in o.defaults else 0.2, STEPS),
    "plateau": lambda o: lr.ReduceLROnPlateau(o, patience=3, factor=0.6),
    "from zero": lambda o: lr.LambdaLR(o, lambda t: min(1, t / 10)),
    "warm-up": lambda o: lr.SequentialLR(
        o, [lr.LinearLR(o, 0.1, total_iters=9), lr.CosineAnnealingLR(o, STEPS)], [9]
    ),
    "cyclic": lambda o: lr.CyclicLR(o, 0.01, 0.1, 11),
    "chained": lambda o: lr.ChainedScheduler([lr.ConstantLR(o, 0.3, 9), lr.ExponentialLR(o, 0.98)]),
}


def scheduled(kind, schedule, convert="never", decay=True):
    model = net()
    optimizer = optimizer_of(kind, model, **({} if decay else {"weight_decay": 0.0}))
    if convert == "before":
        twin = kind.convert(optimizer)
    scheduler = SCHEDULES[schedule](optimizer)
    if convert == "after":
        twin = kind.convert(optimizer)
    stepped = twin if convert != "never" else optimizer
    return train(model, stepped, after=follow(scheduler, model))


def follow(scheduler, model):
    """What steps a scheduler, which may want to know the loss."""
    if isinstance(scheduler, lr.ReduceLROnPlateau):
        return lambda: scheduler.step(loss_of(model, 0).item())
    return scheduler.step


@pytest.mark.in_loop(SGD_TWIN, "schedule")
@pytest.mark.in_loop(ADAM_TWIN, "schedule")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("convert", ["before", "after"])
def test_schedules_are_followed(beside, kind, schedule, convert):
    """Schedulers stay on the old optimizer."""
    expected = scheduled(kind, schedule)
    gap = apart(scheduled(kind, schedule, convert), expected)
    beside.gap(gap, control=apart(scheduled(kind, schedule, decay=False), expected))


@pytest.mark.in_loop(SGD_TWIN, "schedule")
@pytest.mark.in_loop(ADAM_TWIN, "schedule")
def test_decay_and_momentum_may_change_by_hand(beside, kind):
    """Rate, decay and momentum (or betas) of the old optimizer, as they are at each step."""

    def run(convert, decays=(0.0, 1.0, 0.3, 0.0, 2.0)):
        model = net()
        old = new = optimizer_of(kind, model)
        if convert:
            new = kind.convert(old)
        steps = iter(range(STEPS))

        def change():
            t = next(steps)
            part = 5 * t // STEPS
            for group in old.param_groups[:2]:
                group["weight_decay"] = decays[part] * kind.options["weight_decay"]
                if kind.name == "sgd":
                    group["momentum"] = (0.9, 0.5, 0.8, 0.9, 0.7)[part]
                else:
                    group["betas"], group["eps"] = ((0.8, 0.9 + t / 700)), 1e-3 * (1 + t)

        return train(model, new, after=change)

    expected = run(convert=False)
    constant = run(convert=False, decays=(1.0, 1.0, 1.0, 1.0, 1.0))
    beside.gap(apart(run(convert=True), expected), control=apart(constant, expected))


@pytest.mark.in_loop(SGD_TWIN, "schedule")
@pytest.mark.in_loop(ADAM_TWIN, "schedule")
def test_schedulers_on_the_new_optimizer_are_refused(beside, kind):
    """A scheduler put on the new optimizer."""
    for name, put in SCHEDULES.items():
        model = net()
        new = kind.convert(optimizer_of(kind, model))
        train(model, new, 3)
        scheduler = put(new)
        for _ in range(5 if name == "plateau" else 0):  # until when it does nothing
            scheduler.step(1.0)
        with beside.refused(model.parameters(), match="group 0: .* put schedulers .* on the old"):
            train(model, new, 1)


@pytest.mark.in_loop(SGD_TWIN, "clipping")
@pytest.mark.in_loop(ADAM_TWIN, "clipping")
def test_clipping_by_the_norm_that_the_gradients_with_decay_have(beside, kind):
    """By clip_grads_with_norm_, with the norm of gradient / scale."""

    def run(convert, scaled=True):
        model = net()
        stepped = optimizer_of(kind, model)
        if convert:
            stepped = kind.convert(stepped)
        losses = []
        for step in range(STEPS):
            stepped.zero_grad()
            loss = loss_of(model, step)
            loss.backward()
            if convert and scaled:
                gradients = [p.grad / scale for p, scale in scales(stepped).items()]
                clip_grads_with_norm_(model.parameters(), 0.05, get_total_norm(gradients))
            else:
                clip_grad_norm_(model.parameters(), 0.05)
            stepped.step()
            losses.append(loss.detach())
        return torch.stack(losses)

    expected = run(convert=False)
    control = apart(run(convert=True, scaled=False), expected)
    beside.gap(apart(run(convert=True), expected), control=control)


@pytest.mark.in_loop(SGD_TWIN, "accumulation")
@pytest.mark.in_loop(ADAM_TWIN, "accumulation")
def test_gradients_add_up_over_micro_batches(beside, kind):
    def run(model, optimizer):
        losses = []
        for step in range(STEPS):
            for part in range(3):
                loss = loss_of(model, 3 * step + part) / 3
                loss.backward()
                losses.append(loss.detach())
            optimizer.step()
            optimizer.zero_grad()
        return torch.stack(losses)

    expected, found = (run(*one) for one in pair(kind))
    beside.gap(apart(found, expected), control=apart(run(*without_decay(kind)), expected))


@pytest.mark.in_loop(SGD_TWIN, "AMP")
@pytest.mark.in_loop(ADAM_TWIN, "AMP")
@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_the_scaler_skips_is_no_step(beside, kind, fused):
    """GradScaler, with steps that it skips."""

    def run(model, optimizer):
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
        losses = []
        for step in range(STEPS):
            optimizer.zero_grad()
            loss = loss_of(model, step)
            scaler.scale(loss * (torch.inf if step % 9 == 4 else 1)).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.detach())
        return torch.stack(losses)

    models = net(), net(), net()
    old, rule = (optimizer_of(kind, model, fused=fused) for model in models[:2])
    bare = optimizer_of(kind, models[2], fused=fused, weight_decay=0.0)
    expected = run(models[0], old)
    found = run(models[1], kind.convert(rule))
    beside.gap(apart(found, expected), control=apart(run(models[2], bare), expected))


def in_half(kind, dtype, steps, convert=True, decay=True):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(8, 3, bias=False), nn.BatchNorm1d(3, eps=1e-12, affine=False)
    ).float()
    noisy = {"lr": 0.5, "momentum": 0.0, "weight_decay": 0.04}
    options = noisy if kind.name == "sgd" else {"lr": 0.02, "weight_decay": 2.5}
    optimizer = kind.cls(model.parameters(), **options | ({} if decay else {"weight_decay": 0.0}))
    if convert:
        optimizer = kind.convert(optimizer)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype):
            outputs = model[0](DATA[step % 6].float())
        loss = nn.functional.cross_entropy(model[1](outputs.float()), LABELS[step % 6])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().double())
    return torch.stack(losses), optimizer


@pytest.mark.in_loop(SGD_TWIN, "AMP")
@pytest.mark.in_loop(ADAM_TWIN, "AMP")
def test_autocast_to_bfloat16(beside, kind):
    """Autocast to bfloat16, which rounds other digits of weights of another length."""
    half, steps = torch.bfloat16, 100
    expected, _ = in_half(kind, half, steps, convert=False)
    bare, _ = in_half(kind, half, steps, convert=False, decay=False)
    gap = apart(in_half(kind, half, steps)[0], expected)
    beside.gap(gap, control=apart(bare, expected), allowed=BRAIN_ROUNDS)


@pytest.mark.in_loop(SGD_TWIN, "fp16")
@pytest.mark.in_loop(ADAM_TWIN, "fp16")
def test_autocast_to_float16_for_longer_than_its_range(beside, kind, monkeypatch):
    """Autocast to float16, beyond the step at which the weights would leave its range."""
    half, steps = torch.float16, 900
    expected, _ = in_half(kind, half, steps, convert=False)
    bare, _ = in_half(kind, half, steps, convert=False, decay=False)
    found, new = in_half(kind, half, steps)
    beside.gap(apart(found, expected), control=apart(bare, expected), allowed=HALF_ROUNDS)
    monkeypatch.setattr(type(new), "_renormalise", lambda self, group: None)
    assert in_half(kind, half, steps)[0].isnan().any()  # without it


@pytest.mark.in_loop(SGD_TWIN, "EMA")
@pytest.mark.in_loop(ADAM_TWIN, "EMA")
def test_averages_of_the_scaled_weights(beside, kind):
    """Average scale · weights, in AveragedModel by a multi_avg_fn."""

    def run(model, optimizer, scaled):
        @torch.no_grad()
        def average(means, weights, _):
            by = scales(optimizer) if scaled else {}
            factors = [by.get(parameter, 1.0) for parameter in model.parameters()]
            for mean, weight, factor in zip(means, weights, factors, strict=True):
                mean.lerp_(factor * weight, 0.1)

        averaged = AveragedModel(model, multi_avg_fn=average)
        averaged.update_parameters(model)  # the first of which copies, whatever is asked for
        train(model, optimizer, after=lambda: averaged.update_parameters(model))
        return torch.stack([loss_of(averaged.module, step).detach() for step in range(6)])

    (model, old), (other, new) = pair(kind)
    expected, found = run(model, old, scaled=False), run(other, new, scaled=True)
    control = run(*pair(kind)[1], scaled=False)
    beside.gap(apart(found, expected), control=apart(control, expected))


def saved(*parts):
    file = io.BytesIO()
    torch.save([part.state_dict() for part in parts], file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.in_loop(SGD_TWIN, "checkpoint")
@pytest.mark.in_loop(ADAM_TWIN, "checkpoint")
@pytest.mark.parametrize(
    ("first", "convert_at"), [(0, 11), (1, 0)], ids=["optimizer first", "scheduler first"]
)
@pytest.mark.parametrize("schedule", ["step", "one cycle", "warm-up", "cosine", "plateau"])
def test_a_run_is_taken_up_from_its_checkpoint(beside, kind, first, schedule, convert_at):
    """Saved and loaded, optimizer or scheduler first; rolled back in the same objects."""
    expected = scheduled(kind, schedule)
    model = net()
    old = optimizer_of(kind, model)
    scheduler = SCHEDULES[schedule](old)
    train(model, old, convert_at, after=follow(scheduler, model))
    new = kind.convert(old)
    train(model, new, range(convert_at, HALF), after=follow(scheduler, model))
    checkpoint = saved(model, new, scheduler)
    end = train(
        model, new, range(HALF, STEPS), after=follow(scheduler, model)
    )  # no tensor is shared

    def resumed(parts):
        for part, state in [(parts[i], checkpoint[i]) for i in (0, 1 + first, 2 - first)]:
            part.load_state_dict(deepcopy(state))
        return train(parts[0], parts[1], range(HALF, STEPS), after=follow(parts[2], parts[0]))

    other = net(seed=1)
    rule = optimizer_of(kind, other, lr=kind.options["lr"] if schedule == "one cycle" else 0.5)
    its = SCHEDULES[schedule](rule)
    parts = other, kind.convert(rule), its
    gaps = [apart(one, expected[HALF:]) for one in (end, resumed(parts))]
    gaps.append(apart(resumed((model, new, scheduler)), expected[HALF:]))  # rolled back

    fresh = net()
    rule = optimizer_of(kind, fresh)
    its = SCHEDULES[schedule](rule)
    fresh.load_state_dict(checkpoint[0])
    its.load_state_dict(checkpoint[2])
    control = train(fresh, kind.convert(rule), range(HALF, STEPS), after=follow(its, fresh))
    beside.gap(max(gaps), control=apart(control, expected[HALF:]))


@pytest.mark.in_loop(SGD_TWIN, "checkpoint")
@pytest.mark.in_loop(ADAM_TWIN, "checkpoint")
@pytest.mark.parametrize("copy", [deepcopy, lambda parts: pickle.loads(pickle.dumps(parts))])
@pytest.mark.parametrize("converted_for", [0, 5])
def test_copies_go_on_as_the_original(beside, kind, copy, converted_for):
    """deepcopy and pickle of model, optimizer and scheduler together."""
    expected = scheduled(kind, "cosine")
    model = net()
    old = optimizer_of(kind, model)
    scheduler = SCHEDULES["cosine"](old)
    train(model, old, 5, after=scheduler.step)
    new = kind.convert(old)
    train(model, new, range(5, 5 + converted_for), after=scheduler.step)
    rest = range(5 + converted_for, STEPS)
    other, twin, its = copy((model, new, scheduler))
    assert its.optimizer is twin.rule is not old
    with pytest.raises(RuntimeError, match="step the new one"):
        its.optimizer.step()
    gap = apart(train(other, twin, rest, after=its.step), expected[rest.start :])
    bare = scheduled(kind, "cosine", decay=False)[rest.start :]
    beside.gap(gap, control=apart(bare, expected[rest.start :]))
    assert apart(train(model, new, rest, after=scheduler.step), expected[rest.start :]) < 1e-12


@pytest.mark.in_loop(SGD_TWIN, "checkpoint")
@pytest.mark.in_loop(ADAM_TWIN, "checkpoint")
def test_checkpoints_of_other_runs_are_refused(beside, kind):
    """Of the run with decay, of the other twin, of the twin in the old optimizer."""
    (model, old), (other, new) = pair(kind)
    train(model, old, 3)
    train(other, new, 3)
    (rival,) = (k for k in BOTH if k is not kind)
    third = net()
    strange = rival.convert(optimizer_of(rival, third))
    train(third, strange, 3)
    weights = [*model.parameters(), *other.parameters()]
    before = deepcopy(new.state_dict())
    for checkpoint in (old, strange):
        with beside.refused(weights, match="no checkpoint .* that (stock_adam|without_weight)"):
            new.load_state_dict(checkpoint.state_dict())
    for checkpoint in (old, new):
        with beside.refused(weights, match="only rules another now; load"):
            new.rule.load_state_dict(checkpoint.state_dict())
    after = new.state_dict()
    assert after["param_groups"] == before["param_groups"]
    settings = new.rule.state_dict()  # which has nothing else
    new.rule.load_state_dict(settings)
    with beside.refused(weights, match="only rules another now; load"):  # momenta may be missing
        new.rule.load_state_dict({**old.state_dict(), "state": {}})
    fresh = optimizer_of(kind, net())
    fresh.load_state_dict(settings)
    with beside.refused(weights, match="load that of the new optimizer"):
        kind.convert(fresh)
    old.load_state_dict(new.state_dict())
    with beside.refused(weights, match="group 0 is from a checkpoint of a run without decay"):
        kind.convert(old)
    with beside.refused(weights, match="converted before"):
        kind.convert(new.rule)
    with beside.refused(weights, match="is not torch.optim"):
        kind.convert(new)
    assert (rival.convert is stock_adam) == (kind.convert is without_weight_decay)


@pytest.mark.in_loop(SGD_TWIN, "DDP")
@pytest.mark.in_loop(ADAM_TWIN, "DDP")
def test_two_processes(beside, kind):
    """DistributedDataParallel, two processes of gloo."""
    expected, found, bare = in_two_processes()[kind.name]
    beside.gap(apart(found, expected), control=apart(bare, expected))


@pytest.mark.in_loop(SGD_TWIN, "compile")
@pytest.mark.in_loop(ADAM_TWIN, "compile")
def test_a_compiled_model(beside, kind):
    """torch.compile of the model, with the backend aot_eager."""

    def run(model, optimizer):
        return train(torch.compile(model, backend="aot_eager"), optimizer, HALF)

    expected, found = (run(*one) for one in pair(kind))
    beside.gap(apart(found, expected), control=apart(run(*without_decay(kind)), expected))


@pytest.mark.in_loop(SGD_TWIN, "evaluation mode")
@pytest.mark.in_loop(ADAM_TWIN, "evaluation mode")
def test_evaluation_with_statistics_collected_afresh(beside, kind):
    """After recollect(model, batches)."""

    def evaluated(model, afresh=True):
        if afresh:
            recollect(model, DATA)
        return model.eval()(DATA[0]).detach()

    (model, old), (other, new) = pair(kind)
    train(model, old)
    train(other, new)
    lagging = evaluated(deepcopy(other), afresh=False)
    expected = evaluated(model)
    beside.gap(apart(evaluated(other), expected), control=apart(lagging, expected))
