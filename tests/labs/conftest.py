"""Runs each lab once and hands its tests what it measured."""

import runpy
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest

LABS = Path(__file__).parents[2] / "docs/labs"


@cache
def names_of(lab: str) -> dict[str, Any]:
    """Run a lab, by its file name without .py, and return all its names with their values."""
    with matplotlib.rc_context({"backend": "agg"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive.*")
        names = runpy.run_path(str(LABS / f"{lab}.py"))
        plt.close("all")
    return names


@pytest.fixture(scope="session")
def measured_by() -> Callable[[str], dict[str, Any]]:
    """Return the dictionary `measured` of a lab: plain numbers and lists that it ends with."""
    return lambda lab: names_of(lab)["measured"]
