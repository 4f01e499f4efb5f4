"""Does AdamW on real digits train the function of its twin, and of no other rule?"""

import pytest


@pytest.fixture(scope="module")
def measured(measured_by):
    return measured_by("docs/labs/adamw-against-its-twin.py")


@pytest.mark.claim("adamw-twin-as-a-stock-adam", by="experiment")
def test_on_digits_the_twin_is_the_same_function_at_every_step(measured):
    assert measured["gaps"]["twin"] < 1e-6 * measured["largest_logit"]  # rounding, amplified
    assert measured["norm_ratio"] == pytest.approx(measured["predicted_ratio"], rel=1e-8)


@pytest.mark.control("adamw-twin-as-a-stock-adam", drops="^rates")
@pytest.mark.parametrize("rule", ["naive", "squared", "no growth"])
def test_control_on_digits_other_rules_train_other_functions(measured, rule):
    assert measured["gaps"][rule] > 0.01 * measured["largest_logit"]
