"""Does the orbit of period two repel as the note on the schedule law says?"""

from fractions import Fraction

import sympy


def test_the_orbit_of_period_two_is_one_and_repels_in_a_spiral_for_every_decay():
    angle, step, a = sympy.symbols("phi Phi a", positive=True)
    # one step on −cos φ, followed by the reflection φ → −φ
    after = sympy.Matrix(
        [
            -(angle - sympy.atan(step * sympy.sin(angle))),
            step / (a**2 * (1 + step**2 * sympy.sin(angle) ** 2)),
        ]
    )
    balance = {angle: sympy.acos(sympy.sqrt((1 + a) / 2)), step: sympy.sqrt(2 * (1 + a)) / a}
    jacobian = after.jacobian([angle, step]).subs(balance)
    trace, determinant = 3 * a**2 + a - 2, 1 + a - a**2
    for value in (Fraction(1, 10), Fraction(1, 2), Fraction(99, 100)):
        numbers = {a: sympy.Rational(value)}
        here = [after[i].subs(balance).subs(numbers).evalf(30) for i in (0, 1)]
        there = [balance[symbol].subs(numbers).evalf(30) for symbol in (angle, step)]
        assert max(abs(x - y) for x, y in zip(here, there, strict=True)) < 1e-25
        found = jacobian.subs(numbers).evalf(30)
        assert abs(found.trace() - trace.subs(numbers)) < 1e-25
        assert abs(found.det() - determinant.subs(numbers)) < 1e-25
    discriminant = sympy.factor(trace**2 - 4 * determinant)
    assert sympy.expand(discriminant - a * (a - 1) * (9 * a**2 + 15 * a + 8)) == 0
