"""How do steps of finite size change the difference of squared norms?"""

from fractions import Fraction

import pytest

ETA = Fraction(1, 7)


@pytest.mark.parametrize("decay", [Fraction(0), Fraction(1, 5)], ids=["no decay", "control"])
@pytest.mark.parametrize(("one", "two"), [((1, 2), (4, 3)), ((5, -2), (1, 1))])
def test_a_step_moves_the_conserved_difference_by_the_difference_of_squared_gradients(
    one, two, decay
):
    """L = (⟨θ₁, θ₂⟩ − 1)²/2 does not see (cθ₁, θ₂/c)."""
    residual = Fraction(sum(x * y for x, y in zip(one, two, strict=True)) - 1)
    slopes = [residual * y for y in two], [residual * x for x in one]

    def square(vector):
        return sum(Fraction(x) ** 2 for x in vector)

    def step(vector, slope):
        return [(1 - ETA * decay) * x - ETA * s for x, s in zip(vector, slope, strict=True)]

    moved = square(step(one, slopes[0])) - square(step(two, slopes[1])) - square(one) + square(two)
    expected = ETA**2 * (square(slopes[0]) - square(slopes[1]))
    assert (moved == expected) == (not decay)
    assert (expected > 0) == (square(two) > square(one))  # either sign: the two examples differ
