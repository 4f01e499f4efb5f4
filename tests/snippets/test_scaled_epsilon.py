"""Does an epsilon that is scaled like a variance leave the twins exact, and a fixed one not?"""

from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from snippets.exponential_lr import sgd_step
from snippets.scalar_run import scalar_run
from snippets.scaled_epsilon import (
    excess_at_fixed_epsilon,
    normalise,
    scaled_epsilon,
    set_epsilon,
)
from tests.snippets.rational_losses import ratio_slope

CLAIM = "epsilon-scales-with-the-variance"

VISIBLE = Fraction(1, 1000)  # a share of the weights, in fractions, which are never rounded
ROUNDING = 1e-12  # 60 steps, each rounded at 1e-16, little amplified
ONCE = 1e-14  # one normaliser or two, of numbers of size one
CLEAR = 0.01  # of logits of size one: ten thousand million times the rounding

# ---------------------------------------------------------------------------------------------
# Exactly, on L(x; ε) = xᵀAx / (xᵀx + ε), for which L(cx; c²ε) = L(x; ε).

STEPS = 5
EPSILON = Fraction(3, 2)
START = np.array([Fraction(3), Fraction(-1), Fraction(2)])
RUNNING = np.array([Fraction(1, 2), Fraction(-2), Fraction(1, 3)])
RATES = [Fraction(1, n) for n in (3, 4, 2, 5, 3)]
DECAYS = [Fraction(n, 10) for n in (2, 1, 0, 3, 1)]
MOMENTA = [Fraction(1, n) for n in (2, 3, 2, 4, 5)]


def biased_slope(t, weights, epsilon):
    """∇L of the loss with a bias of fixed length before the normaliser."""
    return ratio_slope(t, weights + 1, epsilon)


def run(rates, decays, epsilons, slope, buffer):
    weights, path = START, [START]
    for t in range(STEPS):
        given = slope(t, weights, epsilons[t]), rates[t], decays[t], MOMENTA[t]
        weights, buffer = sgd_step(weights, buffer, *given)
        path.append(weights)
    return path


def exact_gap(epsilon_of=scaled_epsilon, slope=ratio_slope, start=RUNNING):
    scalars, free = scalar_run(RATES, DECAYS, MOMENTA)
    decayed = run(RATES, DECAYS, [EPSILON] * STEPS, slope, start)
    epsilons = [epsilon_of(EPSILON, scalar) for scalar in scalars[:-1]]
    twin = run(free, [0] * STEPS, epsilons, slope, start)
    triples = zip(scalars, twin, decayed, strict=True)
    return max(abs(c * phi - theta).max() / (abs(theta).max() or 1) for c, phi, theta in triples)


@pytest.mark.claim(CLAIM, by="exact")
def test_with_epsilon_over_c_squared_the_runs_agree_exactly(measured):
    measured(exact_gap(), allowed=0)


@pytest.mark.claim(CLAIM, by="exact")
def test_they_agree_through_weights_of_zero_as_well(measured):
    slope = ratio_slope(0, START, EPSILON)
    aimed = (START / RATES[0] - slope - DECAYS[0] * START) / MOMENTA[0]
    path = run(RATES, DECAYS, [EPSILON] * STEPS, ratio_slope, aimed)
    assert not path[1].any()
    assert path[2].any()
    measured(exact_gap(start=aimed), allowed=0)


@pytest.mark.control(
    CLAIM, drops="^scaled-epsilon", instead="ε left alone, over c, times c squared, or zero"
)
@pytest.mark.parametrize(
    "epsilon",
    [lambda e, c: e, lambda e, c: e / c, lambda e, c: e * c**2, lambda e, c: 0],
    ids=["fixed", "over c", "times c squared", "zero"],
)
def test_control_with_another_epsilon_they_part(measured, epsilon):
    measured(exact_gap(epsilon), allowed=VISIBLE)


@pytest.mark.control(
    CLAIM, drops="^joint-invariance", instead="a fixed bias in front of the normaliser"
)
def test_control_with_a_bias_of_fixed_length_they_part(measured):
    measured(exact_gap(slope=biased_slope), allowed=VISIBLE)


def normalised(centred, variance, epsilon):
    return centred / sympy.sqrt(variance + epsilon)


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_one_normaliser_returns_the_same_at_this_epsilon_and_at_no_other(measured):
    """The part of the proof on one normaliser, for all values."""
    c, epsilon, other, variance = sympy.symbols("c epsilon e v", positive=True)
    centred = sympy.Symbol("z", real=True, nonzero=True)

    plain = normalised(centred, variance, epsilon)
    longer = normalised(c * centred, c**2 * variance, scaled_epsilon(epsilon, 1 / c))
    measured(sympy.simplify(longer - plain) != 0, allowed=0)
    # the squares agree only there
    squares = normalised(c * centred, c**2 * variance, other) ** 2 - plain**2
    measured(sympy.solve(squares, other) != [c**2 * epsilon], allowed=0)


def test_at_a_fixed_epsilon_the_output_is_too_large_by_the_stated_factor():
    c, epsilon, variance = sympy.symbols("c epsilon v", positive=True)
    # values z/c in the twin and z in the run with decay
    squares = (1 / (variance / c**2 + epsilon) / c**2) / (1 / (variance + epsilon))
    excess = excess_at_fixed_epsilon(variance, epsilon, c)
    assert sympy.simplify(squares - excess) == 0
    assert excess_at_fixed_epsilon(variance, epsilon, 1) == 1
    assert sympy.diff(excess, c).is_negative  # it rises as c falls
    assert excess.subs(c, 0) == (variance + epsilon) / variance
    # an input of degree two has the factor c⁴
    longer = normalised(c**2, c**4 * variance, scaled_epsilon(epsilon, 1 / c**2))
    assert sympy.simplify(longer - normalised(1, variance, epsilon)) == 0


@pytest.mark.claim(CLAIM, by="float64")
def test_normalise_is_torch_s_batch_norm_and_sees_weights_and_epsilon_together(measured):
    values = torch.randn(16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    layer = nn.BatchNorm1d(3, eps=0.5, affine=False).double()
    assert (normalise(values, 0.5) - layer(values)).abs().max() < ONCE
    longer = normalise(4 * values, scaled_epsilon(0.5, 1 / 4))
    measured((longer - normalise(values, 0.5)).abs().max(), allowed=ONCE)
    assert (normalise(4 * values, 0.5) - normalise(values, 0.5)).abs().max() > 0.1


# ---------------------------------------------------------------------------------------------
# In floats, on a network with batch norm and with torch's own SGD.

inputs = torch.randn(32, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()


def logits(rates, decay, epsilons):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(6, 12, bias=False),
        nn.BatchNorm1d(12, affine=False),
        nn.Tanh(),
        nn.Linear(12, 2, bias=False),
        nn.BatchNorm1d(2, affine=False),
    ).double()
    optimizer = torch.optim.SGD(net.parameters(), momentum=0.9, weight_decay=decay)
    rows = []
    for rate, epsilon in zip(rates, epsilons, strict=True):
        assert set_epsilon(net, epsilon) == 2
        optimizer.param_groups[0]["lr"] = rate
        rows.append(net(inputs))
        optimizer.zero_grad()
        nn.functional.cross_entropy(rows[-1], labels).backward()
        optimizer.step()
    return torch.stack(rows).detach()


def net_gap(epsilon_of):
    steps = 60
    scalars, free = scalar_run([0.04] * steps, [0.05] * steps, [0.9] * steps)
    decayed = logits([0.04] * steps, 0.05, [0.01] * steps)
    twin = logits(free, 0.0, [epsilon_of(0.01, c) for c in scalars[:-1]])
    return (decayed - twin).abs().max().item()


def forward(factor, epsilon, skip=False):
    """Input and output of the second of two normalisers, with the weights times a factor."""
    generator = torch.Generator().manual_seed(1)
    first, second = (
        factor * torch.randn(6, 6, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    value = inputs @ first + (inputs if skip else 0)
    value = normalise(value, epsilon).relu() @ second + value.relu()  # a residual branch
    return value, normalise(value, epsilon)


@pytest.mark.claim(CLAIM, by="float64")
def test_the_second_of_two_normalisers_sees_weights_and_epsilon_together_too(measured):
    (value, output), (longer, same) = forward(1, 0.5), forward(4, scaled_epsilon(0.5, 1 / 4))
    measured((longer - 4 * value).abs().max() / value.abs().max(), allowed=ONCE)
    measured((same - output).abs().max(), allowed=ONCE)
    # at a fixed epsilon its input is not multiplied by the factor
    alone, _ = forward(4, 0.5)
    assert (alone - 4 * value).abs().max() / value.abs().max() > CLEAR


@pytest.mark.control(CLAIM, drops="^degree-one", instead="a skip connection from the data")
def test_control_with_a_skip_from_the_data_the_outputs_differ(measured):
    outputs = [forward(4, scaled_epsilon(0.5, 1 / 4), skip=True)[1], forward(1, 0.5, skip=True)[1]]
    measured((outputs[0] - outputs[1]).abs().max(), allowed=CLEAR)


@pytest.mark.claim(CLAIM, by="float64")
def test_in_a_network_with_a_large_epsilon_the_twins_agree_to_rounding(measured):
    measured(net_gap(scaled_epsilon), allowed=ROUNDING)


@pytest.mark.control(CLAIM, drops="^scaled-epsilon", instead="ε left alone")
def test_control_with_the_epsilon_left_alone_the_logits_part(measured):
    measured(net_gap(lambda epsilon, scalar: epsilon), allowed=CLEAR)


# The functions themselves.


def test_all_kinds_of_normalisers_get_their_epsilon():
    net = nn.Sequential(
        nn.Sequential(nn.BatchNorm2d(4), nn.InstanceNorm1d(4)),
        nn.LayerNorm(4),
        nn.GroupNorm(2, 4),
        nn.RMSNorm(4),
        nn.Linear(4, 4),
    )
    assert set_epsilon(net, 0.25) == 5
    layers = [*net[0], net[1], net[2], net[3]]
    assert [layer.eps for layer in layers] == [0.25] * 5
    assert not hasattr(net[4], "eps")


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        ((nn.LayerNorm(2), 1e-30), (nn.LayerNorm(2), 0.0), "eps = 0 must be positive"),
        ((nn.LayerNorm(2), 1.0), (nn.Linear(2, 2), 1.0), "no normalisation layer"),
    ],
)
def test_what_cannot_be_set_is_refused(accepted, refused, complaint):
    set_epsilon(*accepted)
    with pytest.raises(ValueError, match=complaint):
        set_epsilon(*refused)


@pytest.mark.parametrize(
    "layer",
    [nn.LayerNorm(4, 0.0), nn.GroupNorm(2, 4, 0.0), nn.InstanceNorm1d(4, 0.0), nn.RMSNorm(4, 0.0)],
    ids=lambda layer: type(layer).__name__,
)
def test_batch_norm_alone_refuses_an_epsilon_of_zero_and_in_training_only(layer):
    values = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert layer(values).isfinite().all()
    refusing = nn.BatchNorm1d(4, eps=0.0)
    with pytest.raises(ValueError, match="eps must be positive during training"):
        refusing(values)
    assert refusing.eval()(values).isfinite().all()


def test_an_epsilon_of_1e_100_is_lost_beside_a_variance_above_1e_83():
    assert 1e-83 + 1e-100 == 1e-83
    assert 1e-85 + 1e-100 > 1e-85


def test_in_numbers():
    assert scaled_epsilon(Fraction(1, 2), Fraction(1, 3)) == Fraction(9, 2)
    assert excess_at_fixed_epsilon(3, 1, Fraction(1, 2)) == Fraction(16, 13)
