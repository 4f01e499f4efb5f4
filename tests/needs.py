"""What becomes of a test that needs what is not installed: one rule for all of them."""

import os
from typing import NoReturn

import pytest


def missing(what: str, remedy: str) -> NoReturn:
    """Skip a test for what is not installed, and say how to get it; with CI=true, fail it.

    `.ci/run` installs all that tests need, so what is missing there would never be tested.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}. {remedy}", pytrace=False)
    pytest.skip(f"{what}. {remedy}")
