"""Is what a Python file says that it needs read as PEP 723 has it?"""

import pytest

from litmus.python.headers import installation, name, requirements

HEADER = '''\
"""About it."""

# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "torch>=2.13",
#     "matplotlib",
# ]
# ///

import torch
'''


def test_what_a_header_names_is_what_the_file_needs():
    assert requirements(HEADER) == ["torch>=2.13", "matplotlib"]


@pytest.mark.parametrize(
    ("header", "needed"),
    [
        ("", None),
        ("# dependencies = ['torch']\n", None),
        (HEADER.replace("# ///\n", ""), None),
        (HEADER.replace("/// script", "/// other"), None),
        (HEADER.replace('"matplotlib",', '"matplotlib"; x'), None),  # no TOML
        (HEADER + HEADER, None),  # two are an error, says the PEP
        ("# /// script\n# dependencies = 'torch'\n# ///\n", None),
        ("# /// script\n#\n# ///\n", []),
        ("# /// script\n# dependencies = []\n# ///\n", []),
    ],
)
def test_control_what_is_no_header_says_nothing(header, needed):
    assert requirements(header) == needed


@pytest.mark.parametrize(
    ("requirement", "of"),
    [("torch>=2.13", "torch"), (" scikit-learn ", "scikit-learn"), ("a[b]", "a")],
)
def test_a_requirement_is_of_one_package(requirement, of):
    assert name(requirement) == of


def test_the_command_quotes_what_a_shell_would_take_for_something_else():
    assert installation(["torch>=2.13", "numpy"]) == 'pip install "torch>=2.13" numpy'
    assert installation([]) == ""
