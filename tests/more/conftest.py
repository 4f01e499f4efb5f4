"""What tests share that need more than a checkout: the wheel, and an environment of it alone."""

import pytest

from tests.more import environments

# The browser, and our own site, as the tests of the site have them.
from tests.site.conftest import browser, site, url  # noqa: F401


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    return environments.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def bare(tmp_path_factory, wheel):
    """An environment of the wheel and what it requires."""
    return environments.environment(tmp_path_factory.mktemp("bare") / "environment", wheel)
