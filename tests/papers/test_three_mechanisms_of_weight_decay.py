"""Is the damping of a Gauss-Newton step counted in squared lengths of the weights, as derived?"""

import math

import pytest
import torch

SAMPLES, INPUTS, UNITS = 7, 3, 2
ROUNDING = 1e-9  # float64; systems of 6 equations with condition numbers up to 1e5
CLEAR = 1e-2  # what a control has to miss by


@pytest.fixture
def network():
    """Data, and the outputs of a layer with a batch norm behind it, or without."""
    draw = torch.Generator().manual_seed(0)
    x, target = (
        torch.randn(SAMPLES, size, generator=draw, dtype=torch.float64) for size in (INPUTS, UNITS)
    )
    unit = torch.randn(UNITS * INPUTS, generator=draw, dtype=torch.float64)

    def outputs(w, normalised=True):
        z = x @ w.view(UNITS, INPUTS).T
        if normalised:
            z = (z - z.mean(0)) / z.std(0, correction=0)
        return torch.tanh(z).flatten()

    return x, target.flatten(), unit / unit.norm(), outputs


def parts(network, w, normalised, weights=None):
    """The Gauss-Newton matrix at w, and the gradient, of a weighted squared error."""
    _, target, _, outputs = network
    weights = torch.ones_like(target) if weights is None else weights
    jacobian = torch.autograd.functional.jacobian(lambda w: outputs(w, normalised), w)
    residual = outputs(w, normalised) - target
    return jacobian.T @ (weights[:, None] * jacobian), jacobian.T @ residual


def step(network, w, damping, normalised=True):
    curvature, gradient = parts(network, w, normalised)
    return -torch.linalg.solve(curvature + damping * torch.eye(len(w)).double(), gradient)


def gap(one, other):
    return ((one - other).norm() / other.norm()).item()


@pytest.mark.parametrize("normalised", [True, False], ids=["norm", "control: no norm"])
@pytest.mark.parametrize("r", [0.5, 3.0])
def test_the_step_is_tangent_and_damped_by_the_squared_length(network, r, normalised):
    """s is orthogonal to θ, and s = −r (Ĉ + δr²)⁻¹ ĝ."""
    unit, damping = network[2], 0.1
    curvature, gradient = parts(network, unit, normalised)
    s = step(network, r * unit, damping, normalised)
    eye = torch.eye(len(unit)).double()
    expected = -r * torch.linalg.solve(curvature + damping * r**2 * eye, gradient)
    radial = abs((s @ unit / s.norm()).item())
    assert (radial < ROUNDING) == (gap(s, expected) < ROUNDING) == normalised
    assert normalised or min(radial, gap(s, expected)) > CLEAR


def test_with_little_damping_the_step_turns_by_one_angle_at_any_length(network):
    unit = network[2]
    curvature, gradient = parts(network, unit, normalised=True)
    limit = -torch.linalg.pinv(curvature, rtol=1e-9) @ gradient
    little = 1e-7  # the smallest curvature that is not zero is above 1e-2: 1e-5 is left of it
    for r in (0.5, 3.0):
        assert gap(step(network, r * unit, little) / r, limit) < 1e-4
        assert gap(step(network, r * unit, 1.0) / r, limit) > CLEAR  # the control: much damping


def test_a_gradient_outside_the_range_of_the_curvature_knows_the_length(network):
    """That is why the range is asked for: here M has zeros, and the gradient a part there."""
    unit = network[2]
    weights = torch.zeros(SAMPLES * UNITS).double()
    weights[:2] = 1  # two outputs of fourteen are curved
    steps = []
    for r in (1.0, 2.0):
        curvature, gradient = parts(network, r * unit, True, weights)
        eye = torch.eye(len(unit)).double()
        steps.append(-torch.linalg.solve(curvature + 1e-7 * eye, gradient) / r)
    assert steps[0].norm() / steps[1].norm() == pytest.approx(4, rel=1e-3)  # 1/(δr²)


def test_with_much_damping_the_step_is_gradient_descent(network):
    unit, much = network[2], 1e6  # the largest curvature is below 100: 1e-4 is left of it
    _, gradient = parts(network, unit, normalised=True)
    for r in (1.0, 3.0):
        assert gap(step(network, r * unit, much), -gradient / (much * r)) < 1e-3
        assert gap(step(network, r * unit, 0.1), -gradient / (0.1 * r)) > CLEAR


@pytest.mark.parametrize("normalised", [True, False], ids=["norm", "control: no norm"])
def test_damping_of_both_factors_counts_by_the_first_power_if_traces_divide_it(network, normalised):
    """π = r π̂, A + r √δ π̂, and r² times the other factor is Ŝ + r √δ/π̂."""
    x, target, unit, _ = network

    def factors(w):
        z = (x @ w.view(UNITS, INPUTS).T).requires_grad_()
        normed = (z - z.mean(0)) / z.std(0, correction=0) if normalised else z
        loss = ((torch.tanh(normed).flatten() - target) ** 2).sum()
        (back,) = torch.autograd.grad(loss, z)
        a, s = x.T @ x, back.T @ back
        return a, s, math.sqrt(a.trace() / s.trace())

    (a, s, pi), (same, shorter, larger) = factors(unit), factors(3 * unit)
    assert torch.equal(a, same)
    gaps = [gap(9 * shorter, s), abs(larger - 3 * pi) / pi]
    root, eye = math.sqrt(0.1), torch.eye(UNITS).double()
    gaps.append(gap(9 * (shorter + root / larger * eye), s + 3 * root / pi * eye))
    assert max(gaps) < ROUNDING if normalised else min(gaps) > CLEAR


@pytest.mark.parametrize("normalised", [True, False], ids=["norm", "control: no norm"])
def test_the_jacobian_in_the_input_does_not_see_the_length_behind_a_normaliser(network, normalised):
    x, _, unit, _ = network

    def jacobian(w):
        def outputs(x):
            z = x @ w.view(UNITS, INPUTS).T
            return torch.relu((z - z.mean(0)) / z.std(0, correction=0) if normalised else z)

        return torch.autograd.functional.jacobian(outputs, x)

    longer = jacobian(2 * unit)
    assert gap(longer, jacobian(unit) if normalised else 2 * jacobian(unit)) < ROUNDING
    assert gap(longer, 2 * jacobian(unit) if normalised else jacobian(unit)) > CLEAR
