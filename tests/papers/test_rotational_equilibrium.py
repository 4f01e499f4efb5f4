"""How far off is the linear angle of Lion, and does the sketch on coupled decay solve?"""

import math

import pytest
import sympy

from snippets.update_likeness import cosine, linear_angle, lion_correlation


def share(first, second, product=1e-4):
    """The linear angle in units of that which is exact for Gaussian noise."""
    lags = range(1, 4000)  # 0.99^4000 is 3e-18
    alike = math.fsum((1 - product) ** k * lion_correlation(first, second, k) for k in lags)
    return linear_angle(first, second, product) / math.acos(cosine(1 - product, alike))


def test_at_the_usual_betas_the_linear_angle_is_within_a_hundredth():
    assert abs(share(0.9, 0.99) - 1) < 0.01
    assert share(0.0, 0.99) == pytest.approx(math.sqrt(math.pi / 2), rel=1e-3)  # the control
    assert share(0.9, 0.99, 1e-2) < 0.9  # and the control of a buffer that outlives the weights


def test_the_sketch_of_coupled_decay_has_the_powers_of_the_note():
    eta, decay, d, g, length = sympy.symbols("eta lambda d G r", positive=True)
    root = g / (length * sympy.sqrt(d))
    cubed = sympy.solve(sympy.Eq(length**2, eta * d / (2 * decay / root)), length)
    (found,) = [x for x in cubed if x.is_positive]
    assert sympy.simplify(found**3 - eta * sympy.sqrt(d) * g / (2 * decay)) == 0
    squared = (eta * decay / root).subs(length, found)
    powers = {eta: (4, 3), decay: (2, 3), d: (2, 3), g: (-2, 3)}
    product = math.prod(x ** sympy.Rational(*p) for x, p in powers.items())
    assert sympy.simplify(squared / product).is_number
    assert not sympy.simplify(eta * decay / product).is_number  # the control: AdamW's angle
