"""Are the formulas right that the essays on equilibrium, rotation and the intrinsic rate state?

Each test stands for a sentence or a table of an essay, beside the claims that it shows.
"""

import math

import numpy as np
import pytest
import sympy
import torch

from snippets.equilibrium import balance, cosine, coupled, decoupled, gain, relaxation
from snippets.exponential_lr import growth_root
from snippets.moment_map import moment_step
from snippets.ratio_penalty import ratio

ETA, LAM, GAMMA = sympy.symbols("eta lambda gamma", positive=True)
E = ETA * LAM


def leading(term):
    """What is left of a rational function of λ at zero."""
    return sympy.cancel(sympy.cancel(term).subs(LAM, 0))


# equilibrium


def test_the_table_has_the_leading_order_of_the_two_equations():
    half = sympy.Rational(1, 2)
    rows = [
        (coupled(ETA, LAM, 0), 1, ETA / 2, 1),
        (coupled(ETA, LAM, GAMMA), 1, ETA / (2 * (1 - GAMMA)), 1 / (1 + GAMMA)),
        (
            decoupled(ETA, LAM, GAMMA),
            1,
            ETA / (2 * (1 - GAMMA) ** 2),
            (1 - GAMMA) / (1 + GAMMA),
        ),
        (decoupled(ETA, LAM, GAMMA), 1 - GAMMA, ETA * half, (1 - GAMMA) / (1 + GAMMA)),
    ]
    for (p, q), push, norm, turned in rows:
        assert leading(gain(p, q) * ETA**2 * push**2 * LAM - norm) == 0
        assert leading((1 - cosine(p, q)) / E - turned) == 0  # half the squared angle


def test_the_direction_forgets_in_as_many_steps_as_the_table_says():
    for rate, momentum in [(1e-5, 0.0), (1e-5, 0.9)]:
        assert -math.log(growth_root(1.0, rate, momentum)) == pytest.approx(
            rate / (1 - momentum), rel=1e-3
        )


def test_the_translation_of_sgdw_into_torchs_sgd_is_exact():
    told = coupled(ETA, (1 - GAMMA) * LAM, (1 - E) * GAMMA)
    rests = [one - other for one, other in zip(told, decoupled(ETA, LAM, GAMMA), strict=True)]
    assert [sympy.expand(rest) for rest in rests] == [0, 0]


def test_the_first_angle_at_the_rate_of_an_average_is_the_second():
    first = 2 * E / (1 + GAMMA)
    second = 2 * E * (1 - GAMMA) / (1 + GAMMA)
    assert sympy.simplify(first.subs(ETA, (1 - GAMMA) * ETA) - second) == 0


# rotation


def test_independent_steps_would_remember_longer_than_those_of_torchs_momentum():
    squared = 2 * E / (1 + GAMMA)  # of the angle of a step
    quotient = (2 / squared) / ((1 - GAMMA) / E)
    assert sympy.simplify(quotient - (1 + GAMMA) / (1 - GAMMA)) == 0


def angle(x, kept, push):
    """The angle of a step without momentum, ηG/(a‖θ‖²) being its tangent."""
    return math.atan(push / (kept * x))


def test_a_layer_of_twice_its_settled_length_turns_by_a_fourth_of_its_settled_angle():
    kept, push = 1 - 1e-3, 1.0
    settled = push * math.sqrt(gain(kept, 0))
    assert math.cos(angle(settled, kept, push)) == pytest.approx(kept)
    assert angle(4 * settled, kept, push) / angle(settled, kept, push) == pytest.approx(
        1 / 4, rel=1e-2
    )


def test_where_the_rate_falls_by_ten_so_does_the_angle_and_then_it_rises_to_a_third():
    rate, decay = 0.1, 1e-2
    x = rate * math.sqrt(gain(1 - rate * decay, 0))
    before = angle(x, 1 - rate * decay, rate)
    rate /= 10
    assert angle(x, 1 - rate * decay, rate) == pytest.approx(before / 10, rel=1e-2)
    shares = []
    clock = 1 / (4 * rate * decay)
    for t in range(int(5 * clock)):
        x = moment_step((x, 0, 0), 1 - rate * decay, 0, rate)[0]
        if t + 1 in (int(clock), int(5 * clock)):
            shares.append(angle(x, 1 - rate * decay, rate) / before)
    assert 0.12 < shares[0] < 0.25  # after one time it is on its way
    assert shares[1] == pytest.approx(10**-0.5, rel=0.05)


@pytest.mark.parametrize("part", [0.0, 0.2, -0.3])
def test_a_step_of_fixed_length_turns_by_the_intended_angle_if_it_is_tangent(part):
    length = 0.3
    across = math.sqrt(length**2 - part**2)
    after = np.array([1 + part, across])  # from (1, 0), whatever is done to the length then
    found = math.atan2(after[1], after[0])
    assert math.tan(found) == pytest.approx(across / (1 + part))
    assert (abs(found - math.atan(length)) < 1e-12) is (part == 0)


# the intrinsic learning rate


def test_in_units_of_the_intrinsic_rate_the_two_conventions_are_one():
    kappa, gamma = 1e-5, 0.9
    through, beside = coupled(1.0, kappa * (1 - gamma), gamma), decoupled(1.0, kappa, gamma)
    for p, q in (through, beside):
        assert relaxation(p, q, feedback=True) == pytest.approx(1 / (4 * kappa), rel=1e-2)
        turned = 2 * kappa * (1 - gamma) / (1 + gamma)
        assert balance(p, q, 1.0, True).angle ** 2 == pytest.approx(turned, rel=1e-3)
    assert relaxation(*beside, feedback=False) == pytest.approx(1 / (2 * kappa), rel=1e-2)
    growth = growth_root(1.0, kappa * (1 - gamma), gamma) ** -2
    assert growth - 1 == pytest.approx(2 * kappa, rel=1e-3)
    assert (1 - kappa) ** -2 - 1 == pytest.approx(2 * kappa, rel=1e-3)  # SGDW's twin
    assert 1 / (1 - kappa) - 1 == pytest.approx(kappa, rel=1e-3)  # AdamW's, at the rates η/c
    assert relaxation(1 - 5e-5, 0.0, feedback=True) == pytest.approx(5000, rel=1e-2)
    assert round(relaxation(1 - 3e-5, 0.0, feedback=False), -3) == 17_000


def test_how_long_a_start_off_the_equilibrium_is_remembered():
    kept, product = 1 - 1e-4, 1e-4
    settled = math.sqrt(gain(kept, 0))
    for share in (1e3, 1e-1):  # of the norm
        x, steps = share**2 * settled, int(math.log(max(share, 2)) / product)
        for _ in range(steps):
            x = moment_step((x, 0, 0), kept, 0, 1.0)[0]
        if share > 1:
            assert (x / settled) ** 2 == pytest.approx(2, rel=1e-2)  # k⁴ e^(−4 ln k), and 1
        else:
            told = math.exp(-4 * product * steps)  # the excess of the fourth power, at most
            assert abs((x / settled) ** 2 - 1) <= told


def test_no_norm_keeps_up_with_a_rate_that_falls_to_zero():
    steps, decay = 4000, 1e-2
    rates = [0.5 * (1 - t / steps) for t in range(steps)]
    x = 0.5 * math.sqrt(gain(1 - rates[0] * decay, 0))
    quotients = []
    for t, rate in enumerate(rates):
        kept = math.prod(1 - late * decay for late in rates[t:]) if t > steps - 100 else None
        before = x
        x = moment_step((x, 0, 0), 1 - rate * decay, 0, rate)[0]
        quotients.append(x / (rate * math.sqrt(gain(1 - rate * decay, 0))))
        if kept:
            floor = kept**2 * before
    assert x >= floor
    assert kept > 0.999
    assert quotients[-1] > 4 > 1.2 > quotients[steps // 2]


def test_a_constant_loss_lets_nothing_be_forgotten():
    start = np.array([3.0, -1.0])
    theta = start
    for _ in range(500):
        theta = 0.9 * theta  # its gradient is zero
    assert np.allclose(theta / np.linalg.norm(theta), start / np.linalg.norm(start))


# the effectiveness of normalised quantities


def test_in_completion_the_ratio_falls_as_the_entry_grows_and_the_nuclear_norm_does_not():
    def both(x):
        matrix = torch.tensor([[x, 1.0], [1.0, 0.0]], dtype=torch.float64)
        return ratio(matrix).item(), torch.linalg.svdvals(matrix).sum().item()

    entries = [0.0, 1.0, 4.0, 100.0]
    ratios, nuclear = zip(*map(both, entries), strict=True)
    assert list(ratios) == sorted(ratios, reverse=True)
    assert list(nuclear) == sorted(nuclear)
    for x, found, length in zip(entries, ratios, nuclear, strict=True):
        assert found**2 == pytest.approx(1 + 2 / (x**2 + 2))  # above 1
        assert length**2 == pytest.approx(x**2 + 4)


def test_near_zero_the_gradient_of_the_ratio_is_unbounded_unless_it_is_constant():
    def slope(matrix):
        return torch.func.grad(lambda w: ratio(w))(matrix).norm().item()

    matrix = torch.tensor([[2.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    assert slope(1e-6 * matrix) == pytest.approx(1e6 * slope(matrix))
    assert ratio(matrix[:1]).item() == pytest.approx(1)
    assert slope(matrix[:1]) < 1e-12
