# ---
# title: The paper's architecture, with decay and with a growing rate
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [raw]
# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib", "scikit-learn", "torch>=2.13"]
# ///

# %% [markdown]
# # The paper's architecture, with decay and with a growing rate
#
# Li and Arora ran their experiments on PreResNet-32 and CIFAR-10. Skip connections carry values
# past two normalisations at a time there, and it is not obvious that thirty layers of them still
# cannot see the length of their weights. This lab builds that network, makes it scale invariant,
# and trains it twice side by side: with weight decay at a constant rate, and without at a growing
# one, as [[decay-is-growing-rate-with-momentum|the theorem]] has it.
#
# What runs here is the paper's depth at a quarter of the usual width, for some dozens of steps, on
# real digits enlarged to the size of CIFAR's images: as much as one processor core does in some
# seconds. [What came out at full width](#the-full-width-on-a-gpu), after eighty epochs of the same
# digits on a GPU, is further down. The paper's own data need the same file with one argument more,
#
#     python docs/labs/preresnet-on-digits.py --device cuda --epochs 80 --cifar FOLDER \
#         --record run.json
#
# where `FOLDER` is `cifar-10-batches-py`, as the archive of CIFAR-10's "python version" unpacks.
# That takes sixteen channels, batches of 128, ordinary decay, crops and flips, and writes a summary
# to `run.json`; `--single` gives up half the digits for speed. That run has not been made:
# nothing on this page was measured on CIFAR-10.

# %%
import argparse
import hashlib
import inspect
import json
import math
import os
import pickle
import sys
import warnings
from pathlib import Path
from statistics import fmean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, interpolate, pad

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#007a5e", "0.35"
plt.rcParams.update({"figure.figsize": (6, 3.6), "figure.dpi": 110, "font.size": 11})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
torch.set_num_threads(1)  # small tensors: more threads only wait for each other
torch.backends.cudnn.conv.fp32_precision = "ieee"  # GPUs keep three of single's seven digits, else


def given_arguments():
    """Return the arguments; the defaults unless this file was started as a script."""
    parser = argparse.ArgumentParser(description="Weight decay against a growing rate.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps")
    parser.add_argument("--cifar", metavar="FOLDER", help="CIFAR-10, python version, unpacked")
    parser.add_argument("--epochs", type=float, help="default: so many that it takes 40 steps")
    parser.add_argument("--width", type=int, help="channels of the first stage: 4, with CIFAR 16")
    parser.add_argument("--batch", type=int, help="images in a batch: 16, with CIFAR 128")
    parser.add_argument("--decay", type=float, help="weight decay: 0.02, with CIFAR 0.0005")
    parser.add_argument("--single", action="store_true", help="single precision, and faster")
    parser.add_argument("--record", metavar="FILE", help="write what was measured, as JSON")
    # In a notebook sys.argv belongs to the kernel, and there is no file.
    script = __name__ == "__main__" and "__file__" in globals()
    given = parser.parse_args(sys.argv[1:] if script else [])
    for name, small, large in [("width", 4, 16), ("batch", 16, 128), ("decay", 0.02, 5e-4)]:
        if getattr(given, name) is None:
            setattr(given, name, large if given.cifar else small)
    return given


# %% [markdown]
# ## The images
#
# The digits come with scikit-learn, eight pixels wide. CIFAR-10 is read from five files of
# training images and one of test images. They are pickles, a format that can run any code when it
# is opened; so this opens them with nothing but NumPy's arrays allowed.


# %%
class ArraysOnly(pickle.Unpickler):
    """An unpickler that refuses whatever is not a NumPy array."""

    def find_class(self, module, name):
        """Return what a pickle asks for, if arrays need it."""
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's old module names
                return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of CIFAR-10")


def read_cifar(folder):
    """Return images (n, 3, 32, 32) and labels, for training and held out."""
    parts = []
    for names in [[f"data_batch_{n}" for n in range(1, 6)], ["test_batch"]]:
        images, labels = [], []
        for name in names:
            path = Path(folder) / name
            if not path.is_file():
                raise SystemExit(
                    f"{path} is not there. --cifar needs the folder cifar-10-batches-py with "
                    "data_batch_1 to data_batch_5 and test_batch: unpack cifar-10-python.tar.gz, "
                    "the python version, and name the folder that comes out"
                )
            with path.open("rb") as file:
                try:
                    batch = ArraysOnly(file, encoding="bytes").load()
                    images.append(torch.tensor(batch[b"data"]).reshape(-1, 3, 32, 32))
                    labels.append(torch.tensor(batch[b"labels"]))
                except (pickle.UnpicklingError, EOFError, KeyError, RuntimeError) as error:
                    raise SystemExit(f"{path} is not a batch of CIFAR-10: {error}") from None
        parts += [torch.cat(images) / 255 - 0.5, torch.cat(labels)]
    return parts


def read_digits():
    """Return images (n, 1, 32, 32) of digits, enlarged, and labels, for training and held out."""
    digits = load_digits()
    small = torch.tensor(digits.images / 16 - 0.5).unsqueeze(1)
    large = interpolate(small, size=(32, 32), mode="bilinear", align_corners=False)
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[:1500], order[1500:]
    return [large[train], labels[train], large[test], labels[test]]


ARGUMENTS = given_arguments()
DTYPE = torch.float32 if ARGUMENTS.single else torch.float64
EPS = 1e-30 if ARGUMENTS.single else 1e-100
images, labels, test_images, test_labels = (
    part.to(ARGUMENTS.device, DTYPE if part.is_floating_point() else None)
    for part in (read_cifar(ARGUMENTS.cifar) if ARGUMENTS.cifar else read_digits())
)
PER_EPOCH = len(images) // ARGUMENTS.batch
STEPS = 40 if ARGUMENTS.epochs is None else max(1, round(ARGUMENTS.epochs * PER_EPOCH))
print(f"{len(images)} images to train on, {len(test_images)} held out, {STEPS} steps")

# %% [markdown]
# ## A residual network of degree zero
#
# Count degrees, as [[batch-norm|batch norm's note]] does: a value has degree $k$ if multiplying all
# trained weights by $c$ multiplies it by $c^k$. A convolution adds one to the degree, a
# normalisation without trained scale sets it to zero, and a skip connection may only add values of
# equal degree.
#
# The stem, a bare convolution, has degree 1. A block normalises its input (0), convolves it (1),
# normalises (0) and convolves again (1), and adds that to its input: 1 and 1. So it goes through
# all fifteen blocks, and it is a lucky property of *pre*-activation that it does. The last
# normalisation makes it 0, and the classifier behind it stays as it was drawn.
#
# Where a stage gets wider, the skip connection drops every other pixel and fills the new channels
# with zeros. A convolution in its place would be an error here: the skip has degree 1 already,
# and would come out with 2. (Behind the block's first normalisation it would come out with 1.)


# %%
def norm(channels, eps):
    """Return batch norm without trained scale and shift."""
    return nn.BatchNorm2d(channels, eps=eps, affine=False)


class Block(nn.Module):
    """Two convolutions, each behind a normalisation, and a way past them."""

    def __init__(self, channels, wider, stride, eps):
        super().__init__()
        self.stride, self.more = stride, wider - channels
        self.body = nn.Sequential(
            norm(channels, eps),
            nn.ReLU(),
            nn.Conv2d(channels, wider, 3, stride, padding=1, bias=False),
            norm(wider, eps),
            nn.ReLU(),
            nn.Conv2d(wider, wider, 3, padding=1, bias=False),
        )

    def forward(self, x):
        """Return the input, made smaller and deeper if need be, plus what the body makes of it."""
        skipped = x[:, :, :: self.stride, :: self.stride]
        return self.body(x) + pad(skipped, (0, 0, 0, 0, 0, self.more))


def preresnet32(eps=EPS, train_last=False):
    """Return the network: three stages of five blocks; the same weights at every call."""
    torch.manual_seed(0)
    channels = ARGUMENTS.width
    layers = [nn.Conv2d(images.shape[1], channels, 3, padding=1, bias=False)]
    for stage in range(3):
        for block in range(5):
            wider = ARGUMENTS.width * 2**stage
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(Block(channels, wider, stride, eps))
            channels = wider
    layers += [norm(channels, eps), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers.append(nn.Linear(channels, 10).requires_grad_(train_last))
    net = nn.Sequential(*layers)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):  # as is usual for residual networks
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net.to(ARGUMENTS.device, DTYPE)


net = preresnet32()
weights = [p for p in net.parameters() if p.requires_grad]
convolutions = sum(isinstance(module, nn.Conv2d) for module in net.modules())
print(f"{convolutions} convolutions, {sum(w.numel() for w in weights)} trained weights")
with torch.no_grad():
    before = net(images[:16])
    for weight in weights:
        weight.mul_(1000)
    change = ((net(images[:16]) - before).abs().max() / before.abs().max()).item()
print(f"all weights times 1000: the logits change by {change:.0e} of their size")

# %% [markdown]
# The output does not see the length of all weights together. That is what the theorem asks of a
# network, at weights where it has a gradient.
#
# ## The two runs, side by side


# %%
def growth_root(rate, decay, momentum):
    """Return the larger root of z² − (1 + γ − ηλ)z + γ."""
    mean = (1 + momentum - rate * decay) / 2
    return mean + math.sqrt(mean**2 - momentum)


RATE, DECAY, MOMENTUM = 0.1, ARGUMENTS.decay, 0.9
ALPHA = growth_root(RATE, DECAY, MOMENTUM)


def optimizer_for(net, growing):
    """Return SGD with decay, or SGD with the seeded buffer that replaces it."""
    trained = [p for p in net.parameters() if p.requires_grad]
    decay = 0.0 if growing else DECAY
    optimizer = torch.optim.SGD(trained, lr=RATE, momentum=MOMENTUM, weight_decay=decay)
    if growing:
        for weight in trained:
            seed = -DECAY / (ALPHA - MOMENTUM) * weight.detach()
            optimizer.state[weight]["momentum_buffer"] = seed
    return optimizer


def batches_of(steps):
    """Yield images and labels of each step: every epoch in a new order, CIFAR cropped, flipped."""
    generator = torch.Generator().manual_seed(1)
    for t in range(steps):
        if t % PER_EPOCH == 0:
            order = torch.randperm(len(images), generator=generator).split(ARGUMENTS.batch)
        chosen = order[t % PER_EPOCH].to(images.device)
        batch = images[chosen]
        if ARGUMENTS.cifar:
            dice = torch.randint(9, (2, len(chosen)), generator=generator).to(images.device)
            places = dice[:, :, None] + torch.arange(32, device=images.device)
            rows, columns = places[0][:, None, :, None], places[1][:, None, None, :]
            each = torch.arange(len(chosen), device=images.device)[:, None, None, None]
            channels = torch.arange(3, device=images.device)[None, :, None, None]
            batch = pad(batch, (4, 4, 4, 4))[each, channels, rows, columns]
            flip = torch.rand(len(chosen), generator=generator).to(images.device) < 0.5
            batch = torch.where(flip[:, None, None, None], batch.flip(3), batch)
        yield batch, labels[chosen]


def watch(net):
    """Return a list that each forward pass fills with where ReLUs let pass, and what ends that."""
    passed = []
    relus = [layer for layer in net.modules() if isinstance(layer, nn.ReLU)]
    hooks = [
        relu.register_forward_hook(lambda _, __, out: passed.append(out > 0)) for relu in relus
    ]
    return passed, hooks


def pair(steps, **changes):
    """Train both networks on the same batches, and return them and what they were like."""
    nets = [preresnet32(**changes) for _ in range(2)]
    optimizers = [optimizer_for(net, growing) for net, growing in zip(nets, (0, 1), strict=True)]
    rows = {"gap": [], "flips": [], "losses": [[], []], "norms": [[], []], "rates": []}
    passed, hooks = zip(*map(watch, nets), strict=True)
    for t, (batch, answers) in enumerate(batches_of(steps)):
        rows["rates"].append(RATE * ALPHA ** (-2 * t - 1))
        optimizers[1].param_groups[0]["lr"] = rows["rates"][-1]
        outputs = [net(batch) for net in nets]
        rows["gap"].append((outputs[0] - outputs[1]).abs().max().item())
        flips = [(one != other).sum() for one, other in zip(*passed, strict=True)]
        rows["flips"].append(sum(flips).item())
        for masks in passed:
            masks.clear()
        for run in range(2):
            loss = cross_entropy(outputs[run], answers)
            rows["losses"][run].append(loss.item())
            # of the convolution that the paper's authors plot: the first of the second stage
            rows["norms"][run].append(nets[run][6].body[2].weight.norm().item())
            optimizers[run].zero_grad()
            loss.backward()
            optimizers[run].step()
    for hook in [*hooks[0], *hooks[1]]:
        hook.remove()
    return nets, rows


nets, exact = pair(STEPS)
growth = exact["rates"][-1] / exact["rates"][0]
seed = DECAY / (ALPHA - MOMENTUM)
print(f"rate times {ALPHA**-2:.5f} a step, {growth:.3g} in all; seed {seed:.4f}")
print("step   loss with decay   without   largest gap of the logits so far")
for t in sorted({0, STEPS // 8, STEPS // 4, STEPS // 2, STEPS - 1}):
    one, other = (losses[t] for losses in exact["losses"])
    print(f"{t:4d} {one:17.8f} {other:9.8f} {max(exact['gap'][: t + 1]):20.0e}")

# %% [markdown]
# **Left: the loss of both runs.** The wide line is the run with decay, the dashes on it the run
# with the growing rate. **Right: what differs.** For the first convolution of the second stage,
# the length of its weights in both runs, and the growing rate.

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.5), layout="constrained")
left.plot(exact["losses"][0], color=ORANGE, lw=4, alpha=0.45, label="decay")
left.plot(exact["losses"][1], color=BLUE, lw=0.9, ls=(0, (4, 2)), label="growing rate")
left.set(xlabel="step", ylabel="training loss")
left.legend(frameon=False)
right.semilogy(exact["norms"][0], color=ORANGE, lw=1.8, label="norm, with decay")
right.semilogy(exact["norms"][1], color=BLUE, lw=1.8, label="norm, growing rate")
right.semilogy(exact["rates"], color=BLUE, lw=1.4, ls="--", label="rate of the latter")
right.set(xlabel="step")
right.legend(frameon=False, fontsize=9)
plt.show()

# %% [markdown]
# The authors' post plots the squared norm of such a convolution over the growing rate, and finds
# it constant in the long run. Why it should be: up to the factor $\alpha$ it is the squared norm
# in the run with decay over that run's constant rate, whatever the step. So it is constant exactly
# where decay and gradients balance, and here, after a few dozens of steps, one can watch it on its
# way.

# %%
print("step   ‖φ‖²/rate, growing   ‖θ‖²/rate, with decay   ratio − α")
for t in sorted({0, STEPS // 4, STEPS // 2, STEPS - 1}):
    one = exact["norms"][1][t] ** 2 / exact["rates"][t]
    other = exact["norms"][0][t] ** 2 / RATE
    print(f"{t:4d} {one:20.5f} {other:23.5f} {one / other - ALPHA:11.0e}")

# %% [markdown]
# ## Two ways to lose it
#
# An ordinary network of this kind differs from the one above in more than one respect. Two of them:
# its normalisations have an $\varepsilon$ that is not negligible, and its classifier is trained, with
# decay. Either makes the loss see lengths.

# %%
SHORT = min(STEPS, 10)
_, default_eps = pair(SHORT, eps=1e-5)
_, trained_last = pair(SHORT, train_last=True)
print("largest gap of the logits so far")
print("step   as above   default eps   trained classifier")
for t in sorted({0, min(1, SHORT - 1), SHORT // 2, SHORT - 1}):
    row = (max(rows["gap"][: t + 1]) for rows in (exact, default_eps, trained_last))
    print("{:4d} {:10.0e} {:13.0e} {:20.0e}".format(t, *row))

# %% [markdown]
# ## On images that neither has seen
#
# In evaluation mode the networks use running statistics, which
# [[running-variance-lags-by-a-fixed-factor|lag behind growing weights]]. Collected afresh, with the
# weights at rest, they make the two one function again. (So short a run has only begun to learn.
# What counts is not how many answers are right, but that they are the same ones.)


# %%
@torch.no_grad()
def evaluate(net):
    """Return the logits of the held-out images in evaluation mode."""
    net.eval()
    return torch.cat([net(part) for part in test_images.split(256)])


@torch.no_grad()
def collect_afresh(net):
    """Replace the running averages by plain averages over training batches."""
    for layer in (layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)):
        layer.reset_running_stats()
        layer.train().momentum = None
    for part in images.split(128)[: None if ARGUMENTS.cifar else 2]:
        net(part)


def compare(name):
    """Print and return how far the two are apart on held-out images, and how many are right."""
    outputs = [evaluate(net) for net in nets]
    right = [(o.argmax(dim=1) == test_labels).double().mean().item() for o in outputs]
    apart = (outputs[0] - outputs[1]).abs().max().item()
    print(f"{name:22s} {apart:11.0e} {right[0]:16.2%} {right[1]:8.2%}")
    return {"apart": apart, "right": right}


print("evaluation mode       gap of logits   right with decay, growing")
stale = compare("running averages")
for trained in nets:
    collect_afresh(trained)
fresh = compare("collected afresh")

# %% [markdown]
# ## What was measured
#
# As plain numbers, which the tests of this page look at. `--record` writes a summary of them: of
# the gap the steps at which the largest so far had tripled, of the loss the mean over each tenth of
# the run.

# %%
on_gpu = images.device.type == "cuda"
MADE_BY = [read_digits, norm, Block.__init__, Block.forward, preresnet32, growth_root]
MADE_BY += [optimizer_for, batches_of, pair, evaluate, collect_afresh, compare]
measured = {
    "device": torch.cuda.get_device_name(images.device) if on_gpu else images.device.type,
    "torch": torch.__version__,
    "code": hashlib.sha256("".join(map(inspect.getsource, MADE_BY)).encode()).hexdigest()[:16],
    "arguments": vars(ARGUMENTS),
    "steps": STEPS,
    "alpha": ALPHA,
    "convolutions": convolutions,
    "change_when_rescaled": change,
    "exact": exact,
    "default_eps": default_eps["gap"],
    "trained_last": trained_last["gap"],
    "stale": stale,
    "fresh": fresh,
}


def summary(measured):
    """Return what is worth keeping of a long run."""
    exact, largest, tripled = measured["exact"], 0.0, []
    for t, gap in enumerate(exact["gap"]):
        if gap > 3 * largest:
            largest = gap
            tripled.append([t, float(f"{gap:.2e}")])
    tenth = -(-measured["steps"] // 10)
    return {
        **{name: measured[name] for name in ("device", "torch", "code", "steps", "alpha")},
        "arguments": {k: v for k, v in measured["arguments"].items() if v and k != "record"},
        "right": [round(share, 4) for share in measured["fresh"]["right"]],
        "first_flip": next((t for t, flips in enumerate(exact["flips"]) if flips), None),
        "gap": tripled,
        "losses": [
            [round(fmean(losses[t : t + tenth]), 3) for t in range(0, len(losses), tenth)]
            for losses in exact["losses"]
        ],
    }


if ARGUMENTS.record:
    Path(ARGUMENTS.record).write_text(json.dumps(summary(measured)), "utf-8")

# %% [markdown]
# ## The full width, on a GPU
#
# At the paper's width, for eighty epochs of the digits, in double precision and in single: as this
# file trains with
#
#     --device cuda --width 16 --batch 128 --epochs 80
#
# and the same with `--single`. A test does so where there is a GPU, and leaves a record, which is
# shown here:
#
#     pytest tests/recorded/test_full_width_on_a_gpu.py \
#         --litmus-record tests/recorded/full-width-on-a-gpu.record.json

# %%
RECORD = "tests/recorded/full-width-on-a-gpu.record.json"


def recorded_runs():
    """Return the date of the record and its runs, none where this file was copied without it."""
    lab = globals().get("__file__") or os.environ.get("JPY_SESSION_NAME", "")  # Jupyter's word
    above = Path(lab).resolve().parents
    for file in (folder / RECORD for folder in above if (folder / RECORD).is_file()):
        record = json.loads(file.read_text("utf-8"))
        told = [test["properties"] for test in record["tests"] if "properties" in test]
        return record["date"], [run for properties in told for run in properties.values()]
    return "", []


date, recorded = recorded_runs()
print(f"recorded on {date}" if recorded else f"{RECORD} is not there")
for run in recorded:
    code = "the code above" if run["code"] == measured["code"] else "an older version of it"
    run["precision"] = "single" if "single" in run["arguments"] else "double"
    print(f"{run['precision']} precision: {run['steps']} steps, by {code},")
    print(f"  on {run['device']} with torch {run['torch']}")
    print(f"  a ReLU lets pass in one run only, for the first time, at step {run['first_flip']}")
    print("  right on images that neither has seen: {:.1%} and {:.1%}".format(*run["right"]))

# %% [markdown]
# **Left: the largest gap of the logits so far.** Dotted is the step at which a ReLU first lets a
# value pass in one run and not in the other. **Right: the loss of both runs**, mean over each
# tenth; the wide line is the run with decay.

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.5), layout="constrained")
for run, colour in zip(recorded, (BLUE, ORANGE), strict=False):
    steps, gaps = zip(*run["gap"], strict=True)
    left.step(steps, gaps, color=colour, lw=1.8, where="post", label=run["precision"])
    left.axvline(run["first_flip"], color=colour, lw=1, ls=":")
    middles = [run["steps"] * (tenth + 0.5) / 10 for tenth in range(10)]
    right.plot(middles, run["losses"][0], color=colour, lw=4, alpha=0.45)
    right.plot(middles, run["losses"][1], color=colour, lw=1.2)
left.set(xlabel="step", ylabel="largest gap so far", yscale="log")
if recorded:
    left.legend(frameon=False, title="precision")
right.set(xlabel="step", ylabel="training loss")
plt.show()

# %% [markdown]
# Rounding grew, while both networks let the same values pass. The horizon was where one value fell on
# the other side of zero: at the next step the gap leapt, and some steps later the runs were two
# runs. In single precision that was at once. (On a GPU sums need not be taken in a fixed order, so
# another run of the same command may part at another step.)
#
# Behind the horizon they were no longer the same function, but came to about the same loss, and to
# about as many right answers.

# %% [markdown]
# ## What to take from it
#
# Depth and these skip connections change nothing: the argument is one about degrees, and they add up.
# In double precision with a negligible $\varepsilon$ the paper's network with decay and the one with
# a growing rate were the same function, to rounding. Rounding is amplified, though, and a ReLU may
# fall on its other side in one of them, as in the long run above; so for many epochs the question is
# not whether the logits stay equal to the last digit, but for how long.
# [[where-the-equivalence-breaks|Where the equivalence breaks]] has the list.
