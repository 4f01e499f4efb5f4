"""Do the two coordinates of the example obey the formulas of the note?"""

import sympy


def test_the_two_coordinates_of_the_posts_example_obey_the_formulas():
    x, y, rate, keep = sympy.symbols("x y eta a", positive=True)
    square = x**2 + y**2
    loss = x**2 / square
    for symbol, bracket in (
        (x, keep - 2 * rate * y**2 / square**2),
        (y, keep + 2 * rate * x**2 / square**2),
    ):
        step = keep * symbol - rate * sympy.diff(loss, symbol)
        assert sympy.simplify(step - symbol * bracket) == 0
