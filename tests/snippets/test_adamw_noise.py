"""Are AdamW's steps, and its weights, as long as the formulas say or shorter?"""

import itertools
import math
from fractions import Fraction

import pytest
import sympy
import torch

from snippets.adamw_noise import LAWS, draw, energy, shares, squared_norm
from tests.confidence import students_t

STEPS, NORM = "adamw-steps-are-never-longer-than-the-formula", "adamw-norm-stays-below-the-formula"
RUNS = 10_000
SURE = 0.9999
ERRORS = students_t(SURE, RUNS - 1)  # standard errors of a mean that chance alone keeps within
LONGER = Fraction(11, 10)  # a tenth above the formula: what is not sampled has no noise at all
VISIBLE = 1.05  # five per cent above the formula; each test asks for standard errors as well
ROUNDING = 1e-9  # of thousands of terms in float64
CLEAR = 0.02  # of a number that nothing but rounding touches


def found(law, second, momentum=0.5, kept=0.8, runs=RUNS):
    """m²/v and θ² over the formulas, long after the start: mean and standard error of each."""
    generator = torch.Generator().manual_seed(0)
    pair = shares(law, kept, momentum, second, 40, runs, generator)
    return [(s.mean().item(), s.std().item() / math.sqrt(runs)) for s in pair]


@pytest.fixture(scope="module")
def table():
    return {(law, second): found(law, second) for law in LAWS for second in (0.25, 0.5, 0.9)}


@pytest.mark.claim(STEPS, by="certificate of a step")
def test_exchanging_two_gradients_shows_that_the_recent_one_counts_less(measured):
    """The identity from which recent gradients count less, and the sum of squared weights."""
    x, y, z, later, earlier = sympy.symbols("X Y Z w_j w_k", positive=True)
    one, other = later * x + earlier * y + z, later * y + earlier * x + z
    shown = -(later - earlier) * (x - y) ** 2 / (one * other)  # not positive for w_j > w_k
    b = sympy.symbols("beta", positive=True)
    squares = (1 - b) ** 2 / (1 - b**2)  # the sum of the squares of (1 − β₁) β₁ᵏ
    rests = (x - y) * (1 / one - 1 / other) - shown, energy(b) - squares
    measured(sum(sympy.cancel(rest) != 0 for rest in rests), allowed=0)


def mean_share(values, momentum, second, count=4):
    """E m²/v over the formula after these many steps from zero, v corrected: all are enumerated."""
    correction = (1 - second**count) / (1 - momentum ** (2 * count))
    outcomes = list(itertools.product(values, repeat=count))
    return sum(last_share(n, momentum, second) for n in outcomes) * correction / len(outcomes)


@pytest.mark.claim(STEPS, by="exact")
@pytest.mark.parametrize("sizes", [(1, 3), (1, 30)])
def test_from_the_start_on_steps_are_as_long_as_the_formula_at_one_place_and_shorter_above(
    measured, sizes
):
    law = [Fraction(sign * size) for sign in (1, -1) for size in sizes]
    half = Fraction(1, 2)
    measured(abs(mean_share(law, half, half**2) - 1), allowed=0)
    for second in (Fraction(3, 10), half, Fraction(9, 10)):
        share = mean_share(law, half, second)
        measured(share, allowed=1)  # of the formula
        assert share < Fraction(99, 100)
    assert mean_share(law[::2], half, half) == 1  # of one size, v does not fluctuate


@pytest.mark.control(STEPS, drops="^order", instead="β₂ = 1/10 below β₁² = 1/4")
def test_control_a_second_moment_that_forgets_sooner_makes_longer_steps_exactly(measured):
    law = [Fraction(sign * size) for sign in (1, -1) for size in (1, 3)]
    measured(mean_share(law, Fraction(1, 2), Fraction(1, 10)), allowed=LONGER)


@pytest.mark.control(STEPS, drops="^symmetric", instead="a law of two positive values")
def test_control_two_sizes_of_one_sign_make_longer_steps_exactly(measured):
    law = [Fraction(1), Fraction(3)]
    # twice the formula, which is more than any law that is symmetric allows
    measured(mean_share(law, Fraction(1, 2), Fraction(1, 4)), allowed=2)


@pytest.mark.claim(STEPS, by="simulation")
@pytest.mark.parametrize("law", LAWS)
def test_steps_are_as_long_as_the_formula_at_one_place_and_shorter_above(measured, table, law):
    for second in (0.25, 0.5, 0.9):  # 0.25 is β₁²
        value, error = table[law, second][0]
        assert error < 0.02
        # of forty steps from zero the bound is the same: what is older weighs 2⁻⁴⁰ in m
        measured(value, allowed=1 + ERRORS * error, confidence=SURE)
        if second == 0.25 or law == "two values":
            measured(abs(value - 1), allowed=ERRORS * error, confidence=SURE)
        elif second == 0.5:
            assert value < 1 - ERRORS * error


@pytest.mark.control(STEPS, drops="^order", instead="β₂ = 0.1 below β₁² = 0.25")
def test_control_a_second_moment_that_forgets_sooner_makes_longer_steps(measured):
    for law in ("Gaussian", "Laplace"):
        value, error = found(law, 0.1)[0]
        assert value > 1 + 5 * error
        measured(value, allowed=LONGER)


def last_share(gradients, momentum, second):
    """m²/v over the formula after the last of these gradients."""
    m = v = 0
    for n in gradients:
        m = momentum * m + (1 - momentum) * n
        v = second * v + (1 - second) * n * n
    return m * m / v / energy(momentum)


@pytest.mark.control(
    STEPS, drops="^symmetric", instead="the sizes of Gaussian numbers, all positive"
)
def test_control_gradients_of_one_sign_make_longer_steps(measured):
    n = draw("Gaussian", RUNS * 50, torch.Generator().manual_seed(0)).abs().reshape(50, RUNS)
    # half as much again: ten thousand runs leave a noise of a hundredth
    measured(last_share(n, 0.5, 0.5).mean(), allowed=1.5)
    ones = [Fraction(1)] * 60
    assert last_share(ones, Fraction(1, 2), Fraction(1, 4)) > Fraction(299, 100)  # 3 is the limit


@pytest.mark.control(STEPS, drops="^same-law", instead="fair signs of ones, and of a thousand last")
def test_control_a_gradient_much_larger_than_those_before_makes_a_longer_step(measured):
    def mean_over_signs(sizes, momentum, second):
        """v does not see the signs, and in m² only the squares have a mean."""
        first = sum(((1 - momentum) * momentum**k * n) ** 2 for k, n in enumerate(sizes[::-1]))
        return first / sum((1 - second) * second**k * n**2 for k, n in enumerate(sizes[::-1]))

    few, betas = [Fraction(n) for n in (1, 1, 5)], (Fraction(1, 2), Fraction(99, 100))
    signed = [
        [a * b for a, b in zip(few, s, strict=True)] for s in itertools.product([1, -1], repeat=3)
    ]
    enumerated = sum(last_share(n, *betas) for n in signed) / 8 * energy(betas[0])
    assert mean_over_signs(few, *betas) == enumerated
    burst = [Fraction(1)] * 60 + [Fraction(1000)]
    share = mean_over_signs(burst, *betas) / energy(betas[0])
    assert share == pytest.approx(0.5**2 / 0.01 * 3, rel=0.02)
    measured(share, allowed=LONGER)


def likeness(sizes, momentum, lag, window=13):
    """E m_t m_{t+l}/√(v_t v_{t+l}) over the formula, and E√(v_t/v_{t+l}), at β₂ = β₁².

    All sequences of these equally likely sizes in the window are gone through; products of
    different gradients have the mean zero, by the signs.
    """
    squares = torch.cartesian_prod(*[torch.tensor(sizes).double() ** 2] * window)
    ages = torch.arange(window).double()  # of the gradients at t + l; the newest comes first
    old = torch.where(ages >= lag, ages - lag, math.inf)
    second = momentum**2
    roots = [((1 - second) * second**age * squares).sum(1).sqrt() for age in (old, ages)]
    both = (1 - momentum) ** 2 * momentum ** (old + ages)
    formula = energy(momentum) * momentum**lag
    products = (both * squares).sum(1) / (roots[0] * roots[1])
    return products.mean().item() / formula, (roots[0] / roots[1]).mean().item()


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_where_steps_are_as_long_as_the_formula_their_likeness_is_above_it(lag):
    # what the window leaves out weighs at most (1/4)⁹ in a v
    found, root = likeness((1.0, 3.0), 0.5, lag)
    assert found == pytest.approx(root, rel=ROUNDING)
    assert root > 1 + CLEAR
    assert likeness((1.0, 1.0), 0.5, lag)[0] == pytest.approx(1, rel=1e-5)  # of one size


@pytest.mark.control(NORM, drops="^order", instead="β₂ = β₁², where the norm is summed exactly")
def test_control_where_steps_are_as_long_as_the_formula_weights_are_longer(measured):
    kept, momentum = 0.8, 0.5
    powers = [kept**lag for lag in range(1, 10)]
    likenesses = [likeness((1.0, 3.0), momentum, lag)[0] for lag in range(1, 10)]
    formula = 1 + 2 * sum((kept * momentum) ** lag for lag in range(1, 60))
    assert formula == pytest.approx((1 + kept * momentum) / (1 - kept * momentum))
    more = 2 * sum(
        p * momentum**lag * (x - 1)
        for lag, (p, x) in enumerate(zip(powers, likenesses, strict=True), 1)
    )
    # later products would add something, too: no likeness is below the formula
    measured(1 + more / formula, allowed=VISIBLE)


@pytest.mark.claim(NORM, by="simulation")
@pytest.mark.parametrize("law", LAWS)
def test_no_law_of_ours_makes_longer_weights_from_one_momentum_on(measured, table, law):
    for second in (0.5, 0.9):  # 0.5 is β₁
        value, error = table[law, second][1]
        assert error < 0.02
        # forty steps from zero leave 0.8⁸⁰ of a norm that has settled
        measured(value, allowed=1 + ERRORS * error, confidence=SURE)


@pytest.mark.control(NORM, drops="^order", instead="β₂ = β₁², on four laws of the table")
def test_control_with_a_shorter_memory_the_weights_are_longer(measured, table):
    for law in ("Gaussian", "Laplace", "Student 3", "rare large"):
        value, error = table[law, 0.25][1]
        assert value > 1 + ERRORS * error
        measured(value, allowed=VISIBLE)


def gained(momentum, second, square, steps=400):
    """What one gradient of this square, among others of square 1, adds to the sum of n² h².

    h is how far a gradient reaches: the sum of its shares in all later steps, over √v. This is
    what rare gradients of another size do to the weights over the formula as 1 − ηλ tends to 1.
    """
    reach, total = 1.0, 0.0
    for k in reversed(range(steps)):
        root = math.sqrt(1 + (1 - second) * second**k * (square - 1))
        reach = (1 - momentum) / root + momentum * reach
        total += (square if k == 0 else 1) * reach**2 - 1
    for _ in range(steps):  # the gradients before it
        reach = 1 - momentum + momentum * reach
        total += reach**2 - 1
    return total


def threshold(momentum):
    return momentum * (1 + 2 * momentum) / (2 + momentum)


def test_for_small_fluctuations_and_slow_decay_the_threshold_is_the_one_of_the_note():
    b1, b2 = sympy.symbols("beta1 beta2", positive=True)
    squares = (1 - b2) / (1 + b2)
    double = energy(b1) * (1 + b1 * b2) / (1 - b1 * b2)  # of c_k c_l β₂^|k − l|
    cross = (1 - b1) * (1 - b2) / (1 - b1 * b2)
    slope = -cross + squares * (3 + double) / 4
    factors = 2 * (1 + b1) * (1 + b2) * (1 - b1 * b2)
    claimed = (1 - b2) * (b1 * (1 + 2 * b1) - b2 * (2 + b1)) / factors
    assert sympy.cancel(slope - claimed) == 0
    for momentum, second in [(0.5, 0.3), (0.5, 0.6), (0.9, 0.85)]:
        # the part of second order: those of first order cancel in a sum of both signs
        both = gained(momentum, second, 1 + 1e-3) + gained(momentum, second, 1 - 1e-3)
        expected = 2e-6 * claimed.subs({b1: momentum, b2: second})
        assert both == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.control(
    NORM,
    drops="^order",
    instead="β₂ just below β₁(1 + 2β₁)/(2 + β₁), on rare gradients of another size",
)
@pytest.mark.parametrize("momentum", [0.2, 0.5, 0.9])
def test_control_below_a_threshold_even_small_fluctuations_make_longer_weights(measured, momentum):
    assert momentum**2 < threshold(momentum) < momentum
    for square in (0.99, 1.01):
        assert gained(momentum, threshold(momentum) + 0.02, square) < -100 * ROUNDING
        more = gained(momentum, threshold(momentum) - 0.02, square)
        measured(max(more, 0), allowed=100 * ROUNDING)


@pytest.mark.claim(NORM, by="search")
@pytest.mark.parametrize("momentum", [0.05, 0.5, 0.9, 0.95])
def test_no_rare_gradient_of_another_size_makes_longer_weights_from_one_momentum_on(
    measured, momentum
):
    for second in (momentum, (1 + momentum) / 2):
        for power in range(-20, 41):
            more = gained(momentum, second, 2.0**power, 1000)
            measured(max(more, 0), allowed=ROUNDING, among=1)


def test_the_formulas():
    assert energy(0.9) == pytest.approx(0.1 / 1.9)
    assert squared_norm(Fraction(4, 5), Fraction(1, 2)) == Fraction(1, 3) * Fraction(7, 5) / (
        Fraction(9, 25) * Fraction(3, 5)
    )


def test_shares_are_those_of_adam_with_its_correction():
    m = v = theta = torch.zeros(7, dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    for t in range(1, 5):
        n = draw("Laplace", 7, generator)
        m = 0.6 * m + 0.4 * n
        v = 0.7 * v + 0.3 * n**2
        settled = v / (1 - 0.7**t)
        theta = 0.9 * theta - m / settled.sqrt()
    step, norm = shares("Laplace", 0.9, 0.6, 0.7, 4, 7, torch.Generator().manual_seed(3))
    assert torch.allclose(step, m**2 / settled / energy(0.6))
    assert torch.allclose(norm, theta**2 / squared_norm(0.9, 0.6))


def test_laws_are_symmetric_and_what_they_are_called():
    lengths = {"two values": 1, "uniform": 1 / 2, "Gaussian": math.sqrt(2 / math.pi)}
    lengths |= {"Laplace": 1, "Student 3": 2 * math.sqrt(3) / math.pi, "rare large": 3.9}
    assert set(lengths) == set(LAWS)
    for law, length in lengths.items():
        n = draw(law, 200_000, torch.Generator().manual_seed(0))
        size = n.abs()
        assert n.dtype == torch.float64
        assert n.shape == (200_000,)
        assert n.mean().abs() < 5 * n.std() / math.sqrt(len(n))
        assert abs(n.sign().mean()) < 0.012
        assert abs(size.mean() - length) <= 5 * size.std() / math.sqrt(len(n))
        assert size.min() > 0
        halves = n[n > 0].median().item(), -n[n < 0].median().item()
        assert halves[0] == pytest.approx(halves[1], rel=0.03)
    uniform, rare, two = (
        draw(law, 10_000, torch.Generator().manual_seed(0))
        for law in ("uniform", "rare large", "two values")
    )
    assert 0.999 < uniform.abs().max() <= 1
    assert uniform.abs().min() < 0.001
    assert rare.abs().unique().tolist() == [1, 30]
    assert two.unique().tolist() == [-1, 1]
    with pytest.raises(ValueError, match="no law is named 'Cauchy'; there are: two values, uni"):
        draw("Cauchy", 3, torch.Generator())
