"""Does the calculator compute what the notes say, and does the page compute the same?"""

import itertools
import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from py_mini_racer import MiniRacer

from snippets import calculator
from snippets.calculator import FLOAT32, FP16, adamw, sgd
from snippets.equilibrium import balance, coupled, decoupled, relaxation
from snippets.moment_map import moment_path
from snippets.momentum_conventions import larger_root
from snippets.renormalise import steps_until_overflow

PAGE = Path(__file__).parents[2] / "docs/ideas/calculator.js"
CLOSE = 1e-9
MOMENTA = [0.0, 1e-12, 0.3, 0.5, 0.9, 0.99, 0.9999, 1 - 1e-12]
# Of what is allowed: from next to nothing to the last number below the bound.
SHARES = [1e-25, 1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 2**-52]
RATES = [1e-5, 0.1, 300.0]


def bound(kind, momentum):
    return (1 - math.sqrt(momentum)) ** 2 if kind == "sgd" else 1.0


def grid(shares=SHARES, momenta=MOMENTA):
    """Settings of both optimizers, ends of their ranges among them."""
    for kind, momentum, share, rate in itertools.product(("sgd", "adamw"), momenta, shares, RATES):
        decay = share * bound(kind, momentum) / rate
        if rate * decay < bound(kind, momentum) and 1e-30 <= decay <= 1e30:
            yield kind, rate, decay, momentum
    for kind in ("sgd", "adamw"):
        yield from [(kind, 1e-30, 1e29, 0.5), (kind, 1e30, 1e-30, 0.5), (kind, 1e-30, 1e-30, 0.0)]


def allowed(settings):
    kind, rate, decay, momentum = settings
    return rate * decay < bound(kind, momentum)


GRID = [settings for settings in grid() if allowed(settings)]


def test_the_grid_is_no_small_one():
    assert len(GRID) > 350


def computed(settings):
    kind, *numbers = settings
    return getattr(calculator, kind)(*numbers)


def exactly(kind, rate, decay, momentum):
    """The same numbers in 80 digits, by the formulas of the notes as they stand there."""
    with mpmath.workdps(80):
        eta, g = mpmath.mpf(rate), mpmath.mpf(momentum)
        x = mpmath.mpf(rate * decay)
        if kind == "sgd":
            root = (1 + g - x + mpmath.sqrt((1 + g - x) ** 2 - 4 * g)) / 2
            p, q, push, power = 1 + g - x, g, eta, 2
            forgets = -1 / mpmath.log(root)
            lost = 1 / ((1 + q) / ((1 - q) * ((1 + q) ** 2 - p**2)))
            matrix = mpmath.matrix([[p**2 - lost, -2 * p * q, q**2], [p, -q, 0], [1, 0, 0]])
            sizes = [abs(z) for z in mpmath.eig(matrix, left=False, right=False)]
            settles = -1 / mpmath.log(max(sizes))
        else:
            root = 1 - x
            p, q, push, power = root + g, root * g, eta * (1 - g), 1
            forgets = -1 / mpmath.log(max(root, g))
            settles = forgets / 2
        gain = (1 + q) / ((1 - q) * ((1 + q) ** 2 - p**2))
        norm = mpmath.sqrt(gain) * push
        norm = mpmath.sqrt(norm) if kind == "sgd" else norm
        angle = mpmath.acos(p / (1 + q))
        growth = -mpmath.log(root)
        firsts = [(mpmath.log(most / eta) / growth - 1) / power for most in (FLOAT32, FP16)]
        firsts += [mpmath.log(most) / growth for most in (FLOAT32, FP16)]
        whole = [max(0, int(mpmath.floor(t)) + 1) for t in firsts]
        return [*map(float, (root, norm, angle, forgets, settles)), *whole]


def digits(settings):
    """What rounding may change, as a share.

    The closer to the bound, the fewer digits are left: ηλ itself is rounded, and next to the bound
    the time to settle goes to infinity as its distance to the power −2.
    """
    kind, rate, decay, momentum = settings
    return CLOSE + 1e-15 / (1 - rate * decay / bound(kind, momentum)) ** 2


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_every_number_is_that_of_the_formulas_in_80_digits(kind):
    checked = 0
    for settings in GRID:
        close = digits(settings)
        if settings[0] != kind or settings[1] == 0.1 or settings[3] > 0.9999 or close > 1e-3:
            continue  # the rate scales the norm and nothing else: two of them will do
        found, expected = computed(settings), exactly(*settings)
        assert found[:5] == pytest.approx(expected[:5], rel=close), settings
        for ours, theirs in zip(found[5:], expected[5:], strict=True):
            assert abs(ours - theirs) <= max(1, close * theirs), settings
        checked += 1
    assert checked > 90


def test_they_are_those_of_the_other_snippets():
    for rate, decay, momentum in [(0.1, 5e-4, 0.9), (0.3, 0.2, 0.0), (2.0, 0.01, 0.5)]:
        x = rate * decay
        p, q = coupled(rate, decay, momentum)
        there, here = balance(p, q, rate, feedback=True), sgd(rate, decay, momentum)
        assert (here.norm, here.angle) == pytest.approx(there[:2], rel=1e-9)
        assert here.settles == pytest.approx(relaxation(p, q, True), rel=1e-6)  # by eigenvalues
        root = larger_root(x, momentum)
        assert here.root == pytest.approx(root, rel=1e-12)
        assert here.forgets == pytest.approx(-1 / math.log(root), rel=1e-9)
        for largest, step in [(FLOAT32, here.rate_float32), (FP16, here.rate_fp16)]:
            assert step == steps_until_overflow(rate, root, largest)
        p, q = decoupled(rate, decay, momentum)
        there = balance(p, q, rate * (1 - momentum), feedback=False)
        here = adamw(rate, decay, momentum)
        assert (here.norm, here.angle) == pytest.approx(there[:2], rel=1e-9)
        assert here.settles == pytest.approx(relaxation(p, q, False), rel=1e-6)
        assert here.root == pytest.approx(1 - x, rel=1e-12)


def test_the_formats_are_torchs():
    assert torch.finfo(torch.float32).max == FLOAT32
    assert torch.finfo(torch.float16).max == FP16


@pytest.mark.parametrize("largest", ["float32", "fp16"])
def test_the_first_step_out_of_range_is_the_first(largest):
    top = {"float32": FLOAT32, "fp16": FP16}[largest]
    for kind, power in [("sgd", 2), ("adamw", 1)]:
        found = getattr(calculator, kind)(0.1, 0.05, 0.6)
        t = getattr(found, f"rate_{largest}")
        rates = [0.1 * found.root ** (-power * s - 1) for s in (t - 1, t)]
        assert rates[0] <= top < rates[1]
        t = getattr(found, f"weights_{largest}")
        assert found.root ** -(t - 1) <= top < found.root**-t
    assert sgd(1e5, 1e-7, 0.5).rate_fp16 == 0


def test_twice_the_rate_and_half_the_decay_keep_all_but_the_norm_and_the_rates():
    for kind, rate, decay, momentum in GRID:
        if not 1e-29 <= decay <= 1e29 or not 1e-29 <= rate <= 1e29:
            continue
        there = computed((kind, rate, decay, momentum))
        here = computed((kind, 4 * rate, decay / 4, momentum))
        assert here.norm == pytest.approx(there.norm * (2 if kind == "sgd" else 4), rel=1e-14)
        assert here[2:5] == there[2:5]
        assert (here.root, here[7:]) == (there.root, there[7:])


def test_settling_is_what_a_settled_run_does():
    p, q = coupled(0.5, 0.004, 0.7)
    found = sgd(0.5, 0.004, 0.7)
    fixed = found.norm**2 / 0.5  # in the map's unit, in which ηG is 1
    path = moment_path((fixed * 1.0001, math.cos(found.angle) * fixed, fixed), p, q, 1.0, 300)
    lost = np.log([abs(m[0] - fixed) for m in path])
    assert lost[200] - lost[250] == pytest.approx(50 / found.settles, rel=1e-3)


INVALID = [
    ("sgd", 1.0, 1.0, 0.0),  # the bound itself
    ("sgd", 1.0, (1 - math.sqrt(0.9)) ** 2, 0.9),
    ("sgd", 0.1, 1.0, 0.9),
    ("adamw", 1.0, 1.0, 0.9),
    ("adamw", 20.0, 0.1, 0.9),
]
for kind_ in ("sgd", "adamw"):
    INVALID += [(kind_, 0.1, 0.01, 1.0), (kind_, 0.1, 0.01, -0.1), (kind_, 0.1, 0.01, math.nan)]
    for bad in (0.0, -1.0, math.inf, math.nan, 9e-31, 1.1e30):
        INVALID += [(kind_, bad, 0.01, 0.5), (kind_, 0.01, bad, 0.5), (kind_, 0.1, 0.01, bad + 1)]
INVALID = [s for s in INVALID if not (s[1:3] == (0.1, 0.01) and 0 <= s[3] < 1)]


@pytest.mark.parametrize("settings", INVALID, ids=str)
def test_what_has_no_numbers_is_refused_with_a_sentence(settings, page):
    with pytest.raises(ValueError, match=r"must be (below|from 1e-30|at least 0)"):
        computed(settings)
    said = page.call("trial", *map(text, settings))
    assert said.startswith("Refused: ")
    assert said.endswith(".")
    assert "NaN" not in said


# ---------------------------------------------------------------------------------------------
# The page


class Page:
    """The calculator's script in V8, as a browser has it."""

    def __init__(self):
        self.engine = MiniRacer()
        self.engine.eval(PAGE.read_text(encoding="utf-8"))
        self.engine.eval("""
            const told = call => { try { return JSON.stringify(call()) } catch (error) {
                if (!(error instanceof Error)) throw error
                return `Refused: ${error.message}` } }
            const trial = (kind, ...texts) => told(() => rateAndDecay[kind](...texts.map(Number)))
            const answered = (kind, texts) => told(() => rateAndDecay.answer(kind, texts))
        """)

    def call(self, name, *arguments):
        return self.engine.eval(f"{name}({', '.join(map(json.dumps, arguments))})")


@pytest.fixture(scope="module")
def page():
    return Page()


def text(number):
    """A number as JavaScript reads it, without a digit lost."""
    if isinstance(number, str):
        return number
    names = {math.inf: "Infinity", -math.inf: "-Infinity"}
    return "NaN" if number != number else names.get(number, repr(number))


def test_the_page_computes_the_same_to_a_billionth(page):
    assert len(GRID) > 350
    for settings in GRID:
        here, there = (
            computed(settings)._asdict(),
            json.loads(page.call("trial", *map(text, settings))),
        )
        assert there.keys() == here.keys()
        for name, value in here.items():
            # A step is counted from a logarithm, which may round to the other side of a whole.
            slack = 1 if isinstance(value, int) else 0
            assert abs(there[name] - value) <= CLOSE * abs(value) + slack, (settings, name)


FIELDS = {"rate": "0.1", "decay": "5e-4", "momentum": "0.9", "steps": "78000", "factor": "2"}


def test_the_page_shows_these_numbers(page):
    rows = dict(json.loads(page.call("answered", "SGD", FIELDS)))
    found = sgd(0.1, 5e-4, 0.9)
    assert rows["Rate times decay"] == "0.00005"
    assert rows["α, what decay leaves of the weights per step"] == f"{found.root:.10f}"
    assert rows["Norm over √G in equilibrium"] == f"{found.norm:.3f}"
    assert rows["Angle of a step"] == f"{math.degrees(found.angle):.4f}°"
    assert rows["Steps in which the direction forgets"] == f"{found.forgets:,.0f}"
    assert rows["Steps in which the norm settles"] == f"{found.settles:,.0f}"
    assert rows["Without decay, the rate leaves float32 at step"] == f"{found.rate_float32:,}"
    assert (
        rows["Without decay, a weight of size 1 leaves float32 at step"]
        == f"{found.weights_float32:,}"
    )
    assert rows["At 2 times the rate, the decay that keeps the rotation"] == "0.00025"
    assert rows["… with a norm that is so many times as long"] == "1.414"
    listed = json.loads(page.call("answered", "SGD", FIELDS))
    often = [value for label, value in listed if label == "… how often in all steps"]
    assert often == [f"{78000 / found.forgets:.2f}", f"{78000 / found.settles:.1f}"]
    halves = [value for label, value in listed if label == "… and fp16"]
    assert halves == [f"{found.rate_fp16:,}", f"{found.weights_fp16:,}"]
    few = dict(json.loads(page.call("answered", "SGD", {**FIELDS, "decay": "9", "momentum": "0"})))
    assert few["Steps in which the direction forgets"] == f"{sgd(0.1, 9.0, 0.0).forgets:.4f}"
    adam = dict(json.loads(page.call("answered", "AdamW", {**FIELDS, "decay": "0.1"})))
    assert adam["Norm over √d in equilibrium"] == f"{adamw(0.1, 0.1, 0.9).norm:.4f}"
    assert adam["… with a norm that is so many times as long"] == "2"


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "wrong",
    ["", "  ", "1e400", "-1e400", "-0.1", "1e-400x", "abc", "0x10", "Infinity", "NaN", "1,5"],
)
def test_a_field_that_makes_no_sense_gives_a_sentence_that_names_it(page, kind, field, wrong):
    said = page.call("answered", kind, {**FIELDS, field: wrong})
    assert said.startswith(f"Refused: The {field} ")
    assert said.endswith(".")
    assert "NaN" not in said


@pytest.mark.parametrize("field", ["rate", "decay", "steps", "factor"])
def test_nothing_is_no_setting(page, field):
    assert page.call("answered", "SGD", {**FIELDS, field: "0"}).startswith(f"Refused: The {field} ")


def test_control_what_makes_sense_is_answered_in_all_its_spellings(page):
    plain = page.call("answered", "SGD", FIELDS)
    for rate in ("0.1", " .1 ", "1e-1", "1E-1", "+0.1", "10e-2"):
        assert page.call("answered", "SGD", {**FIELDS, "rate": rate}) == plain


def test_too_much_decay_gives_a_sentence(page):
    said = page.call("answered", "SGD", {**FIELDS, "decay": "0.5"})
    assert said == (
        "Refused: Rate times decay is 0.05, and must be below (1 − √momentum)² = 0.002633: beyond "
        "that, no run without decay computes the same."
    )


def test_the_script_is_small_and_asks_nobody():
    source = PAGE.read_text(encoding="utf-8")
    assert len(source.encode()) <= 25_000
    for word in ("http", "fetch", "import", "eval", "innerHTML", "onclick"):
        assert word not in source
