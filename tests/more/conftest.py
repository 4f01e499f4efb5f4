"""What tests share that need more than a checkout: the wheel, built once."""

import pytest

from tests.more import environments


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    return environments.wheel(tmp_path_factory.mktemp("wheel"))
