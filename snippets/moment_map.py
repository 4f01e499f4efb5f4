"""The squared norm of the weights, step by step, when gradients carry no memory.

Momentum SGD, coupled or decoupled, is θₜ₊₁ = p θₜ − q θₜ₋₁ − η gₜ, with the p and q of
equilibrium.py. If gₜ is orthogonal to θₜ and θₜ₋₁, and ‖gₜ‖ = G/‖θₜ‖, then the three products

    x = ‖θₜ‖²,        r = ⟨θₜ, θₜ₋₁⟩,        y = ‖θₜ₋₁‖²

determine the next three,

    x′ = p² x − 2pq r + q² y + η² G²/x,        r′ = p x − q r,        y′ = x,

whatever the gradients are otherwise. For 0 ≤ q < 1 and 0 < |p| < 1 + q they settle from every
start with x > 0, at x = ηG √((1 + q) / ((1 − q) ((1 + q)² − p²))) and r = p x/(1 + q). At p = 0
they need not settle: x and η²G²/((1 − q²) x) may alternate for ever.

Without momentum q = 0, p = 1 − ηλ, and in units of the equilibrium the map is
w′ = p² w + (1 − p²)/w, a strict contraction of ln w.

Units. x, r and y are in [θ]², the rate η too; p, q and G are numbers.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///

from typing import Any

Number = Any  # a float, an array of floats; a Fraction or a symbol, where the map is to be exact
Moments = tuple[Number, Number, Number]


def moment_step(moments: Moments, p: Number, q: Number, push: Number) -> Moments:
    """Return x, r, y one step later; `push` is ηG, in [θ]²."""
    x, r, y = moments
    return p**2 * x - 2 * p * q * r + q**2 * y + push**2 / x, p * x - q * r, x


def moment_path(moments: Moments, p: Number, q: Number, push: Number, steps: int) -> list[Moments]:
    """Return the moments of steps 0 … steps.

    Raises ValueError for moments that no two vectors have: x must be positive, and r² ≤ x y.
    """
    x, r, y = moments
    if not (x > 0 and y >= 0 and r**2 <= x * y):
        raise ValueError(f"x = {x}, r = {r}, y = {y} are not the products of two vectors, x > 0")
    path = [moments]
    for _ in range(steps):
        path.append(moment_step(path[-1], p, q, push))
    return path


def excess_factor(x: Number, fixed: Number, p: Number) -> Number:
    """Return (x′ − x*)/(x − x*) of the map without momentum, x* its fixed point."""
    return p**2 - (1 - p**2) * fixed / x


if __name__ == "__main__":
    print("           ‖θ‖² over its equilibrium, after steps")
    print("   γ    ηλ   start        1       10       30      100      300")
    for momentum, product in [(0.0, 0.02), (0.9, 0.02), (0.9, 1.0)]:
        p, q = 1 + momentum - product, momentum
        fixed = ((1 + q) / ((1 - q) * ((1 + q) ** 2 - p**2))) ** 0.5
        for start in (0.01, 100.0):
            path = moment_path((start * fixed, 0.0, start * fixed), p, q, 1.0, 300)
            shares = [path[t][0] / fixed for t in (1, 10, 30, 100, 300)]
            print(f"{momentum:4.1f} {product:5.2f} {start:7.2f}", *(f"{s:8.3f}" for s in shares))
    print("and at ηλ = 1 + γ, where p = 0, it alternates:")
    path = moment_path((3.0, 0.0, 4 / 9), 0.0, 0.5, 1.0, 302)
    print("γ = 0.5:", *(f"{path[t][0]:.4f}" for t in (0, 1, 2, 3, 300, 301, 302)))
