"""Do losses that see only the direction of their weights behave as the lemmas say?"""

import runpy
from functools import partial

import pytest
import sympy
import torch
from torch import nn

from snippets import scale_invariance as snippet
from snippets.scale_invariance import gradient, normalized_mse, radial_share

ROUNDING = 1e-12  # float64 carries 16 digits; these sums have fewer than 1000 terms
VISIBLE = 1e-3  # a billion times what rounding does
RADIAL = 0.1  # of the gradient, which is rounded at 1e-16 of it
NEGLIGIBLE = 1e-100  # batch norm's eps, below the rounding of any variance; torch refuses 0


@pytest.fixture(params=range(5), ids="seed={}".format)
def data(request):
    """Inputs (n, d), targets (n) and weights (d) of one random regression problem."""
    generator = torch.Generator().manual_seed(request.param)
    return [
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in [(32, 8), (32,), (8,)]
    ]


def batch_norm_net(eps):
    """A network with batch norm after each trained layer, its trained weights and its loss.

    The loss takes the number of a layer and that layer's weights, flat, the others as they are.
    """
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv1d(1, 4, 3, bias=False),
        nn.BatchNorm1d(4, eps=eps, affine=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 6, bias=False),
        nn.BatchNorm1d(6, eps=eps, affine=False),
        nn.ReLU(),
        nn.Linear(6, 3).requires_grad_(False),
    ).double()
    inputs, labels = torch.randn(32, 1, 8, dtype=torch.float64), torch.randint(3, (32,))
    state = {name: value.detach() for name, value in net.state_dict().items()}
    names = ["0.weight", "4.weight"]

    def loss(layer, weights):
        # The running statistics are cloned, for torch writes into them in training mode.
        given = {name: value.clone() for name, value in state.items()}
        given[names[layer]] = weights.view_as(state[names[layer]])
        logits = torch.func.functional_call(net, given, inputs)
        return nn.functional.cross_entropy(logits, labels)

    return loss, [state[name].flatten() for name in names]


def plain_mse(weights, inputs, targets):
    return (inputs @ weights - targets).square().mean()


# The definition.


@pytest.mark.claim("scale-invariant-loss", by="float64")
@pytest.mark.parametrize("c", [1e-3, 0.5, 7.0, 1e3])
def test_the_normalized_error_is_the_same_at_any_length_of_the_weights(measured, data, c):
    inputs, targets, weights = data
    stretched = normalized_mse(c * weights, inputs, targets)
    measured(abs(stretched / normalized_mse(weights, inputs, targets) - 1), allowed=ROUNDING)


@pytest.mark.claim("scale-invariant-loss", by="float64")
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("c", [1e-3, 0.5, 7.0, 1e3])
def test_a_batch_norm_net_with_negligible_eps_is_scale_invariant_in_each_layer(measured, layer, c):
    loss, weights = batch_norm_net(NEGLIGIBLE)
    change = abs(loss(layer, c * weights[layer]) / loss(layer, weights[layer]) - 1)
    measured(change, allowed=ROUNDING)


@pytest.mark.control("scale-invariant-loss", drops="^positive", instead="the factor −1")
def test_control_turning_the_weights_around_changes_the_normalized_error(measured, data):
    inputs, targets, weights = data
    turned = normalized_mse(-weights, inputs, targets)
    measured(abs(turned / normalized_mse(weights, inputs, targets) - 1), allowed=VISIBLE)


@pytest.mark.control(
    "scale-invariant-loss", drops="^positive", instead="the factor −1, before batch norm and ReLU"
)
@pytest.mark.parametrize("layer", [0, 1])
def test_control_turning_a_layer_around_changes_a_batch_norm_net_with_relu(measured, layer):
    loss, weights = batch_norm_net(NEGLIGIBLE)
    change = abs(loss(layer, -weights[layer]) / loss(layer, weights[layer]) - 1)
    measured(change, allowed=VISIBLE)


@pytest.mark.control(
    "scale-invariant-loss", drops="^nonzero", instead="zero too, with any value that is put there"
)
def test_control_at_zero_no_value_is_that_of_all_directions(measured, data):
    inputs, targets, weights = data
    assert normalized_mse(0 * weights, inputs, targets).isnan()  # L(θ/‖θ‖) is not there
    # nor can one be put there: however close to zero, the value depends on the side
    near = [normalized_mse(1e-9 * w, inputs, targets) for w in (weights, -weights)]
    nearest = sum(near) / 2  # the value that misses the worse of the two by least
    measured(max(abs(value / nearest - 1) for value in near), allowed=VISIBLE)


def test_without_relu_a_network_that_squares_its_normalised_units_is_even(data):
    inputs, targets, weights = data

    def squares(weights):
        outputs = inputs @ weights
        normal = (outputs - outputs.mean()) / outputs.std()
        return (normal.square() - targets).square().mean()

    assert abs(squares(-weights) / squares(weights) - 1) < ROUNDING
    assert abs(squares(-weights + 0.1) / squares(weights) - 1) > VISIBLE


def test_the_sign_of_a_single_weight_is_invariant_and_its_gradient_zero_at_any_length():
    for weight in (3.0, -0.2, 1e-200):
        only = torch.tensor([weight], dtype=torch.float64)
        sign = lambda w: (w / w.norm()).sum()  # noqa: E731
        assert sign(only) == (1 if weight > 0 else -1)
        assert gradient(sign, torch.sign(only)).abs() < ROUNDING
        assert gradient(lambda w: w.sign().sum(), only) == 0
    # with two weights the gradient of an invariant function that is not constant has no bound
    angle = lambda w: w[0] / w.norm()  # noqa: E731
    both = torch.tensor([0.6, 0.8], dtype=torch.float64)
    assert gradient(angle, 1e-9 * both).norm() > 1e8


@pytest.mark.parametrize("layer", [0, 1])
def test_with_the_default_eps_a_batch_norm_net_sees_the_length_of_short_weights(layer):
    loss, weights = batch_norm_net(1e-5)
    assert abs(loss(layer, 1e-3 * weights[layer]) / loss(layer, weights[layer]) - 1) > 1e-2


# The gradient is orthogonal to the weights, and inversely homogeneous.

x, y, z, c = sympy.symbols("x y z c", positive=True)  # the chart x > 0; y and z may be anything
y, z = sympy.symbols("y z", real=True)
some_function = sympy.Function("f")


def symbolic_gradient(loss):
    return [sympy.diff(loss, coordinate) for coordinate in (x, y, z)]


def times_weights(slope):
    return sympy.expand(sum(part * place for part, place in zip(slope, (x, y, z), strict=True)))


# On the half space x > 0 a function is scale invariant just if it is some f(y/x, z/x), and every
# nonzero vector lies in such a half space once its coordinates are put in order and sign. Three
# coordinates, and even two, are enough for all dimensions: what is said of the gradient's part
# along a vector is said of the loss restricted to the space that this vector and the weights span.
@pytest.mark.claim("gradient-is-orthogonal", by="certificate")
def test_every_differentiable_function_of_the_ratios_has_a_gradient_orthogonal_to_the_point(
    measured,
):
    product = times_weights(symbolic_gradient(some_function(y / x, z / x)))
    measured(product != 0, allowed=0)


@pytest.mark.control(
    "gradient-is-orthogonal", drops="scale-invariant-loss", instead="the function x² + y"
)
def test_control_a_function_of_the_coordinates_themselves_does_not(measured):
    product = times_weights(symbolic_gradient(some_function(x, y, z)))
    assert product != 0
    example = product.subs(some_function(x, y, z), x**2 + y).doit()
    assert example == 2 * x**2 + y
    measured(abs(example.subs({x: 1, y: 1})), allowed=0)


@pytest.mark.claim("gradient-is-orthogonal", by="float64")
def test_gradient_of_the_normalized_error_has_no_radial_part(measured, data):
    inputs, targets, weights = data
    loss = partial(normalized_mse, inputs=inputs, targets=targets)
    measured(radial_share(gradient(loss, weights), weights), allowed=ROUNDING)


@pytest.mark.claim("gradient-is-orthogonal", by="float64")
@pytest.mark.parametrize("layer", [0, 1])
def test_gradient_of_a_batch_norm_net_has_no_radial_part_in_any_layer(measured, layer):
    loss, weights = batch_norm_net(NEGLIGIBLE)
    slope = gradient(partial(loss, layer), weights[layer])
    assert slope.norm() > 1e-3
    measured(radial_share(slope, weights[layer]), allowed=ROUNDING)


@pytest.mark.control(
    "gradient-is-orthogonal",
    drops="scale-invariant-loss",
    instead="the squared error of a linear model",
)
def test_control_gradient_of_a_plain_loss_has_a_radial_part(measured, data):
    inputs, targets, weights = data
    slope = gradient(partial(plain_mse, inputs=inputs, targets=targets), weights)
    measured(radial_share(slope, weights), allowed=RADIAL)


@pytest.mark.control(
    "gradient-is-orthogonal",
    drops="scale-invariant-loss",
    instead="batch norm with torch's eps, on short weights",
)
@pytest.mark.parametrize("layer", [0, 1])
def test_control_with_the_default_eps_the_gradient_of_short_weights_has_a_radial_part(
    measured, layer
):
    loss, weights = batch_norm_net(1e-5)
    short = 1e-3 * weights[layer]
    share = radial_share(gradient(partial(loss, layer), short), short)
    measured(share, allowed=1e-4)  # rounding is 1e-16


@pytest.mark.control(
    "gradient-is-orthogonal",
    drops="differentiable-away-from-zero",
    instead="an invariant loss with partial derivatives and no derivative",
)
def test_control_where_a_loss_only_has_partial_derivatives_they_may_be_all_radial(measured):
    def loss(x, y, z):
        """Scale invariant, continuous away from 0, not differentiable at (1, 1, 1)."""
        product = (2 * x - y - z) * (2 * y - z - x) * (2 * z - x - y)
        apart = (x - y) ** 2 + (y - z) ** 2 + (z - x) ** 2
        return product / apart / sympy.sqrt(x**2 + y**2 + z**2)

    assert sympy.simplify(loss(c * x, c * y, c * z) - loss(x, y, z)) == 0
    h = sympy.symbols("h", real=True)
    # On each line through (1, 1, 1) along an axis the loss is smooth; at the point itself it is 0.
    lines = [loss(1 + h, 1, 1), loss(1, 1 + h, 1), loss(1, 1, 1 + h)]
    assert [sympy.limit(line, h, 0) for line in lines] == [0, 0, 0]
    partials = [sympy.limit(line / h, h, 0) for line in lines]
    assert partials == [1 / sympy.sqrt(3)] * 3  # along the weights, where it should be orthogonal
    measured(radial_share(torch.tensor(list(map(float, partials))), torch.ones(3)), allowed=RADIAL)


def rest_of_inverse_homogeneity(loss):
    """c ∇L(cx) − ∇L(x), which is zero for all values just if the gradient is of degree −1."""
    slope = symbolic_gradient(loss)
    stretched = [part.subs({x: c * x, y: c * y, z: c * z}, simultaneous=True) for part in slope]
    return [sympy.expand(c * s - p) for s, p in zip(stretched, slope, strict=True)]


@pytest.mark.claim("gradient-is-inverse-homogeneous", by="certificate")
def test_every_differentiable_function_of_the_ratios_has_an_inversely_homogeneous_gradient(
    measured,
):
    rests = rest_of_inverse_homogeneity(some_function(y / x, z / x))
    measured(sum(rest != 0 for rest in rests), allowed=0)


@pytest.mark.control(
    "gradient-is-inverse-homogeneous",
    drops="scale-invariant-loss",
    instead="a function of degree one",
)
def test_control_the_gradient_of_the_ratios_times_a_length_is_not_inversely_homogeneous(measured):
    rests = rest_of_inverse_homogeneity(x * some_function(y / x, z / x))  # of degree one
    assert all(rest != 0 for rest in rests)
    for rest in rest_of_inverse_homogeneity(x * ((y / x) ** 2 + z / x)):
        measured(abs(rest.subs({x: 1, y: 1, z: 1, c: 2})), allowed=0)


@pytest.mark.claim("gradient-is-inverse-homogeneous", by="float64")
@pytest.mark.parametrize("c", [1e-3, 0.5, 1e3])
def test_weights_c_times_longer_have_a_gradient_c_times_shorter(measured, data, c):
    inputs, targets, weights = data
    loss = partial(normalized_mse, inputs=inputs, targets=targets)
    slope = gradient(loss, weights)
    rest = c * gradient(loss, c * weights) - slope
    measured(rest.norm() / slope.norm(), allowed=ROUNDING)


@pytest.mark.claim("gradient-is-inverse-homogeneous", by="float64")
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("c", [1e-3, 0.5, 1e3])
def test_a_layer_of_a_batch_norm_net_c_times_longer_has_a_gradient_c_times_shorter(
    measured, layer, c
):
    loss, weights = batch_norm_net(NEGLIGIBLE)
    slope = gradient(partial(loss, layer), weights[layer])
    stretched = gradient(partial(loss, layer), c * weights[layer])
    measured((c * stretched - slope).norm() / slope.norm(), allowed=ROUNDING)


@pytest.mark.control(
    "gradient-is-inverse-homogeneous",
    drops="scale-invariant-loss",
    instead="the squared error of a linear model",
)
def test_control_a_plain_loss_has_a_longer_gradient_at_longer_weights(measured, data):
    inputs, targets, weights = data
    loss = partial(plain_mse, inputs=inputs, targets=targets)
    slope = gradient(loss, weights)
    rest = 2 * gradient(loss, 2 * weights) - slope
    measured(rest.norm() / slope.norm(), allowed=1)  # more than all of it


@pytest.mark.control(
    "gradient-is-inverse-homogeneous",
    drops="scale-invariant-loss",
    instead="batch norm with torch's eps, on short weights",
)
@pytest.mark.parametrize("layer", [0, 1])
def test_control_with_the_default_eps_short_weights_do_not_have_a_long_gradient(measured, layer):
    loss, weights = batch_norm_net(1e-5)
    slope = gradient(partial(loss, layer), weights[layer])
    short = gradient(partial(loss, layer), 1e-3 * weights[layer])
    # a tenth of the gradient, a hundred billion times what rounding does
    measured((1e-3 * short - slope).norm() / slope.norm(), allowed=0.1)


@pytest.mark.claim("gradient-is-inverse-homogeneous", by="float64")
@pytest.mark.claim("gradient-is-orthogonal", by="float64")
@pytest.mark.parametrize("exponent", [-500, -30, 1, 500])
def test_powers_of_two_are_exact_while_no_square_overflows_or_underflows(measured, data, exponent):
    inputs, targets, weights = data
    loss = partial(normalized_mse, inputs=inputs, targets=targets)
    slope, longer = gradient(loss, weights), gradient(loss, 2.0**exponent * weights)
    measured((2.0**exponent * longer - slope).abs().max(), allowed=0)
    measured(radial_share(longer, weights), allowed=ROUNDING)


def test_where_squares_underflow_or_overflow_nothing_is_exact(data):
    inputs, targets, weights = data
    loss = partial(normalized_mse, inputs=inputs, targets=targets)
    slope, c = gradient(loss, weights), 2.0**-530
    apart = (c * gradient(loss, c * weights) - slope).norm() / slope.norm()
    assert 1e-6 < apart < 1e-3  # squares of about 2⁻¹⁰⁶⁰ have some 15 bits
    assert gradient(loss, 2.0**-600 * weights).isnan().any()
    assert gradient(loss, 2.0**600 * weights).abs().max() == 0  # divided by an infinite norm


# The functions themselves.


def test_the_normalized_error_uses_weights_inputs_and_targets(data):
    inputs, targets, weights = data
    error = normalized_mse(weights, inputs, targets)
    assert error == pytest.approx(plain_mse(weights / weights.norm(), inputs, targets).item())
    assert normalized_mse(weights.flip(0), inputs, targets) != error
    assert normalized_mse(weights, -inputs, targets) != error
    assert normalized_mse(weights, inputs, -targets) != error


def test_gradient_is_that_of_the_loss_and_leaves_no_trace(data):
    _, _, weights = data
    weights.requires_grad_()
    assert gradient(lambda w: w @ w, weights).equal(2 * weights.detach())
    assert weights.grad is None


def test_radial_share_runs_from_tangent_to_radial_and_ignores_length_and_sign():
    e1, e2 = torch.eye(2, dtype=torch.float64)
    assert radial_share(e1, e2) == 0
    assert radial_share(-3 * e1, 1e-20 * e1) == 1
    assert radial_share(e1 + e2, e1) == pytest.approx(0.5**0.5)


@pytest.mark.shapes
def test_a_matrix_of_weights_is_refused(data):
    inputs, targets, _ = data
    with pytest.raises(TypeError, match="weights"):
        normalized_mse(weights=inputs, inputs=inputs, targets=targets)


def test_a_copied_file_refuses_targets_that_would_be_compared_with_every_output(data):
    inputs, targets, weights = data
    copied = runpy.run_path(snippet.__file__)["normalized_mse"]  # where nothing checks shapes
    assert copied(weights, inputs, targets) == normalized_mse(weights, inputs, targets)
    for wrong in (targets[:, None], targets[:1], targets[None]):
        with pytest.raises(ValueError, match=r"^targets .*, outputs \[32\]: give targets.flatten"):
            copied(weights, inputs, wrong)
    spread = (inputs @ weights / weights.norm() - targets[:, None]).square().mean()
    assert abs(spread / copied(weights, inputs, targets) - 1) > VISIBLE
