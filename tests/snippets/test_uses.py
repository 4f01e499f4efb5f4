"""Does the call that a tool shows for its question run, on a model as its reader has one?"""

import importlib
from pathlib import Path

import pytest
import torch
from torch import nn

from litmus.python.quotes import docstring
from litmus.python.uses import use
from snippets.without_weight_decay import without_weight_decay

ROOT = Path(__file__).parents[2]
USES = {
    path.stem: found
    for path in sorted(ROOT.glob("snippets/*.py"))
    if (found := use(docstring(path.read_text("utf-8"))))
}


@pytest.fixture
def given():
    """What a reader has before the call: a model, its loss, data, and some optimizers."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(8, 16, bias=False),
        nn.BatchNorm1d(16, eps=1e-60, affine=False),
        nn.ReLU(),
        nn.Linear(16, 3).requires_grad_(False),
    ).double()
    inputs, labels = torch.randn(32, 8, dtype=torch.float64), torch.randint(3, (32,))

    def loss(model):
        return nn.functional.cross_entropy(model(inputs), labels)

    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    loss(model).backward()
    sgd, other = (
        torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=0.01) for _ in range(2)
    )
    return {
        "torch": torch,
        "model": model,
        "loss": loss,
        "loader": [(inputs, labels)] * 2,
        "weight": model[0].weight,
        "normalisers": [model[1]],
        "sgd": sgd,
        "adamw": torch.optim.AdamW(weights, lr=0.01, weight_decay=0.1),
        "optimizer": torch.optim.SGD(weights, lr=0.1, momentum=0.9),
        "plain": torch.optim.Adam(weights, lr=0.1, amsgrad=True),
        "peak": 0.1,
        "new": without_weight_decay(other),
    }


def run(call, snippet, given):
    """Run a call where the snippet was pasted; return the names that it leaves."""
    names = {**given, **vars(importlib.import_module(f"snippets.{snippet}"))}
    before = {**names}
    exec(compile(call, f"the call of {snippet}", "exec"), names)
    return {name for name, value in names.items() if before.get(name) is not value}


@pytest.mark.parametrize("snippet", USES)
def test_the_call_of_a_tool_runs_and_is_of_the_tool(snippet, given):
    question, call = USES[snippet]
    assert len(call.splitlines()) <= 3
    assert question[0].isupper()
    assert any(name in call for name in vars(importlib.import_module(f"snippets.{snippet}")))
    run(call, snippet, given)


def test_control_a_call_of_what_the_tool_lacks_fails(given):
    with pytest.raises(NameError):
        run("without_decay(sgd)", "without_weight_decay", given)
