"""How far off TEXP is when the buffer is not corrected: by a known factor on the rate, no more.

At a step where rate and decay change to η and λ, with momentum γ, TEXP (texp.py) adds a multiple of
the weights to the buffer. What was taken out of it for their decay is then κ = λ/(α − γ) of the
weights, α being the larger root of z² − (1 + γ − ηλ) z + γ. Leave it out, and it is κ_before: that
of the phase before, or 0 where a run starts without its seed. Let q = γ/α² and

    B = ηγ (κ_before − κ) / (α − γ/α).

From there on the rate that would be exact with the buffer as it is, s steps later, is the one that
TEXP takes, divided by

    ρ_s = (1 − B (1 − q^s)) (1 − B (1 − q^(s+1))),

which goes from 1 − B (1 − q) to (1 − B)², for B ≤ 1. So to leave out the correction is to multiply
a correct rate by ρ_s. If only the rate has changed, and α_before is the root of the phase before,

    B = γ (1 − α) (α − α_before) / ((α_before − γ) (α² − γ)),

of second order in η_before λ and ηλ: about γ ηλ (η_before λ − ηλ) / (1 − γ)⁴. Without the seed
B = −γ (1 − α) / (α² − γ), which is of first order: about −γ ηλ / (1 − γ)².

Proof. The scalar run c₀ = 1, d₋₁ = κ_before (scalar_run.py) has c_s = α^s (1 − B (1 − q^s)), and
η / (c_s c_(s+1)) is exact for it.

Units. η is in [θ]², λ and κ are in [θ]⁻²; α, γ, q, B and ρ are pure numbers.

Source. The correction and its size are derived here; TEXP is from Li and Arora, "An Exponential
Learning Rate Schedule for Deep Learning", ICLR 2020, arXiv:1910.07454.
"""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///

import math
from typing import Any

Number = Any  # a float; a Fraction or a symbol, where it is to be exact


def larger_root(product: float, momentum: float) -> float:
    """Return the larger root α of z² − (1 + γ − ηλ) z + γ, for ηλ from 0 to below (1 − √γ)²."""
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum = {momentum:g} is not in [0, 1)")
    short, long = (1 - momentum) / (1 + math.sqrt(momentum)), 1 + math.sqrt(momentum)  # 1 ∓ √γ
    if not 0 <= product < short**2:
        raise ValueError(
            f"ηλ = {product:g} is not from 0 to below (1 − √γ)² = {short**2:g}: there the two "
            "roots are equal, or not real"
        )
    spread = math.sqrt((short**2 - product) * (long**2 - product))
    return 1 - 2 * product / (1 - momentum + product + spread)


def uncorrected_share(
    rate: Number, share_before: Number, share: Number, momentum: Number, root: Number
) -> Number:
    """Return B = ηγ (κ_before − κ) / (α − γ/α), a pure number; η, κ and α are those from now on."""
    return rate * momentum * (share_before - share) / (root - momentum / root)


def uncorrected_drop(root_before: Number, root: Number, momentum: Number) -> Number:
    """Return B for a change of the rate alone, from the roots before and after it."""
    closer = (1 - root) * (root - root_before)
    return momentum * closer / ((root_before - momentum) * (root**2 - momentum))


def leading_order(product_before: Number, product: Number, momentum: Number) -> Number:
    """Return γ ηλ (η_before λ − ηλ) / (1 − γ)⁴, which B for a drop of the rate approaches."""
    return momentum * product * (product_before - product) / (1 - momentum) ** 4


def rate_factor(share: Number, momentum: Number, root: Number, step: int) -> Number:
    """Return ρ_s from B: what the missing correction multiplies the rate by, s steps later."""
    ratio = momentum / root**2
    return (1 - share * (1 - ratio**step)) * (1 - share * (1 - ratio ** (step + 1)))


if __name__ == "__main__":
    momentum, decay = 0.9, 5e-4

    def show(name: str, share: float, leading: float, root: float) -> None:
        low = [1 - rate_factor(share, momentum, root, step) for step in (0, 10**4)]
        row = (1e6 * x for x in (share, leading, *low))
        print(f"{name:22s}", "{:9.2f} {:17.2f} {:11.2f} {:9.2f}".format(*row))

    print("γ = 0.9, λ = 0.0005; all in parts per million")
    print("the missing                                    rate too low by")
    print("correction is that of          B  to leading order     at once   at last")
    for before, rate in [(0.1, 0.01), (0.01, 0.001), (0.1, 0.05), (0.01, 0.1)]:
        roots = [larger_root(lr * decay, momentum) for lr in (before, rate)]
        leading = leading_order(before * decay, rate * decay, momentum)
        share = uncorrected_drop(roots[0], roots[1], momentum)
        show(f"η {before:g} to {rate:g}", share, leading, roots[1])
    decays = decay, decay / 10
    roots = [larger_root(0.1 * lam, momentum) for lam in decays]
    shares = [lam / (root - momentum) for lam, root in zip(decays, roots, strict=True)]
    share = uncorrected_share(0.1, shares[0], shares[1], momentum, roots[1])
    leading = momentum * 0.1 * (decays[0] - decays[1]) / (1 - momentum) ** 2
    show("λ 0.0005 to 0.00005", share, leading, roots[1])
    share = uncorrected_share(0.1, 0.0, shares[0], momentum, roots[0])
    leading = -momentum * 0.1 * decay / (1 - momentum) ** 2
    show("the seed at η = 0.1", share, leading, roots[0])
