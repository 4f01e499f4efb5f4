"""Does Adam's memory point outwards, on noise that is isotropic?"""

import itertools

import pytest
import sympy
import torch

from snippets.adam_memory import memory_along_weights, standard_scores, tangent_noise
from tests.confidence import students_t

NAME = "adams-memory-lengthens-the-weights"
START = torch.tensor([0.6, 0.64, 0.48], dtype=torch.float64)
CHAINS, SURE = 8000, 0.9999
ROUNDING = 1e-9  # of a mean of some outcomes in float64, of which nearly all may cancel
VISIBLE = 0.01  # of weights and updates of size one; nothing is sampled


@pytest.mark.claim(NAME, by="simulation")
@pytest.mark.parametrize(("rate", "betas"), [(0.1, (0.9, 0.99)), (0.5, (0.5, 0.5))])
def test_the_mean_is_below_zero_at_every_step(measured, rate, betas):
    samples = memory_along_weights(tangent_noise, START, rate, betas, 10, CHAINS, 0)
    assert samples.shape == (10, CHAINS)
    assert not samples[0].any()
    scores = standard_scores(samples)[1:]
    by_chance = students_t(SURE, CHAINS - 1)
    for score in scores:
        # by more standard errors than these a mean below zero is hardly ever seen above it
        measured(max(score, 0), allowed=by_chance, confidence=SURE)
    assert scores.max() < -by_chance  # and a mean above zero was not seen below it by chance


@pytest.mark.claim(NAME, by="search")
def test_no_start_rate_or_betas_are_found_where_the_mean_is_above_zero(measured):
    generator = torch.Generator().manual_seed(7)

    def between(low, high):
        return low + (high - low) * torch.rand((), generator=generator).item()

    for tried in range(40):
        start = torch.randn(2 + tried % 19, generator=generator, dtype=torch.float64)
        start[1:] *= 0.01 if tried % 4 == 0 else 1  # nearly along an axis
        second = between(0.05, 0.99)
        betas, rate = (between(0.05, 0.98) * second**0.5, second), 10 ** between(-2, 0.5)
        samples = memory_along_weights(
            tangent_noise, start / start.norm(), rate, betas, 8, 4000, tried
        )
        highest = standard_scores(samples)[1:].max()
        # a mean of zero is above it by four standard errors in one of thirty thousand cases
        measured(max(highest, 0), allowed=4, among=1)
        assert highest < -4  # as the note says


def plane_mean(strength, memory=0.6):
    """E⟨u₁, θ₁⟩ of the memory, over the four outcomes of two fair signs: nothing is sampled."""
    signs = torch.tensor(list(itertools.product([1.0, -1.0], repeat=2)), dtype=torch.float64)
    columns = iter(signs.T)

    def noise(weights, generator):
        tangent = torch.stack([-weights[:, 1], weights[:, 0]], 1)
        size = next(columns) * strength(weights) / weights.square().sum(1)
        return size[:, None] * tangent

    start = torch.tensor([0.8, 0.6], dtype=torch.float64)
    return memory_along_weights(noise, start, 0.05, (memory, 0.9), 2, 4, 0)[1].mean().item()


@pytest.mark.control(NAME, drops="^isotropic", instead="fair signs, stronger in some directions")
def test_control_noise_that_depends_on_the_direction_can_turn_the_sign(measured):
    assert plane_mean(lambda w: torch.ones(len(w))) < -VISIBLE
    steep = plane_mean(lambda w: torch.exp(-60 * (w[:, 1] / w[:, 0] - 0.75)))
    measured(max(steep, 0), allowed=VISIBLE)


@pytest.mark.control(NAME, drops="^memory", instead="β₁ = 0")
def test_control_without_memory_the_mean_is_zero(measured):
    assert plane_mean(lambda w: torch.ones(len(w)), memory=0.0) == 0
    samples = memory_along_weights(tangent_noise, START, 0.1, (0.0, 0.9), 3, 100, 0)
    assert not samples.any()
    measured((samples[1:].mean(1) >= 0).sum(), allowed=0)  # means that are not below zero


LEANS = "adams-second-step-leans-outwards"
LAWS = [((1.0,), (1.0,)), ((1.0, 5.0), (1.0, 5.0)), ((0.1, 1.0), (3.0, 40.0))]  # of |ζ₀| and |ζ₁|


def second_step(start, rate, betas, law, strength=None):
    """E⟨u₁, θ₁⟩ of the memory in the plane, over all outcomes of two symmetric numbers."""
    both_signs = [[sign * size for sign in (1, -1) for size in sizes] for sizes in law]
    outcomes = torch.tensor(list(itertools.product(*both_signs)), dtype=torch.float64)
    columns = iter(outcomes.T)

    def noise(weights, generator):
        tangent = torch.stack([-weights[:, 1], weights[:, 0]], 1)
        size = next(columns) * (1 if strength is None else strength(weights))
        return (size / weights.square().sum(1))[:, None] * tangent

    start = torch.tensor(start, dtype=torch.float64)
    return memory_along_weights(noise, start, rate, betas, 2, len(outcomes), 0)[1].mean().item()


def four_terms(start, rate, betas, law):
    """The same by the sum of the note, which is for 0 < y ≤ x."""
    x, y = start
    square = x * x + y * y
    plus, minus = (square / ((x + s * rate) ** 2 + (y - s * rate) ** 2) for s in (1, -1))

    def phi(k):
        shares = [(b / a) ** 2 for a, b in itertools.product(*law)]
        return sum((betas[1] + k * k * share) ** -0.5 for share in shares) / len(shares)

    first = (x - rate) * phi(minus * (y + rate) / y) - (x + rate) * phi(plus * abs(y - rate) / y)
    second = (y - rate) * phi(plus * (x + rate) / x) - (y + rate) * phi(minus * abs(x - rate) / x)
    return betas[0] * (1 + betas[1]) ** 0.5 / (1 + betas[0]) * (first + second) / 2, first, second


@pytest.mark.claim(LEANS, by="float64")
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.1), (0.1, 0.5)])
def test_in_the_plane_the_second_step_leans_outwards_from_every_start_at_every_rate(
    measured, law, betas
):
    for start in [(1.0, 1.0), (1.0, 0.7), (1.0, 0.2), (1.0, 0.01)]:
        for rate in (1e-3, 0.1, 0.19, 0.5, 1.0, 30.0):
            mean, *lines = four_terms(start, rate, betas, law)
            assert max(lines) < 0
            for weights in (start, (start[1], -start[0])):
                found = second_step(weights, rate, betas, law)
                measured(max(found, 0), allowed=0)
                measured(abs(found / mean - 1), allowed=ROUNDING)


@pytest.mark.claim(LEANS, by="certificate of a step")
def test_the_second_line_is_negative_for_all_values(measured):
    """The four identities by which the proof bounds the second line, where B′ > A′."""
    x, y, eta = sympy.symbols("x y eta", positive=True)
    plus, minus = (x + eta) ** 2 + (y - eta) ** 2, (x - eta) ** 2 + (y + eta) ** 2
    quotient = plus * (x - eta) / (minus * (x + eta))  # B′/A′, for η < x
    above = x**2 - 2 * x * y - y**2 - 2 * eta**2
    rests = [
        sympy.cancel(quotient - 1 - 2 * eta * above / (minus * (x + eta))),
        sympy.expand((x - y) ** 2 - above - 2 * y**2 - 2 * eta**2),
        sympy.expand(minus - (x - eta) ** 2 - (y + eta) ** 2),
        sympy.expand(plus - minus - 4 * eta * (x - y)),
    ]
    measured(sum(rest != 0 for rest in rests), allowed=0)


@pytest.mark.control(LEANS, drops="^isotropic", instead="fair signs, stronger in some directions")
def test_control_noise_that_depends_on_the_weights_can_turn_the_second_step_inwards(measured):
    given = (0.8, 0.6), 0.05, (0.6, 0.9), LAWS[0]
    steep = second_step(*given, strength=lambda w: torch.exp(-60 * (w[:, 1] / w[:, 0] - 0.75)))
    assert second_step(*given) < -VISIBLE
    measured(max(steep, 0), allowed=VISIBLE)


@pytest.mark.control(LEANS, drops="^isotropic", instead="a number that is 1 at both steps")
def test_control_a_gradient_that_keeps_its_sign_can_lead_inwards(measured):
    def along(start, sizes, rate=0.05, betas=(0.6, 0.9)):
        """⟨u₁, θ₁⟩ for these ζ₀ and ζ₁, with what the newest gradient adds."""
        weights = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
        adam = torch.optim.Adam([weights], rate, betas, 0.0)
        for size in sizes:
            before = weights.detach().clone()
            weights.grad = size * torch.stack([-before[1], before[0]]) / before.square().sum()
            adam.step()
        return ((before - weights.detach()) / rate @ before).item()

    start = (0.3, 0.9)
    signs = itertools.product([1, -1], repeat=2)
    mean = sum(along(start, sizes) for sizes in signs) / 4
    found = second_step(start, 0.05, (0.6, 0.9), LAWS[0])
    assert abs(mean / found - 1) < ROUNDING  # over fair signs it is the mean of the memory
    measured(max(along(start, (1, 1)), 0), allowed=VISIBLE)


@pytest.mark.control(LEANS, drops="^memory", instead="β₁ = 0")
def test_control_without_memory_the_second_step_leans_nowhere(measured):
    mean = second_step((0.8, 0.6), 0.05, (0.0, 0.9), LAWS[1])
    assert mean == 0
    measured(mean >= 0, allowed=0)


@pytest.mark.parametrize("law", LAWS)
def test_a_negative_memory_turns_the_second_step_in_the_plane_round(law):
    for memory in (-0.9, -0.3, 0.3):
        for rate in (0.05, 0.5, 5.0):
            mean = second_step((0.8, 0.6), rate, (memory, 0.9), law)
            assert mean * memory < 0


def test_the_noise_is_tangent_and_as_long_as_it_should_be():
    weights = 2 * START.repeat(20000, 1)
    noise = tangent_noise(weights, torch.Generator().manual_seed(0))
    assert (noise * weights).sum(1).abs().max() < 1e-14
    # two normal coordinates remain of three, over ‖θ‖²; error 0.5 %; 3 seeds tried
    assert noise.square().sum(1).mean().item() == pytest.approx(
        2 / weights[0].norm().item() ** 2, rel=0.03
    )


def test_a_run_is_the_adam_of_torch():
    rows, weights = [], torch.nn.Parameter(START.clone())
    optimizer = torch.optim.Adam([weights], 0.1, (0.5, 0.8), 0.0)
    slopes = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    given = iter(slopes)
    for count, slope in enumerate(slopes, 1):
        before, weights.grad = weights.detach().clone(), slope
        optimizer.step()
        newest = 0.5 * slope / (1 - 0.5**count)
        newest /= (optimizer.state[weights]["exp_avg_sq"] / (1 - 0.8**count)).sqrt()
        update = (before - weights.detach()) / 0.1
        rows.append(((update - newest) @ before).item())
    found = memory_along_weights(lambda w, g: next(given)[None], START, 0.1, (0.5, 0.8), 4, 1, 0)
    assert found[:, 0].tolist() == pytest.approx(rows, abs=1e-12)


def test_scores_are_means_over_standard_errors():
    assert standard_scores(torch.tensor([[1.0, 2.0, 3.0, 2.0]])).item() == pytest.approx(4.898979)


def test_a_seed_is_a_run_in_double_precision_and_another_seed_another():
    given = tangent_noise, START, 0.1, (0.9, 0.99), 3, 4
    one, again, other = (memory_along_weights(*given, seed) for seed in (1, 1, 2))
    assert one.equal(again)
    assert (one - other).abs().max() > 1e-3
    assert one.dtype == torch.float64


def test_noise_has_the_precision_of_the_weights():
    def of(dtype):
        generator = torch.Generator().manual_seed(0)
        return tangent_noise(START.to(dtype).repeat(2, 1), generator)

    assert of(torch.float64).dtype == torch.float64
    assert of(torch.float32).dtype == torch.float32
    # numbers of single precision, even if they are stored in double, are multiples of 2⁻²⁹ or so
    assert (of(torch.float64) - of(torch.float32)).abs().max() > 1e-9


def test_each_row_has_its_own_score():
    rows = torch.tensor([[1.0, 3.0, 5.0, 7.0], [10.0, 10.0, 30.0, 30.0]], dtype=torch.float64)
    # means 4 and 20; deviations √(20/3) and 20/√3; over √4
    expected = torch.tensor([8 / (20 / 3) ** 0.5, 2 * 20 / (20 / 3**0.5)], dtype=torch.float64)
    torch.testing.assert_close(standard_scores(rows), expected, rtol=1e-14, atol=0)
