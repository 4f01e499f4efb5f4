"""Does a run that is renormalised go on bit for bit, in each part of a training loop?"""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD
from torch.optim.lr_scheduler import ExponentialLR

from snippets.renormalise import carry_eps, renormalise
from tests.snippets.loops import (
    accumulating,
    compiled,
    distributed,
    in_mixed_precision,
    inputs,
    network,
    plainly,
)

FILE = "snippets/renormalise.py"
PLAIN, DIVIDED, CARELESS = "plain", "divided", "careless"
EPS = 1e-2  # one that is noticed where it is forgotten
CLIPPED = 1e-4  # of outputs of size one: torch adds 1e-6 to a norm of a quarter, in 20 steps


class Run:
    """A run of which, after each third step, one group is divided by 4 and the other times 2."""

    def __init__(self, kind, dtype=torch.float64):
        self.kind, self.taken, self.shift = kind, 0, 0
        self.net = network(dtype, EPS)
        self.groups = [self.net[0], self.net[3]]
        groups = [{"params": layer.parameters()} for layer in self.groups]
        self.optimizer = SGD(groups, lr=0.04, momentum=0.5, weight_decay=0.05)

    def after(self):
        self.taken += 1
        if self.kind == PLAIN or self.taken % 3:
            return
        if self.kind == DIVIDED:
            renormalise(self.optimizer, [[self.net[1]], [self.net[4]]], [2, -1])
        else:  # the obvious thing: weights and rates alone
            for group, k in zip(self.optimizer.param_groups, (2, -1), strict=True):
                group["lr"] *= 4.0**-k
                for parameter in group["params"]:
                    parameter.data *= 2.0**-k

    def powers(self):
        times = self.taken // 3 if self.kind != PLAIN else 0
        return 4.0**times, 2.0**-times

    def weights(self):
        """The weights of the run that is not divided."""
        pairs = zip(self.groups, self.powers(), strict=True)
        return torch.cat([power * x.weight.detach().double().flatten() for x, power in pairs])


def apart(one, other):
    return (one - other).abs().max()


def hold(beside, found):
    """What is found for the runs is to be the same, but for the careless one."""
    plain, divided, careless = map(found, (PLAIN, DIVIDED, CARELESS))
    beside.gap(apart(divided, plain), control=apart(careless, plain), allowed=0)


def in_loop(loop, dtype=torch.float64):
    def found(kind):
        run = Run(kind, dtype)
        return loop(run.net, run.optimizer, run.after)

    return found


@pytest.mark.in_loop(FILE, "accumulation")
def test_between_two_halves_of_a_batch(beside):
    """between the halves, too"""

    def found(kind):
        run = Run(kind)
        outputs = accumulating(run.net, run.optimizer, run.after)
        run.optimizer.zero_grad()
        for half in (inputs[:16], inputs[16:]):
            run.net(half)[:, 0].square().sum().backward()
            run.taken += 2 - run.taken % 3  # the third
            run.after()
        run.optimizer.step()
        return torch.cat([outputs.flatten(), run.weights()])

    hold(beside, found)


@pytest.mark.in_loop(FILE, "compile")
def test_the_network_may_be_compiled(beside):
    hold(beside, in_loop(compiled))


@pytest.mark.in_loop(FILE, "DDP")
def test_the_network_may_be_distributed(beside):
    """with the same exponents in all processes; two were run"""
    hold(beside, in_loop(distributed))


@pytest.mark.in_loop(FILE, "AMP")
def test_the_forward_pass_may_be_in_bfloat16(beside):
    hold(beside, in_loop(in_mixed_precision(torch.bfloat16), torch.float32))


@pytest.mark.in_loop(FILE, "fp16")
def test_the_forward_pass_may_be_in_float16_as_long_as_nothing_leaves_its_range(beside):
    """as long as no weight or gradient leaves its range"""
    hold(beside, in_loop(in_mixed_precision(torch.float16, 2.0**8), torch.float32))


@pytest.mark.in_loop(FILE, "schedule")
def test_a_rate_that_a_scheduler_sets_is_refused(beside):
    """multiply lr in the loop; or let without_weight_decay.py follow a scheduler"""
    run = Run(DIVIDED)
    scheduler = ExponentialLR(run.optimizer, 1.01)
    plainly(run.net, run.optimizer, scheduler.step, steps=2)
    with beside.refused(run.net.parameters(), match="its rate is set by a scheduler"):
        renormalise(run.optimizer, [[run.net[1]], [run.net[4]]], [2, -1])


@pytest.mark.in_loop(FILE, "clipping")
def test_each_group_is_clipped_at_its_own_power_times_the_threshold(beside):
    """each group by itself, at its 2ᵏ times the threshold"""

    def found(kind):
        run = Run(kind)

        def clip(*_):
            powers = run.powers() if kind == DIVIDED else (1.0, 1.0)
            for layer, power in zip(run.groups, powers, strict=True):
                clip_grad_norm_(layer.parameters(), 0.25 * power, foreach=False)

        run.optimizer.register_step_pre_hook(clip)
        return plainly(run.net, run.optimizer, run.after)

    plain, divided, careless = map(found, (PLAIN, DIVIDED, CARELESS))
    beside.gap(apart(divided, plain), control=apart(careless, plain), allowed=CLIPPED)


@pytest.mark.in_loop(FILE, "EMA")
def test_an_average_of_the_weights_takes_the_powers_along(beside):
    """average 2ᵏ times the weights"""

    def found(kind):
        run = Run(kind)
        average = [run.weights()]

        def after():
            run.after()
            average[0] = 0.9 * average[0] + 0.1 * run.weights()

        plainly(run.net, run.optimizer, after)
        return average[0]

    hold(beside, found)


@pytest.mark.in_loop(FILE, "checkpoint")
def test_a_run_goes_on_from_a_file(beside, tmp_path):
    """call carry_eps on a model that is built anew, which else refuses"""

    def found(kind):
        run = Run(kind)
        plainly(run.net, run.optimizer, run.after, steps=7)
        torch.save([x.state_dict() for x in (run.net, run.optimizer)], tmp_path / "run.pt")
        states = torch.load(tmp_path / "run.pt", weights_only=True)
        fresh = Run(kind)
        fresh.taken = run.taken
        if kind == DIVIDED:
            carry_eps([fresh.net[1], fresh.net[4]])
        fresh.net.load_state_dict(states[0])
        fresh.optimizer.load_state_dict(states[1])
        return plainly(fresh.net, fresh.optimizer, fresh.after, steps=8)

    hold(beside, found)
    run, fresh = Run(DIVIDED), Run(DIVIDED)
    plainly(run.net, run.optimizer, run.after, steps=4)
    with beside.refused(fresh.net.parameters(), match="renormalise_exponent"):
        fresh.net.load_state_dict(run.net.state_dict(), assign=True)


@pytest.mark.in_loop(FILE, "evaluation mode")
def test_running_statistics_go_along(beside):
    def found(kind):
        run = Run(kind)
        plainly(run.net, run.optimizer, run.after)
        return run.net.eval()(inputs).detach()

    hold(beside, found)
