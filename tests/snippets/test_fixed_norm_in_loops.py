"""Are weights whose norm is set the run whose weights grow, in each part of a training loop?

The run beside it has no norm set, and follows the weights' squared length with its rate
(projection-fixes-the-effective-rate). The careless one leaves its rate as it is.
"""

from copy import deepcopy

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import ExponentialLR

from snippets.fixed_norm import norms, set_norms_
from tests.snippets.loops import (
    accumulating,
    compiled,
    distributed,
    loss,
    network,
    plainly,
)

FILE = "snippets/fixed_norm.py"
HELD, GROWS, CARELESS = "held", "grows", "careless"
RATE, FALL = 0.05, 0.97  # from 0.07 on training amplifies what rounds at 1e-16


class Run:
    def __init__(self, kind, fall=1.0):
        self.kind, self.fall, self.taken = kind, fall, 0
        self.net = network()
        self.weights = [layer.weight for layer in (self.net[0], self.net[3])]
        self.optimizer = SGD([{"params": [w]} for w in self.weights], lr=RATE)
        self.radii = norms(self.weights)
        if kind == GROWS:
            self.optimizer.register_step_pre_hook(self.follow)

    def follow(self, *_):
        for group, weight, radius in zip(
            self.optimizer.param_groups, self.weights, self.radii, strict=True
        ):
            length = weight.detach().norm().item() / radius
            group["lr"] = RATE * self.fall**self.taken * length**2

    def after(self):
        self.taken += 1
        if self.kind == HELD:
            set_norms_(self.weights, self.radii)


def apart(one, other):
    return (one - other).abs().max()


def hold(beside, found):
    grows, held, careless = map(found, (GROWS, HELD, CARELESS))
    beside.gap(apart(held, grows), control=apart(careless, grows))


def in_loop(loop):
    def found(kind):
        run = Run(kind)
        return loop(run.net, run.optimizer, run.after)

    return found


@pytest.mark.in_loop(FILE, "accumulation")
def test_after_the_step_that_follows_two_halves_of_a_batch(beside):
    """after the step, not after each half"""
    hold(beside, in_loop(accumulating))


@pytest.mark.in_loop(FILE, "compile")
def test_the_network_may_be_compiled(beside):
    hold(beside, in_loop(compiled))


@pytest.mark.in_loop(FILE, "DDP")
def test_the_network_may_be_distributed(beside):
    """in all processes; two were run"""
    hold(beside, in_loop(distributed))


@pytest.mark.in_loop(FILE, "schedule")
def test_a_scheduler_sets_the_rate_at_this_norm(beside):
    """the schedule is one of the effective rate"""

    def found(kind):
        run = Run(kind, FALL)
        scheduler = None if kind == GROWS else ExponentialLR(run.optimizer, FALL)

        def after():
            run.after()
            if scheduler:
                scheduler.step()

        return plainly(run.net, run.optimizer, after)

    hold(beside, found)


@pytest.mark.in_loop(FILE, "checkpoint")
def test_a_run_goes_on_from_its_checkpoint_with_the_radii_in_it(beside):
    """with the radii in it"""

    def found(kind):
        run = Run(kind)
        first = plainly(run.net, run.optimizer, run.after, steps=10)
        saved = deepcopy([run.net.state_dict(), run.optimizer.state_dict(), run.radii])
        other = Run(kind)
        other.net.load_state_dict(saved[0])
        other.optimizer.load_state_dict(saved[1])
        other.radii, other.taken = saved[2], run.taken
        second = plainly(other.net, other.optimizer, other.after, steps=10)
        return torch.cat([first, second])

    hold(beside, found)


def test_a_step_that_left_the_range_is_refused():
    run = Run(HELD)
    loss(run.net).backward()
    run.weights[1].grad.fill_(float("inf"))
    run.optimizer.step()  # a GradScaler would have skipped it
    with pytest.raises(ValueError, match="tensor 1 has the norm"):
        run.after()
