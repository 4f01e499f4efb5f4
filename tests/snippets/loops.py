"""Training loops as people write them, for any network, optimizer and scheduler."""

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

inputs = torch.randn(32, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()


def network(dtype=torch.float64, eps=1e-100):
    """Two blocks that are scale invariant each. Smooth: no kinks, where rounding would show."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 12, bias=False),
        nn.BatchNorm1d(12, eps=eps, affine=False),
        nn.Tanh(),
        nn.Linear(12, 2, bias=False),
        nn.BatchNorm1d(2, eps=eps, affine=False),
    ).to(dtype)


def loss(net, outputs=None, part=slice(None)):
    """The loss on a part of the data, whose outputs are kept."""
    given = inputs[part].to(next(net.parameters()).dtype)
    found = net(given)
    if outputs is not None:
        outputs.append(found.detach().double())
    return nn.functional.cross_entropy(found, labels[part])


def plainly(net, optimizer, after, steps=20, part=slice(None)):
    """Train on a part of the data; after each step comes what is to be done after it."""
    outputs = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net, outputs, part).backward()
        optimizer.step()
        after()
    return torch.stack(outputs)


def accumulating(net, optimizer, after):
    """Train on the gradients of two halves of a batch; something may come between them, too."""
    outputs = []
    for _ in range(20):
        optimizer.zero_grad()
        for half in (slice(0, 16), slice(16, 32)):
            (loss(net, outputs, half) / 2).backward()
        optimizer.step()
        after()
    return torch.stack(outputs)


def in_mixed_precision(dtype, first_scale=2.0**18):
    """Return a loop in which the forward pass is in half precision.

    The first scale of the loss overflows in float16, so that steps are skipped until it is lower.
    """

    def train(net, optimizer, after):
        outputs = []
        scaler = torch.amp.GradScaler("cpu", first_scale, enabled=dtype == torch.float16)
        for _ in range(8):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype):
                value = loss(net, outputs)
            scaler.scale(value).backward()
            scaler.step(optimizer)
            scaler.update()
            after()
        return torch.stack(outputs)

    return train


def compiled(net, optimizer, after):
    torch._dynamo.reset()
    return plainly(torch.compile(net, backend="aot_eager"), optimizer, after, steps=8)


@contextmanager
def process_group(folder):
    """One process, which talks to itself."""
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


def distributed(net, optimizer, after):
    """Train in two processes, each on half of the data; the outputs are those of the first."""
    return in_two_forks(one_of_two, net, optimizer, after)


def in_two_forks(function, *arguments):
    """Return what the first of two processes saves, each running function(rank, folder, …).

    They are forks, which have all objects as they are here, and torch. A fork can inherit a lock
    that another thread holds, and then waits for ever: such a pair is ended, and another started.
    """
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            forks = multiprocessing.start_processes(
                function, (folder, *arguments), nprocs=2, join=False, start_method="fork"
            )
            end = time.monotonic() + 60
            while time.monotonic() < end:
                if forks.join(timeout=1):
                    return torch.load(Path(folder) / "outputs.pt")
            for process in forks.processes:
                process.kill()
    raise TimeoutError("three pairs of processes have not come to an end")


def one_of_two(rank, folder, net, optimizer, after):
    meeting = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    outputs = plainly(DistributedDataParallel(net), optimizer, after, part=slice(rank, None, 2))
    if rank == 0:
        torch.save(outputs, Path(folder) / "outputs.pt")
    dist.destroy_process_group()
