"""Runs each lab at most once, for its tests and for its page."""

from pathlib import Path

import pytest

from litmus.python import lab_runs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def measured_by():
    """Return what a lab, named by its path from the root, says that it measured."""
    return lambda lab: lab_runs.measured(ROOT / lab, ROOT, ROOT / "build")
