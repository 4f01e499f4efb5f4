"""Does Adam's memory point outwards, on noise that is isotropic?"""

import itertools

import pytest
import torch

from snippets.adam_memory import memory_along_weights, standard_scores, tangent_noise

NAME = "adams-memory-lengthens-the-weights"
START = torch.tensor([0.6, 0.64, 0.48], dtype=torch.float64)


@pytest.mark.claim(NAME, by="experiment")
@pytest.mark.parametrize(("rate", "betas"), [(0.1, (0.9, 0.99)), (0.5, (0.5, 0.5))])
def test_the_mean_is_below_zero_at_every_step(rate, betas):
    # 8000 chains; the scores lie far from zero, so that no seed decides (three were tried).
    samples = memory_along_weights(tangent_noise, START, rate, betas, 10, 8000, 0)
    assert samples.shape == (10, 8000)
    assert not samples[0].any()
    assert standard_scores(samples)[1:].max() < -10


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


@pytest.mark.control(NAME, drops="^isotropic")
def test_control_noise_that_depends_on_the_direction_can_turn_the_sign():
    assert plane_mean(lambda w: torch.ones(len(w))) < -0.01
    assert plane_mean(lambda w: torch.exp(-60 * (w[:, 1] / w[:, 0] - 0.75))) > 0.01


@pytest.mark.control(NAME, drops="^memory")
def test_control_without_memory_the_mean_is_zero():
    assert plane_mean(lambda w: torch.ones(len(w)), memory=0.0) == 0
    samples = memory_along_weights(tangent_noise, START, 0.1, (0.0, 0.9), 3, 100, 0)
    assert not samples.any()


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
