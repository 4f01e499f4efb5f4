"""What can each normaliser not see, and what does it see? In exact arithmetic."""

import sys
from functools import cache

import numpy as np
import pytest
import sympy
import torch
from sympy.core.function import AppliedUndef
from torch.nn import functional

from snippets.normalisers import (
    batch_norm,
    check_axes,
    gradient_through,
    gradient_through_weight_norm,
    group_norm,
    instance_norm,
    layer_norm,
    normalise,
    rms_norm,
    weight_norm,
)

ROUNDING = 1e-12  # float64, few operations on numbers of size 1 to 100
VISIBLE = 0.05  # outputs are of size 1, and exact, so that any difference would do
root = np.vectorize(sympy.sqrt, otypes=[object])


def exact(numbers):
    """An array of sympy's rationals, of which roots are exact."""
    return np.vectorize(sympy.Rational, otypes=[object])(np.array(numbers))


GROUPS, UNITS, INPUTS, SAMPLES = 2, 6, 3, 3
generator = np.random.default_rng(0)
WEIGHTS = exact(generator.integers(-4, 5, (UNITS, INPUTS)))
DATA = {p: exact(generator.integers(-4, 5, (SAMPLES, INPUTS, p))) for p in (1, 3)}
NO_BIAS = exact(np.zeros((UNITS, 1), dtype=int))
PER_UNIT = exact([[2], [3], [5], [7], [1], [11]])
PER_GROUP = exact([[2]] * 3 + [[5]] * 3)
PER_SAMPLE = exact([2, 3, 5]).reshape(SAMPLES, 1, 1)

LAYERS = {
    "batch": lambda w, b, x, eps=0: batch_norm(w @ x + b, eps, root),
    "layer": lambda w, b, x, eps=0: layer_norm(w @ x + b, eps, root),
    "rms": lambda w, b, x, eps=0: rms_norm(w @ x + b, eps, root),
    "group": lambda w, b, x, eps=0: group_norm(w @ x + b, GROUPS, eps, root),
    "weight": lambda w, b, x, eps=0: weight_norm(w, root) @ x + b,
    "instance": lambda w, b, x, eps=0: instance_norm(w @ x + b, eps, root),
    "none": lambda w, b, x, eps=0: w @ x + b,
}
CHANGES = {
    "matrix": lambda w, b, x: (7 * w, b, x),
    "groups": lambda w, b, x: (PER_GROUP * w, b, x),
    "units": lambda w, b, x: (PER_UNIT * w, b, x),
    "rows": lambda w, b, x: (w + exact([[1, -2, 2]]), b, x),
    "bias": lambda w, b, x: (w, b + 3, x),
    "group bias": lambda w, b, x: (w, b + PER_GROUP, x),
    "unit bias": lambda w, b, x: (w, b + PER_UNIT, x),
    "data": lambda w, b, x: (w, b, 7 * x),
    "samples": lambda w, b, x: (w, b, PER_SAMPLE * x),
}
# The table of the note: the changes that each layer is blind to, at one position.
BLIND = {
    "batch": {"matrix", "groups", "units", "bias", "group bias", "unit bias", "data"},
    "layer": {"matrix", "rows", "bias", "data", "samples"},
    "rms": {"matrix", "data", "samples"},
    "group": {"matrix", "groups", "rows", "bias", "group bias", "data", "samples"},
    "weight": {"matrix", "groups", "units"},
    "instance": set(CHANGES) - {"rows"},
}
FACTORS = ("matrix", "groups", "units", "data", "samples")


@cache
def one_output(layer, positions, eps, change=lambda *given: given):
    """The outputs after a change, exactly."""
    return LAYERS[layer](*change(WEIGHTS, NO_BIAS, DATA[positions]), eps)


def outputs(layer, change, positions, eps=0):
    """The outputs before and after the change."""
    given = layer, positions, eps
    return one_output(*given), one_output(*given, CHANGES[change])


def unchanged(before, after):
    # A rational multiple of a root of a whole number is canonical in sympy.
    return all(one == other for one, other in zip(before.flat, after.flat, strict=True))


def distance(before, after):
    """The largest difference, to the precision of floats; 0 just if all is equal, exactly."""
    if unchanged(before, after):
        return 0.0
    return max(abs(after.astype(float) - before.astype(float)).max(), sys.float_info.min)


def differ(before, after):
    return distance(before, after) > VISIBLE


def blind(positions):
    """The table for so many positions, layer by layer."""
    names = [name for name in BLIND if positions > 1 or name != "instance"]
    pooled = {"layer", "group"} if positions > 1 else set()
    return {name: BLIND[name] - ({"rows"} if name in pooled else set()) for name in names}


POSITIONS = pytest.mark.parametrize("positions", [1, 3])
EACH = pytest.mark.parametrize("layer", BLIND)


def symbolic_root(entries):
    """√(c²q) as c√q, for c > 0, which sympy does where it sees the factor."""
    return np.vectorize(lambda x: sympy.sqrt(sympy.factor(x)), otypes=[object])(entries)


WRITERS, COMMON = "residual-writers-are-one-block", sympy.symbols("c", positive=True)
STREAM = np.array(sympy.symbols("x:3", real=True))
STREAMS = pytest.mark.parametrize("norm", [layer_norm, rms_norm])


def read(stream, norm, eps=0):
    """What a branch, or the output, sees of a stream of three units."""
    seen = norm(stream.reshape(1, 3, 1), eps, symbolic_root)
    return [sympy.factor(z) for z in seen.flat]


def written(seen, factor):
    """What a branch adds to the stream, any function of what it has seen, with W and b times c."""
    branch = [sympy.Function(f"f{i}")(*seen) for i in range(3)]
    weights, bias = np.array(sympy.symbols("W:9")).reshape(3, 3), np.array(sympy.symbols("b:3"))
    return factor * (weights @ branch + bias)


def behind(factors, norm=None, eps=0):
    """The stream behind the branch, before and after; norm = None reads it as it is."""
    streams = STREAM, factors[0] * STREAM
    one, other = (list(x) if norm is None else read(x, norm, eps) for x in streams)
    return streams[0] + written(one, 1), streams[1] + written(other, factors[1])


@pytest.mark.claim(WRITERS, by="certificate of a step")
@STREAMS
def test_a_stream_c_times_as_long_stays_so_behind_any_branch_and_is_read_as_it_was(measured, norm):
    """The step of the induction from one branch to the next, for a stream of three units."""
    seen = zip(read(COMMON * STREAM, norm), read(STREAM, norm), strict=True)
    measured(sum(one != other for one, other in seen), allowed=0)
    was, now = behind((COMMON, COMMON), norm)
    gaps = [sympy.expand(x - COMMON * y) for x, y in zip(now, was, strict=True)]
    measured(sum(gap != 0 for gap in gaps), allowed=0)


def branch(*seen):
    """What one branch computes of what it has seen."""
    return sum(k * z**2 for k, z in enumerate(seen, start=1))


def output_change(factors, norm, branch_norm, eps=0):
    """By how much what the output reads, through norm, changes for c = 2, one stream and writers.

    It is of size one.
    """
    places = [*STREAM, *sympy.symbols("W:9"), *sympy.symbols("b:3")]
    # of both signs, and not in steps of one size, of which layer norm forgets the steps
    shares = [sympy.Rational(k**3 % 17 - 8, 9) for k in range(1, len(places) + 1)]
    point = {COMMON: sympy.Integer(2)} | dict(zip(places, shares, strict=True))
    streams = behind(factors, branch_norm, eps)
    numbers = [
        [float(x.xreplace(point).replace(AppliedUndef, branch)) for x in stream]
        for stream in streams
    ]
    before, after = (norm(np.reshape(stream, (1, 3, 1)), eps, np.sqrt) for stream in numbers)
    return abs(after - before).max()


@STREAMS
def test_with_all_writers_at_one_factor_what_the_output_reads_does_not_change(norm):
    assert output_change((COMMON, COMMON), norm, norm) < ROUNDING


@pytest.mark.control(WRITERS, drops="^together", instead="a factor on one writer and not the other")
@pytest.mark.parametrize("factors", [(COMMON, 1), (1, COMMON)])
@STREAMS
def test_control_a_factor_on_one_writer_alone_is_seen(measured, factors, norm):
    measured(output_change(factors, norm, norm), allowed=VISIBLE)


@pytest.mark.control(
    WRITERS, drops="^reads-normalised", instead="a branch that reads the stream as it is"
)
@STREAMS
def test_control_a_branch_that_reads_the_stream_as_it_is_sees_the_factor(measured, norm):
    measured(output_change((COMMON, COMMON), norm, None), allowed=VISIBLE)


@pytest.mark.control(WRITERS, drops="normalisation-layer", instead="an epsilon of 1 in it")
@STREAMS
def test_control_with_eps_the_factor_is_seen(measured, norm):
    measured(output_change((COMMON, COMMON), norm, norm, eps=1), allowed=VISIBLE)


@pytest.mark.claim("what-normalisers-cannot-see", by="exact")
@POSITIONS
def test_at_every_yes_of_the_table_the_outputs_are_equal(measured, positions):
    for layer, changes in blind(positions).items():
        for change in changes:
            measured(distance(*outputs(layer, change, positions)), allowed=0)


@pytest.mark.claim("what-normalisers-cannot-see", by="exact")
@POSITIONS
def test_at_every_no_of_the_table_there_is_an_example_with_other_outputs(measured, positions):
    for layer, changes in blind(positions).items():
        for change in set(CHANGES) - changes:
            # an output moves by more than what can be seen
            measured(VISIBLE / distance(*outputs(layer, change, positions)), allowed=1)


@pytest.mark.claim("what-normalisers-cannot-see", by="certificate of a step")
def test_for_all_numbers_the_yes_of_each_layer_holds_by_algebra(measured):
    """The step "Yes" of the proof, for four units, two inputs and three samples."""
    # Symbols for all weights, factors and vectors; two or three entries a slice, and fixed data.
    w = np.array(sympy.symbols("w:8", real=True)).reshape(4, 2)
    x = exact([[[1], [2]], [[3], [-1]], [[-2], [5]]])
    a, b, c, d, u, v = sympy.symbols("a b c d u v", positive=True)
    zero, shift = exact([[0]] * 4), np.array([[u, v]])
    column = [np.array(four).reshape(4, 1) for four in ([a, b, c, d], [a, a, b, b], [a, a, a, a])]
    unit, group, whole = column
    sample = np.array([a, b, c]).reshape(3, 1, 1)
    cases = {
        "batch": [(unit * w, unit, x), (w, zero, a * x)],
        "layer": [(a * w + shift, whole, x), (w, zero, sample * x)],
        "rms": [(a * w, zero, x), (w, zero, sample * x)],
        "group": [(group * w + shift, group, x), (w, zero, sample * x)],
        "weight": [(unit * w, zero, x)],
    }
    small = {
        **LAYERS,
        "group": lambda w, b, x: group_norm(w @ x + b, 2, 0, root),
    }
    point = dict(
        zip(
            [*w.flat, a, b, c, d, u, v],
            exact([2, 1, 3, 1, -2, 5, 1, 4, 2, 3, 5, 7, 1, 4]),
            strict=True,
        )
    )
    for layer, all_given in cases.items():
        before = small[layer](w, zero, x)
        for given in all_given:
            after = small[layer](*given)
            for k in range(0, before.size, 7):  # some entries; the others are alike
                one, other = before.flat[k], after.flat[k]
                # N(z) is t/√q: the squares agree everywhere, and the signs, those of t, at a point
                square = sympy.cancel(sympy.together(one**2 - other**2))
                measured(square != 0, allowed=0)
                assert float(one.xreplace(point)) * float(other.xreplace(point)) > 0, (layer, k)


def column(*numbers):
    return exact(numbers).reshape(-1, 1)


E1, E2 = exact([[1, 0]]), exact([[0, 1]])
ONE, TWO = exact([[[1]]]), exact([[[1]], [[2]]])  # a sample, and two, of one input
SIDES, PLACES = exact([[[1], [0]], [[0], [1]]]), exact([[[1, 0], [0, 1]]])  # samples, positions
UNEQUAL = exact([3, 1]).reshape(2, 1, 1)
# The table of the proof: layers, change, W, x, what becomes of them, and two entries of a slice,
# or one, whose order, or sign, is turned: (sample, unit, position). Four units in two groups.
SHORT = [
    (
        "layer rms",
        "groups",
        column(1, 5, 2, 7),
        ONE,
        lambda w, b, x: (column(3, 3, 1, 1) * w, b, x),
        [(0, 0, 0), (0, 2, 0)],
    ),
    (
        "layer rms group",
        "units",
        column(1, 2, 5, 7),
        ONE,
        lambda w, b, x: (column(3, 1, 1, 1) * w, b, x),
        [(0, 0, 0), (0, 1, 0)],
    ),
    (
        "batch",
        "samples",
        column(1, 1, 1, 1),
        TWO,
        lambda w, b, x: (w, b, UNEQUAL * x),
        [(0, 0, 0), (1, 0, 0)],
    ),
    (
        "batch",
        "rows",
        np.repeat(E2, 4, 0),
        SIDES,
        lambda w, b, x: (w + 2 * E1, b, x),
        [(0, 0, 0), (1, 0, 0)],
    ),
    (
        "layer group instance",
        "rows",
        np.repeat(E2, 4, 0),
        PLACES,
        lambda w, b, x: (w + 2 * E1, b, x),
        [(0, 0, 0), (0, 0, 1)],
    ),
    (
        "layer",
        "group bias",
        column(0, 3, 1, 7),
        ONE,
        lambda w, b, x: (w, b + column(2, 2, 0, 0), x),
        [(0, 0, 0), (0, 2, 0)],
    ),
    (
        "layer group",
        "unit bias",
        column(0, 1, 3, 7),
        ONE,
        lambda w, b, x: (w, b + column(2, 0, 0, 0), x),
        [(0, 0, 0), (0, 1, 0)],
    ),
    ("rms", "rows", column(1, 5, 2, 7), ONE, lambda w, b, x: (w - 2, b, x), [(0, 0, 0)]),
    *(
        ("rms", bias, column(1, 5, 2, 7), ONE, lambda w, b, x: (w, b - 2, x), [(0, 0, 0)])
        for bias in ("bias", "group bias", "unit bias")
    ),
    *(
        ("weight", bias, np.repeat(E1, 4, 0), SIDES, lambda w, b, x: (w, b - 2, x), [])
        for bias in ("bias", "group bias", "unit bias")
    ),
    ("weight", "rows", np.repeat(E1, 4, 0), SIDES, lambda w, b, x: (w + E2, b, x), []),
    ("weight", "data", np.repeat(E1, 4, 0), SIDES, lambda w, b, x: (w, b, 2 * x), []),
    ("weight", "samples", np.repeat(E1, 4, 0), SIDES, lambda w, b, x: (w, b, UNEQUAL * x), []),
]


@pytest.mark.claim("what-normalisers-cannot-see", by="exact")
@pytest.mark.parametrize("positions", [1, 2])
def test_at_every_no_the_short_example_of_the_proof_turns_an_order_or_a_sign(measured, positions):
    small = {**LAYERS, "group": lambda w, b, x: group_norm(w @ x + b, 2, 0, root)}
    found = {layer: set() for layer in blind(positions)}
    for layers, change, w, data, changed, entries in SHORT:
        if data.shape[2] > positions:
            continue
        if data.shape[2] < positions:  # other entries of a slice may have any values
            data = np.concatenate([data, 4 * data], 2)
        given = w, exact([[0]] * 4), data
        for layer in layers.split():
            before, after = small[layer](*given), small[layer](*changed(*given))
            # an output moves by more than what can be seen
            measured(VISIBLE / distance(before, after), allowed=1)
            if entries:
                gaps = [
                    float(z[entries[0]]) - sum(float(z[e]) for e in entries[1:])
                    for z in (before, after)
                ]
                assert gaps[0] * gaps[1] < 0, (layer, change)
            found[layer].add(change)
    assert found == {layer: set(CHANGES) - kept for layer, kept in blind(positions).items()}


@pytest.mark.control(
    "what-normalisers-cannot-see",
    drops="normalisation-layer",
    instead="the linear layer alone, with nothing behind it",
)
def test_control_with_no_normaliser_every_change_is_seen(measured):
    for change in CHANGES:
        measured(distance(*outputs("none", change, 1)), allowed=VISIBLE)


@pytest.mark.control(
    "what-normalisers-cannot-see",
    drops="normalisation-layer",
    instead="an epsilon of 50 beside the mean squares",
)
@pytest.mark.parametrize("layer", sorted(set(BLIND) - {"weight"}))
def test_control_with_eps_every_factor_is_seen_and_shifts_are_not(measured, layer):
    for change in BLIND[layer] - ({"rows"} if layer in ("layer", "group") else set()):
        before, after = outputs(layer, change, 3, eps=sympy.Integer(50))
        if change in FACTORS:
            measured(distance(before, after), allowed=VISIBLE)
        else:
            assert unchanged(before, after), change


@EACH
def test_scaled_with_the_square_eps_is_not_seen_either(layer):
    given = WEIGHTS, NO_BIAS, DATA[3]
    before = LAYERS[layer](*given, exact(5))
    assert unchanged(before, LAYERS[layer](7 * WEIGHTS, NO_BIAS, DATA[3], exact(5 * 49)))


@pytest.mark.control(
    "what-normalisers-cannot-see", drops="^positive", instead="the factor −1 on the matrix"
)
@EACH
def test_control_a_negative_factor_flips_the_sign_of_every_output(measured, layer):
    given = WEIGHTS, NO_BIAS, DATA[3]
    before, after = LAYERS[layer](*given), LAYERS[layer](-WEIGHTS, NO_BIAS, DATA[3])
    assert unchanged(-before, after)
    measured(distance(before, after), allowed=VISIBLE)


@pytest.mark.control(
    "what-normalisers-cannot-see", drops="^one-position", instead="three positions in a slice"
)
@pytest.mark.parametrize("layer", ["layer", "group"])
def test_control_pooled_over_several_positions_a_common_vector_is_seen(measured, layer):
    assert unchanged(*outputs(layer, "rows", 1))
    measured(distance(*outputs(layer, "rows", 3)), allowed=VISIBLE)


@pytest.mark.parametrize("layer", ["layer", "group"])
def test_a_common_vector_with_the_same_number_at_all_positions_is_not_seen(layer):
    data = DATA[3].copy()
    data[:, 0, :] = exact([[2], [-1], [3]])  # the first input is the same at all positions
    given = WEIGHTS, NO_BIAS, data
    assert unchanged(LAYERS[layer](*given), LAYERS[layer](WEIGHTS + exact([[4, 0, 0]]), *given[1:]))
    assert differ(LAYERS[layer](*given), LAYERS[layer](WEIGHTS + exact([[0, 4, 0]]), *given[1:]))


def test_a_bias_scaled_along_with_its_row_changes_no_answer_about_factors():
    bias = exact([[1], [4], [-2], [3], [0], [5]])
    for layer in ("batch", "layer", "rms", "group", "instance"):
        before = LAYERS[layer](WEIGHTS, bias, DATA[3])
        for name, factor in [("matrix", exact(7)), ("groups", PER_GROUP), ("units", PER_UNIT)]:
            after = LAYERS[layer](factor * WEIGHTS, factor * bias, DATA[3])
            assert unchanged(before, after) == (name in BLIND[layer]), (layer, name)
    # Unscaled it changes nothing where a bias is not seen, and may do where it is.
    for layer in ("batch", "instance", "layer"):
        given = LAYERS[layer](WEIGHTS, bias, DATA[3]), LAYERS[layer](7 * WEIGHTS, bias, DATA[3])
        assert differ(*given) if layer == "layer" else unchanged(*given)


# The lemma: one factor and one shift in each slice, and nothing else.

SLICE = exact([[3, -1, 4, 1, -5, 9]])
SHAPES = [  # two slices with different shapes, and what to do to a slice
    ("factor", lambda z: 7 * z, True, True),
    ("factor and shift", lambda z: 7 * z - 3, True, False),
    ("two factors", lambda z: z * exact([[2, 2, 2, 3, 3, 3]]), False, False),
    ("two shifts", lambda z: z + exact([[0, 0, 0, 1, 1, 1]]), False, False),
    ("square", lambda z: z * z, False, False),
]


@pytest.mark.claim("normaliser-forgets-a-factor-and-a-shift", by="exact")
@pytest.mark.parametrize(("name", "change", "centred", "rms"), SHAPES, ids=lambda x: str(x)[:16])
def test_a_slice_is_forgotten_up_to_one_factor_and_one_shift(measured, name, change, centred, rms):
    for takes_the_mean, forgotten in [(True, centred), (False, rms)]:
        before = normalise(SLICE, (1,), takes_the_mean, 0, root)
        after = normalise(change(SLICE), (1,), takes_the_mean, 0, root)
        if forgotten:
            measured(distance(before, after), allowed=0)
        else:
            # an output moves by more than what can be seen
            measured(VISIBLE / distance(before, after), allowed=1)


@pytest.mark.claim("normaliser-forgets-a-factor-and-a-shift", by="certificate of a step")
def test_for_all_slices_a_factor_and_a_shift_cancel_and_the_output_gives_the_slice_back(measured):
    """Both steps of the proof, for slices of four numbers."""
    z = np.array([sympy.symbols("z:4", real=True)])
    a, shift = sympy.symbols("a s", positive=True)
    for centred, moved in [(True, a * z + shift), (False, a * z)]:
        one, other = (normalise(y, (1,), centred, 0, root) for y in (z, moved))
        for k in range(4):
            numerator = z[0, k] - (z.mean() if centred else 0)
            square = sympy.cancel(sympy.together(one[0, k] ** 2 - other[0, k] ** 2))
            measured(square != 0, allowed=0)
            # the sign, which squares do not see: numerators agree up to the factor a > 0
            moved_numerator = moved[0, k] - (moved.mean() if centred else 0)
            measured(sympy.expand(moved_numerator - a * numerator) != 0, allowed=0)
    # Only if: μ and σ and the output determine z, so equal outputs differ by a factor and a shift.
    output = normalise(z, (1,), True, 0, root)
    spread = sympy.sqrt(((z - z.mean()) ** 2).mean())
    given_back = spread * output + z.mean()
    measured(sum(sympy.simplify(y) != 0 for y in (given_back - z).flat), allowed=0)


@pytest.mark.claim("normaliser-forgets-a-factor-and-a-shift", by="exact")
def test_the_output_has_mean_zero_and_mean_square_one(measured):
    output = normalise(SLICE, (1,), True, 0, root)
    measured(abs(sympy.simplify(output.sum())), allowed=0)
    measured(abs((output * output).mean() - 1), allowed=0)
    raw = normalise(SLICE, (1,), False, 0, root)
    measured(abs((raw * raw).mean() - 1), allowed=0)
    assert raw.sum() != 0


@pytest.mark.control(
    "normaliser-forgets-a-factor-and-a-shift",
    drops="normalisation-layer",
    instead="an epsilon of 5 beside the variance",
)
def test_control_with_eps_a_factor_is_not_forgotten(measured):
    before = normalise(SLICE, (1,), True, exact(5), root)
    measured(distance(before, normalise(7 * SLICE, (1,), True, exact(5), root)), allowed=VISIBLE)
    assert unchanged(before, normalise(SLICE + 7, (1,), True, exact(5), root))


@pytest.mark.control(
    "normaliser-forgets-a-factor-and-a-shift", drops="^positive", instead="the factor −2"
)
def test_control_a_negative_factor_is_not_forgotten(measured):
    for centred in (True, False):
        before = normalise(SLICE, (1,), centred, 0, root)
        after = normalise(-2 * SLICE, (1,), centred, 0, root)
        assert unchanged(-before, after)
        measured(distance(before, after), allowed=VISIBLE)


@pytest.mark.control(
    "normaliser-forgets-a-factor-and-a-shift",
    drops="^whole-slice",
    instead="a factor, or a shift, on one half of a slice of six",
)
def test_control_a_factor_or_a_shift_for_half_a_slice_is_not_forgotten(measured):
    half = exact([[1, 1, 1, 0, 0, 0]])
    before = normalise(SLICE, (1,), True, 0, root)
    for changed in (SLICE * (1 + half), SLICE + half):
        measured(distance(before, normalise(changed, (1,), True, 0, root)), allowed=VISIBLE)


@pytest.mark.control(
    "normaliser-forgets-a-factor-and-a-shift", drops="^rms", instead="a shift in front of RMS norm"
)
def test_control_rms_norm_does_not_forget_a_shift(measured):
    before = normalise(SLICE, (1,), False, 0, root)
    measured(distance(before, normalise(SLICE + 2, (1,), False, 0, root)), allowed=VISIBLE)


def test_two_numbers_become_one_and_minus_one():
    assert unchanged(normalise(exact([[3, 8]]), (1,), True, 0, root), exact([[-1, 1]]))
    # so the factors 3 and 2 on 1 and 2 amount to a shift, and 3 and 1 do not
    one, shifted, turned = (
        normalise(exact([z]), (1,), True, 0, root) for z in ([1, 2], [3, 4], [3, 2])
    )
    assert unchanged(one, shifted)
    assert differ(one, turned)


def test_rms_norm_sees_any_shift_but_of_a_constant_slice_that_keeps_its_sign():
    constant, shifted, turned, other, moved = (
        normalise(exact([z]), (1,), False, 0, root)
        for z in ([2, 2], [3, 3], [-1, -1], [2, 1], [3, 2])
    )
    assert unchanged(constant, shifted)
    assert differ(constant, turned)
    assert differ(other, moved)


def test_a_large_shift_costs_the_digits_that_it_pushes_out():
    plain = layer_norm(FLOATS)
    for shift in (1.0, 1e6, 1e12):
        lost = (layer_norm(FLOATS + shift) - plain).abs().max().item()
        # rounding of numbers of the size of the shift, beside a spread of one
        assert lost < 10 * shift * 2.0**-52
        assert lost > 0.01 * shift * 2.0**-52


# The snippet against torch.

FLOATS = torch.tensor(np.random.default_rng(1).standard_normal((3, 6, 4)))


@pytest.mark.parametrize("eps", [0.0, 0.5])
def test_the_layers_are_those_of_torch(eps):
    z, shape = FLOATS, FLOATS.shape[1:]
    batch = functional.batch_norm(z, None, None, training=True, eps=eps or 1e-60)
    pairs = [
        (batch_norm(z, eps), batch),
        (layer_norm(z, eps), functional.layer_norm(z, shape, eps=eps)),
        (rms_norm(z, eps), functional.rms_norm(z, shape, eps=eps)),
        (group_norm(z, 2, eps), functional.group_norm(z, 2, eps=eps)),
        (instance_norm(z, eps), functional.instance_norm(z, eps=eps or 1e-60)),
    ]
    for ours, torchs in pairs:
        torch.testing.assert_close(ours, torchs, rtol=ROUNDING, atol=ROUNDING)


def test_the_rows_of_weight_norm_are_those_of_torch():
    rows = FLOATS[0]
    torchs = torch._weight_norm(rows, torch.ones(6, 1, dtype=torch.float64), 0)
    torch.testing.assert_close(weight_norm(rows), torchs, rtol=ROUNDING, atol=ROUNDING)


def test_the_default_is_no_eps_and_a_mean_taken_off():
    given = FLOATS
    assert normalise(given, (1,)).equal(normalise(given, (1,), True, 0))
    for layer in (batch_norm, layer_norm, rms_norm, instance_norm):
        assert layer(given).equal(layer(given, 0))
    assert group_norm(given, 3).equal(group_norm(given, 3, 0))
    assert group_norm(given, 1).allclose(layer_norm(given), atol=ROUNDING)
    assert group_norm(given, 6).allclose(instance_norm(given), atol=ROUNDING)


def test_instance_norm_forgets_contrast_and_brightness_of_an_image_but_for_zeros_at_its_border():
    draw = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, 6, 6, generator=draw, dtype=torch.float64)
    kernel = torch.randn(4, 3, 3, 3, generator=draw, dtype=torch.float64)
    brightness = torch.tensor([5.0, -2.0, 3.0], dtype=torch.float64).reshape(1, 3, 1, 1)

    def change(of, padding):
        seen = [functional.conv2d(x, kernel, padding=padding) for x in (image, of)]
        one, other = (instance_norm(z.flatten(2)) for z in seen)
        return (one - other).abs().max().item()

    assert change(4 * image + brightness, 0) < ROUNDING
    assert change(4 * image, 1) < ROUNDING
    assert change(image + brightness, 1) > VISIBLE
    assert change(image * brightness.abs(), 0) > VISIBLE  # a factor for each colour


def test_batch_norm_of_one_sample_is_instance_norm():
    assert batch_norm(FLOATS[:1]).allclose(instance_norm(FLOATS[:1]), atol=ROUNDING)
    assert not batch_norm(FLOATS[:2]).allclose(instance_norm(FLOATS[:2]), atol=VISIBLE)


def test_instance_norm_has_the_most_yes_and_one_row_has_one_in_each_column():
    assert {layer: len(BLIND[layer]) for layer in BLIND} == {
        "batch": 7,
        "layer": 5,
        "rms": 3,
        "group": 7,
        "weight": 3,
        "instance": 8,
    }
    assert set.intersection(*BLIND.values()) == {"matrix"}
    # what the notes on layer norm and on weight norm read off it
    assert {layer for layer in BLIND if "rows" in BLIND[layer]} == {"layer", "group"}
    assert BLIND["batch"] & BLIND["weight"] == {"matrix", "groups", "units"}


def test_groups_that_do_not_divide_the_units_are_refused():
    with pytest.raises(ValueError, match="6 units do not split into 4 equal groups; take a div"):
        group_norm(FLOATS, 4)


def test_instance_norm_of_a_single_position_is_refused():
    with pytest.raises(ValueError, match="zero by zero; it needs two positions or more"):
        instance_norm(FLOATS[:, :, :1])
    assert instance_norm(FLOATS[:, :, :2]).isfinite().all()


# Backwards.

G = np.array([sympy.symbols("g:3", real=True)])
Z = np.array([sympy.symbols("z:3", real=True)])


def chain_rule(centred, eps=0):
    """∇ of ⟨g, N(z)⟩ in z, for fixed g: by differentiation, in three symbols."""
    total = (G * normalise(Z, (1,), centred, eps, root)).sum()
    return [sympy.diff(total, z) for z in Z[0]]


@pytest.mark.claim("normaliser-projects-the-gradient", by="certificate of a step")
@pytest.mark.parametrize("centred", [True, False])
def test_for_all_slices_of_three_the_gradient_is_the_projection_over_the_spread(measured, centred):
    """The derivative of the proof, for slices of three numbers."""
    # A gradient for z depends on the loss through g only, so a loss that is linear in ẑ will do.
    given = gradient_through(G, Z, (1,), centred, root)
    for ours, theirs in zip(given[0], chain_rule(centred), strict=True):
        measured(sympy.cancel(sympy.together(ours - theirs)) != 0, allowed=0)


UPSTREAM, FOUR = exact([[2, -3, 1, 5]]), exact([[3, -1, 4, 1]])


def lengths(centred, eps=0):
    """The squared length of the gradient by differentiation, and by the formula."""
    y, slopes = sympy.Symbol("y", real=True), []
    for k in range(4):
        moving = FOUR.copy()
        moving[0, k] = y
        total = (UPSTREAM * normalise(moving, (1,), centred, eps, root)).sum()
        slopes.append(sympy.diff(total, y).subs(y, FOUR[0, k]))
    middle = FOUR.mean() if centred else 0
    spread = ((FOUR - middle) ** 2).mean() + eps
    output = normalise(FOUR, (1,), centred, eps, root)
    mean_part = UPSTREAM.sum() ** 2 / 4 if centred else 0
    along = (UPSTREAM * output).sum() ** 2 / 4
    formula = ((UPSTREAM * UPSTREAM).sum() - mean_part - along) / spread
    return sympy.expand(sum(s**2 for s in slopes)), sympy.expand(formula)


@pytest.mark.claim("normaliser-projects-the-gradient", by="exact")
@pytest.mark.parametrize("centred", [True, False])
def test_the_gradient_loses_the_length_of_its_parts_along_what_is_forgotten(measured, centred):
    found, formula = lengths(centred)
    assert found > 0
    measured(abs(found - formula), allowed=0)
    slope = gradient_through(UPSTREAM, FOUR, (1,), centred, root)
    measured(abs(sympy.expand((slope * slope).sum() - formula)), allowed=0)
    output = normalise(FOUR, (1,), centred, 0, root)
    measured(abs(sympy.expand((slope * output).sum())), allowed=0)
    if centred:
        measured(abs(sympy.expand(slope.sum())), allowed=0)
    else:
        assert sympy.expand(slope.sum()) != 0


@pytest.mark.control(
    "normaliser-projects-the-gradient",
    drops="normalisation-layer",
    instead="an epsilon of 5 beside the variance",
)
def test_control_with_eps_the_formula_for_the_length_fails(measured):
    found, formula = lengths(True, eps=exact(5))
    # a hundredth: both are exact
    measured(abs(found / formula - 1), allowed=VISIBLE / 5)


@pytest.mark.control(
    "normaliser-projects-the-gradient",
    drops="^rms",
    instead="RMS norm by the formula with the mean",
)
def test_control_rms_norm_lets_the_mean_through(measured):
    through = gradient_through(UPSTREAM, FOUR, (1,), False, root)
    measured(abs(through.sum()), allowed=2 * VISIBLE)
    centred = gradient_through(UPSTREAM, FOUR, (1,), True, root)
    measured(distance(through, centred), allowed=VISIBLE)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("axes", [(0, 2), (1, 2), (2,)])
def test_the_gradient_of_the_snippet_is_that_of_autograd(axes, centred):
    z, g = FLOATS.clone().requires_grad_(), FLOATS.cos()
    (normalise(z, axes, centred) * g).sum().backward()
    ours = gradient_through(g, FLOATS, axes, centred)
    torch.testing.assert_close(ours, z.grad, rtol=ROUNDING, atol=ROUNDING)
    assert gradient_through(g, FLOATS, axes).equal(gradient_through(g, FLOATS, axes, True))


def test_with_eps_the_formula_for_the_gradient_holds_and_is_no_projection():
    z, g, eps = FLOATS[0, 0].clone().requires_grad_(), FLOATS[0, 1], 0.5
    (normalise(z, (0,), True, eps) * g).sum().backward()
    spread = ((z.detach() - z.detach().mean()).square().mean() + eps).sqrt()
    output = (z.detach() - z.detach().mean()) / spread
    formula = (g - g.mean() - output * (g * output).mean()) / spread
    torch.testing.assert_close(z.grad, formula, rtol=ROUNDING, atol=ROUNDING)
    assert (z.grad @ output).abs() > 0.01


@pytest.mark.parametrize("along", [0, 1])
def test_with_eps_the_formula_for_the_length_holds_only_if_nothing_is_along_the_output(along):
    z, eps = FLOATS[0, 0].clone().requires_grad_(), 0.5
    output = normalise(FLOATS[0, 0], (0,), True, eps)
    g = FLOATS[0, 1] - FLOATS[0, 1].mean()
    g = g - (g @ output) / (output @ output) * output + along * output
    (normalise(z, (0,), True, eps) * g).sum().backward()
    spread = (FLOATS[0, 0].var(correction=0) + eps).sqrt()
    formula = (g @ g - g.sum() ** 2 / 4 - (output @ g) ** 2 / 4) / spread**2
    assert (abs(z.grad.square().sum() / formula - 1) < ROUNDING) == (not along)
    # the share 1 − ‖ẑ‖²/k of the part of g along ẑ is left over
    left_over = (1 - output @ output / 4) * (g @ output) / spread
    torch.testing.assert_close(z.grad @ output, left_over, rtol=ROUNDING, atol=ROUNDING)
    assert (abs(left_over) > 0.1) == bool(along)
    # and multiplied by c the input has a gradient that is divided by c, with ε c² for ε
    longer = (10 * FLOATS[0, 0]).requires_grad_()
    (normalise(longer, (0,), True, 100 * eps) * g).sum().backward()
    torch.testing.assert_close(10 * longer.grad, z.grad, rtol=ROUNDING, atol=ROUNDING)


def test_with_running_averages_a_factor_shows_in_every_output_that_the_weights_reach():
    weights, bias = FLOATS[0], torch.ones(6, 1, dtype=torch.float64)
    data = FLOATS[:, :4, :2] * torch.tensor([1.0, 0.0])  # at the second position x is zero
    mean, spread = 0.3, 1.7
    one, other = ((w @ data + bias - mean) / spread for w in (weights, 2 * weights))
    moved = (one - other).abs() > ROUNDING
    assert moved[:, :, 0].all()
    assert not moved[:, :, 1].any()
    assert batch_norm(weights @ data).allclose(batch_norm(2 * weights @ data), atol=ROUNDING)


V, M = np.array(sympy.symbols("v:3", positive=True)), sympy.Symbol("m", real=True)


def weight_norm_slopes(detached=False):
    """∂ₘL and ∇ᵥL of L = f(m v/‖v‖) by differentiation; with ‖v‖ held fixed if detached."""
    norm = sympy.Symbol("n", positive=True) if detached else sympy.sqrt((V * V).sum())
    total = (G[0] * M * V / norm).sum()
    return sympy.diff(total, M), np.array([sympy.diff(total, v) for v in V])


@pytest.mark.claim("weight-norm-projects-the-gradient", by="certificate of a step")
def test_for_all_rows_the_length_gets_one_part_of_the_gradient_and_the_direction_the_rest(measured):
    """The two gradients of the proof and their orthogonality, for rows of three numbers."""
    of_length, of_direction = gradient_through_weight_norm(G[0], V, M, root)
    by_length, by_direction = weight_norm_slopes()
    zeros = [of_length - by_length, *(of_direction - by_direction), (of_direction * V).sum()]
    measured(sum(sympy.cancel(sympy.together(zero)) != 0 for zero in zeros), allowed=0)


@pytest.mark.claim("weight-norm-projects-the-gradient", by="exact")
def test_a_step_on_the_direction_is_the_hypotenuse_of_a_right_triangle(measured):
    v, g, eta = exact([2, 3, 6]), exact([1, -2, 5]), exact(1) / 3  # ‖v‖ = 7
    _, slope = gradient_through_weight_norm(g, v, exact(4), root)
    after = v - eta * slope
    growth = eta**2 * (slope * slope).sum()
    assert growth > 0
    measured(abs((after * after).sum() - 49 - growth), allowed=0)


@pytest.mark.control(
    "weight-norm-projects-the-gradient",
    drops="^length-differentiated",
    instead="a length that is held fixed on the way back",
)
def test_control_with_the_length_held_fixed_the_gradient_is_not_orthogonal_to_the_row(measured):
    _, slope = weight_norm_slopes(detached=True)
    values = {**dict(zip(V, (2, 3, 6), strict=True)), **dict(zip(G[0], (1, 2, 5), strict=True))}
    values |= {M: 4, sympy.Symbol("n", positive=True): 7}
    slope = np.array([sympy.sympify(s).subs(values) for s in slope])
    v, eta = exact([2, 3, 6]), exact(1) / 3
    measured((slope * v).sum(), allowed=10)  # nearly half of ‖slope‖ ‖v‖ = 22
    after = v - eta * slope
    measured(1 - (after * after).sum() / 49, allowed=0.2)  # of the squared length, a fifth is lost


@pytest.mark.parametrize("side", [1, 0, -1])
def test_with_the_length_held_fixed_a_step_shortens_the_row_or_lengthens_it_by_more_or_as_claimed(
    side,
):
    v, m, eta = exact([2, 3, 6]), exact(4), exact(1) / 100
    across, along = exact([3, -2, 0]), v / 7
    passed_on = m / 7 * (across + side * along)  # (m/‖v‖) g
    after = v - eta * passed_on
    growth = (after * after).sum() - (v * v).sum()
    claimed = eta**2 * (passed_on * passed_on).sum()
    assert (
        np.sign([growth - claimed, growth]).tolist()
        == {
            1: [-1, -1],  # shorter
            0: [0, 1],
            -1: [1, 1],  # longer, and by more
        }[side]
    )


def test_the_gradients_through_weight_norm_are_those_of_autograd():
    v = FLOATS[0, 0].clone().requires_grad_()
    m = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    g = FLOATS[0, 1]
    (g * m * weight_norm(v[None])[0]).sum().backward()
    of_length, of_direction = gradient_through_weight_norm(g, v.detach(), m.detach())
    torch.testing.assert_close(of_length, m.grad, rtol=ROUNDING, atol=ROUNDING)
    torch.testing.assert_close(of_direction, v.grad, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("axes", [2, 4])
def test_what_is_not_sample_unit_position_is_refused(axes):
    z = torch.ones([2] * axes)
    with pytest.raises(ValueError, match=rf"z has {axes} axes and needs three, \(sample, unit, "):
        check_axes(z)
    check_axes(torch.ones(2, 2, 2))
    refusals = TypeError, ValueError  # the first where shapes are checked
    for layer in (batch_norm, layer_norm, rms_norm, instance_norm, lambda z: group_norm(z, 1)):
        with pytest.raises(refusals, match="z"):
            layer(z)
