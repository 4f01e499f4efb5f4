"""Does the stock Adam train the function that its AdamW would have trained?"""

from fractions import Fraction

import pytest
import sympy
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

from snippets import stock_adam as snippet
from snippets.adamw_twin import adam_step
from snippets.stock_adam import adam_settings, fresh_state, twin_settings
from snippets.stock_adam import stock_adam as converted

NAME = "every-adamw-schedule-is-a-stock-adam"
ROUNDING = 1e-11  # some sixty steps, each rounded at 1e-16
VISIBLE = 1e-3  # of the weights: a hundred million times what rounding does
DATA = torch.randn(4, 16, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def loss(weights, t, plain=False):
    direction = weights if plain else weights / weights.norm()
    return (DATA[t % 4] @ direction - DATA[t % 4, :, 0].tanh()).square().mean()


def schedule(t):
    return {"lr": 0.05 * (1 + t % 3), "weight_decay": 0.0 if t % 4 == 3 else 0.4}


def spoiled(args, spoil):
    settings, state = twin_settings(*args)
    return settings | (spoil or {}), state


def run(twin_at=None, steps=60, plain=False, spoil=None, aim=False):
    """Weights with decay at the end; from step twin_at on by the twin, times its scale."""
    weights = nn.Parameter(DATA[0, 0].clone())
    adamw = AdamW([weights], betas=(0.8, 0.9), eps=1e-2)
    stepped, scale = adamw, 1.0
    for t in range(steps):
        adamw.param_groups[0].update(schedule(t))
        if t == twin_at:
            stepped = converted(adamw)
        (weights.grad,) = torch.autograd.grad(loss(weights, t, plain), weights)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(snippet, "twin_settings", lambda *args: spoiled(args, spoil))
            stepped.step()
    if stepped is not adamw:
        scale = stepped.param_groups[0]["twin"]["scale"]
    return scale * weights.detach(), scale


def gap(**options):
    twin_at = options.pop("twin_at", 0)
    common = {key: value for key, value in options.items() if key != "spoil"}
    right = run(**common)[0]
    return ((run(twin_at, **options)[0] - right).norm() / right.norm()).item()


def induction_step(**changes):
    """Weights, first and second moment: of AdamW's twin, minus those of Adam times 1, r and q.

    Before the step the twin's moments are r and q times those of Adam. Two roots are taken. They
    are symbols here, K and W, of what they are the roots of.
    """
    names = "eta a before c r q beta1 beta2 eps phi M V K W slope"
    symbols = dict(zip(names.split(), sympy.symbols(names, positive=True), strict=True))
    eta, a, before, c, r, q, b1, b2, eps, phi, first, second, ratio, size, slope = symbols.values()
    count = sympy.symbols("n", positive=True, integer=True)
    squares = {}

    def root(name, value):
        return lambda of: squares.update({name: of}) or value

    state = {"scale": c, "first": r, "second": q, "shrink": before}
    settings, after = adam_settings(count, eta, a, (b1, b2), eps, state, root("K", ratio))
    settings |= changes
    keep, add = (before * b1, before**2 * b2), (1 - b1, 1 - b2)
    moments, bias, rate = (r * first, q * second), (1 - b1**count, 1 - b2**count), eta / (c * a)
    twin = adam_step(
        phi, moments, slope, rate, 0, keep, add, bias, c * eps, root("twin", ratio * size)
    )
    adam = adam_step(
        phi,
        (first, second),
        changes.get("slope", slope),
        settings["lr"],
        0,
        settings["betas"],
        tuple(1 - beta for beta in settings["betas"]),
        tuple(1 - beta**count for beta in settings["betas"]),
        settings["eps"],
        root("adam", size),
    )
    assert (after["scale"], after["shrink"]) == (c * a, a)
    gaps = [
        twin[0] - adam[0],
        twin[1][0] - after["first"] * adam[1][0],
        twin[1][1] - after["second"] * adam[1][1],
        squares["twin"] - squares["K"] * squares["adam"],  # so that √ of the first is K times W
    ]
    return [sympy.cancel(sympy.together(gap)) for gap in gaps]


def size(gap):
    """A gap at one place, exactly. Where it is not 0 there, it is not 0 for all values."""
    symbols = sorted(gap.free_symbols, key=str)
    values = {s: 3 if s.is_integer else sympy.Rational(1, 2 + k) for k, s in enumerate(symbols)}
    return abs(gap.subs(values))


@pytest.mark.claim(NAME, by="certificate of a step")
def test_a_step_of_adam_in_these_settings_is_that_of_the_twin_for_all_values(measured):
    """The induction by which Adam's moments, and so its steps, are those of the twin of AdamW."""
    measured(sum(gap != 0 for gap in induction_step()), allowed=0)
    eta, a, b1, b2, eps = sympy.symbols("eta a beta1 beta2 eps", positive=True)
    start = {"scale": 1, "first": 1, "second": 1, "shrink": 1}
    assert start == fresh_state()
    settings, _ = adam_settings(3, eta, a, (b1, b2), eps, start, sympy.sqrt)
    assert settings == {"lr": eta / a, "betas": (b1, b2), "eps": eps}


@pytest.mark.control(
    NAME, drops="scale-invariant-loss", instead="a gradient that does not scale with the weights"
)
def test_control_with_another_gradient_weights_and_moments_are_off(measured):
    for gap in induction_step(slope=sympy.symbols("other")):
        measured(size(gap), allowed=0)


@pytest.mark.control(NAME, drops="^betas", instead="the betas of AdamW")
def test_control_with_the_old_betas_the_moments_are_off(measured):
    for gap in induction_step(betas=sympy.symbols("beta1 beta2", positive=True)):
        measured(size(gap), allowed=0)


@pytest.mark.control(NAME, drops="^rates", instead="the rate, or the ε, of AdamW")
@pytest.mark.parametrize(("name", "old"), [("lr", "eta"), ("eps", "eps")])
def test_control_with_another_rate_or_eps_the_step_is_off(measured, name, old):
    first, *others = induction_step(**{name: sympy.symbols(old, positive=True)})
    measured(size(first), allowed=0)
    assert others == [0, 0, 0]


@pytest.mark.claim(NAME, by="float64")
@pytest.mark.parametrize("twin_at", [0, 1, 17])
def test_the_twin_follows_any_schedule_from_any_step_on(measured, twin_at):
    measured(gap(twin_at=twin_at), allowed=ROUNDING)
    assert 0.5 <= run(twin_at)[1] < 0.7  # it has been brought back


@pytest.mark.control(NAME, drops="scale-invariant-loss", instead="plain least squares")
def test_control_a_loss_that_sees_the_length_parts_them(measured):
    measured(gap(plain=True), allowed=VISIBLE)


@pytest.mark.control(NAME, drops="^betas", instead="the betas of AdamW")
def test_control_the_old_betas_part_them(measured):
    measured(gap(spoil={"betas": (0.8, 0.9)}), allowed=VISIBLE)


@pytest.mark.control(NAME, drops="^rates", instead="a rate that stays, or the ε of AdamW")
@pytest.mark.parametrize("spoil", [{"lr": 0.1}, {"eps": 1e-2}])
def test_control_other_rates_and_eps_part_them(measured, spoil):
    measured(gap(spoil=spoil), allowed=VISIBLE)


@pytest.mark.parametrize("decay", [0.4, -0.4])
def test_the_algebra_goes_through_for_a_negative_decay_and_betas_stay_below_one(decay):
    def end(rule):
        weights, moments = DATA[0, 0], (0 * DATA[0, 0], 0 * DATA[0, 0])
        state, old, betas = fresh_state(), (0.8, 0.9), []
        for t in range(40):
            rate, decays = 0.05, decay if t % 4 else 0.0
            settings = {"lr": rate, "betas": old, "eps": 1e-2}
            if rule == "twin":
                settings, state = adam_settings(t + 1, rate, 1 - rate * decays, old, 1e-2, state)
                decays = 0.0
            betas.append(settings["betas"])
            add, bias = (tuple(1 - b**n for b in settings["betas"]) for n in (1, t + 1))
            (slope,) = torch.autograd.grad(
                loss(given := weights.clone().requires_grad_(), t), given
            )
            weights, moments = adam_step(
                *(weights, moments, slope, settings["lr"], decays, settings["betas"]),
                *(add, bias, settings["eps"]),
            )
        return state["scale"] * weights, betas

    (plain, _), (twin, betas) = end("AdamW"), end("twin")
    assert ((plain - twin).norm() / plain.norm()) < ROUNDING
    assert all(0 <= beta < 1 for pair in betas for beta in pair)
    assert (max(first for first, _ in betas) > 0.8 + VISIBLE) == (decay < 0)


def test_after_a_negative_scalar_the_next_beta_is_none():
    def next_betas(first):
        state = fresh_state()
        for count in (1, 2):
            settings, state = adam_settings(count, 1.0, -0.5, (first, 0.9), 0.0, state, lambda x: 1)
        return settings["betas"]

    assert not 0 <= next_betas(0.8)[0] < 1
    assert next_betas(0.0)[0] == 0  # there is no memory to turn round
    assert 0 <= next_betas(0.8)[1] < 1


@pytest.mark.parametrize(
    ("second", "moments", "in_the_twin"), [("4/5", ".57", ".4617"), ("6/5", ".97", ".7857")]
)
def test_the_largest_second_moment_so_far_may_be_another_one_in_the_twin(
    second, moments, in_the_twin
):
    """The example of the note: AMSGrad divides by the largest, and the twin's may be the older."""
    half, kept = Fraction(1, 2), Fraction(9, 10)  # β₂ and a
    found = {}
    for scalars, keep in [((1, 1), half), ((1, kept), half * kept**2)]:
        v, found[scalars] = Fraction(0), []
        for c, gradient in zip(scalars, (Fraction(1), Fraction(second)), strict=True):
            _, (_, v) = adam_step(
                *(0, (0, v), c * gradient, 1, 0, (0, keep), (1, half), (1, 1), 0, lambda _: 1)
            )
            found[scalars].append(v)
    plain, twin = found.values()
    assert plain == [half, Fraction(moments)]
    assert twin == [half, Fraction(in_the_twin)]
    newest = [values.index(max(values)) == 1 for values in (plain, twin)]
    assert newest == [True, second == "6/5"]


def test_groups_have_scales_of_their_own_and_settings_carry_over():
    one, two = (nn.Parameter(torch.ones(2)) for _ in range(2))
    old = AdamW([{"params": [one]}, {"params": [two], "weight_decay": 0.0}], 0.1, maximize=True)
    old.param_groups[0]["weight_decay"] = 2.0
    twin = converted(old)
    assert isinstance(twin, Adam)
    assert twin.defaults["decoupled_weight_decay"] is False
    assert [group["maximize"] for group in twin.param_groups] == [True, True]
    assert [group["weight_decay"] for group in twin.param_groups] == [0, 0]
    assert not any(group["decoupled_weight_decay"] for group in twin.param_groups)
    assert twin.param_groups[0]["params"] is not old.param_groups[0]["params"]
    one.grad, two.grad = torch.ones(2), torch.ones(2)
    twin.step()
    assert [g["twin"]["scale"] for g in twin.param_groups] == [pytest.approx(0.8), 1.0]
    assert [g["lr"] for g in twin.param_groups] == [pytest.approx(0.125), pytest.approx(0.1)]
    assert old.param_groups[0]["weight_decay"] == 2.0


def adamw(**options):
    return AdamW([nn.Parameter(torch.ones(2))], 0.1, **options)


class Own(AdamW):
    """An optimizer of one's own, whose step may be anything."""


@pytest.mark.parametrize(
    ("optimizer", "complaint"),
    [
        (lambda p: AdamW(p), None),
        (lambda p: Adam(p, weight_decay=0.1, decoupled_weight_decay=True), None),
        (lambda p: SGD(p, 0.1), "SGD is not torch.optim.AdamW itself"),
        (lambda p: Own(p), "Own is not torch.optim.AdamW itself"),
        (lambda p: Adam(p, weight_decay=0.1), "group 0: its decay goes through the moments"),
        (lambda p: AdamW(p, amsgrad=True), "group 0: amsgrad's running maximum"),
        (lambda p: AdamW(p, capturable=True), "group 0: capturable fixes the settings"),
        (lambda p: AdamW(p, differentiable=True), "group 0: it is differentiable"),
    ],
)
def test_what_has_no_twin_is_refused(optimizer, complaint):
    old = optimizer([nn.Parameter(torch.ones(2))])
    if not complaint:
        assert isinstance(converted(old), Adam)
        return
    with pytest.raises(ValueError, match=complaint):
        converted(old)


def test_an_adam_whose_decay_is_decoupled_is_an_adamw():
    def weights(make):
        parameter = nn.Parameter(DATA[0, 0].clone())
        new = make([parameter], lr=0.05, weight_decay=0.4)
        for t in range(30):
            (parameter.grad,) = torch.autograd.grad(loss(parameter, t), parameter)
            new.step()
        groups = new.param_groups
        return groups[0].get("twin", {"scale": 1})["scale"] * parameter.detach()

    def decoupled(parameters, **options):
        return converted(Adam(parameters, decoupled_weight_decay=True, **options))

    assert (weights(decoupled) - weights(AdamW)).norm() < ROUNDING
    assert (weights(Adam) - weights(AdamW)).norm() > VISIBLE


def test_what_breaks_at_a_step_is_refused():
    parameters = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    old = AdamW(parameters, 0.1, weight_decay=1.0)
    twin = converted(old)
    for parameter in parameters:
        parameter.grad = torch.ones(2)
    twin.step()
    for decay in (10.0, -1.0):
        old.param_groups[0]["weight_decay"] = decay
        with pytest.raises(ValueError, match=r"group 0: lr · weight_decay = -?[01.]+ is not in"):
            twin.step()
    old.param_groups[0].update(weight_decay=1.0, amsgrad=True)
    with pytest.raises(ValueError, match="group 0: amsgrad"):
        twin.step()
    old.param_groups[0]["amsgrad"] = False
    twin.state[parameters[0]]["step"] += 1
    with pytest.raises(ValueError, match=r"group 0: its parameters have taken \[1, 2\] steps"):
        twin.step()
    old.param_groups[0]["weight_decay"] = 0.0
    with pytest.raises(ValueError, match=r"have taken \[1, 2\] steps"):  # after some decay
        twin.step()


GROUP = {"lr": 0.1, "weight_decay": 2.0, "betas": (0.5, 0.75), "eps": 0.01, "maximize": True}
GROUP |= dict.fromkeys(("amsgrad", "capturable", "differentiable"), False)
GROUP |= {"decoupled_weight_decay": True}


def test_the_first_settings_are_those_of_adam_and_decay_enters_one_step_later():
    settings, state = twin_settings(GROUP, fresh_state(), {0})
    assert settings == {
        **{"lr": pytest.approx(0.125), "betas": (0.5, 0.75), "eps": 0.01, "weight_decay": 0.0},
        "maximize": True,
    }
    assert state == {"scale": 0.8, "first": 1.0, "second": 1.0, "shrink": 0.8}
    settings, state = twin_settings(GROUP, state, {1})
    assert state["first"] == pytest.approx(0.9)
    assert state["second"] == pytest.approx(0.73)
    assert twin_settings({**GROUP, "lr": 0.0}, fresh_state(), {7})[1] == fresh_state()


def test_without_decay_so_far_all_is_as_it_was():
    group = {**GROUP, "weight_decay": 0.0, "betas": (0.3, 0.7)}
    settings, state = twin_settings(group, fresh_state(), {3, 4})
    assert (settings["lr"], settings["betas"], settings["eps"]) == (0.1, (0.3, 0.7), 0.01)
    assert state == fresh_state()
    for name in fresh_state():  # and not once there was some
        moved = fresh_state() | {name: 0.5}
        assert twin_settings(group, moved, {3})[0]["lr"] != 0.1 or name == "shrink"


def test_step_counts_of_a_fused_optimizer_go_to_where_others_have_them():
    old = adamw(fused=True)
    (weights,) = old.param_groups[0]["params"]
    weights.grad = torch.ones(2)
    old.step()
    count = old.state[weights]["step"]
    new = converted(old)
    assert new.state[weights]["step"].equal(count)
    new.state[weights]["step"] = 3  # as old checkpoints have it
    third = AdamW([weights])
    third.state[weights].update(new.state[weights])
    assert converted(third).state[weights]["step"].equal(torch.tensor(3))
