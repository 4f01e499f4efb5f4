"""Which gradient keeps the weights as long as they are, and where does clipping cut?

On a scale-invariant loss a step of SGD with decay, θ′ = (1 − ηλ) θ − η g, is right-angled:

    ‖θ′‖² = (1 − ηλ)² ‖θ‖² + η² ‖g‖²

It keeps the norm exactly if ‖g‖ = √(λ(2 − ηλ)/η) ‖θ‖. Clipping at √(2λ/η) ‖θ‖ cuts a little above
that, by the share ηλ/4 to leading order, and a clipped step has ‖θ′‖² = (1 + (ηλ)²) ‖θ‖².

Units. η is in [θ]², λ in [θ]⁻², ‖g‖ in [θ]⁻¹.

Source. The threshold: Li, Bhojanapalli, Zaheer, Reddi and Kumar, "Robust Training of Neural
Networks Using Scale Invariant Architectures", ICML 2022, arXiv:2202.00980.
"""

from typing import Any

Number = Any  # a float; a symbol, where the formula is to be exact


def keeping_gradient(rate: Number, decay: Number, norm: Number) -> Number:
    """Return the ‖g‖ at which ‖θ‖ stays, for 0 < ηλ < 2."""
    return (decay * (2 - rate * decay) / rate) ** 0.5 * norm


def clipping_threshold(rate: Number, decay: Number, norm: Number) -> Number:
    """Return √(2λ/η) ‖θ‖."""
    return (2 * decay / rate) ** 0.5 * norm


def step_factor(rate: Number, decay: Number, norm: Number, gradient: Number) -> Number:
    """Return ‖θ′‖²/‖θ‖² of a step with a gradient of that length, orthogonal to θ."""
    return (1 - rate * decay) ** 2 + (rate * gradient / norm) ** 2


if __name__ == "__main__":
    RATE, NORM = 0.5, 3.0
    print("              ‖g‖ that        is        ‖θ′‖²/‖θ‖² at    fifty times as")
    print("    ηλ   keeps the norm    clipped       the threshold    long, unclipped")
    for product in (0.001, 0.01, 0.1, 0.5):
        decay = product / RATE
        keeping = keeping_gradient(RATE, decay, NORM)
        threshold = clipping_threshold(RATE, decay, NORM)
        clipped, burst = (step_factor(RATE, decay, NORM, g) for g in (threshold, 50 * threshold))
        print(f"{product:6.3f} {keeping:16.5f} {threshold:10.5f} {clipped:19.6f} {burst:18.3f}")
