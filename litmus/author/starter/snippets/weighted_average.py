"""A weighted average lies between the smallest and the largest of its numbers.

For weights wᵢ ≥ 0 that sum to one, and numbers xᵢ,

    min x ≤ Σ wᵢ xᵢ ≤ max x.

Units. The weights are pure numbers; the average has the unit of the numbers.
"""

from collections.abc import Sequence
from fractions import Fraction

Number = float | Fraction


def weighted_average(weights: Sequence[Number], numbers: Sequence[Number]) -> Number:
    """Return Σ wᵢ xᵢ in the unit of the numbers, whatever the weights are."""
    return sum(weight * number for weight, number in zip(weights, numbers, strict=True))


def outside(value: Number, numbers: Sequence[Number]) -> Number:
    """Return by how much a value misses the range of some numbers, 0 inside."""
    return max(min(numbers) - value, value - max(numbers), 0)


if __name__ == "__main__":
    numbers = [Fraction(1), Fraction(2)]
    print("  weights of 1 and 2   average   outside by")
    for first, second in [("1/2", "1/2"), ("9/10", "1/10"), ("0", "1"), ("2", "-1"), ("1", "1")]:
        average = weighted_average([Fraction(first), Fraction(second)], numbers)
        print(f"{first:>11}{second:>8}{average!s:>12}{outside(average, numbers)!s:>11}")
