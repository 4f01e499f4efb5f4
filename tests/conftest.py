"""Lends the tests pytest's own means to run other tests, and each process one thread.

Test files run side by side already, and on small tensors threads only wait for each other.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch

pytest_plugins = ["pytester"]
