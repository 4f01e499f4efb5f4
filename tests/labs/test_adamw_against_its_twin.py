"""Does AdamW on real digits train the function of its twin, and of no other rule?"""

import pytest

ROUNDING = 1e-6  # of the largest logit: a rounding at 1e-16, amplified by the steps of training
RATIO = 1e-8  # of a ratio of two norms, which add up what rounding does to each weight
VISIBLE = 0.01  # of the largest logit: ten thousand times what rounding may do


@pytest.fixture(scope="module")
def lab(measured_by):
    return measured_by("docs/labs/adamw-against-its-twin.py")


@pytest.mark.claim("adamw-twin-as-a-stock-adam", by="experiment")
def test_on_digits_the_twin_is_the_same_function_at_every_step(measured, lab):
    measured(lab["gaps"]["twin"] / lab["largest_logit"], allowed=ROUNDING)
    measured(abs(lab["norm_ratio"] / lab["predicted_ratio"] - 1), allowed=RATIO)


@pytest.mark.control(
    "adamw-twin-as-a-stock-adam", drops="^rates", instead="a rate without 1/aⁿ, or with its square"
)
@pytest.mark.parametrize("rule", ["squared", "no growth"])
def test_control_on_digits_at_other_rates_it_trains_other_functions(measured, lab, rule):
    measured(lab["gaps"][rule] / lab["largest_logit"], allowed=VISIBLE)


@pytest.mark.control("adamw-twin", drops="^betas", instead="the betas of AdamW")
def test_control_on_digits_with_the_old_betas_it_trains_another_function(measured, lab):
    measured(lab["gaps"]["naive"] / lab["largest_logit"], allowed=VISIBLE)


def test_other_rates_are_off_at_the_first_step_and_the_old_betas_at_the_second(lab):
    early, seen = lab["early_gaps"], 1e-6  # a hundred million times what a step or two round
    for rule in ("squared", "no growth"):
        assert early[rule][0] > seen
    assert early["twin"][0] < 1e-12
    assert early["naive"][0] < 1e-12
    assert early["naive"][1] > seen


def test_the_other_rules_end_as_other_functions(lab):
    for rule, gap in lab["last_gaps"].items():
        if rule != "twin":
            assert gap > VISIBLE * lab["largest_logit"], rule
