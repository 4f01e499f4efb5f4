"""Does the recorder write down what happened, in any loop, and leave the run as it is?"""

import copy
import math
import runpy
from itertools import pairwise

import pytest
import torch
from torch import nn

from snippets import run_recorder as snippet
from snippets.equilibrium import predict
from snippets.run_recorder import Recorder, Row, effective_rate, measure, settled

STEP = "norm-step-with-decay"
ROUNDING = 1e-12  # float64 carries 16 digits; sums of a hundred terms
VISIBLE = 1e-2  # a share, of which a step of SGD loses nothing on an invariant layer
SNIPPET = "snippets/run_recorder.py"
ETA, LAMBDA = 0.3, 0.2


class Last(nn.Module):
    """The last layer: one that sees no more than the direction of its weights, or one that does."""

    def __init__(self, invariant):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8))
        self.invariant = invariant

    def forward(self, x):
        return x @ (self.weight / self.weight.norm() if self.invariant else self.weight)


def model_of(invariant=True, dtype=torch.float64):
    torch.manual_seed(0)
    first = [nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8, affine=False, eps=1e-100), nn.Tanh()]
    return nn.Sequential(*first, Last(invariant)).to(dtype)


def batches(count, dtype=torch.float64):
    draw = torch.Generator().manual_seed(1)
    for _ in range(count):
        inputs = torch.randn(16, 6, generator=draw, dtype=torch.float64)
        yield inputs.to(dtype), (inputs[:, 0] * inputs[:, 1]).to(dtype)


def loss_of(model, batch):
    inputs, targets = batch
    return (model(inputs) - targets).square().mean()


def train(model, optimizer, steps=20, before=lambda t: None, closure=False):
    for t, batch in enumerate(batches(steps)):

        def loss(batch=batch):
            optimizer.zero_grad()
            value = loss_of(model, batch)
            value.backward()
            return value

        if not closure:
            loss()
        before(t)
        optimizer.step(loss if closure else None)
    return weights_of(model)


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def recorded(invariant=True, momentum=0.0):
    model = model_of(invariant)
    optimizer = torch.optim.SGD(model.parameters(), ETA, momentum, weight_decay=LAMBDA)
    recorder = Recorder(optimizer, model.named_parameters())
    train(model, optimizer)
    return recorder.rows


def strays_by_kind(rows):
    """How far rows are from ‖θ′‖² = a²‖θ‖² + η²‖∇L‖² and tan(angle) = Φ‖∇L(θ/‖θ‖)‖, as shares."""
    kept = 1 - ETA * LAMBDA
    for name in {row.weight for row in rows}:
        for row, after in pairwise([row for row in rows if row.weight == name]):
            square = kept**2 * row.norm**2 + ETA**2 * row.gradient**2
            turn = row.rate / kept * row.norm * row.gradient
            yield abs(after.norm**2 / square - 1), abs(math.tan(row.angle) / turn - 1)


def strays(rows):
    """The largest of them, or the largest cosine of weights and gradient."""
    return max(*map(max, strays_by_kind(rows)), *(abs(row.cosine) for row in rows))


@pytest.mark.claim(STEP, by="float64")
def test_each_recorded_step_of_sgd_obeys_pythagoras_and_turns_by_the_effective_step(
    measured,
):
    rows = recorded()
    assert len(rows) == 40
    measured(strays(rows), allowed=ROUNDING)


@pytest.mark.control(STEP, drops="scale-invariant-loss", instead="a last layer not normalised")
def test_control_the_rows_of_a_layer_whose_length_counts_do_not(measured):
    rows = [row for row in recorded(False) if row.weight == "3.weight"]
    for kind in zip(*strays_by_kind(rows), strict=True):  # neither the norms obey, nor the angles
        measured(max(kind), allowed=VISIBLE)


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "foreach": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, foreach=True),
    "AdamW": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    "fused": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, 0.01),
    "Adafactor": lambda p: torch.optim.Adafactor(p, 0.01),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("closure", [False, True])
def test_no_bit_of_a_run_is_changed_by_it(make, every, closure):
    plain, seen = model_of(), model_of()
    theirs, ours = make(plain.parameters()), make(seen.parameters())
    recorder = Recorder(ours, seen.named_parameters(), every)
    state = torch.get_rng_state()
    assert train(plain, theirs, closure=closure).equal(train(seen, ours, closure=closure))
    assert torch.get_rng_state().equal(state)
    for (_, old), (_, new) in zip(theirs.state.items(), ours.state.items(), strict=True):
        assert all(torch.equal(torch.as_tensor(old[k]), torch.as_tensor(new[k])) for k in old)
    assert [row.step for row in recorder.rows] == [s for s in range(0, 20, every) for _ in "ab"]
    assert {row.weight for row in recorder.rows} == {"0.weight", "3.weight"}


def test_control_a_hook_that_touches_the_weights_is_seen():
    plain, seen = model_of(), model_of()
    theirs, ours = (torch.optim.SGD(m.parameters(), 0.1) for m in (plain, seen))
    ours.register_step_post_hook(lambda *_: next(seen.parameters()).data.mul_(1 + 1e-15))
    assert not train(plain, theirs).equal(train(seen, ours))


def truth(before, after, gradient, rate):
    """‖θ‖, effective rate of SGD, angle, ‖∇L‖ and cosine, another way."""
    a, b, g = (x.double().flatten() for x in (before, after, gradient))
    off = b - (a @ b) / (a @ a) * a
    angle = torch.atan2(off.norm(), (a @ b) / a.norm())
    return a.norm(), rate / (a @ a), angle, g.norm(), a @ g / (a.norm() * g.norm())


def far(row, expected):
    """The largest difference of five numbers, as shares but for the cosine."""
    pairs = list(zip(row[2:7], expected, strict=True))
    shares = [abs(found / float(is_) - 1) for found, is_ in pairs[:4]]
    return max([*shares, abs(pairs[4][0] - float(pairs[4][1]))])


def test_what_is_written_is_what_another_way_to_compute_it_gives():
    model = model_of(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.02)
    recorder = Recorder(optimizer, [("last", model[3].weight)])
    olds, grads = [], []

    def keep(t):
        olds.append(model[3].weight.detach().clone())
        grads.append(model[3].weight.grad.clone())

    train(model, optimizer, before=keep)
    olds.append(model[3].weight.detach().clone())
    for t, row in enumerate(recorder.rows):
        assert row[:2] == (t, "last")
        assert far(row, truth(olds[t], olds[t + 1], grads[t], 0.1)) < ROUNDING
        unit = row.norm * row.gradient
        expected = predict(optimizer, model[3].weight, unit)
        assert row[7:] == pytest.approx(expected[:2], rel=1e-12)


# ---------------------------------------------------------------------------------------------
# Loops. What is held is the row of the last layer beside what is computed by hand from the weights
# before and after and the gradient of the step; the control is what one reads off instead.


def gaps(rows, expected):
    assert len(rows) == len(expected)
    return max(far(row, is_) for row, is_ in zip(rows, expected, strict=True))


@pytest.mark.in_loop(SNIPPET, "schedule")
def test_the_rate_is_that_of_the_step_and_not_of_the_next(beside):
    model = model_of(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.2, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    recorder = Recorder(optimizer, [("last", model[3].weight)])
    now, late = [], []
    for batch in batches(10):
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        old, rate = model[3].weight.detach().clone(), scheduler.get_last_lr()[0]
        optimizer.step()
        scheduler.step()
        seen = old, model[3].weight.detach().clone(), model[3].weight.grad.clone()
        now.append(truth(*seen, rate))
        late.append(truth(*seen, scheduler.get_last_lr()[0]))
    beside.gap(gaps(recorder.rows, now), control=gaps(recorder.rows, late))


@pytest.mark.in_loop(SNIPPET, "clipping")
def test_the_gradient_is_the_clipped_one(beside):
    """the gradient is the one after clipping"""
    model = model_of(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.2)
    recorder = Recorder(optimizer, [("last", model[3].weight)])
    clipped, plain = [], []
    for batch in batches(10):
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        old, whole = model[3].weight.detach().clone(), model[3].weight.grad.clone()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        new = model[3].weight.detach().clone()
        clipped.append(truth(old, new, model[3].weight.grad, 0.2))
        plain.append(truth(old, new, whole, 0.2))
    beside.gap(gaps(recorder.rows, clipped), control=gaps(recorder.rows, plain))


@pytest.mark.in_loop(SNIPPET, "accumulation")
def test_the_gradient_is_that_of_all_parts_of_a_batch(beside):
    """one row for each step, not for each part of a batch"""
    model = model_of(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.2)
    recorder = Recorder(optimizer, [("last", model[3].weight)])
    summed, last = [], []
    for t, batch in enumerate(batches(12)):
        part = torch.autograd.grad(loss_of(model, batch) / 3, model[3].weight)[0]
        (loss_of(model, batch) / 3).backward()
        if t % 3 == 2:
            old, whole = model[3].weight.detach().clone(), model[3].weight.grad.clone()
            optimizer.step()
            new = model[3].weight.detach().clone()
            summed.append(truth(old, new, whole, 0.2))
            last.append(truth(old, new, part, 0.2))
            optimizer.zero_grad()
    beside.gap(gaps(recorder.rows, summed), control=gaps(recorder.rows, last))


SCALED = pytest.mark.parametrize("fused", [False, True])


@SCALED
@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.in_loop(SNIPPET, "fp16")
def test_behind_a_gradient_scaler_the_gradient_is_unscaled_and_a_skipped_step_has_no_row(
    beside, fused, clipped
):
    """gradients are written down unscaled; a skipped step has no row"""
    model = model_of(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.2, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    recorder = Recorder(optimizer, [("last", model[3].weight)])
    unscaled, scaled = [], []
    for t, batch in enumerate(batches(8)):
        optimizer.zero_grad()
        scaler.scale(loss_of(model, batch)).backward()
        if t == 3:
            model[3].weight.grad[0] = math.inf
        old, whole, scale = (
            model[3].weight.detach().clone(),
            model[3].weight.grad.clone(),
            scaler.get_scale(),
        )
        if clipped:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        new = model[3].weight.detach().clone()
        if t == 3:
            assert new.equal(old)
            continue
        unscaled.append(truth(old, new, whole / scale, 0.2))
        scaled.append(truth(old, new, whole, 0.2))
    assert [row.step for row in recorder.rows] == [*range(7)]
    beside.gap(gaps(recorder.rows, unscaled), control=gaps(recorder.rows, scaled))


@pytest.mark.in_loop(SNIPPET, "AMP")
def test_in_bfloat16_autocast_the_weights_and_gradients_are_those_of_single_precision(beside):
    model = model_of(False, torch.float32)
    optimizer = torch.optim.SGD(model.parameters(), 0.2)
    recorder = Recorder(optimizer, [("last", model[3].weight)])
    ours, theirs = [], []
    for batch in batches(8, torch.float32):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            value = loss_of(model, batch)
        value.backward()
        old = model[3].weight.detach().clone()
        optimizer.step()
        seen = model[3].weight.detach().clone(), model[3].weight.grad, 0.2
        ours.append(truth(old, *seen))
        theirs.append(truth(old.bfloat16(), *seen))  # with the weights that autocast multiplies by
    # Sums of eight numbers in single precision, 6e-8 each; an angle of .01 has two digits less.
    beside.gap(gaps(recorder.rows, ours), control=gaps(recorder.rows, theirs), allowed=1e-4)


@pytest.mark.in_loop(SNIPPET, "checkpoint")
def test_a_new_recorder_goes_on_behind_a_checkpoint_with_what_the_old_one_would_have_seen(beside):
    """make a new one after loading; its steps begin at 0"""

    def make():
        model = model_of(False)
        optimizer = torch.optim.SGD(model.parameters(), 0.2, momentum=0.9)
        return model, optimizer, Recorder(optimizer, [("last", model[3].weight)])

    whole = make()
    train(*whole[:2], steps=20)
    ends = {}
    for load_state in (True, False):
        model, optimizer, recorder = make()
        data = list(batches(20))
        for t, batch in enumerate(data):
            if t == 10:
                kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
                model, optimizer, recorder = make()
                model.load_state_dict(kept[0])
                if load_state:
                    optimizer.load_state_dict(kept[1])
            optimizer.zero_grad()
            loss_of(model, batch).backward()
            optimizer.step()
        assert [row.step for row in recorder.rows] == [*range(10)]
        ends[load_state] = gaps(recorder.rows, [row[2:7] for row in whole[2].rows[10:]])
    beside.gap(ends[True], control=ends[False])


def test_a_copy_of_the_optimizer_is_not_recorded():
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = Recorder(optimizer, model.named_parameters())
    twin = copy.deepcopy(optimizer)
    for parameter in twin.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    twin.step()
    assert recorder.rows == []


def test_a_step_that_raises_leaves_nothing_behind_and_the_next_is_recorded():
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = Recorder(optimizer, model.named_parameters())

    def broken():
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        optimizer.step(broken)
    train(model, optimizer, steps=1)
    assert [row.step for row in recorder.rows] == [0, 0]


class Around(torch.optim.SGD):
    """A step with torch's own within it: both call the hooks."""

    def step(self, closure=None):
        return super().step(closure)


def test_a_step_within_a_step_is_one_step():
    torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1)  # makes torch hook the inner step, too
    model = model_of()
    optimizer = Around(model.parameters(), 0.1)
    recorder = Recorder(optimizer, model.named_parameters(), every=2)
    train(model, optimizer, steps=5)
    assert [row.step for row in recorder.rows] == [0, 0, 2, 2, 4, 4]


def test_a_weight_without_a_gradient_has_no_row_and_a_frozen_one_no_name():
    model = model_of()
    unused = nn.Parameter(torch.ones(2))
    model[0].weight.requires_grad = False
    optimizer = torch.optim.SGD([*model.parameters(), unused], 0.1)
    recorder = Recorder(optimizer, [*model.named_parameters(), ("unused", unused)])
    train(model, optimizer, steps=2)
    assert [(row.step, row.weight) for row in recorder.rows] == [(0, "3.weight"), (1, "3.weight")]


def test_a_recorder_that_is_removed_records_no_more_and_keeps_its_rows():
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = Recorder(optimizer, model.named_parameters())
    train(model, optimizer, steps=2)
    recorder.remove()
    train(model, optimizer, steps=2)
    assert len(recorder.rows) == 4


def test_each_group_has_its_rate_and_its_decay():
    one, two = (nn.Parameter(torch.full((4,), float(n))) for n in (1, 2))
    groups = [{"params": [one]}, {"params": [two], "lr": 0.2, "weight_decay": 0.3}]
    optimizer = torch.optim.AdamW(groups, torch.tensor(0.1), betas=(0.8, 0.9), weight_decay=0.4)
    recorder = Recorder(optimizer, [("one", one), ("two", two)])
    one.grad, two.grad = torch.ones(4), torch.ones(4)
    optimizer.step()
    first, second = recorder.rows
    assert (first.rate, second.rate) == pytest.approx((0.1 / 2, 0.2 / 4))
    assert first[7:] == pytest.approx(predict(optimizer, one)[:2])
    assert second[7:] == pytest.approx(predict(optimizer, two)[:2])


def test_half_precision_is_measured_in_single_and_sparse_gradients_are_too():
    a = torch.full((2000,), 300.0, dtype=torch.float16)  # its square is beyond the range of halves
    assert measure(a, a, a) == pytest.approx((300 * 2000**0.5, 0, 300 * 2000**0.5, 1), abs=1e-3)
    sparse = torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse()
    ones = torch.ones(2, 2)
    assert measure(ones, ones, sparse)[2:] == pytest.approx((2, 0.5))


def test_zero_weights_and_zero_gradients_have_no_direction():
    zero, one = torch.zeros(2), torch.tensor([3.0, 4.0])
    norm, angle, length, cosine = measure(zero, one, one)
    assert (norm, length) == (0, 5)
    assert math.isnan(angle)
    assert math.isnan(cosine)
    optimizer = torch.optim.SGD([one.requires_grad_()], 0.5)
    assert math.isnan(effective_rate(optimizer, 0.5, 0.0))


@pytest.mark.parametrize("size", [2, 7, 400])
@pytest.mark.parametrize("product", [1e-6, 1e-3, 0.3, 1.7])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
def test_what_is_settled_is_what_equilibrium_predicts(size, product, momentum):
    weight = nn.Parameter(torch.ones(size))
    sgd = torch.optim.SGD([weight], 0.2, momentum, weight_decay=product / 0.2)
    found = settled(sgd, sgd.param_groups[0], size, 3.0)
    # p and q there have lost what 1 − 1e-6 leaves of 16 digits.
    assert found == pytest.approx(predict(sgd, weight, 3.0)[:2], rel=1e-8)
    adamw = torch.optim.AdamW([weight], 0.2, betas=(momentum, 0.9), weight_decay=product / 0.2)
    found = settled(adamw, adamw.param_groups[0], size, math.nan)
    if product < 1:
        assert found == pytest.approx(predict(adamw, weight)[:2], rel=1e-8)


def test_where_there_is_no_formula_or_no_balance_it_says_nan():
    w = nn.Parameter(torch.ones(3))
    unknown = [
        torch.optim.SGD([w], 0.1, 0.9, weight_decay=0.1, nesterov=True),
        torch.optim.SGD([w], 0.1, 0.9, dampening=0.9, weight_decay=0.1),
        torch.optim.SGD([w], 0.1),
        torch.optim.SGD([w], 1.0, weight_decay=2.0),
        torch.optim.SGD([w], 0.1, momentum=1.0, weight_decay=0.1),
        torch.optim.AdamW([w], weight_decay=0.1, amsgrad=True),
        torch.optim.AdamW([w], weight_decay=0.0),
        torch.optim.AdamW([w], 1.0, weight_decay=1.1),
        Around([w], 0.1, weight_decay=0.1),  # nobody knows what a class of one's own does
        torch.optim.Adam([w], weight_decay=0.1),
        torch.optim.RMSprop([w], weight_decay=0.1),
    ]
    for optimizer in unknown:
        found = settled(optimizer, optimizer.param_groups[0], 3, 1.0)
        assert all(map(math.isnan, found))
    number = torch.optim.SGD([w], 0.1, weight_decay=0.1)
    assert all(map(math.isnan, settled(number, number.param_groups[0], 1, 1.0)))
    assert math.isnan(effective_rate(unknown[-1], 0.1, 2.0))
    assert effective_rate(unknown[-2], 0.1, 2.0) == effective_rate(unknown[5], 0.1, 2.0) == 0.05
    assert effective_rate(unknown[0], 0.1, 0.5) == 0.4
    assert effective_rate(unknown[0], 0.1, 2.0) == 0.025


def test_what_cannot_be_recorded_is_refused():
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    lbfgs = torch.optim.LBFGS(model.parameters())
    with pytest.raises(ValueError, match="takes many gradients"):
        Recorder(lbfgs, model.named_parameters())
    with pytest.raises(ValueError, match="does not train any weight that is named"):
        Recorder(optimizer, [])
    with pytest.raises(ValueError, match=r"does not train 0\.weight, 3\.weight: name the very"):
        Recorder(optimizer, model_of().named_parameters())
    for every in (0, -1):
        with pytest.raises(ValueError, match="a whole number of at least 1"):
            Recorder(optimizer, model.named_parameters(), every)
    assert not optimizer._optimizer_step_pre_hooks


def test_a_row_reads_by_its_names():
    assert Row._fields[:5] == ("step", "weight", "norm", "rate", "angle")


def test_what_is_no_named_weight_or_no_whole_number_is_refused():
    copied = runpy.run_path(snippet.__file__)["Recorder"]  # as copied, where no type is checked
    weight, wave = (nn.Parameter(torch.ones(2, dtype=d)) for d in (torch.float32, torch.cfloat))
    optimizer = torch.optim.SGD([weight, wave], 0.1)
    for named in ([weight], weight, [(weight, "w")]):
        with pytest.raises(ValueError, match="give pairs of a name and a parameter"):
            copied(optimizer, named)
    with pytest.raises(ValueError, match="complex weight has no angle"):
        copied(optimizer, [("wave", wave)])
    for every in (2.5, 0.5):
        with pytest.raises(ValueError, match="a whole number of at least 1"):
            copied(optimizer, [("w", weight)], every)
    copied(optimizer, [("w", weight)], 2).remove()
