"""Has each block of weights a run without decay at the rates of its own scalar?"""

from fractions import Fraction
from random import Random

import numpy as np
import pytest
import torch

from snippets.block_twin import block_gradients, decay_free, descend

LEMMA, TWIN = "each-block-obeys-the-lemma", "each-block-has-its-own-twin"
STEPS = 4
VISIBLE = Fraction(1, 1000)  # of numbers of size one, most of them fractions and never rounded
CLEAR = Fraction(1, 100)  # ten times that
ROUNDING = 1e-11  # some hundred roundings, in dynamics that are stable


def rational(random, *shape):
    numbers = [Fraction(random.randint(-9, 9), random.randint(1, 5)) for _ in range(6)]
    return np.array(numbers[: int(np.prod(shape))]).reshape(shape)


class Problem:
    """Random rational losses of two blocks x and y, one for each step, and random schedules."""

    def __init__(self, seed):
        random = Random(seed)
        self.mixers = [rational(random, 3, 2) for _ in range(STEPS)]
        self.start = [
            np.array([Fraction(3), Fraction(-1), Fraction(2)]),
            np.array([Fraction(1), Fraction(2)]),
        ]
        self.running = [rational(random, 3), rational(random, 2)]
        self.schedules = [
            [
                (
                    Fraction(random.randint(1, 9), 20),
                    Fraction(random.randint(1, 5), 10 * (i + 1)),
                    Fraction(random.randint(0, 9), 10),
                )
                for _ in range(STEPS)
            ]
            for i in (0, 1)
        ]

    def block_wise(self, t, blocks):
        """The gradients of (xᵀAₜy)² / (xᵀx · yᵀy), invariant in x and in y."""
        x, y = blocks
        image, back = self.mixers[t] @ y, x @ self.mixers[t]
        value, xx, yy = x @ image, x @ x, y @ y
        loss = value**2 / (xx * yy)
        return [
            2 * value * image / (xx * yy) - 2 * loss * x / xx,
            2 * value * back / (xx * yy) - 2 * loss * y / yy,
        ]

    def common(self, t, blocks):
        """Those of xᵀAₜy / (xᵀx + yᵀy), which only a common factor leaves alone."""
        x, y = blocks
        whole = x @ x + y @ y
        loss = x @ self.mixers[t] @ y / whole
        return [
            (self.mixers[t] @ y - 2 * loss * x) / whole,
            (x @ self.mixers[t] - 2 * loss * y) / whole,
        ]

    def half(self, t, blocks):
        """Those of (xᵀAₜy)² / xᵀx, invariant in x and not in y."""
        x, y = blocks
        image, back = self.mixers[t] @ y, x @ self.mixers[t]
        value, xx = x @ image, x @ x
        return [2 * value * image / xx - 2 * value**2 * x / xx**2, 2 * value * back / xx]


@pytest.fixture(params=range(4), ids="seed={}".format)
def problem(request):
    return Problem(request.param)


buffered = pytest.mark.parametrize("running", [False, True], ids=["zero", "running"])


def gaps(problem, gradients, running, twins=None, schedules=None):
    """How far cᵢφᵢ is from θᵢ, at worst, for each block."""
    schedules = schedules or problem.schedules
    scalars, rates = zip(*map(decay_free, schedules), strict=True)
    buffers = problem.running if running else [0 * block for block in problem.start]
    theta = descend(gradients, problem.start, buffers, schedules)
    phi = descend(gradients, problem.start, buffers, twins or rates)
    assert len(theta) == len(phi) == STEPS + 1
    return [
        max(abs(scalars[i][t] * phi[t][i] - theta[t][i]).max() for t in range(STEPS + 1))
        for i in (0, 1)
    ]


@pytest.mark.claim(LEMMA, by="exact")
def test_in_each_block_the_gradient_is_orthogonal_and_falls_with_that_length_only(
    measured, problem
):
    x, y = problem.start
    for t in range(STEPS):
        slopes = problem.block_wise(t, [x, y])
        measured(max(abs(slopes[0] @ x), abs(slopes[1] @ y)), allowed=0)
        longer = problem.block_wise(t, [2 * x, 3 * y])
        measured(abs(2 * longer[0] - slopes[0]).max(), allowed=0)
        measured(abs(3 * longer[1] - slopes[1]).max(), allowed=0)


@pytest.mark.control(
    LEMMA,
    drops="block-scale-invariant-loss",
    instead="a loss that is invariant under a common factor only",
)
def test_control_under_a_common_factor_one_block_pays_for_the_other(measured, problem):
    x, y = problem.start
    shares = []
    for t in range(STEPS):
        one, two = problem.common(t, [x, y])
        assert one @ x == -(two @ y)
        shares.append(abs(one @ x))
    measured(max(shares), allowed=5 * CLEAR)


@pytest.mark.claim(TWIN, by="exact")
@buffered
def test_in_rational_numbers_every_block_agrees_with_its_twin(measured, problem, running):
    measured(max(gaps(problem, problem.block_wise, running)), allowed=0)
    scalars = [decay_free(schedule)[0] for schedule in problem.schedules]
    assert abs(scalars[0][-1] - scalars[1][-1]) > Fraction(1, 100)


@pytest.mark.claim(TWIN, by="exact")
@buffered
def test_a_block_that_is_not_invariant_may_come_along_if_it_is_not_decayed(
    measured, problem, running
):
    one, two = problem.schedules
    free = [(rate / 20, 0, momentum) for rate, _, momentum in two]
    measured(max(gaps(problem, problem.half, running, schedules=[one, free])), allowed=0)


@pytest.mark.control(
    TWIN,
    drops="block-scale-invariant-loss",
    instead="a loss that is invariant under a common factor only",
)
@buffered
def test_control_under_a_common_factor_only_the_runs_part(measured, problem, running):
    measured(max(gaps(problem, problem.common, running)), allowed=VISIBLE)
    # with one schedule for both they do not
    same = [problem.schedules[0]] * 2
    assert gaps(problem, problem.common, running, schedules=same) == [0, 0]


@pytest.mark.control(
    TWIN,
    drops="block-scale-invariant-loss",
    instead="a loss that sees the length of one block, which decays",
)
@buffered
def test_control_a_decayed_block_that_is_not_invariant_parts_the_runs(measured, problem, running):
    one, two = problem.schedules
    slow = [(rate / 20, decay, momentum) for rate, decay, momentum in two]
    measured(max(gaps(problem, problem.half, running, schedules=[one, slow])), allowed=VISIBLE)


@pytest.mark.control(TWIN, drops="^own-rates", instead="each block at the other's rates")
@buffered
def test_control_the_rates_of_the_other_block_do_not_fit(measured, problem, running):
    one, two = (decay_free(schedule)[1] for schedule in problem.schedules)
    swapped = [
        [(rate, 0, momentum) for (rate, _, _), (_, _, momentum) in zip(a, b, strict=True)]
        for a, b in [(two, one), (one, two)]
    ]
    measured(min(gaps(problem, problem.block_wise, running, twins=swapped)), allowed=CLEAR)


@pytest.mark.control(
    TWIN,
    drops="^positive-scalars",
    instead="a block whose scalar turns negative, on a loss that is not even",
)
def test_control_one_block_whose_scalar_turns_negative_parts_both(measured):
    def loss(one, two):
        return (1 + one[0] / one.norm()) * (2 + two[0] / two.norm())

    start = [torch.tensor([0.9, -0.3], dtype=torch.float64), torch.ones(2, dtype=torch.float64)]
    schedules = [[(0.5, 3.0, 0.0)] * 3, [(0.1, 0.1, 0.0)] * 3]  # the first scalar is halved, < 0

    def run(settings):
        slopes = lambda t, blocks: block_gradients(loss, blocks)  # noqa: E731
        return descend(slopes, start, [0 * block for block in start], settings)

    # followed through zero, as nobody should
    scalars = [[(1 - 0.5 * 3.0) ** t for t in range(4)], [0.99**t for t in range(4)]]
    twins = [
        [(rate / (c[t] * c[t + 1]), 0.0, 0.0) for t, (rate, _, _) in enumerate(schedule)]
        for schedule, c in zip(schedules, scalars, strict=True)
    ]
    theta, phi = run(schedules), run(twins)
    apart = [(scalars[i][3] * phi[3][i] - theta[3][i]).norm() for i in (0, 1)]
    measured(min(apart), allowed=VISIBLE)
    with pytest.raises(ValueError, match=r"step 0 takes a block's scalar to -0\.5: use less"):
        decay_free(schedules[0])


@pytest.mark.claim(TWIN, by="float64")
def test_parameter_groups_of_torch_agree_with_the_twin(measured):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 32, 6, generator=generator, dtype=torch.float64)
    start = list(torch.randn(2, 6, generator=generator, dtype=torch.float64))
    schedules = [
        [(0.1 + 0.1 * (t % 3), 0.01 * (t % 2), 0.8) for t in range(200)],
        # torch leaves the buffer alone where the momentum is 0, so there is none such here
        [(0.05, 0.05, 0.1 * (1 + t % 4)) for t in range(200)],
    ]
    scalars, twins = zip(*map(decay_free, schedules), strict=True)

    def train(settings):
        blocks = [torch.nn.Parameter(block.clone()) for block in start]
        groups = [{"params": [block]} for block in blocks]
        optimizer = torch.optim.SGD(groups, lr=0.0, momentum=0.5)
        for t, steps in enumerate(zip(*settings, strict=True)):
            for group, (rate, decay, momentum) in zip(optimizer.param_groups, steps, strict=True):
                group.update(lr=rate, weight_decay=decay, momentum=momentum)
            optimizer.zero_grad()
            batch = inputs[t % 3]
            outputs = [batch @ block / block.norm() for block in blocks]
            (outputs[0] * outputs[1] - batch[:, 0]).square().mean().backward()
            optimizer.step()
        return [block.detach() for block in blocks]

    theta, phi = train(schedules), train(twins)
    for i in (0, 1):
        gap = (scalars[i][-1] * phi[i] - theta[i]).norm() / theta[i].norm()
        measured(gap, allowed=ROUNDING)
    assert scalars[0][-1] < 0.9 > scalars[1][-1] + 0.1


# ---------------------------------------------------------------------------------------------
# The functions themselves.


def test_the_schedule_without_decay_is_that_of_the_scalar():
    half, fifth = Fraction(1, 2), Fraction(1, 5)
    scalars, twin = decay_free([(half, fifth, half)] * 2)
    # d₀ = 1/5, c₁ = 9/10, d₁ = 1/10 + 9/50 = 7/25, c₂ = 9/10 − 7/50
    assert scalars == [1, Fraction(9, 10), Fraction(19, 25)]
    rates = [Fraction(5, 9), half / Fraction(9, 10) / Fraction(19, 25)]
    assert twin == [(rates[0], 0, half), (rates[1], 0, half)]
    assert decay_free([]) == ([1], [])


def test_a_scalar_of_zero_is_refused_and_a_small_one_is_not():
    assert decay_free([(1, Fraction(9, 10), 0)])[0][-1] == Fraction(1, 10)
    with pytest.raises(ValueError, match="step 1 takes a block's scalar to 0: use less"):
        decay_free([(1, 0, 0), (1, 1, 0)])


def test_a_step_is_that_of_the_optimizer_in_each_block():
    path = descend(
        lambda t, blocks: [5, 7 * t], [3, 2], [11, 13], [[(1, 2, 3)] * 2, [(0, 1, 1)] * 2]
    )
    # 3 − (3·11 + 5 + 2·3), then −41 − (3·44 + 5 − 2·41)
    assert path == [[3, 2], [-41, 2], [-96, 2]]


def test_descend_wants_a_schedule_for_each_block_and_a_step_in_each():
    def slopes(t, blocks):
        return [0, 0]

    with pytest.raises(ValueError, match="shorter"):
        descend(slopes, [1, 1], [0, 0], [[(1, 0, 0)]])
    with pytest.raises(ValueError, match="shorter"):
        descend(slopes, [1, 1], [0, 0], [[(1, 0, 0)], []])
