"""Is the time of the diffusion that of the note?"""

import sympy

t, s, T, eta, decay, g = sympy.symbols("t s T eta lambda G", positive=True)


def time(exponent):
    """The integral of η²/‖θ‖⁴ while decay rules, ‖θ‖ = e^(−ηλs)."""
    return sympy.integrate(eta**2 / sympy.exp(-eta * decay * s) ** exponent, (s, 0, t))


def test_the_number_of_steps_for_a_time_of_the_diffusion_is_the_second_version():
    steps = sympy.log(1 + T * decay / eta) / (4 * eta * decay)
    assert sympy.simplify(4 * time(4).subs(t, steps) - T) == 0
    assert sympy.simplify(4 * time(2).subs(t, steps) - T) != 0  # the control: another power


def test_from_one_decay_takes_a_logarithm_of_steps_to_the_equilibrium():
    steps = sympy.log(2 * decay / (eta * g**2)) / (4 * eta * decay)
    reached = sympy.simplify(sympy.exp(-4 * eta * decay * steps))
    equilibrium = eta * g**2 / (2 * decay)
    assert sympy.simplify(reached - equilibrium) == 0
    assert sympy.simplify(eta**2 / equilibrium - 2 * eta * decay / g**2) == 0
