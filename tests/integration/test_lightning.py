"""Do the twins follow their runs in Lightning, which hands closures to step?"""

import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from tests.integration import runs
from tests.integration.runs import STEPS, adam, momentum, step_decay

pytestmark = [pytest.mark.travels, pytest.mark.usefixtures("installed")]
NEEDS = ["lightning"]


def module_of(made, schedule_on=None):
    """A module of Lightning that trains a network, with the schedule where its optimizer is."""
    from lightning import LightningModule

    class Network(LightningModule):
        def __init__(self):
            super().__init__()
            self.model = made.model

        def training_step(self, batch, _):
            images, labels = batch
            return nn.functional.cross_entropy(self.model(images), labels)

        def configure_optimizers(self):
            if schedule_on is None and made.rule is not made.optimizer:
                return made.optimizer
            schedule = schedule_on or made.schedule
            return [made.optimizer], [{"scheduler": schedule, "interval": "step"}]

        def on_train_batch_end(self, *_):
            if made.rule is not made.optimizer:
                made.schedule.step()

    return Network()


def fit(module):
    from lightning import Trainer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of processes that load data, and of logs
        trainer = Trainer(
            max_epochs=1,
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(runs.images(), batch_size=16))
    assert trainer.global_step == STEPS


def train(case, how):
    made = runs.setup(runs.resnet(), runs.is_convolution, case, how)
    fit(module_of(made))
    images = torch.stack([image for image, _ in runs.images()[:32]])
    return runs.result(made, images)


@pytest.mark.in_loop("snippets/stock_adam.py", "Lightning")
def test_stock_adam_follows_its_run_in_lightning(beside):
    """Return the new optimizer, and step the schedule of the old one in on_train_batch_end."""
    beside.gap(**runs.apart(train, adam))


@pytest.mark.in_loop("snippets/without_weight_decay.py", "Lightning")
def test_without_weight_decay_follows_its_run_in_lightning(beside):
    """Return the new optimizer, and step the schedule of the old one in on_train_batch_end."""
    beside.gap(**runs.apart(train, momentum))


@pytest.mark.in_loop("snippets/texp.py", "Lightning")
def test_texp_follows_its_run_in_lightning(beside):
    """Return it as any schedule, with interval="step"."""
    beside.gap(**runs.apart(train, step_decay))


def refuse_a_schedule_of_the_new_one(beside, case):
    made = runs.setup(runs.resnet(), runs.is_convolution, case, "twin")
    wrong = torch.optim.lr_scheduler.ExponentialLR(made.optimizer, 0.9)
    module = module_of(made, wrong)
    with beside.refused(made.model.parameters(), match="on the old optimizer"):
        fit(module)


@pytest.mark.in_loop("snippets/stock_adam.py", "Lightning")
def test_stock_adam_refuses_a_schedule_of_the_new_optimizer_in_lightning(beside):
    """A schedule of the new optimizer in configure_optimizers, where Lightning wants it."""
    refuse_a_schedule_of_the_new_one(beside, adam)


@pytest.mark.in_loop("snippets/without_weight_decay.py", "Lightning")
def test_without_weight_decay_refuses_a_schedule_of_the_new_optimizer_in_lightning(beside):
    """A schedule of the new optimizer in configure_optimizers, where Lightning wants it."""
    refuse_a_schedule_of_the_new_one(beside, momentum)
