"""Is TEXP, in each part of a training loop, what step decay with weight decay is in it?"""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD
from torch.optim.lr_scheduler import LinearLR, MultiStepLR, SequentialLR

from snippets.clipping_threshold import clip_grad_norm_of_twin
from snippets.running_statistics import recollect
from snippets.texp import TEXP
from tests.snippets.loops import (
    accumulating,
    compiled,
    distributed,
    in_mixed_precision,
    inputs,
    network,
    plainly,
)

FILE = "snippets/texp.py"
DECAYS = [0.05, 0.5]
# bfloat16 and float16 keep 8 and 11 bits, and the weights of the two runs are rounded otherwise. It
# is the weights that are compared, as a share of their length, after 8 steps.
BF16, FP16 = 5e-3, 2e-3


def start(kind, dtype=torch.float64):
    """A network, its optimizer and a scheduler: with decay, without it by TEXP, or just without."""
    net = network(dtype)
    decays = DECAYS if kind == "decay" else (0.0, 0.0)
    groups = [
        {"params": net[i].parameters(), "weight_decay": decay}
        for i, decay in zip((0, 3), decays, strict=True)
    ]
    optimizer = SGD(groups, lr=0.04, momentum=0.5)
    if kind == "texp":
        return net, optimizer, TEXP(optimizer, DECAYS, [5, 13])
    return net, optimizer, MultiStepLR(optimizer, [5, 13])


KINDS = ("decay", "texp", "bare")


def hold(beside, loop, **allowed):
    """Train in a loop with decay, by TEXP, and just without; their outputs are to agree."""
    runs = []
    for kind in KINDS:
        net, optimizer, scheduler = start(kind)
        runs.append(loop(net, optimizer, scheduler.step))
    beside.gap(apart(runs[1], runs[0]), control=apart(runs[2], runs[0]), **allowed)


def apart(one, other):
    return (one - other).abs().max()


def weights(net, optimizer):
    """The weights, as those of the run with decay."""
    return torch.cat(
        [
            group.get("twin", {"scale": 1.0})["scale"] * p.detach().double().flatten()
            for group in optimizer.param_groups
            for p in group["params"]
        ]
    )


@pytest.mark.in_loop(FILE, "schedule")
def test_its_own_milestones_are_exact_and_another_schedule_is_refused(beside):
    """its own milestones; any other schedule: without_weight_decay.py"""
    hold(beside, plainly)
    net, optimizer, scheduler = start("texp")
    composed = SequentialLR(optimizer, [LinearLR(optimizer), scheduler], [3])
    torch.nn.functional.cross_entropy(net(inputs), torch.ones(32).long()).backward()
    with beside.refused(net.parameters(), match="by another scheduler"):
        optimizer.step()
        composed.step()


@pytest.mark.in_loop(FILE, "clipping")
def test_it_is_clipped_as_torch_clips_the_run_with_decay(beside):
    """with clip_grad_norm_of_twin in place of clip_grad_norm_"""

    def clipped(clip):
        def loop(net, optimizer, after):
            optimizer.register_step_pre_hook(lambda *_: clip(net, optimizer))
            return plainly(net, optimizer, after)

        return loop

    def plain(net, optimizer):
        clip_grad_norm_(net.parameters(), 0.5)

    def of_twin(net, optimizer):
        clip_grad_norm_of_twin(optimizer, 0.5)

    runs = [
        loop(net, optimizer, scheduler.step)
        for kind, loop in [("decay", plain), ("texp", of_twin), ("texp", plain)]
        for net, optimizer, scheduler in [start(kind)]
        for loop in [clipped(loop)]
    ]
    beside.gap(apart(runs[1], runs[0]), control=apart(runs[2], runs[0]))


@pytest.mark.in_loop(FILE, "accumulation")
def test_gradients_may_be_accumulated(beside):
    hold(beside, accumulating)


@pytest.mark.in_loop(FILE, "compile")
def test_the_network_may_be_compiled(beside):
    hold(beside, compiled)


@pytest.mark.in_loop(FILE, "DDP")
def test_the_network_may_be_distributed(beside):
    """DistributedDataParallel, two processes of gloo"""
    hold(beside, distributed)


def hold_in_half_precision(beside, dtype, allowed):
    ends = []
    for kind in KINDS:
        net, optimizer, scheduler = start(kind, torch.float32)
        in_mixed_precision(dtype)(net, optimizer, scheduler.step)
        ends.append(weights(net, optimizer))
        if kind == "texp":
            assert (scheduler.taken == 8) is (dtype == torch.bfloat16)
            assert scheduler.taken > 3
    length = ends[0].norm()
    gap, control = ((end - ends[0]).norm() / length for end in ends[1:])
    beside.gap(gap, control=control, allowed=allowed)


@pytest.mark.in_loop(FILE, "AMP")
def test_the_forward_pass_may_be_in_bfloat16(beside):
    hold_in_half_precision(beside, torch.bfloat16, BF16)


@pytest.mark.in_loop(FILE, "fp16")
@pytest.mark.filterwarnings("ignore:Detected call of")  # torch's, as the first step is skipped
def test_the_forward_pass_may_be_in_float16_with_a_scaler_that_skips_steps(beside):
    """steps that GradScaler skips are not counted"""
    hold_in_half_precision(beside, torch.float16, FP16)


@pytest.mark.in_loop(FILE, "EMA")
def test_an_average_of_the_scaled_weights_is_that_of_the_run_with_decay(beside):
    """average twin["scale"] times the weights"""
    averages = []
    for kind in KINDS:
        net, optimizer, scheduler = start(kind)
        average = [weights(net, optimizer)]

        def after(net=net, optimizer=optimizer, scheduler=scheduler, average=average):
            average[0] = 0.9 * average[0] + 0.1 * weights(net, optimizer)
            scheduler.step()

        plainly(net, optimizer, after)
        averages.append(average[0])
    beside.gap(apart(averages[1], averages[0]), control=apart(averages[2], averages[0]))


@pytest.mark.in_loop(FILE, "checkpoint")
@pytest.mark.parametrize("order", [1, -1])
def test_a_run_goes_on_from_a_file_in_either_order(beside, order, tmp_path):
    """states of optimizer and scheduler, in either order; one alone is refused"""
    ends = []
    for kind in KINDS:
        run = start(kind)
        plainly(run[0], run[1], run[2].step, steps=7)
        torch.save([x.state_dict() for x in run], tmp_path / "run.pt")
        states = torch.load(tmp_path / "run.pt", weights_only=True)
        run = start(kind)
        for part, state in [*zip(run, states, strict=True)][::order]:
            part.load_state_dict(state)
        ends.append(plainly(run[0], run[1], run[2].step, steps=9))
    beside.gap(apart(ends[1], ends[0]), control=apart(ends[2], ends[0]))
    net, optimizer, _ = start("texp")
    optimizer.load_state_dict(states[1])
    net(inputs).sum().backward()
    with beside.refused(net.parameters(), match="the checkpoint of another run"):
        optimizer.step()


@pytest.mark.in_loop(FILE, "evaluation mode")
def test_after_fresh_statistics_the_network_evaluates_as_the_run_with_decay(beside):
    """after recollect (running_statistics.py)"""
    found = []
    for kind in ("decay", "texp", "texp"):
        net, optimizer, scheduler = start(kind)
        plainly(net, optimizer, scheduler.step)
        if len(found) < 2:
            recollect(net, inputs.split(8))
        found.append(net.eval()(inputs).detach())
    beside.gap(apart(found[1], found[0]), control=apart(found[2], found[0]))
