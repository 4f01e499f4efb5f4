"""Are wrong shapes and wrong kinds refused in tests, in every snippet?

A snippet checks no types when it runs. The tests load it in another way (tests/shapes.py), and each
call here must be refused by that, and by nothing else.
"""

import importlib
import importlib.util
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import nn

pytestmark = pytest.mark.shapes

SNIPPETS = sorted(Path(__file__).parents[2].glob("snippets/*.py"))
ONE, VECTOR, MATRIX = torch.tensor(1.0), torch.ones(3), torch.ones(2, 3)


def square(weights):
    return weights.square().sum()


def same(weights):
    return weights


def optimizer():
    return torch.optim.SGD([nn.Parameter(torch.ones(3))], lr=0.1)


# One wrong call for each snippet: a shape where the file has any, or else a tensor where it takes a
# number, a list where it takes a tuple.
WRONG = {
    "adam_invariance": lambda m: m.normalised(same)(MATRIX),
    "adam_memory": lambda m: m.tangent_noise(torch.ones(2, 3, 4), torch.Generator()),
    "adamw_noise": lambda m: m.shares("uniform", ONE, 0.5, 0.5, 1, 1, torch.Generator()),
    "adamw_twin": lambda m: m.corrections([0.9, 0.99], 1),
    "auto_rate": lambda m: m.gradient_budget(ONE, 1.0, 1.0, 1.0, 1.0),
    "avoiding_zero": lambda m: m.share_within(MATRIX, 0.1),
    "block_twin": lambda m: m.block_gradients(lambda one, two: square(one), (VECTOR, VECTOR)),
    "bounded_updates": lambda m: m.farthest(1.0, 1.0, 0.1, iter([0.1])),
    "calculator": lambda m: m.sgd(ONE, 0.1, 0.9),
    "cautious_decay": lambda m: m.turn_of_decay(0.5 * ONE, 0.1),
    "clipping_threshold": lambda m: m.clip_grad_norm_of_twin(optimizer(), "1"),
    "decay_conventions": lambda m: m.settled(0.5 * ONE, 0.1, 0.9),
    "degree_calculus": lambda m: m.misfit(nn.Identity(), VECTOR, 0, 2.0),
    "equilibrium": lambda m: m.turn(VECTOR, MATRIX),
    "exponential_lr": lambda m: m.seeded_buffer(VECTOR, VECTOR[:1], 0.1, 0.5, 0.9),
    "expulsion": lambda m: m.decayed_step(VECTOR, VECTOR[:1], 0.1, 0.1),
    "fixed_norm": lambda m: m.fixed_norm_step(VECTOR, VECTOR[:1], 0.1, 1.0),
    "frozen_classifier": lambda m: m.best_features(VECTOR, 0, 1.0),
    "gradient_flow": lambda m: m.flow(square, MATRIX, 0.1, 1.0, 2),
    "gradients_with_memory": lambda m: m.pushes(torch.ones(4, 3), 1.0, 0.5),
    "homogeneity": lambda m: m.euler_gaps(square, VECTOR.double().numpy(), 2.0),
    "homogeneous_twin": lambda m: m.twin_step(optimizer(), ONE, 0.1, 0.1),
    "lars": lambda m: m.lars_step(VECTOR, VECTOR[:1], 0.1, 0.1),
    "memoryless_twin": lambda m: m.run(lambda t, w: w, MATRIX, [0.1], [0.0]),
    "moment_map": lambda m: m.moment_path([1.0, 0.0, 1.0], 1.0, 0.5, 1.0, 1),
    "momentum_conventions": lambda m: m.decoupled_from_coupled(VECTOR, VECTOR[:1], 0.1, 0.5, 0.9),
    "nesterov": lambda m: m.nesterov_seed(VECTOR, VECTOR[:1], 0.1, 0.9, 0.5, 0.9),
    "nesterov_equilibrium": lambda m: m.nesterov_norm(0.1 * ONE, 0.1, 0.9, 1.0),
    "noise_model": lambda m: m.noise_gradient(MATRIX, MATRIX[:1]),
    "norm_growth": lambda m: m.descend(square, MATRIX, 0.1, 0.0, 1),
    "norm_laws": lambda m: m.upper_bound(ONE, 1.0, 1.0, 1.0, 1),
    "normalisers": lambda m: m.batch_norm(torch.ones(2, 3, 4, 5)),
    "param_groups": lambda m: m.param_groups(nn.Identity(), square, "0.1"),
    "projection": lambda m: m.projected_step(MATRIX, same, 0.1),
    "ratio_completion": lambda m: m.complete(MATRIX, MATRIX[:1], MATRIX, 0.1, 0.1, 1),
    "ratio_descent_search": lambda m: m.ratios(torch.ones(2, 3, 4)),
    "ratio_flow": lambda m: m.drop_times(torch.tensor([2.0, 1.0])),
    "ratio_penalty": lambda m: m.scaled_gradient(MATRIX, MATRIX[:1]),
    "renormalise": lambda m: m.steps_until_overflow(0.1, 0.9 * ONE, 1e38),
    "rescaling": lambda m: m.clip(MATRIX, 1.0),
    "run_recorder": lambda m: m.measure(VECTOR, VECTOR, VECTOR[:1]),
    "running_statistics": lambda m: m.running_average(iter([1.0]), 0.0, 0.1),
    "scalar_run": lambda m: m.descend(lambda t, w: w, VECTOR, VECTOR[:1], [0.1], [0.1], [0.9]),
    "scale_invariance": lambda m: m.normalized_mse(VECTOR, MATRIX, VECTOR[:1]),
    "scale_invariant_parameters": lambda m: m.scale_invariant_parameters(nn.Identity(), 1.0),
    "scaled_epsilon": lambda m: m.normalise(VECTOR, 0.1),
    "schedule_law": lambda m: m.balance_angle(2 * ONE),
    "stock_adam": lambda m: m.stock_adam([optimizer()]),
    "texp": lambda m: m.scale(1, [0], iter([0.9])),
    "texp_correction": lambda m: m.rate_factor(0.1, 0.5, 0.9, 1.5),
    "update_likeness": lambda m: m.lion_correlation(0.9 * ONE, 0.99, 1),
    "without_weight_decay": lambda m: m.without_weight_decay([optimizer()]),
}


def test_every_snippet_has_a_wrong_call():
    assert [snippet.stem for snippet in SNIPPETS if snippet.stem not in WRONG] == []


def plain(snippet):
    """Return a snippet as a module that Python loads as any other."""
    spec = importlib.util.spec_from_file_location(f"plain_{snippet.stem}", snippet)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.stem)
def test_a_wrong_call_is_refused(snippet):
    module = importlib.import_module(f"snippets.{snippet.stem}")
    with pytest.raises(TypeCheckError):
        WRONG[snippet.stem](module)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.stem)
def test_control_in_plain_python_no_types_are_checked(snippet):
    try:
        WRONG[snippet.stem](plain(snippet))
    except TypeCheckError:
        pytest.fail("something else than the loader checks types")
    except (TypeError, ValueError, AttributeError, RuntimeError):
        pass  # the snippet has its own words for it, or torch has
