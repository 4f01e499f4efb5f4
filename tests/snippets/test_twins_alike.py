"""Do the twins of SGD and AdamW, which copy nothing from each other, say alike what is the same?

A copied file stands alone, so that what both do stands in both. It is held equal here.
"""

import inspect

import pytest

from snippets import stock_adam, without_weight_decay

FUNCTIONS = ["_mark", "_refuse_load", "_refuse_step"]
METHODS = ["step", "_plans", "__getstate__", "__setstate__"]


def sources(name):
    """The source of a function in both files, or of a method in both classes."""
    adam, sgd = stock_adam, without_weight_decay
    places = (adam.DecayFreeAdam, sgd.DecayFreeSGD) if name in METHODS else (adam, sgd)
    return [inspect.getsource(inspect.unwrap(vars(place)[name])) for place in places]


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_what_both_twins_do_stands_in_both_in_the_same_words(name):
    first, second = sources(name)
    assert first == second


def test_control_what_differs_is_seen():
    first, second = sources("fresh_state")
    assert first != second
