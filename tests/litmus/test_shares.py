"""Does work that is shared among processes come back whole, in order, and with its errors?"""

import os

import pytest

from litmus.shares import WORTH_IT, shared

MANY = range(5 * WORTH_IT)


def square(number):
    return number**2, os.getpid()


def test_results_come_back_in_the_order_of_their_items():
    assert [result for result, _ in shared("Work", MANY, square)] == [n**2 for n in MANY]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="there is one core here")
def test_many_items_are_shared_and_few_are_not():
    def slowly(number):
        return sum(range(20_000)) and square(number)

    assert len({process for _, process in shared("Work", MANY, slowly)}) > 1
    assert {process for _, process in shared("Work", MANY[:10], slowly)} == {os.getpid()}
    assert {process for _, process in shared("Work", MANY, square, alone=True)} == {os.getpid()}


@pytest.mark.parametrize("number", [0, MANY[-1]])
def test_an_error_is_raised_whichever_process_it_happens_in(number):
    with pytest.raises(ZeroDivisionError):
        shared("Work", MANY, lambda item: 1 // (item - number))
