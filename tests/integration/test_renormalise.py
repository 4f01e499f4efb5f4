"""Does a run go on bit for bit where its weights are divided in the loops of others?"""

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from snippets.renormalise import renormalise
from tests.integration import runs
from tests.integration.test_lightning import fit

pytestmark = [pytest.mark.travels, pytest.mark.usefixtures("installed")]
NEEDS = ["accelerate", "lightning"]
FILE = "snippets/renormalise.py"


class Run:
    """A run of the ResNet whose convolutions are halved after each third step.

    Or as if: the "careless" one halves the weights, and leaves all that belongs to them.
    """

    def __init__(self, how):
        self.how, self.model, self.steps = how, runs.resnet(), 0
        named = [*self.model.named_parameters()]
        self.convolutions = [p for name, p in named if runs.is_convolution(name)]
        others = [p for name, p in named if not runs.is_convolution(name)]
        self.norms = [m for m in self.model.modules() if isinstance(m, nn.BatchNorm2d)]
        groups = [{"params": self.convolutions}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = SGD(groups, lr=0.2, momentum=0.9, weight_decay=0.05)

    def after_a_step(self):
        self.steps += 1
        if self.steps % 3:
            return
        if self.how == "halved":
            renormalise(self.optimizer, [self.norms, []], [1, 0])
        elif self.how == "careless":
            for weight in self.convolutions:
                weight.data /= 2

    def end(self):
        """What the network returns, and its convolutions as they would be had none been halved."""
        assert self.steps == runs.STEPS
        power = 1.0 if self.how == "plain" else 2.0 ** (self.steps // 3)
        weights = [power * weight.detach().flatten() for weight in self.convolutions]
        with torch.no_grad():
            outputs = self.model(torch.stack([image for image, _ in runs.images()[:32]]))
        return torch.cat([*weights, outputs.flatten()])


def hold(beside, train):
    """What is halved is to end as what is not, to the last bit, and what is careless is not."""
    made = {how: Run(how) for how in ("plain", "halved", "careless")}
    for run in made.values():
        train(run)
    plain, halved, careless = (run.end() for run in made.values())
    beside.gap(runs.relative(halved, plain), control=runs.relative(careless, plain), allowed=0)


@pytest.mark.in_loop(FILE, "accelerate")
def test_a_run_goes_on_bit_for_bit_in_accelerate(beside):
    """Hand over the optimizer that was prepared, not the one that accelerate wraps it in."""
    from accelerate import Accelerator

    def train(run):
        accelerator = Accelerator(cpu=True)
        model, optimizer, data = accelerator.prepare(
            run.model, run.optimizer, DataLoader(runs.images(), batch_size=16)
        )
        for images, labels in data:
            optimizer.zero_grad()
            accelerator.backward(nn.functional.cross_entropy(model(images), labels))
            optimizer.step()
            run.after_a_step()

    hold(beside, train)


@pytest.mark.in_loop(FILE, "Lightning")
def test_a_run_goes_on_bit_for_bit_in_lightning(beside):
    """In on_train_batch_end, without a schedule."""
    from lightning import LightningModule

    class Network(LightningModule):
        def __init__(self, run):
            super().__init__()
            self.run, self.model = run, run.model

        def training_step(self, batch, _):
            images, labels = batch
            return nn.functional.cross_entropy(self.model(images), labels)

        def configure_optimizers(self):
            return self.run.optimizer

        def on_train_batch_end(self, *_):
            self.run.after_a_step()

    hold(beside, lambda run: fit(Network(run)))
