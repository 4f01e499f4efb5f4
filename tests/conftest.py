"""Lends the tests pytest's own means to run other tests, and each process one thread.

Test files run side by side already, and on small tensors threads only wait for each other.
"""

import gc
import os
import sys

from tests.shapes import ShapesFinder

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch
gc.disable()  # until all is imported and collected, of which nothing is ever thrown away

pytest_plugins = ["pytester"]

# What takes longest comes first, so that no process is left alone with it.
FIRST = [
    "tests/site/test_browser",
    "tests/site/",
    "tests/labs/",
    "tests/litmus/",
]


def pytest_configure(config):
    if checked := config.getoption("--jaxtyping-packages"):
        *packages, _checker = checked.split(",")
        sys.meta_path.insert(0, ShapesFinder(packages))


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: [not item.nodeid.startswith(place) for place in FIRST])


def pytest_collection_finish():
    gc.freeze()
    gc.enable()
