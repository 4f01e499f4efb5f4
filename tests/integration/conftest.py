"""What the integrations share: nothing is asked of a network, and what is missing is said."""

import os
from importlib.util import find_spec

import pytest

from tests.needs import missing

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports the hub's client
os.environ["ACCELERATE_USE_CPU"] = "true"


@pytest.fixture(scope="module")
def installed(request):
    """All that a file of tests needs, by the name of the module, as it says in NEEDS."""
    for name in request.module.NEEDS:
        if not find_spec(name):
            missing(f"{name} is not installed", "`make integrations` brings it.")
