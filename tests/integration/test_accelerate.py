"""Do the twins follow their runs in accelerate, which steps a schedule once for each process?"""

import json
import os
import socket

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from tests.integration import runs
from tests.integration.runs import STEPS, adam, momentum, step_decay

pytestmark = [pytest.mark.travels, pytest.mark.usefixtures("installed")]
NEEDS = ["accelerate"]


def train(case, how, accumulated=1, processes=1):
    """Train a network in all that accelerate prepares: model, optimizer, data and schedule."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulated)
    made = runs.setup(runs.resnet(), runs.is_convolution, case, how)
    assert accelerator.num_processes == processes
    data = DataLoader(runs.images(), batch_size=16 // processes)
    model, optimizer, data, schedule = accelerator.prepare(
        made.model, made.optimizer, data, made.schedule
    )
    assert isinstance(model, nn.parallel.DistributedDataParallel) == (processes > 1)
    for images, labels in data:
        with accelerator.accumulate(model):
            accelerator.backward(nn.functional.cross_entropy(model(images), labels))
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    assert made.schedule.last_epoch == STEPS // accumulated * processes
    images = torch.stack([image for image, _ in runs.images()[:32]])
    return runs.result(made, images)


@pytest.mark.in_loop("snippets/stock_adam.py", "accelerate")
@pytest.mark.parametrize("accumulated", [1, 2])
def test_stock_adam_follows_its_run_in_accelerate(beside, accumulated):
    """Prepare the new optimizer, and the schedule of the old one; gradients accumulate as ever."""
    beside.gap(**runs.apart(train, adam, accumulated=accumulated))


@pytest.mark.in_loop("snippets/without_weight_decay.py", "accelerate")
@pytest.mark.parametrize("accumulated", [1, 2])
def test_without_weight_decay_follows_its_run_in_accelerate(beside, accumulated):
    """Prepare the new optimizer, and the schedule of the old one; gradients accumulate as ever."""
    beside.gap(**runs.apart(train, momentum, accumulated=accumulated))


@pytest.mark.in_loop("snippets/texp.py", "accelerate")
@pytest.mark.parametrize("accumulated", [1, 2])
def test_texp_follows_its_run_in_accelerate(beside, accumulated):
    """Prepare it as any schedule, with its optimizer; gradients accumulate as ever."""
    beside.gap(**runs.apart(train, step_decay, accumulated=accumulated))


def write_gaps(rank, folder):
    """Write how far the runs of each case are apart, as one of two processes sees it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": (folder / "port").read_text("utf-8")}
    cases = [adam, momentum, step_decay]
    found = {case.__name__: runs.apart(train, case, processes=2) for case in cases}
    (folder / f"{rank}.json").write_text(json.dumps(found), encoding="utf-8")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """A function that says how far the runs of a case are apart, as seen by who sees it worse."""
    folder = tmp_path_factory.mktemp("two")
    with socket.create_server(("127.0.0.1", 0)) as free:
        (folder / "port").write_text(str(free.getsockname()[1]), encoding="utf-8")
    torch.multiprocessing.spawn(write_gaps, (folder,), nprocs=2)
    both = [json.loads((folder / f"{rank}.json").read_text(encoding="utf-8")) for rank in range(2)]

    def worse(case):
        seen = [found[case.__name__] for found in both]
        return {"gap": max(s["gap"] for s in seen), "control": min(s["control"] for s in seen)}

    return worse


@pytest.mark.in_loop("snippets/stock_adam.py", "accelerate")
@pytest.mark.in_loop("snippets/stock_adam.py", "DDP")
def test_stock_adam_follows_its_run_in_two_processes(beside, two_processes):
    """Two processes of accelerate, by gloo: the schedule moves twice a step, and both follow it."""
    beside.gap(**two_processes(adam))


@pytest.mark.in_loop("snippets/without_weight_decay.py", "accelerate")
@pytest.mark.in_loop("snippets/without_weight_decay.py", "DDP")
def test_without_weight_decay_follows_its_run_in_two_processes(beside, two_processes):
    """Two processes of accelerate, by gloo: the schedule moves twice a step, and both follow it."""
    beside.gap(**two_processes(momentum))


@pytest.mark.in_loop("snippets/texp.py", "accelerate")
@pytest.mark.in_loop("snippets/texp.py", "DDP")
def test_texp_follows_its_run_in_two_processes(beside, two_processes):
    """Two processes of accelerate, by gloo: milestones come twice as soon, as in step decay."""
    beside.gap(**two_processes(step_decay))
